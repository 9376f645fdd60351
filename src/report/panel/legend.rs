//! Legend of an overlay: errors first, then the structures shown.

use image::Rgb;
use plotters::prelude::{Color, DrawingBackend, RGBColor};

use super::errors::ErrorColors;
use super::{LIGHT, NOTE};
use crate::dataset::TargetStructure;
use crate::report::figure::FigureError;
use crate::report::figure::canvas::{Canvas, SCALE, width as text_width};

const LINE: f64 = 22.0;
const LEFT: f64 = 14.0;
/// Left edge of the entries, after the line's heading.
const ENTRIES: f64 = 110.0;

/// Lines of coloured names.
pub(super) struct Legend {
    entries: Vec<Entry>,
    lines: usize,
    /// Line of the first structure.
    first_structures: usize,
}

struct Entry {
    name: String,
    color: RGBColor,
    x: f64,
    line: usize,
}

impl Legend {
    /// Lays out the entries in a picture `width` pixels wide: errors, if they are shown, in the first line, structures in lines of
    /// their own.
    pub(super) fn new<'a>(
        structures: impl Iterator<Item = &'a TargetStructure>,
        width: u32,
        errors: Option<&ErrorColors>,
    ) -> Self {
        let errors: Vec<(&str, Rgb<u8>)> = errors.map_or_else(Vec::new, |colors| {
            vec![("missed", colors.missed), ("extra", colors.extra), ("wrong structure", colors.wrong_structure)]
        });
        let right = f64::from(width) / f64::from(SCALE) - LEFT;
        let (mut x, mut line) = (ENTRIES, 0);
        let mut entries = Vec::new();
        let mut place = |name: &str, Rgb([red, green, blue]): Rgb<u8>, new_line: bool| {
            let room = text_width(name, NOTE) + 36.0;
            if new_line || x + room > right {
                (x, line) = (ENTRIES, line + 1);
            }
            entries.push(Entry { name: name.to_owned(), color: RGBColor(red, green, blue), x, line });
            x += room;
        };
        errors.iter().for_each(|(name, color)| place(name, *color, false));
        let new_line = |index: usize| index == 0 && !errors.is_empty();
        structures.enumerate().for_each(|(index, it)| place(&it.name, Rgb(it.color), new_line(index)));
        Self { entries, lines: line + 1, first_structures: usize::from(!errors.is_empty()) }
    }

    /// Height in pixels.
    pub(super) fn height(&self) -> u32 {
        ((self.lines as f64 * LINE + 14.0) * f64::from(SCALE)) as u32
    }

    /// Draws the legend from a row of pixels downwards.
    pub(super) fn draw<DB: DrawingBackend>(&self, canvas: &Canvas<DB>, top: u32) -> Result<(), FigureError> {
        let y = |line: usize| f64::from(top) / f64::from(SCALE) + 8.0 + line as f64 * LINE;
        if self.first_structures > 0 {
            canvas.text((LEFT, y(0)), "Errors", NOTE)?;
        }
        if self.lines > self.first_structures {
            canvas.text((LEFT, y(self.first_structures)), "Structures", NOTE)?;
        }
        self.entries.iter().try_for_each(|entry| {
            let y = y(entry.line);
            canvas.fill((entry.x, y - 6.0), (entry.x + 12.0, y + 6.0), entry.color.to_rgba())?;
            canvas.text((entry.x + 18.0, y), &entry.name, NOTE.in_color(LIGHT))
        })
    }
}
