//! Series from an archive (WADO-RS).

use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use super::parts::{Parts, Piece, boundary};
use super::{Pacs, PacsError, uid};

/// Objects as they are stored, in whatever encoding.
const ACCEPT: &str = "multipart/related; type=\"application/dicom\"; transfer-syntax=*";
/// Bytes read at a time.
const PIECE: usize = 256 << 10;
/// Bytes before the mark of a DICOM file.
const PREAMBLE: usize = 128;

/// How much is taken from an archive.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of all objects.
    pub bytes: u64,
    /// Number of objects.
    pub objects: usize,
}

/// What came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fetched {
    /// Number of objects.
    pub objects: usize,
    /// Bytes of all objects.
    pub bytes: u64,
}

/// Files of the objects that have arrived.
struct Writer<'a> {
    folder: &'a Path,
    limits: Limits,
    fetched: Fetched,
    current: Option<(PathBuf, File)>,
}

impl Pacs {
    /// Writes the objects of a series to an existing folder as `000001.dcm`, `000002.dcm`, …, byte for byte as the archive sends them.
    /// `progress` hears of the bytes so far. What was written before an error stays: the caller drops the folder.
    ///
    /// # Errors
    /// [`PacsError`]; more than the limits; an object that is no DICOM file; a connection that breaks off or falls silent; cancelled
    /// ([`Pacs::until`]).
    pub fn fetch_series(
        &self,
        [study, series]: [&str; 2],
        folder: &Path,
        limits: Limits,
        progress: &mut dyn FnMut(Fetched),
    ) -> Result<Fetched, PacsError> {
        let place = format!("studies/{}/series/{}", uid(study)?, uid(series)?);
        let url = format!("{}/{place}", self.url());
        let wrong = |reason: String| PacsError::Answer { url: url.clone(), reason };
        let mut answer = self.get(&place, &[], ACCEPT)?;
        let kind =
            answer.headers().get("content-type").and_then(|kind| kind.to_str().ok()).unwrap_or_default().to_owned();
        let boundary = boundary(&kind, "multipart/related").ok_or_else(|| {
            wrong(format!("the archive sends `{kind}` in place of DICOM objects (multipart/related)"))
        })?;
        let mut parts = Parts::new(&boundary);
        let mut writer = Writer { folder, limits, fetched: Fetched { objects: 0, bytes: 0 }, current: None };
        let mut reader = answer.body_mut().as_reader();
        let mut buffer = vec![0; PIECE];
        loop {
            match parts.piece().map_err(|error| wrong(error.to_string()))? {
                Piece::Head(_) => writer.begin(&url)?,
                Piece::Data(data) => writer.write(&data, &url)?,
                Piece::End => break,
                Piece::Missing => {
                    progress(writer.fetched);
                    if self.is_stopped() {
                        return Err(PacsError::Stopped);
                    }
                    let count = reader.read(&mut buffer).map_err(|error| self.broken(&url, error.into()))?;
                    if count == 0 && self.is_stopped() {
                        return Err(PacsError::Stopped);
                    }
                    if count == 0 {
                        return Err(wrong("the connection ended before the series was complete".into()));
                    }
                    parts.push(buffer.get(..count).unwrap_or_default());
                    progress(writer.fetched);
                }
            }
        }
        writer.finish(&url)
    }
}

impl Writer<'_> {
    fn begin(&mut self, url: &str) -> Result<(), PacsError> {
        self.end(url)?;
        self.fetched.objects += 1;
        self.check(url)?;
        let path = self.folder.join(format!("{:06}.dcm", self.fetched.objects));
        let file = File::create(&path).map_err(|source| PacsError::File { path: path.clone(), source })?;
        self.current = Some((path, file));
        Ok(())
    }

    fn write(&mut self, data: &[u8], url: &str) -> Result<(), PacsError> {
        self.fetched.bytes += data.len() as u64;
        self.check(url)?;
        let Some((path, file)) = &mut self.current else { return Ok(()) };
        file.write_all(data).map_err(|source| PacsError::File { path: path.clone(), source })
    }

    fn check(&self, url: &str) -> Result<(), PacsError> {
        let Fetched { objects, bytes } = self.fetched;
        if objects <= self.limits.objects && bytes <= self.limits.bytes {
            return Ok(());
        }
        let reason = format!(
            "the series has more than {} objects or {}",
            self.limits.objects,
            crate::words::bytes(self.limits.bytes)
        );
        Err(PacsError::Answer { url: url.into(), reason })
    }

    /// Closes the current file: an object of DICOM, or the answer is none.
    fn end(&mut self, url: &str) -> Result<(), PacsError> {
        let Some((path, file)) = self.current.take() else { return Ok(()) };
        drop(file);
        match is_dicom(&path) {
            Ok(true) => Ok(()),
            Ok(false) => {
                let reason = format!("object {} of the series is no DICOM file", self.fetched.objects);
                Err(PacsError::Answer { url: url.into(), reason })
            }
            Err(source) => Err(PacsError::File { path, source }),
        }
    }

    fn finish(mut self, url: &str) -> Result<Fetched, PacsError> {
        self.end(url)?;
        match self.fetched.objects {
            0 => Err(PacsError::Answer { url: url.into(), reason: "the series holds no object".into() }),
            _ => Ok(self.fetched),
        }
    }
}

/// Whether a file has the mark of DICOM behind its preamble.
pub(super) fn is_dicom(path: &Path) -> std::io::Result<bool> {
    let mut start = [0; PREAMBLE + 4];
    let mut file = File::open(path)?;
    match file.read_exact(&mut start) {
        Ok(()) => Ok(start.ends_with(b"DICM")),
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}
