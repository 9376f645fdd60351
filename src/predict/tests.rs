//! Averages over flips.

use std::sync::atomic::AtomicBool;

use ndarray::{Array4, Axis};

use super::spec::{Blend, Weights};
use super::*;
use crate::backend::{DeviceName, Precision, select};
use crate::dataset::TargetStructure;
use crate::model::block::{Activation, Norm};
use crate::model::unet::UnetPlan;
use crate::model::{self, Interface, ModelPlan};

fn target(values: &[&[u16]], overlapping: bool) -> Target {
    let structure = |values: &&[u16]| TargetStructure {
        name: format!("{values:?}"),
        values: values.to_vec(),
        value: values[0],
        members: vec![],
        color: [0; 3],
    };
    Target { overlapping, ignore: None, structures: values.iter().map(structure).collect() }
}

fn plan(mirrored_outputs: Vec<[usize; 2]>) -> PredictPlan {
    PredictPlan {
        weights: Weights::Last,
        patch_size: [4, 6, 8],
        overlap: 0.5,
        blend: Blend::Constant,
        mirror_axes: vec![1, 2],
        mirrored_outputs,
        batch_size: 1,
        threshold: 0.5,
        largest_component: vec![],
    }
}

#[test]
fn a_mirrored_patient_gets_the_mirrored_segmentation_with_exchanged_sides() {
    let device = select(DeviceName::Cpu).unwrap().device;
    let unet = UnetPlan {
        features: vec![4, 8],
        strides: vec![[1; 3], [2; 3]],
        kernels: vec![[3; 3]; 2],
        blocks: vec![1; 2],
        decoder_blocks: 1,
        residual: false,
        norm: Norm::Instance,
        activation: Activation::LeakyRelu,
        deep_supervision: false,
    };
    let interface = Interface { channels: 1, outputs: 4, overlapping: false };
    // Initial weights: any network is as good as another for this.
    let network = model::build(&ModelPlan::Unet(unet), interface, Precision::F32, 3, &device);
    let image = Array4::from_shape_fn((1, 4, 6, 8), |(_, z, y, x)| ((z * 7 + y * 5 + x * x) as f32 * 0.3).sin());
    let mut mirrored = image.clone();
    mirrored.invert_axis(Axis(3));
    let probabilities = |plan: &PredictPlan, image: &Array4<f32>| {
        let predictor =
            Predictor { network: &network, device: &device, plan, overlapping: false, outputs: 4, pass: None };
        predictor.probabilities(image.view(), &AtomicBool::new(false)).unwrap()
    };
    let difference = |plan: PredictPlan| {
        let (of_image, mut of_mirrored) = (probabilities(&plan, &image), probabilities(&plan, &mirrored));
        of_mirrored.invert_axis(Axis(3));
        let exchanged = of_mirrored.select(Axis(0), &[0, 3, 2, 1]);
        of_image.iter().zip(&exchanged).map(|(a, b)| (a - b).abs()).fold(0.0f32, f32::max)
    };
    assert!(difference(plan(vec![[1, 3]])) < 1e-5);
    assert!(difference(plan(vec![])) > 1e-3, "without the exchange sides are mixed");
}

#[test]
fn outputs_of_pairs_change_places_and_a_lone_side_is_not_mirrored() {
    let swapped = [[2, 3], [5, 9]];
    let both = target(&[&[2], &[1], &[3]], false);
    assert_eq!(mirroring(&[0, 2], &swapped, &both), (vec![0, 2], vec![[1, 3]]));
    assert_eq!(mirroring(&[0, 1], &swapped, &both), (vec![0, 1], vec![]));
    let overlapping = target(&[&[2, 3], &[2], &[3]], true);
    assert_eq!(mirroring(&[2], &swapped, &overlapping), (vec![2], vec![[1, 2]]));
    let alone = target(&[&[2], &[1]], false);
    assert_eq!(mirroring(&[0, 2], &swapped, &alone), (vec![0], vec![]));
}
