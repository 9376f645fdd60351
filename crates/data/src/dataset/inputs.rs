//! The cases of a dataset as used by runs: listed, hashed and checked. Results are cached under the content hash of each case.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde::Serialize;

use super::check::{self, CaseCheck, check_case, each_case};
use super::content::{Content, content};
use super::hashes::FileHashes;
use super::spec::{Dataset, Split};
use super::split::{held_out_listed, patients, split_listed};
use super::{Case, DataError, Excluded, Fold, Groups, Opened, SplitError, open};
use crate::{Cancel, files};

/// Version of cached checks: incremented when the findings of [`check`](super::check()) change.
const CHECK_FORMAT: u32 = 2;

/// The cases that runs read.
#[derive(Clone, Debug)]
pub struct Inputs {
    /// Usable cases with their content hashes, sorted by name.
    pub cases: Vec<(Case, Content)>,
    /// Excluded cases, including those excluded by [`open`], sorted by name.
    pub excluded: Vec<Excluded>,
    /// Content of each listed case, usable or not.
    pub checks: Vec<CaseCheck>,
    /// Patients and folds that the dataset lists.
    pub groups: Groups,
}

/// Whether cases that are not in the cache may be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Read whatever is needed.
    Read,
    /// Use only the cache; no image is opened.
    Remembered,
}

/// The current processing step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Files are being hashed.
    Hashing,
    /// Cases are being read and checked.
    Checking,
}

/// Called after each case, from any thread, with the step, the number of finished cases and the total.
pub type Progress<'a> = &'a (dyn Fn(Step, usize, usize) + Sync);

impl Inputs {
    /// Opens and checks a dataset. File hashes and check results are cached in the folder `cache`.
    ///
    /// # Errors
    /// [`DataError`] if no case can be used, [`DataError::NotRead`] if a case must be read but `access` forbids it,
    /// [`DataError::Cancelled`].
    pub fn open(
        spec: &Dataset,
        data_root: &Path,
        cache: &Path,
        access: Access,
        progress: Progress,
        cancel: &Cancel,
    ) -> Result<Self, DataError> {
        let name = spec.name.clone().unwrap_or_default();
        let opened = open(spec, &name, data_root, cancel)?;
        let contents = contents(&opened, cache, progress, cancel)?;
        let store = Store { spec, cache, access };
        let done = AtomicUsize::new(0);
        let items: Vec<(&Case, &io::Result<Content>)> = opened.cases.iter().zip(&contents).collect();
        let mut checks = each_case(&items, cancel, |(case, content)| {
            let checked = store.check(case, content.as_ref().ok())?;
            progress(Step::Checking, done.fetch_add(1, Ordering::Relaxed) + 1, items.len());
            Ok(checked)
        })?;
        check::warn_of_duplicates(&mut checks);
        Self::of(opened, contents, checks)
    }

    fn of(opened: Opened, contents: Vec<io::Result<Content>>, checks: Vec<CaseCheck>) -> Result<Self, DataError> {
        let mut excluded = opened.excluded;
        let mut cases = Vec::new();
        for ((case, content), check) in opened.cases.into_iter().zip(contents).zip(&checks) {
            let reason = match (&check.excluded, content) {
                (None, Ok(content)) => {
                    cases.push((case, content));
                    continue;
                }
                (Some(reason), _) => reason.clone(),
                (None, Err(error)) => error.to_string(),
            };
            excluded.push(Excluded { case: case.name, reason });
        }
        excluded.sort_by(|a, b| a.case.cmp(&b.case));
        if cases.is_empty() {
            let reasons = Excluded::grouped(&excluded);
            return Err(DataError::NoUsableCase { name: opened.name, count: excluded.len(), reasons });
        }
        Ok(Self { cases, excluded, checks, groups: opened.groups })
    }

    /// Names of the cases that a split assigns. Includes cases whose files are unusable, so that one bad file does not change
    /// the assignment of the others. A fixed split may also name any excluded case.
    pub fn split_names(&self, split: &Split) -> Vec<&str> {
        let listed = self.checks.iter().map(|check| check.case.as_str());
        match split {
            Split::Fixed { .. } | Split::FixedFolds { .. } => {
                listed.chain(self.excluded.iter().map(|row| row.case.as_str())).collect()
            }
            _ => listed.collect(),
        }
    }

    /// The folds of a split, including cases whose files are unusable: see [`Self::split_names`].
    ///
    /// # Errors
    /// [`SplitError`], naming the case or key.
    pub fn split(&self, split: &Split) -> Result<Vec<Fold>, SplitError> {
        split_listed(split, &self.split_names(split), &self.groups)
    }

    /// The cases held out of all folds of a cross-validation.
    ///
    /// # Errors
    /// [`SplitError`], naming the key.
    pub fn held_out(&self, split: &Split) -> Result<Vec<String>, SplitError> {
        held_out_listed(split, &self.split_names(split), &self.groups)
    }

    /// Patient of each case that a split's `group-by` (the first of several splits that has one) or a list of cases names.
    pub fn patients<'a>(&self, splits: impl Iterator<Item = &'a Split>) -> BTreeMap<String, String> {
        let expression = splits.into_iter().find_map(Split::group_by);
        let names = self.cases.iter().map(|(case, _)| case.name.as_str());
        patients(names, expression, &self.groups)
    }

    /// The case with this name and its content hash.
    pub fn case(&self, name: &str) -> Option<&(Case, Content)> {
        self.cases.iter().find(|(case, _)| case.name == name)
    }
}

/// Content hashes of all listed cases; an error for a case whose files cannot be read.
fn contents(
    opened: &Opened,
    cache: &Path,
    progress: Progress,
    cancel: &Cancel,
) -> Result<Vec<io::Result<Content>>, DataError> {
    let hashes = FileHashes::open(&cache.join("file-hashes.json"));
    let done = AtomicUsize::new(0);
    let contents = each_case(&opened.cases, cancel, |case| {
        let named = content(case, &|path| hashes.of(path));
        progress(Step::Hashing, done.fetch_add(1, Ordering::Relaxed) + 1, opened.cases.len());
        Ok(named)
    });
    // Also keep what was hashed before a cancellation.
    hashes.save()?;
    contents
}

/// Cached checks, keyed by everything that determines their result.
struct Store<'a> {
    spec: &'a Dataset,
    cache: &'a Path,
    access: Access,
}

impl Store<'_> {
    fn check(&self, case: &Case, content: Option<&Content>) -> Result<CaseCheck, DataError> {
        let place = content.and_then(|content| self.key(content).ok()).map(|key| self.cache.join(key));
        let known = place.as_ref().and_then(|place| std::fs::read(place).ok());
        if let Some(check) = known.and_then(|text| serde_json::from_slice::<CaseCheck>(&text).ok()) {
            return Ok(CaseCheck { case: case.name.clone(), ..check });
        }
        if self.access == Access::Remembered {
            return Err(DataError::NotRead { case: case.name.clone() });
        }
        let check = check_case(case, self.spec)?;
        if let Some(place) = place {
            let text = serde_json::to_vec(&check).map_err(io::Error::from);
            let written = text.and_then(|text| files::write_cached(&place, &text));
            written.map_err(|error| {
                let (path, reason) = (place, error.to_string());
                DataError::Write(crate::volume::WriteError { path, reason, environment: true })
            })?;
        }
        Ok(check)
    }

    fn key(&self, content: &Content) -> io::Result<String> {
        #[derive(Serialize)]
        struct CheckKey<'a> {
            format: u32,
            content: &'a Content,
            channels: usize,
            structures: Vec<(&'a str, Vec<u16>)>,
            background: &'a [u16],
            ignore: Option<u16>,
            merges: Vec<(&'a String, &'a Vec<String>)>,
        }
        let spec = self.spec;
        let structures = spec.structures.iter().map(|it| (it.name.as_str(), spec.label_values(it)));
        let decides = CheckKey {
            format: CHECK_FORMAT,
            content,
            channels: spec.channels.len(),
            structures: structures.collect(),
            background: &spec.labels.background,
            ignore: spec.labels.ignore,
            merges: spec.labels.merge.iter().collect(),
        };
        let mut hasher = blake3::Hasher::new_derive_key("segspec 2026 check of a case");
        hasher.update(&serde_json::to_vec(&decides)?);
        Ok(format!("{}.check", &hasher.finalize().to_hex()[..32]))
    }
}
