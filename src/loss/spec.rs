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
}

fn one() -> f64 {
    1.0
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
