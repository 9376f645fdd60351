//! A ranking as LaTeX tables, for `\input`.

use super::words::{entry_rows, pair_rows, structure_rows};
use crate::counted;
use crate::evaluate::rank::Ranking;

/// Pairs that are listed one by one; of more, those with the first.
const MOST_PAIRS: usize = 15;

/// Two or three tables with the rules of the package booktabs.
pub fn latex(ranking: &Ranking, title: &str) -> String {
    let Some(board) = ranking.overall() else { return String::new() };
    let mut text = format!(
        "% Ranking: {}\n% Needs \\usepackage{{booktabs}} and, for names with accents, UTF-8.\n",
        one_line(title)
    );
    let margin = ranking.margin.map_or_else(|| "none declared".to_owned(), |margin| margin.to_string());
    let caution: String = ranking.cautions.iter().map(|caution| format!(" {}", escape(caution))).collect();
    let caption = format!(
        "Ranking by {} of {} ({}): mean over cases, then over structures; 95\\,\\% confidence interval (BCa bootstrap over patients, {} \
         resamples); rank with the interval of 95\\,\\% of the resamples; $P_1$: part of the resamples in which it is first; $R$: rank by \
         the mean of ranks; $S$: rank by significant wins (one-sided Wilcoxon signed-rank tests, Holm).{caution}",
        escape(&ranking.heading),
        escape(&counted(ranking.n_cases, "case")),
        escape(&counted(ranking.n_patients, "patient")),
        ranking.resamples
    );
    let rows = entry_rows(ranking, board).into_iter().map(|row| {
        let [by_ranks, by_wins] = row.others;
        vec![row.rank, row.ranks, row.name, row.mean, row.ci95, row.p_first, by_ranks, by_wins]
    });
    let header = ["Rank", "95 %", &ranking.of, &ranking.heading, "95 % CI", "$P_1$", "$R$", "$S$"];
    text += &table("rrlrrrrr", &header, rows, &caption, "tab:ranking");
    let caption = format!(
        "Paired differences in {}; $p$: two-sided Wilcoxon signed-rank test over {}, raw and adjusted (Holm); $r$: matched-pairs \
         rank-biserial correlation; margin: {}.",
        escape(&ranking.heading),
        escape(&counted(board.n_patients, "patient")),
        escape(&margin)
    );
    let rows = pair_rows(ranking, board, MOST_PAIRS).into_iter().map(|row| {
        let [a, b] = row.names;
        vec![a, b, row.difference, row.ci95, row.p, row.p_holm, row.effect, row.verdict]
    });
    let header = ["$A$", "$B$", "$A-B$", "95 % CI", "$p$", "Holm", "$r$", "verdict"];
    text += &table("llrrrrrl", &header, rows, &caption, "tab:ranking-pairs");
    let structures = structure_rows(ranking);
    if !structures.is_empty() {
        let caption = format!("First by {} for every structure; $P_1$ as above.", escape(&ranking.heading));
        let rows = structures.into_iter().map(|row| vec![row.structure, row.first, row.mean, row.p_first, row.n]);
        let header = ["structure", "first", &ranking.heading, "$P_1$", "patients"];
        text += &table("llrrr", &header, rows, &caption, "tab:ranking-structures");
    }
    text
}

fn table(
    columns: &str,
    header: &[&str],
    rows: impl Iterator<Item = Vec<String>>,
    caption: &str,
    label: &str,
) -> String {
    let line = |cells: Vec<String>| format!("    {} \\\\\n", cells.join(" & "));
    // Headings in dollars are mathematics.
    let heading = |name: &&str| if name.starts_with('$') { (*name).to_owned() } else { escape(name) };
    let head = line(header.iter().map(heading).collect());
    let body: String = rows.map(|cells| line(cells.iter().map(|cell| escape(cell)).collect())).collect();
    format!(
        "\\begin{{table}}\n  \\centering\n  \\small\n  \\caption{{{caption}}}\n  \\label{{{label}}}\n  \
         \\begin{{tabular}}{{{columns}}}\n    \\toprule\n{head}    \\midrule\n{body}    \\bottomrule\n  \\end{{tabular}}\n\\end{{table}}\n"
    )
}

fn one_line(text: &str) -> String {
    text.replace(['\n', '\r', '%'], " ")
}

/// Text that LaTeX prints as it is. Characters that its usual fonts lack are given by their number.
fn escape(text: &str) -> String {
    let mut safe = String::new();
    for character in text.chars() {
        match character {
            '\\' => safe.push_str("\\textbackslash{}"),
            '~' => safe.push_str("\\textasciitilde{}"),
            '^' => safe.push_str("\\textasciicircum{}"),
            '<' => safe.push_str("$<$"),
            '>' => safe.push_str("$>$"),
            '|' => safe.push_str("$|$"),
            '"' => safe.push_str("''"),
            '&' | '%' | '$' | '#' | '_' | '{' | '}' => safe.extend(['\\', character]),
            '–' => safe.push_str("--"),
            '−' => safe.push_str("$-$"),
            '×' => safe.push_str("$\\times$"),
            '±' => safe.push_str("$\\pm$"),
            '≥' => safe.push_str("$\\geq$"),
            '≤' => safe.push_str("$\\leq$"),
            '…' => safe.push_str("\\ldots{}"),
            '’' => safe.push('\''),
            control if control.is_control() => safe.push(' '),
            // Letters with accents, which `inputenc` reads.
            latin if latin.is_ascii() || (latin as u32) < 0x180 && latin.is_alphabetic() => safe.push(latin),
            other => safe.push_str(&format!("[U+{:04X}]", other as u32)),
        }
    }
    safe
}
