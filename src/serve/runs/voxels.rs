//! The files of one case of a run: image, reference, prediction and corrected labels as NIfTI on one grid, and surfaces.

use std::fs::File;

use axum::extract::{Path, Query, State};
use axum::response::Response;
use serde::Deserialize;

use super::super::error::{Answer, Refusal};
use super::super::formats::{self, Of, Wanted};
use super::super::state::{Inner, Shared, working};
use super::super::{answer, image as images, mesh};
use super::case::{files_of, found_case, grid_of, predicted, stamp, with_added};
use super::details::predicted_file;
use crate::corrections::{self, Correction};
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

/// `GET …/meshes?of=prediction|reference|correction`.
pub async fn meshes(state: State<Shared>, names: Names, Query(of): Query<Of>) -> Answer<Response> {
    file(state, names, "model/gltf-binary", move |found| match of.of.as_deref() {
        None | Some("prediction") => found.predicted_surfaces(),
        Some("reference") => found.reference_surfaces(),
        Some("correction") => found.corrected_surfaces(),
        Some(_) => Err(Refusal::bad("meshes are of=prediction, of=reference or of=correction")),
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

/// `GET …/files/FORMAT?of=prediction|correction`: labels as people save them.
pub async fn download(
    State(state): State<Shared>,
    Path((id, name, wanted)): Path<(String, String, String)>,
    Query(of): Query<Of>,
) -> Answer<Response> {
    let made = working(&state, move |state| {
        let (run, planned) = found_case(state, &id, &name)?;
        Found { state, run, planned }.saved(&wanted, of.of.as_deref())
    });
    let (file, wanted, name) = made.await?;
    wanted.answer(file, &name)
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

    fn known(&self) -> Answer<Correction> {
        let known = corrections::list(&self.run)?.into_iter().find(|it| it.case == self.name());
        known.ok_or_else(|| Refusal::missing("correction"))
    }

    /// Labels in a format, and the name of their file without its ending.
    fn saved(&self, wanted: &str, of: Option<&str>) -> Answer<(File, Wanted, String)> {
        // Labels are there also where the images are not.
        let case = files_of(self.state, &self.run, self.name()).ok();
        let own = &self.run.plan.target;
        let (target, path, stamp, what) = match of {
            None | Some("prediction") => {
                let (path, stamp) = self.predicted()?;
                (own.clone(), path, stamp, "prediction")
            }
            Some("correction") => {
                let known = self.known()?;
                (with_added(own.clone(), &known), String::new(), known.file, "corrected")
            }
            Some(_) => return Err(Refusal::bad("files are of=prediction or of=correction")),
        };
        let wanted = Wanted::of(wanted, target.structures.len(), case.as_ref().is_some_and(formats::is_series))?;
        let key = ["saved", what, wanted.ending, &path, &stamp, &format!("{target:?}")];
        let file = self.state.volumes.get(&key, wanted.file_ending(), |place| {
            let labels = match what {
                "prediction" => predicted(&self.run, self.name())?,
                _ => Segmentation::Labels(volume::read_label_map(&corrections::file(&self.run, self.name()))?),
            };
            wanted.write(place, labels, &target, case.as_ref())
        })?;
        Ok((file, wanted, formats::file_name([self.name()], what)))
    }

    fn correction(&self) -> Answer<File> {
        let known = self.known()?;
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

    fn corrected_surfaces(&self) -> Answer<File> {
        let known = self.known()?;
        let target = with_added(self.run.plan.target.clone(), &known);
        let key = ["mesh of correction", &known.file, &format!("{target:?}")];
        self.state.volumes.get(&key, "glb", |place| {
            let labels = volume::read_label_map(&corrections::file(&self.run, self.name()))?;
            mesh::write(place, &Segmentation::Labels(labels), &target)
        })
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
