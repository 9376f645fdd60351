//! What every tracker is told of a run: settings, curves, scores.

use serde_json::Value;

use crate::evaluate::frame::rows;
use crate::evaluate::metric::MetricId;
use crate::plan::{Plan, every_setting};
use crate::report::{Panel, Report};
use crate::run::{RunError, panels, report};
use crate::store::Stored;
use crate::train::{EpochRecord, Validation};

/// Settings of a run by their keys in the experiment file, and its seed and fold. Lists and absent values are texts.
pub fn settings(plan: &Plan) -> Vec<(String, Value)> {
    let mut all = vec![("seed".to_owned(), plan.seed().into())];
    if plan.about.folds > 1 {
        all.push(("fold".into(), plan.about.fold.into()));
    }
    all.extend(every_setting(plan).into_iter().map(|(key, value)| (key, simple(value))));
    all
}

/// The settings by which people compare runs: those that a sweep varies, and the usual ones.
pub fn hyperparameters(plan: &Plan) -> Vec<(String, Value)> {
    const USUAL: [&str; 4] = ["train.patch-size", "train.batch-size", "train.epochs", "train.precision"];
    let mut found: Vec<(String, Value)> = Vec::new();
    let varied = plan.about.trial.settings.iter().map(|setting| (setting.key.clone(), simple(setting.value.clone())));
    let is_usual = |key: &str| {
        matches!(key, "seed" | "fold") || USUAL.contains(&key) || key.ends_with(".learning-rate") || key == "dataset"
    };
    let usual = settings(plan).into_iter().filter(|(key, _)| is_usual(key));
    let model = plan.work.training().map(report::architecture);
    for (key, value) in varied.chain(model.map(|name| ("model".to_owned(), name.into()))).chain(usual) {
        if found.iter().all(|(known, _)| *known != key) {
            found.push((key, value));
        }
    }
    found
}

fn simple(value: Value) -> Value {
    match value {
        Value::Bool(_) | Value::Number(_) | Value::String(_) => value,
        Value::Null => "none".into(),
        Value::Array(_) | Value::Object(_) => value.to_string().into(),
    }
}

/// The curves of an epoch: `train/loss`, `validation/dice`, `validation/dice/liver` ….
pub fn of_epoch(record: &EpochRecord, structures: &[String]) -> Vec<(String, f64)> {
    let mut found = vec![
        ("train/loss".to_owned(), record.loss),
        ("train/learning-rate".to_owned(), record.learning_rate),
        ("train/epoch-seconds".to_owned(), record.seconds),
    ];
    let Some(validation) = &record.validation else { return found };
    for (name, scores) in [("dice", &validation.dice), ("iou", &validation.iou)] {
        let mean = Validation::mean(scores).map(|mean| (format!("validation/{name}"), mean));
        let each = structures.iter().zip(scores).filter_map(|(structure, score)| {
            let score = (*score)?;
            Some((format!("validation/{name}/{structure}"), score))
        });
        found.extend(mean.into_iter().chain(each));
    }
    found
}

/// The scores of a finished run: `test/dice` is the mean over cases, then structures, `test/dice/liver` that over cases. Metrics that are
/// undefined everywhere are left out. Of a slice classifier: `test/auc`.
///
/// # Errors
/// The run has no scores, or its tables are damaged.
pub fn scores(run: &Stored) -> Result<Vec<(String, f64)>, RunError> {
    let report = Report::new(report::gather(std::slice::from_ref(run))?)?;
    let split = run.plan.about.scored.name();
    let mut found = Vec::new();
    // Variants, such as the first pass of two, stand before the run's own scores.
    if let Some(trial) = report.trials.all.last() {
        for metric in MetricId::all() {
            let column = metric.column.replace('_', "-");
            let mut add = |name: String, row: crate::evaluate::frame::Row| {
                found.extend(row.statistics(metric).map(|it| (name, it.mean)));
            };
            rows(&trial.summary.overall).for_each(|row| add(format!("{split}/{column}"), row));
            for row in rows(&trial.summary.structures) {
                let structure = row.text("structure").to_owned();
                add(format!("{split}/{column}/{structure}"), row);
            }
        }
    }
    let manifest = run.folder.read_manifest()?;
    let auc = manifest.as_ref().and_then(|manifest| manifest.evaluation(&run.ids)?.auc);
    found.extend(auc.map(|auc| (format!("{split}/auc"), auc)));
    Ok(found)
}

/// The pictures of a finished run.
///
/// # Errors
/// Their list is damaged.
pub fn pictures(run: &Stored) -> Result<Vec<Panel>, RunError> {
    panels::read(run)
}
