//! Compiles and tunes the kernels of a planned run ahead: minutes on a GPU, once for each driver.

use std::path::PathBuf;
use std::time::Instant;

use serde::Serialize;

use super::error::RunError;
use super::one;
use super::setting::Setting;
use crate::backend::{DeviceName, kernel_cache};
use crate::infer::Validator;
use crate::observe::Kind;
use crate::predict::Predictor;
use crate::store::Stored;
use crate::train;

/// What was made ready.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Warmed {
    /// Id of the training.
    pub run: String,
    /// Trial and fold, for display.
    pub label: String,
    /// The devices.
    pub device: String,
    /// Seconds that it took.
    pub seconds: f64,
    /// Where the kernels are kept; `None` for the CPU, whose kernels are part of the program.
    pub kernels: Option<PathBuf>,
}

/// Runs one training step and one batch of windows on empty images, as the run would, and discards the results; `None` for an ensemble,
/// which has no network of its own. Reads no case and writes no run.
///
/// # Errors
/// The device fails, or the user stopped.
pub fn warm(run: &Stored, setting: &Setting) -> Result<Option<Warmed>, RunError> {
    let plan = &run.plan;
    let Some(training) = plan.work.training() else { return Ok(None) };
    one::can_compute(plan, setting)?;
    announce(setting);
    let start = Instant::now();
    let device = &setting.device.device;
    let network = train::warm(&one::job(plan, training, device, Vec::new(), setting))?;
    let validator = Validator {
        cases: Vec::new(),
        task: plan.task,
        training,
        target: &plan.target,
        device,
        cancelled: setting.cancel,
    };
    for predict in [&plan.predict, &validator.plan()] {
        let predictor = Predictor {
            network: &network,
            device,
            plan: predict,
            sigmoid: plan.target.sigmoid(),
            outputs: plan.target.outputs(),
            pass: None,
            guidance: training.no_clicks(&plan.target),
            watch: None,
        };
        predictor.warm(training.interface(&plan.target).channels);
    }
    Ok(Some(Warmed {
        run: run.ids.training.clone(),
        label: plan.name(),
        device: setting.device.names().to_string(),
        seconds: start.elapsed().as_secs_f64(),
        kernels: kernel_cache::file(setting.device.name),
    }))
}

/// Tells that kernels are compiled, which the CPU does not need.
pub(super) fn announce(setting: &Setting) {
    if setting.device.name != DeviceName::Cpu {
        setting.events.emit(Kind::Warming { device: setting.device.names().to_string() });
    }
}
