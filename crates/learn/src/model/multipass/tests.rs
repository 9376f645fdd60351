//! Properties of the MultiPass U-Net, which has no reference implementation: inputs, corrections and gradients of its passes.

use burn::module::{Module, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::{Device, Tensor};

use super::*;
use crate::backend::Precision;
use crate::model::architecture::{Forward, Plan};
use crate::model::block::{Activation, DropoutRng, Norm, Supervised, Weights};
use crate::model::unet::UnetPlan;
use crate::model::{Interface, ModelPlan, build};

const INTERFACE: Interface = Interface { channels: 2, outputs: 3, sigmoid: false };
const SHAPE: [usize; 5] = [1, 2, 4, 8, 8];

fn plan(residual: bool, stop_gradients: bool) -> MultipassUnetPlan {
    let unet = UnetPlan {
        features: vec![4, 6, 8, 8],
        strides: vec![[1; 3], [2; 3], [1, 2, 2], [1; 3]],
        kernels: vec![[3; 3]; 4],
        blocks: vec![1; 4],
        decoder_blocks: 1,
        residual: false,
        norm: Norm::Instance,
        activation: Activation::LeakyRelu,
        deep_supervision: true,
        initial_weights: Default::default(),
    };
    MultipassUnetPlan { pass_weights: vec![1.0, 3.0], residual, stop_gradients, unet }
}

fn network(plan: &MultipassUnetPlan, device: &Device) -> MultipassUNet {
    plan.build(INTERFACE, &mut Weights::new(1, Precision::F32, device))
}

#[test]
fn every_pass_has_its_weight_and_its_sizes() {
    let device = Device::flex();
    let network = network(&plan(true, false), &device);
    let images = segspec_testing::drawn(SHAPE, [0.5, 0.3], &device);
    let outputs = network.forward_supervised(images.clone(), &DropoutRng::none());
    let weights: Vec<f64> = outputs.iter().map(|output| output.weight).collect();
    for (found, expected) in weights.iter().zip([0.25 * 2.0 / 3.0, 0.25 / 3.0, 0.75 * 2.0 / 3.0, 0.75 / 3.0]) {
        assert!((found - expected).abs() < 1e-12, "{weights:?}");
    }
    let passes = network.forward_passes(images.clone());
    assert_eq!(passes[0].to_data(), outputs[0].logits.to_data());
    assert_eq!(passes[1].to_data(), outputs[2].logits.to_data());
    assert_eq!(passes[1].to_data(), network.forward(images).into_data());
    assert_eq!(outputs[3].logits.dims(), [1, 3, 2, 4, 4]);
}

/// Sums of squared gradients of both passes' parameters, for the loss of the last pass alone.
fn taught(plan: &MultipassUnetPlan) -> [f64; 2] {
    struct Squares<'a>(&'a GradientsParams, f64);
    impl ModuleVisitor for Squares<'_> {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            if let Some(gradient) = self.0.get::<D>(param.id) {
                self.1 += f64::from((gradient.clone() * gradient).sum().into_scalar::<f32>());
            }
        }
    }
    let device = Device::flex().autodiff();
    let network = network(plan, &device);
    let images = segspec_testing::drawn(SHAPE, [0.5, 0.3], &device);
    let outputs: Vec<Supervised> = network.forward_supervised(images, &DropoutRng::none());
    let logits = outputs[2].logits.clone();
    let factors = segspec_testing::drawn(logits.dims(), [0.5, 0.3], &device);
    let gradients = GradientsParams::from_grads((logits * factors).sum().backward(), &network);
    [0, 1].map(|pass| {
        let mut squares = Squares(&gradients, 0.0);
        network.networks()[pass].visit(&mut squares);
        squares.1
    })
}

#[test]
fn a_later_pass_trains_earlier_ones_unless_gradients_stop() {
    for residual in [true, false] {
        let [first, second] = taught(&plan(residual, false));
        assert!(first > 0.0 && second > 0.0, "{residual}: {first}, {second}");
        let [first, second] = taught(&plan(residual, true));
        assert!(first == 0.0 && second > 0.0, "{residual}: {first}, {second}");
    }
}

#[test]
fn stopping_gradients_changes_no_output_but_residual_passes_do() {
    let device = Device::flex();
    let images = segspec_testing::drawn(SHAPE, [0.5, 0.3], &device);
    let output = |residual, stop| network(&plan(residual, stop), &device).forward(images.clone()).into_data();
    assert_eq!(output(true, true), output(true, false));
    assert_ne!(output(true, true), output(false, true));
}

#[test]
fn every_parameter_learns() {
    let device = Device::flex().autodiff();
    let network = build(&ModelPlan::MultipassUnet(plan(true, false)), INTERFACE, Precision::F32, 1, &device);
    crate::model::tests::assert_all_learn(&network, SHAPE);
}
