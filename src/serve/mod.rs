//! `segspec serve`: runs, images and segmentation in a browser. The page talks to it by JSON, NIfTI and GLB (docs/serve.md).
//!
//! ```text
//! listen     connections: at most so many, slow ones end; TLS; a graceful stop
//! access     who may ask what: token, Host, Origin; headers of every answer
//! page       the page, embedded in the program
//! runs       lists and details of runs, logs, reports, cases, queue; start and stop of trainings
//! files      images below the roots
//! uploads    images that the browser sends: received, unpacked, looked at
//! archive    the hospital's archive: what it has
//! jobs       segmentation of uploads and files: a queue and one thread
//! corrections  labels that a person drew
//! clicks     labels that a network draws where a person clicks
//! ```
//!
//! What these stand on: `state` (all that requests share), `error` (refusals), `failures` (failed answers, whoever gives them), `answer` (bodies in and out), `image` (grids and label
//! maps as the page wants them), `formats` (label maps as people save them), `volumes` (files made for the page), `scratch` (the temporary folder), `mesh` (surfaces).
//!
//! Nothing from a request becomes part of a path: runs, cases, jobs, uploads and report files are looked up among known ones, and paths
//! below the roots are resolved, with their links, and compared with the roots (docs/security.md).

mod access;
mod answer;
mod archive;
mod clicks;
mod corrections;
mod error;
mod failures;
mod files;
mod formats;
mod image;
mod jobs;
mod listen;
mod mesh;
mod page;
mod percent;
mod routes;
mod runs;
mod scratch;
mod state;
mod uploads;
mod volumes;
mod worst;

use std::path::PathBuf;
use std::time::Duration;

use crate::backend::Selected;
use crate::pacs::Pacs;

pub use listen::tls::Certificate;
pub use listen::{Address, ServeError, own_address, serve};

/// How the server runs.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Folder of all runs.
    pub runs: PathBuf,
    /// Folders whose images may be shown and segmented.
    pub roots: Vec<PathBuf>,
    /// Folder of all datasets, for new ones.
    pub data_root: PathBuf,
    /// The data folder if it was set: cases of runs are looked up there, else where they were when planned.
    pub explicit_data_root: Option<PathBuf>,
    /// Folder of the reports on experiments.
    pub reports: PathBuf,
    /// Folder of the dataset files.
    pub datasets: PathBuf,
    /// Name or address to listen on.
    pub host: String,
    /// Port; 0 for any that is free.
    pub port: u16,
    /// Certificate for HTTPS; without it, HTTP.
    pub certificate: Option<Certificate>,
    /// Whether the page may start and stop trainings.
    pub allow_run: bool,
    /// How long uploads and results stay without being used.
    pub keep_uploads: Duration,
    /// The hospital's archive, if the page may use one.
    pub pacs: Option<Pacs>,
    /// Name stored with corrections.
    pub who: String,
    /// The device of segmentations.
    pub device: Selected,
    /// Bounds.
    pub limits: Limits,
}

/// Bounds on what a browser, or an attacker, can make the server do.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of one upload.
    pub upload: u64,
    /// Bytes of all uploads.
    pub uploads: u64,
    /// Files of one upload.
    pub files: usize,
    /// Folders within each other in one upload.
    pub depth: usize,
    /// How many times its size a compressed file may grow to.
    pub growth: u64,
    /// Bytes that a compressed file may grow to, whatever its size.
    pub always: u64,
    /// Bytes that a compressed file may grow to at most.
    pub unpacked: u64,
    /// Jobs that wait or run.
    pub jobs: usize,
    /// Uploads that are kept.
    pub kept: usize,
    /// Connections.
    pub connections: usize,
    /// How long a connection may stay without a byte within a request.
    pub patience: Duration,
    /// Bytes of files made for the page.
    pub volumes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            upload: 4 << 30,
            uploads: 16 << 30,
            files: 10_000,
            depth: 16,
            growth: 20,
            always: 64 << 20,
            unpacked: 8_000_000_000,
            jobs: 2,
            kept: 16,
            connections: 64,
            patience: Duration::from_secs(30),
            volumes: 4 << 30,
        }
    }
}

/// Said on every page and with every result.
pub const RESEARCH: &str = "Research use only: not a medical device; results need the judgement of an expert.";
