//! Requests for jobs.

use std::time::{Duration, Instant};

use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::Response;
use futures_util::stream::unfold;
use hyper::StatusCode;
use serde::Deserialize;
use serde_json::Value;

use super::super::error::{Answer, Refusal};
use super::super::runs::{files_of, found_case, modality};
use super::super::state::{Inner, Shared, quick, working};
use super::super::uploads::Series;
use super::super::{answer, files};
use super::{About, Order};
use crate::dataset::{Case, unlabelled};
use crate::store::Stored;

/// Shortest and longest time after which a job is looked at again for its events.
const LOOKS: [Duration; 2] = [Duration::from_millis(10), Duration::from_millis(200)];
/// A comment is sent after as long without an event.
const COMMENT: Duration = Duration::from_secs(15);

/// What shall be segmented, and by which run.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    run: String,
    #[serde(default)]
    upload: Option<String>,
    #[serde(default)]
    series: Option<String>,
    #[serde(default)]
    path: Option<String>,
    /// A case of the run.
    #[serde(default)]
    case: Option<String>,
    /// Whether probability maps are wanted, too.
    #[serde(default)]
    probabilities: bool,
}

/// `POST /api/jobs`.
pub async fn post(State(state): State<Shared>, body: Body) -> Answer<Response> {
    let wanted: Wanted = answer::read_json(body, state.settings.limits.patience).await?;
    let value = working(&state, move |state| Ok(state.jobs.add(order(state, wanted)?)?.to_json(&state.jobs)));
    Ok(answer::accepted(&value.await?))
}

fn order(state: &Inner, wanted: Wanted) -> Answer<Order> {
    let row = state.catalog.find(&wanted.run)?;
    if !row.can_segment() {
        return Err(Refusal::conflict("this run cannot segment images: it is not trained, or classifies slices"));
    }
    let run = Stored::open(&row.listed.folder)?;
    let Wanted { upload, series, path, case, probabilities, .. } = wanted;
    let network = [row.id.clone(), row.listed.experiment.clone(), row.name().to_owned()];
    let mut order = match (&upload, &series, path, case) {
        (Some(upload), Some(series), None, None) => {
            let upload = state.uploads.find(upload)?;
            let Series { case, modality, name, file, patient, .. } = upload.series(series)?;
            let case = with_channels(&run, case, &|text| upload.told(text))?;
            let about = About { network, from: "upload", image: name, file, patient };
            Order {
                run,
                case,
                about,
                modality,
                upload: Some(upload),
                of_case: None,
                wants_probabilities: probabilities,
            }
        }
        (None, None, Some(path), None) => {
            let case = with_channels(&run, files::case(state, &path)?, &str::to_owned)?;
            let about = About { network, from: "file", image: case.name.clone(), file: Some(path), patient: None };
            Order { run, case, about, modality: None, upload: None, of_case: None, wants_probabilities: probabilities }
        }
        (None, None, None, Some(name)) => {
            let (_, planned) = found_case(state, &row.id, &name)?;
            let (case, modality) = (files_of(state, &run, &planned.name)?, modality(&run));
            let about = About { network, from: "case", image: planned.name.clone(), file: None, patient: None };
            let of_case = Some((row.id, planned.name));
            return Ok(Order { run, case, about, modality, upload: None, of_case, wants_probabilities: probabilities });
        }
        _ => return Err(Refusal::bad("a job is of an upload and its series, of a path, or of a case of the run")),
    };
    // Pictures state no spacing: they have that of the pictures of the training.
    order.case.reading.spacing_mm = order.run.plan.data.reading.spacing_mm;
    Ok(order)
}

/// For a network with several channels: the other files of a case whose channels are `CASE_0000`, `CASE_0001`, …. What is wrong with them is
/// said as `told` says it.
fn with_channels(run: &Stored, case: Case, told: &dyn Fn(&str) -> String) -> Answer<Case> {
    let channels = run
        .plan
        .work
        .training()
        .map_or(1, |training| training.channels - run.plan.look.channels().min(training.channels));
    let [path] = case.images.as_slice() else { return Ok(case) };
    let is_first = path.file_name().is_some_and(|name| name.to_string_lossy().contains("_0000."));
    if channels < 2 || !is_first || path.is_dir() {
        return Ok(case);
    }
    let (found, left_out) = unlabelled(path, channels).map_err(|error| Refusal::bad(told(&error.to_string())))?;
    match (found.into_iter().next(), left_out.first()) {
        (Some(whole), _) => Ok(Case { images: whole.images, ..case }),
        (None, Some(row)) => Err(Refusal::bad(told(&row.reason))),
        (None, None) => Ok(case),
    }
}

/// `GET /api/jobs`.
pub async fn all(State(state): State<Shared>) -> Answer<Response> {
    let jobs = state.jobs.list().iter().map(|job| job.to_json(&state.jobs)).collect();
    Ok(answer::json(&Value::Array(jobs)))
}

/// `GET /api/jobs/ID`.
pub async fn one(State(state): State<Shared>, Path(id): Path<String>) -> Answer<Response> {
    Ok(answer::json(&state.jobs.find(&id)?.to_json(&state.jobs)))
}

/// `DELETE /api/jobs/ID`.
pub async fn delete(State(state): State<Shared>, Path(id): Path<String>) -> Answer<Response> {
    let is_removed = quick(&state, move |state| {
        let is_removed = state.jobs.remove(&id);
        state.clicks.tidy();
        Ok(is_removed)
    });
    let is_removed = is_removed.await?;
    if !is_removed {
        return Err(Refusal::missing("job"));
    }
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    Ok(response)
}

/// `GET /api/jobs/ID/events`: the job whenever it changes, until it is over.
pub async fn events(State(state): State<Shared>, Path(id): Path<String>) -> Answer<Response> {
    let first = state.jobs.find(&id)?.to_json(&state.jobs);
    let begin = (state, id, Some(first), String::new());
    Ok(answer::events(unfold(begin, |(state, id, now, last)| async move {
        let mut now = now?;
        let waiting = Instant::now();
        loop {
            let text = now.to_string();
            if text != last {
                // Judged by what was told: what comes after is told next.
                let is_over = matches!(now["state"].as_str(), Some("done" | "failed" | "cancelled"));
                return Some((Ok(answer::event(None, &text)), (state, id, (!is_over).then_some(now), text)));
            }
            if state.cancel.is_stopped() {
                return None;
            }
            if waiting.elapsed() > COMMENT {
                return Some((Ok(": waiting\n\n".to_owned()), (state, id, Some(now), last)));
            }
            // A small part of the time that it takes: a short job is not told of late.
            let [shortest, longest] = LOOKS;
            tokio::time::sleep((waiting.elapsed() / 25).clamp(shortest, longest)).await;
            now = state.jobs.find(&id).ok()?.to_json(&state.jobs);
        }
    })))
}
