//! Trackers: what TensorBoard and MLflow are told of runs, as listeners of their events ([`follow`]) and from their folders afterwards
//! ([`catch_up`], `segspec track sync`). They change no number and are part of no id.

pub mod facts;
pub mod mlflow;
pub mod tensorboard;

use std::io;
use std::path::{Path, PathBuf};

use crate::observe::Events;
use crate::run::RunError;
use crate::store::Stored;

/// A tracker that cannot be told.
#[derive(Debug, thiserror::Error)]
pub enum TrackError {
    /// No address of a tracking server.
    #[error("{}: set `track.mlflow.url` or MLFLOW_TRACKING_URI to the address of an MLflow server, such as http://localhost:5000",
        if .0.is_empty() { "no MLflow server is named".to_owned() } else { format!("`{}` is no address of an MLflow server", .0) })]
    Nowhere(String),
    /// The server cannot be reached.
    #[error("MLflow at {url} cannot be reached ({reason})")]
    Away {
        /// Its address.
        url: String,
        /// The reason.
        reason: String,
    },
    /// The server refuses.
    #[error("MLflow at {url} refuses ({status} {code}): {reason}")]
    Refused {
        /// Its address.
        url: String,
        /// HTTP status.
        status: u16,
        /// MLflow's name of the error.
        code: String,
        /// Its text.
        reason: String,
    },
    /// The server keeps files where only its own client can write.
    #[error(
        "MLflow at {url} stores files at {store}, where only its clients can write: no files are sent; start it with --serve-artifacts"
    )]
    Elsewhere {
        /// Where it stores them.
        store: String,
        /// Its address.
        url: String,
    },
    /// A file cannot be read.
    #[error("{path}: {}", crate::files::reason(source))]
    File {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
    /// The run folder is damaged.
    #[error(transparent)]
    Run(Box<RunError>),
}

impl TrackError {
    /// Adds the path to an I/O error.
    pub fn file(path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::File { path: path.to_path_buf(), source }
    }

    /// An error of the run folder.
    pub fn run(error: impl Into<RunError>) -> Self {
        Self::Run(Box::new(error.into()))
    }
}

/// The trackers of a run, as listeners of its events. A smoke test has none.
pub fn follow(run: &Stored, events: &Events) -> Events {
    let (track, mut trackers) = (&run.plan.about.track, Events::silent());
    if run.plan.about.smoke {
        return trackers;
    }
    if let Some(settings) = &track.tensorboard {
        trackers = trackers.and(tensorboard::Writer::new(run, settings));
    }
    if let Some(settings) = &track.mlflow {
        trackers = trackers.and(mlflow::Follower::start(run, settings, events.clone()));
    }
    trackers
}

/// Tells the trackers of a finished run what they have not heard: its report, or everything, if it was finished before it was tracked.
///
/// # Errors
/// The server is away or refuses, or a file cannot be read or written.
pub fn catch_up(run: &Stored) -> Result<(), TrackError> {
    let track = &run.plan.about.track;
    if run.plan.about.smoke {
        return Ok(());
    }
    if let Some(settings) = &track.tensorboard {
        tensorboard::catch_up(run, settings).map_err(TrackError::run)?;
    }
    if let Some(settings) = &track.mlflow {
        mlflow::sync(run, settings)?;
    }
    Ok(())
}
