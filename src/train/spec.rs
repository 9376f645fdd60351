//! What an experiment says about training, and the resolved form that the stage takes.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::augment::AugmentPlan;
use crate::backend::Precision;
use crate::spec::Auto;

/// The training schedule.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Train {
    /// Patch `[z, y, x]` in voxels of the prepared grid; depth 1 makes a 2D network. `"auto"`: nnU-Net's rule.
    pub patch_size: Auto<[usize; 3]>,
    /// Patches per step. `"auto"`: nnU-Net's rule.
    #[schemars(extend("minimum" = 1))]
    pub batch_size: Auto<usize>,
    /// Number of epochs.
    #[schemars(range(min = 1))]
    pub epochs: usize,
    /// Steps per epoch, or `"pass"`: as many as it takes to draw one patch per training case.
    pub steps_per_epoch: StepsPerEpoch,
    /// How patches are drawn.
    pub sampling: Sampling,
    /// The optimiser.
    pub optimizer: Optimizer,
    /// How the learning rate changes over the steps.
    pub schedule: Schedule,
    /// Steps over which the learning rate grows linearly from zero.
    pub warmup_steps: usize,
    /// Largest global norm of the gradient; 0 switches clipping off.
    #[schemars(range(min = 0.0))]
    pub clip_norm: f64,
    /// Validate whole volumes every so many epochs; 0 never.
    pub validate_every: usize,
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
            optimizer: Optimizer::default(),
            schedule: Schedule::default(),
            warmup_steps: 0,
            clip_norm: 12.0,
            validate_every: 10,
            best: Best::default(),
            keep_every: 0,
            loader_threads: 2,
            precision: Precision::F32,
            gradient_checkpointing: false,
        }
    }
}

/// Steps per epoch: a number or `"pass"`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StepsPerEpoch {
    /// One patch per training case.
    #[default]
    Pass,
    /// A number of steps.
    Fixed(usize),
}

/// How training patches are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Sampling {
    /// Fraction of a batch whose patches are centred on a random voxel of a random structure (nnU-Net: 0.33); 0 draws uniformly.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub foreground: f64,
    /// Probability with which a patch without any structure is dropped and drawn again (at most 10 times).
    #[schemars(range(min = 0.0, max = 1.0))]
    pub drop_background: f64,
}

impl Default for Sampling {
    fn default() -> Self {
        Self { foreground: 0.33, drop_background: 0.0 }
    }
}

/// The optimiser.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Optimizer {
    /// Adam with decoupled weight decay (Loshchilov & Hutter 2019).
    Adamw(AdamW),
    /// Stochastic gradient descent with momentum.
    Sgd(Sgd),
}

impl Default for Optimizer {
    fn default() -> Self {
        Self::Adamw(AdamW::default())
    }
}

/// Adam with decoupled weight decay.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct AdamW {
    /// Learning rate.
    #[schemars(range(min = 0.0))]
    pub learning_rate: f64,
    /// Weight decay.
    #[schemars(range(min = 0.0))]
    pub weight_decay: f64,
    /// Decay of the first and second moment.
    pub betas: [f64; 2],
    /// Denominator's floor.
    #[schemars(range(min = 0.0))]
    pub epsilon: f64,
}

impl Default for AdamW {
    fn default() -> Self {
        Self { learning_rate: 1e-3, weight_decay: 1e-4, betas: [0.9, 0.999], epsilon: 1e-8 }
    }
}

/// Stochastic gradient descent with momentum (dampening 0, as in PyTorch).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Sgd {
    /// Learning rate.
    #[schemars(range(min = 0.0))]
    pub learning_rate: f64,
    /// L2 penalty added to the gradient.
    #[schemars(range(min = 0.0))]
    pub weight_decay: f64,
    /// Momentum.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub momentum: f64,
    /// Nesterov's form.
    pub nesterov: bool,
}

impl Default for Sgd {
    fn default() -> Self {
        Self { learning_rate: 1e-2, weight_decay: 3e-5, momentum: 0.99, nesterov: true }
    }
}

/// How the learning rate changes over all steps of training.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case", deny_unknown_fields)]
pub enum Schedule {
    /// Stays.
    Constant {},
    /// `(1 − step/steps)^power` (nnU-Net: 0.9).
    Polynomial {
        /// The exponent.
        #[serde(default = "default_power")]
        #[schemars(range(min = 0.0))]
        power: f64,
    },
    /// Half a cosine from the learning rate down to `minimum` times it.
    Cosine {
        /// The last learning rate as a fraction of the first.
        #[serde(default)]
        #[schemars(range(min = 0.0, max = 1.0))]
        minimum: f64,
    },
}

fn default_power() -> f64 {
    0.9
}

impl Default for Schedule {
    fn default() -> Self {
        Self::Polynomial { power: default_power() }
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
    /// Patches per step.
    pub batch_size: usize,
    /// Number of epochs.
    pub epochs: usize,
    /// Steps of one epoch.
    pub steps_per_epoch: usize,
    /// How patches are drawn.
    pub sampling: Sampling,
    /// How patches are changed.
    pub augment: AugmentPlan,
    /// The optimiser.
    pub optimizer: Optimizer,
    /// Learning-rate schedule.
    pub schedule: Schedule,
    /// Linear warm-up.
    pub warmup_steps: usize,
    /// Global-norm clip; 0 off.
    pub clip_norm: f64,
    /// Validation interval in epochs; 0 never.
    pub validate_every: usize,
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
            StepsPerEpoch::Pass => training_cases.div_ceil(batch_size.max(1)).max(1),
            StepsPerEpoch::Fixed(steps) => steps,
        };
        Self {
            patch_size,
            batch_size,
            epochs: spec.epochs,
            steps_per_epoch,
            sampling: spec.sampling,
            augment,
            optimizer: spec.optimizer.clone(),
            schedule: spec.schedule,
            warmup_steps: spec.warmup_steps,
            clip_norm: spec.clip_norm,
            validate_every: spec.validate_every,
            best: spec.best.clone(),
            keep_every: spec.keep_every,
            loader_threads: spec.loader_threads,
            precision: spec.precision,
            gradient_checkpointing: spec.gradient_checkpointing,
        }
    }

    /// Steps of the whole training.
    pub fn steps(&self) -> usize {
        self.epochs * self.steps_per_epoch
    }
}

impl Serialize for StepsPerEpoch {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Pass => serializer.serialize_str("pass"),
            Self::Fixed(steps) => steps.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for StepsPerEpoch {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(StepsVisitor)
    }
}

struct StepsVisitor;

impl serde::de::Visitor<'_> for StepsVisitor {
    type Value = StepsPerEpoch;

    fn expecting(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        f.write_str("\"pass\" or a number of steps")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<StepsPerEpoch, E> {
        match text {
            "pass" => Ok(StepsPerEpoch::Pass),
            _ => Err(E::invalid_value(serde::de::Unexpected::Str(text), &self)),
        }
    }

    fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<StepsPerEpoch, E> {
        let steps = usize::try_from(value).ok().filter(|steps| *steps > 0);
        steps.map(StepsPerEpoch::Fixed).ok_or_else(|| E::invalid_value(serde::de::Unexpected::Signed(value), &self))
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<StepsPerEpoch, E> {
        self.visit_i64(value.try_into().unwrap_or(0))
    }
}

impl JsonSchema for StepsPerEpoch {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "StepsPerEpoch".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "anyOf": [{ "const": "pass" }, { "type": "integer", "minimum": 1 }] })
    }
}
