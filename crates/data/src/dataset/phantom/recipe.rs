//! Parameters of a synthetic set.

use std::fmt;

use crate::counted;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How to generate a synthetic set that does not exist yet. The same recipe gives the same files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct PhantomRecipe {
    /// Number of labelled cases.
    #[schemars(range(min = 1))]
    pub cases: usize,
    /// Seed of the anatomy and the noise.
    pub seed: u64,
    /// Image size: `tiny` for tests, `small` for a first run.
    #[serde(default)]
    pub size: PhantomSize,
    /// Project whose folders, files and structures the set imitates. Default: `decathlon`.
    #[serde(default, skip_serializing_if = "PhantomLayout::is_decathlon")]
    pub layout: PhantomLayout,
}

/// Image size of a phantom. `uw-madison` has about 128 slices, 3 mm apart, in every size.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PhantomSize {
    /// About 20×28×28 voxels: for tests.
    Tiny,
    /// About 40×64×64 voxels: for a first run on a laptop.
    #[default]
    Small,
    /// About 96×160×160 voxels.
    Large,
}

/// Project whose layout a phantom is written in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PhantomLayout {
    /// Medical Segmentation Decathlon: `dataset.json`, `imagesTr/`, `labelsTr/`; read with `[layout.msd]`.
    #[default]
    Decathlon,
    /// A DICOM series and one surface per bone, `patient01/dicom/`, `patient01/spine.stl`: spine and ribs. Read with `[layout.masks]`.
    DicomStl,
    /// A DICOM series and a DICOM SEG, `Patient_01/im_1/`, `Patient_01/im_3/`: spine, kidneys, liver and spleen. Read with
    /// `[layout.pairs]`.
    DicomSeg,
    /// UW-Madison GI Tract: MR slices as PNG and run-length masks of stomach and bowel, two days per patient. Read with
    /// `[layout.uw-madison]`.
    UwMadison,
    /// TotalSegmentator: `s0000/ct.nii.gz` and one mask per structure, under that project's names. Read with `[layout.masks]`.
    #[serde(rename = "totalsegmentator")]
    TotalSegmentator,
    /// FLARE 2022: `images/phantom_000_0000.nii.gz`, `labels/phantom_000.nii.gz`, with the challenge's label values. Read with
    /// `[layout.pairs]`.
    Flare,
}

impl PhantomLayout {
    /// Whether this is the default, which recipes omit.
    fn is_decathlon(&self) -> bool {
        *self == Self::Decathlon
    }

    /// The name in specs and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Decathlon => "decathlon",
            Self::DicomStl => "dicom-stl",
            Self::DicomSeg => "dicom-seg",
            Self::UwMadison => "uw-madison",
            Self::TotalSegmentator => "totalsegmentator",
            Self::Flare => "flare",
        }
    }
}

/// Description for messages.
impl fmt::Display for PhantomRecipe {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let size = match self.size {
            PhantomSize::Tiny => "tiny",
            PhantomSize::Small => "small",
            PhantomSize::Large => "large",
        };
        write!(f, "{}, seed {}, size {size}, layout {}", counted(self.cases, "case"), self.seed, self.layout.name())
    }
}
