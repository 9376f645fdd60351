//! What a `datasets/*.toml` file says: where the images lie, how they are laid out, what the labels mean, who tests whom.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::phantom::PhantomRecipe;

/// A dataset: where it lies, how it is laid out, and the names of its structures. Never the images themselves.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[schemars(title = "segspec dataset")]
pub struct Dataset {
    /// Name used in tables. Default: the file's name without `.toml`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// One line for people.
    #[serde(default)]
    pub description: String,
    /// Where the data can be had.
    #[serde(default)]
    pub source: String,
    /// Licence of the data.
    #[serde(default)]
    pub licence: String,
    /// Folder of the images, below `SEGSPEC_DATA` (default `data/`), or absolute.
    pub root: String,
    /// How the folder is organised.
    pub layout: Layout,
    /// A synthetic set (`segspec phantom`): how it is made on first use, when the folder is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generate: Option<PhantomRecipe>,
    /// Modality of every channel that `[[channel]]` does not list: decides the automatic normalisation.
    pub modality: Modality,
    /// Channels in file order, for images with several; leave out for one channel.
    #[serde(default, rename = "channel", skip_serializing_if = "Vec::is_empty")]
    pub channels: Vec<Channel>,
    /// The labelled structures, in the order of every table and chart.
    #[serde(rename = "structure")]
    pub structures: Vec<Structure>,
    /// What else is to be known about the label files.
    #[serde(default)]
    pub labels: Labels,
    /// Put channels on the first one's grid when their files lie on others, instead of refusing the case.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub resample_channels: bool,
    /// DICOM folders: which series.
    #[serde(default)]
    pub dicom: DicomChoice,
    /// Which cases train, choose the weights, and are scored. An experiment may replace it.
    #[serde(default)]
    pub split: Split,
    /// Cases to leave out, by name, with the reason: `case_07 = "label misses the left kidney"`.
    #[serde(default)]
    pub exclude: BTreeMap<String, String>,
}

/// How a dataset folder is organised.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case", deny_unknown_fields)]
pub enum Layout {
    /// Medical Segmentation Decathlon: `dataset.json`, `imagesTr/`, `labelsTr/`.
    Msd {},
    /// nnU-Net raw: `imagesTr/CASE_0000.nii.gz` (one file per channel), `labelsTr/CASE.nii.gz`.
    Nnunet {},
    /// Two folders (or name patterns) of images and labels; `{case}` stands for the case's name. A pattern may name a folder: a DICOM
    /// series as image, a DICOM SEG or one picture per slice as label.
    Pairs {
        /// Pattern of the image below root, e.g. `images/{case}.nii.gz`. Several files per case: list `images`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        image: Option<String>,
        /// Patterns of one file per channel, in channel order.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        images: Vec<String>,
        /// Pattern of the label below root, e.g. `labels/{case}_seg.nii.gz`.
        label: String,
    },
    /// Images by pattern, and a mask or a surface (STL, OBJ, PLY) per structure: `{structure}` stands for its name. A structure
    /// without a file is absent from its case.
    Masks {
        /// Pattern of the image below root, e.g. `{case}/ct.nii.gz`, or of a DICOM folder. Several files per case: list `images`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        image: Option<String>,
        /// Patterns of one file per channel, in channel order.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        images: Vec<String>,
        /// Pattern of the masks below root, e.g. `{case}/segmentations/{structure}.nii.gz`.
        mask: String,
    },
    /// UW-Madison GI Tract: `train/caseX/caseX_dayY/scans/slice_*.png` and a table of run-length masks, `id,class,segmentation`.
    UwMadison {
        /// The table below root.
        #[serde(default = "uw_madison_table")]
        table: String,
        /// Distance of the slices; the set's file names give the spacing within slices alone.
        #[serde(default = "uw_madison_thickness")]
        #[schemars(range(min = 0.0))]
        slice_spacing_mm: f64,
    },
}

fn uw_madison_table() -> String {
    "train.csv".into()
}

fn uw_madison_thickness() -> f64 {
    3.0
}

/// What made the image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Modality {
    /// Computed tomography, in Hounsfield units.
    Ct,
    /// Magnetic resonance, arbitrary units.
    Mr,
    /// Positron emission tomography, SUV or counts.
    Pet,
    /// Ultrasound.
    Us,
    /// Light or electron microscopy.
    Microscopy,
    /// Colour photography.
    Rgb,
    /// Anything else: treated like MR.
    Other,
}

/// One channel of a multi-channel image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Channel {
    /// Name for people, e.g. `T1`.
    pub name: String,
    /// Modality, when it differs from the dataset's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub modality: Option<Modality>,
}

/// One labelled structure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Structure {
    /// Name in tables and charts.
    pub name: String,
    /// Value in the label files; 0 is background.
    #[schemars(range(min = 1, max = 65535))]
    pub value: u16,
    /// Colour as `#rrggbb`; left out, one is chosen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = "^#[0-9a-fA-F]{6}$"))]
    pub color: Option<String>,
}

/// What else is to be known about the label files.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Labels {
    /// Further targets, each the union of structures: `bone = ["femur", "tibia"]`.
    pub merge: BTreeMap<String, Vec<String>>,
    /// Label values to treat as background without complaint.
    pub background: Vec<u16>,
    /// Label value of voxels that nobody has labelled, or that nobody is sure of: they count in no loss and in no score.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 65535))]
    pub ignore: Option<u16>,
    /// Put labels on the image's grid when the two differ, instead of refusing the case.
    pub resample_labels: bool,
    /// Structures that change places in a mirrored image: `[["left-kidney", "right-kidney"]]`. Training and prediction that mirror
    /// the width exchange them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub mirror_pairs: Vec<[String; 2]>,
    /// Structures may share voxels (several masks per case, DICOM SEG, run-length tables): at most 12 of them.
    pub overlap: bool,
    /// Find structures by the names that the files give them (DICOM SEG, .seg.nrrd), not by value.
    pub by_name: bool,
    /// Coordinate system of surfaces, where their files do not say it or are wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub surface_coordinates: Option<SurfaceCoordinates>,
}

/// The world axes of a surface's points, in millimetres.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SurfaceCoordinates {
    /// Right, anterior, superior.
    Ras,
    /// Left, posterior, superior: DICOM's and ITK's.
    Lps,
}

/// Which series of a DICOM folder is the image.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct DicomChoice {
    /// SeriesInstanceUID or SeriesDescription, where a folder holds several series.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub series: Option<String>,
    /// The part of a series that holds several, as `segspec inspect` names it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stack: Option<String>,
    /// Interpolate missing slices instead of refusing the case.
    pub fill_gaps: bool,
}

/// Which cases train the network, which choose its weights, and which are scored.
///
/// Every form is deterministic: cases are sorted by name, then dealt by the seed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case", deny_unknown_fields)]
pub enum Split {
    /// Lists of case names.
    Fixed {
        /// Cases that train.
        train: Vec<String>,
        /// Cases that choose the weights.
        #[serde(default)]
        validation: Vec<String>,
        /// Cases that are scored.
        test: Vec<String>,
    },
    /// Shuffled once, then cut by fractions.
    Ratio {
        /// Fraction of the cases that is scored.
        #[schemars(range(min = 0.0, max = 1.0))]
        test: f64,
        /// Fraction of the cases that chooses the weights.
        #[serde(default)]
        #[schemars(range(min = 0.0, max = 1.0))]
        validation: f64,
        /// Seed of the shuffle.
        #[serde(default)]
        seed: u64,
        /// Regular expression whose first group is the patient: cases of one patient stay together.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        group_by: Option<String>,
    },
    /// Every n-th case (sorted by name) is scored, the rest trains.
    EveryNth {
        /// The n.
        #[schemars(range(min = 2))]
        n: usize,
        /// First scored case.
        #[serde(default)]
        offset: usize,
        /// Fraction of the rest that chooses the weights.
        #[serde(default)]
        #[schemars(range(min = 0.0, max = 1.0))]
        validation: f64,
        /// Seed of the draw of validation cases.
        #[serde(default)]
        seed: u64,
        /// Regular expression whose first group is the patient: cases of one patient stay together.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        group_by: Option<String>,
    },
    /// Cross-validation: fold K is scored by a network trained on the others.
    KFold {
        /// Number of folds.
        #[schemars(range(min = 2))]
        folds: usize,
        /// Fraction of the cases that no fold trains on or scores: an ensemble of the folds is scored on them.
        #[serde(default)]
        #[schemars(range(min = 0.0, max = 1.0))]
        held_out: f64,
        /// Fraction of the training cases that chooses the weights.
        #[serde(default)]
        #[schemars(range(min = 0.0, max = 1.0))]
        validation: f64,
        /// Seed of the shuffle.
        #[serde(default)]
        seed: u64,
        /// Regular expression whose first group is the patient: cases of one patient stay together.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        group_by: Option<String>,
    },
}

impl Default for Split {
    fn default() -> Self {
        Self::KFold { folds: 5, held_out: 0.0, validation: 0.0, seed: 12345, group_by: None }
    }
}

/// Structures that may overlap at most: label maps hold a value for each set of them.
pub const MOST_OVERLAPPING: usize = 12;

impl Dataset {
    /// Values that a structure has in the label maps of this dataset's cases: its own, or where structures may overlap, those of
    /// every set that it belongs to.
    pub fn label_values(&self, structure: &Structure) -> Vec<u16> {
        if !self.labels.overlap {
            return vec![structure.value];
        }
        let Some(bit) = self.structures.iter().position(|known| known.name == structure.name) else {
            return Vec::new();
        };
        let sets = 1_u16 << self.structures.len().min(MOST_OVERLAPPING);
        (1..sets).filter(|set| set >> bit & 1 == 1).collect()
    }

    /// What stands for a structure when its mask is painted: its value, or a bit where structures may overlap.
    pub fn painted_value(&self, index: usize) -> u16 {
        match self.labels.overlap {
            true => 1 << index.min(MOST_OVERLAPPING - 1),
            false => self.structures.get(index).map_or(0, |structure| structure.value),
        }
    }
}
