//! Properties of the slice classifier; its outputs are compared with those of torchvision's ResNet in `model::tests`.

use burn::tensor::Device;

use super::*;
use crate::auto::Auto;
use crate::backend::Precision;
use crate::model::architecture::Spec;
use crate::model::{Interface, Model, ModelPlan, Stages, build};

const INTERFACE: Interface = Interface { channels: 2, outputs: 3, sigmoid: true };

fn small() -> ClassifierPlan {
    let spec = Classifier {
        features: Auto::Fixed(vec![4, 6, 6, 8]),
        blocks: Auto::Fixed(vec![1; 4]),
        ..Classifier::default()
    };
    spec.resolve(Stages { features: vec![], strides: vec![], kernels: vec![], blocks: vec![], decoder_blocks: vec![] })
}

#[test]
fn a_slice_gets_one_logit_per_output() {
    let network = build(&ModelPlan::Classifier(small()), INTERFACE, Precision::F32, 1, &Device::flex());
    let images = segspec_testing::drawn([4, 2, 1, 64, 32], [0.5, 0.3], &Device::flex());
    assert_eq!(network.forward(images).dims(), [4, 3, 1, 1, 1]);
}

#[test]
fn every_parameter_learns() {
    let device = Device::flex().autodiff();
    let network = build(&ModelPlan::Classifier(small()), INTERFACE, Precision::F32, 1, &device);
    crate::model::tests::assert_all_learn(&network, [4, 2, 1, 64, 64]);
}

#[test]
fn mistakes_name_their_key() {
    let short = Classifier { blocks: Auto::Fixed(vec![1; 3]), ..Classifier::default() };
    assert_eq!(short.mistakes()[0][..2], ["blocks", "3 entries for the four stages"]);
    assert!(Classifier::default().mistakes().is_empty());
    assert_eq!(Model::Classifier(short).slices(), Some(SliceTarget::Any));
    assert_eq!(Model::default().slices(), None);
}
