//! Shows several runs at a time: a bar for each, or lines where the output is no terminal.

use std::collections::BTreeMap;
use std::io::{IsTerminal, Write};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::{Event, Kind, Listener, Outcome};
use crate::counted;
use crate::train::{Event as Training, Validation};

/// Writes to standard error.
pub struct Several {
    bars: Option<MultiProgress>,
    /// The bar over all runs; made at the first run.
    all: Option<ProgressBar>,
    /// The runs in progress, by id.
    runs: BTreeMap<String, Shown>,
    of: usize,
    over: usize,
    failed: usize,
}

/// What is known of a run in progress.
struct Shown {
    name: String,
    bar: Option<ProgressBar>,
    epochs: usize,
    steps_per_epoch: usize,
    dice: Option<f64>,
    loss: Option<f64>,
    /// Mean Dice of the finished run.
    score: Option<f64>,
}

impl Several {
    /// With bars if standard error is a terminal.
    pub fn new() -> Self {
        let bars = std::io::stderr().is_terminal().then(MultiProgress::new);
        Self { bars, all: None, runs: BTreeMap::new(), of: 0, over: 0, failed: 0 }
    }

    /// Writes a line above the bars. Errors are ignored, so that a closed terminal stops nothing.
    fn line(&self, text: &str) {
        match &self.bars {
            Some(bars) => drop(bars.println(text)),
            None => drop(writeln!(std::io::stderr(), "{text}")),
        }
    }

    fn bar(&self, template: &str, length: u64) -> Option<ProgressBar> {
        let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
        let bar = ProgressBar::new(length).with_style(style.progress_chars("━╸─"));
        let bar = self.bars.as_ref()?.add(bar);
        bar.enable_steady_tick(Duration::from_millis(500));
        Some(bar)
    }

    fn begin(&mut self, run: &str, label: &str, [number, of]: [usize; 2]) {
        self.of = of;
        if self.all.is_none() && of > 0 {
            self.all = self.bar("{pos}/{len} runs over {bar:24} {msg}  {elapsed} elapsed", of as u64);
        }
        let name = if label.is_empty() { run.to_owned() } else { format!("{run} {label}") };
        let count = if of > 0 { format!("[{number}/{of}] ") } else { String::new() };
        self.line(&format!("{count}run {name}"));
        let bar = self.bar("  {prefix}  {bar:18} {msg}  ETA {eta}", 0);
        if let Some(bar) = &bar {
            bar.set_prefix(name.clone());
        }
        let shown = Shown { name, bar, epochs: 0, steps_per_epoch: 0, dice: None, loss: None, score: None };
        self.runs.insert(run.to_owned(), shown);
    }

    fn end(&mut self, run: &str, label: &str, outcome: &Outcome) {
        let shown = self.runs.remove(run);
        if let Some(bar) = shown.as_ref().and_then(|shown| shown.bar.as_ref()) {
            bar.finish_and_clear();
        }
        self.over += 1;
        self.failed += usize::from(matches!(outcome, Outcome::Failed { .. }));
        if let Some(all) = &self.all {
            all.set_position(self.over as u64);
            all.set_message(if self.failed > 0 { format!("{} failed", self.failed) } else { String::new() });
            if self.over >= self.of {
                all.finish_and_clear();
            }
        }
        let name = match &shown {
            Some(shown) => shown.name.clone(),
            None if label.is_empty() => run.to_owned(),
            None => format!("{run} {label}"),
        };
        let score =
            shown.and_then(|shown| shown.score).map_or_else(String::new, |dice| format!(", mean Dice {dice:.4}"));
        if self.of == 0 && matches!(outcome, Outcome::Paused { .. }) {
            // A search says itself what it learned.
            return;
        }
        let outcome = match outcome {
            Outcome::Skipped => "already finished, skipped".into(),
            Outcome::Paused { epochs } => format!("paused after epoch {epochs}; run it again to continue"),
            other => other.words(),
        };
        self.line(&format!("run {name}: {outcome}{score}"));
    }
}

impl Default for Several {
    fn default() -> Self {
        Self::new()
    }
}

impl Shown {
    fn training(&mut self, event: &Training) {
        match event {
            Training::Started { epochs, steps_per_epoch, resumed_at, .. } => {
                (self.epochs, self.steps_per_epoch) = (*epochs, *steps_per_epoch);
                if let Some(bar) = &self.bar {
                    bar.set_length((epochs * steps_per_epoch) as u64);
                    bar.set_position(*resumed_at as u64);
                    bar.reset_eta();
                }
            }
            Training::Step { epoch, step, loss, .. } => {
                self.loss = Some(*loss);
                self.show(*epoch, *step);
            }
            Training::Epoch(record) => {
                let scores = record.validation.as_ref();
                self.dice = scores.and_then(|scores| Validation::mean(&scores.dice)).or(self.dice);
                self.show(record.epoch, self.steps_per_epoch);
            }
            Training::Validating { .. } | Training::NewBest { .. } | Training::StoppedEarly { .. } => {}
        }
    }

    fn show(&self, epoch: usize, step: usize) {
        let Some(bar) = &self.bar else { return };
        bar.set_position((epoch.saturating_sub(1) * self.steps_per_epoch + step) as u64);
        let loss = self.loss.map_or_else(String::new, |loss| format!("  loss {loss:.4}"));
        let dice = self.dice.map_or_else(String::new, |dice| format!("  validation Dice {dice:.3}"));
        bar.set_message(format!("epoch {epoch}/{}{loss}{dice}", self.epochs));
    }

    fn stage(&self, what: &str, done: usize, of: usize) {
        if let Some(bar) = &self.bar {
            bar.set_message(format!("{what} {done}/{of}"));
        }
    }
}

impl Listener for Several {
    fn event(&mut self, event: &Event) {
        let run = event.run.as_deref().unwrap_or_default();
        let shown = self.runs.get_mut(run);
        match (&event.kind, shown) {
            (Kind::Run { label, number, of, .. }, _) => self.begin(run, label, [*number, *of]),
            (Kind::Training(training), Some(shown)) => shown.training(training),
            (Kind::Preparing { done, of, .. }, Some(shown)) => shown.stage("preparing", *done, *of),
            (Kind::Warming { .. }, Some(shown)) => shown.stage("compiling kernels", 0, 1),
            (Kind::Predicting { done, of }, Some(shown)) => shown.stage("predicting", *done, *of),
            (Kind::Scoring { done, of }, Some(shown)) => shown.stage("scoring", *done, *of),
            (Kind::Finished { dice, .. }, Some(shown)) => shown.score = *dice,
            (Kind::Ended { label, outcome }, _) => self.end(run, label, outcome),
            (Kind::Excluded { cases }, None) => {
                for case in cases {
                    self.line(&format!("excluded: {}: {}", case.case, case.reason));
                }
            }
            (Kind::Warning { text }, Some(shown)) => {
                let text = format!("warning: run {}: {text}", shown.name);
                self.line(&text);
            }
            (Kind::Warning { text }, None) => self.line(&format!("warning: {text}")),
            (Kind::Trial { number, label, what }, _) => self.line(&format!("trial {number} ({label}): {what}")),
            (Kind::Generating { cases, folder }, _) => {
                self.line(&format!("making {} in {}", counted(*cases, "synthetic case"), folder.display()));
            }
            (Kind::Report { page }, _) => self.line(&format!("report: {}", page.display())),
            _ => {}
        }
    }
}
