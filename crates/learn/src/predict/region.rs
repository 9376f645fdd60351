//! The part of a prepared grid that the second stage of a cascade segments, as selected by the first.

use std::ops::Range;

use ndarray::{Array2, Array4, Axis, Slice, s};

use crate::preprocess::Origin;

/// A part of a prepared grid. Everything outside it is background.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Region {
    /// Slices of each structure, `[structure, z]`.
    Slices(Array2<bool>),
    /// The same box for all structures.
    Box([Range<usize>; 3]),
}

impl Region {
    /// The slices of a case's prepared grid that overlap a selected slice of the full canonical image; `chosen` is `[structure, z]`.
    pub fn of_slices(chosen: &Array2<bool>, origin: &Origin) -> Self {
        let (start, kept, prepared) = (origin.crop.start[0], origin.crop.shape()[0], origin.prepared_shape[0]);
        Self::Slices(Array2::from_shape_fn([chosen.len_of(Axis(0)), prepared], |(structure, slice)| {
            let first = slice * kept / prepared;
            let end = ((slice + 1) * kept).div_ceil(prepared).clamp(first + 1, kept);
            (first..end).any(|slice| chosen[[structure, start + slice]])
        }))
    }

    /// The part of a case's prepared grid that overlaps a box of the full canonical image.
    pub fn of_box(wanted: &[Range<usize>; 3], origin: &Origin) -> Self {
        Self::Box([0, 1, 2].map(|axis| {
            let (start, end) = (origin.crop.start[axis], origin.crop.end[axis]);
            let scale = origin.prepared_shape[axis] as f64 / (end - start).max(1) as f64;
            let place = |voxel: usize| voxel.clamp(start, end).saturating_sub(start) as f64 * scale;
            let first = place(wanted[axis].start).floor() as usize;
            first..(place(wanted[axis].end).ceil() as usize).min(origin.prepared_shape[axis])
        }))
    }

    /// Whether a window of the prepared grid overlaps the region. A window may start before the grid.
    pub fn overlaps(&self, start: [isize; 3], size: [usize; 3]) -> bool {
        let window = |axis: usize| start[axis].max(0) as usize..(start[axis] + size[axis] as isize).max(0) as usize;
        match self {
            Self::Slices(kept) => {
                let slices = window(0);
                let slices = slices.start..slices.end.min(kept.len_of(Axis(1)));
                kept.slice_axis(Axis(1), Slice::from(slices)).iter().any(|kept| *kept)
            }
            Self::Box(region) => (0..3).all(|axis| {
                let (window, region) = (window(axis), &region[axis]);
                window.start < region.end && region.start < window.end
            }),
        }
    }

    /// Sets everything outside the region to background: structure probabilities there are added to the background output, if there
    /// is one. Probabilities are `[output, z, y, x]` on the prepared grid.
    pub fn restrict(&self, probabilities: &mut Array4<f32>, sigmoid: bool) {
        let (outputs, depth, height, width) = probabilities.dim();
        let background = usize::from(!sigmoid);
        for output in background..outputs {
            for [z, y, x] in self.outside(output - background, [depth, height, width]) {
                let place = s![.., z, y, x];
                let mut part = probabilities.slice_mut(place);
                let lost = part.index_axis(Axis(0), output).to_owned();
                part.index_axis_mut(Axis(0), output).fill(0.0);
                if !sigmoid {
                    let mut background = part.index_axis_mut(Axis(0), 0);
                    background += &lost;
                }
            }
        }
    }

    /// The part of the grid outside a structure's region, as disjoint boxes.
    fn outside(&self, structure: usize, [depth, height, width]: [usize; 3]) -> Vec<[Range<usize>; 3]> {
        match self {
            Self::Slices(kept) => {
                let left_out = (0..depth).filter(|&slice| !kept.get([structure, slice]).is_none_or(|kept| *kept));
                left_out.map(|slice| [slice..slice + 1, 0..height, 0..width]).collect()
            }
            Self::Box([z, y, x]) => vec![
                [0..z.start, 0..height, 0..width],
                [z.end..depth, 0..height, 0..width],
                [z.clone(), 0..y.start, 0..width],
                [z.clone(), y.end..height, 0..width],
                [z.clone(), y.clone(), 0..x.start],
                [z.clone(), y.clone(), x.end..width],
            ],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::preprocess::Orientation;
    use crate::preprocess::crop::CropBox;
    use crate::volume::Geometry;
    use ndarray::arr2;

    /// Ten slices, of which the crop keeps six, resampled to `prepared` slices.
    fn origin(prepared: usize) -> Origin {
        Origin {
            geometry: Geometry::axis_aligned([10, 4, 4], [1.0; 3]),
            orientation: Orientation::Canonical,
            crop: CropBox { start: [2, 0, 0], end: [8, 4, 4] },
            spacing_mm: [1.0; 3],
            prepared_shape: [prepared, 4, 8],
            prepared_spacing_mm: [1.0; 3],
            coarse_axis: None,
        }
    }

    #[test]
    fn slices_and_boxes_are_mapped_to_the_prepared_grid() {
        let mut chosen = Array2::from_elem([1, 10], false);
        (chosen[[0, 1]], chosen[[0, 4]], chosen[[0, 5]]) = (true, true, true);
        let kept = |prepared| match Region::of_slices(&chosen, &origin(prepared)) {
            Region::Slices(kept) => kept.into_raw_vec_and_offset().0,
            Region::Box(_) => panic!("slices"),
        };
        assert_eq!(kept(6), [false, false, true, true, false, false]);
        assert_eq!(kept(3), [false, true, false]);
        assert_eq!(kept(12)[2..10], [false, false, true, true, true, true, false, false]);
        assert_eq!(Region::of_box(&[4..6, 1..3, 1..2], &origin(3)), Region::Box([1..2, 1..3, 2..4]));
        assert_eq!(Region::of_box(&[0..9, 0..4, 0..4], &origin(6)), Region::Box([0..6, 0..4, 0..8]));
        assert_eq!(Region::of_box(&[3..4, 0..4, 0..4], &origin(3)), Region::Box([0..1, 0..4, 0..8]));
    }

    #[test]
    fn windows_overlap_regions_they_share_a_voxel_with() {
        let slices = Region::Slices(arr2(&[[false, true, false, false]]));
        let of_box = Region::Box([1..2, 2..4, 0..1]);
        for (start, meets_slices, meets_box) in
            [([0, 0, 0], true, true), ([2, 2, 0], false, false), ([1, 0, 0], true, true), ([-1, 2, 1], false, false)]
        {
            let size = [2, 3, 2];
            assert_eq!(
                (slices.overlaps(start, size), of_box.overlaps(start, size)),
                (meets_slices, meets_box),
                "{start:?}"
            );
        }
        assert!(!slices.overlaps([-2, 0, 0], [2, 4, 4]));
    }

    #[test]
    fn everything_outside_becomes_background() {
        let softmax = Array4::from_shape_fn([3, 2, 2, 2], |(output, ..)| [0.5, 0.3, 0.2][output]);
        let mut restricted = softmax.clone();
        Region::Slices(arr2(&[[true, false], [false, false]])).restrict(&mut restricted, false);
        let column = |z: usize| [0, 1, 2].map(|output| restricted[[output, z, 1, 0]]);
        assert_eq!((column(0), column(1)), ([0.7, 0.3, 0.0], [1.0, 0.0, 0.0]));

        let mut restricted = softmax.clone();
        Region::Box([1..2, 0..1, 0..2]).restrict(&mut restricted, true);
        for ((output, z, y, x), value) in restricted.indexed_iter() {
            let inside = z == 1 && y == 0;
            assert_eq!(*value, if inside { softmax[[output, z, y, x]] } else { 0.0 });
        }
    }
}
