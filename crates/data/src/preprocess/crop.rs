//! Cropping of images.

use ndarray::{Array3, ArrayView3, ArrayView4, Axis, Slice, Zip};
use serde::{Deserialize, Serialize};

use super::spec::Crop;
use crate::volume::components::{Neighbours, components, fill_holes};

/// A half-open box of voxels, `[z, y, x]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct CropBox {
    /// First voxel.
    pub start: [usize; 3],
    /// One past the last voxel.
    pub end: [usize; 3],
}

impl CropBox {
    /// The whole grid.
    pub fn whole(shape: [usize; 3]) -> Self {
        Self { start: [0; 3], end: shape }
    }

    /// Voxels along each axis.
    pub fn shape(&self) -> [usize; 3] {
        [0, 1, 2].map(|axis| self.end[axis] - self.start[axis])
    }

    /// The range along one axis, for slicing.
    pub fn slice(&self, axis: usize) -> Slice {
        Slice::from(self.start[axis]..self.end[axis])
    }

    /// The bounding box of the nonzero voxels; `None` if there are none.
    pub fn bounding(mask: ArrayView3<'_, u8>) -> Option<Self> {
        let mut bounds = Self { start: [usize::MAX; 3], end: [0; 3] };
        for ((z, y, x), _) in mask.indexed_iter().filter(|(_, voxel)| **voxel != 0) {
            for (axis, index) in [z, y, x].into_iter().enumerate() {
                bounds.start[axis] = bounds.start[axis].min(index);
                bounds.end[axis] = bounds.end[axis].max(index + 1);
            }
        }
        (bounds.end[0] > 0).then_some(bounds)
    }
}

/// The crop box of a canonical image `[channel, z, y, x]`; `None` if it is empty: an image of zeros, or without voxels above
/// the threshold.
///
/// `body_threshold` is the intensity of the first channel above which a voxel belongs to the body; `None`: Otsu's threshold.
pub fn crop_box(crop: Crop, body_threshold: Option<f64>, image: ArrayView4<'_, f32>) -> Option<CropBox> {
    let (_, depth, height, width) = image.dim();
    match crop {
        Crop::None => Some(CropBox::whole([depth, height, width])),
        Crop::Nonzero => CropBox::bounding(nonzero_mask(image).view()),
        Crop::Body => CropBox::bounding(body_mask(image.index_axis(Axis(0), 0), body_threshold)?.view()),
    }
}

/// Voxels that are nonzero in any channel, with holes filled: the region in which nnU-Net normalises.
pub fn nonzero_region(image: ArrayView4<'_, f32>) -> Array3<u8> {
    let mut mask = nonzero_mask(image);
    fill_holes(&mut mask);
    mask
}

fn nonzero_mask(image: ArrayView4<'_, f32>) -> Array3<u8> {
    let (_, depth, height, width) = image.dim();
    let mut mask = Array3::zeros([depth, height, width]);
    for channel in image.outer_iter() {
        Zip::from(&mut mask).and(channel).par_for_each(|voxel, &value| *voxel |= u8::from(value != 0.0));
    }
    mask
}

/// The largest face-connected component above the threshold.
fn body_mask(channel: ArrayView3<'_, f32>, threshold: Option<f64>) -> Option<Array3<u8>> {
    let threshold = threshold.or_else(|| otsu(channel))?;
    let bright = channel.mapv(|value| u8::from(f64::from(value) > threshold));
    let found = components(bright.view(), Neighbours::Six);
    let largest = found.largest()?;
    Some(found.labels.mapv(|label| u8::from(label == largest)))
}

const OTSU_BINS: usize = 256;

/// Otsu's threshold (1979) with 256 bins, as in scikit-image's `threshold_otsu`; `None` for a constant image.
pub fn otsu(channel: ArrayView3<'_, f32>) -> Option<f64> {
    let limits = channel.iter().fold((f32::INFINITY, f32::NEG_INFINITY), |(low, high), &v| (low.min(v), high.max(v)));
    let (low, high) = (f64::from(limits.0), f64::from(limits.1));
    let width = (high - low) / OTSU_BINS as f64;
    if width.is_nan() || width <= 0.0 {
        return None;
    }
    let mut counts = [0.0f64; OTSU_BINS];
    for &value in channel {
        counts[(((f64::from(value) - low) / width) as usize).min(OTSU_BINS - 1)] += 1.0;
    }
    let center = |bin: usize| low + (bin as f64 + 0.5) * width;
    Some(center(best_split(&counts)))
}

/// The bin after which splitting the histogram maximises the between-class variance.
fn best_split(counts: &[f64; OTSU_BINS]) -> usize {
    let total: f64 = counts.iter().sum();
    let moment: f64 = counts.iter().enumerate().map(|(bin, count)| bin as f64 * count).sum();
    let (mut below, mut moment_below, mut best) = (0.0, 0.0, (f64::NEG_INFINITY, 0));
    for (bin, count) in counts[..OTSU_BINS - 1].iter().enumerate() {
        below += count;
        moment_below += bin as f64 * count;
        let above = total - below;
        let distance = moment_below / below - (moment - moment_below) / above;
        let variance = below * above * distance * distance;
        if variance > best.0 {
            best = (variance, bin);
        }
    }
    best.1
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array4, s};

    fn block(background: f32, value: f32) -> Array4<f32> {
        let mut image = Array4::from_elem([1, 8, 9, 10], background);
        image.slice_mut(s![0, 2..6, 3..8, 1..9]).fill(value);
        image
    }

    #[test]
    fn nonzero_keeps_every_channel_and_fills_holes() {
        let mut image = ndarray::concatenate![Axis(0), block(0.0, 5.0), Array4::zeros([1, 8, 9, 10])];
        image[[0, 3, 5, 5]] = 0.0;
        image[[1, 7, 4, 4]] = -1.0;
        let kept = crop_box(Crop::Nonzero, None, image.view());
        assert_eq!(kept, Some(CropBox { start: [2, 3, 1], end: [8, 8, 9] }));
        let region = nonzero_region(image.view());
        assert_eq!(region[[3, 5, 5]], 1);
        assert_eq!(region.iter().map(|&v| usize::from(v)).sum::<usize>(), 4 * 5 * 8 + 1);
    }

    #[test]
    fn body_is_the_largest_bright_component() {
        let mut image = block(-1000.0, 40.0);
        image[[0, 0, 0, 0]] = 60.0;
        let expected = Some(CropBox { start: [2, 3, 1], end: [6, 8, 9] });
        assert_eq!(crop_box(Crop::Body, Some(-300.0), image.view()), expected);
        assert_eq!(crop_box(Crop::Body, None, image.view()), expected);
    }

    #[test]
    fn nothing_is_kept_of_an_empty_image() {
        let empty = Array4::zeros([1, 3, 3, 3]);
        assert_eq!(crop_box(Crop::Nonzero, None, empty.view()), None);
        assert_eq!(crop_box(Crop::Body, None, empty.view()), None);
        assert_eq!(crop_box(Crop::None, None, empty.view()), Some(CropBox::whole([3, 3, 3])));
    }

    #[test]
    fn otsu_equals_scikit_image() {
        // skimage.filters.threshold_otsu(np.arange(60, dtype=np.float32) ** 2 % 97) == 50.0625
        let image = Array3::from_shape_fn([3, 4, 5], |(z, y, x)| ((z * 20 + y * 5 + x) as f32).powi(2) % 97.0);
        assert!((otsu(image.view()).unwrap() - 50.0625).abs() < 1e-6, "{:?}", otsu(image.view()));
    }
}
