//! One prediction against its reference.

use std::ops::Index;

use ndarray::Axis;
use rayon::prelude::*;

use super::metric::{Grid, LengthUnit, METRICS, MetricId, MetricInput};
use super::shape::{Components, Shape, Steps, axis_order, measure};
use super::{Criteria, Evaluate, Overlap};
use crate::dataset::Target;
use crate::volume::{Geometry, LabelMap, Segmentation};
use count::{Members, Predicted, Sum, count};
use cropping::Source;

mod count;
mod cropping;

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
    /// Connected components; `None` where only counts were asked for.
    pub components: Option<Components>,
    /// Unit of distances; `None` if the grid has none.
    pub distance_unit: Option<LengthUnit>,
    /// In the order of the table of metrics.
    pub(super) values: [Option<f64>; METRICS.len()],
}

impl Score {
    /// Computes the score.
    pub fn new(case: &str, structure: &str, compared: &MetricInput) -> Self {
        let MetricInput { counts, voxel_ml, shape, grid, .. } = *compared;
        let volume = |voxels: u64| voxel_ml.map(|ml| ml * voxels as f64);
        let mut values = [None; METRICS.len()];
        // −0, the sum of no numbers, is written as 0.
        MetricId::all().for_each(|metric| values[metric.place()] = (metric.of)(compared).map(|value| value + 0.0));
        Self {
            case: case.to_owned(),
            structure: structure.to_owned(),
            counts,
            reference_ml: volume(counts.reference()),
            prediction_ml: volume(counts.prediction()),
            components: shape.map(|shape| shape.components),
            distance_unit: grid.map(|grid| grid.unit),
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
         resample the prediction (`segspec convert PREDICTION OUT --labels --on REFERENCE --resample`)"
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
         resample the prediction (`segspec convert PREDICTION OUT --labels --on REFERENCE --resample`), or repair its header"
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

/// Scores every structure of the target by all metrics, in the target's order. Voxel values that belong to no structure are background;
/// voxels that the reference ignores are excluded, whatever the prediction: they belong to no structure in either.
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
    settings: &Evaluate,
) -> Result<Vec<Score>, ScoreError> {
    compare(case, target, reference, prediction, Some(&settings.criteria(target)))
}

/// As [`score()`], by metrics of voxel counts only.
///
/// # Errors
/// As [`score()`].
pub fn score_overlap(
    case: &str,
    target: &Target,
    reference: &LabelMap,
    prediction: &Segmentation,
) -> Result<Vec<Score>, ScoreError> {
    compare(case, target, reference, prediction, None)
}

fn compare(
    case: &str,
    target: &Target,
    reference: &LabelMap,
    prediction: &Segmentation,
    criteria: Option<&[Criteria]>,
) -> Result<Vec<Score>, ScoreError> {
    let geometry = &reference.geometry;
    same_grid(case, reference, prediction)?;
    let members = Members::new(target);
    let voxels = reference.voxels.view();
    let predicted = predictions(case, target, prediction)?;
    let sums = sums(&members, reference, &predicted);
    let lengths = Lengths::of(geometry);
    let counted = match members.ignored {
        None => voxels.len(),
        Some(ignored) => voxels.iter().filter(|value| **value != ignored).count(),
    };
    let one = |(index, sum): (usize, &Sum)| {
        let mut input = MetricInput {
            counts: sum.overlap(counted as u64),
            voxel_ml: geometry.has_spacing.then(|| geometry.voxel_mm3() / 1000.0),
            ..MetricInput::default()
        };
        if let Some(criteria) = criteria.and_then(|criteria| criteria.get(index)) {
            input.criteria = *criteria;
            let prediction = *predicted.get(index).unwrap_or(&predicted[0]);
            let source =
                Source { reference: voxels, prediction, ignored: members.ignored, spacing: geometry.spacing_mm() };
            lengths.measure(&mut input, sum, &source, &members.values(index));
        }
        Score::new(case, &target.structures[index].name, &input)
    };
    Ok(sums.par_iter().enumerate().map(one).collect())
}

/// The prediction of all structures, or of each.
fn predictions<'a>(
    case: &str,
    target: &Target,
    prediction: &'a Segmentation,
) -> Result<Vec<Predicted<'a>>, ScoreError> {
    match prediction {
        Segmentation::Labels(map) => Ok(vec![Predicted::Labels(map.voxels.view())]),
        Segmentation::Masks { masks, .. } if masks.shape().first() == Some(&target.structures.len()) => {
            Ok(masks.axis_iter(Axis(0)).enumerate().map(|(index, mask)| Predicted::Mask(index, mask)).collect())
        }
        Segmentation::Masks { masks, .. } => {
            let found = masks.shape().first().copied().unwrap_or(0);
            Err(ScoreError::Masks { case: case.to_owned(), found, expected: target.structures.len() })
        }
    }
}

fn sums(members: &Members, reference: &LabelMap, predicted: &[Predicted]) -> Vec<Sum> {
    let all = |prediction: &Predicted| count(members, reference.voxels.view(), *prediction);
    match predicted {
        [labels @ Predicted::Labels(_)] => all(labels),
        masks => masks.iter().enumerate().map(|(index, mask)| all(mask).swap_remove(index)).collect(),
    }
}

/// How lengths are measured on a grid.
struct Lengths {
    spacing: [f64; 3],
    grid: Option<Grid>,
    steps: Option<Steps>,
}

impl Lengths {
    fn of(geometry: &Geometry) -> Self {
        let (spacing, shape) = (geometry.spacing_mm(), geometry.shape);
        let order = axis_order(shape);
        let flat = shape.contains(&1);
        // The thin axis of an image of one slice has no extent.
        let sides = order.iter().skip(usize::from(flat)).map(|axis| (shape[*axis] as f64 * spacing[*axis]).powi(2));
        let unit = if geometry.has_spacing { LengthUnit::Millimetres } else { LengthUnit::Voxels };
        let grid = (!geometry.is_sheared()).then(|| Grid { unit, diagonal: sides.sum::<f64>().sqrt() });
        Self { spacing, grid, steps: grid.map(|_| Steps::new([spacing[order[1]], spacing[order[2]]])) }
    }

    /// Adds what is measured on the masks of a structure.
    fn measure(&self, input: &mut MetricInput, sum: &Sum, source: &Source, values: &[u16]) {
        input.grid = self.grid;
        input.centre_distance = sum.centre_difference().map(|steps| {
            steps.iter().zip(self.spacing).map(|(steps, spacing)| (steps * spacing).powi(2)).sum::<f64>().sqrt()
        });
        let in_mm = self.grid.is_some_and(|grid| grid.unit == LengthUnit::Millimetres);
        let crop = sum.bounds().map(|bounds| source.crop(values, &bounds));
        let shape = crop.map(|crop| measure(&crop, &input.criteria, self.steps.as_ref(), in_mm));
        input.shape = Some(shape.unwrap_or_else(|| Shape::of_nothing(&input.criteria)));
    }
}

/// Refuses a prediction on another grid.
fn same_grid(case: &str, reference: &LabelMap, prediction: &Segmentation) -> Result<(), ScoreError> {
    let (shape, geometry) = match prediction {
        Segmentation::Labels(map) => (map.voxels.shape(), &map.geometry),
        Segmentation::Masks { masks, geometry } => (masks.shape().get(1..).unwrap_or_default(), geometry),
    };
    let grids = || format!("{}; and {geometry}", reference.geometry);
    same_size(case, reference.voxels.shape(), shape, grids)?;
    same_place(case, &reference.geometry, geometry, grids)
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
