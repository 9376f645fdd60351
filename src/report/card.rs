//! The model card: what a trained network is for, what it learnt from, how good it is, and what it is not for.
//!
//! Source: Mitchell et al. 2019, "Model Cards for Model Reporting", as far as the run knows it.

use super::Report;
use super::terminal::selection;
use crate::counted;
use crate::evaluate::frame::{Row, rows};
use crate::evaluate::{DICE, HD95, IOU, MetricId};

/// What a card says beside the scores.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// Name of the experiment.
    pub experiment: String,
    /// Id of the run.
    pub run: String,
    /// One line for people.
    pub description: String,
    /// Name, source and licence of the data; empty where the dataset file states none.
    pub data: [String; 3],
    /// Training, validation and test cases.
    pub cases: [usize; 3],
    /// Rows of the table on the network: what and its value.
    pub network: Vec<[String; 2]>,
    /// What `segspec reproduce` is given.
    pub reproduce: String,
    /// Settings of the training.
    pub recipe: Vec<[String; 2]>,
}

/// The card as Markdown.
pub fn render(facts: &Facts, report: &Report) -> String {
    let mut text = format!("# Model card: {} ({})\n\n", facts.experiment, facts.run);
    if !facts.description.is_empty() {
        text += &format!("{}\n\n", facts.description);
    }
    text += &format!("## Network\n\n{}\n", table(["", ""], &facts.network));
    text += &data(facts);
    text += &format!("## Recipe\n\n{}\n", table(["setting", "value"], &facts.recipe));
    text += &scores(report);
    text += &limits(facts, report);
    text += &format!(
        "## Reproduce\n\n`segspec reproduce {}` computes every number again and compares it with this record (docs/reproducing.md of segspec).\n",
        facts.reproduce
    );
    text
}

fn table<const N: usize>(heading: [&str; N], lines: &[[String; N]]) -> String {
    let line = |cells: &[&str]| format!("| {} |\n", cells.join(" | "));
    let rule = vec!["---"; N];
    let escaped = lines.iter().map(|cells| cells.each_ref().map(|cell| cell.replace('|', "\\|")));
    let body: String = escaped.map(|cells| line(&cells.each_ref().map(String::as_str))).collect();
    format!("{}{}{body}", line(&heading), line(&rule))
}

fn data(facts: &Facts) -> String {
    let [name, source, licence] = &facts.data;
    let stated =
        |text: &str| if text.is_empty() { "not stated in the dataset file".to_owned() } else { text.to_owned() };
    let [train, validation, test] = facts.cases.map(|count| counted(count, "case"));
    format!(
        "## Data\n\n- dataset: {name}\n- source: {}\n- licence: {}\n- split: {train} for training, {validation} for validation, {test} for \
         testing\n\n",
        stated(source),
        stated(licence)
    )
}

fn scores(report: &Report) -> String {
    let Some(trial) = report.trials.all.last() else { return classifier(report) };
    let unit = trial.summary.distance_unit.as_str();
    let value = |row: &Row, metric: MetricId| match row.statistics(metric) {
        None => "n/a".to_owned(),
        Some(it) => match it.ci95 {
            Some([low, high]) => {
                format!("{} ({}–{})", metric.unit.show(it.mean), metric.unit.show(low), metric.unit.show(high))
            }
            None => metric.unit.show(it.mean),
        },
    };
    let line = |row: Row| {
        let count = |name: &str| row.count(name).map_or_else(String::new, |count| count.to_string());
        let name = row.text("structure").to_owned();
        [name, count("n"), count("n_missed"), value(&row, DICE), value(&row, IOU), value(&row, HD95)]
    };
    let overall = rows(&trial.summary.overall).next().and_then(|row| row.statistics(DICE)?.ci95);
    let intervals = if overall.is_some() { ", in brackets 95 % confidence intervals by bootstrap" } else { "" };
    let lines: Vec<[String; 6]> =
        rows(&trial.summary.structures).chain(rows(&trial.summary.overall)).map(line).collect();
    let distance = HD95.heading_in(unit);
    format!(
        "## Scores\n\n{} ({}); means over cases{intervals}; last row: over structures.\n\n{}\n",
        counted(trial.summary.n_cases, "case"),
        report.trials.splits.join(", "),
        table(["structure", "n", "missed", "Dice", "IoU", &distance], &lines)
    )
}

/// Of a slice classifier.
fn classifier(report: &Report) -> String {
    let number = |value: Option<f64>| value.map_or_else(|| "n/a".into(), |value| format!("{value:.3}"));
    let all = report.classifiers.iter().flat_map(|classifier| &classifier.summaries);
    let lines: Vec<[String; 4]> =
        all.map(|it| [it.structure.clone(), number(it.auc), number(it.sensitivity), number(it.specificity)]).collect();
    match lines.is_empty() {
        true => "## Scores\n\nNothing was scored: the split has no test cases.\n\n".into(),
        false => format!("## Scores\n\n{}\n", table(["structure", "AUC", "sensitivity", "specificity"], &lines)),
    }
}

fn limits(facts: &Facts, report: &Report) -> String {
    let mut lines = vec![format!(
        "Tested on images of the dataset {} only: scanners, protocols, patients and diseases that it lacks may give other results.",
        facts.data[0]
    )];
    lines.extend(Some(selection(&report.trials)).filter(|text| !text.is_empty()));
    lines.extend(report.trials.all.iter().flat_map(|trial| trial.summary.cautions()));
    lines.push("Research software: not a medical device, and not for decisions about patients.".into());
    let lines: String = lines.iter().map(|line| format!("- {line}\n")).collect();
    format!("## Limits\n\n{lines}\n")
}
