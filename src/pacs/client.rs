//! The connection to an archive.

use std::fmt;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use ureq::http::Response;
use ureq::{Body, Timeout};

use super::PacsError;
use super::watch::Watch;
use crate::Cancel;

/// Longest wait for the address of a name, and for a connection.
const CONNECT: Duration = Duration::from_secs(10);
/// Longest wait for the next byte, also for the first one: archives may have to fetch a study from a slower store.
const PATIENCE: Duration = Duration::from_secs(120);
/// Longest time of one request as a whole.
const WHOLE: Duration = Duration::from_secs(4 * 3600);
/// Bytes of a list.
const LARGEST_LIST: u64 = 16 << 20;
/// Bytes of a message about a refusal.
const LARGEST_MESSAGE: u64 = 64 << 10;

/// An archive.
#[derive(Clone)]
pub struct Pacs {
    agent: ureq::Agent,
    url: String,
    authorization: Option<String>,
    patience: Duration,
    cancel: Cancel,
    /// Shared by clones, which are one archive with one end.
    _watch: Option<std::sync::Arc<Watch>>,
}

/// Without the password.
impl fmt::Debug for Pacs {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.debug_struct("Pacs").field("url", &self.url).finish_non_exhaustive()
    }
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
        Ok(Self {
            agent: agent(PATIENCE),
            url: url.into(),
            authorization: authorization(),
            patience: PATIENCE,
            cancel: Cancel::new(),
            _watch: None,
        })
    }

    /// The same with a name and a password in place of the environment's.
    #[must_use]
    pub fn with_password(mut self, user: &str, password: &str) -> Self {
        self.authorization = Some(basic(user, password));
        self
    }

    /// The same with another longest wait for the next byte (2 minutes).
    #[must_use]
    pub fn with_patience(mut self, patience: Duration) -> Self {
        (self.agent, self.patience) = (agent(patience), patience);
        self
    }

    /// The same archive over connections of its own, whose requests end with [`PacsError::Stopped`] soon after `cancel` was set, also while
    /// the archive is silent.
    #[must_use]
    pub fn until(&self, cancel: &Cancel) -> Self {
        let agent = agent(self.patience);
        let watch = Watch::start(agent.clone(), cancel.clone()).map(std::sync::Arc::new);
        Self { agent, cancel: cancel.clone(), _watch: watch, ..self.clone() }
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

    /// JSON below the address; nothing for an empty answer (status 204).
    pub(super) fn get_json(
        &self,
        place: &str,
        query: &[(&str, &str)],
        accept: &str,
    ) -> Result<Option<Value>, PacsError> {
        self.json(place, self.get(place, query, accept)?)
    }

    /// JSON in an answer; nothing for an empty one (status 204).
    pub(super) fn json(&self, place: &str, mut answer: Response<Body>) -> Result<Option<Value>, PacsError> {
        let url = format!("{}/{place}", self.url);
        let text = answer.body_mut().with_config().limit(LARGEST_LIST).read_to_string();
        let text = text.map_err(|error| self.broken(&url, error))?;
        if self.is_stopped() {
            return Err(PacsError::Stopped);
        }
        if text.trim().is_empty() {
            return Ok(None);
        }
        let wrong =
            |_| PacsError::Answer { url, reason: "the answer is no JSON: is this the address of DICOMweb?".into() };
        serde_json::from_str(&text).map(Some).map_err(wrong)
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
        let mut answer = answer.map_err(|error| self.broken(&self.url, error))?;
        // 409 tells which objects were not stored.
        match answer.status().as_u16() {
            200..300 | 409 => Ok(answer),
            status => Err(PacsError::Refused { url: url.into(), status, reason: reason(&mut answer) }),
        }
    }

    /// Why a request or its answer came to no end.
    pub(super) fn broken(&self, url: &str, error: ureq::Error) -> PacsError {
        if self.cancel.is_stopped() {
            return PacsError::Stopped;
        }
        let reason = match error {
            ureq::Error::Timeout(Timeout::PerRead | Timeout::PerWrite) => {
                format!("nothing came for {} s: the archive is silent", self.patience.as_secs_f64())
            }
            ureq::Error::Timeout(Timeout::Connect) => format!("no connection within {} s", CONNECT.as_secs()),
            ureq::Error::BodyExceedsLimit(limit) => {
                let reason = format!("the answer is larger than {}", crate::words::bytes(limit));
                return PacsError::Answer { url: url.into(), reason };
            }
            error => error.to_string(),
        };
        PacsError::Away { url: url.into(), reason }
    }

    /// Whether the requests were told to end.
    pub(super) fn is_stopped(&self) -> bool {
        self.cancel.is_stopped()
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
    let text = answer.body_mut().with_config().limit(LARGEST_MESSAGE).read_to_string().unwrap_or_default();
    let json: Option<Value> = serde_json::from_str(&text).ok();
    let message = |value: Value| {
        ["Details", "Message", "message", "error"].iter().find_map(|key| Some(value.get(key)?.as_str()?.to_owned()))
    };
    json.and_then(message).unwrap_or_else(|| {
        let line = text.lines().next().unwrap_or_default().trim();
        if line.starts_with('<') { String::new() } else { line.chars().take(200).collect() }
    })
}

/// A client that stays with the archive: an answer that leads elsewhere is not followed.
fn agent(patience: Duration) -> ureq::Agent {
    ureq::Agent::config_builder()
        .timeout_resolve(Some(CONNECT))
        .timeout_connect(Some(CONNECT))
        .timeout_per_read(Some(patience))
        .timeout_per_write(Some(patience))
        .timeout_global(Some(WHOLE))
        .max_redirects(0)
        .http_status_as_error(false)
        .user_agent(concat!("segspec/", env!("CARGO_PKG_VERSION")))
        .build()
        .into()
}

fn authorization() -> Option<String> {
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let password = || variable("SEGSPEC_PACS_PASSWORD").unwrap_or_default();
    let user = variable("SEGSPEC_PACS_USER");
    user.map(|user| basic(&user, &password()))
        .or_else(|| variable("SEGSPEC_PACS_TOKEN").map(|token| format!("Bearer {token}")))
}

fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::net::TcpListener;
    use std::time::Instant;

    use super::super::{Limits, Query};
    use super::*;

    /// An archive that says something to whoever asks, and then nothing more.
    fn says(text: impl Into<Vec<u8>>) -> Pacs {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (url, text) = (format!("http://{}/dicom-web", listener.local_addr().unwrap()), text.into());
        std::thread::spawn(move || {
            let mut open = Vec::new();
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let _ = stream.write_all(&text);
                open.push(stream);
            }
        });
        Pacs::new(&url).unwrap().with_patience(Duration::from_millis(300))
    }

    fn found(pacs: &Pacs) -> Result<usize, PacsError> {
        pacs.studies(&Query { limit: 2, ..Query::default() }).map(|found| found.len())
    }

    fn fetched(pacs: &Pacs) -> PacsError {
        let folder = tempfile::tempdir().unwrap();
        pacs.fetch_series(["1.2", "1.3"], folder.path(), Limits { bytes: 1 << 20, objects: 10 }, &mut |_| {})
            .unwrap_err()
    }

    const BEGUN: &str = "HTTP/1.1 200 OK\r\nContent-Type: multipart/related; boundary=xyz\r\nContent-Length: 100000\r\n\r\n--xyz\r\n\r\nbegun";

    #[test]
    fn an_archive_that_falls_silent_is_given_up() {
        let list = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n[";
        for error in
            [found(&says("")).unwrap_err(), found(&says(list)).unwrap_err(), fetched(&says("")), fetched(&says(BEGUN))]
        {
            assert!(error.to_string().contains("nothing came for 0.3 s"), "{error}");
        }
    }

    #[test]
    fn requests_end_when_they_are_cancelled_also_while_the_archive_is_silent() {
        for (text, fetch) in [("", false), ("", true), (BEGUN, true)] {
            let cancel = Cancel::new();
            let pacs = says(text).with_patience(Duration::from_secs(60)).until(&cancel);
            let (begun, setting) = (Instant::now(), cancel.clone());
            std::thread::spawn(move || {
                std::thread::sleep(Duration::from_millis(200));
                setting.stop();
            });
            let error = if fetch { fetched(&pacs) } else { found(&pacs).unwrap_err() };
            assert!(matches!(error, PacsError::Stopped), "{error}");
            assert!(begun.elapsed() < Duration::from_secs(10));
        }
    }

    #[test]
    fn answers_that_are_too_long_or_lead_elsewhere_are_refused() {
        let many = format!("[{}{{}}]", "{},".repeat(50));
        let answer = |text: &str| format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{text}", text.len());
        assert_eq!(found(&says(answer(&many))).unwrap(), 2);
        let error = found(&says(answer(&" ".repeat((16 << 20) + 1)))).unwrap_err();
        assert!(error.to_string().contains("the answer is larger than"), "{error}");
        let elsewhere = "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:9/secret\r\nContent-Length: 0\r\n\r\n";
        let error = found(&says(elsewhere)).unwrap_err();
        assert!(error.to_string().contains("302") && error.to_string().contains("leads elsewhere"), "{error}");
    }

    #[test]
    fn the_password_is_not_shown() {
        let pacs = Pacs::new("http://pacs/dicom-web").unwrap().with_password("me", "secret");
        let shown = format!("{pacs:?}");
        assert!(shown.contains("http://pacs/dicom-web") && !shown.contains(&basic("me", "secret")), "{shown}");
    }

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
