//! The cells and sentences that every form of a ranking shares.

use crate::counted;
use crate::evaluate::metric::Unit;
use crate::evaluate::rank::{Board, Entry, Pair, Ranking};
use crate::evaluate::statistics::ALPHA;

/// One competitor of a board, as text.
pub(in crate::report) struct EntryRow {
    pub rank: String,
    /// From … to …, in 95 % of the resamples.
    pub ranks: String,
    pub name: String,
    pub mean: String,
    pub ci95: String,
    pub sd: String,
    pub p_first: String,
    pub mean_rank: String,
    /// Ranks by the other two methods.
    pub others: [String; 2],
    pub wins: String,
    pub failures: [String; 2],
}

/// One pair, as text.
pub(in crate::report) struct PairRow {
    pub names: [String; 2],
    pub difference: String,
    pub ci95: String,
    pub p: String,
    pub p_holm: String,
    pub effect: String,
    pub p_better: String,
    pub n: String,
    pub verdict: String,
}

/// The first of one structure, as text.
pub(in crate::report) struct StructureRow {
    pub structure: String,
    pub first: String,
    pub mean: String,
    pub p_first: String,
    pub tau: String,
    pub n: String,
}

const NONE: &str = "n/a";

fn number(value: Option<f64>, digits: usize) -> String {
    value.map_or_else(|| NONE.to_owned(), |value| format!("{value:.digits$}"))
}

/// An interval in the unit of the metric.
fn interval(unit: Unit, value: Option<[f64; 2]>, between: &str) -> String {
    let ends = |[low, high]: [f64; 2]| format!("{}{between}{}", unit.show(low), unit.show(high));
    value.map_or_else(|| NONE.to_owned(), ends)
}

/// A difference, with its sign.
fn signed(unit: Unit, value: f64) -> String {
    let text = unit.show(value);
    if text.starts_with(['+', '-']) { text } else { format!("+{text}") }
}

/// A p-value: `<0.001`, `0.012`.
fn p_value(p: f64) -> String {
    if p < 0.001 { "<0.001".into() } else { format!("{p:.3}") }
}

/// A probability, not more precise than the resamples allow.
fn probability(value: Option<f64>) -> String {
    number(value, 2)
}

fn ranks(value: Option<[f64; 2]>) -> String {
    value.map_or_else(|| NONE.to_owned(), |[low, high]| format!("{low:.0}–{high:.0}"))
}

/// The rows of a board.
pub(in crate::report) fn entry_rows(ranking: &Ranking, board: &Board) -> Vec<EntryRow> {
    let row = |entry: &Entry| EntryRow {
        rank: format!("{:.0}", entry.rank),
        ranks: ranks(entry.rank_interval),
        name: entry.name.clone(),
        mean: ranking.metric.unit.show(entry.mean),
        ci95: interval(ranking.metric.unit, entry.ci95, "–"),
        sd: number(entry.sd_over_cases, 3),
        p_first: probability(entry.p_first),
        mean_rank: format!("{:.2}", entry.mean_rank),
        others: [entry.rank_then_mean, entry.significance].map(|rank| format!("{rank:.0}")),
        wins: entry.wins.to_string(),
        failures: [entry.n_missed, entry.n_fp_on_empty].map(|n| n.to_string()),
    };
    board.entries.iter().map(row).collect()
}

/// The pairs of a board: all of them, or only those with the first where there are more than `most`.
pub(in crate::report) fn pair_rows(ranking: &Ranking, board: &Board, most: usize) -> Vec<PairRow> {
    let first = board.entries.first().map(|entry| entry.competitor);
    let all = board.pairs.len() <= most;
    let name = |place: usize| ranking.competitors[place].clone();
    let row = |pair: &Pair| PairRow {
        names: [name(pair.a), name(pair.b)],
        difference: signed(ranking.metric.unit, pair.difference),
        ci95: interval(ranking.metric.unit, pair.ci95, " to "),
        p: p_value(pair.p),
        p_holm: p_value(pair.p_holm),
        effect: format!("{:+.2}", pair.rank_biserial),
        p_better: probability(pair.p_better),
        n: pair.n.to_string(),
        verdict: verdict(pair),
    };
    board.pairs.iter().filter(|pair| all || Some(pair.a) == first).map(row).collect()
}

/// What is said of a pair: significance, interval and margin, and whether it could have been otherwise.
fn verdict(pair: &Pair) -> String {
    let mut words = Vec::new();
    if pair.p_holm <= ALPHA {
        words.push("significant");
    }
    words.push(pair.verdict.name());
    if pair.underpowered {
        words.push("underpowered");
    }
    words.join(", ")
}

/// The boards of single structures and groups; none where there is a single board.
pub(in crate::report) fn structure_rows(ranking: &Ranking) -> Vec<StructureRow> {
    let row = |board: &Board| {
        let first = board.entries.first()?;
        let equal: Vec<&str> =
            board.entries.iter().filter(|entry| entry.rank == first.rank).map(|entry| entry.name.as_str()).collect();
        Some(StructureRow {
            structure: board.over.name.clone(),
            first: equal.join(" = "),
            mean: ranking.metric.unit.show(first.mean),
            p_first: probability(first.p_first),
            tau: number(board.agreement.first().and_then(|it| it.tau), 2),
            n: board.n_patients.to_string(),
        })
    };
    ranking.boards.iter().skip(1).filter_map(row).collect()
}

/// Where the competitors come from, one sentence each: budget, split, choice of weights, failures.
pub(in crate::report) fn origin(ranking: &Ranking) -> Vec<String> {
    let origin = &ranking.origin;
    let mut lines = Vec::new();
    let scored = match (origin.dataset.as_str(), origin.split.as_str()) {
        ("", "") => String::new(),
        ("", split) => format!(" of the split {split}"),
        (dataset, "") => format!(" of {dataset}"),
        (dataset, split) => format!(" of {dataset}, split {split}"),
    };
    // Structures that are ranked are the competitors.
    let n_structures = if ranking.of == "structure" { ranking.competitors.len() } else { ranking.n_structures };
    let counts = [(ranking.n_cases, "case"), (ranking.n_patients, "patient"), (n_structures, "structure")];
    let [cases, patients, structures] = counts.map(|(n, what)| counted(n, what));
    lines.push(format!("{cases} ({patients}, {structures}){scored}."));
    if origin.trials > 0 {
        let weights = origin.weights.join("; ");
        let weights = if weights.is_empty() { weights } else { format!("; weights: {weights}") };
        lines.push(format!(
            "Compared: {} ({}){weights}.",
            counted(origin.trials, "trial"),
            counted(origin.runs, "run")
        ));
    }
    if !origin.failures.is_empty() {
        lines.push(format!("Failed or missing: {}.", origin.failures.join("; ")));
    }
    if ranking.left_out.absent > 0 {
        let n = counted(ranking.left_out.absent, "case × structure").replace("structures", "structure");
        lines.push(format!("{n} not ranked: absent from the reference and from every prediction."));
    }
    lines
}

/// What the columns mean.
pub(in crate::report) fn legend(ranking: &Ranking) -> String {
    let margin = match ranking.margin {
        Some(margin) => format!("margin {margin}"),
        None => "no margin was declared".to_owned(),
    };
    format!(
        "{}: mean over cases, then over structures ({} is better). CI: 95 % BCa bootstrap over patients ({} resamples); ranks: 95 % of the \
         resamples; P(1st): part of them in which it is first. p: Wilcoxon signed-rank test over patients, two-sided; Holm: adjusted for \
         all pairs; r: matched-pairs rank-biserial correlation; {margin}.",
        ranking.heading, ranking.better, ranking.resamples
    )
}
