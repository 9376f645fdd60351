//! Sources of the labels of a case, and reading them as one label map.

mod canvas;
mod named;
mod objects;

use std::path::{Path, PathBuf};

use ndarray::{Array3, Axis, Zip};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::numbering::{in_order_of, incomplete_beside};
use super::read::{CaseError, Notes};
use super::spec::MaskValues;
use super::{Case, grid, listing};
use crate::volume::raster::{self, MaskForm};
use crate::volume::rle::{Columns, Order, RowPlace, Table};
use crate::volume::surface::{ReadOptions, Warning, read_surface, voxelise};
use crate::volume::{Format, Geometry, LabelMap, ReadError, Segmentation, nrrd, read_label_map, read_segments};

use canvas::Canvas;

/// Maximum number of masks of one case in memory at a time.
const MAX_MASKS: usize = 4;

/// The labels of a case.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Label {
    /// One file with all structures: a label map or named segments.
    Map(PathBuf),
    /// A label map that a person corrected: its values are those of the dataset's structures, whatever form the other labels have.
    Corrected(PathBuf),
    /// Value and file of the mask or surface of each structure. Structures without a file are absent.
    Masks(#[serde(with = "listing::masks")] Vec<(u16, PathBuf)>),
    /// One 2D label image per slice, in file-name order of the image slices.
    Pictures(#[serde(with = "listing::pictures")] Vec<PathBuf>),
    /// Run-length masks of each slice.
    Runs(Runs),
}

/// Run-length masks of the slices of a case, in a table shared with other cases.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Runs {
    /// The table with the runs.
    pub table: PathBuf,
    /// For each slice: values of the structures and positions of their rows in the table.
    pub slices: Vec<Vec<(u16, RowPlace)>>,
}

impl Runs {
    /// The rows of each slice: values of the structures and their runs as text.
    ///
    /// # Errors
    /// The table cannot be read or has changed.
    pub fn rows(&self) -> std::io::Result<Vec<Vec<(u16, String)>>> {
        let read = || -> Result<_, ReadError> {
            let mut table = Table::open(&self.table, &Columns::BY_CLASS)?;
            let mut texts = |slice: &Vec<(u16, RowPlace)>| {
                slice.iter().map(|(value, place)| Ok((*value, table.row_at(*place)?.runs))).collect()
            };
            self.slices.iter().map(&mut texts).collect()
        };
        read().map_err(std::io::Error::other)
    }
}

impl Label {
    /// The files that hold the labels.
    pub fn files(&self) -> Vec<&Path> {
        match self {
            Self::Map(path) | Self::Corrected(path) | Self::Runs(Runs { table: path, .. }) => vec![path],
            Self::Masks(masks) => masks.iter().map(|(_, path)| path.as_path()).collect(),
            Self::Pictures(files) => files.iter().map(PathBuf::as_path).collect(),
        }
    }

    /// The file to name in messages.
    pub fn path(&self) -> &Path {
        self.files().first().copied().unwrap_or(Path::new(""))
    }

    /// The labels with `change` applied to every path.
    ///
    /// # Errors
    /// The first error of `change`.
    pub fn with_paths<E>(&self, change: &dyn Fn(&Path) -> Result<PathBuf, E>) -> Result<Self, E> {
        Ok(match self {
            Self::Map(path) => Self::Map(change(path)?),
            Self::Corrected(path) => Self::Corrected(change(path)?),
            Self::Masks(masks) => {
                Self::Masks(masks.iter().map(|(value, path)| Ok((*value, change(path)?))).collect::<Result<_, E>>()?)
            }
            Self::Pictures(files) => Self::Pictures(files.iter().map(|path| change(path)).collect::<Result<_, E>>()?),
            Self::Runs(runs) => Self::Runs(Runs { table: change(&runs.table)?, slices: runs.slices.clone() }),
        })
    }
}

/// The labels of a case as read.
#[derive(Debug)]
pub struct Found {
    /// The labels on the grid of the image.
    pub labels: LabelMap,
    /// Which reading was taken where the files leave a choice.
    pub notes: Vec<String>,
    /// Names that the file itself gives to label values, if structures are identified by value.
    pub named: Vec<(String, u16)>,
}

/// Reads the labels of a case on the grid of its image.
///
/// # Errors
/// [`CaseError`]: missing or unreadable labels, labels on another grid if the dataset does not allow it, or overlapping structures in a
/// dataset without `labels.overlap`.
pub fn read(case: &Case, image: &Geometry) -> Result<Found, CaseError> {
    let (mut notes, mut named) = (Notes::default(), Vec::new());
    let mut labels = match case.label.as_ref().ok_or_else(|| CaseError::NoLabel { case: case.name.clone() })? {
        Label::Map(path) => map(case, path, image, &mut named, &mut notes)?,
        Label::Corrected(path) => grid::onto(case, read_label_map(path)?, image, path, &mut notes)?,
        Label::Masks(masks) => masks_of(case, masks, image, &mut notes)?,
        Label::Pictures(files) => pictures(case, files, image)?,
        Label::Runs(label) => runs(case, label, image)?,
    };
    mark_ignored(case, &mut labels, &mut notes)?;
    // Files without a spacing fit the image by their shape alone; the dataset states the spacing of both.
    if case.reading.spacing_mm.is_some() && !labels.geometry.has_spacing {
        labels.geometry = image.clone();
    }
    Ok(Found { labels, notes: notes.0, named })
}

/// Reads one file with all structures.
fn map(
    case: &Case,
    path: &Path,
    image: &Geometry,
    named: &mut Vec<(String, u16)>,
    notes: &mut Notes,
) -> Result<LabelMap, CaseError> {
    let (format, by_value) = (Format::of(path)?, case.reading.names.is_empty());
    let segments = match format {
        Format::DicomContours => objects::contours(case, path, image, notes)?,
        Format::DicomSegments => objects::segmentations(case, path)?,
        _ if !by_value => vec![(path.into(), read_segments(path)?)],
        _ => {
            if format == Format::NrrdSegments {
                *named = nrrd::named_values(path)?;
            }
            return grid::onto(case, as_declared(case, read_label_map(path)?), image, path, notes);
        }
    };
    if !by_value {
        return named::by_name(case, &segments, image, notes);
    }
    let [(file, segments)]: [_; 1] = segments.try_into().map_err(|_| CaseError::Several { path: path.into() })?;
    let Segmentation::Labels(labels) = segments.content else {
        return Err(CaseError::UnnamedOverlap { path: file });
    };
    *named = segments.segments.into_iter().map(|segment| (segment.name, segment.value)).collect();
    grid::onto(case, as_declared(case, labels), image, &file, notes)
}

/// Gives unlabelled voxels their value.
fn mark_ignored(case: &Case, labels: &mut LabelMap, notes: &mut Notes) -> Result<(), CaseError> {
    let Some((value, path)) = &case.ignored else { return Ok(()) };
    let (ignored, remarks) = mask(case, *value, path, &labels.geometry)?;
    notes.0.extend(remarks.0);
    Zip::from(&mut labels.voxels).and(&ignored.voxels).for_each(|label, inside| {
        if *inside != 0 {
            *label = *value;
        }
    });
    Ok(())
}

/// With `labels.mask-values = "nonzero"`, everything but background is the dataset's only structure.
fn as_declared(case: &Case, mut labels: LabelMap) -> LabelMap {
    if let Some((MaskValues::Nonzero, value)) = case.reading.mask_values.zip(case.reading.only_value) {
        labels.voxels.mapv_inplace(|label| if label > 0 { value } else { 0 });
    }
    labels
}

fn masks_of(case: &Case, masks: &[(u16, PathBuf)], image: &Geometry, notes: &mut Notes) -> Result<LabelMap, CaseError> {
    let mut canvas = Canvas::new(case, image);
    for some in masks.chunks(rayon::current_num_threads().min(MAX_MASKS)) {
        let read: Vec<_> = some.par_iter().map(|(value, path)| mask(case, *value, path, image)).collect();
        for ((value, path), mask) in some.iter().zip(read) {
            let (mask, remarks) = mask?;
            notes.0.extend(remarks.0);
            canvas.paint(*value, mask.voxels.view(), path)?;
        }
    }
    Ok(canvas.labels)
}

/// The mask of one structure on the image's grid, nonzero inside.
fn mask(case: &Case, value: u16, path: &Path, image: &Geometry) -> Result<(LabelMap, Notes), CaseError> {
    let mut notes = Notes::default();
    let stored = match Format::of(path)? {
        Format::Surface => return Ok((surface(case, path, image, &mut notes)?, notes)),
        Format::DicomSegments | Format::DicomContours => objects::mask(case, value, path, image, &mut notes)?,
        _ => {
            let stored = read_label_map(path)?;
            refuse_several_values(case, &stored, path)?;
            stored
        }
    };
    Ok((grid::onto(case, stored, image, path, &mut notes)?, notes))
}

/// A mask with several values is more likely a label map, or was resampled with interpolation.
fn refuse_several_values(case: &Case, mask: &LabelMap, path: &Path) -> Result<(), CaseError> {
    let largest = mask.voxels.iter().copied().max().unwrap_or(0);
    // Without branches, so that it vectorises.
    let is_single = mask.voxels.iter().fold(true, |all, &value| all & ((value == 0) | (value == largest)));
    if is_single || case.reading.mask_values.is_some() {
        return Ok(());
    }
    let smallest = mask.voxels.iter().copied().filter(|value| *value > 0).min().unwrap_or(0);
    let values = format!("{smallest} and {largest}");
    Err(CaseError::MaskValues { path: path.into(), values })
}

/// The image voxels whose centres are inside a surface.
fn surface(case: &Case, path: &Path, image: &Geometry, notes: &mut Notes) -> Result<LabelMap, CaseError> {
    let file = read_surface(path, &ReadOptions { coordinates: case.reading.coordinates, ..ReadOptions::default() })?;
    let wrong = |reason: String| CaseError::Surface { path: path.into(), reason };
    let voxels = voxelise(&file.surface, image).map_err(|error| wrong(error.to_string()))?;
    let outside = voxels.outside(&file.surface, image).map_err(wrong)?;
    if outside > 0.0 {
        notes.add(path, format!("{:.1} % of the surface's points lie outside the image", outside * 100.0));
    } else if voxels.warnings.contains(&Warning::Nothing) {
        notes.add(path, Warning::Nothing);
    }
    if let Some(overruled) = file.warnings.iter().find(|warning| matches!(warning, Warning::Overruled(_))) {
        notes.add(path, overruled);
    }
    Ok(LabelMap { voxels: voxels.mask.mapv(u16::from), geometry: image.clone() })
}

fn pictures(case: &Case, files: &[PathBuf], image: &Geometry) -> Result<LabelMap, CaseError> {
    let (order, names) = grid::slices_by_name(case, image)?;
    let stem = |file: &PathBuf| file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let mut files = files.to_vec();
    in_order_of(&mut files, stem);
    if order.len() != files.len() {
        return Err(CaseError::SliceCount { case: case.name.clone(), pictures: files.len(), slices: order.len() });
    }
    if let Some(reason) = incomplete_beside(&files.iter().map(stem).collect::<Vec<_>>(), &names) {
        let path = case.label.as_ref().and_then(|label| label.path().parent()).unwrap_or(Path::new("")).to_path_buf();
        return Err(CaseError::SliceNames { path, reason });
    }
    let mut labels = LabelMap { voxels: Array3::zeros(image.shape), geometry: image.clone() };
    for (file, z) in files.iter().zip(order) {
        let picture = as_declared(case, raster::read_label_map(file, &MaskForm::Values)?);
        let [_, height, width] = picture.geometry.shape;
        if [height, width] != [image.shape[1], image.shape[2]] {
            let difference =
                format!("{height} × {width} pixels, but the slice has {} × {}", image.shape[1], image.shape[2]);
            return Err(CaseError::PictureSize { path: file.clone(), difference });
        }
        labels.voxels.index_axis_mut(Axis(0), z).assign(&picture.voxels.index_axis(Axis(0), 0));
    }
    Ok(labels)
}

fn runs(case: &Case, label: &Runs, image: &Geometry) -> Result<LabelMap, CaseError> {
    let mut canvas = Canvas::new(case, image);
    let mut table = Table::open(&label.table, &Columns::BY_CLASS)?;
    for (z, rows) in label.slices.iter().enumerate() {
        for (value, place) in rows {
            let mask = table.row_at(*place)?.mask([image.shape[1], image.shape[2]], Order::RowMajor)?;
            canvas.paint_slice(*value, z, mask.view(), &label.table)?;
        }
    }
    Ok(canvas.labels)
}
