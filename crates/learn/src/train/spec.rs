//! What an experiment says about training, and the resolved form that the stage takes.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::augment::AugmentPlan;
use crate::auto::Auto;
use crate::backend::Precision;
use crate::predict::spec::Blend;

pub use super::average::Ema;
pub use super::metric::Metric;
pub use super::optimizer::spec::{Adam, AdamW, Group, Optimizer, Sgd};
pub use super::schedule::spec::{Plateau, Schedule};
pub use super::steps::StepsPerEpoch;
pub use super::stopping::EarlyStopping;

/// The training schedule.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Train {
    /// Patch `[z, y, x]` in voxels of the prepared grid; depth 1 makes a 2D network. `"auto"`: nnU-Net's rule.
    pub patch_size: Auto<[usize; 3]>,
    /// Patches per batch, and per step unless batches are accumulated. `"auto"`: nnU-Net's rule.
    #[schemars(extend("minimum" = 1))]
    pub batch_size: Auto<usize>,
    /// Number of epochs.
    #[schemars(range(min = 1))]
    pub epochs: usize,
    /// Steps per epoch; `"pass"`: one patch per training case; `"tiles"`: every part of every training case once, cut into patches side
    /// by side.
    pub steps_per_epoch: StepsPerEpoch,
    /// How patches are drawn.
    pub sampling: Sampling,
    /// Batches whose gradients are averaged for one step: the same as a batch that is so many times as large, in the memory of one.
    #[schemars(range(min = 1))]
    pub accumulate: usize,
    /// The optimiser.
    pub optimizer: Optimizer,
    /// Parts of the network with a learning rate or a weight decay of their own, or that wait frozen.
    #[serde(rename = "group", skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<Group>,
    /// Whether norms and biases have weight decay too.
    pub decay_norms_and_biases: bool,
    /// How the learning rate changes over the steps.
    pub schedule: Schedule,
    /// Steps over which the learning rate grows linearly from zero.
    pub warmup_steps: usize,
    /// Largest global norm of the gradient; 0 switches clipping off.
    #[schemars(range(min = 0.0))]
    pub clip_norm: f64,
    /// Largest absolute value in the gradient, before its norm is limited; 0 switches clipping off.
    #[schemars(range(min = 0.0))]
    pub clip_value: f64,
    /// Average the weights over the steps; left out, those of the last step are used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ema: Option<Ema>,
    /// End before the last epoch when the training has not become better for long.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub early_stopping: Option<EarlyStopping>,
    /// Validate whole volumes every so many epochs; 0 never.
    pub validate_every: usize,
    /// How whole volumes are segmented for validation. `[predict]` has settings of its own: changing those trains nothing again.
    pub validation: Validate,
    /// What makes a checkpoint the best.
    pub best: Best,
    /// Keep the weights of every so many epochs as `epoch-N.safetensors`; 0 keeps none.
    pub keep_every: usize,
    /// Threads that cut and augment patches.
    #[schemars(range(min = 1))]
    pub loader_threads: usize,
    /// Numbers of the convolutions; weights, norms, losses and the optimiser are always in 32 bits. Half the memory and up to twice
    /// the speed on GPUs with matrix units; slower on a CPU.
    pub precision: Precision,
    /// Compute cheap activations again in the backward pass instead of keeping them: less memory, more time.
    pub gradient_checkpointing: bool,
}

impl Default for Train {
    fn default() -> Self {
        Self {
            patch_size: Auto::Auto,
            batch_size: Auto::Auto,
            epochs: 100,
            steps_per_epoch: StepsPerEpoch::default(),
            sampling: Sampling::default(),
            accumulate: 1,
            optimizer: Optimizer::default(),
            groups: Vec::new(),
            decay_norms_and_biases: true,
            schedule: Schedule::default(),
            warmup_steps: 0,
            clip_norm: 12.0,
            clip_value: 0.0,
            ema: None,
            early_stopping: None,
            validate_every: 10,
            validation: Validate::default(),
            best: Best::default(),
            keep_every: 0,
            loader_threads: 2,
            precision: Precision::F32,
            gradient_checkpointing: false,
        }
    }
}

/// How training patches are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Sampling {
    /// Fraction of a batch whose patches are centred on a random voxel of a random structure (nnU-Net: 0.33); 0 draws uniformly.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub foreground: f64,
    /// Probability with which a patch without any structure is dropped and drawn again (at most 10 times); part of the tiles without any
    /// structure that an epoch leaves out, others in every epoch.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub drop_background: f64,
}

impl Default for Sampling {
    fn default() -> Self {
        Self { foreground: 0.33, drop_background: 0.0 }
    }
}

/// How whole volumes are segmented for validation: by sliding window, without mirroring and post-processing.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Validate {
    /// Overlap of neighbouring windows as a fraction of the patch.
    #[schemars(range(min = 0.0, max = 0.95))]
    pub overlap: f64,
    /// How overlapping windows are averaged.
    pub blend: Blend,
    /// Windows per forward pass.
    #[schemars(range(min = 1))]
    pub batch_size: usize,
    /// Probability above which a voxel belongs to a structure, where each structure has a probability by itself (sigmoid outputs).
    #[schemars(range(min = 0.0, max = 1.0))]
    pub threshold: f64,
}

impl Default for Validate {
    fn default() -> Self {
        Self { overlap: 0.5, blend: Blend::Gaussian, batch_size: 1, threshold: 0.5 }
    }
}

/// What makes a checkpoint the best.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Best {
    /// The score.
    pub metric: BestMetric,
    /// The structure whose score counts; left out, the mean over structures.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub structure: Option<String>,
    /// The cases that choose: `validation`, or `test` (then every table says that its cases took part in the choice).
    pub cases: BestCases,
}

impl Default for Best {
    fn default() -> Self {
        Self { metric: BestMetric::Dice, structure: None, cases: BestCases::Validation }
    }
}

/// The score that makes a checkpoint the best.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum BestMetric {
    /// Dice coefficient.
    Dice,
    /// Intersection over union.
    Iou,
}

/// The cases that choose the best checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum BestCases {
    /// The split's validation cases.
    Validation,
    /// The scored cases.
    Test,
}

/// The resolved slice of the plan that this stage takes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct TrainPlan {
    /// Patch `[z, y, x]`.
    pub patch_size: [usize; 3],
    /// Patches per batch.
    pub batch_size: usize,
    /// Number of epochs.
    pub epochs: usize,
    /// Steps of one epoch; tiles are counted when training begins.
    pub steps_per_epoch: StepsPerEpoch,
    /// How patches are drawn.
    pub sampling: Sampling,
    /// Patches are drawn from so near to the structures; none: from everywhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub near_mm: Option<f64>,
    /// How patches are changed.
    pub augment: AugmentPlan,
    /// Batches of one step.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub accumulate: usize,
    /// The optimiser.
    pub optimizer: Optimizer,
    /// Groups of parameters.
    #[serde(default, rename = "group", skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<Group>,
    /// Whether norms and biases have weight decay.
    #[serde(default = "yes", skip_serializing_if = "is_true")]
    pub decay_norms_and_biases: bool,
    /// Learning-rate schedule.
    pub schedule: Schedule,
    /// Linear warm-up.
    pub warmup_steps: usize,
    /// Global-norm clip; 0 off.
    pub clip_norm: f64,
    /// Clip of single values; 0 off.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub clip_value: f64,
    /// Average of the weights.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ema: Option<Ema>,
    /// End before the last epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub early_stopping: Option<EarlyStopping>,
    /// Validation interval in epochs; 0 never.
    pub validate_every: usize,
    /// How whole volumes are segmented for validation.
    pub validation: Validate,
    /// What makes a checkpoint the best.
    pub best: Best,
    /// Interval of kept weights; 0 none.
    pub keep_every: usize,
    /// Loader threads (does not change results).
    pub loader_threads: usize,
    /// Numbers of the convolutions.
    #[serde(default)]
    pub precision: Precision,
    /// Memory for time (does not change results).
    #[serde(default)]
    pub gradient_checkpointing: bool,
}

impl TrainPlan {
    /// Fills in what the plan decides outside this stage: patch, batch, the steps of one pass, and the augmentation.
    pub fn resolve(
        spec: &Train,
        patch_size: [usize; 3],
        batch_size: usize,
        training_cases: usize,
        augment: AugmentPlan,
    ) -> Self {
        let steps_per_epoch = match spec.steps_per_epoch {
            StepsPerEpoch::Pass => {
                StepsPerEpoch::Fixed(training_cases.div_ceil((batch_size * spec.accumulate).max(1)).max(1))
            }
            steps @ (StepsPerEpoch::Fixed(_) | StepsPerEpoch::Tiles) => steps,
        };
        Self {
            patch_size,
            batch_size,
            epochs: spec.epochs,
            steps_per_epoch,
            sampling: spec.sampling,
            near_mm: None,
            augment,
            accumulate: spec.accumulate,
            optimizer: spec.optimizer.clone(),
            groups: spec.groups.clone(),
            decay_norms_and_biases: spec.decay_norms_and_biases,
            schedule: spec.schedule,
            warmup_steps: spec.warmup_steps,
            clip_norm: spec.clip_norm,
            clip_value: spec.clip_value,
            ema: spec.ema,
            early_stopping: spec.early_stopping,
            validate_every: spec.validate_every,
            validation: spec.validation,
            best: spec.best.clone(),
            keep_every: spec.keep_every,
            loader_threads: spec.loader_threads,
            precision: spec.precision,
            gradient_checkpointing: spec.gradient_checkpointing,
        }
    }

    /// Steps of one epoch; 1 while tiles are not counted (see [`Deal`](super::Deal)).
    pub fn epoch_steps(&self) -> usize {
        match self.steps_per_epoch {
            StepsPerEpoch::Fixed(steps) => steps.max(1),
            StepsPerEpoch::Pass | StepsPerEpoch::Tiles => 1,
        }
    }

    /// Steps of the whole training.
    pub fn steps(&self) -> usize {
        self.epochs * self.epoch_steps()
    }

    /// Patches that one step learns from.
    pub fn patches_per_step(&self) -> usize {
        self.batch_size * self.accumulate
    }
}

fn one() -> usize {
    1
}

fn is_one(number: &usize) -> bool {
    *number == 1
}

fn yes() -> bool {
    true
}

fn is_true(flag: &bool) -> bool {
    *flag
}

fn is_zero(number: &f64) -> bool {
    *number == 0.0
}
