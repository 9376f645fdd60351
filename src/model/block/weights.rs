//! Initial weights, drawn on the host from the plan's seed: the same for every device and every order of construction
//! elsewhere in the process (Burn's own generator is one per process).

use burn::module::Param;
use burn::tensor::{Device, Tensor, TensorData};
use rand::Rng;
use rand_chacha::ChaCha8Rng;

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
        self.draw(shape, |stream| stream.random_range(-bound..=bound))
    }

    /// Normal around 0, by Box and Muller's transform.
    pub fn normal<const D: usize>(&mut self, shape: [usize; D], deviation: f64) -> Param<Tensor<D>> {
        self.draw(shape, |stream| {
            let (radius, angle): (f64, f64) =
                (1.0 - stream.random::<f64>(), std::f64::consts::TAU * stream.random::<f64>());
            (deviation * (-2.0 * radius.ln()).sqrt() * angle.cos()) as f32
        })
    }

    /// All 0.
    pub fn zeros<const D: usize>(&mut self, shape: [usize; D]) -> Param<Tensor<D>> {
        Param::from_tensor(Tensor::zeros(shape, self.device))
    }

    fn draw<const D: usize>(&mut self, shape: [usize; D], one: impl Fn(&mut ChaCha8Rng) -> f32) -> Param<Tensor<D>> {
        let mut stream = random::stream(self.seed, "weights", 0, self.drawn);
        self.drawn += 1;
        let values: Vec<f32> = (0..shape.iter().product()).map(|_| one(&mut stream)).collect();
        Param::from_tensor(Tensor::from_data(TensorData::new(values, shape), self.device))
    }
}
