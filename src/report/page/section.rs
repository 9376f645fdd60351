//! The page's tables.

use std::collections::BTreeSet;

use super::html::{Cell, escape, table};
use crate::counted;
use crate::evaluate::frame::{Row, rows};
use crate::evaluate::metric::{HEADLINE, MetricId};
use crate::evaluate::summary::{RESAMPLES, success_column};
use crate::evaluate::trials::BOOTSTRAP_SEED;
use crate::evaluate::{Summary, Trial, TrialKey};
use crate::report::{Report, ReportInput};

/// With fewer cases, the page warns of its own intervals.
const FEW: usize = 10;

pub(super) fn names(header: &[&str]) -> Vec<String> {
    header.iter().map(|name| (*name).to_owned()).collect()
}

/// A value in the unit of its metric.
pub(super) fn shown(metric: MetricId, value: Option<f64>) -> Cell {
    value.map_or_else(|| Cell::number(None), |value| Cell::value(metric.unit.show(value)))
}

pub(super) fn count(row: &Row, column: &str) -> Cell {
    Cell::value(row.count(column).unwrap_or_default())
}

/// The key figures.
pub(super) fn tiles(report: &Report) -> String {
    let Some((best, overall)) = report.trials.best().and_then(|best| Some((best, rows(&best.summary.overall).next()?)))
    else {
        return String::new();
    };
    let several = report.trials.all.len() > 1;
    let of = if several { ", best trial" } else { "" };
    let mean = |metric: &MetricId| {
        let mean = overall.statistics(*metric).map(|it| metric.unit.show(it.mean));
        (mean.unwrap_or_else(|| "n/a".to_owned()), format!("mean {}{of}", metric.name))
    };
    let missed = overall.count("n_missed").unwrap_or_default();
    let mut tiles: Vec<(String, String)> = HEADLINE.iter().map(mean).collect();
    tiles.extend([
        (best.summary.n_cases.to_string(), "cases scored".to_owned()),
        (best.summary.structures.height().to_string(), "structures".to_owned()),
        (missed.to_string(), "missed (case × structure)".to_owned()),
        (report.excluded_cases().len().to_string(), "cases excluded".to_owned()),
    ]);
    let tile =
        |(value, name): (String, String)| format!("<div class=\"tile\"><b>{value}</b><span>{name}</span></div>\n");
    let metric = HEADLINE[0];
    let interval = overall.statistics(metric).and_then(|it| it.ci95).map_or_else(String::new, |[low, high]| {
        format!(" The 95 % confidence interval of the mean {} is {low:.3} to {high:.3}.", metric.name)
    });
    let few = match best.summary.n_cases {
        n if n < FEW => format!(" With {}, intervals and rankings say little.", counted(n, "case")),
        _ => String::new(),
    };
    let which = if several { format!("Best trial: {}. ", escape(&best.name())) } else { String::new() };
    format!(
        "<div class=\"tiles\">\n{}</div>\n<p class=\"note\">{which}Means are taken over cases first, then over \
         structures.{interval}{few} Intervals are BCa bootstraps over patients, and over seeds if there are several ({RESAMPLES} \
         resamples, seed {BOOTSTRAP_SEED}). sd is over cases, in the last row over structures.</p>\n",
        tiles.into_iter().map(tile).collect::<String>()
    )
}

/// The author's notes on the experiment.
pub(super) fn notes(input: &ReportInput) -> String {
    input.notes.iter().map(|note| format!("<p>{}</p>\n", escape(note))).collect()
}

/// Statistics of every structure of the best trial, and of all together: overlap first, then everything else that was measured.
pub(super) fn structures(report: &Report) -> String {
    let Some(best) = report.trials.best().filter(|best| best.summary.structures.height() > 0) else {
        return String::new();
    };
    let which = match best.label.as_str() {
        "" => String::new(),
        _ => format!("<p class=\"note\">Trial {}.</p>\n", escape(&best.name())),
    };
    which + &overlaps(report, best) + &others(report, best)
}

/// The row's name, with its colour.
fn name(report: &Report, row: &Row) -> Cell {
    let name = row.text("structure");
    report.color(name).map_or_else(|| Cell::text(name), |color| Cell::colored(name, color))
}

fn with_mean(best: &Trial, cells: impl Fn(&Row) -> Vec<Cell>) -> Vec<(bool, Vec<Cell>)> {
    let structures = rows(&best.summary.structures).map(|row| (false, cells(&row)));
    structures.chain(rows(&best.summary.overall).map(|row| (true, cells(&row)))).collect()
}

fn overlaps(report: &Report, best: &Trial) -> String {
    let success_dice = &report.input.success_dice;
    let mut header = names(&["structure", "n"]);
    for metric in HEADLINE {
        header.push(metric.name.to_owned());
        header.push("SD over cases".to_owned());
        if *metric == HEADLINE[0] {
            header.extend(names(&["95 % CI", "median", "IQR"]));
        }
    }
    header.extend(success_dice.iter().map(|at_least| format!("Dice ≥ {at_least}")));
    header.extend(names(&["missed", "FP", "n/a"]));
    let cells = |row: &Row| {
        let mut cells = vec![name(report, row), count(row, "n")];
        for &metric in HEADLINE {
            let it = row.statistics(metric);
            cells.extend([shown(metric, it.map(|it| it.mean)), Cell::number(it.and_then(|it| it.sd))]);
            if metric == HEADLINE[0] {
                cells.push(Cell::interval(it.and_then(|it| it.ci95)));
                cells.push(Cell::number(it.map(|it| it.median)));
                cells.push(Cell::interval(it.map(|it| [it.q1, it.q3])));
            }
        }
        cells.extend(success_dice.iter().map(|at_least| percent(row.number(&success_column(*at_least)))));
        cells.extend(["n_missed", "n_fp_on_empty", "n_undefined"].map(|name| count(row, name)));
        cells
    };
    table(&header, &with_mean(best, cells))
        + "<p class=\"note\">missed: in the reference, not in the prediction (scored 0); FP: in the prediction only (scored 0); n/a: in \
           neither (no score). The last row is over structures: its SD, median and IQR are those of the structures’ means, not of cases, \
           and its counts are sums. If a trial has several seeds, scores are averaged within a case first, and counts are over all \
           seeds.</p>\n"
}

/// Means of the metrics that are no headline.
fn others(report: &Report, best: &Trial) -> String {
    let metrics: Vec<MetricId> =
        measured(&best.summary).into_iter().filter(|metric| !HEADLINE.contains(metric)).collect();
    if metrics.is_empty() {
        return String::new();
    }
    let mut header = names(&["structure"]);
    header.extend(metrics.iter().map(|metric| metric.heading_in(&best.summary.distance_unit)));
    let cells = |row: &Row| {
        let means = metrics.iter().map(|metric| shown(*metric, row.statistics(*metric).map(|it| it.mean)));
        std::iter::once(name(report, row)).chain(means).collect()
    };
    format!(
        "<h3>Surfaces, volumes and other measures</h3>\n{}<p class=\"note\">Means over cases; the last row is their mean over \
         structures. Standard deviations, medians and intervals: <code>structures.csv</code>.</p>\n",
        table(&header, &with_mean(best, cells))
    )
}

/// The metrics with a value.
fn measured(summary: &Summary) -> Vec<MetricId> {
    let has = |metric: &MetricId| rows(&summary.structures).any(|row| row.statistics(*metric).is_some());
    MetricId::all().filter(has).collect()
}

pub(super) fn percent(rate: Option<f64>) -> Cell {
    rate.map_or_else(|| Cell::number(None), |rate| Cell::value(format!("{:.0} %", rate * 100.0)))
}

/// Every trial with its settings and headline metrics; empty for one trial.
pub(super) fn comparison(report: &Report) -> String {
    let trials = &report.trials.all;
    if trials.len() < 2 {
        return String::new();
    }
    let mut keys: Vec<&str> = Vec::new();
    for setting in trials.iter().flat_map(|trial| &trial.context.trial.settings) {
        if !keys.contains(&setting.key.as_str()) {
            keys.push(&setting.key);
        }
    }
    let mut header = names(&["trial"]);
    header.extend(names(&keys));
    header.extend(names(&["cases", "seeds"]));
    header.extend(HEADLINE.iter().flat_map(|metric| names(&[metric.name, "SD over seeds"])));
    let rows: Vec<_> = trials.iter().map(|trial| (false, comparison_row(trial, &keys))).collect();
    table(&header, &rows)
        + "<p class=\"note\">Means over cases, then structures, then seeds. Keys that all trials share are in the plans below.</p>\n"
        + &what_else_differs(report)
}

/// Settings that no trial states, in which they differ all the same: defaults of their networks.
fn what_else_differs(report: &Report) -> String {
    let differences = &report.input.differences;
    if differences.is_empty() {
        return String::new();
    }
    let trials = &report.trials.all;
    let header: Vec<String> =
        std::iter::once("setting".to_owned()).chain(trials.iter().map(|trial| format!("#{}", trial.number))).collect();
    let row = |(key, values): &(String, Vec<(TrialKey, serde_json::Value)>)| {
        let of = |trial: &Trial| match values.iter().find(|(known, _)| *known == trial.context.trial) {
            Some((_, value)) => Cell::wrapped(&super::words::words(value)),
            None => Cell::text("–"),
        };
        (false, std::iter::once(Cell::text(key)).chain(trials.iter().map(of)).collect::<Vec<_>>())
    };
    format!(
        "<details>\n<summary>What else differs: {} that no trial states</summary>\n{}</details>\n",
        counted(differences.len(), "setting"),
        table(&header, &differences.iter().map(row).collect::<Vec<_>>())
    )
}

fn comparison_row(trial: &Trial, keys: &[&str]) -> Vec<Cell> {
    let settings = &trial.context.trial.settings;
    let setting = |key: &&str| match settings.iter().find(|setting| setting.key == *key).map(|setting| &setting.value) {
        Some(value) => Cell::wrapped(&super::words::words(value)),
        None => Cell::text("–"),
    };
    let mut cells = vec![Cell::text(&trial.name())];
    cells.extend(keys.iter().map(setting));
    cells.extend([trial.summary.n_cases, trial.n_seeds].map(Cell::value));
    for metric in HEADLINE {
        let score = trial.over_seeds(*metric);
        cells.extend([shown(*metric, score.map(|it| it.mean)), Cell::number(score.and_then(|it| it.sd))]);
    }
    cells
}

/// Results of slice classifiers.
pub(super) fn classifiers(report: &Report) -> String {
    if report.classifiers.is_empty() {
        return String::new();
    }
    let header = [
        "classifier",
        "structure",
        "AUC",
        "threshold",
        "sensitivity",
        "specificity",
        "accuracy",
        "true pos.",
        "false neg.",
        "false pos.",
        "true neg.",
    ];
    let mut rows = Vec::new();
    for classifier in &report.classifiers {
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
        + "<p class=\"note\">Per slice of the scored cases, with folds pooled. Positive slices show the structure, negative ones \
           do not. Every slice with its probability: <code>slices.csv</code> in the run's folder.</p>\n"
}

/// Slices skipped by cascades, and the recall lost with them.
pub(super) fn skipped(report: &Report) -> String {
    if report.skipped.height() == 0 {
        return String::new();
    }
    let header =
        ["trial", "structure", "slices", "skipped", "fraction", "reference voxels", "in skipped slices", "lost recall"];
    let row = |row: Row| {
        let mut cells = vec![Cell::text(row.text("trial")), Cell::text(row.text("structure"))];
        cells.extend([count(&row, "slices"), count(&row, "skipped_slices"), percent(row.number("skipped"))]);
        cells.extend([count(&row, "reference_voxels"), count(&row, "lost_voxels")]);
        cells.push(Cell::number(row.number("lost_recall")));
        (false, cells)
    };
    table(&names(&header), &rows(&report.skipped).map(row).collect::<Vec<_>>())
        + "<p class=\"note\">Slices of the scored cases that the classifier excludes from segmentation. Lost recall: the fraction of \
           the reference in them, which the second stage cannot find. The second stage without the classifier is a trial of \
           its own.</p>\n"
}

/// Cases that could not be scored, with their reasons.
pub(super) fn excluded(report: &Report) -> String {
    let excluded = report.input.runs.iter().flat_map(|run| &run.excluded);
    let rows: BTreeSet<(&str, &str)> = excluded.map(|row| (row.case.as_str(), row.reason.as_str())).collect();
    if rows.is_empty() {
        return "<p>None.</p>\n".to_owned();
    }
    let rows: Vec<_> =
        rows.into_iter().map(|(case, reason)| (false, vec![Cell::text(case), Cell::wrapped(reason)])).collect();
    table(&names(&["case", "reason"]), &rows)
}
