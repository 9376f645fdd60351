//! Dice against IoU and against the reference's volume, and agreement of volumes (Bland & Altman 1986).

use super::axis::Axis;
use super::list::titled;
use super::points::{Point, Points, Rule};
use super::{Figure, render};
use crate::evaluate::frame::rows;
use crate::evaluate::{DICE, IOU, Statistics, Trial};
use crate::report::{Report, ReportError};

/// Draws Dice against IoU of a trial's cases.
///
/// # Errors
/// Errors of the drawing library.
pub fn draw(report: &Report, trial: &Trial) -> Result<Figure, ReportError> {
    let rows = rows(&trial.summary.cases);
    let points: Vec<Point> = rows
        .filter_map(|row| {
            let at = (row.number(DICE.column)?, row.number(IOU.column)?);
            Some(point(report, (row.text("case"), row.text("structure")), at, 0.0))
        })
        .collect();
    let axes = [DICE, IOU].map(|metric| metric.name.to_owned());
    let [x, y] =
        [0, 1].map(|axis| Axis::of_ratios(points.iter().map(|point| if axis == 0 { point.at.0 } else { point.at.1 })));
    let steps = (0..=100).map(|step| x.low + (x.high - x.low) * f64::from(step) / 100.0);
    let curve = steps.map(|dice| (dice, dice / (2.0 - dice))).filter(|(_, iou)| (y.low..=y.high).contains(iou));
    let figure = Points {
        title: titled(report, trial, "Dice against IoU"),
        note: "dot: a case and structure (mean over seeds); below the curve IoU = D / (2 − D):\nseeds that differ"
            .into(),
        rules: vec![Rule::Curve(curve.collect())],
        axes: {
            let [one, other] = axes;
            [(one, x), (other, y)]
        },
        points,
    };
    Ok(render(&figure)?)
}

/// Draws Dice against the volume of the reference; nothing without volumes.
///
/// # Errors
/// Errors of the drawing library.
pub fn draw_volume(report: &Report, trial: &Trial) -> Result<Option<Figure>, ReportError> {
    let low = Statistics::of(&volumes(report, trial)?.iter().map(|it| it.dice).collect::<Vec<_>>());
    let Some(low) = low.map(|it| it.q1 - 1.5 * (it.q3 - it.q1)) else { return Ok(None) };
    let points: Vec<Point> = volumes(report, trial)?
        .into_iter()
        .filter(|it| it.reference > 0.0)
        .map(|it| Point { at: (it.reference, it.dice), unusual: low - it.dice, ..it.point })
        .collect();
    let Some(x) = Axis::logarithmic(points.iter().map(|point| point.at.0)) else { return Ok(None) };
    let y = Axis::of_ratios(points.iter().map(|point| point.at.1));
    let figure = Points {
        title: titled(report, trial, "Dice against volume"),
        note: "dot: a case and structure (mean over seeds); coloured by structure;\nnamed: lowest Dice, beyond 1.5 interquartile ranges".into(),
        axes: [("volume of the reference, mL".to_owned(), x), (DICE.name.to_owned(), y)],
        points,
        rules: Vec::new(),
    };
    Ok(Some(render(&figure)?))
}

/// Draws the difference of volumes against their mean, with its mean and limits of agreement; nothing without volumes.
///
/// Differences are relative to the mean of both volumes, because structures differ in size by orders of magnitude.
///
/// # Errors
/// Errors of the drawing library.
pub fn draw_agreement(report: &Report, trial: &Trial) -> Result<Option<Figure>, ReportError> {
    let percent = |it: &Volumes| 200.0 * (it.prediction - it.reference) / (it.prediction + it.reference);
    let volumes: Vec<Volumes> =
        volumes(report, trial)?.into_iter().filter(|it| it.reference > 0.0 && it.prediction > 0.0).collect();
    let differences: Vec<f64> = volumes.iter().map(percent).collect();
    let Some(Statistics { mean, sd: Some(sd), .. }) = Statistics::of(&differences) else { return Ok(None) };
    let limits = [mean - 1.96 * sd, mean + 1.96 * sd];
    let points: Vec<Point> = volumes
        .into_iter()
        .zip(&differences)
        .map(|(it, difference)| {
            let at = ((it.reference + it.prediction) / 2.0, *difference);
            Point { at, unusual: (difference - mean).abs() - 1.96 * sd, ..it.point }
        })
        .collect();
    let Some(x) = Axis::logarithmic(points.iter().map(|point| point.at.0)) else { return Ok(None) };
    let Some(y) = Axis::of(differences.iter().copied().chain(limits)) else { return Ok(None) };
    let level = |value: f64, name: &str| Rule::Level(value, format!("{name} {value:+.1} %").replace('-', "−"));
    let figure = Points {
        title: titled(report, trial, "Agreement of volumes (Bland–Altman)"),
        note: format!(
            "dot: a case and structure, n = {}; dashed: mean and ± 1.96 SD;\nmissed and invented structures are left out",
            points.len()
        ),
        axes: [("mean of both volumes, mL".to_owned(), x), ("prediction − reference, % of their mean".to_owned(), y)],
        rules: vec![level(mean, "mean"), level(limits[0], "− 1.96 SD"), level(limits[1], "+ 1.96 SD")],
        points,
    };
    Ok(Some(render(&figure)?))
}

/// Volumes and Dice of a structure in a case.
struct Volumes {
    point: Point,
    reference: f64,
    prediction: f64,
    dice: f64,
}

fn point(report: &Report, (case, structure): (&str, &str), at: (f64, f64), unusual: f64) -> Point {
    Point { at, color: report.color(structure).unwrap_or([90; 3]), name: format!("{case} {structure}"), unusual }
}

/// Of every case and structure of the trial, averaged over seeds.
fn volumes(report: &Report, trial: &Trial) -> Result<Vec<Volumes>, ReportError> {
    let all = &report.trials.scores;
    let mut sums: std::collections::BTreeMap<(&str, &str), ([f64; 3], f64)> = std::collections::BTreeMap::new();
    for row in rows(all).filter(|row| row.count("trial_number") == Some(trial.number as u64)) {
        let values = [row.number("reference_ml"), row.number("prediction_ml"), row.number(DICE.column)];
        let [Some(reference), Some(prediction), Some(dice)] = values else { continue };
        let (sum, n) = sums.entry((row.text("case"), row.text("structure"))).or_default();
        sum.iter_mut().zip([reference, prediction, dice]).for_each(|(sum, value)| *sum += value);
        *n += 1.0;
    }
    let volumes = sums.into_iter().map(|(names, (sum, n))| {
        let [reference, prediction, dice] = sum.map(|value| value / n);
        Volumes { point: point(report, names, (0.0, 0.0), 0.0), reference, prediction, dice }
    });
    Ok(volumes.collect())
}
