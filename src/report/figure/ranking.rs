//! Structures from best to worst: mean Dice and IoU with their confidence intervals.

use plotters::prelude::*;

use polars::prelude::DataFrame;

use super::axis::Axis;
use super::canvas::{Canvas, Text};
use super::list::titled;
use super::palette::{MUTED, of_panel};
use super::rows::{Rows, name_room};
use super::{Figure, FigureError, Plot, render};
use crate::evaluate::frame::{self, Row};
use crate::evaluate::metric::HEADLINE;
use crate::evaluate::{Statistics, Trial};
use crate::report::{Report, ReportError};

/// Draws the ranking of a trial's structures.
///
/// # Errors
/// Errors of the drawing library.
pub fn draw(report: &Report, trial: &Trial) -> Result<Figure, ReportError> {
    Ok(render(&Ranking::new(&titled(report, trial, "Structures, best first"), &trial.summary.structures))?)
}

/// One row per structure, sorted by mean Dice; structures without a value come last.
#[derive(Clone, Debug)]
struct Ranking {
    rows: Rows,
    /// By structure and panel.
    structures: Vec<Vec<Option<Statistics>>>,
}

impl Ranking {
    /// The ranking of a summary's structures.
    fn new(title: &str, structures: &DataFrame) -> Self {
        let mut ranked: Vec<Row> = frame::rows(structures).collect();
        ranked.sort_by(|a, b| merit(b).total_cmp(&merit(a)).then_with(|| a.text("structure").cmp(b.text("structure"))));
        let names: Vec<String> = ranked.iter().map(|row| row.text("structure").to_owned()).collect();
        let panels = |row: &Row| HEADLINE.iter().map(|metric| row.statistics(*metric)).collect();
        let structures: Vec<Vec<Option<Statistics>>> = ranked.iter().map(panels).collect();
        let note = match structures.iter().flatten().flatten().any(|it| it.ci95.is_some()) {
            true => "mean over cases; line: 95 % confidence interval (BCa bootstrap over patients)",
            false => "mean over cases, which are too few for confidence intervals",
        };
        let rows = Rows {
            title: title.to_owned(),
            note: note.to_owned(),
            name_room: name_room(&names),
            names,
            height: 24.0,
            value_room: 48.0,
            axes: Vec::new(),
        };
        let ends = |panel: usize| {
            structures.iter().filter_map(move |it| it[panel]).flat_map(|it| it.ci95.unwrap_or([it.mean; 2]))
        };
        let axes = (0..HEADLINE.len()).map(|panel| Axis::of_ratios(ends(panel))).collect();
        Self { rows: Rows { axes, ..rows }, structures }
    }

    fn bar<DB: DrawingBackend>(
        &self,
        canvas: &Canvas<DB>,
        (panel, row): (usize, usize),
        statistics: Option<&Statistics>,
    ) -> Result<(), FigureError> {
        let y = self.rows.y(row);
        let value_x = self.rows.right(panel) + 44.0;
        let Some(statistics) = statistics else {
            return canvas.text((value_x, y), "n/a", Text::LABEL.right().in_color(MUTED));
        };
        let end = self.rows.x(panel, statistics.mean);
        // A bar would have to start at 0, and the scale does not.
        canvas.fill((self.rows.left(panel), y - 1.0), (end, y + 1.0), of_panel(panel).mix(0.35))?;
        if let Some([low, high]) = statistics.ci95 {
            canvas.whisker((self.rows.x(panel, low), self.rows.x(panel, high)), y)?;
        }
        canvas.dot((end, y), 5.0, of_panel(panel).to_rgba())?;
        canvas.text((value_x, y), &format!("{:.3}", statistics.mean), Text::LABEL.right())
    }
}

/// Sorting key: undefined means sort below every value.
fn merit(structure: &Row) -> f64 {
    let metric = HEADLINE[0];
    structure.statistics(metric).map_or(f64::NEG_INFINITY, |it| metric.merit(it.mean))
}

impl Plot for Ranking {
    fn size(&self) -> (u32, u32) {
        self.rows.size()
    }

    fn draw<DB: DrawingBackend>(&self, canvas: &Canvas<DB>) -> Result<(), FigureError> {
        self.rows.draw(canvas)?;
        for (row, structure) in self.structures.iter().enumerate() {
            for (panel, statistics) in structure.iter().enumerate() {
                self.bar(canvas, (panel, row), statistics.as_ref())?;
            }
        }
        Ok(())
    }
}
