//! Slice classification of the test cases, and its scores.

use std::collections::BTreeMap;

use ndarray::Array2;
use polars::prelude::{Column, DataFrame, PolarsResult};

use super::{Hashes, Steps, scored, split, stop_if_cancelled};
use crate::evaluate::slices::{SliceRow, auc, presence, table};
use crate::evaluate::table::{rename_structures, write};
use crate::infer::Trained;
use crate::observe::Kind;
use crate::plan::{Plan, Role};
use crate::preprocess::PreparedSet;
use crate::run::cases::Cases;
use crate::run::error::RunError;
use crate::run::setting::Setting;
use crate::run::task::segment::reference;
use crate::store::Stored;
use crate::store::manifest::EvaluationRecord;

/// Classification of slices.
pub(super) const STEPS: Steps = Steps { is_complete, predict, hashes, evaluate };

/// Classifies the slices of the test cases and of the cases used to choose thresholds.
///
/// # Errors
/// A case cannot be read, the table cannot be written, or the run was stopped.
fn predict(
    run: &Stored,
    _: &Cases,
    prepared: Option<&PreparedSet>,
    trained: &Trained,
    setting: &Setting,
) -> Result<(), RunError> {
    let plan = &run.plan;
    let prepared = prepared.map(|set| set.cases.as_slice()).unwrap_or_default();
    let wanted = plan
        .predicted()
        .filter_map(|(role, planned)| prepared.iter().find(|case| case.name == planned.name).map(|case| (role, case)));
    let wanted: Vec<_> = wanted.collect();
    let mut rows = Vec::new();
    for (done, (role, case)) in wanted.iter().enumerate() {
        stop_if_cancelled(setting.cancel)?;
        setting.events.emit(Kind::Predicting { done, of: wanted.len() });
        let slices = trained.classify_prepared(&case.load()?, setting.cancel)?;
        for ((output, slice), probability) in slices.indexed_iter() {
            rows.push(SliceRow {
                split: split(plan, *role).into(),
                case: case.name.clone(),
                structure: plan.target.structures[output].name.clone(),
                slice: slice as u32,
                probability: f64::from(*probability),
                present: None,
            });
        }
    }
    setting.events.emit(Kind::Predicting { done: wanted.len(), of: wanted.len() });
    let (parquet, csv) = run.prediction().slices();
    Ok(write(&table::to_frame(&rows)?, &parquet, &csv)?)
}

/// Hash of the table of probabilities.
///
/// # Errors
/// The file cannot be read.
fn hashes(run: &Stored, _: &Cases) -> Hashes {
    super::hashes(run, [run.prediction().slices().0].into_iter())
}

/// Whether the slices have their probabilities.
fn is_complete(run: &Stored, _: &Cases) -> bool {
    table::read(&run.prediction().slices().0).is_ok()
}

/// Adds the reference of every slice to its probabilities.
///
/// # Errors
/// A file cannot be read or written, or the run was stopped.
fn evaluate(run: &Stored, cases: &Cases, setting: &Setting) -> Result<EvaluationRecord, RunError> {
    let plan = &run.plan;
    // Structures may have been renamed since; the prediction's id fixes only their order.
    let names = run.structures();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let slices = rename_structures(&table::read(&run.prediction().slices().0)?, &names)?;
    let truth = truth(run, cases, setting)?;
    let slices = with_truth(slices, &names, &truth).map_err(|error| RunError::Internal(error.to_string()))?;
    let (parquet, csv) = run.evaluation().slices();
    write(&slices, &parquet, &csv)?;
    Ok(scored(run, None, mean_auc(plan, &slices)?))
}

/// Presence `[structure, z]` of each structure in each slice of the predicted cases.
fn truth(run: &Stored, cases: &Cases, setting: &Setting) -> Result<BTreeMap<String, Array2<Option<bool>>>, RunError> {
    let plan = &run.plan;
    let (of, mut truth) = (plan.predicted().count(), BTreeMap::new());
    for (done, (_, planned)) in plan.predicted().enumerate() {
        stop_if_cancelled(setting.cancel)?;
        setting.events.emit(Kind::Scoring { done, of });
        let Some(case) = cases.case(&planned.name) else { continue };
        let image = crate::infer::trained::read_image(case)?;
        let labels = reference(case, &image.geometry)?.to_canonical();
        truth.insert(planned.name.clone(), presence(&plan.target, labels.voxels.view()));
    }
    setting.events.emit(Kind::Scoring { done: of, of });
    Ok(truth)
}

/// The table of slices with the reference of each.
fn with_truth(
    mut slices: DataFrame,
    names: &[&str],
    truth: &BTreeMap<String, Array2<Option<bool>>>,
) -> PolarsResult<DataFrame> {
    let (cases, structures, places) =
        (slices.column("case")?.str()?, slices.column("structure")?.str()?, slices.column("slice")?.u32()?);
    let rows = cases.iter().zip(structures.iter()).zip(places.iter());
    let present = rows.map(|((case, structure), slice)| {
        let output = names.iter().position(|name| Some(*name) == structure)?;
        truth.get(case?)?.get([output, slice? as usize]).copied().flatten()
    });
    let present = Column::new("present".into(), present.collect::<Vec<Option<bool>>>());
    slices.with_column(present)?;
    Ok(slices)
}

/// Area under the ROC curve over the test cases, averaged over structures.
fn mean_auc(plan: &Plan, slices: &DataFrame) -> Result<Option<f64>, RunError> {
    let mut areas = Vec::new();
    for structure in &plan.target.structures {
        areas.extend(auc(&table::known(slices, split(plan, Role::Test), &structure.name)?));
    }
    Ok((!areas.is_empty()).then(|| areas.iter().sum::<f64>() / areas.len() as f64))
}
