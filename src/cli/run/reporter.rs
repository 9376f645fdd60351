//! The report of an experiment, kept up to date while its runs finish.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::Run;
use crate::cli::Failure;
use crate::cli::session::REPORTS;
use crate::observe::{Events, FailureClass, Kind, Outcome};
use crate::report::search::Search;
use crate::report::text_table::Charset;
use crate::report::{PAGE, terminal};
use crate::run::{RunError, report};
use crate::spec::Experiment;
use crate::store::Stored;
use crate::track;

/// Updates the experiment's report as its runs finish.
pub(super) struct Reporter<'a> {
    notes: &'a [String],
    out: PathBuf,
    json: bool,
    events: Events,
    /// Whether trackers are told of runs.
    is_tracking: bool,
    /// Number of runs that have scores.
    finished: usize,
    /// When the experiment's report was last written, and how long that took.
    last: Option<(Instant, Duration)>,
}

impl<'a> Reporter<'a> {
    /// For an experiment whose first run is `first`.
    pub fn new(args: &Run, first: Option<&Stored>, about: &'a Experiment, events: &Events) -> Self {
        let name = about.name.as_deref().unwrap_or_default();
        // The file in a run folder is of one run, and the experiment's report of all.
        let in_run = args.experiment.parent().is_some_and(|folder| folder.join("plan.toml").is_file());
        let own = first.filter(|_| args.smoke || in_run).map(|run| run.evaluation().report());
        let out = own.unwrap_or_else(|| Path::new(REPORTS).join(name));
        Self {
            notes: &about.notes,
            out,
            json: args.json,
            events: events.clone(),
            is_tracking: true,
            finished: 0,
            last: None,
        }
    }

    /// Writes the report of a run that has ended, and from time to time that of the experiment, whose runs `all` gives.
    ///
    /// # Errors
    /// The machine fails: a full disk.
    pub fn after(
        &mut self,
        run: &Stored,
        outcome: &Outcome,
        all: &mut dyn FnMut() -> Result<(Vec<Stored>, Option<Search>), RunError>,
    ) -> Result<(), RunError> {
        if !outcome.is_finished() {
            return Ok(());
        }
        self.finished += 1;
        let own = run.evaluation().report();
        let is_known = *outcome == Outcome::Skipped && own.join(PAGE).is_file();
        if !is_known {
            self.try_write(std::slice::from_ref(run), None, &own)?;
            if let Err(error) = report::write_card(run, None) {
                self.events.warn(format!("{}: no model card could be written: {error}", run.folder.path().display()));
            }
        }
        if let Some(Err(error)) = self.is_tracking.then(|| track::catch_up(run)) {
            // A server that is away is asked once.
            self.is_tracking = false;
            let id = run.id();
            self.events
                .warn(format!("{error}; `segspec track sync {id}` sends what is missing later, with the same address"));
        }
        if is_known {
            return Ok(());
        }
        // Reports take at most a hundredth of the time: with hundreds of runs, one after each would take too long.
        let rarely = self.last.is_some_and(|(at, took)| at.elapsed() < 100 * took);
        if rarely {
            return Ok(());
        }
        let start = Instant::now();
        let (runs, search) = all()?;
        if runs.len() > 1 {
            self.try_write(&runs, search, &self.out)?;
            self.last = Some((Instant::now(), start.elapsed()));
        }
        Ok(())
    }

    /// Writes a report while other runs follow: a damaged table stops none of them, a full disk all.
    fn try_write(&self, runs: &[Stored], search: Option<Search>, out: &Path) -> Result<(), RunError> {
        match report::write(runs, self.notes, search, out) {
            Err(error) if error.class() == Some(FailureClass::Environment) => Err(error),
            Err(error) => {
                self.events.warn(format!("{}: no report could be written: {error}", out.display()));
                Ok(())
            }
            Ok(_) => Ok(()),
        }
    }

    /// Whether any run has scores.
    pub fn has_scores(&self) -> bool {
        self.finished > 0
    }

    /// Writes the final report over all finished runs, and prints its table, which is returned.
    ///
    /// # Errors
    /// A table is damaged, or a file cannot be written.
    pub fn finish(&self, runs: &[Stored], search: Option<Search>, events: &Events) -> Result<String, Failure> {
        let (written, files) = report::write(runs, self.notes, search, &self.out)?;
        let text = terminal::report(&written, Charset::Unicode);
        if self.json {
            println!("{}", crate::cli::report::to_json(&written));
        } else {
            print!("{text}");
        }
        events.emit(Kind::Report { page: files.page.clone() });
        Ok(format!("{text}report: {}\n", files.page.display()))
    }
}
