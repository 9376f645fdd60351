//! Cases, worst first: pictures, means, and single scores.

use std::collections::BTreeMap;

use super::html::{Cell, escape, link_cell, table};
use super::section::{count, names, shown};
use crate::counted;
use crate::evaluate::frame::{Row, rows};
use crate::evaluate::metric::{HEADLINE, MetricId};
use crate::evaluate::{DICE, HD95, IOU, NSD, Trial, Trials};
use crate::report::Report;
use crate::report::case_files::{CaseFiles, Shown};

/// Rows of the table of the lowest scores.
const LOWEST: usize = 50;
/// Above this many rows the page does not list every score; `cases.csv` has them all.
const MAX_ROWS: usize = 3000;
/// Above this many cases, only the worst are listed.
const MAX_CASES: usize = 1000;

/// Pictures of the best, median and worst cases, the cases of the best trial, and single scores.
pub(super) fn cases(report: &Report, files: &CaseFiles) -> String {
    let Some(best) = report.trials.best().filter(|best| best.summary.n_cases > 0) else { return String::new() };
    pictures(report, files) + &means(report, best, files) + &lowest(report, best) + &every_score(&report.trials)
}

/// The best trial's pictures, worst case first, then small ones of the other runs.
fn pictures(report: &Report, files: &CaseFiles) -> String {
    let figures = |linked: bool| files.shown.iter().filter(move |shown| shown.linked == linked).collect::<Vec<_>>();
    let (own, others) = (figures(true), figures(false));
    let name = |shown: &Shown| report.names.run(&report.input.runs[shown.run].context);
    let several = own.iter().any(|shown| shown.run != own[0].run);
    let mut html: String = own.iter().map(|shown| picture(shown, several.then(|| name(shown)))).collect();
    if !others.is_empty() {
        let small: String = others.iter().map(|shown| picture(shown, Some(name(shown)))).collect();
        let heading = format!("Cases of {}", if own.is_empty() { "the runs" } else { "other runs" });
        html += &format!("<details>\n<summary>{heading}</summary>\n<div class=\"pair\">\n{small}</div>\n</details>\n");
    }
    if files.left_out > 0 {
        let more = counted(files.left_out, "picture");
        html += &format!("<p class=\"note\">{more} more: in the runs’ own reports.</p>\n");
    }
    html
}

fn picture(shown: &Shown, run: Option<String>) -> String {
    let of = run.map(|run| format!(", {run}")).unwrap_or_default();
    let caption = escape(&format!("{} case: {}{of}", shown.rank.name(), shown.case));
    let [width, height] = shown.size;
    let image = format!(
        "<img alt=\"Axial, coronal and sagittal overlays. {caption}\" width=\"{width}\" height=\"{height}\" loading=\"lazy\" \
         src=\"data:image/jpeg;base64,{}\">",
        shown.thumbnail
    );
    let linked = |target: &Option<String>, html: &str| match target {
        Some(target) => format!("<a href=\"{}\">{html}</a>", escape(target)),
        None => html.to_owned(),
    };
    let turning = shown.animation.as_ref().map(|data| {
        let alt = format!("Segmented organs of {} turning", escape(&shown.case));
        let image =
            format!("<img class=\"turning\" alt=\"{alt}\" loading=\"lazy\" src=\"data:image/gif;base64,{data}\">");
        linked(&shown.scene, &image)
    });
    let more = shown.scene.as_ref().map(|scene| format!(" · <a href=\"{}\">surfaces in 3D</a>", escape(scene)));
    format!(
        "<figure class=\"case\">\n{}{}\n<figcaption>{caption}{}</figcaption>\n</figure>\n",
        linked(&shown.picture, &image),
        turning.unwrap_or_default(),
        more.unwrap_or_default()
    )
}

/// Mean scores of a case.
#[derive(Default)]
struct Means {
    sums: [(f64, usize); 2],
    missed: u64,
    invented: u64,
    /// The lowest Dice and its structure.
    lowest: Option<(f64, String)>,
}

impl Means {
    fn add(&mut self, row: &Row) {
        for ((sum, n), metric) in self.sums.iter_mut().zip(HEADLINE) {
            if let Some(value) = row.number(metric.column) {
                (*sum, *n) = (*sum + value, *n + 1);
            }
        }
        self.missed += row.count("n_missed").unwrap_or_default();
        self.invented += row.count("n_fp_on_empty").unwrap_or_default();
        let dice = row.number(DICE.column);
        if let Some(dice) = dice.filter(|dice| self.lowest.as_ref().is_none_or(|(lowest, _)| dice < lowest)) {
            self.lowest = Some((dice, row.text("structure").to_owned()));
        }
    }

    fn mean(&self, place: usize) -> Option<f64> {
        let (sum, n) = self.sums[place];
        (n > 0).then(|| sum / n as f64)
    }
}

/// One row per case of the best trial.
fn means(report: &Report, best: &Trial, files: &CaseFiles) -> String {
    let mut all: BTreeMap<&str, Means> = BTreeMap::new();
    for row in rows(&best.summary.cases) {
        all.entry(row.text("case")).or_default().add(&row);
    }
    let mut ranked: Vec<(&str, Means)> = all.into_iter().collect();
    let dice = |it: &Means| it.mean(0).unwrap_or(f64::INFINITY);
    ranked.sort_by(|a, b| dice(&a.1).total_cmp(&dice(&b.1)));
    let (number, linked) = (ranked.len(), files.shown.iter().any(|shown| shown.scene.is_some()));
    let mut header = names(&["case"]);
    header.extend(HEADLINE.iter().map(|metric| format!("mean {}", metric.heading())));
    header.extend(names(&["lowest structure", "its Dice", "missed", "FP"]));
    header.extend(linked.then(|| "3D".to_owned()));
    let cells = |(case, it): (&str, Means)| {
        let mut cells = vec![Cell::text(case)];
        cells.extend(HEADLINE.iter().enumerate().map(|(place, metric)| shown(*metric, it.mean(place))));
        let (dice, structure) = it.lowest.unzip();
        cells.extend([Cell::text(&structure.unwrap_or_default()), Cell::number(dice)]);
        cells.extend([it.missed, it.invented].map(Cell::value));
        if linked {
            let scene = files.shown.iter().find(|shown| shown.case == case).and_then(|shown| shown.scene.as_ref());
            cells.push(scene.map_or_else(|| Cell::value(""), |scene| link_cell(scene, "open")));
        }
        (false, cells)
    };
    let which = if report.trials.all.len() > 1 { format!(" of trial {}", escape(&best.name())) } else { String::new() };
    let cut = if number > MAX_CASES { format!(" The {MAX_CASES} worst of {number} cases.") } else { String::new() };
    let rows: Vec<_> = ranked.into_iter().take(MAX_CASES).map(cells).collect();
    format!(
        "<h3>Cases{which}, worst first</h3>\n{}<p class=\"note\">Means over structures; with several seeds, over them first.{cut}</p>\n",
        table(&header, &rows)
    )
}

/// The lowest single scores.
fn lowest(report: &Report, best: &Trial) -> String {
    let metrics: Vec<MetricId> = measured(best);
    let mut found: Vec<(f64, Row)> =
        rows(&best.summary.cases).filter_map(|row| Some((row.number(DICE.column)?, row))).collect();
    if report.input.target.structures.len() < 2 || found.len() < 2 {
        return String::new();
    }
    found.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut header = names(&["case", "structure"]);
    header.extend(metrics.iter().map(|metric| metric.heading_in(&best.summary.distance_unit)));
    let cells = |(_, row): &(f64, Row)| {
        let structure = row.text("structure");
        let color = report.color(structure);
        let name = color.map_or_else(|| Cell::text(structure), |color| Cell::colored(structure, color));
        let values = metrics.iter().map(|metric| shown(*metric, row.number(metric.column)));
        (false, [Cell::text(row.text("case")), name].into_iter().chain(values).collect())
    };
    let rows: Vec<_> = found.iter().take(LOWEST).map(cells).collect();
    format!("<h3>Lowest scores</h3>\n{}", table(&header, &rows))
}

/// The metrics of short tables that the trial has.
fn measured(trial: &Trial) -> Vec<MetricId> {
    let has = |metric: &MetricId| rows(&trial.summary.cases).any(|row| row.number(metric.column).is_some());
    [DICE, IOU, HD95, NSD].into_iter().filter(has).collect()
}

/// Every score of every run, if they are not too many for a page.
fn every_score(trials: &Trials) -> String {
    let height = trials.scores.height();
    if height > MAX_ROWS {
        return format!(
            "<p class=\"note\">All {height} scores: <code>cases.csv</code>, <code>cases.parquet</code>.</p>\n"
        );
    }
    let metrics: Vec<MetricId> = trials.best().map(measured).unwrap_or_default();
    let folds = rows(&trials.scores).any(|row| row.count("fold").is_some());
    let unit = trials.best().map(|best| best.summary.distance_unit.clone()).unwrap_or_default();
    let mut header = names(&["case", "structure", "trial"]);
    header.extend(folds.then(|| "fold".to_owned()));
    header.push("seed".to_owned());
    header.extend(metrics.iter().map(|metric| metric.heading_in(&unit)));
    header.extend(names(&["reference, mL", "prediction, mL"]));
    let cells = |row: Row| {
        let number = row.count("trial_number").unwrap_or_default();
        let mut cells = vec![Cell::text(row.text("case")), Cell::text(row.text("structure"))];
        cells.push(Cell::value(format!("#{number}")));
        if folds {
            cells.push(row.count("fold").map_or_else(|| Cell::value("–"), Cell::value));
        }
        cells.push(count(&row, "seed"));
        cells.extend(metrics.iter().map(|metric| shown(*metric, row.number(metric.column))));
        cells.extend(["reference_ml", "prediction_ml"].map(|name| Cell::number(row.number(name))));
        (false, cells)
    };
    format!(
        "<details>\n<summary>All {height} scores</summary>\n{}<p class=\"note\">All columns, with voxel counts: \
         <code>cases.csv</code>, <code>cases.parquet</code>.</p>\n</details>\n",
        table(&header, &rows(&trials.scores).map(cells).collect::<Vec<_>>())
    )
}
