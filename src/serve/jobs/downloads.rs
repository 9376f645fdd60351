//! The result of a job, and its files in every format.

use std::fs::File;
use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::response::Response;
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::clicks::takes_clicks;
use super::super::error::{Answer, Refusal};
use super::super::formats::{self, Of, Wanted};
use super::super::runs::with_added;
use super::super::state::{Inner, Shared, locked, working};
use super::super::{answer, image as images, mesh};
use super::work::RESULT;
use super::{Job, Outcome};
use crate::corrections::{Correction, Known};
use crate::dataset::{Target, read_image};
use crate::predict::export;
use crate::volume::format::Person;
use crate::volume::{self, Segmentation};

/// What labels that a person corrected are called in the names of files.
const CORRECTED: &str = "segmentation-corrected";

#[derive(Deserialize)]
pub struct Part {
    #[serde(default)]
    channel: Option<usize>,
    #[serde(default)]
    mask: Option<usize>,
}

/// What is offered for download: the result, or what a person made of it (`?of=correction`).
fn offered(job: &Job, outcome: &Outcome, is_empty: bool, query: &str) -> Value {
    let has_surfaces = outcome.geometry.has_spacing && !is_empty;
    let url = |format: &str| format!("/api/jobs/{}/files/{format}{query}", job.id);
    formats::offered(job.is_series(), has_surfaces, url)
}

/// Where a request sends labels to the archive; null for images of which no archive knows the study.
fn sent(job: &Job, of: &str) -> Value {
    json!((job.is_series() && !job.is_anonymous()).then(|| format!("/api/jobs/{}/pacs?of={of}", job.id)))
}

/// Labels that a person corrected, as the page knows them.
pub fn correction_json(job: &Job, correction: &Correction) -> Value {
    let mut value =
        super::super::runs::correction_json(correction, &format!("/api/jobs/{}/correction", job.id), [false; 2]);
    let outcome = locked(&job.progress).result.clone();
    value["send"] = sent(job, "correction");
    // Whether anything was left is known when the file is written.
    value["downloads"] = outcome.map_or_else(|| json!([]), |outcome| offered(job, &outcome, false, "?of=correction"));
    value
}

/// The result as the page knows it.
pub fn result(job: &Job, outcome: &Outcome) -> Value {
    let base = format!("/api/jobs/{}", job.id);
    let grid = &outcome.geometry;
    let modality = job.modality.as_deref();
    let image = images::about(&job.case.name, &format!("{base}/image"), grid, outcome.channels, modality);
    let added = locked(&job.correction).as_ref().map(|it| it.structures.clone()).unwrap_or_default();
    let masks = job.target().has_masks().then_some(job.target().structures.len());
    let known = Known::of(&job.run);
    json!({
        "images": [image],
        "prediction": images::about_labels("prediction", &format!("{base}/prediction"), grid, masks),
        "structures": images::structures(job.target(), &added), "taken-values": known.taken(job.target()),
        "taken-names": known.names().collect::<Vec<_>>(),
        "volumes": outcome.volumes, "takes-clicks": takes_clicks(&job.run),
        "downloads": offered(job, outcome, outcome.is_empty, ""), "meshes": format!("{base}/meshes"),
        "probabilities": super::probabilities::known(job, outcome), "send": sent(job, "prediction"),
        "research": super::super::RESEARCH,
    })
}

fn found(job: &Job) -> Answer<Segmentation> {
    job.outcome()?;
    Ok(export::read(&job.folder, RESULT, job.target())?)
}

/// A file of a job, made by `make`.
async fn file(
    state: &Shared,
    id: String,
    kind: &'static str,
    make: impl FnOnce(&Inner, &Arc<Job>) -> Answer<File> + Send + 'static,
) -> Answer<Response> {
    let file = working(state, move |state| {
        let job = state.jobs.find(&id)?;
        let file = make(state, &job);
        if job.cancel.is_stopped() {
            state.volumes.forget(&job.id);
        }
        file
    });
    answer::file(file.await?, kind, None)
}

/// `GET /api/jobs/ID/image?channel=N`.
pub async fn image(State(state): State<Shared>, Path(id): Path<String>, Query(part): Query<Part>) -> Answer<Response> {
    file(&state, id, state.voxels.kind, move |state, job| {
        let key = ["image", &format!("{:?}", part.channel)];
        state.volumes.get_of(&job.id, &key, state.voxels.ending, |path| {
            let image = match &job.upload {
                Some(upload) => upload.image(&job.case)?,
                None => read_image(&job.case)?,
            };
            images::write_image(path, image, part.channel)
        })
    })
    .await
}

/// `GET /api/jobs/ID/prediction?mask=N`.
pub async fn prediction(
    State(state): State<Shared>,
    Path(id): Path<String>,
    Query(part): Query<Part>,
) -> Answer<Response> {
    file(&state, id, "application/gzip", move |state, job| {
        let key = ["prediction", &format!("{:?}", part.mask)];
        state
            .volumes
            .get_of(&job.id, &key, "nii.gz", |path| images::write_labels(path, &found(job)?, job.target(), part.mask))
    })
    .await
}

/// `GET /api/jobs/ID/probabilities/N`.
pub async fn probability(State(state): State<Shared>, Path((id, place)): Path<(String, String)>) -> Answer<Response> {
    file(&state, id, "application/gzip", move |_, job| {
        File::open(super::probabilities::found(job, &place)?).map_err(Refusal::failed)
    })
    .await
}

/// `GET /api/jobs/ID/meshes?of=prediction|correction`.
pub async fn meshes(State(state): State<Shared>, Path(id): Path<String>, Query(of): Query<Of>) -> Answer<Response> {
    file(&state, id, "model/gltf-binary", move |state, job| match of.of.as_deref() {
        None | Some("prediction") => {
            state.volumes.get_of(&job.id, &["mesh"], "glb", |path| mesh::write(path, &found(job)?, job.target()))
        }
        Some("correction") => corrected_surfaces(state, job),
        Some(_) => Err(Refusal::bad("meshes are of=prediction or of=correction")),
    })
    .await
}

fn corrected_surfaces(state: &Inner, job: &Job) -> Answer<File> {
    let _not_while_it_is_saved = locked(&job.saving);
    let known = locked(&job.correction).clone().ok_or_else(|| Refusal::missing("correction"))?;
    state.volumes.get_of(&job.id, &["mesh", &known.file], "glb", |path| {
        let labels = Segmentation::Labels(volume::read_label_map(&job.corrected())?);
        mesh::write(path, &labels, &with_added(job.target().clone(), &known))
    })
}

/// `GET /api/jobs/ID/meshes/about`.
pub async fn meshes_about(State(state): State<Shared>, Path(id): Path<String>) -> Answer<Response> {
    Ok(answer::json(&mesh::to_world(&state.jobs.find(&id)?.outcome()?.geometry)))
}

/// `GET /api/jobs/ID/correction`: the labels that a person corrected, as NIfTI.
pub async fn correction(State(state): State<Shared>, Path(id): Path<String>) -> Answer<Response> {
    file(&state, id, "application/gzip", |state, job| {
        let _not_while_it_is_saved = locked(&job.saving);
        let known = locked(&job.correction).clone().ok_or_else(|| Refusal::missing("correction"))?;
        let path = job.corrected();
        state.volumes.get_of(&job.id, &["correction", &known.file], "nii.gz", |place| {
            Ok(volume::write_label_map(place, &volume::read_label_map(&path)?)?)
        })
    })
    .await
}

/// `GET /api/jobs/ID/files/FORMAT?of=prediction|correction`.
pub async fn download(
    State(state): State<Shared>,
    Path((id, wanted)): Path<(String, String)>,
    Query(of): Query<Of>,
) -> Answer<Response> {
    let file = working(&state, move |state| {
        let job = state.jobs.find(&id)?;
        converted(state, &job, &of, &wanted)
    });
    let (file, wanted, name) = file.await?;
    wanted.answer(file, &name)
}

/// Labels of a job in a format, and the name of their file without its ending.
///
/// # Errors
/// There is no such format, no such labels, or a DICOM SEG of what is no series.
pub fn converted(state: &Inner, job: &Job, of: &Of, wanted: &str) -> Answer<(File, Wanted, String)> {
    let _not_while_it_is_saved = locked(&job.saving);
    let labels = Labels::of(job, of.of.as_deref())?;
    let wanted = Wanted::of(wanted, labels.target.structures.len(), job.is_series())?;
    let key = ["file", wanted.ending, labels.stamp.as_str()];
    let file = state.volumes.get_of(&job.id, &key, wanted.file_ending(), |path| {
        wanted.write(path, labels.read(job, wanted)?, (&labels.target, labels.person.clone()), Some(&job.case))
    })?;
    let image = [job.about.patient.as_deref().unwrap_or_default(), &job.about.image];
    Ok((file, wanted, formats::file_name(image, labels.name)))
}

/// Labels of a job that can be downloaded.
struct Labels {
    /// What they are, for the name of the file.
    name: &'static str,
    /// Changes with every change of the labels.
    stamp: String,
    target: Target,
    person: Option<Person>,
}

impl Labels {
    fn of(job: &Job, wanted: Option<&str>) -> Answer<Self> {
        let target = job.target().clone();
        match wanted {
            None | Some("prediction") => Ok(Self { name: RESULT, stamp: String::new(), target, person: None }),
            Some("correction") => {
                let known = locked(&job.correction).clone().ok_or_else(|| Refusal::missing("correction"))?;
                let person = Some(formats::person(&known));
                Ok(Self { name: CORRECTED, target: with_added(target, &known), stamp: known.version(), person })
            }
            Some(_) => Err(Refusal::bad("files are of=prediction or of=correction")),
        }
    }

    fn read(&self, job: &Job, wanted: Wanted) -> Answer<Segmentation> {
        match self.name {
            CORRECTED => wanted.corrected(volume::read_label_map(&job.corrected())?, &self.target),
            _ => found(job),
        }
    }
}
