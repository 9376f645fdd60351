//! Which trials are good.

use crate::history::ascending;
use crate::{Observation, State, pareto};

/// Numbers of trials, ascending.
#[derive(Clone, Debug, PartialEq)]
pub struct Split {
    /// The good trials.
    pub good: Vec<usize>,
    /// All others, running and failed ones among them.
    pub rest: Vec<usize>,
    /// Whether older good trials count less once there are many; not with two objectives, where they make up the front.
    pub ages_of_good: bool,
}

impl Split {
    /// The best `count` trials: finished ones by their objectives, then pruned ones.
    pub fn new(history: &[Observation], count: usize, objectives: usize) -> Self {
        let finished: Vec<(usize, &[f64])> = history
            .iter()
            .enumerate()
            .filter_map(|(trial, observation)| match &observation.state {
                State::Finished { objectives } => Some((trial, objectives.as_slice())),
                _ => None,
            })
            .collect();
        let values: Vec<&[f64]> = finished.iter().map(|(_, values)| *values).collect();
        let mut good: Vec<usize> =
            best(&values, count, objectives).into_iter().map(|index| finished[index].0).collect();
        good.extend(pruned_by_merit(history).into_iter().take(count - good.len()));
        good.sort_unstable();
        let rest = (0..history.len()).filter(|trial| good.binary_search(trial).is_err()).collect();
        Split { good, rest, ages_of_good: objectives == 1 }
    }
}

/// Indices of the best `count` (at most) of finished trials. Two objectives: by non-domination rank, and within the last rank by
/// greedily covered hypervolume.
pub fn best(values: &[&[f64]], count: usize, objectives: usize) -> Vec<usize> {
    if objectives == 2 {
        let pairs: Vec<[f64; 2]> = values.iter().map(|pair| [pair[0], pair[1]]).collect();
        return pareto::best(&pairs, count);
    }
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|left, right| ascending(values[*left][0], values[*right][0]));
    order.truncate(count);
    order
}

/// Pruned trials, best first: those that got further, then the smaller value.
pub fn pruned_by_merit(history: &[Observation]) -> Vec<usize> {
    let mut pruned: Vec<(u64, f64, usize)> = Vec::new();
    for (trial, observation) in history.iter().enumerate() {
        if let State::Pruned { step, value } = observation.state {
            pruned.push((step, value, trial));
        }
    }
    pruned.sort_by(|left, right| right.0.cmp(&left.0).then(ascending(left.1, right.1)));
    pruned.into_iter().map(|(_, _, trial)| trial).collect()
}
