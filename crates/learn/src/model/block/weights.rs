//! Initial weights, drawn on the host from the plan's seed: the same on every device, and independent of what else the process
//! constructs (Burn's own generator is shared by the whole process).

use burn::module::Param;
use burn::tensor::{Device, Tensor, TensorData};
use rand::Rng;
use rand_chacha::ChaCha8Rng;

use super::InitialWeights;
use crate::backend::Precision;
use crate::random;

/// Slope below zero of nnU-Net's leaky ReLU.
const SLOPE: f64 = 0.01;

/// DropoutRng initial weights, each parameter from its own random stream.
pub struct Weights<'a> {
    seed: u64,
    drawn: u64,
    precision: Precision,
    initial: InitialWeights,
    device: &'a Device,
}

impl<'a> Weights<'a> {
    /// A source for one network, whose weights are stored in f32 whatever it computes in.
    pub fn new(seed: u64, precision: Precision, device: &'a Device) -> Self {
        Self { seed, drawn: 0, precision, initial: InitialWeights::Pytorch, device }
    }

    /// Sets the initialisation of all further weights.
    pub fn draw_as(&mut self, initial: InitialWeights) {
        self.initial = initial;
    }

    /// The current initialisation.
    pub fn initial(&self) -> InitialWeights {
        self.initial
    }

    /// Floating-point type that the network computes in.
    pub fn precision(&self) -> Precision {
        self.precision
    }

    /// Device of the weights.
    pub fn device(&self) -> &'a Device {
        self.device
    }

    /// Weights or (with one axis) biases of a convolution: uniform in ±1/√fan-in, PyTorch's default (Kaiming uniform with a = √5), or
    /// as described for [`InitialWeights::He`].
    pub fn convolution<const D: usize>(&mut self, shape: [usize; D], fan_in: usize) -> Param<Tensor<D>> {
        if self.initial == InitialWeights::He {
            let gain = 2.0 / (1.0 + SLOPE * SLOPE);
            return match D {
                1 => self.zeros(shape),
                _ => self.normal(shape, (gain / fan_in.max(1) as f64).sqrt()),
            };
        }
        let bound = 1.0 / (fan_in.max(1) as f32).sqrt();
        self.draw(shape, |stream| stream.random_range(-bound..=bound))
    }

    /// Normal with mean 0, by the Box–Muller transform.
    pub fn normal<const D: usize>(&mut self, shape: [usize; D], deviation: f64) -> Param<Tensor<D>> {
        self.draw(shape, |stream| {
            let (radius, angle): (f64, f64) =
                (1.0 - stream.random::<f64>(), std::f64::consts::TAU * stream.random::<f64>());
            (deviation * (-2.0 * radius.ln()).sqrt() * angle.cos()) as f32
        })
    }

    /// Zeros.
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
