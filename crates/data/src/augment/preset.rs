//! The presets' numbers.

use super::intensity::{Blur, Brightness, Contrast, Gamma, LowResolution, Noise, Shift};
use super::spatial::{Elastic, Rotation, Zoom};
use super::spec::{Augment, Axis, Preset};

/// nnU-Net rotates a flat patch with a larger ratio of height and width only by small angles.
const LONG_PATCH: f64 = 1.5;

/// nnU-Net treats a patch whose largest side exceeds its depth by this factor as a stack of slices.
const FLAT_PATCH: f64 = 3.0;

const ALL_AXES: [Axis; 3] = [Axis::Depth, Axis::Height, Axis::Width];

/// Whether spatial transforms stay within slices: in 2D patches, and in flat 3D patches by nnU-Net's rule ("dummy 2D").
pub fn in_plane(patch: [usize; 3]) -> bool {
    let longest = patch.into_iter().max().unwrap_or(1) as f64;
    patch[0] == 1 || longest / patch[0] as f64 > FLAT_PATCH
}

/// The tables of a preset for a patch size.
pub fn tables(preset: Preset, patch: [usize; 3]) -> Augment {
    match preset {
        Preset::None => Augment::default(),
        Preset::NnuNet => nnu_net(patch),
        Preset::Monai => monai(),
    }
}

/// nnU-Net v2 (`nnUNetTrainer.get_training_transforms`, batchgeneratorsv2 0.3). Its elastic deformation is off by default.
fn nnu_net(patch: [usize; 3]) -> Augment {
    Augment {
        mirror: Some(ALL_AXES.to_vec()),
        rotation: Some(Rotation { probability: 0.2, degrees: nnu_net_degrees(patch) }),
        zoom: Some(Zoom { probability: 0.2, ..Zoom::default() }),
        noise: Some(Noise { probability: 0.1, ..Noise::default() }),
        blur: Some(Blur { probability: 0.2, ..Blur::default() }),
        brightness: Some(Brightness { probability: 0.15, ..Brightness::default() }),
        contrast: Some(Contrast { probability: 0.15, ..Contrast::default() }),
        low_resolution: Some(LowResolution { probability: 0.25, ..LowResolution::default() }),
        inverted_gamma: Some(Gamma { probability: 0.1, ..Gamma::default() }),
        gamma: Some(Gamma { probability: 0.3, ..Gamma::default() }),
        ..Augment::default()
    }
}

/// ±30° about every axis; within slices any angle, unless a 2D patch is long (±15°).
fn nnu_net_degrees(patch: [usize; 3]) -> [f64; 3] {
    let long = patch[1].max(patch[2]) as f64 / patch[1].min(patch[2]).max(1) as f64 > LONG_PATCH;
    match (patch[0] == 1, in_plane(patch)) {
        (true, _) if long => [15.0, 0.0, 0.0],
        (true, _) | (_, true) => [180.0, 0.0, 0.0],
        _ => [30.0; 3],
    }
}

/// Affine, elastic, mirroring, shift, in the manner of MONAI's 3D tutorials: ±12° about the body's axis and zoom 0.9…1.1 per
/// axis (spleen), shift ±0.1 (Swin UNETR on BTCV). MONAI deforms by smoothed noise; ours is a B-spline grid.
fn monai() -> Augment {
    Augment {
        mirror: Some(ALL_AXES.to_vec()),
        rotation: Some(Rotation { probability: 0.5, degrees: [12.0, 0.0, 0.0] }),
        zoom: Some(Zoom { probability: 0.5, factors: [0.9, 1.1], per_axis: true }),
        elastic: Some(Elastic { probability: 0.2, ..Elastic::default() }),
        shift: Some(Shift { probability: 0.5, ..Shift::default() }),
        ..Augment::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rotation_follows_nnunets_rules_for_flat_patches() {
        let cases = [
            ([64, 64, 64], [30.0; 3], false),
            ([40, 56, 40], [30.0; 3], false),
            ([32, 96, 80], [30.0; 3], false),
            ([16, 96, 80], [180.0, 0.0, 0.0], true),
            ([1, 256, 256], [180.0, 0.0, 0.0], true),
            ([1, 512, 256], [15.0, 0.0, 0.0], true),
        ];
        for (patch, degrees, flat) in cases {
            assert_eq!((nnu_net_degrees(patch), in_plane(patch)), (degrees, flat), "{patch:?}");
        }
    }
}
