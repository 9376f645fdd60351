//! Slice classification of a case.

use ndarray::{Array2, ArrayView4};

use super::Predictor;
use super::infer::spatial;
use crate::Cancel;
use crate::backend;
use crate::cancel::interruptible;
use crate::volume::window::{Padding, window_starts};

impl Predictor<'_> {
    /// Probabilities `[output, z]` that the slices of an image `[channel, z, y, x]` show the structures; none if cancelled.
    ///
    /// A slice larger than the window gets the highest probability of its windows: it shows a structure if any part of it does.
    pub fn slices(&self, image: ArrayView4<f32>, cancelled: &Cancel) -> Option<Array2<f32>> {
        let padding = Padding::to_patch(spatial(image.dim()), self.plan.patch_size);
        let padded = padding.pad(image);
        let mut surest = Array2::<f32>::zeros((self.outputs, padding.inner[0]));
        for starts in
            window_starts(padding.padded, self.plan.patch_size, self.plan.overlap).chunks(self.plan.batch_size)
        {
            if cancelled.is_stopped() {
                return None;
            }
            let patches: Vec<_> = starts.iter().map(|start| self.cut(&padded, *start)).collect();
            let forward = || interruptible(cancelled, || self.forward(&patches));
            let Ok(probabilities) = backend::near(self.device, forward) else { return None };
            for (start, probabilities) in starts.iter().zip(probabilities.chunks_exact(self.outputs.max(1))) {
                for (surest, probability) in surest.column_mut(start[0]).iter_mut().zip(probabilities) {
                    *surest = surest.max(*probability);
                }
            }
        }
        Some(surest)
    }
}
