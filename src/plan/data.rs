//! The cases of a plan: their files, how they are read, and their roles.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::dataset::{Case, Content, Dataset, Excluded, Fold, Inputs, Label, Reading};

/// Role of a case in a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Training case.
    Train,
    /// Used to select the checkpoint.
    Validation,
    /// Scored after training.
    Test,
}

impl Role {
    /// Its name in tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Train => "training",
            Self::Validation => "validation",
            Self::Test => "test",
        }
    }
}

/// The data of one run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Data {
    /// Name of the dataset.
    pub dataset: String,
    /// Its folder as written in the dataset file: relative to the data root, or absolute.
    pub root: PathBuf,
    /// Its absolute path at planning time.
    pub found_at: PathBuf,
    /// Unusable cases, with reasons.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub excluded: Vec<Excluded>,
    /// How the files are read.
    #[serde(default)]
    pub reading: Reading,
    /// The cases, by role and name.
    #[serde(default, rename = "case", skip_serializing_if = "Vec::is_empty")]
    pub cases: Vec<PlannedCase>,
}

/// One case of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct PlannedCase {
    /// Its name.
    pub name: String,
    /// Its role.
    pub role: Role,
    /// Its image files, relative to the dataset's folder.
    pub images: Vec<PathBuf>,
    /// Voxel spacing, where the image is a folder of 2D pictures.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stack_spacing_mm: Option<[f64; 3]>,
    /// The DICOM series of each image, where their folders contain several.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub series: Vec<String>,
    /// Hashes of the content, read as `reading` says.
    pub content: Content,
    /// Its labels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<Label>,
    /// The value of unlabelled voxels and the mask of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ignored: Option<(u16, PathBuf)>,
    /// Its patient, if the dataset names one; part of no id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub patient: Option<String>,
}

impl Data {
    /// The usable cases of a fold, with their patients.
    pub fn new(
        dataset: &Dataset,
        data_root: &Path,
        inputs: &Inputs,
        fold: &Fold,
        patients: &BTreeMap<String, String>,
    ) -> Self {
        let found_at = data_root.join(&dataset.root);
        let relative = |path: &Path| -> Result<PathBuf, std::convert::Infallible> {
            Ok(path.strip_prefix(&found_at).unwrap_or(path).to_path_buf())
        };
        let roles = [(Role::Train, &fold.train), (Role::Validation, &fold.validation), (Role::Test, &fold.test)];
        let named = roles.iter().flat_map(|(role, names)| names.iter().map(move |name| (*role, name)));
        let cases = named.filter_map(|(role, name)| {
            let (case, content) = inputs.case(name)?;
            let Ok(case) = case.with_paths(&relative);
            Some(PlannedCase {
                name: case.name,
                role,
                images: case.images,
                stack_spacing_mm: case.stack_spacing_mm,
                series: case.series,
                content: content.clone(),
                label: case.label,
                ignored: case.ignored,
                patient: patients.get(name).cloned(),
            })
        });
        let reading = inputs.cases.first().map(|(case, _)| case.reading.clone()).unwrap_or_default();
        Self {
            dataset: dataset.name.clone().unwrap_or_default(),
            root: PathBuf::from(&dataset.root),
            cases: cases.collect(),
            reading,
            excluded: inputs.excluded.clone(),
            found_at: std::path::absolute(&found_at).unwrap_or(found_at),
        }
    }

    /// Cases of a role, by name.
    pub fn of(&self, role: Role) -> impl Iterator<Item = &PlannedCase> + Clone {
        self.cases.iter().filter(move |case| case.role == role)
    }

    /// Names of the cases of a role.
    pub fn names(&self, role: Role) -> Vec<String> {
        self.of(role).map(|case| case.name.clone()).collect()
    }

    /// A planned case with its files located in a folder.
    pub fn case(&self, planned: &PlannedCase, folder: &Path) -> Case {
        let below = |path: &Path| -> Result<PathBuf, std::convert::Infallible> { Ok(folder.join(path)) };
        let case = Case {
            name: planned.name.clone(),
            images: planned.images.clone(),
            stack_spacing_mm: planned.stack_spacing_mm,
            series: planned.series.clone(),
            label: planned.label.clone(),
            ignored: planned.ignored.clone(),
            reading: self.reading.clone(),
        };
        let Ok(case) = case.with_paths(&below);
        case
    }

    /// The dataset's folder on this machine: below `data_root` if given, else its path at planning time.
    pub fn folder(&self, data_root: Option<&Path>) -> PathBuf {
        match data_root {
            Some(data_root) => data_root.join(&self.root),
            None => self.found_at.clone(),
        }
    }
}
