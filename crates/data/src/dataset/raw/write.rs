//! Writes the cases of a raw dataset, several at a time.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use ndarray::Axis;

use super::{Raw, RawError, json};
use crate::dataset::parallel::{self, Ended};
use crate::dataset::{Case, CaseError, read_image, read_label};
use crate::volume::{Volume, WriteError, write_label_map, write_volume};
use crate::{Cancel, files};

/// Cases in memory at a time.
const MAX_IN_MEMORY: usize = 4;

/// Called after each case, from any thread, with the number of finished cases and the total.
pub type Progress<'a> = &'a (dyn Fn(usize, usize) + Sync);

/// A case and where it is written to.
struct Job<'a> {
    case: &'a Case,
    name: &'a str,
    folders: [&'static str; 2],
}

impl Raw {
    /// Writes everything into an existing, empty folder. The caller moves it to its place once it is whole.
    ///
    /// # Errors
    /// [`RawError`]: a case that cannot be read, a file that cannot be written, or cancelled.
    pub fn write(&self, folder: &Path, progress: Progress, cancel: &Cancel) -> Result<(), RawError> {
        let jobs = self.jobs();
        for place in jobs.iter().flat_map(|job| job.folders) {
            let place = folder.join(place);
            std::fs::create_dir_all(&place).map_err(|error| WriteError::io(&place, &error))?;
        }
        let done = AtomicUsize::new(0);
        let sheared = parallel::each(&jobs, MAX_IN_MEMORY, cancel, |job| {
            let is_sheared = self.write_case(job, folder)?;
            progress(done.fetch_add(1, Ordering::Relaxed) + 1, jobs.len());
            Ok::<_, RawError>(is_sheared)
        })
        .map_err(|ended| match ended {
            Ended::Cancelled => RawError::Cancelled,
            Ended::Failed(error) => error,
        })?;
        write_json(&folder.join("dataset.json"), &json::dataset(self, sheared.contains(&true)))?;
        match json::splits(self) {
            Some(splits) => write_json(&folder.join("splits_final.json"), &splits),
            None => Ok(()),
        }
    }

    fn jobs(&self) -> Vec<Job<'_>> {
        let parts = [(&self.parts.training, ["imagesTr", "labelsTr"]), (&self.parts.test, ["imagesTs", "labelsTs"])];
        let job = |name: &String, folders| {
            Some(Job { case: self.cases.get(name)?, name: self.identifiers.get(name)?, folders })
        };
        parts.iter().flat_map(|(names, folders)| names.iter().filter_map(move |name| job(name, *folders))).collect()
    }

    /// Writes a file per channel and the labels; whether the grid has no right angles.
    fn write_case(&self, job: &Job, folder: &Path) -> Result<bool, RawError> {
        let unreadable = |error: CaseError| RawError::Case {
            case: job.case.name.clone(),
            reason: error.to_string(),
            environment: error.is_of_machine(),
        };
        let [images, labels] = job.folders.map(|place| folder.join(place));
        let image = read_image(job.case).map_err(unreadable)?;
        let mut label = read_label(job.case, &image.geometry).map_err(unreadable)?;
        self.labels.apply(&mut label);
        // To the last digit, so that other programs find no difference either.
        label.geometry = image.geometry.clone();
        let ending = json::ENDING;
        write_label_map(&labels.join(format!("{}{ending}", job.name)), &label)?;
        for (number, channel) in image.voxels.axis_iter(Axis(0)).enumerate() {
            let voxels = channel.insert_axis(Axis(0)).to_owned();
            let volume = Volume { voxels, geometry: image.geometry.clone() };
            write_volume(&images.join(format!("{}_{number:04}{ending}", job.name)), &volume)?;
        }
        Ok(image.geometry.is_sheared())
    }
}

fn write_json(path: &Path, value: &serde_json::Value) -> Result<(), RawError> {
    let written = files::write_atomic(path, format!("{value:#}\n").as_bytes());
    written.map_err(|error| WriteError::io(path, &error).into())
}
