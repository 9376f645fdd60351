//! Takes `multipart/form-data` (RFC 7578) apart, piece by piece: whatever the sender does, no more is in memory than a piece of the
//! connection and one part's headers.

use std::time::Duration;

use axum::body::Body;
use hyper::HeaderMap;
use hyper::header::CONTENT_TYPE;

use super::super::answer;
use super::super::error::{Answer, Refusal};

/// Bytes of the headers of a part.
const LARGEST_HEADERS: usize = 8 << 10;
/// Bytes of a boundary (RFC 2046).
const LONGEST_BOUNDARY: usize = 70;

/// The boundary that a request states.
///
/// # Errors
/// It is no form, or states none.
pub fn boundary(headers: &HeaderMap) -> Answer<String> {
    let wrong = || Refusal::bad("an upload is a form: Content-Type: multipart/form-data; boundary=…");
    let kind = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).ok_or_else(wrong)?;
    let (kind, rest) = kind.split_once(';').ok_or_else(wrong)?;
    if !kind.trim().eq_ignore_ascii_case("multipart/form-data") {
        return Err(wrong());
    }
    let value = rest.split(';').find_map(|pair| {
        let (name, value) = pair.split_once('=')?;
        name.trim().eq_ignore_ascii_case("boundary").then(|| value.trim().trim_matches('"').to_owned())
    });
    let is_fit = |value: &String| !value.is_empty() && value.len() <= LONGEST_BOUNDARY && value.is_ascii();
    value.filter(is_fit).ok_or_else(wrong)
}

/// A form that is being received.
pub struct Form {
    body: Body,
    patience: Duration,
    /// Line break, two hyphens, boundary.
    delimiter: Vec<u8>,
    /// Received, not yet passed on.
    held: Vec<u8>,
    /// Whether the current part's delimiter lies at the beginning of `held`.
    is_at_delimiter: bool,
    is_over: bool,
}

impl Form {
    pub fn new(body: Body, boundary: &str, patience: Duration) -> Self {
        let delimiter = format!("\r\n--{boundary}").into_bytes();
        // The first delimiter stands at the beginning of the body, without the line break.
        Self { body, patience, delimiter, held: b"\r\n".to_vec(), is_at_delimiter: false, is_over: false }
    }

    /// The next part: its file name, `None` for a part that is no file. At the end: `None`.
    ///
    /// # Errors
    /// No form, or too slow.
    pub async fn part(&mut self) -> Answer<Option<Option<String>>> {
        // What was not read of the part before, or what stands before the first one.
        while self.data().await?.is_some() {}
        self.held.drain(..self.delimiter.len());
        self.is_at_delimiter = false;
        self.fill(2).await?;
        if self.held.starts_with(b"--") {
            self.is_over = true;
            return Ok(None);
        }
        let headers = self.headers().await?;
        Ok(Some(file_name(&headers)))
    }

    /// The next bytes of the current part; `None` at its end.
    ///
    /// # Errors
    /// As [`Form::part`].
    pub async fn data(&mut self) -> Answer<Option<Vec<u8>>> {
        loop {
            if self.is_at_delimiter || self.is_over {
                return Ok(None);
            }
            if let Some(end) = find(&self.held, &self.delimiter) {
                self.is_at_delimiter = true;
                if end == 0 {
                    continue;
                }
                return Ok(Some(self.held.drain(..end).collect()));
            }
            // The end of what is held may be the beginning of a delimiter.
            let sure = (self.held.len() + 1).saturating_sub(self.delimiter.len());
            if sure > 0 {
                return Ok(Some(self.held.drain(..sure).collect()));
            }
            self.more().await?;
        }
    }

    async fn headers(&mut self) -> Answer<String> {
        const END: &[u8] = b"\r\n\r\n";
        loop {
            if let Some(end) = find(&self.held, END) {
                let headers: Vec<u8> = self.held.drain(..end + END.len()).collect();
                return String::from_utf8(headers).map_err(|_| Refusal::bad("a file name in the form is not UTF-8"));
            }
            if self.held.len() > LARGEST_HEADERS {
                return Err(Refusal::too_large("a part of the form has too long headers"));
            }
            self.more().await?;
        }
    }

    async fn fill(&mut self, count: usize) -> Answer<()> {
        while self.held.len() < count {
            self.more().await?;
        }
        Ok(())
    }

    async fn more(&mut self) -> Answer<()> {
        let piece = answer::next(&mut self.body, self.patience).await?;
        let piece = piece.ok_or_else(|| Refusal::bad("the form ends before its last boundary"))?;
        self.held.extend_from_slice(&piece);
        Ok(())
    }
}

/// Where a text begins in another.
fn find(all: &[u8], wanted: &[u8]) -> Option<usize> {
    let first = *wanted.first()?;
    let mut from = 0;
    while let Some(at) = all.get(from..)?.iter().position(|&byte| byte == first) {
        if all.get(from + at..)?.starts_with(wanted) {
            return Some(from + at);
        }
        from += at + 1;
    }
    None
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

    /// The files of a form that arrives in pieces of `size` bytes.
    fn files(text: &[u8], size: usize) -> Result<Vec<(Option<String>, Vec<u8>)>, String> {
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
