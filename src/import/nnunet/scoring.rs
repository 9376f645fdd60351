//! The cases of a dataset on which imported folds are scored.

use std::path::Path;

use super::labels::Labels;
use super::{Fold, ImportError};
use crate::dataset::inputs::Step;
use crate::dataset::name::position;
use crate::dataset::spec::Split;
use crate::dataset::{self, Access, Dataset, Inputs, Target, target};
use crate::evaluate::summary::StructureGroups;
use crate::plan::Data;
use crate::plan::resolve::modalities;
use crate::{Cancel, counted};

/// The cases of a dataset, by the folds of its split.
#[derive(Debug)]
pub struct Scoring {
    /// The structures, with the values that they have in the dataset.
    pub target: Target,
    /// Groups of structures.
    pub groups: StructureGroups,
    folds: Vec<Data>,
    held_out: Data,
}

/// Where the dataset's files are, and who hears of the progress.
pub struct Files<'a> {
    /// Folder of all datasets.
    pub data_root: &'a Path,
    /// The cache of the run root.
    pub cache: &'a Path,
    /// Called after each case.
    pub progress: &'a (dyn Fn(Step, usize, usize) + Sync),
    /// Stops.
    pub cancel: &'a Cancel,
}

impl Scoring {
    /// Reads and checks the cases of a dataset.
    ///
    /// # Errors
    /// The dataset lacks a structure or a channel of the model, or cannot be used.
    pub fn open(labels: &Labels, channels: usize, dataset: &Dataset, access: &Files) -> Result<Self, ImportError> {
        let target = matched(labels, dataset)?;
        let found = modalities(dataset).len();
        if found != channels {
            let text = format!("it has {}, the model takes {channels}", counted(found, "image channel"));
            return Err(mismatch(dataset, text));
        }
        let Files { data_root, cache, progress, cancel } = *access;
        let inputs = Inputs::open(dataset, data_root, cache, Access::Read, progress, cancel)?;
        let split = &dataset.split;
        let patients = inputs.patients(std::iter::once(split));
        let data = |test: Vec<String>| {
            let fold = dataset::Fold { train: Vec::new(), validation: Vec::new(), test };
            Data::new(dataset, data_root, &inputs, &fold.without(&inputs.excluded), &patients)
        };
        let folds = inputs.split(split)?.into_iter().map(|fold| data(fold.test)).collect();
        let held_out = match split {
            Split::KFold { .. } | Split::FixedFolds { .. } => inputs.held_out(split)?,
            _ => Vec::new(),
        };
        Ok(Self { target, groups: dataset.labels.groups.clone(), folds, held_out: data(held_out) })
    }

    /// Whether the split has one fold, so that every fold of the model is scored on the same cases.
    pub fn is_single(&self) -> bool {
        self.folds.len() == 1
    }

    /// The cases of a fold: those that it did not see, if the split is that of the model.
    ///
    /// # Errors
    /// The split has no such fold.
    pub fn of(&self, fold: Fold) -> Result<&Data, ImportError> {
        match (self.folds.as_slice(), fold) {
            ([only], _) => Ok(only),
            (_, Fold::All) => Ok(&self.held_out),
            (folds, Fold::Number(number)) => folds.get(number).ok_or_else(|| {
                ImportError::Dataset(format!(
                    "its split has {} folds, counted from 0: none for fold {number}",
                    folds.len()
                ))
            }),
        }
    }

    /// The cases of the mean: those that no fold saw.
    pub fn of_mean(&self) -> &Data {
        match self.folds.as_slice() {
            [only] => only,
            _ => &self.held_out,
        }
    }
}

fn mismatch(dataset: &Dataset, text: String) -> ImportError {
    ImportError::Dataset(format!("the dataset {}: {text}", dataset.name.as_deref().unwrap_or_default()))
}

/// The model's structures in the dataset, by name, in the order of the outputs.
fn matched(labels: &Labels, dataset: &Dataset) -> Result<Target, ImportError> {
    let known: Vec<&str> = dataset
        .structures
        .iter()
        .map(|structure| structure.name.as_str())
        .chain(dataset.labels.merge.keys().map(String::as_str))
        .collect();
    let mut names = Vec::new();
    for (name, ..) in &labels.structures {
        match position(name, known.iter().copied()) {
            Some(place) => names.push(known[place].to_owned()),
            None => {
                let text = format!("it has no structure `{name}` of the model, only {}", known.join(", "));
                return Err(mismatch(dataset, text));
            }
        }
    }
    let mut found = target(dataset, &names).map_err(|error| mismatch(dataset, error.to_string()))?;
    if !labels.regions {
        if found.overlapping {
            return Err(mismatch(dataset, "its structures overlap, those of the model do not".into()));
        }
        return Ok(found);
    }
    (found.overlapping, found.painted) = (true, true);
    for (structure, (name, values, value)) in found.structures.iter_mut().zip(&labels.structures) {
        if structure.values != *values {
            let text = format!(
                "`{name}` has the values {:?}, in the model {values:?}: regions are painted with the model's values",
                structure.values
            );
            return Err(mismatch(dataset, text));
        }
        structure.value = *value;
    }
    Ok(found)
}
