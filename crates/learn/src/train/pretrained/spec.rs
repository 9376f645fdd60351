//! Pretrained weights of an experiment.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

use super::{PretrainedError, hash};

/// Weights to start from instead of random initialisation.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Pretrained {
    /// Weights as safetensors or PyTorch's `.pt` or `.pth`, relative to the working directory. Names of nnU-Net, MONAI and Hugging Face
    /// are recognised for the architectures that come from there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// Run folder, relative to the working directory, whose best weights to start from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from_run: Option<String>,
    /// Prefix removed from the file's tensor names; tensors without it are ignored.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub prefix: String,
    /// Regular expressions over the file's tensor names and their replacements, applied in order: `[["^backbone\\.", "encoder."]]`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rename: Vec<[String; 2]>,
    /// Let parameters that the file lacks, or has in another shape, keep their random values. Otherwise all must be present.
    pub partial: bool,
}

impl Pretrained {
    /// The plan of these weights, and their file.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn plan(&self) -> Result<(PretrainedPlan, PathBuf), PretrainedError> {
        let path = match (&self.file, &self.from_run) {
            (Some(file), _) => PathBuf::from(file),
            (None, run) => PathBuf::from(run.as_deref().unwrap_or_default()).join("checkpoints/best.safetensors"),
        };
        let (prefix, rename) = (self.prefix.clone(), self.rename.clone());
        Ok((PretrainedPlan { hash: hash(&path)?, prefix, rename, partial: self.partial }, path))
    }
}

/// Pretrained weights, identified by the hash of their content and not by the file's location.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct PretrainedPlan {
    /// BLAKE3 of the file's content.
    pub hash: String,
    /// Prefix removed from names.
    pub prefix: String,
    /// Renaming rules.
    pub rename: Vec<[String; 2]>,
    /// Whether parameters may be missing.
    pub partial: bool,
}
