//! What was submitted: `runs/.jobs/EXPERIMENT/TIME/submission.json`, beside the scripts and logs.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::store::{StoreError, read_json, write_json};

/// Folder of the submissions below a run root.
const JOBS: &str = ".jobs";
const FILE: &str = "submission.json";

/// Jobs that were submitted together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Submission {
    /// Version of this file.
    pub version: u32,
    /// Time, UTC.
    pub time: String,
    /// Name of the experiment.
    pub experiment: String,
    /// Its folder.
    #[serde(skip)]
    pub folder: PathBuf,
    /// In the order of submission.
    pub jobs: Vec<Submitted>,
}

/// One job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Submitted {
    /// Its number in the scheduler.
    pub id: String,
    /// `runs`, `search` or `report`.
    pub kind: String,
    /// Its script.
    pub script: PathBuf,
    /// The run folder of each task of an array.
    pub runs: Vec<PathBuf>,
}

impl Submission {
    /// An empty submission with a folder of its own.
    ///
    /// # Errors
    /// The folder cannot be made.
    pub fn begin(run_root: &Path, experiment: &str, time: &str) -> Result<Self, StoreError> {
        let name: String = time.chars().filter(char::is_ascii_alphanumeric).collect();
        let above = run_root.join(JOBS).join(experiment);
        let free = |number: usize| if number == 0 { above.join(&name) } else { above.join(format!("{name}-{number}")) };
        let folder = (0..).map(free).find(|path| !path.exists()).unwrap_or_else(|| above.join(&name));
        std::fs::create_dir_all(folder.join("logs")).map_err(StoreError::at(&folder))?;
        let folder = folder.canonicalize().map_err(StoreError::at(&folder))?;
        Ok(Self { version: 1, time: time.into(), experiment: experiment.into(), folder, jobs: Vec::new() })
    }

    /// Writes the record.
    ///
    /// # Errors
    /// The disk is full or not writable.
    pub fn write(&self) -> Result<(), StoreError> {
        write_json(&self.folder.join(FILE), self)
    }

    /// The submissions of an experiment, or of all, the latest first.
    ///
    /// # Errors
    /// A record is damaged.
    pub fn all(run_root: &Path, experiment: Option<&str>) -> Result<Vec<Self>, StoreError> {
        let jobs = run_root.join(JOBS);
        let experiments = match experiment {
            Some(name) => vec![jobs.join(name)],
            None => folders(&jobs),
        };
        let mut found = Vec::new();
        for folder in experiments.iter().flat_map(|folder| folders(folder)) {
            if let Some(known) = read_json::<Self>(&folder.join(FILE))? {
                found.push(Self { folder, ..known });
            }
        }
        found.sort_by(|a, b| (&b.time, &b.folder).cmp(&(&a.time, &a.folder)));
        Ok(found)
    }
}

fn folders(path: &Path) -> Vec<PathBuf> {
    let all = std::fs::read_dir(path).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut folders: Vec<PathBuf> = all.filter(|path| path.is_dir()).collect();
    folders.sort();
    folders
}
