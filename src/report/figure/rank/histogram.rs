//! Histograms of the cases' values, one row per competitor.

use plotters::prelude::*;

use super::axis::Axis;
use super::{RIGHT, TOP, WIDTH, frame, name_room, names};
use crate::evaluate::rank::{Board, Ranking};
use crate::report::figure::canvas::{Canvas, Text};
use crate::report::figure::palette::{BEST, DICE};
use crate::report::figure::{FigureError, Plot};

/// The figure.
pub struct Histograms<'a> {
    ranking: &'a Ranking,
    board: &'a Board,
    axis: Axis,
    /// Number of cases per interval, by row.
    counts: Vec<Vec<usize>>,
}

const BINS: usize = 40;
const HEIGHT: f64 = 44.0;

impl<'a> Histograms<'a> {
    /// Intervals of equal width over the range of all values.
    pub fn new(ranking: &'a Ranking, board: &'a Board) -> Self {
        let room = name_room(board);
        let axis = Axis::new(ranking.values.iter().flatten().copied(), (room, WIDTH - RIGHT - 70.0));
        let [low, high] = axis.range();
        let count = |values: &Vec<f64>| {
            let mut counts = vec![0; BINS];
            for value in values {
                let place = ((value - low) / (high - low) * BINS as f64) as usize;
                counts[place.min(BINS - 1)] += 1;
            }
            counts
        };
        let counts = board.entries.iter().map(|entry| count(&ranking.values[entry.competitor])).collect();
        Self { ranking, board, axis, counts }
    }
}

impl Plot for Histograms<'_> {
    fn size(&self) -> (u32, u32) {
        (WIDTH as u32, (TOP + 46.0 + HEIGHT * self.counts.len() as f64) as u32)
    }

    fn draw<DB: DrawingBackend>(&self, canvas: &Canvas<DB>) -> Result<(), FigureError> {
        let (entries, room) = (&self.board.entries, name_room(self.board));
        frame(
            canvas,
            &format!("{} of every case", self.ranking.heading),
            "bars: number of cases, to one scale; dot: mean; right: most cases in a bar",
        )?;
        let base = |row: usize| TOP + HEIGHT * (row as f64 + 1.0) - 4.0;
        self.axis.draw(canvas, (TOP, TOP + HEIGHT * entries.len() as f64))?;
        names(canvas, entries, room, |row| base(row) - HEIGHT / 2.0 + 4.0)?;
        let most = self.counts.iter().flatten().copied().max().unwrap_or(0).max(1);
        let [low, high] = self.axis.range();
        let edge = |bin: usize| self.axis.x(low + (high - low) * bin as f64 / BINS as f64);
        for (row, (counts, entry)) in self.counts.iter().zip(entries).enumerate() {
            for (bin, count) in counts.iter().enumerate().filter(|(_, count)| **count > 0) {
                let top = base(row) - (HEIGHT - 10.0) * *count as f64 / most as f64;
                canvas.fill((edge(bin) + 0.5, top), (edge(bin + 1) - 0.5, base(row)), DICE.mix(0.75))?;
            }
            canvas.guide((room, base(row)), (self.axis.x(high), base(row)))?;
            canvas.dot((self.axis.x(entry.mean), base(row)), 3.5, BEST.to_rgba())?;
            let text = counts.iter().max().copied().unwrap_or(0).to_string();
            canvas.text((WIDTH - RIGHT, base(row) - HEIGHT / 2.0 + 4.0), &text, Text::NOTE.right())?;
        }
        Ok(())
    }
}
