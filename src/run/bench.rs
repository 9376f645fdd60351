//! `segspec bench`: what training and prediction of a planned run cost on a device.

use std::path::Path;
use std::time::Instant;

use burn::module::Module;
use burn::tensor::Tensor;
use serde::Serialize;

use super::error::RunError;
use super::experiment::{Planned, PlannedRun};
use super::trial;
use crate::Cancel;
use crate::backend::{self, Selected};
use crate::dataset::{Case, Fold};
use crate::preprocess::{self, PreparedCase};
use crate::train::spec::StepsPerEpoch;
use crate::train::{self, median};

/// Medians of some steps.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Cost {
    /// Run id.
    pub run: String,
    /// Trial and fold in words.
    pub label: String,
    /// Trainable numbers.
    pub parameters: usize,
    /// Patch `[z, y, x]`.
    pub patch_size: [usize; 3],
    /// Patches of a step.
    pub patches_per_step: usize,
    /// Numbers of the convolutions.
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

/// Measures a planned run.
///
/// # Errors
/// A case cannot be prepared, or the device fails.
pub fn measure(
    planned: &Planned,
    run: &PlannedRun,
    device: &Selected,
    steps: usize,
    cancelled: &Cancel,
) -> Result<Cost, RunError> {
    let plan = &run.plan;
    trial::can_compute(plan, device)?;
    let prepared = prepare(planned, run, cancelled)?;
    let job = trial::job(plan, &device.device, prepared.iter().collect(), Path::new(""), cancelled);
    let cost = train::measure_steps(&job, steps)?;
    let windows = plan.predict.batch_size;
    let [depth, height, width] = plan.predict.patch_size;
    let images = Tensor::<5>::zeros([windows, plan.channels, depth, height, width], &device.device);
    let once = || {
        let start = Instant::now();
        let _ = backend::near(&device.device, || cost.network.forward(images.clone()));
        backend::wait(&device.device);
        start.elapsed().as_secs_f64()
    };
    once();
    let inference = median((0..steps.max(1)).map(|_| once()).collect());
    let patches = plan.train.patches_per_step();
    let counted = matches!(plan.train.steps_per_epoch, StepsPerEpoch::Fixed(_));
    Ok(Cost {
        run: run.id.clone(),
        label: run.label(),
        parameters: cost.network.num_params(),
        patch_size: plan.train.patch_size,
        patches_per_step: patches,
        precision: plan.train.precision.name(),
        device: device.name.to_string(),
        step_seconds: cost.training,
        patches_per_second: patches as f64 / cost.training,
        loading_seconds: cost.loading,
        loader_reserve: plan.train.loader_threads as f64 * cost.training / cost.loading.max(1e-9),
        windows_per_second: windows as f64 / inference,
        peak_bytes: backend::peak_bytes(&device.device),
        training_seconds: counted.then(|| cost.training * plan.train.steps() as f64),
    })
}

/// The first training cases, from the cache if they are there.
fn prepare(planned: &Planned, run: &PlannedRun, cancelled: &Cancel) -> Result<Vec<PreparedCase>, RunError> {
    let names: Vec<String> = run.plan.cases.train.iter().take(CASES).cloned().collect();
    let cases = planned.inputs.cases_of(&Fold { train: names, validation: Vec::new(), test: Vec::new() });
    let content = |case: &Case| planned.inputs.content_of(&case.name);
    let set = preprocess::prepare(&run.plan.preprocess, &cases, &planned.cache, &content, &|_| {}, cancelled)?;
    match set.cases.is_empty() {
        true => Err(RunError::NoCases { what: "training", excluded: set.excluded }),
        false => Ok(set.cases),
    }
}
