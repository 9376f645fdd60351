//! What an experiment says about ensembles: networks whose probabilities are averaged.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Ensembles of the experiment's runs: the mean of their probabilities. Each is a run of its own, scored beside its members; the
/// report picks the best of singles and ensembles on the scored cases, with `--fold all` on all of the cross-validation (nnU-Net).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Ensemble {
    /// Of the runs of a trial and fold that differ in their seeds.
    pub seeds: bool,
    /// Of trials, of one seed and fold.
    pub trials: TrialEnsembles,
    /// Of the folds of a trial, scored on the cases that the split holds out of all folds (`held-out`); with `--fold all`.
    pub folds: bool,
}

/// Which trials are averaged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum TrialEnsembles {
    /// None.
    #[default]
    None,
    /// Every two of them (nnU-Net).
    Pairs,
    /// All of them together.
    All,
}
