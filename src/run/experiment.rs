//! All runs of an experiment: trials × folds, planned before the first one starts, done one after the other.

use std::path::{Path, PathBuf};

use super::ensemble;
use super::error::RunError;
use super::event::{Event, Observer};
use super::inputs::Inputs;
use super::predicting::CASCADE;
use super::store::{RunFolder, Status};
use super::trial::{self, Setting};
use crate::Cancel;
use crate::backend::{self, DeviceName, Selected};
use crate::dataset::{self, Case, Fold};
use crate::plan::cascade::{self, first_stage};
use crate::plan::{About, Plan, Resolved, resolve};
use crate::predict::cascade::{Cascade, CascadePlan};
use crate::preprocess::fingerprint::{Fingerprint, fingerprint};
use crate::spec::{Experiment, Loaded, Trial};
use crate::train;
use crate::train::pretrained::{Pretrained, PretrainedPlan};
use crate::train::spec::StepsPerEpoch;

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
    /// What it is for.
    pub stage: Stage,
}

/// What a run is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// The first network of a cascade.
    First,
    /// The experiment's network.
    Main,
    /// The mean of several runs.
    Ensemble,
}

impl PlannedRun {
    /// Trial and fold, for people; empty for a single run.
    pub fn label(&self) -> String {
        self.plan.about.name(self.plan.seed)
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
    cancelled: &Cancel,
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
    refuse_unknown_groups(&runs)?;
    planner.ensembles(&mut runs)?;
    Ok(Planned { runs, inputs, cache, folds: n_folds })
}

/// Groups of parameters are known when the networks are planned, long before they are trained.
fn refuse_unknown_groups(runs: &[PlannedRun]) -> Result<(), RunError> {
    let cpu = backend::select(DeviceName::Cpu)?.device;
    let mut known: Vec<&Plan> = Vec::new();
    for plan in runs.iter().map(|run| &run.plan).filter(|plan| !plan.train.groups.is_empty()) {
        let alike = |other: &&Plan| (&other.model, &other.train.groups) == (&plan.model, &plan.train.groups);
        if !known.iter().any(alike) {
            train::refuse_unknown_groups(&plan.train, &plan.model, plan.interface(), &cpu)?;
            known.push(plan);
        }
    }
    Ok(())
}

struct Planner<'a> {
    loaded: &'a Loaded,
    data_root: &'a Path,
    folds: Folds,
    cancelled: &'a Cancel,
    inputs: &'a Inputs,
    cache: &'a Path,
    run_root: &'a Path,
}

impl Planner<'_> {
    /// Adds the runs of a trial, the first network of a cascade before the second; returns the number of folds of its split.
    fn trial(&self, trial: &Trial, runs: &mut Vec<PlannedRun>) -> Result<usize, RunError> {
        let experiment = &trial.experiment;
        let split = experiment.split.as_ref().unwrap_or(&self.loaded.dataset.split);
        let folds: Vec<Fold> = dataset::split(split, &self.inputs.dealt(split))?
            .iter()
            .map(|fold| fold.without(&self.inputs.excluded))
            .collect();
        self.refuse_empty(&folds)?;
        let main = Network::new(self, experiment, &folds)?;
        let first_stage = first_stage(experiment);
        let first = first_stage.as_ref().map(|experiment| Network::new(self, experiment, &folds)).transpose()?;
        for index in self.chosen(folds.len())? {
            let mut cascade = None;
            if let (Some(first), Some(spec)) = (&first, &experiment.cascade) {
                let run = first.run(self, self.first_about(trial, index, folds.len()), None)?;
                cascade = Some(cascade::resolve(spec, &run.id));
                // Trials of a sweep that differ in their second networks alone share the first.
                if runs.iter().all(|known| known.id != run.id) {
                    runs.push(PlannedRun { stage: Stage::First, ..run });
                }
            }
            runs.push(main.run(self, self.about(trial, index, folds.len()), cascade)?);
        }
        Ok(folds.len())
    }

    fn chosen(&self, folds: usize) -> Result<Vec<usize>, RunError> {
        match self.folds {
            Folds::All => Ok((0..folds).collect()),
            Folds::One(fold) if fold < folds => Ok(vec![fold]),
            Folds::One(fold) => Err(RunError::Fold { fold, folds }),
        }
    }

    /// Adds the ensembles of the planned runs. Those of folds need all of them.
    fn ensembles(&self, runs: &mut Vec<PlannedRun>) -> Result<(), RunError> {
        let Some(wanted) = &self.loaded.experiment.ensemble else { return Ok(()) };
        let split = self.loaded.experiment.split.as_ref().unwrap_or(&self.loaded.dataset.split);
        let held_out = match self.folds {
            Folds::All => dataset::held_out(split, &self.inputs.dealt(split))?,
            Folds::One(_) => Vec::new(),
        };
        let usable = |case: &String| self.inputs.case(case).is_some();
        let held_out: Vec<String> = held_out.into_iter().filter(usable).collect();
        for plan in ensemble::plan(wanted, runs, &held_out) {
            let run = self.named(plan, Stage::Ensemble);
            runs.push(run);
        }
        Ok(())
    }

    /// A plan with its id and its folder.
    fn named(&self, plan: Plan, stage: Stage) -> PlannedRun {
        let id = plan.run_id(&self.inputs.hashes_of(&plan.cases));
        let folder = RunFolder::of(self.run_root, &plan.about.experiment, &id);
        PlannedRun { plan, id, folder, stage }
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
        let label = without_seed(&trial.label);
        let cascade = if trial.experiment.cascade.is_some() { CASCADE } else { "" };
        About {
            experiment: self.loaded.experiment.name.clone().unwrap_or_default(),
            description: self.loaded.experiment.description.clone(),
            trial: format!("{label} {cascade}").trim().to_owned(),
            several_seeds: seeds.collect::<std::collections::BTreeSet<_>>().len() > 1,
            settings: settings.map(|(key, value)| (key.clone(), value.to_string())).collect(),
            fold,
            folds,
            held_out: false,
            dataset: self.loaded.dataset.name.clone().unwrap_or_default(),
            data_root: self.data_root.join(&self.loaded.dataset.root),
            dataset_file: self.loaded.dataset_path.clone(),
            pretrained_file: None,
            notes: Vec::new(),
        }
    }

    /// Of a cascade's first network, which only settings of the cascade tell from others.
    fn first_about(&self, trial: &Trial, fold: usize, folds: usize) -> About {
        let about = self.about(trial, fold, folds);
        let settings: Vec<_> = about.settings.into_iter().filter(|(key, _)| key.starts_with("cascade.")).collect();
        let name = match &trial.experiment.cascade {
            Some(Cascade::Slices(_)) => "classifier",
            _ => "coarse network",
        };
        let own = settings.iter().map(|(key, value)| format!(" {}={value}", key.rsplit('.').next().unwrap_or(key)));
        About { trial: format!("{name}{}", own.collect::<String>()), settings, ..about }
    }
}

/// One network of a trial: what its plans have in common.
struct Network<'a> {
    experiment: &'a Experiment,
    folds: &'a [Fold],
    fingerprint: Fingerprint,
    pretrained: Option<(PretrainedPlan, PathBuf)>,
}

impl<'a> Network<'a> {
    fn new(planner: &Planner, experiment: &'a Experiment, folds: &'a [Fold]) -> Result<Self, RunError> {
        let fingerprint = planner.fingerprint(experiment, folds)?;
        let pretrained = experiment.pretrained.as_ref().map(Pretrained::plan).transpose()?;
        Ok(Self { experiment, folds, fingerprint, pretrained })
    }

    /// The run of one fold.
    fn run(&self, planner: &Planner, about: About, cascade: Option<CascadePlan>) -> Result<PlannedRun, RunError> {
        let (pretrained, file) = self.pretrained.as_ref().map(|(plan, file)| (plan, file.clone())).unzip();
        let from = Resolved {
            experiment: self.experiment,
            dataset: &planner.loaded.dataset,
            fold: &self.folds[about.fold],
            fingerprint: &self.fingerprint,
            pretrained,
            cascade,
        };
        Ok(planner.named(resolve(&from, About { pretrained_file: file, ..about })?, Stage::Main))
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

/// Leaves of a planned experiment its first run (and the one that it depends on), with two steps, one case of each kind, and every
/// stage after them, in folders of their own.
pub fn shrink(planned: &mut Planned) {
    let main = planned.runs.iter().position(|run| run.stage == Stage::Main).unwrap_or(0);
    planned.runs.truncate(main + 1);
    // A first network has another id now.
    let mut ids: Vec<(String, String)> = Vec::new();
    for run in &mut planned.runs {
        let plan = &mut run.plan;
        for names in [&mut plan.cases.train, &mut plan.cases.validation, &mut plan.cases.test] {
            names.truncate(1);
        }
        let train = &mut plan.train;
        (train.epochs, train.steps_per_epoch, train.validate_every) = (1, StepsPerEpoch::Fixed(2), 1);
        (train.warmup_steps, train.keep_every) = (0, 0);
        if let Some(CascadePlan::Slices { first, .. } | CascadePlan::Coarse { first, .. }) = &mut plan.cascade
            && let Some((_, new)) = ids.iter().find(|(old, _)| old == first)
        {
            first.clone_from(new);
        }
        let id = format!("smoke-{}", plan.run_id(&planned.inputs.hashes_of(&plan.cases)));
        ids.push((std::mem::replace(&mut run.id, id.clone()), id));
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
    cancelled: &Cancel,
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
