//! The masks of one structure, cut from label maps.

use std::ops::Range;

use ndarray::{ArrayView3, s};

use super::count::{Predicted, contiguous};
use crate::evaluate::shape::{Crop, PREDICTION, REFERENCE, axis_order};

/// What a structure is cut from.
pub(super) struct Source<'a> {
    pub reference: ArrayView3<'a, u16>,
    pub prediction: Predicted<'a>,
    /// Value of the reference whose voxels belong to neither mask.
    pub ignored: Option<u16>,
    /// Along the axes of the image.
    pub spacing: [f64; 3],
}

impl Source<'_> {
    /// The masks of the structure with these label values, in a box.
    pub fn crop(&self, values: &[u16], bounds: &[Range<usize>; 3]) -> Crop {
        let (z, y, x) = self.reference.dim();
        let order = axis_order([z, y, x]);
        let mut it = Crop {
            size: order.map(|axis| bounds[axis].len()),
            spacing: order.map(|axis| self.spacing[axis]),
            flat: [z, y, x].contains(&1),
            voxels: vec![0; bounds.iter().map(Range::len).product()],
        };
        let known = cut(self.reference, bounds, order);
        mark_labels(&mut it, known, values, REFERENCE);
        match self.prediction {
            Predicted::Labels(labels) => mark_labels(&mut it, cut(labels, bounds, order), values, PREDICTION),
            Predicted::Mask(_, mask) => mark(&mut it, cut(mask, bounds, order), |inside| *inside != 0, PREDICTION),
        }
        if let Some(ignored) = self.ignored {
            clear(&mut it, known, ignored);
        }
        it
    }
}

fn cut<'a, T>(whole: ArrayView3<'a, T>, [z, y, x]: &[Range<usize>; 3], order: [usize; 3]) -> ArrayView3<'a, T> {
    whole.slice_move(s![z.clone(), y.clone(), x.clone()]).permuted_axes(order)
}

fn mark_labels(crop: &mut Crop, labels: ArrayView3<u16>, values: &[u16], bit: u8) {
    match values {
        [one] => mark(crop, labels, |value| value == one, bit),
        _ => mark(crop, labels, |value| values.contains(value), bit),
    }
}

/// Sets a bit of the voxels inside.
fn mark<T: Copy>(crop: &mut Crop, voxels: ArrayView3<T>, inside: impl Fn(&T) -> bool, bit: u8) {
    for (row, out) in voxels.rows().into_iter().zip(crop.voxels.chunks_exact_mut(crop.size[2])) {
        out.iter_mut().zip(&*contiguous(row)).for_each(|(out, voxel)| *out |= if inside(voxel) { bit } else { 0 });
    }
}

fn clear(crop: &mut Crop, reference: ArrayView3<u16>, ignored: u16) {
    for (row, out) in reference.rows().into_iter().zip(crop.voxels.chunks_exact_mut(crop.size[2])) {
        out.iter_mut().zip(&*contiguous(row)).filter(|(_, value)| **value == ignored).for_each(|(out, _)| *out = 0);
    }
}
