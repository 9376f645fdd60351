//! Wilcoxon's signed-rank test (1945) of paired differences.

use statrs::distribution::{ContinuousCDF, Normal};

use super::ranks::average_ranks;

/// Most pairs for which the exact distribution is used, as in SciPy.
const MOST_EXACT: usize = 50;

/// Signed ranks of paired differences; differences of zero are dropped (Wilcoxon's own way).
#[derive(Clone, Debug, PartialEq)]
pub struct SignedRanks {
    /// Differences other than zero.
    pub n: usize,
    /// Differences of zero.
    pub zeros: usize,
    /// Sum of the ranks of the positive differences.
    pub positive: f64,
    /// Sum of the ranks of the negative differences.
    pub negative: f64,
    /// Σ (t³ − t) over groups of t equal ranks.
    ties: f64,
}

impl SignedRanks {
    /// The signed ranks of differences.
    pub fn of(differences: &[f64]) -> Self {
        let kept: Vec<f64> = differences.iter().copied().filter(|it| *it != 0.0).collect();
        let sizes: Vec<f64> = kept.iter().map(|it| it.abs()).collect();
        let ranks = average_ranks(&sizes);
        let sum = |is: fn(f64) -> bool| kept.iter().zip(&ranks).filter(|(it, _)| is(**it)).map(|(_, rank)| rank).sum();
        let mut ascending = sizes;
        ascending.sort_unstable_by(f64::total_cmp);
        let cubes = ascending.chunk_by(|a, b| a == b).map(|group| group.len() as f64).map(|t| t * t * t - t);
        Self {
            n: kept.len(),
            zeros: differences.len() - kept.len(),
            positive: sum(|it| it > 0.0),
            negative: sum(|it| it < 0.0),
            ties: cubes.sum(),
        }
    }

    /// Whether [`Self::two_sided`] is exact: at most 50 differences, none of them zero and no two of the same size.
    pub fn is_exact(&self) -> bool {
        self.n <= MOST_EXACT && self.zeros == 0 && self.ties == 0.0
    }

    /// Two-sided p-value: exact where [`Self::is_exact`], else by the normal approximation with corrections for ties and continuity. 1 if
    /// all differences are zero.
    pub fn two_sided(&self) -> f64 {
        if self.n == 0 {
            return 1.0;
        }
        if !self.is_exact() {
            // The correction moves the statistic half a rank towards its mean, not beyond.
            return (2.0 * upper_tail(self.z(0.5).max(0.0))).min(1.0);
        }
        let smaller = self.positive.min(self.negative) as usize;
        let counts = counts(self.n);
        let below: f64 = counts.iter().take(smaller + 1).sum();
        (2.0 * below / 2f64.powi(self.n as i32)).min(1.0)
    }

    /// One-sided p-value of the hypothesis that differences tend to be positive, by the normal approximation with corrections for ties and
    /// continuity: `wilcox.test(alternative = "greater", exact = FALSE)` of R. 1 if all differences are zero.
    pub fn greater(&self) -> f64 {
        if self.n == 0 {
            return 1.0;
        }
        upper_tail(self.signed_z(0.5))
    }

    /// Matched-pairs rank-biserial correlation (Kerby 2014): from −1, where every difference is negative, to 1; 0 if all are zero.
    pub fn rank_biserial(&self) -> f64 {
        let all = self.positive + self.negative;
        if all > 0.0 { (self.positive - self.negative) / all } else { 0.0 }
    }

    fn spread(&self) -> (f64, f64) {
        let n = self.n as f64;
        let mean = n * (n + 1.0) / 4.0;
        (mean, ((n * (n + 1.0) * (2.0 * n + 1.0) - self.ties / 2.0) / 24.0).sqrt())
    }

    /// Distance of the statistic from its mean in standard deviations.
    fn z(&self, correction: f64) -> f64 {
        let (mean, sd) = self.spread();
        ((self.positive - mean).abs() - correction) / sd
    }

    fn signed_z(&self, correction: f64) -> f64 {
        let (mean, sd) = self.spread();
        (self.positive - mean - correction) / sd
    }
}

/// The smallest two-sided p-value that n pairs can give.
pub fn smallest_p(n: usize) -> f64 {
    2f64.powi(1 - i32::try_from(n).unwrap_or(i32::MAX)).min(1.0)
}

fn upper_tail(z: f64) -> f64 {
    Normal::standard().sf(z)
}

/// How many of the 2ⁿ signs of the ranks 1 … n give each sum of positive ranks; exact, as n is at most 50.
fn counts(n: usize) -> Vec<f64> {
    let mut counts = vec![0.0; n * (n + 1) / 2 + 1];
    counts[0] = 1.0;
    let mut reach = 0;
    for rank in 1..=n {
        reach += rank;
        for sum in (rank..=reach).rev() {
            counts[sum] += counts[sum - rank];
        }
    }
    counts
}
