//! What architectures of several resolutions have in common for the planning rules.

use super::ModelPlan;
use crate::auto::Auto;

/// What an architecture states about its resolutions, and what `"auto"` starts from.
#[derive(Clone, Debug)]
pub struct Staged {
    /// Its table in a spec.
    pub key: &'static str,
    /// Feature maps per stage, finest first.
    pub features: Auto<Vec<usize>>,
    /// Features of the first stage where they are `"auto"`; doubled from stage to stage.
    pub base_features: usize,
    /// Stride of each stage.
    pub strides: Auto<Vec<[usize; 3]>>,
    /// The most stages that `"auto"` makes.
    pub most_stages: usize,
    /// Kernel of each stage.
    pub kernels: Auto<Vec<[usize; 3]>>,
    /// Edge of an `"auto"` kernel.
    pub kernel: usize,
    /// Blocks of each encoder stage.
    pub blocks: Auto<Vec<usize>>,
    /// Blocks of an encoder stage where they are `"auto"`.
    pub usual_blocks: fn(usize) -> usize,
    /// Blocks of the decoder stages.
    pub decoder_blocks: DecoderBlocks,
    /// For 2D patches only.
    pub flat: bool,
    /// What a patch costs.
    pub cost: Cost,
}

/// Blocks of the decoder stages.
#[derive(Clone, Debug)]
pub enum DecoderBlocks {
    /// The same in every stage.
    Same(usize),
    /// Stage by stage, finest first.
    Each(Vec<usize>),
    /// By the stage's number.
    Usual(fn(usize) -> usize),
}

impl DecoderBlocks {
    /// Blocks of so many decoder stages, finest first.
    pub fn of(&self, stages: usize) -> Vec<usize> {
        match self {
            Self::Same(blocks) => vec![*blocks; stages],
            Self::Each(blocks) => blocks.clone(),
            Self::Usual(blocks) => (0..stages).map(blocks).collect(),
        }
    }
}

/// How feature maps are counted.
#[derive(Clone, Debug, PartialEq)]
pub enum Cost {
    /// Convolutions at every resolution, as nnU-Net counts them.
    Convolutions {
        /// Blocks are residual.
        residual: bool,
        /// Feature maps of a decoder stage over those of the encoder.
        decoder_width: usize,
        /// Networks one after the other.
        passes: usize,
    },
    /// As the architecture counts them itself, every number being known.
    Own(Box<ModelPlan>),
}

impl Cost {
    /// Whether blocks are residual.
    pub fn is_residual(&self) -> bool {
        matches!(self, Self::Convolutions { residual: true, .. })
    }
}

/// The numbers that the rules filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stages {
    /// Feature maps of each stage, finest first.
    pub features: Vec<usize>,
    /// Stride of each stage.
    pub strides: Vec<[usize; 3]>,
    /// Kernel of each stage.
    pub kernels: Vec<[usize; 3]>,
    /// Blocks of each encoder stage.
    pub blocks: Vec<usize>,
    /// Blocks of each decoder stage, finest first.
    pub decoder_blocks: Vec<usize>,
}

/// Product of all strides per axis: what a patch must be divisible by.
pub fn total_stride(strides: &[[usize; 3]]) -> [usize; 3] {
    [0, 1, 2].map(|axis| strides.iter().map(|stride| stride[axis]).product())
}

/// Voxels of every stage's feature maps.
pub fn stage_voxels(strides: &[[usize; 3]], patch: [usize; 3]) -> Vec<usize> {
    let mut size = patch;
    let shrink = |stride: &[usize; 3]| {
        size = [0, 1, 2].map(|axis| size[axis].div_ceil(stride[axis].max(1)));
        size.iter().product()
    };
    strides.iter().map(shrink).collect()
}
