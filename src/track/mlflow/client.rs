//! The REST interface of an MLflow tracking server (version 2 and 3).

use std::path::Path;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::track::TrackError;

/// Folder of the tracking interface.
const API: &str = "api/2.0/mlflow";

/// Folder of the files that the server stores.
const FILES: &str = "api/2.0/mlflow-artifacts/artifacts";

/// Longest wait for a connection.
const CONNECT: Duration = Duration::from_secs(5);

/// Longest wait for an answer, apart from files.
const ANSWER: Duration = Duration::from_secs(10);

/// Longest wait until a file is sent.
const UPLOAD: Duration = Duration::from_secs(600);

/// A tracking server.
pub struct Client {
    agent: ureq::Agent,
    url: String,
    authorization: Option<String>,
}

impl Client {
    /// A server at an address. Nothing is sent yet.
    pub fn new(url: &str) -> Self {
        let settings = ureq::Agent::config_builder()
            .timeout_connect(Some(CONNECT))
            .timeout_recv_response(Some(ANSWER))
            .timeout_global(Some(UPLOAD))
            .http_status_as_error(false)
            .user_agent(concat!("segspec/", env!("CARGO_PKG_VERSION")))
            .build();
        Self { agent: settings.into(), url: url.trim_end_matches('/').into(), authorization: authorization() }
    }

    /// The address.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Calls an endpoint such as `runs/create`.
    ///
    /// # Errors
    /// [`TrackError::Away`], [`TrackError::Refused`].
    pub fn post(&self, endpoint: &str, body: &Value) -> Result<Value, TrackError> {
        let mut request = self.agent.post(format!("{}/{API}/{endpoint}", self.url));
        if let Some(authorization) = &self.authorization {
            request = request.header("Authorization", authorization);
        }
        self.answer(request.send_json(body))
    }

    /// Asks an endpoint such as `metrics/get-history`.
    ///
    /// # Errors
    /// [`TrackError::Away`], [`TrackError::Refused`].
    pub fn get(&self, endpoint: &str, query: &[(&str, &str)]) -> Result<Value, TrackError> {
        let mut request = self.agent.get(format!("{}/{API}/{endpoint}", self.url)).query_pairs(query.iter().copied());
        if let Some(authorization) = &self.authorization {
            request = request.header("Authorization", authorization);
        }
        self.answer(request.call())
    }

    /// Sends a file to a place below the server's artifacts.
    ///
    /// # Errors
    /// [`TrackError::Away`], [`TrackError::Refused`], [`TrackError::File`].
    pub fn put(&self, place: &str, file: &Path) -> Result<(), TrackError> {
        let content = std::fs::File::open(file).map_err(TrackError::file(file))?;
        let place = place.split('/').map(encoded).collect::<Vec<_>>().join("/");
        let mut request = self.agent.put(format!("{}/{FILES}/{place}", self.url));
        request = request.header("Content-Type", "application/octet-stream");
        if let Some(authorization) = &self.authorization {
            request = request.header("Authorization", authorization);
        }
        self.answer(request.send(content)).map(drop)
    }

    fn answer(&self, sent: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> Result<Value, TrackError> {
        let away = |reason: String| TrackError::Away { url: self.url.clone(), reason };
        let mut answer = sent.map_err(|error| away(error.to_string()))?;
        let text = answer.body_mut().read_to_string().map_err(|error| away(error.to_string()))?;
        let value: Value = serde_json::from_str(&text).unwrap_or_default();
        if answer.status().is_success() {
            return Ok(value);
        }
        let text_of = |key: &str| value.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        let reason = match text_of("message") {
            // A page, of a server that is no MLflow.
            message if message.is_empty() => text.lines().next().unwrap_or_default().chars().take(200).collect(),
            message => message,
        };
        let (status, code) = (answer.status().as_u16(), text_of("error_code"));
        Err(TrackError::Refused { url: self.url.clone(), status, code, reason })
    }
}

/// The credentials that MLflow's own client sends.
fn authorization() -> Option<String> {
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let password = || variable("MLFLOW_TRACKING_PASSWORD").unwrap_or_default();
    let user = variable("MLFLOW_TRACKING_USERNAME");
    user.map(|user| format!("Basic {}", STANDARD.encode(format!("{user}:{}", password()))))
        .or_else(|| variable("MLFLOW_TRACKING_TOKEN").map(|token| format!("Bearer {token}")))
}

/// A name within a URL.
fn encoded(name: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    name.bytes().map(|byte| if plain(byte) { (byte as char).to_string() } else { format!("%{byte:02X}") }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_files_are_encoded() {
        assert_eq!(encoded("Leber groß.csv"), "Leber%20gro%C3%9F.csv");
    }

    #[test]
    fn a_server_that_is_not_there_is_named() {
        // Port 9 of this machine: nobody listens.
        let error = Client::new("http://127.0.0.1:9/").post("runs/create", &Value::Null).unwrap_err();
        assert!(matches!(&error, TrackError::Away { url, .. } if url == "http://127.0.0.1:9"), "{error}");
    }
}
