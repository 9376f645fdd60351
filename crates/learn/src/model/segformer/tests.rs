//! Properties of SegFormer; its outputs are compared with those of Hugging Face's in `model::tests`.

use burn::tensor::Device;

use super::*;
use crate::auto::Auto;
use crate::backend::Precision;
use crate::model::architecture::{Forward, Plan, Spec};
use crate::model::block::{DropoutRng, Weights};
use crate::model::{Interface, ModelPlan, Stages, build};

const INTERFACE: Interface = Interface { channels: 1, outputs: 2, sigmoid: false };

fn plan(spec: &Segformer) -> SegformerPlan {
    spec.resolve(Stages { features: vec![], strides: vec![], kernels: vec![], blocks: vec![], decoder_blocks: vec![] })
}

fn small() -> Segformer {
    let features = Auto::Fixed(vec![8, 16, 20, 32]);
    Segformer { features, blocks: Auto::Fixed(vec![1; 4]), decoder_features: Auto::Fixed(16), ..Segformer::default() }
}

#[test]
fn dropout_and_stochastic_depth_are_for_training_only() {
    let device = Device::flex();
    let network = plan(&small()).build(INTERFACE, &mut Weights::new(1, Precision::F32, &device));
    let images = segspec_testing::drawn([4, 1, 1, 64, 32], [0.5, 0.3], &device);
    let of_step = |step| network.forward_supervised(images.clone(), &DropoutRng::of_step(1, step)).remove(0).logits;
    let inference = network.forward(images.clone());
    assert_eq!(inference.dims(), [4, 2, 1, 64, 32]);
    assert_eq!(of_step(3).into_data(), of_step(3).into_data());
    assert_ne!(of_step(3).into_data(), of_step(4).into_data());
    assert_eq!(network.forward(images.clone()).into_data(), inference.into_data());
}

#[test]
fn every_parameter_learns() {
    let device = Device::flex().autodiff();
    let plan = plan(&Segformer { drop_path: 0.0, dropout: 0.0, ..small() });
    let network = build(&ModelPlan::Segformer(plan), INTERFACE, Precision::F32, 1, &device);
    crate::model::tests::assert_all_learn(&network, [2, 1, 1, 64, 64]);
}

#[test]
fn mistakes_name_their_key() {
    assert!(small().mistakes().is_empty());
    let odd = Segformer { features: Auto::Fixed(vec![8, 15, 20, 32]), ..small() };
    assert_eq!(odd.mistakes()[0][..2], ["features", "15 features are not divisible by 2 attention heads"]);
    let short = Segformer { blocks: Auto::Fixed(vec![1; 3]), ..small() };
    assert_eq!(short.mistakes()[0][..2], ["blocks", "3 entries for the four stages"]);
}
