//! burn-train's dashboard for training (`run --tui`): curves of loss, learning rate and validation Dice per structure.
//!
//! The training loop is ours, and the dashboard only displays it. Its stop request sets the cancellation flag, so the state
//! is saved as after Ctrl-C; so does its kill request, to which burn-train responds with a panic that is caught here.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use burn::train::Interrupter;
use burn::train::logger::TrainingProgressLogger;
use burn::train::metric::{
    MetricAttributes, MetricDefinition, MetricEntry, MetricId, NumericAttributes, NumericEntry, SerializedEntry,
};
use burn::train::renderer::tui::TuiMetricsRendererWrapper;
use burn::train::renderer::{MetricState, MetricsRenderer, MetricsRendererTraining};

use super::event::now;
use super::terminal::Terminal;
use super::{Event, Kind, Listener};
use crate::Cancel;
use crate::train::{EpochRecord, Event as Training, Validation};

const LOSS: &str = "Loss";
const LEARNING_RATE: &str = "Learning rate";
const DICE: &str = "Dice";

/// Shows training on burn-train's dashboard and everything else on a [`Terminal`].
pub struct Dashboard {
    terminal: Terminal,
    /// Structures of the current run.
    structures: Vec<String>,
    cancel: Cancel,
    screen: Option<Screen>,
    /// Events that the terminal shows once the dashboard is closed.
    missed: Vec<Training>,
}

impl Dashboard {
    /// A dashboard; `cancel` is set when the user asks to stop.
    pub fn new(cancel: Cancel) -> Self {
        Self { terminal: Terminal::new(), structures: Vec::new(), cancel, screen: None, missed: Vec::new() }
    }

    fn training(&mut self, event: &Training) {
        if let Training::Started { epochs, steps_per_epoch, history, .. } = event {
            self.tell(event.clone());
            self.screen = Some(Screen::open(&self.structures, *epochs, *steps_per_epoch, history));
        }
        if matches!(event, Training::Epoch(_) | Training::NewBest { .. }) {
            self.missed.push(event.clone());
        }
        let Some(screen) = &mut self.screen else { return };
        if !screen.show(event, &self.structures) {
            self.cancel.stop();
        }
    }

    fn tell(&mut self, event: Training) {
        self.terminal.event(&Event { run: None, time: now(), kind: Kind::Training(event) });
    }

    fn close(&mut self) {
        self.screen = None;
        for missed in std::mem::take(&mut self.missed) {
            self.tell(missed);
        }
    }
}

impl Listener for Dashboard {
    fn event(&mut self, event: &Event) {
        if let Kind::Training(training) = &event.kind {
            return self.training(training);
        }
        self.close();
        if let Kind::Run { structures, .. } = &event.kind {
            self.structures.clone_from(structures);
        }
        self.terminal.event(event);
    }
}

impl Drop for Dashboard {
    fn drop(&mut self) {
        self.close();
    }
}

/// The screen of one training run.
struct Screen {
    /// Leaked after a kill request: burn-train panics at every further call, including its destructor.
    renderer: Option<TuiMetricsRendererWrapper>,
    interrupter: Interrupter,
    epoch: usize,
    steps: usize,
}

impl Screen {
    fn open(structures: &[String], epochs: usize, steps: usize, history: &[EpochRecord]) -> Self {
        let (interrupter, done) = (Interrupter::new(), history.len());
        let renderer = TuiMetricsRendererWrapper::new(interrupter.clone(), (done > 0).then_some(done));
        let mut screen = Self { renderer: Some(renderer), interrupter, epoch: done, steps };
        screen.guarded(|renderer| {
            renderer.register_metric(definition(LOSS, "of each step", false));
            renderer.register_metric(definition(LEARNING_RATE, "of each step", false));
            renderer.register_metric(definition(DICE, "mean over structures, validation cases", true));
            for name in structures {
                renderer.register_metric(definition(&dice_of(name), "validation cases", true));
            }
            TrainingProgressLogger::start(renderer, epochs, done + 1, Some(steps), None);
        });
        history.iter().for_each(|record| screen.validation(record.validation.as_ref(), structures));
        screen
    }

    /// Shows an event; false if the user asked to stop.
    fn show(&mut self, event: &Training, structures: &[String]) -> bool {
        keep_signals();
        match event {
            Training::Step { epoch, step, loss, learning_rate, .. } => {
                let (new, steps) = (*epoch != self.epoch, self.steps);
                self.epoch = *epoch;
                self.guarded(|renderer| {
                    if new {
                        renderer.start_split("train", steps);
                    }
                    renderer.update_train(numeric(LOSS, *loss, format!("{loss:.4}")));
                    renderer.update_train(numeric(LEARNING_RATE, *learning_rate, format!("{learning_rate:.2e}")));
                    renderer.update_split(*step);
                });
            }
            Training::Validating { .. } => self.guarded(|renderer| {
                renderer.end_split();
                renderer.start_split("valid", 1);
                renderer.update_split(0);
            }),
            Training::Epoch(record) => {
                self.validation(record.validation.as_ref(), structures);
                self.guarded(|renderer| {
                    renderer.end_split();
                    renderer.update_epoch(record.epoch);
                });
            }
            Training::Started { .. } | Training::NewBest { .. } | Training::StoppedEarly { .. } => {}
        }
        self.renderer.is_some() && !self.interrupter.should_stop()
    }

    fn validation(&mut self, validation: Option<&Validation>, structures: &[String]) {
        let Some(validation) = validation else { return };
        let mean = (DICE.to_owned(), Validation::mean(&validation.dice));
        let named = structures.iter().map(|name| dice_of(name)).zip(validation.dice.iter().copied());
        for (name, dice) in std::iter::once(mean).chain(named) {
            if let Some(dice) = dice {
                self.guarded(|renderer| renderer.update_valid(numeric(&name, dice, format!("{dice:.4}"))));
            }
        }
    }

    /// Catches burn-train's panic in the caller after a kill request, so that training can save its state.
    fn guarded(&mut self, call: impl FnOnce(&mut TuiMetricsRendererWrapper)) {
        let Some(renderer) = &mut self.renderer else { return };
        if catch_unwind(AssertUnwindSafe(|| call(renderer))).is_err() {
            std::mem::forget(self.renderer.take());
        }
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        let renderer = self.renderer.take();
        let _ = catch_unwind(AssertUnwindSafe(|| drop(renderer)));
    }
}

fn dice_of(structure: &str) -> String {
    format!("{DICE} {structure}")
}

fn definition(name: &str, description: &str, higher_is_better: bool) -> MetricDefinition {
    MetricDefinition {
        metric_id: MetricId::new(Arc::new(name.to_owned())),
        name: Arc::new(name.to_owned()),
        description: Some(description.to_owned()),
        attributes: MetricAttributes::Numeric(NumericAttributes { unit: None, higher_is_better }),
    }
}

fn numeric(name: &str, value: f64, text: String) -> MetricState {
    let entry = SerializedEntry::new(text.clone(), text);
    let id = MetricId::new(Arc::new(name.to_owned()));
    MetricState::Numeric(MetricEntry::new(id, entry), Some(NumericEntry::Value(value)))
}

/// Makes Ctrl-C a signal again; in the dashboard's raw mode it is a key that is never read.
#[cfg(unix)]
fn keep_signals() {
    use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};
    let input = std::io::stdin();
    let Ok(mut modes) = tcgetattr(&input) else { return };
    if !modes.local_modes.contains(LocalModes::ISIG) {
        modes.local_modes.insert(LocalModes::ISIG);
        // If this fails, Ctrl-C does nothing, but `q` still stops training.
        let _ = tcsetattr(&input, OptionalActions::Now, &modes);
    }
}

#[cfg(not(unix))]
fn keep_signals() {}
