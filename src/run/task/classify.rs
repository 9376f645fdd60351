//! Slices of the scored cases, classified, and how well.

use std::collections::BTreeMap;

use ndarray::Array2;

use super::{context, scored, split, stop_if_cancelled};
use crate::evaluate::Context;
use crate::evaluate::slices::{SliceRow, auc, presence, table};
use crate::evaluate::table::write;
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

/// Classifies the slices of the scored cases, and of those that a threshold may be chosen on.
///
/// # Errors
/// A case cannot be read, the table not be written, or it was stopped.
pub fn predict(
    run: &Stored,
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
        let context = Context { split: split(plan, *role).into(), ..context(plan) };
        for ((output, slice), probability) in slices.indexed_iter() {
            rows.push(SliceRow {
                context: context.clone(),
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

/// Sets the truth of every slice beside its probabilities.
///
/// # Errors
/// A file cannot be read or written, or it was stopped.
pub fn evaluate(run: &Stored, cases: &Cases, setting: &Setting) -> Result<EvaluationRecord, RunError> {
    let plan = &run.plan;
    let mut rows = table::read(&run.prediction().slices().0)?;
    let mut truth: BTreeMap<String, Array2<Option<bool>>> = BTreeMap::new();
    let of = plan.predicted().count();
    for (done, (_, planned)) in plan.predicted().enumerate() {
        stop_if_cancelled(setting.cancel)?;
        setting.events.emit(Kind::Scoring { done, of });
        let Some(case) = cases.case(&planned.name).filter(|case| rows.iter().any(|row| row.case == case.name)) else {
            continue;
        };
        let image = crate::infer::trained::read_image(case)?;
        let labels = reference(case, &image.geometry)?.to_canonical();
        truth.insert(planned.name.clone(), presence(&plan.target, labels.voxels.view()));
    }
    setting.events.emit(Kind::Scoring { done: of, of });
    // Structures may have been renamed since; their order is part of the prediction's id.
    let mut written: Vec<String> = Vec::new();
    for row in &rows {
        if !written.contains(&row.structure) {
            written.push(row.structure.clone());
        }
    }
    for row in &mut rows {
        let Some(output) = written.iter().position(|name| *name == row.structure) else { continue };
        if let Some(structure) = plan.target.structures.get(output) {
            row.structure.clone_from(&structure.name);
        }
        let place = [output, row.slice as usize];
        row.present = truth.get(&row.case).and_then(|present| present.get(place).copied().flatten());
    }
    let (parquet, csv) = run.evaluation().slices();
    write(&table::to_frame(&rows)?, &parquet, &csv)?;
    Ok(scored(run, None, mean_auc(plan, &rows)))
}

/// Area under the ROC curve over the scored cases, mean over structures.
fn mean_auc(plan: &Plan, rows: &[SliceRow]) -> Option<f64> {
    let scored = split(plan, Role::Test);
    let of = |name: &str| {
        let rows = rows.iter().filter(|row| row.context.split == scored && row.structure == name);
        auc(&rows.filter_map(|row| Some((row.probability, row.present?))).collect::<Vec<_>>())
    };
    let areas: Vec<f64> = plan.target.structures.iter().filter_map(|structure| of(&structure.name)).collect();
    (!areas.is_empty()).then(|| areas.iter().sum::<f64>() / areas.len() as f64)
}
