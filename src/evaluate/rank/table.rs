//! A ranking as tables for Parquet and CSV.

use polars::prelude::DataFrame;

use super::board::{Board, Entry};
use super::methods::Method;
use super::pairs::Pair;
use super::{Agreement, Ranking};
use crate::evaluate::frame::{column, frame};
use crate::evaluate::table::TableError;

/// One row per board and competitor, best first. `sd_over_cases` is over cases, `ci95_…` over patients, `tau_…` between the methods of the
/// board.
///
/// # Errors
/// [`TableError`] if Polars refuses the columns.
pub fn entries(ranking: &Ranking) -> Result<DataFrame, TableError> {
    let rows: Vec<(&Board, &Entry)> =
        ranking.boards.iter().flat_map(|board| board.entries.iter().map(move |entry| (board, entry))).collect();
    let all = || rows.iter().map(|(_, entry)| *entry);
    let boards = || rows.iter().map(|(board, _)| *board);
    let low = |interval: Option<[f64; 2]>| interval.map(|[low, _]| low);
    let high = |interval: Option<[f64; 2]>| interval.map(|[_, high]| high);
    let mut columns = vec![
        column("metric", vec![ranking.metric.column; rows.len()]),
        column("structure", boards().map(|board| board.over.name.as_str())),
        column(&name_of_competitors(ranking), all().map(|entry| entry.name.as_str())),
        column("rank", all().map(|entry| entry.rank as u32)),
        column("rank_low", all().map(|entry| low(entry.rank_interval))),
        column("rank_high", all().map(|entry| high(entry.rank_interval))),
        column("p_first", all().map(|entry| entry.p_first)),
        column("mean", all().map(|entry| entry.mean)),
        column("ci95_low", all().map(|entry| low(entry.ci95))),
        column("ci95_high", all().map(|entry| high(entry.ci95))),
        column("sd_over_cases", all().map(|entry| entry.sd_over_cases)),
        column("n_cases", all().map(|entry| entry.n as u64)),
        column("n_patients", boards().map(|board| board.n_patients as u64)),
        column("n_missed", all().map(|entry| entry.n_missed)),
        column("n_fp_on_empty", all().map(|entry| entry.n_fp_on_empty)),
        column("mean_rank", all().map(|entry| entry.mean_rank)),
        column("rank_then_mean", all().map(|entry| entry.rank_then_mean as u32)),
        column("significant_wins", all().map(|entry| entry.wins as u64)),
        column("significance_rank", all().map(|entry| entry.significance as u32)),
        column("underpowered", boards().map(|board| board.underpowered)),
    ];
    for (place, name) in ["tau_mean_rank", "tau_mean_significance", "tau_rank_significance"].iter().enumerate() {
        columns.push(column(name, boards().map(|board| board.agreement.get(place).and_then(|it: &Agreement| it.tau))));
    }
    debug_assert_eq!(Method::ALL.len(), 3);
    frame(rows.len(), columns)
}

/// `trial`, `setting`, …; structures are ranked over all structures, which has that name.
fn name_of_competitors(ranking: &Ranking) -> String {
    if ranking.of == "structure" { "ranked_structure".into() } else { ranking.of.replace(' ', "_") }
}

/// One row per board and pair of competitors, the better first.
///
/// # Errors
/// [`TableError`] if Polars refuses the columns.
pub fn pairs(ranking: &Ranking) -> Result<DataFrame, TableError> {
    let rows: Vec<(&Board, &Pair)> =
        ranking.boards.iter().flat_map(|board| board.pairs.iter().map(move |pair| (board, pair))).collect();
    let all = || rows.iter().map(|(_, pair)| *pair);
    let name = |place: usize| ranking.competitors[place].as_str();
    let columns = vec![
        column("metric", vec![ranking.metric.column; rows.len()]),
        column("structure", rows.iter().map(|(board, _)| board.over.name.as_str())),
        column("a", all().map(|pair| name(pair.a))),
        column("b", all().map(|pair| name(pair.b))),
        column("difference", all().map(|pair| pair.difference)),
        column("ci95_low", all().map(|pair| pair.ci95.map(|[low, _]| low))),
        column("ci95_high", all().map(|pair| pair.ci95.map(|[_, high]| high))),
        column("n", all().map(|pair| pair.n as u64)),
        column("zeros", all().map(|pair| pair.zeros as u64)),
        column("p", all().map(|pair| pair.p)),
        column("p_holm", all().map(|pair| pair.p_holm)),
        column("exact", all().map(|pair| pair.exact)),
        column("rank_biserial", all().map(|pair| pair.rank_biserial)),
        column("p_better", all().map(|pair| pair.p_better)),
        column("p_equivalent", all().map(|pair| pair.p_equivalent)),
        column("verdict", all().map(|pair| pair.verdict.name())),
        column("underpowered", all().map(|pair| pair.underpowered)),
    ];
    frame(rows.len(), columns)
}
