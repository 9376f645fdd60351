//! The MultiPass U-Net's keys.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::MultipassUNet;
use crate::model::Interface;
use crate::model::architecture::{Plan, Spec};
use crate::model::block::Weights;
use crate::model::staged::{Cost, Staged, Stages};
use crate::model::unet::{Unet, UnetPlan};

/// MultiPass U-Net: the first pass finds structures in the image; each later one sees the image and the probabilities of the pass
/// before, and refines them (auto-context, Tu & Bai 2010; stacked networks, Newell 2016). Each pass has weights of its own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct MultipassUnet {
    /// Number of passes.
    #[schemars(range(min = 1, max = 8))]
    pub passes: usize,
    /// Weight of each pass's loss, first pass first; relative, they are made to add to one. Left out: all the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pass_weights: Option<Vec<f64>>,
    /// A later pass puts out what is to be added to the logits of the pass before, instead of new ones.
    pub residual: bool,
    /// The loss of a later pass changes no weights of earlier ones: each pass learns from its own loss alone.
    pub stop_gradients: bool,
    /// The network of every pass.
    pub unet: Unet,
}

impl Default for MultipassUnet {
    fn default() -> Self {
        Self { passes: 2, pass_weights: None, residual: true, stop_gradients: false, unet: Unet::default() }
    }
}

/// The MultiPass U-Net with every number filled in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct MultipassUnetPlan {
    /// Weight of each pass's loss; its length is the number of passes.
    pub pass_weights: Vec<f64>,
    /// Later passes correct.
    pub residual: bool,
    /// Later passes do not teach earlier ones.
    pub stop_gradients: bool,
    /// The network of every pass.
    pub unet: UnetPlan,
}

impl Spec for MultipassUnet {
    type Plan = MultipassUnetPlan;

    fn staged(&self, key: &'static str) -> Staged {
        let Staged { cost, .. } = self.unet.staged(key);
        let cost = match cost {
            Cost::Convolutions { residual, decoder_width, .. } => {
                Cost::Convolutions { residual, decoder_width, passes: self.passes }
            }
            other => other,
        };
        Staged { cost, ..self.unet.staged("model.multipass-unet.unet") }
    }

    fn resolve(&self, stages: Stages) -> MultipassUnetPlan {
        let Self { passes, residual, stop_gradients, .. } = *self;
        let pass_weights = self.pass_weights.clone().unwrap_or_else(|| vec![1.0; passes]);
        MultipassUnetPlan { pass_weights, residual, stop_gradients, unet: self.unet.resolve(stages) }
    }

    fn supervises_deeply(&self) -> bool {
        self.unet.deep_supervision
    }

    fn mistakes(&self) -> Vec<[String; 3]> {
        let Some(weights) = &self.pass_weights else { return Vec::new() };
        let passes = self.passes;
        let mistake = |message: String, help: &str| vec![["pass-weights".into(), message, help.into()]];
        if weights.len() != passes {
            return mistake(format!("{} weights for {passes} passes", weights.len()), "give one weight per pass");
        }
        let usable = weights.iter().all(|weight| *weight >= 0.0) && weights.last().is_some_and(|last| *last > 0.0);
        match usable {
            true => Vec::new(),
            false => mistake(
                "the weights do not make the last pass learn".into(),
                "use numbers of 0 and above, the last one above 0",
            ),
        }
    }
}

impl Plan for MultipassUnetPlan {
    type Network = MultipassUNet;

    fn build(&self, interface: Interface, weights: &mut Weights) -> MultipassUNet {
        MultipassUNet::new(self, interface, weights)
    }

    fn total_stride(&self) -> [usize; 3] {
        self.unet.total_stride()
    }

    fn feature_map_elements(&self, patch: [usize; 3], interface: Interface) -> usize {
        self.pass_weights.len() * self.unet.feature_map_elements(patch, interface)
    }
}
