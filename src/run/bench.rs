//! `segspec bench`: time and memory of training and prediction of a planned run on a device.

use std::time::Instant;

use burn::module::Module;
use burn::tensor::Tensor;
use serde::Serialize;

use super::cases::Cases;
use super::error::RunError;
use super::one;
use super::preparing::prepare_cases;
use super::setting::Setting;
use crate::backend;
use crate::plan::{Role, Training};
use crate::preprocess::PreparedCase;
use crate::store::Stored;
use crate::train::spec::StepsPerEpoch;
use crate::train::{self, median};

/// Medians over a few steps.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Cost {
    /// Id of the training.
    pub run: String,
    /// Trial and fold, for display.
    pub label: String,
    /// Trainable parameters.
    pub parameters: usize,
    /// Patch size `[z, y, x]`.
    pub patch_size: [usize; 3],
    /// Patches per step.
    pub patches_per_step: usize,
    /// Floating-point type of the convolutions.
    pub precision: &'static str,
    /// The device.
    pub device: String,
    /// Seconds per step: forward, loss, backward and optimiser.
    pub step_seconds: f64,
    /// Training patches per second.
    pub patches_per_second: f64,
    /// Seconds to cut and augment the patches of one step on one thread.
    pub loading_seconds: f64,
    /// Throughput of the plan's loader threads relative to that of training.
    pub loader_reserve: f64,
    /// Windows predicted per second.
    pub windows_per_second: f64,
    /// Peak memory in bytes: of the process on a CPU, of the memory pool on a GPU; `None` where unknown.
    pub peak_bytes: Option<u64>,
    /// Seconds of the whole training without validation; `None` with `steps-per-epoch = "tiles"`.
    pub training_seconds: Option<f64>,
}

/// Number of training cases used.
const CASES: usize = 2;

/// Measures a planned run; `None` for an ensemble, which is not trained.
///
/// # Errors
/// A case cannot be preprocessed, or the device fails.
pub fn measure(run: &Stored, setting: &Setting, steps: usize) -> Result<Option<Cost>, RunError> {
    let plan = &run.plan;
    let Some(training) = plan.work.training() else { return Ok(None) };
    one::can_compute(plan, setting)?;
    let device = setting.device;
    let prepared = prepare(run, training, setting)?;
    let job = one::job(plan, training, &device.device, prepared.iter().collect(), setting);
    let cost = train::measure_steps(&job, steps)?;
    let windows = plan.predict.batch_size;
    let [depth, height, width] = plan.predict.patch_size;
    let channels = training.interface(&plan.target).channels;
    let images = Tensor::<5>::zeros([windows, channels, depth, height, width], &device.device);
    let once = || {
        let start = Instant::now();
        let _ = backend::near(&device.device, || cost.network.forward(images.clone()));
        backend::wait(&device.device);
        start.elapsed().as_secs_f64()
    };
    once();
    let inference = median((0..steps.max(1)).map(|_| once()).collect());
    let train = &training.train;
    let patches = train.patches_per_step();
    let counted = matches!(train.steps_per_epoch, StepsPerEpoch::Fixed(_));
    Ok(Some(Cost {
        run: run.ids.training.clone(),
        label: plan.name(),
        parameters: cost.network.num_params(),
        patch_size: train.patch_size,
        patches_per_step: patches,
        precision: train.precision.name(),
        device: device.names().to_string(),
        step_seconds: cost.training,
        patches_per_second: patches as f64 / cost.training,
        loading_seconds: cost.loading,
        loader_reserve: train.loader_threads as f64 * cost.training / cost.loading.max(1e-9),
        windows_per_second: windows as f64 / inference,
        peak_bytes: backend::peak_bytes(&device.device),
        training_seconds: counted.then(|| cost.training * train.steps() as f64),
    }))
}

/// The first training cases, from the cache where possible.
fn prepare(run: &Stored, training: &Training, setting: &Setting) -> Result<Vec<PreparedCase>, RunError> {
    let cases = Cases::locate(run, setting)?;
    let names: Vec<&str> = cases.names(Role::Train).into_iter().take(CASES).collect();
    let chosen: Vec<_> = cases.all().into_iter().filter(|(case, _)| names.contains(&case.name.as_str())).collect();
    let (set, _) = prepare_cases(&training.preprocess, &chosen, run, setting)?;
    match set.cases.is_empty() {
        true => Err(RunError::NoCases { what: "training", excluded: set.excluded }),
        false => Ok(set.cases),
    }
}
