//! What an experiment says about a cascade: a first network that shows the experiment's network where to look.

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

/// A first network, trained on the same cases, that says where the experiment's network looks. Everything else is background.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[allow(clippy::large_enum_variant, reason = "an experiment has one")]
pub enum Cascade {
    /// A classifier says which slices are segmented.
    Slices(SliceStage),
    /// A network at a low resolution says which box is segmented.
    Coarse(CoarseStage),
}

/// A classifier of slices before the experiment's network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct SliceStage {
    /// Probability from which a slice is segmented. `"auto"`: the largest that keeps `sensitivity`.
    #[schemars(extend("minimum" = 0.0, "maximum" = 1.0))]
    pub threshold: Auto<f64>,
    /// Part of the slices with a structure that an `"auto"` threshold keeps, at least: on the validation cases, or on the training
    /// cases where the split has none.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub sensitivity: f64,
    /// Slices so near to a chosen one are segmented, too.
    #[schemars(range(min = 0.0))]
    pub margin_mm: f64,
    /// From files to the classifier's input; left out, as for the experiment's network.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preprocess: Option<Preprocess>,
    /// Random changes of its training slices.
    pub augment: Augment,
    /// The classifier: `[cascade.slices.model.classifier]`.
    pub model: Model,
    /// Weights that its training starts from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pretrained: Option<Pretrained>,
    /// Terms of its loss. `"auto"`: binary cross-entropy.
    pub loss: Auto<Vec<Loss>>,
    /// Its training schedule.
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

/// A network at a low resolution before the experiment's network, which is trained on patches around the structures alone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct CoarseStage {
    /// Distance around what the first network finds that is segmented, too; where it finds nothing, the whole image is. In training,
    /// the distance around the reference's structures that patches are drawn from.
    #[serde(default = "margin_mm")]
    #[schemars(range(min = 0.0))]
    pub margin_mm: f64,
    /// From files to the first network's input: its `spacing-mm` or `shape` is the low resolution.
    pub preprocess: Preprocess,
    /// Random changes of its training patches.
    #[serde(default)]
    pub augment: Augment,
    /// The first network.
    #[serde(default)]
    pub model: Model,
    /// Weights that its training starts from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pretrained: Option<Pretrained>,
    /// Terms of its loss. `"auto"`: Dice + cross-entropy.
    #[serde(default)]
    pub loss: Auto<Vec<Loss>>,
    /// Its training schedule.
    #[serde(default)]
    pub train: Train,
    /// How it predicts.
    #[serde(default)]
    pub predict: Predict,
}

fn margin_mm() -> f64 {
    20.0
}

/// What trains and runs the first network; none without a cascade.
pub fn first_stage(experiment: &Experiment) -> Option<Experiment> {
    let alone = Experiment { cascade: None, ensemble: None, sweep: None, ..experiment.clone() };
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
