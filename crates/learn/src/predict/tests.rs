//! Averages over flips, and regions.

use ndarray::{Array2, Array4, Axis, s};

use super::spec::{Averaged, Blend, Weights};
use super::*;
use crate::Cancel;
use crate::backend::{DeviceName, Precision, select};
use crate::dataset::TargetStructure;
use crate::interact::{Click, Guidance, guidance};
use crate::model::block::{Activation, Norm};
use crate::model::unet::UnetPlan;
use crate::model::{self, Interface, ModelPlan, Network};

fn target(values: &[&[u16]], overlapping: bool) -> Target {
    let structure = |values: &&[u16]| TargetStructure::new(format!("{values:?}"), values);
    Target { overlapping, ..Target::of(values.iter().map(structure).collect()) }
}

fn plan(mirrored_outputs: Vec<[usize; 2]>) -> PredictPlan {
    PredictPlan {
        weights: Weights::Last,
        patch_size: [4, 6, 8],
        overlap: 0.5,
        blend: Blend::Constant,
        averaged: Averaged::Probabilities,
        mirror_axes: vec![1, 2],
        mirrored_outputs,
        batch_size: 1,
        threshold: 0.5,
        largest_component: vec![],
        largest_union: vec![],
    }
}

fn network(device: &burn::tensor::Device) -> Network {
    network_of(1, device)
}

fn network_of(channels: usize, device: &burn::tensor::Device) -> Network {
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
        initial_weights: Default::default(),
    };
    let interface = Interface { channels, outputs: 4, sigmoid: false };
    // Initial weights suffice for these tests.
    model::build(&ModelPlan::Unet(unet), interface, Precision::F32, 3, device)
}

#[test]
fn a_mirrored_patient_gets_the_mirrored_segmentation_with_swapped_sides() {
    let device = select(DeviceName::Cpu).unwrap().device;
    let network = network(&device);
    let image = Array4::from_shape_fn((1, 4, 6, 8), |(_, z, y, x)| ((z * 7 + y * 5 + x * x) as f32 * 0.3).sin());
    let mut mirrored = image.clone();
    mirrored.invert_axis(Axis(3));
    let probabilities = |plan: &PredictPlan, image: &Array4<f32>| {
        let predictor = Predictor {
            network: &network,
            device: &device,
            plan,
            sigmoid: false,
            outputs: 4,
            pass: None,
            guidance: None,
            watch: None,
        };
        predictor.outputs(image.view(), None, &Cancel::new()).unwrap().into_probabilities(false)
    };
    let difference = |plan: PredictPlan| {
        let (of_image, mut of_mirrored) = (probabilities(&plan, &image), probabilities(&plan, &mirrored));
        of_mirrored.invert_axis(Axis(3));
        let exchanged = of_mirrored.select(Axis(0), &[0, 3, 2, 1]);
        of_image.iter().zip(&exchanged).map(|(a, b)| (a - b).abs()).fold(0.0f32, f32::max)
    };
    assert!(difference(plan(vec![[1, 3]])) < 1e-5);
    assert!(difference(plan(vec![])) > 1e-3, "without the swap, sides are mixed");
}

#[test]
fn clicks_on_sides_swap_with_the_outputs_of_a_mirrored_patient() {
    let device = select(DeviceName::Cpu).unwrap().device;
    let network = network_of(1 + guidance::channels(3), &device);
    let image = Array4::from_shape_fn((1, 4, 6, 8), |(_, z, y, x)| ((z * 7 + y * 5 + x * x) as f32 * 0.3).sin());
    let mut mirrored = image.clone();
    mirrored.invert_axis(Axis(3));
    // Clicks on the first structure and on background; the first and the last structure are a pair.
    let clicks = [Click { at: [1.0, 2.0, 2.0], class: 1 }, Click { at: [2.0, 4.0, 5.0], class: 0 }];
    let of_mirrored = clicks.map(|click| {
        let [z, y, x] = click.at;
        Click { at: [z, y, 7.0 - x], class: [0, 3, 2, 1][click.class] }
    });
    let plan = plan(vec![[1, 3]]);
    let probabilities = |image: &Array4<f32>, clicks: &[Click]| {
        let told = Guidance { radius_mm: 1.5, spacing_mm: [1.0; 3], structures: 3, clicks, previous: None };
        let predictor = Predictor {
            network: &network,
            device: &device,
            plan: &plan,
            sigmoid: false,
            outputs: 4,
            pass: None,
            guidance: Some(told),
            watch: None,
        };
        predictor.outputs(image.view(), None, &Cancel::new()).unwrap().into_probabilities(false)
    };
    let found = probabilities(&image, &clicks);
    let mut back = probabilities(&mirrored, &of_mirrored);
    back.invert_axis(Axis(3));
    let back = back.select(Axis(0), &[0, 3, 2, 1]);
    let difference = |other: &Array4<f32>| found.iter().zip(other).map(|(a, b)| (a - b).abs()).fold(0.0f32, f32::max);
    assert!(difference(&back) < 1e-5, "{}", difference(&back));
    assert!(difference(&probabilities(&image, &[])) > 1e-3, "clicks have an effect");
}

#[test]
fn inside_a_region_nothing_changes_and_outside_is_background() {
    let device = select(DeviceName::Cpu).unwrap().device;
    let network = network(&device);
    let image = Array4::from_shape_fn((1, 9, 14, 16), |(_, z, y, x)| ((z * 7 + y * 5 + x * x) as f32 * 0.3).sin());
    let plan = PredictPlan { blend: Blend::Gaussian, mirror_axes: vec![], ..plan(vec![]) };
    let predictor = Predictor {
        network: &network,
        device: &device,
        plan: &plan,
        sigmoid: false,
        outputs: 4,
        pass: None,
        guidance: None,
        watch: None,
    };
    let never = Cancel::new();
    let everywhere = predictor.outputs(image.view(), None, &never).unwrap().into_probabilities(false);
    let mut kept = Array2::from_elem((3, 9), false);
    kept.slice_mut(s![.., 6..8]).fill(true);
    for region in [Region::Slices(kept), Region::Box([5..9, 0..6, 10..16])] {
        let found = predictor.outputs(image.view(), Some(&region), &never).unwrap().into_probabilities(false);
        for ((output, z, y, x), value) in found.indexed_iter() {
            let inside = match &region {
                Region::Slices(kept) => kept[[0, z]],
                Region::Box(wanted) => wanted[0].contains(&z) && wanted[1].contains(&y) && wanted[2].contains(&x),
            };
            match (inside, output) {
                (true, _) => assert_eq!(*value, everywhere[[output, z, y, x]]),
                (false, 0) => assert!((value - 1.0).abs() < 1e-5, "{value}"),
                (false, _) => assert_eq!(*value, 0.0),
            }
        }
    }
}

#[test]
fn paired_outputs_are_swapped_and_an_unpaired_side_is_not_mirrored() {
    let swapped = [[2, 3], [5, 9]];
    let both = target(&[&[2], &[1], &[3]], false);
    assert_eq!(mirroring(&[0, 2], &swapped, &both), (vec![0, 2], vec![[1, 3]]));
    assert_eq!(mirroring(&[0, 1], &swapped, &both), (vec![0, 1], vec![]));
    let overlapping = target(&[&[2, 3], &[2], &[3]], true);
    assert_eq!(mirroring(&[2], &swapped, &overlapping), (vec![2], vec![[1, 2]]));
    let alone = target(&[&[2], &[1]], false);
    assert_eq!(mirroring(&[0, 2], &swapped, &alone), (vec![0], vec![]));
}
