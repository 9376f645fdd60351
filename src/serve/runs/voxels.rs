//! The files of one case of a run: image, reference, prediction and corrected labels as NIfTI on one grid, and surfaces.

use std::fs::File;
use std::thread;
use std::time::{Duration, Instant};

use axum::extract::{Path, Query, State};
use axum::response::Response;
use serde::Deserialize;

use super::super::error::{Answer, Refusal};
use super::super::formats::{self, Of, Wanted};
use super::super::state::{Inner, Shared, working};
use super::super::{answer, image as images, mesh};
use super::case::{files_of, found_case, grid_of, predicted, stamp, with_added, with_others};
use super::details::predicted_file;
use crate::corrections::{self, Correction, Known};
use crate::dataset::{read_image, read_label};
use crate::plan::PlannedCase;
use crate::store::Stored;
use crate::volume::{self, Segmentation};

/// How long a request waits for a correction that is being saved, and how often it looks.
const PATIENCE: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(20);

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

    /// Makes something of the corrected labels; again, if others are being saved meanwhile: file and record are not written at once.
    fn corrected<T>(&self, make: impl Fn(&Correction) -> Answer<T>) -> Answer<T> {
        let until = Instant::now() + PATIENCE;
        loop {
            match make(&self.known()?) {
                Err(refusal) if refusal.is_of_change() && Instant::now() < until => thread::sleep(PAUSE),
                made => return made,
            }
        }
    }

    /// Labels in a format, and the name of their file without its ending.
    fn saved(&self, wanted: &str, of: Option<&str>) -> Answer<(File, Wanted, String)> {
        match of {
            None | Some("prediction") => self.saved_as(wanted, None),
            Some("correction") => self.corrected(|known| self.saved_as(wanted, Some(known))),
            Some(_) => Err(Refusal::bad("files are of=prediction or of=correction")),
        }
    }

    fn saved_as(&self, wanted: &str, known: Option<&Correction>) -> Answer<(File, Wanted, String)> {
        // Labels are there also where the images are not.
        let case = files_of(self.state, &self.run, self.name()).ok();
        let own = &self.run.plan.target;
        let (target, path, stamp, what) = match known {
            None => {
                let (path, stamp) = self.predicted()?;
                (own.clone(), path, stamp, "prediction")
            }
            Some(known) => {
                let target = with_others(with_added(own.clone(), known), &Known::of(&self.run));
                (target, String::new(), known.file.clone(), "corrected")
            }
        };
        let wanted = Wanted::of(wanted, target.structures.len(), case.as_ref().is_some_and(formats::is_series))?;
        // A DICOM SEG is of one patient: the same labels may be those of several cases.
        let of = format!("{} {} {:?}", self.name(), self.planned.content.image, case.as_ref().map(|case| &case.images));
        let key = [
            "saved",
            what,
            wanted.ending,
            &of,
            &path,
            &stamp,
            &format!("{target:?} {:?}", known.map(|it| it.version())),
        ];
        let file = self.state.volumes.get(&key, wanted.file_ending(), |place| {
            let labels = match &known {
                None => predicted(&self.run, self.name())?,
                Some(known) => wanted.corrected(corrections::labels_of(&self.run, known)?, &target)?,
            };
            wanted.write(place, labels, (&target, known.map(formats::person)), case.as_ref())
        })?;
        Ok((file, wanted, formats::file_name([self.name()], what)))
    }

    fn correction(&self) -> Answer<File> {
        self.corrected(|known| {
            self.state.volumes.get(&["correction", &known.file], images::Voxels::PACKED.ending, |place| {
                Ok(volume::write_label_map(place, &corrections::labels_of(&self.run, known)?)?)
            })
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
        self.corrected(|known| {
            let target = with_added(self.run.plan.target.clone(), known);
            let key = ["mesh of correction", &known.file, &format!("{target:?}")];
            self.state.volumes.get(&key, "glb", |place| {
                mesh::write(place, &Segmentation::Labels(corrections::labels_of(&self.run, known)?), &target)
            })
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
