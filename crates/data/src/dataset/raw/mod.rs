//! A dataset as a raw dataset of nnU-Net (version 2), so that both programs can be compared on the same cases, labels and folds.
//!
//! [`plan`] decides everything that can be refused, [`Raw::write`] reads the cases as a run does and writes them.

mod flat;
mod identifiers;
mod json;
mod labels;
mod parts;
mod write;

use std::collections::{BTreeMap, BTreeSet};

use super::spec::{Channel, Modality, Split};
use super::{Case, CaseCheck, Dataset, Inputs, SplitError, Target, TargetError, target};
use crate::volume::{Geometry, WriteError};
pub use labels::Recoding;
pub use parts::Parts;
pub use write::Progress;

/// Why a dataset cannot be a raw dataset of nnU-Net, or was not written.
#[derive(Debug, thiserror::Error)]
pub enum RawError {
    /// The chosen structures are not in the dataset.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// The split does not fit the cases.
    #[error(transparent)]
    Split(#[from] SplitError),
    /// Structures that overlap in more ways than nnU-Net's label maps can express.
    #[error(
        "the structures {names} share voxels in {combinations} combinations; nnU-Net writes one value per structure, so that structures \
         must be disjoint or lie within each other: choose fewer by `structures` of an experiment"
    )]
    Overlap {
        /// The structures.
        names: String,
        /// Number of sets of structures that voxels belong to.
        combinations: usize,
    },
    /// A structure with a name that nnU-Net reserves.
    #[error("the structure `{name}` has a name that nnU-Net reserves; rename it in the dataset file")]
    Reserved {
        /// Its name.
        name: String,
    },
    /// Cases whose names become the same.
    #[error(
        "the cases `{first}` and `{second}` would both be called `{name}` in nnU-Net; rename the files of one of them"
    )]
    SameName {
        /// A case.
        first: String,
        /// Another.
        second: String,
        /// The name that both would have.
        name: String,
    },
    /// A part of a fold without cases.
    #[error("{part} has no usable case ({excluded}); change the split")]
    Empty {
        /// The part.
        part: String,
        /// Why cases are excluded.
        excluded: String,
    },
    /// A case that cannot be read.
    #[error("case {case}: {reason}")]
    Case {
        /// The case.
        case: String,
        /// The file and what is wrong.
        reason: String,
        /// Whether this machine is the reason: memory.
        environment: bool,
    },
    /// A file that cannot be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// Stopped by the caller.
    #[error("interrupted")]
    Cancelled,
}

impl RawError {
    /// Whether the machine (disk, permission, memory) is the reason, rather than the data.
    pub fn is_environment(&self) -> bool {
        match self {
            Self::Write(error) => error.environment,
            Self::Case { environment, .. } => *environment,
            _ => false,
        }
    }
}

/// What is to be written.
#[derive(Debug)]
pub struct Raw {
    /// Name, description, source and licence: the dataset's.
    pub dataset: Dataset,
    /// How label values change.
    pub labels: Recoding,
    /// nnU-Net's names of the channels, by which it chooses their normalisation.
    pub channels: Vec<String>,
    /// Training and test cases, and folds, by the dataset's names.
    pub parts: Parts,
    /// nnU-Net's configuration to train first: `2d` for images of one slice, else `3d_fullres`.
    pub configuration: &'static str,
    /// nnU-Net's name of each case.
    pub identifiers: BTreeMap<String, String>,
    /// The cases, by the dataset's names.
    cases: BTreeMap<String, Case>,
    /// What is not as in the dataset, for the user.
    pub notes: Vec<String>,
}

/// Plans the conversion of checked cases. `chosen` are the structures of an experiment; without any, all of the dataset.
///
/// # Errors
/// [`RawError`]: what nnU-Net cannot express, or a split without cases.
pub fn plan(dataset: &Dataset, inputs: &Inputs, split: &Split, chosen: &[String]) -> Result<Raw, RawError> {
    let target = target(dataset, chosen)?;
    let is_usable = |name: &str| inputs.case(name).is_some();
    let checks = inputs.checks.iter().filter(|check| is_usable(&check.case));
    let seen: BTreeSet<u16> = checks.flat_map(|check| check.label_voxels.keys().copied()).collect();
    let labels = labels::recoding(dataset, &target, &seen)?;
    let parts = parts::parts(inputs, split)?;
    let written: Vec<&str> = parts.training.iter().chain(&parts.test).map(String::as_str).collect();
    let identifiers = identifiers::identifiers(&written)?;
    let mut notes = labels.renumbered(dataset, &target);
    notes.extend(not_taken(dataset, &target));
    notes.extend(parts.notes.iter().cloned());
    let renamed: Vec<String> =
        identifiers.iter().filter(|(own, new)| own != new).map(|(own, new)| format!("{own} → {new}")).collect();
    if !renamed.is_empty() {
        notes.push(format!("cases are called otherwise, as dataset.json states: {}", renamed.join(", ")));
    }
    let (channels, remarks) = channels(dataset);
    notes.extend(remarks);
    let is_training = |check: &&CaseCheck| parts.training.contains(&check.case);
    let grids: Vec<&Geometry> =
        inputs.checks.iter().filter(is_training).filter_map(|check| check.geometry.as_ref()).collect();
    let (configuration, remark) = flat::configuration(&grids);
    notes.extend(remark);
    let cases = inputs.cases.iter().map(|(case, _)| (case.name.clone(), case.clone())).collect();
    Ok(Raw { dataset: dataset.clone(), labels, channels, parts, configuration, identifiers, cases, notes })
}

/// Structures of the dataset that become background.
fn not_taken(dataset: &Dataset, target: &Target) -> Option<String> {
    let is_taken = |name: &String| target.structures.iter().any(|structure| structure.members.contains(name));
    let left: Vec<&str> =
        dataset.structures.iter().map(|it| &it.name).filter(|name| !is_taken(name)).map(String::as_str).collect();
    (!left.is_empty()).then(|| format!("background, since the experiment does not choose them: {}", left.join(", ")))
}

/// Names of channels by which nnU-Net chooses a normalisation of its own; of all others, it takes the z-score.
const NORMALISED: [&str; 5] = ["ct", "nonorm", "zscore", "rescale_to_0_1", "rgb_to_0_1"];

/// nnU-Net's channel names, and what differs from the dataset's.
fn channels(dataset: &Dataset) -> (Vec<String>, Vec<String>) {
    let mut notes = Vec::new();
    let single = [Channel { name: of_modality(dataset.modality).into(), modality: None }];
    let channels = if dataset.channels.is_empty() { &single[..] } else { &dataset.channels };
    let names = channels.iter().map(|channel| {
        let is_ct = channel.modality.unwrap_or(dataset.modality) == Modality::Ct;
        let is_special = NORMALISED.contains(&channel.name.to_lowercase().as_str());
        let name = match (is_ct, is_special) {
            (_, true) if !channel.name.eq_ignore_ascii_case("ct") => {
                notes.push(format!("the channel `{}` keeps its name, by which nnU-Net normalises it", channel.name));
                return channel.name.clone();
            }
            (true, _) => "CT".to_owned(),
            (false, true) => format!("{}-image", channel.name),
            (false, false) => channel.name.clone(),
        };
        if name != channel.name {
            let why = if is_ct { "nnU-Net's name of CT" } else { "the name means another normalisation in nnU-Net" };
            notes.push(format!("the channel `{}` is called `{name}`: {why}", channel.name));
        }
        name
    });
    (names.collect(), notes)
}

fn of_modality(modality: Modality) -> &'static str {
    match modality {
        Modality::Ct => "CT",
        Modality::Mr => "MRI",
        Modality::Pet => "PET",
        Modality::Us => "US",
        Modality::Microscopy => "microscopy",
        Modality::Rgb => "RGB",
        Modality::Other => "image",
    }
}

#[cfg(test)]
mod tests;
