//! Which parameters decided whether a trial was good: PED-ANOVA (Watanabe et al., IJCAI 2023, arXiv 2304.10255; conditional
//! parameters as in arXiv 2601.20800), as in Optuna 5.0's `PedAnovaImportanceEvaluator` with its defaults.
//!
//! For each parameter: how far its distribution among the best trials is from its distribution among all (Pearson's divergence of two
//! kernel estimates on a grid). It needs some hundred trials, and says nothing about interactions.

use crate::history::ascending;
use crate::normal::{Truncated, ln_sum};
use crate::space::Axis;
use crate::{Domain, Error, Observation, Space, State, Value, history, tpe};

/// Places of the grid at most.
const GRID: usize = 50;
/// Weight of the uniform prior beside the trials.
const PRIOR: f64 = 1.0;

/// The importance of each parameter for being among the best `share` (0.1 in Optuna) of the finished trials: fractions that sum to
/// 1, or all 0 where nothing can be said (fewer than two finished trials, or no parameter differs).
///
/// # Errors
///
/// A space or history that [`Error`] describes; a share that does not lie between 0 and 1.
pub fn ped_anova(space: &Space, history: &[Observation], share: f64) -> Result<Vec<f64>, Error> {
    space.check()?;
    let objectives = history::check(space, history)?;
    if !(share > 0.0 && share < 1.0) {
        return Err(Error::Setting(format!("importance: a share of {share} does not lie between 0 and 1")));
    }
    let finished = |trial: &Observation| match &trial.state {
        State::Finished { objectives } if objectives.iter().all(|value| value.is_finite()) => Some(objectives.clone()),
        _ => None,
    };
    let (trials, values): (Vec<&Observation>, Vec<Vec<f64>>) =
        history.iter().filter_map(|trial| Some((trial, finished(trial)?))).unzip();
    if trials.len() < 2 {
        return Ok(vec![0.0; space.parameters.len()]);
    }
    let is_top = top(&values, share, objectives);
    let divergence = |index: usize| parameter(space.parameters[index].domain, index, &trials, &is_top);
    let raw: Vec<f64> = (0..space.parameters.len()).map(divergence).collect();
    let total: f64 = raw.iter().sum();
    Ok(raw.iter().map(|value| if total > 0.0 { value / total } else { 0.0 }).collect())
}

/// Which trials are among the best: with one objective also those equal to the last of them.
fn top(values: &[Vec<f64>], share: f64, objectives: usize) -> Vec<bool> {
    let count = ((share * values.len() as f64).ceil() as usize).clamp(1, values.len());
    if objectives == 1 {
        let mut sorted: Vec<f64> = values.iter().map(|values| values[0]).collect();
        sorted.sort_by(|left, right| ascending(*left, *right));
        return values.iter().map(|values| values[0] <= sorted[count - 1]).collect();
    }
    let mut is_top = vec![false; values.len()];
    let slices: Vec<&[f64]> = values.iter().map(Vec::as_slice).collect();
    tpe::best(&slices, count, objectives).into_iter().for_each(|index| is_top[index] = true);
    is_top
}

/// The divergence of one parameter, over the trials at which it was active.
fn parameter(domain: Domain, index: usize, trials: &[&Observation], is_top: &[bool]) -> f64 {
    let mut all = Vec::new();
    let mut best = Vec::new();
    for (trial, top) in trials.iter().zip(is_top) {
        let Some(value) = trial.point[index] else { continue };
        all.push(value);
        if *top {
            best.push(value);
        }
    }
    if domain.is_single() || all.len() < 2 || best.is_empty() {
        return 0.0;
    }
    let tops = is_top.iter().filter(|top| **top).count() as f64;
    let (in_top, in_all) = (best.len() as f64 / tops, all.len() as f64 / trials.len() as f64);
    let grid = Grid::of(domain);
    let (best, all) = (grid.density(&best), grid.density(&all));
    let divergence: f64 = best.iter().zip(&all).map(|(best, all)| all * (best / all - 1.0).powi(2)).sum();
    in_top * in_top / in_all * divergence
}

/// Places at which a parameter's distribution is estimated.
struct Grid {
    places: usize,
    /// Lower end and distance of the places on the parameter's axis; `None` of a choice.
    scale: Option<(Axis, f64, f64)>,
}

impl Grid {
    fn of(domain: Domain) -> Self {
        let Some(axis) = Axis::of(domain) else {
            return Grid { places: domain.choices().unwrap_or(1), scale: None };
        };
        let (low, high, places) = match domain {
            Domain::Int { low, high, log: true, .. } => {
                let doublings = libm::log((high - low + 1) as f64) / libm::log(2.0);
                (Value::Int(low), Value::Int(high), doublings.ceil() as usize + 1)
            }
            Domain::Int { low, high, step, .. } => {
                let steps = (high - low) / step;
                (Value::Int(low), Value::Int(low + steps * step), (steps as usize).saturating_add(1))
            }
            Domain::Uniform { low, high } | Domain::LogUniform { low, high } => {
                (Value::Number(low), Value::Number(high), GRID)
            }
            Domain::Choice { .. } => (Value::Choice(0), Value::Choice(0), 1),
        };
        let places = places.min(GRID);
        let (low, high) = (axis.place(low), axis.place(high));
        Grid { places, scale: Some((axis, low, (high - low) / (places - 1) as f64)) }
    }

    /// Estimated probability of each place.
    fn density(&self, values: &[Value]) -> Vec<f64> {
        let mut counts = vec![0.0; self.places];
        for value in values {
            let place = match (self.scale, *value) {
                (Some((axis, low, distance)), value) => {
                    ((axis.place(value) - low) / distance - 0.5).ceil().max(0.0) as usize
                }
                (None, Value::Choice(choice)) => choice,
                (None, _) => 0,
            };
            counts[place.min(self.places - 1)] += 1.0;
        }
        let seen: Vec<(f64, f64)> = counts
            .iter()
            .enumerate()
            .filter(|(_, count)| **count > 0.0)
            .map(|(place, count)| (place as f64, *count))
            .collect();
        let total = values.len() as f64 + PRIOR;
        let probability = |place: usize| match self.scale {
            Some(_) => numbers(&seen, self.places, place as f64),
            None => choices(&seen, self.places, place as f64),
        };
        (0..self.places).map(|place| probability(place) / total + 1e-12).collect()
    }
}

/// Weighted kernels as wide as Scott's rule says.
fn numbers(seen: &[(f64, f64)], places: usize, place: f64) -> f64 {
    let (low, high) = (-0.5, places as f64 - 0.5);
    let width = scott(seen);
    let kernels = seen.iter().map(|(mean, weight)| (*mean, *weight, width));
    let prior = (0.5 * (places as f64 - 1.0), PRIOR, places as f64);
    let term = |(mean, weight, width): (f64, f64, f64)| {
        libm::log(weight) + Truncated { mean, width, low, high }.ln_mass(place - 0.5, place + 0.5)
    };
    libm::exp(ln_sum(&kernels.chain([prior]).map(term).collect::<Vec<f64>>()))
}

fn scott(seen: &[(f64, f64)]) -> f64 {
    let total: f64 = seen.iter().map(|(_, weight)| weight).sum();
    let mean = seen.iter().map(|(place, weight)| place * weight).sum::<f64>() / total;
    let squares: f64 = seen.iter().map(|(place, weight)| (place - mean).powi(2) * weight).sum();
    let deviation = (squares / (total - 1.0).max(1.0)).sqrt();
    let mut sum = 0.0;
    let cumulative: Vec<f64> = seen
        .iter()
        .map(|(_, weight)| {
            sum += weight;
            sum
        })
        .collect();
    let lower = cumulative.partition_point(|sum| *sum < (total / 4.0).floor());
    let upper = cumulative.partition_point(|sum| *sum <= (total * 3.0 / 4.0).floor()).min(seen.len() - 1);
    let quartiles = seen[upper].0 - seen[lower.min(seen.len() - 1)].0;
    // Narrower than a cell, it would see nothing but the cell: 0.5/1.64 puts 90 % into it.
    (1.059 * (quartiles / 1.34).min(deviation) * libm::pow(total, -0.2)).max(0.5 / 1.64)
}

fn choices(seen: &[(f64, f64)], count: usize, choice: f64) -> f64 {
    let floor = PRIOR / (seen.len() as f64 + 1.0);
    let kernel = |(place, weight): &(f64, f64)| {
        weight * (floor + if *place == choice { 1.0 } else { 0.0 }) / (floor * count as f64 + 1.0)
    };
    seen.iter().map(kernel).sum::<f64>() + PRIOR / count as f64
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;
    use crate::Condition;
    use crate::tests::{flat, reference};

    #[derive(Deserialize)]
    struct Case {
        domains: Vec<Domain>,
        trials: Vec<Observation>,
        importance: Vec<f64>,
    }

    #[test]
    fn importances_are_those_of_optuna() {
        for case in reference::<Vec<Case>>("importances") {
            let mut space = flat(&case.domains);
            space.parameters[6].only_if = Some(Condition { parameter: 5, choice: 1 });
            let found = ped_anova(&space, &case.trials, 0.1).unwrap();
            for (found, expected) in found.iter().zip(&case.importance) {
                assert!((found - expected).abs() < 1e-9, "{found} for {expected} of {}", case.trials.len());
            }
        }
    }

    #[test]
    fn trials_without_a_number_say_nothing() {
        let space = flat(&[Domain::Uniform { low: 0.0, high: 1.0 }]);
        let trial = |state| Observation { point: vec![Some(Value::Number(0.5))], state };
        let states = [State::Failed, State::Running, State::Finished { objectives: vec![f64::NAN] }];
        let history: Vec<Observation> = states.into_iter().map(trial).collect();
        assert_eq!(ped_anova(&space, &history, 0.1), Ok(vec![0.0]));
        assert!(ped_anova(&space, &history, 1.0).is_err());
    }
}
