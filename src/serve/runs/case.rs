//! One case of a run: its image, reference, prediction and corrected labels on one grid.

use std::fs::File;
use std::path::PathBuf;

use axum::extract::{Path, Query, State};
use axum::response::Response;
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::error::{Answer, Refusal};
use super::super::state::{Inner, Shared, working};
use super::super::{answer, image as images, mesh, worst};
use super::details::{modality, predicted_file, scores, scores_of, volumes_of};
use crate::corrections;
use crate::dataset::{Case, read_image, read_label};
use crate::plan::PlannedCase;
use crate::predict::export;
use crate::run::cases::proven;
use crate::store::Stored;
use crate::volume::{self, Geometry, Segmentation};

/// Which part of an image is wanted.
#[derive(Deserialize)]
pub struct Part {
    #[serde(default)]
    channel: Option<usize>,
    #[serde(default)]
    mask: Option<usize>,
}

/// Of which labels a surface is wanted.
#[derive(Deserialize)]
pub struct Of {
    #[serde(default)]
    of: Option<String>,
}

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
fn files_of(state: &Inner, run: &Stored, name: &str) -> Answer<Case> {
    let case = proven(run, name, state.settings.explicit_data_root.as_deref())?;
    case.ok_or_else(|| Refusal::missing("case"))
}

/// The prediction of a case, and what changes whenever it is written anew.
fn predicted(run: &Stored, name: &str) -> Answer<(Segmentation, String)> {
    let path = predicted_file(run, name).ok_or_else(|| Refusal::missing("prediction"))?;
    Ok((export::read(run.prediction().path(), name, &run.plan.target)?, stamp(&path)))
}

fn stamp(path: &std::path::Path) -> String {
    let metadata = std::fs::metadata(path).ok();
    let changed = metadata.as_ref().and_then(|metadata| metadata.modified().ok());
    format!("{:?} {:?}", changed, metadata.map(|metadata| metadata.len()))
}

/// `GET /api/runs/ID/cases/CASE`.
pub async fn show_case(State(state): State<Shared>, Path((id, name)): Path<(String, String)>) -> Answer<Response> {
    working(&state, move |state| describe(state, &id, &name)).await.map(|value| answer::json(&value))
}

fn describe(state: &Inner, id: &str, name: &str) -> Answer<Value> {
    let id = &state.catalog.find(id)?.id;
    let (run, planned) = found_case(state, id, name)?;
    let target = &run.plan.target;
    let url = |what: &str| format!("/api/runs/{id}/cases/{}/{what}", encoded(name));
    let masks = |overlap: bool| overlap.then_some(target.structures.len());
    // Predictions are shown also where the data is not on this machine.
    let (case, problem) = match files_of(state, &run, name) {
        Ok(case) => (Some(case), None),
        Err(refusal) => (None, Some(refusal.text())),
    };
    let grid = case.as_ref().map(|case| grid_of(&run, case)).transpose()?;
    let image = grid
        .as_ref()
        .map(|(grid, channels)| images::about(name, &url("image"), grid, *channels, modality(&run).as_deref()));
    let reference = case.as_ref().filter(|case| case.label.is_some()).and(grid.as_ref());
    let reference = reference
        .map(|(grid, _)| images::about_labels("reference", &url("reference"), grid, masks(target.overlapping)));
    let prediction = predicted_file(&run, name).map(|path| volume::read_geometry(&path)).transpose()?;
    let prediction =
        prediction.map(|grid| images::about_labels("prediction", &url("prediction"), &grid, masks(target.has_masks())));
    let worst = match (&case, prediction.is_some()) {
        (Some(case), true) if case.label.is_some() => worst_of(state, &run, case)?,
        _ => Value::Null,
    };
    let scores = scores(&run);
    let [reference_ml, prediction_ml] = volumes_of(&scores, name);
    let (previous, next) = neighbours(&run, name);
    let corrected = corrections::list(&run)?.into_iter().find(|it| it.case == name);
    Ok(json!({
        "case": name, "role": planned.role.name(), "images": image.into_iter().collect::<Vec<_>>(), "problem": problem,
        "reference": reference, "prediction": prediction, "probabilities": [], "structures": images::structures(target),
        "volumes": { "reference": reference_ml, "prediction": prediction_ml }, "scores": scores_of(&scores, name),
        "worst": worst, "next": next, "previous": previous,
        "correction": corrected.map(|it| correction_json(&it, &url("correction"))),
    }))
}

/// A correction as the page knows it.
pub fn correction_json(correction: &corrections::Correction, url: &str) -> Value {
    json!({
        "case": correction.case, "who": correction.who, "when": correction.when, "base": correction.base, "url": url,
        "changed": correction.changed,
    })
}

/// The grid of the image; that of the prediction is the same and is read faster.
fn grid_of(run: &Stored, case: &Case) -> Answer<(Geometry, usize)> {
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
        let (prediction, _) = predicted(run, &case.name)?;
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

/// A name as part of a URL.
pub fn encoded(name: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    name.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

/// `GET …/image?channel=N`.
pub async fn image(
    State(state): State<Shared>,
    Path((id, name)): Path<(String, String)>,
    Query(part): Query<Part>,
) -> Answer<Response> {
    nifti(&state, move |state| {
        let (run, planned) = found_case(state, &id, &name)?;
        let case = files_of(state, &run, &name)?;
        let key = ["image", &planned.content.image, &format!("{:?}", part.channel)];
        state.volumes.get(&key, "nii.gz", |path| images::write_image(path, read_image(&case)?, part.channel))
    })
    .await
}

/// `GET …/reference?mask=N`.
pub async fn reference(
    State(state): State<Shared>,
    Path((id, name)): Path<(String, String)>,
    Query(part): Query<Part>,
) -> Answer<Response> {
    nifti(&state, move |state| {
        let (run, planned) = found_case(state, &id, &name)?;
        let case = files_of(state, &run, &name)?;
        let label = planned.content.label.clone().ok_or_else(|| Refusal::missing("reference"))?;
        let key = ["reference", &label, &part.mask.map(|mask| of_mask(&run, mask)).unwrap_or_default()];
        state.volumes.get(&key, "nii.gz", |path| {
            let labels = Segmentation::Labels(read_label(&case, &grid_of(&run, &case)?.0)?);
            images::write_labels(path, &labels, &run.plan.target, part.mask)
        })
    })
    .await
}

/// Runs name different structures: the key of a mask holds its values.
fn of_mask(run: &Stored, mask: usize) -> String {
    format!("{mask} {:?}", run.plan.target.structures.get(mask).map(|structure| &structure.values))
}

/// `GET …/prediction?mask=N`.
pub async fn prediction(
    State(state): State<Shared>,
    Path((id, name)): Path<(String, String)>,
    Query(part): Query<Part>,
) -> Answer<Response> {
    nifti(&state, move |state| {
        let (run, _) = found_case(state, &id, &name)?;
        let path = predicted_file(&run, &name).ok_or_else(|| Refusal::missing("prediction"))?;
        let mask = part.mask.map(|mask| of_mask(&run, mask)).unwrap_or_default();
        let key = ["prediction", &path.to_string_lossy(), &stamp(&path), &mask];
        state.volumes.get(&key, "nii.gz", |place| {
            images::write_labels(place, &predicted(&run, &name)?.0, &run.plan.target, part.mask)
        })
    })
    .await
}

async fn nifti(state: &Shared, make: impl FnOnce(&Inner) -> Answer<File> + Send + 'static) -> Answer<Response> {
    answer::file(working(state, move |state| make(state)).await?, "application/gzip", None)
}

/// `GET …/meshes?of=prediction|reference`.
pub async fn meshes(
    State(state): State<Shared>,
    Path((id, name)): Path<(String, String)>,
    Query(of): Query<Of>,
) -> Answer<Response> {
    let file = working(&state, move |state| {
        let (run, planned) = found_case(state, &id, &name)?;
        let target = &run.plan.target;
        let names = format!("{target:?}");
        match of.of.as_deref() {
            None | Some("prediction") => {
                let path = predicted_file(&run, &name).ok_or_else(|| Refusal::missing("prediction"))?;
                let key = ["mesh", &path.to_string_lossy(), &stamp(&path), &names];
                state.volumes.get(&key, "glb", |place| mesh::write(place, &predicted(&run, &name)?.0, target))
            }
            Some("reference") => {
                let case = files_of(state, &run, &name)?;
                let label = planned.content.label.ok_or_else(|| Refusal::missing("reference"))?;
                state.volumes.get(&["mesh", &label, &names], "glb", |place| {
                    let labels = read_label(&case, &grid_of(&run, &case)?.0)?;
                    mesh::write(place, &Segmentation::Labels(labels), target)
                })
            }
            Some(_) => Err(Refusal::bad("meshes are of=prediction or of=reference")),
        }
    });
    answer::file(file.await?, "model/gltf-binary", None)
}

/// `GET …/meshes/about`.
pub async fn meshes_about(State(state): State<Shared>, Path((id, name)): Path<(String, String)>) -> Answer<Response> {
    let value = working(&state, move |state| {
        let (run, _) = found_case(state, &id, &name)?;
        let grid = match predicted_file(&run, &name) {
            Some(path) => volume::read_geometry(&path)?,
            None => grid_of(&run, &files_of(state, &run, &name)?)?.0,
        };
        Ok(mesh::to_world(&grid))
    });
    Ok(answer::json(&value.await?))
}

/// `GET …/correction`: the corrected labels, as NIfTI.
pub async fn correction(State(state): State<Shared>, Path((id, name)): Path<(String, String)>) -> Answer<Response> {
    nifti(&state, move |state| {
        let (run, _) = found_case(state, &id, &name)?;
        let known = corrections::list(&run)?.into_iter().find(|it| it.case == name);
        let known = known.ok_or_else(|| Refusal::missing("correction"))?;
        let path: PathBuf = corrections::file(&run, &name);
        state.volumes.get(&["correction", &known.file], "nii.gz", |place| {
            Ok(volume::write_label_map(place, &volume::read_label_map(&path)?)?)
        })
    })
    .await
}
