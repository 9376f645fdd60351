//! Properties of the attention U-Net; its outputs are compared with MONAI's in `model::tests`.

use burn::tensor::Device;

use super::*;
use crate::backend::Precision;
use crate::model::architecture::{Forward, Plan};
use crate::model::block::{Activation, DropoutRng, Norm, Weights};
use crate::model::{Interface, ModelPlan, build};

fn plan(deep_supervision: bool) -> AttentionUnetPlan {
    AttentionUnetPlan {
        features: vec![4, 6, 8, 10],
        strides: vec![[1, 1, 1], [1, 2, 2], [2, 2, 2], [2, 2, 2]],
        kernels: vec![[1, 3, 3], [3, 3, 3], [3, 3, 3], [3, 3, 3]],
        blocks: vec![2, 1, 2, 1],
        norm: Norm::Instance,
        activation: Activation::LeakyRelu,
        deep_supervision,
    }
}

const INTERFACE: Interface = Interface { channels: 2, outputs: 3, sigmoid: false };

#[test]
fn deep_supervision_covers_all_but_the_coarsest_decoder_stage() {
    let device = Device::flex();
    let network = plan(true).build(INTERFACE, &mut Weights::new(1, Precision::F32, &device));
    let images = segspec_testing::drawn([1, 2, 4, 16, 16], [0.5, 0.3], &device);
    let outputs = network.forward_supervised(images.clone(), &DropoutRng::none());
    let sizes: Vec<[usize; 5]> = outputs.iter().map(|output| output.logits.dims()).collect();
    assert_eq!(sizes, [[1, 3, 4, 16, 16], [1, 3, 4, 8, 8]]);
    assert_eq!(outputs.iter().map(|output| output.weight).collect::<Vec<_>>(), [2.0 / 3.0, 1.0 / 3.0]);
    assert_eq!(outputs[0].logits.to_data(), network.forward(images).into_data());
}

#[test]
fn every_parameter_learns() {
    let device = Device::flex().autodiff();
    let network = build(&ModelPlan::AttentionUnet(plan(true)), INTERFACE, Precision::F32, 1, &device);
    crate::model::tests::assert_all_learn(&network, [1, 2, 4, 16, 16]);
}
