//! Normalisation and activation layers behind one type each, so that architectures name them by key.

use burn::module::{Module, Param};
use burn::nn::{BatchNorm, BatchNormConfig, GroupNorm, GroupNormConfig, Identity, InstanceNorm, InstanceNormConfig};
use burn::tensor::{Device, Tensor, activation};

use super::{Activation, Norm};
use crate::backend::norm::{Normalisation, normalise};

/// The largest number of groups of a group norm; fewer where they don't divide the features.
const MAX_GROUPS: usize = 8;

/// A normalisation over `[batch, features, …]`; all with affine scale and shift.
#[derive(Module, Debug)]
pub enum NormLayer {
    /// Per image and feature map.
    Instance(InstanceNorm),
    /// Per feature map over the batch, with running statistics for inference.
    Batch(BatchNorm),
    /// Per image and group of feature maps.
    Group(GroupNorm),
    /// Passes its input on.
    None(Identity),
}

impl NormLayer {
    /// A layer for so many features.
    pub fn new(norm: Norm, features: usize, device: &Device) -> Self {
        match norm {
            Norm::Instance => Self::Instance(InstanceNormConfig::new(features).init(device)),
            Norm::Batch => Self::Batch(BatchNormConfig::new(features).init(device)),
            Norm::Group => Self::Group(GroupNormConfig::new(groups(features), features).init(device)),
            Norm::None => Self::None(Identity::new()),
        }
    }

    /// Applies the layer and then the activation, if there is one; the shape stays.
    pub fn forward(&self, images: Tensor<5>, activation: Option<Activation>) -> Tensor<5> {
        let normal = match self {
            Self::Instance(layer) => {
                let options = Normalisation { groups: layer.num_channels, epsilon: layer.epsilon, slope: 1.0 };
                return with_activation(images, [&layer.gamma, &layer.beta], options, activation);
            }
            Self::Group(layer) => {
                let options = Normalisation { groups: layer.num_groups, epsilon: layer.epsilon, slope: 1.0 };
                return with_activation(images, [&layer.gamma, &layer.beta], options, activation);
            }
            Self::Batch(layer) => {
                let normal = layer.forward(images);
                // Burn keeps the new statistics apart for each thread, until the same thread asks for them; steps may run on
                // any thread of the pool.
                let _ = (layer.running_mean.value_sync(), layer.running_var.value_sync());
                normal
            }
            Self::None(layer) => layer.forward(images),
        };
        activate(normal, activation)
    }
}

fn activate(images: Tensor<5>, activation: Option<Activation>) -> Tensor<5> {
    match activation {
        Some(activation) => activation.forward(images),
        None => images,
    }
}

/// Normalises with the activation in the same pass, where it is one of a slope.
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
    match activation.and_then(Activation::slope) {
        Some(slope) => normalise(images, scale, shift, Normalisation { slope, ..options }),
        None => activate(normalise(images, scale, shift, options), activation),
    }
}

/// The largest divisor of the number of features that is at most 8.
pub fn groups(features: usize) -> usize {
    (1..=MAX_GROUPS).rev().find(|groups| features.is_multiple_of(*groups)).unwrap_or(1)
}

/// Slope of a leaky ReLU below zero (nnU-Net).
const LEAKY_SLOPE: f64 = 0.01;

impl Activation {
    /// What values below zero are multiplied by, where that is all that the function does.
    fn slope(self) -> Option<f64> {
        match self {
            Self::LeakyRelu => Some(LEAKY_SLOPE),
            Self::Relu => Some(0.0),
            Self::Gelu | Self::Silu => None,
        }
    }

    /// Applies the function to every element.
    pub fn forward(self, images: Tensor<5>) -> Tensor<5> {
        match self {
            Self::LeakyRelu => activation::leaky_relu(images, LEAKY_SLOPE),
            Self::Relu => activation::relu(images),
            Self::Gelu => activation::gelu(images),
            Self::Silu => activation::silu(images),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::groups;

    #[test]
    fn groups_divide_the_features() {
        let cases = [(32, 8), (12, 6), (7, 7), (13, 1), (320, 8), (1, 1)];
        for (features, expected) in cases {
            assert_eq!(groups(features), expected, "{features} features");
        }
    }
}
