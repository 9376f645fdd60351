//! The hospital's archive (DICOMweb): what it has. Every request to it comes of one by the page, and goes to the address with which the
//! server was started, never to one from a request. What is fetched becomes an upload (`uploads::fetch`); results go back by `jobs::send`.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::Response;
use hyper::StatusCode;
use serde::Deserialize;
use serde_json::json;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::answer;
use super::error::{Answer, Refusal};
use super::state::{Shared, quick};
use crate::Cancel;
use crate::pacs::{Pacs, PacsError, Query};

/// Requests to the archive at a time: each may wait for as long as the archive is silent, and takes a thread meanwhile.
const AT_A_TIME: usize = 4;
/// Studies of a list.
const MOST: usize = 100;
/// Characters of each thing that studies are looked for by.
const LONGEST: usize = 200;

/// The archive, if the server was started with one.
pub struct Archive {
    pacs: Option<Pacs>,
    places: Arc<Semaphore>,
}

/// Cancels when it is dropped: the client is gone, or the server stops.
pub struct Ending(pub Cancel);

impl Drop for Ending {
    fn drop(&mut self) {
        self.0.stop();
    }
}

impl Archive {
    pub fn new(pacs: Option<Pacs>) -> Self {
        Self { pacs, places: Arc::new(Semaphore::new(AT_A_TIME)) }
    }

    pub fn is_known(&self) -> bool {
        self.pacs.is_some()
    }

    /// The archive.
    ///
    /// # Errors
    /// The server was started without one.
    pub fn known(&self) -> Answer<&Pacs> {
        let help = "start it with `--pacs URL` (docs/pacs.md)";
        self.pacs.as_ref().ok_or_else(|| Refusal::conflict("this server knows no archive").help(help))
    }

    /// The archive for one request, which ends when `cancel` is set, and the place that the request takes.
    ///
    /// # Errors
    /// There is no archive, or too many requests to it go on.
    pub fn open(&self, cancel: &Cancel) -> Answer<(Pacs, OwnedSemaphorePermit)> {
        let pacs = self.known()?;
        let place = self.places.clone().try_acquire_owned().map_err(|_| {
            Refusal::too_many(format!("{AT_A_TIME} requests to the archive go on already")).help("wait, or cancel one")
        })?;
        Ok((pacs.until(cancel), place))
    }
}

/// Asks the archive, apart from the threads that serve connections, for as long as the client waits.
///
/// # Errors
/// As [`Archive::open`]; those of `ask`.
pub async fn asked<T: Send + 'static>(
    state: &Shared,
    ask: impl FnOnce(&Pacs) -> Answer<T> + Send + 'static,
) -> Answer<T> {
    let ending = Ending(Cancel::new());
    let (pacs, place) = state.archive.open(&ending.0)?;
    quick(state, move |_| {
        let _place = place;
        ask(&pacs)
    })
    .await
}

impl From<PacsError> for Refusal {
    fn from(error: PacsError) -> Self {
        match error {
            PacsError::Request(text) => Self::bad(text),
            PacsError::Stopped => Self::conflict("the request to the archive was cancelled"),
            PacsError::File { .. } => Self::failed(error),
            PacsError::Away { .. } | PacsError::Refused { .. } | PacsError::Answer { .. } => {
                Self::new(StatusCode::BAD_GATEWAY, format!("the archive: {error}"))
            }
        }
    }
}

/// What studies are looked for.
#[derive(Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
struct Wanted {
    patient_id: String,
    patient_name: String,
    accession: String,
    /// `YYYYMMDD`, or from and to: `YYYYMMDD-YYYYMMDD`; either may be left out.
    date: String,
    modality: String,
}

impl Wanted {
    fn query(self) -> Answer<Query> {
        let Self { patient_id, patient_name, accession, date, modality } = self;
        let is_date = date.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-') && date.len() <= 17;
        if !is_date {
            return Err(Refusal::bad("dates are YYYYMMDD, or YYYYMMDD-YYYYMMDD"));
        }
        let given = |text: String, what: &str| match text.trim() {
            "" => Ok(None),
            text if text.chars().count() > LONGEST || text.contains(|c: char| c.is_control() || c == '\\') => {
                Err(Refusal::bad(format!("the {what} is too long, or holds characters that DICOM does not allow")))
            }
            text => Ok(Some(text.to_owned())),
        };
        Ok(Query {
            patient_id: given(patient_id, "patient's ID")?,
            patient_name: given(patient_name, "patient's name")?,
            accession: given(accession, "accession number")?,
            date: given(date, "date")?,
            modality: given(modality.to_ascii_uppercase(), "modality")?,
            // One more than is shown tells that there are more.
            limit: MOST + 1,
        })
    }
}

/// `POST /api/pacs/studies`: no GET, so that patients' names are in no address.
pub async fn studies(State(state): State<Shared>, body: Body) -> Answer<Response> {
    state.archive.known()?;
    let wanted: Wanted = answer::read_json(body, state.settings.limits.patience).await?;
    let query = wanted.query()?;
    let mut found = asked(&state, move |pacs| Ok(pacs.studies(&query)?)).await?;
    let more = found.len() > MOST;
    found.truncate(MOST);
    Ok(answer::json(&json!({ "studies": found, "more": more })))
}

/// `GET /api/pacs/studies/UID/series`.
pub async fn series(State(state): State<Shared>, Path(study): Path<String>) -> Answer<Response> {
    let found = asked(&state, move |pacs| Ok(pacs.series(&study)?)).await?;
    Ok(answer::json(&json!({ "series": found })))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(json: &str) -> Result<Query, String> {
        let wanted: Wanted = serde_json::from_str(json).map_err(|error| error.to_string())?;
        wanted.query().map_err(|refusal| refusal.text())
    }

    #[test]
    fn what_is_looked_for_is_bounded() {
        let all = query("{}").unwrap();
        assert_eq!((all.patient_id, all.date, all.limit), (None, None, 101));
        let some = query(r#"{"patient-name": " Doe* ", "date": "20240101-", "modality": "ct"}"#).unwrap();
        let texts = [some.patient_name, some.date, some.modality].map(Option::unwrap);
        assert_eq!(texts, ["Doe*", "20240101-", "CT"]);
        let long = format!(r#"{{"patient-id": "{}"}}"#, "x".repeat(201));
        for wrong in [
            r#"{"url": "http://elsewhere"}"#,
            r#"{"date": "today"}"#,
            r#"{"patient-id": "a\\b"}"#,
            r#"{"modality": "C\nT"}"#,
            &long,
        ] {
            assert!(query(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn requests_at_a_time_are_few_and_an_archive_is_needed() {
        assert!(Archive::new(None).open(&Cancel::new()).is_err());
        let archive = Archive::new(Some(Pacs::new("http://127.0.0.1:9/dicom-web").unwrap()));
        let mut open: Vec<_> = (0..AT_A_TIME).map(|_| archive.open(&Cancel::new()).unwrap()).collect();
        assert!(archive.open(&Cancel::new()).is_err());
        open.pop();
        assert!(archive.open(&Cancel::new()).is_ok());
    }
}
