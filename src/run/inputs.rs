//! The dataset of an experiment as the runs see it: usable cases, exclusions, and the content hashes of every file.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use super::error::RunError;
use super::event::{Event, Observer};
use crate::dataset::spec::Split;
use crate::dataset::{self, Case, Dataset, Excluded, Fold, Validated};
use crate::volume::{Geometry, LabelMap};

/// What runs read.
#[derive(Clone, Debug)]
pub struct Inputs {
    /// Usable cases, sorted by name.
    pub cases: Vec<Case>,
    /// The others.
    pub excluded: Vec<Excluded>,
    /// Names of the cases that have an image and a label, usable or not.
    listed: Vec<String>,
    /// Hashes of the files of each case: images in channel order, then the label.
    hashes: BTreeMap<String, Vec<String>>,
}

impl Inputs {
    /// Opens and checks a dataset; its file hashes are kept in the cache folder.
    ///
    /// # Errors
    /// [`RunError::Data`] where no case can be used.
    pub fn open(
        spec: &Dataset,
        name: &str,
        data_root: &Path,
        cache: &Path,
        observer: &mut dyn Observer,
    ) -> Result<Self, RunError> {
        let opened = dataset::open(spec, name, data_root)?;
        let validated = dataset::validate(&opened, spec, &|_, _| {})?;
        observer.event(&Event::Excluded(&validated.excluded));
        Self::of(validated, cache)
    }

    /// The cases of a dataset that was checked before.
    ///
    /// # Errors
    /// A file cannot be read any more, or the cache not be written.
    pub fn of(validated: Validated, cache: &Path) -> Result<Self, RunError> {
        let mut hashes: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for file in dataset::manifest(&validated.cases, &cache.join("file-hashes.json"))? {
            hashes.entry(file.case).or_default().push(file.blake3);
        }
        let listed = validated.checks.into_iter().map(|check| check.case).collect();
        Ok(Self { cases: validated.cases, excluded: validated.excluded, listed, hashes })
    }

    /// Names of the cases that a split deals: also those whose files turned out to be unusable, so that one bad file does
    /// not give the others new roles. Lists of names may hold every name that is known.
    pub fn dealt(&self, split: &Split) -> Vec<&str> {
        let listed = self.listed.iter().map(String::as_str);
        match split {
            Split::Fixed { .. } => listed.chain(self.excluded.iter().map(|row| row.case.as_str())).collect(),
            _ => listed.collect(),
        }
    }

    /// The cases of a fold, sorted by name.
    pub fn cases_of(&self, fold: &Fold) -> Vec<Case> {
        let named =
            |case: &&Case| [&fold.train, &fold.validation, &fold.test].iter().any(|names| names.contains(&case.name));
        self.cases.iter().filter(named).cloned().collect()
    }

    /// The file hashes of a fold's cases, for run id and manifest.
    pub fn hashes_of(&self, fold: &Fold) -> BTreeMap<String, Vec<String>> {
        let cases = self.cases_of(fold);
        cases.iter().filter_map(|case| Some((case.name.clone(), self.hashes.get(&case.name)?.clone()))).collect()
    }

    /// A name for the content of a case's files, for the cache.
    ///
    /// # Errors
    /// The case is not known.
    pub fn content_of(&self, case: &str) -> io::Result<String> {
        let hashes = self.hashes.get(case).ok_or_else(|| io::Error::other(format!("case {case} has no hash")))?;
        Ok(hashes.join("-"))
    }

    /// The case of a name.
    pub fn case(&self, name: &str) -> Option<&Case> {
        self.cases.iter().find(|case| case.name == name)
    }

    /// The reference label map of a case, on the grid of its image.
    ///
    /// # Errors
    /// The file changed since the dataset was checked.
    pub fn reference(&self, name: &str, grid: &Geometry) -> Result<LabelMap, RunError> {
        let case = self.case(name).ok_or_else(|| RunError::Reference(format!("case {name} is not in the dataset")))?;
        dataset::read_label(case, grid).map_err(|error| RunError::Reference(error.to_string()))
    }
}
