//! `[ensemble]`: runs whose probabilities are averaged.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Ensembles of the experiment's runs, whose probabilities are averaged. Each ensemble is a run of its own, scored beside its members.
/// The report selects the best single run or ensemble on the scored cases, with `--fold all` on the whole cross-validation (nnU-Net).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Ensemble {
    /// Average the runs of a trial and fold that differ in their seeds.
    pub seeds: bool,
    /// Average trials that have the same seed and fold.
    pub trials: TrialEnsembles,
    /// Average the folds of a trial, scored on the cases that the split holds out of all folds (`held-out`). Needs `--fold all`.
    pub folds: bool,
}

/// Which trials are averaged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum TrialEnsembles {
    /// None.
    #[default]
    None,
    /// Every pair of trials (nnU-Net).
    Pairs,
    /// All trials together.
    All,
}
