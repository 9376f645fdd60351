//! `[track]`: where people look at runs, beside segspec's own reports.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Trackers that follow every run. Part of no id.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Track {
    /// Event files for TensorBoard in the folder `tensorboard` of each run: `tensorboard --logdir runs`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tensorboard: Option<TensorBoard>,
    /// Runs on an MLflow tracking server. What it does not hear while it is away, `segspec track sync` sends later.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mlflow: Option<Mlflow>,
}

impl Track {
    /// Without any tracker.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// What TensorBoard is shown.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct TensorBoard {
    /// Steps between two points of the loss; epochs are always shown.
    #[schemars(range(min = 1))]
    pub steps: usize,
    /// Whether the pictures of the best, the median and the worst case are shown.
    pub images: bool,
}

impl Default for TensorBoard {
    fn default() -> Self {
        Self { steps: 10, images: true }
    }
}

/// What MLflow is sent.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Mlflow {
    /// Address of the tracking server. Default: the variable `MLFLOW_TRACKING_URI`. Passwords and tokens are never written in a file:
    /// `MLFLOW_TRACKING_USERNAME` and `MLFLOW_TRACKING_PASSWORD`, or `MLFLOW_TRACKING_TOKEN`, are sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Name of the experiment there. Default: the name of this one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub experiment: Option<String>,
    /// Whether the best weights are sent, too.
    pub weights: bool,
}
