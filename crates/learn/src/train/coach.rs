//! Simulated clicks of a training step.
//!
//! As in DeepEdit (Diaz-Pinto et al. 2022, arXiv 2305.10655), a part of the batches has no clicks. For the others, the network segments
//! the patches, clicks are put into its errors, and so on for a few rounds; the last segmentation is shown to the network together with the
//! clicks (RITM: Sofiiuk et al. 2021). All draws depend on the seed, the step and the number of the batch alone.

use burn::tensor::{Device, Int, Tensor, TensorData};
use ndarray::Array3;
use rand::Rng;
use rand_chacha::ChaCha8Rng;

use super::batch::Batch;
use crate::interact::guidance::channels;
use crate::interact::{Click, Guidance, Interact, simulate};
use crate::model::Network;

/// What clicks are simulated with.
pub(super) struct Coach<'a> {
    /// The network as it is now, without autodiff.
    pub network: &'a Network,
    /// Its device.
    pub device: &'a Device,
    /// How clicks are simulated.
    pub interact: Interact,
    /// Number of structures.
    pub structures: usize,
    /// Whether each structure has its own sigmoid output.
    pub sigmoid: bool,
}

impl Coach<'_> {
    /// A batch with clicks and the current segmentation behind the channels of its images.
    pub(super) fn tell(&self, batch: Batch, rng: &mut ChaCha8Rng) -> Batch {
        let guidance = self.guidance(&batch, rng);
        batch.with_channels(&guidance, channels(self.structures))
    }

    /// The channels `[patch, channel, z, y, x]` of clicks and the current segmentation.
    fn guidance(&self, batch: &Batch, rng: &mut ChaCha8Rng) -> Vec<f32> {
        let patches = batch.size[0];
        let mut clicks: Vec<Vec<Click>> = vec![Vec::new(); patches];
        let mut shown: Vec<Option<Array3<u16>>> = vec![None; patches];
        if !rng.random_bool(self.interact.without_clicks) {
            let rounds = rng.random_range(1..=self.interact.rounds.max(1));
            let most = self.interact.clicks.max(1);
            let wanted: Vec<usize> = (0..patches).map(|_| rng.random_range(1..=most)).collect();
            let truths = batch.classes();
            for round in 0..rounds {
                let found = self.segment(batch, &self.channels(batch, &clicks, &shown));
                for (patch, (truth, found)) in truths.iter().zip(&found).enumerate() {
                    let count = wanted[patch] * (round + 1) / rounds - wanted[patch] * round / rounds;
                    let spacing_mm = batch.spacings_mm[patch];
                    clicks[patch].extend(simulate::random(truth.view(), found.view(), spacing_mm, count, rng));
                }
                shown = found.into_iter().map(Some).collect();
            }
        }
        self.channels(batch, &clicks, &shown)
    }

    fn channels(&self, batch: &Batch, clicks: &[Vec<Click>], shown: &[Option<Array3<u16>>]) -> Vec<f32> {
        let [patches, _, depth, height, width] = batch.size;
        let of_patch = |patch: usize| {
            let guidance = Guidance {
                radius_mm: self.interact.radius_mm,
                spacing_mm: batch.spacings_mm[patch],
                structures: self.structures,
                clicks: &clicks[patch],
                previous: shown[patch].as_ref().map(|shown| shown.view()),
            };
            guidance.window([0; 3], [depth, height, width]).into_raw_vec_and_offset().0
        };
        (0..patches).flat_map(of_patch).collect()
    }

    /// Classes `[z, y, x]` of each patch as the network finds them. Sigmoid outputs: the largest above ½.
    fn segment(&self, batch: &Batch, guidance: &[f32]) -> Vec<Array3<u16>> {
        let [patches, _, depth, height, width] = batch.size;
        let images = TensorData::new(batch.images.clone(), batch.size);
        let told = TensorData::new(guidance.to_vec(), [patches, channels(self.structures), depth, height, width]);
        let input: Vec<Tensor<5>> = [images, told].map(|data| Tensor::from_data(data, self.device)).into();
        let mut logits = self.network.forward(Tensor::cat(input, 1));
        if self.sigmoid {
            let background = Tensor::zeros([patches, 1, depth, height, width], self.device);
            logits = Tensor::cat(vec![background, logits], 1);
        }
        let found: Tensor<5, Int> = logits.argmax(1);
        let classes = found.into_data().convert::<i32>().try_into_vec::<i32>().unwrap_or_default();
        let of_patch = |classes: &[i32]| {
            let classes = classes.iter().map(|class| u16::try_from(*class).unwrap_or_default()).collect();
            Array3::from_shape_vec([depth, height, width], classes).ok()
        };
        classes.chunks_exact((depth * height * width).max(1)).filter_map(of_patch).collect()
    }
}
