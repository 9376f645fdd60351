//! Plans the runs of an experiment (trials × folds) before the first one starts.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::cautions::{cautions, of_runs, without_spacing};
use super::ensemble::{self, is_main};
use super::error::RunError;
use crate::Cancel;
use crate::backend::{self, DeviceName};
use crate::dataset::inputs::Step;
use crate::dataset::spec::Split;
use crate::dataset::{Access, Case, Content, Excluded, Fold, Inputs};
use crate::evaluate::{Setting, TrialKey, Variant};
use crate::observe::{Events, Kind};
use crate::plan::resolve::{crop_threshold, modalities};
use crate::plan::{About, Data, Given, LookPlan, Plan, Work, resolve, spec_hash};
use crate::preprocess::fingerprint::{Fingerprint, fingerprint};
use crate::spec::carried::{Of, carried};
use crate::spec::cascade::{Cascade, first_stage};
use crate::spec::{Experiment, Loaded, Trial};
use crate::store::{self, RunFolder, SourceFile, Specs, Stored};
use crate::train::pretrained::{Pretrained, PretrainedPlan};
use crate::train::spec::StepsPerEpoch;
use crate::train::{self, checkpoint};

/// Which folds are run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Folds {
    /// Some of them, counted from 0.
    Chosen(Vec<usize>),
    /// Every one.
    All,
}

/// A planned experiment.
pub struct Planned {
    /// Its runs, folds innermost.
    pub runs: Vec<Stored>,
    /// Cases that no run can use.
    pub excluded: Vec<Excluded>,
    /// Number of folds of the split.
    pub folds: usize,
    /// Trials of a sweep whose settings cannot be planned, and why.
    pub refused: Vec<(Trial, RunError)>,
}

/// What to plan.
pub struct Request<'a> {
    /// The experiment.
    pub loaded: &'a Loaded,
    /// Folder of all datasets.
    pub data_root: &'a Path,
    /// Which folds.
    pub folds: Folds,
    /// Whether cases may be read, or only remembered checks used.
    pub access: Access,
    /// Stops planning; finished checks are kept.
    pub cancel: &'a Cancel,
    /// Listeners of progress.
    pub events: &'a Events,
}

/// Plans every run of a checked experiment. Computes only what planning needs from the dataset, and remembers it.
///
/// # Errors
/// The dataset cannot be used, or a plan cannot be made.
pub fn plan(request: &Request) -> Result<Planned, RunError> {
    Planner::open(request)?.all()
}

/// Refuses `train.groups` that match no parameter, before any training.
fn refuse_unknown_groups(runs: &[Stored]) -> Result<(), RunError> {
    let cpu = backend::select(DeviceName::Cpu)?.device;
    let mut known = Vec::new();
    for plan in runs.iter().map(|run| &run.plan) {
        let Some(training) = plan.work.training() else { continue };
        let alike = (&training.model, &training.train.groups);
        if training.train.groups.is_empty() || known.contains(&alike) {
            continue;
        }
        train::refuse_unknown_groups(&training.train, &training.model, training.interface(&plan.target), &cpu)?;
        known.push(alike);
    }
    Ok(())
}

/// Plans the trials of an experiment whose dataset is opened.
pub struct Planner<'a> {
    request: &'a Request<'a>,
    loaded: &'a Loaded,
    inputs: Inputs,
    cache: PathBuf,
    run_root: PathBuf,
    sources: Arc<Vec<SourceFile>>,
}

impl<'a> Planner<'a> {
    /// Opens the dataset, and warns of what looks wrong.
    ///
    /// # Errors
    /// The dataset cannot be used.
    pub fn open(request: &'a Request<'a>) -> Result<Self, RunError> {
        let loaded = request.loaded;
        let run_root = PathBuf::from(&loaded.experiment.run_root);
        let cache = store::cache(&run_root);
        let progress = |step: Step, done: usize, of: usize| {
            request.events.emit(match step {
                Step::Hashing => Kind::Hashing { done, of },
                Step::Checking => Kind::Checking { done, of },
            });
        };
        let (access, cancel) = (request.access, request.cancel);
        let folder = request.data_root.join(&loaded.dataset.root);
        if let Some(recipe) = loaded.dataset.generate.filter(|_| !folder.exists()) {
            request.events.emit(Kind::Generating { cases: recipe.cases, folder });
        }
        let inputs = Inputs::open(&loaded.dataset, request.data_root, &cache, access, &progress, cancel)?;
        request.events.emit(Kind::Excluded { cases: inputs.excluded.clone() });
        cautions(loaded, &inputs).into_iter().for_each(|text| request.events.warn(text));
        let sources = loaded.files().map(|(path, text)| SourceFile::of(path, text)).collect();
        Ok(Self { request, loaded, inputs, cache, run_root, sources: Arc::new(sources) })
    }

    /// All trials of the experiment; of a search, those at the corners of its space.
    ///
    /// # Errors
    /// A plan cannot be made.
    pub fn all(&self) -> Result<Planned, RunError> {
        let mut planned = self.survey()?;
        match planned.refused.len() {
            0 => Ok(planned),
            1 if self.loaded.trials.len() == 1 => Err(planned.refused.remove(0).1),
            _ => {
                let reason = |(trial, error): &(Trial, RunError)| format!("{}: {error}", trial.label);
                Err(RunError::Trials(planned.refused.iter().map(reason).collect()))
            }
        }
    }

    /// Like [`Self::all`], but trials that cannot be planned are listed.
    ///
    /// # Errors
    /// The dataset does not allow what is asked of it.
    pub fn survey(&self) -> Result<Planned, RunError> {
        let (mut runs, mut folds, mut refused) = (Vec::new(), 1, Vec::new());
        for trial in &self.loaded.trials {
            let known = runs.len();
            match self.trial(trial, &mut runs) {
                Ok(count) => folds = count,
                Err(error @ RunError::Plan(_)) => {
                    runs.truncate(known);
                    refused.push((trial.clone(), error));
                }
                Err(error) => return Err(error),
            }
        }
        refuse_unknown_groups(&runs)?;
        of_runs(self.loaded, &runs).into_iter().for_each(|text| self.request.events.warn(text));
        self.ensembles(&mut runs)?;
        Ok(Planned { runs, excluded: self.inputs.excluded.clone(), folds, refused })
    }

    /// Adds the runs of a trial, folds innermost, first stages before second ones; returns the number of folds.
    ///
    /// # Errors
    /// The split does not fit the cases, or a plan cannot be made.
    pub fn trial(&self, trial: &Trial, runs: &mut Vec<Stored>) -> Result<usize, RunError> {
        let experiment = &trial.experiment;
        let split = experiment.split.as_ref().unwrap_or(&self.loaded.dataset.split);
        let whole = self.inputs.split(split)?;
        let folds: Vec<Fold> = whole.iter().map(|fold| fold.without(&self.inputs.excluded)).collect();
        if whole.iter().zip(&folds).any(|(whole, fold)| fold.validation.is_empty() && !whole.validation.is_empty()) {
            self.request.events.warn("no usable validation case is left: the weights of the last epoch are used");
        }
        self.refuse_empty(&folds, split)?;
        let main = Stage::new(self, experiment, &folds)?;
        let first_stage = first_stage(experiment);
        let first = first_stage.as_ref().map(|experiment| Stage::new(self, experiment, &folds)).transpose()?;
        for index in self.chosen(folds.len())? {
            let mut look = LookPlan::Everywhere;
            let specs = self.specs(Of::Trial(trial, [index, folds.len()]));
            if let (Some(first), Some(cascade)) = (&first, &experiment.cascade) {
                let run = first.run(self, self.first_about(trial, first.experiment, index, folds.len()), look)?;
                look = LookPlan::of(cascade, run.ids.clone());
                let run = Stored { specs: specs.clone(), ..run };
                // Trials that differ only in their second stage share the first.
                if runs.iter().all(|known| known.ids != run.ids) {
                    runs.push(run);
                }
            }
            let run = main.run(self, self.about(trial, index, folds.len()), look)?;
            runs.push(Stored { specs, ..run });
        }
        Ok(folds.len())
    }

    /// What a run carries: see [`carried`].
    fn specs(&self, of: Of) -> Option<Arc<Specs>> {
        Some(Arc::new(Specs { carried: carried(self.loaded, of), sources: self.sources.clone() }))
    }

    fn chosen(&self, folds: usize) -> Result<Vec<usize>, RunError> {
        match &self.request.folds {
            Folds::All => Ok((0..folds).collect()),
            Folds::Chosen(chosen) => match chosen.iter().find(|fold| **fold >= folds) {
                None => Ok(chosen.clone()),
                Some(fold) => Err(RunError::Fold { fold: *fold, folds }),
            },
        }
    }

    /// Adds the ensembles of the planned runs. An ensemble of folds needs all folds.
    ///
    /// # Errors
    /// The split does not fit the cases.
    pub fn ensembles(&self, runs: &mut Vec<Stored>) -> Result<(), RunError> {
        let Some(wanted) = &self.loaded.experiment.ensemble else { return Ok(()) };
        let split = self.loaded.experiment.split.as_ref().unwrap_or(&self.loaded.dataset.split);
        let held_out = match &self.request.folds {
            Folds::All => {
                let test = self.inputs.held_out(split)?;
                Some(self.data(&Fold { train: Vec::new(), validation: Vec::new(), test }))
            }
            Folds::Chosen(_) => None,
        };
        let plans = ensemble::plan(wanted, runs, held_out.as_ref());
        let folds = runs.iter().map(|run| run.plan.about.folds).max().unwrap_or(1);
        let specs = self.specs(Of::Ensemble(if held_out.is_some() { folds } else { 1 }));
        let stored = |plan| Stored { specs: specs.clone(), ..Stored::new(&self.run_root, plan) };
        runs.extend(plans.into_iter().map(stored));
        Ok(())
    }

    fn data(&self, fold: &Fold) -> Data {
        let dataset = &self.loaded.dataset;
        let splits = [self.loaded.experiment.split.as_ref(), Some(&dataset.split)];
        let patients = self.inputs.patients(splits.into_iter().flatten());
        Data::new(dataset, self.request.data_root, &self.inputs, fold, &patients)
    }

    fn refuse_empty(&self, folds: &[Fold], split: &Split) -> Result<(), RunError> {
        for fold in folds {
            for (what, names) in [("training", &fold.train), ("test", &fold.test)] {
                let is_wanted = what == "test" && split.scores_nothing();
                if names.is_empty() && !is_wanted {
                    return Err(RunError::NoCases { what, excluded: self.inputs.excluded.clone() });
                }
            }
        }
        Ok(())
    }

    /// Fingerprint of all cases that are training cases in some fold, so that all folds share one plan (as in nnU-Net).
    fn fingerprint(&self, experiment: &Experiment, folds: &[Fold]) -> Result<Fingerprint, RunError> {
        let trains = |(case, _): &&(Case, Content)| folds.iter().any(|fold| fold.train.contains(&case.name));
        let cases: Vec<_> = self.inputs.cases.iter().filter(trains).cloned().collect();
        let crop = experiment.preprocess.crop;
        let threshold = crop_threshold(crop, &modalities(&self.loaded.dataset));
        let Request { access, events, cancel, .. } = *self.request;
        let progress = |at: crate::preprocess::Progress| {
            events.emit(Kind::Measuring { done: at.done, of: at.total });
        };
        Ok(fingerprint(crop, threshold, &cases, &self.cache, access, &progress, cancel)?)
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
            track: self.loaded.experiment.track.clone(),
            groups: self.loaded.dataset.labels.groups.clone(),
            // The file of a single run of a sweep declares its seed.
            several_seeds: seeds.len() > 1
                || self.loaded.tree().get("sweep").is_some_and(|it| it.get("seeds").is_some()),
            fold,
            folds,
            ..About::default()
        }
    }

    /// [`About`] of a cascade's first stage: only settings below `cascade` distinguish its trials.
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

/// One network of a trial: what the plans of all folds share.
struct Stage<'a> {
    experiment: &'a Experiment,
    folds: &'a [Fold],
    fingerprint: Fingerprint,
    pretrained: Option<(PretrainedPlan, PathBuf)>,
}

impl<'a> Stage<'a> {
    fn new(planner: &Planner, experiment: &'a Experiment, folds: &'a [Fold]) -> Result<Self, RunError> {
        let fingerprint = planner.fingerprint(experiment, folds)?;
        let pretrained = experiment.pretrained.as_ref().map(pretrained).transpose()?;
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
            without_spacing: without_spacing(&planner.inputs),
            pretrained,
            look,
        };
        let plan = resolve(&given, About { pretrained_file: file, ..about }, planner.data(fold))?;
        Ok(Stored::new(&planner.run_root, plan))
    }
}

/// Pretrained weights and their file. The best weights of a finished run must be those that its training wrote.
fn pretrained(wanted: &Pretrained) -> Result<(PretrainedPlan, PathBuf), RunError> {
    if let Some(run) = &wanted.from_run {
        let folder = RunFolder::at(Path::new(run));
        if folder.read_manifest()?.is_some_and(|manifest| manifest.training.is_some()) {
            checkpoint::verify_best(&folder.checkpoints())?;
        }
    }
    Ok(wanted.plan()?)
}

/// Reduces a planned experiment to its first run (and the run it depends on) with two training steps and one case per role, in
/// folders of their own: `--smoke`.
pub fn shrink(planned: &mut Planned) {
    let main = planned.runs.iter().position(|run| is_main(&run.plan)).unwrap_or(0);
    let runs: Vec<Stored> = planned.runs.drain(..).take(main + 1).collect();
    for run in runs {
        let run_root = run.folder.run_root();
        let mut plan = shrunk(run.plan);
        if let Some(first) = plan.look.first_mut() {
            // Shrinking changed the ids of the first stage.
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
