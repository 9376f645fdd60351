//! What a run left on record: its plan, its manifest, the hashes of its files.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::dataset::FileHash;
use crate::plan::Plan;
use crate::store::{Manifest, RunFolder, StoreError, Stored, read_json};

/// A plan, and what is on record of its run.
#[derive(Clone, Debug)]
pub struct Record {
    /// The folder of the run; `None` for a plan that has none.
    pub folder: Option<PathBuf>,
    /// The plan.
    pub plan: Plan,
    /// Provenance; `None` where nothing has run.
    pub manifest: Option<Manifest>,
    /// Hashes of the files of each case.
    pub files: BTreeMap<String, Vec<FileHash>>,
}

impl Record {
    /// The record of a run folder, also one whose plan was edited since.
    ///
    /// # Errors
    /// A file of it is missing or damaged.
    pub fn of_folder(path: &Path) -> Result<Self, StoreError> {
        let folder = RunFolder::at(path);
        Ok(Self {
            folder: Some(path.to_path_buf()),
            plan: Stored::read_plan(&folder.plan())?,
            manifest: folder.read_manifest()?,
            files: read_json(&folder.data())?.unwrap_or_default(),
        })
    }

    /// A plan alone.
    ///
    /// # Errors
    /// The file is missing or damaged.
    pub fn of_plan(path: &Path) -> Result<Self, StoreError> {
        Ok(Self::planned(Stored::read_plan(path)?))
    }

    /// A run that has been planned, and with its folder if there is one.
    ///
    /// # Errors
    /// A file of the folder is damaged.
    pub fn of_run(run: &Stored) -> Result<Self, StoreError> {
        let (manifest, files) = (run.folder.read_manifest()?, read_json(&run.folder.data())?.unwrap_or_default());
        Ok(Self { folder: Some(run.folder.path().to_path_buf()), plan: run.plan.clone(), manifest, files })
    }

    /// A plan that has no folder.
    pub fn planned(plan: Plan) -> Self {
        Self { folder: None, plan, manifest: None, files: BTreeMap::new() }
    }
}
