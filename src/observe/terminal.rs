//! Shows a run on a terminal: progress bars, or one line per epoch if the output is not a terminal.

use std::cell::RefCell;
use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use super::eta::Eta;
use super::{Event, Kind, Listener, Outcome};
use crate::train::{Event as Training, Validation};
use crate::{counted, words};

/// Writes to standard error, so that standard output holds only results.
pub struct Terminal {
    interactive: bool,
    bar: Option<ProgressBar>,
    epochs: usize,
    steps_per_epoch: usize,
    /// The latest validation: its mean Dice and epoch.
    validated: Option<(f64, usize)>,
    /// Whether the runs are those of a search.
    searches: bool,
    eta: Eta,
    /// The lines, where they are kept instead of written.
    kept: Option<RefCell<Vec<String>>>,
}

impl Terminal {
    /// A terminal with bars if standard error is one, and with plain lines otherwise.
    pub fn new() -> Self {
        Self {
            interactive: std::io::stderr().is_terminal(),
            bar: None,
            epochs: 0,
            steps_per_epoch: 0,
            validated: None,
            searches: false,
            eta: Eta::default(),
            kept: None,
        }
    }

    /// Keeps the lines of a log that is read again; see [`Self::lines_of`].
    pub fn of_a_log() -> Self {
        Self { interactive: false, kept: Some(RefCell::default()), ..Self::new() }
    }

    /// The lines of an event of a log.
    pub fn lines_of(&mut self, event: &Event) -> Vec<String> {
        self.event(event);
        self.kept.as_ref().map(RefCell::take).unwrap_or_default()
    }

    /// Writes a line above the bar, if there is one. Errors are ignored, so that a closed terminal does not stop training.
    fn line(&self, text: &str) {
        if let Some(kept) = &self.kept {
            return kept.borrow_mut().push(text.to_owned());
        }
        match &self.bar {
            Some(bar) if self.interactive => bar.println(text),
            _ => drop(writeln!(std::io::stderr(), "{text}")),
        }
    }

    /// The bar of one stage; none if the output is not a terminal.
    fn bar(&mut self, length: usize, template: &str) -> Option<&ProgressBar> {
        if !self.interactive {
            return None;
        }
        if self.bar.is_none() {
            let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
            let bar = ProgressBar::new(length as u64).with_style(style.progress_chars("━╸─"));
            bar.enable_steady_tick(Duration::from_millis(500));
            self.bar = Some(bar);
        }
        self.bar.as_ref()
    }

    fn end_bar(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }

    fn stage(&mut self, name: &str, done: usize, of: usize, detail: String) {
        let template = format!("  {name} {{bar:30}} {{pos}}/{{len}} {{msg}}");
        if let Some(bar) = self.bar(of, &template) {
            bar.set_position(done as u64);
            bar.set_message(detail);
        }
        if done == of {
            self.end_bar();
        }
    }

    fn training(&mut self, event: &Training) {
        match event {
            Training::Started {
                parameters, memory_bytes, epoch_seconds, epochs, steps_per_epoch, resumed_at, ..
            } => {
                (self.epochs, self.steps_per_epoch) = (*epochs, *steps_per_epoch);
                self.line(&started(
                    *parameters,
                    *memory_bytes,
                    *epoch_seconds,
                    (*epochs, *steps_per_epoch),
                    *resumed_at,
                ));
            }
            Training::Step { epoch, step, loss, learning_rate, patches_per_second } => {
                let validated = self
                    .validated
                    .map_or_else(String::new, |(dice, epoch)| format!("  validation Dice {dice:.3} (epoch {epoch})"));
                let left = self.left(*epoch, *step);
                let message = format!(
                    "loss {loss:.4}{validated}  lr {learning_rate:.1e}  {patches_per_second:.1} patches/s{left}"
                );
                let template = format!("  epoch {epoch}/{} {{bar:16}} {{pos}}/{{len}} {{msg}}", self.epochs);
                let last = *step == self.steps_per_epoch;
                if let Some(bar) = self.bar(self.steps_per_epoch, &template) {
                    bar.set_position(*step as u64);
                    bar.set_message(message);
                }
                if last {
                    self.end_bar();
                }
            }
            Training::Validating { epoch } => {
                let template = "  {spinner} {msg}";
                if let Some(bar) = self.bar(1, template) {
                    bar.set_message(format!("epoch {epoch}: validating whole volumes"));
                }
            }
            Training::Epoch(record) => {
                self.end_bar();
                let scores = record.validation.as_ref();
                let (dice, iou) = scores
                    .map_or((None, None), |scores| (Validation::mean(&scores.dice), Validation::mean(&scores.iou)));
                self.validated = dice.map(|dice| (dice, record.epoch)).or(self.validated);
                let scores = match (dice, iou) {
                    (Some(dice), Some(iou)) => format!("  validation Dice {dice:.4}  IoU {iou:.4}"),
                    _ => String::new(),
                };
                // A bar shows it at every step.
                let left = self.left(record.epoch, self.steps_per_epoch);
                let left = if self.interactive { String::new() } else { left };
                self.line(&format!(
                    "  epoch {:>4}/{}  loss {:.4}{scores}  lr {:.1e}  {:.1} s{left}",
                    record.epoch, self.epochs, record.loss, record.learning_rate, record.seconds
                ));
            }
            Training::NewBest { epoch, score } => {
                self.line(&format!("  new best: {score:.4} after epoch {epoch}, saved"))
            }
            Training::StoppedEarly { epoch, best_epoch } => {
                self.line(&format!("  stopped early after epoch {epoch}: no improvement since epoch {best_epoch}"));
            }
        }
    }
}

impl Terminal {
    /// How long the training, and all runs, will still take.
    fn left(&mut self, epoch: usize, step: usize) -> String {
        if self.kept.is_some() {
            return String::new();
        }
        let done = epoch.saturating_sub(1) * self.steps_per_epoch + step;
        match self.eta.after(done, self.epochs * self.steps_per_epoch, Instant::now()) {
            None => String::new(),
            Some((run, None)) => format!("  {} left", words::duration(run)),
            Some((run, Some(all))) => format!("  {} left, all runs {}", words::duration(run), words::duration(all)),
        }
    }

    /// Shows how a run ended, unless its last line already does.
    fn ended(&mut self, run: &str, label: &str, outcome: &Outcome) {
        self.end_bar();
        let run = format!("run {run}{}{label}", space(label));
        match outcome {
            Outcome::Finished => self.eta.finish(Instant::now()),
            _ => self.eta.abandon(),
        }
        match outcome {
            Outcome::Finished | Outcome::Stopped => {}
            Outcome::Skipped => self.line(&format!("{run}: already finished, skipped")),
            // A search says itself what it learned.
            Outcome::Paused { .. } if self.searches => {}
            Outcome::Paused { epochs } => {
                self.line(&format!("{run}: paused after epoch {epochs}; run it again to continue"))
            }
            Outcome::Busy { holder } => {
                self.line(&format!("{run}: another segspec process is using it ({holder}), skipped"))
            }
            Outcome::Failed { reason, .. } => self.line(&format!("{run}: failed: {reason}")),
        }
    }
}

impl Default for Terminal {
    fn default() -> Self {
        Self::new()
    }
}

fn started(
    parameters: usize,
    memory: usize,
    epoch_seconds: Option<f64>,
    (epochs, steps): (usize, usize),
    resumed_at: usize,
) -> String {
    let length = match epoch_seconds {
        None => String::new(),
        Some(seconds) => {
            let remaining = seconds * (epochs as f64 - resumed_at as f64 / steps.max(1) as f64);
            let total = words::duration(remaining);
            format!(", about {seconds:.1} s per epoch, {total} in total")
        }
    };
    let resumed = if resumed_at > 0 { format!("; resumed after step {resumed_at}") } else { String::new() };
    format!(
        "  training: {:.2} M parameters, about {} of memory, {} of {}{length}{resumed}",
        parameters as f64 / 1e6,
        words::bytes(memory as u64),
        counted(epochs, "epoch"),
        counted(steps, "step")
    )
}

impl Listener for Terminal {
    fn event(&mut self, event: &Event) {
        match &event.kind {
            Kind::Generating { cases, folder } => {
                self.line(&format!("making {} in {}", counted(*cases, "synthetic case"), folder.display()));
            }
            Kind::Hashing { done, of } => self.stage("hashing files", *done, *of, String::new()),
            Kind::Checking { done, of } => self.stage("checking cases", *done, *of, String::new()),
            Kind::Measuring { done, of } => self.stage("measuring cases", *done, *of, String::new()),
            Kind::Run { label, folder, number, of, .. } => {
                self.validated = None;
                self.searches = *of == 0;
                self.eta.begin(*number, *of, Instant::now());
                let count = if *of > 1 { format!("[{number}/{of}] ") } else { String::new() };
                let run = event.run.as_deref().unwrap_or_default();
                self.line(&format!("{count}run {run}{}{label}  ({})", space(label), folder.display()));
            }
            Kind::Preparing { done, of, cached } => {
                self.stage("preparing", *done, *of, format!("{cached} from the cache"));
            }
            Kind::Warming { device } => self.line(&format!(
                "  {device}: compiling kernels for this device at the first step (kept for later runs; `segspec warm` does it ahead)"
            )),
            Kind::Excluded { cases } => {
                for case in cases {
                    self.line(&format!("  excluded: {}: {}", case.case, case.reason));
                }
            }
            Kind::Training(event) => self.training(event),
            Kind::Predicting { done, of } => self.stage("predicting", *done, *of, String::new()),
            Kind::Scoring { done, of } => self.stage("scoring", *done, *of, String::new()),
            Kind::Finished { dice, auc } => {
                self.end_bar();
                if let Some(dice) = dice {
                    self.line(&format!("  mean Dice {dice:.4}"));
                }
                if let Some(auc) = auc {
                    self.line(&format!("  area under the ROC curve over slices {auc:.4}"));
                }
            }
            Kind::Ended { label, outcome } => self.ended(event.run.as_deref().unwrap_or_default(), label, outcome),
            Kind::Warning { text } => self.line(&format!("warning: {text}")),
            Kind::Trial { number, label, what } => self.line(&format!("trial {number} ({label}): {what}")),
            Kind::Report { page } => self.line(&format!("report: {}", page.display())),
        }
    }
}

fn space(label: &str) -> &'static str {
    if label.is_empty() { "" } else { " " }
}
