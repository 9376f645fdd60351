//! The list of loss terms: one file with the table, its [`Term`] and its value, and one line here (docs/extending.md).

use burn::tensor::Tensor;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use super::binary_cross_entropy::BinaryCrossEntropy;
pub use super::cross_entropy::CrossEntropy;
pub use super::focal::Focal;
pub use super::overlap::{Empty, Overlap};
pub use super::term::{Mistake, Outputs, Term, WeightList};
pub use super::tversky::Tversky;

use super::term::losses;
use super::{Batch, binary_cross_entropy, cross_entropy, dice, focal, generalized_dice, jaccard, tversky};

losses! {
    /// Softmax cross-entropy over background and structures; for structures that do not overlap.
    CrossEntropy = "cross-entropy": CrossEntropy => cross_entropy::cross_entropy;
    /// Sigmoid cross-entropy per structure: each structure has its own probability, whether or not structures overlap.
    BinaryCrossEntropy = "binary-cross-entropy": BinaryCrossEntropy => binary_cross_entropy::binary_cross_entropy;
    /// Cross-entropy that down-weights well-classified voxels (Lin et al. 2017).
    Focal = "focal": Focal => focal::focal;
    /// One minus the soft Dice coefficient, averaged over structures (Milletari et al. 2016, with plain sums in the denominator).
    Dice = "dice": Overlap => dice::soft_dice;
    /// One minus the soft intersection over union, averaged over structures (Rahman & Wang 2016).
    Jaccard = "jaccard": Overlap => jaccard::soft_jaccard;
    /// Dice with structures weighted by their inverse squared size (Sudre et al. 2017).
    GeneralizedDice = "generalized-dice": Overlap => generalized_dice::generalized_dice;
    /// One minus the Tversky index, averaged over structures (Salehi et al. 2017); with an exponent the focal Tversky loss (Abraham &
    /// Khan 2019: 0.75).
    Tversky = "tversky": Tversky => tversky::soft_tversky;
}

impl Loss {
    /// Factor of the term.
    pub fn weight(&self) -> f64 {
        self.term().weight()
    }
}

/// Dice plus cross-entropy, as in nnU-Net; binary cross-entropy where structures overlap.
pub fn default_terms(overlapping: bool) -> Vec<Loss> {
    let entropy = match overlapping {
        true => Loss::BinaryCrossEntropy(BinaryCrossEntropy::default()),
        false => Loss::CrossEntropy(CrossEntropy::default()),
    };
    vec![Loss::Dice(Overlap::default()), entropy]
}
