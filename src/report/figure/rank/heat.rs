//! Means of every structure and competitor as a heat map.

use plotters::prelude::*;

use super::{RIGHT, ROW, WIDTH, column_room, columns, frame};
use crate::evaluate::metric::Unit;
use crate::evaluate::rank::{Board, Ranking};
use crate::report::figure::canvas::{Canvas, Text, fit, width};
use crate::report::figure::palette::{BEST, sequential, text_on};
use crate::report::figure::{FigureError, Plot};

/// The figure.
pub struct Heat<'a> {
    ranking: &'a Ranking,
    /// Names of the columns, in the order of the overall board.
    columns: Vec<&'a str>,
    /// Name and means of each row.
    rows: Vec<(&'a str, Vec<f64>)>,
}

impl<'a> Heat<'a> {
    /// The boards after the first, which is over all structures.
    pub fn new(ranking: &'a Ranking, overall: &'a Board) -> Self {
        let order: Vec<usize> = overall.entries.iter().map(|entry| entry.competitor).collect();
        let row = |board: &'a Board| {
            let mean = |competitor: &usize| board.entries.iter().find(|entry| entry.competitor == *competitor);
            (board.over.name.as_str(), order.iter().filter_map(|it| Some(mean(it)?.mean)).collect())
        };
        let columns = overall.entries.iter().map(|entry| entry.name.as_str()).collect();
        Self { ranking, columns, rows: ranking.boards.iter().skip(1).map(row).collect() }
    }

    fn room(&self) -> f64 {
        self.rows.iter().map(|(name, _)| width(name, Text::LABEL)).fold(60.0, f64::max).min(330.0) + 26.0
    }

    fn top(&self) -> f64 {
        60.0 + column_room(self.columns.iter().copied())
    }

    /// Darkness of a value: itself for ratios, else its place between the worst and the best mean.
    fn darkness(&self, value: f64, [low, high]: [f64; 2]) -> f64 {
        let merit = self.ranking.metric.merit(value);
        match self.ranking.metric.unit {
            Unit::Ratio => value,
            _ if high > low => 0.1 + 0.8 * (merit - low) / (high - low),
            _ => 0.5,
        }
    }
}

impl Plot for Heat<'_> {
    fn size(&self) -> (u32, u32) {
        (WIDTH as u32, (self.top() + ROW * self.rows.len() as f64 + 18.0) as u32)
    }

    fn draw<DB: DrawingBackend>(&self, canvas: &Canvas<DB>) -> Result<(), FigureError> {
        let metric = self.ranking.metric;
        frame(
            canvas,
            &format!("{} per structure", self.ranking.heading),
            "darker is better; bold or dot: best of the row",
        )?;
        let (room, top) = (self.room(), self.top());
        let cell = ((WIDTH - room - RIGHT) / self.columns.len().max(1) as f64).min(120.0);
        columns(canvas, self.columns.iter().copied(), (room, cell), (top - 8.0, top - 68.0))?;
        let merits = || self.rows.iter().flat_map(|(_, means)| means).map(|mean| metric.merit(*mean));
        let range = [merits().fold(f64::INFINITY, f64::min), merits().fold(f64::NEG_INFINITY, f64::max)];
        for (row, (name, means)) in self.rows.iter().enumerate() {
            let y = top + ROW * row as f64;
            canvas.text((room - 10.0, y + ROW / 2.0), &fit(name, Text::LABEL, room - 26.0), Text::LABEL.right())?;
            let best = means.iter().map(|mean| metric.merit(*mean)).fold(f64::NEG_INFINITY, f64::max);
            for (column, mean) in means.iter().enumerate() {
                let x = room + cell * column as f64;
                let color = sequential(self.darkness(*mean, range));
                canvas.fill((x + 0.5, y + 0.5), (x + cell - 0.5, y + ROW - 0.5), color.to_rgba())?;
                let (middle, bold) = ((x + cell / 2.0, y + ROW / 2.0), metric.merit(*mean) >= best);
                let text = metric.unit.show(*mean);
                let look = Text { bold, ..Text::NOTE.centred().in_color(text_on(color)) };
                if width(&text, look) + 6.0 <= cell {
                    canvas.text(middle, &text, look)?;
                } else if bold {
                    canvas.dot(middle, 2.5, BEST.to_rgba())?;
                }
            }
        }
        Ok(())
    }
}
