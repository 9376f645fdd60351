//! The log of a run as server-sent events.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use axum::extract::{Path, Query, State};
use axum::response::Response;
use futures_util::stream::unfold;
use hyper::HeaderMap;
use serde::Deserialize;

use super::super::answer;
use super::super::error::Answer;
use super::super::state::{Shared, quick};
use crate::store::{Lock, RunFolder};

/// How often the log is looked at.
const LOOK: Duration = Duration::from_millis(500);
/// A comment is sent after as long without an event, so that the connection is known to live.
const COMMENT: Duration = Duration::from_secs(15);
/// Bytes that are read at a time; a longer line is no event.
const PIECE: u64 = 1 << 20;

#[derive(Deserialize)]
pub struct After {
    #[serde(default)]
    after: Option<usize>,
}

/// `GET /api/runs/ID/events?after=N`: lines N + 1, N + 2, … of the log, and those that come as long as the run goes on.
pub async fn events(
    State(state): State<Shared>,
    Path(id): Path<String>,
    Query(after): Query<After>,
    headers: HeaderMap,
) -> Answer<Response> {
    let folder = quick(&state, move |state| Ok(RunFolder::at(state.catalog.find(&id)?.listed.run_folder()))).await?;
    // A browser that connects again says what it had last.
    let last = headers.get("last-event-id").and_then(|value| value.to_str().ok()?.parse().ok());
    let tail = Tail {
        path: folder.events(),
        lock: folder.lock(),
        offset: 0,
        line: 0,
        after: last.or(after.after).unwrap_or(0),
        rest: Vec::new(),
    };
    Ok(answer::events(unfold((Some(tail), state, Instant::now()), |(tail, state, mut sent)| async move {
        let mut tail = tail?;
        loop {
            if state.cancel.is_stopped() {
                return None;
            }
            // Asked before the log is read: a run that ends in between has written all of it by then.
            let is_going_on = Lock::holder(&tail.lock).is_some();
            let moved = tokio::task::spawn_blocking(move || {
                let text = tail.next();
                (tail, text)
            });
            let (moved, text) = moved.await.ok()?;
            tail = moved;
            if !text.is_empty() {
                return Some((Ok(text), (Some(tail), state, Instant::now())));
            }
            if !is_going_on {
                return Some((Ok(": the run is not going on\n\n".to_owned()), (None, state, sent)));
            }
            if sent.elapsed() > COMMENT {
                sent = Instant::now();
                return Some((Ok(": waiting\n\n".to_owned()), (Some(tail), state, sent)));
            }
            tokio::time::sleep(LOOK).await;
        }
    })))
}

/// Reads a log that grows.
struct Tail {
    path: PathBuf,
    lock: PathBuf,
    offset: u64,
    /// Lines read so far.
    line: usize,
    after: usize,
    /// A line that is not whole yet.
    rest: Vec<u8>,
}

impl Tail {
    /// The next lines, as events; empty if there are none.
    fn next(&mut self) -> String {
        let mut text = String::new();
        while text.is_empty() {
            let mut piece = Vec::new();
            let read = File::open(&self.path).and_then(|mut file| {
                file.seek(SeekFrom::Start(self.offset))?;
                file.take(PIECE).read_to_end(&mut piece)
            });
            if read.is_err() || piece.is_empty() {
                break;
            }
            self.offset += piece.len() as u64;
            self.rest.extend_from_slice(&piece);
            self.take_lines(&mut text);
        }
        text
    }

    fn take_lines(&mut self, text: &mut String) {
        let whole = self.rest.iter().rposition(|&byte| byte == b'\n').map_or(0, |end| end + 1);
        let lines: Vec<u8> = self.rest.drain(..whole).collect();
        for line in lines.split_inclusive(|&byte| byte == b'\n') {
            self.line += 1;
            let line = String::from_utf8_lossy(line);
            // A line torn by a power cut is no event.
            if self.line > self.after && serde_json::from_str::<serde::de::IgnoredAny>(&line).is_ok() {
                text.push_str(&answer::event(Some(self.line), line.trim()));
            }
        }
        if self.rest.len() as u64 > PIECE {
            self.rest.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_lines_are_told_once_with_their_numbers() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let mut tail = Tail { path: path.clone(), lock: path.clone(), offset: 0, line: 0, after: 1, rest: Vec::new() };
        assert_eq!(tail.next(), "");
        std::fs::write(&path, "{\"a\":1}\n{\"a\":2}\nbroken\n{\"a\"").unwrap();
        assert_eq!(tail.next(), "id: 2\ndata: {\"a\":2}\n\n");
        assert_eq!(tail.next(), "");
        std::fs::write(&path, "{\"a\":1}\n{\"a\":2}\nbroken\n{\"a\":4}\n").unwrap();
        assert_eq!(tail.next(), "id: 4\ndata: {\"a\":4}\n\n");
    }
}
