//! Ranking methods, as challengeR defines them (Wiesenfarth et al. 2021): 1 is best, and equal competitors share the smallest of their ranks.

use serde::Serialize;

use crate::evaluate::metric::MetricId;
use crate::evaluate::statistics::{ALPHA, SignedRanks, holm, smallest_ranks};

/// A way to rank.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// By the mean over cases (`aggregateThenRank` with the mean).
    MeanThenRank,
    /// By the mean of the ranks in every case (`rankThenAggregate` with the mean).
    RankThenMean,
    /// By the number of others that a competitor beats significantly (`testThenRank`).
    Significance,
}

impl Method {
    /// Every method.
    pub const ALL: [Self; 3] = [Self::MeanThenRank, Self::RankThenMean, Self::Significance];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::MeanThenRank => "mean then rank",
            Self::RankThenMean => "rank then mean",
            Self::Significance => "significance",
        }
    }
}

/// Ranks of means: the best has rank 1. NaN if a mean is undefined.
pub fn by_mean(means: &[f64], metric: MetricId) -> Vec<f64> {
    let demerits: Vec<f64> = means.iter().map(|mean| -metric.merit(*mean)).collect();
    smallest_ranks(&demerits)
}

/// Ranks of the competitors in one case. Where some have no value (structures that compete), ranks among the others are stretched to the
/// number of all; NaN for those without a value, and where one is alone.
pub fn within_case(values: &[f64], metric: MetricId) -> Vec<f64> {
    let present: Vec<usize> = (0..values.len()).filter(|at| !values[*at].is_nan()).collect();
    let ranks = by_mean(&present.iter().map(|at| values[*at]).collect::<Vec<_>>(), metric);
    let mut all = vec![f64::NAN; values.len()];
    if present.len() > 1 {
        let stretch = (values.len() - 1) as f64 / (present.len() - 1) as f64;
        present.iter().zip(ranks).for_each(|(at, rank)| all[*at] = 1.0 + (rank - 1.0) * stretch);
    }
    all
}

/// How many others each competitor beats: one-sided Wilcoxon signed-rank tests of all ordered pairs by the normal approximation, adjusted
/// together (Holm), at 5 %. `difference(a, b)` are the paired differences in merit.
pub fn wins(competitors: usize, difference: impl Fn(usize, usize) -> Vec<f64>) -> Vec<usize> {
    let pairs: Vec<(usize, usize)> =
        (0..competitors).flat_map(|a| (0..competitors).filter(move |b| *b != a).map(move |b| (a, b))).collect();
    let p: Vec<f64> = pairs.iter().map(|(a, b)| SignedRanks::of(&difference(*a, *b)).greater()).collect();
    let mut wins = vec![0; competitors];
    for ((a, _), p) in pairs.iter().zip(holm(&p)) {
        wins[*a] += usize::from(p <= ALPHA);
    }
    wins
}

/// Ranks by the number of wins.
pub fn by_wins(wins: &[usize]) -> Vec<f64> {
    smallest_ranks(&wins.iter().map(|wins| -(*wins as f64)).collect::<Vec<_>>())
}
