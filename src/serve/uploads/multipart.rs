//! Forms (`multipart/form-data`, RFC 7578) as they arrive: whatever the sender does, no more is in memory than a piece of the connection
//! and one part's headers.

use std::time::Duration;

use axum::body::Body;
use hyper::HeaderMap;
use hyper::header::CONTENT_TYPE;

use super::super::answer;
use super::super::error::{Answer, Refusal};
use crate::pacs::parts::{self, Parts, PartsError, Piece};

/// The boundary that a request states.
///
/// # Errors
/// It is no form, or states none.
pub fn boundary(headers: &HeaderMap) -> Answer<String> {
    let kind = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    kind.and_then(|kind| parts::boundary(kind, "multipart/form-data"))
        .ok_or_else(|| Refusal::bad("an upload is a form: Content-Type: multipart/form-data; boundary=…"))
}

/// A form that is being received.
pub struct Form {
    body: Body,
    patience: Duration,
    parts: Parts,
    /// Headers that ended the part before, or the end of the form.
    ahead: Option<Piece>,
}

impl Form {
    pub fn new(body: Body, boundary: &str, patience: Duration) -> Self {
        Self { body, patience, parts: Parts::new(boundary), ahead: None }
    }

    /// The next part: its file name, `None` for a part that is no file. At the end: `None`.
    ///
    /// # Errors
    /// No form, or too slow.
    pub async fn part(&mut self) -> Answer<Option<Option<String>>> {
        // What was not read of the part before.
        while self.data().await?.is_some() {}
        match self.ahead.take() {
            Some(Piece::Head(head)) => Ok(Some(file_name(&head))),
            end => {
                self.ahead = end;
                Ok(None)
            }
        }
    }

    /// The next bytes of the current part; `None` at its end.
    ///
    /// # Errors
    /// As [`Form::part`].
    pub async fn data(&mut self) -> Answer<Option<Vec<u8>>> {
        while self.ahead.is_none() {
            match self.parts.piece().map_err(refused)? {
                Piece::Data(data) => return Ok(Some(data)),
                Piece::Missing => {
                    let piece = answer::next(&mut self.body, self.patience).await?;
                    self.parts.push(&piece.ok_or_else(|| Refusal::bad("the form ends before its last boundary"))?);
                }
                ahead => self.ahead = Some(ahead),
            }
        }
        Ok(None)
    }
}

fn refused(error: PartsError) -> Refusal {
    match error {
        PartsError::TooLong => Refusal::too_large(error),
        PartsError::NotText => Refusal::bad(error),
    }
}

/// The file name in a part's headers, as browsers write it: a quote is `%22`.
fn file_name(headers: &str) -> Option<String> {
    let is_wanted = |line: &&str| line.to_ascii_lowercase().starts_with("content-disposition:");
    let line = headers.split("\r\n").find(is_wanted)?;
    let lower = line.to_ascii_lowercase();
    let start = lower.find("filename=")? + "filename=".len();
    let rest = line.get(start..)?;
    let name = match rest.strip_prefix('"') {
        Some(quoted) => quoted.split('"').next()?,
        None => rest.split(';').next()?.trim(),
    };
    Some(name.replace("%22", "\""))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use futures_util::stream::iter;

    use super::*;

    /// Names and contents.
    type Files = Vec<(Option<String>, Vec<u8>)>;

    /// The files of a form that arrives in pieces of `size` bytes.
    fn files(text: &[u8], size: usize) -> Result<Files, String> {
        let pieces: Vec<Result<Bytes, std::io::Error>> =
            text.chunks(size).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
        let mut form = Form::new(Body::from_stream(iter(pieces)), "xyz", Duration::from_secs(5));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let mut found = Vec::new();
            while let Some(name) = form.part().await.map_err(|refusal| refusal.text())? {
                let mut content = Vec::new();
                while let Some(piece) = form.data().await.map_err(|refusal| refusal.text())? {
                    content.extend(piece);
                }
                found.push((name, content));
            }
            Ok(found)
        })
    }

    #[test]
    fn parts_are_found_however_they_arrive() {
        let form = b"preamble\r\n--xyz\r\nContent-Disposition: form-data; name=\"files\"; filename=\"a/b.dcm\"\r\n\
            Content-Type: application/dicom\r\n\r\none\r\n--xy\r\n--\r\r\n\r\n--xyz\r\ncontent-disposition: form-data; name=n\r\n\r\n\
            \r\n--xyz\r\nContent-Disposition: form-data; name=\"f\"; filename=\"q%22.nii\"\r\n\r\nlast\r\n--xyz--\r\n";
        let expected = vec![
            (Some("a/b.dcm".into()), b"one\r\n--xy\r\n--\r\r\n".to_vec()),
            (None, vec![]),
            (Some("q\".nii".into()), b"last".to_vec()),
        ];
        for size in [1, 2, 3, 7, 64, 10_000] {
            assert_eq!(files(form, size), Ok(expected.clone()), "{size}");
        }
        assert_eq!(files(b"--xyz--", 3), Ok(vec![]));
    }

    #[test]
    fn what_is_no_form_is_refused() {
        let endless = [b"--xyz\r\nX: ".to_vec(), vec![b'x'; 100_000]].concat();
        for (text, part) in [
            (&b""[..], "before its last boundary"),
            (b"--xyz\r\n", "before its last boundary"),
            (b"no form", "before its last boundary"),
            (b"--xyz\r\nContent-Disposition: form-data; filename=\"a\"\r\n\r\nnever ends", "before its last boundary"),
            (b"--xyz\r\n\xff\xfe\r\n\r\n\r\n--xyz--", "not UTF-8"),
            (&endless, "too long headers"),
        ] {
            let error = files(text, 1000).unwrap_err();
            assert!(error.contains(part), "{error}");
        }
    }

    #[test]
    fn boundaries_are_those_of_forms() {
        let of = |kind: &str| {
            let headers = [(CONTENT_TYPE, kind.parse().unwrap())].into_iter().collect();
            boundary(&headers).ok()
        };
        assert_eq!(of("multipart/form-data; boundary=abc"), Some("abc".into()));
        assert_eq!(of("Multipart/Form-Data; charset=utf-8; Boundary=\"a b\""), Some("a b".into()));
        let long = format!("multipart/form-data; boundary={}", "x".repeat(71));
        for kind in [
            "text/plain",
            "multipart/form-data",
            "multipart/form-data; boundary=",
            "multipart/mixed; boundary=a",
            &long,
        ] {
            assert_eq!(of(kind), None, "{kind}");
        }
    }
}
