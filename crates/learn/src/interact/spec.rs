//! `[interact]`: an experiment whose network takes clicks.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The network takes clicks and the current segmentation besides the image, and training simulates them. Without clicks it segments as
/// any other network.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Interact {
    /// Radius of the ball that a click fills in its channel, mm; voxels for images without spacing. 0: only the voxel clicked at.
    pub radius_mm: f64,
    /// Fraction of the training batches without any click, which keep the automatic segmentation as good as that of a plain network.
    pub without_clicks: f64,
    /// Most clicks in a training patch; the number is drawn for each patch.
    pub clicks: usize,
    /// Most rounds in which they are placed: in each round the network segments the patch, and clicks are put into its errors. A round
    /// costs a forward pass.
    pub rounds: usize,
}

impl Default for Interact {
    fn default() -> Self {
        Self { radius_mm: 3.0, without_clicks: 0.5, clicks: 10, rounds: 3 }
    }
}
