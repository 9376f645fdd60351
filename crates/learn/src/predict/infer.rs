//! Sliding-window inference: outputs of a network for a prepared image.

use burn::tensor::{DType, Device, Int, Tensor, TensorData};
use ndarray::{Array4, Array5, ArrayView4, CowArray, Ix4, s};

use super::spec::Averaged;
use super::sums::Sums;
use super::{PredictPlan, Region};
use crate::Cancel;
use crate::backend::{self, soft};
use crate::cancel::interruptible;
use crate::interact::{Guidance, guidance};
use crate::model::Network;
use crate::preprocess::Outputs;
use crate::volume::window::{Padding, window_starts};

/// Index of the width among the spatial axes.
const WIDTH: usize = 2;

/// A trained network with its prediction settings.
pub struct Predictor<'a> {
    /// The network, without autodiff.
    pub network: &'a Network,
    /// Device of the network.
    pub device: &'a Device,
    /// Windows, blending, mirroring.
    pub plan: &'a PredictPlan,
    /// Sigmoid instead of softmax.
    pub sigmoid: bool,
    /// Output channels.
    pub outputs: usize,
    /// Pass of a multi-pass network whose result is taken, counted from 0; none for the last.
    pub pass: Option<usize>,
    /// What a network that takes clicks is told of the image; none for other networks.
    pub guidance: Option<Guidance<'a>>,
    /// Told of the windows that are done, and of how many.
    pub watch: Option<&'a (dyn Fn(usize, usize) + Sync)>,
}

impl Predictor<'_> {
    /// Outputs of an image `[channel, z, y, x]`, on the same grid; none if cancelled.
    ///
    /// Overlapping windows are averaged with the plan's blending weights, after averaging over flips. With a region, windows
    /// that do not overlap it are skipped and everything outside it is background; inside, the result is the same.
    pub fn outputs(&self, image: ArrayView4<f32>, region: Option<&Region>, cancelled: &Cancel) -> Option<Outputs> {
        let patch = self.plan.patch_size;
        let padding = Padding::to_patch(spatial(image.dim()), patch);
        let padded = padding.pad(image);
        let mut sums = Sums::new(self.plan, self.outputs, padding.padded);
        let mut starts = window_starts(padding.padded, patch, self.plan.overlap);
        if let Some(region) = region {
            starts.retain(|start| region.overlaps(padding.to_inner(*start), patch));
        }
        let shape = (self.outputs, patch[0], patch[1], patch[2]);
        let (mut done, all) = (0, starts.len());
        for starts in starts.chunks(self.plan.batch_size) {
            if cancelled.is_stopped() {
                return None;
            }
            if let Some(watch) = self.watch {
                watch(done, all);
            }
            done += starts.len();
            let inputs: Vec<_> = starts.iter().map(|start| self.input(&padded, *start, &padding)).collect();
            let patches: Vec<_> = inputs.iter().map(|input| input.view()).collect();
            let forward = || interruptible(cancelled, || self.forward(&patches));
            let Ok(found) = backend::near(self.device, forward) else { return None };
            let each = found.chunks_exact(self.outputs * patch.iter().product::<usize>());
            for (start, window) in starts.iter().zip(each) {
                let Ok(window) = ArrayView4::from_shape(shape, window) else { continue };
                sums.add(*start, window);
            }
        }
        let found = sums.finish(&padding, self.sigmoid);
        let Some(region) = region else { return Some(found) };
        let mut probabilities = found.into_probabilities(self.sigmoid);
        region.restrict(&mut probabilities, self.sigmoid);
        Some(Outputs::Probabilities(probabilities))
    }

    /// Forward passes of a whole batch of windows and of a single one, empty, with these input channels; their kernels are kept.
    pub fn warm(&self, channels: usize) {
        let [depth, height, width] = self.plan.patch_size;
        let empty = Array4::zeros((channels, depth, height, width));
        for count in [self.plan.batch_size, 1] {
            let patches = vec![empty.view(); count];
            backend::near(self.device, || self.forward(&patches));
        }
    }

    pub(super) fn cut<'b>(&self, image: &'b Array4<f32>, [z, y, x]: [usize; 3]) -> ArrayView4<'b, f32> {
        let [depth, height, width] = self.plan.patch_size;
        image.slice(s![.., z..z + depth, y..y + height, x..x + width])
    }

    /// A window of the padded image, with the channels of clicks for networks that take them.
    fn input<'b>(&self, image: &'b Array4<f32>, start: [usize; 3], padding: &Padding) -> CowArray<'b, f32, Ix4> {
        let cut = self.cut(image, start);
        let Some(guidance) = &self.guidance else { return cut.into() };
        let told = guidance.window(padding.to_inner(start), self.plan.patch_size);
        let mut all = Array4::zeros((cut.dim().0 + told.dim().0, cut.dim().1, cut.dim().2, cut.dim().3));
        all.slice_mut(s![..cut.dim().0, .., .., ..]).assign(&cut);
        all.slice_mut(s![cut.dim().0.., .., .., ..]).assign(&told);
        all.into()
    }

    /// Probabilities, or logits where these are averaged, `[patch, output, z, y, x]` (slice classifiers: `[patch, output, 1, 1, 1]`): the
    /// mean over all flips of the mirrored axes.
    pub(super) fn forward(&self, patches: &[ArrayView4<f32>]) -> Vec<f32> {
        let images = self.to_tensor(patches);
        let axes = &self.plan.mirror_axes;
        let flips = 1usize << axes.len();
        let passes = (0..flips).map(|flip| {
            let chosen: Vec<usize> = (0..axes.len()).filter(|bit| flip >> bit & 1 == 1).map(|bit| axes[bit]).collect();
            let logits = self.logits(self.flipped_input(images.clone(), &chosen));
            let found = match self.plan.averaged {
                Averaged::Probabilities => soft::probabilities(logits, self.sigmoid),
                Averaged::Logits => logits.cast(DType::F32),
            };
            self.unflipped(found, &chosen)
        });
        let sum = passes.reduce(|sum, found| sum + found);
        let mean = sum.map(|sum| if flips > 1 { sum.div_scalar(flips as f64) } else { sum });
        mean.map_or_else(Vec::new, |mean| mean.into_data().convert::<f32>().try_into_vec::<f32>().unwrap_or_default())
    }

    fn logits(&self, images: Tensor<5>) -> Tensor<5> {
        let earlier = |pass| self.network.forward_passes(images.clone()).into_iter().nth(pass);
        self.pass.and_then(earlier).unwrap_or_else(|| self.network.forward(images))
    }

    /// Flips images; clicks on sides swap their channels with the outputs.
    fn flipped_input(&self, images: Tensor<5>, axes: &[usize]) -> Tensor<5> {
        let channels = images.dims()[1];
        let images = flipped(images, axes);
        let Some(guidance) = self.guidance.filter(|_| axes.contains(&WIDTH)) else { return images };
        if self.plan.mirrored_outputs.is_empty() {
            return images;
        }
        let background = usize::from(!self.sigmoid);
        let pairs: Vec<_> = self.plan.mirrored_outputs.iter().map(|pair| pair.map(|it| it - background)).collect();
        let image_channels = channels.saturating_sub(guidance::channels(guidance.structures));
        let order = TensorData::new(guidance::swapped(image_channels, guidance.structures, &pairs), [channels]);
        images.select(1, Tensor::<1, Int>::from_data(order, self.device))
    }

    /// Flips outputs back. In an image flipped along its width a left kidney looks like a right one, so their outputs are
    /// swapped.
    fn unflipped(&self, outputs: Tensor<5>, axes: &[usize]) -> Tensor<5> {
        let outputs = flipped(outputs, axes);
        if !axes.contains(&WIDTH) || self.plan.mirrored_outputs.is_empty() {
            return outputs;
        }
        let mut order: Vec<i32> = (0..self.outputs as i32).collect();
        for &[one, other] in &self.plan.mirrored_outputs {
            order.swap(one, other);
        }
        let order = TensorData::new(order, [self.outputs]);
        outputs.select(1, Tensor::<1, Int>::from_data(order, self.device))
    }

    fn to_tensor(&self, patches: &[ArrayView4<f32>]) -> Tensor<5> {
        let [depth, height, width] = self.plan.patch_size;
        let channels = patches.first().map_or(0, |patch| patch.dim().0);
        let mut values = Array5::<f32>::zeros((patches.len(), channels, depth, height, width));
        for (mut target, patch) in values.outer_iter_mut().zip(patches) {
            target.assign(patch);
        }
        let data = TensorData::new(values.into_raw_vec_and_offset().0, [patches.len(), channels, depth, height, width]);
        Tensor::from_data(data, self.device)
    }
}

/// Flips the given axes: 0 depth, 1 height, 2 width.
fn flipped(tensor: Tensor<5>, axes: &[usize]) -> Tensor<5> {
    axes.iter().fold(tensor, |tensor, &axis| tensor.flip([axis + 2]))
}

pub(super) fn spatial((_, depth, height, width): (usize, usize, usize, usize)) -> [usize; 3] {
    [depth, height, width]
}
