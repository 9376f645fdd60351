//! `[cascade]`: a first stage that selects the region the experiment's network segments.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Experiment;
use crate::augment::Augment;
use crate::auto::Auto;
use crate::loss::Loss;
use crate::model::Model;
use crate::model::classifier::Classifier;
use crate::predict::Predict;
use crate::preprocess::Preprocess;
use crate::train::Train;
use crate::train::pretrained::Pretrained;

/// First stage of a cascade: a network, trained on the same cases, that selects the region the experiment's network segments.
/// Everything else is background.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[allow(clippy::large_enum_variant, reason = "an experiment has one")]
pub enum Cascade {
    /// A slice classifier selects the slices to segment.
    Slices(SliceStage),
    /// A low-resolution network selects the box to segment.
    Coarse(CoarseStage),
}

/// A slice classifier before the experiment's network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct SliceStage {
    /// Slices with at least this probability are segmented. `"auto"`: the largest threshold that reaches `sensitivity`.
    #[schemars(extend("minimum" = 0.0, "maximum" = 1.0))]
    pub threshold: Auto<f64>,
    /// Minimum fraction of the slices with a structure that an `"auto"` threshold selects, measured on the validation cases, or on the
    /// training cases if the split has no validation cases.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub sensitivity: f64,
    /// Also segment slices within this distance of a selected slice.
    #[schemars(range(min = 0.0))]
    pub margin_mm: f64,
    /// Preprocessing for the classifier. Default: that of the experiment's network.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preprocess: Option<Preprocess>,
    /// Augmentation of the classifier's training slices.
    pub augment: Augment,
    /// The classifier: `[cascade.slices.model.classifier]`.
    pub model: Model,
    /// Weights that the classifier's training starts from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pretrained: Option<Pretrained>,
    /// Terms of the classifier's loss. `"auto"`: binary cross-entropy.
    pub loss: Auto<Vec<Loss>>,
    /// Training settings of the classifier.
    pub train: Train,
}

impl Default for SliceStage {
    fn default() -> Self {
        Self {
            threshold: Auto::Auto,
            sensitivity: 0.99,
            margin_mm: 0.0,
            preprocess: None,
            augment: Augment::default(),
            model: Model::Classifier(Classifier::default()),
            pretrained: None,
            loss: Auto::Auto,
            train: Train::default(),
        }
    }
}

/// A low-resolution network before the experiment's network, which is trained only on patches around the structures.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct CoarseStage {
    /// Margin around the coarse segmentation's bounding box; if the coarse segmentation is empty, the whole image is segmented. In
    /// training, the maximum distance of patches from the reference's structures.
    #[serde(default = "margin_mm")]
    #[schemars(range(min = 0.0))]
    pub margin_mm: f64,
    /// Preprocessing for the coarse stage: its `spacing-mm` or `shape` sets the low resolution.
    pub preprocess: Preprocess,
    /// Augmentation of the training patches of the coarse stage.
    #[serde(default)]
    pub augment: Augment,
    /// The network of the coarse stage.
    #[serde(default)]
    pub model: Model,
    /// Weights that training of the coarse stage starts from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pretrained: Option<Pretrained>,
    /// Terms of the loss of the coarse stage. `"auto"`: Dice + cross-entropy.
    #[serde(default)]
    pub loss: Auto<Vec<Loss>>,
    /// Training settings of the coarse stage.
    #[serde(default)]
    pub train: Train,
    /// Prediction settings of the coarse stage.
    #[serde(default)]
    pub predict: Predict,
}

fn margin_mm() -> f64 {
    20.0
}

/// The experiment that trains and runs the first stage; `None` without a cascade.
pub fn first_stage(experiment: &Experiment) -> Option<Experiment> {
    let alone = Experiment { cascade: None, ensemble: None, interact: None, sweep: None, ..experiment.clone() };
    Some(match experiment.cascade.clone()? {
        Cascade::Slices(stage) => Experiment {
            preprocess: stage.preprocess.unwrap_or_else(|| experiment.preprocess.clone()),
            augment: stage.augment,
            model: stage.model,
            pretrained: stage.pretrained,
            loss: stage.loss,
            train: stage.train,
            predict: Predict::default(),
            ..alone
        },
        Cascade::Coarse(stage) => Experiment {
            preprocess: stage.preprocess,
            augment: stage.augment,
            model: stage.model,
            pretrained: stage.pretrained,
            loss: stage.loss,
            train: stage.train,
            predict: stage.predict,
            ..alone
        },
    })
}
