//! Mean ranks, with bars that join what is not significantly different (critical-difference diagram, Demšar 2006; by Wilcoxon signed-rank
//! tests, Benavoli et al. 2016).

use plotters::prelude::*;

use super::axis::Axis;
use super::{RIGHT, ROW, TOP, WIDTH, frame, name_room, names};
use crate::evaluate::rank::{Board, Entry};
use crate::evaluate::statistics::ALPHA;
use crate::report::figure::canvas::{Canvas, Text};
use crate::report::figure::palette::{BEST, DICE};
use crate::report::figure::{FigureError, Plot};

/// The figure.
pub struct Difference<'a> {
    pub board: &'a Board,
}

/// Room for the bars at the right.
const BARS: f64 = 170.0;

impl Difference<'_> {
    /// By mean rank.
    fn ordered(&self) -> Vec<Entry> {
        let mut entries = self.board.entries.clone();
        entries.sort_by(|a, b| a.mean_rank.total_cmp(&b.mean_rank));
        entries
    }

    /// The largest runs of rows within which no pair differs significantly, from … to ….
    pub(super) fn cliques(&self, entries: &[Entry]) -> Vec<(usize, usize)> {
        let differ = |a: usize, b: usize| {
            let (a, b) = (entries[a].competitor, entries[b].competitor);
            let found = self.board.pairs.iter().find(|pair| (pair.a, pair.b) == (a, b) || (pair.a, pair.b) == (b, a));
            found.is_some_and(|pair| pair.p_holm <= ALPHA)
        };
        let mut cliques: Vec<(usize, usize)> = Vec::new();
        for from in 0..entries.len() {
            let mut to = from;
            while to + 1 < entries.len() && (from..=to).all(|row| !differ(row, to + 1)) {
                to += 1;
            }
            if to > from && cliques.last().is_none_or(|(_, last)| to > *last) {
                cliques.push((from, to));
            }
        }
        cliques
    }
}

impl Plot for Difference<'_> {
    fn size(&self) -> (u32, u32) {
        (WIDTH as u32, (TOP + 46.0 + ROW * self.board.entries.len() as f64) as u32)
    }

    fn draw<DB: DrawingBackend>(&self, canvas: &Canvas<DB>) -> Result<(), FigureError> {
        let (entries, room) = (self.ordered(), name_room(self.board));
        frame(
            canvas,
            "Critical differences",
            "dot: mean rank over cases, 1 is best; bars: no significant difference between the joined ones",
        )?;
        let axis = Axis::ranks(entries.len(), (room + 6.0, WIDTH - RIGHT - BARS - 44.0));
        let y = |row: usize| TOP + ROW * (row as f64 + 0.5);
        axis.draw(canvas, (TOP, TOP + ROW * entries.len() as f64))?;
        names(canvas, &entries, room, y)?;
        for (row, entry) in entries.iter().enumerate() {
            canvas.dot((axis.x(entry.mean_rank), y(row)), 5.0, DICE.to_rgba())?;
            let x = WIDTH - RIGHT - BARS - 6.0;
            canvas.text((x, y(row)), &format!("{:.2}", entry.mean_rank), Text::LABEL.right())?;
        }
        let cliques = self.cliques(&entries);
        let gap = (BARS / cliques.len().max(1) as f64).min(16.0);
        for (lane, (from, to)) in cliques.into_iter().enumerate() {
            let x = WIDTH - RIGHT - BARS + gap * (lane as f64 + 0.5);
            canvas.line(&[(x, y(from) - 8.0), (x, y(to) + 8.0)], BEST.to_rgba(), (gap / 3.0).clamp(1.0, 5.0))?;
        }
        Ok(())
    }
}
