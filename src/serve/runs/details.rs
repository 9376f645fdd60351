//! All runs, and what there is to know of one.

use std::collections::BTreeMap;

use axum::extract::{Path, State};
use axum::response::Response;
use polars::prelude::{DataFrame, DataType};
use serde_json::{Map, Value, json};

use super::super::error::{Answer, Refusal};
use super::super::state::{Inner, Shared, quick};
use super::super::{answer, image};
use super::catalog::Rows;
use super::report::{PAGE, Whose, known_file};
use super::summaries::{self, Summary};
use crate::evaluate::metric::{LengthUnit, MetricId};
use crate::evaluate::{Score, table};
use crate::store::Stored;
use crate::store::history::read_history;

/// `GET /api/runs`.
pub async fn all(State(state): State<Shared>) -> Answer<Response> {
    let all = quick(&state, |state| Ok(state.catalog.rows())).await?;
    quick(&state, move |state| listed(state, &all)).await.map(|value| answer::json(&value))
}

/// Runs by experiment, with the reports on it; and reports on several experiments, which have names of their own.
fn listed(state: &Inner, all: &Rows) -> Answer<Value> {
    let mut experiments: BTreeMap<&str, Vec<Value>> = BTreeMap::new();
    for row in &all.rows {
        experiments.entry(&row.listed.experiment).or_default().push(row.to_json());
    }
    let summaries = summaries::all(&state.settings.reports);
    let others = summaries.iter().filter(|it| !experiments.contains_key(it.name.as_str()));
    let others = others.map(|it| Ok(json!({ "name": it.name, "pages": it.to_json(state)? })));
    let others = others.collect::<Answer<Vec<Value>>>()?;
    let of = |name: &str| summaries.iter().find(|it| it.name == name);
    let experiments = experiments.into_iter().map(|(name, runs)| {
        let reports = of(name).map_or_else(|| Ok(json!([])), |it| it.to_json(state))?;
        Ok(json!({ "name": name, "runs": runs, "reports": reports }))
    });
    let experiments = experiments.collect::<Answer<Vec<Value>>>()?;
    Ok(json!({ "experiments": experiments, "reports": others, "problems": all.problems }))
}

/// `GET /api/runs/ID`.
pub async fn one(State(state): State<Shared>, Path(id): Path<String>) -> Answer<Response> {
    quick(&state, move |state| details(state, &id)).await.map(|value| answer::json(&value))
}

/// `GET /api/runs/ID/plan`.
pub async fn plan(State(state): State<Shared>, Path(id): Path<String>) -> Answer<Response> {
    let text = quick(&state, move |state| {
        let run = state.catalog.open(&id)?;
        run.plan.to_toml().map_err(Refusal::failed)
    });
    Ok(answer::typed("text/plain; charset=utf-8", text.await?.into_bytes()))
}

fn details(state: &Inner, id: &str) -> Answer<Value> {
    let mut row = state.catalog.find(id)?;
    let run = Stored::open(&row.listed.folder)?;
    // The list may be a moment old, and the page asks when it hears that a run goes on.
    row.listed.status = run.status()?;
    let scores = scores(&run);
    let mut value = row.to_json();
    let settings = row.listed.settings.iter().map(|setting| json!({ "key": setting.key, "value": setting.value }));
    value["description"] = json!(run.plan.about.description);
    value["structures"] = image::structures(&run.plan.target, &[]);
    value["channels"] = json!(channels(&run));
    value["history"] = history(&run);
    value["cases"] = Value::Array(
        run.plan
            .predicted()
            .map(|(role, case)| {
                json!({
                    "name": case.name, "role": role.name(), "predicted": predicted_file(&run, &case.name).is_some(),
                    "dice": mean_dice(&scores, &case.name), "scores": scores_of(&scores, &case.name),
                })
            })
            .collect(),
    );
    let has_report = known_file(&run.evaluation().report(), PAGE).is_ok();
    let of_run = || state.reports.url(&Whose::Run(row.id.clone()), PAGE);
    value["report"] = json!(has_report.then(of_run).transpose()?);
    value["experiment-reports"] = experiment_reports(state, &row.listed.experiment)?;
    value["can-stop"] = json!(state.processes.has(&row.listed));
    value["settings"] = Value::Array(settings.collect());
    Ok(value)
}

/// The reports on an experiment as a whole.
fn experiment_reports(state: &Inner, name: &str) -> Answer<Value> {
    let found: Option<Summary> = summaries::all(&state.settings.reports).into_iter().find(|it| it.name == name);
    found.map_or_else(|| Ok(json!([])), |it| it.to_json(state))
}

/// Names of the channels, from the dataset file beside the run; numbers where it names none.
fn channels(run: &Stored) -> Vec<String> {
    let count = run.plan.work.training().map_or(1, |training| training.channels);
    let dataset = dataset(run);
    let named = dataset.as_ref().and_then(|it| it.get("channel")).and_then(toml::Value::as_array);
    let names: Vec<String> =
        named.into_iter().flatten().filter_map(|channel| Some(channel.get("name")?.as_str()?.to_owned())).collect();
    if names.is_empty() { (0..count).map(|channel| channel.to_string()).collect() } else { names }
}

fn dataset(run: &Stored) -> Option<toml::Value> {
    let [_, path] = run.folder.specs();
    toml::from_str(&std::fs::read_to_string(path).ok()?).ok()
}

/// Modality of the dataset, as its file says.
pub fn modality(run: &Stored) -> Option<String> {
    Some(dataset(run)?.get("modality")?.as_str()?.to_owned())
}

/// The predicted file of a case, if it is there.
pub fn predicted_file(run: &Stored, case: &str) -> Option<std::path::PathBuf> {
    let is_name = crate::corrections::is_file_name(case);
    let path = crate::predict::export::file(run.prediction().path(), case);
    // A link in a folder that came from elsewhere may lead anywhere.
    let is_inside = || {
        let [file, folder] = [&path, run.prediction().path()].map(|path| path.canonicalize());
        file.ok().zip(folder.ok()).is_some_and(|(file, folder)| file.starts_with(folder))
    };
    (is_name && is_inside()).then_some(path)
}

/// The scores of a run; none before it is scored.
pub fn scores(run: &Stored) -> Vec<Score> {
    let (path, _) = run.evaluation().scores();
    let names = run.structures();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let read = table::read(&path).and_then(|frame| table::rename_structures(&frame, &names));
    read.and_then(|frame| table::scores(&frame)).unwrap_or_default()
}

fn metric(score: &Score, name: &str) -> Option<f64> {
    name.parse::<MetricId>().ok().and_then(|metric| score[metric])
}

fn mean_dice(scores: &[Score], case: &str) -> Option<f64> {
    let all: Vec<f64> =
        scores.iter().filter(|score| score.case == case).filter_map(|score| metric(score, "dice")).collect();
    (!all.is_empty()).then(|| all.iter().sum::<f64>() / all.len() as f64)
}

/// Dice, IoU and the 95th percentile of the surface distances (mm, voxels without a spacing) of each structure of a case.
pub fn scores_of(scores: &[Score], case: &str) -> Value {
    let of_case = scores.iter().filter(|score| score.case == case);
    let values = |score: &Score| {
        let [dice, iou, hd95] = ["dice", "iou", "hd95"].map(|name| metric(score, name));
        let unit = score.distance_unit.map(LengthUnit::name);
        json!({ "dice": dice, "iou": iou, "hd95": hd95, "unit": unit })
    };
    Value::Object(of_case.map(|score| (score.structure.clone(), values(score))).collect())
}

/// Volumes in mL by structure: of the reference and of the prediction, as scored.
pub fn volumes_of(scores: &[Score], case: &str) -> [Value; 2] {
    let of = |get: fn(&Score) -> Option<f64>| {
        let each = scores.iter().filter(|score| score.case == case);
        Value::Object(each.filter_map(|score| Some((score.structure.clone(), json!(get(score)?)))).collect())
    };
    [of(|score| score.reference_ml), of(|score| score.prediction_ml)]
}

fn history(run: &Stored) -> Value {
    let frame = read_history(&run.folder).ok().flatten();
    let numbers = |name: &str| frame.as_ref().map_or_else(|| json!([]), |frame| json!(column(frame, name)));
    let mut curves = Map::new();
    for (key, name) in [
        ("epoch", "epoch"),
        ("loss", "loss"),
        ("validation-dice", "validation_dice"),
        ("validation-iou", "validation_iou"),
    ] {
        curves.insert(key.to_owned(), numbers(name));
    }
    Value::Object(curves)
}

fn column(frame: &DataFrame, name: &str) -> Vec<Option<f64>> {
    let column = frame.column(name).and_then(|column| column.cast(&DataType::Float64));
    let numbers = column.as_ref().ok().and_then(|column| column.f64().ok());
    numbers.map(|numbers| numbers.iter().collect()).unwrap_or_default()
}
