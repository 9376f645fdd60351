//! Objects into an archive (STOW-RS).

use std::fs::File;
use std::io::{Cursor, Read};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::Serialize;
use serde_json::Value;

use super::object::{instances, is_dicom};
use super::query::{text, values};
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
    /// Sends DICOM files in one message. Objects of which the archive says nothing count as refused.
    ///
    /// # Errors
    /// [`PacsError`]; [`PacsError::Request`] for a file that is no DICOM object, before anything is sent; [`PacsError::Answer`] where the
    /// archive says nothing of any object, or that it stored one that was not sent.
    pub fn store(&self, files: &[PathBuf]) -> Result<Stored, PacsError> {
        let sent = files.iter().map(|file| instances_of(file)).collect::<Result<Vec<_>, _>>()?;
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
            let object = File::open(file).map_err(|source| PacsError::File { path: file.clone(), source })?;
            content = Box::new(content.chain(head).chain(object).chain(end));
        }
        content = Box::new(content.chain(piece(format!("--{boundary}--\r\n"))));
        for file in files {
            size += file.metadata().map_err(|source| PacsError::File { path: file.clone(), source })?.len();
        }
        let kind = format!("multipart/related; type=\"application/dicom\"; boundary={boundary}");
        let answer = self.json("studies", self.post("studies", &kind, size, &mut content)?)?.unwrap_or_default();
        checked(told(&answer), &sent)
            .map_err(|reason| PacsError::Answer { url: format!("{}/studies", self.url()), reason })
    }
}

/// The UIDs by which an archive may know a DICOM object.
fn instances_of(path: &Path) -> Result<Vec<String>, PacsError> {
    let error = |source| PacsError::File { path: path.into(), source };
    let refused = |why: &str| PacsError::Request(format!("{}: {why}; nothing was sent", path.display()));
    if !is_dicom(path).map_err(error)? {
        return Err(refused("no DICOM file"));
    }
    let known = instances(path).map_err(error)?;
    if known.is_empty() { Err(refused("states no SOPInstanceUID")) } else { Ok(known) }
}

/// Holds an answer against what was sent: for each object, the UIDs by which it may be known.
fn checked(mut told: Stored, sent: &[Vec<String>]) -> Result<Stored, String> {
    if told.stored.is_empty() && told.refused.is_empty() {
        return Err("the archive does not say whether it stored the objects".into());
    }
    let is_sent = |uid: &String| sent.iter().flatten().any(|known| known == uid);
    if let Some(other) = told.stored.iter().find(|uid| !is_sent(uid)) {
        return Err(format!(
            "the archive says that it stored the object `{other}`, which was not sent; look there for what became of the objects"
        ));
    }
    let told_of: Vec<&String> = told.stored.iter().chain(told.refused.iter().map(|refusal| &refusal.uid)).collect();
    let unknown = sent.iter().filter(|known| !known.iter().any(|uid| told_of.contains(&uid)));
    let reason = "the archive does not say what became of it";
    let silent = |uid: &String| Refusal { uid: uid.clone(), code: "none".into(), reason: reason.into() };
    let silent: Vec<Refusal> = unknown.filter_map(|known| known.first()).map(silent).collect();
    told.refused.extend(silent);
    Ok(told)
}

/// ReferencedSOPSequence and FailedSOPSequence of an answer.
fn told(answer: &Value) -> Stored {
    let object = |item: &Value| text(item, "00081155").trim_matches([' ', '\0']).to_owned();
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

    use super::super::object::tests::object;
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
    fn what_is_no_dicom_object_is_not_sent() {
        let folder = tempfile::tempdir().unwrap();
        let pacs = Pacs::new("http://127.0.0.1:9/dicom-web").unwrap();
        let file = folder.path().join("a.dcm");
        for (content, part) in
            [(b"text".to_vec(), "no DICOM file; nothing was sent"), (object(["1.2", "1.3", ""]), "no SOPInstanceUID")]
        {
            std::fs::write(&file, content).unwrap();
            let error = pacs.store(std::slice::from_ref(&file)).unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        }
    }

    #[test]
    fn only_what_was_sent_is_stored() {
        let stored = |uids: &[&str]| Stored { stored: uids.iter().map(|uid| (*uid).into()).collect(), refused: vec![] };
        // Data set and header of the second file differ: an archive may answer with either.
        let sent = [vec!["1.4.1".to_owned()], vec!["1.4.2".to_owned(), "1.4.9".to_owned()]];
        for all in [["1.4.1", "1.4.2"], ["1.4.9", "1.4.1"]] {
            assert_eq!(checked(stored(&all), &sent), Ok(stored(&all)));
        }
        let error = checked(stored(&["1.4.1", "1.2.3"]), &sent).unwrap_err();
        assert!(error.contains("stored the object `1.2.3`, which was not sent"), "{error}");
        assert!(checked(stored(&[""]), &sent).is_err(), "an object without a name");
        let some = checked(stored(&["1.4.1"]), &sent).unwrap();
        assert_eq!((some.stored.len(), some.refused.len(), some.refused[0].uid.as_str()), (1, 1, "1.4.2"));
        assert!(some.refused[0].reason.contains("does not say"), "{some:?}");
        assert!(checked(stored(&[]), &sent).unwrap_err().contains("does not say whether"));
    }
}
