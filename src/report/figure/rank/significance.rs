//! Which competitors are significantly better than which (significance map of challengeR).

use plotters::prelude::*;

use super::{RIGHT, ROW, WIDTH, column_room, columns, frame, name_room, names};
use crate::evaluate::rank::{Board, Pair};
use crate::evaluate::statistics::ALPHA;
use crate::report::figure::canvas::{Canvas, Text};
use crate::report::figure::palette::{DICE, MISSING, MUTED};
use crate::report::figure::{FigureError, Plot};

/// The figure: rows and columns in the order of the board.
pub struct Significance<'a> {
    pub board: &'a Board,
}

/// Whether the first of a pair is significantly better (1) or worse (−1).
fn direction(pair: &Pair) -> i32 {
    match pair.rank_biserial {
        _ if pair.p_holm > ALPHA => 0,
        effect if effect > 0.0 => 1,
        _ => -1,
    }
}

impl Significance<'_> {
    fn top(&self) -> f64 {
        60.0 + column_room(self.board.entries.iter().map(|entry| entry.name.as_str()))
    }
}

impl Plot for Significance<'_> {
    fn size(&self) -> (u32, u32) {
        (WIDTH as u32, (self.top() + ROW * self.board.entries.len() as f64 + 18.0) as u32)
    }

    fn draw<DB: DrawingBackend>(&self, canvas: &Canvas<DB>) -> Result<(), FigureError> {
        let (entries, room, top) = (&self.board.entries, name_room(self.board), self.top());
        let note = "blue: the row is better than the column (Wilcoxon signed-rank, Holm-adjusted p ≤ 0.05); grey: no significant difference";
        frame(canvas, "Significant differences", note)?;
        let cell = ((WIDTH - room - RIGHT) / entries.len() as f64).min(72.0);
        columns(canvas, entries.iter().map(|entry| entry.name.as_str()), (room, cell), (top - 8.0, top - 68.0))?;
        names(canvas, entries, room, |row| top + ROW * (row as f64 + 0.5))?;
        let place = |competitor: usize| entries.iter().position(|entry| entry.competitor == competitor).unwrap_or(0);
        for pair in &self.board.pairs {
            let (first, second, direction) = (place(pair.a), place(pair.b), direction(pair));
            for (row, column, better) in [(first, second, direction == 1), (second, first, direction == -1)] {
                let (x, y) = (room + cell * column as f64, top + ROW * row as f64);
                let color = if better { DICE } else { MISSING };
                canvas.fill((x + 0.5, y + 0.5), (x + cell - 0.5, y + ROW - 0.5), color.to_rgba())?;
                if cell >= 52.0 {
                    let look = Text::NOTE.centred().in_color(if better { WHITE } else { MUTED });
                    let text = if pair.p_holm < 0.001 { "<0.001".to_owned() } else { format!("{:.3}", pair.p_holm) };
                    canvas.text((x + cell / 2.0, y + ROW / 2.0), &text, look)?;
                }
            }
        }
        Ok(())
    }
}
