//! Run folders of a model's folds, and of their mean.

use std::fs;
use std::path::Path;

use burn::module::Module;
use burn::tensor::Device;

use super::scoring::Scoring;
use super::{Checkpoint, Fold, Kind, Model};
use crate::Cancel;
use crate::augment::AugmentPlan;
use crate::evaluate::{Evaluate, Setting, TrialKey, Variant};
use crate::import::{ImportError, Imported as Made, Known};
use crate::loss::spec::default_terms;
use crate::model::{self, Network, Task};
use crate::plan::{About, Average, Data, FORMAT, Imported, LookPlan, Note, Plan, Scored, Training, Work};
use crate::predict::PredictPlan;
use crate::predict::spec::{Averaged, Blend, Weights};
use crate::store::manifest::{Member, TrainingRecord};
use crate::store::{Lock, LockError, Manifest, Stored};
use crate::train::checkpoint;
use crate::train::pretrained::{self, PretrainedPlan, Report};
use crate::train::{Train, TrainPlan};

/// The setting of folds that are trials of their own.
const FOLD: &str = "fold";

/// Folds of nnU-Net's cross-validation.
const FOLDS: usize = 5;

/// Parts of a checkpoint that are copies of others, or that only training uses.
const COPIES: [&str; 3] = [".all_modules.", "decoder.encoder.", "decoder.seg_layers."];

/// nnUNetTrainer's settings. A checkpoint does not record them; they tell how a model was trained, and decide no number of its predictions.
const RECIPE: &str = "
steps-per-epoch = 250
validate-every = 0
clip-norm = 12.0

[sampling]
foreground = 0.33

[optimizer.sgd]
learning-rate = 1e-2
momentum = 0.99
nesterov = true
weight-decay = 3e-5

[schedule.polynomial]
power = 0.9
";

/// What was asked for beside the model.
#[derive(Clone)]
pub struct Wanted<'a> {
    /// Root of all runs.
    pub run_root: &'a Path,
    /// Name of the experiment.
    pub experiment: &'a str,
    /// The run of the cascade's first stage, in the same experiment.
    pub first: Option<&'a Stored>,
    /// Whether the model is the first stage of a cascade.
    pub is_first: bool,
    /// Cases to score.
    pub scoring: Option<&'a Scoring>,
    /// Sets of label values of which only the largest component is kept.
    pub largest_union: Vec<Vec<u16>>,
    /// Stops between two folds.
    pub cancel: &'a Cancel,
}

/// Makes a run of each fold, and one of their mean where there are several. A run that is there already is left as it is.
///
/// # Errors
/// The weights do not fit the network that the plans describe, or a folder cannot be written.
pub fn runs(model: &Model, wanted: &Wanted) -> Result<Vec<Made>, ImportError> {
    let mut made = Vec::new();
    let mut members = Vec::new();
    for (fold, checkpoint) in &model.folds {
        if wanted.cancel.is_stopped() {
            return Err(ImportError::Interrupted);
        }
        let run = Stored::new(wanted.run_root, plan(model, *fold, checkpoint, wanted)?);
        let known = write_fold(model, &run, checkpoint)?;
        members.push(run.clone());
        made.push(of(format!("fold {fold}"), run, known));
    }
    if members.len() > 1 {
        let run = Stored::new(wanted.run_root, mean(&members, wanted));
        let known = write_mean(model, &run, &members)?;
        made.push(of(format!("mean of {} folds", members.len()), run, known));
    }
    Ok(made)
}

fn of(name: String, run: Stored, known: Known) -> Made {
    Made { name, folder: run.folder.path().to_path_buf(), known, cases: run.plan.data.cases.len(), run }
}

/// The plan of a fold.
fn plan(model: &Model, fold: Fold, checkpoint: &Checkpoint, wanted: &Wanted) -> Result<Plan, ImportError> {
    let target = wanted.scoring.map_or_else(|| model.labels.target(), |scoring| scoring.target.clone());
    let data = match wanted.scoring {
        Some(scoring) => scoring.of(fold)?.clone(),
        None => Data { dataset: model.dataset.clone(), ..Data::default() },
    };
    let look = match wanted.first {
        Some(first) => LookPlan::Labels { first: first.ids.clone(), values: model.labels.foreground() },
        None => LookPlan::Everywhere,
    };
    // A 2D network's axes are height and width.
    let flat = usize::from(model.patch_size[0] == 1);
    let mirror_axes: Vec<usize> = checkpoint.mirror_axes.iter().map(|axis| axis + flat).collect();
    if mirror_axes.iter().any(|axis| *axis > 2) {
        return Err(ImportError::of(&checkpoint.path, "flips an axis that its images do not have"));
    }
    let mut spec: Train = toml::from_str(RECIPE).unwrap_or_default();
    spec.epochs = checkpoint.epochs.max(1);
    let augment = AugmentPlan::mirroring(mirror_axes.clone());
    let training = Training {
        interact: None,
        seed: 0,
        channels: model.channels.len() + look.channels(),
        preprocess: model.preprocess.clone(),
        model: model.network.clone(),
        pretrained: None,
        imported: Some(Imported {
            from: "nnU-Net v2".into(),
            trainer: checkpoint.trainer.clone(),
            weights: pretrained::hash(&checkpoint.path)?,
        }),
        loss: default_terms(target.overlapping),
        train: TrainPlan::resolve(&spec, model.patch_size, model.batch_size, 0, augment),
    };
    let predict = PredictPlan {
        weights: Weights::Best,
        patch_size: model.patch_size,
        overlap: 0.5,
        blend: Blend::Gaussian,
        averaged: Averaged::Logits,
        mirror_axes,
        mirrored_outputs: Vec::new(),
        batch_size: 1,
        threshold: 0.5,
        largest_component: Vec::new(),
        largest_union: wanted.largest_union.clone(),
    };
    Ok(Plan {
        format: FORMAT,
        task: Task::Segment,
        about: about(model, fold, wanted),
        target,
        work: Work::Train(training),
        look,
        predict,
        evaluate: Evaluate::default(),
        data,
    })
}

fn about(model: &Model, fold: Fold, wanted: &Wanted) -> About {
    // Folds that are scored on the same cases are trials of their own.
    let alone = wanted.scoring.is_some_and(Scoring::is_single);
    let (number, folds) = match fold {
        Fold::Number(number) if !alone => (number, FOLDS.max(number + 1)),
        _ => (0, 1),
    };
    let setting =
        |key: &str, value: String| Setting { key: key.into(), label: format!("{key}={value}"), value: value.into() };
    let mut identity = format!("{}\n{}\n{}", model.dataset, model.trainer, model.configuration);
    let mut settings = Vec::new();
    // Beside nnU-Net's own choice, it is another trial.
    if model.checkpoint == Kind::Best {
        identity += "\nbest";
        settings.push(setting("checkpoint", "best".into()));
    }
    settings.extend(alone.then(|| setting(FOLD, fold.to_string())));
    let mut notes = vec![Note::new("train", "", "as nnUNetTrainer sets it; the model does not record it")];
    notes.extend(model.notes.iter().map(|text| Note::new("train", "", text.clone())));
    About {
        experiment: wanted.experiment.to_owned(),
        description: format!("nnU-Net {} of {}, imported", model.configuration, model.dataset),
        fold: number,
        folds,
        trial: TrialKey {
            settings,
            variant: if wanted.is_first { Variant::CoarseStage } else { Variant::Network },
            spec: blake3::hash(identity.as_bytes()).to_hex()[..16].to_owned(),
        },
        groups: wanted.scoring.map(|scoring| scoring.groups.clone()).unwrap_or_default(),
        notes,
        ..About::default()
    }
}

/// Writes the run of a fold; whether it was there already. The manifest is written last: a folder without it is written again.
fn write_fold(model: &Model, run: &Stored, checkpoint: &Checkpoint) -> Result<Known, ImportError> {
    let is_there =
        || Ok::<_, ImportError>(run.folder.read_manifest()?.is_some() && run.folder.best_weights().is_file());
    if is_there()? {
        return known(run);
    }
    // Before the folder is made: what does not fit leaves nothing.
    let network = network(run, checkpoint)?;
    let _lock = lock(run)?;
    if is_there()? {
        return known(run);
    }
    run.write_plan()?;
    checkpoint::export(&run.folder.best_weights(), &network)?;
    let mut manifest = manifest(model, run);
    let (parameters, epochs) = (network.num_params(), checkpoint.epochs);
    manifest.imported_checkpoint = Some(model.checkpoint.file().to_owned());
    manifest.training = Some(TrainingRecord { parameters, epochs, best_epoch: Some(epochs) });
    run.folder.write_manifest(&manifest)?;
    Ok(Known::New)
}

fn write_mean(model: &Model, run: &Stored, members: &[Stored]) -> Result<Known, ImportError> {
    let _lock = lock(run)?;
    if run.folder.read_manifest()?.is_some() {
        return known(run);
    }
    run.write_plan()?;
    let mut manifest = manifest(model, run);
    let member = |run: &Stored| Member { run: run.ids.clone(), label: run.plan.name(), weights: None };
    manifest.members = members.iter().map(member).collect();
    run.folder.write_manifest(&manifest)?;
    Ok(Known::New)
}

/// A run that is there already: it takes over what is asked for now, the cases to score and the post-processing, as another prediction of
/// the same weights. Whether nothing changed.
fn known(run: &Stored) -> Result<Known, ImportError> {
    // Notes may say it in other words.
    let plain = |plan: &Plan| Plan { about: About { notes: Vec::new(), ..plan.about.clone() }, ..plan.clone() };
    let is_same = Stored::read_plan(&run.folder.plan()).is_ok_and(|plan| plain(&plan) == plain(&run.plan));
    if is_same {
        return Ok(Known::Same);
    }
    run.write_plan()?;
    Ok(Known::Changed)
}

fn lock(run: &Stored) -> Result<Lock, ImportError> {
    let path = run.folder.path();
    fs::create_dir_all(path).map_err(|error| ImportError::io(path, &error))?;
    Lock::take(&run.folder.lock()).map_err(|error| match error {
        LockError::Held { holder, .. } => ImportError::Busy { path: path.into(), holder },
        LockError::Io { path, source } => ImportError::io(&path, &source),
    })
}

fn manifest(model: &Model, run: &Stored) -> Manifest {
    let mut manifest = Manifest::new(&run.id(), "cpu", 0);
    let folder = std::path::absolute(&model.folder).unwrap_or_else(|_| model.folder.clone());
    manifest.imported_from = Some(folder);
    manifest
}

/// The network with the weights of a checkpoint.
fn network(run: &Stored, checkpoint: &Checkpoint) -> Result<Network, ImportError> {
    let Some(training) = run.plan.work.training() else {
        return Err(ImportError::of(&checkpoint.path, "is no training"));
    };
    let device = Device::default();
    let interface = training.interface(&run.plan.target);
    let empty = model::build(&training.model, interface, training.train.precision, 0, &device);
    let hash = training.imported.as_ref().map(|imported| imported.weights.clone()).unwrap_or_default();
    let wanted = PretrainedPlan { hash, prefix: String::new(), rename: Vec::new(), partial: false };
    let (network, report) = pretrained::load(&wanted, &checkpoint.path, &training.model, training.channels, empty)?;
    refuse_misfits(&report, &checkpoint.path)?;
    Ok(network)
}

/// Refuses weights that were adapted, and tensors that no part of our network takes.
fn refuse_misfits(report: &Report, path: &Path) -> Result<(), ImportError> {
    if let Some(adapted) = report.loaded.iter().find(|loaded| !loaded.adapted.is_empty()) {
        let reason = format!("`{}` is for another number of image channels than dataset.json names", adapted.tensor);
        return Err(ImportError::of(path, reason));
    }
    let is_copy = |name: &str| COPIES.iter().any(|part| name.contains(part)) || name.ends_with("num_batches_tracked");
    match report.unused.iter().find(|name| !is_copy(name)) {
        Some(name) => {
            let reason = format!(
                "has `{name}`, which the network that plans.json describes does not have: its trainer built another one"
            );
            Err(ImportError::of(path, reason))
        }
        None => Ok(()),
    }
}

/// The plan of the folds' mean.
fn mean(members: &[Stored], wanted: &Wanted) -> Plan {
    let first = &members[0].plan;
    let average = Average {
        seed: 0,
        selected_on_scored_cases: false,
        members: members.iter().map(|run| run.ids.clone()).collect(),
    };
    let mut trial = first.about.trial.variant(Variant::EnsembleOfFolds(members.len()));
    trial.settings.retain(|setting| setting.key != FOLD);
    let about = About { trial, notes: Vec::new(), fold: 0, folds: 1, ..first.about.clone() };
    let (look, data) = (LookPlan::Everywhere, first.data.clone());
    let plan = Plan { about, work: Work::Average(average), look, data, ..first.clone() };
    match wanted.scoring {
        None => plan,
        Some(scoring) => {
            let scored = if scoring.is_single() { Scored::Test } else { Scored::HeldOut };
            let about = About { scored, ..plan.about };
            Plan { about, data: scoring.of_mean().clone(), ..plan }
        }
    }
}

/// A name for the experiment of a model: `Dataset004_Hippocampus-3d_fullres`.
pub fn usual_name(model: &Model) -> String {
    format!("{}-{}", model.dataset, model.configuration)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_recipe_is_that_of_the_trainer() {
        let recipe: Train = toml::from_str(RECIPE).unwrap();
        assert_eq!(recipe.optimizer.learning_rate(), 0.01);
        assert_eq!(recipe.clip_norm, 12.0);
    }
}
