//! The files of a run's report.

use std::path::PathBuf;

use axum::extract::{Path, State};
use axum::response::Response;
use hyper::header::{CONTENT_SECURITY_POLICY, HeaderValue};

use super::super::access::REPORT_POLICY;
use super::super::answer;
use super::super::error::{Answer, Refusal};
use super::super::state::{Shared, quick};
use crate::store::Stored;

/// The page of a report.
pub const PAGE: &str = "report.html";

/// `GET /api/runs/ID/report/PATH`.
pub async fn report(State(state): State<Shared>, Path((id, wanted)): Path<(String, String)>) -> Answer<Response> {
    let file = quick(&state, move |state| {
        let run = state.catalog.open(&id)?;
        let path = known_file(&run, &wanted)?;
        let kind = kind(&path.to_string_lossy());
        let file = std::fs::File::open(&path).map_err(Refusal::failed)?;
        Ok((file, kind))
    });
    let (file, kind) = file.await?;
    let mut response = answer::file(file, kind, None)?;
    response.headers_mut().insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(REPORT_POLICY));
    Ok(response)
}

/// The file of a report by its path below the report's folder, which is compared with those that are there.
///
/// # Errors
/// There is none, or it is a link to elsewhere.
pub fn known_file(run: &Stored, wanted: &str) -> Answer<PathBuf> {
    let folder = run.evaluation().report();
    let missing = || Refusal::missing("file of the report");
    let all = crate::files::below(&folder).map_err(|_| missing())?;
    let is_wanted = |path: &PathBuf| path.strip_prefix(&folder).is_ok_and(|below| below.to_str() == Some(wanted));
    let path = all.into_iter().find(is_wanted).ok_or_else(missing)?;
    let [file, place] = [&path, &folder].map(|path| path.canonicalize().map_err(|_| missing()));
    let (file, place) = (file?, place?);
    if file.starts_with(place) { Ok(file) } else { Err(missing()) }
}

fn kind(name: &str) -> &'static str {
    let ending = name.rsplit('.').next().unwrap_or_default().to_ascii_lowercase();
    match ending.as_str() {
        "html" => "text/html; charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "gif" => "image/gif",
        "json" => "application/json",
        "csv" | "md" | "tex" | "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}
