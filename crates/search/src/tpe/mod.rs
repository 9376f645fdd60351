//! The tree-structured Parzen estimator: one density of the good trials, one of the others; the next point is the draw from the
//! first that is likeliest under it relative to the second.

mod parzen;
mod split;
#[cfg(test)]
mod tests;

use segspec_base::random::stream;
use serde::{Deserialize, Serialize};

use crate::sampler::{fill_at_random, random_value};
use crate::{Error, Observation, Point, Space, State, Value};
use parzen::Parzen;
use split::Split;
pub(crate) use split::best;

/// Settings of the tree-structured Parzen estimator; the defaults are those of Optuna 5.0.
///
/// Parameters that are always active together are drawn jointly (Optuna's `multivariate` and `group`); with two objectives each on
/// its own, as there. Running trials count as bad ones, so that parallel trials spread (constant liar). Pruned trials rank behind
/// finished ones, by how far they got. Failed trials count as bad ones, which Optuna ignores: whoever asks for what does not fit in
/// memory would be asked for it again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Tpe {
    /// Trials that must have ended before the first is chosen by the estimator; until then the draws are uniform.
    pub startup: usize,
    /// Draws of which the best is taken.
    pub candidates: usize,
    /// Fraction of the ended trials that are the good ones.
    pub good: f64,
    /// Most trials that are good ones, with one objective.
    pub most_good: usize,
    /// Weight of the uniform prior beside the trials, each of which has at most weight 1.
    pub prior: f64,
}

impl Default for Tpe {
    fn default() -> Self {
        Tpe { startup: 10, candidates: 24, good: 0.1, most_good: 25, prior: 1.0 }
    }
}

impl Tpe {
    fn check(&self) -> Result<(), Error> {
        let fail = |reason: &str| Err(Error::Setting(format!("TPE: {reason}")));
        if self.candidates == 0 {
            return fail("`candidates` must be at least 1");
        }
        if !(self.good > 0.0 && self.good < 1.0) {
            return fail("`good` must lie between 0 and 1");
        }
        if !(self.prior.is_finite() && self.prior > 0.0) {
            return fail("`prior` must be above 0");
        }
        Ok(())
    }

    pub(crate) fn next(
        &self,
        space: &Space,
        history: &[Observation],
        objectives: usize,
        seed: u64,
    ) -> Result<Point, Error> {
        self.check()?;
        let mut point: Point = vec![None; space.parameters.len()];
        self.fill(space, history, objectives, seed, &mut point);
        Ok(point)
    }

    /// Chooses the active parameters that have no value yet.
    pub(crate) fn fill(&self, space: &Space, history: &[Observation], objectives: usize, seed: u64, point: &mut Point) {
        let has_ended = |trial: &&Observation| matches!(trial.state, State::Finished { .. } | State::Pruned { .. });
        let ended = history.iter().filter(has_ended).count();
        if ended < self.startup.max(1) {
            return fill_at_random(space, history.len(), seed, point);
        }
        let split = self.split(history, ended, objectives);
        for group in space.groups() {
            if !space.is_active(group[0], point) {
                continue;
            }
            let open = group.into_iter().filter(|index| point[*index].is_none());
            let (single, several): (Vec<usize>, Vec<usize>) =
                open.partition(|index| space.parameters[*index].domain.is_single());
            for index in single {
                point[index] = Some(random_value(space.parameters[index].domain, index, history.len(), seed));
            }
            let together = if objectives == 1 { several.len().max(1) } else { 1 };
            for joint in several.chunks(together) {
                self.draw(space, history, &split, joint, seed, point);
            }
        }
    }

    /// Fills in values of parameters that are active, by the estimators built from earlier trials at which they were.
    fn draw(
        &self,
        space: &Space,
        history: &[Observation],
        split: &Split,
        joint: &[usize],
        seed: u64,
        point: &mut Point,
    ) {
        let Some(&first) = joint.first() else { return };
        let rows = |trials: &[usize]| -> Vec<Vec<Value>> {
            let values = |trial: &usize| joint.iter().map(|index| history[*trial].point[*index]).collect();
            trials.iter().filter_map(values).collect()
        };
        let domains: Vec<_> = joint.iter().map(|index| space.parameters[*index].domain).collect();
        let good = Parzen::new(&domains, &rows(&split.good), self.prior, split.ages_of_good);
        let rest = Parzen::new(&domains, &rows(&split.rest), self.prior, true);
        let mut random = stream(seed, "search: tpe", history.len() as u64, first as u64);
        let mut chosen: Option<(f64, Vec<Value>)> = None;
        for _ in 0..self.candidates {
            let values = good.sample(&mut random);
            let gain = good.ln_density(&values) - rest.ln_density(&values);
            if chosen.as_ref().is_none_or(|(best, _)| gain > *best) {
                chosen = Some((gain, values));
            }
        }
        for (index, value) in joint.iter().zip(chosen.into_iter().flat_map(|(_, values)| values)) {
            point[*index] = Some(value);
        }
    }

    /// The good trials and the rest.
    fn split(&self, history: &[Observation], ended: usize, objectives: usize) -> Split {
        let share = (self.good * ended as f64).ceil() as usize;
        let count = if objectives == 1 { share.min(self.most_good) } else { share };
        Split::new(history, count, objectives)
    }
}
