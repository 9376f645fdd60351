//! Workers at several places of one machine, until every run is over.

use std::collections::VecDeque;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::time::Duration;

use super::queue::{Next, Queue};
use super::slots::{Slots, fits_beside_others};
use super::worker::{Message, Order, Worker};
use crate::observe::{Event, FailureClass, Kind, Outcome};
use crate::run::experiment::Outcomes;
use crate::run::one;
use crate::run::{RunError, Setting};
use crate::store::Stored;

/// Longest time between two looks at what else can be started.
const TICK: Duration = Duration::from_millis(100);

/// Called after the end of each run.
pub type After<'a> = dyn FnMut(&Stored, &Outcome) -> Result<(), RunError> + 'a;

/// Does every unfinished run, each in a worker process, and calls `after` at the end of each. A run that another process is using is
/// waited for: its results belong to the same report.
///
/// # Errors
/// Those of `after`, and of files that cannot be written.
pub fn run_all(runs: &[Stored], setting: &Setting, slots: &Slots, after: &mut After) -> Result<Outcomes, RunError> {
    let queue = Queue::new(runs, setting.stop_after);
    work_through(queue, &mut |_| Ok(More::Over), setting, slots, after)
}

/// What else there is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum More {
    /// Tasks were added.
    Added,
    /// Nothing now: what is running decides.
    Later,
    /// Nothing.
    Over,
}

/// Adds tasks to a queue that has none to start.
pub type Refill<'a> = dyn FnMut(&mut Queue) -> Result<More, RunError> + 'a;

/// Does all tasks of a queue as [`run_all`] does; `refill` is asked for more whenever a place is free.
///
/// # Errors
/// Those of `refill` and `after`, and of files that cannot be written.
pub fn work_through(
    queue: Queue,
    refill: &mut Refill,
    setting: &Setting,
    slots: &Slots,
    after: &mut After,
) -> Result<Outcomes, RunError> {
    let (sender, messages) = mpsc::channel();
    let workers = slots.devices.iter().map(|_| None).collect();
    let mut pool = Pool {
        setting,
        slots,
        queue,
        refill,
        more: More::Added,
        workers,
        sender,
        told: Vec::new(),
        owed: VecDeque::new(),
    };
    // The process is not left while workers save their states.
    let hold = setting.cancel.hold();
    let done = pool.work(&messages, after);
    pool.stop_workers(&messages);
    drop(hold);
    done?;
    while pool.tell_one(after)? {}
    Ok(Outcomes { runs: pool.outcomes() })
}

/// A worker with its run.
struct Busy {
    run: usize,
    worker: Worker,
    /// What it told last about the end of the run.
    outcome: Option<Outcome>,
    /// Whether it was asked to stop.
    is_stopping: bool,
    /// Whether it told anything: else the machine or the launcher is at fault, not the run.
    has_begun: bool,
}

struct Pool<'a, 'r> {
    setting: &'a Setting<'a>,
    slots: &'a Slots,
    queue: Queue,
    refill: &'a mut Refill<'r>,
    /// The last answer of `refill`.
    more: More,
    workers: Vec<Option<Busy>>,
    sender: Sender<Message>,
    /// Runs in others' hands of which the user has been told.
    told: Vec<usize>,
    /// Runs that have ended and of which `after` has not been told: the next ones are started first.
    owed: VecDeque<(usize, Outcome)>,
}

impl Pool<'_, '_> {
    fn work(&mut self, messages: &Receiver<Message>, after: &mut After) -> Result<(), RunError> {
        loop {
            if self.setting.cancel.is_stopped() {
                self.queue.close();
                self.ask_to_stop();
            }
            self.fill()?;
            if self.tell_one(after)? {
                // Meanwhile, a place may have become free.
                while let Ok(message) = messages.try_recv() {
                    self.handle(message)?;
                }
                continue;
            }
            let is_stopped = self.setting.cancel.is_stopped();
            if self.queue.is_over() && (is_stopped || self.queue.is_closed() || self.more == More::Over) {
                return Ok(());
            }
            if self.slots.leaves && self.workers.iter().all(Option::is_none) {
                // What is left is in other processes' hands.
                return Ok(());
            }
            match messages.recv_timeout(TICK) {
                Ok(message) => self.handle(message)?,
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {}
            }
        }
    }

    /// Starts runs at the free places.
    fn fill(&mut self) -> Result<(), RunError> {
        for place in 0..self.workers.len() {
            while self.workers[place].is_none() && !self.setting.cancel.is_stopped() {
                let index = match self.queue.next() {
                    Next::Nothing => {
                        self.more = (self.refill)(&mut self.queue)?;
                        if self.more != More::Added {
                            return Ok(());
                        }
                        continue;
                    }
                    Next::Hindered(index, outcome) => {
                        self.emit_end(index, &outcome);
                        self.end(index, outcome);
                        continue;
                    }
                    Next::Start(index) => index,
                };
                if !self.has_room(index, place) {
                    return Ok(());
                }
                self.start(index, place)?;
            }
        }
        Ok(())
    }

    fn has_room(&self, index: usize, place: usize) -> bool {
        let is_alone = self.workers.iter().all(Option::is_none);
        is_alone || fits_beside_others(&self.queue.task(index).run.plan, self.slots.devices[place].first())
    }

    /// Starts a worker, unless there is nothing to do.
    fn start(&mut self, index: usize, place: usize) -> Result<(), RunError> {
        let task = self.queue.task(index).clone();
        let run = &task.run;
        match one::standing(run) {
            Some(Outcome::Busy { holder }) => {
                if !self.told.contains(&index) {
                    self.told.push(index);
                    let text = format!("run {}: another segspec process is using it ({holder}); waiting", run.id());
                    self.setting.events.of(&run.id()).warn(text);
                }
                self.queue.postpone(index);
                Ok(())
            }
            Some(outcome) => {
                self.emit_end(index, &outcome);
                self.end(index, outcome);
                Ok(())
            }
            None => {
                let (device, threads) = (self.slots.devices[place].to_string(), self.slots.threads);
                let command = self.slots.command.as_deref();
                let order =
                    Order { place, device, command, threads, stop_after: task.stop_after, setting: self.setting };
                let worker = Worker::start(run, &order, self.sender.clone())?;
                self.queue.begin(index);
                self.workers[place] =
                    Some(Busy { run: index, worker, outcome: None, is_stopping: false, has_begun: false });
                Ok(())
            }
        }
    }

    fn handle(&mut self, message: Message) -> Result<(), RunError> {
        match message {
            Message::Event(place, event) => self.forward(place, *event),
            Message::Closed(place) => {
                if let Some(busy) = self.workers[place].take() {
                    self.ended(busy)?;
                }
            }
        }
        Ok(())
    }

    /// Passes a worker's event on, with the run's position in the experiment.
    fn forward(&mut self, place: usize, event: Event) {
        let Some(busy) = &mut self.workers[place] else { return };
        busy.has_begun = true;
        let events = self.setting.events.of(&self.queue.task(busy.run).run.id());
        events.emit(match event.kind {
            Kind::Run { label, folder, structures, .. } => {
                Kind::Run { label, folder, structures, number: busy.run + 1, of: self.queue.known() }
            }
            Kind::Ended { label, outcome } => {
                busy.outcome = Some(outcome.clone());
                // Told again when the worker is gone and it is clear what follows.
                if matches!(outcome, Outcome::Busy { .. }) {
                    return;
                }
                Kind::Ended { label, outcome }
            }
            kind => kind,
        });
    }

    fn ended(&mut self, mut busy: Busy) -> Result<(), RunError> {
        let crash = busy.worker.wait().err();
        let run = self.queue.task(busy.run).run.clone();
        match (busy.outcome, crash) {
            (Some(Outcome::Busy { .. }), _) => self.queue.postpone(busy.run),
            (Some(outcome), _) => self.end(busy.run, outcome),
            (None, _) if busy.is_stopping => self.end(busy.run, Outcome::Stopped),
            (None, crash) => {
                let (crash, reason) = crash
                    .unwrap_or_else(|| (super::queue::Crash::Other, "the worker process ended without a word".into()));
                let step = one::checkpoint_of(&run).ok().flatten().map(|state| state.step);
                let log = run.folder.worker_log();
                if self.queue.crash(busy.run, crash, step) {
                    self.setting.events.of(&run.id()).warn(format!("run {}: {reason}; trying again", run.id()));
                } else {
                    let reason = format!("{reason}; see {}", log.display());
                    let class = if busy.has_begun { FailureClass::Trial } else { FailureClass::Environment };
                    let outcome = Outcome::Failed { class, reason };
                    self.emit_end(busy.run, &outcome);
                    self.end(busy.run, outcome);
                }
            }
        }
        Ok(())
    }

    fn emit_end(&self, index: usize, outcome: &Outcome) {
        let run = &self.queue.task(index).run;
        let kind = Kind::Ended { label: run.plan.name(), outcome: outcome.clone() };
        self.setting.events.of(&run.id()).emit(kind);
    }

    fn end(&mut self, index: usize, outcome: Outcome) {
        self.queue.end(index, outcome.clone());
        self.owed.push_back((index, outcome));
    }

    /// Tells `after` of one run that has ended, if there is any.
    fn tell_one(&mut self, after: &mut After) -> Result<bool, RunError> {
        let Some((index, outcome)) = self.owed.pop_front() else { return Ok(false) };
        after(&self.queue.task(index).run, &outcome)?;
        Ok(true)
    }

    fn ask_to_stop(&mut self) {
        for busy in self.workers.iter_mut().flatten().filter(|busy| !busy.is_stopping) {
            busy.is_stopping = true;
            busy.worker.stop();
        }
    }

    /// Stops the workers that are left, and waits for them: after an error, or a request to stop.
    fn stop_workers(&mut self, messages: &Receiver<Message>) {
        self.ask_to_stop();
        while self.workers.iter().any(Option::is_some) {
            let Ok(message) = messages.recv() else { return };
            // The first error is already on its way.
            let _ = self.handle(message);
        }
    }

    /// Outcomes in the order of the runs; what was not begun when the user stopped counts as stopped.
    fn outcomes(&self) -> Vec<(Stored, Outcome)> {
        let ended = self.queue.ended().map(|(run, outcome)| (run.clone(), outcome.clone()));
        let mut all: Vec<_> = ended.collect();
        if self.setting.cancel.is_stopped() {
            let open = (0..self.queue.count()).find(|index| self.queue.outcome(*index).is_none());
            all.extend(open.map(|index| (self.queue.task(index).run.clone(), Outcome::Stopped)));
        }
        all
    }
}
