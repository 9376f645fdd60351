//! The files of one case of a run: image, reference, prediction and corrected labels as NIfTI on one grid, and surfaces.

use std::fs::File;

use axum::extract::{Path, Query, State};
use axum::response::Response;
use serde::Deserialize;

use super::super::error::{Answer, Refusal};
use super::super::state::{Inner, Shared, working};
use super::super::{answer, image as images, mesh};
use super::case::{files_of, found_case, grid_of, predicted, stamp};
use super::details::predicted_file;
use crate::corrections;
use crate::dataset::{read_image, read_label};
use crate::plan::PlannedCase;
use crate::store::Stored;
use crate::volume::{self, Segmentation};

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

/// A case of a run that exists.
struct Found<'a> {
    state: &'a Inner,
    run: Stored,
    planned: PlannedCase,
}

type Names = Path<(String, String)>;

/// `GET …/image?channel=N`.
pub async fn image(state: State<Shared>, names: Names, Query(part): Query<Part>) -> Answer<Response> {
    let kind = state.voxels.kind;
    file(state, names, kind, move |found| found.image(part.channel)).await
}

/// `GET …/reference?mask=N`.
pub async fn reference(state: State<Shared>, names: Names, Query(part): Query<Part>) -> Answer<Response> {
    nifti(state, names, move |found| found.reference(part.mask)).await
}

/// `GET …/prediction?mask=N`.
pub async fn prediction(state: State<Shared>, names: Names, Query(part): Query<Part>) -> Answer<Response> {
    nifti(state, names, move |found| found.prediction(part.mask)).await
}

/// `GET …/correction`: the corrected labels.
pub async fn correction(state: State<Shared>, names: Names) -> Answer<Response> {
    nifti(state, names, |found| found.correction()).await
}

/// `GET …/meshes?of=prediction|reference`.
pub async fn meshes(state: State<Shared>, names: Names, Query(of): Query<Of>) -> Answer<Response> {
    file(state, names, "model/gltf-binary", move |found| match of.of.as_deref() {
        None | Some("prediction") => found.predicted_surfaces(),
        Some("reference") => found.reference_surfaces(),
        Some(_) => Err(Refusal::bad("meshes are of=prediction or of=reference")),
    })
    .await
}

/// `GET …/meshes/about`.
pub async fn meshes_about(State(state): State<Shared>, Path((id, name)): Names) -> Answer<Response> {
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

async fn nifti(
    state: State<Shared>,
    names: Names,
    make: impl FnOnce(&Found) -> Answer<File> + Send + 'static,
) -> Answer<Response> {
    file(state, names, images::Voxels::PACKED.kind, make).await
}

async fn file(
    State(state): State<Shared>,
    Path((id, name)): Names,
    kind: &'static str,
    make: impl FnOnce(&Found) -> Answer<File> + Send + 'static,
) -> Answer<Response> {
    let file = working(&state, move |state| {
        let (run, planned) = found_case(state, &id, &name)?;
        make(&Found { state, run, planned })
    });
    answer::file(file.await?, kind, None)
}

impl Found<'_> {
    fn name(&self) -> &str {
        &self.planned.name
    }

    fn image(&self, channel: Option<usize>) -> Answer<File> {
        let case = files_of(self.state, &self.run, self.name())?;
        let key = ["image", &self.planned.content.image, &format!("{channel:?}")];
        let ending = self.state.voxels.ending;
        self.state.volumes.get(&key, ending, |path| images::write_image(path, read_image(&case)?, channel))
    }

    fn reference(&self, mask: Option<usize>) -> Answer<File> {
        let label = self.label()?;
        let key = ["reference", label, &self.of_mask(mask)];
        self.state.volumes.get(&key, images::Voxels::PACKED.ending, |path| {
            images::write_labels(path, &self.read_reference()?, &self.run.plan.target, mask)
        })
    }

    fn prediction(&self, mask: Option<usize>) -> Answer<File> {
        let (path, stamp) = self.predicted()?;
        let key = ["prediction", &path, &stamp, &self.of_mask(mask)];
        self.state.volumes.get(&key, images::Voxels::PACKED.ending, |place| {
            images::write_labels(place, &predicted(&self.run, self.name())?, &self.run.plan.target, mask)
        })
    }

    fn correction(&self) -> Answer<File> {
        let known = corrections::list(&self.run)?.into_iter().find(|it| it.case == self.name());
        let known = known.ok_or_else(|| Refusal::missing("correction"))?;
        self.state.volumes.get(&["correction", &known.file], images::Voxels::PACKED.ending, |place| {
            let labels = volume::read_label_map(&corrections::file(&self.run, self.name()))?;
            Ok(volume::write_label_map(place, &labels)?)
        })
    }

    fn predicted_surfaces(&self) -> Answer<File> {
        let (target, (path, stamp)) = (&self.run.plan.target, self.predicted()?);
        let key = ["mesh", &path, &stamp, &format!("{target:?}")];
        self.state.volumes.get(&key, "glb", |place| mesh::write(place, &predicted(&self.run, self.name())?, target))
    }

    fn reference_surfaces(&self) -> Answer<File> {
        let (target, label) = (&self.run.plan.target, self.label()?);
        let key = ["mesh", label, &format!("{target:?}")];
        self.state.volumes.get(&key, "glb", |place| mesh::write(place, &self.read_reference()?, target))
    }

    /// Hash of the reference labels.
    fn label(&self) -> Answer<&str> {
        self.planned.content.label.as_deref().ok_or_else(|| Refusal::missing("reference"))
    }

    fn read_reference(&self) -> Answer<Segmentation> {
        let case = files_of(self.state, &self.run, self.name())?;
        Ok(Segmentation::Labels(read_label(&case, &grid_of(&self.run, &case)?.0)?))
    }

    /// The predicted file, and what changes whenever it is written anew.
    fn predicted(&self) -> Answer<(String, String)> {
        let path = predicted_file(&self.run, self.name()).ok_or_else(|| Refusal::missing("prediction"))?;
        Ok((path.to_string_lossy().into_owned(), stamp(&path)))
    }

    /// Runs name different structures: the key of a mask holds its values.
    fn of_mask(&self, mask: Option<usize>) -> String {
        let values = |mask: usize| self.run.plan.target.structures.get(mask).map(|structure| &structure.values);
        mask.map(|mask| format!("{mask} {:?}", values(mask))).unwrap_or_default()
    }
}
