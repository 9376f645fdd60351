//! What a U-Net costs, and what it asks of a patch: computed from the plan alone.

use super::UnetPlan;
use crate::model::Interface;

impl UnetPlan {
    /// Whether the decoder stage at this resolution has a head of its own: with deep supervision, all but the coarsest.
    pub fn has_head(&self, stage: usize) -> bool {
        self.deep_supervision && stage + 2 < self.features.len()
    }

    /// Product of all strides per axis: what a patch must be divisible by.
    pub fn total_stride(&self) -> [usize; 3] {
        let multiply = |total: [usize; 3], stride: &[usize; 3]| std::array::from_fn(|axis| total[axis] * stride[axis]);
        self.strides.iter().fold([1; 3], multiply)
    }

    /// Elements of all convolution outputs for one patch: nnU-Net's proxy for memory.
    pub fn feature_map_elements(&self, patch: [usize; 3], interface: Interface) -> usize {
        let mut size = patch;
        let mut total = if self.residual { self.features[0] * volume(patch) } else { 0 };
        for stage in 0..self.features.len() {
            size = std::array::from_fn(|axis| size[axis].div_ceil(self.strides[stage][axis].max(1)));
            let maps = self.features[stage] * volume(size);
            let per_block = if self.residual { 2 } else { 1 };
            total += maps * self.blocks[stage] * per_block;
            if stage + 1 < self.features.len() {
                total += maps * (self.decoder_blocks + 1);
            }
            if stage == 0 || self.has_head(stage) {
                total += interface.outputs * volume(size);
            }
        }
        total
    }
}

fn volume(size: [usize; 3]) -> usize {
    size.iter().product()
}
