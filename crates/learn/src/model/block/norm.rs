//! Normalisation layers behind one type, so that specs select them by key.

use burn::module::{Module, Param};
use burn::nn::{BatchNorm, BatchNormConfig, GroupNorm, GroupNormConfig, Identity, InstanceNorm, InstanceNormConfig};
use burn::tensor::{Device, Tensor};

use super::{Activate, Activation, Norm};
use crate::backend::norm::{Normalisation, moments, normalise, scaled};
use crate::backend::precision::in_f32;
use crate::graph::{Array, Graph, Images};

/// Maximum number of groups of a group norm; fewer if it does not divide the features.
const MAX_GROUPS: usize = 8;

/// A normalisation of `[batch, features, …]` with affine scale and shift.
#[derive(Module, Debug)]
pub enum NormLayer {
    /// Per image and feature map.
    Instance(InstanceNorm),
    /// Per feature map over the batch, with running statistics for inference.
    Batch(BatchNorm),
    /// Per image and group of feature maps.
    Group(GroupNorm),
    /// Identity.
    None(Identity),
}

impl NormLayer {
    /// A layer for `features` feature maps.
    pub fn new(norm: Norm, features: usize, device: &Device) -> Self {
        match norm {
            Norm::Instance => Self::Instance(InstanceNormConfig::new(features).init(device)),
            Norm::Batch => Self::Batch(BatchNormConfig::new(features).init(device)),
            Norm::Group => Self::Group(GroupNormConfig::new(groups(features), features).init(device)),
            Norm::None => Self::None(Identity::new()),
        }
    }

    /// An instance norm without scale and shift (MONAI's default).
    pub fn fixed_instance(features: usize, device: &Device) -> Self {
        Self::Instance(InstanceNormConfig::new(features).with_affine(false).init(device))
    }

    /// The layer with scales of 0, so that the residual branch it ends is 0 before training (nnU-Net).
    #[must_use]
    pub fn zero_scaled(mut self) -> Self {
        let gamma = match &mut self {
            Self::Instance(layer) => layer.gamma.as_mut(),
            Self::Batch(layer) => Some(&mut layer.gamma),
            Self::Group(layer) => layer.gamma.as_mut(),
            Self::None(_) => None,
        };
        if let Some(gamma) = gamma {
            let zeros = Tensor::zeros(gamma.val().dims(), &gamma.val().device());
            *gamma = Param::from_tensor(zeros);
        }
        self
    }

    /// Applies the layer and then the activation, if any; preserves shape and floating-point type. Computed in f32: sums over a whole
    /// image need more than 16 bits.
    pub fn forward(&self, images: Tensor<5>, activation: Option<Activation>) -> Tensor<5> {
        in_f32(images, |images| self.apply(images, activation))
    }

    /// Applies the layer and then an activation, in one pass if possible.
    pub fn then(&self, images: Tensor<5>, activation: &Activate) -> Tensor<5> {
        match activation.function {
            Activation::Prelu => activation.forward(self.forward(images, None)),
            function => self.forward(images, Some(function)),
        }
    }

    /// Traces the layer at inference.
    pub fn trace(&self, graph: &mut Graph, images: &Images) -> Images {
        let affine = |[scale, shift]: [&Option<Param<Tensor<1>>>; 2]| {
            Some([Array::of(scale.as_ref()?.val()), Array::of(shift.as_ref()?.val())])
        };
        match self {
            Self::Instance(layer) => graph.instance_norm(images, affine([&layer.gamma, &layer.beta]), layer.epsilon),
            Self::Group(layer) => {
                graph.group_norm(images, layer.num_groups, affine([&layer.gamma, &layer.beta]), layer.epsilon)
            }
            Self::Batch(layer) => {
                let statistics = [layer.running_mean.value(), layer.running_var.value()].map(Array::of);
                let [mean, variance] = statistics;
                let values = [Array::of(layer.gamma.val()), Array::of(layer.beta.val()), mean, variance];
                graph.batch_norm(images, values, layer.epsilon)
            }
            Self::None(_) => images.clone(),
        }
    }

    fn apply(&self, images: Tensor<5>, activation: Option<Activation>) -> Tensor<5> {
        match self {
            Self::Instance(layer) => {
                let options = statistics(layer.num_channels, layer.epsilon, false);
                with_activation(images, [&layer.gamma, &layer.beta], options, activation)
            }
            Self::Group(layer) => {
                let options = statistics(layer.num_groups, layer.epsilon, false);
                with_activation(images, [&layer.gamma, &layer.beta], options, activation)
            }
            Self::Batch(layer) => batch_norm(layer, images, activation),
            Self::None(layer) => activate(layer.forward(images), activation),
        }
    }
}

/// Normalisation options without an activation.
fn statistics(groups: usize, epsilon: f64, over_batch: bool) -> Normalisation {
    Normalisation { groups, epsilon, slope: 1.0, over_batch }
}

/// Batch norm with our kernels if the device has them, otherwise with Burn's.
fn batch_norm(layer: &BatchNorm, images: Tensor<5>, activation: Option<Activation>) -> Tensor<5> {
    let (running_mean, running_variance) = (&layer.running_mean, &layer.running_var);
    if !images.device().is_autodiff() {
        let factor = layer.gamma.val() / running_variance.value().add_scalar(layer.epsilon).sqrt();
        let offset = layer.beta.val() - running_mean.value() * factor.clone();
        let slope = activation.and_then(Activation::slope);
        return match (scaled(&images, factor, offset, slope.unwrap_or(1.0)), slope) {
            (Some(scaled), Some(_)) => scaled,
            (Some(scaled), None) => activate(scaled, activation),
            (None, _) => activate(layer.forward(images), activation),
        };
    }
    let moments = if layer.training.is_enabled() { moments(&images) } else { None };
    let Some([mean, variance]) = moments else {
        let normal = layer.forward(images);
        commit(layer);
        return activate(normal, activation);
    };
    let updated = |old: Tensor<1>, new: Tensor<1>| {
        old.mul_scalar(1.0 - layer.momentum).add(new.mul_scalar(layer.momentum)).detach()
    };
    running_mean.update(updated(running_mean.value_sync(), mean));
    running_variance.update(updated(running_variance.value_sync(), variance));
    commit(layer);
    let options = statistics(images.dims()[1], layer.epsilon, true);
    normalise_and_activate(images, [layer.gamma.val(), layer.beta.val()], options, activation)
}

/// Commits new running statistics: Burn holds them per thread until that thread reads them, and the next step may run on another
/// thread of the pool.
fn commit(layer: &BatchNorm) {
    let _ = (layer.running_mean.value_sync(), layer.running_var.value_sync());
}

fn activate(images: Tensor<5>, activation: Option<Activation>) -> Tensor<5> {
    match activation {
        Some(activation) => activation.apply(images),
        None => images,
    }
}

/// Normalises with a layer's scale and shift; ones and zeros if it has none.
fn with_activation(
    images: Tensor<5>,
    [scale, shift]: [&Option<Param<Tensor<1>>>; 2],
    options: Normalisation,
    activation: Option<Activation>,
) -> Tensor<5> {
    let channels = images.dims()[1];
    let device = images.device();
    let scale = scale.as_ref().map_or_else(|| Tensor::ones([channels], &device), Param::val);
    let shift = shift.as_ref().map_or_else(|| Tensor::zeros([channels], &device), Param::val);
    normalise_and_activate(images, [scale, shift], options, activation)
}

/// Applies the activation in the same pass if a slope defines it.
fn normalise_and_activate(
    images: Tensor<5>,
    [scale, shift]: [Tensor<1>; 2],
    options: Normalisation,
    activation: Option<Activation>,
) -> Tensor<5> {
    match activation.and_then(Activation::slope) {
        Some(slope) => normalise(images, scale, shift, Normalisation { slope, ..options }),
        None => activate(normalise(images, scale, shift, options), activation),
    }
}

/// The largest divisor of the number of features that is at most 8.
pub fn groups(features: usize) -> usize {
    (1..=MAX_GROUPS).rev().find(|groups| features.is_multiple_of(*groups)).unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use burn::module::Module;

    use super::*;

    /// Output, gradients of images and scale, and running statistics after two batches; then the inference output.
    fn trained(forward: impl Fn(&BatchNorm, Tensor<5>) -> Tensor<5>, batches: &[Tensor<5>; 3]) -> Vec<Vec<f32>> {
        let layer = BatchNormConfig::new(batches[0].dims()[1]).init(&batches[0].device());
        let mut results = Vec::new();
        let [first, second, weights] = batches;
        for images in [first, second] {
            let images = images.clone().require_grad();
            let output = forward(&layer, images.clone());
            // Weighted, because a norm fixes the mean and variance of its output: gradients of an unweighted sum would vanish.
            let grads = (output.clone() * weights.clone()).sum().backward();
            results.extend([output.into_data(), images.grad(&grads).unwrap().into_data()]);
            results.push(layer.gamma.grad(&grads).unwrap().into_data());
        }
        let valid = layer.valid();
        results.extend([valid.running_mean.value().into_data(), valid.running_var.value().into_data()]);
        results.push(forward(&valid, batches[0].clone().inner()).into_data());
        results.into_iter().map(|data| data.try_into_vec::<f32>().unwrap()).collect()
    }

    #[test]
    fn batch_norm_agrees_with_burns() {
        let device = Device::flex().autodiff();
        for shape in [[2, 16, 3, 5, 6], [3, 5, 1, 7, 8], [1, 24, 4, 4, 4]] {
            let batch = |mean| segspec_testing::drawn(shape, [mean, 2.0], &device);
            let batches = [batch(5.0), batch(-3.0), batch(0.5)];
            for activation in [Some(Activation::LeakyRelu), Some(Activation::Silu), None] {
                let ours = trained(|layer, images| batch_norm(layer, images, activation), &batches);
                let burns = trained(|layer, images| activate(layer.forward(images), activation), &batches);
                for (index, (ours, burns)) in ours.iter().zip(&burns).enumerate() {
                    let scale = burns.iter().fold(1e-2f32, |most, value| most.max(value.abs()));
                    let worst = ours.iter().zip(burns).fold(0.0f32, |most, (a, b)| most.max((a - b).abs()));
                    assert!(worst < 1e-4 * scale, "{shape:?}, {activation:?}, result {index}: differs by {worst}");
                }
            }
        }
    }

    #[test]
    fn groups_divide_the_features() {
        let cases = [(32, 8), (12, 6), (7, 7), (13, 1), (320, 8), (1, 1)];
        for (features, expected) in cases {
            assert_eq!(groups(features), expected, "{features} features");
        }
    }
}
