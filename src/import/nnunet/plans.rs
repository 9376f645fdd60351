//! `plans.json`: how a model prepares images, and its network.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::{Map, Value};

use super::ImportError;

/// The part of `plans.json` that prediction needs.
#[derive(Debug, Deserialize)]
pub struct Plans {
    /// The dataset's name.
    pub dataset_name: String,
    /// Class that reads images: decides their orientation.
    pub image_reader_writer: String,
    /// Order of the image's array axes.
    pub transpose_forward: [usize; 3],
    /// Class that turns outputs into labels.
    #[serde(default)]
    pub label_manager: Option<String>,
    /// Intensities of labelled voxels by channel; an older name is accepted.
    #[serde(alias = "foreground_intensity_properties_by_modality")]
    pub foreground_intensity_properties_per_channel: BTreeMap<String, Intensities>,
    configurations: Map<String, Value>,
    #[serde(skip)]
    path: PathBuf,
}

/// Intensities of labelled voxels.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct Intensities {
    /// Mean.
    pub mean: f64,
    /// Standard deviation.
    pub std: f64,
    /// Percentile 0.5.
    pub percentile_00_5: f64,
    /// Percentile 99.5.
    pub percentile_99_5: f64,
}

/// One configuration, with what it inherits.
#[derive(Debug, Deserialize)]
pub struct Configuration {
    /// Class that prepares images.
    #[serde(default = "default_preprocessor")]
    pub preprocessor_name: String,
    /// Batch size of the training.
    pub batch_size: usize,
    /// Patch size, `[y, x]` in 2D.
    pub patch_size: Vec<usize>,
    /// Target spacing, mm, `[y, x]` in 2D.
    pub spacing: Vec<f64>,
    /// Class of the normalisation of each channel.
    pub normalization_schemes: Vec<String>,
    /// Whether the statistics of each channel are those of the nonzero region.
    pub use_mask_for_norm: Vec<bool>,
    /// Function that resamples images.
    #[serde(default = "default_resampling")]
    pub resampling_fn_data: String,
    /// Its arguments.
    #[serde(default)]
    pub resampling_fn_data_kwargs: Resampling,
    /// Function that resamples logits.
    #[serde(default = "default_resampling")]
    pub resampling_fn_probabilities: String,
    /// Its arguments.
    #[serde(default)]
    pub resampling_fn_probabilities_kwargs: Resampling,
    /// Configuration whose segmentation is a further input.
    #[serde(default)]
    pub previous_stage: Option<String>,
    /// The network; none in older plans, which have the keys below.
    #[serde(default)]
    pub architecture: Option<Architecture>,
    #[serde(flatten)]
    older: Map<String, Value>,
}

fn default_preprocessor() -> String {
    "DefaultPreprocessor".into()
}

fn default_resampling() -> String {
    "resample_data_or_seg_to_shape".into()
}

/// Arguments of `resample_data_or_seg_to_shape`.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Resampling {
    /// Degree of the spline.
    pub order: Option<u32>,
    /// Degree along the coarse axis.
    #[serde(default)]
    pub order_z: u32,
    /// Whether the coarse axis is resampled by itself; none: decided by the spacing.
    #[serde(default)]
    pub force_separate_z: Option<bool>,
    /// Ratio of spacings above which an axis is coarse.
    #[serde(default)]
    pub separate_z_anisotropy_threshold: Option<f64>,
}

/// The network's class and its arguments.
#[derive(Clone, Debug, Deserialize)]
pub struct Architecture {
    /// Full name of the class.
    pub network_class_name: String,
    /// Its arguments.
    pub arch_kwargs: Map<String, Value>,
}

impl Plans {
    /// Reads the file.
    ///
    /// # Errors
    /// It is missing, or lacks a key.
    pub fn read(path: &Path) -> Result<Self, ImportError> {
        let text = std::fs::read(path).map_err(|error| ImportError::io(path, &error))?;
        let mut plans: Self = serde_json::from_slice(&text)
            .map_err(|error| ImportError::of(path, format!("not the plans of a model of nnU-Net v2: {error}")))?;
        plans.path = path.into();
        let mut order = plans.transpose_forward;
        order.sort_unstable();
        if order != [0, 1, 2] {
            return Err(ImportError::of(path, "`transpose_forward` is no order of three axes"));
        }
        Ok(plans)
    }

    /// A configuration by its name, with the keys that it inherits.
    ///
    /// # Errors
    /// There is none of this name, or a key is missing.
    pub fn configuration(&self, name: &str) -> Result<Configuration, ImportError> {
        let table = self.inherited(name, &mut Vec::new())?;
        let wrong = |error| ImportError::of(&self.path, format!("configurations.{name}: {error}"));
        let mut found: Configuration = serde_json::from_value(Value::Object(table)).map_err(wrong)?;
        if found.architecture.is_none() {
            found.architecture = Some(self.older_architecture(name, &found)?);
        }
        Ok(found)
    }

    fn inherited(&self, name: &str, seen: &mut Vec<String>) -> Result<Map<String, Value>, ImportError> {
        let Some(own) = self.configurations.get(name).and_then(Value::as_object) else {
            let known: Vec<&str> = self.configurations.keys().map(String::as_str).collect();
            let reason = format!("has no configuration `{name}`, only {}", known.join(", "));
            return Err(ImportError::of(&self.path, reason));
        };
        if seen.iter().any(|known| known == name) {
            return Err(ImportError::of(&self.path, format!("configurations.{name} inherits from itself")));
        }
        seen.push(name.to_owned());
        let mut table = match own.get("inherits_from").and_then(Value::as_str) {
            Some(parent) => self.inherited(parent, seen)?,
            None => Map::new(),
        };
        table.extend(
            own.iter().filter(|(key, _)| *key != "inherits_from").map(|(key, value)| (key.clone(), value.clone())),
        );
        Ok(table)
    }

    /// The architecture of plans written before version 2.3, which name the class and single keys.
    fn older_architecture(&self, name: &str, found: &Configuration) -> Result<Architecture, ImportError> {
        let get = |key: &str| {
            let missing = || ImportError::of(&self.path, format!("configurations.{name} lacks `{key}`"));
            found.older.get(key).cloned().ok_or_else(missing)
        };
        let class = get("UNet_class_name")?;
        let stages = get("n_conv_per_stage_encoder")?.as_array().map_or(0, Vec::len);
        let [base, most] =
            ["UNet_base_num_features", "unet_max_num_features"].map(|key| get(key).map(|it| it.as_u64()));
        let (Some(base), Some(most)) = (base?, most?) else {
            return Err(ImportError::of(
                &self.path,
                format!("configurations.{name}: numbers of features are no numbers"),
            ));
        };
        let features: Vec<u64> = (0..stages).map(|stage| (base << stage.min(32)).min(most)).collect();
        let class = class.as_str().unwrap_or_default().to_owned();
        let blocks = if class == "ResidualEncoderUNet" { "n_blocks_per_stage" } else { "n_conv_per_stage" };
        let keys = serde_json::json!({
            "n_stages": stages,
            "features_per_stage": features,
            "kernel_sizes": get("conv_kernel_sizes")?,
            "strides": get("pool_op_kernel_sizes")?,
            blocks: get("n_conv_per_stage_encoder")?,
            "n_conv_per_stage_decoder": get("n_conv_per_stage_decoder")?,
        });
        let arch_kwargs = keys.as_object().cloned().unwrap_or_default();
        Ok(Architecture { network_class_name: class, arch_kwargs })
    }
}
