//! Statistics of comparisons, on plain numbers: tests, adjustment for several of them, correlation of ranks, bootstrap intervals. Each is
//! pinned against SciPy or statsmodels (`tests/reference/significance.py`).

mod adjust;
mod bca;
mod kendall;
mod ranks;
mod wilcoxon;

pub use adjust::holm;
pub use bca::bca;
pub use kendall::kendall_tau;
pub use ranks::{average_ranks, smallest_ranks};
pub use wilcoxon::{SignedRanks, smallest_p};

/// Level of all tests.
pub const ALPHA: f64 = 0.05;

/// Fewest independent values (patients) for which a 95 % interval of a mean is given. The range of n values holds their population's median
/// with a probability of 1 − 2^(1−n), which first exceeds 95 % at 6; an interval by resampling is never wider than that range. A signed-rank
/// test of fewer pairs cannot reach p < 0.05 either.
pub const FEWEST: usize = 6;

#[cfg(test)]
mod tests;
