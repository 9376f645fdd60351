//! Layout shared by ranking, distribution and comparison: one row per name, one panel per headline metric.

use plotters::prelude::DrawingBackend;

use super::FigureError;
use super::axis::{Axis, short};
use super::canvas::{Canvas, Text, fit, width};
use crate::evaluate::metric::HEADLINE;

/// Nominal width of every figure with this layout.
pub const WIDTH: f64 = 1000.0;
const TOP: f64 = 92.0;
const BOTTOM: f64 = 46.0;
const GAP: f64 = 34.0;
const RIGHT: f64 = 18.0;

/// Rows of panels, each with the scale of its metric.
#[derive(Clone, Debug)]
pub struct Rows {
    /// Heading.
    pub title: String,
    /// What the marks mean, one line.
    pub note: String,
    /// Names, from top to bottom.
    pub names: Vec<String>,
    /// Height of a row in nominal pixels.
    pub height: f64,
    /// Space at the right of each panel for values, in nominal pixels.
    pub value_room: f64,
    /// Space at the left for names, in nominal pixels: see [`name_room`].
    pub name_room: f64,
    /// Scale of each panel.
    pub axes: Vec<Axis>,
}

/// Space that names take at the left of a figure, in nominal pixels.
pub fn name_room(names: &[String]) -> f64 {
    names.iter().map(|name| width(name, Text::LABEL)).fold(60.0, f64::max).min(380.0) + 26.0
}

impl Rows {
    /// Nominal size of the figure.
    pub fn size(&self) -> (u32, u32) {
        (WIDTH as u32, (TOP + BOTTOM + self.height * self.names.len().max(1) as f64) as u32)
    }

    /// Middle of a row.
    pub fn y(&self, row: usize) -> f64 {
        TOP + self.height * (row as f64 + 0.5)
    }

    /// Position of a value in a panel; panels are counted from the left, and values beyond the scale are moved to its ends.
    pub fn x(&self, panel: usize, value: f64) -> f64 {
        self.left(panel) + self.axes[panel].place(value) * self.panel_width()
    }

    /// Right end of a panel's scale.
    pub fn right(&self, panel: usize) -> f64 {
        self.left(panel) + self.panel_width()
    }

    fn panel_width(&self) -> f64 {
        let panels = HEADLINE.len() as f64;
        (WIDTH - self.name_room - GAP * (panels - 1.0) - RIGHT) / panels - self.value_room
    }

    /// Left end of a panel's scale.
    pub fn left(&self, panel: usize) -> f64 {
        self.name_room + panel as f64 * (self.panel_width() + self.value_room + GAP)
    }

    /// Draws headings, names, grid and scale.
    ///
    /// # Errors
    /// Errors of the backend.
    pub fn draw<DB: DrawingBackend>(&self, canvas: &Canvas<DB>) -> Result<(), FigureError> {
        canvas.text((14.0, 22.0), &fit(&self.title, Text::TITLE, WIDTH - 28.0), Text::TITLE)?;
        canvas.text((14.0, 46.0), &fit(&self.note, Text::NOTE, WIDTH - 28.0), Text::NOTE)?;
        for (panel, metric) in HEADLINE.iter().enumerate() {
            canvas.text((self.left(panel), 74.0), metric.name, Text::HEADING)?;
            self.scale(canvas, panel)?;
        }
        let room = self.name_room - 26.0;
        for (row, name) in self.names.iter().enumerate() {
            let name = fit(name, Text::LABEL, room);
            canvas.text((self.name_room - 10.0, self.y(row)), &name, Text::LABEL.right())?;
        }
        Ok(())
    }

    fn scale<DB: DrawingBackend>(&self, canvas: &Canvas<DB>, panel: usize) -> Result<(), FigureError> {
        let bottom = TOP + self.height * self.names.len().max(1) as f64;
        for value in self.axes[panel].ticks(5.0) {
            let x = self.x(panel, value);
            canvas.guide((x, TOP - 4.0), (x, bottom + 4.0))?;
            canvas.text((x, bottom + 18.0), &short(value), Text::NOTE.centred())?;
        }
        Ok(())
    }
}
