//! Small networks of every architecture: the loss of one training step, and the gradients of all weights.

use burn::tensor::Tensor;

use super::bound::Arithmetic;
use super::operation::{Measure, Operation, times};
use crate::auto::Auto;
use crate::loss::{Truth, default_terms, supervised};
use crate::model::attention_unet::AttentionUnetPlan;
use crate::model::block::{Activation, DropoutRng, InitialWeights, Norm};
use crate::model::classifier::Classifier;
use crate::model::multipass::MultipassUnetPlan;
use crate::model::segformer::Segformer;
use crate::model::unet::UnetPlan;
use crate::model::vnet::VnetPlan;
use crate::model::{Interface, Model, ModelPlan, Stages, Task, build};

/// A network, its interface and the size of its images.
struct Case {
    name: &'static str,
    plan: ModelPlan,
    sigmoid: bool,
    size: [usize; 3],
    /// Layers one after the other, each of which rounds what it stores and, on matrix units, its factors.
    layers: usize,
}

/// Images per batch.
const BATCH: usize = 2;

/// Background and structures.
const OUTPUTS: usize = 3;

/// All of them.
pub fn list() -> Vec<Operation> {
    cases().into_iter().map(operation).collect()
}

/// Smooth activations where an architecture has a choice: see [`super::bound::relative_length`] for the others.
fn cases() -> Vec<Case> {
    let deep = [16, 32, 32];
    let flat = [1, 64, 64];
    let case = |name, plan, sigmoid, size, layers| Case { name, plan, sigmoid, size, layers };
    let multipass = MultipassUnetPlan {
        pass_weights: vec![1.0, 1.0],
        residual: false,
        stop_gradients: false,
        unet: unet(false, false),
    };
    vec![
        case("U-Net", ModelPlan::Unet(unet(false, false)), false, deep, 24),
        case("residual U-Net", ModelPlan::Unet(unet(true, false)), true, deep, 24),
        case("flat U-Net", ModelPlan::Unet(unet(false, true)), false, flat, 24),
        case("attention U-Net", ModelPlan::AttentionUnet(attention_unet()), false, deep, 24),
        // Its kernels of 125 taps take long to tune: a smaller image.
        case("V-Net", ModelPlan::Vnet(vnet()), false, [8, 16, 16], 24),
        case("multi-pass U-Net", ModelPlan::MultipassUnet(multipass), false, deep, 48),
        case("SegFormer", segformer(), false, flat, 64),
        // Its last batch norms have few values, and errors have more say in them: larger images, and its shortcuts counted as layers.
        case("slice classifier", classifier(), true, [1, 128, 128], 32),
    ]
}

fn operation(case: Case) -> Operation {
    let Case { name, plan, sigmoid, size, layers } = case;
    let voxels = BATCH * size.iter().product::<usize>();
    // A convolution, a norm and an activation each store their result.
    let arithmetic = Arithmetic { terms: voxels, stored: 3 * layers, products: layers };
    let text = format!("{BATCH}×1, {}", times(&size));
    let operation = Operation::new(name, text, arithmetic, move |side| {
        let interface = Interface { channels: 1, outputs: OUTPUTS, sigmoid };
        let network = build(&plan, interface, side.precision(), 1, side.device());
        let network = side.network(network);
        let [z, y, x] = size;
        let images: Tensor<5> = side.distinct_images([BATCH, 1, z, y, x]);
        let [z, y, x] = if plan.task() == Task::ClassifySlices { [1; 3] } else { size };
        let truth = match sigmoid {
            true => Truth::Masks(side.whole([BATCH, OUTPUTS, z, y, x], [0, 1]).float()),
            false => Truth::Classes(side.whole([BATCH, 1, z, y, x], [0, OUTPUTS as i32 - 1])),
        };
        let outputs = network.forward_supervised(images, &DropoutRng::none());
        side.loss_of(&network, supervised(&default_terms(sigmoid), outputs, &truth));
    });
    Operation { measure: Measure::Length, ..operation }
}

/// Strides and kernels of three stages, of depth 1 for flat images.
fn stages(is_flat: bool, edge: usize) -> (Vec<[usize; 3]>, Vec<[usize; 3]>) {
    let depth = |length: usize| if is_flat { 1 } else { length };
    (vec![[1; 3], [depth(2), 2, 2], [1, 2, 2]], vec![[depth(edge), edge, edge]; 3])
}

fn unet(residual: bool, is_flat: bool) -> UnetPlan {
    let (strides, kernels) = stages(is_flat, 3);
    UnetPlan {
        features: vec![8, 16, 24],
        strides,
        kernels,
        blocks: vec![1, 2, 1],
        decoder_blocks: 1,
        residual,
        norm: if is_flat { Norm::Group } else { Norm::Instance },
        activation: Activation::Gelu,
        deep_supervision: true,
        initial_weights: InitialWeights::Pytorch,
    }
}

fn attention_unet() -> AttentionUnetPlan {
    let (strides, kernels) = stages(false, 3);
    AttentionUnetPlan {
        features: vec![8, 16, 24],
        strides,
        kernels,
        blocks: vec![1, 1, 1],
        norm: Norm::Batch,
        activation: Activation::Silu,
        deep_supervision: false,
    }
}

fn vnet() -> VnetPlan {
    let (strides, kernels) = stages(false, 5);
    VnetPlan {
        features: vec![8, 16, 16],
        strides,
        kernels,
        blocks: vec![1, 1, 1],
        decoder_blocks: vec![1, 1],
        norm: Norm::Batch,
        activation: Activation::Gelu,
        dropout: 0.0,
    }
}

/// Lists that an architecture's own numbers take the place of.
fn none() -> Stages {
    Stages { features: vec![], strides: vec![], kernels: vec![], blocks: vec![], decoder_blocks: vec![] }
}

fn segformer() -> ModelPlan {
    let spec = Segformer {
        features: Auto::Fixed(vec![8, 16, 20, 32]),
        blocks: Auto::Fixed(vec![1; 4]),
        decoder_features: Auto::Fixed(16),
        dropout: 0.0,
        drop_path: 0.0,
        ..Segformer::default()
    };
    Model::Segformer(spec).resolve(none())
}

fn classifier() -> ModelPlan {
    let spec = Classifier {
        features: Auto::Fixed(vec![8, 16, 16, 24]),
        blocks: Auto::Fixed(vec![1; 4]),
        dropout: 0.0,
        ..Classifier::default()
    };
    Model::Classifier(spec).resolve(none())
}
