//! The end of a run whose network classifies slices: probabilities and truth of every slice.

use super::error::RunError;
use super::event::{Event, Observer};
use super::predicting::predictor;
use super::store::RunFolder;
use super::trial::Setting;
use crate::evaluate::slices::{SliceRow, auc, presence, table};
use crate::evaluate::table::write;
use crate::model::Network;
use crate::plan::Plan;
use crate::predict::PredictError;
use crate::preprocess::{PreparedSet, restore_slices};

/// Names of splits in the table of slices.
pub const SCORED: &str = "test";
/// Cases that chose the weights.
pub const VALIDATION: &str = "validation";
/// Cases that trained.
pub const TRAINING: &str = "training";

/// Classifies the slices of the scored cases, and of those that a threshold may be chosen on: the validation cases, or the training
/// cases where there are none.
///
/// # Errors
/// A case cannot be read, or the run was stopped.
pub fn predict(
    plan: &Plan,
    setting: &Setting,
    prepared: &PreparedSet,
    network: &Network,
    observer: &mut dyn Observer,
) -> Result<Vec<SliceRow>, RunError> {
    let predictor = predictor(plan, setting, network, None);
    let chosen_on = match plan.cases.validation.is_empty() {
        true => (TRAINING, &plan.cases.train),
        false => (VALIDATION, &plan.cases.validation),
    };
    let parts = [(SCORED, &plan.cases.test), chosen_on];
    let cases = parts.into_iter().flat_map(|(split, names)| {
        prepared.cases.iter().filter(move |case| names.contains(&case.name)).map(move |case| (split, case))
    });
    let cases: Vec<_> = cases.collect();
    let mut rows = Vec::new();
    for (done, (split, case)) in cases.iter().enumerate() {
        if setting.cancelled.is_stopped() {
            return Err(RunError::Interrupted);
        }
        observer.event(&Event::Predicting { done, of: cases.len() });
        let loaded = case.load()?;
        let slices = predictor.slices(loaded.image.view(), setting.cancelled).ok_or(PredictError::Cancelled)?;
        let slices = restore_slices(slices.view(), &loaded.origin);
        let reference = setting.inputs.reference(&case.name, &loaded.origin.geometry)?.to_canonical();
        let present = presence(&plan.target, reference.voxels.view());
        for ((output, slice), probability) in slices.indexed_iter() {
            rows.push(SliceRow {
                split: (*split).to_owned(),
                case: case.name.clone(),
                structure: plan.target.structures[output].name.clone(),
                slice: slice as u32,
                probability: f64::from(*probability),
                present: present[[output, slice]],
            });
        }
    }
    observer.event(&Event::Predicting { done: cases.len(), of: cases.len() });
    Ok(rows)
}

/// Writes `slices.parquet` and `slices.csv`.
///
/// # Errors
/// The disk is full or not writable.
pub fn write_rows(folder: &RunFolder, rows: &[SliceRow]) -> Result<(), RunError> {
    let (parquet, csv) = folder.slices();
    Ok(write(&table::to_frame(rows)?, &parquet, &csv)?)
}

/// Area under the ROC curve over the scored cases, mean over structures.
pub fn mean_auc(plan: &Plan, rows: &[SliceRow]) -> Option<f64> {
    let of = |name: &str| {
        let scored = rows.iter().filter(|row| row.split == SCORED && row.structure == name);
        auc(&scored.filter_map(|row| Some((row.probability, row.present?))).collect::<Vec<_>>())
    };
    let areas: Vec<f64> = plan.target.structures.iter().filter_map(|structure| of(&structure.name)).collect();
    (!areas.is_empty()).then(|| areas.iter().sum::<f64>() / areas.len() as f64)
}
