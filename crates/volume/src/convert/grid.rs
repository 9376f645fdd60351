//! Labels on the grid of an image: without loss where their voxels are voxels of the image, else by nearest neighbour if that is asked for.

use std::path::Path;

use ndarray::{Array3, Array4, Axis, CowArray, Ix3};

use super::ConvertError;
use crate::format::{Format, Options};
use crate::{Geometry, LabelMap, Lattice, Segmentation, Segments, dicom, label_names, resample};

/// Corners of the same grid differ by at most this fraction of a voxel.
const SAME_GRID: f64 = 0.1;

/// Most names in a message.
const NAMED: usize = 8;

fn refused(path: &Path, reason: String) -> ConvertError {
    ConvertError::Refused { path: path.into(), reason }
}

/// Refuses to resample to the grid of nothing.
///
/// # Errors
/// What to name.
pub(super) fn refuse_without_image(source: &Path, options: &Options) -> Result<(), ConvertError> {
    match options.resample && options.on.is_none() {
        true => Err(refused(source, "labels are resampled to the grid of an image: name it with --on".into())),
        false => Ok(()),
    }
}

/// How labels are read that [`on_image`] then puts on the image: segmentation objects on their own grid, unless they can be read on that
/// of the series that they were drawn on.
pub(super) fn as_read(from: Format, options: &Options) -> Options {
    let is_series = |image: &Path| matches!(Format::of(image), Ok(Format::DicomImage));
    let own = from == Format::DicomSegments && (options.resample || !options.on.as_deref().is_some_and(is_series));
    Options { on: options.on.clone().filter(|_| !own), ..options.clone() }
}

/// Labels on the grid of the image `on`, if there is one.
///
/// # Errors
/// Labels on another grid without `resample`, labels of which nothing lies in the image, or an image that cannot be read.
pub fn on_image(source: &Path, segments: Segments, options: &Options) -> Result<Segments, ConvertError> {
    refuse_without_image(source, options)?;
    let Some(image) = &options.on else { return Ok(segments) };
    let grid = (Format::of(image)?.entry().read.header)(image, &Options { on: None, ..options.clone() })?.geometry;
    let Err(difference) = segments.geometry().same_grid(&grid, SAME_GRID) else { return Ok(segments) };
    let names = (source.display(), image.display());
    if let Some((lattice, voxels)) = without_loss(source, &segments, &grid) {
        let how = match () {
            () if lattice.is_same() => None,
            () if lattice.is_part() => Some(format!("covers a part of {}; the rest is background", names.1)),
            () => Some(format!("reaches, without labels, beyond {}", names.1)),
        };
        options.notes.extend(how.map(|how| format!("{}: {how}", names.0)));
        return Ok(Segments { content: voxels, ..segments });
    }
    if !options.resample {
        let remedy = "--resample puts them on it, each voxel with the nearest label";
        return Err(refused(
            source,
            format!("its labels lie on another grid than {}: {difference}; {remedy}", names.1),
        ));
    }
    resampled(source, image, segments, &grid, options)
}

/// Where every labelled voxel is one of the grid: how it lies there, and the content on the grid.
fn without_loss(source: &Path, segments: &Segments, grid: &Geometry) -> Option<(Lattice, Segmentation)> {
    // Positions in segmentation objects are rounded more than those of images.
    let tolerance = match Format::of(source) {
        Ok(Format::DicomSegments) => [SAME_GRID; 3],
        _ => Lattice::tolerance(grid, SAME_GRID),
    };
    let lattice = Lattice::of(segments.geometry(), grid, tolerance)?;
    if lattice.outside(labelled(&segments.content).view()) > 0 {
        return None;
    }
    let geometry = grid.clone();
    let content = match &segments.content {
        Segmentation::Labels(labels) => {
            Segmentation::Labels(LabelMap { voxels: lattice.put(labels.voxels.view()), geometry })
        }
        Segmentation::Masks { masks, .. } => {
            let [depth, height, width] = grid.shape;
            let mut put = Array4::zeros([masks.dim().0, depth, height, width]);
            for (mask, mut target) in masks.outer_iter().zip(put.outer_iter_mut()) {
                target.assign(&lattice.put(mask));
            }
            Segmentation::Masks { masks: put, geometry }
        }
    };
    Some((lattice, content))
}

/// Voxels of any structure are not 0.
fn labelled(content: &Segmentation) -> CowArray<'_, u16, Ix3> {
    match content {
        Segmentation::Labels(labels) => CowArray::from(labels.voxels.view()),
        Segmentation::Masks { masks, .. } => {
            let (_, depth, height, width) = masks.dim();
            let mut all = Array3::<u16>::zeros([depth, height, width]);
            masks.axis_iter(Axis(0)).for_each(|mask| all.zip_mut_with(&mask, |all, &inside| *all |= u16::from(inside)));
            CowArray::from(all)
        }
    }
}

/// Resamples, and says what is lost.
fn resampled(
    source: &Path,
    image: &Path,
    segments: Segments,
    grid: &Geometry,
    options: &Options,
) -> Result<Segments, ConvertError> {
    let (file, on) = (source.display(), image.display());
    let (labelled, outside) = resample::presence(labelled(&segments.content).view(), segments.geometry(), grid);
    if labelled > 0 && outside == labelled {
        let [labels, box_of_image] = [segments.geometry(), grid].map(resample::bounds);
        let reason = format!("nothing of its labels lies in {on}: the labels cover {labels}, the image {box_of_image}");
        return Err(refused(source, reason));
    }
    let before = filled(&segments);
    let result = resample::segments(segments, grid);
    options.notes.extend([format!("{file}: resampled to the grid of {on}")]);
    if outside > 0 {
        let lost = format!("{file}: {outside} of {labelled} labelled voxels lie outside {on} and are lost");
        options.notes.extend([lost]);
    }
    let after = filled(&result);
    let gone = result.segments.iter().zip(before.iter().zip(after)).filter(|(_, (before, after))| **before && !after);
    let gone: Vec<String> = gone.map(|(segment, _)| format!("`{}`", segment.name)).collect();
    if !gone.is_empty() {
        let more = if gone.len() > NAMED { ", …" } else { "" };
        let names = gone[..gone.len().min(NAMED)].join(", ");
        options.notes.extend([format!("{file}: no voxel of {names}{more} is left after resampling")]);
    }
    Ok(result)
}

/// Whether each segment has a voxel.
fn filled(segments: &Segments) -> Vec<bool> {
    match &segments.content {
        Segmentation::Labels(labels) => {
            let present = label_names::present(labels);
            segments.segments.iter().map(|segment| present.contains(&segment.value)).collect()
        }
        Segmentation::Masks { masks, .. } => {
            masks.outer_iter().map(|mask| mask.iter().any(|&inside| inside != 0)).collect()
        }
    }
}

/// A remark on a segmentation object that was read without its series: it shows a part of the slices.
pub(super) fn part_of_series(source: &Path, segments: &Segments) -> Option<String> {
    let file = dicom::only_segments(source).ok()?;
    let (own, all) = (segments.geometry().shape[0], dicom::source_slices(&file).ok()??);
    (own < all).then(|| {
        format!(
            "{}: covers {own} of the {all} slices of its series; --on SERIES gives the grid of the series",
            source.display()
        )
    })
}
