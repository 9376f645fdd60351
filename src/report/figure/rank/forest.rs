//! Paired differences with their confidence intervals (forest plot).

use plotters::prelude::*;

use super::axis::Axis;
use super::{RIGHT, ROW, TOP, WIDTH, frame};
use crate::evaluate::rank::{Board, Pair, Ranking};
use crate::evaluate::statistics::ALPHA;
use crate::report::figure::canvas::{Canvas, Text, fit, width};
use crate::report::figure::palette::{BEST, DICE, GRID, MUTED};
use crate::report::figure::{FigureError, Plot};

/// The figure.
pub struct Forest<'a> {
    pub ranking: &'a Ranking,
    pub board: &'a Board,
}

/// Pairs that are all drawn; of more, those with the first.
const MOST: usize = 21;
/// Room at the right for differences and p-values.
const VALUES: f64 = 190.0;

impl Forest<'_> {
    fn pairs(&self) -> Vec<&Pair> {
        let first = self.board.entries.first().map(|entry| entry.competitor);
        let all = self.board.pairs.len() <= MOST;
        self.board.pairs.iter().filter(|pair| all || Some(pair.a) == first).collect()
    }

    fn name(&self, pair: &Pair) -> String {
        [pair.a, pair.b].map(|place| fit(&self.ranking.competitors[place], Text::LABEL, 168.0)).join(" − ")
    }
}

impl Plot for Forest<'_> {
    fn size(&self) -> (u32, u32) {
        (WIDTH as u32, (TOP + 46.0 + ROW * self.pairs().len() as f64) as u32)
    }

    fn draw<DB: DrawingBackend>(&self, canvas: &Canvas<DB>) -> Result<(), FigureError> {
        let pairs = self.pairs();
        let margin = self.ranking.margin;
        let note = match margin {
            Some(margin) => format!(
                "first minus second; line: 95 % confidence interval; shaded: margin ±{margin}; orange: significant"
            ),
            None => "first minus second; line: 95 % confidence interval; orange: significant".into(),
        };
        frame(canvas, &format!("Paired differences in {}", self.ranking.heading), &note)?;
        let names: Vec<String> = pairs.iter().map(|pair| self.name(pair)).collect();
        let room = names.iter().map(|name| width(name, Text::LABEL)).fold(60.0, f64::max) + 26.0;
        let margins = margin.into_iter().flat_map(|margin| [-margin, margin]);
        let values = pairs.iter().flat_map(|it| it.ci95.into_iter().flatten().chain([it.difference]));
        let axis = Axis::new(values.chain(margins).chain([0.0]), (room, WIDTH - RIGHT - VALUES));
        let bottom = TOP + ROW * pairs.len() as f64;
        if let Some(margin) = margin {
            canvas.fill((axis.x(-margin), TOP), (axis.x(margin), bottom), GRID.mix(0.7))?;
        }
        axis.draw(canvas, (TOP, bottom))?;
        canvas.dashed((axis.x(0.0), TOP), (axis.x(0.0), bottom), MUTED.to_rgba())?;
        for (x, text) in [(WIDTH - RIGHT - 100.0, "difference"), (WIDTH - RIGHT, "p (Holm)")] {
            canvas.text((x, TOP - 14.0), text, Text::NOTE.right())?;
        }
        for (row, (pair, name)) in pairs.iter().zip(&names).enumerate() {
            let y = TOP + ROW * (row as f64 + 0.5);
            canvas.text((room - 10.0, y), name, Text::LABEL.right())?;
            if let Some([low, high]) = pair.ci95 {
                canvas.whisker((axis.x(low), axis.x(high)), y)?;
            }
            let color = if pair.p_holm <= ALPHA { BEST } else { DICE };
            canvas.dot((axis.x(pair.difference), y), 5.0, color.to_rgba())?;
            canvas.text((WIDTH - RIGHT - 100.0, y), &format!("{:+.3}", pair.difference), Text::LABEL.right())?;
            let p = if pair.p_holm < 0.001 { "<0.001".to_owned() } else { format!("{:.3}", pair.p_holm) };
            canvas.text((WIDTH - RIGHT, y), &p, Text::LABEL.right())?;
        }
        Ok(())
    }
}
