//! Activations without parameters, and PReLU with learnt slopes.

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor, activation};

use super::Activation;
use crate::backend::gelu::gelu;
use crate::backend::precision::in_f32;
use crate::backend::prelu::{leaky_relu, prelu};
use crate::graph::{Array, Graph, Images};

/// Slope of a leaky ReLU below zero (nnU-Net).
const LEAKY_SLOPE: f64 = 0.01;
/// Initial slopes of a PReLU (He 2015, PyTorch).
const INITIAL_SLOPE: f64 = 0.25;

impl Activation {
    /// Slope below zero, if it alone defines the function.
    pub(super) fn slope(self) -> Option<f64> {
        match self {
            Self::LeakyRelu => Some(LEAKY_SLOPE),
            Self::Relu => Some(0.0),
            Self::Gelu | Self::Silu | Self::Prelu => None,
        }
    }

    /// Applies the function to every element; PReLU with its initial slope.
    pub(super) fn apply(self, images: Tensor<5>) -> Tensor<5> {
        match self {
            Self::LeakyRelu => leaky_relu(images, LEAKY_SLOPE),
            Self::Relu => leaky_relu(images, 0.0),
            Self::Gelu => gelu(images),
            Self::Silu => activation::silu(images),
            Self::Prelu => leaky_relu(images, INITIAL_SLOPE),
        }
    }
}

/// An activation with its learnt parameters.
#[derive(Module, Debug)]
pub struct Activate {
    slopes: Option<Param<Tensor<1>>>,
    #[module(skip)]
    pub(super) function: Activation,
}

impl Activate {
    /// The activation for `features` feature maps; PReLU has one slope per map.
    pub fn new(function: Activation, features: usize, device: &Device) -> Self {
        let slopes = || Param::from_tensor(Tensor::full([features], INITIAL_SLOPE, device));
        Self { slopes: (function == Activation::Prelu).then(slopes), function }
    }

    /// Applies the function to every element of `[batch, features, …]`, in f32.
    pub fn forward(&self, images: Tensor<5>) -> Tensor<5> {
        in_f32(images, |images| match &self.slopes {
            Some(slopes) => prelu(images, slopes.val()),
            None => self.function.apply(images),
        })
    }

    /// Traces the function.
    pub fn trace(&self, graph: &mut Graph, images: &Images) -> Images {
        match (self.function, &self.slopes) {
            (_, Some(slopes)) => graph.prelu(images, Array::of(slopes.val())),
            (Activation::LeakyRelu, None) => graph.leaky_relu(images, LEAKY_SLOPE),
            (Activation::Relu, None) => graph.leaky_relu(images, 0.0),
            (Activation::Gelu, None) => graph.gelu(images),
            (Activation::Silu, None) => graph.silu(images),
            (Activation::Prelu, None) => graph.leaky_relu(images, INITIAL_SLOPE),
        }
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::TensorData;

    use super::*;

    #[test]
    fn prelu_slopes_are_per_feature_map_and_learn_from_negative_inputs() {
        let device = Device::flex().autodiff();
        let activate = Activate::new(Activation::Prelu, 2, &device);
        let values = TensorData::new(vec![-2.0f32, 3.0, 4.0, -1.0], [1, 2, 1, 1, 2]);
        let images = Tensor::<5>::from_data(values, &device).require_grad();
        let output = activate.forward(images.clone());
        let weights = Tensor::from_data(TensorData::new(vec![1.0f32, 10.0, 100.0, 1000.0], [1, 2, 1, 1, 2]), &device);
        let grads = (output.clone() * weights).sum().backward();
        assert_eq!(output.into_data().as_slice::<f32>().unwrap(), [-0.5, 3.0, 4.0, -0.25]);
        let of_slopes = activate.slopes.as_ref().unwrap().grad(&grads).unwrap();
        assert_eq!(of_slopes.into_data().as_slice::<f32>().unwrap(), [-2.0, -1000.0]);
        assert_eq!(images.grad(&grads).unwrap().into_data().as_slice::<f32>().unwrap(), [0.25, 10.0, 100.0, 250.0]);
    }
}
