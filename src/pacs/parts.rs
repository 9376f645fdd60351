//! Takes a multipart message (RFC 2046) apart, piece by piece: no more is in memory than a piece of the connection and one part's headers.

/// Bytes of the headers of a part.
const LONGEST_HEAD: usize = 8 << 10;
/// Bytes of a boundary (RFC 2046).
const LONGEST_BOUNDARY: usize = 70;

/// What comes next in a message.
#[derive(Debug, PartialEq, Eq)]
pub enum Piece {
    /// The headers of the next part.
    Head(String),
    /// Bytes of the current part.
    Data(Vec<u8>),
    /// Nothing before more bytes have arrived.
    Missing,
    /// The message is over.
    End,
}

/// Why a message is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PartsError {
    /// Headers without end.
    #[error("a part has too long headers")]
    TooLong,
    /// Headers in another encoding.
    #[error("the headers of a part are not UTF-8")]
    NotText,
}

/// Where in the message the bytes that are held begin.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Before the first part.
    Preamble,
    /// Behind a delimiter.
    Head,
    Data,
    End,
}

/// A message that is being received.
pub struct Parts {
    /// Line break, two hyphens, boundary.
    delimiter: Vec<u8>,
    /// Received, not yet passed on.
    held: Vec<u8>,
    place: Place,
}

/// The boundary that a content type states; none for another type than `wanted` (`multipart/related`, `multipart/form-data`).
pub fn boundary(content_type: &str, wanted: &str) -> Option<String> {
    let (kind, rest) = content_type.split_once(';')?;
    if !kind.trim().eq_ignore_ascii_case(wanted) {
        return None;
    }
    let value = rest.split(';').find_map(|pair| {
        let (name, value) = pair.split_once('=')?;
        name.trim().eq_ignore_ascii_case("boundary").then(|| value.trim().trim_matches('"').to_owned())
    });
    value.filter(|value| !value.is_empty() && value.len() <= LONGEST_BOUNDARY && value.is_ascii())
}

impl Parts {
    /// A message with a boundary, of which nothing has arrived yet.
    pub fn new(boundary: &str) -> Self {
        let delimiter = format!("\r\n--{boundary}").into_bytes();
        // The first delimiter stands at the beginning of the message, without the line break.
        Self { delimiter, held: b"\r\n".to_vec(), place: Place::Preamble }
    }

    /// Takes bytes that have arrived.
    pub fn push(&mut self, bytes: &[u8]) {
        self.held.extend_from_slice(bytes);
    }

    /// What comes next.
    ///
    /// # Errors
    /// [`PartsError`]
    pub fn piece(&mut self) -> Result<Piece, PartsError> {
        loop {
            match self.place {
                Place::End => return Ok(Piece::End),
                Place::Head => return self.head(),
                Place::Preamble | Place::Data => {
                    let found = find(&self.held, &self.delimiter);
                    // The end of what is held may be the beginning of a delimiter.
                    let sure = found.unwrap_or_else(|| (self.held.len() + 1).saturating_sub(self.delimiter.len()));
                    let data: Vec<u8> = self.held.drain(..sure).collect();
                    if found.is_some() && (data.is_empty() || self.place == Place::Preamble) {
                        self.held.drain(..self.delimiter.len());
                        self.place = Place::Head;
                        continue;
                    }
                    match self.place == Place::Data && !data.is_empty() {
                        true => return Ok(Piece::Data(data)),
                        false => return Ok(Piece::Missing),
                    }
                }
            }
        }
    }

    fn head(&mut self) -> Result<Piece, PartsError> {
        const END: &[u8] = b"\r\n\r\n";
        if self.held.starts_with(b"--") {
            self.place = Place::End;
            return Ok(Piece::End);
        }
        if let Some(end) = find(&self.held, END) {
            let head: Vec<u8> = self.held.drain(..end + END.len()).collect();
            self.place = Place::Data;
            return String::from_utf8(head).map(Piece::Head).map_err(|_| PartsError::NotText);
        }
        match self.held.len() > LONGEST_HEAD {
            true => Err(PartsError::TooLong),
            false => Ok(Piece::Missing),
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    /// The parts of a message that arrives in pieces of `size` bytes: headers and content.
    fn parts(message: &[u8], size: usize) -> Result<Vec<(String, Vec<u8>)>, String> {
        let mut parts = Parts::new("xyz");
        let mut pieces = message.chunks(size);
        let mut found: Vec<(String, Vec<u8>)> = Vec::new();
        loop {
            match parts.piece().map_err(|error| error.to_string())? {
                Piece::Head(head) => found.push((head.trim().into(), Vec::new())),
                Piece::Data(data) => found.last_mut().ok_or("data before a head")?.1.extend(data),
                Piece::Missing => parts.push(pieces.next().ok_or("the message ends before its last boundary")?),
                Piece::End => return Ok(found),
            }
        }
    }

    #[test]
    fn parts_are_found_however_they_arrive() {
        let message = b"preamble\r\n--xyz\r\nContent-Type: application/dicom\r\n\r\none\r\n--xy\r\n--\r\r\n\r\n--xyz \r\nA: b\r\n\r\n\
            \r\n--xyz\r\n\r\nlast\r\n--xyz--\r\nepilogue";
        let expected = [
            ("Content-Type: application/dicom".to_owned(), b"one\r\n--xy\r\n--\r\r\n".to_vec()),
            ("A: b".into(), vec![]),
            (String::new(), b"last".to_vec()),
        ];
        for size in [1, 2, 3, 7, 64, 10_000] {
            assert_eq!(parts(message, size).unwrap(), expected, "{size}");
        }
        assert_eq!(parts(b"--xyz--", 3), Ok(vec![]));
    }

    #[test]
    fn what_is_no_message_is_refused() {
        let endless = [b"--xyz\r\nX: ".to_vec(), vec![b'x'; 100_000]].concat();
        for (message, part) in [
            (&b""[..], "before its last boundary"),
            (b"--xyz\r\n", "before its last boundary"),
            (b"no message", "before its last boundary"),
            (b"--xyz\r\nA: b\r\n\r\nnever ends", "before its last boundary"),
            (b"--xyz\r\n\xff\xfe\r\n\r\n\r\n--xyz--", "not UTF-8"),
            (&endless, "too long headers"),
        ] {
            let error = parts(message, 1000).unwrap_err();
            assert!(error.contains(part), "{error}");
        }
    }

    #[test]
    fn boundaries_are_those_of_the_wanted_type() {
        let of = |kind: &str| boundary(kind, "multipart/related");
        assert_eq!(of("multipart/related; type=\"application/dicom\"; boundary=abc"), Some("abc".into()));
        assert_eq!(of("Multipart/Related; Boundary=\"a b\""), Some("a b".into()));
        let long = format!("multipart/related; boundary={}", "x".repeat(71));
        for kind in [
            "text/plain",
            "multipart/related",
            "multipart/related; boundary=",
            "multipart/form-data; boundary=a",
            &long,
        ] {
            assert_eq!(of(kind), None, "{kind}");
        }
    }
}
