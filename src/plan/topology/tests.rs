//! Against plans of nnU-Net's own code (`tests/reference/topology.py`).

use serde::Deserialize;

use super::*;
use crate::auto::Auto;
use crate::model::architecture::Spec;
use crate::model::unet::Unet;
use crate::plan::spacing::{median_shape, target_spacing};

#[derive(Deserialize)]
struct Reference {
    name: String,
    spacings: Vec<[f64; 3]>,
    shapes: Vec<[usize; 3]>,
    classes: usize,
    gigabytes: f64,
    residual: bool,
    flat: bool,
    target: [f64; 3],
    median: [f64; 3],
    patch: [usize; 3],
    batch: usize,
    strides: Vec<[usize; 3]>,
    kernels: Vec<[usize; 3]>,
    features: Vec<usize>,
    blocks: Vec<usize>,
    decoder_blocks: Option<usize>,
}

fn references() -> Vec<Reference> {
    serde_json::from_str(include_str!("../../../tests/reference/topology.json")).unwrap()
}

/// Without the lines for people.
fn plan(inputs: &TopologyInputs<'_>) -> Topology {
    Topology { notes: Vec::new(), ..topology(inputs) }
}

fn hippocampus(network: &Staged) -> TopologyInputs<'_> {
    TopologyInputs {
        spacing_mm: [1.0; 3],
        median_shape: [36.0, 50.0, 35.0],
        cases: 260,
        outputs: 3,
        memory_target_gb: 8.0,
        network,
        patch_size: None,
        batch_size: None,
    }
}

#[test]
fn plans_equal_those_of_nnunet() {
    let references = references();
    assert!(references.len() >= 60);
    for reference in references {
        let name = &reference.name;
        let target = target_spacing(&reference.spacings, &reference.shapes).unwrap();
        assert!(target.iter().zip(reference.target).all(|(a, b)| (a - b).abs() < 1e-9), "{name}: {target:?}");
        let median = median_shape(&reference.spacings, &reference.shapes, target).unwrap();
        assert_eq!(median, reference.median, "{name}");
        let unet = Unet { residual: reference.residual, ..Unet::default() }.staged("model.unet");
        // A 2D plan of a 3D dataset is asked for by a flat patch; nnU-Net's batch cap counts the whole dataset.
        if reference.flat && median[0] != 1.0 {
            continue;
        }
        let found = plan(&TopologyInputs {
            spacing_mm: target,
            median_shape: median,
            cases: reference.shapes.len(),
            outputs: reference.classes,
            memory_target_gb: reference.gigabytes,
            ..hippocampus(&unet)
        });
        let expected = Topology {
            patch_size: reference.patch,
            stages: Stages {
                decoder_blocks: match reference.decoder_blocks {
                    Some(blocks) => vec![blocks; reference.strides.len() - 1],
                    None => found.stages.decoder_blocks.clone(),
                },
                strides: reference.strides,
                kernels: reference.kernels,
                features: reference.features,
                blocks: reference.blocks,
            },
            batch_size: reference.batch,
            notes: Vec::new(),
        };
        assert_eq!(found, expected, "{name}");
    }
}

#[test]
fn the_hippocampus_plan_is_the_documented_one() {
    let unet = Unet::default().staged("model.unet");
    let found = topology(&hippocampus(&unet));
    assert_eq!((found.patch_size, found.batch_size), ([40, 56, 40], 9));
    assert_eq!(found.stages.features, [32, 64, 128, 256]);
    assert_eq!(divisor(&found.stages.strides), [8, 8, 8]);
    assert_eq!(found.notes.len(), 6, "{:?}", found.notes);
}

#[test]
fn a_flat_patch_gives_a_2d_network() {
    let unet = Unet::default().staged("model.unet");
    let found = topology(&TopologyInputs { patch_size: Some([1, 56, 40]), ..hippocampus(&unet) });
    assert_eq!(found.batch_size, 366, "nnU-Net documents 366 for the 2D hippocampus network");
    assert!(found.stages.strides.iter().chain(&found.stages.kernels).all(|axes| axes[0] == 1));
    assert_eq!(found.stages.features, [32, 64, 128, 256]);
}

#[test]
fn what_the_spec_fixes_stays() {
    let unet = Unet { features: Auto::Fixed(vec![8, 16, 24]), ..Unet::default() }.staged("model.unet");
    let fixed = TopologyInputs { patch_size: Some([20, 48, 40]), batch_size: Some(5), ..hippocampus(&unet) };
    let found = topology(&fixed);
    assert_eq!((found.patch_size, found.batch_size, found.stages.features), ([20, 48, 40], 5, vec![8, 16, 24]));
    assert_eq!(found.stages.strides, [[1, 1, 1], [2, 2, 2], [2, 2, 2]]);
    assert_eq!((found.stages.kernels.len(), found.stages.blocks), (3, vec![2, 2, 2]));
}

#[test]
fn a_fixed_patch_is_divisible_by_what_the_rules_choose() {
    let unet = Unet::default().staged("model.unet");
    for patch in [[36, 50, 35], [12, 20, 36], [7, 9, 11], [64, 64, 64]] {
        let found = topology(&TopologyInputs { patch_size: Some(patch), ..hippocampus(&unet) });
        assert_eq!(found.patch_size, patch);
        let divisor = divisor(&found.stages.strides);
        assert!((0..3).all(|axis| patch[axis] % divisor[axis] == 0), "{patch:?} {divisor:?}");
    }
}

#[test]
fn more_features_than_the_rules_pool_for_give_more_stages() {
    let unet = Unet { features: Auto::Fixed(vec![8, 16, 32, 64, 64]), ..Unet::default() }.staged("model.unet");
    let found = topology(&TopologyInputs { patch_size: Some([16, 16, 16]), ..hippocampus(&unet) });
    assert_eq!(divisor(&found.stages.strides), [16, 16, 16]);
    let found = topology(&TopologyInputs { patch_size: Some([4, 4, 4]), ..hippocampus(&unet) });
    assert_eq!((found.stages.strides.len(), divisor(&found.stages.strides)), (5, [4, 4, 4]));
}

#[test]
fn fixed_strides_shape_the_patch() {
    let strides = vec![[1, 1, 1], [1, 2, 2], [2, 2, 2], [1, 3, 3]];
    let unet = Unet { strides: Auto::Fixed(strides.clone()), ..Unet::default() }.staged("model.unet");
    let found = topology(&hippocampus(&unet));
    assert_eq!((found.stages.strides, found.patch_size), (strides, [36, 60, 36]));
    assert_eq!((found.stages.features.len(), found.stages.kernels.len(), found.stages.blocks.len()), (4, 4, 4));
}

#[test]
fn a_tiny_memory_target_ends_with_the_smallest_patch() {
    let unet = Unet { strides: Auto::Fixed(vec![[1, 1, 1], [2, 2, 2]]), ..Unet::default() }.staged("model.unet");
    let found = topology(&TopologyInputs { memory_target_gb: 1e-9, ..hippocampus(&unet) });
    assert_eq!((found.patch_size, found.batch_size), ([2, 2, 2], 2));
}
