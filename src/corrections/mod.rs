//! Labels that people corrected: kept beside the predictions of a run, and made into a dataset that uses them.
//!
//! ```text
//! runs/<experiment>/<training id>/corrections/
//!   CASE.nrrd …        label maps on the grid of their image, with the label values of the dataset, and their names as 3D Slicer knows them
//!   corrections.json   who, when, from which prediction, what changed, and structures that the run does not have
//! ```
//!
//! The labels of the dataset stay as they are. [`write_dataset()`] copies the corrected ones to `SEGSPEC_DATA/corrections/NAME` and
//! writes `datasets/NAME.toml`, whose key `corrections` names that folder. A plan of this dataset lists each corrected case as such, and as
//! its content is new, so are the ids of the runs that use it. Cases whose labels began as a prediction become training cases there
//! (`learn`), and the file is adapted to what the labels can tell (`document`).

mod added;
mod changed;
mod dataset;
mod document;
mod labels;
mod learn;
mod version;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ndarray::Array3;
use serde::{Deserialize, Serialize};

use crate::dataset::content::hash_of;
use crate::dataset::{Case, CaseError, Target, read_image, read_label};
use crate::files;
use crate::observe::event::now;
use crate::predict::export;
use crate::run::RunError;
use crate::run::cases::proven;
use crate::store::corrected::RECORD;
use crate::store::{Lock, LockError, StoreError, Stored, read_json, write_json};
use crate::volume::{self, Geometry, LabelMap, ReadError, Segmentation, WriteError, is_same_name};

pub use added::{Added, Known, of_all};
pub use dataset::{Written, write_dataset};
use labels::folder;
pub use labels::{file, is_file_name, labels_of, write_named};
pub use learn::Learning;
pub use version::{Over, withdraw};

/// Version of the record.
const FORMAT: u32 = 1;
/// How long a save waits for another one of the same run.
const PATIENCE: Duration = Duration::from_secs(10);
/// Largest distance between corners of the grids of image and labels, as a fraction of a voxel.
const SAME_GRID: f64 = 0.01;

/// What a person started from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Base {
    /// The labels that the run predicted.
    Prediction,
    /// The labels of the dataset.
    Reference,
    /// No labels.
    Empty,
}

/// One corrected case.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Correction {
    /// The case.
    pub case: String,
    /// Who corrected it.
    pub who: String,
    /// When, UTC.
    pub when: String,
    /// Id of the run.
    pub run: String,
    /// Id of its prediction.
    pub prediction: String,
    /// What the person started from.
    pub base: Base,
    /// Hash of the base: of the file of a prediction, or of the content of labels; `None` without one.
    pub base_hash: Option<String>,
    /// Content hash of the image.
    pub image: String,
    /// BLAKE3 of the corrected label map, as `b3sum` prints it.
    pub file: String,
    /// Voxels that became part of each structure, or ceased to be; structures without a change are left out.
    pub changed: BTreeMap<String, u64>,
    /// Structures in it that the run does not have.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub structures: Vec<Added>,
    /// In a dataset: the earlier correction whose labels were the reference from which this one began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub earlier: Option<Box<Correction>>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Record {
    format: u32,
    corrections: BTreeMap<String, Correction>,
}

/// Labels as a person drew them.
pub struct Drawn<'a> {
    /// The labels, on the grid of the image, with the values of the dataset.
    pub labels: &'a LabelMap,
    /// What the person started from.
    pub base: Base,
    /// Id of the prediction that the person started from, if it was one; `None`: that of the run.
    pub prediction: Option<&'a str>,
    /// Who drew them.
    pub who: &'a str,
    /// Structures that the run does not have. Those of its other corrections may be among them.
    pub added: &'a [Added],
}

/// Why corrected labels cannot be saved or used.
#[derive(Debug, thiserror::Error)]
pub enum CorrectionError {
    /// They do not fit the case or the run.
    #[error("{0}")]
    Refused(String),
    /// Somebody saved or withdrew a correction of the case meanwhile.
    #[error("{0}")]
    Changed(String),
    /// A new structure has a name or a value that somebody else gave to a new structure of another case.
    #[error("{0}")]
    Clash(String),
    /// The case's files are not those of the plan.
    #[error(transparent)]
    Run(#[from] RunError),
    /// A file of the run cannot be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The image or the labels of the case cannot be read.
    #[error(transparent)]
    Case(#[from] CaseError),
    /// The prediction cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The labels cannot be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// Another process saves a correction of this run at the moment.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// A file cannot be written.
    #[error("{path}: {}", files::reason(source))]
    File {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: std::io::Error,
    },
}

/// The corrected cases of a run, by name.
///
/// # Errors
/// The record is damaged.
pub fn list(run: &Stored) -> Result<Vec<Correction>, CorrectionError> {
    Ok(record(run)?.corrections.into_values().collect())
}

fn record(run: &Stored) -> Result<Record, StoreError> {
    read_record(&folder(run)?)
}

/// The record of a folder of corrected labels; an empty one where there is none.
fn read_record(folder: &Path) -> Result<Record, StoreError> {
    let path = folder.join(RECORD);
    let record: Record = read_json(&path)?.unwrap_or_default();
    match record.format {
        0 | FORMAT => Ok(record),
        other => {
            let source = std::io::Error::other(format!("has version {other}, this segspec reads version {FORMAT}"));
            Err(StoreError { path, source })
        }
    }
}

/// Saves the corrected labels of a case. Earlier ones of the same case are replaced.
///
/// # Errors
/// [`CorrectionError::Refused`]: another grid than the image's, or values that mean no structure. Otherwise as for reading the case.
pub fn save(run: &Stored, name: &str, drawn: &Drawn, data_root: Option<&Path>) -> Result<Correction, CorrectionError> {
    save_over(run, name, drawn, data_root, Over::Anything)
}

/// The same, in place of what the person has seen only.
///
/// # Errors
/// [`CorrectionError::Changed`], and as for [`save`]. Labels that are saved already are no change: an answer can get lost.
pub fn save_over(
    run: &Stored,
    name: &str,
    drawn: &Drawn,
    data_root: Option<&Path>,
    over: Over,
) -> Result<Correction, CorrectionError> {
    let refused = |reason: String| CorrectionError::Refused(reason);
    let none = || refused(format!("the run has no case `{name}`"));
    let case = proven(run, name, data_root)?.filter(|_| is_file_name(name)).ok_or_else(none)?;
    let planned = run.plan.data.cases.iter().find(|case| case.name == name).ok_or_else(none)?;
    let (image, target) = (grid(run, &case)?, &run.plan.target);
    let prediction = drawn.prediction.unwrap_or(&run.ids.prediction);
    let (base, base_hash) = base(run, &case, (drawn.base, prediction), &image)?;
    let base_hash = base_hash.or_else(|| planned.content.label.clone().filter(|_| drawn.base == Base::Reference));
    let _lock = Lock::wait(&folder(run)?.join(".lock"), PATIENCE)?;
    let mut record = record(run)?;
    if let Err(error) = over.check(record.corrections.get(name)) {
        return version::saved_before(run, record.corrections.get(name), drawn).ok_or(error);
    }
    let known = Known::of(run);
    // The correction that this one replaces binds nobody.
    let others = record.corrections.iter().filter(|(case, _)| case.as_str() != name).map(|(_, it)| it);
    let others = of_all(others).map_err(refused)?;
    let added = known.join(drawn.added, others, target)?;
    let added = with_earlier(added, record.corrections.get(name));
    let changed = compare(drawn.labels, &base, &image, target, &added)?;
    let staged = labels::staged(run, name);
    write_named(&staged, &LabelMap { voxels: drawn.labels.voxels.clone(), geometry: image }, (&known, target, &added))?;
    let failed = |source| CorrectionError::File { path: staged.clone(), source };
    let hash = hash_of(&staged).map_err(failed)?;
    let correction = Correction {
        case: name.to_owned(),
        who: drawn.who.to_owned(),
        when: now(),
        run: run.id(),
        prediction: prediction.to_owned(),
        base: drawn.base,
        base_hash,
        image: planned.content.image.clone(),
        file: hash,
        changed,
        structures: occurring(added, drawn.labels),
        earlier: None,
    };
    record.format = FORMAT;
    record.corrections.insert(name.to_owned(), correction.clone());
    // The record decides which labels count: until it is written the earlier ones do, and from then on the staged ones (`labels::current`).
    write_json(&run.folder.corrections().join(RECORD), &record)?;
    fs::rename(&staged, file(run, name)).map_err(failed)?;
    Ok(correction)
}

/// New structures, and those of the correction that is replaced, where they have a name and a value of their own: who goes on with it need
/// not name them again.
pub fn with_earlier(mut added: Vec<Added>, replaced: Option<&Correction>) -> Vec<Added> {
    for earlier in replaced.iter().flat_map(|it| &it.structures) {
        if !added.iter().any(|it| it.value == earlier.value || is_same_name(&it.name, &earlier.name)) {
            added.push(earlier.clone());
        }
    }
    added
}

/// The added structures of which a label map has a voxel.
pub fn occurring(added: Vec<Added>, labels: &LabelMap) -> Vec<Added> {
    let mut there = vec![false; usize::from(u16::MAX) + 1];
    labels.voxels.iter().for_each(|&value| there[usize::from(value)] = true);
    added.into_iter().filter(|it| there[usize::from(it.value)]).collect()
}

/// Checks labels against the grid of their image and the structures, those of the run and those that were added, and counts the voxels of
/// each that differ from the base.
///
/// # Errors
/// [`CorrectionError::Refused`].
pub fn compare(
    labels: &LabelMap,
    base: &Segmentation,
    image: &Geometry,
    target: &Target,
    added: &[Added],
) -> Result<BTreeMap<String, u64>, CorrectionError> {
    image.same_grid(&labels.geometry, SAME_GRID).map_err(|difference| {
        CorrectionError::Refused(format!("the corrected labels are not on the grid of their image: {difference}"))
    })?;
    changed::check_values(labels, base, target, added).map_err(CorrectionError::Refused)?;
    let mut changed = changed::changed(labels, base, target);
    changed.extend(changed::drawn(labels, base, added));
    Ok(changed)
}

/// The grid of a case: that of its prediction, which is the image's, or else read from the image.
fn grid(run: &Stored, case: &Case) -> Result<Geometry, CorrectionError> {
    let prediction = export::file(run.prediction().path(), &case.name);
    match prediction.is_file() {
        true => Ok(volume::read_geometry(&prediction)?),
        false => Ok(read_image(case)?.geometry),
    }
}

fn base(
    run: &Stored,
    case: &Case,
    (base, prediction): (Base, &str),
    image: &Geometry,
) -> Result<(Segmentation, Option<String>), CorrectionError> {
    match base {
        Base::Prediction => {
            // The run may have been predicted with other settings since the person began.
            let (folder, name) = (run.folder.prediction(prediction), &case.name);
            let path = export::file(folder.path(), name);
            if !is_file_name(prediction) || !path.is_file() {
                let text =
                    format!("the prediction {prediction} of `{name}`, from which the labels were drawn, is gone");
                return Err(CorrectionError::Refused(text));
            }
            let found = export::read(folder.path(), name, &run.plan.target)?;
            Ok((found, Some(hash_of(&path).map_err(|source| CorrectionError::File { path, source })?)))
        }
        Base::Reference if case.label.is_none() => {
            Err(CorrectionError::Refused(format!("the case `{}` has no reference labels", case.name)))
        }
        Base::Reference => Ok((Segmentation::Labels(read_label(case, image)?), None)),
        Base::Empty => {
            let labels = LabelMap { voxels: Array3::zeros(image.shape), geometry: image.clone() };
            Ok((Segmentation::Labels(labels), None))
        }
    }
}
