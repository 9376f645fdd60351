//! All runs of an experiment: trials × folds, planned before the first one starts, done one after the other.

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use super::error::RunError;
use super::event::{Event, Observer};
use super::inputs::Inputs;
use super::store::{RunFolder, Status};
use super::trial::{self, Setting};
use crate::backend::Selected;
use crate::dataset::{self, Case, Fold};
use crate::plan::{About, Plan, Resolved, resolve};
use crate::preprocess::fingerprint::{Fingerprint, fingerprint};
use crate::spec::{Experiment, Loaded, Trial};

/// Which folds are run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Folds {
    /// One of them.
    One(usize),
    /// Every one.
    All,
}

/// One planned run.
#[derive(Clone, Debug)]
pub struct PlannedRun {
    /// Everything resolved.
    pub plan: Plan,
    /// Its id.
    pub id: String,
    /// Its folder.
    pub folder: RunFolder,
}

impl PlannedRun {
    /// Trial and fold, for people; empty for a single run.
    pub fn label(&self) -> String {
        let about = &self.plan.about;
        let seed = if about.several_seeds { format!("seed {}", self.plan.seed) } else { String::new() };
        let fold = if about.folds > 1 { format!("fold {}", about.fold) } else { String::new() };
        let parts = [about.trial.as_str(), seed.as_str(), fold.as_str()];
        parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(", ")
    }
}

/// A planned experiment.
pub struct Planned {
    /// Its runs, folds innermost.
    pub runs: Vec<PlannedRun>,
    /// The dataset as the runs see it.
    pub inputs: Inputs,
    /// Folder of prepared cases.
    pub cache: PathBuf,
    /// Folds of the split.
    pub folds: usize,
}

/// Plans every run of a checked spec. Nothing is computed but the dataset's fingerprint.
///
/// # Errors
/// The dataset cannot be used, or a plan cannot be made.
pub fn plan(
    loaded: &Loaded,
    data_root: &Path,
    folds: Folds,
    cancelled: &AtomicBool,
    observer: &mut dyn Observer,
) -> Result<Planned, RunError> {
    let run_root = PathBuf::from(&loaded.experiment.run_root);
    let cache = run_root.join(".cache");
    let name = loaded.dataset.name.clone().unwrap_or_default();
    let inputs = Inputs::open(&loaded.dataset, &name, data_root, &cache, observer)?;
    let planner = Planner { loaded, data_root, folds, cancelled, inputs: &inputs, cache: &cache, run_root: &run_root };
    let mut runs = Vec::new();
    let mut n_folds = 1;
    for trial in &loaded.trials {
        n_folds = planner.trial(trial, &mut runs)?;
    }
    Ok(Planned { runs, inputs, cache, folds: n_folds })
}

struct Planner<'a> {
    loaded: &'a Loaded,
    data_root: &'a Path,
    folds: Folds,
    cancelled: &'a AtomicBool,
    inputs: &'a Inputs,
    cache: &'a Path,
    run_root: &'a Path,
}

impl Planner<'_> {
    /// Adds the runs of a trial; returns the number of folds of its split.
    fn trial(&self, trial: &Trial, runs: &mut Vec<PlannedRun>) -> Result<usize, RunError> {
        let experiment = &trial.experiment;
        let split = experiment.split.as_ref().unwrap_or(&self.loaded.dataset.split);
        let folds: Vec<Fold> = dataset::split(split, &self.inputs.dealt(split))?
            .iter()
            .map(|fold| fold.without(&self.inputs.excluded))
            .collect();
        self.refuse_empty(&folds)?;
        let fingerprint = self.fingerprint(experiment, &folds)?;
        let chosen: Vec<usize> = match self.folds {
            Folds::All => (0..folds.len()).collect(),
            Folds::One(fold) if fold < folds.len() => vec![fold],
            Folds::One(fold) => return Err(RunError::Fold { fold, folds: folds.len() }),
        };
        let (pretrained, pretrained_file) = match &experiment.pretrained {
            Some(pretrained) => pretrained.plan().map(|(plan, file)| (Some(plan), Some(file)))?,
            None => (None, None),
        };
        for index in chosen {
            let about = About { pretrained_file: pretrained_file.clone(), ..self.about(trial, index, folds.len()) };
            let (fold, pretrained) = (&folds[index], pretrained.as_ref());
            let dataset = &self.loaded.dataset;
            let from = Resolved { experiment, dataset, fold, fingerprint: &fingerprint, pretrained };
            let plan = resolve(&from, about)?;
            let id = plan.run_id(&self.inputs.hashes_of(&plan.cases));
            let folder = RunFolder::of(self.run_root, &plan.about.experiment, &id);
            runs.push(PlannedRun { plan, id, folder });
        }
        Ok(folds.len())
    }

    fn refuse_empty(&self, folds: &[Fold]) -> Result<(), RunError> {
        for fold in folds {
            for (what, names) in [("training", &fold.train), ("scored", &fold.test)] {
                if names.is_empty() {
                    return Err(RunError::NoCases { what, excluded: self.inputs.excluded.clone() });
                }
            }
        }
        Ok(())
    }

    /// Of every case that trains in some fold, so that all folds of a cross-validation share one plan (as nnU-Net's do).
    fn fingerprint(&self, experiment: &Experiment, folds: &[Fold]) -> Result<Fingerprint, RunError> {
        let trains = |case: &&Case| folds.iter().any(|fold| fold.train.contains(&case.name));
        let cases: Vec<Case> = self.inputs.cases.iter().filter(trains).cloned().collect();
        let crop = experiment.preprocess.crop;
        let threshold =
            crate::plan::resolve::crop_threshold(crop, &crate::plan::resolve::modalities(&self.loaded.dataset));
        let content = |case: &Case| self.inputs.content_of(&case.name);
        Ok(fingerprint(crop, threshold, &cases, self.cache, &content, &|_| {}, self.cancelled)?)
    }

    fn about(&self, trial: &Trial, fold: usize, folds: usize) -> About {
        let settings = trial.settings.iter().filter(|(key, _)| key != "seed");
        let seeds = self.loaded.trials.iter().map(|trial| trial.experiment.seed);
        About {
            experiment: self.loaded.experiment.name.clone().unwrap_or_default(),
            description: self.loaded.experiment.description.clone(),
            trial: without_seed(&trial.label).to_string(),
            several_seeds: seeds.collect::<std::collections::BTreeSet<_>>().len() > 1,
            settings: settings.map(|(key, value)| (key.clone(), value.to_string())).collect(),
            fold,
            folds,
            dataset: self.loaded.dataset.name.clone().unwrap_or_default(),
            data_root: self.data_root.join(&self.loaded.dataset.root),
            dataset_file: self.loaded.dataset_path.clone(),
            pretrained_file: None,
            notes: Vec::new(),
        }
    }
}

/// A trial's label without its last part, the seed: runs of one trial that differ in their seeds belong together.
fn without_seed(label: &str) -> &str {
    match label.rsplit_once(' ') {
        Some((rest, last)) if last.starts_with("seed=") => rest,
        None if label.starts_with("seed=") => "",
        _ => label,
    }
}

/// What `--smoke` sets on top of an experiment: two steps, and every stage after them.
pub const SMOKE: [&str; 5] = [
    "train.epochs=1",
    "train.steps-per-epoch=2",
    "train.validate-every=1",
    "train.warmup-steps=0",
    "train.keep-every=0",
];

/// Leaves of a planned experiment its first run, with one case of each kind, in a folder of its own.
pub fn shrink(planned: &mut Planned) {
    planned.runs.truncate(1);
    for run in &mut planned.runs {
        let cases = &mut run.plan.cases;
        for names in [&mut cases.train, &mut cases.validation, &mut cases.test] {
            names.truncate(1);
        }
        run.id = format!("smoke-{}", run.plan.run_id(&planned.inputs.hashes_of(&run.plan.cases)));
        run.folder = run.folder.sibling(&run.id);
    }
}

/// Does every run that is not finished, in order.
///
/// # Errors
/// The first run that fails stops the experiment; finished runs stay finished.
pub fn run_all(
    planned: &Planned,
    device: &Selected,
    cancelled: &AtomicBool,
    observer: &mut dyn Observer,
) -> Result<(), RunError> {
    let setting = Setting { inputs: &planned.inputs, device, cache: &planned.cache, cancelled };
    for (index, run) in planned.runs.iter().enumerate() {
        let label = run.label();
        if run.folder.status() == Status::Finished {
            observer.event(&Event::Skipped { id: &run.id, label: &label });
            continue;
        }
        let (number, of) = (index + 1, planned.runs.len());
        let announcement = Event::Run { id: &run.id, label: &label, folder: run.folder.path(), number, of };
        trial::run(&run.plan, &run.folder, &setting, &announcement, observer)?;
    }
    Ok(())
}
