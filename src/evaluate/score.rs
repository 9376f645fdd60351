//! One prediction against its reference: every structure counted in one pass over the voxels.

use ndarray::{ArrayView2, ArrayView3, Axis, Zip};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::Overlap;
use crate::dataset::Target;
use crate::volume::{Geometry, LabelMap, Segmentation};

/// How well one structure was found in one case. Ratios are `None` where they have no meaning (see [`Overlap`]).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Score {
    /// Name of the case.
    pub case: String,
    /// Name of the structure.
    pub structure: String,
    /// Voxels in the reference and in the prediction.
    pub true_positive: u64,
    /// Voxels in the prediction only.
    pub false_positive: u64,
    /// Voxels in the reference only.
    pub false_negative: u64,
    /// Voxels in neither.
    pub true_negative: u64,
    /// Whether the reference lacks the structure.
    pub reference_empty: bool,
    /// Whether the prediction lacks the structure.
    pub prediction_empty: bool,
    /// Dice similarity coefficient, 0–1.
    pub dice: Option<f64>,
    /// Intersection over union (Jaccard index), 0–1.
    pub iou: Option<f64>,
    /// Part of the prediction that is right, 0–1.
    pub precision: Option<f64>,
    /// Part of the reference that was found, 0–1.
    pub recall: Option<f64>,
    /// Volume in the reference, mL; `None` for images without spacing.
    pub reference_ml: Option<f64>,
    /// Volume in the prediction, mL; `None` for images without spacing.
    pub prediction_ml: Option<f64>,
    /// Prediction − reference, mL; `None` for images without spacing.
    pub volume_difference_ml: Option<f64>,
    /// (prediction − reference) / reference.
    pub relative_volume_difference: Option<f64>,
}

impl Score {
    /// The row that follows from the counts; `voxel_ml` is the volume of one voxel, `None` without spacing.
    pub fn new(case: &str, structure: &str, counts: Overlap, voxel_ml: Option<f64>) -> Self {
        let volume = |voxels: u64| voxel_ml.map(|ml| ml * voxels as f64);
        let difference = counts.prediction() as f64 - counts.reference() as f64;
        Self {
            case: case.to_owned(),
            structure: structure.to_owned(),
            true_positive: counts.true_positive,
            false_positive: counts.false_positive,
            false_negative: counts.false_negative,
            true_negative: counts.true_negative,
            reference_empty: counts.reference() == 0,
            prediction_empty: counts.prediction() == 0,
            dice: counts.dice(),
            iou: counts.iou(),
            precision: counts.precision(),
            recall: counts.recall(),
            reference_ml: volume(counts.reference()),
            prediction_ml: volume(counts.prediction()),
            volume_difference_ml: voxel_ml.map(|ml| ml * difference),
            relative_volume_difference: counts.relative_volume_difference(),
        }
    }
}

/// Why a prediction cannot be compared with its reference. Every message names the case.
#[derive(Debug, PartialEq, thiserror::Error)]
pub enum ScoreError {
    /// The arrays have different sizes.
    #[error(
        "case `{case}`: reference and prediction have different sizes [z, y, x]: {reference:?} and {prediction:?} ({grids}); \
         resample the prediction to the reference's grid"
    )]
    Shape {
        /// The case.
        case: String,
        /// Voxels of the reference.
        reference: [usize; 3],
        /// Voxels of the prediction.
        prediction: [usize; 3],
        /// Both grids, for people.
        grids: String,
    },
    /// The grids lie at different places of the world.
    #[error(
        "case `{case}`: reference and prediction lie at different places: a corner of one grid is {distance:.3} mm from \
         the other's (tolerance {tolerance:.3} mm; {grids}); \
         resample the prediction to the reference's grid, or repair its header"
    )]
    Place {
        /// The case.
        case: String,
        /// Largest distance between corresponding corners, mm.
        distance: f64,
        /// Largest distance allowed, mm.
        tolerance: f64,
        /// Both grids, for people.
        grids: String,
    },
    /// A prediction with one mask per structure has another number of masks.
    #[error("case `{case}`: the prediction has {found} masks, the target {expected} structures")]
    Masks {
        /// The case.
        case: String,
        /// Masks in the prediction.
        found: usize,
        /// Structures of the target.
        expected: usize,
    },
}

/// Scores every structure of the target, in the target's order. Voxel values that belong to no structure are background; voxels
/// that the reference ignores count nowhere, whatever the prediction says of them.
///
/// In label maps a voxel belongs to each structure that lists its value, so a prediction may use any of a merged
/// structure's values.
///
/// # Errors
/// [`ScoreError`] where reference and prediction lie on different grids or the number of masks is wrong.
pub fn score(
    case: &str,
    target: &Target,
    reference: &LabelMap,
    prediction: &Segmentation,
) -> Result<Vec<Score>, ScoreError> {
    let (shape, geometry) = match prediction {
        Segmentation::Labels(map) => (map.voxels.shape(), &map.geometry),
        Segmentation::Masks { masks, geometry } => (masks.shape().get(1..).unwrap_or_default(), geometry),
    };
    let grids = || format!("{}; and {geometry}", reference.geometry);
    same_size(case, reference.voxels.shape(), shape, grids)?;
    same_place(case, &reference.geometry, geometry, grids)?;
    let members = Members::new(target);
    let sums = match prediction {
        Segmentation::Labels(map) => count_labels(&members, reference.voxels.view(), map.voxels.view()),
        Segmentation::Masks { masks, .. } if masks.shape().first() == Some(&target.structures.len()) => masks
            .axis_iter(Axis(0))
            .enumerate()
            .map(|(index, mask)| count_mask(&members, index, reference.voxels.view(), mask))
            .collect(),
        Segmentation::Masks { masks, .. } => {
            let found = masks.shape().first().copied().unwrap_or(0);
            return Err(ScoreError::Masks { case: case.to_owned(), found, expected: target.structures.len() });
        }
    };
    let voxel_ml = reference.geometry.has_spacing.then(|| reference.geometry.voxel_mm3() / 1000.0);
    let counted = reference.voxels.iter().filter(|value| members.ignored != Some(**value)).count();
    let total = counted as u64;
    let named = target.structures.iter().zip(sums);
    Ok(named.map(|(structure, sum)| Score::new(case, &structure.name, sum.overlap(total), voxel_ml)).collect())
}

fn same_size(
    case: &str,
    reference: &[usize],
    prediction: &[usize],
    grids: impl Fn() -> String,
) -> Result<(), ScoreError> {
    if reference == prediction {
        return Ok(());
    }
    let sizes = |shape: &[usize]| std::array::from_fn(|axis| shape.get(axis).copied().unwrap_or(0));
    let (reference, prediction) = (sizes(reference), sizes(prediction));
    Err(ScoreError::Shape { case: case.to_owned(), reference, prediction, grids: grids() })
}

/// Corners may differ by rounding in the header: by a tenth of the smallest spacing, at most 0.1 mm.
fn same_place(
    case: &str,
    reference: &Geometry,
    prediction: &Geometry,
    grids: impl Fn() -> String,
) -> Result<(), ScoreError> {
    if !(reference.has_spacing && prediction.has_spacing) {
        return Ok(());
    }
    let tolerance = reference.spacing_mm().into_iter().fold(1.0, f64::min) * 0.1;
    let distance = corner_distance(reference, prediction);
    if distance <= tolerance {
        return Ok(());
    }
    Err(ScoreError::Place { case: case.to_owned(), distance, tolerance, grids: grids() })
}

/// Largest distance between corresponding corner voxels of two grids of one size, mm. NaN headers count as infinitely far.
fn corner_distance(one: &Geometry, other: &Geometry) -> f64 {
    let corner = |bits: usize, axis: usize| {
        let extent = one.shape.get(2 - axis).copied().unwrap_or(1).saturating_sub(1);
        if bits >> axis & 1 == 1 { extent as f64 } else { 0.0 }
    };
    let distance = |bits: usize| {
        let square = |(a, b): (&[f64; 4], &[f64; 4])| {
            let along = |axis: usize| (a[axis] - b[axis]) * corner(bits, axis);
            (along(0) + along(1) + along(2) + a[3] - b[3]).powi(2)
        };
        one.affine.iter().zip(&other.affine).map(square).sum::<f64>().sqrt()
    };
    (0..8).map(distance).fold(0.0, |largest, d| if d.is_nan() { f64::INFINITY } else { d.max(largest) })
}

/// Voxels of one structure: in the reference, in the prediction, in both.
#[derive(Clone, Copy, Default)]
struct Sum {
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

    fn overlap(self, total: u64) -> Overlap {
        Overlap {
            true_positive: self.both,
            false_positive: self.prediction - self.both,
            false_negative: self.reference - self.both,
            true_negative: total + self.both - self.reference - self.prediction,
        }
    }
}

/// Look-up from a label value to the structures that it belongs to.
struct Members {
    /// Indices of structures, by label value; values beyond the end belong to none.
    of_value: Vec<Vec<usize>>,
    structures: usize,
    /// Value in the reference of voxels that do not count.
    ignored: Option<u16>,
}

impl Members {
    fn new(target: &Target) -> Self {
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
        // Background is never a structure, whatever a target says.
        if let Some(background) = of_value.first_mut() {
            background.clear();
        }
        Self { of_value, structures: target.structures.len(), ignored: target.ignore }
    }

    fn of(&self, value: u16) -> &[usize] {
        self.of_value.get(usize::from(value)).map_or(&[], Vec::as_slice)
    }
}

/// Counts every structure at once; slices in parallel, sums of integers, so the order does not matter.
fn count_labels(members: &Members, reference: ArrayView3<u16>, prediction: ArrayView3<u16>) -> Vec<Sum> {
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

/// Counts one structure whose prediction is a mask of its own.
fn count_mask(members: &Members, index: usize, reference: ArrayView3<u16>, mask: ArrayView3<u8>) -> Sum {
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

#[cfg(test)]
mod tests;
