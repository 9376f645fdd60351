//! Which run is next.

use std::time::{Duration, Instant};

use crate::observe::{FailureClass, Outcome};
use crate::plan::RunIds;
use crate::run::experiment::hindrance;
use crate::store::Stored;

/// Time after which a run that another process was using is looked at again.
const LOOK_AGAIN: Duration = Duration::from_millis(500);

/// Times in a row that a worker may be killed before its run counts as failed, while its checkpoint does not move on.
const KILLS: usize = 3;

/// Times in a row that a worker may end without an outcome for another reason, such as a panic.
const CRASHES: usize = 1;

/// State of a run in the queue.
#[derive(Clone, Debug, PartialEq)]
enum State {
    /// To be done, not before this moment.
    Waiting(Option<Instant>),
    /// A worker is doing it.
    Working,
    /// Over.
    Ended(Outcome),
}

/// How a worker ended without telling an outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Crash {
    /// By a signal: the kernel when memory runs out, a scheduler, a person.
    Killed,
    /// Otherwise: a panic.
    Other,
}

#[derive(Clone, Debug, Default)]
struct Crashes {
    count: usize,
    /// Step of the last checkpoint at the last crash.
    step: Option<usize>,
}

/// A run to be done, or a part of it.
#[derive(Clone, Debug)]
pub struct Task {
    /// The run.
    pub run: Stored,
    /// Epochs after which its training pauses; `None`: it is finished.
    pub stop_after: Option<usize>,
}

/// The runs of an experiment and their states.
#[derive(Default)]
pub struct Queue {
    tasks: Vec<Task>,
    states: Vec<State>,
    crashes: Vec<Crashes>,
    /// No further run is started.
    closed: bool,
    /// The number of tasks is known from the beginning.
    is_fixed: bool,
}

/// What to do next.
#[derive(Debug, PartialEq)]
pub enum Next {
    /// Start this run.
    Start(usize),
    /// This run cannot start: one that it depends on failed.
    Hindered(usize, Outcome),
    /// Nothing can be started now.
    Nothing,
}

impl Queue {
    /// All runs, waiting.
    pub fn new(runs: &[Stored], stop_after: Option<usize>) -> Self {
        let mut queue = Self { is_fixed: true, ..Self::default() };
        for run in runs {
            queue.push(Task { run: run.clone(), stop_after });
        }
        queue
    }

    /// Adds a task; its index.
    pub fn push(&mut self, task: Task) -> usize {
        self.tasks.push(task);
        self.states.push(State::Waiting(None));
        self.crashes.push(Crashes::default());
        self.tasks.len() - 1
    }

    /// The task of a run.
    pub fn find(&self, ids: &RunIds) -> Option<usize> {
        self.tasks.iter().position(|task| task.run.ids == *ids)
    }

    /// A task.
    pub fn task(&self, index: usize) -> &Task {
        &self.tasks[index]
    }

    /// Number of tasks.
    pub fn count(&self) -> usize {
        self.tasks.len()
    }

    /// Number of tasks; 0 where more are added as the work goes on.
    pub fn known(&self) -> usize {
        if self.is_fixed { self.tasks.len() } else { 0 }
    }

    /// Lets a task that is over go on, to another epoch.
    pub fn reopen(&mut self, index: usize, stop_after: Option<usize>) {
        self.tasks[index].stop_after = stop_after;
        self.states[index] = State::Waiting(None);
    }

    /// How a task ended; `None` while it is not over.
    pub fn outcome(&self, index: usize) -> Option<&Outcome> {
        match &self.states[index] {
            State::Ended(outcome) => Some(outcome),
            _ => None,
        }
    }

    /// The first run that can start; what it depends on comes first.
    pub fn next(&self) -> Next {
        if self.closed {
            return Next::Nothing;
        }
        let is_due = |state: &State| match state {
            State::Waiting(at) => at.is_none_or(|at| Instant::now() >= at),
            _ => false,
        };
        for (index, Task { run, .. }) in self.tasks.iter().enumerate().filter(|(index, _)| is_due(&self.states[*index]))
        {
            if let Some(outcome) = hindrance(run, self.ended()) {
                return Next::Hindered(index, outcome);
            }
            if self.is_ready(run) {
                return Next::Start(index);
            }
        }
        Next::Nothing
    }

    /// Whether no run that this one depends on is still to be done.
    fn is_ready(&self, run: &Stored) -> bool {
        let mut needed = run.plan.work.members().iter().chain(run.plan.look.first());
        let is_open = |index: usize| !matches!(self.states[index], State::Ended(_));
        !needed.any(|ids| self.tasks.iter().enumerate().any(|(index, other)| other.run.ids == *ids && is_open(index)))
    }

    /// A worker has begun the run.
    pub fn begin(&mut self, index: usize) {
        self.states[index] = State::Working;
    }

    /// Another process is using the run: look again later.
    pub fn postpone(&mut self, index: usize) {
        self.states[index] = State::Waiting(Some(Instant::now() + LOOK_AGAIN));
    }

    /// The run is over.
    pub fn end(&mut self, index: usize, outcome: Outcome) {
        // The user stopped, or the machine fails (disk full, no device): other runs would fare no better.
        self.closed |= matches!(outcome, Outcome::Stopped | Outcome::Failed { class: FailureClass::Environment, .. });
        self.states[index] = State::Ended(outcome);
    }

    /// A worker ended without an outcome; whether the run is tried again. `step`: that of the last checkpoint.
    pub fn crash(&mut self, index: usize, crash: Crash, step: Option<usize>) -> bool {
        let crashes = &mut self.crashes[index];
        if step > crashes.step {
            *crashes = Crashes { count: 0, step };
        }
        crashes.count += 1;
        let most = if crash == Crash::Killed { KILLS } else { CRASHES };
        let again = crashes.count <= most;
        if again {
            self.states[index] = State::Waiting(None);
        }
        again
    }

    /// Starts no further run.
    pub fn close(&mut self) {
        self.closed = true;
    }

    /// Whether no further run is started.
    pub fn is_closed(&self) -> bool {
        self.closed
    }

    /// Whether nothing is left to wait for.
    pub fn is_over(&self) -> bool {
        self.states.iter().all(|state| match state {
            State::Working => false,
            State::Waiting(_) => self.closed,
            State::Ended(_) => true,
        })
    }

    /// The runs that are over, with their outcomes.
    pub fn ended(&self) -> impl Iterator<Item = (&Stored, &Outcome)> {
        self.tasks.iter().zip(&self.states).filter_map(|(task, state)| match state {
            State::Ended(outcome) => Some((&task.run, outcome)),
            _ => None,
        })
    }
}
