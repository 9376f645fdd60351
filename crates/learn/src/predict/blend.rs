//! Blending weights of sliding windows, as in nnU-Net.

use half::f16;
use ndarray::Array3;

use super::spec::Blend;

/// Standard deviation of the Gaussian weights as a fraction of the patch.
pub const SIGMA: f64 = 1.0 / 8.0;

/// Number of standard deviations at which the Gaussian is truncated (SciPy's `gaussian_filter`).
const TRUNCATE: f64 = 4.0;

/// Weight of each voxel of a window, at most 1 and never 0.
pub fn importance(patch: [usize; 3], blend: Blend) -> Array3<f32> {
    if blend == Blend::Constant {
        return Array3::ones(patch);
    }
    let [z, y, x] = patch.map(gaussian_profile);
    let mut weights = Array3::from_shape_fn(patch, |at| (z[at.0] * y[at.1] * x[at.2]) as f32);
    let positive = weights.iter().copied().filter(|&weight| weight > 0.0);
    let smallest = positive.fold(f32::INFINITY, f32::min);
    weights.mapv_inplace(|weight| if weight > 0.0 { weight } else { smallest });
    weights
}

/// The same in half precision with a peak of 10: nnU-Net's weights for sums of logits.
pub fn scaled_importance(patch: [usize; 3], blend: Blend) -> Array3<f16> {
    if blend == Blend::Constant {
        return Array3::from_elem(patch, f16::ONE);
    }
    let [z, y, x] = patch.map(gaussian_profile);
    let mut weights = Array3::from_shape_fn(patch, |at| f16::from_f64(10.0 * z[at.0] * y[at.1] * x[at.2]));
    let positive = weights.iter().copied().filter(|&weight| weight > f16::ZERO);
    let smallest = positive.fold(f16::INFINITY, |smallest, weight| if weight < smallest { weight } else { smallest });
    weights.mapv_inplace(|weight| if weight > f16::ZERO { weight } else { smallest });
    weights
}

/// A Gaussian centred on the middle voxel, with a peak of 1.
fn gaussian_profile(length: usize) -> Vec<f64> {
    let sigma = length as f64 * SIGMA;
    let radius = (TRUNCATE * sigma + 0.5) as usize;
    let weight = |index: usize| match index.abs_diff(length / 2) {
        distance if distance <= radius => (-0.5 * (distance as f64 / sigma).powi(2)).exp(),
        _ => 0.0,
    };
    (0..length).map(weight).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Deserialize)]
    struct Reference {
        gaussians: Vec<Gaussian>,
    }

    #[derive(Deserialize)]
    struct Gaussian {
        patch: [usize; 3],
        weights: Vec<f32>,
    }

    #[test]
    fn gaussian_weights_equal_those_of_nnunet() {
        let reference: Reference =
            serde_json::from_str(include_str!("../../../../tests/reference/window.json")).unwrap();
        for Gaussian { patch, weights } in reference.gaussians {
            let found = importance(patch, Blend::Gaussian);
            for (found, expected) in found.iter().zip(&weights) {
                assert!((found - expected).abs() <= 1e-6 * expected.abs() + 1e-9, "{patch:?}: {found} {expected}");
            }
            assert!(found.iter().all(|&weight| weight > 0.0 && weight <= 1.0));
        }
        assert!(importance([2, 3, 4], Blend::Constant).iter().all(|&weight| weight == 1.0));
    }
}
