//! nnU-Net's stand-in for GPU memory: the number of feature-map elements that convolutions write for one patch.

/// The sizes that the estimate is made of.
pub(super) struct Network<'a> {
    pub features: &'a [usize],
    pub strides: &'a [[usize; 3]],
    /// Convolutions, or residual blocks, per encoder stage.
    pub blocks: &'a [usize],
    /// Convolutions per decoder stage.
    pub decoder_blocks: usize,
    pub residual: bool,
    /// Output channels.
    pub outputs: usize,
}

/// Elements for one patch (`compute_conv_feature_map_size` of nnU-Net's network classes).
pub(super) fn feature_map_elements(network: &Network<'_>, patch: [usize; 3]) -> f64 {
    let sizes = stage_voxels(network.strides, patch);
    let encoder: f64 = (0..sizes.len()).map(|stage| encoder_elements(network, &sizes, stage)).sum();
    let stem = if network.residual { network.features[0] as f64 * voxels(patch) } else { 0.0 };
    // Each decoder stage: its convolutions and the transposed convolution before them; the segmentation layer once.
    let decoder: f64 = sizes[..sizes.len() - 1]
        .iter()
        .zip(network.features)
        .map(|(voxels, &features)| (network.decoder_blocks + 1) as f64 * features as f64 * voxels)
        .sum();
    let segmentation = if sizes.len() > 1 { network.outputs as f64 * sizes[0] } else { 0.0 };
    stem + encoder + decoder + segmentation
}

fn encoder_elements(network: &Network<'_>, sizes: &[f64], stage: usize) -> f64 {
    let elements = network.features[stage] as f64 * sizes[stage];
    let blocks = network.blocks[stage] as f64;
    if !network.residual {
        return blocks * elements;
    }
    // A block has two convolutions; the first of a stage a third on its shortcut where size or features change.
    let strided = network.strides[stage] != [1; 3];
    let shortcut = strided || (stage > 0 && network.features[stage] != network.features[stage - 1]);
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
