//! Clicks in the page: the prepared image and its network stay in memory for a while, so that each click is answered at once.

mod sessions;

use std::fs::File;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::Response;
use hyper::{HeaderMap, StatusCode};
use serde::Deserialize;
use serde_json::json;
use tempfile::TempPath;

use super::archive::Ending;
use super::corrections::{labels, received};
use super::error::{Answer, Refusal};
use super::jobs::Job;
use super::percent::decoded;
use super::runs::{files_of, found_case};
use super::state::{Inner, Shared, quick, working};
use super::{answer, image};
use crate::Cancel;
use crate::dataset::{Case, read_image};
use crate::infer::clicks::{Written, prompts};
use crate::infer::{ClickError, InferError, Prompt, Refiner, Trained};
use crate::predict::PredictError;
use crate::run::RunError;
use crate::store::Stored;
use crate::volume::{self, LabelMap};

pub use sessions::Clicks;
use sessions::Session;

/// Header with the clicks: URL-encoded JSON, a list of [`Written`].
const HEADER: &str = "segspec-clicks";
/// Most clicks of a request.
const MOST: usize = 100;

/// What a session is opened for: a case of a run, or the image of a finished job with the job's network.
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

/// Whether the network of a run takes clicks.
pub fn takes_clicks(run: &Stored) -> bool {
    run.plan.work.training().is_some_and(|training| training.interact.is_some())
}

/// `POST /api/clicks`.
pub async fn open(State(state): State<Shared>, body: Body) -> Answer<Response> {
    let wanted: Wanted = answer::read_json(body, state.settings.limits.patience).await?;
    let ending = Ending(Cancel::new());
    let cancel = ending.0.clone();
    let value = working(&state, move |state| {
        let (run, case, job) = wanted_image(state, wanted)?;
        let session = state.clicks.add(session(state, &run, &case, job, &cancel)?);
        let structures = image::structures(session.trained.target(), &[]);
        Ok(json!({ "session": session.id, "structures": structures, "most": MOST }))
    });
    let mut response = answer::json(&value.await?);
    *response.status_mut() = StatusCode::CREATED;
    Ok(response)
}

fn wanted_image(state: &Inner, wanted: Wanted) -> Answer<(Stored, Case, Option<Arc<Job>>)> {
    let takes = |run: &Stored| takes_clicks(run).then_some(()).ok_or_else(|| Refusal::conflict(ClickError::NoClicks));
    match wanted {
        Wanted { run: Some(run), case: Some(case), job: None } => {
            let row = state.catalog.find(&run)?;
            if !row.can_segment() {
                return Err(Refusal::conflict(
                    "this run cannot segment images: it is not trained, or classifies slices",
                ));
            }
            let (run, planned) = found_case(state, &row.id, &case)?;
            takes(&run)?;
            let case = files_of(state, &run, &planned.name)?;
            Ok((run, case, None))
        }
        Wanted { run: None, case: None, job: Some(job) } => {
            let job = state.jobs.find(&job)?;
            job.outcome()?;
            takes(&job.run)?;
            Ok((job.run.clone(), job.case.clone(), Some(job)))
        }
        _ => Err(Refusal::bad("clicks are for a case of a run, or for a job: {\"run\", \"case\"} or {\"job\"}")),
    }
}

/// Reads image and network, as long as the client waits.
fn session(state: &Inner, run: &Stored, case: &Case, job: Option<Arc<Job>>, cancel: &Cancel) -> Answer<Session> {
    let going_on = || if cancel.is_stopped() { Err(gone()) } else { Ok(()) };
    // Before this one takes memory.
    state.clicks.make_room();
    let trained = Trained::open(run, &state.settings.device).map_err(RunError::from)?;
    going_on()?;
    let image = match job.as_ref().and_then(|job| job.upload.as_ref()) {
        Some(upload) => upload.image(case)?,
        None => read_image(case)?,
    };
    going_on()?;
    let prepared = trained.prepare(&image).map_err(refusal)?;
    // Nobody would close it.
    going_on()?;
    Session::new(trained, prepared, job)
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
    // Waited for here: it must not keep one of the few that work from others.
    let turn = session.turn.clone().lock_owned().await;
    let ending = Ending(Cancel::new());
    let cancel = ending.0.clone();
    let refined = working(&state, move |state| {
        let _turn = turn;
        let refined = refine(state, &session, file, &clicks, &cancel);
        session.touch();
        refined
    });
    answer::file(refined.await?, image::Voxels::PACKED.kind, None)
}

/// The labels of a file after the last click, in a file that goes when it is closed.
fn refine(state: &Inner, session: &Session, file: TempPath, clicks: &[Prompt], cancel: &Cancel) -> Answer<File> {
    let grid = &session.prepared.origin.geometry;
    // With the grid that the file states: labels of another one are refused.
    let current = labels(state, &file, Some(grid))?;
    let refiner = Refiner::new(&session.trained, &session.prepared).map_err(Refusal::conflict)?;
    let voxels = refiner.refine(&current, clicks, cancel).map_err(refusal)?.voxels;
    // The image's own grid, not as rounded by whoever wrote the labels.
    volume::write_label_map(&file, &LabelMap { voxels, geometry: grid.clone() })?;
    File::open(&file).map_err(Refusal::failed)
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
    if written.is_empty() || written.len() > MOST {
        return Err(Refusal::bad(format!("{} clicks: send 1 to {MOST}, the newest last", written.len())));
    }
    Ok(written)
}

fn gone() -> Refusal {
    Refusal::conflict("cancelled")
}

fn refusal(error: InferError) -> Refusal {
    match error {
        InferError::Predict(PredictError::Cancelled) => gone(),
        InferError::Predict(error) => Refusal::failed(error),
        error => Refusal::bad(error),
    }
}
