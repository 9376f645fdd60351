//! The scores as text for a terminal, at most 100 columns wide. Returned, not printed.

use std::collections::BTreeSet;

use super::collect::{self, Trial};
use super::{ReportError, ReportInput, slices};
use crate::evaluate::summary::Metric;
use crate::evaluate::{Statistics, StructureSummary, Summary};

/// Which characters a terminal can show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Charset {
    /// Lines and ±.
    Unicode,
    /// Only ASCII.
    Ascii,
}

/// Widest name in a table.
const NAME_ROOM: usize = 24;

/// Scores per structure of every trial's best, and with several trials their comparison.
///
/// # Errors
/// As [`collect::collect`].
pub fn report(input: &ReportInput, charset: Charset) -> Result<String, ReportError> {
    let trials = collect::collect(input)?;
    let mut text = classifiers(input, charset);
    let Some(best) = collect::best(&trials) else {
        return Ok(if text.is_empty() { "no scores\n".to_owned() } else { text });
    };
    if trials.len() > 1 {
        text += &comparison(&trials, charset);
        text += &format!("\nBest trial: {}\n\n", best.name());
    }
    text += &summary(&best.summary, charset);
    let excluded = input.runs.iter().flat_map(|run| &run.excluded).map(|row| row.case.as_str());
    let excluded: BTreeSet<&str> = excluded.collect();
    if !excluded.is_empty() {
        text += &format!("excluded: {}\n", shorten_to(&Vec::from_iter(excluded).join(", "), 88, charset));
    }
    text += &format!("{}\n", selection(&trials));
    Ok(text)
}

/// Classifiers of slices, and what cascades skipped; nothing without any.
fn classifiers(input: &ReportInput, charset: Charset) -> String {
    let number = |value: Option<f64>| value.map_or_else(not_available, |value| format!("{value:.3}"));
    let mut text = String::new();
    for classifier in slices::collect(input) {
        let header = [classifier.name.as_str(), "AUC", "sensitivity", "specificity", "missed", "FP"];
        let rows = classifier.summaries.iter().map(|it| {
            let ratios = [it.auc, it.sensitivity, it.specificity].map(number);
            let counts = [it.false_negative, it.false_positive].map(|count| count.to_string());
            [shorten(&it.structure, charset)].into_iter().chain(ratios).chain(counts).collect::<Vec<_>>()
        });
        text += &(table(&header.map(str::to_owned), &rows.collect::<Vec<_>>(), charset) + "\n");
    }
    let skipped = slices::skipped(input);
    if !skipped.is_empty() {
        let header = ["skipped by the classifier", "slices", "part", "lost recall"];
        let rows = skipped.iter().map(|sum| {
            let name = format!("{} {}", sum.trial, sum.structure);
            vec![
                shorten_to(&name, 48, charset),
                sum.skipped_slices.to_string(),
                number(sum.part()),
                number(sum.lost_recall()),
            ]
        });
        text += &(table(&header.map(str::to_owned), &rows.collect::<Vec<_>>(), charset) + "\n");
    }
    text
}

/// Whether the scored split took part in choosing the weights.
pub fn selection(trials: &[Trial]) -> String {
    let contexts = || trials.iter().flat_map(|trial| &trial.rows).map(|row| &row.context);
    let mut splits: Vec<&str> = contexts().map(|context| context.split.as_str()).collect();
    splits.sort_unstable();
    splits.dedup();
    let splits = splits.join(", ");
    let weights = if contexts().any(|context| context.selected_on) {
        format!("The scored split ({splits}) took part in choosing the weights: its scores are optimistic.")
    } else {
        format!("The scored split ({splits}) took no part in choosing the weights.")
    };
    if trials.len() > 1 {
        format!("{weights} The best of {} trials was picked by these scores.", trials.len())
    } else {
        weights
    }
}

/// One row per structure and their mean.
pub fn summary(summary: &Summary, charset: Charset) -> String {
    let header = ["structure", "n", "Dice", "95% CI", "median", "IoU", "missed", "FP", "n/a"];
    let mut rows: Vec<Vec<String>> = summary.structures.iter().map(|structure| cells(structure, charset)).collect();
    rows.push(cells(&summary.mean, charset));
    table(&header.map(str::to_owned), &rows, charset)
}

fn cells(structure: &StructureSummary, charset: Charset) -> Vec<String> {
    let median = structure.dice.map_or_else(not_available, |dice| format!("{:.3}", dice.median));
    vec![
        shorten(&structure.name, charset),
        structure.n.to_string(),
        spread(structure.dice.as_ref(), charset),
        interval(structure.dice.as_ref(), charset),
        median,
        spread(structure.iou.as_ref(), charset),
        structure.n_missed.to_string(),
        structure.n_fp_on_empty.to_string(),
        structure.n_undefined.to_string(),
    ]
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

/// One row per trial: Dice and IoU side by side, spread over seeds.
pub fn comparison(trials: &[Trial], charset: Charset) -> String {
    let header = ["trial", "cases", "seeds", "Dice", "IoU"];
    let score = |trial: &Trial, metric| {
        trial.overall(metric).map_or_else(not_available, |score| plus_minus(score.mean, score.sd, charset))
    };
    let row = |trial: &Trial| {
        vec![
            shorten_to(&trial.name(), 56, charset),
            trial.summary.n_cases.to_string(),
            trial.seeds.len().to_string(),
            score(trial, Metric::Dice),
            score(trial, Metric::Iou),
        ]
    };
    table(&header.map(str::to_owned), &trials.iter().map(row).collect::<Vec<_>>(), charset)
}

fn shorten(name: &str, charset: Charset) -> String {
    shorten_to(name, NAME_ROOM, charset)
}

fn shorten_to(name: &str, room: usize, charset: Charset) -> String {
    if name.chars().count() <= room {
        return name.to_owned();
    }
    let mark = if charset == Charset::Unicode { "…" } else { "~" };
    name.chars().take(room - 1).collect::<String>() + mark
}

/// Aligns a header and rows: first column to the left, the others to the right, a rule below the header; a last row
/// named `mean` is set off by a rule.
fn table(header: &[String], rows: &[Vec<String>], charset: Charset) -> String {
    let length = |text: &String| text.chars().count();
    let width = |column: usize| rows.iter().map(|row| &row[column]).chain([&header[column]]).map(length).max();
    let widths: Vec<usize> = (0..header.len()).map(|column| width(column).unwrap_or(0)).collect();
    let line = |cells: &[String]| {
        let padded = cells.iter().zip(&widths).enumerate().map(|(column, (cell, width))| {
            if column == 0 { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
        });
        padded.collect::<Vec<_>>().join("  ").trim_end().to_owned() + "\n"
    };
    let stroke = if charset == Charset::Unicode { "─" } else { "-" };
    let rule = stroke.repeat(widths.iter().sum::<usize>() + 2 * (widths.len() - 1)) + "\n";
    let mut text = line(header) + &rule;
    for (index, row) in rows.iter().enumerate() {
        if index > 0 && index + 1 == rows.len() && row.first().is_some_and(|name| name == "mean") {
            text += &rule;
        }
        text += &line(row);
    }
    text
}
