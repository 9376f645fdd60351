//! A square from 0 to 1 along both axes, with room for a legend to its right.

use plotters::prelude::*;

use super::FigureError;
use super::canvas::{Canvas, Text};

/// Width and height of the figure.
pub(super) const SIZE: (f64, f64) = (1000.0, 640.0);
pub(super) const LEFT: f64 = 70.0;
pub(super) const TOP: f64 = 66.0;
/// Edge of the square.
pub(super) const SIDE: f64 = 510.0;

/// Position of a pair of numbers, clipped to the square.
pub(super) fn at(x: f64, y: f64) -> (f64, f64) {
    (LEFT + x.clamp(0.0, 1.0) * SIDE, TOP + (1.0 - y.clamp(0.0, 1.0)) * SIDE)
}

/// Grid, numbers and names of both axes.
pub(super) fn axes<DB: DrawingBackend>(canvas: &Canvas<DB>, [x, y]: [&str; 2]) -> Result<(), FigureError> {
    for tick in 0..=5 {
        let value = f64::from(tick) / 5.0;
        let text = format!("{value:.1}");
        canvas.guide(at(value, 0.0), at(value, 1.0))?;
        canvas.guide(at(0.0, value), at(1.0, value))?;
        canvas.text((at(value, 0.0).0, TOP + SIDE + 16.0), &text, Text::NOTE.centred())?;
        canvas.text((LEFT - 8.0, at(0.0, value).1), &text, Text::NOTE.right())?;
    }
    canvas.text((LEFT + SIDE / 2.0, TOP + SIDE + 40.0), x, Text::HEADING.centred())?;
    let upwards = Text { upwards: true, ..Text::HEADING.centred() };
    canvas.text((22.0, TOP + SIDE / 2.0), y, upwards)
}
