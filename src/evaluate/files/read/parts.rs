//! Labels in several files: a mask per structure, a picture per slice.

use std::path::{Path, PathBuf};

use ndarray::{Array3, Axis};
use rayon::prelude::*;

use crate::dataset::name::folded;
use crate::dataset::numbering::{in_order_of, incomplete_beside};
use crate::dataset::read::GRID_TOLERANCE;
use crate::evaluate::files::canvas::{Canvas, TooManySets};
use crate::evaluate::files::images::Image;
use crate::evaluate::files::labelled::{Labelled, unsupported};
use crate::volume::dicom::Series;
use crate::volume::format::Options;
use crate::volume::label_names::LabelNames;
use crate::volume::raster::{self, MaskForm};
use crate::volume::{Format, Geometry, LabelMap, Lattice, ReadError, read_label_map};

/// Maximum number of masks of one case in memory at a time.
const MAX_MASKS: usize = 4;

/// Paints masks and surfaces. The grid is that of the image, else that of the first mask.
pub(super) fn masks(
    folder: &Path,
    masks: &[(String, PathBuf)],
    image: Option<&Image>,
    options: &Options,
) -> Result<Labelled, ReadError> {
    let Some((_, first)) = masks.first() else { return Err(unsupported(folder, "holds no mask")) };
    refuse_twins(masks)?;
    let grid = match image {
        Some(image) => image.geometry()?,
        None => mask(first, options)?.geometry,
    };
    let wrong = |error: TooManySets| unsupported(folder, error.to_string());
    let mut canvas = Canvas::new(&grid, masks.len()).map_err(wrong)?;
    let structures: Vec<usize> = (0..masks.len()).collect();
    for some in structures.chunks(rayon::current_num_threads().min(MAX_MASKS)) {
        let read = |&structure: &usize| (structure, placed(&masks[structure].1, &grid, options));
        let read: Vec<_> = some.par_iter().map(read).collect();
        for (structure, voxels) in read {
            canvas.paint(structure, voxels?.view()).map_err(wrong)?;
        }
    }
    let names: Vec<String> = masks.iter().map(|(name, _)| name.clone()).collect();
    Ok(Labelled::of_canvas(folder, canvas, &names))
}

/// Refuses two files of one structure: `liver.nii.gz` and `Liver.nrrd`.
fn refuse_twins(masks: &[(String, PathBuf)]) -> Result<(), ReadError> {
    for (index, (name, path)) in masks.iter().enumerate() {
        if let Some((_, first)) = masks[..index].iter().find(|(other, _)| folded(other) == folded(name)) {
            let reason =
                format!("is a second mask of `{name}`, beside {}: keep the one that is meant", first.display());
            return Err(unsupported(path, reason));
        }
    }
    Ok(())
}

/// A mask: a label map with one value, or the inside of a surface.
fn mask(path: &Path, options: &Options) -> Result<LabelMap, ReadError> {
    let format = Format::of(path)?;
    if format == Format::Surface {
        return (format.entry().read.label_map)(path, options);
    }
    let labels = read_label_map(path)?;
    let largest = labels.voxels.iter().copied().max().unwrap_or(0);
    match labels.voxels.iter().find(|value| **value != 0 && **value != largest) {
        None => Ok(labels),
        Some(other) => {
            let reason = format!(
                "has the values {other} and {largest}, but the mask of one structure has one value besides 0 \
                 (--layout files: each file is a case of its own)"
            );
            Err(unsupported(path, reason))
        }
    }
}

/// A mask on a grid of which its own is a part, or that is stored in another order.
fn placed(path: &Path, grid: &Geometry, options: &Options) -> Result<Array3<u16>, ReadError> {
    let mask = mask(path, options)?;
    let Err(difference) = grid.same_grid(&mask.geometry, GRID_TOLERANCE) else { return Ok(mask.voxels) };
    let lattice = Lattice::of(&mask.geometry, grid, Lattice::tolerance(grid, GRID_TOLERANCE));
    match lattice.filter(|lattice| lattice.outside(mask.voxels.view()) == 0) {
        Some(lattice) => Ok(lattice.put(mask.voxels.view())),
        None => Err(unsupported(path, format!("is on another grid than the other masks of the case: {difference}"))),
    }
}

/// Stacks label pictures in the order of their names: that of the image's slices, if it is a DICOM series that of their names.
pub(super) fn slices(
    folder: &Path,
    files: &[PathBuf],
    image: Option<&Image>,
    names: Option<LabelNames>,
) -> Result<Labelled, ReadError> {
    let read: Vec<_> = files.par_iter().map(|file| raster::read_label_map(file, &MaskForm::Values)).collect();
    let slices: Vec<LabelMap> = read.into_iter().collect::<Result<_, _>>()?;
    let Some(first) = slices.first() else { return Err(unsupported(folder, "holds no picture")) };
    let [_, height, width] = first.geometry.shape;
    let stem = |file: &Path| file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let stems: Vec<String> = files.iter().map(|file| stem(file)).collect();
    let (geometry, order) = match image {
        Some(image) => {
            let (geometry, order, of) = grid_of(image)?;
            if let Some(reason) = incomplete_beside(&stems, &of) {
                return Err(unsupported(folder, reason));
            }
            (geometry, order)
        }
        None => {
            let shape = [slices.len(), height, width];
            let flat = Geometry { has_spacing: false, ..Geometry::axis_aligned(shape, [1.0; 3]) };
            (flat, (0..slices.len()).collect())
        }
    };
    if order.len() != slices.len() {
        return Err(unsupported(folder, format!("holds {} pictures for {} slices", slices.len(), order.len())));
    }
    let mut voxels = Array3::zeros(geometry.shape);
    for ((file, slice), z) in files.iter().zip(&slices).zip(order) {
        let [_, rows, columns] = slice.geometry.shape;
        if [rows, columns] != [geometry.shape[1], geometry.shape[2]] {
            let [_, height, width] = geometry.shape;
            return Err(unsupported(file, format!("has {rows} × {columns} pixels, its slice {height} × {width}")));
        }
        voxels.index_axis_mut(Axis(0), z).assign(&slice.voxels.index_axis(Axis(0), 0));
    }
    let labels = Labelled::new(folder, LabelMap { voxels, geometry }, super::pairs(names));
    Ok(Labelled { slices: stems, ..labels })
}

/// The grid of an image, and the slice and name of each of its files in the order of their names; without names if it is one file.
fn grid_of(image: &Image) -> Result<(Geometry, Vec<usize>, Vec<String>), ReadError> {
    if !image.is_series() {
        let geometry = image.geometry()?;
        let count = geometry.shape[0];
        return Ok((geometry, (0..count).collect(), Vec::new()));
    }
    let series = Series::open(&image.path, &image.choice)?;
    let stem = |(file, _): &(&Path, usize)| file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let mut slices: Vec<(&Path, usize)> = series.slices().collect();
    in_order_of(&mut slices, stem);
    let names = slices.iter().map(stem).collect();
    Ok((series.geometry().clone(), slices.into_iter().map(|(_, slice)| slice).collect(), names))
}
