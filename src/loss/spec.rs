//! What an experiment says about the loss.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One term of the loss; the terms of the list are added.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case", deny_unknown_fields)]
pub enum Loss {
    /// Softmax cross-entropy over background and structures; for structures that do not overlap.
    CrossEntropy {
        /// Factor of this term.
        #[serde(default = "one")]
        weight: f64,
        /// Weight per class: background first, then the structures in order. Left out: all 1.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        class_weights: Option<Vec<f64>>,
    },
    /// Sigmoid cross-entropy per structure; for structures that overlap.
    BinaryCrossEntropy {
        /// Factor of this term.
        #[serde(default = "one")]
        weight: f64,
        /// Weight per structure. Left out: all 1.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        class_weights: Option<Vec<f64>>,
    },
    /// One minus the soft Dice coefficient, averaged over structures (Milletari et al. 2016, with plain sums in the denominator).
    Dice {
        /// Factor of this term.
        #[serde(default = "one")]
        weight: f64,
        /// Take sums over the batch instead of each patch (nnU-Net's batch Dice).
        #[serde(default = "yes")]
        batch: bool,
        /// Added to numerator and denominator.
        #[serde(default = "dice_smooth")]
        #[schemars(range(min = 0.0))]
        smooth: f64,
        /// Count the background as a structure.
        #[serde(default)]
        background: bool,
    },
    /// One minus the soft intersection over union, averaged over structures (Rahman & Wang 2016).
    Jaccard {
        /// Factor of this term.
        #[serde(default = "one")]
        weight: f64,
        /// Take sums over the batch instead of each patch.
        #[serde(default = "yes")]
        batch: bool,
        /// Added to numerator and denominator.
        #[serde(default = "dice_smooth")]
        #[schemars(range(min = 0.0))]
        smooth: f64,
        /// Count the background as a structure.
        #[serde(default)]
        background: bool,
    },
    /// Dice with structures weighted by one over their squared size (Sudre et al. 2017).
    GeneralizedDice {
        /// Factor of this term.
        #[serde(default = "one")]
        weight: f64,
        /// Take sums over the batch instead of each patch.
        #[serde(default = "yes")]
        batch: bool,
        /// Added to numerator and denominator.
        #[serde(default = "dice_smooth")]
        #[schemars(range(min = 0.0))]
        smooth: f64,
        /// Count the background as a structure.
        #[serde(default)]
        background: bool,
    },
    /// One minus the Tversky index, averaged over structures (Salehi et al. 2017); with an exponent the focal Tversky loss (Abraham &
    /// Khan 2019: 0.75).
    Tversky {
        /// Factor of this term.
        #[serde(default = "one")]
        weight: f64,
        /// Weight of voxels found wrongly.
        #[serde(default = "half")]
        #[schemars(range(min = 0.0))]
        false_positives: f64,
        /// Weight of voxels missed; more than that of wrong ones favours recall.
        #[serde(default = "half")]
        #[schemars(range(min = 0.0))]
        false_negatives: f64,
        /// What one minus the index is raised to: below 1, structures that are found badly count more.
        #[serde(default = "one")]
        #[schemars(extend("exclusiveMinimum" = 0.0))]
        exponent: f64,
        /// Take sums over the batch instead of each patch.
        #[serde(default = "yes")]
        batch: bool,
        /// Added to numerator and denominator.
        #[serde(default = "dice_smooth")]
        #[schemars(range(min = 0.0))]
        smooth: f64,
        /// Count the background as a structure.
        #[serde(default)]
        background: bool,
    },
}

impl Loss {
    /// The term's key.
    pub fn name(&self) -> &'static str {
        match self {
            Self::CrossEntropy { .. } => "cross-entropy",
            Self::BinaryCrossEntropy { .. } => "binary-cross-entropy",
            Self::Dice { .. } => "dice",
            Self::Jaccard { .. } => "jaccard",
            Self::GeneralizedDice { .. } => "generalized-dice",
            Self::Tversky { .. } => "tversky",
        }
    }

    /// Factor of the term.
    pub fn weight(&self) -> f64 {
        match self {
            Self::CrossEntropy { weight, .. }
            | Self::BinaryCrossEntropy { weight, .. }
            | Self::Dice { weight, .. }
            | Self::Jaccard { weight, .. }
            | Self::GeneralizedDice { weight, .. }
            | Self::Tversky { weight, .. } => *weight,
        }
    }

    /// Whether an overlap counts the background as a structure.
    pub fn counts_background(&self) -> bool {
        match self {
            Self::CrossEntropy { .. } | Self::BinaryCrossEntropy { .. } => false,
            Self::Dice { background, .. }
            | Self::Jaccard { background, .. }
            | Self::GeneralizedDice { background, .. }
            | Self::Tversky { background, .. } => *background,
        }
    }
}

fn one() -> f64 {
    1.0
}

fn half() -> f64 {
    0.5
}

fn yes() -> bool {
    true
}

fn dice_smooth() -> f64 {
    1e-5
}

/// Dice plus cross-entropy, the field's default; binary cross-entropy where structures overlap.
pub fn default_terms(overlapping: bool) -> Vec<Loss> {
    let dice = Loss::Dice { weight: 1.0, batch: true, smooth: dice_smooth(), background: false };
    let entropy = match overlapping {
        true => Loss::BinaryCrossEntropy { weight: 1.0, class_weights: None },
        false => Loss::CrossEntropy { weight: 1.0, class_weights: None },
    };
    vec![dice, entropy]
}
