//! Voxel counts of all structures in one pass.

use ndarray::{ArrayView2, ArrayView3, Zip};
use rayon::prelude::*;

use crate::dataset::Target;
use crate::evaluate::Overlap;

/// Voxels of one structure: in the reference, in the prediction, in both.
#[derive(Clone, Copy, Default)]
pub(super) struct Sum {
    reference: u64,
    prediction: u64,
    both: u64,
}

impl Sum {
    fn add(self, other: Self) -> Self {
        Self {
            reference: self.reference + other.reference,
            prediction: self.prediction + other.prediction,
            both: self.both + other.both,
        }
    }

    /// The confusion counts; `total` is the number of voxels that are not ignored.
    pub(super) fn overlap(self, total: u64) -> Overlap {
        Overlap {
            true_positive: self.both,
            false_positive: self.prediction - self.both,
            false_negative: self.reference - self.both,
            true_negative: total + self.both - self.reference - self.prediction,
        }
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
}

/// Counts every structure at once, slices in parallel; sums of integers do not depend on the order.
pub(super) fn count_labels(members: &Members, reference: ArrayView3<u16>, prediction: ArrayView3<u16>) -> Vec<Sum> {
    let none = || vec![Sum::default(); members.structures];
    let slices: Vec<_> = reference.outer_iter().zip(prediction.outer_iter()).collect();
    let add = |sums: Vec<Sum>, others: Vec<Sum>| sums.into_iter().zip(others).map(|(a, b)| a.add(b)).collect();
    slices.into_par_iter().map(|(reference, prediction)| count_slice(members, reference, prediction)).reduce(none, add)
}

fn count_slice(members: &Members, reference: ArrayView2<u16>, prediction: ArrayView2<u16>) -> Vec<Sum> {
    let mut sums = vec![Sum::default(); members.structures];
    Zip::from(reference).and(prediction).for_each(|&reference, &prediction| {
        if reference == 0 && prediction == 0 || members.ignored == Some(reference) {
            return;
        }
        let found = members.of(prediction);
        for &index in members.of(reference) {
            sums[index].reference += 1;
            sums[index].both += u64::from(found.contains(&index));
        }
        for &index in found {
            sums[index].prediction += 1;
        }
    });
    sums
}

/// Counts one structure whose prediction is its own mask.
pub(super) fn count_mask(members: &Members, index: usize, reference: ArrayView3<u16>, mask: ArrayView3<u8>) -> Sum {
    let belongs: Vec<bool> = members.of_value.iter().map(|indices| indices.contains(&index)).collect();
    let slices: Vec<_> = reference.outer_iter().zip(mask.outer_iter()).collect();
    let count = |(reference, mask): (ArrayView2<u16>, ArrayView2<u8>)| {
        let mut sum = Sum::default();
        Zip::from(reference).and(mask).for_each(|&value, &found| {
            if members.ignored == Some(value) {
                return;
            }
            let (there, found) = (belongs.get(usize::from(value)).is_some_and(|is| *is), found != 0);
            sum.reference += u64::from(there);
            sum.prediction += u64::from(found);
            sum.both += u64::from(there && found);
        });
        sum
    };
    slices.into_par_iter().map(count).reduce(Sum::default, Sum::add)
}
