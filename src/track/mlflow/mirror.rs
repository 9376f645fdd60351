//! Makes an MLflow server know what is in a run folder. What it knows already is not sent again.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde_json::{Value, json};

use super::client::Client;
use super::wanted::{self, IDENTITY, Metric};
use crate::spec::tracking::Mlflow;
use crate::store::{Manifest, Stored};
use crate::track::TrackError;

/// Metrics, parameters and tags that one call may carry.
const MOST: [usize; 3] = [1000, 100, 100];

/// A run on a server.
pub struct Mirror {
    client: Client,
    settings: Mlflow,
    run: Stored,
    /// Its id there.
    id: String,
    /// Where its files are stored.
    store: String,
    /// Steps of each metric that are there.
    known: BTreeMap<String, BTreeSet<usize>>,
    status: String,
}

/// What was sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sent {
    /// Values of metrics.
    pub metrics: usize,
    /// Parameters.
    pub params: usize,
    /// Files.
    pub files: usize,
}

impl std::ops::AddAssign for Sent {
    fn add_assign(&mut self, other: Self) {
        (self.metrics, self.params, self.files) =
            (self.metrics + other.metrics, self.params + other.params, self.files + other.files);
    }
}

impl Mirror {
    /// Finds a run on the server, or creates it, with its tags and parameters.
    ///
    /// # Errors
    /// The server is away or refuses, or the manifest is damaged.
    pub fn open(run: &Stored, settings: &Mlflow, client: Client) -> Result<(Self, Sent), TrackError> {
        let name = settings.experiment.as_ref().unwrap_or(&run.plan.about.experiment);
        let experiment = experiment(&client, name)?;
        let manifest = run.folder.read_manifest().map_err(TrackError::run)?;
        let filter = format!("tags.`{IDENTITY}` = '{}'", run.ids.evaluation);
        let query = json!({ "experiment_ids": [experiment], "filter": filter, "max_results": 1 });
        let found = client.post("runs/search", &query)?.pointer("/runs/0").cloned();
        let there = match found {
            Some(there) => there,
            None => create(&client, &experiment, run, manifest.as_ref())?,
        };
        let text = |path: &str| there.pointer(path).and_then(Value::as_str).unwrap_or_default().to_owned();
        let mirror = Self {
            id: text("/info/run_id"),
            store: text("/info/artifact_uri"),
            status: text("/info/status"),
            client,
            settings: settings.clone(),
            run: run.clone(),
            known: BTreeMap::new(),
        };
        let mut sent = Sent::default();
        let known: Vec<&str> = there
            .pointer("/data/params")
            .and_then(Value::as_array)
            .map(|all| all.iter().filter_map(|param| param["key"].as_str()).collect())
            .unwrap_or_default();
        let missing: Vec<Value> = wanted::params(run)
            .into_iter()
            .filter(|(key, _)| !known.contains(&key.as_str()))
            .map(|(key, value)| json!({ "key": key, "value": value }))
            .collect();
        for part in missing.chunks(MOST[1]) {
            mirror.client.post("runs/log-batch", &json!({ "run_id": mirror.id, "params": part }))?;
            sent.params += part.len();
        }
        Ok((mirror, sent))
    }

    /// Sends the curves, and the scores of a finished run, that the server does not know.
    ///
    /// # Errors
    /// The server is away or refuses, or a file of the run is damaged.
    pub fn send_metrics(&mut self) -> Result<Sent, TrackError> {
        let mut missing: Vec<Metric> = Vec::new();
        for metric in wanted::metrics(&self.run).map_err(TrackError::run)? {
            if !self.known.contains_key(&metric.key) {
                let steps = self.steps(&metric.key)?;
                self.known.insert(metric.key.clone(), steps);
            }
            if self.known.get(&metric.key).is_none_or(|steps| !steps.contains(&metric.step)) {
                missing.push(metric);
            }
        }
        for part in missing.chunks(MOST[0]) {
            let values: Vec<Value> = part
                .iter()
                .map(|it| json!({ "key": it.key, "value": number(it.value), "timestamp": it.time, "step": it.step }))
                .collect();
            self.client.post("runs/log-batch", &json!({ "run_id": self.id, "metrics": values }))?;
            for metric in part {
                self.known.entry(metric.key.clone()).or_default().insert(metric.step);
            }
        }
        Ok(Sent { metrics: missing.len(), ..Sent::default() })
    }

    /// The steps of a metric that the server knows.
    fn steps(&self, key: &str) -> Result<BTreeSet<usize>, TrackError> {
        let (mut steps, mut page) = (BTreeSet::new(), String::new());
        loop {
            let mut query = vec![("run_id", self.id.as_str()), ("metric_key", key), ("max_results", "10000")];
            if !page.is_empty() {
                query.push(("page_token", &page));
            }
            let answer = match self.client.get("metrics/get-history", &query) {
                // Servers before 2.9 know an unknown metric as an error.
                Err(TrackError::Refused { code, .. }) if code == "RESOURCE_DOES_NOT_EXIST" => return Ok(steps),
                answer => answer?,
            };
            let values = answer.get("metrics").and_then(Value::as_array).cloned().unwrap_or_default();
            let step = |value: &Value| match &value["step"] {
                Value::String(text) => text.parse().ok(),
                other => other.as_u64().map(|step| step as usize),
            };
            steps.extend(values.iter().map(|value| step(value).unwrap_or_default()));
            match answer.get("next_page_token").and_then(Value::as_str).filter(|token| !token.is_empty()) {
                Some(token) => page = token.to_owned(),
                None => return Ok(steps),
            }
        }
    }

    /// Says how the run ended, or that it goes on.
    ///
    /// # Errors
    /// The server is away or refuses, or the manifest is damaged.
    pub fn send_status(&mut self) -> Result<(), TrackError> {
        let Some(manifest) = self.run.folder.read_manifest().map_err(TrackError::run)? else { return Ok(()) };
        let (status, ended) = wanted::status(&manifest);
        if status != self.status {
            let update = json!({ "run_id": self.id, "status": status, "end_time": ended });
            self.client.post("runs/update", &update)?;
            status.clone_into(&mut self.status);
        }
        Ok(())
    }

    /// Sends the files of a finished run that are not there, or have another size there.
    ///
    /// # Errors
    /// The server is away or refuses, stores files elsewhere, or a file cannot be read.
    pub fn send_files(&self) -> Result<Sent, TrackError> {
        let files = wanted::files(&self.run, &self.settings);
        let Some(place) = self.store.strip_prefix("mlflow-artifacts:/") else {
            return Err(TrackError::Elsewhere { store: self.store.clone(), url: self.client.url().to_owned() });
        };
        let mut folders: BTreeMap<String, BTreeMap<String, u64>> = BTreeMap::new();
        let mut sent = 0;
        for (name, path) in files {
            let folder = name.rsplit_once('/').map_or("", |(folder, _)| folder).to_owned();
            if !folders.contains_key(&folder) {
                folders.insert(folder.clone(), self.list(&folder)?);
            }
            let size = path.metadata().map_or(0, |metadata| metadata.len());
            if folders[&folder].get(&name) != Some(&size) {
                self.client.put(&format!("{}/{name}", place.trim_start_matches('/')), &path)?;
                sent += 1;
            }
        }
        Ok(Sent { files: sent, ..Sent::default() })
    }

    /// Files in a folder of the server, with their sizes.
    fn list(&self, folder: &str) -> Result<BTreeMap<String, u64>, TrackError> {
        let mut query = vec![("run_id", self.id.as_str())];
        if !folder.is_empty() {
            query.push(("path", folder));
        }
        let answer = self.client.get("artifacts/list", &query)?;
        let files = answer.get("files").and_then(Value::as_array).cloned().unwrap_or_default();
        let size = |file: &Value| match &file["file_size"] {
            Value::String(text) => text.parse().ok(),
            other => other.as_u64(),
        };
        Ok(files.iter().filter_map(|file| Some((file["path"].as_str()?.to_owned(), size(file)?))).collect())
    }

    /// Where the run can be looked at.
    pub fn page(&self, experiment: &str) -> PathBuf {
        format!("{}/#/experiments/{experiment}/runs/{}", self.client.url(), self.id).into()
    }
}

/// The id of an experiment, which is created if there is none of this name.
fn experiment(client: &Client, name: &str) -> Result<String, TrackError> {
    let id = |answer: &Value, path: &str| answer.pointer(path).and_then(Value::as_str).map(str::to_owned);
    let found = || client.get("experiments/get-by-name", &[("experiment_name", name)]);
    let answer = match found() {
        Err(TrackError::Refused { code, .. }) if code == "RESOURCE_DOES_NOT_EXIST" => {
            match client.post("experiments/create", &json!({ "name": name })) {
                // Another run has created it meanwhile.
                Err(TrackError::Refused { code, .. }) if code == "RESOURCE_ALREADY_EXISTS" => found()?,
                created => return Ok(id(&created?, "/experiment_id").unwrap_or_default()),
            }
        }
        found => found?,
    };
    let stage = answer.pointer("/experiment/lifecycle_stage").and_then(Value::as_str);
    match id(&answer, "/experiment/experiment_id") {
        Some(id) if stage != Some("deleted") => Ok(id),
        _ => Err(TrackError::Refused {
            url: client.url().to_owned(),
            status: 400,
            code: "INVALID_STATE".into(),
            reason: format!(
                "the experiment {name} was deleted there: restore it, or name another in `track.mlflow.experiment`"
            ),
        }),
    }
}

fn create(client: &Client, experiment: &str, run: &Stored, manifest: Option<&Manifest>) -> Result<Value, TrackError> {
    let name = [run.plan.name(), run.id()].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ");
    let tags: Vec<Value> =
        wanted::tags(run, manifest).into_iter().map(|(key, value)| json!({ "key": key, "value": value })).collect();
    let started = wanted::started(manifest);
    let body = json!({ "experiment_id": experiment, "run_name": name, "start_time": started, "tags": tags });
    let created = client.post("runs/create", &body)?.get("run").cloned().unwrap_or_default();
    let id = created.pointer("/info/run_id").cloned().unwrap_or_default();
    client.post("runs/log-inputs", &json!({ "run_id": id, "datasets": [wanted::dataset(run)] }))?;
    Ok(created)
}

/// A number as JSON; what JSON has no number for is a text.
fn number(value: f64) -> Value {
    match value {
        value if value.is_nan() => "NaN".into(),
        value if value.is_infinite() => if value > 0.0 { "Infinity" } else { "-Infinity" }.into(),
        value => value.into(),
    }
}
