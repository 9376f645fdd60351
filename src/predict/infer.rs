//! Sliding-window inference: probabilities of a prepared image.

use std::sync::atomic::{AtomicBool, Ordering};

use burn::tensor::{Device, Tensor, TensorData, activation};
use ndarray::{Array3, Array4, ArrayView4, s};

use super::PredictPlan;
use super::window::{Padding, importance, window_starts};
use crate::model::Network;

/// A trained network with what it needs to predict.
pub struct Predictor<'a> {
    /// Without autodiff.
    pub network: &'a Network,
    /// Where it lies.
    pub device: &'a Device,
    /// Windows, blending, mirroring.
    pub plan: &'a PredictPlan,
    /// Sigmoid instead of softmax.
    pub overlapping: bool,
    /// Output channels.
    pub outputs: usize,
}

impl Predictor<'_> {
    /// Probabilities `[output, z, y, x]` of an image `[channel, z, y, x]`, on the same grid; none if it was cancelled.
    ///
    /// Windows overlap and are averaged with the plan's weights; mirrored passes are averaged before.
    pub fn probabilities(&self, image: ArrayView4<f32>, cancelled: &AtomicBool) -> Option<Array4<f32>> {
        let patch = self.plan.patch_size;
        let padding = Padding::to_patch(spatial(image.dim()), patch);
        let padded = padding.pad(image);
        let importance = importance(patch, self.plan.blend);
        let [depth, height, width] = padding.padded;
        let mut sum = Array4::<f32>::zeros((self.outputs, depth, height, width));
        let mut weight = Array3::<f32>::zeros((depth, height, width));
        for starts in window_starts(padding.padded, patch, self.plan.overlap).chunks(self.plan.batch_size) {
            if cancelled.load(Ordering::Relaxed) {
                return None;
            }
            let patches: Vec<_> = starts.iter().map(|start| self.cut(&padded, *start)).collect();
            for (start, probabilities) in starts.iter().zip(self.forward(&patches)) {
                self.add(&mut sum, &mut weight, *start, &probabilities, &importance);
            }
        }
        for mut output in sum.outer_iter_mut() {
            output /= &weight;
        }
        Some(padding.inner(&sum).to_owned())
    }

    fn cut<'b>(&self, image: &'b Array4<f32>, [z, y, x]: [usize; 3]) -> ArrayView4<'b, f32> {
        let [depth, height, width] = self.plan.patch_size;
        image.slice(s![.., z..z + depth, y..y + height, x..x + width])
    }

    fn add(
        &self,
        sum: &mut Array4<f32>,
        weight: &mut Array3<f32>,
        [z, y, x]: [usize; 3],
        probabilities: &Array4<f32>,
        importance: &Array3<f32>,
    ) {
        let [depth, height, width] = self.plan.patch_size;
        let (zs, ys, xs) = (z..z + depth, y..y + height, x..x + width);
        let mut place = weight.slice_mut(s![zs.clone(), ys.clone(), xs.clone()]);
        place += importance;
        for (mut output, probability) in sum.outer_iter_mut().zip(probabilities.outer_iter()) {
            let mut place = output.slice_mut(s![zs.clone(), ys.clone(), xs.clone()]);
            place.zip_mut_with(&(&probability * importance), |sum, value| *sum += value);
        }
    }

    /// Probabilities of some patches, averaged over all flips of the mirrored axes.
    fn forward(&self, patches: &[ArrayView4<f32>]) -> Vec<Array4<f32>> {
        let images = self.to_tensor(patches);
        let axes = &self.plan.mirror_axes;
        let flips = 1usize << axes.len();
        let mut sum: Option<Tensor<5>> = None;
        for flip in 0..flips {
            let chosen: Vec<usize> = (0..axes.len()).filter(|bit| flip >> bit & 1 == 1).map(|bit| axes[bit]).collect();
            let probabilities = self.activate(self.network.forward(flipped(images.clone(), &chosen)));
            let probabilities = flipped(probabilities, &chosen);
            sum = Some(match sum {
                Some(sum) => sum + probabilities,
                None => probabilities,
            });
        }
        let mean = sum.map(|sum| sum.div_scalar(flips as f64));
        mean.map_or_else(Vec::new, |mean| self.to_arrays(mean))
    }

    fn activate(&self, logits: Tensor<5>) -> Tensor<5> {
        match self.overlapping {
            true => activation::sigmoid(logits),
            false => activation::softmax(logits, 1),
        }
    }

    fn to_tensor(&self, patches: &[ArrayView4<f32>]) -> Tensor<5> {
        let [depth, height, width] = self.plan.patch_size;
        let channels = patches.first().map_or(0, |patch| patch.dim().0);
        let values: Vec<f32> = patches.iter().flat_map(|patch| patch.iter().copied()).collect();
        Tensor::from_data(TensorData::new(values, [patches.len(), channels, depth, height, width]), self.device)
    }

    fn to_arrays(&self, probabilities: Tensor<5>) -> Vec<Array4<f32>> {
        let [_, outputs, depth, height, width] = probabilities.dims();
        let values = probabilities.into_data().convert::<f32>().try_into_vec::<f32>().unwrap_or_default();
        let each = values.chunks_exact(outputs * depth * height * width);
        each.filter_map(|chunk| Array4::from_shape_vec((outputs, depth, height, width), chunk.to_vec()).ok()).collect()
    }
}

/// Flips the given axes, 0 depth to 2 width.
fn flipped(tensor: Tensor<5>, axes: &[usize]) -> Tensor<5> {
    axes.iter().fold(tensor, |tensor, &axis| tensor.flip([axis + 2]))
}

fn spatial((_, depth, height, width): (usize, usize, usize, usize)) -> [usize; 3] {
    [depth, height, width]
}
