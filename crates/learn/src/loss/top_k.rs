//! Cross-entropy of the hardest voxels only.

use burn::tensor::{Tensor, TensorData};

use super::{Batch, sum_all};
use crate::backend::soft;

/// Mean of the largest values of the weighted cross-entropy: a fraction of the labelled ones, at least one. Ties at the threshold
/// share the remaining places, so that the order of voxels does not matter. `weights` per output inside and outside its structure;
/// `more` is added to each log-likelihood. Shape `[1]`.
///
/// Source: nnU-Net's `TopKLoss`; Wu, Shen and van den Hengel, Bridging category-level and instance-level semantic image segmentation
/// (2016).
pub fn mean_of_largest(batch: &Batch, weights: [&[f64]; 2], more: Option<Tensor<5>>, fraction: f64) -> Tensor<1> {
    let likelihoods = soft::likelihoods(batch.logits.clone(), batch.truth.clone(), batch.overlapping, weights);
    let likelihoods = more.map_or(likelihoods.clone(), |more| likelihoods + more);
    let host =
        |tensor: Tensor<5>| tensor.detach().into_data().convert::<f32>().try_into_vec::<f32>().unwrap_or_default();
    let values = host(likelihoods.clone().neg());
    let known = host(batch.truth.clone()).iter().filter(|truth| **truth >= 0.0).count();
    let count = ((known as f64 * fraction) as usize).max(1);
    let shares = TensorData::new(shares(&values, count), likelihoods.dims());
    let shares = Tensor::from_data(shares, &batch.device());
    sum_all(likelihoods * shares).div_scalar(-(count as f64))
}

/// 1 for the `count` largest values, 0 for the others; ties at the threshold share the remaining places. NaN counts as the largest.
fn shares(values: &[f32], count: usize) -> Vec<f32> {
    let mut order = values.to_vec();
    let count = count.clamp(1, values.len().max(1));
    let Some(last) = order.len().checked_sub(1) else { return order };
    let (_, threshold, _) = order.select_nth_unstable_by((count - 1).min(last), |a, b| b.total_cmp(a));
    let threshold = *threshold;
    let above = values.iter().filter(|value| value.total_cmp(&threshold).is_gt()).count();
    let equal = values.iter().filter(|value| value.total_cmp(&threshold).is_eq()).count();
    let share = (count - above) as f32 / equal.max(1) as f32;
    let of = |value: &f32| match value.total_cmp(&threshold) {
        std::cmp::Ordering::Greater => 1.0,
        std::cmp::Ordering::Equal => share,
        std::cmp::Ordering::Less => 0.0,
    };
    values.iter().map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_values_count_and_ties_share() {
        assert_eq!(shares(&[1.0, 5.0, 3.0, 4.0], 2), [0.0, 1.0, 0.0, 1.0]);
        assert_eq!(shares(&[2.0, 5.0, 2.0, 1.0, 2.0, 2.0], 3), [0.5, 1.0, 0.5, 0.0, 0.5, 0.5]);
        assert_eq!(shares(&[1.0, f32::NAN], 1), [0.0, 1.0]);
        assert_eq!(shares(&[1.0, 2.0], 9), [1.0, 1.0]);
        assert!(shares(&[], 1).is_empty());
    }
}
