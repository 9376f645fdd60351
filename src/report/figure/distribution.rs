//! Distribution over cases per structure: box (quartiles), whiskers, and every case as a point.

use plotters::prelude::*;

use super::canvas::{Canvas, Text};
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
    let spreads = spreads(report, trial, HEADLINE)?;
    Ok(render(&Distribution::new(&titled(report, trial, "Distribution over cases"), spreads))?)
}

/// One structure's values.
#[derive(Clone, Debug)]
pub(super) struct Spread {
    /// Name of the structure.
    pub name: String,
    /// Its colour.
    pub color: [u8; 3],
    /// By metric: the values of all cases where it is defined.
    pub values: Vec<Vec<f64>>,
}

/// Some metrics over the cases of every structure, in the target's order.
pub(super) fn spreads(report: &Report, trial: &Trial, metrics: &[MetricId]) -> Result<Vec<Spread>, ReportError> {
    let by_metric = metrics.iter().map(|metric| trial.values(*metric)).collect::<Result<Vec<_>, _>>()?;
    let spread = |(place, name): (usize, &str)| Spread {
        name: name.to_owned(),
        color: report.color(name).unwrap_or([90; 3]),
        values: by_metric.iter().filter_map(|structures| structures.get(place).cloned()).collect(),
    };
    let structures = rows(&trial.summary.structures).map(|row| row.text("structure"));
    Ok(structures.enumerate().map(spread).collect())
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
            note: format!("box: quartiles and median; whiskers: 1.5 × interquartile range; {points}"),
            name_room: name_room(&names),
            names,
            height: 30.0,
            value_room: 12.0,
        };
        Self { rows, spreads, every_point }
    }

    fn spread<DB: DrawingBackend>(
        &self,
        canvas: &Canvas<DB>,
        (panel, row): (usize, usize),
        values: &[f64],
        color: RGBColor,
    ) -> Result<(), FigureError> {
        let y = self.rows.y(row);
        let Some(statistics) = Statistics::of(values) else {
            return canvas.text((self.rows.x(panel, 0.0) + 8.0, y), "n/a", Text::LABEL.in_color(MUTED));
        };
        let (low, high) = whiskers(values, &statistics);
        for (index, value) in values.iter().enumerate() {
            if self.every_point || *value < low || *value > high {
                canvas.dot((self.rows.x(panel, *value), y + jitter(index)), 2.0, color.mix(0.45))?;
            }
        }
        self.box_plot(canvas, (panel, y), &statistics, (low, high))
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
