//! The mask of a structure, cropped and, where it is large, sampled.

use ndarray::{Array3, ArrayView3, Axis, s};

use super::Voxels;
use crate::volume::{Geometry, Segmentation};

/// Voxels of all sampled masks of a case together.
const ALL: usize = 48_000_000;
/// Voxels of a mask, at least and at most: below, thin structures would be lost; above, they cost time and are not seen.
const EACH: (usize, usize) = (250_000, 2_000_000);

/// The grid of a segmentation.
pub(super) fn grid(segmentation: &Segmentation) -> &Geometry {
    match segmentation {
        Segmentation::Labels(labels) => &labels.geometry,
        Segmentation::Masks { geometry, .. } => geometry,
    }
}

/// A mask that is not empty, with its grid.
pub(super) struct Mask {
    pub(super) voxels: Array3<u8>,
    pub(super) geometry: Geometry,
    /// Voxels per sample along each axis.
    pub(super) stride: [usize; 3],
}

impl Mask {
    /// Whether the nearest voxel of a place in millimetres belongs to it.
    pub(super) fn holds(&self, place: [f64; 3]) -> bool {
        let Some(at) = self.geometry.to_voxel(place) else { return false };
        let index = at.map(|value| value.round());
        if index.iter().any(|value| *value < 0.0) {
            return false;
        }
        self.voxels.get(index.map(|value| value as usize)).is_some_and(|voxel| *voxel != 0)
    }
}

/// Smallest and one past the largest index of each value of a label map.
pub(super) type Boxes = Vec<Option<[[usize; 2]; 3]>>;

/// Boxes of all values in one pass; empty for masks.
pub(super) fn boxes(segmentation: &Segmentation) -> Boxes {
    let Segmentation::Labels(labels) = segmentation else { return Vec::new() };
    let mut boxes: Boxes = vec![None; usize::from(u16::MAX) + 1];
    for ((z, y), row) in labels.voxels.lanes(Axis(2)).into_iter().enumerate().map(|(line, row)| {
        let rows = labels.voxels.dim().1.max(1);
        ((line / rows, line % rows), row)
    }) {
        for (x, value) in row.iter().enumerate().filter(|(_, value)| **value != 0) {
            include(&mut boxes[usize::from(*value)], [z, y, x]);
        }
    }
    boxes
}

fn include(found: &mut Option<[[usize; 2]; 3]>, at: [usize; 3]) {
    let ranges = found.get_or_insert(at.map(|index| [index, index + 1]));
    for ([from, to], index) in ranges.iter_mut().zip(at) {
        *from = index.min(*from);
        *to = (index + 1).max(*to);
    }
}

/// Cuts a structure out; `None` without a voxel. `masks` is how many the case has in all.
pub(super) fn mask(segmentation: &Segmentation, boxes: &Boxes, voxels: &Voxels, masks: usize) -> Option<Mask> {
    let most = (ALL / masks.max(1)).clamp(EACH.0, EACH.1);
    match (segmentation, voxels) {
        (Segmentation::Labels(labels), Voxels::Values(values)) => {
            let found = values.iter().filter_map(|value| *boxes.get(usize::from(*value))?);
            let joined = found.reduce(|one, other| {
                [0, 1, 2].map(|axis| [one[axis][0].min(other[axis][0]), one[axis][1].max(other[axis][1])])
            })?;
            sample(labels.voxels.view(), joined, most, &labels.geometry, |value| values.contains(value))
        }
        (Segmentation::Masks { masks, geometry }, Voxels::Mask(index)) if *index < masks.dim().0 => {
            let view = masks.index_axis(Axis(0), *index);
            let mut found = None;
            view.indexed_iter()
                .filter(|(_, voxel)| **voxel != 0)
                .for_each(|((z, y, x), _)| include(&mut found, [z, y, x]));
            sample(view, found?, most, geometry, |voxel| *voxel != 0)
        }
        _ => None,
    }
}

/// Every voxel of a box, or every second, third, … along the axes with the smallest steps, until no more than `most` are left.
fn sample<T>(
    voxels: ArrayView3<'_, T>,
    [z, y, x]: [[usize; 2]; 3],
    most: usize,
    geometry: &Geometry,
    inside: impl Fn(&T) -> bool,
) -> Option<Mask> {
    let size = [z, y, x].map(|[from, to]| to - from);
    let mut stride = [1, 1, 1];
    let spacing = geometry.spacing_mm();
    let counts = |stride: [usize; 3]| [0, 1, 2].map(|axis| size[axis].div_ceil(stride[axis]));
    while counts(stride).iter().product::<usize>() > most {
        let step = |axis: &usize| spacing[*axis] * stride[*axis] as f64;
        let finest = (0..3).filter(|axis| counts(stride)[*axis] > 8).min_by(|a, b| step(a).total_cmp(&step(b)))?;
        stride[finest] += 1;
    }
    let cut = voxels
        .slice(s![z[0]..z[1]; stride[0] as isize, y[0]..y[1]; stride[1] as isize, x[0]..x[1]; stride[2] as isize]);
    let sampled = cut.map(|voxel| u8::from(inside(voxel)));
    let origin = geometry.to_world([z[0], y[0], x[0]].map(|index| index as f64));
    let mut affine = geometry.affine;
    for (row, origin) in affine.iter_mut().zip(origin) {
        row.iter_mut().zip([stride[2], stride[1], stride[0]]).for_each(|(value, factor)| *value *= factor as f64);
        row[3] = origin;
    }
    let (depth, height, width) = sampled.dim();
    let geometry = Geometry { shape: [depth, height, width], affine, has_spacing: geometry.has_spacing };
    sampled.iter().any(|voxel| *voxel != 0).then_some(Mask { voxels: sampled, geometry, stride })
}
