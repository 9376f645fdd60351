//! A density over several parameters: a mixture with one component per trial and a wide one as prior; within a component the
//! parameters are independent.

use rand::Rng;

use crate::normal::{Truncated, ln_sum};
use crate::space::Axis;
use crate::{Domain, Value};

/// Trials whose weight does not fall with age.
const RECENT: usize = 25;

/// The mixture.
pub struct Parzen {
    weights: Vec<f64>,
    ln_weights: Vec<f64>,
    factors: Vec<Factor>,
}

/// One parameter: its distribution in every component.
enum Factor {
    Number { axis: Axis, components: Vec<Truncated> },
    Choice { probabilities: Vec<Vec<f64>> },
}

impl Parzen {
    /// From the values of trials, oldest first; the last component is the prior. `ages`: whether old trials count less.
    pub fn new(domains: &[Domain], rows: &[Vec<Value>], prior: f64, ages: bool) -> Self {
        let mut weights = if ages { weights_by_age(rows.len()) } else { vec![1.0; rows.len()] };
        weights.push(if rows.is_empty() { 1.0 } else { prior });
        let total: f64 = weights.iter().sum();
        weights.iter_mut().for_each(|weight| *weight /= total);
        let factor = |(column, domain): (usize, &Domain)| {
            let values = rows.iter().map(|row| row[column]);
            match Axis::of(*domain) {
                Some(axis) => {
                    let places: Vec<f64> = values.map(|value| axis.place(value)).collect();
                    Factor::Number { axis, components: numbers(axis, &places) }
                }
                None => Factor::Choice { probabilities: choices(domain.choices().unwrap_or(1), values, prior) },
            }
        };
        let factors = domains.iter().enumerate().map(factor).collect();
        let ln_weights = weights.iter().map(|weight| libm::log(*weight)).collect();
        Parzen { weights, ln_weights, factors }
    }

    /// A value per parameter.
    pub fn sample(&self, random: &mut impl Rng) -> Vec<Value> {
        let component = pick(&self.weights, random);
        let draw = |factor: &Factor| match factor {
            Factor::Number { axis, components } => axis.value(components[component].sample(random)),
            Factor::Choice { probabilities } => Value::Choice(pick(&probabilities[component], random)),
        };
        self.factors.iter().map(draw).collect()
    }

    /// Logarithm of the density (of numbers; the probability of integers and choices) at values.
    pub fn ln_density(&self, values: &[Value]) -> f64 {
        let mut terms = self.ln_weights.clone();
        for (factor, value) in self.factors.iter().zip(values) {
            match factor {
                Factor::Number { axis, components } if axis.is_discrete() => {
                    let (left, right) = axis.cell(*value);
                    for (term, component) in terms.iter_mut().zip(components) {
                        *term += component.ln_mass(left, right);
                    }
                }
                Factor::Number { axis, components } => {
                    let place = axis.place(*value);
                    for (term, component) in terms.iter_mut().zip(components) {
                        *term += component.ln_density(place);
                    }
                }
                Factor::Choice { probabilities } => {
                    let Value::Choice(choice) = *value else { continue };
                    for (term, probabilities) in terms.iter_mut().zip(probabilities) {
                        *term += libm::log(probabilities[choice]);
                    }
                }
            }
        }
        ln_sum(&terms)
    }
}

/// 1 for the latest 25; before them rising linearly with the number of the trial.
fn weights_by_age(count: usize) -> Vec<f64> {
    let old = count.saturating_sub(RECENT);
    let first = 1.0 / count.max(1) as f64;
    let rising = |index: usize| if old == 1 { first } else { first + (1.0 - first) * index as f64 / (old - 1) as f64 };
    (0..old).map(rising).chain((old..count).map(|_| 1.0)).collect()
}

/// The components of a number: at each trial a normal distribution as wide as the larger gap to its neighbours, within limits;
/// the prior in the middle, as wide as the axis. At the two outermost trials only the inner gap counts (Optuna's
/// `consider_endpoints = False`).
fn numbers(axis: Axis, places: &[f64]) -> Vec<Truncated> {
    let (low, high, count) = (axis.low, axis.high, places.len());
    let mut order: Vec<usize> = (0..count).collect();
    order.sort_by(|left, right| places[*left].total_cmp(&places[*right]));
    let narrowest = (high - low) / (count as f64 + 2.0).min(100.0);
    let mut components = vec![Truncated { mean: 0.5 * (low + high), width: high - low, low, high }; count + 1];
    for (rank, index) in order.iter().enumerate() {
        let place = places[*index];
        let below = rank.checked_sub(1).map_or(place - low, |rank| place - places[order[rank]]);
        let above = order.get(rank + 1).map_or(high - place, |next| places[*next] - place);
        let gap = match rank {
            0 if count > 1 => above,
            _ if count > 1 && rank == count - 1 => below,
            _ => below.max(above),
        };
        components[*index] = Truncated { mean: place, width: gap.clamp(narrowest, high - low), low, high };
    }
    components
}

/// The probabilities of the choices in each component: mostly the trial's own, the more so the more trials there are.
fn choices(count: usize, values: impl Iterator<Item = Value>, prior: f64) -> Vec<Vec<f64>> {
    let taken: Vec<Value> = values.collect();
    let floor = prior / (taken.len() as f64 + 1.0);
    let component = |value: Option<&Value>| {
        let mut probabilities = vec![floor; count];
        if let Some(Value::Choice(choice)) = value {
            probabilities[*choice] += 1.0;
        }
        let total: f64 = probabilities.iter().sum();
        probabilities.iter_mut().for_each(|probability| *probability /= total);
        probabilities
    };
    taken.iter().map(Some).chain([None]).map(component).collect()
}

/// An index drawn with the given probabilities.
fn pick(probabilities: &[f64], random: &mut impl Rng) -> usize {
    let mut left: f64 = random.random();
    for (index, probability) in probabilities.iter().enumerate() {
        left -= probability;
        if left < 0.0 {
            return index;
        }
    }
    probabilities.len() - 1
}
