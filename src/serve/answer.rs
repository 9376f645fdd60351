//! Bodies: JSON in and out, files out, events out.

use std::convert::Infallible;
use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use futures_util::stream::{Stream, unfold};
use http_body_util::BodyExt;
use hyper::StatusCode;
use hyper::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_TYPE, HeaderValue};
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::io::AsyncReadExt;

use super::error::{Answer, Refusal};

/// Bytes of a JSON request.
const LARGEST_JSON: usize = 64 << 10;
/// Bytes of a file that are sent at a time.
const PIECE: usize = 64 << 10;

/// A JSON answer.
pub fn json(value: &Value) -> Response {
    typed("application/json", value.to_string().into_bytes())
}

/// An answer of a kind.
pub fn typed(kind: &'static str, content: Vec<u8>) -> Response {
    let mut response = Response::new(Body::from(content));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// An accepted request that goes on.
pub fn accepted(value: &Value) -> Response {
    let mut response = json(value);
    *response.status_mut() = StatusCode::ACCEPTED;
    response
}

/// The next piece of a request's body; `None` at its end.
///
/// # Errors
/// A client that sends nothing for as long as `patience`, or breaks off.
pub async fn next(body: &mut Body, patience: Duration) -> Answer<Option<Bytes>> {
    loop {
        let frame = tokio::time::timeout(patience, body.frame()).await;
        let frame = frame.map_err(|_| Refusal::new(StatusCode::REQUEST_TIMEOUT, "the request came too slowly"))?;
        match frame {
            None => return Ok(None),
            Some(Err(_)) => return Err(Refusal::bad("the request broke off")),
            // What is no data is a trailer, which nobody asked for.
            Some(Ok(frame)) => {
                if let Ok(data) = frame.into_data() {
                    return Ok(Some(data));
                }
            }
        }
    }
}

/// A JSON request.
///
/// # Errors
/// Too large, too slow, or not what is asked for.
pub async fn read_json<T: DeserializeOwned>(mut body: Body, patience: Duration) -> Answer<T> {
    let mut text = Vec::new();
    while let Some(piece) = next(&mut body, patience).await? {
        if text.len() + piece.len() > LARGEST_JSON {
            return Err(Refusal::too_large("the request is too large"));
        }
        text.extend_from_slice(&piece);
    }
    serde_json::from_slice(&text).map_err(|error| Refusal::bad(format!("the request is not understood: {error}")))
}

/// A file, sent piece by piece, with the name that a browser saves it by, if it is to be saved.
///
/// # Errors
/// The file cannot be read.
pub fn file(file: std::fs::File, kind: &'static str, saved_as: Option<&str>) -> Answer<Response> {
    let length = file.metadata().map_err(Refusal::failed)?.len();
    let file = tokio::fs::File::from_std(file);
    let pieces = unfold((file, length), |(mut file, left)| async move {
        if left == 0 {
            return None;
        }
        let mut piece = vec![0; PIECE.min(usize::try_from(left).unwrap_or(PIECE))];
        match file.read(&mut piece).await {
            Ok(0) => Some((Err(std::io::Error::from(std::io::ErrorKind::UnexpectedEof)), (file, 0))),
            Ok(count) => {
                piece.truncate(count);
                let left = left.saturating_sub(count as u64);
                Some((Ok(Bytes::from(piece)), (file, left)))
            }
            Err(error) => Some((Err(error), (file, 0))),
        }
    });
    let mut response = Response::new(Body::from_stream(pieces));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Some(name) = saved_as {
        let plain: String =
            name.chars().map(|c| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '_' }).collect();
        if let Ok(value) = HeaderValue::from_str(&format!("attachment; filename=\"{plain}\"")) {
            headers.insert(CONTENT_DISPOSITION, value);
        }
    }
    Ok(response)
}

/// Server-sent events: the text of each is whole (see [`event`]).
pub fn events(texts: impl Stream<Item = Result<String, Infallible>> + Send + 'static) -> Response {
    let mut response = Response::new(Body::from_stream(texts));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// One event. A line break within the data would end it.
pub fn event(id: Option<usize>, data: &str) -> String {
    let id = id.map_or_else(String::new, |id| format!("id: {id}\n"));
    format!("{id}data: {}\n\n", data.replace(['\r', '\n'], " "))
}
