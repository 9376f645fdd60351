//! Sliding windows, as in nnU-Net: their positions in a volume larger than the patch, and the padding of smaller volumes.

use ndarray::{Array4, ArrayView4, ArrayViewMut4, Axis, Slice};

/// First voxels `[z, y, x]` of the windows over a volume, in array order. The volume is at least as large as the patch
/// (see [`Padding`]).
pub fn window_starts(shape: [usize; 3], patch: [usize; 3], overlap: f64) -> Vec<[usize; 3]> {
    let [depths, heights, widths] = [0, 1, 2].map(|axis| starts_along(shape[axis], patch[axis], overlap));
    let mut starts = Vec::with_capacity(depths.len() * heights.len() * widths.len());
    for &z in &depths {
        for &y in &heights {
            starts.extend(widths.iter().map(|&x| [z, y, x]));
        }
    }
    starts
}

/// The fewest windows that keep the overlap, evenly spaced from border to border. A step is at least one voxel.
fn starts_along(length: usize, patch: usize, overlap: f64) -> Vec<usize> {
    let last = length.saturating_sub(patch);
    let step = (patch as f64 * (1.0 - overlap)).max(1.0);
    let count = (last as f64 / step).ceil() as usize;
    let spread = |index: usize| (last as f64 / count.max(1) as f64 * index as f64).round_ties_even() as usize;
    (0..=count).map(spread).collect()
}

/// Zero padding of a volume smaller than the patch; an odd voxel goes to the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Padding {
    /// Voxels added before the first.
    pub before: [usize; 3],
    /// Shape of the volume itself.
    pub inner: [usize; 3],
    /// Shape with padding.
    pub padded: [usize; 3],
}

impl Padding {
    /// The padding that makes a volume at least as large as the patch along every axis.
    pub fn to_patch(shape: [usize; 3], patch: [usize; 3]) -> Self {
        let padded = [0, 1, 2].map(|axis| shape[axis].max(patch[axis]));
        Self { before: [0, 1, 2].map(|axis| (padded[axis] - shape[axis]) / 2), inner: shape, padded }
    }

    /// Converts an index in the padded volume to one in the volume itself, negative in the padding before it.
    pub fn to_inner(&self, start: [usize; 3]) -> [isize; 3] {
        [0, 1, 2].map(|axis| start[axis] as isize - self.before[axis] as isize)
    }

    /// The volume `[channel, z, y, x]`, padded with zeros.
    pub fn pad(&self, image: ArrayView4<'_, f32>) -> Array4<f32> {
        let [depth, height, width] = self.padded;
        let mut padded = Array4::zeros([image.len_of(Axis(0)), depth, height, width]);
        self.inner_mut(&mut padded).assign(&image);
        padded
    }

    /// The volume itself, cropped out of the padded one.
    pub fn inner<'a, T>(&self, padded: &'a Array4<T>) -> ArrayView4<'a, T> {
        padded.slice_each_axis(|axis| self.range(axis.axis.index()))
    }

    fn inner_mut<'a>(&self, padded: &'a mut Array4<f32>) -> ArrayViewMut4<'a, f32> {
        padded.slice_each_axis_mut(|axis| self.range(axis.axis.index()))
    }

    fn range(&self, axis: usize) -> Slice {
        match axis.checked_sub(1) {
            None => Slice::from(..),
            Some(axis) => Slice::from(self.before[axis]..self.before[axis] + self.inner[axis]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde::Deserialize;

    #[derive(Deserialize)]
    struct Reference {
        windows: Vec<Windows>,
        paddings: Vec<Pads>,
    }

    #[derive(Deserialize)]
    struct Windows {
        shape: [usize; 3],
        patch: [usize; 3],
        overlap: f64,
        steps: [Vec<usize>; 3],
    }

    #[derive(Deserialize)]
    struct Pads {
        shape: [usize; 3],
        patch: [usize; 3],
        before: [usize; 3],
        padded: [usize; 3],
    }

    fn reference() -> Reference {
        serde_json::from_str(include_str!("../../../tests/reference/window.json")).unwrap()
    }

    #[test]
    fn windows_lie_where_those_of_nnunet_lie() {
        let references = reference().windows;
        assert!(references.len() >= 20);
        for Windows { shape, patch, overlap, steps } in references {
            let found = [0, 1, 2].map(|axis| starts_along(shape[axis], patch[axis], overlap));
            assert_eq!(found, steps, "{shape:?} {patch:?} {overlap}");
            assert_eq!(window_starts(shape, patch, overlap).len(), steps.iter().map(Vec::len).product::<usize>());
        }
    }

    #[test]
    fn small_volumes_are_padded_like_nnunets() {
        for Pads { shape, patch, before, padded } in reference().paddings {
            let found = Padding::to_patch(shape, patch);
            assert_eq!((found.before, found.padded), (before, padded));
            let [depth, height, width] = shape;
            let image = Array4::from_shape_fn([2, depth, height, width], |(c, z, y, x)| (c + z + y + x + 1) as f32);
            let whole = found.pad(image.view());
            assert_eq!(whole.shape()[1..], padded);
            assert_eq!(whole.sum(), image.sum());
            assert_eq!(found.inner(&whole), image);
        }
    }

    #[test]
    fn flat_patches_visit_every_slice_once() {
        assert_eq!(starts_along(5, 1, 0.5), [0, 1, 2, 3, 4]);
    }

    proptest! {
        #[test]
        fn windows_cover_the_volume(length in 1usize..300, patch in 1usize..80, overlap in 0.0..0.95) {
            let length = length.max(patch);
            let starts = starts_along(length, patch, overlap);
            prop_assert_eq!((starts[0], starts[starts.len() - 1]), (0, length - patch));
            prop_assert!(starts.windows(2).all(|pair| pair[0] < pair[1] && pair[1] <= pair[0] + patch));
        }
    }
}
