//! The voxels of a stack.

use std::collections::BTreeMap;
use std::path::Path;

use dicom_dictionary_std::tags;
use ndarray::Array4;
use rayon::prelude::*;

use super::file::DicomFile;
use super::frames::Frames;
use super::grid::Grid;
use super::pixel::{Format, Rescale};
use super::plane::{FrameView, Plane};
use super::value::Values;
use super::{damaged, unsupported};
use crate::stored::ask_memory;
use crate::{ReadError, Volume};

/// A plane, and the part of the volume that it fills.
type Target<'a> = (&'a Plane, &'a mut [f32]);

/// Decodes every plane; slices without a plane are interpolated between their neighbours.
pub(super) fn voxels(grid: &Grid) -> Result<Volume, ReadError> {
    let [depth, rows, columns] = grid.geometry.shape;
    let mut files: BTreeMap<&Path, Vec<Target>> = BTreeMap::new();
    let first = &grid.planes[0].instance.path;
    // The image, and a decoded slice for each thread.
    let slices = depth.saturating_add(3 * rayon::current_num_threads());
    ask_memory(first, slices.saturating_mul(rows).saturating_mul(columns).saturating_mul(size_of::<f32>()) as u64)?;
    let mut voxels = vec![0.0_f32; depth * rows * columns];
    let mut slices: Vec<Option<&mut [f32]>> = voxels.chunks_mut(rows * columns).map(Some).collect();
    for (plane, &slice) in grid.planes.iter().zip(&grid.slices) {
        if let Some(target) = slices.get_mut(slice).and_then(Option::take) {
            files.entry(&plane.instance.path).or_default().push((plane, target));
        }
    }
    let files: Vec<(&Path, Vec<Target>)> = files.into_iter().collect();
    files.into_par_iter().try_for_each(|(path, targets)| file(path, targets))?;
    interpolate(&mut voxels, &grid.slices, rows * columns);
    let voxels = Array4::from_shape_vec([1, depth, rows, columns], voxels);
    Ok(Volume { voxels: voxels.map_err(|error| damaged(first, error.to_string()))?, geometry: grid.geometry.clone() })
}

/// Decodes the planes that lie in one file.
fn file(path: &Path, targets: Vec<Target>) -> Result<(), ReadError> {
    let file = DicomFile::open(path)?.ok_or_else(|| damaged(path, "is no longer a DICOM file"))?;
    let broken = |reason: String| unsupported(path, reason);
    let format = Format::of(&file.header).map_err(broken)?;
    let count = file.header.count(tags::NUMBER_OF_FRAMES).map_err(broken)?.unwrap_or(1).max(1);
    let frames = Frames::new(&file, format.layout, count).map_err(broken)?;
    targets.into_par_iter().try_for_each(|(plane, target)| {
        let rescale = Rescale::of(&FrameView::new(&file.header, plane.frame)).map_err(broken)?;
        let samples = frames.samples(plane.frame);
        let samples = samples.map_err(|reason| damaged(path, format!("frame {}: {reason}", plane.frame + 1)))?;
        for (voxel, pattern) in target.iter_mut().zip(samples) {
            *voxel = rescale.intensity(&format, format.value(pattern));
        }
        Ok(())
    })
}

/// Interpolates missing slices.
fn interpolate(voxels: &mut [f32], present: &[usize], slice: usize) {
    for pair in present.windows(2) {
        let &[before, after] = pair else { continue };
        for missing in before + 1..after {
            let part = (missing - before) as f32 / (after - before) as f32;
            for index in 0..slice {
                let [low, high] = [before, after].map(|neighbour| voxels[neighbour * slice + index]);
                voxels[missing * slice + index] = low + (high - low) * part;
            }
        }
    }
}
