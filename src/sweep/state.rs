//! What a journal says: the trials and their states, and the decision that follows from them.

use std::collections::BTreeMap;

use segspec_search::{
    Asha, CmaEs, Error, Observation, Point, Promotion, Rung, RungResult, Sampler, Space, State as Known, Tpe, Verdict,
    Wilcoxon,
};

use super::journal::Entry;
use crate::spec::search::{Budget, Method, Prune, Search};
use crate::spec::space::shortened;

/// State of a search.
#[derive(Clone, Debug, Default)]
pub struct State {
    /// In the order in which they were asked for.
    pub trials: Vec<Trial>,
    /// The rungs of successive halving.
    pub rungs: Vec<Rung>,
}

/// A trial.
#[derive(Clone, Debug)]
pub struct Trial {
    /// Its values.
    pub point: Point,
    /// How far it is.
    pub status: Status,
    /// Epochs to which its runs are to be trained next.
    pub target: u64,
    /// Objective per case of each of its finished runs, where pruning compares cases.
    pub repeats: BTreeMap<usize, BTreeMap<String, f64>>,
    /// Epochs that all its runs have been trained for, together.
    pub epochs: u64,
    /// Seconds of their training.
    pub seconds: f64,
    /// Why it failed or could not be run.
    pub reason: Option<String>,
}

impl Trial {
    fn end(&mut self, status: Status, reason: &str) {
        (self.status, self.reason) = (status, Some(reason.to_owned()));
    }
}

/// How far a trial is.
#[derive(Clone, Debug, PartialEq)]
pub enum Status {
    /// Its runs are being trained.
    Active,
    /// At a rung, with the objective there.
    Paused {
        /// Epochs of the rung.
        epochs: u64,
        /// Smaller is better.
        value: f64,
    },
    /// Finished, with the objectives.
    Finished(Vec<f64>),
    /// Ended early.
    Pruned {
        /// Finished runs.
        repeats: usize,
        /// Mean objective over them.
        value: f64,
    },
    /// A run failed, or no structure had a score.
    Failed,
    /// It could not be run.
    Rejected,
}

impl Status {
    /// For tables.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Active => "unfinished",
            Self::Paused { .. } => "paused",
            Self::Finished(_) => "finished",
            Self::Pruned { .. } => "ended early",
            Self::Failed => "failed",
            Self::Rejected => "not possible",
        }
    }
}

/// How a search decides.
#[derive(Clone, Debug, PartialEq)]
pub struct Rules {
    /// The parameters.
    pub space: Space,
    /// How points are chosen.
    pub sampler: Sampler,
    /// Seed of the draws.
    pub seed: u64,
    /// Successive halving.
    pub asha: Option<Asha>,
    /// The test on cases.
    pub wilcoxon: Option<Wilcoxon>,
    /// Epochs of a whole training.
    pub epochs: u64,
    /// Runs of each trial.
    pub repeats: usize,
}

impl Rules {
    /// The rules of a sweep.
    ///
    /// # Errors
    /// Settings that cannot be used, such as a first rung beyond the last epoch.
    pub fn new(search: &Search, space: &Space, epochs: u64, repeats: usize) -> Result<Self, Error> {
        let sampler = match search.method {
            // A grid is not searched; every method begins with random draws.
            Method::Grid | Method::Random => Sampler::Random,
            Method::Tpe => Sampler::Tpe(Tpe::default()),
            Method::Cmaes => Sampler::CmaEs(CmaEs::default()),
        };
        let (mut asha, mut wilcoxon) = (None, None);
        match search.prune {
            Some(Prune::Asha(rungs)) => {
                let rungs = Asha { min: rungs.min_epochs as u64, eta: rungs.factor as u64, max: epochs };
                rungs.check()?;
                asha = Some(rungs);
            }
            Some(Prune::Wilcoxon(test)) => {
                let test = Wilcoxon { p: test.p, min_cases: test.min_cases };
                test.check()?;
                wilcoxon = Some(test);
            }
            None => {}
        }
        space.check()?;
        Ok(Self { space: space.clone(), sampler, seed: search.search_seed, asha, wilcoxon, epochs, repeats })
    }

    /// Epochs of a trial's first part.
    fn first_target(&self) -> u64 {
        self.asha.map_or(self.epochs, |asha| asha.min)
    }
}

/// Why a trial is ended early: its cases are worse than the best trial's.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pruning {
    /// Finished runs.
    pub repeats: usize,
    /// Mean objective over their cases.
    pub value: f64,
    /// p-value of the test.
    pub p: Option<f64>,
}

/// What is to be done next.
#[derive(Clone, Debug, PartialEq)]
pub enum Decision {
    /// Begin a trial.
    Ask(Point),
    /// Let a paused trial go on.
    Promote(Promotion),
    /// Wait for what is running.
    Wait,
    /// The budget is spent and nothing is running.
    Over,
}

impl State {
    /// The state after some entries.
    ///
    /// # Errors
    /// An entry that does not follow from those before it.
    pub fn of(entries: &[Entry], rules: &Rules) -> Result<Self, String> {
        let mut state = Self::default();
        for (line, entry) in entries.iter().enumerate() {
            state.apply(entry, rules).map_err(|reason| format!("line {}: {reason}", line + 1))?;
        }
        Ok(state)
    }

    /// Takes an entry into account.
    ///
    /// # Errors
    /// It names a trial that was not asked for.
    pub fn apply(&mut self, entry: &Entry, rules: &Rules) -> Result<(), String> {
        match entry {
            Entry::Opened { .. } => {}
            Entry::Asked { point } => self.trials.push(Trial {
                point: point.clone(),
                status: Status::Active,
                target: rules.first_target(),
                repeats: BTreeMap::new(),
                epochs: 0,
                seconds: 0.0,
                reason: None,
            }),
            Entry::Rejected { trial, reason } => self.trial(*trial)?.end(Status::Rejected, reason),
            Entry::Failed { trial, reason } => self.trial(*trial)?.end(Status::Failed, reason),
            Entry::Rung { trial, rung, epochs, value, seconds } => {
                let own = self.trial(*trial)?;
                own.seconds += seconds;
                own.epochs = epochs * rules.repeats as u64;
                let Some(value) = *value else {
                    own.status = Status::Failed;
                    return Ok(());
                };
                own.status = Status::Paused { epochs: *epochs, value };
                self.rungs.resize(self.rungs.len().max(rung + 1), Rung::default());
                self.rungs[*rung].results.push(RungResult { trial: *trial, value, promoted: false });
            }
            Entry::Promoted { trial, from, epochs } => {
                let own = self.trial(*trial)?;
                (own.status, own.target) = (Status::Active, *epochs);
                let rung = self.rungs.get_mut(*from).ok_or("no such rung")?;
                rung.results.iter_mut().filter(|result| result.trial == *trial).for_each(|it| it.promoted = true);
            }
            Entry::Repeat { trial, repeat, cases } => {
                self.trial(*trial)?.repeats.insert(*repeat, cases.iter().cloned().collect());
            }
            Entry::Pruned { trial, repeats, value, .. } => {
                self.trial(*trial)?.status = Status::Pruned { repeats: *repeats, value: *value };
            }
            Entry::Finished { trial, objectives, epochs, seconds } => {
                let own = self.trial(*trial)?;
                own.seconds += seconds;
                own.epochs = *epochs;
                let all: Option<Vec<f64>> = objectives.iter().copied().collect();
                own.status = all.map_or(Status::Failed, Status::Finished);
            }
        }
        Ok(())
    }

    fn trial(&mut self, trial: usize) -> Result<&mut Trial, String> {
        let count = self.trials.len();
        self.trials.get_mut(trial).ok_or_else(|| format!("trial {trial} of {count}"))
    }

    /// The trials as a sampler sees them.
    pub fn history(&self) -> Vec<Observation> {
        let known = |trial: &Trial| match &trial.status {
            Status::Active => Known::Running,
            Status::Paused { epochs, value } => Known::Pruned { step: *epochs, value: *value },
            Status::Pruned { repeats, value } => Known::Pruned { step: *repeats as u64, value: *value },
            Status::Finished(objectives) => Known::Finished { objectives: objectives.clone() },
            Status::Failed | Status::Rejected => Known::Failed,
        };
        self.trials.iter().map(|trial| Observation { point: trial.point.clone(), state: known(trial) }).collect()
    }

    /// What follows from the state: a function of the entries, the rules and the budget alone.
    ///
    /// # Errors
    /// The rules cannot be used for this history.
    pub fn decide(&self, rules: &Rules, budget: &Budget, trials: Option<usize>) -> Result<Decision, Error> {
        if let Some(promotion) = rules.asha.and_then(|asha| asha.next_promotion(&self.rungs))
            && !self.is_spent(budget)
        {
            return Ok(Decision::Promote(promotion));
        }
        let begun = self.trials.iter().filter(|trial| trial.status != Status::Rejected).count();
        if !self.is_spent(budget) && trials.is_none_or(|most| begun < most) {
            return Ok(Decision::Ask(rules.sampler.next(&rules.space, &self.history(), rules.seed)?));
        }
        let is_active = self.trials.iter().any(|trial| trial.status == Status::Active);
        Ok(if is_active { Decision::Wait } else { Decision::Over })
    }

    /// Whether the epochs or hours of the budget are used up.
    fn is_spent(&self, budget: &Budget) -> bool {
        let epochs: u64 = self.trials.iter().map(|trial| trial.epochs).sum();
        let seconds: f64 = self.trials.iter().map(|trial| trial.seconds).sum();
        budget.epochs.is_some_and(|most| epochs >= most as u64)
            || budget.hours.is_some_and(|most| seconds >= most * 3600.0)
    }

    /// The best finished trial by the first objective; the earliest of equal ones.
    pub fn best(&self) -> Option<usize> {
        let value = |trial: &Trial| match &trial.status {
            Status::Finished(objectives) => objectives.first().copied().filter(|value| value.is_finite()),
            _ => None,
        };
        let all = self.trials.iter().enumerate().filter_map(|(index, trial)| Some((index, value(trial)?)));
        all.reduce(|best, other| if other.1 < best.1 { other } else { best }).map(|(index, _)| index)
    }

    /// Whether a trial is to be ended because its finished runs are worse than the same cases of the best trial.
    pub fn pruning(&self, trial: usize, rules: &Rules) -> Option<Pruning> {
        let (test, best) = (rules.wilcoxon?, self.best().filter(|best| *best != trial)?);
        let own = &self.trials.get(trial)?.repeats;
        let pooled = |of: &BTreeMap<usize, BTreeMap<String, f64>>| -> BTreeMap<(usize, String), f64> {
            let repeats = of.iter().filter(|(repeat, _)| own.contains_key(repeat));
            repeats
                .flat_map(|(repeat, cases)| cases.iter().map(|(case, value)| ((*repeat, case.clone()), *value)))
                .collect()
        };
        let comparison = test.decide(&pooled(own), &pooled(&self.trials[best].repeats));
        let all: Vec<f64> = own.values().flat_map(|cases| cases.values().copied()).collect();
        let value = all.iter().sum::<f64>() / all.len() as f64;
        (comparison.verdict == Verdict::Stop).then_some(Pruning { repeats: own.len(), value, p: comparison.p })
    }
}

/// Recomputes every decision of a journal from the lines before it; the number of decisions, or the first that differs.
///
/// # Errors
/// The line with the decision that differs, and both.
pub fn replay(entries: &[Entry], rules: &Rules) -> Result<usize, String> {
    let (mut state, mut decisions) = (State::default(), 0);
    for (line, entry) in entries.iter().enumerate() {
        let place = |reason: String| format!("line {}: {reason}", line + 1);
        // The budget only says when to end.
        let again = || state.decide(rules, &Budget::default(), None).map_err(|error| place(error.to_string()));
        let same = match entry {
            Entry::Asked { point } => match again()? {
                Decision::Ask(own) => shortened(&rules.space, own) == *point,
                _ => false,
            },
            Entry::Promoted { trial, from, epochs } => {
                again()? == Decision::Promote(Promotion { trial: *trial, from: *from, epochs: *epochs })
            }
            Entry::Pruned { trial, repeats, value, p } => {
                state.pruning(*trial, rules) == Some(Pruning { repeats: *repeats, value: *value, p: *p })
            }
            _ => {
                state.apply(entry, rules).map_err(place)?;
                continue;
            }
        };
        if !same {
            return Err(place(format!("the journal has {entry:?}, which does not follow from the lines before it")));
        }
        decisions += 1;
        state.apply(entry, rules).map_err(place)?;
    }
    Ok(decisions)
}
