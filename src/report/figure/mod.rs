//! Charts: one file per figure, each drawn once as SVG and once as PNG.

pub mod axis;
pub mod canvas;
pub mod clicks;
pub mod comparison;
pub mod curves;
pub mod distribution;
pub mod histogram;
pub mod list;
pub mod palette;
pub mod points;
pub mod rank;
pub mod ranking;
pub mod reliability;
pub mod roc;
pub mod rows;
pub mod scatter;
pub mod search;
mod square;

use std::sync::Once;

use image::ImageEncoder;
use image::codecs::png::PngEncoder;
use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::register_font;

use canvas::{Canvas, SCALE};

/// Shift that centres digits and small letters vertically: SVG centres the x-height, …
const SVG_DROP: f64 = 0.05;
/// … bitmaps centre a box that extends above the letters.
const BITMAP_DROP: f64 = 0.17;

/// A chart in both formats.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Figure {
    /// A stand-alone SVG document; its text names a generic sans-serif family.
    pub svg: String,
    /// The same picture as PNG, at twice the nominal size.
    pub png: Vec<u8>,
}

/// The drawing library failed.
#[derive(Debug, thiserror::Error)]
#[error("a chart cannot be drawn: {0}")]
pub struct FigureError(pub(crate) String);

impl FigureError {
    pub(crate) fn of(reason: impl ToString) -> Self {
        Self(reason.to_string())
    }
}

/// Something that can be drawn on any backend.
pub trait Plot {
    /// Nominal width and height in pixels.
    fn size(&self) -> (u32, u32);

    /// Draws the figure on an empty white canvas of that size.
    ///
    /// # Errors
    /// [`FigureError`] from the backend.
    fn draw<DB: DrawingBackend>(&self, canvas: &Canvas<DB>) -> Result<(), FigureError>;
}

/// Draws a plot as SVG and as PNG; the same plot gives the same bytes.
///
/// # Errors
/// [`FigureError`] if the drawing library fails.
pub fn render(plot: &impl Plot) -> Result<Figure, FigureError> {
    register_fonts();
    let (width, height) = plot.size();
    let size = (width * SCALE, height * SCALE);
    Ok(Figure { svg: render_svg(plot, (width, height), size)?, png: render_png(plot, size)? })
}

/// Registers the charts' font, which is embedded in the binary so that machines without fonts draw the same pictures.
fn register_fonts() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let _ = register_font("sans-serif", FontStyle::Normal, dejavu::sans::regular());
        let _ = register_font("sans-serif", FontStyle::Bold, dejavu::sans::bold());
    });
}

fn render_svg(plot: &impl Plot, nominal: (u32, u32), size: (u32, u32)) -> Result<String, FigureError> {
    let mut svg = String::new();
    draw(plot, &SVGBackend::with_string(&mut svg, size).into_drawing_area(), SVG_DROP)?;
    // Coordinates are integers: drawing large and showing at nominal size makes them precise enough.
    let large = format!("width=\"{}\" height=\"{}\"", size.0, size.1);
    Ok(svg.replacen(&large, &format!("width=\"{}\" height=\"{}\"", nominal.0, nominal.1), 1))
}

fn render_png(plot: &impl Plot, (width, height): (u32, u32)) -> Result<Vec<u8>, FigureError> {
    let mut pixels = vec![255; width as usize * height as usize * 3];
    draw(plot, &BitMapBackend::with_buffer(&mut pixels, (width, height)).into_drawing_area(), BITMAP_DROP)?;
    let mut png = Vec::new();
    PngEncoder::new(&mut png).write_image(&pixels, width, height, image::ColorType::Rgb8).map_err(FigureError::of)?;
    Ok(png)
}

/// Draws on top of a picture (8-bit RGB, row by row, `size` in pixels: two per nominal pixel).
///
/// # Errors
/// Errors of `paint`, or of the backend if it rejects the buffer.
pub fn with_canvas(
    pixels: &mut [u8],
    size: (u32, u32),
    paint: impl FnOnce(&Canvas<BitMapBackend>) -> Result<(), FigureError>,
) -> Result<(), FigureError> {
    register_fonts();
    let backend = BitMapBackend::<plotters::backend::RGBPixel>::with_buffer_and_format(pixels, size);
    let area = backend.map_err(FigureError::of)?.into_drawing_area();
    paint(&Canvas::new(&area, BITMAP_DROP))?;
    area.present().map_err(FigureError::of)
}

fn draw<DB: DrawingBackend>(plot: &impl Plot, area: &DrawingArea<DB, Shift>, drop: f64) -> Result<(), FigureError> {
    area.fill(&WHITE).map_err(FigureError::of)?;
    plot.draw(&Canvas::new(area, drop))?;
    area.present().map_err(FigureError::of)
}

#[cfg(test)]
mod tests;
