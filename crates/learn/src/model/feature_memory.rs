//! nnU-Net's proxy for GPU memory: the number of feature-map elements written by the convolutions for one patch.

use super::{Cost, Interface, Stages};

/// Elements for one patch `[z, y, x]` of a network with so many output channels.
pub fn elements(cost: &Cost, stages: &Stages, patch: [usize; 3], outputs: usize) -> f64 {
    match cost {
        Cost::Convolutions { residual, decoder_width, passes } => {
            let network = Network { stages, residual: *residual, decoder_width: *decoder_width, outputs };
            *passes as f64 * feature_map_elements(&network, patch)
        }
        Cost::Own(plan) => {
            let interface = Interface { channels: 1, outputs, sigmoid: false };
            plan.feature_map_elements(patch, interface) as f64
        }
    }
}

/// The input of the estimate.
struct Network<'a> {
    stages: &'a Stages,
    residual: bool,
    /// Ratio of a decoder stage's feature maps to those of the encoder.
    decoder_width: usize,
    outputs: usize,
}

/// `compute_conv_feature_map_size` of nnU-Net's network classes.
fn feature_map_elements(network: &Network<'_>, patch: [usize; 3]) -> f64 {
    let stages = network.stages;
    // Lists of different lengths in a spec are reported elsewhere.
    let count = stages.strides.len().min(stages.features.len()).min(stages.blocks.len());
    let sizes = stage_voxels(&stages.strides[..count], patch);
    let encoder: f64 = (0..sizes.len()).map(|stage| encoder_elements(network, &sizes, stage)).sum();
    let stem = if network.residual { stages.features[0] as f64 * voxels(patch) } else { 0.0 };
    // Each decoder stage: its convolutions and the transposed convolution before them; the segmentation layer once.
    let decoder: f64 = sizes[..sizes.len().saturating_sub(1)]
        .iter()
        .zip(stages.features.iter().zip(&stages.decoder_blocks))
        .map(|(voxels, (&features, &blocks))| (network.decoder_width * blocks + 1) as f64 * features as f64 * voxels)
        .sum();
    let segmentation = if sizes.len() > 1 { network.outputs as f64 * sizes[0] } else { 0.0 };
    stem + encoder + decoder + segmentation
}

fn encoder_elements(network: &Network<'_>, sizes: &[f64], stage: usize) -> f64 {
    let Stages { features, strides, blocks, .. } = network.stages;
    let elements = features[stage] as f64 * sizes[stage];
    let blocks = blocks[stage] as f64;
    if !network.residual {
        return blocks * elements;
    }
    // A block has two convolutions; the first of a stage a third on its shortcut where size or features change.
    let strided = strides[stage] != [1; 3];
    let shortcut = strided || (stage > 0 && features[stage] != features[stage - 1]);
    (2.0 * blocks + f64::from(u8::from(shortcut))) * elements
}

fn stage_voxels(strides: &[[usize; 3]], patch: [usize; 3]) -> Vec<f64> {
    let mut size = patch;
    let halve = |stride: &[usize; 3]| {
        size = [0, 1, 2].map(|axis| size[axis] / stride[axis].max(1));
        voxels(size)
    };
    strides.iter().map(halve).collect()
}

fn voxels(size: [usize; 3]) -> f64 {
    size.iter().map(|&edge| edge as f64).product()
}
