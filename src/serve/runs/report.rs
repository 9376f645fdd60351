//! The files of a report on a run, on an experiment, or on several.
//!
//! A report may come from someone else and hold scripts, so it is shown without an origin, and its links carry no cookie. The page
//! therefore opens it under a path that nobody can guess, which opens this report and nothing else.

use std::collections::HashMap;
use std::path::{Path as FilePath, PathBuf};
use std::sync::Mutex;

use axum::extract::{Path, State};
use axum::response::Response;
use hyper::header::{CONTENT_SECURITY_POLICY, HeaderValue};

use super::super::access::{REPORT_POLICY, Token};
use super::super::answer;
use super::super::error::{Answer, Refusal};
use super::super::state::{Shared, locked, quick};
use super::summaries;

/// The page of a report.
pub const PAGE: &str = "report.html";

/// Beginning of the paths of reports.
const PREFIX: &str = "/report/";

/// The paths under which reports are shown.
#[derive(Default)]
pub struct Reports(Mutex<HashMap<String, Whose>>);

/// What a report is on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Whose {
    /// The run of an id.
    Run(String),
    /// What a folder of the folder of reports is named after: an experiment, or a comparison.
    Folder(String),
}

impl Reports {
    /// Where a page of a report is.
    ///
    /// # Errors
    /// The operating system gives no random numbers.
    pub fn url(&self, whose: &Whose, page: &str) -> Answer<String> {
        let mut all = locked(&self.0);
        let known = all.iter().find(|(_, of)| *of == whose).map(|(key, _)| key.clone());
        let key = match known {
            Some(key) => key,
            None => Token::name().map_err(Refusal::failed)?,
        };
        all.insert(key.clone(), whose.clone());
        Ok(format!("{PREFIX}{key}/{page}"))
    }

    /// The report of a key.
    fn whose(&self, key: &str) -> Option<Whose> {
        locked(&self.0).get(key).cloned()
    }

    /// Whether a path needs no token, because it holds a key.
    pub fn opens(&self, path: &str) -> bool {
        let key = path.strip_prefix(PREFIX).and_then(|rest| rest.split_once('/'));
        key.is_some_and(|(key, _)| self.whose(key).is_some())
    }
}

/// `GET /report/KEY/PATH`.
pub async fn keyed(State(state): State<Shared>, Path((key, wanted)): Path<(String, String)>) -> Answer<Response> {
    let whose = state.reports.whose(&key).ok_or_else(|| Refusal::missing("report"))?;
    shown(&state, whose, wanted).await
}

/// `GET /api/runs/ID/report/PATH`.
pub async fn report(State(state): State<Shared>, Path((id, wanted)): Path<(String, String)>) -> Answer<Response> {
    shown(&state, Whose::Run(id), wanted).await
}

async fn shown(state: &Shared, whose: Whose, wanted: String) -> Answer<Response> {
    let file = quick(state, move |state| {
        let folder = match &whose {
            Whose::Run(id) => state.catalog.open(id)?.evaluation().report(),
            // Found anew: the folder may have become a link to elsewhere.
            Whose::Folder(name) => summaries::find(&state.settings.reports, name)?,
        };
        let path = known_file(&folder, &wanted)?;
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
pub fn known_file(folder: &FilePath, wanted: &str) -> Answer<PathBuf> {
    let missing = || Refusal::missing("file of the report");
    let all = crate::files::below(folder).map_err(|_| missing())?;
    let is_wanted = |path: &PathBuf| path.strip_prefix(folder).is_ok_and(|below| below.to_str() == Some(wanted));
    let path = all.into_iter().find(is_wanted).ok_or_else(missing)?;
    let [file, place] = [path.as_path(), folder].map(|path| path.canonicalize().map_err(|_| missing()));
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
        let [one, same, other] = ["a.b", "a.b", "c.d"].map(|id| reports.url(&Whose::Run(id.into()), PAGE).unwrap());
        assert!(one == same && one != other);
        let named = reports.url(&Whose::Folder("a.b".into()), PAGE).unwrap();
        assert!(![one.as_str(), other.as_str()].contains(&named.as_str()), "an experiment may have the name of a run");
        let key = one.split('/').nth(2).unwrap();
        assert!(reports.opens(&one) && reports.opens(&format!("/report/{key}/cases/x.png")));
        assert_eq!(reports.whose(key), Some(Whose::Run("a.b".into())));
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
