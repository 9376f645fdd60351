//! Restores network outputs on the prepared grid to a segmentation on the image's original grid.

use half::f16;
use ndarray::{Array2, Array3, Array4, ArrayView2, ArrayView3, Axis, Zip};

use super::case::Origin;
use super::crop::CropBox;
use super::outputs::{Outputs, logit, normalise};
use super::resample::{Order, resample};
use crate::dataset::Target;
use crate::volume::{LabelMap, Segmentation, Volume};

/// Outputs whose shape does not match the case or the target.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("outputs of shape {found:?} [output, z, y, x], expected {expected:?}")]
pub struct ShapeError {
    /// Shape of the outputs.
    pub found: [usize; 4],
    /// Expected shape, from the target and the prepared grid of the case.
    pub expected: [usize; 4],
}

/// Probabilities `[structure, z, y, x]` on the grid and in the orientation of the image as read: the mean of several networks, as
/// [`restore_mean`]. Outside the crop they are 0.
///
/// # Errors
/// [`ShapeError`] if outputs, target and origins do not match, or there are no members.
pub fn restore_probabilities(members: &[(&Outputs, &Origin)], target: &Target) -> Result<Volume, ShapeError> {
    let first = check_shapes(members, target)?;
    let joined = joined(members, target.sigmoid());
    let members = views(members, joined.as_deref());
    let mean = Mean { members: &members, sigmoid: target.sigmoid(), crop: shared_crop(&members) };
    let [depth, height, width] = mean.crop.shape();
    let mut inside = Array4::zeros([target.outputs(), depth, height, width]);
    for (index, mut output) in inside.outer_iter_mut().enumerate() {
        output.assign(&mean.output(index));
    }
    if members.iter().all(|(outputs, _)| outputs.are_logits()) {
        normalise(&mut inside, target.sigmoid());
    }
    let geometry = first.whole();
    let [depth, height, width] = geometry.shape;
    let mut voxels = Array4::zeros([target.structures.len(), depth, height, width]);
    let structures = inside.slice_axis(Axis(0), ndarray::Slice::from(mean.background()..));
    voxels
        .slice_each_axis_mut(|axis| match axis.axis.index() {
            0 => ndarray::Slice::from(..),
            axis => mean.crop.slice(axis - 1),
        })
        .assign(&structures);
    let back = first.orientation.way(&first.geometry).inverse();
    Ok(Volume { geometry: first.geometry.clone(), ..Volume { voxels, geometry }.arranged(back) })
}

/// Maps values per prepared slice `[output, z]` to the slices of the uncropped canonical image: the maximum over the overlapping
/// prepared slices, 0 outside the crop.
pub fn restore_slices(slices: ArrayView2<'_, f32>, origin: &Origin) -> Array2<f32> {
    let whole = origin.whole().shape[0];
    let (start, kept, prepared) = (origin.crop.start[0], origin.crop.shape()[0], origin.prepared_shape[0]);
    let mut restored = Array2::zeros([slices.len_of(Axis(0)), whole]);
    for slice in 0..kept {
        let first = slice * prepared / kept;
        let end = ((slice + 1) * prepared).div_ceil(kept).clamp(first + 1, prepared);
        for (output, mut restored) in slices.outer_iter().zip(restored.outer_iter_mut()) {
            let met = output.slice_axis(Axis(0), ndarray::Slice::from(first..end));
            restored[start + slice] = met.iter().copied().fold(0.0, f32::max);
        }
    }
    restored
}

/// Converts outputs on the prepared grid to a segmentation on the grid and in the orientation of the image as read. Voxels outside the
/// crop are background.
///
/// Softmax: output 0 is background, output `i` is structure `i − 1`, and the largest output wins (ties: the first). Sigmoid: output
/// `i` is structure `i`, present where its probability is above `threshold`; if structures do not overlap, the largest wins; if they
/// are painted, the last. Outputs are restored one after the other, so that memory does not grow with their number.
///
/// # Errors
/// [`ShapeError`] if outputs, target and origin do not match.
pub fn restore_segmentation(
    outputs: &Outputs,
    target: &Target,
    threshold: f64,
    origin: &Origin,
) -> Result<Segmentation, ShapeError> {
    restore_mean(&[(outputs, origin)], target, threshold)
}

/// Like [`restore_segmentation`], for the mean of several networks on the same image, each on its own prepared grid: of their logits if
/// all have logits on the same grid, else of their probabilities. The first origin describes the image. Outside its crop, a network
/// predicts background.
///
/// # Errors
/// [`ShapeError`] if outputs, target and origins do not match, or there are no members.
pub fn restore_mean(
    members: &[(&Outputs, &Origin)],
    target: &Target,
    threshold: f64,
) -> Result<Segmentation, ShapeError> {
    let first = check_shapes(members, target)?;
    let joined = joined(members, target.sigmoid());
    let members = views(members, joined.as_deref());
    let are_logits = members.iter().all(|(outputs, _)| outputs.are_logits());
    let threshold = if are_logits { logit(threshold) } else { threshold };
    let mean = Mean { members: &members, sigmoid: target.sigmoid(), crop: shared_crop(&members) };
    let geometry = first.whole();
    let found = match target.has_masks() {
        true => Segmentation::Masks { masks: masks(&mean, threshold, geometry.shape), geometry },
        false => {
            let chosen = if target.painted { painted } else { winners };
            let voxels = mean.uncrop(chosen(&mean, target, threshold).view(), geometry.shape);
            Segmentation::Labels(LabelMap { voxels, geometry })
        }
    };
    Ok(found.restored(first.orientation.way(&first.geometry), &first.geometry))
}

/// Refuses outputs that do not match their case or the target. Returns the first origin.
fn check_shapes<'a>(members: &[(&Outputs, &'a Origin)], target: &Target) -> Result<&'a Origin, ShapeError> {
    for (outputs, origin) in members {
        let [depth, height, width] = origin.prepared_shape;
        let (found, expected) = (outputs.shape(), [target.outputs(), depth, height, width]);
        if found != expected {
            return Err(ShapeError { found, expected });
        }
    }
    let none = ShapeError { found: [0; 4], expected: [target.outputs(), 0, 0, 0] };
    members.first().map(|(_, origin)| *origin).ok_or(none)
}

/// Several members of which some have logits: their mean if all have logits on one grid, else the probabilities of all. None where the
/// members can be restored as they are.
fn joined<'a>(members: &[(&Outputs, &'a Origin)], sigmoid: bool) -> Option<Vec<(Outputs, &'a Origin)>> {
    let (first, rest) = members.split_first()?;
    if rest.is_empty() || !members.iter().any(|(outputs, _)| outputs.are_logits()) {
        return None;
    }
    let same_grid = rest.iter().all(|(_, origin)| origin == &first.1);
    let all: Vec<&Outputs> = members.iter().map(|(outputs, _)| *outputs).collect();
    if let Some(mean) = same_grid.then(|| Outputs::mean_logits(&all)).flatten() {
        return Some(vec![(mean, first.1)]);
    }
    let probabilities = |(outputs, origin): &(&Outputs, &'a Origin)| {
        (Outputs::Probabilities((*outputs).clone().into_probabilities(sigmoid)), *origin)
    };
    Some(members.iter().map(probabilities).collect())
}

/// The members, or what was made of them.
fn views<'a>(
    members: &[(&'a Outputs, &'a Origin)],
    joined: Option<&'a [(Outputs, &'a Origin)]>,
) -> Vec<(&'a Outputs, &'a Origin)> {
    match joined {
        Some(joined) => joined.iter().map(|(outputs, origin)| (outputs, *origin)).collect(),
        None => members.to_vec(),
    }
}

/// The smallest box of the image that contains the crops of all members.
fn shared_crop(members: &[(&Outputs, &Origin)]) -> CropBox {
    let crops = members.iter().map(|(_, origin)| origin.crop);
    let union = |a: CropBox, b: CropBox| CropBox {
        start: [0, 1, 2].map(|axis| a.start[axis].min(b.start[axis])),
        end: [0, 1, 2].map(|axis| a.end[axis].max(b.end[axis])),
    };
    crops.reduce(union).unwrap_or(CropBox { start: [0; 3], end: [0; 3] })
}

/// Mean outputs of several networks for one image.
struct Mean<'a> {
    members: &'a [(&'a Outputs, &'a Origin)],
    sigmoid: bool,
    /// The smallest box of the image that contains all crops.
    crop: CropBox,
}

impl Mean<'_> {
    /// Number of background outputs, before those of the structures.
    fn background(&self) -> usize {
        usize::from(!self.sigmoid)
    }

    /// Mean of an output on the shared crop: linear, nearest along a coarse axis.
    fn output(&self, output: usize) -> Array3<f32> {
        let restored = |(outputs, origin): &(&Outputs, &Origin)| {
            let mut inside = restore_output(outputs.output(output).view(), origin);
            if outputs.are_logits() {
                // As nnU-Net keeps them.
                inside.par_mapv_inplace(|logit| f16::from_f32(logit).to_f32());
            }
            if origin.crop == self.crop {
                return inside;
            }
            let elsewhere = if output < self.background() { 1.0 } else { 0.0 };
            let mut whole = Array3::from_elem(self.crop.shape(), elsewhere);
            let place = |axis: usize| {
                let start = origin.crop.start[axis] - self.crop.start[axis];
                ndarray::Slice::from(start..start + origin.crop.shape()[axis])
            };
            whole.slice_each_axis_mut(|axis| place(axis.axis.index())).assign(&inside);
            whole
        };
        let mut sum = self.members.first().map_or_else(|| Array3::zeros([0; 3]), restored);
        for member in self.members.iter().skip(1) {
            sum += &restored(member);
        }
        if self.members.len() > 1 {
            sum /= self.members.len() as f32;
        }
        sum
    }

    /// Embeds a label map of the crop in the whole image.
    fn uncrop(&self, cropped: ArrayView3<'_, u16>, shape: [usize; 3]) -> Array3<u16> {
        let mut whole = Array3::zeros(shape);
        whole.slice_each_axis_mut(|axis| self.crop.slice(axis.axis.index())).assign(&cropped);
        whole
    }
}

fn restore_output(output: ArrayView3<'_, f32>, origin: &Origin) -> Array3<f32> {
    resample(output, origin.crop.shape(), Order::Linear, origin.coarse_axis)
}

/// The structure with the largest output at each voxel of the crop.
fn winners(mean: &Mean<'_>, target: &Target, threshold: f64) -> Array3<u16> {
    let mut best = match mean.sigmoid {
        true => Array3::from_elem(mean.crop.shape(), threshold as f32),
        false => mean.output(0),
    };
    let mut labels = Array3::zeros(best.dim());
    for (index, structure) in target.structures.iter().enumerate() {
        let restored = mean.output(mean.background() + index);
        Zip::from(&mut labels).and(&mut best).and(&restored).par_for_each(|label, best, &value| {
            if value > *best {
                (*label, *best) = (structure.value, value);
            }
        });
    }
    labels
}

/// Each structure where its output is above the threshold, over those before it.
fn painted(mean: &Mean<'_>, target: &Target, threshold: f64) -> Array3<u16> {
    let mut labels = Array3::zeros(mean.crop.shape());
    for (index, structure) in target.structures.iter().enumerate() {
        let restored = mean.output(index);
        Zip::from(&mut labels).and(&restored).par_for_each(|label, &value| {
            if f64::from(value) > threshold {
                *label = structure.value;
            }
        });
    }
    labels
}

fn masks(mean: &Mean<'_>, threshold: f64, [depth, height, width]: [usize; 3]) -> Array4<u8> {
    let outputs = mean.members.first().map_or(0, |(outputs, _)| outputs.shape()[0]);
    let mut masks = Array4::zeros([outputs, depth, height, width]);
    for (output, mut mask) in masks.outer_iter_mut().enumerate() {
        let present = mean.output(output).mapv(|value| u8::from(f64::from(value) > threshold));
        mask.slice_each_axis_mut(|axis| mean.crop.slice(axis.axis.index())).assign(&present);
    }
    masks
}

#[cfg(test)]
mod tests;
