//! TensorBoard: event files in the folder of a run, written while it trains.

pub mod event;

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use self::event::{
    End, Event, Experiment, Given, HParamInfo, MetricInfo, MetricName, Session, SessionLog, Setting, Start, Summary,
    VERSION, Value, What, hparams, image, scalar, text,
};
use super::facts;
use crate::observe::{self, Kind, Listener, Outcome};
use crate::plan::Plan;
use crate::run::RunError;
use crate::spec::tracking::TensorBoard;
use crate::store::Stored;
use crate::store::manifest::host;
use crate::train;

/// The metrics in the table of hyperparameters.
const METRICS: [&str; 4] = ["test/dice", "test/hd95", "validation/dice", "train/loss"];

/// Writes the events of a run. The file is created with the first of them, so that a run with nothing to do leaves none.
pub struct Writer {
    run: Stored,
    settings: TensorBoard,
    file: Option<File>,
    /// Training steps per epoch, once it has begun.
    steps_per_epoch: usize,
    /// The last step.
    step: usize,
    /// The first file error.
    failed: Option<io::Error>,
}

impl Writer {
    /// For a run.
    pub fn new(run: &Stored, settings: &TensorBoard) -> Self {
        Self { run: run.clone(), settings: settings.clone(), file: None, steps_per_epoch: 0, step: 0, failed: None }
    }

    /// The events of an event of the run, as `(step, values)`.
    fn values(&mut self, kind: &Kind, seconds: f64) -> Result<(usize, Vec<Value>), RunError> {
        use train::Event::{Epoch, Step};
        let values = match kind {
            Kind::Training(Step { epoch, step, loss, learning_rate, patches_per_second }) => {
                self.step = (epoch - 1) * self.steps_per_epoch + step;
                if !self.step.is_multiple_of(self.settings.steps.max(1)) {
                    return Ok((0, Vec::new()));
                }
                vec![
                    scalar("step/loss", *loss),
                    scalar("step/learning-rate", *learning_rate),
                    scalar("step/patches-per-second", *patches_per_second),
                ]
            }
            Kind::Training(Epoch(record)) => {
                self.step = record.step;
                let found = facts::of_epoch(record, &self.run.structures());
                found.into_iter().map(|(name, value)| scalar(name, value)).collect()
            }
            Kind::Ended { outcome: Outcome::Finished, .. } => self.ending(seconds)?,
            Kind::Ended { outcome: Outcome::Failed { .. }, .. } => vec![session_end(2, seconds)],
            _ => Vec::new(),
        };
        Ok((self.step, values))
    }

    /// Scores, pictures and the end of the session.
    fn ending(&self, seconds: f64) -> Result<Vec<Value>, RunError> {
        let scores = facts::scores(&self.run)?;
        let mut values: Vec<Value> = scores.into_iter().map(|(name, value)| scalar(name, value)).collect();
        if self.settings.images {
            for panel in facts::pictures(&self.run)? {
                let bytes = fs::read(&panel.picture).map_err(RunError::file(panel.picture.clone()))?;
                let size = ::image::image_dimensions(&panel.picture).map_err(|error| {
                    RunError::file(panel.picture.clone())(io::Error::new(io::ErrorKind::InvalidData, error))
                })?;
                values.push(image(format!("cases/{}", panel.rank.name().to_lowercase()), bytes, [size.1, size.0]));
            }
        }
        values.push(session_end(1, seconds));
        Ok(values)
    }

    /// Writes values at a step, and before the first of them what a file begins with.
    fn write(&mut self, step: usize, values: Vec<Value>, seconds: f64) -> io::Result<()> {
        let mut bytes = Vec::new();
        let mut add = |step: usize, what: What| {
            bytes.extend(event::record(&Event { wall_time: seconds, step: step as i64, what: Some(what) }));
        };
        let is_first = self.file.is_none();
        if is_first {
            add(0, What::FileVersion(VERSION.into()));
            add(0, What::Summary(Summary { value: beginning(&self.run.plan, &self.run.id(), seconds) }));
        }
        if !values.is_empty() {
            add(step, What::Summary(Summary { value: values }));
        }
        if self.file.is_none() {
            self.file = Some(create(&self.run.folder.tensorboard(), seconds)?);
        }
        // In one call, so that a killed process leaves at most its last record torn, which TensorBoard skips.
        self.file.as_mut().map_or(Ok(()), |file| file.write_all(&bytes))
    }

    /// Says that the training goes on after a step: what an earlier file has beyond it is dropped.
    fn resumed(&mut self, step: usize, seconds: f64) -> io::Result<()> {
        self.write(0, Vec::new(), seconds)?;
        let start =
            Event { wall_time: seconds, step: step as i64 + 1, what: Some(What::SessionLog(SessionLog { status: 1 })) };
        self.file.as_mut().map_or(Ok(()), |file| file.write_all(&event::record(&start)))
    }
}

impl Listener for Writer {
    fn event(&mut self, event: &observe::Event) {
        let seconds = seconds_of(&event.time);
        if let Kind::Training(train::Event::Started { steps_per_epoch, resumed_at, .. }) = &event.kind {
            (self.steps_per_epoch, self.step) = (*steps_per_epoch, *resumed_at);
            let done = self.resumed(*resumed_at, seconds);
            self.failed = self.failed.take().or(done.err());
            return;
        }
        // A damaged table or a full disk is told by the run itself.
        let Ok((step, values)) = self.values(&event.kind, seconds) else { return };
        if !values.is_empty() {
            let done = self.write(step, values, seconds);
            self.failed = self.failed.take().or(done.err());
        }
    }
}

/// Writes the event file of a run that has none, from its log, which has epochs and no steps; whether it did.
///
/// # Errors
/// A file cannot be read or written.
pub fn catch_up(run: &Stored, settings: &TensorBoard) -> Result<bool, RunError> {
    let folder = run.folder.tensorboard();
    // What was written while the run trained has every n-th step, too.
    if !event_files(&folder).is_empty() {
        return Ok(false);
    }
    let log = run.folder.events();
    let events = observe::log::read(&log).map_err(RunError::file(log))?;
    let is_end = |event: &observe::Event| matches!(event.kind, Kind::Ended { .. });
    let last = events.iter().rposition(is_end);
    let mut writer = Writer::new(run, settings);
    for (place, event) in events.iter().enumerate() {
        // Earlier ends had other scores, or none.
        if !is_end(event) || Some(place) == last {
            writer.event(event);
        }
    }
    writer.failed.map_or(Ok(true), |error| Err(RunError::file(folder)(error)))
}

/// The event files in a folder.
pub fn event_files(folder: &Path) -> Vec<PathBuf> {
    let found = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let is_event = |path: &PathBuf| {
        path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("events.out.tfevents."))
    };
    let mut files: Vec<PathBuf> = found.filter(is_event).collect();
    files.sort();
    files
}

/// The hyperparameters and the plan.
fn beginning(plan: &Plan, id: &str, seconds: f64) -> Vec<Value> {
    let settings = facts::hyperparameters(plan);
    let kind = |value: &serde_json::Value| match value {
        serde_json::Value::Bool(_) => 2,
        serde_json::Value::Number(_) => 3,
        _ => 1,
    };
    let infos = settings.iter().map(|(name, value)| HParamInfo { name: name.clone(), kind: kind(value) });
    let metrics = METRICS.map(|tag| MetricInfo { name: Some(MetricName { tag: tag.into() }) });
    let given = |value: &serde_json::Value| match value {
        serde_json::Value::Bool(flag) => Given::Flag(*flag),
        serde_json::Value::Number(number) => Given::Number(number.as_f64().unwrap_or(f64::NAN)),
        other => Given::Text(other.as_str().unwrap_or_default().to_owned()),
    };
    let values = settings.iter().map(|(name, value)| (name.clone(), Setting { given: Some(given(value)) }));
    let name = plan.name();
    let mut all = vec![
        hparams(Session::Experiment(Experiment { hparams: infos.collect(), metrics: metrics.into() })),
        hparams(Session::Start(Start { hparams: values.collect(), group: id.to_owned(), seconds })),
    ];
    let about = format!("{} {id}\n\n{}\n\n{name}", plan.about.experiment, plan.about.description);
    all.push(text("about", about.trim()));
    if let Ok(plan) = plan.to_toml() {
        all.push(text("plan", &format!("```toml\n{plan}\n```")));
    }
    all
}

fn session_end(status: i32, seconds: f64) -> Value {
    hparams(Session::End(End { status, seconds }))
}

/// A new event file, named as TensorBoard does: one per process.
///
/// TensorBoard reads the files in the order of their names, and none that comes before one it has read. The time in a name
/// is therefore later than in every other: process numbers do not sort, and clocks go back.
fn create(folder: &Path, seconds: f64) -> io::Result<File> {
    fs::create_dir_all(folder)?;
    let last = event_files(folder).iter().filter_map(|path| seconds_in(path)).max();
    let seconds = last.map_or(seconds as u64, |last| (seconds as u64).max(last + 1));
    let name = format!("events.out.tfevents.{seconds:010}.{}.{}.0", host(), std::process::id());
    File::options().create(true).append(true).open(folder.join(name))
}

/// The time in the name of an event file.
fn seconds_in(path: &Path) -> Option<u64> {
    let name = path.file_name()?.to_str()?;
    name.strip_prefix("events.out.tfevents.")?.split('.').next()?.parse().ok()
}

/// Seconds since 1970 of an event's time.
fn seconds_of(time: &str) -> f64 {
    let time = humantime::parse_rfc3339(time).unwrap_or_else(|_| SystemTime::now());
    time.duration_since(SystemTime::UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_one_second_are_read_in_the_order_of_their_processes() {
        let folder = tempfile::tempdir().unwrap();
        // A process before this one, whose number sorts behind every other.
        let earlier = folder.path().join(format!("events.out.tfevents.0000000100.{}.99999999.0", host()));
        fs::write(&earlier, []).unwrap();
        for now in [100.7, 90.0] {
            create(folder.path(), now).unwrap();
        }
        let files = event_files(folder.path());
        let times: Vec<_> = files.iter().filter_map(|path| seconds_in(path)).collect();
        assert_eq!(times, [100, 101, 102]);
    }
}
