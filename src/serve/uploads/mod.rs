//! Images that the browser sends, or that were fetched from the archive. Each upload has a folder in the server's temporary folder, is looked at once, and is removed when it
//! has not been used for a while, when the page says so, and when the server stops.
//!
//! [`multipart`] takes requests apart, [`names`] makes paths of the names in them, [`receive`] writes the files, [`fetch`] takes a series
//! from the archive, [`unpack`] unpacks zip archives and measures what compressed files grow to, [`look`] finds the series, [`messages`]
//! is the way of everything that people are told of an upload.

mod fetch;
mod look;
mod messages;
mod multipart;
mod names;
mod receive;
mod unpack;

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

use axum::body::Body;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use hyper::{HeaderMap, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use super::access::Token;
use super::error::{Answer, Refusal};
use super::state::{Inner, Shared, locked, quick, working};
use super::volumes::Volumes;
use super::{answer, image};
use crate::Cancel;
use crate::dataset::{Case, read_image};
use crate::pacs::Fetched;
use crate::volume::{Geometry, Volume};

pub use fetch::fetch;
use look::look_at;
use messages::Messages;
pub use names::safe;
pub use unpack::check_growth;

/// How often uploads and jobs are looked at that nobody uses any more.
const SWEEP: Duration = Duration::from_secs(10);

/// The uploads.
pub struct Uploads {
    folder: PathBuf,
    volumes: Arc<Volumes>,
    all: Mutex<Vec<Arc<Upload>>>,
}

/// One upload.
pub struct Upload {
    pub id: String,
    folder: PathBuf,
    bytes: AtomicU64,
    is_removed: AtomicBool,
    is_anonymous: bool,
    messages: Messages,
    /// Ends what is being fetched.
    cancel: Cancel,
    used: Mutex<Instant>,
    phase: Mutex<Phase>,
}

/// How far an upload is.
enum Phase {
    Fetching(Fetched),
    Reading,
    Ready { series: Vec<Series>, problems: Vec<String> },
    Refused(String),
}

/// An image in an upload.
#[derive(Clone)]
pub struct Series {
    pub name: String,
    /// Its file in the upload, or the folder of its slices; `None` in anonymous uploads, where names may tell who it is.
    pub file: Option<String>,
    /// The patient's id, likewise.
    pub patient: Option<String>,
    /// SeriesNumber.
    pub number: Option<String>,
    /// Whether it looks like a label map rather than an image.
    pub looks_like_labels: bool,
    pub modality: Option<String>,
    pub case: Case,
    pub geometry: Geometry,
    pub channels: usize,
}

#[derive(Deserialize)]
pub struct How {
    /// Whether what names the patient is removed before anything else is done.
    #[serde(default)]
    anonymous: bool,
}

#[derive(Deserialize)]
pub struct Channel {
    #[serde(default)]
    channel: Option<usize>,
}

impl Uploads {
    pub fn new(folder: PathBuf, volumes: Arc<Volumes>) -> Self {
        Self { folder, volumes, all: Mutex::default() }
    }

    /// A folder for a new upload.
    fn begin(&self, state: &Inner, phase: Phase, is_anonymous: bool, cancel: Cancel) -> Answer<Arc<Upload>> {
        let mut all = locked(&self.all);
        if all.len() >= state.settings.limits.kept {
            return Err(Refusal::too_many(format!("there are {} uploads already", all.len()))
                .help("remove one, or wait until one that nobody uses is removed"));
        }
        let id = Token::name().map_err(Refusal::failed)?;
        let folder = self.folder.join(&id);
        fs::create_dir(&folder).map_err(Refusal::failed)?;
        let messages = Messages::new(&folder, is_anonymous);
        let upload = Arc::new(Upload {
            id,
            folder,
            bytes: AtomicU64::new(0),
            is_removed: AtomicBool::new(false),
            is_anonymous,
            messages,
            cancel,
            used: Mutex::new(Instant::now()),
            phase: Mutex::new(phase),
        });
        all.push(upload.clone());
        Ok(upload)
    }

    /// The upload of an id.
    ///
    /// # Errors
    /// There is none.
    pub fn find(&self, id: &str) -> Answer<Arc<Upload>> {
        let all = locked(&self.all);
        let upload = all.iter().find(|upload| upload.id == id).cloned();
        let upload =
            upload.ok_or_else(|| Refusal::missing("upload").help("it may have been removed: send the images again"))?;
        upload.touch();
        Ok(upload)
    }

    /// Bytes of all uploads.
    fn bytes(&self) -> u64 {
        locked(&self.all).iter().map(|upload| upload.bytes.load(Ordering::Relaxed)).sum()
    }

    fn remove(&self, id: &str) -> bool {
        let removed = {
            let mut all = locked(&self.all);
            let place = all.iter().position(|upload| upload.id == id);
            place.map(|place| all.remove(place))
        };
        removed.is_some_and(|upload| {
            upload.remove();
            self.volumes.forget(&upload.id);
            true
        })
    }

    fn expire(&self, keep: Duration) {
        let is_old = |upload: &Arc<Upload>| locked(&upload.used).elapsed() > keep;
        let old: Vec<String> = locked(&self.all).iter().filter(|it| is_old(it)).map(|it| it.id.clone()).collect();
        for id in old {
            self.remove(&id);
        }
    }
}

impl Upload {
    pub fn touch(&self) {
        *locked(&self.used) = Instant::now();
    }

    /// Whether what names the patient is removed from it.
    pub fn is_anonymous(&self) -> bool {
        self.is_anonymous
    }

    /// Whether somebody removed it, or it was not used for too long.
    pub fn is_removed(&self) -> bool {
        self.is_removed.load(Ordering::SeqCst)
    }

    /// A message about it as people may read it: without the server's folders, and in anonymous uploads without names of files. Every
    /// message about an upload goes this way, also those of its jobs.
    pub fn told(&self, text: &str) -> String {
        self.messages.told(text)
    }

    /// Reads an image of it.
    ///
    /// # Errors
    /// It cannot be read; the message is as [`Upload::told`] tells it.
    pub fn image(&self, case: &Case) -> Answer<Volume> {
        read_image(case).map_err(|error| {
            let text = self.told(&error.to_string());
            if error.is_of_machine() { Refusal::failed(text) } else { Refusal::bad(text) }
        })
    }

    /// Removes its files; what is known of it stays.
    fn clear(&self) {
        let _ = fs::remove_dir_all(&self.folder);
        self.bytes.store(0, Ordering::Relaxed);
    }

    fn remove(&self) {
        self.is_removed.store(true, Ordering::SeqCst);
        self.cancel.stop();
        let _ = fs::remove_dir_all(&self.folder);
    }

    /// The series of an id.
    ///
    /// # Errors
    /// There is none, or the upload is not ready.
    pub fn series(&self, id: &str) -> Answer<Series> {
        match &*locked(&self.phase) {
            Phase::Fetching(_) => {
                Err(Refusal::conflict("the series is still being fetched").help("ask again in a moment"))
            }
            Phase::Reading => Err(Refusal::conflict("the upload is still being read").help("ask again in a moment")),
            Phase::Refused(reason) => Err(Refusal::conflict(reason)),
            Phase::Ready { series, .. } => {
                let place = id.parse::<usize>().ok().and_then(|number| number.checked_sub(1));
                place.and_then(|place| series.get(place)).cloned().ok_or_else(|| Refusal::missing("series"))
            }
        }
    }

    fn to_json(&self, keep: Duration) -> Value {
        let left = keep.saturating_sub(locked(&self.used).elapsed());
        let expires = humantime::format_rfc3339_seconds(SystemTime::now() + left).to_string();
        let phase = locked(&self.phase);
        let fetched = match *phase {
            Phase::Fetching(Fetched { objects, bytes }) => Some(json!({ "objects": objects, "bytes": bytes })),
            _ => None,
        };
        let (state, error, series, problems) = match &*phase {
            Phase::Fetching(_) => ("fetching", None, Vec::new(), Vec::new()),
            Phase::Reading => ("reading", None, Vec::new(), Vec::new()),
            Phase::Refused(reason) => ("refused", Some(reason.clone()), Vec::new(), Vec::new()),
            Phase::Ready { series, problems } => {
                let each = series.iter().enumerate().map(|(place, series)| series.to_json(&self.id, place + 1));
                ("ready", None, each.collect(), problems.clone())
            }
        };
        json!({
            "upload": self.id, "name": self.messages.sent(), "bytes": self.bytes.load(Ordering::Relaxed), "anonymous": self.is_anonymous,
            "state": state, "fetched": fetched, "error": error, "series": series, "problems": problems, "expires": expires,
        })
    }
}

impl Series {
    fn to_json(&self, upload: &str, number: usize) -> Value {
        let url = format!("/api/uploads/{upload}/series/{number}/voxels");
        let image = image::about(&self.name, &url, &self.geometry, self.channels, self.modality.as_deref());
        let slices = self.geometry.shape[0];
        json!({
            "id": number.to_string(), "name": self.name, "file": self.file, "patient": self.patient, "number": self.number,
            "slices": slices, "modality": self.modality, "looks-like-labels": self.looks_like_labels, "image": image,
        })
    }
}

/// Removes an upload that was not received to its end: the client is gone, or the request was refused.
struct Unfinished(Shared, Option<String>);

impl Drop for Unfinished {
    fn drop(&mut self) {
        if let Some(id) = self.1.take() {
            let state = self.0.clone();
            // Apart from the threads that serve connections: it waits for the disk.
            drop(tokio::task::spawn_blocking(move || state.uploads.remove(&id)));
        }
    }
}

/// `POST /api/uploads`.
pub async fn post(
    State(state): State<Shared>,
    Query(how): Query<How>,
    headers: HeaderMap,
    body: Body,
) -> Answer<Response> {
    let boundary = multipart::boundary(&headers)?;
    receive::refuse_length(&state, &headers)?;
    let upload = state.uploads.begin(&state, Phase::Reading, how.anonymous, Cancel::new())?;
    let mut unfinished = Unfinished(state.clone(), Some(upload.id.clone()));
    receive::receive(&state, &upload, &boundary, body).await?;
    unfinished.1 = None;
    upload.touch();
    let id = upload.id.clone();
    tokio::spawn(async move { look_at(&state, &upload).await });
    Ok(answer::accepted(&json!({ "upload": id })))
}

/// `GET /api/uploads`: those that are kept, the latest first. To list them is not to use them.
pub async fn all(State(state): State<Shared>) -> Response {
    let keep = state.settings.keep_uploads;
    let all: Vec<Value> = locked(&state.uploads.all).iter().rev().map(|upload| upload.to_json(keep)).collect();
    answer::json(&json!({ "uploads": all }))
}

/// `GET /api/uploads/ID`.
pub async fn get(State(state): State<Shared>, Path(id): Path<String>) -> Answer<Response> {
    Ok(answer::json(&state.uploads.find(&id)?.to_json(state.settings.keep_uploads)))
}

/// `DELETE /api/uploads/ID`.
pub async fn delete(State(state): State<Shared>, Path(id): Path<String>) -> Answer<Response> {
    let is_removed = quick(&state, move |state| {
        let is_removed = state.uploads.remove(&id);
        state.clicks.tidy();
        Ok(is_removed)
    });
    let is_removed = is_removed.await?;
    if !is_removed {
        return Err(Refusal::missing("upload"));
    }
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    Ok(response)
}

/// `GET /api/uploads/ID/series/N/voxels?channel=N`.
pub async fn voxels(
    State(state): State<Shared>,
    Path((id, series)): Path<(String, String)>,
    Query(part): Query<Channel>,
) -> Answer<Response> {
    let file = working(&state, move |state| {
        let upload = state.uploads.find(&id)?;
        let found = upload.series(&series)?;
        let key = [series.as_str(), &format!("{:?}", part.channel)];
        let file = state.volumes.get_of(&upload.id, &key, state.voxels.ending, |path| {
            image::write_image(path, upload.image(&found.case)?, part.channel)
        });
        if upload.is_removed() {
            state.volumes.forget(&upload.id);
        }
        file
    });
    answer::file(file.await?, state.voxels.kind, None)
}

/// Removes, again and again, uploads, jobs and sessions of clicks that nobody uses any more.
pub async fn expire(state: Shared) {
    let keep = state.settings.keep_uploads;
    while !state.cancel.is_stopped() {
        tokio::time::sleep(SWEEP.min(keep)).await;
        let done = quick(&state, move |state| {
            state.uploads.expire(keep);
            state.jobs.expire(keep);
            state.clicks.expire(keep);
            Ok(())
        });
        let _ = done.await;
    }
}
