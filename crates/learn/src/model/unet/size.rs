//! Memory cost, patch requirements and parameter names of a U-Net, derived from the plan alone.

use super::{UNet, UnetPlan};
use crate::graph::pytorch::{Argument, BLOCKS, RESIDUAL, STAGE, Source};
use crate::model::architecture::Plan;
use crate::model::block::Weights;
use crate::model::staged::{self, stage_voxels, total_stride};
use crate::model::{Interface, Names};

impl UnetPlan {
    /// Whether the decoder stage at this resolution has its own head: with deep supervision, all but the coarsest have one.
    pub fn has_head(&self, stage: usize) -> bool {
        self.deep_supervision && stage + 2 < self.features.len()
    }
}

/// The network in PyTorch.
const TORCH: &str = include_str!("torch.py");

impl UnetPlan {
    /// Arguments of the network in PyTorch, without channels and outputs.
    pub fn torch_arguments(&self) -> Vec<(&'static str, Argument)> {
        vec![
            ("features", self.features.clone().into()),
            ("strides", Argument::Triples(self.strides.clone())),
            ("kernels", Argument::Triples(self.kernels.clone())),
            ("blocks", self.blocks.clone().into()),
            ("decoder_blocks", self.decoder_blocks.into()),
            ("residual", self.residual.into()),
            ("norm", self.norm.name().into()),
            ("activation", self.activation.name().into()),
        ]
    }
}

impl Plan for UnetPlan {
    type Network = UNet;

    fn build(&self, interface: Interface, weights: &mut Weights) -> UNet {
        UNet::new(self, interface, weights)
    }

    fn numerics(&self) -> u32 {
        staged::numerics(&self.kernels)
    }

    fn total_stride(&self) -> [usize; 3] {
        total_stride(&self.strides)
    }

    fn feature_map_elements(&self, patch: [usize; 3], interface: Interface) -> usize {
        let full: usize = patch.iter().product();
        let mut total = if self.residual { self.features[0] * full } else { 0 };
        for (stage, voxels) in stage_voxels(&self.strides, patch).into_iter().enumerate() {
            let maps = self.features[stage] * voxels;
            let per_block = if self.residual { 2 } else { 1 };
            total += maps * self.blocks[stage] * per_block;
            if stage + 1 < self.features.len() {
                total += maps * (self.decoder_blocks + 1);
            }
            if stage == 0 || self.has_head(stage) {
                total += interface.outputs * voxels;
            }
        }
        total
    }

    fn pytorch(&self, interface: Interface) -> Source {
        let ends = [("channels", interface.channels.into()), ("outputs", interface.outputs.into())];
        let definitions = vec![BLOCKS, RESIDUAL, STAGE, TORCH];
        Source { definitions, class: "UNet", arguments: ends.into_iter().chain(self.torch_arguments()).collect() }
    }

    /// nnU-Net's (dynamic-network-architectures) `PlainConvUNet` and `ResidualEncoderUNet`.
    fn names(&self) -> Names {
        let stages = self.features.len();
        // In nnU-Net every decoder stage has a head; ours correspond to the finest of them.
        let heads = (0..stages.saturating_sub(1)).filter(|&stage| stage == 0 || self.has_head(stage)).count();
        let first = stages.saturating_sub(1) - heads;
        let of_heads: Vec<[String; 2]> = (0..heads)
            .map(|head| [format!(r"heads\.{head}\.(\w+)"), format!("decoder.seg_layers.{}.$1", first + head)])
            .collect();
        // If a stage begins with a stride, average pooling precedes the projection.
        let skip = |stage: usize| {
            let place = usize::from(self.strides[stage] != [1; 3]);
            let theirs = format!("encoder.stages.{stage}.blocks.0.skip.{place}");
            let conv = [format!(r"encoder\.{stage}\.0\.projection\.(\w+)"), format!("{theirs}.conv.$1")];
            [conv, [format!(r"encoder\.{stage}\.0\.projection_norm\.(\w+)"), format!("{theirs}.norm.$1")]]
        };
        let of_skips: Vec<[String; 2]> = (0..stages).flat_map(skip).collect();
        let fixed = [
            (r"stem\.(conv|norm)\.(\w+)", "encoder.stem.convs.0.$1.$2"),
            (r"encoder\.(\d+)\.(\d+)\.first\.(conv|norm)\.(\w+)", "encoder.stages.$1.blocks.$2.conv1.$3.$4"),
            (r"encoder\.(\d+)\.(\d+)\.second\.(\w+)", "encoder.stages.$1.blocks.$2.conv2.conv.$3"),
            (r"encoder\.(\d+)\.(\d+)\.second_norm\.(\w+)", "encoder.stages.$1.blocks.$2.conv2.norm.$3"),
            (r"encoder\.(\d+)\.(\d+)\.(conv|norm)\.(\w+)", "encoder.stages.$1.0.convs.$2.$3.$4"),
            (r"decoder\.(\d+)\.(\d+)\.(conv|norm)\.(\w+)", "decoder.stages.$1.convs.$2.$3.$4"),
            (r"upsamples\.(\d+)\.(\w+)", "decoder.transpconvs.$1.$2"),
        ];
        let computed = of_heads.iter().chain(&of_skips).map(|[ours, theirs]| (ours.as_str(), theirs.as_str()));
        Names::default().with(&fixed.into_iter().chain(computed).collect::<Vec<_>>())
    }
}
