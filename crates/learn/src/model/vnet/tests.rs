//! Properties of the V-Net; its outputs are compared with MONAI's in `model::tests`.

use burn::tensor::Device;

use super::*;
use crate::backend::Precision;
use crate::model::architecture::{Forward, Plan};
use crate::model::block::{Activation, DropoutRng, Norm, Weights};
use crate::model::{Interface, ModelPlan, build};

fn plan() -> VnetPlan {
    VnetPlan {
        features: vec![4, 8, 12],
        strides: vec![[1, 1, 1], [1, 2, 2], [2, 2, 2]],
        kernels: vec![[1, 5, 5], [3, 3, 3], [5, 5, 5]],
        blocks: vec![2, 1, 2],
        decoder_blocks: vec![1, 2],
        norm: Norm::Batch,
        activation: Activation::Prelu,
        dropout: 0.5,
    }
}

const INTERFACE: Interface = Interface { channels: 2, outputs: 3, sigmoid: false };

#[test]
fn the_size_is_preserved_and_dropout_is_for_training_only() {
    let device = Device::flex();
    let network = plan().build(INTERFACE, &mut Weights::new(1, Precision::F32, &device));
    let images = segspec_testing::drawn([2, 2, 4, 8, 12], [0.5, 0.3], &device);
    let of_step = |step| network.forward_supervised(images.clone(), &DropoutRng::of_step(1, step)).remove(0).logits;
    let inference = network.forward(images.clone());
    assert_eq!(inference.dims(), [2, 3, 4, 8, 12]);
    assert_eq!(of_step(3).into_data(), of_step(3).into_data());
    assert_ne!(of_step(3).into_data(), of_step(4).into_data());
    assert_ne!(of_step(3).into_data(), inference.to_data());
    assert_eq!(network.forward(images.clone()).into_data(), inference.into_data());
}

#[test]
fn every_parameter_learns() {
    let device = Device::flex().autodiff();
    let network = build(&ModelPlan::Vnet(plan()), INTERFACE, Precision::F32, 1, &device);
    crate::model::tests::assert_all_learn(&network, [2, 2, 4, 8, 12]);
}

#[test]
fn channels_that_do_not_divide_the_features_are_refused() {
    assert!(
        plan().refuses(Interface { channels: 3, ..INTERFACE }).unwrap().contains("a multiple of the 3 image channels")
    );
    assert!(plan().refuses(INTERFACE).is_none());
    assert!(VnetPlan { features: vec![4], ..plan() }.refuses(INTERFACE).is_some());
}
