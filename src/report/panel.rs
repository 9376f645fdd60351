//! Overlay pictures of one case: axial, coronal and sagittal; image, reference, prediction and errors.
//!
//! Everything is on the canonical RAS grid and shown in radiological convention: the patient's right on the left side,
//! anterior up (axial) or left (sagittal), superior up.

pub mod preview;
mod errors;
mod layer;
mod legend;
mod view;

use std::io;
use std::path::Path;

use image::codecs::png::PngEncoder;
use image::{ImageEncoder, Rgb, RgbImage};
use plotters::prelude::*;

use crate::dataset::{Target, TargetStructure};
use crate::files::write_atomic;
use crate::report::figure::canvas::{Canvas, SCALE, Text, fit};
use crate::report::figure::{FigureError, with_canvas};
use crate::volume::{LabelMap, Segmentation, Volume};
use errors::ErrorColors;
use layer::{Layers, layers};
use legend::Legend;
use view::{View, views, window};

/// Maximum edge of one picture in pixels; pictures keep their aspect ratio.
const TILE: u32 = 420;
const MARGIN: u32 = 28;
const TOP: u32 = 150;
const WIDTH: u32 = MARGIN + (TILE + MARGIN) * 4;
const COLUMNS: [&str; 4] = ["Image", "Reference", "Prediction", "Errors"];
/// Behind the pictures: dark as in a viewer, so that they fit a light page as well as a dark one.
const PAPER: Rgb<u8> = Rgb([0x14, 0x18, 0x1D]);
const LIGHT: RGBColor = RGBColor(0xE4, 0xE8, 0xEC);
const TITLE: Text = Text::TITLE.in_color(LIGHT);
const HEADING: Text = Text::HEADING.in_color(LIGHT);
const LABEL: Text = Text::LABEL.in_color(LIGHT);
const NOTE: Text = Text::NOTE.in_color(RGBColor(0x9A, 0xA5, 0xB1));

/// Why an overlay cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum PanelError {
    /// Image and labels have different sizes.
    #[error("case `{case}`: the image has {image:?} voxels [z, y, x], the {what} {found:?}")]
    Shape {
        /// The case.
        case: String,
        /// Size of the image.
        image: [usize; 3],
        /// `reference` or `prediction`.
        what: &'static str,
        /// Its size.
        found: Vec<usize>,
    },
    /// The image has no voxels or no channels.
    #[error("case `{case}`: the image is empty")]
    Empty {
        /// The case.
        case: String,
    },
    /// The text cannot be drawn.
    #[error(transparent)]
    Text(#[from] FigureError),
}

/// Draws the overlay of one case from its canonical (RAS) arrays, all on one grid; `scores` is the line below the name.
///
/// The first channel is shown, windowed to its 0.5 and 99.5 percentiles. Each plane shows the slice with the largest area of
/// structures in the reference, or in the prediction if the reference is empty.
///
/// # Errors
/// [`PanelError`] if the grids have different sizes or the image is empty.
pub fn render(
    case: &str,
    scores: &str,
    image: &Volume,
    reference: &LabelMap,
    prediction: &Segmentation,
    target: &Target,
) -> Result<RgbImage, PanelError> {
    check(case, image, reference, prediction)?;
    let views = views(image, reference, prediction, target, TILE, window(image));
    let layers: Vec<Layers> = views.iter().map(|view| layers(view, reference, prediction, target)).collect();
    let names = |structure: &&TargetStructure| layers.iter().any(|layers| layers.shows(&structure.name));
    let colors = ErrorColors::of(target);
    let legend = Legend::new(target.structures.iter().filter(names), WIDTH, Some(&colors));
    let heights: Vec<u32> = views.iter().map(|view| view.size.1 + MARGIN).collect();
    let bottom = TOP + heights.iter().sum::<u32>();
    let mut picture = RgbImage::from_pixel(WIDTH, bottom + legend.height(), PAPER);
    let mut top = TOP;
    for ((view, layers), height) in views.iter().zip(&layers).zip(&heights) {
        draw_row(&mut picture, view, layers, (top, &colors));
        top += height;
    }
    let size = picture.dimensions();
    with_canvas(picture.as_mut(), size, |canvas| {
        headings(canvas, case, scores)?;
        let mut top = TOP;
        for view in &views {
            orientation(canvas, view, (left(view, 0), top))?;
            top += view.size.1 + MARGIN;
        }
        legend.draw(canvas, bottom)
    })?;
    Ok(picture)
}

/// Writes a picture as PNG, atomically.
///
/// # Errors
/// Errors of the encoder or the operating system.
pub fn save(picture: &RgbImage, path: &Path) -> io::Result<()> {
    let mut png = Vec::new();
    PngEncoder::new(&mut png)
        .write_image(picture, picture.width(), picture.height(), image::ColorType::Rgb8)
        .map_err(io::Error::other)?;
    write_atomic(path, &png)
}

fn check(case: &str, image: &Volume, reference: &LabelMap, prediction: &Segmentation) -> Result<(), PanelError> {
    let (channels, depth, height, width) = image.voxels.dim();
    let size = [depth, height, width];
    if channels * depth * height * width == 0 {
        return Err(PanelError::Empty { case: case.to_owned() });
    }
    let predicted = match prediction {
        Segmentation::Labels(map) => map.voxels.shape(),
        Segmentation::Masks { masks, .. } => masks.shape().get(1..).unwrap_or_default(),
    };
    for (what, found) in [("reference", reference.voxels.shape()), ("prediction", predicted)] {
        if found != size {
            return Err(PanelError::Shape { case: case.to_owned(), image: size, what, found: found.to_vec() });
        }
    }
    Ok(())
}

/// Left edge of a column's picture, which is centred in the column.
fn left(view: &View, column: usize) -> u32 {
    MARGIN + (TILE + MARGIN) * column as u32 + (TILE - view.size.0) / 2
}

fn draw_row(picture: &mut RgbImage, view: &View, layers: &Layers, (top, colors): (u32, &ErrorColors)) {
    for column in 0..COLUMNS.len() {
        let left = left(view, column);
        for y in 0..view.size.1 {
            for x in 0..view.size.0 {
                let gray = Rgb([view.gray(x, y); 3]);
                let color = match column {
                    0 => gray,
                    1 => layers.overlay(gray, view, (x, y), |layer| &layer.reference),
                    2 => layers.overlay(gray, view, (x, y), |layer| &layer.prediction),
                    _ => errors(gray, layers.errors(view.source(x, y)), colors),
                };
                picture.put_pixel(left + x, top + y, color);
            }
        }
    }
}

/// Dims correct voxels and colours errors.
fn errors(gray: Rgb<u8>, (missed, extra): (bool, bool), colors: &ErrorColors) -> Rgb<u8> {
    match (missed, extra) {
        (true, true) => colors.wrong_structure,
        (true, false) => colors.missed,
        (false, true) => colors.extra,
        (false, false) => Rgb(gray.0.map(|value| value / 2)),
    }
}

/// The case's name, its scores, and the column headings.
fn headings<DB: DrawingBackend>(canvas: &Canvas<DB>, case: &str, scores: &str) -> Result<(), FigureError> {
    let room = f64::from(WIDTH - 2 * MARGIN) / f64::from(SCALE);
    write(canvas, (MARGIN, 34), &fit(case, TITLE, room), TITLE)?;
    write(canvas, (MARGIN, 78), &fit(scores, NOTE, room), NOTE)?;
    COLUMNS.into_iter().enumerate().try_for_each(|(column, name)| {
        let middle = MARGIN + (TILE + MARGIN) * column as u32 + TILE / 2;
        write(canvas, (middle, TOP - 24), name, LABEL.centred())
    })
}

fn write<DB: DrawingBackend>(canvas: &Canvas<DB>, at: (u32, u32), text: &str, look: Text) -> Result<(), FigureError> {
    let scale = f64::from(SCALE);
    canvas.text((f64::from(at.0) / scale, f64::from(at.1) / scale), text, look)
}

/// Orientation letters at the edges of a picture, outlined to be legible on any image.
fn orientation<DB: DrawingBackend>(
    canvas: &Canvas<DB>,
    view: &View,
    (left, top): (u32, u32),
) -> Result<(), FigureError> {
    let Some([west, east, north, south]) = view.marks else { return Ok(()) };
    let (width, height) = view.size;
    let places = [
        (west, (left + 18, top + height / 2)),
        (east, (left + width.saturating_sub(18), top + height / 2)),
        (north, (left + width / 2, top + 20)),
        (south, (left + width / 2, top + height.saturating_sub(20))),
    ];
    for (letter, at) in places {
        let look = Text { bold: true, ..NOTE.centred() };
        for (x, y) in [(0, 1), (2, 1), (1, 0), (1, 2)] {
            write(canvas, (at.0 + x - 1, at.1 + y - 1), letter, look.in_color(BLACK))?;
        }
        write(canvas, at, letter, look.in_color(RGBColor(0xFF, 0xE0, 0x66)))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
