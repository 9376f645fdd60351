//! What the planning rules need to know about multi-resolution architectures.

use super::ModelPlan;
use crate::auto::Auto;

/// An architecture's stated values per stage, and the defaults that `"auto"` starts from.
#[derive(Clone, Debug)]
pub struct Staged {
    /// Its table in a spec.
    pub key: &'static str,
    /// Feature maps per stage, finest first.
    pub features: Auto<Vec<usize>>,
    /// Features of the first stage if `"auto"`; doubled at each further stage.
    pub base_features: usize,
    /// Stride of each stage.
    pub strides: Auto<Vec<[usize; 3]>>,
    /// Maximum number of stages under `"auto"`.
    pub max_stages: usize,
    /// Kernel of each stage.
    pub kernels: Auto<Vec<[usize; 3]>>,
    /// Edge length of an `"auto"` kernel.
    pub kernel: usize,
    /// Blocks of each encoder stage.
    pub blocks: Auto<Vec<usize>>,
    /// Blocks of an encoder stage if `"auto"`.
    pub default_blocks: fn(usize) -> usize,
    /// Blocks of the decoder stages.
    pub decoder_blocks: DecoderBlocks,
    /// For 2D patches only.
    pub flat: bool,
    /// Memory cost of a patch.
    pub cost: Cost,
}

/// Blocks of the decoder stages.
#[derive(Clone, Debug)]
pub enum DecoderBlocks {
    /// The same in every stage.
    Same(usize),
    /// Stage by stage, finest first.
    Each(Vec<usize>),
    /// As a function of the stage index.
    Usual(fn(usize) -> usize),
}

impl DecoderBlocks {
    /// Blocks of each decoder stage, finest first; `stages` is the number of decoder stages.
    pub fn of(&self, stages: usize) -> Vec<usize> {
        match self {
            Self::Same(blocks) => vec![*blocks; stages],
            Self::Each(blocks) => blocks.clone(),
            Self::Usual(blocks) => (0..stages).map(blocks).collect(),
        }
    }
}

/// How the elements of feature maps are counted.
#[derive(Clone, Debug, PartialEq)]
pub enum Cost {
    /// Convolutions at every resolution, as nnU-Net counts them.
    Convolutions {
        /// Whether blocks are residual.
        residual: bool,
        /// Ratio of a decoder stage's feature maps to the encoder's.
        decoder_width: usize,
        /// Number of networks applied in sequence.
        passes: usize,
    },
    /// As the architecture itself counts them; its plan is fully resolved.
    Own(Box<ModelPlan>),
}

impl Cost {
    /// Whether blocks are residual.
    pub fn is_residual(&self) -> bool {
        matches!(self, Self::Convolutions { residual: true, .. })
    }
}

/// The values filled in by the planning rules.
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

impl Stages {
    /// Why no network can be built: lists that are stated in the spec, while the number of stages follows from the images.
    pub fn uneven(&self) -> Option<String> {
        let stages = self.strides.len();
        let lists = [
            ("features", self.features.len(), stages),
            ("kernels", self.kernels.len(), stages),
            ("blocks", self.blocks.len(), stages),
            ("decoder-blocks", self.decoder_blocks.len(), stages.saturating_sub(1)),
        ];
        let (name, length, wanted) = lists.into_iter().find(|(_, length, wanted)| length != wanted)?;
        Some(format!(
            "`{name}` has {}, but these images allow {}, so that it needs {wanted}; state `features`, or use \"auto\"",
            counted_entries(length),
            if stages == 1 { "1 stage".to_owned() } else { format!("{stages} stages") },
        ))
    }
}

fn counted_entries(count: usize) -> String {
    if count == 1 { "1 entry".into() } else { format!("{count} entries") }
}

/// Product of all strides per axis, by which the patch size must be divisible.
pub fn total_stride(strides: &[[usize; 3]]) -> [usize; 3] {
    [0, 1, 2].map(|axis| strides.iter().map(|stride| stride[axis]).product())
}

/// Version of the numbers of convolutions with these kernels. 1: five taps along y and x are filtered as F(4, 5).
pub fn numerics(kernels: &[[usize; 3]]) -> u32 {
    kernels.iter().any(|kernel| kernel[1..] == [5, 5]).into()
}

/// Voxels per feature map of each stage.
pub fn stage_voxels(strides: &[[usize; 3]], patch: [usize; 3]) -> Vec<usize> {
    let mut size = patch;
    let shrink = |stride: &[usize; 3]| {
        size = [0, 1, 2].map(|axis| size[axis].div_ceil(stride[axis].max(1)));
        size.iter().product()
    };
    strides.iter().map(shrink).collect()
}
