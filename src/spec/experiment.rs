//! The experiment file, composed of the spec types of the stages.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::cascade::Cascade;
use super::ensemble::Ensemble;
use super::launcher::{Launcher, Notify};
use super::search::Search;
use super::tracking::Track;
use crate::augment::Augment;
use crate::auto::Auto;
use crate::dataset::spec::Split;
use crate::evaluate::Evaluate;
use crate::interact::Interact;
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
    /// Name of the run folder and the report. Default: the file's name without `.toml`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What the experiment is, in one line.
    #[serde(default)]
    pub description: String,
    /// Notes for readers of the report, one paragraph each. They do not affect runs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// Files to inherit values from, relative to this file; later ones override earlier ones.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub extends: Vec<String>,
    /// Name of a dataset (`datasets/NAME.toml`), or the path of its file relative to this file.
    pub dataset: String,
    /// Structures to segment: names from `[[structure]]` or `labels.merge` of the dataset. Default: every `[[structure]]`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub structures: Vec<String>,
    /// Overrides the dataset's split.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub split: Option<Split>,
    /// Seed of initial weights, patches and augmentation.
    #[serde(default)]
    pub seed: u64,
    /// Folder that contains the run folders.
    #[serde(default = "default_run_root")]
    pub run_root: String,
    /// GPU memory in GB that `"auto"` plans for (nnU-Net: 8), independent of the machine's GPU.
    #[serde(default = "default_memory_target")]
    #[schemars(range(min = 1.0))]
    pub memory_target_gb: f64,
    /// Preprocessing, from files to network input.
    #[serde(default)]
    pub preprocess: Preprocess,
    /// Augmentation of training patches.
    #[serde(default)]
    pub augment: Augment,
    /// The network.
    #[serde(default)]
    pub model: Model,
    /// Weights that training starts from. Default: random.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pretrained: Option<Pretrained>,
    /// Terms of the loss, summed. `"auto"`: Dice + cross-entropy.
    #[serde(default)]
    pub loss: Auto<Vec<Loss>>,
    /// Training settings.
    #[serde(default)]
    pub train: Train,
    /// Clicks that the network takes besides the image. Default: it takes none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interact: Option<Interact>,
    /// Prediction, from a trained network to label maps.
    #[serde(default)]
    pub predict: Predict,
    /// First stage of a cascade, which selects the region this network segments.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cascade: Option<Cascade>,
    /// Runs whose probabilities are averaged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ensemble: Option<Ensemble>,
    /// How predictions are scored.
    #[serde(default)]
    pub evaluate: Evaluate,
    /// Where runs are executed: devices, other machines. Changes no numbers.
    #[serde(default, skip_serializing_if = "is_default")]
    pub launcher: Launcher,
    /// Who is told when the experiment ends. Changes no numbers.
    #[serde(default, skip_serializing_if = "is_default")]
    pub notify: Notify,
    /// Trackers that follow the runs: TensorBoard, MLflow. Changes no numbers.
    #[serde(default, skip_serializing_if = "is_default")]
    pub track: Track,
    /// Trials: lists of values for any key, and seeds; every combination is run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sweep: Option<Sweep>,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

fn default_run_root() -> String {
    "runs".into()
}

fn default_memory_target() -> f64 {
    8.0
}

/// The trials of an experiment: `seeds`, and lists of values for any other key of the experiment, written as nested tables or
/// dotted keys: `train.optimizer.adamw.learning-rate = [1e-3, 3e-4]`.
///
/// Kept as an untyped tree: `spec` checks every listed value against the schema of the key that it replaces.
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

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut settings = Search::json_schema(generator);
        let mut properties = settings.ensure_object().get("properties").cloned().unwrap_or_default();
        properties["seeds"] = json!({
            "type": "array", "items": { "type": "integer", "minimum": 0 },
            "description": "Seeds that every trial is run with."
        });
        json_schema!({
            "type": "object",
            "description": "Trials: `seeds`, and lists or ranges of values for any other key of the experiment, such as                             `train.optimizer.adamw.learning-rate = { log-uniform = [1e-4, 1e-2] }`.",
            "properties": properties,
            "additionalProperties": true
        })
    }
}
