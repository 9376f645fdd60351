//! A horizontal axis over the range of the data.

use plotters::prelude::DrawingBackend;

use crate::report::figure::FigureError;
use crate::report::figure::canvas::{Canvas, Text};

/// A linear axis with round ticks.
#[derive(Clone, Copy, Debug)]
pub struct Axis {
    low: f64,
    high: f64,
    step: f64,
    left: f64,
    right: f64,
}

impl Axis {
    /// An axis over some values, between two places; values that are not finite are left out.
    pub fn new(values: impl Iterator<Item = f64>, (left, right): (f64, f64)) -> Self {
        let finite = values.filter(|value| value.is_finite());
        let (low, high) =
            finite.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), it| (low.min(it), high.max(it)));
        let (low, high) = if low > high { (0.0, 1.0) } else { (low, high) };
        // A single value stands in the middle of a little room.
        let spare = if high - low > 1e-9 { (high - low) * 0.04 } else { low.abs().max(1.0) * 0.05 };
        let step = round_step((high - low + 2.0 * spare) / 6.0);
        Self {
            low: ((low - spare) / step).floor() * step,
            high: ((high + spare) / step).ceil() * step,
            step,
            left,
            right,
        }
    }

    /// An axis from 1 to n ranks.
    pub fn ranks(n: usize, (left, right): (f64, f64)) -> Self {
        let step = round_step((n as f64 / 12.0).max(0.6)).max(1.0);
        Self { low: 1.0, high: (n as f64).max(2.0), step, left, right }
    }

    /// Position of a value; those beyond the ends stand at the ends.
    pub fn x(&self, value: f64) -> f64 {
        let part = (value - self.low) / (self.high - self.low);
        self.left + part.clamp(0.0, 1.0) * (self.right - self.left)
    }

    /// The lowest and the highest value.
    pub fn range(&self) -> [f64; 2] {
        [self.low, self.high]
    }

    /// Grid lines and numbers below.
    pub fn draw<DB: DrawingBackend>(&self, canvas: &Canvas<DB>, (top, bottom): (f64, f64)) -> Result<(), FigureError> {
        let digits = (-self.step.log10().floor()).clamp(0.0, 6.0) as usize;
        let count = ((self.high - self.low) / self.step + 1e-6).floor() as usize;
        for tick in 0..=count {
            let value = self.low + self.step * tick as f64;
            // −0 reads as a mistake.
            let value = if value.abs() < self.step * 1e-6 { 0.0 } else { value };
            canvas.guide((self.x(value), top - 4.0), (self.x(value), bottom + 4.0))?;
            canvas.text((self.x(value), bottom + 18.0), &format!("{value:.digits$}"), Text::NOTE.centred())?;
        }
        Ok(())
    }
}

/// The next of 1, 2, 5, 10, … at or above a number.
fn round_step(least: f64) -> f64 {
    let power = 10f64.powf(least.max(1e-9).log10().floor());
    [1.0, 2.0, 5.0, 10.0].into_iter().map(|it| it * power).find(|it| *it >= least * (1.0 - 1e-9)).unwrap_or(power)
}
