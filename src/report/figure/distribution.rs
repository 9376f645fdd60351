//! Distribution over cases per structure: box (quartiles), whiskers, and every case as a point.

use std::collections::HashMap;

use plotters::prelude::*;

use super::axis::Axis;
use super::canvas::{Canvas, Text, fit, width};
use super::list::titled;
use super::palette::{INK, MUTED, on_white};
use super::rows::{Rows, name_room};
use super::{Figure, FigureError, Plot, render};
use crate::evaluate::frame::rows;
use crate::evaluate::metric::{HEADLINE, MetricId};
use crate::evaluate::{Statistics, Trial};
use crate::report::{Report, ReportError};

/// With more points than this, only those beyond the whiskers are drawn.
const MAX_POINTS: usize = 6000;

/// Draws the distribution of a trial's scores.
///
/// # Errors
/// Errors of the drawing library.
pub fn draw(report: &Report, trial: &Trial) -> Result<Figure, ReportError> {
    let spreads = spreads(report, trial, HEADLINE);
    Ok(render(&Distribution::new(&titled(report, trial, "Distribution over cases"), spreads))?)
}

/// One structure's values.
#[derive(Clone, Debug)]
pub(super) struct Spread {
    /// Name of the structure.
    pub name: String,
    /// Its colour.
    pub color: [u8; 3],
    /// By metric: the values of all cases where it is defined, with the names of the cases.
    pub values: Vec<Vec<(f64, String)>>,
}

/// Some metrics over the cases of every structure, in the target's order.
fn spreads(report: &Report, trial: &Trial, metrics: &[MetricId]) -> Vec<Spread> {
    let spread = |name: &str| Spread {
        name: name.to_owned(),
        color: report.color(name).unwrap_or([90; 3]),
        values: vec![Vec::new(); metrics.len()],
    };
    let mut spreads: Vec<Spread> = rows(&trial.summary.structures).map(|row| spread(row.text("structure"))).collect();
    let places: HashMap<String, usize> = spreads.iter().enumerate().map(|(at, it)| (it.name.clone(), at)).collect();
    for row in rows(&trial.summary.cases) {
        let Some(spread) = places.get(row.text("structure")).map(|place| &mut spreads[*place]) else { continue };
        for (values, metric) in spread.values.iter_mut().zip(metrics) {
            values.extend(row.number(metric.column).map(|value| (value, row.text("case").to_owned())));
        }
    }
    spreads
}

/// Box and points, one row per structure, in the target's order.
#[derive(Clone, Debug)]
struct Distribution {
    rows: Rows,
    spreads: Vec<Spread>,
    every_point: bool,
}

impl Distribution {
    /// The distribution of one set of scores.
    fn new(title: &str, spreads: Vec<Spread>) -> Self {
        let points: usize = spreads.iter().filter_map(|spread| spread.values.first()).map(Vec::len).sum();
        let every_point = points <= MAX_POINTS;
        let points = if every_point { "one dot per case" } else { "dots: cases beyond the whiskers" };
        let names: Vec<String> = spreads.iter().map(|spread| spread.name.clone()).collect();
        let rows = Rows {
            title: title.to_owned(),
            note: format!(
                "box: quartiles, median; whiskers: 1.5 × interquartile range; {points}; named: lowest; ◂ below the scale"
            ),
            name_room: name_room(&names),
            names,
            height: 30.0,
            value_room: 12.0,
            axes: (0..HEADLINE.len()).map(|panel| axis(&spreads, panel)).collect(),
        };
        Self { rows, spreads, every_point }
    }

    fn spread<DB: DrawingBackend>(
        &self,
        canvas: &Canvas<DB>,
        (panel, row): (usize, usize),
        named: &[(f64, String)],
        color: RGBColor,
    ) -> Result<(), FigureError> {
        let y = self.rows.y(row);
        let values: Vec<f64> = named.iter().map(|(value, _)| *value).collect();
        let Some(statistics) = Statistics::of(&values) else {
            return canvas.text((self.rows.left(panel) + 8.0, y), "n/a", Text::LABEL.in_color(MUTED));
        };
        let (low, high) = whiskers(&values, &statistics);
        let start = self.rows.axes[panel].low;
        for (index, value) in values.iter().enumerate() {
            let at = (self.rows.x(panel, *value), y + jitter(index));
            if *value < start - 1e-9 {
                canvas.line(
                    &[(at.0 + 4.0, at.1 - 3.5), (at.0 - 1.0, at.1), (at.0 + 4.0, at.1 + 3.5)],
                    color.to_rgba(),
                    1.5,
                )?;
            } else if self.every_point || *value < low || *value > high {
                canvas.dot(at, 2.0, color.mix(0.45))?;
            }
        }
        self.lowest(canvas, (panel, row), named, (low, color))?;
        self.box_plot(canvas, (panel, y), &statistics, (low, high))
    }

    /// Names the lowest of the outliers, where there is room between it and the box.
    fn lowest<DB: DrawingBackend>(
        &self,
        canvas: &Canvas<DB>,
        (panel, row): (usize, usize),
        named: &[(f64, String)],
        (low, color): (f64, RGBColor),
    ) -> Result<(), FigureError> {
        let lowest = named.iter().enumerate().min_by(|(_, a), (_, b)| a.0.total_cmp(&b.0));
        let Some((index, (value, case))) = lowest.filter(|(_, (value, _))| *value < low) else { return Ok(()) };
        let (x, y) = (self.rows.x(panel, *value), self.rows.y(row) + jitter(index));
        let others = named.iter().filter(|(other, _)| other > value).map(|(other, _)| self.rows.x(panel, *other));
        let next = others.fold(f64::INFINITY, f64::min);
        let label = format!("{case} {value:.2}");
        let length = width(&label, Text::NOTE);
        let left = self.rows.left(panel);
        if x + 8.0 + length < next {
            canvas.text((x + 8.0, y), &label, Text::NOTE.in_color(color))
        } else if x - 8.0 - length > left {
            canvas.text((x - 8.0, y), &label, Text::NOTE.right().in_color(color))
        } else {
            let label = fit(&label, Text::NOTE, (next - x - 16.0).max(x - left - 16.0));
            let long = label.chars().count() > 6;
            if long { canvas.text((x + 8.0, y), &label, Text::NOTE.in_color(color)) } else { Ok(()) }
        }
    }

    fn box_plot<DB: DrawingBackend>(
        &self,
        canvas: &Canvas<DB>,
        (panel, y): (usize, f64),
        statistics: &Statistics,
        (low, high): (f64, f64),
    ) -> Result<(), FigureError> {
        let x = |value: f64| self.rows.x(panel, value);
        let ink = INK.to_rgba();
        canvas.line(&[(x(low), y), (x(statistics.q1), y)], ink, 1.0)?;
        canvas.line(&[(x(statistics.q3), y), (x(high), y)], ink, 1.0)?;
        canvas.outline((x(statistics.q1), y - 8.0), (x(statistics.q3), y + 8.0), ink)?;
        let median = x(statistics.median);
        canvas.line(&[(median, y - 8.0), (median, y + 8.0)], ink, 2.5)
    }
}

/// From the lowest whisker upwards: single failures must not squeeze all other values into a corner.
fn axis(spreads: &[Spread], panel: usize) -> Axis {
    let ends = spreads.iter().filter_map(|spread| {
        let values: Vec<f64> = spread.values.get(panel)?.iter().map(|(value, _)| *value).collect();
        let (low, _) = whiskers(&values, &Statistics::of(&values)?);
        Some([low, values.iter().copied().fold(0.0, f64::max)])
    });
    Axis::of_ratios(ends.flatten().collect::<Vec<_>>())
}

/// The outermost values within 1.5 interquartile ranges of the box (Tukey 1977).
fn whiskers(values: &[f64], statistics: &Statistics) -> (f64, f64) {
    let reach = 1.5 * (statistics.q3 - statistics.q1);
    let (least, most) = (statistics.q1 - reach, statistics.q3 + reach);
    let inside = values.iter().copied().filter(|value| (least..=most).contains(value));
    inside.fold((statistics.q1, statistics.q3), |(low, high), value| (low.min(value), high.max(value)))
}

/// Deterministic offset that spreads points evenly over the row's height (golden-ratio sequence).
fn jitter(index: usize) -> f64 {
    (((index as f64 + 1.0) * 0.618_033_988_749_895).fract() - 0.5) * 15.0
}

impl Plot for Distribution {
    fn size(&self) -> (u32, u32) {
        self.rows.size()
    }

    fn draw<DB: DrawingBackend>(&self, canvas: &Canvas<DB>) -> Result<(), FigureError> {
        self.rows.draw(canvas)?;
        for (row, spread) in self.spreads.iter().enumerate() {
            let color = on_white(spread.color);
            for (panel, values) in spread.values.iter().enumerate() {
                self.spread(canvas, (panel, row), values, color)?;
            }
        }
        Ok(())
    }
}
