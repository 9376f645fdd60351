//! The scored cases of a run: segmented, written, scored.

use super::error::RunError;
use super::event::{Event, Observer};
use super::finder::{Finder, Look};
use super::store::RunFolder;
use super::trained::{SegmentError, Trained};
use super::trial::Setting;
use crate::evaluate::cascade::{SkippedRow, skipped};
use crate::evaluate::{self, Context, Score, Setting as SweptKey, TrialKey, Variant};
use crate::model::Network;
use crate::plan::Plan;
use crate::predict::{self, PredictError, Predictor, export};
use crate::preprocess::{PreparedCase, PreparedSet};
use crate::volume::Segmentation;

/// Scores of a run.
#[derive(Default)]
pub struct Scored {
    /// Of its result.
    pub rows: Vec<Score>,
    /// Of what the result is compared with: passes before the last one, a segmenter without its cascade.
    pub variants: Vec<(Variant, Vec<Score>)>,
    /// What a classifier of slices skipped.
    pub skipped: Vec<SkippedRow>,
}

impl Scored {
    /// Adds a case's scores of what the result is compared with.
    fn compare(&mut self, variant: Variant, scores: Vec<Score>) {
        match self.variants.iter_mut().find(|(known, _)| *known == variant) {
            Some((_, known)) => known.extend(scores),
            None => self.variants.push((variant, scores)),
        }
    }
}

/// Segments and scores every test case. Cases that an earlier session segmented are read back: the weights are the same.
///
/// # Errors
/// A case cannot be read, a file not be written, or the run was stopped.
pub fn predict(
    plan: &Plan,
    folder: &RunFolder,
    setting: &Setting,
    prepared: &PreparedSet,
    network: &Network,
    observer: &mut dyn Observer,
) -> Result<Scored, RunError> {
    let finder = Finder::open(plan, folder, &setting.device.device)?;
    let cases: Vec<_> = prepared.cases.iter().filter(|case| plan.cases.test.contains(&case.name)).collect();
    let passes = network.passes();
    let of = cases.len() * passes;
    let mut scored = Scored::default();
    for (done, case) in cases.iter().enumerate() {
        stop_if_cancelled(setting)?;
        observer.event(&Event::Predicting { done, of });
        one(plan, folder, setting, &finder, network, case, &mut scored)?;
    }
    for (done, (pass, case)) in (0..passes - 1).flat_map(|pass| cases.iter().map(move |case| (pass, case))).enumerate()
    {
        stop_if_cancelled(setting)?;
        observer.event(&Event::Predicting { done: cases.len() + done, of });
        let predictor = predictor(plan, setting, network, Some(pass));
        let look = look(finder.as_ref(), setting, case)?;
        let loaded = case.load()?;
        let region = look.region(&loaded.origin);
        let found = predict::segment(&predictor, &loaded, &plan.target, region.as_ref(), setting.cancelled)?;
        scored.compare(Variant::Pass(pass + 1), score(plan, setting, &case.name, &found)?);
    }
    observer.event(&Event::Predicting { done: of, of });
    Ok(scored)
}

/// Segments and scores every test case with the mean of an ensemble's networks.
///
/// # Errors
/// As [`predict()`].
pub fn predict_mean(
    plan: &Plan,
    folder: &RunFolder,
    setting: &Setting,
    observer: &mut dyn Observer,
) -> Result<Scored, RunError> {
    let trained = Trained::open(folder, &setting.device.device)?;
    let mut scored = Scored::default();
    let names = &plan.cases.test;
    for (done, name) in names.iter().enumerate() {
        stop_if_cancelled(setting)?;
        observer.event(&Event::Predicting { done, of: names.len() });
        // Cases that turned out to be unusable are excluded already.
        let Some(case) = setting.inputs.case(name) else { continue };
        let segmentation = match export::read(&folder.predictions(), name, &plan.target) {
            Ok(segmentation) => segmentation,
            Err(_) => {
                let segmentation = trained.segment(case, setting.cancelled).map_err(failed)?;
                export::write(&folder.predictions(), name, &segmentation)?;
                segmentation
            }
        };
        scored.rows.extend(score(plan, setting, name, &segmentation)?);
    }
    observer.event(&Event::Predicting { done: names.len(), of: names.len() });
    Ok(scored)
}

fn stop_if_cancelled(setting: &Setting) -> Result<(), RunError> {
    if setting.cancelled.is_stopped() { Err(RunError::Interrupted) } else { Ok(()) }
}

/// One case's result, and what it is compared with.
fn one(
    plan: &Plan,
    folder: &RunFolder,
    setting: &Setting,
    finder: &Option<Finder>,
    network: &Network,
    case: &PreparedCase,
    scored: &mut Scored,
) -> Result<(), RunError> {
    let (predictions, name) = (folder.predictions(), &case.name);
    let predictor = predictor(plan, setting, network, None);
    let look = match export::read(&predictions, name, &plan.target) {
        // What skipped slices cost is not in the file.
        Ok(segmentation) if !finder.as_ref().is_some_and(Finder::chooses_slices) => {
            scored.rows.extend(score(plan, setting, name, &segmentation)?);
            return Ok(());
        }
        _ => look(finder.as_ref(), setting, case)?,
    };
    let loaded = case.load()?;
    let region = look.region(&loaded.origin);
    let segmentation = match (&look, &region) {
        (Look::Slices(chosen), Some(region)) => {
            let image = loaded.image.view();
            let mut found = predictor.probabilities(image, None, setting.cancelled).ok_or(PredictError::Cancelled)?;
            let alone = predict::decode(&[(found.clone(), loaded.origin.clone())], &plan.target, &plan.predict)?;
            scored.compare(Variant::SecondStageAlone, score(plan, setting, name, &alone)?);
            let reference = setting.inputs.reference(name, &loaded.origin.geometry)?.to_canonical();
            scored.skipped.extend(skipped(name, &plan.target, reference.voxels.view(), chosen.view()));
            region.restrict(&mut found, plan.target.sigmoid());
            predict::decode(&[(found, loaded.origin)], &plan.target, &plan.predict)?
        }
        _ => predict::segment(&predictor, &loaded, &plan.target, region.as_ref(), setting.cancelled)?,
    };
    export::write(&predictions, name, &segmentation)?;
    scored.rows.extend(score(plan, setting, name, &segmentation)?);
    Ok(())
}

/// Where a case is segmented; everywhere without a cascade.
fn look(finder: Option<&Finder>, setting: &Setting, case: &PreparedCase) -> Result<Look, RunError> {
    let (Some(finder), Some(files)) = (finder, setting.inputs.case(&case.name)) else { return Ok(Look::Everywhere) };
    finder.look(files, setting.cancelled).map_err(failed)
}

fn failed(error: SegmentError) -> RunError {
    match error {
        SegmentError::Predict(error) => error.into(),
        error => RunError::Reference(error.to_string()),
    }
}

/// What the trials of cascades are called, after what tells them apart.
pub const CASCADE: &str = "cascade";

/// A run's network with what it needs to predict.
pub fn predictor<'a>(plan: &'a Plan, setting: &'a Setting, network: &'a Network, pass: Option<usize>) -> Predictor<'a> {
    Predictor {
        network,
        device: &setting.device.device,
        plan: &plan.predict,
        sigmoid: plan.target.sigmoid(),
        outputs: plan.target.outputs(),
        pass,
    }
}

fn score(plan: &Plan, setting: &Setting, case: &str, segmentation: &Segmentation) -> Result<Vec<Score>, RunError> {
    let reference = setting.inputs.reference(case, segmentation.geometry())?;
    Ok(evaluate::score(case, &plan.target, &reference, segmentation)?)
}

/// Name of the split of cases that no fold trains on or scores.
const HELD_OUT: &str = "held-out";

/// Where a score comes from, for the tables.
pub fn context(plan: &Plan) -> Context {
    Context {
        experiment: plan.about.experiment.clone(),
        trial: trial_key(plan),
        fold: (plan.about.folds > 1).then_some(plan.about.fold as u32),
        seed: plan.seed,
        split: if plan.about.held_out { HELD_OUT } else { super::slices::SCORED }.into(),
        selected_on: plan.selected_on_scored_cases(),
    }
}

/// The trial that a plan belongs to, from what the plan says of it in words.
fn trial_key(plan: &Plan) -> TrialKey {
    let about = &plan.about;
    let (label, variant) = match &plan.cascade {
        Some(_) => (about.trial.trim_end_matches(CASCADE).trim_end(), Variant::Cascade),
        None => (about.trial.as_str(), Variant::Network),
    };
    // The words of the settings, one part each; a stage or an ensemble without settings is told apart by its name.
    let keys: Vec<(&str, &str)> = match about.settings.as_slice() {
        [] if label.is_empty() => Vec::new(),
        [] => vec![("stage", label)],
        // The members are runs of one fold; the ensembles of all folds are one trial.
        _ if !plan.members.is_empty() => vec![("members", label)],
        settings => settings.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect(),
    };
    let parts = label.splitn(keys.len(), ' ');
    let setting = |((key, value), label): (&(&str, &str), &str)| SweptKey {
        key: (*key).to_owned(),
        value: (*value).into(),
        label: label.to_owned(),
    };
    TrialKey { spec: String::new(), settings: keys.iter().zip(parts).map(setting).collect(), variant }
}
