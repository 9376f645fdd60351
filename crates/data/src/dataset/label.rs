//! Sources of the labels of a case, and reading them as one label map.

mod objects;

use std::path::{Path, PathBuf};

use ndarray::{Array3, ArrayView, ArrayView2, ArrayView3, ArrayViewMut, Axis, Dimension, Zip};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::read::{CaseError, GRID_TOLERANCE};
use super::{Case, grid, listing};
use crate::volume::raster::{self, MaskForm};
use crate::volume::rle::{Columns, Order, RowPlace, Table};
use crate::volume::surface::{ReadOptions, read_surface, voxelise};
use crate::volume::{Format, Geometry, LabelMap, ReadError, Segmentation, Segments, read_label_map, read_segments};

pub use objects::notes;

/// Maximum number of masks of one case in memory at a time.
const MAX_MASKS: usize = 4;

/// The labels of a case.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Label {
    /// One file with all structures: a label map or named segments.
    Map(PathBuf),
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
            Self::Map(path) | Self::Runs(Runs { table: path, .. }) => vec![path],
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
            Self::Masks(masks) => {
                Self::Masks(masks.iter().map(|(value, path)| Ok((*value, change(path)?))).collect::<Result<_, E>>()?)
            }
            Self::Pictures(files) => Self::Pictures(files.iter().map(|path| change(path)).collect::<Result<_, E>>()?),
            Self::Runs(runs) => Self::Runs(Runs { table: change(&runs.table)?, slices: runs.slices.clone() }),
        })
    }
}

/// Reads the labels of a case, on the grid of their file if it has one, otherwise on the image's grid.
///
/// # Errors
/// [`CaseError`]: missing or unreadable labels, masks of one case on different grids, or overlapping structures in a dataset
/// without `labels.overlap`.
pub fn read_as_stored(case: &Case, image: &Geometry) -> Result<LabelMap, CaseError> {
    let mut labels = structures(case, image)?;
    if let Some((value, path)) = &case.ignored {
        let ignored = mask(case, *value, path, &labels.geometry)?;
        let wrong = |difference| CaseError::MaskGrid { path: path.clone(), difference };
        labels.geometry.same_grid(&ignored.geometry, GRID_TOLERANCE).map_err(wrong)?;
        Zip::from(&mut labels.voxels).and(&ignored.voxels).for_each(|label, inside| {
            if *inside != 0 {
                *label = *value;
            }
        });
    }
    Ok(labels)
}

/// The labels before ignored voxels are marked.
fn structures(case: &Case, image: &Geometry) -> Result<LabelMap, CaseError> {
    match case.label.as_ref().ok_or_else(|| CaseError::NoLabel { case: case.name.clone() })? {
        Label::Map(path) if Format::of(path)? == Format::DicomSegments => segments(case, path, image),
        Label::Map(path) if Format::of(path)? == Format::DicomContours => objects::contours(case, path, image),
        Label::Map(path) if case.reading.names.is_empty() => Ok(read_label_map(path)?),
        Label::Map(path) => named(case, &read_segments(path)?, path),
        Label::Masks(masks) => masks_of(case, masks, image),
        Label::Pictures(files) => pictures(case, files, image),
        Label::Runs(label) => runs(case, label, image),
    }
}

/// A label map into which structures are written one after the other.
struct Canvas<'a> {
    labels: LabelMap,
    case: &'a Case,
}

impl<'a> Canvas<'a> {
    fn new(case: &'a Case, geometry: &Geometry) -> Self {
        let voxels = Array3::zeros(geometry.shape);
        Self { labels: LabelMap { voxels, geometry: geometry.clone() }, case }
    }

    /// Sets the voxels of a mask to a structure's value.
    fn paint<M: PartialEq + Default>(&mut self, value: u16, mask: ArrayView3<M>, file: &Path) -> Result<(), CaseError> {
        paint(self.labels.voxels.view_mut(), mask, value, self.case.reading.overlap, file)
    }

    fn paint_slice(&mut self, value: u16, z: usize, mask: ArrayView2<u8>, file: &Path) -> Result<(), CaseError> {
        let slice = self.labels.voxels.index_axis_mut(Axis(0), z);
        paint(slice, mask, value, self.case.reading.overlap, file)
    }
}

/// If structures may overlap, their values are single bits, and a voxel holds the union of the bits of its structures.
fn paint<D: Dimension, M: PartialEq + Default>(
    labels: ArrayViewMut<u16, D>,
    mask: ArrayView<M, D>,
    value: u16,
    overlap: bool,
    file: &Path,
) -> Result<(), CaseError> {
    let mut conflicts = 0_usize;
    let outside = M::default();
    Zip::from(labels).and(mask).for_each(|label, inside| match (*inside != outside, *label) {
        (false, _) => {}
        (_, 0) => *label = value,
        (_, other) if overlap => *label = other | value,
        (_, other) => conflicts += usize::from(other != value),
    });
    match conflicts {
        0 => Ok(()),
        voxels => Err(CaseError::Overlap { path: file.into(), voxels }),
    }
}

/// Reads a DICOM SEG on the grid of its image, because empty frames are often omitted.
fn segments(case: &Case, path: &Path, image: &Geometry) -> Result<LabelMap, CaseError> {
    let files = objects::files(case, path)?;
    if files.len() > 1 {
        return objects::united(case, &files, image);
    }
    let segments = objects::segments(&files[0], objects::source(case)?.as_ref())?;
    let labels = match (&segments.content, case.reading.names.is_empty()) {
        (Segmentation::Labels(labels), true) => labels.clone(),
        (Segmentation::Masks { .. }, true) => return Err(CaseError::UnnamedOverlap { path: path.into() }),
        _ => named(case, &segments, path)?,
    };
    Ok(if grid::is_subgrid(&labels.geometry, image) { grid::resample_labels_to(&labels, image) } else { labels })
}

/// Reads the segments named in the dataset; others become background.
fn named(case: &Case, segments: &Segments, path: &Path) -> Result<LabelMap, CaseError> {
    let mut canvas = Canvas::new(case, segments.geometry());
    let mut known = 0;
    for (index, segment) in segments.segments.iter().enumerate() {
        let Some((_, value)) = case.reading.names.iter().find(|(name, _)| *name == segment.name) else { continue };
        known += 1;
        let mask = match &segments.content {
            Segmentation::Labels(labels) => labels.voxels.mapv(|label| u8::from(label == segment.value)),
            Segmentation::Masks { masks, .. } => masks.index_axis(Axis(0), index).to_owned(),
        };
        canvas.paint(*value, mask.view(), path)?;
    }
    if known == 0 && !segments.segments.is_empty() {
        let names = segments.segments.iter().map(|segment| format!("`{}`", segment.name)).collect::<Vec<_>>();
        return Err(CaseError::NoName { path: path.into(), names: names.join(", ") });
    }
    Ok(canvas.labels)
}

fn masks_of(case: &Case, masks: &[(u16, PathBuf)], image: &Geometry) -> Result<LabelMap, CaseError> {
    let mut canvas: Option<Canvas> = None;
    for some in masks.chunks(rayon::current_num_threads().min(MAX_MASKS)) {
        let read: Vec<_> = some.par_iter().map(|(value, path)| mask(case, *value, path, image)).collect();
        for ((value, path), mask) in some.iter().zip(read) {
            let mask = mask?;
            let canvas = canvas.get_or_insert_with(|| Canvas::new(case, &mask.geometry));
            let wrong = |difference| CaseError::MaskGrid { path: path.clone(), difference };
            canvas.labels.geometry.same_grid(&mask.geometry, GRID_TOLERANCE).map_err(wrong)?;
            canvas.paint(*value, mask.voxels.view(), path)?;
        }
    }
    Ok(canvas.unwrap_or_else(|| Canvas::new(case, image)).labels)
}

/// The mask of one structure: nonzero inside.
fn mask(case: &Case, value: u16, path: &Path, image: &Geometry) -> Result<LabelMap, CaseError> {
    match Format::of(path)? {
        Format::DicomSegments | Format::DicomContours => objects::mask_of(case, value, path, image),
        Format::Surface => surface(case, path, image),
        _ => Ok(read_label_map(path)?),
    }
}

/// The image voxels whose centres are inside a surface.
fn surface(case: &Case, path: &Path, image: &Geometry) -> Result<LabelMap, CaseError> {
    let file = read_surface(path, &ReadOptions { coordinates: case.reading.coordinates, ..ReadOptions::default() })?;
    let wrong = |error| CaseError::Surface { path: path.into(), reason: format!("{error}") };
    let voxels = voxelise(&file.surface, image).map_err(wrong)?.mask.mapv(u16::from);
    Ok(LabelMap { voxels, geometry: image.clone() })
}

fn pictures(case: &Case, files: &[PathBuf], image: &Geometry) -> Result<LabelMap, CaseError> {
    let order = grid::slices_by_name(case, image)?;
    if order.len() != files.len() {
        return Err(CaseError::SliceCount { case: case.name.clone(), pictures: files.len(), slices: order.len() });
    }
    let mut labels = LabelMap { voxels: Array3::zeros(image.shape), geometry: image.clone() };
    for (file, z) in files.iter().zip(order) {
        let picture = raster::read_label_map(file, &MaskForm::Values)?;
        let [_, height, width] = picture.geometry.shape;
        if [height, width] != [image.shape[1], image.shape[2]] {
            let difference =
                format!("{height} × {width} pixels, but the slice has {} × {}", image.shape[1], image.shape[2]);
            return Err(CaseError::MaskGrid { path: file.clone(), difference });
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
