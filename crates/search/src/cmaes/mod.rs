//! Covariance matrix adaptation over the numbers that are always active.

mod distribution;
#[cfg(test)]
mod tests;

use nalgebra::DVector;
use rand::Rng;
use segspec_base::random::stream;
use serde::{Deserialize, Serialize};

use crate::history::ascending;
use crate::space::Axis;
use crate::{Error, Observation, Point, Space, State, Tpe};
use distribution::{Distribution, Told};

/// Settings of CMA-ES.
///
/// It adapts a normal distribution over the numbers that are active at every point, on axes scaled to 0 … 1, first at the centre with
/// a standard deviation of 1/6 (as Optuna). Choices and conditional parameters, which it cannot represent, are chosen by [`Tpe`].
///
/// Trials belong to generations by their number. A generation is learnt from once all its trials have ended or, where trials run at
/// the same time, once all of the next have been asked for and half of it has ended; until then further trials are drawn from what is
/// known. Points that the present distribution would hardly have drawn (older, rounded or chosen by hand) count with a limited
/// length (Hansen, "Injecting external solutions into CMA-ES", arXiv 1110.4181). Pruned trials rank behind finished ones and failed ones
/// last. Integers keep a spread of a fifth of a step (Hansen, INRIA RR-7751). Where nothing moves any more, the search starts again
/// elsewhere with twice the population (IPOP).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct CmaEs {
    /// Trials of a generation; 4 + ⌊3 ln n⌋ of n numbers if not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub population: Option<usize>,
}

/// The numbers that are adapted.
struct Numbers {
    indices: Vec<usize>,
    axes: Vec<Axis>,
}

impl CmaEs {
    pub(crate) fn next(&self, space: &Space, history: &[Observation], seed: u64) -> Result<Point, Error> {
        if self.population.is_some_and(|population| population < 4) {
            return Err(Error::Setting("CMA-ES: `population` must be at least 4".into()));
        }
        let numbers = Numbers::of(space);
        let mut point: Point = vec![None; space.parameters.len()];
        if !numbers.indices.is_empty() {
            let distribution = self.learn(&numbers, history, seed);
            let mut random = stream(seed, "search: cma-es", history.len() as u64, 0);
            let spread = numbers.spread(&distribution.mean);
            let place = distribution.sample(&spread, &mut random);
            for ((index, axis), place) in numbers.indices.iter().zip(&numbers.axes).zip(place.iter()) {
                point[*index] = Some(axis.value(axis.low + place * (axis.high - axis.low)));
            }
        }
        Tpe::default().fill(space, history, 1, seed, &mut point);
        Ok(point)
    }

    /// The distribution from which the next trial is drawn.
    fn learn(&self, numbers: &Numbers, history: &[Observation], seed: u64) -> Distribution {
        let dimensions = numbers.indices.len();
        let mut population = self.population.unwrap_or(4 + (3.0 * libm::log(dimensions as f64)).floor() as usize);
        let mut distribution = Distribution::new(DVector::from_element(dimensions, 0.5), population);
        let mut restarts = 0;
        let mut start = 0;
        while let Some(batch) = history.get(start..start + population) {
            let ended = batch.iter().filter(|trial| trial.state != State::Running).count();
            let is_overdue = history.len() >= start + 2 * population && 2 * ended >= population;
            if ended < population && !is_overdue {
                break;
            }
            distribution.learn(&numbers.told(batch));
            start += population;
            if distribution.is_done(&numbers.spread(&distribution.mean)) {
                restarts += 1;
                population *= 2;
                let mut random = stream(seed, "search: cma-es restart", restarts, 0);
                let mean = DVector::from_fn(dimensions, |_, _| random.random::<f64>());
                distribution = Distribution::new(mean, population);
            }
        }
        distribution
    }
}

impl Numbers {
    fn of(space: &Space) -> Self {
        let (mut indices, mut axes) = (Vec::new(), Vec::new());
        for (index, parameter) in space.parameters.iter().enumerate() {
            let Some(axis) = Axis::of(parameter.domain) else { continue };
            if parameter.only_if.is_none() && !parameter.domain.is_single() {
                indices.push(index);
                axes.push(axis);
            }
        }
        Numbers { indices, axes }
    }

    /// The ended trials of a generation, best first.
    fn told(&self, batch: &[Observation]) -> Told {
        // Finished before pruned, pruned by how far they got, failed last.
        let key = |trial: &Observation| match &trial.state {
            State::Finished { objectives } => Some((0, 0, objectives[0])),
            State::Pruned { step, value } => Some((1, u64::MAX - step, *value)),
            State::Failed => Some((2, 0, 0.0)),
            State::Running => None,
        };
        let mut ended: Vec<((u8, u64, f64), &Observation)> =
            batch.iter().filter_map(|trial| Some((key(trial)?, trial))).collect();
        ended.sort_by(|(left, _), (right, _)| {
            (left.0, left.1).cmp(&(right.0, right.1)).then(ascending(left.2, right.2))
        });
        let values: Vec<f64> = ended.iter().filter(|(key, _)| key.0 == 0).map(|(key, _)| key.2).collect();
        Told {
            places: ended.iter().map(|(_, trial)| self.place(trial)).collect(),
            succeeded: ended.iter().filter(|(key, _)| key.0 < 2).count(),
            range: values.first().copied().zip(values.last().copied()),
        }
    }

    /// Where a trial's numbers lie on axes from 0 to 1.
    fn place(&self, trial: &Observation) -> DVector<f64> {
        let place = |(index, axis): (&usize, &Axis)| match trial.point[*index] {
            Some(value) => (axis.place(value) - axis.low) / (axis.high - axis.low),
            None => 0.5,
        };
        DVector::from_iterator(self.indices.len(), self.indices.iter().zip(&self.axes).map(place))
    }

    /// The least standard deviation of each number: a fifth of a step of an integer, else 0.
    fn spread(&self, mean: &DVector<f64>) -> DVector<f64> {
        let spread = |(axis, place): (&Axis, &f64)| {
            let width = axis.high - axis.low;
            let (left, right) = axis.cell(axis.value(axis.low + place * width));
            0.2 * (right - left) / width
        };
        DVector::from_iterator(self.axes.len(), self.axes.iter().zip(mean.iter()).map(spread))
    }
}
