//! The scores as text for a terminal, at most 100 columns wide. Returned, not printed.

use super::Report;
use super::text_table::{Charset, TextTable};
use crate::counted;
use crate::evaluate::frame::{Row, rows};
use crate::evaluate::metric::HEADLINE;
use crate::evaluate::slices::SliceSummary;
use crate::evaluate::{Statistics, Summary, Trial, Trials};

/// Maximum number of runs without scores that are named.
const MAX_MISSING: usize = 6;

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
        text += &format!("\nBest trial: {}\n\n", best.name());
    }
    text += &summary(&best.summary, charset);
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
    let Ok((comparable, others)) = trials.comparable() else { return weights };
    let optimistic = match comparable.len() {
        0 | 1 => String::new(),
        several => format!(" The best of {several} trials was chosen by these same scores: its score is optimistic."),
    };
    let not_compared = others.iter().map(|it| format!(" Trial {} is not compared: it {}.", it.trial.name(), it.reason));
    format!("{weights}{optimistic}{}", not_compared.collect::<String>())
}

/// One row per structure and their mean: the first headline metric with interval and median, the others with standard deviation.
pub fn summary(summary: &Summary, charset: Charset) -> String {
    let mut header = vec!["structure", "n"];
    for (place, metric) in HEADLINE.iter().enumerate() {
        header.push(metric.name);
        header.extend(["95% CI", "median"].into_iter().filter(|_| place == 0));
    }
    header.extend(["missed", "FP", "n/a"]);
    let mut table = TextTable::of_scores(header.into_iter().map(str::to_owned).collect(), charset);
    rows(&summary.structures).for_each(|row| table.row(cells(&row, charset)));
    rows(&summary.overall).for_each(|row| table.footer(cells(&row, charset)));
    table.render()
}

fn cells(row: &Row, charset: Charset) -> Vec<String> {
    let mut cells = vec![shorten(row.text("structure"), NAME_ROOM, charset), count(row, "n")];
    for (place, metric) in HEADLINE.iter().enumerate() {
        let statistics = row.statistics(*metric);
        cells.push(spread(statistics.as_ref(), charset));
        if place == 0 {
            cells.push(interval(statistics.as_ref(), charset));
            cells.push(statistics.map_or_else(not_available, |it| format!("{:.3}", it.median)));
        }
    }
    cells.extend(["n_missed", "n_fp_on_empty", "n_undefined"].map(|name| count(row, name)));
    cells
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

/// One row per trial: the headline metrics, with standard deviation over seeds.
pub fn comparison(trials: &Trials, charset: Charset) -> String {
    let names = HEADLINE.iter().map(|metric| metric.name);
    let header = ["trial", "cases", "seeds"].into_iter().chain(names).map(str::to_owned).collect();
    let mut table = TextTable::of_scores(header, charset);
    for trial in &trials.all {
        table.row(trial_cells(trial, charset));
    }
    table.render()
}

fn trial_cells(trial: &Trial, charset: Charset) -> Vec<String> {
    let counts = [trial.summary.n_cases, trial.n_seeds].map(|count| count.to_string());
    let mut cells = vec![shorten(&trial.name(), 56, charset)];
    cells.extend(counts);
    for metric in HEADLINE {
        let score = trial.over_seeds(*metric);
        cells.push(score.map_or_else(not_available, |score| plus_minus(score.mean, score.sd, charset)));
    }
    cells
}

fn shorten(name: &str, room: usize, charset: Charset) -> String {
    if name.chars().count() <= room {
        return name.to_owned();
    }
    let mark = if charset == Charset::Unicode { "…" } else { "~" };
    name.chars().take(room - 1).collect::<String>() + mark
}
