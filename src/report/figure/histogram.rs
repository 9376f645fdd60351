//! Histogram of Dice over cases and structures.

use plotters::prelude::*;

use super::axis::{Axis, short};
use super::canvas::{Canvas, Text, fit};
use super::list::titled;
use super::palette::DICE as COLOR;
use super::{Figure, FigureError, Plot, render};
use crate::evaluate::{DICE, Trial};
use crate::report::{Report, ReportError};

const SIZE: (f64, f64) = (640.0, 560.0);
const LEFT: f64 = 74.0;
const RIGHT: f64 = 20.0;
const TOP: f64 = 76.0;
const BOTTOM: f64 = 76.0;
/// Bins from 0 to 1: steps of 0.02.
const BINS: usize = 50;

/// Draws how many cases and structures have which Dice.
///
/// # Errors
/// Errors of the drawing library.
pub fn draw(report: &Report, trial: &Trial) -> Result<Figure, ReportError> {
    let values: Vec<f64> = trial.values(DICE)?.concat();
    Ok(render(&Histogram::new(titled(report, trial, "Histogram of Dice"), &values))?)
}

#[derive(Clone, Debug)]
struct Histogram {
    title: String,
    note: String,
    counts: Vec<usize>,
    x: Axis,
}

impl Histogram {
    fn new(title: String, values: &[f64]) -> Self {
        let mut counts = vec![0; BINS];
        for value in values {
            counts[((value * BINS as f64 + 1e-9) as usize).min(BINS - 1)] += 1;
        }
        let zero = values.iter().filter(|value| **value == 0.0).count();
        let note = format!("cases and structures (means over seeds), n = {}; exactly 0: {zero}", values.len());
        Self { title, note, counts, x: Axis::of_ratios(values.iter().copied()) }
    }

    fn x(&self, value: f64) -> f64 {
        LEFT + self.x.place(value) * (SIZE.0 - LEFT - RIGHT)
    }
}

impl Plot for Histogram {
    fn size(&self) -> (u32, u32) {
        (SIZE.0 as u32, SIZE.1 as u32)
    }

    fn draw<DB: DrawingBackend>(&self, canvas: &Canvas<DB>) -> Result<(), FigureError> {
        canvas.text((14.0, 20.0), &fit(&self.title, Text::TITLE, SIZE.0 - 28.0), Text::TITLE)?;
        canvas.text((14.0, 42.0), &fit(&self.note, Text::NOTE, SIZE.0 - 28.0), Text::NOTE)?;
        let most = self.counts.iter().copied().max().unwrap_or(0).max(1) as f64;
        let y = |count: f64| SIZE.1 - BOTTOM - count / most * (SIZE.1 - TOP - BOTTOM);
        for tick in super::axis::ticks(0.0, most, 6.0).into_iter().filter(|tick| tick.fract() == 0.0) {
            canvas.guide((LEFT, y(tick)), (SIZE.0 - RIGHT, y(tick)))?;
            canvas.text((LEFT - 8.0, y(tick)), &short(tick), Text::NOTE.right())?;
        }
        for tick in self.x.ticks(6.0) {
            canvas.text((self.x(tick), y(0.0) + 16.0), &short(tick), Text::NOTE.centred())?;
        }
        for (bin, count) in self.counts.iter().enumerate().filter(|(_, count)| **count > 0) {
            let [from, to] = [bin, bin + 1].map(|edge| self.x(edge as f64 / BINS as f64));
            canvas.fill((from + 0.5, y(*count as f64)), (to.max(from + 1.5) - 0.5, y(0.0)), COLOR.to_rgba())?;
        }
        canvas.text(((LEFT + SIZE.0 - RIGHT) / 2.0, y(0.0) + 42.0), DICE.name, Text::LABEL.centred())?;
        let upwards = Text { upwards: true, ..Text::LABEL.centred() };
        canvas.text((16.0, (TOP + y(0.0)) / 2.0), "cases × structures", upwards)
    }
}
