//! Dice against IoU: cases lie on the curve IoU = D / (2 − D); means lie above it, the further the wider the cases are spread.

use std::collections::BTreeSet;

use plotters::prelude::*;

use super::canvas::{Canvas, Text, fit};
use super::distribution::{Spread, spreads};
use super::list::titled;
use super::palette::{INK, MUTED, on_white};
use super::square::{self, LEFT, SIDE, SIZE, TOP, at};
use super::{Figure, FigureError, Plot, render};
use crate::evaluate::frame::mean;
use crate::evaluate::{DICE, IOU, Trial};
use crate::report::{Report, ReportError};

/// Maximum number of legend entries: with more, the legend would be longer than the chart.
const MAX_NAMES: usize = 24;

/// Draws Dice against IoU of a trial's cases.
///
/// # Errors
/// Errors of the drawing library.
pub fn draw(report: &Report, trial: &Trial) -> Result<Figure, ReportError> {
    let spreads = spreads(report, trial, &[DICE, IOU])?;
    Ok(render(&Scatter { title: titled(report, trial, "Dice against IoU"), spreads })?)
}

/// Every case as a dot, every structure's mean as a ring.
#[derive(Clone, Debug)]
struct Scatter {
    title: String,
    spreads: Vec<Spread>,
}

impl Scatter {
    fn cases<DB: DrawingBackend>(&self, canvas: &Canvas<DB>) -> Result<(), FigureError> {
        // Coinciding dots are drawn once, which bounds the size of the file.
        let mut drawn = BTreeSet::new();
        for (index, spread) in self.spreads.iter().enumerate() {
            let [dice, iou] = spread.values.as_slice() else { continue };
            for (dice, iou) in dice.iter().zip(iou) {
                let (x, y) = at(*dice, *iou);
                if drawn.insert((index, x.round() as i64, y.round() as i64)) {
                    canvas.dot((x, y), 2.5, on_white(spread.color).mix(0.35))?;
                }
            }
        }
        Ok(())
    }

    fn means<DB: DrawingBackend>(&self, canvas: &Canvas<DB>) -> Result<(), FigureError> {
        for spread in &self.spreads {
            let [dice, iou] = spread.values.as_slice() else { continue };
            let Some((dice, iou)) = mean(dice).zip(mean(iou)) else { continue };
            let place = at(dice, iou);
            canvas.dot(place, 7.0, WHITE.to_rgba())?;
            canvas.dot(place, 6.0, INK.to_rgba())?;
            canvas.dot(place, 4.5, on_white(spread.color).to_rgba())?;
        }
        Ok(())
    }

    fn legend<DB: DrawingBackend>(&self, canvas: &Canvas<DB>) -> Result<(), FigureError> {
        let x = LEFT + SIDE + 40.0;
        let room = SIZE.0 - x - 40.0;
        for (row, spread) in self.spreads.iter().take(MAX_NAMES).enumerate() {
            let y = TOP + 10.0 + row as f64 * 20.0;
            canvas.dot((x, y), 5.0, on_white(spread.color).to_rgba())?;
            canvas.text((x + 14.0, y), &fit(&spread.name, Text::LABEL, room), Text::LABEL)?;
        }
        if let Some(more) = self.spreads.len().checked_sub(MAX_NAMES).filter(|more| *more > 0) {
            let y = TOP + 10.0 + MAX_NAMES as f64 * 20.0;
            canvas.text((x, y), &format!("and {more} more"), Text::NOTE)?;
        }
        Ok(())
    }
}

impl Plot for Scatter {
    fn size(&self) -> (u32, u32) {
        (SIZE.0 as u32, SIZE.1 as u32)
    }

    fn draw<DB: DrawingBackend>(&self, canvas: &Canvas<DB>) -> Result<(), FigureError> {
        canvas.text((14.0, 22.0), &fit(&self.title, Text::TITLE, SIZE.0 - 28.0), Text::TITLE)?;
        canvas.text(
            (14.0, 46.0),
            "dot: a case (mean over its seeds); ring: mean of a structure; curve: IoU = D / (2 − D)",
            Text::NOTE,
        )?;
        square::axes(canvas, [DICE.name, IOU.name])?;
        let curve: Vec<_> = (0..=100).map(|step| f64::from(step) / 100.0).map(|d| at(d, d / (2.0 - d))).collect();
        canvas.line(&curve, MUTED.to_rgba(), 1.0)?;
        self.cases(canvas)?;
        self.means(canvas)?;
        self.legend(canvas)
    }
}
