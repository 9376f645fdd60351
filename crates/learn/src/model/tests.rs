//! Every architecture against its reference implementation (`tests/reference/architecture.py`): the same weights, the same output, the
//! same number of parameters.

use burn::module::{ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::{Device, Tensor, TensorData};
use serde::Deserialize;

use super::attention_unet::AttentionUnetPlan;
use super::block::{Activation, Norm};
use super::segformer::Segformer;
use super::unet::UnetPlan;
use super::vnet::VnetPlan;
use super::*;
use segspec_testing::noise;

#[derive(Deserialize)]
struct Reference {
    name: String,
    /// Shape of the images: batch, channels, size.
    shape: Vec<usize>,
    outputs: Vec<usize>,
    /// Step between the stored output elements.
    step: usize,
    parameters: usize,
    /// Parameters that the reference defines but never uses.
    #[serde(default)]
    unused: usize,
    values: Vec<f32>,
}

/// `values` of the reference script; our additional axes of length 1 change nothing.
fn values(name: &str, shape: &[usize]) -> Vec<f32> {
    let count = shape.iter().product();
    let fan_in: usize = shape[1..].iter().product();
    let value = |u: f64| match shape.len() {
        1 if name.contains("act_function") || name.contains("adn.A") => 0.25 + 0.2 * u,
        1 if name.ends_with("running_var") => 1.0 + 0.5 * u,
        1 if name.ends_with("weight") => 1.0 + 0.2 * u,
        1 => 0.2 * u,
        _ => u * (3.0 / fan_in as f64).sqrt(),
    };
    noise(name, count).map(|u| value(u) as f32).collect()
}

fn convolutions(features: &[usize], flat: bool, edge: usize) -> (Vec<usize>, Vec<[usize; 3]>, Vec<[usize; 3]>) {
    let depth = |edge: usize| if flat { 1 } else { edge };
    let stride = |stage: usize| if stage == 0 { [1; 3] } else { [depth(2), 2, 2] };
    let strides = (0..features.len()).map(stride).collect();
    (features.to_vec(), strides, vec![[depth(edge), edge, edge]; features.len()])
}

fn unet(features: &[usize], blocks: &[usize], flat: bool, residual: bool) -> UnetPlan {
    let (features, strides, kernels) = convolutions(features, flat, 3);
    UnetPlan {
        features,
        strides,
        kernels,
        blocks: blocks.to_vec(),
        decoder_blocks: if residual { 1 } else { 2 },
        residual,
        norm: Norm::Instance,
        activation: Activation::LeakyRelu,
        deep_supervision: !residual,
        initial_weights: Default::default(),
    }
}

fn anisotropic(plan: UnetPlan) -> UnetPlan {
    UnetPlan { strides: vec![[1, 1, 1], [2, 2, 2], [1, 2, 2]], ..plan }
}

fn attention(features: &[usize], flat: bool) -> ModelPlan {
    let (features, strides, kernels) = convolutions(features, flat, 3);
    let blocks = vec![2; features.len()];
    let (norm, activation, deep_supervision) = (Norm::Batch, Activation::Relu, false);
    ModelPlan::AttentionUnet(AttentionUnetPlan {
        features,
        strides,
        kernels,
        blocks,
        norm,
        activation,
        deep_supervision,
    })
}

fn vnet(flat: bool) -> ModelPlan {
    let (features, strides, kernels) = convolutions(&[16, 32, 64, 128, 256], flat, 5);
    ModelPlan::Vnet(VnetPlan {
        features,
        strides,
        kernels,
        blocks: vec![1, 1, 2, 3, 2],
        decoder_blocks: vec![1, 1, 2, 2],
        norm: Norm::Batch,
        activation: Activation::Prelu,
        dropout: 0.5,
    })
}

fn segformer(size: segformer::MitSize) -> ModelPlan {
    let spec = Model::Segformer(Segformer { size, ..Segformer::default() });
    let none = Stages { features: vec![], strides: vec![], kernels: vec![], blocks: vec![], decoder_blocks: vec![] };
    spec.resolve(none)
}

fn classifier(size: classifier::ResnetSize) -> ModelPlan {
    let spec = Model::Classifier(classifier::Classifier { size, ..classifier::Classifier::default() });
    let none = Stages { features: vec![], strides: vec![], kernels: vec![], blocks: vec![], decoder_blocks: vec![] };
    spec.resolve(none)
}

fn plan(name: &str) -> ModelPlan {
    match name {
        "plain" => {
            let plan = anisotropic(unet(&[8, 16, 24], &[2, 1, 2], false, false));
            ModelPlan::Unet(UnetPlan { kernels: vec![[3; 3], [3; 3], [1, 3, 3]], ..plan })
        }
        "residual" => ModelPlan::Unet(anisotropic(unet(&[8, 16, 16], &[1, 3, 2], false, true))),
        "residual-2d" => ModelPlan::Unet(unet(&[8, 8, 16], &[1, 2, 1], true, true)),
        "attention" => attention(&[8, 16, 24], false),
        "attention-2d" => attention(&[8, 16, 16, 32], true),
        "vnet" => vnet(false),
        "vnet-2d" => vnet(true),
        "segformer-b0" => segformer(segformer::MitSize::B0),
        "segformer-b2" => segformer(segformer::MitSize::B2),
        "resnet-18" => classifier(classifier::ResnetSize::Resnet18),
        "resnet-34" => classifier(classifier::ResnetSize::Resnet34),
        other => panic!("no plan for {other}"),
    }
}

fn check(reference: &Reference) {
    let (name, plan) = (&reference.name, plan(&reference.name));
    let interface = Interface { channels: reference.shape[1], outputs: reference.outputs[1], sigmoid: false };
    let (names, device) = (plan.names(), Device::flex());
    let network = build(&plan, interface, Precision::F32, 0, &device);
    let filled = network.with_values(|parameter| {
        let known = names.of(&parameter.name);
        let theirs = known.last().unwrap_or_else(|| panic!("{name}: {} has no name in the reference", parameter.name));
        Some(values(theirs, &parameter.shape))
    });
    let trained = |parameter: &&Parameter| !parameter.name.contains(".running_");
    let count: usize = filled.parameters().iter().filter(trained).map(|it| it.shape.iter().product::<usize>()).sum();
    assert_eq!(count, reference.parameters - reference.unused, "{name}: parameters");

    let depth = if reference.shape.len() == 4 { &[1][..] } else { &[] };
    let shape: Vec<usize> = reference.shape[..2].iter().chain(depth).chain(&reference.shape[2..]).copied().collect();
    let input: Vec<f32> = noise("input", shape.iter().product()).map(|u| u as f32).collect();
    let output = filled.forward(Tensor::from_data(TensorData::new(input, shape), &device));
    let output = output.into_data().try_into_vec::<f32>().unwrap();
    let kept: Vec<f32> = output.into_iter().step_by(reference.step).collect();
    assert_eq!(kept.len(), reference.values.len(), "{name}");
    let worst = kept.iter().zip(&reference.values).fold(0.0f32, |worst, (a, b)| worst.max((a - b).abs()));
    assert!(worst < 1e-4, "{name}: outputs differ by {worst}");
}

#[test]
fn the_same_weights_give_the_outputs_of_the_reference_implementations() {
    let text = include_str!("../../../../tests/reference/architecture.json");
    let references: Vec<Reference> = serde_json::from_str(text).unwrap();
    assert_eq!(references.len(), 11);
    references.iter().for_each(check);
}

/// Asserts that a loss on the outputs gives every parameter a nonzero gradient, if only a tiny one for biases that a norm cancels.
pub(in crate::model) fn assert_all_learn(network: &Network, shape: [usize; 5]) {
    struct Learns<'a>(&'a GradientsParams, usize, Vec<usize>);
    impl ModuleVisitor for Learns<'_> {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            if !param.val().is_require_grad() {
                return;
            }
            let gradient = self.0.get::<D>(param.id);
            if !gradient.is_some_and(|gradient| gradient.abs().max().into_scalar::<f32>() > 0.0) {
                self.2.push(self.1);
            }
            self.1 += 1;
        }
    }
    let drawn = |name: &str, shape: [usize; 5]| {
        let values: Vec<f32> = noise(name, shape.iter().product()).map(|u| u as f32).collect();
        Tensor::<5>::from_data(TensorData::new(values, shape), &Device::flex().autodiff())
    };
    let outputs = network.forward_supervised(drawn("images", shape), &DropoutRng::none());
    let weighted = outputs.into_iter().map(|output| {
        let factors = drawn("factors", output.logits.dims());
        (output.logits * factors).sum().mul_scalar(output.weight)
    });
    let loss = weighted.reduce(|sum, value| sum + value).unwrap();
    let gradients = GradientsParams::from_grads(loss.backward(), network);
    let mut learns = Learns(&gradients, 0, Vec::new());
    network.visit(&mut learns);
    let trained: Vec<Parameter> = network.parameters().into_iter().filter(|parameter| parameter.trained).collect();
    let idle: Vec<&str> = learns.2.iter().map(|&index| trained[index].name.as_str()).collect();
    assert!(idle.is_empty(), "parameters without a gradient: {idle:?}");
}
