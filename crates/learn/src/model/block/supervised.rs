//! Outputs of a network in training, where losses may apply to more than the final logits.

use burn::tensor::Tensor;

/// Logits with the weight of their loss; the weights of a network's outputs sum to one.
#[derive(Debug)]
pub struct Supervised {
    /// Factor of the loss.
    pub weight: f64,
    /// `[batch, outputs, depth, height, width]` at full size or a smaller one.
    pub logits: Tensor<5>,
}

impl Supervised {
    /// Deep supervision: full size first, with weights 1, 1/2, 1/4, … normalised to sum to one (nnU-Net).
    pub fn halving(outputs: Vec<Tensor<5>>) -> Vec<Self> {
        let weight = |level: usize| 0.5f64.powi(level as i32);
        let sum: f64 = (0..outputs.len()).map(weight).sum();
        outputs.into_iter().enumerate().map(|(level, logits)| Self { weight: weight(level) / sum, logits }).collect()
    }

    /// Outputs of several passes, weighted by `weights` normalised to sum to one.
    pub fn weighted(outputs: Vec<Vec<Self>>, weights: &[f64]) -> Vec<Self> {
        let sum: f64 = weights.iter().sum();
        let share = |(outputs, weight): (Vec<Self>, &f64)| {
            let factor = weight / sum;
            outputs.into_iter().map(move |output| Self { weight: output.weight * factor, ..output })
        };
        outputs.into_iter().zip(weights).flat_map(share).collect()
    }
}
