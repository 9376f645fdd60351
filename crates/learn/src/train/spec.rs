//! Training settings of an experiment, and their resolved form.

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

/// Training settings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Train {
    /// Patch size `[z, y, x]` in voxels of the prepared grid; depth 1 makes a 2D network. `"auto"`: nnU-Net's rule.
    pub patch_size: Auto<[usize; 3]>,
    /// Patches per batch, and per step unless batches are accumulated. `"auto"`: nnU-Net's rule.
    #[schemars(extend("minimum" = 1))]
    pub batch_size: Auto<usize>,
    /// Number of epochs.
    #[schemars(range(min = 1))]
    pub epochs: usize,
    /// Steps per epoch; `"pass"`: one patch per training case; `"tiles"`: every training case once, cut into adjacent patches.
    pub steps_per_epoch: StepsPerEpoch,
    /// How patches are drawn.
    pub sampling: Sampling,
    /// Batches whose gradients are averaged for one step: as a batch that many times larger, in the memory of one.
    #[schemars(range(min = 1))]
    pub accumulate: usize,
    /// The optimiser.
    pub optimizer: Optimizer,
    /// Parts of the network with their own learning rate or weight decay, or that are frozen at first.
    #[serde(rename = "group", skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<Group>,
    /// Whether weight decay also applies to norms and biases.
    pub decay_norms_and_biases: bool,
    /// How the learning rate changes over the steps.
    pub schedule: Schedule,
    /// Steps over which the learning rate grows linearly from zero.
    pub warmup_steps: usize,
    /// Maximum global norm of the gradient; 0 disables clipping.
    #[schemars(range(min = 0.0))]
    pub clip_norm: f64,
    /// Maximum absolute value in the gradient, clipped before the norm; 0 disables clipping.
    #[schemars(range(min = 0.0))]
    pub clip_value: f64,
    /// Exponential moving average of the weights. Default: the last step's weights are used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ema: Option<Ema>,
    /// End training before the last epoch if a metric stops improving.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub early_stopping: Option<EarlyStopping>,
    /// Epochs between validations on whole volumes; 0 never validates.
    pub validate_every: usize,
    /// How whole volumes are segmented for validation. `[predict]` has its own settings, whose changes do not cause retraining.
    pub validation: Validate,
    /// How the best checkpoint is selected.
    pub best: Best,
    /// Epochs between weights that are kept as `epoch-N.safetensors`; 0 keeps none.
    pub keep_every: usize,
    /// Minutes between saves of the training's state within an epoch; 0 saves at the end of epochs only. What a killed training loses.
    pub checkpoint_minutes: f64,
    /// Threads that cut and augment patches.
    #[schemars(range(min = 1))]
    pub loader_threads: usize,
    /// Floating-point type of the convolutions; weights, norms, losses and the optimiser always use f32. 16-bit types take half the memory
    /// and are up to twice as fast on GPUs with matrix units; slower on a CPU.
    pub precision: Precision,
    /// Recompute cheap activations in the backward pass instead of storing them: less memory, more time.
    pub gradient_checkpointing: bool,
}

/// Default of `checkpoint-minutes`: little to lose, and saving a large network takes seconds.
const CHECKPOINT_MINUTES: f64 = 10.0;

fn checkpoint_minutes() -> f64 {
    CHECKPOINT_MINUTES
}

fn is_usual(minutes: &f64) -> bool {
    *minutes == CHECKPOINT_MINUTES
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
            checkpoint_minutes: CHECKPOINT_MINUTES,
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
    /// Fraction of a step's patches that are centred on a random voxel of a random structure (nnU-Net: 0.33); 0 draws uniformly.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub foreground: f64,
    /// Probability that a patch without any structure is dropped and redrawn (at most 10 times). With tiles: fraction of the tiles
    /// without any structure that an epoch omits, drawn anew for each epoch.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub drop_background: f64,
}

impl Default for Sampling {
    fn default() -> Self {
        Self { foreground: 0.33, drop_background: 0.0 }
    }
}

/// How whole volumes are segmented for validation: by sliding window, without mirroring or post-processing.
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
    /// Probability above which a voxel belongs to a structure, if each structure has its own probability (sigmoid outputs).
    #[schemars(range(min = 0.0, max = 1.0))]
    pub threshold: f64,
}

impl Default for Validate {
    fn default() -> Self {
        Self { overlap: 0.5, blend: Blend::Gaussian, batch_size: 1, threshold: 0.5 }
    }
}

/// How the best checkpoint is selected.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Best {
    /// The score.
    pub metric: BestMetric,
    /// The structure whose score is used. Default: the mean over structures.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub structure: Option<String>,
    /// The cases used: `validation`, or `test` (every table then says that its cases were used for the selection).
    pub cases: BestCases,
}

impl Default for Best {
    fn default() -> Self {
        Self { metric: BestMetric::Dice, structure: None, cases: BestCases::Validation }
    }
}

/// The score that selects the best checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum BestMetric {
    /// Dice coefficient.
    Dice,
    /// Intersection over union.
    Iou,
}

/// The cases used to select the best checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum BestCases {
    /// The split's validation cases.
    Validation,
    /// The split's test cases.
    Test,
}

/// Resolved training settings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct TrainPlan {
    /// Patch size `[z, y, x]`.
    pub patch_size: [usize; 3],
    /// Patches per batch.
    pub batch_size: usize,
    /// Number of epochs.
    pub epochs: usize,
    /// Steps of one epoch; tiles are counted when training begins.
    pub steps_per_epoch: StepsPerEpoch,
    /// How patches are drawn.
    pub sampling: Sampling,
    /// Maximum distance (mm) of patches from the structures; none: patches from the whole case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub near_mm: Option<f64>,
    /// Augmentation.
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
    /// Early stopping.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub early_stopping: Option<EarlyStopping>,
    /// Validation interval in epochs; 0 never.
    pub validate_every: usize,
    /// How whole volumes are segmented for validation.
    pub validation: Validate,
    /// How the best checkpoint is selected.
    pub best: Best,
    /// Interval of kept weights in epochs; 0 none.
    pub keep_every: usize,
    /// Minutes between saves within an epoch; 0 none (does not change results).
    #[serde(default = "checkpoint_minutes", skip_serializing_if = "is_usual")]
    pub checkpoint_minutes: f64,
    /// Loader threads (does not change results).
    pub loader_threads: usize,
    /// Floating-point type of the convolutions.
    #[serde(default)]
    pub precision: Precision,
    /// Recomputation of activations (does not change results).
    #[serde(default)]
    pub gradient_checkpointing: bool,
}

impl TrainPlan {
    /// Fills in values determined elsewhere in the plan: patch, batch, the steps of one pass, and the augmentation.
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
            checkpoint_minutes: spec.checkpoint_minutes,
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

    /// Total number of steps.
    pub fn steps(&self) -> usize {
        self.epochs * self.epoch_steps()
    }

    /// Patches per step.
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
