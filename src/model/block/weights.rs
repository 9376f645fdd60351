//! Initial weights, drawn on the host from the plan's seed: the same for every device and every order of construction
//! elsewhere in the process (Burn's own generator is one per process).

use burn::module::Param;
use burn::tensor::{Device, Tensor, TensorData};
use rand::Rng;

use crate::backend::Precision;
use crate::random;

/// Hands out initial weights, each parameter from its own random stream.
pub struct Weights<'a> {
    seed: u64,
    drawn: u64,
    precision: Precision,
    device: &'a Device,
}

impl<'a> Weights<'a> {
    /// A source for one network, whose weights lie in 32 bits whatever it computes in.
    pub fn new(seed: u64, precision: Precision, device: &'a Device) -> Self {
        Self { seed, drawn: 0, precision, device }
    }

    /// Numbers that the network computes in.
    pub fn precision(&self) -> Precision {
        self.precision
    }

    /// Where the weights lie.
    pub fn device(&self) -> &'a Device {
        self.device
    }

    /// Uniform in ±1/√fan-in: PyTorch's default for convolutions and linear layers (Kaiming uniform with a = √5).
    pub fn uniform<const D: usize>(&mut self, shape: [usize; D], fan_in: usize) -> Param<Tensor<D>> {
        let bound = 1.0 / (fan_in.max(1) as f32).sqrt();
        let mut stream = random::stream(self.seed, "weights", 0, self.drawn);
        self.drawn += 1;
        let values: Vec<f32> = (0..shape.iter().product()).map(|_| stream.random_range(-bound..=bound)).collect();
        Param::from_tensor(Tensor::from_data(TensorData::new(values, shape), self.device))
    }
}
