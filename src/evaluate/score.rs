//! One prediction against its reference.

use std::ops::Index;

use ndarray::Axis;

use super::Overlap;
use super::metric::{METRICS, MetricId, MetricInput};
use crate::dataset::{Target, TargetStructure};
use crate::volume::{Geometry, LabelMap, Segmentation};
use count::{Members, Sum, count_labels, count_mask};

mod count;

/// Score of one structure in one case. Indexed by a metric it gives the metric's value, `None` if undefined (see [`Overlap`]).
#[derive(Clone, Debug, PartialEq)]
pub struct Score {
    /// Name of the case.
    pub case: String,
    /// Name of the structure.
    pub structure: String,
    /// Confusion counts.
    pub counts: Overlap,
    /// Volume in the reference, mL; `None` for images without spacing.
    pub reference_ml: Option<f64>,
    /// Volume in the prediction, mL; `None` for images without spacing.
    pub prediction_ml: Option<f64>,
    /// In the order of the table of metrics.
    pub(super) values: [Option<f64>; METRICS.len()],
}

impl Score {
    /// Computes the score.
    pub fn new(case: &str, structure: &str, compared: &MetricInput) -> Self {
        let MetricInput { counts, voxel_ml } = *compared;
        let volume = |voxels: u64| voxel_ml.map(|ml| ml * voxels as f64);
        let mut values = [None; METRICS.len()];
        MetricId::all().for_each(|metric| values[metric.place()] = (metric.of)(compared));
        Self {
            case: case.to_owned(),
            structure: structure.to_owned(),
            counts,
            reference_ml: volume(counts.reference()),
            prediction_ml: volume(counts.prediction()),
            values,
        }
    }

    /// Whether the reference lacks the structure.
    pub fn reference_empty(&self) -> bool {
        self.counts.reference() == 0
    }

    /// Whether the prediction lacks the structure.
    pub fn prediction_empty(&self) -> bool {
        self.counts.prediction() == 0
    }
}

impl Index<MetricId> for Score {
    type Output = Option<f64>;

    fn index(&self, metric: MetricId) -> &Option<f64> {
        &self.values[metric.place()]
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
        /// Description of both grids.
        grids: String,
    },
    /// The grids differ in physical position.
    #[error(
        "case `{case}`: reference and prediction differ in position: corresponding grid corners are {distance:.3} mm apart \
         (tolerance {tolerance:.3} mm; {grids}); \
         resample the prediction to the reference's grid, or repair its header"
    )]
    Place {
        /// The case.
        case: String,
        /// Largest distance between corresponding corners, mm.
        distance: f64,
        /// Largest distance allowed, mm.
        tolerance: f64,
        /// Description of both grids.
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
/// that the reference ignores are excluded, whatever the prediction.
///
/// In label maps a voxel belongs to each structure that lists its value, so a prediction may use any of a merged
/// structure's values.
///
/// # Errors
/// [`ScoreError`] if reference and prediction are on different grids or the number of masks is wrong.
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
    let named = target.structures.iter().zip(sums);
    let score = |(structure, sum): (&TargetStructure, Sum)| {
        Score::new(case, &structure.name, &MetricInput { counts: sum.overlap(counted as u64), voxel_ml })
    };
    Ok(named.map(score).collect())
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

/// Corners may differ by rounding in the header: up to a tenth of the smallest spacing, at most 0.1 mm.
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

/// Largest distance between corresponding corner voxels of two grids of equal size, mm; infinite for NaN in a header.
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

#[cfg(test)]
mod tests;
