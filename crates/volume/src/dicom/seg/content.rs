//! Samples of a segmentation object → labels, or masks where segments overlap.

use std::sync::atomic::{AtomicBool, Ordering};

use ndarray::{Array3, Array4};
use rayon::prelude::*;

use super::place::Placed;
use super::read::{Kind, Object};
use crate::dicom::damaged;
use crate::dicom::frames::is_plausible;
use crate::stored::ask_memory;
use crate::{LabelMap, ReadError, Segmentation};

/// Fills the grid; masks are made only where segments overlap.
pub(super) fn content(object: &Object, grid: Placed) -> Result<Segmentation, ReadError> {
    let broken = |reason: String| damaged(object.path, reason);
    let slices = by_slice(object, &grid)?;
    let [depth, rows, columns] = grid.geometry.shape;
    let voxels = grid.geometry.shape.iter().fold(1_u64, |count, &size| count.saturating_mul(size as u64));
    allowed(voxels, object)?;
    let mut labels = vec![0_u16; depth * rows * columns];
    let overlap = AtomicBool::new(false);
    let planes = labels.par_chunks_mut(rows * columns).zip(slices.par_iter());
    planes.try_for_each(|(plane, frames)| label(object, frames, plane, &overlap)).map_err(broken)?;
    if !overlap.into_inner() {
        let voxels = Array3::from_shape_vec(grid.geometry.shape, labels).map_err(|error| broken(error.to_string()))?;
        return Ok(Segmentation::Labels(LabelMap { voxels, geometry: grid.geometry }));
    }
    drop(labels);
    let count = object.segments.len();
    allowed(voxels.saturating_mul(count as u64), object)?;
    let mut masks = vec![0_u8; count * depth * rows * columns];
    let planes = masks.par_chunks_mut(rows * columns).enumerate();
    planes.try_for_each(|(index, plane)| mask(object, index / depth, &slices[index % depth], plane)).map_err(broken)?;
    let masks =
        Array4::from_shape_vec([count, depth, rows, columns], masks).map_err(|error| broken(error.to_string()))?;
    Ok(Segmentation::Masks { masks, geometry: grid.geometry })
}

fn allowed(voxels: u64, object: &Object) -> Result<(), ReadError> {
    if !is_plausible(voxels, object.bytes) {
        let text = format!("its frames span {voxels} voxels, more than its {} bytes can describe", object.bytes);
        return Err(damaged(object.path, text));
    }
    ask_memory(object.path, voxels.saturating_mul(size_of::<u16>() as u64))
}

/// Frames of each slice; a segment has at most one.
fn by_slice(object: &Object, grid: &Placed) -> Result<Vec<Vec<usize>>, ReadError> {
    let depth = grid.geometry.shape[0];
    allowed(depth as u64, object)?;
    let mut slices: Vec<Vec<usize>> = vec![Vec::new(); depth];
    for (frame, &slice) in grid.slices.iter().enumerate() {
        let outside = || damaged(object.path, "a frame lies outside of the grid");
        let frames = slices.get_mut(slice).ok_or_else(outside)?;
        let segment = object.frames[frame].segment;
        if let Some(other) = frames.iter().find(|&&other| object.frames[other].segment == segment) {
            let text = format!("frames {} and {} show the same segment at one position", other + 1, frame + 1);
            return Err(damaged(object.path, text));
        }
        frames.push(frame);
    }
    Ok(slices)
}

/// Writes the segments of one slice and records whether two of them overlap.
fn label(object: &Object, frames: &[usize], plane: &mut [u16], overlap: &AtomicBool) -> Result<(), String> {
    for &frame in frames {
        let samples = samples(object, frame)?;
        let Some(segment) = object.frames[frame].segment else {
            numbers(object, frame, &samples, plane)?;
            continue;
        };
        let value = object.segments[segment].value;
        for (voxel, sample) in plane.iter_mut().zip(samples) {
            if is_inside(object.kind, sample) {
                if *voxel != 0 {
                    overlap.store(true, Ordering::Relaxed);
                }
                *voxel = value;
            }
        }
    }
    Ok(())
}

/// Copies a frame of a label map.
fn numbers(object: &Object, frame: usize, samples: &[u32], plane: &mut [u16]) -> Result<(), String> {
    // Neighbours mostly share their value: it is looked up only when it changes.
    let (mut last, mut label) = (0, 0);
    for (voxel, &sample) in plane.iter_mut().zip(samples) {
        let value = object.format.value(sample);
        if value != last {
            let background = value == 0 || object.format.is_padding(value);
            let described = object.segments.iter().find(|segment| i64::from(segment.value) == value);
            label = match described {
                Some(segment) => segment.value,
                None if background => 0,
                None => return Err(format!("frame {} holds {value}, which no segment describes", frame + 1)),
            };
            last = value;
        }
        *voxel = label;
    }
    Ok(())
}

/// Writes one segment of one slice.
fn mask(object: &Object, segment: usize, frames: &[usize], plane: &mut [u8]) -> Result<(), String> {
    let Some(&frame) = frames.iter().find(|&&frame| object.frames[frame].segment == Some(segment)) else {
        return Ok(());
    };
    for (voxel, sample) in plane.iter_mut().zip(samples(object, frame)?) {
        *voxel = u8::from(is_inside(object.kind, sample));
    }
    Ok(())
}

fn samples(object: &Object, frame: usize) -> Result<Vec<u32>, String> {
    object.samples.samples(frame).map_err(|reason| format!("frame {}: {reason}", frame + 1))
}

fn is_inside(kind: Kind, sample: u32) -> bool {
    match kind {
        Kind::Fractional(largest) => u64::from(sample) * 2 >= u64::from(largest),
        Kind::Binary | Kind::LabelMap => sample != 0,
    }
}
