//! The traits that every architecture implements, and the macro that generates the enums of all architectures.

use burn::tensor::Tensor;

use super::block::{DropoutRng, Norm, Supervised, Weights};
use super::classifier::SliceTarget;
use super::{Interface, Names, Staged, Stages, Task};
use crate::backend::Precision;
use crate::graph::pytorch::Source;
use crate::graph::{Graph, Images, Logits};

/// An architecture's table in a spec.
pub trait Spec {
    /// The resolved form.
    type Plan;

    /// The stated values and those left to the planning rules. `key`: its table, such as `model.unet`.
    fn staged(&self, key: &'static str) -> Staged;

    /// Fills in the values chosen by the planning rules.
    fn resolve(&self, stages: Stages) -> Self::Plan;

    /// Whether deep supervision (losses at coarser resolutions) is enabled.
    fn has_deep_supervision(&self) -> bool {
        false
    }

    /// Normalisation after its convolutions; `None` for networks with another one.
    fn norm(&self) -> Option<Norm> {
        None
    }

    /// Errors in values specific to this architecture: key within its table, message, help.
    fn mistakes(&self) -> Vec<[String; 3]> {
        Vec::new()
    }

    /// What a slice classifier predicts; none for segmentation networks.
    fn slices(&self) -> Option<SliceTarget> {
        None
    }
}

/// A resolved architecture.
pub trait Plan {
    /// The network.
    type Network;

    /// The network with initial weights.
    fn build(&self, interface: Interface, weights: &mut Weights) -> Self::Network;

    /// Number by which the patch size must be divisible, per axis.
    fn total_stride(&self) -> [usize; 3];

    /// Total number of elements in all layer outputs for one patch.
    fn feature_map_elements(&self, patch: [usize; 3], interface: Interface) -> usize;

    /// Why the network cannot be built for this interface; none if it can.
    fn refuses(&self, _interface: Interface) -> Option<String> {
        None
    }

    /// The network in PyTorch, with parameters named as [`Forward::trace`] names them.
    fn pytorch(&self, interface: Interface) -> Source;

    /// Names of its parameters in other frameworks.
    fn names(&self) -> Names {
        Names::default()
    }

    /// Whether the network segments or classifies slices.
    fn task(&self) -> Task {
        Task::Segment
    }

    /// Version of this architecture's numbers, raised by hand when a change of code alters them: part of the ids of its trainings.
    fn numerics(&self) -> u32 {
        0
    }
}

/// A network's forward passes.
pub trait Forward {
    /// Logits `[batch, outputs, depth, height, width]` of images `[batch, channels, depth, height, width]`, both in the network's
    /// precision; `[batch, outputs, 1, 1, 1]` for slice classifiers. Random layers draw from `draws` in training.
    fn logits(&self, images: Tensor<5>, draws: &DropoutRng) -> Tensor<5>;

    /// Logits at inference.
    fn forward(&self, images: Tensor<5>) -> Tensor<5> {
        self.logits(images, &DropoutRng::none())
    }

    /// Logits of a training step, at all sizes and of all passes that have a loss.
    fn forward_supervised(&self, images: Tensor<5>, draws: &DropoutRng) -> Vec<Supervised> {
        Supervised::halving(vec![self.logits(images, draws)])
    }

    /// Number of networks applied in sequence.
    fn passes(&self) -> usize {
        1
    }

    /// Logits after each pass; the last is the result.
    fn forward_passes(&self, images: Tensor<5>) -> Vec<Tensor<5>> {
        vec![self.forward(images)]
    }

    /// Floating-point type of the computation.
    fn precision(&self) -> Precision;

    /// Adds the operations of [`Forward::forward`] to a graph; returns name and form of the logits.
    fn trace(&self, graph: &mut Graph, images: &Images) -> (String, Logits);
}

/// Generates from the list the enums of specs, plans and networks, and the methods that delegate to them.
macro_rules! architectures {
    ($( $(#[$doc:meta])* $name:ident = $key:literal: $spec:ty, $plan:ty, $network:ty; )+) => {
        /// The architecture.
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
        #[serde(rename_all = "kebab-case", deny_unknown_fields)]
        pub enum Model { $( $(#[$doc])* $name($spec), )+ }

        /// The resolved architecture.
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        #[serde(rename_all = "kebab-case", deny_unknown_fields)]
        pub enum ModelPlan { $( $(#[$doc])* $name($plan), )+ }

        /// A network of any architecture.
        #[derive(Module, Debug)]
        #[allow(clippy::large_enum_variant, reason = "a process holds only one or two")]
        pub enum Network { $( $(#[$doc])* $name($network), )+ }

        impl Model {
            /// Its table in a spec.
            pub fn key(&self) -> &'static str {
                match self { $( Self::$name(_) => $key, )+ }
            }

            /// The stated values and those left to the planning rules.
            pub fn staged(&self) -> Staged {
                match self { $( Self::$name(spec) => architecture::Spec::staged(spec, $key), )+ }
            }

            /// Fills in the values chosen by the planning rules.
            pub fn resolve(&self, stages: Stages) -> ModelPlan {
                match self { $( Self::$name(spec) => ModelPlan::$name(architecture::Spec::resolve(spec, stages)), )+ }
            }

            /// Whether deep supervision (losses at coarser resolutions) is enabled.
            pub fn has_deep_supervision(&self) -> bool {
                match self { $( Self::$name(spec) => architecture::Spec::has_deep_supervision(spec), )+ }
            }

            /// Normalisation after its convolutions; `None` for networks with another one.
            pub fn norm(&self) -> Option<block::Norm> {
                match self { $( Self::$name(spec) => architecture::Spec::norm(spec), )+ }
            }

            /// Errors in values specific to this architecture: key within its table, message, help.
            pub fn mistakes(&self) -> Vec<[String; 3]> {
                match self { $( Self::$name(spec) => architecture::Spec::mistakes(spec), )+ }
            }

            /// What a slice classifier predicts; none for segmentation networks.
            pub fn slices(&self) -> Option<SliceTarget> {
                match self { $( Self::$name(spec) => architecture::Spec::slices(spec), )+ }
            }
        }

        impl ModelPlan {
            fn network(&self, interface: Interface, weights: &mut Weights) -> Network {
                match self { $( Self::$name(plan) => Network::$name(architecture::Plan::build(plan, interface, weights)), )+ }
            }

            /// Number by which the patch size must be divisible, per axis.
            pub fn total_stride(&self) -> [usize; 3] {
                match self { $( Self::$name(plan) => architecture::Plan::total_stride(plan), )+ }
            }

            /// Total number of elements in all layer outputs for one patch: nnU-Net's proxy for memory.
            pub fn feature_map_elements(&self, patch: [usize; 3], interface: Interface) -> usize {
                match self { $( Self::$name(plan) => architecture::Plan::feature_map_elements(plan, patch, interface), )+ }
            }

            /// Name of its table in a spec, without `model.`.
            pub fn name(&self) -> &'static str {
                let key = match self { $( Self::$name(_) => $key, )+ };
                key.trim_start_matches("model.")
            }

            /// Names of its parameters in other frameworks.
            pub fn names(&self) -> Names {
                match self { $( Self::$name(plan) => architecture::Plan::names(plan), )+ }
            }

            /// Whether the network segments or classifies slices.
            pub fn task(&self) -> Task {
                match self { $( Self::$name(plan) => architecture::Plan::task(plan), )+ }
            }

            /// Version of this architecture's numbers.
            pub fn numerics(&self) -> u32 {
                match self { $( Self::$name(plan) => architecture::Plan::numerics(plan), )+ }
            }

            /// The network in PyTorch.
            pub fn pytorch(&self, interface: Interface) -> Source {
                match self { $( Self::$name(plan) => architecture::Plan::pytorch(plan, interface), )+ }
            }

            /// Why the network cannot be built for this interface; none if it can.
            pub fn refuses(&self, interface: Interface) -> Option<String> {
                match self { $( Self::$name(plan) => architecture::Plan::refuses(plan, interface), )+ }
            }
        }

        impl Network {
            fn inner(&self) -> &dyn Forward {
                match self { $( Self::$name(network) => network, )+ }
            }
        }
    };
}

pub(super) use architectures;
