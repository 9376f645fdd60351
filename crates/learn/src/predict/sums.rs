//! Weighted sums over overlapping windows.

use half::f16;
use half::slice::HalfFloatSliceExt;
use ndarray::parallel::prelude::*;
use ndarray::{Array3, Array4, ArrayView4, Axis, Zip, s};

use super::blend::{importance, scaled_importance};
use super::spec::{Averaged, PredictPlan};
use crate::preprocess::Outputs;
use crate::volume::window::Padding;

/// Sums of the windows' outputs, weighted, over a padded grid.
pub(super) enum Sums {
    /// Of probabilities.
    Probabilities {
        /// `[output, z, y, x]`.
        sum: Array4<f32>,
        /// Sum of the weights.
        weight: Array3<f32>,
        /// Weight of each voxel of a window.
        importance: Array3<f32>,
    },
    /// Of logits, rounded to half precision after each window, as nnU-Net does.
    Logits {
        /// `[output, z, y, x]`.
        sum: Array4<f16>,
        /// Sum of the weights.
        weight: Array3<f16>,
        /// Weight of each voxel of a window.
        importance: Array3<f16>,
    },
}

impl Sums {
    /// Zeros for `outputs` outputs on a grid.
    pub(super) fn new(plan: &PredictPlan, outputs: usize, [depth, height, width]: [usize; 3]) -> Self {
        match plan.averaged {
            Averaged::Probabilities => Self::Probabilities {
                sum: Array4::zeros((outputs, depth, height, width)),
                weight: Array3::zeros((depth, height, width)),
                importance: importance(plan.patch_size, plan.blend),
            },
            Averaged::Logits => Self::Logits {
                sum: Array4::from_elem((outputs, depth, height, width), f16::ZERO),
                weight: Array3::from_elem((depth, height, width), f16::ZERO),
                importance: scaled_importance(plan.patch_size, plan.blend),
            },
        }
    }

    /// Adds a window's outputs `[output, z, y, x]` at its first voxel.
    pub(super) fn add(&mut self, [z, y, x]: [usize; 3], window: ArrayView4<'_, f32>) {
        let (_, depth, height, width) = window.dim();
        let place = s![.., z..z + depth, y..y + height, x..x + width];
        let weighed = s![z..z + depth, y..y + height, x..x + width];
        match self {
            Self::Probabilities { sum, weight, importance } => {
                Zip::from(sum.slice_mut(place))
                    .and(window)
                    .and_broadcast(&*importance)
                    .par_for_each(|sum, probability, importance| *sum += probability * importance);
                let mut place = weight.slice_mut(weighed);
                place += &*importance;
            }
            Self::Logits { sum, weight, importance } => {
                let mut sum = sum.slice_mut(place);
                let outputs = sum.outer_iter_mut().into_par_iter().zip(window.outer_iter().into_par_iter());
                outputs.for_each(|(mut sum, window)| {
                    let rows = sum.rows_mut().into_iter().zip(window.rows()).zip(importance.rows());
                    for ((mut sum, window), importance) in rows {
                        if let (Some(sum), Some(importance)) = (sum.as_slice_mut(), importance.as_slice()) {
                            add_rounded(sum, window.iter().copied(), importance);
                        }
                    }
                });
                let mut weight = weight.slice_mut(weighed);
                for (mut weight, importance) in weight.rows_mut().into_iter().zip(importance.rows()) {
                    if let (Some(weight), Some(importance)) = (weight.as_slice_mut(), importance.as_slice()) {
                        add_rounded(weight, std::iter::repeat(1.0), importance);
                    }
                }
            }
        }
    }

    /// The averages, without the padding. Voxels that no window covers are background.
    pub(super) fn finish(self, padding: &Padding, sigmoid: bool) -> Outputs {
        match self {
            Self::Probabilities { mut sum, weight, .. } => {
                sum.axis_iter_mut(Axis(0)).into_par_iter().enumerate().for_each(|(index, mut output)| {
                    let nothing = if index == 0 && !sigmoid { 1.0 } else { 0.0 };
                    output.zip_mut_with(&weight, |sum, weight| {
                        *sum = if *weight > 0.0 { *sum / weight } else { nothing }
                    });
                });
                Outputs::Probabilities(padding.inner(&sum).to_owned())
            }
            Self::Logits { mut sum, weight, .. } => {
                sum.axis_iter_mut(Axis(0)).into_par_iter().enumerate().for_each(|(index, mut output)| {
                    let nothing = if index == 0 && !sigmoid { f16::MAX } else { f16::MIN };
                    output.zip_mut_with(&weight, |sum, weight| {
                        let weight = weight.to_f32();
                        *sum = if weight > 0.0 { f16::from_f32(sum.to_f32() / weight) } else { nothing };
                    });
                });
                Outputs::Logits(padding.inner(&sum).to_owned())
            }
        }
    }
}

/// Adds weighted values to sums, rounded to half precision.
fn add_rounded(sums: &mut [f16], values: impl Iterator<Item = f32>, weights: &[f16]) {
    // Rows are converted at once, by the processor's own instructions.
    let [mut wide, mut factors] = [vec![0.0f32; sums.len()], vec![0.0f32; sums.len()]];
    sums.convert_to_f32_slice(&mut wide);
    weights.convert_to_f32_slice(&mut factors);
    for ((sum, value), factor) in wide.iter_mut().zip(values).zip(&factors) {
        *sum += value * factor;
    }
    sums.convert_from_f32_slice(&wide);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::predict::spec::{Blend, Weights};

    fn plan(averaged: Averaged) -> PredictPlan {
        PredictPlan {
            weights: Weights::Last,
            patch_size: [1, 2, 4],
            overlap: 0.5,
            blend: Blend::Gaussian,
            averaged,
            mirror_axes: Vec::new(),
            mirrored_outputs: Vec::new(),
            batch_size: 1,
            threshold: 0.5,
            largest_component: Vec::new(),
            largest_union: Vec::new(),
        }
    }

    #[test]
    fn averages_of_equal_windows_are_the_windows() {
        let window = Array4::from_shape_fn((2, 1, 2, 4), |(output, _, y, _)| output as f32 + y as f32 * 0.25);
        for averaged in [Averaged::Probabilities, Averaged::Logits] {
            let padding = Padding::to_patch([1, 2, 6], [1, 2, 4]);
            let mut sums = Sums::new(&plan(averaged), 2, padding.padded);
            for start in [[0, 0, 0], [0, 0, 2], [0, 0, 1]] {
                sums.add(start, window.view());
            }
            let found = match sums.finish(&padding, false) {
                Outputs::Probabilities(values) => values,
                Outputs::Logits(values) => values.mapv(f16::to_f32),
            };
            for ((output, _, y, _), value) in found.indexed_iter() {
                let expected = output as f32 + y as f32 * 0.25;
                assert!((value - expected).abs() < 2e-3, "{averaged:?}: {value} {expected}");
            }
        }
    }

    #[test]
    fn voxels_without_a_window_are_background() {
        let padding = Padding::to_patch([1, 2, 6], [1, 2, 4]);
        let sums = Sums::new(&plan(Averaged::Logits), 2, padding.padded);
        let found = sums.finish(&padding, false).into_probabilities(false);
        assert!(found.index_axis(Axis(0), 0).iter().all(|&background| background == 1.0));
    }
}
