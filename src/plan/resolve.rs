//! Resolves a checked spec, a fold and a fingerprint into a plan.

use super::intensity::{body_threshold, intensity_steps};
use super::spacing::{median_shape, target_spacing};
use super::topology::{Topology, TopologyInputs, topology};
use super::{About, Data, FORMAT, LookPlan, Note, Plan, Training, Work};
use crate::augment::AugmentPlan;
use crate::auto::Auto;
use crate::dataset::spec::Modality;
use crate::dataset::{Dataset, Fold, Target, TargetError, target};
use crate::interact::guidance;
use crate::loss::spec::{BinaryCrossEntropy, Outputs};
use crate::loss::{self, Loss};
use crate::model::{Interface, SliceTarget, Task};
use crate::predict::spec::{Averaged, Weights};
use crate::predict::{PredictPlan, mirroring};
use crate::preprocess::fingerprint::Fingerprint;
use crate::preprocess::spec::{Crop, IntensityStep, Spacing};
use crate::preprocess::{Orientation, PreprocessPlan};
use crate::spec::Experiment;
use crate::train::TrainPlan;
use crate::train::pretrained::PretrainedPlan;
use crate::train::spec::BestCases;

/// Why a valid spec cannot be planned for its data.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// The structures.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// No usable training case.
    #[error("no usable training case: nothing can be planned")]
    NoCases,
    /// `ct` normalisation needs labelled voxels.
    #[error(
        "preprocess.intensity: `ct` computes its statistics from labelled voxels, and the training cases have none"
    )]
    NoForeground,
    /// The patch size is not divisible by the strides.
    #[error(
        "train.patch-size {patch:?} is not divisible by the network's strides {stride:?} [z, y, x]; use {suggestion:?}"
    )]
    Patch {
        /// The patch.
        patch: [usize; 3],
        /// Product of the strides.
        stride: [usize; 3],
        /// The next larger patch size that is.
        suggestion: [usize; 3],
    },
    /// The network cannot be built.
    #[error("{key}: {reason}")]
    Network {
        /// The network's table.
        key: &'static str,
        /// Why not.
        reason: String,
    },
    /// A structure named in the spec is not among the experiment's structures.
    #[error("{key} names `{name}`, which this experiment does not segment")]
    Structure {
        /// The key.
        key: &'static str,
        /// The name.
        name: String,
    },
    /// `best` weights without validation cases.
    #[error(
        "predict.weights = \"best\" needs validation cases: set `validation` in the split, or train.best.cases = \"test\""
    )]
    NoValidation,
}

/// The input of [`resolve()`].
pub struct Given<'a> {
    /// One trial.
    pub experiment: &'a Experiment,
    /// Its dataset.
    pub dataset: &'a Dataset,
    /// Training, validation and test cases.
    pub fold: &'a Fold,
    /// Fingerprint of the training cases.
    pub fingerprint: &'a Fingerprint,
    /// Whether no image has a voxel spacing.
    pub without_spacing: bool,
    /// Pretrained weights.
    pub pretrained: Option<&'a PretrainedPlan>,
    /// The region that the network sees.
    pub look: LookPlan,
}

/// Fills in every default and every `"auto"`; `data` are the cases of the fold.
///
/// # Errors
/// See [`PlanError`].
pub fn resolve(from: &Given, about: About, data: Data) -> Result<Plan, PlanError> {
    let experiment = from.experiment;
    let target = resolve_target(from)?;
    let modalities = modalities(from.dataset);
    let preprocess = preprocess(from, &modalities)?;
    let topology = plan_topology(from, &preprocess, &target)?;
    if let Some(reason) = topology.stages.uneven() {
        return Err(PlanError::Network { key: experiment.model.key(), reason });
    }
    let model = experiment.model.resolve(topology.stages.clone());
    let told = experiment.interact.map_or(0, |_| guidance::channels(target.structures.len()));
    let channels = modalities.len() + told;
    let interface = Interface { channels, outputs: target.outputs(), sigmoid: target.sigmoid() };
    if let Some(reason) = model.refuses(interface) {
        return Err(PlanError::Network { key: experiment.model.key(), reason });
    }
    check_patch(topology.patch_size, model.total_stride())?;
    let (augment, augment_notes) = augmentation(from, topology.patch_size, &target);
    let predict = predict(from, topology.patch_size, &augment, &target)?;
    let training = Training {
        seed: experiment.seed,
        channels: modalities.len(),
        preprocess,
        pretrained: from.pretrained.cloned(),
        imported: None,
        interact: experiment.interact,
        loss: resolve_loss(&experiment.loss, model.task(), &target),
        train: schedule(from, &topology, augment),
        model,
    };
    Ok(Plan {
        format: FORMAT,
        task: training.model.task(),
        about: About { notes: [about.notes.clone(), topology.notes, augment_notes].concat(), ..about },
        target,
        work: Work::Train(training),
        look: from.look.clone(),
        predict,
        evaluate: experiment.evaluate.clone(),
        data,
    })
}

/// The structures, and how the network's outputs represent them.
fn resolve_target(from: &Given) -> Result<Target, PlanError> {
    let experiment = from.experiment;
    let target = target(from.dataset, &experiment.structures)?;
    Ok(match experiment.model.slices() {
        Some(SliceTarget::Any) => target.union_target(),
        Some(SliceTarget::PerStructure) => Target { independent: true, ..target },
        None => Target { independent: !target.overlapping && has_independent_outputs(&experiment.loss), ..target },
    })
}

fn schedule(from: &Given, topology: &Topology, augment: AugmentPlan) -> TrainPlan {
    let near_mm = match from.look {
        LookPlan::Box { margin_mm, .. } => Some(margin_mm),
        LookPlan::Everywhere | LookPlan::Slices { .. } | LookPlan::Labels { .. } => None,
    };
    let (patch, batch, cases) = (topology.patch_size, topology.batch_size, from.fold.train.len());
    TrainPlan { near_mm, ..TrainPlan::resolve(&from.experiment.train, patch, batch, cases, augment) }
}

fn resolve_loss(spec: &Auto<Vec<Loss>>, task: Task, target: &Target) -> Vec<Loss> {
    match (spec, task) {
        (Auto::Fixed(terms), _) => terms.clone(),
        (Auto::Auto, Task::ClassifySlices) => vec![Loss::BinaryCrossEntropy(BinaryCrossEntropy::default())],
        (Auto::Auto, Task::Segment) => loss::default_terms(target.sigmoid()),
    }
}

/// Whether the loss asks for one probability per structure (sigmoid).
fn has_independent_outputs(loss: &Auto<Vec<Loss>>) -> bool {
    loss.fixed().is_some_and(|terms| terms.iter().any(|term| term.term().outputs() == Outputs::Independent))
}

/// Modality of each channel.
pub fn modalities(dataset: &Dataset) -> Vec<Modality> {
    match dataset.channels.is_empty() {
        true => vec![dataset.modality],
        false => dataset.channels.iter().map(|channel| channel.modality.unwrap_or(dataset.modality)).collect(),
    }
}

/// The threshold of `crop = "body"` for a dataset's first channel; none where the crop is another.
pub fn crop_threshold(crop: Crop, modalities: &[Modality]) -> Option<f64> {
    modalities.first().filter(|_| crop == Crop::Body).and_then(|modality| body_threshold(*modality))
}

fn preprocess(from: &Given, modalities: &[Modality]) -> Result<PreprocessPlan, PlanError> {
    let (spec, fingerprint) = (&from.experiment.preprocess, from.fingerprint);
    let spacing_mm = match (spec.shape, spec.spacing_mm) {
        (Some(_), _) | (None, Spacing::Keep) => None,
        // Pictures: there is nothing to resample to, and the voxel is the unit of length.
        (None, Spacing::Auto) if from.without_spacing => None,
        (None, Spacing::Fixed(spacing)) => Some(spacing),
        (None, Spacing::Auto) => {
            Some(target_spacing(&fingerprint.spacings_mm(), &fingerprint.cropped_shapes()).ok_or(PlanError::NoCases)?)
        }
    };
    let intensity = match &spec.intensity {
        Auto::Auto => intensity_steps(modalities, fingerprint),
        Auto::Fixed(steps) => fill_statistics(steps, modalities.len(), fingerprint)?,
    };
    Ok(PreprocessPlan {
        orientation: Orientation::Canonical,
        crop: spec.crop,
        body_threshold: crop_threshold(spec.crop, modalities),
        spacing_mm,
        shape: spec.shape,
        image_interpolation: spec.image_interpolation,
        label_interpolation: spec.label_interpolation,
        anisotropy_threshold: spec.anisotropy_threshold,
        intensity,
    })
}

/// Fills in the statistics of every `ct` step from the fingerprint, one step per channel.
fn fill_statistics(
    steps: &[IntensityStep],
    channels: usize,
    fingerprint: &Fingerprint,
) -> Result<Vec<IntensityStep>, PlanError> {
    let mut filled = Vec::new();
    for step in steps {
        match step {
            IntensityStep::Ct { statistics: Auto::Auto, channels: chosen } => {
                let chosen: Vec<usize> = if chosen.is_empty() { (0..channels).collect() } else { chosen.clone() };
                for channel in chosen {
                    let found = *fingerprint.channels.get(channel).ok_or(PlanError::NoForeground)?;
                    let channels = vec![channel];
                    filled.push(IntensityStep::Ct { statistics: Auto::Fixed(found.into()), channels });
                }
            }
            other => filled.push(other.clone()),
        }
    }
    Ok(filled)
}

fn plan_topology(from: &Given, preprocess: &PreprocessPlan, target: &Target) -> Result<Topology, PlanError> {
    let (spacings, shapes) = (from.fingerprint.spacings_mm(), from.fingerprint.cropped_shapes());
    let median_spacing = target_spacing(&spacings, &shapes).ok_or(PlanError::NoCases)?;
    let kept_shape = median(&shapes).ok_or(PlanError::NoCases)?;
    let (spacing_mm, median_shape) = match (preprocess.shape, preprocess.spacing_mm) {
        (Some(shape), _) => {
            let own = |axis: usize| if shape[axis] == 0 { kept_shape[axis] } else { shape[axis] as f64 };
            let shape = [0, 1, 2].map(own);
            (std::array::from_fn(|axis| median_spacing[axis] * kept_shape[axis] / shape[axis]), shape)
        }
        (None, Some(spacing)) => {
            let own = |axis: usize| if spacing[axis] == 0.0 { median_spacing[axis] } else { spacing[axis] };
            let spacing = [0, 1, 2].map(own);
            (spacing, median_shape(&spacings, &shapes, spacing).ok_or(PlanError::NoCases)?)
        }
        (None, None) => (median_spacing, kept_shape),
    };
    Ok(topology(&TopologyInputs {
        spacing_mm,
        median_shape,
        cases: from.fingerprint.cases.len(),
        outputs: target.outputs(),
        memory_target_gb: from.experiment.memory_target_gb,
        network: &from.experiment.model.staged(),
        patch_size: from.experiment.train.patch_size.fixed().copied(),
        batch_size: from.experiment.train.batch_size.fixed().copied(),
    }))
}

/// Median of each axis.
fn median(shapes: &[[usize; 3]]) -> Option<[f64; 3]> {
    let unit = vec![[1.0; 3]; shapes.len()];
    median_shape(&unit, shapes, [1.0; 3])
}

fn check_patch(patch: [usize; 3], stride: [usize; 3]) -> Result<(), PlanError> {
    let suggestion = std::array::from_fn(|axis| patch[axis].div_ceil(stride[axis]).max(1) * stride[axis]);
    if suggestion == patch { Ok(()) } else { Err(PlanError::Patch { patch, stride, suggestion }) }
}

/// The augmentation with its preset filled in, and notes on mirroring left and right.
fn augmentation(from: &Given, patch: [usize; 3], target: &Target) -> (AugmentPlan, Vec<Note>) {
    let mut mirrored = from.dataset.mirrored_values();
    let has = |value: &u16| target.structures.iter().any(|structure| structure.values.contains(value));
    mirrored.retain(|pair| pair.iter().any(has));
    let alone = target.unpaired_sided_structure(&mirrored);
    let plan = AugmentPlan::resolve(&from.experiment.augment, patch, &mirrored, alone.is_some());
    let flips_width = |plan: &AugmentPlan| plan.mirror_axes.contains(&2);
    let would = flips_width(&AugmentPlan::resolve(&from.experiment.augment, patch, &mirrored, false));
    let note = match (alone, flips_width(&plan), would) {
        (Some(name), true, _) => format!("`{name}` keeps its name in patches whose width is mirrored"),
        (Some(name), false, true) => format!("the preset does not mirror the width: `{name}` has a side"),
        _ => return (plan, Vec::new()),
    };
    let why = format!("{note}, and the dataset's `labels.mirror-pairs` gives it no partner");
    (plan, vec![Note::new("augment.mirror", "", why)])
}

fn predict(
    from: &Given,
    patch_size: [usize; 3],
    augment: &AugmentPlan,
    target: &Target,
) -> Result<PredictPlan, PlanError> {
    let spec = &from.experiment.predict;
    let chooses = match from.experiment.train.best.cases {
        BestCases::Validation => !from.fold.validation.is_empty(),
        BestCases::Test => !from.fold.test.is_empty(),
    } && from.experiment.train.validate_every > 0;
    let weights = match (spec.weights, chooses) {
        (Auto::Fixed(Weights::Best), false) => return Err(PlanError::NoValidation),
        (Auto::Fixed(weights), _) => weights,
        (Auto::Auto, true) => Weights::Best,
        (Auto::Auto, false) => Weights::Last,
    };
    let index = |key, name: &String| {
        let found = target.structures.iter().position(|structure| structure.name == *name);
        found.ok_or_else(|| PlanError::Structure { key, name: name.clone() })
    };
    if let Some(name) = &from.experiment.train.best.structure {
        index("train.best.structure", name)?;
    }
    let largest = spec.largest_component.iter().map(|name| index("predict.largest-component", name));
    let axes = if spec.mirror { augment.mirror_axes.as_slice() } else { &[] };
    let (mirror_axes, mirrored_outputs) = mirroring(axes, &augment.mirrored_values, target);
    Ok(PredictPlan {
        weights,
        patch_size,
        overlap: spec.overlap,
        blend: spec.blend,
        averaged: Averaged::Probabilities,
        mirror_axes,
        mirrored_outputs,
        batch_size: spec.batch_size,
        threshold: spec.threshold,
        largest_component: largest.collect::<Result<_, _>>()?,
        largest_union: Vec::new(),
    })
}
