//! How often each competitor has each rank in the resamples (blob plot of challengeR).

use plotters::prelude::*;

use super::axis::Axis;
use super::{RIGHT, ROW, TOP, WIDTH, frame, name_room, names};
use crate::evaluate::rank::{Board, Ranking};
use crate::report::figure::canvas::{Canvas, Text};
use crate::report::figure::palette::{DICE, INK, MUTED};
use crate::report::figure::{FigureError, Plot};

/// The figure.
pub struct Blob<'a> {
    pub ranking: &'a Ranking,
    pub board: &'a Board,
}

/// Radius of a rank that every resample gives.
const RADIUS: f64 = 11.0;

impl Plot for Blob<'_> {
    fn size(&self) -> (u32, u32) {
        (WIDTH as u32, (TOP + 46.0 + ROW * self.board.entries.len() as f64) as u32)
    }

    fn draw<DB: DrawingBackend>(&self, canvas: &Canvas<DB>) -> Result<(), FigureError> {
        let (entries, room) = (&self.board.entries, name_room(self.board));
        let note = "area of a disc: part of the resamples; cross: rank of all cases; line: 95 % of the resamples";
        frame(canvas, &format!("Ranks in {} resamples of the patients", self.ranking.resamples), note)?;
        let axis = Axis::ranks(entries.len(), (room + 14.0, WIDTH - RIGHT - 14.0));
        let y = |row: usize| TOP + ROW * (row as f64 + 0.5);
        axis.draw(canvas, (TOP, TOP + ROW * entries.len() as f64))?;
        names(canvas, entries, room, y)?;
        for (row, entry) in entries.iter().enumerate() {
            if entry.rank_frequencies.is_empty() {
                canvas.text((room + 8.0, y(row)), "one patient: nothing to resample", Text::NOTE.in_color(MUTED))?;
            }
            if let Some([low, high]) = entry.rank_interval {
                canvas.line(&[(axis.x(low), y(row)), (axis.x(high), y(row))], INK.to_rgba(), 1.5)?;
            }
            for (place, frequency) in entry.rank_frequencies.iter().enumerate().filter(|(_, it)| **it > 0.0) {
                let radius = (RADIUS * frequency.sqrt()).max(0.8);
                canvas.dot((axis.x(place as f64 + 1.0), y(row)), radius, DICE.mix(0.75))?;
            }
            let x = axis.x(entry.rank);
            for slope in [-1.0, 1.0] {
                canvas.line(&[(x - 4.0, y(row) - 4.0 * slope), (x + 4.0, y(row) + 4.0 * slope)], INK.to_rgba(), 1.5)?;
            }
        }
        Ok(())
    }
}
