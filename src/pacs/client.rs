//! The connection to an archive.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use ureq::Body;
use ureq::http::Response;

use super::PacsError;

/// Longest wait for a connection.
const CONNECT: Duration = Duration::from_secs(10);
/// Longest wait until an answer begins: archives may have to fetch a study from a tape.
const ANSWER: Duration = Duration::from_secs(300);
/// Longest time of one request as a whole.
const WHOLE: Duration = Duration::from_secs(4 * 3600);
/// Bytes of a list or a message.
const LARGEST_TEXT: u64 = 64 << 20;

/// An archive.
pub struct Pacs {
    agent: ureq::Agent,
    url: String,
    authorization: Option<String>,
}

impl Pacs {
    /// An archive at the address of its DICOMweb service, such as `http://pacs:8042/dicom-web`. Nothing is sent yet. The name and password
    /// are those of the environment: SEGSPEC_PACS_USER and SEGSPEC_PACS_PASSWORD, or SEGSPEC_PACS_TOKEN for a bearer token.
    ///
    /// # Errors
    /// [`PacsError::Request`] for what is no such address.
    pub fn new(url: &str) -> Result<Self, PacsError> {
        let whole = url.trim();
        let url = whole.trim_end_matches('/');
        let wrong = |reason: &str| {
            PacsError::Request(format!(
                "{url}: {reason}; the address is that of DICOMweb, such as http://pacs:8042/dicom-web"
            ))
        };
        let rest = whole.strip_prefix("http://").or_else(|| whole.strip_prefix("https://"));
        let rest = rest.ok_or_else(|| wrong("no address of HTTP or HTTPS"))?;
        let host = rest.split('/').next().unwrap_or_default();
        if host.contains('@') {
            let hidden = url.replace(&host[..=host.find('@').unwrap_or_default()], "…@");
            return Err(PacsError::Request(format!(
                "{hidden}: a password in an address is seen by others: set SEGSPEC_PACS_USER and SEGSPEC_PACS_PASSWORD"
            )));
        }
        if host.is_empty() || url.contains(['?', '#', ' ']) {
            return Err(wrong("no address of a service"));
        }
        let settings = ureq::Agent::config_builder()
            .timeout_connect(Some(CONNECT))
            .timeout_recv_response(Some(ANSWER))
            .timeout_global(Some(WHOLE))
            .http_status_as_error(false)
            .user_agent(concat!("segspec/", env!("CARGO_PKG_VERSION")))
            .build();
        Ok(Self { agent: settings.into(), url: url.into(), authorization: authorization() })
    }

    /// The address.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Whether a name and password or images would be readable on their way: HTTP to another machine.
    pub fn is_readable(&self) -> bool {
        let host = self.url.strip_prefix("http://").and_then(|rest| rest.split('/').next());
        let is_here = |host: &str| ["localhost", "127.0.0.1", "[::1]"].contains(&without_port(host));
        host.is_some_and(|host| !is_here(host))
    }

    /// Asks for something below the address.
    pub(super) fn get(&self, place: &str, query: &[(&str, &str)], accept: &str) -> Result<Response<Body>, PacsError> {
        let url = format!("{}/{place}", self.url);
        let mut request = self.agent.get(&url).query_pairs(query.iter().copied()).header("Accept", accept);
        if let Some(authorization) = &self.authorization {
            request = request.header("Authorization", authorization);
        }
        self.answer(&url, request.call())
    }

    /// Sends something of a known size.
    pub(super) fn post(
        &self,
        place: &str,
        content_type: &str,
        size: u64,
        content: &mut dyn std::io::Read,
    ) -> Result<Response<Body>, PacsError> {
        let url = format!("{}/{place}", self.url);
        let mut request =
            self.agent.post(&url).header("Content-Type", content_type).header("Content-Length", size.to_string());
        request = request.header("Accept", "application/dicom+json");
        if let Some(authorization) = &self.authorization {
            request = request.header("Authorization", authorization);
        }
        let mut content = content;
        self.sent(&url, request.send(ureq::SendBody::from_reader(&mut content)))
    }

    /// An answer of any status.
    fn sent(&self, url: &str, answer: Result<Response<Body>, ureq::Error>) -> Result<Response<Body>, PacsError> {
        let away = |error: ureq::Error| PacsError::Away { url: self.url.clone(), reason: error.to_string() };
        let mut answer = answer.map_err(away)?;
        // 409 tells which objects were not stored.
        match answer.status().as_u16() {
            200..300 | 409 => Ok(answer),
            status => Err(PacsError::Refused { url: url.into(), status, reason: reason(&mut answer) }),
        }
    }

    fn answer(&self, url: &str, answer: Result<Response<Body>, ureq::Error>) -> Result<Response<Body>, PacsError> {
        let mut answer = self.sent(url, answer)?;
        match answer.status().as_u16() {
            409 => Err(PacsError::Refused { url: url.into(), status: 409, reason: reason(&mut answer) }),
            _ => Ok(answer),
        }
    }
}

/// `[::1]` of `[::1]:8042`.
fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    }
}

/// The first line that an archive says about a refusal, where it is no page.
fn reason(answer: &mut Response<Body>) -> String {
    let text = answer.body_mut().with_config().limit(LARGEST_TEXT).read_to_string().unwrap_or_default();
    let json: Option<Value> = serde_json::from_str(&text).ok();
    let message = |value: Value| {
        ["Details", "Message", "message", "error"].iter().find_map(|key| Some(value.get(key)?.as_str()?.to_owned()))
    };
    json.and_then(message).unwrap_or_else(|| {
        let line = text.lines().next().unwrap_or_default().trim();
        if line.starts_with('<') { String::new() } else { line.chars().take(200).collect() }
    })
}

/// JSON in an answer; nothing for an empty one (status 204).
pub(super) fn json(url: &str, mut answer: Response<Body>) -> Result<Option<Value>, PacsError> {
    let wrong = |reason: String| PacsError::Answer { url: url.into(), reason };
    let text = answer.body_mut().with_config().limit(LARGEST_TEXT).read_to_string();
    let text = text.map_err(|error| wrong(error.to_string()))?;
    if text.trim().is_empty() {
        return Ok(None);
    }
    serde_json::from_str(&text)
        .map(Some)
        .map_err(|_| wrong("the answer is no JSON: is this the address of DICOMweb?".into()))
}

fn authorization() -> Option<String> {
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let password = || variable("SEGSPEC_PACS_PASSWORD").unwrap_or_default();
    let user = variable("SEGSPEC_PACS_USER");
    user.map(|user| format!("Basic {}", STANDARD.encode(format!("{user}:{}", password()))))
        .or_else(|| variable("SEGSPEC_PACS_TOKEN").map(|token| format!("Bearer {token}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_those_of_services_without_passwords() {
        assert_eq!(Pacs::new("http://pacs:8042/dicom-web/").unwrap().url(), "http://pacs:8042/dicom-web");
        for (url, part) in [
            ("pacs:8042", "no address of HTTP"),
            ("ftp://pacs", "no address of HTTP"),
            ("http://", "no address of a service"),
            ("http://pacs/dicom-web?x=1", "no address of a service"),
            ("http://user:secret@pacs/dicom-web", "SEGSPEC_PACS_USER"),
        ] {
            let error = Pacs::new(url).err().map(|error| error.to_string()).unwrap_or_default();
            assert!(error.contains(part) && !error.contains("secret"), "{error}");
        }
    }

    #[test]
    fn plain_http_to_other_machines_is_readable() {
        let is = |url: &str| Pacs::new(url).unwrap().is_readable();
        assert!(is("http://pacs:8042/dicom-web"));
        assert!(
            !is("https://pacs/dicom-web")
                && !is("http://127.0.0.1:8042/x")
                && !is("http://localhost/x")
                && !is("http://[::1]:80/x")
        );
    }

    #[test]
    fn an_archive_that_is_not_there_is_named() {
        // Port 9 of this machine: nobody listens.
        let error =
            Pacs::new("http://127.0.0.1:9/dicom-web").unwrap().get("studies", &[], "application/json").unwrap_err();
        assert!(matches!(&error, PacsError::Away { url, .. } if url == "http://127.0.0.1:9/dicom-web"), "{error}");
    }
}
