//! A series of the archive as an upload.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;
use serde_json::json;

use super::super::answer;
use super::super::archive::Ending;
use super::super::error::Answer;
use super::super::state::{Inner, Shared, locked, quick};
use super::look::{look_at, refuse};
use super::{Phase, Upload};
use crate::Cancel;
use crate::pacs::{self, Fetched, Limits, Pacs};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    study: String,
    series: String,
    /// Whether what names the patient is removed before anything else is done.
    #[serde(default)]
    anonymous: bool,
}

/// `POST /api/pacs/uploads`.
pub async fn fetch(State(state): State<Shared>, body: Body) -> Answer<Response> {
    state.archive.known()?;
    let Wanted { study, series, anonymous } = answer::read_json(body, state.settings.limits.patience).await?;
    for uid in [&study, &series] {
        pacs::uid(uid)?;
    }
    let cancel = Cancel::new();
    let (pacs, place) = state.archive.open(&cancel)?;
    let phase = Phase::Fetching(Fetched { objects: 0, bytes: 0 });
    let upload = state.uploads.begin(&state, phase, anonymous, cancel)?;
    let id = upload.id.clone();
    tokio::spawn(async move {
        let _ending = Ending(upload.cancel.clone());
        let of_work = upload.clone();
        let fetched = quick(&state, move |state| {
            let _place = place;
            receive(state, &of_work, &pacs, [&study, &series])
        });
        match fetched.await {
            Ok(()) => {
                *locked(&upload.phase) = Phase::Reading;
                look_at(&state, &upload).await;
            }
            Err(refusal) => refuse(&state, &upload, &refusal).await,
        }
    });
    Ok(answer::accepted(&json!({ "upload": id })))
}

/// Writes the objects of a series to the upload's folder. Of what is not complete, nothing stays.
fn receive(state: &Inner, upload: &Arc<Upload>, pacs: &Pacs, series: [&str; 2]) -> Answer<()> {
    let bounds = &state.settings.limits;
    let mut is_full = false;
    let mut progress = |now: Fetched| {
        *locked(&upload.phase) = Phase::Fetching(now);
        upload.bytes.store(now.bytes, Ordering::Relaxed);
        upload.touch();
        if state.uploads.bytes() > bounds.uploads {
            is_full = true;
            upload.cancel.stop();
        }
    };
    let limits = Limits { bytes: bounds.upload, objects: bounds.files };
    let fetched = pacs.fetch_series(series, &upload.folder, limits, &mut progress);
    let Err(error) = fetched else { return Ok(()) };
    upload.clear();
    Err(if is_full { super::receive::too_full() } else { error.into() })
}
