//! A ranking as Markdown.

use super::words::{entry_rows, legend, origin, pair_rows, structure_rows};
use crate::evaluate::rank::{Board, Ranking};

/// Pairs that are listed one by one; of more, those with the first.
const MOST_PAIRS: usize = 45;

/// The ranking as Markdown, with every table in pipes.
pub fn markdown(ranking: &Ranking, title: &str) -> String {
    let mut text = format!("# Ranking: {title}\n\n");
    for line in origin(ranking) {
        text += &format!("{}\n", plain(&line));
    }
    for caution in &ranking.cautions {
        text += &format!("\n> {}\n", plain(caution));
    }
    let Some(board) = ranking.overall() else { return text };
    text += &format!("\n## {}\n\n{}", plain(&board.over.name), entries(ranking, board));
    text += &format!("\n## Paired differences\n\n{}", pairs(ranking, board));
    let structures = structure_rows(ranking);
    if !structures.is_empty() {
        let header = ["structure", "first", &ranking.heading, "P(1st)", "τ of mean and rank", "patients"];
        let rows =
            structures.into_iter().map(|row| vec![row.structure, row.first, row.mean, row.p_first, row.tau, row.n]);
        text += &format!("\n## Per structure\n\n{}", table(&header, rows));
    }
    if !ranking.factors.is_empty() {
        text += &format!("\n## Settings\n\n{}", factors(ranking));
    }
    text + &format!("\n{}\n", plain(&legend(ranking)))
}

fn entries(ranking: &Ranking, board: &Board) -> String {
    let header = [
        "rank",
        "95 %",
        &ranking.of,
        &ranking.heading,
        "95 % CI",
        "SD over cases",
        "P(1st)",
        "mean rank",
        "rank then mean",
        "significant wins",
        "rank by wins",
        "missed",
        "FP",
    ];
    let rows = entry_rows(ranking, board).into_iter().map(|row| {
        let start = vec![row.rank, row.ranks, row.name, row.mean, row.ci95, row.sd, row.p_first, row.mean_rank];
        let ([by_ranks, by_wins], [missed, fp]) = (row.others, row.failures);
        [start, vec![by_ranks, row.wins, by_wins, missed, fp]].concat()
    });
    table(&header, rows)
}

fn pairs(ranking: &Ranking, board: &Board) -> String {
    let header = ["a", "b", "a − b", "95 % CI", "p", "p (Holm)", "r", "P(a > b)", "n", "verdict"];
    let rows = pair_rows(ranking, board, MOST_PAIRS).into_iter().map(|row| {
        let [a, b] = row.names;
        vec![a, b, row.difference, row.ci95, row.p, row.p_holm, row.effect, row.p_better, row.n, row.verdict]
    });
    table(&header, rows)
}

fn factors(ranking: &Ranking) -> String {
    let rows = ranking.factors.iter().flat_map(|factor| {
        let note = if factor.balanced { "" } else { "not balanced" };
        factor.levels.iter().map(move |level| {
            let sd = level.sd_over_trials.map_or_else(|| "n/a".to_owned(), |sd| format!("{sd:.3}"));
            let (mean, trials) = (format!("{:.3}", level.mean), level.n_trials.to_string());
            vec![factor.key.clone(), level.label.clone(), mean, sd, trials, note.into()]
        })
    });
    table(&["setting", "value", "mean over trials", "SD over trials", "trials", ""], rows)
}

fn table(header: &[&str], rows: impl Iterator<Item = Vec<String>>) -> String {
    let line =
        |cells: Vec<String>| format!("| {} |\n", cells.iter().map(|cell| plain(cell)).collect::<Vec<_>>().join(" | "));
    let rule = format!("|{}\n", "---|".repeat(header.len()));
    line(header.iter().map(|name| (*name).to_owned()).collect()) + &rule + &rows.map(line).collect::<String>()
}

/// Text without what Markdown would read as markup.
fn plain(text: &str) -> String {
    let mut safe = String::new();
    for character in text.chars() {
        match character {
            '\n' | '\r' => safe.push(' '),
            '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '|' | '#' => safe.extend(['\\', character]),
            other => safe.push(other),
        }
    }
    safe
}
