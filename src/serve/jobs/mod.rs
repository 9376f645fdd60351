//! Segmentation of uploads and files: a queue, and one thread that works through it.

mod downloads;
mod probabilities;
mod routes;
mod send;
mod work;

use std::collections::VecDeque;
use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::access::Token;
use super::error::{Answer, Refusal};
use super::state::locked;
use super::uploads::Upload;
use super::volumes::Volumes;
use crate::Cancel;
use crate::corrections::Correction;
use crate::dataset::{Case, Target};
use crate::observe::event::now;
use crate::store::Stored;
use crate::volume::Geometry;

pub use downloads::{correction, correction_json, download, image, meshes, meshes_about, prediction, probability};
pub use routes::{all, delete, events, one, post};
pub use send::send;
pub use work::{RESULT, start};

/// Finished jobs that are kept for each that may wait.
const KEPT: usize = 8;

/// The jobs.
pub struct Jobs {
    folder: PathBuf,
    most: usize,
    volumes: Arc<Volumes>,
    queue: Mutex<Queue>,
    /// Told of every new job, and of the end.
    changed: Condvar,
}

#[derive(Default)]
struct Queue {
    all: Vec<Arc<Job>>,
    waiting: VecDeque<Arc<Job>>,
    is_closed: bool,
}

/// One segmentation.
pub struct Job {
    pub id: String,
    pub folder: PathBuf,
    pub run: Stored,
    pub case: Case,
    pub about: About,
    pub modality: Option<String>,
    /// Keeps the upload from being removed as unused.
    pub upload: Option<Arc<Upload>>,
    /// The run and the case whose image it is.
    pub of_case: Option<(String, String)>,
    pub wants_probabilities: bool,
    pub cancel: Cancel,
    pub progress: Mutex<Progress>,
    /// Locked for moments: lists of jobs show it.
    pub correction: Mutex<Option<Correction>>,
    /// Held while the labels that a person corrected are written or read: their file and `correction` belong together.
    pub saving: Mutex<()>,
    created: String,
    used: Mutex<Instant>,
}

/// What tells a job from others, for people.
#[derive(Clone, Debug)]
pub struct About {
    /// The run whose network segments: its id, its experiment, its name in it.
    pub network: [String; 3],
    /// Where the image comes from: `upload`, `file` or `case`.
    pub from: &'static str,
    /// Name of the image.
    pub image: String,
    /// Its file or folder, where it has one that may be named.
    pub file: Option<String>,
    /// The patient's id, where the image states it and may be named.
    pub patient: Option<String>,
}

impl About {
    fn to_json(&self) -> Value {
        json!({ "from": self.from, "name": self.image, "file": self.file, "patient": self.patient })
    }
}

/// What a job is made of.
pub struct Order {
    pub run: Stored,
    pub case: Case,
    pub about: About,
    pub modality: Option<String>,
    pub upload: Option<Arc<Upload>>,
    /// The run and the case whose image it is.
    pub of_case: Option<(String, String)>,
    pub wants_probabilities: bool,
}

/// How far a job is.
#[derive(Clone, Debug)]
pub struct Progress {
    pub state: State,
    pub step: &'static str,
    pub done: f64,
    pub seconds: f64,
    pub result: Option<Outcome>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    Queued,
    Running,
    Done,
    Failed(String),
    Cancelled,
}

/// What a finished job found.
#[derive(Clone, Debug)]
pub struct Outcome {
    pub geometry: Geometry,
    pub channels: usize,
    pub volumes: Value,
    pub is_empty: bool,
}

impl State {
    fn word(&self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Done => "done",
            Self::Failed(_) => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    fn is_over(&self) -> bool {
        matches!(self, Self::Done | Self::Failed(_) | Self::Cancelled)
    }
}

impl Jobs {
    pub fn new(folder: PathBuf, most: usize, volumes: Arc<Volumes>) -> Self {
        Self { folder, most, volumes, queue: Mutex::default(), changed: Condvar::new() }
    }

    /// Puts a job at the end of the queue.
    ///
    /// # Errors
    /// Too many wait or run.
    pub fn add(&self, order: Order) -> Answer<Arc<Job>> {
        let mut queue = locked(&self.queue);
        let open = queue.all.iter().filter(|job| !locked(&job.progress).state.is_over()).count();
        if open >= self.most || queue.is_closed {
            return Err(Refusal::too_many(format!("{open} jobs wait or run already")).help("wait, or cancel one"));
        }
        let id = Token::name().map_err(Refusal::failed)?;
        let folder = self.folder.join(&id);
        fs::create_dir(&folder).map_err(Refusal::failed)?;
        let progress = Progress { state: State::Queued, step: "prepare", done: 0.0, seconds: 0.0, result: None };
        let Order { run, case, about, modality, upload, of_case, wants_probabilities } = order;
        let job = Arc::new(Job {
            id,
            folder,
            run,
            case,
            about,
            modality,
            upload,
            of_case,
            wants_probabilities,
            cancel: Cancel::new(),
            progress: Mutex::new(progress),
            correction: Mutex::default(),
            saving: Mutex::default(),
            created: now(),
            used: Mutex::new(Instant::now()),
        });
        queue.all.push(job.clone());
        queue.waiting.push_back(job.clone());
        let old = oldest(&mut queue.all, self.most * KEPT);
        drop(queue);
        old.iter().for_each(|job| self.end(job));
        self.changed.notify_all();
        Ok(job)
    }

    /// The job of an id.
    ///
    /// # Errors
    /// There is none.
    pub fn find(&self, id: &str) -> Answer<Arc<Job>> {
        let queue = locked(&self.queue);
        let job = queue.all.iter().find(|job| job.id == id).cloned().ok_or_else(|| Refusal::missing("job"))?;
        job.touch();
        Ok(job)
    }

    /// All jobs, oldest first.
    pub fn list(&self) -> Vec<Arc<Job>> {
        locked(&self.queue).all.clone()
    }

    /// Cancels a job and forgets it; whether there was one.
    pub fn remove(&self, id: &str) -> bool {
        let mut queue = locked(&self.queue);
        queue.waiting.retain(|job| job.id != id);
        let place = queue.all.iter().position(|job| job.id == id);
        let job = place.map(|place| queue.all.remove(place));
        drop(queue);
        job.is_some_and(|job| {
            self.end(&job);
            true
        })
    }

    /// Cancels a job and removes its files.
    fn end(&self, job: &Job) {
        job.cancel.stop();
        let _ = fs::remove_dir_all(&job.folder);
        self.volumes.forget(&job.id);
    }

    /// Removes finished jobs that nobody has asked for in a while.
    pub fn expire(&self, keep: Duration) {
        let is_old = |job: &Arc<Job>| locked(&job.progress).state.is_over() && locked(&job.used).elapsed() > keep;
        let old: Vec<String> = self.list().iter().filter(|job| is_old(job)).map(|job| job.id.clone()).collect();
        for id in old {
            self.remove(&id);
        }
    }

    /// How many jobs come before a job that waits; 0 for others.
    fn position(&self, id: &str) -> usize {
        let queue = locked(&self.queue);
        let place = queue.waiting.iter().position(|job| job.id == id);
        place.map_or(0, |place| place + 1)
    }

    /// The next job; waits for one. `None` at the end.
    fn next(&self) -> Option<Arc<Job>> {
        let mut queue = locked(&self.queue);
        loop {
            if queue.is_closed {
                return None;
            }
            if let Some(job) = queue.waiting.pop_front() {
                return Some(job);
            }
            queue = self.changed.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Cancels all jobs and takes no more.
    pub fn close(&self) {
        let mut queue = locked(&self.queue);
        queue.is_closed = true;
        queue.waiting.clear();
        for job in &queue.all {
            job.cancel.stop();
        }
        self.changed.notify_all();
    }
}

/// Takes finished jobs out of the list that holds too many, those first that nobody has asked for longest: each holds files. What a person
/// corrected stays until nobody has used it for long.
fn oldest(all: &mut Vec<Arc<Job>>, most: usize) -> Vec<Arc<Job>> {
    let mut old = Vec::new();
    while all.len() > most.max(1) {
        let is_free = |job: &Job| locked(&job.progress).state.is_over() && locked(&job.correction).is_none();
        let free = all.iter().enumerate().filter(|(_, job)| is_free(job));
        let Some((place, _)) = free.min_by_key(|(_, job)| *locked(&job.used)) else { break };
        old.push(all.remove(place));
    }
    old
}

impl Job {
    pub fn touch(&self) {
        *locked(&self.used) = Instant::now();
        if let Some(upload) = &self.upload {
            upload.touch();
        }
    }

    pub fn target(&self) -> &Target {
        &self.run.plan.target
    }

    /// What it found.
    ///
    /// # Errors
    /// It is not done.
    pub fn outcome(&self) -> Answer<Outcome> {
        locked(&self.progress).result.clone().ok_or_else(|| Refusal::conflict("this job has no result yet"))
    }

    /// The file of the labels that a person corrected.
    pub fn corrected(&self) -> PathBuf {
        self.folder.join("corrected.nrrd")
    }

    /// Whether a DICOM SEG can refer to slices of its image.
    fn is_series(&self) -> bool {
        super::formats::is_series(&self.case)
    }

    /// Whether somebody removed it, or the upload whose image it has.
    pub fn is_removed(&self) -> bool {
        self.cancel.is_stopped() || self.upload.as_ref().is_some_and(|upload| upload.is_removed())
    }

    /// Whether its image is a copy without what names the patient.
    fn is_anonymous(&self) -> bool {
        self.upload.as_ref().is_some_and(|upload| upload.is_anonymous())
    }

    pub fn to_json(&self, jobs: &Jobs) -> Value {
        let progress = locked(&self.progress).clone();
        let error = match &progress.state {
            State::Failed(reason) => Some(reason.clone()),
            _ => None,
        };
        let correction = locked(&self.correction).as_ref().map(|it| downloads::correction_json(self, it));
        let [run, experiment, name] = &self.about.network;
        let mut image = self.about.to_json();
        image["upload"] = json!(self.upload.as_ref().map(|upload| &upload.id));
        json!({
            "id": self.id, "run": run, "network": { "run": run, "experiment": experiment, "name": name },
            "image": image, "probabilities": self.wants_probabilities, "created": self.created,
            "case": self.case.name, "state": progress.state.word(),
            "position": jobs.position(&self.id), "progress": progress.done, "step": progress.step, "error": error,
            "seconds": progress.seconds, "result": progress.result.map(|outcome| downloads::result(self, &outcome)),
            "correction": correction,
        })
    }
}
