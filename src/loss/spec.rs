//! What an experiment says about the loss.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use super::binary_cross_entropy::BinaryCrossEntropy;
pub use super::cross_entropy::CrossEntropy;
pub use super::focal::Focal;
pub use super::tversky::Tversky;

/// One term of the loss; the terms of the list are added.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Loss {
    /// Softmax cross-entropy over background and structures; for structures that do not overlap.
    CrossEntropy(CrossEntropy),
    /// Sigmoid cross-entropy per structure: each has a probability by itself, whether or not structures overlap.
    BinaryCrossEntropy(BinaryCrossEntropy),
    /// Cross-entropy in which voxels that are found well count little (Lin et al. 2017).
    Focal(Focal),
    /// One minus the soft Dice coefficient, averaged over structures (Milletari et al. 2016, with plain sums in the denominator).
    Dice(Overlap),
    /// One minus the soft intersection over union, averaged over structures (Rahman & Wang 2016).
    Jaccard(Overlap),
    /// Dice with structures weighted by one over their squared size (Sudre et al. 2017).
    GeneralizedDice(Overlap),
    /// One minus the Tversky index, averaged over structures (Salehi et al. 2017); with an exponent the focal Tversky loss (Abraham &
    /// Khan 2019: 0.75).
    Tversky(Tversky),
}

/// A loss of sums over the voxels of each structure.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Overlap {
    /// Factor of this term.
    pub weight: f64,
    /// Take sums over the batch instead of each patch (nnU-Net's batch Dice).
    pub batch: bool,
    /// Added to numerator and denominator.
    #[schemars(range(min = 0.0))]
    pub smooth: f64,
    /// Count the background as a structure.
    pub background: bool,
    /// What a structure gives that is absent from a patch, or with `batch` from the whole batch.
    #[serde(skip_serializing_if = "Empty::is_default")]
    pub empty: Empty,
}

impl Default for Overlap {
    fn default() -> Self {
        Self { weight: 1.0, batch: true, smooth: 1e-5, background: false, empty: Empty::Count }
    }
}

/// What an absent structure gives to a loss of sums over its voxels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Empty {
    /// It counts like the others: nearly 0 where none of it is found, nearly 1 else. It is learnt that it is absent.
    #[default]
    Count,
    /// It counts in no mean; where all are absent, the term is 0.
    Skip,
}

impl Empty {
    /// Whether it is what plans of old meant.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl Loss {
    /// The term's key.
    pub fn name(&self) -> &'static str {
        match self {
            Self::CrossEntropy(_) => "cross-entropy",
            Self::BinaryCrossEntropy(_) => "binary-cross-entropy",
            Self::Focal(_) => "focal",
            Self::Dice(_) => "dice",
            Self::Jaccard(_) => "jaccard",
            Self::GeneralizedDice(_) => "generalized-dice",
            Self::Tversky(_) => "tversky",
        }
    }

    /// Factor of the term.
    pub fn weight(&self) -> f64 {
        match self {
            Self::CrossEntropy(term) => term.weight,
            Self::BinaryCrossEntropy(term) => term.weight,
            Self::Focal(term) => term.weight,
            Self::Dice(term) | Self::Jaccard(term) | Self::GeneralizedDice(term) => term.weight,
            Self::Tversky(term) => term.weight,
        }
    }

    /// Whether an overlap counts the background as a structure.
    pub fn counts_background(&self) -> bool {
        match self {
            Self::CrossEntropy(_) | Self::BinaryCrossEntropy(_) | Self::Focal(_) => false,
            Self::Dice(term) | Self::Jaccard(term) | Self::GeneralizedDice(term) => term.background,
            Self::Tversky(term) => term.background,
        }
    }
}

/// Dice plus cross-entropy, the field's default; binary cross-entropy where structures overlap.
pub fn default_terms(overlapping: bool) -> Vec<Loss> {
    let entropy = match overlapping {
        true => Loss::BinaryCrossEntropy(BinaryCrossEntropy::default()),
        false => Loss::CrossEntropy(CrossEntropy::default()),
    };
    vec![Loss::Dice(Overlap::default()), entropy]
}
