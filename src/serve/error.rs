//! Requests that are refused, and failures, as the page is told of them.

use axum::response::{IntoResponse, Response};
use hyper::StatusCode;
use serde_json::json;

use super::answer;
use crate::corrections::CorrectionError;
use crate::dataset::{CaseError, DataError};
use crate::run::RunError;
use crate::store::{LockError, StoreError};
use crate::volume::{ReadError, WriteError};

/// A refused request: status, one sentence, and what to do.
#[derive(Debug)]
pub struct Refusal {
    status: StatusCode,
    error: String,
    help: Option<String>,
    /// Whether names or values of new structures are those of others, which the page can mend by itself.
    clash: bool,
}

pub type Answer<T> = Result<T, Refusal>;

impl Refusal {
    pub fn new(status: StatusCode, error: impl std::fmt::Display) -> Self {
        Self { status, error: error.to_string(), help: None, clash: false }
    }

    pub fn bad(error: impl std::fmt::Display) -> Self {
        Self::new(StatusCode::BAD_REQUEST, error)
    }

    pub fn missing(what: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, format!("there is no such {what}"))
    }

    pub fn forbidden(error: impl std::fmt::Display) -> Self {
        Self::new(StatusCode::FORBIDDEN, error)
    }

    pub fn conflict(error: impl std::fmt::Display) -> Self {
        Self::new(StatusCode::CONFLICT, error)
    }

    pub fn too_large(error: impl std::fmt::Display) -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, error)
    }

    pub fn too_many(error: impl std::fmt::Display) -> Self {
        Self::new(StatusCode::TOO_MANY_REQUESTS, error)
    }

    pub fn failed(error: impl std::fmt::Display) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, error)
    }

    /// Whether something was changed by somebody else while the request was at it.
    pub fn is_of_change(&self) -> bool {
        self.status == StatusCode::PRECONDITION_FAILED
    }

    /// The same with what to do.
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// The sentence, for a job or an upload that failed.
    pub fn text(&self) -> String {
        match &self.help {
            Some(help) => format!("{}; {help}", self.error),
            None => self.error.clone(),
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut body = json!({ "error": self.error, "help": self.help });
        if self.clash {
            body["clash"] = json!(true);
        }
        let mut response = answer::json(&body);
        *response.status_mut() = self.status;
        // A body that was not read to its end would be taken for the next request.
        if self.status == StatusCode::PAYLOAD_TOO_LARGE {
            response.headers_mut().insert(hyper::header::CONNECTION, hyper::header::HeaderValue::from_static("close"));
        }
        response
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        Self::failed(error)
    }
}

impl From<RunError> for Refusal {
    fn from(error: RunError) -> Self {
        match error {
            RunError::DataMoved { .. } => Self::conflict(error),
            error => Self::failed(error),
        }
    }
}

impl From<ReadError> for Refusal {
    fn from(error: ReadError) -> Self {
        if error.is_environment() { Self::failed(error) } else { Self::bad(error) }
    }
}

impl From<CaseError> for Refusal {
    fn from(error: CaseError) -> Self {
        if error.is_of_machine() { Self::failed(error) } else { Self::bad(error) }
    }
}

impl From<DataError> for Refusal {
    fn from(error: DataError) -> Self {
        if error.is_environment() { Self::failed(error) } else { Self::bad(error) }
    }
}

impl From<WriteError> for Refusal {
    fn from(error: WriteError) -> Self {
        if error.environment { Self::failed(error) } else { Self::bad(error) }
    }
}

impl From<CorrectionError> for Refusal {
    fn from(error: CorrectionError) -> Self {
        match error {
            CorrectionError::Refused(text) => Self::bad(text),
            CorrectionError::Changed(text) => Self::new(StatusCode::PRECONDITION_FAILED, text)
                .help("nothing was changed; read the case again, and send the version of its correction"),
            CorrectionError::Run(error) => error.into(),
            CorrectionError::Read(error) => error.into(),
            CorrectionError::Case(error) => error.into(),
            CorrectionError::Clash(text) => {
                let help = "somebody gave it to a new structure of another case meanwhile: read the case again, and choose another";
                Self { clash: true, ..Self::conflict(text).help(help) }
            }
            CorrectionError::Lock(error @ LockError::Held { .. }) => Self::conflict(error).help("try again"),
            error => Self::failed(error),
        }
    }
}
