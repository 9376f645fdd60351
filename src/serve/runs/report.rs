//! The files of a run's report.
//!
//! A report may come from someone else and hold scripts, so it is shown without an origin, and its links carry no cookie. The page
//! therefore opens it under a path that nobody can guess, which opens this report and nothing else.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Mutex;

use axum::extract::{Path, State};
use axum::response::Response;
use hyper::header::{CONTENT_SECURITY_POLICY, HeaderValue};

use super::super::access::{REPORT_POLICY, Token};
use super::super::answer;
use super::super::error::{Answer, Refusal};
use super::super::state::{Shared, locked, quick};
use crate::store::Stored;

/// The page of a report.
pub const PAGE: &str = "report.html";

/// Beginning of the paths of reports.
const PREFIX: &str = "/report/";

/// The paths under which reports are shown.
#[derive(Default)]
pub struct Reports(Mutex<HashMap<String, String>>);

impl Reports {
    /// Where the page of a run's report is.
    ///
    /// # Errors
    /// The operating system gives no random numbers.
    pub fn url(&self, id: &str) -> Answer<String> {
        let mut all = locked(&self.0);
        let known = all.iter().find(|(_, of)| *of == id).map(|(key, _)| key.clone());
        let key = match known {
            Some(key) => key,
            None => Token::name().map_err(Refusal::failed)?,
        };
        all.insert(key.clone(), id.to_owned());
        Ok(format!("{PREFIX}{key}/{PAGE}"))
    }

    /// The run of a key.
    fn run(&self, key: &str) -> Option<String> {
        locked(&self.0).get(key).cloned()
    }

    /// Whether a path needs no token, because it holds a key.
    pub fn opens(&self, path: &str) -> bool {
        let key = path.strip_prefix(PREFIX).and_then(|rest| rest.split_once('/'));
        key.is_some_and(|(key, _)| self.run(key).is_some())
    }
}

/// `GET /report/KEY/PATH`.
pub async fn keyed(State(state): State<Shared>, Path((key, wanted)): Path<(String, String)>) -> Answer<Response> {
    let id = state.reports.run(&key).ok_or_else(|| Refusal::missing("report"))?;
    shown(&state, id, wanted).await
}

/// `GET /api/runs/ID/report/PATH`.
pub async fn report(State(state): State<Shared>, Path((id, wanted)): Path<(String, String)>) -> Answer<Response> {
    shown(&state, id, wanted).await
}

async fn shown(state: &Shared, id: String, wanted: String) -> Answer<Response> {
    let file = quick(state, move |state| {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_opens_the_report_of_its_run_and_nothing_else() {
        let reports = Reports::default();
        let [one, same, other] = ["a.b", "a.b", "c.d"].map(|id| reports.url(id).unwrap());
        assert!(one == same && one != other);
        let key = one.split('/').nth(2).unwrap();
        assert!(reports.opens(&one) && reports.opens(&format!("/report/{key}/cases/x.png")));
        assert_eq!(reports.run(key).as_deref(), Some("a.b"));
        let short = &key[..key.len() - 1];
        for path in [
            "/report/",
            "/report//x",
            "/report/guess/report.html",
            &format!("/report/{key}"),
            &format!("/report/{short}/x"),
        ] {
            assert!(!reports.opens(path), "{path}");
        }
        assert!(!reports.opens(&format!("/api/report/{key}/x")) && !reports.opens(&format!("//report/{key}/x")));
    }
}
