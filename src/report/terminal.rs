//! The scores as text for a terminal, tables of structures at most 80 columns wide. Returned, not printed.

use super::Report;
use super::search::Search;
use super::text_table::{Charset, TextTable};
use crate::counted;
use crate::evaluate::frame::{Row, rows};
use crate::evaluate::metric::HEADLINE;
use crate::evaluate::slices::SliceSummary;
use crate::evaluate::statistics::FEWEST;
use crate::evaluate::{DICE, HD95, IOU, MetricId, NSD, Statistics, Summary, Trial, Trials};

/// Maximum number of runs without scores that are named.
const MAX_MISSING: usize = 6;

/// Width of a table of structures.
const WIDTH: usize = 80;

/// Minimum width of a trial's name.
const MIN_NAME: usize = 12;
/// Number of worst scores that are named.
const MOST_WORST: usize = 2;

/// Maximum width of a structure's name.
const NAME_ROOM: usize = 24;

/// Scores per structure of the best trial, and with several trials their comparison.
pub fn report(report: &Report, charset: Charset) -> String {
    let trials = &report.trials;
    let mut text = classifiers(report, charset);
    let Some(best) = trials.best() else {
        return if text.is_empty() { "no scores\n".to_owned() } else { text };
    };
    if trials.all.len() > 1 {
        text += &comparison(trials, charset);
        text += &format!("{}: standard deviation over seeds\n", plus_or_minus(charset));
        let missing = report.input.missing.len();
        let of = if missing > 0 {
            format!(" of those with scores; {} missing", counted(missing, "run"))
        } else {
            String::new()
        };
        text += &report.input.search.as_ref().and_then(|search| front(search, charset)).unwrap_or_default();
        text += &format!("\nBest trial{of}: {}\n\n", best.name());
    }
    text += &summary(&best.summary, charset);
    text += &spreads(best, charset);
    let excluded = Vec::from_iter(report.excluded_cases());
    if !excluded.is_empty() {
        text += &format!("excluded: {}\n", shorten(&excluded.join(", "), 88, charset));
    }
    // One sentence on a line.
    for sentence in selection(trials).split_inclusive(". ") {
        text += &format!("{}\n", sentence.trim_end());
    }
    text += &missing(report).map_or_else(String::new, |missing| missing + "\n");
    text
}

/// The trials of a search that no other beats in both of its objectives.
fn front(search: &Search, charset: Charset) -> Option<String> {
    let rows = search.front_rows()?;
    let heading = ["trial".to_owned()].into_iter().chain(search.objectives.iter().map(|judge| judge.name.clone()));
    let mut table = TextTable::of_scores(heading.collect(), charset);
    rows.into_iter().for_each(|row| table.row(row));
    Some(format!("\nPareto front (no other trial is better in both):\n{}", table.render()))
}

/// Planned runs that the report lacks; `None` if there are none.
pub fn missing(report: &Report) -> Option<String> {
    let missing = &report.input.missing;
    let all = report.input.runs.len() + report.input.classifiers.len() + missing.len();
    let more = match missing.len().checked_sub(MAX_MISSING) {
        None | Some(0) => String::new(),
        Some(more) => format!("; and {more} more"),
    };
    let named = missing.iter().take(MAX_MISSING).cloned().collect::<Vec<_>>().join("; ");
    let verb = if missing.len() == 1 { "has" } else { "have" };
    (!missing.is_empty())
        .then(|| format!("{} of {} {verb} no scores: {named}{more}.", missing.len(), counted(all, "run")))
}

/// Slice classifiers, and slices skipped by cascades; empty without any.
fn classifiers(report: &Report, charset: Charset) -> String {
    let number = |value: Option<f64>| value.map_or_else(not_available, |value| format!("{value:.3}"));
    let mut text = String::new();
    for classifier in &report.classifiers {
        let header = [classifier.name.as_str(), "AUC", "sensitivity", "specificity", "missed", "FP"];
        let mut table = TextTable::of_scores(header.map(str::to_owned).to_vec(), charset);
        for it @ SliceSummary { structure, false_negative, false_positive, .. } in &classifier.summaries {
            let ratios = [it.auc, it.sensitivity, it.specificity].map(number);
            let counts = [false_negative, false_positive].map(u64::to_string);
            table.row([shorten(structure, NAME_ROOM, charset)].into_iter().chain(ratios).chain(counts));
        }
        text += &(table.render() + "\n");
    }
    if report.skipped.height() > 0 {
        let header = ["skipped by the classifier", "slices", "fraction", "lost recall"];
        let mut table = TextTable::of_scores(header.map(str::to_owned).to_vec(), charset);
        for row in rows(&report.skipped) {
            let name = format!("{} {}", row.text("trial"), row.text("structure"));
            let [part, lost] = ["skipped", "lost_recall"].map(|column| number(row.number(column)));
            table.row([shorten(&name, 48, charset), count(&row, "skipped_slices"), part, lost]);
        }
        text += &(table.render() + "\n");
    }
    text
}

/// States whether the scored split was used to select the checkpoint; empty where nothing is scored.
pub fn selection(trials: &Trials) -> String {
    if trials.splits.is_empty() {
        return String::new();
    }
    let splits = trials.splits.join(", ");
    let weights = if trials.selected_on {
        format!("The checkpoint was selected on these same {splits} cases: their scores are optimistic.")
    } else {
        format!("The {splits} cases were not used to select the checkpoint.")
    };
    let weights = weights + &corrected(trials.corrected);
    let Ok((comparable, others)) = trials.comparable() else { return weights };
    let optimistic = match (comparable.len(), &trials.chosen) {
        (_, Some(chosen)) if chosen.on_scored_cases => format!(
            " The best of {} trials was chosen by {}, on these same cases: its score is optimistic.",
            chosen.of, chosen.by
        ),
        (_, Some(chosen)) => format!(" The best of {} trials was chosen by {}.", chosen.of, chosen.by),
        (0 | 1, None) => String::new(),
        (several, None) => {
            format!(" The best of {several} trials was chosen by these same scores: its score is optimistic.")
        }
    };
    let not_compared = others.iter().map(|it| format!(" Trial {} is not compared: it {}.", it.trial.name(), it.reason));
    format!("{weights}{optimistic}{}", not_compared.collect::<String>())
}

/// What scores are worth where people corrected the labels that they rest on.
fn corrected(cases: usize) -> String {
    match cases {
        0 => String::new(),
        _ => format!(
            " The labels of {cases} of these cases were corrected by hand: where they began as a prediction, they resemble it, and the scores \
             of that network and of those like it are optimistic."
        ),
    }
}

/// A column of the table of structures.
struct Column {
    heading: String,
    cell: fn(&Row, Charset) -> String,
    /// Those of the highest rank go first where the table is too wide; 0 stays.
    rank: u8,
}

/// The columns of the table of structures; metrics without any value have none. The others are in the CSV files and on the page.
fn columns(summary: &Summary) -> Vec<Column> {
    let column = |heading: &str, rank, cell| Column { heading: heading.to_owned(), cell, rank };
    let mut columns = vec![
        column("structure", 0, |row, charset| shorten(row.text("structure"), NAME_ROOM, charset)),
        column("n", 0, |row, _| count(row, "n")),
        column(DICE.name, 0, |row, charset| spread(row.statistics(DICE).as_ref(), charset)),
        column("95% CI", 1, |row, charset| interval(row.statistics(DICE).as_ref(), charset)),
        column(IOU.name, 2, |row, _| average(row, IOU)),
    ];
    let overall = rows(&summary.overall).next();
    let has = |metric| overall.as_ref().is_some_and(|row| row.statistics(metric).is_some());
    if has(HD95) {
        columns.push(column(&HD95.heading_in(&summary.distance_unit), 0, |row, _| average(row, HD95)));
    }
    if has(NSD) {
        columns.push(column(NSD.name, 0, |row, _| average(row, NSD)));
    }
    columns.extend([
        column("missed", 0, |row, _| count(row, "n_missed")),
        column("FP", 0, |row, _| count(row, "n_fp_on_empty")),
        column("n/a", 0, |row, _| count(row, "n_undefined")),
    ]);
    columns
}

fn plus_or_minus(charset: Charset) -> &'static str {
    if charset == Charset::Unicode { "±" } else { "+-" }
}

/// The spread over seeds and folds of one trial, where it has several.
fn spreads(trial: &Trial, charset: Charset) -> String {
    let sign = plus_or_minus(charset);
    let mut parts = Vec::new();
    if let Some((score, sd)) = trial.over_seeds(DICE).and_then(|score| Some((score, score.sd?))) {
        parts.push(format!("over {} seeds {:.3} {sign} {sd:.3}", score.n, score.mean));
    }
    if let Some((sd, n)) = trial.sd_over_folds(DICE) {
        parts.push(format!("over {n} folds {sign} {sd:.3}"));
    }
    if parts.is_empty() { String::new() } else { format!("mean Dice {} (SD)\n", parts.join(", ")) }
}

/// What the numbers of a summary are, its worst scores, and cautions.
fn notes(summary: &Summary, charset: Charset) -> String {
    let patients = match summary.n_patients {
        n if n == summary.n_cases => String::new(),
        n => format!(" of {}", counted(n, "patient")),
    };
    let mut text = format!("{}: SD over cases; last row: over structures", plus_or_minus(charset));
    text += &if summary.n_patients >= FEWEST { "; CI: BCa bootstrap over patients\n".into() } else { "\n".to_owned() };
    if !patients.is_empty() {
        text += &format!("{} cases{patients}\n", summary.n_cases);
    }
    let worst: Vec<String> = summary
        .worst(DICE, MOST_WORST)
        .iter()
        .map(|it| {
            format!("{} in {} {:.3}", shorten(&it.structure, 20, charset), shorten(&it.case, 20, charset), it.value)
        })
        .collect();
    if summary.n_cases > 1 && !worst.is_empty() {
        text += &format!("worst Dice: {}\n", worst.join(",\n            "));
    }
    summary.cautions().iter().for_each(|caution| text += &format!("{caution}\n"));
    text
}

/// One row per structure and their mean: Dice with standard deviation and interval, means of IoU, HD95 and NSD, as far as 80 columns hold them.
pub fn summary(summary: &Summary, charset: Charset) -> String {
    let mut columns = columns(summary);
    loop {
        let mut table = TextTable::of_scores(columns.iter().map(|column| column.heading.clone()).collect(), charset);
        let cells = |row: Row| columns.iter().map(|column| (column.cell)(&row, charset)).collect::<Vec<_>>();
        rows(&summary.structures).for_each(|row| table.row(cells(row)));
        rows(&summary.groups).for_each(|row| table.footer(cells(row)));
        rows(&summary.overall).for_each(|row| table.footer(cells(row)));
        let least = columns.iter().enumerate().max_by_key(|(_, column)| column.rank);
        match least.filter(|(_, column)| column.rank > 0 && table.width() > WIDTH).map(|(index, _)| index) {
            Some(index) => drop(columns.remove(index)),
            None => return table.render() + &notes(summary, charset),
        }
    }
}

fn average(row: &Row, metric: MetricId) -> String {
    row.statistics(metric).map_or_else(not_available, |it| metric.unit.show(it.mean))
}

fn count(row: &Row, column: &str) -> String {
    row.count(column).unwrap_or_default().to_string()
}

fn not_available() -> String {
    "n/a".to_owned()
}

fn spread(statistics: Option<&Statistics>, charset: Charset) -> String {
    statistics.map_or_else(not_available, |s| plus_minus(s.mean, s.sd, charset))
}

fn plus_minus(mean: f64, sd: Option<f64>, charset: Charset) -> String {
    let sign = if charset == Charset::Unicode { "±" } else { "+-" };
    sd.map_or_else(|| format!("{mean:.3}"), |sd| format!("{mean:.3} {sign} {sd:.3}"))
}

fn interval(statistics: Option<&Statistics>, charset: Charset) -> String {
    let dash = if charset == Charset::Unicode { "–" } else { "-" };
    let interval = statistics.and_then(|statistics| statistics.ci95);
    interval.map_or_else(not_available, |[low, high]| format!("{low:.3}{dash}{high:.3}"))
}

/// One row per trial: the headline metrics, with standard deviation over seeds; as wide as a table of structures.
pub fn comparison(trials: &Trials, charset: Charset) -> String {
    let names = HEADLINE.iter().map(|metric| metric.name);
    let header: Vec<String> = ["trial", "cases", "seeds"].into_iter().chain(names).map(str::to_owned).collect();
    let mut table = TextTable::of_scores(header.clone(), charset);
    let rows: Vec<Vec<String>> = trials.all.iter().map(|trial| trial_cells(trial, charset)).collect();
    // Names take the room that the other columns leave.
    rows.iter().for_each(|row| table.row([vec![String::new()], row[1..].to_vec()].concat()));
    let room = WIDTH.saturating_sub(table.width()) + "trial".len();
    let mut table = TextTable::of_scores(header, charset);
    rows.into_iter().for_each(|row| {
        let name = shorten(&row[0], room.max(MIN_NAME), charset);
        table.row([vec![name], row[1..].to_vec()].concat());
    });
    table.render()
}

fn trial_cells(trial: &Trial, charset: Charset) -> Vec<String> {
    let counts = [trial.summary.n_cases, trial.n_seeds].map(|count| count.to_string());
    let mut cells = vec![trial.name()];
    cells.extend(counts);
    for metric in HEADLINE {
        let score = trial.over_seeds(*metric);
        cells.push(score.map_or_else(not_available, |score| plus_minus(score.mean, score.sd, charset)));
    }
    cells
}

pub(super) fn shorten(name: &str, room: usize, charset: Charset) -> String {
    if name.chars().count() <= room {
        return name.to_owned();
    }
    let mark = if charset == Charset::Unicode { "…" } else { "~" };
    name.chars().take(room - 1).collect::<String>() + mark
}
