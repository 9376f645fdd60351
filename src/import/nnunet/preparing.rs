//! The preprocessing of a configuration.

use std::path::Path;

use super::ImportError;
use super::plans::{Configuration, Plans, Resampling};
use crate::auto::Auto;
use crate::preprocess::spec::{
    Crop, ForegroundStatistics, ImageInterpolation, IntensityStep, LabelInterpolation, Region,
};
use crate::preprocess::{Orientation, PreprocessPlan};

/// nnU-Net's ratio of spacings above which an axis is resampled by itself.
const ANISOTROPY: f64 = 3.0;

/// The preprocessing: orientation, crop to nonzero voxels, normalisation, resampling.
///
/// # Errors
/// A class or function has no equivalent; the message names it.
pub fn plan(
    plans: &Plans,
    configuration: &Configuration,
    channels: usize,
    path: &Path,
) -> Result<PreprocessPlan, ImportError> {
    let refuse = |key: &str, found: &str, wanted: &str| {
        Err(ImportError::of(path, format!("{key} is `{found}`; only {wanted} can be imported")))
    };
    if configuration.preprocessor_name != "DefaultPreprocessor" {
        return refuse("preprocessor_name", &configuration.preprocessor_name, "`DefaultPreprocessor`");
    }
    if let Some(other) = plans.label_manager.as_deref().filter(|name| *name != "LabelManager") {
        return refuse("label_manager", other, "`LabelManager`");
    }
    let order = plans.transpose_forward;
    let orientation = match plans.image_reader_writer.as_str() {
        "SimpleITKIO" | "NibabelIO" => Orientation::AsStored(order),
        "SimpleITKIOWithReorient" | "NibabelIOWithReorient" => Orientation::reordered(order),
        other => {
            let known = "SimpleITKIO, NibabelIO and those with `WithReorient`";
            return refuse("image_reader_writer", other, known);
        }
    };
    let spacing_mm = match configuration.spacing.as_slice() {
        [y, x] => [0.0, *y, *x],
        [z, y, x] => [*z, *y, *x],
        _ => return Err(ImportError::of(path, "`spacing` is neither [y, x] nor [z, y, x]")),
    };
    let is_positive = |mm: &f64| *mm > 0.0 && mm.is_finite();
    if !configuration.spacing.iter().all(is_positive) {
        return Err(ImportError::of(path, "`spacing` has a number that is not positive"));
    }
    let (image_interpolation, anisotropy_threshold) = resampling(configuration, path)?;
    Ok(PreprocessPlan {
        orientation,
        crop: Crop::Nonzero,
        body_threshold: None,
        spacing_mm: Some(spacing_mm),
        shape: None,
        image_interpolation,
        label_interpolation: LabelInterpolation::OneHotNearest,
        anisotropy_threshold,
        intensity: intensity(plans, configuration, channels, path)?,
    })
}

/// Interpolation of images, and the threshold of coarse axes. Logits must be resampled linearly, with the same threshold.
fn resampling(configuration: &Configuration, path: &Path) -> Result<(ImageInterpolation, f64), ImportError> {
    let functions = [
        ("resampling_fn_data", &configuration.resampling_fn_data),
        ("resampling_fn_probabilities", &configuration.resampling_fn_probabilities),
    ];
    for (key, function) in functions {
        if function != "resample_data_or_seg_to_shape" {
            let reason = format!("{key} is `{function}`; only `resample_data_or_seg_to_shape` can be imported");
            return Err(ImportError::of(path, reason));
        }
    }
    let (data, logits) = (&configuration.resampling_fn_data_kwargs, &configuration.resampling_fn_probabilities_kwargs);
    let refuse = |reason: &str| Err(ImportError::of(path, reason));
    if data.order_z != 0 || logits.order_z != 0 {
        return refuse("`order_z` is not 0: coarse axes are resampled by nearest neighbour only");
    }
    if data.force_separate_z == Some(true) || logits.force_separate_z == Some(true) {
        return refuse("force_separate_z is true, which cannot be imported: only null (by the spacing) and false");
    }
    if threshold(data) != threshold(logits) {
        return refuse("images and logits have different rules for coarse axes, which cannot be imported");
    }
    if logits.order.unwrap_or(1) != 1 {
        return refuse("resampling_fn_probabilities_kwargs.order is not 1: logits are resampled linearly only");
    }
    let interpolation = match data.order.unwrap_or(3) {
        3 => ImageInterpolation::Cubic,
        1 => ImageInterpolation::Linear,
        _ => return refuse("resampling_fn_data_kwargs.order is neither 1 nor 3"),
    };
    Ok((interpolation, threshold(data)))
}

/// Ratio of spacings above which an axis is coarse; larger than any for never.
fn threshold(keys: &Resampling) -> f64 {
    match keys.force_separate_z {
        None => keys.separate_z_anisotropy_threshold.unwrap_or(ANISOTROPY),
        Some(_) => f64::MAX,
    }
}

fn intensity(
    plans: &Plans,
    configuration: &Configuration,
    channels: usize,
    path: &Path,
) -> Result<Vec<IntensityStep>, ImportError> {
    let (schemes, masked) = (&configuration.normalization_schemes, &configuration.use_mask_for_norm);
    if schemes.len() != channels || masked.len() != channels {
        let reason = format!(
            "states {} normalisations and {} masks for {channels} channels of dataset.json",
            schemes.len(),
            masked.len()
        );
        return Err(ImportError::of(path, reason));
    }
    let mut steps = Vec::new();
    for (channel, (scheme, masked)) in schemes.iter().zip(masked).enumerate() {
        let channels = if channels == 1 { Vec::new() } else { vec![channel] };
        let step = match scheme.as_str() {
            "CTNormalization" => {
                let key = channel.to_string();
                let Some(found) = plans.foreground_intensity_properties_per_channel.get(&key) else {
                    return Err(ImportError::of(path, format!("has no foreground intensities of channel {channel}")));
                };
                let statistics = ForegroundStatistics {
                    mean: found.mean,
                    sd: found.std,
                    p00_5: found.percentile_00_5,
                    p99_5: found.percentile_99_5,
                };
                IntensityStep::Ct { statistics: Auto::Fixed(statistics), channels }
            }
            "ZScoreNormalization" => {
                IntensityStep::ZScore { region: if *masked { Region::Nonzero } else { Region::Image }, channels }
            }
            "RescaleTo01Normalization" => IntensityStep::MinMax { channels },
            "RGBTo01Normalization" => IntensityStep::Window { range_hu: [0.0, 255.0], channels },
            "NoNormalization" => continue,
            other => {
                let known = "CT, z-score, no, rescale to 0–1 and RGB to 0–1";
                let reason =
                    format!("normalises channel {channel} by `{other}`; the normalisations {known} can be imported");
                return Err(ImportError::of(path, reason));
            }
        };
        steps.push(step);
    }
    Ok(steps)
}
