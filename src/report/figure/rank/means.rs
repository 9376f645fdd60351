//! Means with their confidence intervals, best first.

use plotters::prelude::*;

use super::axis::Axis;
use super::{RIGHT, ROW, TOP, WIDTH, frame, name_room, names};
use crate::evaluate::rank::{Board, Ranking};
use crate::report::figure::canvas::{Canvas, Text};
use crate::report::figure::palette::DICE;
use crate::report::figure::{FigureError, Plot};

/// The figure.
pub struct Means<'a> {
    pub ranking: &'a Ranking,
    pub board: &'a Board,
}

/// Room at the right for the mean and the ranks.
const VALUES: f64 = 150.0;

impl Plot for Means<'_> {
    fn size(&self) -> (u32, u32) {
        (WIDTH as u32, (TOP + 46.0 + ROW * self.board.entries.len() as f64) as u32)
    }

    fn draw<DB: DrawingBackend>(&self, canvas: &Canvas<DB>) -> Result<(), FigureError> {
        let (entries, room) = (&self.board.entries, name_room(self.board));
        let title = format!("Ranking by {}", self.ranking.heading);
        frame(
            canvas,
            &title,
            "mean over cases; line: 95 % confidence interval over patients; right: mean, rank and its 95 % range",
        )?;
        let values = entries.iter().flat_map(|it| it.ci95.into_iter().flatten().chain([it.mean]));
        let axis = Axis::new(values, (room, WIDTH - RIGHT - VALUES));
        let y = |row: usize| TOP + ROW * (row as f64 + 0.5);
        let bottom = TOP + ROW * entries.len() as f64;
        axis.draw(canvas, (TOP, bottom))?;
        names(canvas, entries, room, y)?;
        for (x, text) in [(WIDTH - RIGHT - 90.0, "mean"), (WIDTH - RIGHT, "rank")] {
            canvas.text((x, TOP - 14.0), text, Text::NOTE.right())?;
        }
        for (row, entry) in entries.iter().enumerate() {
            if let Some([low, high]) = entry.ci95 {
                canvas.whisker((axis.x(low), axis.x(high)), y(row))?;
            }
            canvas.dot((axis.x(entry.mean), y(row)), 5.0, DICE.to_rgba())?;
            let mean = self.ranking.metric.unit.show(entry.mean);
            canvas.text((WIDTH - RIGHT - 90.0, y(row)), &mean, Text::LABEL.right())?;
            let range = entry.rank_interval.map_or_else(String::new, |[low, high]| format!(" ({low:.0}–{high:.0})"));
            canvas.text((WIDTH - RIGHT, y(row)), &format!("{:.0}{range}", entry.rank), Text::LABEL.right())?;
        }
        Ok(())
    }
}
