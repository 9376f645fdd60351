//! Normalisation and activation layers behind one type each, so that architectures name them by key.

use burn::module::Module;
use burn::nn::{BatchNorm, BatchNormConfig, GroupNorm, GroupNormConfig, Identity, InstanceNorm, InstanceNormConfig};
use burn::tensor::{Device, Tensor, activation};

use super::{Activation, Norm};

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

    /// Applies the layer; the shape stays.
    pub fn forward(&self, images: Tensor<5>) -> Tensor<5> {
        match self {
            Self::Instance(layer) => layer.forward(images),
            Self::Batch(layer) => layer.forward(images),
            Self::Group(layer) => layer.forward(images),
            Self::None(layer) => layer.forward(images),
        }
    }
}

/// The largest divisor of the number of features that is at most 8.
pub fn groups(features: usize) -> usize {
    (1..=MAX_GROUPS).rev().find(|groups| features.is_multiple_of(*groups)).unwrap_or(1)
}

impl Activation {
    /// Applies the function to every element.
    pub fn forward(self, images: Tensor<5>) -> Tensor<5> {
        match self {
            Self::LeakyRelu => activation::leaky_relu(images, 0.01),
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
