//! Leads a search: plans the trials that the journal asks for, hands their runs to the pool, and writes what came of them into the
//! journal. It keeps nothing that the journal and the run folders do not hold, so that any process can take over.

use super::journal::{Entry, Journal};
use super::objective::{cases, effort, value};
use super::pool::More;
use super::queue::Queue;
use super::repeats::{Progress, Repeat, Repeats, progress};
use super::state::{Decision, Rules, State, Status, Trial};
use super::told::told;
use crate::observe::{Events, FailureClass, Kind};
use crate::report::search::Search;
use crate::run::{Planner, RunError};
use crate::spec::search::Objective;
use crate::spec::space::shortened;
use crate::spec::{Loaded, Sought};
use crate::store::Stored;

/// Trials in a row that may be impossible before the search is given up.
const IMPOSSIBLE: usize = 100;

/// What a search is led by.
pub struct Controller<'a> {
    loaded: &'a Loaded,
    sought: &'a Sought,
    rules: Rules,
    objectives: Vec<Objective>,
    journal: Journal,
    repeats: Repeats<'a>,
    events: Events,
    /// A run failed for a reason that is not its trial's: no further trial begins here.
    halted: bool,
}

/// What a look at the search led to.
#[derive(Debug, PartialEq)]
enum Step {
    /// There are new tasks.
    Added,
    /// The journal has new lines: look again.
    Written,
    /// Nothing to do now.
    Waiting,
}

impl<'a> Controller<'a> {
    /// Leads the search of `loaded` by a journal, which is begun if it is new.
    ///
    /// # Errors
    /// The journal is damaged or cannot be written, or the trials cannot be judged.
    pub fn new(
        planner: &'a Planner<'a>,
        (loaded, sought): (&'a Loaded, &'a Sought),
        (rules, journal): (Rules, Journal),
        events: Events,
    ) -> Result<Self, RunError> {
        let objectives = sought.settings.objectives();
        let repeats = Repeats::new(planner, loaded, sought);
        let mut new = Self { loaded, sought, rules, objectives, journal, repeats, events, halted: false };
        new.open()?;
        Ok(new)
    }

    fn open(&mut self) -> Result<(), RunError> {
        let opened = Entry::Opened {
            experiment: self.loaded.experiment.name.clone().unwrap_or_default(),
            search: Box::new(self.sought.settings.clone()),
            space: self.rules.space.clone(),
            seeds: self.sought.seeds.clone(),
            folds: self.loaded.folds.clone(),
            epochs: self.rules.epochs,
        };
        self.journal.append(|entries| Ok(if entries.is_empty() { vec![opened] } else { Vec::new() }))?;
        Ok(())
    }

    /// The state that the journal tells.
    ///
    /// # Errors
    /// Its lines contradict each other.
    pub fn state(&self) -> Result<State, RunError> {
        State::of(self.journal.entries(), &self.rules).map_err(|reason| self.journal.contradiction(reason).into())
    }

    /// Adds tasks: those of the trials in progress, else of a new one.
    ///
    /// # Errors
    /// The journal is damaged, a run cannot be read, or no trial is possible.
    pub fn refill(&mut self, queue: &mut Queue) -> Result<More, RunError> {
        loop {
            self.journal.read_new()?;
            let state = self.state()?;
            if self.restore(&state, queue)? {
                return Ok(More::Added);
            }
            match self.look(&state, queue)? {
                Step::Added => return Ok(More::Added),
                Step::Written => continue,
                Step::Waiting if self.halted => return Ok(More::Over),
                Step::Waiting => {}
            }
            match self.decide()? {
                Decision::Wait => return Ok(More::Later),
                Decision::Over => return Ok(More::Over),
                Decision::Ask(_) | Decision::Promote(_) => {}
            }
        }
    }

    /// The runs of the finished trials, each once, in the order of the trials.
    ///
    /// # Errors
    /// A trial cannot be planned.
    pub fn finished(&mut self) -> Result<Vec<Stored>, RunError> {
        self.runs(|status| matches!(status, Status::Finished(_)))
    }

    /// The runs of the finished trials, and the search as reports tell it.
    ///
    /// # Errors
    /// A trial cannot be planned.
    pub fn report(&mut self) -> Result<(Vec<Stored>, Option<Search>), RunError> {
        let runs = self.finished()?;
        Ok((runs, Some(told(self.sought, &self.rules, &self.state()?))))
    }

    /// The runs of all trials.
    ///
    /// # Errors
    /// A trial cannot be planned.
    pub fn all_runs(&mut self) -> Result<Vec<Stored>, RunError> {
        self.runs(|status| *status != Status::Rejected)
    }

    fn runs(&mut self, counts: impl Fn(&Status) -> bool) -> Result<Vec<Stored>, RunError> {
        let state = self.state()?;
        let mut runs: Vec<Stored> = Vec::new();
        for (number, trial) in state.trials.iter().enumerate().filter(|(_, trial)| counts(&trial.status)) {
            let Ok(repeats) = self.repeats.of(number, trial)? else { continue };
            for run in repeats.into_iter().flat_map(|repeat| repeat.first.into_iter().chain([repeat.main])) {
                if runs.iter().all(|known| known.ids != run.ids) {
                    runs.push(run);
                }
            }
        }
        Ok(runs)
    }

    /// Adds tasks for the runs of finished trials: those that were deleted or damaged since are done again, the others are skipped.
    fn restore(&mut self, state: &State, queue: &mut Queue) -> Result<bool, RunError> {
        let mut added = false;
        for (number, trial) in state.trials.iter().enumerate() {
            if !matches!(trial.status, Status::Finished(_)) {
                continue;
            }
            let Ok(repeats) = self.repeats.of(number, trial)? else { continue };
            for run in repeats.iter().flat_map(|repeat| repeat.first.iter().chain([&repeat.main])) {
                added |= queue.find(&run.ids).is_none() && matches!(progress(run, None, queue), Progress::Added);
            }
        }
        Ok(added)
    }

    /// Looks at every trial in progress.
    fn look(&mut self, state: &State, queue: &mut Queue) -> Result<Step, RunError> {
        for (number, trial) in state.trials.iter().enumerate().filter(|(_, trial)| trial.status == Status::Active) {
            let step = match self.repeats.of(number, trial)? {
                Ok(repeats) => self.advance(number, trial, &repeats, queue)?,
                Err(reason) => self.write(number, trial, |_| Entry::Rejected { trial: number, reason })?,
            };
            if step != Step::Waiting {
                return Ok(step);
            }
        }
        Ok(Step::Waiting)
    }

    /// Adds what a trial still needs to its next goal; writes down what it reached.
    fn advance(
        &mut self,
        number: usize,
        trial: &Trial,
        repeats: &[Repeat],
        queue: &mut Queue,
    ) -> Result<Step, RunError> {
        let goal = self.rules.asha.filter(|asha| trial.target < asha.max).map(|_| trial.target as usize);
        // Where trials are compared after each run, the next one begins when the last one is compared.
        let wanted = if self.rules.wilcoxon.is_some() { trial.repeats.len() + 1 } else { repeats.len() };
        let (mut running, mut all_finished, mut added) = (false, true, false);
        for repeat in repeats.iter().take(wanted) {
            let stages = repeat.first.iter().map(|first| (first, None)).chain([(&repeat.main, goal)]);
            for (run, goal) in stages {
                match progress(run, goal, queue) {
                    Progress::Added => added = true,
                    Progress::Running => running = true,
                    Progress::Reached(is_finished) => all_finished &= is_finished,
                    Progress::Failed(FailureClass::Trial, reason) => {
                        return self.write(number, trial, |_| Entry::Failed { trial: number, reason });
                    }
                    Progress::Failed(..) | Progress::Stopped => self.halted = true,
                }
            }
        }
        if added {
            return Ok(Step::Added);
        }
        if running || self.halted {
            return Ok(Step::Waiting);
        }
        match goal.filter(|_| !all_finished) {
            Some(epochs) => self.reached_rung(number, trial, repeats, epochs as u64),
            None if wanted < repeats.len() || self.rules.wilcoxon.is_some() => self.compared(number, trial, repeats),
            None => self.finish(number, trial, repeats),
        }
    }

    fn reached_rung(
        &mut self,
        number: usize,
        trial: &Trial,
        repeats: &[Repeat],
        epochs: u64,
    ) -> Result<Step, RunError> {
        let runs: Vec<&Stored> = repeats.iter().map(|repeat| &repeat.main).collect();
        let value = self.objectives.first().map(|first| value(first, &runs, Some(epochs))).transpose()?.flatten();
        let seconds = spent(&runs)?.1 - trial.seconds;
        let rungs = self.rules.asha.map(|asha| asha.rungs()).unwrap_or_default();
        let rung = rungs.iter().position(|rung| *rung == epochs).unwrap_or(0);
        self.write(number, trial, |_| Entry::Rung { trial: number, rung, epochs, value, seconds })
    }

    /// A trial's next run is finished: it is compared with the best trial, and ended if it is worse.
    fn compared(&mut self, number: usize, trial: &Trial, repeats: &[Repeat]) -> Result<Step, RunError> {
        let repeat = trial.repeats.len();
        if repeat == repeats.len() {
            return self.finish(number, trial, repeats);
        }
        let Some(objective) = self.objectives.first() else { return Ok(Step::Waiting) };
        let cases = cases(objective, &repeats[repeat].main)?.into_iter().collect();
        self.write(number, trial, |_| Entry::Repeat { trial: number, repeat, cases })?;
        if repeat + 1 == repeats.len() {
            return Ok(Step::Written);
        }
        let rules = self.rules.clone();
        self.journal.append(|entries| {
            let state = State::of(entries, &rules)?;
            let is_active = state.trials.get(number).is_some_and(|trial| trial.status == Status::Active);
            let pruning = state.pruning(number, &rules).filter(|_| is_active);
            let entry =
                pruning.map(|it| Entry::Pruned { trial: number, repeats: it.repeats, value: it.value, p: it.p });
            Ok(entry.into_iter().collect())
        })?;
        Ok(Step::Written)
    }

    fn finish(&mut self, number: usize, trial: &Trial, repeats: &[Repeat]) -> Result<Step, RunError> {
        let runs: Vec<&Stored> = repeats.iter().map(|repeat| &repeat.main).collect();
        let values = self.objectives.iter().map(|objective| value(objective, &runs, None));
        let objectives: Vec<Option<f64>> = values.collect::<Result<_, _>>()?;
        let (epochs, seconds) = spent(&runs)?;
        let seconds = seconds - trial.seconds;
        self.write(number, trial, |_| Entry::Finished { trial: number, objectives, epochs, seconds })
    }

    /// Writes an entry, unless another process was faster.
    fn write(&mut self, number: usize, trial: &Trial, entry: impl FnOnce(&State) -> Entry) -> Result<Step, RunError> {
        let rules = self.rules.clone();
        let mut written = None;
        self.journal.append(|entries| {
            let state = State::of(entries, &rules)?;
            let is_same = state.trials.get(number).is_some_and(|now| {
                now.status == trial.status && now.target == trial.target && now.repeats.len() == trial.repeats.len()
            });
            let new: Vec<Entry> = is_same.then(|| entry(&state)).into_iter().collect();
            written.clone_from(&new.first().cloned());
            Ok(new)
        })?;
        if let Some(entry) = written {
            self.tell(number, trial, &entry);
        }
        Ok(Step::Written)
    }

    /// Decides what is next, and writes it.
    fn decide(&mut self) -> Result<Decision, RunError> {
        let (rules, settings) = (self.rules.clone(), &self.sought.settings);
        let mut decision = Decision::Over;
        let mut impossible = None;
        self.journal.append(|entries| {
            let state = State::of(entries, &rules)?;
            impossible = last_rejected(entries, &state);
            if impossible.is_some() {
                return Ok(Vec::new());
            }
            decision = state.decide(&rules, &settings.budget, settings.trials()).map_err(|error| error.to_string())?;
            Ok(match &decision {
                Decision::Ask(point) => vec![Entry::Asked { point: shortened(&rules.space, point.clone()) }],
                Decision::Promote(it) => {
                    vec![Entry::Promoted { trial: it.trial, from: it.from, epochs: it.epochs }]
                }
                Decision::Wait | Decision::Over => Vec::new(),
            })
        })?;
        match impossible {
            Some(reason) => Err(RunError::Search(format!(
                "none of the last {IMPOSSIBLE} trials was possible; the last one: {reason}"
            ))),
            None => Ok(decision),
        }
    }

    fn tell(&self, number: usize, trial: &Trial, entry: &Entry) {
        let label = self.sought.space.combination(&trial.point).label;
        let shown = |value: f64| match self.objectives.first() {
            Some(objective) => format!("{} {:.4}", objective.heading(), objective.shown(value)),
            None => String::new(),
        };
        let of = |value: &Option<f64>| value.map_or_else(|| "no score".into(), shown);
        let what = match entry {
            Entry::Rung { epochs, value, .. } => format!("paused after epoch {epochs}, {}", of(value)),
            Entry::Pruned { value, .. } => format!("ended early, {}", shown(*value)),
            Entry::Finished { objectives, .. } => {
                let first = objectives.first().copied().flatten();
                format!("finished, {}", of(&first))
            }
            Entry::Rejected { reason, .. } => format!("not possible: {reason}"),
            Entry::Failed { reason, .. } => format!("failed: {reason}"),
            Entry::Opened { .. } | Entry::Asked { .. } | Entry::Promoted { .. } | Entry::Repeat { .. } => return,
        };
        self.events.emit(Kind::Trial { number: number + 1, label, what });
    }
}

/// Epochs and seconds of the trainings of a trial.
fn spent(runs: &[&Stored]) -> Result<(u64, f64), RunError> {
    let all = runs.iter().map(|run| effort(run)).collect::<Result<Vec<_>, _>>()?;
    Ok(all.into_iter().fold((0, 0.0), |(epochs, seconds), it| (epochs + it.0, seconds + it.1)))
}

/// The reason of the last trial, if so many in a row could not be run.
fn last_rejected(entries: &[Entry], state: &State) -> Option<String> {
    let last = state.trials.len().checked_sub(IMPOSSIBLE)?;
    let all = state.trials[last..].iter().all(|trial| trial.status == Status::Rejected);
    entries.iter().rev().filter(|_| all).find_map(|entry| match entry {
        Entry::Rejected { reason, .. } => Some(reason.clone()),
        _ => None,
    })
}
