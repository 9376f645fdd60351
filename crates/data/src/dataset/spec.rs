//! The content of a `datasets/*.toml` file: location and layout of the images, meaning of the labels, and the split.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::phantom::PhantomRecipe;
pub use super::structure::{AnatomicCode, Structure};

/// A dataset: its location, its layout and its structures. Does not contain the images.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[schemars(title = "segspec dataset")]
pub struct Dataset {
    /// Name used in tables. Default: the file name without `.toml`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// One-line description.
    #[serde(default)]
    pub description: String,
    /// Where to obtain the data.
    #[serde(default)]
    pub source: String,
    /// Licence of the data.
    #[serde(default)]
    pub licence: String,
    /// Folder of the images: relative to `SEGSPEC_DATA` (default `data/`), or absolute.
    pub root: String,
    /// Voxel spacing `[slices, rows, columns]` in mm of images that state none, such as PNG and TIFF.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spacing_mm: Option<[f64; 3]>,
    /// How the folder is organised.
    pub layout: Layout,
    /// Recipe of a synthetic set (`segspec phantom`), generated on first use if the folder is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generate: Option<PhantomRecipe>,
    /// Modality of channels without their own; determines the automatic normalisation.
    pub modality: Modality,
    /// Channels in file order; omit for single-channel images.
    #[serde(default, rename = "channel", skip_serializing_if = "Vec::is_empty")]
    pub channels: Vec<Channel>,
    /// The labelled structures, in the order used in tables and charts.
    #[serde(rename = "structure")]
    pub structures: Vec<Structure>,
    /// Further properties of the labels.
    #[serde(default)]
    pub labels: Labels,
    /// Folder of corrected labels, a label map `CASE.nrrd` or `CASE.nii.gz` for each corrected case: they take the place of the case's own
    /// labels. Relative to `SEGSPEC_DATA`, or absolute. `segspec dataset add-corrections` writes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub corrections: Option<String>,
    /// Resample channels on other grids to the grid of the first channel instead of refusing the case.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub resample_channels: bool,
    /// Selection of the series in DICOM folders.
    #[serde(default)]
    pub dicom: DicomChoice,
    /// How cases are split into training, validation and test. An experiment may override it.
    #[serde(default)]
    pub split: Split,
    /// Cases to exclude, by name, with the reason: `case_07 = "label misses the left kidney"`.
    #[serde(default)]
    pub exclude: BTreeMap<String, String>,
}

/// How a dataset folder is organised.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case", deny_unknown_fields)]
pub enum Layout {
    /// Medical Segmentation Decathlon: `dataset.json`, `imagesTr/`, `labelsTr/`.
    Msd {},
    /// nnU-Net raw: `imagesTr/CASE_0000.nii.gz` (one file per channel), `labelsTr/CASE.nii.gz`; also with another ending.
    Nnunet {},
    /// Images and labels by name pattern; `{case}` is the placeholder for the case name, `*` for any text that is no `/`. A pattern
    /// may name a folder: a DICOM series as image; a DICOM SEG, or one PNG or TIFF per slice, as label.
    Pairs {
        /// Pattern of the image relative to root, e.g. `images/{case}.nii.gz`. For one file per channel, use `images`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        image: Option<String>,
        /// Patterns of one file per channel, in channel order.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        images: Vec<String>,
        /// Pattern of the label relative to root, e.g. `labels/{case}_seg.nii.gz`.
        label: String,
    },
    /// Images by pattern, and one mask or surface (STL, OBJ, PLY) per structure; `{structure}` is the placeholder for its name. A
    /// structure without a file is absent from its case.
    Masks {
        /// Pattern of the image relative to root, e.g. `{case}/ct.nii.gz`, or of a DICOM folder. For one file per channel, use `images`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        image: Option<String>,
        /// Patterns of one file per channel, in channel order.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        images: Vec<String>,
        /// Pattern of the masks relative to root, e.g. `{case}/segmentations/{structure}.nii.gz`.
        mask: String,
    },
    /// Cases listed one by one, here or in a file.
    List {
        /// Path of a CSV or JSON list, relative to root: see docs/datasets.md. Omit to list the cases here.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        file: Option<String>,
        /// The cases.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        cases: Vec<ListedCase>,
    },
    /// UW-Madison GI Tract: `train/caseX/caseX_dayY/scans/slice_*.png` and a table of run-length masks, `id,class,segmentation`.
    UwMadison {
        /// Path of the table relative to root.
        #[serde(default = "uw_madison_table")]
        table: String,
        /// Slice spacing in mm; the file names contain only the in-plane spacing.
        #[serde(default = "uw_madison_slice_spacing")]
        #[schemars(range(min = 0.0))]
        slice_spacing_mm: f64,
        /// Pixel spacing `[height, width]` in mm, if the file names do not state it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schemars(inner(range(min = 0.0)))]
        pixel_spacing_mm: Option<[f64; 2]>,
    },
}

/// One case of a list.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct ListedCase {
    /// Name of the case, unique in the dataset.
    pub case: String,
    /// Path of the image relative to root: one file or DICOM folder per channel, in channel order.
    pub images: Vec<String>,
    /// SeriesInstanceUID of each image, if its folder contains several DICOM series.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub series: Vec<String>,
    /// Path of the label relative to root. With `{structure}`: one mask or surface per structure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Patient: unless a split has `group-by`, cases of one patient stay together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub patient: Option<String>,
    /// Fold in which it is a test case, for `[split.fixed-folds]`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fold: Option<String>,
}

fn uw_madison_table() -> String {
    "train.csv".into()
}

fn uw_madison_slice_spacing() -> f64 {
    3.0
}

/// Imaging modality.
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
    /// Display name, e.g. `T1`.
    pub name: String,
    /// Modality, if it differs from the dataset's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub modality: Option<Modality>,
}

/// Further properties of the labels.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Labels {
    /// Further targets, each the union of several structures: `bone = ["femur", "tibia"]`.
    pub merge: BTreeMap<String, Vec<String>>,
    /// Named groups of structures (or of merged ones), which tables summarise, too: `organs = ["liver", "spleen"]`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub groups: BTreeMap<String, Vec<String>>,
    /// Label values to treat as background.
    pub background: Vec<u16>,
    /// Label value of unlabelled or uncertain voxels: excluded from losses and metrics.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 65535))]
    pub ignore: Option<u16>,
    /// Pattern of a mask of unlabelled voxels relative to root, e.g. `{case}/unlabelled.nii.gz`: its nonzero voxels get the value
    /// `ignore`, whatever the labels say. A case without such a file has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ignore_mask: Option<String>,
    /// Resample labels on another grid to the image's grid instead of refusing the case.
    pub resample_labels: bool,
    /// Left-right pairs of structures: `[["left-kidney", "right-kidney"]]`. Mirroring along the width in training and prediction
    /// swaps them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub mirror_pairs: Vec<[String; 2]>,
    /// Structures that some labels do not tell apart, such as corrected ones of a run that segments their union: a target contains all of a
    /// list or none. `segspec dataset add-corrections` writes it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub inseparable: Vec<Vec<String>>,
    /// Structures may overlap (several masks per case, DICOM SEG, run-length tables); at most 12 structures.
    pub overlap: bool,
    /// Identify structures by segment name (DICOM SEG, .seg.nrrd) instead of by value; contours (RTSTRUCT) always are. Capital letters,
    /// spaces, `-` and `_` make no difference.
    pub by_name: bool,
    /// What the values of masks mean. Without it, a mask has one value besides 0. With `nonzero`, every value but 0 is the structure: for
    /// masks per structure, and for label files of a dataset with one structure.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mask_values: Option<MaskValues>,
    /// Coordinate system of surfaces; overrides the files.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub surface_coordinates: Option<SurfaceCoordinates>,
}

/// What the values of masks mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum MaskValues {
    /// Every value but 0 is the structure: masks of 0 and 255, or of 0, 1 and 2.
    Nonzero,
}

/// World axes of surface points, in mm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SurfaceCoordinates {
    /// Right, anterior, superior.
    Ras,
    /// Left, posterior, superior, as in DICOM and ITK.
    Lps,
}

/// Selection of the image series in a DICOM folder.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct DicomChoice {
    /// SeriesInstanceUID, SeriesDescription, SeriesNumber or modality (the first of them that fits), if a folder contains several series.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub series: Option<String>,
    /// Name of a stack, as listed by `segspec inspect`, if a series contains several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stack: Option<String>,
    /// Interpolate missing slices instead of refusing the case.
    pub fill_gaps: bool,
}

/// How cases are split into training, validation (selects the checkpoint) and test.
///
/// All variants are deterministic: cases are sorted by name before any seeded shuffle.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case", deny_unknown_fields)]
pub enum Split {
    /// Explicit lists of case names.
    Fixed {
        /// Training cases.
        train: Vec<String>,
        /// Validation cases, used to select the checkpoint.
        #[serde(default)]
        validation: Vec<String>,
        /// Test cases.
        test: Vec<String>,
    },
    /// A single random split by fractions.
    Ratio {
        /// Fraction of test cases.
        #[schemars(range(min = 0.0, max = 1.0))]
        test: f64,
        /// Fraction of validation cases, used to select the checkpoint.
        #[serde(default)]
        #[schemars(range(min = 0.0, max = 1.0))]
        validation: f64,
        /// Seed of the shuffle.
        #[serde(default)]
        seed: u64,
        /// Regular expression whose first capture group is the patient: cases of one patient stay together.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        group_by: Option<String>,
    },
    /// Every n-th case (sorted by name) is a test case; the others are for training.
    EveryNth {
        /// Interval between test cases.
        #[schemars(range(min = 2))]
        n: usize,
        /// Index of the first test case.
        #[serde(default)]
        offset: usize,
        /// Fraction of the other cases used for validation (selects the checkpoint).
        #[serde(default)]
        #[schemars(range(min = 0.0, max = 1.0))]
        validation: f64,
        /// Seed for drawing the validation cases.
        #[serde(default)]
        seed: u64,
        /// Regular expression whose first capture group is the patient: cases of one patient stay together.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        group_by: Option<String>,
    },
    /// Cross-validation: each fold is the test set of a network trained on the other folds.
    KFold {
        /// Number of folds.
        #[schemars(range(min = 2))]
        folds: usize,
        /// Fraction of cases held out of all folds: the test set of the ensemble of the folds.
        #[serde(default)]
        #[schemars(range(min = 0.0, max = 1.0))]
        held_out: f64,
        /// Fraction of the training cases used for validation (selects the checkpoint).
        #[serde(default)]
        #[schemars(range(min = 0.0, max = 1.0))]
        validation: f64,
        /// Seed of the shuffle.
        #[serde(default)]
        seed: u64,
        /// Regular expression whose first capture group is the patient: cases of one patient stay together.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        group_by: Option<String>,
    },
    /// Cross-validation with given folds, such as nnU-Net's `splits_final.json`.
    FixedFolds {
        /// Test cases of each fold. Cases in no fold are not used. Omit to take the folds from `[layout.list]`.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        folds: Vec<Vec<String>>,
        /// Fraction of the training cases used for validation (selects the checkpoint).
        #[serde(default)]
        #[schemars(range(min = 0.0, max = 1.0))]
        validation: f64,
        /// Seed for drawing the validation cases.
        #[serde(default)]
        seed: u64,
    },
}

impl Default for Split {
    fn default() -> Self {
        Self::KFold { folds: 5, held_out: 0.0, validation: 0.0, seed: 12345, group_by: None }
    }
}

/// Maximum number of overlapping structures: label maps have one value for each set of them.
pub const MAX_OVERLAPPING: usize = 12;

impl Dataset {
    /// Values of a structure in the label maps of this dataset: its own, or with overlap, those of every set that contains it.
    pub fn label_values(&self, structure: &Structure) -> Vec<u16> {
        if !self.labels.overlap {
            return vec![structure.value];
        }
        let Some(bit) = self.structures.iter().position(|known| known.name == structure.name) else {
            return Vec::new();
        };
        let sets = 1_u16 << self.structures.len().min(MAX_OVERLAPPING);
        (1..sets).filter(|set| set >> bit & 1 == 1).collect()
    }

    /// Value written for a structure's mask: its label value, or a bit if structures may overlap.
    pub fn mask_value(&self, index: usize) -> u16 {
        match self.labels.overlap {
            true => 1 << index.min(MAX_OVERLAPPING - 1),
            false => self.structures.get(index).map_or(0, |structure| structure.value),
        }
    }
}
