//! The result of a job, and its files in every format.

use std::fs::File;
use std::io::Write;
use std::path::{Path as FilePath, PathBuf};
use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::response::Response;
use serde::Deserialize;
use serde_json::{Value, json};
use zip::write::SimpleFileOptions;

use super::super::clicks::takes_clicks;
use super::super::error::{Answer, Refusal};
use super::super::state::{Inner, Shared, locked, working};
use super::super::{answer, image as images, mesh};
use super::work::RESULT;
use super::{Job, Outcome};
use crate::corrections::{Correction, Known};
use crate::dataset::{Target, TargetStructure, read_image};
use crate::predict::export;
use crate::volume::format::Options;
use crate::volume::{self, Segmentation};

/// Formats of a result, as endings of file names, and how browsers are told of them.
const FORMATS: [(&str, &str); 6] = [
    ("nii.gz", "application/gzip"),
    ("nrrd", "application/octet-stream"),
    ("seg.nrrd", "application/octet-stream"),
    ("dcm", "application/dicom"),
    ("stl", "model/stl"),
    ("glb", "model/gltf-binary"),
];

/// Name of the file of labels that a person corrected.
const CORRECTED: &str = "segmentation-corrected";

#[derive(Deserialize)]
pub struct Part {
    #[serde(default)]
    channel: Option<usize>,
    #[serde(default)]
    mask: Option<usize>,
}

/// Which labels of a job are wanted.
#[derive(Deserialize)]
pub struct Of {
    #[serde(default)]
    of: Option<String>,
}

/// What is offered for download: the result, or what a person made of it (`?of=correction`).
fn offered(job: &Job, outcome: &Outcome, is_empty: bool, query: &str) -> Value {
    let offered = FORMATS.iter().filter(|(format, _)| match *format {
        "dcm" => job.is_series(),
        "stl" | "glb" => outcome.geometry.has_spacing && !is_empty,
        _ => true,
    });
    let url = |format: &str| format!("/api/jobs/{}/files/{format}{query}", job.id);
    Value::Array(offered.map(|(format, _)| json!({ "format": format, "url": url(format) })).collect())
}

/// Where a request sends labels to the archive; null for images of which no archive knows the study.
fn sent(job: &Job, of: &str) -> Value {
    json!((job.is_series() && !job.is_anonymous()).then(|| format!("/api/jobs/{}/pacs?of={of}", job.id)))
}

/// Labels that a person corrected, as the page knows them.
pub fn correction_json(job: &Job, correction: &Correction) -> Value {
    let mut value = super::super::runs::correction_json(correction, &format!("/api/jobs/{}/correction", job.id));
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
    json!({
        "images": [image],
        "prediction": images::about_labels("prediction", &format!("{base}/prediction"), grid, masks),
        "structures": images::structures(job.target(), &added), "taken-values": Known::of(&job.run).taken(job.target()),
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
            images::write_image(path, read_image(&job.case)?, part.channel)
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

/// `GET /api/jobs/ID/meshes`.
pub async fn meshes(State(state): State<Shared>, Path(id): Path<String>) -> Answer<Response> {
    file(&state, id, "model/gltf-binary", |state, job| {
        state.volumes.get_of(&job.id, &["mesh"], "glb", |path| mesh::write(path, &found(job)?, job.target()))
    })
    .await
}

/// `GET /api/jobs/ID/meshes/about`.
pub async fn meshes_about(State(state): State<Shared>, Path(id): Path<String>) -> Answer<Response> {
    Ok(answer::json(&mesh::to_world(&state.jobs.find(&id)?.outcome()?.geometry)))
}

/// `GET /api/jobs/ID/correction`: the labels that a person corrected, as NIfTI.
pub async fn correction(State(state): State<Shared>, Path(id): Path<String>) -> Answer<Response> {
    file(&state, id, "application/gzip", |state, job| {
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
    let (file, name, kind) = file.await?;
    answer::file(file, kind, Some(&name))
}

/// Labels of a job in a format: the file, its name, and its kind.
///
/// # Errors
/// There is no such format, no such labels, or a DICOM SEG of what is no series.
pub fn converted(state: &Inner, job: &Job, of: &Of, wanted: &str) -> Answer<(File, String, &'static str)> {
    let (format, kind) =
        FORMATS.into_iter().find(|(format, _)| *format == wanted).ok_or_else(|| Refusal::missing("format"))?;
    if format == "dcm" && !job.is_series() {
        return Err(Refusal::conflict("a DICOM SEG refers to the slices of a DICOM series, and this image is none"));
    }
    let labels = Labels::of(job, of.of.as_deref())?;
    let several = format == "stl" && labels.target.structures.len() > 1;
    let ending = if several { "zip" } else { format };
    let key = ["file", format, labels.stamp.as_str()];
    let file = state.volumes.get_of(&job.id, &key, ending, |path| convert(job, &labels, format, path))?;
    Ok((file, format!("{}.{ending}", labels.name), if several { "application/zip" } else { kind }))
}

/// Labels of a job that can be downloaded.
struct Labels {
    /// Name of the file.
    name: &'static str,
    /// Changes with every change of the labels.
    stamp: String,
    target: Target,
}

impl Labels {
    fn of(job: &Job, wanted: Option<&str>) -> Answer<Self> {
        let target = job.target().clone();
        match wanted {
            None | Some("prediction") => Ok(Self { name: RESULT, stamp: String::new(), target }),
            Some("correction") => {
                let known = locked(&job.correction).clone().ok_or_else(|| Refusal::missing("correction"))?;
                Ok(Self { name: CORRECTED, target: with_added(target, &known), stamp: known.file })
            }
            Some(_) => Err(Refusal::bad("files are of=prediction or of=correction")),
        }
    }

    fn read(&self, job: &Job) -> Answer<Segmentation> {
        match self.name {
            CORRECTED => Ok(Segmentation::Labels(volume::read_label_map(&job.corrected())?)),
            _ => found(job),
        }
    }
}

/// The structures of a target, and those that a person added.
fn with_added(mut target: Target, correction: &Correction) -> Target {
    target.structures.extend(correction.structures.iter().map(|added| TargetStructure {
        name: added.name.clone(),
        values: vec![added.value],
        value: added.value,
        members: vec![added.name.clone()],
        color: added.rgb().unwrap_or([128; 3]),
        code: None,
        instances: false,
        tubular: false,
    }));
    target
}

/// Writes labels in a format to a file; surfaces of several structures as an archive of a file each.
fn convert(job: &Job, labels: &Labels, format: &'static str, path: &FilePath) -> Answer<()> {
    let made = tempfile::Builder::new().prefix(".made-").tempdir_in(&job.folder).map_err(Refusal::failed)?;
    let image = job.case.images.first().cloned();
    let options = Options { on: image, choice: job.case.choice(0), ..Options::default() };
    let place = made.path().join(format!("{}.{format}", labels.name));
    let written = export::write_with(&place, labels.read(job)?, &labels.target, options)?;
    match written.as_slice() {
        [only] if path.extension() != Some("zip".as_ref()) => std::fs::rename(only, path).map_err(Refusal::failed),
        several => packed(several, path),
    }
}

fn packed(files: &[PathBuf], path: &FilePath) -> Answer<()> {
    let written = crate::files::write_atomic_with(path, |file| {
        let mut zip = zip::ZipWriter::new(file);
        for file in files {
            let name = file.file_name().unwrap_or_default().to_string_lossy();
            zip.start_file(name, SimpleFileOptions::default()).map_err(std::io::Error::other)?;
            zip.write_all(&std::fs::read(file)?)?;
        }
        zip.finish().map(drop).map_err(std::io::Error::other)
    });
    written.map_err(|error| Refusal::failed(crate::files::reason(&error)))
}
