//! Voxel counts, boxes and centres of all structures in one pass.

use std::borrow::Cow;
use std::ops::Range;

use ndarray::{ArrayView1, ArrayView3};
use rayon::prelude::*;

use crate::dataset::Target;
use crate::evaluate::Overlap;
use crate::evaluate::shape::Bounds;

/// Voxels of one structure in one segmentation.
#[derive(Clone, Copy)]
pub(super) struct Side {
    voxels: u64,
    /// Sums of their indices along each axis.
    sums: [u64; 3],
    bounds: Bounds,
}

impl Side {
    const NOTHING: Self = Self { voxels: 0, sums: [0; 3], bounds: Bounds::NOTHING };

    fn add_run(&mut self, slice: usize, row: usize, run: &Range<usize>) {
        let voxels = run.len() as u64;
        self.voxels += voxels;
        self.sums[0] += voxels * slice as u64;
        self.sums[1] += voxels * row as u64;
        self.sums[2] += (run.start + run.end - 1) as u64 * voxels / 2;
        self.bounds.add(slice, row, run);
    }

    fn add(&mut self, other: &Self) {
        self.voxels += other.voxels;
        self.sums.iter_mut().zip(other.sums).for_each(|(sum, other)| *sum += other);
        self.bounds = self.bounds.union(other.bounds);
    }

    /// Mean index along each axis; `None` without voxels.
    fn centre(&self) -> Option<[f64; 3]> {
        (self.voxels > 0).then(|| self.sums.map(|sum| sum as f64 / self.voxels as f64))
    }
}

/// One structure in reference and prediction.
#[derive(Clone, Copy)]
pub(super) struct Sum {
    reference: Side,
    prediction: Side,
    both: u64,
}

impl Sum {
    const NOTHING: Self = Self { reference: Side::NOTHING, prediction: Side::NOTHING, both: 0 };

    fn add(mut self, other: Self) -> Self {
        self.reference.add(&other.reference);
        self.prediction.add(&other.prediction);
        self.both += other.both;
        self
    }

    /// The confusion counts; `total` is the number of voxels that are not ignored.
    pub(super) fn overlap(&self, total: u64) -> Overlap {
        let (reference, prediction) = (self.reference.voxels, self.prediction.voxels);
        Overlap {
            true_positive: self.both,
            false_positive: prediction - self.both,
            false_negative: reference - self.both,
            true_negative: total + self.both - reference - prediction,
        }
    }

    /// The box around the structure in both.
    pub(super) fn bounds(&self) -> Option<[Range<usize>; 3]> {
        self.reference.bounds.union(self.prediction.bounds).ranges()
    }

    /// Centre in the prediction minus centre in the reference, as indices; `None` if one is empty.
    pub(super) fn centre_difference(&self) -> Option<[f64; 3]> {
        let (one, other) = (self.reference.centre()?, self.prediction.centre()?);
        Some([0, 1, 2].map(|axis| other[axis] - one[axis]))
    }
}

/// Look-up from a label value to the structures that it belongs to.
pub(super) struct Members {
    /// Indices of structures, by label value; values beyond the end belong to none.
    of_value: Vec<Vec<usize>>,
    structures: usize,
    /// Value of ignored voxels in the reference.
    pub(super) ignored: Option<u16>,
}

impl Members {
    pub(super) fn new(target: &Target) -> Self {
        let mut of_value: Vec<Vec<usize>> = Vec::new();
        for (index, structure) in target.structures.iter().enumerate() {
            for value in structure.values.iter().chain([&structure.value]) {
                let value = usize::from(*value);
                of_value.resize(of_value.len().max(value + 1), Vec::new());
                if !of_value[value].contains(&index) {
                    of_value[value].push(index);
                }
            }
        }
        // Background is never a structure, whatever the target says.
        if let Some(background) = of_value.first_mut() {
            background.clear();
        }
        Self { of_value, structures: target.structures.len(), ignored: target.ignore }
    }

    fn of(&self, value: u16) -> &[usize] {
        self.of_value.get(usize::from(value)).map_or(&[], Vec::as_slice)
    }

    /// Label values of a structure.
    pub(super) fn values(&self, index: usize) -> Vec<u16> {
        let listed = self.of_value.iter().enumerate().filter(|(_, indices)| indices.contains(&index));
        listed.map(|(value, _)| value as u16).collect()
    }
}

/// A prediction that is counted: one label map, or the mask of one structure.
#[derive(Clone, Copy)]
pub(super) enum Predicted<'a> {
    Labels(ArrayView3<'a, u16>),
    Mask(usize, ArrayView3<'a, u8>),
}

/// Counts every structure at once, slices in parallel; sums of integers do not depend on the order. Of a mask, its structure alone has
/// counts.
pub(super) fn count(members: &Members, reference: ArrayView3<u16>, prediction: Predicted) -> Vec<Sum> {
    let none = || vec![Sum::NOTHING; members.structures];
    let add = |sums: Vec<Sum>, others: Vec<Sum>| sums.into_iter().zip(others).map(|(a, b)| a.add(b)).collect();
    let slices = (0..reference.dim().0).into_par_iter();
    slices.fold(none, |sums, slice| count_slice(members, reference, prediction, slice, sums)).reduce(none, add)
}

fn count_slice(
    members: &Members,
    reference: ArrayView3<u16>,
    prediction: Predicted,
    slice: usize,
    mut sums: Vec<Sum>,
) -> Vec<Sum> {
    for row in 0..reference.dim().1 {
        let known = contiguous(reference.slice_move(ndarray::s![slice, row, ..]));
        match prediction {
            Predicted::Labels(labels) => {
                let found = contiguous(labels.slice_move(ndarray::s![slice, row, ..]));
                runs(&known, &found, |value, label, run| {
                    if members.ignored != Some(value) {
                        let (known, found) = (members.of(value), members.of(label));
                        known.iter().for_each(|index| sums[*index].reference.add_run(slice, row, &run));
                        found.iter().for_each(|index| sums[*index].prediction.add_run(slice, row, &run));
                        let both = known.iter().filter(|index| found.contains(index));
                        both.for_each(|index| sums[*index].both += run.len() as u64);
                    }
                });
            }
            Predicted::Mask(index, mask) => {
                let found = contiguous(mask.slice_move(ndarray::s![slice, row, ..]));
                let sum = &mut sums[index];
                runs(&known, &found, |value, inside, run| {
                    if members.ignored != Some(value) {
                        let (there, inside) = (members.of(value).contains(&index), inside != 0);
                        if there {
                            sum.reference.add_run(slice, row, &run);
                        }
                        if inside {
                            sum.prediction.add_run(slice, row, &run);
                        }
                        sum.both += if there && inside { run.len() as u64 } else { 0 };
                    }
                });
            }
        }
    }
    sums
}

/// The voxels of a row side by side.
pub(super) fn contiguous<T: Copy>(row: ArrayView1<'_, T>) -> Cow<'_, [T]> {
    row.to_slice().map_or_else(|| Cow::Owned(row.to_vec()), Cow::Borrowed)
}

/// Calls `each` with the runs of equal pairs of values that are not both 0.
fn runs<P: Copy + Default + PartialEq>(known: &[u16], found: &[P], mut each: impl FnMut(u16, P, Range<usize>)) {
    /// Voxels that are compared at once.
    const BLOCK: usize = 16;
    let length = known.len().min(found.len());
    let (known, found) = (&known[..length], &found[..length]);
    let mut start = 0;
    while start < length {
        let (value, label) = (known[start], found[start]);
        let mut end = start + 1;
        let same = |(one, other): (&u16, &P)| *one == value && *other == label;
        while end + BLOCK <= length
            && known[end..end + BLOCK].iter().zip(&found[end..end + BLOCK]).fold(true, |all, pair| all & same(pair))
        {
            end += BLOCK;
        }
        while end < length && same((&known[end], &found[end])) {
            end += 1;
        }
        if value != 0 || label != P::default() {
            each(value, label, start..end);
        }
        start = end;
    }
}
