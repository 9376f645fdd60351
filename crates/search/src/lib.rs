//! Hyperparameter search as pure functions of what is known.
//!
//! [`Sampler::next`] names the next point to try, given the [`Space`], all trials asked for so far and a seed. [`Asha`] and
//! [`Wilcoxon`] say whether a trial is worth going on with; [`pareto`] compares trials by two objectives; [`importance`] says which
//! parameters mattered. Nothing here keeps state, reads a clock or draws from a shared generator: whoever writes down what was asked
//! and what came of it can recompute every decision, in any process and after any crash. Random draws are keyed by
//! (seed, number of the trial) through [`segspec_base::random`]; logarithms and error functions are [`libm`]'s, so that they do
//! not depend on the machine.
//!
//! # Sources
//!
//! - TPE: Bergstra et al., "Algorithms for Hyper-Parameter Optimization", 2011; Watanabe, arXiv 2304.11127; the defaults of Optuna
//!   5.0's `TPESampler`, against whose estimators and splits the tests compare; for two objectives Ozaki et al.,
//!   doi 10.1613/jair.1.13188.
//! - CMA-ES: Hansen, "The CMA Evolution Strategy: A Tutorial", arXiv 1604.00772; updates compared with the package `cmaes` 0.13;
//!   restarts with growing populations: Auger and Hansen, 2005.
//! - Successive halving: Li et al., "A System for Massively Parallel Hyperparameter Tuning", 2020.
//! - Importance: PED-ANOVA, Watanabe et al., arXiv 2304.10255, for conditional parameters arXiv 2601.20800.
//!
//! # Why not an existing crate
//!
//! Each was measured on the functions of docs/benchmarks.md (`benches/peer/search-crates`), and each lacks what a journal needs:
//!
//! - `optimizer` 1.0.1: samplers hold counters and populations behind locks, which a second process does not have; kernels of one
//!   width without a prior; its TPE is worse than random search on two of the four functions.
//! - `parzen` 0.3.0: its estimators are Optuna's, but running, pruned and failed trials and second objectives have no place in its
//!   history, and its generator advances with every call.
//! - `tpe` 0.3.1: one optimiser per parameter, so no joint estimate, conditions or integers.
//! - `cmaes` 0.2.2: owns and calls the objective function; a generation can neither be asked for nor told.

mod cmaes;
mod history;
pub mod importance;
mod normal;
pub mod pareto;
mod prune;
mod sampler;
mod space;
#[cfg(test)]
mod tests;
mod tpe;
mod written;

pub use cmaes::CmaEs;
pub use history::{Observation, State};
pub use prune::{Asha, Comparison, Promotion, Rung, RungResult, Verdict, Wilcoxon};
pub use sampler::Sampler;
pub use space::{Condition, Domain, Parameter, Point, Space, Value};
pub use tpe::Tpe;

/// What makes a search impossible.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Error {
    /// A space without parameters.
    #[error("nothing to search: the space has no parameters")]
    NoParameters,
    /// A parameter, or its value at a point, that cannot be.
    #[error("parameter `{name}`: {reason}")]
    Parameter {
        /// Its name.
        name: String,
        /// What is wrong.
        reason: String,
    },
    /// A point of another space.
    #[error("a point of {found} values in a space of {expected} parameters")]
    Length {
        /// Parameters of the space.
        expected: usize,
        /// Values of the point.
        found: usize,
    },
    /// A trial that does not belong to the space or has not as many objectives as the others.
    #[error("trial {trial}: {reason}")]
    Trial {
        /// Its number.
        trial: usize,
        /// What is wrong.
        reason: String,
    },
    /// A setting of a sampler or pruner out of its range.
    #[error("{0}")]
    Setting(String),
}
