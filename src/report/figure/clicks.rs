//! Dice against the number of clicks.

use plotters::prelude::*;

use super::axis::{Axis, short};
use super::canvas::{Canvas, Text, fit};
use super::list::titled;
use super::palette::{GRID, INK, MANY, on_white};
use super::{Figure, FigureError, Plot, render};
use crate::evaluate::Trial;
use crate::evaluate::clicks::{COUNTS, MEAN};
use crate::evaluate::frame::rows;
use crate::report::{Report, ReportError};

const SIZE: (f64, f64) = (1000.0, 420.0);
const LEFT: f64 = 78.0;
const RIGHT: f64 = 230.0;
const TOP: f64 = 70.0;
const BOTTOM: f64 = 60.0;
/// Structures that are named.
const MOST: usize = 12;

/// Draws the curves of a trial; nothing where its network takes no clicks.
///
/// # Errors
/// Errors of the drawing library.
pub fn draw(report: &Report, trial: &Trial) -> Result<Option<Figure>, ReportError> {
    let label = report.names.trial(&trial.context);
    let mut curves: Vec<Curve> = Vec::new();
    for row in rows(&report.clicks).filter(|row| row.text("trial") == label) {
        let (Some(clicks), Some(dice)) = (row.count("clicks"), row.number("dice")) else { continue };
        let name = row.text("structure");
        if curves.last().is_none_or(|curve| curve.name != name) && !curves.iter().any(|curve| curve.name == name) {
            curves.push(Curve { name: name.into(), color: report.color(name), points: Vec::new() });
        }
        if let Some(curve) = curves.iter_mut().find(|curve| curve.name == name) {
            curve.points.push((clicks as f64, dice));
        }
    }
    let Some(axis) = Axis::of(curves.iter().flat_map(|curve| &curve.points).map(|point| point.1)) else {
        return Ok(None);
    };
    Ok(Some(render(&Clicks { title: titled(report, trial, "Dice after clicks"), axis, curves })?))
}

struct Curve {
    name: String,
    /// None for the mean.
    color: Option<[u8; 3]>,
    /// Number of clicks and Dice.
    points: Vec<(f64, f64)>,
}

struct Clicks {
    title: String,
    axis: Axis,
    curves: Vec<Curve>,
}

impl Clicks {
    fn at(&self, (clicks, dice): (f64, f64)) -> (f64, f64) {
        let most = COUNTS[COUNTS.len() - 1] as f64;
        let x = LEFT + clicks / most * (SIZE.0 - LEFT - RIGHT);
        (x, TOP + (1.0 - self.axis.place(dice)) * (SIZE.1 - TOP - BOTTOM))
    }

    fn axes<DB: DrawingBackend>(&self, canvas: &Canvas<DB>) -> Result<(), FigureError> {
        let (right, bottom) = (SIZE.0 - RIGHT, SIZE.1 - BOTTOM);
        for tick in self.axis.ticks(6.0) {
            let y = self.at((0.0, tick)).1;
            canvas.guide((LEFT, y), (right, y))?;
            canvas.text((LEFT - 8.0, y), &short(tick), Text::NOTE.right())?;
        }
        canvas.line(&[(LEFT, bottom), (right, bottom)], GRID.to_rgba(), 1.5)?;
        for count in COUNTS {
            let x = self.at((count as f64, 0.0)).0;
            canvas.text((x, bottom + 16.0), &count.to_string(), Text::NOTE.centred())?;
        }
        canvas.text(((LEFT + right) / 2.0, bottom + 38.0), "clicks", Text::HEADING.centred())
    }
}

impl Plot for Clicks {
    fn size(&self) -> (u32, u32) {
        (SIZE.0 as u32, SIZE.1 as u32)
    }

    fn draw<DB: DrawingBackend>(&self, canvas: &Canvas<DB>) -> Result<(), FigureError> {
        canvas.text((14.0, 22.0), &fit(&self.title, Text::TITLE, SIZE.0 - 28.0), Text::TITLE)?;
        canvas.text((14.0, 46.0), "each click at the deepest place of the largest error", Text::NOTE)?;
        self.axes(canvas)?;
        let many = self.curves.len() > MOST + 1;
        let mut row = 0.0;
        for curve in &self.curves {
            let is_mean = curve.name == MEAN && curve.color.is_none();
            let (color, width) = match curve.color {
                _ if is_mean => (INK.to_rgba(), 2.5),
                Some(color) if !many => (on_white(color).to_rgba(), 1.5),
                _ => (MANY.to_rgba(), 0.8),
            };
            let points: Vec<_> = curve.points.iter().map(|point| self.at(*point)).collect();
            canvas.line(&points, color, width)?;
            points.iter().try_for_each(|point| canvas.dot(*point, width + 1.5, color))?;
            if is_mean || !many {
                let (x, y) = (SIZE.0 - RIGHT + 24.0, TOP + 8.0 + row * 20.0);
                canvas.dot((x, y), 5.0, color)?;
                canvas.text((x + 14.0, y), &fit(&curve.name, Text::LABEL, RIGHT - 50.0), Text::LABEL.in_color(INK))?;
                row += 1.0;
            }
        }
        Ok(())
    }
}
