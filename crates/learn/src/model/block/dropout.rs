//! Random layers in training: dropout and stochastic depth.

use std::cell::RefCell;

use burn::tensor::{Tensor, TensorData};
use rand::Rng;
use rand_chacha::ChaCha8Rng;

use crate::random;

/// Source of random numbers for dropout: none at inference, where dropout is disabled; in training one stream per step, so that a
/// resumed run draws the same numbers as an uninterrupted one.
pub struct DropoutRng(Option<RefCell<ChaCha8Rng>>);

impl DropoutRng {
    /// Inference: dropout is disabled.
    pub fn none() -> Self {
        Self(None)
    }

    /// A training step, counted over all epochs.
    pub fn of_step(seed: u64, step: usize) -> Self {
        Self(Some(RefCell::new(random::stream(seed, "dropout", 0, step as u64))))
    }

    /// `count` factors: 0 with the given probability, otherwise 1 / (1 − probability). None if nothing is dropped.
    fn factors(&self, count: usize, probability: f64) -> Option<Vec<f32>> {
        let mut stream = self.0.as_ref().filter(|_| probability > 0.0)?.borrow_mut();
        let kept = (1.0 / (1.0 - probability).max(f64::MIN_POSITIVE)) as f32;
        Some((0..count).map(|_| if stream.random_bool(probability.min(1.0)) { 0.0 } else { kept }).collect())
    }
}

/// Drops whole feature maps of `[batch, features, z, y, x]` (Tompson 2015; PyTorch's `Dropout3d`). Neighbouring voxels are correlated,
/// so dropping single ones would regularise little.
pub fn drop_features(images: Tensor<5>, probability: f64, draws: &DropoutRng) -> Tensor<5> {
    let [batch, features, ..] = images.dims();
    scaled(images, [batch, features, 1, 1, 1], probability, draws)
}

/// Drops whole samples of `[batch, …]`: stochastic depth, applied to a residual branch (Huang 2016).
pub fn drop_samples<const D: usize>(change: Tensor<D>, probability: f64, draws: &DropoutRng) -> Tensor<D> {
    let mut shape = [1; D];
    shape[0] = change.dims()[0];
    scaled(change, shape, probability, draws)
}

fn scaled<const D: usize>(images: Tensor<D>, shape: [usize; D], probability: f64, draws: &DropoutRng) -> Tensor<D> {
    let Some(factors) = draws.factors(shape.iter().product(), probability) else { return images };
    let factors = Tensor::<D>::from_data(TensorData::new(factors, shape), &images.device());
    let dtype = images.dtype();
    images * factors.cast(dtype)
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;

    fn dropped(probability: f64, draws: &DropoutRng) -> Vec<f32> {
        let images = Tensor::<5>::ones([2, 500, 1, 1, 2], &Device::flex());
        drop_features(images, probability, draws).into_data().try_into_vec().unwrap()
    }

    #[test]
    fn a_fraction_of_the_features_is_dropped_and_the_rest_rescaled() {
        let values = dropped(0.25, &DropoutRng::of_step(1, 2));
        let pairs: Vec<[f32; 2]> = values.as_chunks().0.to_vec();
        assert!(pairs.iter().all(|[a, b]| a == b && (*a == 0.0 || (a - 4.0 / 3.0).abs() < 1e-6)));
        let zeros = pairs.iter().filter(|pair| pair[0] == 0.0).count();
        assert!((190..310).contains(&zeros), "{zeros} of 1000");
    }

    #[test]
    fn a_step_is_reproducible_and_inference_drops_nothing() {
        assert_eq!(dropped(0.5, &DropoutRng::of_step(1, 2)), dropped(0.5, &DropoutRng::of_step(1, 2)));
        assert_ne!(dropped(0.5, &DropoutRng::of_step(1, 2)), dropped(0.5, &DropoutRng::of_step(1, 3)));
        assert!(dropped(0.5, &DropoutRng::none()).iter().all(|value| *value == 1.0));
        assert!(dropped(0.0, &DropoutRng::of_step(1, 2)).iter().all(|value| *value == 1.0));
    }

    #[test]
    fn stochastic_depth_drops_whole_samples() {
        let images = Tensor::<3>::ones([64, 2, 3], &Device::flex());
        let values: Vec<f32> =
            drop_samples(images, 0.5, &DropoutRng::of_step(3, 1)).into_data().try_into_vec().unwrap();
        let samples: Vec<&[f32]> = values.chunks(6).collect();
        assert!(samples.iter().all(|sample| sample.iter().all(|value| *value == sample[0])));
        assert!(samples.iter().any(|sample| sample[0] == 0.0) && samples.iter().any(|sample| sample[0] == 2.0));
    }
}
