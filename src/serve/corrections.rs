//! Labels that a person drew in the page.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path as FilePath;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use hyper::header::{HeaderName, IF_MATCH, IF_NONE_MATCH};
use hyper::{HeaderMap, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};
use tempfile::TempPath;
use tokio::io::AsyncWriteExt;

use super::error::{Answer, Refusal};
use super::formats::is_series;
use super::percent::{decoded, encoded};
use super::runs::{correction_json, files_of, found_case, predicted_file};
use super::state::{Inner, Shared, locked, quick, working};
use super::uploads::check_growth;
use super::{Limits, answer};
use crate::corrections::{
    Added, Base, Correction, Drawn, Known, Learning, Over, compare, list, occurring, save_over, with_earlier, withdraw,
    write_dataset, write_named,
};
use crate::dataset::content::hash_of;
use crate::observe::event::now;
use crate::predict::export;
use crate::volume::{self, Geometry, LabelMap, Segmentation};

/// Header that names what the person started from.
const BASE: &str = "segspec-base";
/// Header that names the prediction, where it was one.
const PREDICTION: &str = "segspec-prediction";
/// Header that names new structures: URL-encoded JSON, a list of [`Added`].
const STRUCTURES: &str = "segspec-structures";
/// Bytes that a label file takes beyond its voxels.
const MARGIN: u64 = 1 << 20;
/// Bytes of a label file.
const LARGEST: u64 = 4 << 30;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Named {
    name: String,
    /// Whether every case keeps its role.
    #[serde(default, rename = "keep-split")]
    keep_split: bool,
}

/// `PUT /api/runs/ID/cases/CASE/correction`.
pub async fn of_case(
    State(state): State<Shared>,
    Path((id, name)): Path<(String, String)>,
    headers: HeaderMap,
    body: Body,
) -> Answer<Response> {
    let (base, added, seen) = (base(&headers)?, added(&headers)?, Seen::of(&headers)?);
    let prediction = headers.get(PREDICTION).map(|value| value.to_str().unwrap_or_default().to_owned());
    // Asked first: nothing is received for a case that there is not.
    let (of_id, of_name) = (id.clone(), name.clone());
    quick(&state, move |state| found_case(state, &of_id, &of_name).map(drop)).await?;
    let file = received(&state, body).await?;
    let value = working(&state, move |state| {
        let (run, _) = found_case(state, &id, &name)?;
        let grid = predicted_file(&run, &name).map(|path| volume::read_geometry(&path)).transpose()?;
        let labels = labels(state, &file, grid.as_ref())?;
        let who = &state.settings.who;
        let drawn = Drawn { labels: &labels, base, prediction: prediction.as_deref(), who, added: &added };
        let saved = save_over(&run, &name, &drawn, state.settings.explicit_data_root.as_deref(), seen.over())?;
        // Labels are there also where the images are not.
        let is_series = files_of(state, &run, &name).is_ok_and(|case| is_series(&case));
        let url = format!("/api/runs/{id}/cases/{}/correction", encoded(&name));
        Ok(correction_json(&saved, &url, [is_series, labels.geometry.has_spacing]))
    });
    Ok(answer::json(&value.await?))
}

/// `PUT /api/jobs/ID/correction`: kept as long as the job.
pub async fn of_job(
    State(state): State<Shared>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Answer<Response> {
    let (base, new, seen) = (base(&headers)?, added(&headers)?, Seen::of(&headers)?);
    state.jobs.find(&id)?.outcome()?;
    let file = received(&state, body).await?;
    let value = working(&state, move |state| {
        let job = state.jobs.find(&id)?;
        let grid = job.outcome()?.geometry;
        let labels = labels(state, &file, Some(&grid))?;
        let found = match base {
            Base::Prediction => export::read(&job.folder, super::jobs::RESULT, job.target())?,
            Base::Empty => empty(&grid),
            Base::Reference => return Err(Refusal::bad("an uploaded image has no reference labels")),
        };
        // Held to the end: two saves at a time would mix their structures.
        let _one_at_a_time = locked(&job.saving);
        let earlier = locked(&job.correction).clone();
        if let Err(error) = seen.over().check(earlier.as_ref()) {
            return saved_before(&job, earlier.as_ref(), &labels).ok_or(error.into());
        }
        let known = Known::of(&job.run);
        let added = known.join(&new, Vec::new(), job.target())?;
        let added = with_earlier(added, earlier.as_ref());
        let changed = compare(&labels, &found, &grid, job.target(), &added)?;
        let labels = LabelMap { voxels: labels.voxels, geometry: grid };
        let written = write_named(&job.corrected(), &labels, (&known, job.target(), &added));
        if job.cancel.is_stopped() {
            // Removed meanwhile: what was written after that would stay.
            let _ = fs::remove_dir_all(&job.folder);
            return Err(Refusal::missing("job"));
        }
        written?;
        let correction = record(state, &job, base, (changed, occurring(added, &labels)))?;
        let value = super::jobs::correction_json(&job, &correction);
        *locked(&job.correction) = Some(correction);
        Ok(value)
    });
    Ok(answer::json(&value.await?))
}

/// `DELETE /api/runs/ID/cases/CASE/correction`.
pub async fn withdraw_of_case(
    State(state): State<Shared>,
    Path((id, name)): Path<(String, String)>,
    headers: HeaderMap,
) -> Answer<Response> {
    let seen = Seen::of(&headers)?;
    let done = working(&state, move |state| {
        let (run, _) = found_case(state, &id, &name)?;
        if !list(&run)?.iter().any(|it| it.case == name) {
            return Err(Refusal::missing("correction"));
        }
        Ok(withdraw(&run, &name, seen.over())?)
    });
    done.await.map(|()| StatusCode::NO_CONTENT.into_response())
}

/// `DELETE /api/jobs/ID/correction`.
pub async fn withdraw_of_job(
    State(state): State<Shared>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Answer<Response> {
    let seen = Seen::of(&headers)?;
    let done = working(&state, move |state| {
        let job = state.jobs.find(&id)?;
        let _one_at_a_time = locked(&job.saving);
        let mut saved = locked(&job.correction);
        if saved.is_none() {
            return Err(Refusal::missing("correction"));
        }
        seen.over().check(saved.as_ref())?;
        *saved = None;
        // Nothing names the file any more, and it goes with the job in any case.
        let _ = fs::remove_file(job.corrected());
        Ok(())
    });
    done.await.map(|()| StatusCode::NO_CONTENT.into_response())
}

/// Which correction the client knows of: `If-Match` with its version, `If-None-Match: *` for none; without either, whatever there is.
enum Seen {
    Anything,
    Nothing,
    Version(String),
}

impl Seen {
    fn of(headers: &HeaderMap) -> Answer<Self> {
        let text = |name: HeaderName| headers.get(name).map(|value| value.to_str().unwrap_or_default().trim());
        let quoted = |text: &str| Some(text.strip_prefix('"')?.strip_suffix('"')?.to_owned());
        match (text(IF_MATCH), text(IF_NONE_MATCH)) {
            (None, None) => Ok(Self::Anything),
            (None, Some("*")) => Ok(Self::Nothing),
            (Some(version), None) if quoted(version).is_some() => {
                Ok(Self::Version(quoted(version).unwrap_or_default()))
            }
            _ => Err(Refusal::bad(
                "the header `If-Match` names the version of a correction in quotes, or `If-None-Match` is *",
            )),
        }
    }

    fn over(&self) -> Over<'_> {
        match self {
            Self::Anything => Over::Anything,
            Self::Nothing => Over::Nothing,
            Self::Version(version) => Over::Version(version),
        }
    }
}

/// What is known of the correction of a job, if its labels are those that are being saved: an answer can get lost.
fn saved_before(job: &super::jobs::Job, there: Option<&Correction>, labels: &LabelMap) -> Option<Value> {
    let there = there?;
    let saved = volume::read_label_map(&job.corrected()).ok()?;
    (saved.voxels == labels.voxels).then(|| super::jobs::correction_json(job, there))
}

fn record(
    state: &Inner,
    job: &super::jobs::Job,
    base: Base,
    (changed, structures): (BTreeMap<String, u64>, Vec<Added>),
) -> Answer<Correction> {
    Ok(Correction {
        case: job.case.name.clone(),
        who: state.settings.who.clone(),
        when: now(),
        run: job.run.id(),
        prediction: job.run.ids.prediction.clone(),
        base,
        base_hash: None,
        image: String::new(),
        file: hash_of(&job.corrected()).map_err(Refusal::failed)?,
        changed,
        structures,
        earlier: None,
    })
}

fn empty(grid: &Geometry) -> Segmentation {
    Segmentation::Labels(LabelMap { voxels: ndarray::Array3::zeros(grid.shape), geometry: grid.clone() })
}

fn base(headers: &HeaderMap) -> Answer<Base> {
    let word = headers.get(BASE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    serde_json::from_value(json!(word)).map_err(|_| {
        Refusal::bad(format!("the header `{BASE}` says what was corrected: prediction, reference or empty"))
    })
}

fn added(headers: &HeaderMap) -> Answer<Vec<Added>> {
    let Some(value) = headers.get(STRUCTURES) else { return Ok(Vec::new()) };
    let text = value.to_str().ok().and_then(decoded);
    text.and_then(|text| serde_json::from_str(&text).ok()).ok_or_else(|| {
        let form = "URL-encoded JSON: [{\"name\": …, \"value\": …, \"color\": \"#rrggbb\"}]";
        Refusal::bad(format!("the header `{STRUCTURES}` lists new structures as {form}"))
    })
}

/// Receives a label file.
///
/// # Errors
/// It is too large or comes too slowly; the disk is full.
pub async fn received(state: &Shared, mut body: Body) -> Answer<TempPath> {
    let limits = &state.settings.limits;
    let folder = state.scratch.folder("corrections").map_err(Refusal::failed)?;
    let place =
        tempfile::Builder::new().suffix(".nii.gz").tempfile_in(folder).map_err(Refusal::failed)?.into_temp_path();
    let mut file = tokio::fs::File::create(&place).await.map_err(Refusal::failed)?;
    let mut sum = 0;
    while let Some(piece) = answer::next(&mut body, limits.patience).await? {
        sum += piece.len() as u64;
        if sum > LARGEST.min(limits.upload) {
            return Err(Refusal::too_large("the label file is too large"));
        }
        file.write_all(&piece).await.map_err(|error| Refusal::failed(crate::files::reason(&error)))?;
    }
    file.flush().await.map_err(|error| Refusal::failed(crate::files::reason(&error)))?;
    Ok(place)
}

/// Reads a label file after its header has been looked at: labels compress so well that no other bound holds.
///
/// # Errors
/// It is no label file, is damaged, or is of another grid.
pub fn labels(state: &Inner, path: &FilePath, grid: Option<&Geometry>) -> Answer<LabelMap> {
    let header = volume::nifti::read_header(path).map_err(|error| {
        let text = error.to_string();
        Refusal::bad(format!("the labels are no NIfTI file: {}", text.rsplit(": ").next().unwrap_or_default()))
    })?;
    if header.channels != 1 {
        return Err(Refusal::bad(format!("the label file has {} channels, expected one", header.channels)));
    }
    if let Some(grid) = grid.filter(|grid| grid.shape != header.geometry.shape) {
        let [found, wanted] = [header.geometry.shape, grid.shape];
        return Err(Refusal::bad(format!("the label file has {found:?} voxels [z, y, x], its image {wanted:?}")));
    }
    let voxels = header.geometry.shape.iter().fold(8_u64, |bytes, count| bytes.saturating_mul(*count as u64));
    let limits = &state.settings.limits;
    if voxels > limits.unpacked {
        return Err(Refusal::too_large("the label file claims too many voxels"));
    }
    // It may hold more than its header says.
    let bound = Limits { always: voxels + MARGIN, growth: 1, ..*limits };
    check_growth(path, &bound, &state.cancel)?;
    Ok(volume::read_label_map(path)?)
}

/// `GET /api/runs/ID/corrections`.
pub async fn all(State(state): State<Shared>, Path(id): Path<String>) -> Answer<Response> {
    let listed = quick(&state, move |state| {
        let run = state.catalog.open(&id)?;
        let url = |case: &str| format!("/api/runs/{id}/cases/{}/correction", encoded(case));
        // All images are not looked into for this.
        Ok(list(&run)?.iter().map(|it| correction_json(it, &url(&it.case), [false; 2])).collect())
    });
    Ok(answer::json(&Value::Array(listed.await?)))
}

/// `POST /api/runs/ID/dataset`.
pub async fn dataset(State(state): State<Shared>, Path(id): Path<String>, body: Body) -> Answer<Response> {
    let Named { name, keep_split } = answer::read_json(body, state.settings.limits.patience).await?;
    let written = working(&state, move |state| {
        let run = state.catalog.open(&id)?;
        let settings = &state.settings;
        fs::create_dir_all(&settings.datasets).map_err(Refusal::failed)?;
        let learning = if keep_split { Learning::Keep } else { Learning::Train };
        Ok(write_dataset(&run, &name, learning, [&settings.datasets, &settings.data_root])?)
    });
    Ok(answer::json(&json!(written.await?)))
}
