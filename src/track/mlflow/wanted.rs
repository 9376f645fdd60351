//! What MLflow should know of a run, read from its folder.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde_json::{Value, json};

use crate::observe::{self, Event, Kind, Outcome};
use crate::run::RunError;
use crate::spec::tracking::Mlflow;
use crate::store::{Manifest, REPORT, Status, Stored};
use crate::track::facts;
use crate::train;

/// The longest value of a parameter that servers take.
const LONGEST: usize = 500;

/// A value at a step.
#[derive(Clone, Debug, PartialEq)]
pub struct Metric {
    /// Its name.
    pub key: String,
    /// Training steps.
    pub step: usize,
    /// Milliseconds since 1970.
    pub time: u64,
    /// The value.
    pub value: f64,
}

/// Tags of a run; `segspec.evaluation` tells it from all others.
pub fn tags(run: &Stored, manifest: Option<&Manifest>) -> Vec<(String, String)> {
    let about = &run.plan.about;
    let mut tags = vec![
        (IDENTITY.to_owned(), run.ids.evaluation.clone()),
        ("segspec.run".into(), run.ids.training.clone()),
        ("segspec.prediction".into(), run.ids.prediction.clone()),
        ("segspec.experiment".into(), about.experiment.clone()),
        ("segspec.dataset".into(), run.plan.data.dataset.clone()),
        ("mlflow.source.name".into(), "segspec".into()),
        ("mlflow.source.type".into(), "LOCAL".into()),
    ];
    if let Ok(user) = std::env::var("USER") {
        tags.push(("mlflow.user".into(), user));
    }
    if !about.description.is_empty() {
        tags.push(("mlflow.note.content".into(), about.description.clone()));
    }
    if let Some(manifest) = manifest {
        let version = manifest.versions.get("segspec").cloned().unwrap_or_default();
        tags.extend([("segspec.version".into(), version), ("segspec.device".into(), manifest.device.clone())]);
        if let Some(git) = &manifest.git {
            tags.push(("mlflow.source.git.commit".into(), git.commit.clone()));
            let is_clean = git.diff.is_none() && git.untracked.is_empty();
            tags.push(("segspec.git.clean".into(), is_clean.to_string()));
        }
    }
    tags
}

/// The tag that tells runs apart.
pub const IDENTITY: &str = "segspec.evaluation";

/// Parameters of a run.
pub fn params(run: &Stored) -> Vec<(String, String)> {
    let text = |value: Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let short = |text: String| match text.char_indices().nth(LONGEST) {
        Some((end, _)) => text[..end].to_owned(),
        None => text,
    };
    facts::settings(&run.plan).into_iter().map(|(key, value)| (allowed(&key), short(text(value)))).collect()
}

/// The input of a run.
pub fn dataset(run: &Stored) -> Value {
    let mut hasher = blake3::Hasher::new();
    for case in &run.plan.data.cases {
        hasher.update(json!([case.role.name(), case.content]).to_string().as_bytes());
    }
    let digest = hasher.finalize().to_hex()[..16].to_owned();
    let source = json!({ "root": run.plan.data.root }).to_string();
    json!({
        "tags": [{ "key": "mlflow.data.context", "value": "training" }],
        "dataset": { "name": run.plan.data.dataset, "digest": digest, "source_type": "local", "source": source },
    })
}

/// Curves of a run, and its scores once it is finished. Of epochs that were trained twice, the first; they are equal.
///
/// # Errors
/// The log or a table cannot be read.
pub fn metrics(run: &Stored) -> Result<Vec<Metric>, RunError> {
    let log = run.folder.events();
    let events = observe::log::read(&log).map_err(RunError::file(log))?;
    let structures = run.structures();
    let (mut found, mut last) = (BTreeMap::new(), (0, 0));
    for event in &events {
        let Kind::Training(train::Event::Epoch(record)) = &event.kind else { continue };
        let time = milliseconds(event);
        last = last.max((record.step, time));
        for (key, value) in facts::of_epoch(record, &structures) {
            let key = allowed(&key);
            let metric = Metric { key: key.clone(), step: record.step, time, value };
            found.entry((key, record.step)).or_insert(metric);
        }
    }
    let mut metrics: Vec<Metric> = found.into_values().collect();
    if run.status_without_lock()? == Status::Finished {
        let (step, time) = (last.0, events.last().map_or(last.1, milliseconds));
        let scores = facts::scores(run)?.into_iter();
        metrics.extend(scores.map(|(key, value)| Metric { key: allowed(&key), step, time, value }));
    }
    Ok(metrics)
}

/// The state in MLflow's words, and when the run ended.
pub fn status(manifest: &Manifest) -> (&'static str, Option<u64>) {
    let last = manifest.sessions.last();
    let ended = last.and_then(|session| session.ended.as_deref()).map(of_time);
    match last.and_then(|session| session.outcome.as_ref()) {
        Some(Outcome::Finished | Outcome::Skipped) => ("FINISHED", ended),
        Some(Outcome::Failed { .. }) => ("FAILED", ended),
        Some(Outcome::Stopped) => ("KILLED", ended),
        Some(Outcome::Paused { .. } | Outcome::Busy { .. }) | None => ("RUNNING", None),
    }
}

/// When the run began.
pub fn started(manifest: Option<&Manifest>) -> u64 {
    let first = manifest.and_then(|manifest| manifest.sessions.first());
    first.map_or_else(|| since(SystemTime::now()), |session| of_time(&session.started))
}

/// The files that are sent, with their names there. Those of the report are in its folder.
pub fn files(run: &Stored, settings: &Mlflow) -> Vec<(String, PathBuf)> {
    let (folder, evaluation) = (&run.folder, run.evaluation());
    let mut found = vec![run.prediction().plan(), folder.manifest(), folder.history(), evaluation.scores().1];
    if settings.weights {
        found.push(folder.best_weights());
    }
    let name = |path: &Path| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let mut named: Vec<(String, PathBuf)> = found.into_iter().map(|path| (name(&path), path)).collect();
    below(&evaluation.report(), REPORT, &mut named);
    named.retain(|(_, path)| path.is_file());
    named
}

fn below(folder: &Path, prefix: &str, found: &mut Vec<(String, PathBuf)>) {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    for path in entries.map(|entry| entry.path()) {
        let name = format!("{prefix}/{}", path.file_name().unwrap_or_default().to_string_lossy());
        if path.is_dir() { below(&path, &name, found) } else { found.push((name, path)) }
    }
}

/// A name with what MLflow allows: letters, digits, `_`, `-`, `.`, `/`, spaces.
fn allowed(name: &str) -> String {
    let is_allowed = |letter: char| letter.is_ascii_alphanumeric() || "_-./ ".contains(letter);
    name.chars().map(|letter| if is_allowed(letter) { letter } else { '_' }).collect()
}

fn milliseconds(event: &Event) -> u64 {
    of_time(&event.time)
}

fn of_time(time: &str) -> u64 {
    humantime::parse_rfc3339(time).map_or(0, since)
}

fn since(time: SystemTime) -> u64 {
    time.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}
