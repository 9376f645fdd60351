//! Random layers in training: dropout and stochastic depth.

use std::cell::RefCell;

use burn::tensor::{Tensor, TensorData};
use rand::Rng;
use rand_chacha::ChaCha8Rng;

use crate::random;

/// Source of random numbers for dropout: none at inference, where dropout is disabled; in training one stream per step, so that a
/// resumed run draws the same numbers as an uninterrupted one.
pub struct DropoutRng {
    stream: Option<RefCell<ChaCha8Rng>>,
    /// The first sample of a part of a batch, and the size of the batch.
    part: Option<[usize; 2]>,
}

impl DropoutRng {
    /// Inference: dropout is disabled.
    pub fn none() -> Self {
        Self { stream: None, part: None }
    }

    /// A training step, counted over all epochs.
    pub fn of_step(seed: u64, step: usize) -> Self {
        Self { stream: Some(RefCell::new(random::stream(seed, "dropout", 0, step as u64))), part: None }
    }

    /// How far the stream has been read.
    pub fn position(&self) -> u128 {
        self.stream.as_ref().map_or(0, |stream| stream.borrow().get_word_pos())
    }

    /// The stream from a position on: for batches of a step that other devices do not wait for.
    #[must_use]
    pub fn from_position(self, position: u128) -> Self {
        if let Some(stream) = &self.stream {
            stream.borrow_mut().set_word_pos(position);
        }
        self
    }

    /// The numbers of some samples of a batch, from `first` on: the others' are drawn, too, and left out, so that a device with a part of a
    /// batch drops what one with the whole batch would.
    #[must_use]
    pub fn of_part(self, first: usize, batch: usize) -> Self {
        Self { part: Some([first, batch]), ..self }
    }

    /// Factors for `samples` with `each` of them: 0 with the given probability, otherwise 1 / (1 − probability). None if nothing is
    /// dropped.
    fn factors(&self, samples: usize, each: usize, probability: f64) -> Option<Vec<f32>> {
        let mut stream = self.stream.as_ref().filter(|_| probability > 0.0)?.borrow_mut();
        let kept = (1.0 / (1.0 - probability).max(f64::MIN_POSITIVE)) as f32;
        let [first, batch] = self.part.unwrap_or([0, samples]);
        let all = (0..batch * each).map(|_| if stream.random_bool(probability.min(1.0)) { 0.0 } else { kept });
        let all: Vec<f32> = all.collect();
        Some(all.into_iter().skip(first * each).take(samples * each).collect())
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
    let each = shape[1..].iter().product();
    let Some(factors) = draws.factors(shape[0], each, probability) else { return images };
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
    fn parts_of_a_batch_and_later_batches_drop_what_the_whole_would() {
        let images = |samples: usize| Tensor::<5>::ones([samples, 20, 1, 1, 1], &Device::flex());
        let values = |images: Tensor<5>| images.into_data().try_into_vec::<f32>().unwrap();
        let twice =
            |draws: &DropoutRng, samples: usize| [0.5, 0.3].map(|p| values(drop_features(images(samples), p, draws)));
        let whole = DropoutRng::of_step(1, 2);
        let expected = twice(&whole, 3);
        for (first, samples) in [(0, 2), (2, 1)] {
            let part = DropoutRng::of_step(1, 2).of_part(first, 3);
            let found = twice(&part, samples);
            for (found, expected) in found.iter().zip(&expected) {
                assert_eq!(found, &expected[20 * first..20 * (first + samples)]);
            }
            assert_eq!(part.position(), whole.position());
        }
        let next = DropoutRng::of_step(1, 2).from_position(whole.position());
        assert_eq!(twice(&next, 3), twice(&whole, 3));
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
