//! What came of the points tried so far.

use serde::{Deserialize, Serialize};

use crate::{Error, Point, Space};

/// A trial: the point that was asked for and what is known of it. Trials stand in the order in which they were asked for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Observation {
    /// As [`crate::Sampler::next`] gave it, or one chosen by hand.
    pub point: Point,
    /// How far it is.
    pub state: State,
}

/// How far a trial is. Smaller objectives are better; NaN is worse than every number. Written as text, NaN and infinities are the words
/// `nan`, `inf` and `-inf`, which JSON can hold.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub enum State {
    /// Asked for, without a result.
    Running,
    /// Ended.
    Finished {
        /// One or two, the same number for all trials.
        #[serde(with = "crate::written::numbers")]
        objectives: Vec<f64>,
    },
    /// Given up by a pruner.
    Pruned {
        /// How far it got, for example in epochs.
        step: u64,
        /// Its (first) objective there.
        #[serde(with = "crate::written::number")]
        value: f64,
    },
    /// Gave no result, for a reason that lies in its point: out of memory, a loss that is not finite. A trial that
    /// failed for another reason is better asked for again under its own number, or left out of the history.
    Failed,
}

/// Refuses a history that does not belong to the space; otherwise the number of objectives (1 while no trial has finished).
pub(crate) fn check(space: &Space, history: &[Observation]) -> Result<usize, Error> {
    let mut objectives = None;
    for (trial, observation) in history.iter().enumerate() {
        let fail = |reason: String| Error::Trial { trial, reason };
        space.check_point(&observation.point).map_err(|error| fail(error.to_string()))?;
        let State::Finished { objectives: values } = &observation.state else { continue };
        let expected = *objectives.get_or_insert(values.len());
        if values.len() != expected || !(1..=2).contains(&expected) {
            return Err(fail(format!("{} objectives: one or two are possible, as many for each trial", values.len())));
        }
    }
    Ok(objectives.unwrap_or(1))
}

/// Ascending order in which NaN is the largest.
pub(crate) fn ascending(left: f64, right: f64) -> std::cmp::Ordering {
    // `total_cmp` puts a negative NaN first.
    let key = |value: f64| if value.is_nan() { f64::NAN.copysign(1.0) } else { value + 0.0 };
    key(left).total_cmp(&key(right))
}
