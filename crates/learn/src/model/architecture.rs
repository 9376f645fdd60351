//! What every architecture can do, and the list of all of them.

use burn::tensor::Tensor;

use super::block::{Draws, Supervised, Weights};
use super::classifier::SliceTarget;
use super::{Interface, Names, Staged, Stages, Task};
use crate::backend::Precision;

/// An architecture's table in a spec.
pub trait Spec {
    /// The resolved form.
    type Plan;

    /// What it states and what it leaves to the planning rules. `key`: its table, such as `model.unet`.
    fn staged(&self, key: &'static str) -> Staged;

    /// Fills in the rules' numbers.
    fn resolve(&self, stages: Stages) -> Self::Plan;

    /// Whether losses at coarser resolutions are asked for.
    fn supervises_deeply(&self) -> bool {
        false
    }

    /// What is wrong with values that only this architecture has: key below its table, message, help.
    fn mistakes(&self) -> Vec<[String; 3]> {
        Vec::new()
    }

    /// What it says of whole slices, where it classifies them; none for networks that segment.
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

    /// What a patch must be divisible by, per axis.
    fn total_stride(&self) -> [usize; 3];

    /// Elements of all layers' outputs for one patch.
    fn feature_map_elements(&self, patch: [usize; 3], interface: Interface) -> usize;

    /// Why it cannot work with so many channels; none where it can.
    fn refuses(&self, _interface: Interface) -> Option<String> {
        None
    }

    /// What its parameters are called in other frameworks.
    fn names(&self) -> Names {
        Names::default()
    }

    /// What the network is for.
    fn task(&self) -> Task {
        Task::Segment
    }
}

/// A network.
pub trait Forward {
    /// Logits `[batch, outputs, depth, height, width]` of images `[batch, channels, depth, height, width]`, both in the network's
    /// precision; `[batch, outputs, 1, 1, 1]` where it classifies slices. What is random in training takes its numbers from `draws`.
    fn logits(&self, images: Tensor<5>, draws: &Draws) -> Tensor<5>;

    /// Logits at inference.
    fn forward(&self, images: Tensor<5>) -> Tensor<5> {
        self.logits(images, &Draws::none())
    }

    /// The logits of a training step, of all sizes and passes that have a loss.
    fn forward_supervised(&self, images: Tensor<5>, draws: &Draws) -> Vec<Supervised> {
        Supervised::halving(vec![self.logits(images, draws)])
    }

    /// Networks one after the other that it consists of.
    fn passes(&self) -> usize {
        1
    }

    /// Logits after each pass, the last one being the result.
    fn forward_passes(&self, images: Tensor<5>) -> Vec<Tensor<5>> {
        vec![self.forward(images)]
    }

    /// Numbers that it computes in.
    fn precision(&self) -> Precision;
}

/// Makes of the list the enums of specs, plans and networks, and what passes calls on to them.
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
        #[allow(clippy::large_enum_variant, reason = "a process holds one or two")]
        pub enum Network { $( $(#[$doc])* $name($network), )+ }

        impl Model {
            /// Its table in a spec.
            pub fn key(&self) -> &'static str {
                match self { $( Self::$name(_) => $key, )+ }
            }

            /// What it states and what it leaves to the planning rules.
            pub fn staged(&self) -> Staged {
                match self { $( Self::$name(spec) => architecture::Spec::staged(spec, $key), )+ }
            }

            /// Fills in the rules' numbers.
            pub fn resolve(&self, stages: Stages) -> ModelPlan {
                match self { $( Self::$name(spec) => ModelPlan::$name(architecture::Spec::resolve(spec, stages)), )+ }
            }

            /// Whether losses at coarser resolutions are asked for.
            pub fn supervises_deeply(&self) -> bool {
                match self { $( Self::$name(spec) => architecture::Spec::supervises_deeply(spec), )+ }
            }

            /// What is wrong with values that only this architecture has: key below its table, message, help.
            pub fn mistakes(&self) -> Vec<[String; 3]> {
                match self { $( Self::$name(spec) => architecture::Spec::mistakes(spec), )+ }
            }

            /// What it says of whole slices, where it classifies them; none for networks that segment.
            pub fn slices(&self) -> Option<SliceTarget> {
                match self { $( Self::$name(spec) => architecture::Spec::slices(spec), )+ }
            }
        }

        impl ModelPlan {
            fn network(&self, interface: Interface, weights: &mut Weights) -> Network {
                match self { $( Self::$name(plan) => Network::$name(architecture::Plan::build(plan, interface, weights)), )+ }
            }

            /// What a patch must be divisible by, per axis.
            pub fn total_stride(&self) -> [usize; 3] {
                match self { $( Self::$name(plan) => architecture::Plan::total_stride(plan), )+ }
            }

            /// Elements of all layers' outputs for one patch: nnU-Net's proxy for memory.
            pub fn feature_map_elements(&self, patch: [usize; 3], interface: Interface) -> usize {
                match self { $( Self::$name(plan) => architecture::Plan::feature_map_elements(plan, patch, interface), )+ }
            }

            /// What its parameters are called in other frameworks.
            pub fn names(&self) -> Names {
                match self { $( Self::$name(plan) => architecture::Plan::names(plan), )+ }
            }

            /// What the network is for.
            pub fn task(&self) -> Task {
                match self { $( Self::$name(plan) => architecture::Plan::task(plan), )+ }
            }

            /// Why it cannot work with so many channels; none where it can.
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
