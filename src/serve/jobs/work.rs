//! The thread that segments, one image after the other.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::{Builder, JoinHandle};
use std::time::Instant;

use super::super::error::{Answer, Refusal};
use super::super::failures::without_folders;
use super::super::image;
use super::super::state::{Inner, Shared, locked};
use super::{Job, Outcome, State, probabilities};
use crate::dataset::read_image;
use crate::infer::Step;
use crate::infer::{InferError, Trained};
use crate::predict::{PredictError, export};
use crate::run::RunError;

/// Parts of the whole time that steps usually take: until the network begins, and until it ends.
const NETWORK: [f64; 2] = [0.1, 0.9];

/// Name of the file of a result; that of the image may be the patient's.
pub const RESULT: &str = "segmentation";

/// Starts the thread.
///
/// # Errors
/// The operating system gives none.
pub fn start(state: &Shared) -> std::io::Result<JoinHandle<()>> {
    let state = state.clone();
    Builder::new().name("segmentation".into()).spawn(move || {
        while let Some(job) = state.jobs.next() {
            work(&state, &job);
        }
    })
}

fn work(state: &Inner, job: &Arc<Job>) {
    let begun = Instant::now();
    locked(&job.progress).state = State::Running;
    // A fault in one image must not end the thread.
    let ended = catch_unwind(AssertUnwindSafe(|| segment(state, job, begun)));
    let ended = ended.unwrap_or_else(|_| Err(Refusal::failed("a fault in segspec; other images can be segmented")));
    let mut progress = locked(&job.progress);
    progress.seconds = begun.elapsed().as_secs_f64();
    progress.state = match ended {
        _ if job.cancel.is_stopped() => State::Cancelled,
        Ok(outcome) => {
            (progress.result, progress.done) = (Some(outcome), 1.0);
            State::Done
        }
        Err(refusal) => State::Failed(told(state, job, &refusal)),
    };
    drop(progress);
    job.touch();
    if job.cancel.is_stopped() {
        // It may have written after its files were removed.
        let _ = std::fs::remove_dir_all(&job.folder);
    }
}

/// Why a job failed, for people: files of an upload are named as its messages name them, others from the server's folders on.
fn told(state: &Inner, job: &Job, refusal: &Refusal) -> String {
    let text = refusal.text().replace(&format!("{}/", job.folder.display()), "");
    let text = job.upload.as_ref().map_or_else(|| text.clone(), |upload| upload.told(&text));
    without_folders(&state.settings, &text)
}

fn segment(state: &Inner, job: &Job, begun: Instant) -> Answer<Outcome> {
    let trained = Trained::open(&job.run, &state.settings.device).map_err(RunError::from)?;
    let image = read_image(&job.case)?;
    let watch = |step: Step| {
        let (step, done) = part(step);
        let mut progress = locked(&job.progress);
        (progress.step, progress.done) = (step, progress.done.max(done));
        progress.seconds = begun.elapsed().as_secs_f64();
    };
    let found = match job.wants_probabilities {
        true => {
            probabilities::check_room(&image, job.target())?;
            let found = trained.segment_with_probabilities(&image, Some(&watch), &job.cancel);
            found.map(|(found, maps)| (found, Some(maps)))
        }
        false => trained.segment_watched(&image, &watch, &job.cancel).map(|found| (found, None)),
    };
    let (found, maps) = found.map_err(|error| match error {
        InferError::Predict(PredictError::Cancelled) => Refusal::conflict("cancelled"),
        error => Refusal::bad(error),
    })?;
    let channels = image.voxels.dim().0;
    drop(image);
    if job.cancel.is_stopped() {
        return Err(Refusal::conflict("cancelled"));
    }
    if let Some(maps) = maps {
        probabilities::write(job, &maps)?;
    }
    export::write(&job.folder, RESULT, &found)?;
    let is_empty = match &found {
        crate::volume::Segmentation::Labels(map) => map.voxels.iter().all(|&value| value == 0),
        crate::volume::Segmentation::Masks { masks, .. } => masks.iter().all(|&value| value == 0),
    };
    let volumes = image::volumes(&found, job.target());
    Ok(Outcome { geometry: found.geometry().clone(), channels, volumes, is_empty })
}

/// The name of a step, and the part of the whole that is done when it begins.
fn part(step: Step) -> (&'static str, f64) {
    let [from, to] = NETWORK;
    let at = |network: usize, of: usize, part: f64| from + (to - from) * (network as f64 + part) / of.max(1) as f64;
    match step {
        Step::Prepare { network: 0, .. } => ("prepare", 0.05),
        Step::Prepare { network, of } => ("prepare", at(network, of, 0.0)),
        Step::Network { network, of, windows: [done, all] } => {
            ("network", at(network, of, done as f64 / all.max(1) as f64))
        }
        Step::Restore => ("restore", to),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_only_grows() {
        let steps = [
            Step::Prepare { network: 0, of: 2 },
            Step::Network { network: 0, of: 2, windows: [0, 4] },
            Step::Network { network: 0, of: 2, windows: [2, 4] },
            Step::Prepare { network: 1, of: 2 },
            Step::Network { network: 1, of: 2, windows: [0, 0] },
            Step::Network { network: 1, of: 2, windows: [3, 4] },
            Step::Restore,
        ];
        let done: Vec<f64> = steps.into_iter().map(|step| part(step).1).collect();
        assert!(done.is_sorted() && done.iter().all(|done| (0.0..=0.9).contains(done)), "{done:?}");
    }
}
