//! What an experiment says about pretrained weights.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

use super::{PretrainedError, hash};

/// Weights to start from instead of random ones.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Pretrained {
    /// Weights as safetensors or PyTorch's `.pt` or `.pth`, relative to the working directory. Names of nnU-Net, MONAI and Hugging Face are known for the
    /// architectures that come from there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// Folder of a run of ours, relative to the working directory, whose best weights to start from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from_run: Option<String>,
    /// Beginning of the file's names that is taken off; other tensors are left out.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub prefix: String,
    /// Regular expressions over the file's names and what they become, one after the other: `[["^backbone\\.", "encoder."]]`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rename: Vec<[String; 2]>,
    /// Parameters that the file lacks, or has in another shape, keep their random values. Otherwise all must be there.
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

/// Pretrained weights with their content's hash; where the file lies is no part of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct PretrainedPlan {
    /// BLAKE3 of the file's content.
    pub hash: String,
    /// Taken off names.
    pub prefix: String,
    /// Renamed names.
    pub rename: Vec<[String; 2]>,
    /// Missing parameters are allowed.
    pub partial: bool,
}
