//! Locates the cases of a plan on this machine and verifies that their content has not changed since planning.

use std::collections::BTreeMap;
use std::path::Path;

use super::error::RunError;
use super::setting::{Setting, hashes_file};
use crate::dataset::content::{content, file_hashes};
use crate::dataset::parallel::{self, Ended};
use crate::dataset::{Case, Content, FileHash, FileHashes};
use crate::plan::{Data, PlannedCase, Role};
use crate::store::{Stored, write_json};

/// A case of a run with its files, whose content is that of the plan; `None` if the plan has no such case.
///
/// # Errors
/// [`RunError::DataMoved`] with the case and the remedy.
pub fn proven(run: &Stored, name: &str, data_root: Option<&Path>) -> Result<Option<Case>, RunError> {
    let data = &run.plan.data;
    let Some(planned) = data.cases.iter().find(|case| case.name == name) else { return Ok(None) };
    let hashes = FileHashes::open(&hashes_file(&run.folder.cache(&run.plan.about.experiment)));
    let (case, _) = verify(data, planned, &data.folder(data_root), &hashes, remedy(run))?;
    hashes.save()?;
    Ok(Some(case))
}

/// What to do about cases that have changed.
fn remedy(run: &Stored) -> &'static str {
    match run.is_imported() {
        true => {
            "import the model again with `segspec import nnunet` and --dataset to plan with the new data, or restore the old files"
        }
        false => "run the experiment file again to plan with the new data, or restore the old files",
    }
}

fn verify(
    data: &Data,
    planned: &PlannedCase,
    folder: &Path,
    hashes: &FileHashes,
    remedy: &str,
) -> Result<(Case, Content), RunError> {
    let moved = |reason: String| RunError::DataMoved { folder: folder.to_path_buf(), reason };
    let (case, name) = (data.case(planned, folder), &planned.name);
    let found = content(&case, &|path| hashes.of(path))
        .map_err(|error| moved(format!("case {name} cannot be read: {error}")))?;
    if found != planned.content {
        let what = if found.image == planned.content.image { "its labels" } else { "its image" };
        return Err(moved(format!("case {name} has changed since the run was planned ({what}); {remedy}")));
    }
    Ok((case, found))
}

/// Number of cases hashed in parallel.
const AT_A_TIME: usize = 8;

/// The cases of a run.
pub struct Cases {
    all: Vec<(Role, Case, Content)>,
    hashes: FileHashes,
}

impl Cases {
    /// Locates the cases of a run. Refuses a case whose content differs from that in the plan.
    ///
    /// # Errors
    /// [`RunError::DataMoved`] with the case and the remedy.
    pub fn locate(run: &Stored, setting: &Setting) -> Result<Self, RunError> {
        let data = &run.plan.data;
        let folder = data.folder(setting.data_root);
        let moved = |reason: String| RunError::DataMoved { folder: folder.clone(), reason };
        if !folder.is_dir() {
            let text = format!("no such folder; set SEGSPEC_DATA to the folder that holds `{}`", data.root.display());
            return Err(moved(text));
        }
        let hashes = FileHashes::open(&hashes_file(&run.folder.cache(&run.plan.about.experiment)));
        let remedy = remedy(run);
        let verified = |planned: &PlannedCase| {
            let (case, found) = verify(data, planned, &folder, &hashes, remedy)?;
            Ok((planned.role, case, found))
        };
        let all = parallel::each(&data.cases, AT_A_TIME, setting.cancel, verified).map_err(|ended| match ended {
            Ended::Cancelled => RunError::Interrupted,
            Ended::Failed(error) => error,
        });
        hashes.save()?;
        Ok(Self { all: all?, hashes })
    }

    /// Writes the BLAKE3 hash of every file into the run folder, once, as `b3sum` prints it.
    ///
    /// # Errors
    /// The disk is full or not writable.
    pub fn write_hashes(&self, run: &Stored) -> Result<(), RunError> {
        let place = &run.folder.data();
        if place.exists() {
            return Ok(());
        }
        let hashes = &self.hashes;
        let mut files: BTreeMap<&str, Vec<FileHash>> = BTreeMap::new();
        for (_, case, _) in &self.all {
            let of_case = file_hashes(case, &|path| hashes.of(path)).map_err(RunError::file(place.clone()))?;
            files.insert(&case.name, of_case);
        }
        Ok(write_json(place, &files)?)
    }

    /// All cases with their content keys.
    pub fn all(&self) -> Vec<(Case, Content)> {
        self.all.iter().map(|(_, case, content)| (case.clone(), content.clone())).collect()
    }

    /// The case with this name.
    pub fn case(&self, name: &str) -> Option<&Case> {
        self.all.iter().map(|(_, case, _)| case).find(|case| case.name == name)
    }

    /// Names of the cases of a role.
    pub fn names(&self, role: Role) -> Vec<&str> {
        self.all.iter().filter(|(of, ..)| *of == role).map(|(_, case, _)| case.name.as_str()).collect()
    }
}
