//! Target spacing of a dataset and the resulting shapes: nnU-Net's rules.

use crate::preprocess::resample::resampled_shape;

/// Spacing and size ratio from which a dataset counts as anisotropic.
const ANISOTROPY: f64 = 3.0;

/// Target spacing `[z, y, x]` in mm: the median of each axis; for one axis that is both far coarser and far shorter than the
/// others the 10th percentile, but no finer than the others.
///
/// `spacings` and `shapes` (after cropping) of the training cases; none where there are no cases.
pub fn target_spacing(spacings: &[[f64; 3]], shapes: &[[usize; 3]]) -> Option<[f64; 3]> {
    let mut target = per_axis(spacings, 50.0)?;
    let sizes: Vec<[f64; 3]> = shapes.iter().map(|shape| shape.map(|voxels| voxels as f64)).collect();
    let size = per_axis(&sizes, 50.0)?;
    let worst = (0..3).rev().max_by(|&a, &b| target[a].total_cmp(&target[b]))?;
    let others = [(worst + 1) % 3, (worst + 2) % 3];
    let coarsest_other = target[others[0]].max(target[others[1]]);
    let shortest_other = size[others[0]].min(size[others[1]]);
    if target[worst] > ANISOTROPY * coarsest_other && size[worst] * ANISOTROPY < shortest_other {
        let tenth = per_axis(spacings, 10.0)?[worst];
        target[worst] = if tenth < coarsest_other { coarsest_other + 1e-5 } else { tenth };
    }
    Some(target)
}

/// Median shape of the training cases after resampling to `target`; none where there are no cases.
pub fn median_shape(spacings: &[[f64; 3]], shapes: &[[usize; 3]], target: [f64; 3]) -> Option<[f64; 3]> {
    let resampled = spacings.iter().zip(shapes);
    let resampled = resampled.map(|(&spacing, &shape)| resampled_shape(shape, spacing, target).map(|n| n as f64));
    per_axis(&resampled.collect::<Vec<_>>(), 50.0)
}

/// A percentile (linear between ranks) of each axis.
fn per_axis(values: &[[f64; 3]], percent: f64) -> Option<[f64; 3]> {
    let last = values.len().checked_sub(1)?;
    let rank = percent / 100.0 * last as f64;
    let (low, high) = (rank.floor() as usize, rank.ceil() as usize);
    Some([0, 1, 2].map(|axis| {
        let mut sorted: Vec<f64> = values.iter().map(|value| value[axis]).collect();
        sorted.sort_by(f64::total_cmp);
        sorted[low] + (sorted[high] - sorted[low]) * rank.fract()
    }))
}
