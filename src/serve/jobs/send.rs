//! The result of a job, sent to the archive from whose series it was made.

use std::io;

use axum::extract::{Path, Query, State};
use axum::response::Response;
use serde_json::json;
use tempfile::NamedTempFile;

use super::super::answer;
use super::super::archive::asked;
use super::super::error::{Answer, Refusal};
use super::super::formats::Of;
use super::super::state::{Shared, working};
use super::downloads::converted;

/// `POST /api/jobs/ID/pacs?of=prediction|correction`: the DICOM SEG that is offered for download, the same file.
pub async fn send(State(state): State<Shared>, Path(id): Path<String>, Query(of): Query<Of>) -> Answer<Response> {
    state.archive.known()?;
    let made = working(&state, move |state| {
        let job = state.jobs.find(&id)?;
        if job.is_anonymous() {
            return Err(Refusal::conflict("the archive does not know the study of an anonymous copy")
                .help("segment the images as they are, or download the DICOM SEG"));
        }
        let (mut from, _, _) = converted(state, &job, &of, "dcm")?;
        // The file that is kept for the page may be removed while this one is sent.
        let named = tempfile::Builder::new().prefix(".sent-").suffix(".dcm").tempfile_in(&job.folder);
        let mut to: NamedTempFile = named.map_err(Refusal::failed)?;
        io::copy(&mut from, to.as_file_mut()).map_err(Refusal::failed)?;
        Ok(to.into_temp_path())
    });
    let made = made.await?;
    let told = asked(&state, move |pacs| Ok(pacs.store(&[made.to_path_buf()])?)).await?;
    Ok(answer::json(&json!(told)))
}
