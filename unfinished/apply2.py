R='/work/main/'
import shutil
for f in ('journal','state','controller'): shutil.copy(f'/tmp/new/sweep/{f}.rs',R+f'src/sweep/{f}.rs')
p=R+'src/sweep/queue.rs'; s=open(p).read()
s=s.replace('''/// The runs of an experiment and their states.
pub struct Queue<'a> {
    runs: &'a [Stored],
    states: Vec<State>,''','''/// A run to be done, or a part of it.
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
    states: Vec<State>,''')
s=s.replace('''impl<'a> Queue<'a> {
    /// All runs, waiting.
    pub fn new(runs: &'a [Stored]) -> Self {
        let states = vec![State::Waiting(None); runs.len()];
        Self { runs, states, crashes: vec![Crashes::default(); runs.len()], closed: false }
    }
''','''impl Queue {
    /// All runs, waiting.
    pub fn new(runs: &[Stored], stop_after: Option<usize>) -> Self {
        let mut queue = Self::default();
        runs.iter().for_each(|run| drop(queue.push(Task { run: run.clone(), stop_after })));
        queue
    }

    /// Adds a task; its index.
    pub fn push(&mut self, task: Task) -> usize {
        self.tasks.push(task);
        self.states.push(State::Waiting(None));
        self.crashes.push(Crashes::default());
        self.tasks.len() - 1
    }

    /// A task.
    pub fn task(&self, index: usize) -> &Task {
        &self.tasks[index]
    }

    /// Number of tasks.
    pub fn count(&self) -> usize {
        self.tasks.len()
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
''')
s=s.replace("for (index, run) in self.runs.iter().enumerate().filter(|(index, _)| is_due(&self.states[*index])) {\n","for (index, Task { run, .. }) in self.tasks.iter().enumerate().filter(|(index, _)| is_due(&self.states[*index])) {\n")
s=s.replace("!needed.any(|ids| self.runs.iter().enumerate().any(|(index, other)| other.ids == *ids && is_open(index)))","!needed.any(|ids| self.tasks.iter().enumerate().any(|(index, other)| other.run.ids == *ids && is_open(index)))")
s=s.replace("self.runs.iter().zip(&self.states).filter_map(|(run, state)| match state {\n            State::Ended(outcome) => Some((run, outcome)),","self.tasks.iter().zip(&self.states).filter_map(|(task, state)| match state {\n            State::Ended(outcome) => Some((&task.run, outcome)),")
open(p,'w').write(s)
p=R+'src/sweep/pool.rs'; s=open(p).read()
s=s.replace('''pub fn run_all(runs: &[Stored], setting: &Setting, slots: &Slots, after: &mut After) -> Result<Outcomes, RunError> {
    let (sender, messages) = mpsc::channel();
    let workers = slots.devices.iter().map(|_| None).collect();
    let mut pool = Pool { runs, setting, slots, queue: Queue::new(runs), workers, sender, told: Vec::new() };
''','''pub fn run_all(runs: &[Stored], setting: &Setting, slots: &Slots, after: &mut After) -> Result<Outcomes, RunError> {
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
    let mut pool = Pool { setting, slots, queue, refill, more: More::Added, workers, sender, told: Vec::new() };
''')
s=s.replace('''struct Pool<'a> {
    runs: &'a [Stored],
    setting: &'a Setting<'a>,
    slots: &'a Slots,
    queue: Queue<'a>,
''','''struct Pool<'a, 'r> {
    setting: &'a Setting<'a>,
    slots: &'a Slots,
    queue: Queue,
    refill: &'a mut Refill<'r>,
    /// The last answer of `refill`.
    more: More,
''')
s=s.replace("impl Pool<'_> {","impl Pool<'_, '_> {")
s=s.replace('''            if self.queue.is_over() {
                return Ok(());
            }''','''            let is_stopped = self.setting.cancel.is_stopped();
            if self.queue.is_over() && (is_stopped || self.queue.is_closed() || self.more == More::Over) {
                return Ok(());
            }''')
s=s.replace('''                let index = match self.queue.next() {
                    Next::Nothing => return Ok(()),''','''                let index = match self.queue.next() {
                    Next::Nothing => {
                        self.more = (self.refill)(&mut self.queue)?;
                        if self.more != More::Added {
                            return Ok(());
                        }
                        continue;
                    }''')
s=s.replace("fits_beside_others(&self.runs[index].plan, self.slots.devices[place])","fits_beside_others(&self.queue.task(index).run.plan, self.slots.devices[place])")
s=s.replace('''        let run = &self.runs[index];
        match one::standing(run) {''','''        let task = self.queue.task(index).clone();
        let run = &task.run;
        match one::standing(run) {''')
s=s.replace('''let order = Order { place, device, threads, setting: self.setting };''','''let order = Order { place, device, threads, stop_after: task.stop_after, setting: self.setting };''')
s=s.replace('''        let events = self.setting.events.of(&self.runs[busy.run].id());
''','''        let events = self.setting.events.of(&self.queue.task(busy.run).run.id());
''')
s=s.replace("Kind::Run { label, folder, structures, number: busy.run + 1, of: self.runs.len() }","Kind::Run { label, folder, structures, number: busy.run + 1, of: self.queue.count() }")
s=s.replace('''        let run = &self.runs[busy.run];
        match (busy.outcome, crash) {''','''        let run = self.queue.task(busy.run).run.clone();
        match (busy.outcome, crash) {''')
s=s.replace("one::checkpoint_of(run).ok()","one::checkpoint_of(&run).ok()")
s=s.replace('''        let run = &self.runs[index];
        let kind = Kind::Ended''','''        let run = &self.queue.task(index).run;
        let kind = Kind::Ended''')
s=s.replace('''        self.queue.end(index, outcome.clone());
        after(&self.runs[index], &outcome)''','''        self.queue.end(index, outcome.clone());
        after(&self.queue.task(index).run, &outcome)''')
s=s.replace('''        if self.setting.cancel.is_stopped() && all.len() < self.runs.len() {
            let left = self.runs.iter().find(|run| all.iter().all(|(known, _)| known.ids != run.ids));
            all.extend(left.map(|run| (run.clone(), Outcome::Stopped)));
        }''','''        if self.setting.cancel.is_stopped() {
            let open = (0..self.queue.count()).find(|index| self.queue.outcome(*index).is_none());
            all.extend(open.map(|index| (self.queue.task(index).run.clone(), Outcome::Stopped)));
        }''')
open(p,'w').write(s)
p=R+'src/sweep/queue.rs'; s=open(p).read()
s=s.replace('''    /// Whether nothing is left to wait for.''','''    /// Whether no further run is started.
    pub fn is_closed(&self) -> bool {
        self.closed
    }

    /// Whether nothing is left to wait for.''')
open(p,'w').write(s)
p=R+'src/sweep/worker.rs'; s=open(p).read()
s=s.replace('''    /// Where the data lies and when to pause.
    pub setting''','''    /// Epochs after which the training pauses.
    pub stop_after: Option<usize>,
    /// Where the data lies.
    pub setting''')
s=s.replace("if let Some(epochs) = order.setting.stop_after {","if let Some(epochs) = order.stop_after {")
open(p,'w').write(s)
p=R+'src/sweep/mod.rs'; s=open(p).read()
s=s.replace('''//! controllers may work on one experiment: a run belongs to whoever holds its lock.

pub mod pool;
pub mod queue;
pub mod slots;
pub mod worker;
''','''//! controllers may work on one experiment: a run belongs to whoever holds its lock.
//!
//! In a search, trials are chosen while others run: the [`controller`] writes what it learns and decides into a [`journal`], and every
//! decision is a function of the journal's lines ([`state`]).

pub mod controller;
pub mod journal;
pub mod pool;
pub mod queue;
pub mod slots;
pub mod state;
pub mod worker;
''')
open(p,'w').write(s)
