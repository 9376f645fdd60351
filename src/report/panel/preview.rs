//! Preview of a network's input: prepared cases in three planes, and rows of training patches, with labels overlaid.

use image::RgbImage;
use plotters::prelude::*;

use super::layer::{Layers, layers};
use super::legend::Legend;
use super::view::{View, views, window};
use super::{LABEL, LIGHT, MARGIN, NOTE, PAPER, PanelError, TILE, TITLE, check, orientation, write};
use crate::dataset::Target;
use crate::report::figure::canvas::{Canvas, SCALE, Text, fit};
use crate::report::figure::{FigureError, with_canvas};
use crate::volume::{LabelMap, Segmentation, Volume};

const COLUMNS: u32 = 3;
const WIDTH: u32 = MARGIN + (TILE + MARGIN) * COLUMNS;
/// Patches in a row.
pub const PATCHES: usize = 6;
const PATCH_TILE: u32 = (WIDTH - MARGIN) / PATCHES as u32 - MARGIN;
/// Room for a heading with a line below it.
const HEADING: u32 = 120;
/// Room for each further line.
const LINE: u32 = 32;
/// Room for the name of a case above its planes.
const CAPTION: u32 = 44;
/// Room for the lines below a patch.
const NOTES: u32 = 92;

/// An image with its labels, on one canonical grid.
#[derive(Clone, Debug)]
pub struct Sample {
    /// The case.
    pub name: String,
    /// A note: shape and spacing, or how the patch was drawn.
    pub note: String,
    /// The image; its first channel is shown.
    pub image: Volume,
    /// The labels.
    pub labels: LabelMap,
}

/// What [`render`] draws.
#[derive(Clone, Debug)]
pub struct Preview {
    /// Heading.
    pub title: String,
    /// A line below it.
    pub subtitle: String,
    /// Prepared cases.
    pub cases: Vec<Sample>,
    /// Rows of patches.
    pub rows: Vec<PatchRow>,
    /// Structures and their colours.
    pub target: Target,
}

/// Patches side by side.
#[derive(Clone, Debug)]
pub struct PatchRow {
    /// Heading.
    pub title: String,
    /// Lines below it.
    pub notes: Vec<String>,
    /// Show all with the intensity window of the first one, so that changes of brightness are visible.
    pub alike: bool,
    /// At most [`PATCHES`] are shown.
    pub patches: Vec<Sample>,
}

/// A picture with its position.
struct Placed {
    view: View,
    layers: Layers,
    left: u32,
    top: u32,
}

/// One sample's pictures and lines.
struct Row<'a> {
    sample: &'a Sample,
    pictures: Vec<Placed>,
}

/// A row of patches with its position.
struct Section<'a> {
    row: &'a PatchRow,
    top: u32,
    bottom: u32,
    patches: Vec<Row<'a>>,
}

/// Draws cases and patches into one picture.
///
/// # Errors
/// [`PanelError`] if an image and its labels have different sizes or the image is empty.
pub fn render(preview: &Preview) -> Result<RgbImage, PanelError> {
    let mut top = HEADING;
    let mut cases = Vec::new();
    for sample in &preview.cases {
        cases.push(Row { sample, pictures: planes(sample, &preview.target, top + CAPTION)? });
        let height = cases.last().map_or(0, |row| tallest(&row.pictures));
        top += CAPTION + height + MARGIN;
    }
    let mut sections = Vec::new();
    for row in preview.rows.iter().filter(|row| !row.patches.is_empty()) {
        let patch_top = top + HEADING + LINE * row.notes.len().saturating_sub(1) as u32;
        let patches = patch_row(row, &preview.target, patch_top)?;
        let height = patches.iter().map(|row| tallest(&row.pictures)).max().unwrap_or(0);
        let bottom = patch_top + height + NOTES;
        sections.push(Section { row, top, bottom, patches });
        top = bottom;
    }
    let bottom = top;
    let pictures = || {
        let patches = sections.iter().flat_map(|section| &section.patches);
        cases.iter().chain(patches).flat_map(|row| &row.pictures)
    };
    let shown = |name: &str| pictures().any(|picture| picture.layers.shows(name));
    let legend = Legend::new(preview.target.structures.iter().filter(|it| shown(&it.name)), WIDTH, None);
    let mut picture = RgbImage::from_pixel(WIDTH, bottom + legend.height(), PAPER);
    pictures().for_each(|placed| draw(&mut picture, placed));
    let size = picture.dimensions();
    with_canvas(picture.as_mut(), size, |canvas| {
        heading(canvas, 0, (&preview.title, TITLE), std::slice::from_ref(&preview.subtitle))?;
        cases.iter().try_for_each(|row| case_texts(canvas, row))?;
        for Section { row, top, bottom, patches } in &sections {
            heading(canvas, *top, (&row.title, super::HEADING), &row.notes)?;
            patches.iter().try_for_each(|patch| patch_texts(canvas, patch, bottom - NOTES))?;
        }
        legend.draw(canvas, bottom)
    })?;
    Ok(picture)
}

/// The planes of a sample, scaled to fit a tile, with their labels.
fn cut(sample: &Sample, target: &Target, tile: u32, window: (f32, f32)) -> Result<Vec<(View, Layers)>, PanelError> {
    let none = Segmentation::Labels(LabelMap {
        voxels: ndarray::Array3::zeros(sample.labels.voxels.dim()),
        geometry: sample.labels.geometry.clone(),
    });
    check(&sample.name, &sample.image, &sample.labels, &none)?;
    let views = views(&sample.image, &sample.labels, &none, target, tile, window);
    Ok(views
        .into_iter()
        .map(|view| {
            let layers = layers(&view, &sample.labels, &none, target);
            (view, layers)
        })
        .collect())
}

fn planes(sample: &Sample, target: &Target, top: u32) -> Result<Vec<Placed>, PanelError> {
    let place = |(column, (view, layers)): (usize, (View, Layers))| {
        let left = MARGIN + (TILE + MARGIN) * column as u32 + (TILE - view.size.0) / 2;
        Placed { view, layers, left, top }
    };
    Ok(cut(sample, target, TILE, window(&sample.image))?.into_iter().enumerate().map(place).collect())
}

/// The axial plane of each patch, without orientation letters, because patches may be mirrored.
fn patch_row<'a>(patches: &'a PatchRow, target: &Target, top: u32) -> Result<Vec<Row<'a>>, PanelError> {
    let shared = patches.patches.first().filter(|_| patches.alike).map(|first| window(&first.image));
    let row = |(column, sample): (usize, &'a Sample)| {
        let first =
            cut(sample, target, PATCH_TILE, shared.unwrap_or_else(|| window(&sample.image)))?.into_iter().next();
        let place = |(mut view, layers): (View, Layers)| {
            view.marks = None;
            let left = patch_left(column) + (PATCH_TILE - view.size.0) / 2;
            Placed { view, layers, left, top }
        };
        Ok(Row { sample, pictures: first.map(place).into_iter().collect() })
    };
    patches.patches.iter().take(PATCHES).enumerate().map(row).collect()
}

fn patch_left(column: usize) -> u32 {
    MARGIN + (PATCH_TILE + MARGIN) * column as u32
}

fn tallest(pictures: &[Placed]) -> u32 {
    pictures.iter().map(|placed| placed.view.size.1).max().unwrap_or(0)
}

fn draw(picture: &mut RgbImage, placed: &Placed) {
    let Placed { view, layers, left, top } = placed;
    for y in 0..view.size.1 {
        for x in 0..view.size.0 {
            let gray = image::Rgb([view.gray(x, y); 3]);
            let color = layers.overlay(gray, view, (x, y), |layer| &layer.reference);
            picture.put_pixel(left + x, top + y, color);
        }
    }
}

fn heading<DB: DrawingBackend>(
    canvas: &Canvas<DB>,
    top: u32,
    (title, look): (&str, Text),
    notes: &[String],
) -> Result<(), FigureError> {
    let room = nominal(WIDTH - 2 * MARGIN);
    write(canvas, (MARGIN, top + 34), &fit(title, look, room), look)?;
    notes
        .iter()
        .zip(0..)
        .try_for_each(|(note, line)| write(canvas, (MARGIN, top + 78 + LINE * line), &fit(note, NOTE, room), NOTE))
}

/// Name and note in one line above the planes, and the letters at the planes' edges.
fn case_texts<DB: DrawingBackend>(canvas: &Canvas<DB>, row: &Row) -> Result<(), FigureError> {
    let Some(top) = row.pictures.first().map(|placed| placed.top) else { return Ok(()) };
    let line = format!("{}   {}", row.sample.name, row.sample.note);
    write(canvas, (MARGIN, top - 24), &fit(&line, LABEL, nominal(WIDTH - 2 * MARGIN)), LABEL)?;
    row.pictures.iter().try_for_each(|placed| orientation(canvas, &placed.view, (placed.left, placed.top)))
}

fn patch_texts<DB: DrawingBackend>(canvas: &Canvas<DB>, row: &Row, top: u32) -> Result<(), FigureError> {
    let Some(placed) = row.pictures.first() else { return Ok(()) };
    let middle = placed.left + placed.view.size.0 / 2;
    let room = nominal(PATCH_TILE + MARGIN - 8);
    let (name, note) = (NOTE.in_color(LIGHT), NOTE);
    write(canvas, (middle, top + 20), &fit(&row.sample.name, name, room), name.centred())?;
    write(canvas, (middle, top + 48), &fit(&row.sample.note, note, room), note.centred())
}

fn nominal(pixels: u32) -> f64 {
    f64::from(pixels) / f64::from(SCALE)
}
