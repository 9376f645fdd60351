//! The first network of a cascade at work: where in a case the second one looks.

use std::ops::Range;

use burn::tensor::Device;
use ndarray::{Array2, Array3, Axis};

use super::error::RunError;
use super::store::RunFolder;
use super::trained::{SegmentError, Trained};
use crate::Cancel;
use crate::auto::Auto;
use crate::dataset::Case;
use crate::evaluate::slices::{table, threshold_for};
use crate::plan::Plan;
use crate::predict::Region;
use crate::predict::cascade::CascadePlan;
use crate::preprocess::Origin;
use crate::preprocess::crop::CropBox;
use crate::volume::Segmentation;

/// A cascade's first network.
pub struct Finder {
    first: Box<Trained>,
    rule: Rule,
    structures: usize,
}

/// What is made of what the first network says.
enum Rule {
    /// Slices from a probability on; one for each output of the classifier.
    Slices { thresholds: Vec<f64>, margin_mm: f64 },
    /// The box around what was found.
    Box { margin_mm: f64 },
}

/// Where in the canonical image of a case structures are looked for.
pub enum Look {
    /// In all of it.
    Everywhere,
    /// In slices of each structure, `[structure, z]`.
    Slices(Array2<bool>),
    /// In a box.
    Box([Range<usize>; 3]),
}

impl Look {
    /// The same on the grid that the case is prepared to; none for everywhere.
    pub fn region(&self, origin: &Origin) -> Option<Region> {
        match self {
            Self::Everywhere => None,
            Self::Slices(chosen) => Some(Region::of_slices(chosen, origin)),
            Self::Box(wanted) => Some(Region::of_box(wanted, origin)),
        }
    }
}

impl Finder {
    /// Opens the run that a cascade names, beside the cascade's own folder; none where the plan has no cascade.
    ///
    /// # Errors
    /// The run is not there, or not finished.
    pub fn open(plan: &Plan, folder: &RunFolder, device: &Device) -> Result<Option<Self>, RunError> {
        let Some(cascade) = &plan.cascade else { return Ok(None) };
        let first = RunFolder::open(folder.sibling(cascade.first()).path()).map_err(|_| {
            let place = folder.sibling(cascade.first());
            RunError::NothingThere(format!("the cascade's first run is missing: {}", place.path().display()))
        })?;
        let rule = match cascade {
            CascadePlan::Coarse { margin_mm, .. } => Rule::Box { margin_mm: *margin_mm },
            CascadePlan::Slices { threshold, sensitivity, margin_mm, .. } => {
                Rule::Slices { thresholds: thresholds(&first, *threshold, *sensitivity)?, margin_mm: *margin_mm }
            }
        };
        let structures = plan.target.structures.len();
        Ok(Some(Self { first: Box::new(Trained::open(&first, device)?), rule, structures }))
    }

    /// Whether it is a classifier of slices.
    pub fn chooses_slices(&self) -> bool {
        matches!(self.rule, Rule::Slices { .. })
    }

    /// Where a case is segmented; everywhere where a coarse network finds nothing.
    ///
    /// # Errors
    /// The case cannot be read, or the first network was stopped.
    pub fn look(&self, case: &Case, cancelled: &Cancel) -> Result<Look, SegmentError> {
        match &self.rule {
            Rule::Slices { thresholds, margin_mm } => {
                Ok(Look::Slices(self.slices(case, thresholds, *margin_mm, cancelled)?))
            }
            Rule::Box { margin_mm } => {
                let found = self.first.segment(case, cancelled)?;
                Ok(box_around(&found, *margin_mm).map_or(Look::Everywhere, Look::Box))
            }
        }
    }

    /// Slices `[structure, z]` of the whole canonical image that are segmented.
    fn slices(
        &self,
        case: &Case,
        thresholds: &[f64],
        margin_mm: f64,
        cancelled: &Cancel,
    ) -> Result<Array2<bool>, SegmentError> {
        let (probabilities, spacing_mm) = self.first.slices(case, cancelled)?;
        let margin = (margin_mm / spacing_mm).floor() as usize;
        let slices = probabilities.len_of(Axis(1));
        let shows = |output: usize, slice: usize| f64::from(probabilities[[output, slice]]) >= thresholds[output];
        Ok(Array2::from_shape_fn([self.structures, slices], |(structure, slice)| {
            // A classifier of any structure has one output for all.
            let output = if thresholds.len() == 1 { 0 } else { structure };
            let near = slice.saturating_sub(margin)..(slice + margin + 1).min(slices);
            near.into_iter().any(|slice| shows(output, slice))
        }))
    }
}

/// Probabilities from which a slice is segmented, one for each output of a classifier's run: as stated, or those that keep a part of
/// the slices with a structure, of the cases that did not train where there are such.
///
/// # Errors
/// The classifier's run is not finished, or damaged.
pub fn thresholds(first: &RunFolder, stated: Auto<f64>, sensitivity: f64) -> Result<Vec<f64>, RunError> {
    let plan = first.read_plan().map_err(RunError::file(first.plan()))?;
    if let Auto::Fixed(threshold) = stated {
        return Ok(vec![threshold; plan.target.structures.len()]);
    }
    let slices = table::read(&first.slices().0)?;
    let mut thresholds = Vec::new();
    for structure in &plan.target.structures {
        let mut threshold = None;
        for split in [super::slices::VALIDATION, super::slices::TRAINING] {
            let known = table::known(&slices, split, &structure.name)?;
            threshold = threshold.or_else(|| threshold_for(&known, sensitivity));
        }
        // Where no slice shows the structure, none can be missed, and half is as good as any.
        thresholds.push(threshold.unwrap_or(0.5));
    }
    Ok(thresholds)
}

/// The box around every structure of a segmentation on the canonical image, enlarged; none where there is no structure.
fn box_around(found: &Segmentation, margin_mm: f64) -> Option<[Range<usize>; 3]> {
    let canonical = found.to_canonical();
    let geometry = canonical.geometry();
    let mask: Array3<u8> = match &canonical {
        Segmentation::Labels(labels) => labels.voxels.mapv(|label| u8::from(label != 0)),
        Segmentation::Masks { masks, .. } => masks.fold_axis(Axis(0), 0, |any, mask| any | mask),
    };
    let CropBox { start, end } = CropBox::bounding(mask.view())?;
    let spacing_mm = geometry.spacing_mm();
    Some([0, 1, 2].map(|axis| {
        let margin = (margin_mm / spacing_mm[axis]).ceil() as usize;
        start[axis].saturating_sub(margin)..(end[axis] + margin).min(geometry.shape[axis])
    }))
}
