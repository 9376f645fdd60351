//! What there is to know of one case of a run. [`super::voxels`] has its files.

use axum::extract::{Path, State};
use axum::response::Response;
use serde_json::{Value, json};

use super::super::clicks::takes_clicks;
use super::super::error::{Answer, Refusal};
use super::super::failures::without_folders;
use super::super::percent::encoded;
use super::super::state::{Inner, Shared, working};
use super::super::{answer, formats, image as images, worst};
use super::details::{modality, predicted_file, scores, scores_of, volumes_of};
use crate::corrections::{self, Added, Correction, Known, of_all};
use crate::dataset::{Case, Target, TargetStructure, read_label};
use crate::plan::PlannedCase;
use crate::predict::export;
use crate::run::cases::proven;
use crate::store::Stored;
use crate::volume::{self, Geometry, Segmentation};

/// Colour of structures that state none.
const GREY: [u8; 3] = [128; 3];

/// A run and its plan of a case, which exists.
///
/// # Errors
/// There is no such run or case.
pub fn found_case(state: &Inner, id: &str, name: &str) -> Answer<(Stored, PlannedCase)> {
    let run = state.catalog.open(id)?;
    let planned = run.plan.data.cases.iter().find(|case| case.name == name && corrections::is_file_name(name));
    let planned = planned.cloned().ok_or_else(|| Refusal::missing("case"))?;
    Ok((run, planned))
}

/// The case with its files, which are those of the plan.
///
/// # Errors
/// They are not where the plan says, or have changed.
pub fn files_of(state: &Inner, run: &Stored, name: &str) -> Answer<Case> {
    let case = proven(run, name, state.settings.explicit_data_root.as_deref())?;
    case.ok_or_else(|| Refusal::missing("case"))
}

/// The prediction of a case.
///
/// # Errors
/// There is none, or it cannot be read.
pub fn predicted(run: &Stored, name: &str) -> Answer<Segmentation> {
    predicted_file(run, name).ok_or_else(|| Refusal::missing("prediction"))?;
    Ok(export::read(run.prediction().path(), name, &run.plan.target)?)
}

/// What changes whenever a file is written anew.
pub fn stamp(path: &std::path::Path) -> String {
    let metadata = std::fs::metadata(path).ok();
    let changed = metadata.as_ref().and_then(|metadata| metadata.modified().ok());
    format!("{:?} {:?}", changed, metadata.map(|metadata| metadata.len()))
}

/// `GET /api/runs/ID/cases/CASE`.
pub async fn show_case(State(state): State<Shared>, Path((id, name)): Path<(String, String)>) -> Answer<Response> {
    working(&state, move |state| describe(state, &id, &name)).await.map(|value| answer::json(&value))
}

fn describe(state: &Inner, id: &str, name: &str) -> Answer<Value> {
    let row = state.catalog.find(id)?;
    let (id, can_segment) = (&row.id, row.can_segment());
    let (run, planned) = found_case(state, id, name)?;
    let target = &run.plan.target;
    let url = |what: &str| format!("/api/runs/{id}/cases/{}/{what}", encoded(name));
    // Predictions are shown also where the data is not on this machine.
    let (case, problem) = match files_of(state, &run, name) {
        Ok(case) => (Some(case), None),
        Err(refusal) => (None, Some(refusal.text())),
    };
    let grid = case.as_ref().map(|case| grid_of(&run, case)).transpose()?;
    let of_image = |(grid, channels): &(Geometry, usize)| {
        images::about(name, &url("image"), grid, *channels, modality(&run).as_deref())
    };
    let of_labels = |what: &str, grid: &Geometry, overlap: bool| {
        images::about_labels(what, &url(what), grid, overlap.then_some(target.structures.len()))
    };
    let image = grid.as_ref().map(of_image);
    let reference = case.as_ref().filter(|case| case.label.is_some()).and(grid.as_ref());
    let reference = reference.map(|(grid, _)| of_labels("reference", grid, target.overlapping));
    let prediction_grid = predicted_file(&run, name).map(|path| volume::read_geometry(&path)).transpose()?;
    let prediction = prediction_grid.as_ref().map(|grid| {
        let mut about = of_labels("prediction", grid, target.has_masks());
        about["id"] = json!(run.ids.prediction);
        about
    });
    let series = case.as_ref().is_some_and(formats::is_series);
    let has_spacing = prediction_grid.as_ref().or(grid.as_ref().map(|(grid, _)| grid)).is_some_and(|it| it.has_spacing);
    let saved = |of: &str| formats::offered(series, has_spacing, |format| url(&format!("files/{format}?of={of}")));
    let worst = match (&case, prediction.is_some()) {
        (Some(case), true) if case.label.is_some() => worst_of(state, &run, case)?,
        _ => Value::Null,
    };
    let scores = scores(&run);
    let [reference_ml, prediction_ml] = volumes_of(&scores, name);
    let (previous, next) = neighbours(&run, name);
    let (corrections, added, trouble) = corrections_of(state, &run);
    let known = Known::of(&run);
    let corrected = corrections.into_iter().find(|it| it.case == name);
    let corrected = corrected.map(|it| correction_json(&it, &url("correction"), [series, has_spacing]));
    Ok(json!({
        "case": name, "role": planned.role.name(), "images": image.into_iter().collect::<Vec<_>>(), "problem": problem,
        "reference": reference, "prediction": prediction, "probabilities": state.jobs.probabilities(id, name),
        "corrections-problem": trouble, "can-segment": can_segment, "takes-clicks": can_segment && case.is_some() && takes_clicks(&run),
        "structures": images::structures(target, &added), "taken-values": known.taken(target),
        "taken-names": known.names().collect::<Vec<_>>(), "other-structures": others(&known, target), "ignored-value": target.ignore,
        "volumes": { "reference": reference_ml, "prediction": prediction_ml }, "scores": scores_of(&scores, name),
        "worst": worst, "next": next, "previous": previous,
        "downloads": prediction_grid.as_ref().map_or_else(|| json!([]), |_| saved("prediction")), "correction": corrected,
    }))
}

/// The corrections of a run, and what was added in any of them, which can be drawn in all; or why there are none. Images and predictions are
/// shown in any case.
fn corrections_of(state: &Inner, run: &Stored) -> (Vec<Correction>, Vec<Added>, Option<String>) {
    let found = corrections::list(run).map_err(|error| error.to_string());
    let found = found.and_then(|all| of_all(&all).map(|added| (all, added)));
    match found {
        Ok((all, added)) => (all, added, None),
        Err(reason) => (Vec::new(), Vec::new(), Some(without_folders(&state.settings, &reason))),
    }
}

/// Structures of the reference that the run does not segment.
fn others(known: &Known, target: &Target) -> Vec<Value> {
    // Where structures overlap, a value stands for a set of them and has no name of its own.
    let others = known.others(target).filter(|_| !target.overlapping);
    others.map(|(name, value)| json!({ "name": name, "value": value })).collect()
}

/// A correction as the page knows it; `url` is where its voxels are. A DICOM SEG is offered for a series, surfaces for voxels of known size.
pub fn correction_json(correction: &Correction, url: &str, [is_series, has_surfaces]: [bool; 2]) -> Value {
    let base = url.strip_suffix("/correction").unwrap_or(url);
    json!({
        "downloads": formats::offered(is_series, has_surfaces, |format| format!("{base}/files/{format}?of=correction")),
        "case": correction.case, "who": correction.who, "when": correction.when, "base": correction.base, "url": url,
        "prediction": correction.prediction,
        "changed": correction.changed, "structures": correction.structures, "version": correction.version(),
    })
}

/// The structures of a target, and those that a person added.
pub fn with_added(mut target: Target, correction: &Correction) -> Target {
    let added = correction.structures.iter();
    target.structures.extend(added.map(|it| more(&it.name, it.value, it.rgb().unwrap_or(GREY))));
    target
}

/// The same with the structures of the dataset that the run does not segment: corrected labels that began with the reference hold them.
pub fn with_others(mut target: Target, known: &Known) -> Target {
    if !target.overlapping {
        let others: Vec<TargetStructure> = known.others(&target).map(|(name, value)| more(name, value, GREY)).collect();
        target.structures.extend(others);
    }
    target
}

fn more(name: &str, value: u16, color: [u8; 3]) -> TargetStructure {
    let (name, values, members) = (name.to_owned(), vec![value], vec![name.to_owned()]);
    TargetStructure { name, values, value, members, color, code: None, instances: false, tubular: false }
}

/// The grid of the image; that of the prediction is the same and is read faster.
///
/// # Errors
/// The image cannot be read.
pub fn grid_of(run: &Stored, case: &Case) -> Answer<(Geometry, usize)> {
    let several = case.images.len() > 1;
    match predicted_file(run, &case.name).filter(|_| several) {
        Some(path) => Ok((volume::read_geometry(&path)?, case.images.len())),
        None => images::grid(case),
    }
}

/// Compared once for every prediction: it takes the time of reading both.
fn worst_of(state: &Inner, run: &Stored, case: &Case) -> Answer<Value> {
    let path = predicted_file(run, &case.name).ok_or_else(|| Refusal::missing("prediction"))?;
    let planned = run.plan.data.cases.iter().find(|planned| planned.name == case.name);
    let label = planned.and_then(|planned| planned.content.label.clone()).unwrap_or_default();
    let key = ["worst", &path.to_string_lossy(), &stamp(&path), &label];
    let file = state.volumes.get(&key, "json", |place| {
        let prediction = predicted(run, &case.name)?;
        let reference = read_label(case, prediction.geometry())?;
        let worst = worst::worst(&reference, &prediction, &run.plan.target);
        std::fs::write(place, worst.to_string()).map_err(|error| Refusal::failed(crate::files::reason(&error)))
    })?;
    serde_json::from_reader(file).map_err(Refusal::failed)
}

/// The predicted cases before and after a case.
fn neighbours(run: &Stored, name: &str) -> (Option<String>, Option<String>) {
    let names: Vec<&str> = run.plan.predicted().map(|(_, case)| case.name.as_str()).collect();
    let place = names.iter().position(|other| *other == name);
    let at = |place: Option<usize>| place.and_then(|place| names.get(place)).map(|name| (*name).to_owned());
    (at(place.and_then(|place| place.checked_sub(1))), at(place.map(|place| place + 1)))
}
