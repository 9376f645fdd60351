//! Objects into an archive (STOW-RS).

use std::fs::File;
use std::io::{Cursor, Read};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::Serialize;
use serde_json::Value;

use super::query::{text, values};
use super::retrieve::is_dicom;
use super::{Pacs, PacsError};

/// What stands between the objects of a message: new each time, so that no object holds it.
fn boundary() -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
    format!("segspec-{now:x}-{:x}", std::process::id())
}

/// What became of the objects.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Stored {
    /// SOP instance UIDs that the archive has now.
    pub stored: Vec<String>,
    /// Objects that it refuses.
    pub refused: Vec<Refusal>,
}

/// An object that the archive refuses.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Refusal {
    /// Its SOP instance UID.
    pub uid: String,
    /// FailureReason (PS3.18, table I.2-2).
    pub code: String,
    /// What the code means.
    pub reason: String,
}

impl Pacs {
    /// Sends DICOM files in one message.
    ///
    /// # Errors
    /// [`PacsError`]; [`PacsError::Request`] for a file that is no DICOM object, before anything is sent.
    pub fn store(&self, files: &[PathBuf]) -> Result<Stored, PacsError> {
        let boundary = boundary();
        let mut content: Box<dyn Read> = Box::new(Cursor::new(Vec::new()));
        let mut size = 0;
        let mut piece = |text: String| {
            size += text.len() as u64;
            Cursor::new(text.into_bytes())
        };
        for file in files {
            let head = piece(format!("--{boundary}\r\nContent-Type: application/dicom\r\n\r\n"));
            let end = piece("\r\n".into());
            content = Box::new(content.chain(head).chain(opened(file)?).chain(end));
        }
        content = Box::new(content.chain(piece(format!("--{boundary}--\r\n"))));
        for file in files {
            size += file.metadata().map_err(|source| PacsError::File { path: file.clone(), source })?.len();
        }
        let kind = format!("multipart/related; type=\"application/dicom\"; boundary={boundary}");
        let answer = self.json("studies", self.post("studies", &kind, size, &mut content)?)?.unwrap_or_default();
        let told = told(&answer);
        match told.stored.len() + told.refused.len() {
            0 => {
                let url = format!("{}/studies", self.url());
                Err(PacsError::Answer { url, reason: "the archive does not say whether it stored the objects".into() })
            }
            _ => Ok(told),
        }
    }
}

/// A DICOM object.
fn opened(path: &Path) -> Result<File, PacsError> {
    let error = |source| PacsError::File { path: path.into(), source };
    if !is_dicom(path).map_err(error)? {
        return Err(PacsError::Request(format!("{}: no DICOM file; nothing was sent", path.display())));
    }
    File::open(path).map_err(error)
}

/// ReferencedSOPSequence and FailedSOPSequence of an answer.
fn told(answer: &Value) -> Stored {
    let object = |item: &Value| text(item, "00081155");
    let refusal = |item: &Value| {
        let code = text(item, "00081197");
        Refusal { uid: object(item), reason: meaning(&code).into(), code }
    };
    Stored {
        stored: values(answer, "00081199").iter().map(object).collect(),
        refused: values(answer, "00081198").iter().map(refusal).collect(),
    }
}

/// What a failure reason means (PS3.18, table I.2-2).
fn meaning(code: &str) -> &'static str {
    match code.parse().unwrap_or(0_u32) {
        0xA700..=0xA7FF => "out of resources",
        0xA900..=0xA9FF => "the object does not match its class",
        0xC000..=0xCFFF => "it cannot be understood",
        0x0110 => "processing failure",
        0x0111 => "an object with this UID is there already",
        0x0122 => "objects of this class are not taken",
        0x0124 => "not authorised",
        _ => "no reason that the standard lists",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn answers_tell_of_each_object() {
        let item = |uid: &str| json!({"00081155": {"vr": "UI", "Value": [uid]}});
        let mut failed = item("1.3");
        failed["00081197"] = json!({"vr": "US", "Value": [272]});
        let answer = json!({
            "00081199": {"vr": "SQ", "Value": [item("1.2")]}, "00081198": {"vr": "SQ", "Value": [failed]},
        });
        let refused = Refusal { uid: "1.3".into(), code: "272".into(), reason: "processing failure".into() };
        assert_eq!(told(&answer), Stored { stored: vec!["1.2".into()], refused: vec![refused] });
        assert!(told(&Value::Null).stored.is_empty());
    }

    #[test]
    fn what_is_no_dicom_is_not_sent() {
        let folder = tempfile::tempdir().unwrap();
        let pacs = Pacs::new("http://127.0.0.1:9/dicom-web").unwrap();
        let file = folder.path().join("a.dcm");
        std::fs::write(&file, "text").unwrap();
        assert!(pacs.store(&[file]).unwrap_err().to_string().contains("no DICOM file"));
    }
}
