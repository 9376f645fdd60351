//! Clicks in the page: the prepared image and its network stay in memory for a while, so that each click is answered at once.
//!
//! Clicks and the current labels come with every request, so that a session holds nothing that a person did.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::Response;
use hyper::{HeaderMap, StatusCode};
use serde::Deserialize;
use serde_json::json;

use super::access::Token;
use super::corrections::{labels, received};
use super::error::{Answer, Refusal};
use super::percent::decoded;
use super::runs::{files_of, found_case};
use super::state::{Inner, Shared, locked, quick, working};
use super::{answer, image};
use crate::dataset::{Case, read_image};
use crate::infer::clicks::{Written, prompts};
use crate::infer::{ClickError, InferError, Refiner, Trained};
use crate::predict::PredictError;
use crate::preprocess::Prepared;
use crate::run::RunError;
use crate::store::Stored;
use crate::volume::{self, LabelMap};

/// Header with the clicks: URL-encoded JSON, a list of [`Written`].
const HEADER: &str = "segspec-clicks";
/// Sessions that are kept: each holds an image and a network.
const MOST: usize = 2;
/// Most clicks of a request.
const CLICKS: usize = 100;

/// The sessions, least recently used first.
#[derive(Default)]
pub struct Clicks {
    open: Mutex<VecDeque<Arc<Session>>>,
}

/// An image that is being clicked at.
struct Session {
    id: String,
    trained: Trained,
    prepared: Prepared,
    used: Mutex<Instant>,
    /// Held while a click is followed: two at a time would only wait for each other's network.
    busy: Mutex<()>,
}

/// What a session is opened for: a case of a run, or the image of a job with the job's network.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    #[serde(default)]
    run: Option<String>,
    #[serde(default)]
    case: Option<String>,
    #[serde(default)]
    job: Option<String>,
}

impl Clicks {
    fn add(&self, session: Session) -> Arc<Session> {
        let session = Arc::new(session);
        let mut open = locked(&self.open);
        open.push_back(session.clone());
        while open.len() > MOST {
            open.pop_front();
        }
        session
    }

    fn find(&self, id: &str) -> Answer<Arc<Session>> {
        let mut open = locked(&self.open);
        let place = open.iter().position(|session| session.id == id);
        let session = place.and_then(|place| open.remove(place)).ok_or_else(|| {
            Refusal::missing("session of clicks").help("open it anew: it ends when it is not used, or when others are opened")
        })?;
        *locked(&session.used) = Instant::now();
        open.push_back(session.clone());
        Ok(session)
    }

    fn remove(&self, id: &str) -> bool {
        let mut open = locked(&self.open);
        let count = open.len();
        open.retain(|session| session.id != id);
        open.len() < count
    }

    /// Ends sessions that nobody has used in a while.
    pub fn expire(&self, keep: Duration) {
        locked(&self.open).retain(|session| locked(&session.used).elapsed() <= keep);
    }
}

/// Whether the network of a run takes clicks.
pub fn takes_clicks(run: &Stored) -> bool {
    run.plan.work.training().is_some_and(|training| training.interact.is_some())
}

/// `POST /api/clicks`.
pub async fn open(State(state): State<Shared>, body: Body) -> Answer<Response> {
    let wanted: Wanted = answer::read_json(body, state.settings.limits.patience).await?;
    let value = working(&state, move |state| {
        let (run, case) = wanted_image(state, wanted)?;
        if !takes_clicks(&run) {
            return Err(Refusal::conflict(ClickError::NoClicks));
        }
        let trained = Trained::open(&run, &state.settings.device).map_err(RunError::from)?;
        let prepared = trained.prepare(&read_image(&case)?).map_err(refusal)?;
        let id = Token::name().map_err(Refusal::failed)?;
        let structures = image::structures(trained.target(), &[]);
        let (used, busy) = (Mutex::new(Instant::now()), Mutex::default());
        let session = state.clicks.add(Session { id, trained, prepared, used, busy });
        Ok(json!({ "session": session.id, "structures": structures, "most": CLICKS }))
    });
    let mut response = answer::json(&value.await?);
    *response.status_mut() = StatusCode::CREATED;
    Ok(response)
}

fn wanted_image(state: &Inner, wanted: Wanted) -> Answer<(Stored, Case)> {
    match wanted {
        Wanted { run: Some(run), case: Some(case), job: None } => {
            let row = state.catalog.find(&run)?;
            if !row.can_segment() {
                return Err(Refusal::conflict("this run cannot segment images: it is not trained, or classifies slices"));
            }
            let (run, planned) = found_case(state, &row.id, &case)?;
            let case = files_of(state, &run, &planned.name)?;
            Ok((run, case))
        }
        Wanted { run: None, case: None, job: Some(job) } => {
            let job = state.jobs.find(&job)?;
            Ok((job.run.clone(), job.case.clone()))
        }
        _ => Err(Refusal::bad("clicks are for a case of a run, or for a job: {\"run\", \"case\"} or {\"job\"}")),
    }
}

/// `POST /api/clicks/ID`: the current labels, with the clicks in a header; the answer is the labels after the last click.
pub async fn follow(
    State(state): State<Shared>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Answer<Response> {
    let written = written(&headers)?;
    // Asked first: nothing is received for a session that there is not.
    let session = state.clicks.find(&id)?;
    let clicks = prompts(&written, session.trained.target()).map_err(Refusal::bad)?;
    let file = received(&state, body).await?;
    let refined = working(&state, move |state| {
        let grid = &session.prepared.origin.geometry;
        let current = labels(state, &file, Some(grid))?;
        let current = LabelMap { voxels: current.voxels, geometry: grid.clone() };
        let _one_at_a_time = locked(&session.busy);
        let refiner = Refiner::new(&session.trained, &session.prepared).map_err(Refusal::conflict)?;
        let refined = refiner.refine(&current, &clicks, &state.cancel).map_err(refusal)?;
        // In the place of what came: the file goes when it is sent.
        volume::write_label_map(&file, &refined)?;
        std::fs::File::open(&file).map_err(Refusal::failed)
    });
    answer::file(refined.await?, image::Voxels::PACKED.kind, None)
}

/// `DELETE /api/clicks/ID`.
pub async fn close(State(state): State<Shared>, Path(id): Path<String>) -> Answer<Response> {
    if !quick(&state, move |state| Ok(state.clicks.remove(&id))).await? {
        return Err(Refusal::missing("session of clicks"));
    }
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    Ok(response)
}

fn written(headers: &HeaderMap) -> Answer<Vec<Written>> {
    let text = headers.get(HEADER).and_then(|value| value.to_str().ok()).and_then(decoded);
    let written: Option<Vec<Written>> = text.and_then(|text| serde_json::from_str(&text).ok());
    let written = written.ok_or_else(|| {
        let form = "URL-encoded JSON: [{\"structure\": …, \"at-mm\": [x, y, z], \"positive\": true}]";
        Refusal::bad(format!("the header `{HEADER}` lists the clicks as {form}"))
    })?;
    if written.is_empty() || written.len() > CLICKS {
        return Err(Refusal::bad(format!("{} clicks: send 1 to {CLICKS}, the newest last", written.len())));
    }
    Ok(written)
}

fn refusal(error: InferError) -> Refusal {
    match error {
        InferError::Predict(PredictError::Cancelled) => Refusal::conflict("the server stops"),
        InferError::Predict(error) => Refusal::failed(error),
        error => Refusal::bad(error),
    }
}
