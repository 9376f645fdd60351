//! Preprocessing options of an experiment, and their resolved form in the plan.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Orientation;
use crate::auto::Auto;

/// From files to network input: canonical orientation, crop, intensity steps, resampling, in this order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Preprocess {
    /// Region to crop to.
    pub crop: Crop,
    /// Target spacing `[z, y, x]` in mm, `"auto"` (nnU-Net's rule, based on the dataset's median) or `"keep"` (each case's own). 0
    /// keeps each case's own spacing along that axis: `[0, 1.5, 1.5]` for a 2D network.
    pub spacing_mm: Spacing,
    /// Fixed target shape `[z, y, x]`; replaces `spacing-mm`. 0 keeps each case's own size along that axis: `[0, 256, 256]` for a 2D
    /// network.
    pub shape: Option<[usize; 3]>,
    /// Interpolation of images.
    pub image_interpolation: ImageInterpolation,
    /// Interpolation of labels.
    pub label_interpolation: LabelInterpolation,
    /// Resample the slice axis by nearest neighbour if its spacing is more than this multiple of the finest spacing (nnU-Net: 3).
    #[schemars(range(min = 1.0))]
    pub anisotropy_threshold: f64,
    /// Intensity steps in order, or `"auto"`: chosen by modality.
    pub intensity: Auto<Vec<IntensityStep>>,
}

impl Default for Preprocess {
    fn default() -> Self {
        Self {
            crop: Crop::Nonzero,
            spacing_mm: Spacing::Auto,
            shape: None,
            image_interpolation: ImageInterpolation::Cubic,
            label_interpolation: LabelInterpolation::OneHotLinear,
            anisotropy_threshold: 3.0,
            intensity: Auto::Auto,
        }
    }
}

/// Region to which an image is cropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Crop {
    /// No cropping.
    None,
    /// The bounding box of the voxels that are nonzero in at least one channel (nnU-Net).
    Nonzero,
    /// The bounding box of the body: the largest component above −300 HU (CT) or above Otsu's threshold.
    Body,
}

/// Target spacing: `"auto"`, `"keep"` or `[z, y, x]` in millimetres.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Spacing {
    /// nnU-Net's rule.
    #[default]
    Auto,
    /// Each case keeps its own.
    Keep,
    /// Millimetres.
    Fixed([f64; 3]),
}

/// Interpolation of images.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ImageInterpolation {
    /// Trilinear.
    Linear,
    /// Cubic B-spline (SciPy's order 3), the standard choice.
    Cubic,
}

/// Interpolation of labels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum LabelInterpolation {
    /// The nearest voxel's label.
    Nearest,
    /// Trilinear interpolation of each label's mask; the largest wins (nnU-Net). Smoother outlines.
    OneHotLinear,
    /// The same; of labels with equal weight, that of the nearest voxel wins instead of the smallest. nnU-Net's rule to the voxel.
    OneHotNearest,
}

/// One intensity step; `channels` restricts it to some channels (default: all).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case", deny_unknown_fields)]
pub enum IntensityStep {
    /// Clip to a range of Hounsfield units and map it to 0…1.
    Window {
        /// Lower and upper bound in HU.
        range_hu: [f64; 2],
        /// Channel indices.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        channels: Vec<usize>,
    },
    /// Clip to percentiles of the image.
    PercentileClip {
        /// Lower and upper percentile, 0…100.
        range: [f64; 2],
        /// Channel indices.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        channels: Vec<usize>,
    },
    /// Subtract the mean and divide by the standard deviation of the image.
    ZScore {
        /// Voxels used for the statistics.
        #[serde(default)]
        region: Region,
        /// Channel indices.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        channels: Vec<usize>,
    },
    /// Map the minimum and maximum of the image to 0 and 1.
    MinMax {
        /// Channel indices.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        channels: Vec<usize>,
    },
    /// nnU-Net's CT normalisation: clip to the foreground percentiles 0.5…99.5 of the dataset, then z-score with its foreground mean
    /// and standard deviation.
    Ct {
        /// Foreground statistics; `"auto"`: from the fingerprint.
        #[serde(default)]
        statistics: Auto<ForegroundStatistics>,
        /// Channel indices.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        channels: Vec<usize>,
    },
    /// Set metal in CT and its blooming (bright voxels within a margin) to one value. Use before the other steps.
    ClampMetal {
        /// Voxels above this value are metal.
        #[serde(default = "metal_above")]
        above_hu: f64,
        /// Margin of blooming around metal, mm.
        #[serde(default = "metal_margin")]
        #[schemars(range(min = 0.0))]
        margin_mm: f64,
        /// Value of metal and its blooming; darker voxels near metal are unchanged.
        #[serde(default = "metal_to")]
        to_hu: f64,
        /// Channel indices.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        channels: Vec<usize>,
    },
}

fn metal_above() -> f64 {
    2500.0
}

fn metal_margin() -> f64 {
    3.0
}

fn metal_to() -> f64 {
    2000.0
}

/// Voxels used for statistics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Region {
    /// All voxels.
    #[default]
    Image,
    /// Nonzero voxels; the others are set to 0.
    Nonzero,
}

/// Intensity statistics of the labelled voxels of a dataset in one channel.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct ForegroundStatistics {
    /// Mean.
    pub mean: f64,
    /// Standard deviation.
    pub sd: f64,
    /// Percentile 0.5.
    pub p00_5: f64,
    /// Percentile 99.5.
    pub p99_5: f64,
}

/// Resolved preprocessing options in the plan; their canonical text is part of the cache key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct PreprocessPlan {
    /// Axes of the network's grid.
    #[serde(default, skip_serializing_if = "Orientation::is_canonical")]
    pub orientation: Orientation,
    /// Region to crop to.
    pub crop: Crop,
    /// Intensity of the first channel above which a voxel belongs to the body, for [`Crop::Body`]: −300 for CT; `None`: Otsu's
    /// threshold of each image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body_threshold: Option<f64>,
    /// Target spacing in mm; `None`, or 0 along an axis: each case's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spacing_mm: Option<[f64; 3]>,
    /// Fixed target shape; 0 along an axis: each case's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shape: Option<[usize; 3]>,
    /// Interpolation of images.
    pub image_interpolation: ImageInterpolation,
    /// Interpolation of labels.
    pub label_interpolation: LabelInterpolation,
    /// See [`Preprocess::anisotropy_threshold`].
    pub anisotropy_threshold: f64,
    /// Intensity steps with all values resolved (`Ct::statistics` is `Fixed`).
    pub intensity: Vec<IntensityStep>,
}

impl Serialize for Spacing {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Auto => serializer.serialize_str("auto"),
            Self::Keep => serializer.serialize_str("keep"),
            Self::Fixed(spacing) => spacing.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Spacing {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(SpacingVisitor)
    }
}

struct SpacingVisitor;

impl<'de> serde::de::Visitor<'de> for SpacingVisitor {
    type Value = Spacing;

    fn expecting(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        f.write_str("\"auto\", \"keep\" or [z, y, x] in millimetres")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Spacing, E> {
        match text {
            "auto" => Ok(Spacing::Auto),
            "keep" => Ok(Spacing::Keep),
            _ => Err(E::invalid_value(serde::de::Unexpected::Str(text), &self)),
        }
    }

    fn visit_seq<A: serde::de::SeqAccess<'de>>(self, items: A) -> Result<Spacing, A::Error> {
        <[f64; 3]>::deserialize(serde::de::value::SeqAccessDeserializer::new(items)).map(Spacing::Fixed)
    }
}

impl JsonSchema for Spacing {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Spacing".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let fixed = generator.subschema_for::<[f64; 3]>();
        schemars::json_schema!({ "anyOf": [{ "const": "auto" }, { "const": "keep" }, fixed] })
    }
}
