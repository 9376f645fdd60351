//! Series from an archive (WADO-RS).

use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use ureq::Body;
use ureq::http::Response;

use super::object::{foreign, is_dicom};
use super::parts::{Parts, Piece, boundary};
use super::{Pacs, PacsError, uid};
use crate::counted;

/// Objects as they are stored, in whatever encoding.
const ACCEPT: &str = "multipart/related; type=\"application/dicom\"; transfer-syntax=*";
/// Bytes read at a time.
const PIECE: usize = 256 << 10;
/// Status of an answer that holds some of the objects (PS3.18, table 10.4.3-1).
const PARTIAL: u16 = 206;

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
    /// UIDs of their study and series.
    wanted: [&'a str; 2],
    limits: Limits,
    fetched: Fetched,
    current: Option<(PathBuf, File)>,
}

impl Pacs {
    /// Writes the objects of a series to an existing folder as `000001.dcm`, `000002.dcm`, …, byte for byte as the archive sends them.
    /// `progress` hears of the bytes so far. What was written before an error stays: the caller drops the folder.
    ///
    /// A series is whole or refused: a part of one would pass for a smaller image. The archive is asked how many objects there are
    /// (NumberOfSeriesRelatedInstances); of one that does not tell, the end of its answer is believed.
    ///
    /// # Errors
    /// [`PacsError`]; more than the limits; a part of the series (status 206, or another number of objects than the archive declares); an
    /// object of another study or series, or that is no DICOM file; a connection that breaks off or falls silent; cancelled
    /// ([`Pacs::until`]).
    pub fn fetch_series(
        &self,
        wanted: [&str; 2],
        folder: &Path,
        limits: Limits,
        progress: &mut dyn FnMut(Fetched),
    ) -> Result<Fetched, PacsError> {
        let [study, series] = wanted;
        let place = format!("studies/{}/series/{}", uid(study)?, uid(series)?);
        let url = format!("{}/{place}", self.url());
        let answer = self.get(&place, &[], ACCEPT)?;
        let writer = Writer { folder, wanted, limits, fetched: Fetched { objects: 0, bytes: 0 }, current: None };
        let fetched = self.receive(answer, &url, writer, progress)?;
        match self.declared(wanted)? {
            Some(declared) if declared != fetched.objects as u64 => {
                let reason = format!(
                    "the archive sent {}, but declares {declared} for this series: it may still be receiving some, or hold some \
                     back; fetch the series again later, and if that does not help, ask whoever runs the archive",
                    counted(fetched.objects, "object")
                );
                Err(PacsError::Answer { url, reason })
            }
            _ => Ok(fetched),
        }
    }

    /// Writes the objects of an answer.
    fn receive(
        &self,
        mut answer: Response<Body>,
        url: &str,
        mut writer: Writer<'_>,
        progress: &mut dyn FnMut(Fetched),
    ) -> Result<Fetched, PacsError> {
        let wrong = |reason: String| PacsError::Answer { url: url.into(), reason };
        if answer.status().as_u16() == PARTIAL {
            return Err(wrong(format!(
                "the archive sends a part of the series only (status {PARTIAL}); fetch the series again, and if that does not help, ask \
                 whoever runs the archive"
            )));
        }
        let kind =
            answer.headers().get("content-type").and_then(|kind| kind.to_str().ok()).unwrap_or_default().to_owned();
        let boundary = boundary(&kind, "multipart/related").ok_or_else(|| {
            wrong(format!("the archive sends `{kind}` in place of DICOM objects (multipart/related)"))
        })?;
        let mut parts = Parts::new(&boundary);
        let mut reader = answer.body_mut().as_reader();
        let mut buffer = vec![0; PIECE];
        loop {
            match parts.piece().map_err(|error| wrong(error.to_string()))? {
                Piece::Head(_) => writer.begin(url)?,
                Piece::Data(data) => writer.write(&data, url)?,
                Piece::End => return writer.finish(url),
                Piece::Missing => {
                    progress(writer.fetched);
                    if self.is_stopped() {
                        return Err(PacsError::Stopped);
                    }
                    let count = reader.read(&mut buffer).map_err(|error| self.broken(url, error.into()))?;
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

    /// Closes the current file: an object of the series, or the answer is none.
    fn end(&mut self, url: &str) -> Result<(), PacsError> {
        let Some((path, file)) = self.current.take() else { return Ok(()) };
        drop(file);
        let number = self.fetched.objects;
        let wrong = |reason: String| Err(PacsError::Answer { url: url.into(), reason });
        match is_dicom(&path) {
            Ok(true) => match foreign(&path, self.wanted) {
                Some(why) => wrong(format!("object {number} of the answer {why}")),
                None => Ok(()),
            },
            Ok(false) => wrong(format!("object {number} of the series is no DICOM file")),
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

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use serde_json::json;

    use super::super::object::tests::object;
    use super::*;

    /// An archive that answers every request for the series with `status` and these objects, and for their number with `list`.
    fn archive(status: &str, objects: &[[&str; 3]], list: &str) -> Pacs {
        let head = |status: &str, kind: &str, length: usize| {
            format!(
                "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
            )
        };
        let part = |uids: &[&str; 3]| [b"--xyz\r\n\r\n".as_slice(), object(*uids).as_slice(), b"\r\n"].concat();
        let body = [objects.iter().flat_map(part).collect::<Vec<u8>>(), b"--xyz--\r\n".to_vec()].concat();
        let series = [head(status, "multipart/related; boundary=xyz", body.len()).into_bytes(), body].concat();
        let list = [head("200 OK", "application/dicom+json", list.len()), list.to_owned()].concat().into_bytes();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/dicom-web", listener.local_addr().unwrap());
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (mut stream, mut asked, mut byte) = (stream.unwrap(), Vec::new(), [0]);
                while !asked.ends_with(b"\r\n\r\n") && matches!(stream.read(&mut byte), Ok(1)) {
                    asked.push(byte[0]);
                }
                let is_list = String::from_utf8_lossy(&asked).contains("/series?");
                let _ = stream.write_all(if is_list { &list } else { &series });
            }
        });
        Pacs::new(&url).unwrap().with_patience(std::time::Duration::from_secs(5))
    }

    /// The number of objects that were fetched, or why none was.
    fn fetched(pacs: &Pacs) -> Result<usize, String> {
        let folder = tempfile::tempdir().unwrap();
        let limits = Limits { bytes: 1 << 20, objects: 10 };
        let fetched = pacs.fetch_series(["1.2", "1.3"], folder.path(), limits, &mut |_| {});
        fetched.map(|fetched| fetched.objects).map_err(|error| error.to_string())
    }

    /// What QIDO-RS says of series: their UIDs and numbers of objects.
    fn list(all: &[(&str, usize)]) -> String {
        let one = |(uid, count): &(&str, usize)| {
            let (uid, count) = (json!({ "vr": "UI", "Value": [uid] }), json!({ "vr": "IS", "Value": [count] }));
            json!({ "0020000E": uid, "00201209": count })
        };
        all.iter().map(one).collect::<serde_json::Value>().to_string()
    }

    const TWO: [[&str; 3]; 2] = [["1.2", "1.3", "1.4.1"], ["1.2", "1.3", "1.4.2"]];

    #[test]
    fn a_series_is_whole_or_refused() {
        assert_eq!(fetched(&archive("200 OK", &TWO, &list(&[("1.3", 2)]))), Ok(2));
        assert_eq!(fetched(&archive("200 OK", &TWO, &list(&[("1.9", 7), ("1.3", 2)]))), Ok(2), "its own number");
        for (declared, part) in [(38, "the archive sent 2 objects, but declares 38"), (1, "but declares 1 for")] {
            let error = fetched(&archive("200 OK", &TWO, &list(&[("1.3", declared)]))).unwrap_err();
            assert!(error.contains(part) && error.contains("fetch the series again"), "{error}");
        }
        let error = fetched(&archive("206 Partial Content", &TWO, &list(&[("1.3", 2)]))).unwrap_err();
        assert!(error.contains("a part of the series only (status 206)"), "{error}");
    }

    #[test]
    fn an_archive_that_does_not_tell_the_number_is_believed() {
        for silent in ["", "[]", "{}", "no JSON", &list(&[("1.9", 38)]), &list(&[("1.3", 0)])] {
            assert_eq!(fetched(&archive("200 OK", &TWO, silent)), Ok(2), "{silent}");
        }
    }

    #[test]
    fn objects_of_other_series_are_refused() {
        for (other, part) in [
            (["1.2", "9.3", "1.4.3"], "object 2 of the answer is of series 9.3 of study 1.2"),
            (["9.2", "1.3", "1.4.3"], "object 2 of the answer is of series 1.3 of study 9.2"),
            (["", "", "1.4.3"], "object 2 of the answer does not state its study and series"),
        ] {
            let error = fetched(&archive("200 OK", &[TWO[0], other], "")).unwrap_err();
            assert!(error.contains(part), "{error}");
        }
    }
}
