//! Structures from best to worst: mean Dice and IoU as bars with their confidence intervals.

use plotters::prelude::*;

use super::canvas::{Canvas, Text};
use super::palette::{DICE, IOU, MUTED};
use super::rows::{Rows, name_room};
use super::{FigureError, Plot};
use crate::evaluate::{Statistics, StructureSummary, Summary};

/// Horizontal bars, one row per structure, sorted by mean Dice; structures without a value come last.
#[derive(Clone, Debug)]
pub struct Ranking {
    rows: Rows,
    structures: Vec<StructureSummary>,
}

impl Ranking {
    /// The ranking of one set of scores.
    pub fn new(title: &str, summary: &Summary) -> Self {
        let mut structures = summary.structures.clone();
        structures.sort_by(|a, b| mean(b).total_cmp(&mean(a)).then_with(|| a.name.cmp(&b.name)));
        let names: Vec<String> = structures.iter().map(|structure| structure.name.clone()).collect();
        let rows = Rows {
            title: title.to_owned(),
            note: "mean over cases; line: 95 % confidence interval (bootstrap over cases)".to_owned(),
            name_room: name_room(&names),
            names,
            height: 24.0,
            value_room: 48.0,
        };
        Self { rows, structures }
    }

    fn bar<DB: DrawingBackend>(
        &self,
        canvas: &Canvas<DB>,
        (panel, row): (usize, usize),
        statistics: Option<&Statistics>,
    ) -> Result<(), FigureError> {
        let y = self.rows.y(row);
        let value_x = self.rows.x(panel, 1.0) + 44.0;
        let Some(statistics) = statistics else {
            return canvas.text((value_x, y), "n/a", Text::LABEL.right().in_color(MUTED));
        };
        let color = if panel == 0 { DICE } else { IOU };
        let end = self.rows.x(panel, statistics.mean);
        canvas.fill((self.rows.x(panel, 0.0), y - 7.0), (end, y + 7.0), color.to_rgba())?;
        if let Some([low, high]) = statistics.ci95 {
            canvas.whisker((self.rows.x(panel, low), self.rows.x(panel, high)), y)?;
        }
        canvas.text((value_x, y), &format!("{:.3}", statistics.mean), Text::LABEL.right())
    }
}

/// Sorting key: undefined means stand below every value.
fn mean(structure: &StructureSummary) -> f64 {
    structure.dice.map_or(f64::NEG_INFINITY, |dice| dice.mean)
}

impl Plot for Ranking {
    fn size(&self) -> (u32, u32) {
        self.rows.size()
    }

    fn draw<DB: DrawingBackend>(&self, canvas: &Canvas<DB>) -> Result<(), FigureError> {
        self.rows.draw(canvas)?;
        for (row, structure) in self.structures.iter().enumerate() {
            self.bar(canvas, (0, row), structure.dice.as_ref())?;
            self.bar(canvas, (1, row), structure.iou.as_ref())?;
        }
        Ok(())
    }
}
