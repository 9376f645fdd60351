//! Reliability diagram: observed fraction against predicted probability.

use plotters::prelude::*;

use super::canvas::{Canvas, Text, fit};
use super::list::titled;
use super::palette::{INK, MANY, MUTED, on_white};
use super::square::{self, LEFT, SIDE, SIZE, TOP, at};
use super::{Figure, FigureError, Plot, render};
use crate::evaluate::Trial;
use crate::evaluate::reliability::pooled;
use crate::report::{Report, ReportError};

/// Structures that have a line of their own.
const MOST: usize = 12;
/// Fewest voxels of a point.
const LEAST: u64 = 50;

/// Draws a trial's runs together; nothing where no probabilities were counted.
///
/// # Errors
/// Errors of the drawing library.
pub fn draw(report: &Report, trial: &Trial) -> Result<Option<Figure>, ReportError> {
    let runs = report.input.runs.iter().filter(|run| run.context.is_same_trial(&trial.context));
    let all = pooled(runs.map(|run| run.reliability.clone()));
    if all.is_empty() {
        return Ok(None);
    }
    let several = all.len() > MOST;
    let curve = |it: &crate::evaluate::reliability::Reliability| Curve {
        name: match it.error() {
            Some(error) => format!("{}: {error:.3}", it.structure),
            None => format!("{}: n/a", it.structure),
        },
        color: if several { None } else { report.color(&it.structure).or(Some([40, 90, 160])) },
        points: it.points(LEAST),
    };
    let mut curves: Vec<Curve> = all.iter().map(curve).collect();
    if several {
        let together = pooled(all.iter().map(|it| {
            let structure = format!("all {} structures", all.len());
            vec![crate::evaluate::reliability::Reliability { structure, ..it.clone() }]
        }));
        curves.extend(together.iter().map(|it| Curve { color: Some([0x00, 0x72, 0xB2]), ..curve(it) }));
    }
    Ok(Some(render(&Reliable { title: titled(report, trial, "Reliability of probabilities"), curves })?))
}

struct Curve {
    /// Structure with its calibration error.
    name: String,
    /// None: one of many, in grey and without a name.
    color: Option<[u8; 3]>,
    /// Mean probability and observed fraction.
    points: Vec<[f64; 2]>,
}

struct Reliable {
    title: String,
    curves: Vec<Curve>,
}

impl Plot for Reliable {
    fn size(&self) -> (u32, u32) {
        (SIZE.0 as u32, SIZE.1 as u32)
    }

    fn draw<DB: DrawingBackend>(&self, canvas: &Canvas<DB>) -> Result<(), FigureError> {
        canvas.text((14.0, 22.0), &fit(&self.title, Text::TITLE, SIZE.0 - 28.0), Text::TITLE)?;
        let note = "diagonal: calibrated; below it: too sure. Numbers: expected calibration error above 1/15";
        canvas.text((14.0, 46.0), note, Text::NOTE)?;
        square::axes(canvas, ["predicted probability", "fraction that belongs to the structure"])?;
        canvas.line(&[at(0.0, 0.0), at(1.0, 1.0)], MUTED.to_rgba(), 1.0)?;
        let x = LEFT + SIDE + 40.0;
        for curve in &self.curves {
            let points: Vec<_> = curve.points.iter().map(|[x, y]| at(*x, *y)).collect();
            let (color, width) = match curve.color {
                Some(color) => (on_white(color).to_rgba(), 2.0),
                None => (MANY.mix(0.5), 1.0),
            };
            canvas.line(&points, color, width)?;
            if curve.color.is_some() {
                points.iter().try_for_each(|point| canvas.dot(*point, 3.5, color))?;
            }
        }
        let named = self.curves.iter().filter_map(|curve| Some((curve, curve.color?)));
        for (row, (curve, color)) in named.enumerate() {
            let y = TOP + 10.0 + row as f64 * 20.0;
            canvas.dot((x, y), 5.0, on_white(color).to_rgba())?;
            canvas.text((x + 14.0, y), &fit(&curve.name, Text::LABEL, SIZE.0 - x - 40.0), Text::LABEL.in_color(INK))?;
        }
        Ok(())
    }
}
