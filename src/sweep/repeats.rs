//! The runs of a search's trials: each trial once per seed and fold.

use super::queue::{Queue, Task};
use super::state::Trial;
use crate::observe::{FailureClass, Outcome};
use crate::plan::Role;
use crate::run::ensemble::is_main;
use crate::run::{Planner, RunError};
use crate::spec::search::Judged;
use crate::spec::trial::is_excluded;
use crate::spec::{Loaded, Sought};
use crate::store::Stored;

/// One run of a trial: one seed on one fold.
#[derive(Clone)]
pub struct Repeat {
    /// The first stage of a cascade.
    pub first: Option<Stored>,
    /// The run that is judged.
    pub main: Stored,
}

/// How far a run is.
pub enum Progress {
    /// A task for it was added.
    Added,
    /// It is waiting or being done.
    Running,
    /// It reached its goal; whether it is finished.
    Reached(bool),
    /// It failed.
    Failed(FailureClass, String),
    /// The user stopped.
    Stopped,
}

/// Plans trials, each once.
pub struct Repeats<'a> {
    planner: &'a Planner<'a>,
    loaded: &'a Loaded,
    sought: &'a Sought,
    /// By the number of the trial.
    planned: Vec<Option<Vec<Repeat>>>,
}

impl<'a> Repeats<'a> {
    /// None are planned yet.
    pub fn new(planner: &'a Planner<'a>, loaded: &'a Loaded, sought: &'a Sought) -> Self {
        Self { planner, loaded, sought, planned: Vec::new() }
    }

    /// The runs of a trial, folds varying fastest; or why there can be none.
    ///
    /// # Errors
    /// The dataset does not allow what is asked of it.
    pub fn of(&mut self, number: usize, trial: &Trial) -> Result<Result<Vec<Repeat>, String>, RunError> {
        if let Some(Some(known)) = self.planned.get(number) {
            return Ok(Ok(known.clone()));
        }
        let combination = self.sought.space.combination(&trial.point);
        if is_excluded(&combination.settings, &self.sought.settings) {
            return Ok(Err("left out by `exclude`".into()));
        }
        let mut repeats = Vec::new();
        for seed in &self.sought.seeds {
            let trial = match self.loaded.trial(self.sought, &trial.point, *seed) {
                Ok(trial) => trial,
                Err(problems) => return Ok(Err(problems.first_message())),
            };
            let mut runs = Vec::new();
            match self.planner.trial(&trial, &mut runs) {
                Err(error) if error.class() == Some(FailureClass::Spec) => return Ok(Err(error.to_string())),
                result => result?,
            };
            repeats.extend(paired(runs));
        }
        self.refuse_unjudged(&repeats)?;
        self.planned.resize(self.planned.len().max(number + 1), None);
        self.planned[number] = Some(repeats.clone());
        Ok(Ok(repeats))
    }

    /// Refuses an objective on validation cases where there are none.
    fn refuse_unjudged(&self, repeats: &[Repeat]) -> Result<(), RunError> {
        let on_validation =
            self.sought.settings.objectives().iter().any(|objective| objective.on == Judged::Validation);
        let has_none = |repeat: &Repeat| repeat.main.plan.data.of(Role::Validation).next().is_none();
        if on_validation && repeats.iter().any(has_none) {
            let text = "the split has no validation cases, by which this search judges trials: set `validation` of the split, \
                        or `objective = [{ on = \"test\" }]`";
            return Err(RunError::Search(text.into()));
        }
        Ok(())
    }
}

/// How far a run is towards its goal, in epochs (`None`: to its end); adds a task, or lets one go on, where needed.
pub fn progress(run: &Stored, goal: Option<usize>, queue: &mut Queue) -> Progress {
    let Some(index) = queue.find(&run.ids) else {
        queue.push(Task { run: run.clone(), stop_after: goal });
        return Progress::Added;
    };
    match queue.outcome(index) {
        None => Progress::Running,
        Some(outcome) if outcome.is_finished() => Progress::Reached(true),
        Some(Outcome::Paused { epochs }) if goal.is_some_and(|goal| *epochs >= goal) => Progress::Reached(false),
        Some(Outcome::Paused { .. }) => {
            queue.reopen(index, goal);
            Progress::Added
        }
        Some(Outcome::Failed { class, reason }) => Progress::Failed(*class, reason.clone()),
        Some(_) => Progress::Stopped,
    }
}

/// Each main run with the first stage that it needs.
fn paired(runs: Vec<Stored>) -> Vec<Repeat> {
    let (mains, firsts): (Vec<Stored>, Vec<Stored>) = runs.into_iter().partition(|run| is_main(&run.plan));
    let first = |main: &Stored| firsts.iter().find(|first| main.plan.look.first() == Some(&first.ids)).cloned();
    mains.into_iter().map(|main| Repeat { first: first(&main), main }).collect()
}
