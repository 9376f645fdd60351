//! The experiment file: composed of the spec types that live in the stages.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use super::cascade::Cascade;
use super::ensemble::Ensemble;
use crate::augment::Augment;
use crate::auto::Auto;
use crate::dataset::spec::Split;
use crate::evaluate::Evaluate;
use crate::loss::Loss;
use crate::model::Model;
use crate::predict::Predict;
use crate::preprocess::Preprocess;
use crate::train::Train;
use crate::train::pretrained::Pretrained;

/// One experiment, from dataset to report.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[schemars(title = "segspec experiment")]
pub struct Experiment {
    /// Name of run folder and report. Default: the file's name without `.toml`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// One line for people.
    #[serde(default)]
    pub description: String,
    /// What a reader of the report should know, one paragraph each. Changes no run.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// Files whose values this one starts from, relative to this file; later ones win over earlier ones.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub extends: Vec<String>,
    /// Name of a dataset (`datasets/NAME.toml`), or a path to its file, relative to this file.
    pub dataset: String,
    /// Structures to segment: names from `[[structure]]` or `labels.merge` of the dataset. Empty: every `[[structure]]`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub structures: Vec<String>,
    /// Replaces the dataset's split.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub split: Option<Split>,
    /// Seed of weights, patches and augmentation.
    #[serde(default)]
    pub seed: u64,
    /// Folder of the run folders.
    #[serde(default = "default_run_root")]
    pub run_root: String,
    /// GPU memory in GB that `"auto"` plans for (nnU-Net's reference: 8); never the machine at hand.
    #[serde(default = "default_memory_target")]
    #[schemars(range(min = 1.0))]
    pub memory_target_gb: f64,
    /// From files to network input.
    #[serde(default)]
    pub preprocess: Preprocess,
    /// Random changes of training patches.
    #[serde(default)]
    pub augment: Augment,
    /// The network.
    #[serde(default)]
    pub model: Model,
    /// Weights that training starts from; left out, random ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pretrained: Option<Pretrained>,
    /// Terms of the loss, added. `"auto"`: Dice + cross-entropy.
    #[serde(default)]
    pub loss: Auto<Vec<Loss>>,
    /// The training schedule.
    #[serde(default)]
    pub train: Train,
    /// From a trained network to label maps.
    #[serde(default)]
    pub predict: Predict,
    /// A first network that says where this one looks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cascade: Option<Cascade>,
    /// Runs whose probabilities are averaged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ensemble: Option<Ensemble>,
    /// How predictions are scored.
    #[serde(default)]
    pub evaluate: Evaluate,
    /// Trials: lists over any key, and seeds; their grid is run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sweep: Option<Sweep>,
}

fn default_run_root() -> String {
    "runs".into()
}

fn default_memory_target() -> f64 {
    8.0
}

/// Which trials an experiment consists of: `seeds`, and lists of values over any other key of the experiment, written
/// as nested tables or dotted keys: `train.optimizer.adamw.learning-rate = [1e-3, 3e-4]`.
///
/// Kept as a tree: `spec` checks every listed value against the schema of the key that it replaces.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Sweep {
    /// The declaration as written.
    pub tree: serde_json::Map<String, serde_json::Value>,
}

impl JsonSchema for Sweep {
    fn schema_name() -> Cow<'static, str> {
        "Sweep".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "object",
            "description": "Trials: `seeds`, and lists of values over any other key of the experiment; their grid is run.",
            "properties": {
                "seeds": {
                    "type": "array", "items": { "type": "integer", "minimum": 0 },
                    "description": "Seeds that every combination is run with."
                }
            },
            "additionalProperties": true
        })
    }
}
