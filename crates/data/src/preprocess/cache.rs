//! Cache of preprocessed cases on disk, keyed by content hash.

use std::io;
use std::path::{Path, PathBuf};

use ndarray::{Array3, Array4};
use serde::{Deserialize, Serialize};

use super::case::{CaseError, Origin, Prepared, prepare_case};
use super::entry::{self, Array};
use super::foreground::ForegroundVoxels;
use super::progress::{Observer, Outcome, PrepareError, each_case};
use super::source::read_case;
use super::spec::PreprocessPlan;
use crate::Cancel;
use crate::dataset::content::content as content_of;
use crate::dataset::{Case, Content, Excluded, FileHashes};

/// The preprocessed cases of a dataset.
#[derive(Clone, Debug, PartialEq)]
pub struct PreparedSet {
    /// Usable cases, in input order.
    pub cases: Vec<PreparedCase>,
    /// Excluded cases, with the reasons.
    pub excluded: Vec<Excluded>,
}

/// One preprocessed case; its voxels stay on disk until [`PreparedCase::load`].
#[derive(Clone, Debug, PartialEq)]
pub struct PreparedCase {
    /// Name of the case.
    pub name: String,
    /// Its file in the cache.
    pub path: PathBuf,
    /// Shape `[channel, z, y, x]` of the prepared image.
    pub shape: [usize; 4],
    /// Mapping back to the original grid.
    pub origin: Origin,
    /// Nonzero values in the prepared label map, ascending.
    pub labels_present: Vec<u16>,
}

impl PreparedCase {
    /// Reads the voxels.
    ///
    /// # Errors
    /// [`PrepareError::Damaged`] if the file is missing or damaged.
    pub fn load(&self) -> Result<Prepared, PrepareError> {
        let damaged = |source| PrepareError::Damaged { path: self.path.clone(), source };
        read_prepared(&self.path).map_err(damaged)
    }
}

/// Header of a cache file; the arrays follow: image, labels, voxels of each label.
#[derive(Serialize, Deserialize)]
struct Head {
    shape: [usize; 4],
    /// Bytes of the packed labels, if there are any.
    labels: Option<usize>,
    origin: Origin,
    /// Label value, number of voxels, number of stored voxels.
    foreground: Vec<(u16, u64, usize)>,
}

/// Preprocesses cases or reads them from the folder `cache`, which is created if it is missing.
///
/// The file name of a case is derived from its content hash (see [`crate::dataset::content`]), the plan and the format version, and
/// from nothing else. Damaged files are replaced. A case to which the plan cannot be applied is excluded. `hashes` tells whether a
/// case's files still have their content after they were read, and which files of the cache are known to be whole.
///
/// # Errors
/// [`PrepareError::Cache`] if the cache cannot be written, [`PrepareError::Unreadable`] and [`PrepareError::Changed`] for cases whose files
/// are not what they were when they were checked, [`PrepareError::Cancelled`].
pub fn prepare(
    plan: &PreprocessPlan,
    cases: &[(Case, Content)],
    hashes: &FileHashes,
    cache: &Path,
    progress: Observer<'_>,
    cancelled: &Cancel,
) -> Result<PreparedSet, PrepareError> {
    let each = |case: &Case, content: &Content| {
        let path = cache.join(key(plan, &content.name())?);
        if let Ok(head) = whole(&path, hashes) {
            return Ok((Ok(describe(case, path, head)), Outcome::Cached));
        }
        let read = read_case(case);
        // A file may have been replaced since it was hashed.
        if !content_of(case, &|path| hashes.of(path)).is_ok_and(|found| found == *content) {
            return Err(PrepareError::Changed { case: case.name.clone() });
        }
        match read.and_then(|(image, label)| prepare_case(plan, &image, label.as_ref())) {
            // What one machine has no room for, another has: the case is as good as the others.
            Err(error) if error.is_of_machine() => {
                Err(PrepareError::Memory { case: case.name.clone(), reason: error.to_string() })
            }
            // Checks have read every case before: this is a matter of the moment, not of the case.
            Err(error @ (CaseError::Read(_) | CaseError::Hash(_))) => {
                Err(PrepareError::Unreadable { case: case.name.clone(), reason: error.to_string() })
            }
            Ok(prepared) => {
                let head = write_prepared(&path, &prepared).map_err(PrepareError::cache(&path))?;
                Ok((Ok(describe(case, path, head)), Outcome::Computed))
            }
            Err(error) => Ok((Err(exclude(case, &error)), Outcome::Excluded)),
        }
    };
    let mut set = PreparedSet { cases: Vec::new(), excluded: Vec::new() };
    for result in each_case(cases, progress, cancelled, each)? {
        match result {
            Ok(case) => set.cases.push(case),
            Err(excluded) => set.excluded.push(excluded),
        }
    }
    Ok(set)
}

/// File name of a case, derived from content hash, plan and format version.
fn key(plan: &PreprocessPlan, content: &str) -> Result<String, PrepareError> {
    let plan = serde_json::to_string(plan)
        .map_err(|error| PrepareError::Cache { path: "preprocess plan".into(), source: error.into() })?;
    let mut hasher = blake3::Hasher::new_derive_key("segspec prepared case");
    for part in [&[entry::FORMAT][..], plan.as_bytes(), content.as_bytes()] {
        hasher.update(&(part.len() as u64).to_le_bytes()).update(part);
    }
    Ok(format!("{}.case", &hasher.finalize().to_hex()[..32]))
}

pub(super) fn exclude(case: &Case, reason: &CaseError) -> Excluded {
    Excluded { case: case.name.clone(), reason: reason.to_string() }
}

/// The header of a file without damage. All of it is read once, and again only if it has changed: a sweep of many runs on a large dataset
/// would else read the dataset for each of them.
fn whole(path: &Path, hashes: &FileHashes) -> io::Result<Head> {
    if hashes.knows(path) {
        return entry::head(path);
    }
    let (head, _) = entry::read(path)?;
    hashes.of(path)?;
    Ok(head)
}

fn describe(case: &Case, path: PathBuf, head: Head) -> PreparedCase {
    let labels_present = head.foreground.iter().map(|(value, ..)| *value).collect();
    PreparedCase { name: case.name.clone(), path, shape: head.shape, origin: head.origin, labels_present }
}

fn head(prepared: &Prepared, labels: Option<usize>) -> Head {
    let (channels, depth, height, width) = prepared.image.dim();
    let foreground = prepared.foreground.iter().map(|label| (label.value, label.count, label.voxels.len()));
    Head {
        shape: [channels, depth, height, width],
        labels,
        origin: prepared.origin.clone(),
        foreground: foreground.collect(),
    }
}

/// Writes a case; its header.
fn write_prepared(path: &Path, prepared: &Prepared) -> io::Result<Head> {
    let image = prepared.image.as_standard_layout();
    let labels = prepared.labels.as_ref().map(|labels| labels.as_standard_layout());
    let labels = labels.map(|labels| entry::packed(labels.as_slice().unwrap_or_default())).transpose()?;
    let mut arrays = vec![Array::F32(image.as_slice().unwrap_or_default())];
    arrays.extend(labels.iter().map(|labels| Array::Packed(labels)));
    arrays.extend(prepared.foreground.iter().map(|label| Array::U32(&label.voxels)));
    let head = head(prepared, labels.as_ref().map(Vec::len));
    entry::write(path, &head, &arrays)?;
    Ok(head)
}

fn read_prepared(path: &Path) -> io::Result<Prepared> {
    let shape_mismatch = |_| io::Error::new(io::ErrorKind::InvalidData, "header and arrays do not match");
    let (head, mut bytes) = entry::read::<Head>(path)?;
    let [channels, depth, height, width] = head.shape;
    let voxels = depth * height * width;
    let image = Array4::from_shape_vec(head.shape, bytes.f32(channels * voxels)?).map_err(shape_mismatch)?;
    let labels = |length| {
        let labels = bytes.labels(voxels, length)?;
        Array3::from_shape_vec([depth, height, width], labels).map_err(shape_mismatch)
    };
    let labels = head.labels.map(labels).transpose()?;
    let mut foreground = Vec::with_capacity(head.foreground.len());
    for (value, count, stored) in head.foreground {
        foreground.push(ForegroundVoxels { value, count, voxels: bytes.u32(stored)? });
    }
    Ok(Prepared { image, labels, origin: head.origin, foreground })
}
