//! The first stage of a cascade: selects where in an image the second stage segments.

use std::ops::Range;

use ndarray::{Array2, Array3, Axis, CowArray, Ix4};

use super::{InferError, OpenError, Trained};
use crate::Cancel;
use crate::auto::Auto;
use crate::backend::Selected;
use crate::evaluate::slices::{table, threshold_for};
use crate::plan::{LookPlan, Role};
use crate::predict::Region;
use crate::preprocess::crop::CropBox;
use crate::preprocess::{Origin, Prepared, PreprocessPlan, with_label_channels};
use crate::store::Stored;
use crate::volume::{LabelMap, Segmentation, Volume};

/// The first stage of a cascade.
pub struct FirstStage {
    first: Box<Trained>,
    rule: Rule,
    structures: usize,
}

/// How the first stage's output is turned into a selection.
enum Rule {
    /// Slices from a probability on; one threshold per output of the classifier.
    Slices { thresholds: Vec<f64>, margin_mm: f64 },
    /// The segmentation itself, as further channels.
    Labels { values: Vec<u16> },
    /// The bounding box of the coarse segmentation, with a margin.
    Box { margin_mm: f64 },
}

/// Where in the canonical image of a case structures are segmented.
pub enum Selection {
    /// In the whole image.
    Everywhere,
    /// In slices of each structure, `[structure, z]`.
    Slices(Array2<bool>),
    /// In a box.
    Box([Range<usize>; 3]),
    /// In the whole image, with further channels: where the first stage found these label values.
    Labels(LabelMap, Vec<u16>),
}

impl Selection {
    /// The same on the prepared grid; none for everywhere.
    pub fn region(&self, origin: &Origin) -> Option<Region> {
        match self {
            Self::Everywhere | Self::Labels(..) => None,
            Self::Slices(chosen) => Some(Region::of_slices(chosen, origin)),
            Self::Box(wanted) => Some(Region::of_box(wanted, origin)),
        }
    }

    /// The network's input: the prepared image, with the channels that the first stage adds.
    pub fn channels<'a>(&self, plan: &PreprocessPlan, prepared: &'a Prepared) -> CowArray<'a, f32, Ix4> {
        match self {
            Self::Labels(labels, values) => with_label_channels(plan, prepared, labels, values).into(),
            _ => prepared.image.view().into(),
        }
    }
}

impl FirstStage {
    /// Opens the first-stage run named in a cascade's plan, in a folder beside the cascade's own; none if the plan has no first stage.
    ///
    /// # Errors
    /// The run is missing or not finished.
    pub fn open(run: &Stored, device: &Selected) -> Result<Option<Self>, OpenError> {
        let structures = run.plan.target.structures.len();
        let (first, rule) = match &run.plan.look {
            LookPlan::Everywhere => return Ok(None),
            LookPlan::Labels { first, values } => (run.beside(first)?, Rule::Labels { values: values.clone() }),
            LookPlan::Box { first, margin_mm } => (run.beside(first)?, Rule::Box { margin_mm: *margin_mm }),
            LookPlan::Slices { first, threshold, sensitivity, margin_mm } => {
                let first = run.beside(first)?;
                let thresholds = thresholds(&first, *threshold, *sensitivity)?;
                (first, Rule::Slices { thresholds, margin_mm: *margin_mm })
            }
        };
        Ok(Some(Self { first: Box::new(Trained::open(&first, device)?), rule, structures }))
    }

    /// Probabilities from which a slice is segmented, one per output of a classifier; empty for a coarse network.
    pub fn thresholds(&self) -> &[f64] {
        match &self.rule {
            Rule::Slices { thresholds, .. } => thresholds,
            Rule::Box { .. } | Rule::Labels { .. } => &[],
        }
    }

    /// Whether it is a slice classifier.
    pub fn chooses_slices(&self) -> bool {
        matches!(self.rule, Rule::Slices { .. })
    }

    /// Where an image is segmented, or with what; everywhere if a coarse network finds nothing.
    ///
    /// # Errors
    /// The image does not fit the first stage, or prediction was stopped.
    pub fn look(&self, image: &Volume, cancel: &Cancel) -> Result<Selection, InferError> {
        match &self.rule {
            Rule::Slices { thresholds, margin_mm } => {
                Ok(Selection::Slices(self.slices(image, thresholds, *margin_mm, cancel)?))
            }
            Rule::Labels { values } => match self.first.segment(image, cancel)? {
                Segmentation::Labels(labels) => Ok(Selection::Labels(labels, values.clone())),
                Segmentation::Masks { .. } => Ok(Selection::Everywhere),
            },
            Rule::Box { margin_mm } => {
                let found = self.first.segment(image, cancel)?;
                Ok(box_around(&found, *margin_mm).map_or(Selection::Everywhere, Selection::Box))
            }
        }
    }

    /// Slices `[structure, z]` of the full canonical image that are segmented.
    fn slices(
        &self,
        image: &Volume,
        thresholds: &[f64],
        margin_mm: f64,
        cancel: &Cancel,
    ) -> Result<Array2<bool>, InferError> {
        let (probabilities, spacing_mm) = self.first.classify(image, cancel)?;
        let margin = (margin_mm / spacing_mm).floor() as usize;
        let slices = probabilities.len_of(Axis(1));
        let shows = |output: usize, slice: usize| f64::from(probabilities[[output, slice]]) >= thresholds[output];
        Ok(Array2::from_shape_fn([self.structures, slices], |(structure, slice)| {
            // A classifier with target `any` has one output for all structures.
            let output = if thresholds.len() == 1 { 0 } else { structure };
            let near = slice.saturating_sub(margin)..(slice + margin + 1).min(slices);
            near.into_iter().any(|slice| shows(output, slice))
        }))
    }
}

/// Probabilities from which a slice is segmented, one per output of a classifier's run: as stated, or those that reach a sensitivity
/// on the validation cases or, without positive slices there, on the training cases.
///
/// # Errors
/// The classifier's run is not finished, or damaged.
pub fn thresholds(first: &Stored, stated: Auto<f64>, sensitivity: f64) -> Result<Vec<f64>, OpenError> {
    let plan = &first.plan;
    if let Auto::Fixed(threshold) = stated {
        return Ok(vec![threshold; plan.target.structures.len()]);
    }
    let slices = table::read(&first.evaluation().slices().0)?;
    let mut thresholds = Vec::new();
    for structure in &plan.target.structures {
        let mut threshold = None;
        for role in [Role::Validation, Role::Train] {
            let known = table::known(&slices, role.name(), &structure.name)?;
            threshold = threshold.or_else(|| threshold_for(&known, sensitivity));
        }
        // Without positive slices none can be missed, so any threshold will do.
        thresholds.push(threshold.unwrap_or(0.5));
    }
    Ok(thresholds)
}

/// The bounding box of all structures of a segmentation on the canonical image, with a margin; none without structures.
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
