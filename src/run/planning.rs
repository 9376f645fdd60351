//! From an experiment to its runs: trials × folds, all planned before the first one starts.

use std::path::{Path, PathBuf};

use super::ensemble::{self, is_main};
use super::error::RunError;
use super::setting::cache;
use crate::Cancel;
use crate::backend::{self, DeviceName};
use crate::dataset::inputs::Step;
use crate::dataset::{self, Access, Case, Content, Excluded, Fold, Inputs};
use crate::evaluate::{Setting, TrialKey, Variant};
use crate::observe::{Events, Kind};
use crate::plan::resolve::{crop_threshold, modalities};
use crate::plan::{About, Data, Given, LookPlan, Plan, Work, resolve, spec_hash};
use crate::preprocess::fingerprint::{Fingerprint, fingerprint};
use crate::spec::cascade::{Cascade, first_stage};
use crate::spec::{Experiment, Loaded, Trial};
use crate::store::Stored;
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

/// A planned experiment.
pub struct Planned {
    /// Its runs, folds innermost.
    pub runs: Vec<Stored>,
    /// Cases that no run can use.
    pub excluded: Vec<Excluded>,
    /// Folds of the split.
    pub folds: usize,
}

/// What is planned, and for whom.
pub struct Request<'a> {
    /// The experiment.
    pub loaded: &'a Loaded,
    /// Folder of all datasets.
    pub data_root: &'a Path,
    /// Which folds.
    pub folds: Folds,
    /// Whether cases may be read that were not read before.
    pub access: Access,
    /// Stops, with what was read remembered.
    pub cancel: &'a Cancel,
    /// Who watches.
    pub events: &'a Events,
}

/// Plans every run of a checked experiment. Nothing is computed but what planning needs to know of the dataset, and that once.
///
/// # Errors
/// The dataset cannot be used, or a plan cannot be made.
pub fn plan(request: &Request) -> Result<Planned, RunError> {
    let loaded = request.loaded;
    let run_root = PathBuf::from(&loaded.experiment.run_root);
    let cache = cache(&run_root);
    let progress = |step: Step, done: usize, of: usize| {
        request.events.emit(match step {
            Step::Hashing => Kind::Hashing { done, of },
            Step::Checking => Kind::Checking { done, of },
        });
    };
    let inputs = Inputs::open(&loaded.dataset, request.data_root, &cache, request.access, &progress, request.cancel)?;
    request.events.emit(Kind::Excluded { cases: inputs.excluded.clone() });
    let planner = Planner { request, loaded, inputs: &inputs, cache: &cache, run_root: &run_root };
    let (mut runs, mut folds) = (Vec::new(), 1);
    for trial in &loaded.trials {
        folds = planner.trial(trial, &mut runs)?;
    }
    refuse_unknown_groups(&runs)?;
    planner.ensembles(&mut runs)?;
    Ok(Planned { runs, excluded: inputs.excluded, folds })
}

/// Groups of parameters are known when the networks are planned, long before they are trained.
fn refuse_unknown_groups(runs: &[Stored]) -> Result<(), RunError> {
    let cpu = backend::select(DeviceName::Cpu)?.device;
    let mut known = Vec::new();
    for plan in runs.iter().map(|run| &run.plan) {
        let Work::Train(training) = &plan.work else { continue };
        let alike = (&training.model, &training.train.groups);
        if training.train.groups.is_empty() || known.contains(&alike) {
            continue;
        }
        train::refuse_unknown_groups(&training.train, &training.model, training.interface(&plan.target), &cpu)?;
        known.push(alike);
    }
    Ok(())
}

struct Planner<'a> {
    request: &'a Request<'a>,
    loaded: &'a Loaded,
    inputs: &'a Inputs,
    cache: &'a Path,
    run_root: &'a Path,
}

impl Planner<'_> {
    /// Adds the runs of a trial, the first stage of a cascade before the second; returns the number of folds of its split.
    fn trial(&self, trial: &Trial, runs: &mut Vec<Stored>) -> Result<usize, RunError> {
        let experiment = &trial.experiment;
        let split = experiment.split.as_ref().unwrap_or(&self.loaded.dataset.split);
        let folds: Vec<Fold> = dataset::split(split, &self.inputs.dealt(split))?
            .iter()
            .map(|fold| fold.without(&self.inputs.excluded))
            .collect();
        self.refuse_empty(&folds)?;
        let main = Stage::new(self, experiment, &folds)?;
        let first_stage = first_stage(experiment);
        let first = first_stage.as_ref().map(|experiment| Stage::new(self, experiment, &folds)).transpose()?;
        for index in self.chosen(folds.len())? {
            let mut look = LookPlan::Everywhere;
            if let (Some(first), Some(cascade)) = (&first, &experiment.cascade) {
                let run = first.run(self, self.first_about(trial, first.experiment, index, folds.len()), look)?;
                look = LookPlan::of(cascade, run.ids.clone());
                // Trials of a sweep that differ in their second stages alone share the first.
                if runs.iter().all(|known| known.ids != run.ids) {
                    runs.push(run);
                }
            }
            runs.push(main.run(self, self.about(trial, index, folds.len()), look)?);
        }
        Ok(folds.len())
    }

    fn chosen(&self, folds: usize) -> Result<Vec<usize>, RunError> {
        match self.request.folds {
            Folds::All => Ok((0..folds).collect()),
            Folds::One(fold) if fold < folds => Ok(vec![fold]),
            Folds::One(fold) => Err(RunError::Fold { fold, folds }),
        }
    }

    /// Adds the ensembles of the planned runs. Those of folds need all of them.
    fn ensembles(&self, runs: &mut Vec<Stored>) -> Result<(), RunError> {
        let Some(wanted) = &self.loaded.experiment.ensemble else { return Ok(()) };
        let split = self.loaded.experiment.split.as_ref().unwrap_or(&self.loaded.dataset.split);
        let held_out = match self.request.folds {
            Folds::All => {
                let test = dataset::held_out(split, &self.inputs.dealt(split))?;
                Some(self.data(&Fold { train: Vec::new(), validation: Vec::new(), test }))
            }
            Folds::One(_) => None,
        };
        let plans = ensemble::plan(wanted, runs, held_out.as_ref());
        runs.extend(plans.into_iter().map(|plan| Stored::new(self.run_root, plan)));
        Ok(())
    }

    fn data(&self, fold: &Fold) -> Data {
        Data::new(&self.loaded.dataset, self.request.data_root, self.inputs, fold)
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
        let trains = |(case, _): &&(Case, Content)| folds.iter().any(|fold| fold.train.contains(&case.name));
        let cases: Vec<_> = self.inputs.cases.iter().filter(trains).cloned().collect();
        let crop = experiment.preprocess.crop;
        let threshold = crop_threshold(crop, &modalities(&self.loaded.dataset));
        let Request { access, events, cancel, .. } = *self.request;
        let progress = |at: crate::preprocess::Progress| {
            events.emit(Kind::Measuring { done: at.done, of: at.total });
        };
        Ok(fingerprint(crop, threshold, &cases, self.cache, access, &progress, cancel)?)
    }

    fn about(&self, trial: &Trial, fold: usize, folds: usize) -> About {
        let mut seeds: Vec<u64> = self.loaded.trials.iter().map(|trial| trial.experiment.seed).collect();
        seeds.sort_unstable();
        seeds.dedup();
        let variant = if trial.experiment.cascade.is_some() { Variant::Cascade } else { Variant::Network };
        About {
            experiment: self.loaded.experiment.name.clone().unwrap_or_default(),
            description: self.loaded.experiment.description.clone(),
            trial: TrialKey {
                spec: spec_hash(&trial.experiment, &self.loaded.dataset),
                settings: trial.settings.clone(),
                variant,
            },
            several_seeds: seeds.len() > 1,
            fold,
            folds,
            ..About::default()
        }
    }

    /// Of a cascade's first stage, which only settings of the cascade tell from others.
    fn first_about(&self, trial: &Trial, first: &Experiment, fold: usize, folds: usize) -> About {
        let about = self.about(trial, fold, folds);
        let own = |setting: &&Setting| setting.key.starts_with("cascade.");
        let variant = match &trial.experiment.cascade {
            Some(Cascade::Slices(_)) => Variant::ClassifierStage,
            _ => Variant::CoarseStage,
        };
        let settings = about.trial.settings.iter().filter(own).cloned().collect();
        let trial = TrialKey { spec: spec_hash(first, &self.loaded.dataset), settings, variant };
        About { trial, ..about }
    }
}

/// One network of a trial: what its plans have in common.
struct Stage<'a> {
    experiment: &'a Experiment,
    folds: &'a [Fold],
    fingerprint: Fingerprint,
    pretrained: Option<(PretrainedPlan, PathBuf)>,
}

impl<'a> Stage<'a> {
    fn new(planner: &Planner, experiment: &'a Experiment, folds: &'a [Fold]) -> Result<Self, RunError> {
        let fingerprint = planner.fingerprint(experiment, folds)?;
        let pretrained = experiment.pretrained.as_ref().map(Pretrained::plan).transpose()?;
        Ok(Self { experiment, folds, fingerprint, pretrained })
    }

    /// The run of one fold.
    fn run(&self, planner: &Planner, about: About, look: LookPlan) -> Result<Stored, RunError> {
        let (pretrained, file) = self.pretrained.as_ref().map(|(plan, file)| (plan, file.clone())).unzip();
        let fold = &self.folds[about.fold];
        let given = Given {
            experiment: self.experiment,
            dataset: &planner.loaded.dataset,
            fold,
            fingerprint: &self.fingerprint,
            pretrained,
            look,
        };
        let plan = resolve(&given, About { pretrained_file: file, ..about }, planner.data(fold))?;
        Ok(Stored::new(planner.run_root, plan))
    }
}

/// Leaves of a planned experiment its first run (and the one that it depends on), with two steps, one case of each kind, and every
/// stage after them, in folders of their own.
pub fn shrink(planned: &mut Planned) {
    let main = planned.runs.iter().position(|run| is_main(&run.plan)).unwrap_or(0);
    let runs: Vec<Stored> = planned.runs.drain(..).take(main + 1).collect();
    for run in runs {
        let run_root = run.folder.run_root();
        let mut plan = shrunk(run.plan);
        if let Some(first) = plan.look.first_mut() {
            // The first stage has other ids now.
            let short = planned.runs.iter().find(|first_run| !is_main(&first_run.plan));
            if let Some(short) = short {
                first.clone_from(&short.ids);
            }
        }
        planned.runs.push(Stored::new(&run_root, plan));
    }
}

fn shrunk(mut plan: Plan) -> Plan {
    plan.about.smoke = true;
    let mut seen = Vec::new();
    plan.data.cases.retain(|case| {
        !seen.contains(&case.role) && {
            seen.push(case.role);
            true
        }
    });
    if let Work::Train(training) = &mut plan.work {
        let train = &mut training.train;
        (train.epochs, train.steps_per_epoch, train.validate_every) = (1, StepsPerEpoch::Fixed(2), 1);
        (train.warmup_steps, train.keep_every) = (0, 0);
    }
    plan
}
