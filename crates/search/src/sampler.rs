//! Which point to try next.

use rand::Rng;
use segspec_base::random::stream;
use serde::{Deserialize, Serialize};

use crate::space::Axis;
use crate::{CmaEs, Domain, Error, Observation, Point, Space, Tpe, Value, history};

/// How the next point is chosen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sampler {
    /// Independent uniform draws.
    Random,
    /// Tree-structured Parzen estimator: the choice where nothing is known of the space.
    Tpe(Tpe),
    /// Covariance matrix adaptation: for at least some hundred trials of numbers that interact, and one objective.
    CmaEs(CmaEs),
}

impl Sampler {
    /// The point of trial number `history.len()`: always inside the space, inactive parameters `None`, and a function of the
    /// arguments alone.
    ///
    /// Where trials run at the same time, the history holds those still running. The point depends on which trials had
    /// ended when it was asked for; to recompute it later, pass the history as it was then.
    ///
    /// # Errors
    ///
    /// A space, setting or history that [`Error`] describes; [`Sampler::CmaEs`] with two objectives.
    pub fn next(&self, space: &Space, history: &[Observation], seed: u64) -> Result<Point, Error> {
        space.check()?;
        let objectives = history::check(space, history)?;
        match self {
            Sampler::Random => {
                let mut point = vec![None; space.parameters.len()];
                fill_at_random(space, history.len(), seed, &mut point);
                Ok(point)
            }
            Sampler::Tpe(tpe) => tpe.next(space, history, objectives, seed),
            Sampler::CmaEs(_) if objectives != 1 => {
                Err(Error::Setting("CMA-ES takes one objective; TPE takes two".to_string()))
            }
            Sampler::CmaEs(cmaes) => cmaes.next(space, history, seed),
        }
    }
}

/// Uniform draws of the active parameters that have no value yet; each parameter has a stream of its own.
pub(crate) fn fill_at_random(space: &Space, trial: usize, seed: u64, point: &mut Point) {
    for index in 0..point.len() {
        if point[index].is_none() && space.is_active(index, point) {
            point[index] = Some(random_value(space.parameters[index].domain, index, trial, seed));
        }
    }
}

/// A uniform draw of one parameter.
pub(crate) fn random_value(domain: Domain, index: usize, trial: usize, seed: u64) -> Value {
    let mut random = stream(seed, "search: uniform", trial as u64, index as u64);
    match Axis::of(domain) {
        Some(axis) => axis.value(axis.low + random.random::<f64>() * (axis.high - axis.low)),
        None => Value::Choice(random.random_range(0..domain.choices().unwrap_or(1))),
    }
}
