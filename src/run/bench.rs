//! `segspec bench`: what training and prediction of a planned run cost on a device.

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
use crate::plan::{Role, Training, Work};
use crate::preprocess::PreparedCase;
use crate::store::Stored;
use crate::train::spec::StepsPerEpoch;
use crate::train::{self, median};

/// Medians of some steps.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Cost {
    /// Id of the training.
    pub run: String,
    /// Trial and fold in words.
    pub label: String,
    /// Trainable parameters.
    pub parameters: usize,
    /// Patch `[z, y, x]`.
    pub patch_size: [usize; 3],
    /// Patches of a step.
    pub patches_per_step: usize,
    /// Floating-point type of the convolutions.
    pub precision: &'static str,
    /// Where it was measured.
    pub device: String,
    /// Seconds of forward, loss, backward and optimiser.
    pub step_seconds: f64,
    /// Patches learnt from per second.
    pub patches_per_second: f64,
    /// Seconds of cutting and changing a step's patches on one thread.
    pub loading_seconds: f64,
    /// Times as many patches as training takes that the plan's loader threads make.
    pub loader_reserve: f64,
    /// Windows predicted per second.
    pub windows_per_second: f64,
    /// Most memory: of the process on a CPU, of the pool on a GPU; none where the system does not tell.
    pub peak_bytes: Option<u64>,
    /// Seconds of all steps of the training, without validation; none where its steps are the tiles of all cases.
    pub training_seconds: Option<f64>,
}

/// Training cases that patches are cut from.
const CASES: usize = 2;

/// Measures a planned run; none for an average of networks, which trains nothing.
///
/// # Errors
/// A case cannot be prepared, or the device fails.
pub fn measure(run: &Stored, setting: &Setting, steps: usize) -> Result<Option<Cost>, RunError> {
    let plan = &run.plan;
    let Work::Train(training) = &plan.work else { return Ok(None) };
    one::can_compute(plan, setting)?;
    let device = setting.device;
    let prepared = prepare(run, training, setting)?;
    let job = one::job(plan, training, &device.device, prepared.iter().collect(), setting);
    let cost = train::measure_steps(&job, steps)?;
    let windows = plan.predict.batch_size;
    let [depth, height, width] = plan.predict.patch_size;
    let images = Tensor::<5>::zeros([windows, training.channels, depth, height, width], &device.device);
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
        device: device.name.to_string(),
        step_seconds: cost.training,
        patches_per_second: patches as f64 / cost.training,
        loading_seconds: cost.loading,
        loader_reserve: train.loader_threads as f64 * cost.training / cost.loading.max(1e-9),
        windows_per_second: windows as f64 / inference,
        peak_bytes: backend::peak_bytes(&device.device),
        training_seconds: counted.then(|| cost.training * train.steps() as f64),
    }))
}

/// The first training cases, from the cache if they are there.
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
