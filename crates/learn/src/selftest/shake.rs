//! How much the gradients of a network make of small errors on their way: measured, since it follows from no formula.

use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::{Tensor, TensorData};
use rand::Rng;
use rand_chacha::ChaCha8Rng;

use super::bound::root_mean_square;
use super::side::{Results, host};
use crate::backend::Precision;
use crate::random;

/// A network is shaken in this type, so that each stored number on the way, forward and backward, has an error, too.
pub const PRECISION: Precision = Precision::F16;

/// Relative size of the largest error of weights and images: that of a rounding to [`PRECISION`].
const ROUNDING: f64 = 1.0 / (1u64 << 11) as f64;

/// Times that a network is shaken; gradients of a single value need several to be told.
pub const TIMES: u64 = 4;

/// Random relative errors of the weights and images of a network.
pub struct Shake {
    stream: ChaCha8Rng,
}

impl Shake {
    /// Errors up to [`ROUNDING`], other ones for each seed.
    pub fn new(seed: u64) -> Self {
        Self { stream: random::stream(seed, "shaken", 0, 0) }
    }

    /// Multiplies each value by 1 plus an error of its own.
    pub fn values(&mut self, values: &mut [f32]) {
        for value in values {
            *value *= 1.0 + (ROUNDING * self.stream.random_range(-1.0..1.0)) as f32;
        }
    }

    /// The network with erroneous weights.
    pub fn network<M: Module>(&mut self, network: M) -> M {
        network.map(self)
    }
}

impl ModuleMapper for Shake {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        if !param.val().is_require_grad() {
            return param;
        }
        param.map(|weights| {
            let (shape, device) = (weights.dims(), weights.device());
            let mut values = host(weights);
            self.values(&mut values);
            Tensor::from_data(TensorData::new(values, shape), &device).require_grad()
        })
    }
}

/// For each result of a network that stores `stored` numbers one after the other, the size of the numbers that it is made of: what errors of
/// all of them change, over the size of these errors. That is about the size of the result itself, and more where large numbers cancel, as
/// in the gradient of a bias that is followed by a norm.
pub fn sizes(expected: &Results, shaken: &[Results], stored: usize) -> Vec<f64> {
    let errors = ROUNDING * (stored.max(1) as f64).sqrt();
    let change = |place: usize, values: &[f32]| {
        let others = shaken.iter().filter_map(|results| results.get(place));
        let differences = others.flat_map(|(_, shaken)| shaken.iter().zip(values).map(|(one, other)| one - other));
        Some(root_mean_square(&differences.collect::<Vec<f32>>())).filter(|change| change.is_finite())
    };
    // A result that overflowed says nothing: then the result's own size alone counts.
    expected.iter().enumerate().map(|(place, (_, values))| change(place, values).unwrap_or(0.0) / errors).collect()
}
