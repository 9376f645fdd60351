//! The MultiPass U-Net's module.

use burn::module::Module;
use burn::tensor::{Tensor, activation};

use super::MultipassUnetPlan;
use crate::backend::Precision;
use crate::backend::join::join;
use crate::backend::soft;
use crate::graph::{Graph, Images, Logits};
use crate::model::Interface;
use crate::model::architecture::Forward;
use crate::model::block::{DropoutRng, Supervised, Weights};
use crate::model::unet::UNet;

/// MultiPass U-Net: see [`super::MultipassUnet`].
#[derive(Module, Debug)]
pub struct MultipassUNet {
    passes: Vec<UNet>,
    #[module(skip)]
    pass_weights: Vec<f64>,
    #[module(skip)]
    residual: bool,
    #[module(skip)]
    stop_gradients: bool,
    #[module(skip)]
    sigmoid: bool,
    #[module(skip)]
    precision: Precision,
}

impl MultipassUNet {
    /// The network with initial weights.
    pub fn new(plan: &MultipassUnetPlan, interface: Interface, weights: &mut Weights) -> Self {
        let Interface { channels, outputs, sigmoid } = interface;
        let seen = |pass: usize| if pass == 0 { channels } else { channels + outputs };
        let one = |pass: usize| UNet::new(&plan.unet, Interface { channels: seen(pass), ..interface }, weights);
        Self {
            passes: (0..plan.pass_weights.len()).map(one).collect(),
            pass_weights: plan.pass_weights.clone(),
            residual: plan.residual,
            stop_gradients: plan.stop_gradients,
            sigmoid,
            precision: weights.precision(),
        }
    }

    #[cfg(test)]
    pub(super) fn networks(&self) -> &[UNet] {
        &self.passes
    }

    /// Outputs of each pass: logits of one or more sizes, full size first.
    fn run(&self, images: Tensor<5>, forward: impl Fn(&UNet, Tensor<5>) -> Vec<Tensor<5>>) -> Vec<Vec<Tensor<5>>> {
        let mut passes: Vec<Vec<Tensor<5>>> = Vec::with_capacity(self.passes.len());
        for network in &self.passes {
            let seen = passes.last().map(|before| self.known(before));
            let input = match seen.as_ref().and_then(|before| before.first()) {
                Some(logits) => join(images.clone(), self.probabilities(logits.clone())),
                None => images.clone(),
            };
            let found = forward(network, input);
            passes.push(match seen.filter(|_| self.residual) {
                Some(before) => found.into_iter().zip(before).map(|(change, logits)| logits + change).collect(),
                None => found,
            });
        }
        passes
    }

    /// The previous pass's logits, detached if gradients stop between passes.
    fn known(&self, before: &[Tensor<5>]) -> Vec<Tensor<5>> {
        before.iter().map(|logits| if self.stop_gradients { logits.clone().detach() } else { logits.clone() }).collect()
    }

    fn probabilities(&self, logits: Tensor<5>) -> Tensor<5> {
        let logits = Precision::F32.cast(logits);
        let learns = logits.device().is_autodiff() && !self.stop_gradients;
        self.precision.cast(match (learns, self.sigmoid) {
            (false, sigmoid) => soft::probabilities(logits, sigmoid),
            (true, true) => activation::sigmoid(logits),
            (true, false) => activation::softmax(logits, 1),
        })
    }
}

impl Forward for MultipassUNet {
    fn logits(&self, images: Tensor<5>, _: &DropoutRng) -> Tensor<5> {
        match self.forward_passes(images.clone()).pop() {
            Some(logits) => logits,
            None => images,
        }
    }

    fn forward_supervised(&self, images: Tensor<5>, _: &DropoutRng) -> Vec<Supervised> {
        let each = self.run(images, UNet::logits_supervised);
        Supervised::weighted(each.into_iter().map(Supervised::halving).collect(), &self.pass_weights)
    }

    fn passes(&self) -> usize {
        self.passes.len()
    }

    fn forward_passes(&self, images: Tensor<5>) -> Vec<Tensor<5>> {
        self.run(images, |network, images| vec![network.forward(images)]).into_iter().flatten().collect()
    }

    fn precision(&self) -> Precision {
        self.precision
    }

    fn trace(&self, graph: &mut Graph, images: &Images) -> (String, Logits) {
        let mut known: Option<Images> = None;
        for (index, network) in self.passes.iter().enumerate() {
            known = Some(graph.within(format!("passes.{index}"), |graph| {
                let Some(before) = &known else { return network.trace_logits(graph, images) };
                let seen = if self.sigmoid { graph.sigmoid(before) } else { graph.softmax(before) };
                let input = graph.join(&[images, &seen]);
                let found = network.trace_logits(graph, &input);
                if self.residual { graph.add(before, &found) } else { found }
            }));
        }
        known.unwrap_or_else(|| images.clone()).logits()
    }
}
