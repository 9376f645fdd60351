//! Scores of slice classifiers: predicted probability and presence of each structure in each slice.
//!
//! Slices are perpendicular to the patient's long axis (the first of the canonical RAS orientation), counted from the feet.

pub mod classifier;
pub mod table;

use ndarray::{Array2, ArrayView3, Axis};
use serde::Serialize;

use super::Overlap;
use crate::dataset::Target;
use crate::dataset::target::shows;

/// One slice, one structure.
#[derive(Clone, Debug, PartialEq)]
pub struct SliceRow {
    /// Name of the split that the case belongs to: `test`, `validation`, `training`.
    pub split: String,
    /// The case.
    pub case: String,
    /// The structure.
    pub structure: String,
    /// Index of the slice, 0 at the feet.
    pub slice: u32,
    /// Predicted probability.
    pub probability: f64,
    /// Presence in the reference; none if the slice is unlabelled.
    pub present: Option<bool>,
}

/// Whether slices of a canonical label map `[z, y, x]` show each structure: `[structure, z]`; none for a slice without the structure
/// but with ignored voxels.
pub fn presence(target: &Target, labels: ArrayView3<u16>) -> Array2<Option<bool>> {
    Array2::from_shape_fn((target.structures.len(), labels.len_of(Axis(0))), |(structure, slice)| {
        shows(&target.structures[structure].values, target.ignore, labels.index_axis(Axis(0), slice))
    })
}

/// Classification results for one structure, over the slices of all cases.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SliceSummary {
    /// The structure.
    pub structure: String,
    /// Probability from which a slice is classified as positive: smallest and largest of the runs.
    pub thresholds: [f64; 2],
    /// Positive slices classified as positive.
    pub true_positive: u64,
    /// Negative slices classified as positive.
    pub false_positive: u64,
    /// Positive slices classified as negative.
    pub false_negative: u64,
    /// Negative slices classified as negative.
    pub true_negative: u64,
    /// Area under the ROC curve.
    pub auc: Option<f64>,
    /// Fraction of positive slices classified as positive.
    pub sensitivity: Option<f64>,
    /// Fraction of negative slices classified as negative.
    pub specificity: Option<f64>,
    /// Fraction of all slices classified correctly.
    pub accuracy: Option<f64>,
}

impl SliceSummary {
    /// From the labelled slices (probability and truth) of each run (fold), with the run's threshold.
    pub fn of(structure: &str, runs: &[(Vec<(f64, bool)>, f64)]) -> Self {
        let slices: Vec<(f64, bool)> = runs.iter().flat_map(|(slices, _)| slices.iter().copied()).collect();
        let sum = |count: fn(Overlap) -> u64| runs.iter().map(|(slices, at)| count(counts(slices, *at))).sum::<u64>();
        let (true_positive, false_positive) = (sum(|it| it.true_positive), sum(|it| it.false_positive));
        let (false_negative, true_negative) = (sum(|it| it.false_negative), sum(|it| it.true_negative));
        let ratio = |part: u64, whole: u64| (whole > 0).then(|| part as f64 / whole as f64);
        let at = || runs.iter().map(|(_, threshold)| *threshold);
        Self {
            structure: structure.to_owned(),
            thresholds: [at().fold(f64::INFINITY, f64::min), at().fold(f64::NEG_INFINITY, f64::max)],
            true_positive,
            false_positive,
            false_negative,
            true_negative,
            auc: auc(&slices),
            sensitivity: ratio(true_positive, true_positive + false_negative),
            specificity: ratio(true_negative, true_negative + false_positive),
            accuracy: ratio(true_positive + true_negative, slices.len() as u64),
        }
    }
}

/// Confusion counts of slices. From the threshold on, a slice is classified as positive.
pub fn counts(slices: &[(f64, bool)], threshold: f64) -> Overlap {
    let count = |found: bool, present: bool| {
        slices.iter().filter(|slice| (slice.0 >= threshold) == found && slice.1 == present).count() as u64
    };
    Overlap {
        true_positive: count(true, true),
        false_positive: count(true, false),
        false_negative: count(false, true),
        true_negative: count(false, false),
    }
}

/// Area under the ROC curve: the probability that a positive slice is given a higher probability than a negative one, ties counting
/// half (Mann & Whitney 1947). None if either class is missing.
pub fn auc(slices: &[(f64, bool)]) -> Option<f64> {
    let mut sorted = slices.to_vec();
    sorted.sort_by(|a, b| a.0.total_cmp(&b.0));
    let positives = sorted.iter().filter(|slice| slice.1).count() as f64;
    let negatives = sorted.len() as f64 - positives;
    if positives == 0.0 || negatives == 0.0 {
        return None;
    }
    let (mut below, mut area) = (0.0, 0.0);
    for equal in sorted.chunk_by(|a, b| a.0 == b.0) {
        let present = equal.iter().filter(|slice| slice.1).count() as f64;
        let absent = equal.len() as f64 - present;
        area += present * (below + absent / 2.0);
        below += absent;
    }
    Some(area / (positives * negatives))
}

/// Points (1 − specificity, sensitivity) of the ROC curve, from (0, 0) to (1, 1). Empty if either class is missing.
pub fn roc(slices: &[(f64, bool)]) -> Vec<[f64; 2]> {
    let mut sorted = slices.to_vec();
    sorted.sort_by(|a, b| b.0.total_cmp(&a.0));
    let positives = sorted.iter().filter(|slice| slice.1).count() as f64;
    let negatives = sorted.len() as f64 - positives;
    if positives == 0.0 || negatives == 0.0 {
        return Vec::new();
    }
    let (mut found, mut wrong) = (0.0, 0.0);
    let mut points = vec![[0.0, 0.0]];
    for equal in sorted.chunk_by(|a, b| a.0 == b.0) {
        let present = equal.iter().filter(|slice| slice.1).count() as f64;
        found += present;
        wrong += equal.len() as f64 - present;
        points.push([wrong / negatives, found / positives]);
    }
    points
}

/// The largest threshold that reaches a sensitivity; none without positive slices.
pub fn threshold_for(slices: &[(f64, bool)], sensitivity: f64) -> Option<f64> {
    let mut present: Vec<f64> = slices.iter().filter(|slice| slice.1).map(|slice| slice.0).collect();
    present.sort_by(|a, b| b.total_cmp(a));
    let needed = (sensitivity * present.len() as f64 - 1e-9).ceil().max(1.0) as usize;
    present.get(needed - 1).copied()
}

#[cfg(test)]
mod tests;
