//! Asynchronous successive halving (Li et al., "A System for Massively Parallel Hyperparameter Tuning", MLSys 2020).

use serde::{Deserialize, Serialize};

use super::Verdict;
use crate::Error;
use crate::history::ascending;

/// Trials are compared at rungs, after `min`, `min·eta`, `min·eta²`, … epochs; about one in `eta` goes on from each.
///
/// [`Asha::decide`] stops a trial at a rung for good (as Optuna's `SuccessiveHalvingPruner`): nothing is ever continued, and the first
/// trials get far because there is little to compare them with. [`Asha::next_promotion`] is the paper's form: every trial pauses at every
/// rung and goes on once enough others have reached it; it spends less on poor trials, but needs runs that can be continued.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Asha {
    /// Epochs before the first rung, at least 1.
    pub min: u64,
    /// One in `eta` goes on, at least 2.
    pub eta: u64,
    /// Epochs of a whole trial.
    pub max: u64,
}

/// The trials that have reached a rung.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Rung {
    /// In the order in which they reached it.
    pub results: Vec<RungResult>,
}

/// A trial at a rung.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct RungResult {
    /// Its number.
    pub trial: usize,
    /// Its objective there; smaller is better, NaN is worst.
    #[serde(with = "crate::written::number")]
    pub value: f64,
    /// Whether it was sent on to the next rung (or, being finished or failed, must not be).
    pub promoted: bool,
}

/// A paused trial that is to go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Promotion {
    /// Its number.
    pub trial: usize,
    /// The rung at which it pauses: an index into [`Asha::rungs`].
    pub from: usize,
    /// The epochs to which it goes on: those of the next rung, or `max`.
    pub epochs: u64,
}

impl Asha {
    /// Refuses settings without a rung before the end.
    pub fn check(&self) -> Result<(), Error> {
        let Asha { min, eta, max } = *self;
        if min < 1 || eta < 2 || min >= max {
            return Err(Error::Setting(format!(
                "successive halving with min = {min}, eta = {eta}, max = {max}: min must be at least 1 and below max, eta at least 2"
            )));
        }
        Ok(())
    }

    /// The epochs after which trials are compared, all below `max`.
    pub fn rungs(&self) -> Vec<u64> {
        std::iter::successors(Some(self.min.max(1)), |epochs| epochs.checked_mul(self.eta.max(2)))
            .take_while(|epochs| *epochs < self.max)
            .collect()
    }

    /// Whether a trial that has reached a rung goes on, given the values of those that reached it before: only among the best
    /// `1/eta` of them and itself; while there are fewer than `eta`, only as the best so far.
    pub fn decide(&self, earlier: &[f64], value: f64) -> Verdict {
        if value.is_nan() {
            return Verdict::Stop;
        }
        let allowed = ((earlier.len() as u64 + 1) / self.eta.max(2)).max(1);
        let better = earlier.iter().filter(|other| **other < value).count() as u64;
        if better < allowed { Verdict::Continue } else { Verdict::Stop }
    }

    /// The paused trial that goes on next, from the highest rung at which one of the best `1/eta` has not been sent on; `None` if a new
    /// trial should start at the bottom. `rungs` stand in the order of [`Asha::rungs`]; those not reached yet may be missing.
    pub fn next_promotion(&self, rungs: &[Rung]) -> Option<Promotion> {
        let epochs = self.rungs();
        for (from, rung) in rungs.iter().enumerate().take(epochs.len()).rev() {
            let mut order: Vec<&RungResult> = rung.results.iter().collect();
            order.sort_by(|left, right| ascending(left.value, right.value));
            let best = order.into_iter().take(rung.results.len() / self.eta.max(2) as usize);
            if let Some(result) = best.into_iter().find(|result| !result.promoted && !result.value.is_nan()) {
                let epochs = epochs.get(from + 1).copied().unwrap_or(self.max);
                return Some(Promotion { trial: result.trial, from, epochs });
            }
        }
        None
    }
}
