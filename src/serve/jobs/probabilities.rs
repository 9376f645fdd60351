//! How sure a network is of each voxel, for jobs that are asked for it: a map of each structure takes as much memory as the image, and the
//! maps are not needed for labels.

use std::path::{Path, PathBuf};

use ndarray::Axis;
use serde_json::{Value, json};

use super::super::error::{Answer, Refusal};
use super::super::image;
use super::super::percent::encoded;
use super::{Job, Jobs, Outcome, State};
use crate::dataset::Target;
use crate::memory;
use crate::volume::{self, Volume};

/// Steps between 0 and 1: what the page can show, and what packs well.
const STEPS: f32 = 255.0;
/// Bytes that a voxel of a map takes while it is made: as 32-bit floats, on the network's grid and on the image's.
const BYTES: u64 = 8;

/// Refuses maps that would not fit into memory.
///
/// # Errors
/// So much is not free.
pub fn check_room(image: &Volume, target: &Target) -> Answer<()> {
    let voxels = image.geometry.shape.iter().fold(1_u64, |product, &count| product.saturating_mul(count as u64));
    let bytes = voxels.saturating_mul(BYTES).saturating_mul(target.structures.len() as u64);
    memory::ask(bytes).map_err(|error| {
        Refusal::conflict(format!("the probability maps do not fit into memory: {error}"))
            .help("segment without them, or use `segspec predict --probabilities` on a machine with more memory")
    })
}

/// The file of a structure's map.
pub fn file(job: &Job, place: usize) -> PathBuf {
    job.folder.join(format!("probability-{place}.nii.gz"))
}

/// Writes a file for each structure.
///
/// # Errors
/// The disk is full.
pub fn write(job: &Job, probabilities: &Volume) -> Answer<()> {
    for (place, map) in probabilities.voxels.axis_iter(Axis(0)).enumerate() {
        let voxels = map.mapv(|value| (value * STEPS).round() / STEPS).insert_axis(Axis(0));
        volume::write_volume(&file(job, place), &Volume { voxels, geometry: probabilities.geometry.clone() })?;
    }
    Ok(())
}

/// The maps of a finished job as the page knows them; none if it was not asked for them.
pub fn known(job: &Job, outcome: &Outcome) -> Value {
    let structures = job.target().structures.iter().enumerate().filter(|_| job.wants_probabilities);
    let map = |(place, structure): (usize, &crate::dataset::TargetStructure)| {
        let url = format!("/api/jobs/{}/probabilities/{place}", encoded(&job.id));
        let name = format!("probability of {}", structure.name);
        let mut value = image::about(&name, &url, &outcome.geometry, 1, None);
        value["structure"] = json!(structure.name);
        value
    };
    Value::Array(structures.map(map).collect())
}

/// A map of a job.
///
/// # Errors
/// There is none.
pub fn found(job: &Job, place: &str) -> Answer<PathBuf> {
    job.outcome()?;
    let missing = || Refusal::missing("probability map");
    let place: usize = place.parse().map_err(|_| missing())?;
    let path = file(job, place);
    let is_known = job.wants_probabilities && place < job.target().structures.len() && Path::is_file(&path);
    if is_known { Ok(path) } else { Err(missing()) }
}

impl Jobs {
    /// The maps of a case of a run, from its newest finished job that made some.
    pub fn probabilities(&self, run: &str, case: &str) -> Value {
        let jobs = self.list();
        let is_of = |job: &&std::sync::Arc<Job>| {
            job.wants_probabilities && job.of_case.as_ref().is_some_and(|of| of.0 == run && of.1 == case)
        };
        let newest = jobs.iter().rev().filter(is_of).find_map(|job| {
            let progress = super::locked(&job.progress).clone();
            progress.result.filter(|_| progress.state == State::Done).map(|outcome| known(job, &outcome))
        });
        newest.unwrap_or_else(|| json!([]))
    }
}
