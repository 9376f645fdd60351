//! The MultiPass U-Net's keys.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::MultipassUNet;
use crate::graph::pytorch::{Argument, Source};
use crate::model::Interface;
use crate::model::architecture::{Plan, Spec};
use crate::model::block::Norm;
use crate::model::block::Weights;
use crate::model::staged::{Cost, Staged, Stages};
use crate::model::unet::{Unet, UnetPlan};

/// MultiPass U-Net: the first pass segments the image; each later one takes the image and the previous pass's probabilities and
/// refines them (auto-context, Tu & Bai 2010; stacked networks, Newell 2016). Each pass has its own weights.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct MultipassUnet {
    /// Number of passes.
    #[schemars(range(min = 1, max = 8))]
    pub passes: usize,
    /// Loss weight of each pass, first pass first; normalised to sum to one. Default: all equal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pass_weights: Option<Vec<f64>>,
    /// Later passes predict a correction that is added to the previous pass's logits, instead of new logits.
    pub residual: bool,
    /// Stop gradients between passes: each pass learns from its own loss only.
    pub stop_gradients: bool,
    /// The network of every pass.
    pub unet: Unet,
}

impl Default for MultipassUnet {
    fn default() -> Self {
        Self { passes: 2, pass_weights: None, residual: true, stop_gradients: false, unet: Unet::default() }
    }
}

/// The MultiPass U-Net with all values resolved.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct MultipassUnetPlan {
    /// Loss weight of each pass; as many entries as passes.
    pub pass_weights: Vec<f64>,
    /// Whether later passes predict corrections.
    pub residual: bool,
    /// Whether gradients stop between passes.
    pub stop_gradients: bool,
    /// The network of every pass.
    pub unet: UnetPlan,
}

impl Spec for MultipassUnet {
    type Plan = MultipassUnetPlan;

    fn norm(&self) -> Option<Norm> {
        Some(self.unet.norm)
    }

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

    fn has_deep_supervision(&self) -> bool {
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
                "pass weights must not be negative, and the last must be positive".into(),
                "give the last pass a weight above 0, for example 1.0",
            ),
        }
    }
}

impl Plan for MultipassUnetPlan {
    type Network = MultipassUNet;

    fn build(&self, interface: Interface, weights: &mut Weights) -> MultipassUNet {
        MultipassUNet::new(self, interface, weights)
    }

    fn refuses(&self, interface: Interface) -> Option<String> {
        let shrinks = self.unet.strides.first().is_some_and(|first| *first != [1; 3]);
        let reason = || "every pass takes the logits of the last one, of the size of the image: the first stride must be [1, 1, 1]";
        shrinks.then(|| reason().to_owned()).or_else(|| self.unet.refuses(interface))
    }

    fn pytorch(&self, interface: Interface) -> Source {
        let mut source = self.unet.pytorch(interface);
        source.definitions.push(include_str!("torch.py"));
        let own: [(&str, Argument); 3] = [
            ("passes", self.pass_weights.len().into()),
            ("corrections", self.residual.into()),
            ("sigmoid", interface.sigmoid.into()),
        ];
        source.arguments.extend(own);
        Source { class: "MultipassUNet", ..source }
    }

    fn numerics(&self) -> u32 {
        self.unet.numerics()
    }

    fn total_stride(&self) -> [usize; 3] {
        self.unet.total_stride()
    }

    fn feature_map_elements(&self, patch: [usize; 3], interface: Interface) -> usize {
        self.pass_weights.len() * self.unet.feature_map_elements(patch, interface)
    }
}
