//! Intensity steps, applied on the original grid before resampling (as nnU-Net).

use ndarray::{Array3, Array4, ArrayView3, ArrayViewMut3, Axis, Zip};

use super::crop::nonzero_region;
use super::metal;
use super::percentile::percentiles;
use super::spec::{ForegroundStatistics, IntensityStep, Region};
use crate::auto::Auto;

/// Lower bound of standard deviations (nnU-Net's epsilon): a constant image becomes 0, not NaN.
const SD_FLOOR: f64 = 1e-8;

/// Why a step cannot be applied; planning should have detected it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IntensityError {
    /// `channels` lists a channel that the image does not have.
    #[error(
        "preprocess.intensity: a step lists channel {channel} (counted from 0), but the number of channels is {available}"
    )]
    Channel {
        /// The index in the spec.
        channel: usize,
        /// Number of channels of the image.
        available: usize,
    },
    /// `statistics` is still `"auto"`.
    #[error("preprocess.intensity: the statistics of step `ct` are not resolved")]
    Unresolved,
}

/// Applies steps in order and in place to an image `[channel, z, y, x]` with spacing `[z, y, x]` in mm.
///
/// # Errors
/// [`IntensityError`] if a step does not match the image.
pub fn apply(steps: &[IntensityStep], image: &mut Array4<f32>, spacing_mm: [f64; 3]) -> Result<(), IntensityError> {
    // Computed before any step, because steps shift zero to other values.
    let region = steps.iter().any(needs_region).then(|| nonzero_region(image.view()));
    for step in steps {
        for channel in channels(step, image.len_of(Axis(0)))? {
            apply_step(step, image.index_axis_mut(Axis(0), channel), region.as_ref(), spacing_mm)?;
        }
    }
    Ok(())
}

fn needs_region(step: &IntensityStep) -> bool {
    matches!(step, IntensityStep::ZScore { region: Region::Nonzero, .. })
}

/// The channels of a step: those listed, or all.
fn channels(step: &IntensityStep, available: usize) -> Result<Vec<usize>, IntensityError> {
    let (IntensityStep::Window { channels, .. }
    | IntensityStep::PercentileClip { channels, .. }
    | IntensityStep::ZScore { channels, .. }
    | IntensityStep::MinMax { channels }
    | IntensityStep::ClampMetal { channels, .. }
    | IntensityStep::Ct { channels, .. }) = step;
    if let Some(&channel) = channels.iter().find(|&&channel| channel >= available) {
        return Err(IntensityError::Channel { channel, available });
    }
    Ok(if channels.is_empty() { (0..available).collect() } else { channels.clone() })
}

fn apply_step(
    step: &IntensityStep,
    channel: ArrayViewMut3<'_, f32>,
    region: Option<&Array3<u8>>,
    spacing_mm: [f64; 3],
) -> Result<(), IntensityError> {
    match step {
        IntensityStep::Window { range_hu: [low, high], .. } => window(channel, *low, *high),
        IntensityStep::PercentileClip { range, .. } => percentile_clip(channel, *range),
        IntensityStep::ZScore { region: wanted, .. } => {
            z_score(channel, region.filter(|_| *wanted == Region::Nonzero));
        }
        IntensityStep::MinMax { .. } => min_max(channel),
        IntensityStep::ClampMetal { above_hu, margin_mm, to_hu, .. } => {
            metal::clamp(channel, *above_hu, *margin_mm, *to_hu, spacing_mm);
        }
        IntensityStep::Ct { statistics: Auto::Fixed(statistics), .. } => ct(channel, statistics),
        IntensityStep::Ct { statistics: Auto::Auto, .. } => return Err(IntensityError::Unresolved),
    }
    Ok(())
}

/// Clips to `low…high` and maps this range to 0…1.
fn window(channel: ArrayViewMut3<'_, f32>, low: f64, high: f64) {
    let scale = 1.0 / (high - low).max(SD_FLOOR);
    map(channel, |value| (value.clamp(low, high.max(low)) - low) * scale);
}

fn percentile_clip(channel: ArrayViewMut3<'_, f32>, range: [f64; 2]) {
    let [low, high] = percentiles(&mut channel.iter().copied().collect::<Vec<_>>(), range);
    map(channel, |value| value.clamp(low, high.max(low)));
}

/// Normalises to mean 0 and standard deviation 1 inside the region; 0 outside.
fn z_score(mut channel: ArrayViewMut3<'_, f32>, region: Option<&Array3<u8>>) {
    let (mean, sd) = mean_and_sd(channel.view(), region);
    let scale = 1.0 / sd.max(SD_FLOOR);
    map(channel.view_mut(), |value| (value - mean) * scale);
    if let Some(region) = region {
        Zip::from(channel).and(region).par_for_each(|value, &inside| {
            if inside == 0 {
                *value = 0.0;
            }
        });
    }
}

/// Maps the minimum to 0 and the maximum to 1; a constant image becomes 0.
fn min_max(channel: ArrayViewMut3<'_, f32>) {
    let limits = channel.iter().fold((f32::INFINITY, f32::NEG_INFINITY), |(low, high), &v| (low.min(v), high.max(v)));
    window(channel, f64::from(limits.0), f64::from(limits.1));
}

/// nnU-Net's CT normalisation.
fn ct(channel: ArrayViewMut3<'_, f32>, statistics: &ForegroundStatistics) {
    let ForegroundStatistics { mean, sd, p00_5, p99_5 } = *statistics;
    let scale = 1.0 / sd.max(SD_FLOOR);
    map(channel, |value| (value.clamp(p00_5, p99_5.max(p00_5)) - mean) * scale);
}

/// Mean and population standard deviation in double precision, summed in array order, so independent of the number of threads.
fn mean_and_sd(channel: ArrayView3<'_, f32>, region: Option<&Array3<u8>>) -> (f64, f64) {
    let (count, mean) = average(channel, region, |value| value);
    let (_, variance) = average(channel, region, |value| (value - mean) * (value - mean));
    if count == 0 { (0.0, 1.0) } else { (mean, variance.sqrt()) }
}

fn average(channel: ArrayView3<'_, f32>, region: Option<&Array3<u8>>, of: impl Fn(f64) -> f64) -> (usize, f64) {
    let (mut count, mut sum) = (0usize, 0.0);
    let mut add = |value: f32| {
        count += 1;
        sum += of(f64::from(value));
    };
    match region {
        None => channel.iter().for_each(|&value| add(value)),
        Some(region) => Zip::from(channel).and(region).for_each(|&value, &inside| {
            if inside != 0 {
                add(value);
            }
        }),
    }
    (count, sum / count as f64)
}

fn map(mut channel: ArrayViewMut3<'_, f32>, change: impl Fn(f64) -> f64 + Sync + Send) {
    channel.par_mapv_inplace(|value| change(f64::from(value)) as f32);
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Deserialize)]
    struct Reference {
        shape: [usize; 4],
        image: Vec<f32>,
        steps: Vec<IntensityStep>,
        result: Vec<f32>,
    }

    #[test]
    fn steps_equal_those_of_nnunet_and_numpy() {
        let references: Vec<Reference> =
            serde_json::from_str(include_str!("../../../../tests/reference/intensity.json")).unwrap();
        assert!(references.len() >= 6);
        for reference in references {
            let mut image = Array4::from_shape_vec(reference.shape, reference.image).unwrap();
            apply(&reference.steps, &mut image, [1.0; 3]).unwrap();
            for (found, expected) in image.iter().zip(&reference.result) {
                assert!((found - expected).abs() < 1e-4, "{:?}: {found} {expected}", reference.steps);
            }
        }
    }

    #[test]
    fn a_constant_image_becomes_zero() {
        for step in [
            IntensityStep::ZScore { region: Region::Image, channels: vec![] },
            IntensityStep::MinMax { channels: vec![] },
        ] {
            let mut image = Array4::from_elem([1, 2, 2, 2], 7.0);
            apply(&[step], &mut image, [1.0; 3]).unwrap();
            assert!(image.iter().all(|&value| value == 0.0));
        }
    }

    #[test]
    fn only_listed_channels_change_and_missing_ones_are_told() {
        let mut image = Array4::from_shape_fn([2, 2, 2, 2], |(c, z, y, x)| (c * 8 + z * 4 + y * 2 + x) as f32);
        let before = image.clone();
        apply(&[IntensityStep::MinMax { channels: vec![1] }], &mut image, [1.0; 3]).unwrap();
        assert_eq!(image.index_axis(Axis(0), 0), before.index_axis(Axis(0), 0));
        assert_eq!(image[[1, 1, 1, 1]], 1.0);
        let missing = apply(&[IntensityStep::MinMax { channels: vec![2] }], &mut image, [1.0; 3]);
        assert_eq!(missing, Err(IntensityError::Channel { channel: 2, available: 2 }));
        let auto = apply(&[IntensityStep::Ct { statistics: Auto::Auto, channels: vec![] }], &mut image, [1.0; 3]);
        assert_eq!(auto, Err(IntensityError::Unresolved));
    }
}
