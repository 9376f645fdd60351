//! How much each parameter of a search mattered.

use plotters::prelude::*;

use crate::report::figure::canvas::{Canvas, Text, fit, width};
use crate::report::figure::palette::DICE as COLOR;
use crate::report::figure::{FigureError, Plot};
use crate::report::search::Search;

const WIDTH: f64 = 960.0;
const TOP: f64 = 64.0;
const ROW: f64 = 26.0;
const RIGHT: f64 = 70.0;

/// The figure.
pub struct Importance<'a> {
    /// Names and parts, the largest first.
    rows: Vec<(&'a str, f64)>,
}

impl<'a> Importance<'a> {
    /// `None` without an estimate.
    pub fn new(search: &'a Search) -> Option<Self> {
        let rows = search.parameters.iter().filter_map(|it| Some((it.name.as_str(), it.importance?)));
        let mut rows: Vec<(&str, f64)> = rows.collect();
        rows.sort_by(|a, b| b.1.total_cmp(&a.1));
        (!rows.is_empty()).then_some(Self { rows })
    }

    fn room(&self) -> f64 {
        self.rows.iter().map(|(name, _)| width(name, Text::LABEL)).fold(60.0, f64::max).min(420.0) + 26.0
    }
}

impl Plot for Importance<'_> {
    fn size(&self) -> (u32, u32) {
        (WIDTH as u32, (TOP + ROW * self.rows.len() as f64 + 16.0) as u32)
    }

    fn draw<DB: DrawingBackend>(&self, canvas: &Canvas<DB>) -> Result<(), FigureError> {
        canvas.text((14.0, 20.0), "Which settings mattered", Text::TITLE)?;
        let note = "part of the variance that each explains between the best tenth of the trials and all (PED-ANOVA)";
        canvas.text((14.0, 42.0), note, Text::NOTE)?;
        let left = self.room();
        for (row, (name, part)) in self.rows.iter().enumerate() {
            let y = TOP + ROW * (row as f64 + 0.5);
            canvas.text((left - 10.0, y), &fit(name, Text::LABEL, left - 24.0), Text::LABEL.right())?;
            let right = left + part * (WIDTH - RIGHT - left);
            canvas.fill((left, y - 8.0), (right.max(left + 1.0), y + 8.0), COLOR.to_rgba())?;
            canvas.text((right + 8.0, y), &format!("{:.0} %", part * 100.0), Text::NOTE)?;
        }
        Ok(())
    }
}
