//! The page of a ranking, and its section in the page of a report.

use super::html::{Cell, escape, heading, table};
use super::{SCRIPT, STYLE, chart};
use crate::evaluate::rank::{Board, Ranking};
use crate::report::figure::list::NamedFigure;
use crate::report::ranking::{EntryRow, PairRow, StructureRow, entry_rows, legend, origin, pair_rows, structure_rows};

/// Pairs of a board that the page lists one by one; of more, those with the first.
const MOST_PAIRS: usize = 300;

/// The page, which needs no other file.
pub fn page(ranking: &Ranking, title: &str, figures: &[NamedFigure]) -> String {
    let Some(board) = ranking.overall() else { return String::new() };
    let charts: String = figures.iter().map(chart).collect();
    let mut body = heading("Ranking") + &claim(ranking) + &entries(ranking, board) + &note(&legend(ranking)) + &charts;
    body += &(heading("Paired differences") + &pairs(ranking, board));
    body += &structures(ranking);
    for board in ranking.boards.iter().skip(1) {
        body += &format!(
            "<details>\n<summary>{}</summary>\n{}{}</details>\n",
            escape(&board.over.name),
            entries(ranking, board),
            pairs(ranking, board)
        );
    }
    body += &factors(ranking);
    let lines: String = origin(ranking).iter().map(|line| format!("<li>{}</li>\n", escape(line))).collect();
    let title = escape(title);
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>Ranking: {title}</title>\n\
         <style>\n{STYLE}</style>\n</head>\n<body>\n<header>\n<h1>{title}</h1>\n<ul class=\"lines\">\n{lines}</ul>\n</header>\n\
         <main>\n{body}</main>\n<script>\n{SCRIPT}</script>\n</body>\n</html>\n"
    )
}

/// The ranking of a report's trials: the overall board, pairs, structures and settings.
pub fn section(ranking: &Ranking) -> String {
    let Some(board) = ranking.overall() else { return String::new() };
    let lines: String = origin(ranking).iter().map(|line| note(line)).collect();
    claim(ranking)
        + &entries(ranking, board)
        + &lines
        + &note(&legend(ranking))
        + "<h3>Paired differences</h3>\n"
        + &pairs(ranking, board)
        + &structures(ranking)
        + &factors(ranking)
        + "<p class=\"note\">With every board and figure: <a href=\"ranking.html\">ranking.html</a> in the folder of this report.</p>\n"
}

/// Who is first, how sure that is, and cautions.
fn claim(ranking: &Ranking) -> String {
    let Some((first, alone)) = ranking.first() else { return String::new() };
    let certain = first.p_first.map_or_else(String::new, |p| format!(", in {:.0} % of the resamples", p * 100.0));
    let others = if alone { "" } else { " (with others)" };
    let text = format!("First by the mean of {}: {}{others}{certain}.", ranking.heading, first.name);
    let cautions = ranking.cautions.iter().map(|caution| format!("<p class=\"banner warn\">{}</p>\n", escape(caution)));
    format!("<p class=\"banner\">{}</p>\n{}", escape(&text), cautions.collect::<String>())
}

fn note(text: &str) -> String {
    format!("<p class=\"note\">{}</p>\n", escape(text))
}

fn names(header: &[&str]) -> Vec<String> {
    header.iter().map(|name| (*name).to_owned()).collect()
}

fn entries(ranking: &Ranking, board: &Board) -> String {
    let header = [
        &ranking.of,
        "rank",
        "95 %",
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
    let row = |row: EntryRow| {
        let [by_ranks, by_wins] = row.others;
        let [missed, fp] = row.failures;
        let cells = [
            row.rank,
            row.ranks,
            row.mean,
            row.ci95,
            row.sd,
            row.p_first,
            row.mean_rank,
            by_ranks,
            row.wins,
            by_wins,
            missed,
            fp,
        ];
        (false, [Cell::text(&row.name)].into_iter().chain(cells.into_iter().map(Cell::value)).collect::<Vec<_>>())
    };
    let rows: Vec<_> = entry_rows(ranking, board).into_iter().map(row).collect();
    let agreement: Vec<String> = board
        .agreement
        .iter()
        .map(|it| {
            let [one, other] = it.methods.map(|method| method.name());
            let tau = it.tau.map_or_else(|| "undefined".to_owned(), |tau| format!("{tau:.2}"));
            format!("{one} and {other}: {tau}")
        })
        .collect();
    let powered = if board.underpowered {
        " So few patients cannot make any difference significant after adjustment (underpowered)."
    } else {
        ""
    };
    table(&names(&header), &rows) + &note(&format!("Kendall’s τ between methods: {}.{powered}", agreement.join("; ")))
}

fn pairs(ranking: &Ranking, board: &Board) -> String {
    let header = ["a", "b", "a − b", "95 % CI", "p", "p (Holm)", "r", "P(a > b)", "n", "verdict"];
    let row = |row: PairRow| {
        let [a, b] = row.names;
        let mut cells = vec![Cell::text(&a), Cell::text(&b)];
        let values = [row.difference, row.ci95, row.p, row.p_holm, row.effect, row.p_better, row.n];
        cells.extend(values.into_iter().map(Cell::value));
        cells.push(Cell::text(&row.verdict));
        (false, cells)
    };
    let rows: Vec<_> = pair_rows(ranking, board, MOST_PAIRS).into_iter().map(row).collect();
    let left = board.pairs.len() - rows.len();
    let more = if left > 0 {
        note(&format!("Pairs with the first only; {left} more are in ranking-pairs.csv."))
    } else {
        String::new()
    };
    table(&names(&header), &rows) + &more
}

fn structures(ranking: &Ranking) -> String {
    let rows = structure_rows(ranking);
    if rows.is_empty() {
        return String::new();
    }
    let header = ["structure", "first", &ranking.heading, "P(1st)", "τ of mean and rank", "patients"];
    let row = |row: StructureRow| {
        let mut cells = vec![Cell::text(&row.structure), Cell::text(&row.first)];
        cells.extend([row.mean, row.p_first, row.tau, row.n].into_iter().map(Cell::value));
        (false, cells)
    };
    format!("<h3>Per structure</h3>\n{}", table(&names(&header), &rows.into_iter().map(row).collect::<Vec<_>>()))
}

/// Marginal means of the settings of a sweep.
fn factors(ranking: &Ranking) -> String {
    if ranking.factors.is_empty() {
        return String::new();
    }
    let header = ["setting", "value", "mean over trials", "SD over trials", "trials", "other settings"];
    let rows: Vec<_> = ranking
        .factors
        .iter()
        .flat_map(|factor| {
            let balanced = if factor.balanced { "the same for every value" } else { "differ between values" };
            factor.levels.iter().map(move |level| {
                let cells = vec![
                    Cell::text(&factor.key),
                    Cell::text(&level.label),
                    Cell::number(Some(level.mean)),
                    Cell::number(level.sd_over_trials),
                    Cell::value(level.n_trials),
                    Cell::text(balanced),
                ];
                (false, cells)
            })
        })
        .collect();
    format!("<h3>Settings</h3>\n{}", table(&names(&header), &rows))
}
