//! Drawing primitives of the figures, in nominal pixels.

use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::FigureError;
use super::palette::{GRID, INK, MUTED};

/// Drawn pixels per nominal pixel.
pub const SCALE: u32 = 2;

/// A drawing area addressed in nominal pixels from the upper left corner.
pub struct Canvas<'a, DB: DrawingBackend> {
    area: &'a DrawingArea<DB, Shift>,
    /// Downward shift of texts as a fraction of their size: backends disagree on the vertical middle of a text.
    drop: f64,
}

/// Style and anchor of a text.
#[derive(Clone, Copy)]
pub struct Text {
    /// Height of a line in nominal pixels.
    pub size: f64,
    /// Colour.
    pub color: RGBColor,
    /// Bold face.
    pub bold: bool,
    /// Horizontal anchor; the vertical one is the middle.
    pub anchor: HPos,
    /// Rotated to read upwards.
    pub upwards: bool,
}

impl Text {
    /// Heading of a figure.
    pub const TITLE: Self = Self { size: 19.0, color: INK, bold: true, anchor: HPos::Left, upwards: false };
    /// Heading of a part of a figure.
    pub const HEADING: Self = Self { size: 15.0, bold: true, ..Self::TITLE };
    /// Names and values.
    pub const LABEL: Self = Self { size: 14.0, bold: false, ..Self::TITLE };
    /// Ticks and notes.
    pub const NOTE: Self = Self { size: 13.0, color: MUTED, bold: false, anchor: HPos::Left, upwards: false };

    /// The same, anchored at the middle.
    pub const fn centred(self) -> Self {
        Self { anchor: HPos::Center, ..self }
    }

    /// The same, anchored at the right end.
    pub const fn right(self) -> Self {
        Self { anchor: HPos::Right, ..self }
    }

    /// The same in another colour.
    pub const fn in_color(self, color: RGBColor) -> Self {
        Self { color, ..self }
    }

    fn style(self) -> TextStyle<'static> {
        let face = if self.bold { FontStyle::Bold } else { FontStyle::Normal };
        let font = FontDesc::new(FontFamily::SansSerif, self.size * f64::from(SCALE), face);
        let font = if self.upwards { font.transform(FontTransform::Rotate270) } else { font };
        TextStyle { color: self.color.to_backend_color(), ..TextStyle::from(font) }
            .pos(Pos::new(self.anchor, VPos::Center))
    }
}

impl<'a, DB: DrawingBackend> Canvas<'a, DB> {
    pub(super) fn new(area: &'a DrawingArea<DB, Shift>, drop: f64) -> Self {
        Self { area, drop }
    }

    /// Writes one line of text.
    ///
    /// # Errors
    /// Errors of the backend.
    pub fn text(&self, at: (f64, f64), text: &str, look: Text) -> Result<(), FigureError> {
        let drop = self.drop * look.size;
        let at = if look.upwards { (at.0 + drop, at.1) } else { (at.0, at.1 + drop) };
        self.area.draw_text(text, &look.style(), pixel(at)).map_err(FigureError::of)
    }

    /// A line through points, `width` nominal pixels wide.
    ///
    /// # Errors
    /// Errors of the backend.
    pub fn line(&self, points: &[(f64, f64)], color: RGBAColor, width: f64) -> Result<(), FigureError> {
        let points: Vec<_> = points.iter().copied().map(pixel).collect();
        let stroke = (width * f64::from(SCALE)).round().max(1.0) as u32;
        self.area.draw(&PathElement::new(points, color.stroke_width(stroke))).map_err(FigureError::of)
    }

    /// A straight hairline in the grid's colour.
    ///
    /// # Errors
    /// Errors of the backend.
    pub fn guide(&self, from: (f64, f64), to: (f64, f64)) -> Result<(), FigureError> {
        self.line(&[from, to], GRID.to_rgba(), 1.0)
    }

    /// A dashed straight line.
    ///
    /// # Errors
    /// Errors of the backend.
    pub fn dashed(&self, from: (f64, f64), to: (f64, f64), color: RGBAColor) -> Result<(), FigureError> {
        let length = (to.0 - from.0).hypot(to.1 - from.1);
        let dashes = (length / 8.0).floor() as usize;
        let at = |distance: f64| {
            let part = (distance / length).min(1.0);
            (from.0 + (to.0 - from.0) * part, from.1 + (to.1 - from.1) * part)
        };
        (0..=dashes).try_for_each(|dash| {
            let start = dash as f64 * 8.0;
            self.line(&[at(start), at(start + 4.5)], color, 1.0)
        })
    }

    /// A filled rectangle between two corners.
    ///
    /// # Errors
    /// Errors of the backend.
    pub fn fill(&self, from: (f64, f64), to: (f64, f64), color: RGBAColor) -> Result<(), FigureError> {
        self.area.draw(&Rectangle::new([pixel(from), pixel(to)], color.filled())).map_err(FigureError::of)
    }

    /// The outline of a rectangle.
    ///
    /// # Errors
    /// Errors of the backend.
    pub fn outline(&self, from: (f64, f64), to: (f64, f64), color: RGBAColor) -> Result<(), FigureError> {
        let corners = [from, (to.0, from.1), to, (from.0, to.1), from];
        self.line(&corners, color, 1.0)
    }

    /// A horizontal line with end caps, for an interval.
    ///
    /// # Errors
    /// Errors of the backend.
    pub fn whisker(&self, (low, high): (f64, f64), y: f64) -> Result<(), FigureError> {
        self.line(&[(low, y), (high, y)], INK.to_rgba(), 1.5)?;
        [low, high].into_iter().try_for_each(|x| self.line(&[(x, y - 4.0), (x, y + 4.0)], INK.to_rgba(), 1.5))
    }

    /// A filled disc.
    ///
    /// # Errors
    /// Errors of the backend.
    pub fn dot(&self, at: (f64, f64), radius: f64, color: RGBAColor) -> Result<(), FigureError> {
        let radius = (radius * f64::from(SCALE)).round() as i32;
        self.area.draw(&Circle::new(pixel(at), radius, color.filled())).map_err(FigureError::of)
    }
}

/// Width of a text in nominal pixels.
pub fn width(text: &str, look: Text) -> f64 {
    super::register_fonts();
    look.style().font.box_size(text).map_or(0.0, |(width, _)| f64::from(width) / f64::from(SCALE))
}

/// The text, truncated with `…` if it is wider than `room` nominal pixels.
pub fn fit(text: &str, look: Text, room: f64) -> String {
    if width(text, look) <= room {
        return text.to_owned();
    }
    let characters: Vec<char> = text.chars().collect();
    let cut = |length: usize| characters.iter().take(length).chain([&'…']).collect::<String>();
    (0..characters.len()).rev().map(cut).find(|cut| width(cut, look) <= room).unwrap_or_default()
}

fn pixel((x, y): (f64, f64)) -> (i32, i32) {
    let scale = |value: f64| (value * f64::from(SCALE)).round() as i32;
    (scale(x), scale(y))
}
