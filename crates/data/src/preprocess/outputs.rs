//! What a network computes for a prepared case.

use half::f16;
use ndarray::parallel::prelude::*;
use ndarray::{Array3, Array4, Axis};

/// Outputs of a network `[output, z, y, x]` on the prepared grid of a case.
#[derive(Clone, Debug, PartialEq)]
pub enum Outputs {
    /// Probabilities.
    Probabilities(Array4<f32>),
    /// Logits in half precision, as nnU-Net keeps them: half the memory, and the same rounding.
    Logits(Array4<f16>),
}

impl Outputs {
    /// Shape `[output, z, y, x]`.
    pub fn shape(&self) -> [usize; 4] {
        let (outputs, depth, height, width) = match self {
            Self::Probabilities(values) => values.dim(),
            Self::Logits(values) => values.dim(),
        };
        [outputs, depth, height, width]
    }

    /// One output `[z, y, x]`.
    pub(super) fn output(&self, index: usize) -> Array3<f32> {
        match self {
            Self::Probabilities(values) => values.index_axis(Axis(0), index).to_owned(),
            Self::Logits(values) => values.index_axis(Axis(0), index).mapv(f16::to_f32),
        }
    }

    /// Whether these are logits.
    pub fn are_logits(&self) -> bool {
        matches!(self, Self::Logits(_))
    }

    /// As probabilities: sigmoid or softmax of logits.
    #[must_use]
    pub fn into_probabilities(self, sigmoid: bool) -> Array4<f32> {
        match self {
            Self::Probabilities(values) => values,
            Self::Logits(logits) => {
                let mut values = logits.mapv(f16::to_f32);
                normalise(&mut values, sigmoid);
                values
            }
        }
    }

    /// The mean of several networks' logits on the same grid, rounded as nnU-Net does; none unless all are logits of one shape.
    pub(super) fn mean_logits(members: &[&Self]) -> Option<Self> {
        let all = members.iter().map(|member| match member {
            Self::Logits(values) => Some(values),
            Self::Probabilities(_) => None,
        });
        let all = all.collect::<Option<Vec<_>>>()?;
        let (first, rest) = all.split_first()?;
        let mut sum = (*first).clone();
        for other in rest {
            if other.dim() != sum.dim() {
                return None;
            }
            sum.zip_mut_with(other, |sum, value| *sum = f16::from_f32(sum.to_f32() + value.to_f32()));
        }
        if !rest.is_empty() {
            let count = all.len() as f32;
            sum.par_mapv_inplace(|sum| f16::from_f32(sum.to_f32() / count));
        }
        Some(Self::Logits(sum))
    }
}

/// Probability as a logit: the threshold of a sigmoid output before the sigmoid.
pub(super) fn logit(probability: f64) -> f64 {
    (probability / (1.0 - probability)).ln()
}

/// Turns logits `[output, z, y, x]` into probabilities: sigmoid, or softmax over the outputs.
pub(super) fn normalise(values: &mut Array4<f32>, sigmoid: bool) {
    values.axis_iter_mut(Axis(1)).into_par_iter().for_each(|mut slice| {
        if sigmoid {
            slice.mapv_inplace(|logit| 1.0 / (1.0 + (-logit).exp()));
            return;
        }
        let highest = slice.fold_axis(Axis(0), f32::NEG_INFINITY, |highest, &value| highest.max(value));
        for mut output in slice.outer_iter_mut() {
            output.zip_mut_with(&highest, |value, highest| *value = (*value - highest).exp());
        }
        let sum = slice.sum_axis(Axis(0));
        for mut output in slice.outer_iter_mut() {
            output.zip_mut_with(&sum, |value, sum| *value /= sum);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn logits(values: &[f32], outputs: usize) -> Outputs {
        let values = values.iter().map(|&value| f16::from_f32(value)).collect();
        Outputs::Logits(Array4::from_shape_vec([outputs, 1, 1, 2], values).unwrap())
    }

    #[test]
    fn logits_become_probabilities() {
        let softmax = logits(&[0.0, 100.0, 0.0, 0.0], 2).into_probabilities(false);
        let softmax = softmax.into_raw_vec_and_offset().0;
        assert_eq!(softmax[..3], [0.5, 1.0, 0.5]);
        // e^-100 is below the smallest normal number: zero where the processor flushes such numbers.
        assert!((0.0..1e-40).contains(&softmax[3]), "{softmax:?}");
        let sigmoid = logits(&[0.0, -100.0, 2.0, 0.0], 2).into_probabilities(true).into_raw_vec_and_offset().0;
        assert!((sigmoid[2] - 0.880_797).abs() < 1e-6 && sigmoid[1] < 1e-6, "{sigmoid:?}");
        assert!((logit(f64::from(sigmoid[2])) - 2.0).abs() < 1e-5);
        assert_eq!(logit(0.5), 0.0);
    }

    #[test]
    fn only_logits_of_one_grid_are_averaged() {
        let [one, other] = [logits(&[1.0, 2.0], 1), logits(&[2.0, 5.0], 1)];
        assert_eq!(Outputs::mean_logits(&[&one, &other]), Some(logits(&[1.5, 3.5], 1)));
        assert_eq!(Outputs::mean_logits(&[&one]), Some(one.clone()));
        let probabilities = Outputs::Probabilities(Array4::zeros([1, 1, 1, 2]));
        assert_eq!(Outputs::mean_logits(&[&one, &probabilities]), None);
        assert_eq!(Outputs::mean_logits(&[&one, &logits(&[1.0; 4], 2)]), None);
    }
}
