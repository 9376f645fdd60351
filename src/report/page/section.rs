//! The page's tables.

use std::collections::{BTreeMap, BTreeSet};

use super::html::{Cell, escape, table};
use crate::evaluate::summary::{Metric, RESAMPLES};
use crate::evaluate::{Score, StructureSummary};
use crate::report::ReportInput;
use crate::report::collect::{self, BOOTSTRAP_SEED, Trial};
use crate::report::figure::comparison::OverSeeds;
use crate::report::slices;

/// Above this many rows the page shows means per case only; `cases.csv` has every row.
const MOST_ROWS: usize = 6000;

fn names(header: &[&str]) -> Vec<String> {
    header.iter().map(|name| (*name).to_owned()).collect()
}

/// The figures that a reader looks for first.
pub(super) fn tiles(input: &ReportInput, trials: &[Trial]) -> String {
    let Some(best) = collect::best(trials) else { return String::new() };
    let mean = |metric| {
        best.summary.mean.metric(metric).map_or_else(|| "n/a".to_owned(), |score| format!("{:.3}", score.mean))
    };
    let excluded: BTreeSet<&str> =
        input.runs.iter().flat_map(|run| &run.excluded).map(|row| row.case.as_str()).collect();
    let of = if trials.len() > 1 { ", best trial" } else { "" };
    let overall = &best.summary.mean;
    let tiles = [
        (mean(Metric::Dice), format!("mean Dice{of}")),
        (mean(Metric::Iou), format!("mean IoU{of}")),
        (best.summary.n_cases.to_string(), "cases scored".to_owned()),
        (best.summary.structures.len().to_string(), "structures".to_owned()),
        (overall.n_missed.to_string(), "structures missed".to_owned()),
        (excluded.len().to_string(), "cases excluded".to_owned()),
    ];
    let tile =
        |(value, name): (String, String)| format!("<div class=\"tile\"><b>{value}</b><span>{name}</span></div>\n");
    let interval = overall.dice.and_then(|dice| dice.ci95).map_or_else(String::new, |[low, high]| {
        format!(" The 95 % confidence interval of the mean Dice is {low:.3} to {high:.3}.")
    });
    let which = if trials.len() > 1 { format!("Best trial: {}. ", escape(&best.name())) } else { String::new() };
    format!(
        "<div class=\"tiles\">\n{}</div>\n<p class=\"note\">{which}Means are taken over cases first, then over \
         structures.{interval} Intervals are percentile bootstraps over cases ({RESAMPLES} resamples, seed \
         {BOOTSTRAP_SEED}).</p>\n",
        tiles.map(tile).concat()
    )
}

/// What the experiment's author says of it.
pub(super) fn notes(input: &ReportInput) -> String {
    input.notes.iter().map(|note| format!("<p>{}</p>\n", escape(note))).collect()
}

/// Statistics of every structure of one trial, and of all together.
pub(super) fn structures(trial: &Trial, input: &ReportInput) -> String {
    let mut header = names(&[
        "structure",
        "n",
        "Dice",
        "sd",
        "95 % CI",
        "median",
        "IQR",
        "IoU",
        "sd",
        "precision",
        "recall",
        "volume diff.",
    ]);
    header.extend(input.success_dice.iter().map(|at_least| format!("Dice ≥ {at_least}")));
    header.extend(names(&["missed", "false pos.", "undefined"]));
    let color = |name: &str| input.target.structures.iter().find(|s| s.name == name).map(|s| s.color);
    let rows =
        trial.summary.structures.iter().map(|structure| (false, structure_row(structure, color(&structure.name))));
    let rows: Vec<_> = rows.chain([(true, structure_row(&trial.summary.mean, None))]).collect();
    let which = match trial.label.as_str() {
        "" => String::new(),
        _ => format!("<p class=\"note\">Trial {}.</p>\n", escape(&trial.name())),
    };
    which
        + &table(&header, &rows)
        + "<p class=\"note\">missed: in the reference, not in the prediction (scored 0); false pos.: in the prediction \
           only (scored 0); undefined: in neither (no score). The last row is over structures: its sd, median and IQR \
           are those of the structures’ means, its counts are sums. Where a trial has several seeds, scores are averaged \
           within a case first, and counts are over all seeds.</p>\n"
}

fn structure_row(structure: &StructureSummary, color: Option<[u8; 3]>) -> Vec<Cell> {
    let (dice, iou) = (structure.dice, structure.iou);
    let name = color.map_or_else(|| Cell::text(&structure.name), |color| Cell::colored(&structure.name, color));
    let mean = |metric| Cell::number(structure.metric(metric).map(|statistics| statistics.mean));
    let mut cells = vec![
        name,
        Cell::value(structure.n),
        mean(Metric::Dice),
        Cell::number(dice.and_then(|dice| dice.sd)),
        Cell::interval(dice.and_then(|dice| dice.ci95)),
        Cell::number(dice.map(|dice| dice.median)),
        Cell::interval(dice.map(|dice| [dice.q1, dice.q3])),
        mean(Metric::Iou),
        Cell::number(iou.and_then(|iou| iou.sd)),
        mean(Metric::Precision),
        mean(Metric::Recall),
        signed(structure.relative_volume_difference.map(|difference| difference.mean)),
    ];
    cells.extend(structure.success.iter().map(|success| percent(success.rate)));
    cells.extend([structure.n_missed, structure.n_fp_on_empty, structure.n_undefined].map(Cell::value));
    cells
}

fn percent(rate: Option<f64>) -> Cell {
    rate.map_or_else(|| Cell::number(None), |rate| Cell::value(format!("{:.0} %", rate * 100.0)))
}

fn signed(fraction: Option<f64>) -> Cell {
    fraction.map_or_else(|| Cell::number(None), |value| Cell::value(format!("{:+.1} %", value * 100.0)))
}

/// Every trial with its settings, Dice and IoU side by side.
pub(super) fn comparison(trials: &[Trial]) -> String {
    let mut keys: Vec<&str> = Vec::new();
    for (key, _) in trials.iter().flat_map(|trial| &trial.settings) {
        if !keys.contains(&key.as_str()) {
            keys.push(key);
        }
    }
    let mut header = names(&["trial"]);
    header.extend(keys.iter().map(|key| (*key).to_owned()));
    header.extend(names(&["cases", "seeds", "Dice", "sd over seeds", "IoU", "sd over seeds"]));
    let row = |trial: &Trial| {
        let setting = |key: &&str| trial.settings.iter().find(|(name, _)| name == key).map_or("", |(_, value)| value);
        let mut cells = vec![Cell::text(&trial.name())];
        cells.extend(keys.iter().map(|key| Cell::text(setting(key))));
        cells.extend([trial.summary.n_cases, trial.seeds.len()].map(Cell::value));
        for score in [Metric::Dice, Metric::Iou].map(|metric| trial.overall(metric)) {
            cells.push(Cell::number(score.map(|score: OverSeeds| score.mean)));
            cells.push(Cell::number(score.and_then(|score| score.sd)));
        }
        (false, cells)
    };
    table(&header, &trials.iter().map(row).collect::<Vec<_>>())
}

/// How well classifiers told slices apart.
pub(super) fn classifiers(input: &ReportInput) -> String {
    let header = [
        "classifier",
        "structure",
        "AUC",
        "threshold",
        "sensitivity",
        "specificity",
        "accuracy",
        "found",
        "missed",
        "false pos.",
        "true neg.",
    ];
    let mut rows = Vec::new();
    for classifier in slices::collect(input) {
        for it in &classifier.summaries {
            let [low, high] = it.thresholds;
            let threshold = if low == high { Cell::number(Some(low)) } else { Cell::interval(Some(it.thresholds)) };
            let mut cells = vec![Cell::text(&classifier.name), Cell::text(&it.structure)];
            cells.extend([Cell::number(it.auc), threshold]);
            cells.extend([it.sensitivity, it.specificity, it.accuracy].map(Cell::number));
            let counts = [it.true_positive, it.false_negative, it.false_positive, it.true_negative];
            cells.extend(counts.map(Cell::value));
            rows.push((false, cells));
        }
    }
    table(&names(&header), &rows)
        + "<p class=\"note\">By slices of the scored cases, folds pooled. found and missed: slices that show the structure; \
           false pos. and true neg.: slices that do not. Every slice with its probability: <code>slices.csv</code> in the run's \
           folder.</p>\n"
}

/// What a cascade's classifier saved and cost.
pub(super) fn skipped(input: &ReportInput) -> String {
    let sums = slices::skipped(input);
    if sums.is_empty() {
        return String::new();
    }
    let header =
        ["trial", "structure", "slices", "skipped", "part", "reference voxels", "in skipped slices", "lost recall"];
    let row = |sum: &slices::Skipped| {
        let mut cells = vec![Cell::text(&sum.trial), Cell::text(&sum.structure)];
        cells.extend([Cell::value(sum.slices), Cell::value(sum.skipped_slices), percent(sum.part())]);
        cells.extend([Cell::value(sum.reference_voxels), Cell::value(sum.lost_voxels)]);
        cells.push(Cell::number(sum.lost_recall()));
        (false, cells)
    };
    table(&names(&header), &sums.iter().map(row).collect::<Vec<_>>())
        + "<p class=\"note\">Slices that the classifier keeps from the segmenter, over the scored cases. Lost recall: the part of the \
           reference in them, which no segmenter can find. What the segmenter finds without the classifier is a trial of its \
           own.</p>\n"
}

/// Every score, or the means per case where that would be too long for a page.
pub(super) fn cases(trials: &[Trial]) -> String {
    let rows: usize = trials.iter().map(|trial| trial.rows.len()).sum();
    match rows {
        0 => String::new(),
        _ if rows > MOST_ROWS => case_means(trials),
        _ => every_score(trials),
    }
}

fn every_score(trials: &[Trial]) -> String {
    let header = names(&[
        "case",
        "structure",
        "trial",
        "fold",
        "seed",
        "Dice",
        "IoU",
        "precision",
        "recall",
        "reference mL",
        "prediction mL",
        "volume diff.",
    ]);
    let rows = trials.iter().flat_map(|trial| trial.rows.iter().map(move |row| (trial, row)));
    let cells = |(trial, row): (&Trial, &crate::evaluate::ScoreRow)| {
        let score = &row.score;
        let fold = row.context.fold.map_or_else(|| Cell::value("–"), Cell::value);
        let mut cells = vec![Cell::text(&score.case), Cell::text(&score.structure)];
        cells.extend([Cell::value(format!("#{}", trial.number)), fold, Cell::value(row.context.seed)]);
        cells.extend([score.dice, score.iou, score.precision, score.recall].map(Cell::number));
        cells.extend([score.reference_ml, score.prediction_ml].map(Cell::number));
        cells.push(signed(score.relative_volume_difference));
        (false, cells)
    };
    table(&header, &rows.map(cells).collect::<Vec<_>>())
        + "<p class=\"note\">All columns, with voxel counts: <code>cases.csv</code>, <code>cases.parquet</code>.</p>\n"
}

/// One row per case: mean Dice and IoU over trials, seeds and structures.
fn case_means(trials: &[Trial]) -> String {
    let mut cases: BTreeMap<&str, Vec<&Score>> = BTreeMap::new();
    for score in trials.iter().flat_map(|trial| &trial.rows).map(|row| &row.score) {
        cases.entry(&score.case).or_default().push(score);
    }
    let mean = |values: Vec<f64>| (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64);
    let rows: Vec<_> = cases
        .into_iter()
        .map(|(case, scores)| {
            let dice = mean(scores.iter().filter_map(|score| score.dice).collect());
            let iou = mean(scores.iter().filter_map(|score| score.iou).collect());
            (false, vec![Cell::text(case), Cell::value(scores.len()), Cell::number(dice), Cell::number(iou)])
        })
        .collect();
    table(&names(&["case", "scores", "mean Dice", "mean IoU"]), &rows)
        + "<p class=\"note\">Means over structures, trials and seeds. Every score: <code>cases.csv</code>, \
           <code>cases.parquet</code>.</p>\n"
}

/// Cases that could not be scored, with their reasons.
pub(super) fn excluded(input: &ReportInput) -> String {
    let rows: BTreeSet<(&str, &str)> =
        input.runs.iter().flat_map(|run| &run.excluded).map(|row| (row.case.as_str(), row.reason.as_str())).collect();
    if rows.is_empty() {
        return "<p>None.</p>\n".to_owned();
    }
    let rows: Vec<_> =
        rows.into_iter().map(|(case, reason)| (false, vec![Cell::text(case), Cell::wrapped(reason)])).collect();
    table(&names(&["case", "reason"]), &rows)
}

/// Plan and manifest of every run; equal ones once.
pub(super) fn provenance(input: &ReportInput) -> String {
    let mut shown: Vec<(String, String, Vec<String>)> = Vec::new();
    let classifiers = input.classifiers.iter().map(|run| (&run.plan_toml, &run.manifest, run.name()));
    let runs = input.runs.iter().map(|run| (&run.plan_toml, &run.manifest, run.name()));
    for (plan_toml, manifest, name) in classifiers.chain(runs) {
        let manifest = format!("{manifest:#}");
        match shown.iter_mut().find(|(plan, same, _)| plan == plan_toml && *same == manifest) {
            Some((_, _, runs)) => runs.push(name),
            None => shown.push((plan_toml.clone(), manifest, vec![name])),
        }
    }
    let block = |(plan, manifest, runs): (String, String, Vec<String>)| {
        format!(
            "<details>\n<summary>{}</summary>\n<h3>plan.toml</h3>\n<pre>{}</pre>\n<h3>manifest.json</h3>\n<pre>{}</pre>\n\
             </details>\n",
            escape(&runs.join("; ")),
            escape(&plan),
            escape(&manifest)
        )
    };
    shown.into_iter().map(block).collect()
}
