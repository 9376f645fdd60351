//! Messages about an upload, as people are told of them: files are named from the upload on, so that nobody learns where it lies. Where what
//! names the patient is to be removed, no name that the sender gave is shown, for names of files are often those of patients.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use super::super::state::locked;
use super::look::UNZIPPED;
use super::names::shown;
use crate::volume::format;

/// Stands for a name that is not shown.
const HIDDEN: &str = "…";
/// Ends a message that named something.
const NOTE: &str = "; names of files are not shown";
/// Where a path ends of which nothing is known.
const ENDS: [char; 8] = [':', ';', ',', ')', '`', '"', '\'', '\n'];
/// Names of folders and files that tell nobody who it is, and words of messages: without them, these could not be read.
const COMMON: [&str; 34] = [
    "archive", "case", "ct", "data", "dcm", "dicom", "file", "files", "folder", "header", "image", "images", "img",
    "label", "labels", "mask", "masks", "mr", "mri", "name", "nifti", "nii", "nrrd", "png", "pt", "scan", "scans",
    "series", "slice", "slices", "study", "upload", "volume", "voxel",
];

/// What is told of an upload.
pub struct Messages {
    /// Its folder in every way that a message may name it, the longest first.
    folders: Vec<String>,
    /// Names that the sender gave to files, none of which is shown; `None` where they may be.
    names: Option<Mutex<BTreeSet<String>>>,
    /// The files and folders that were sent, where their names may be shown.
    sent: Mutex<BTreeSet<String>>,
}

impl Messages {
    /// Of the upload in a folder that is there.
    pub fn new(folder: &Path, is_anonymous: bool) -> Self {
        let ways: [Option<PathBuf>; 3] =
            [Some(folder.into()), std::path::absolute(folder).ok(), folder.canonicalize().ok()];
        let mut folders: Vec<String> = ways.into_iter().flatten().map(|path| path.display().to_string()).collect();
        folders.sort_by_key(|folder| Reverse(folder.len()));
        folders.dedup();
        Self { folders, names: is_anonymous.then(Mutex::default), sent: Mutex::default() }
    }

    /// Notes the name that the sender gave to a file, with the folders that it lies in.
    pub fn learn(&self, name: &str) {
        if let Some(names) = &self.names {
            locked(names).insert(name.to_owned());
        }
    }

    /// Notes a file of the form, or the folder that holds it.
    pub fn learn_sent(&self, name: &str) {
        self.learn(name);
        let whole = name.split(['/', '\\']).find(|part| !matches!(*part, "" | "." | ".."));
        if let (None, Some(whole)) = (&self.names, whole) {
            locked(&self.sent).insert(whole.to_owned());
        }
    }

    /// What was sent, for a list: the name of a file or folder, and how many more; `None` where names are not shown.
    pub fn sent(&self) -> Option<String> {
        let sent = locked(&self.sent);
        let first = sent.first()?;
        Some(if sent.len() > 1 { format!("{first} and {} more", sent.len() - 1) } else { first.clone() })
    }

    /// A message as people may read it.
    pub fn told(&self, text: &str) -> String {
        match &self.names {
            None => self.below(text),
            Some(names) => match hidden(&self.folders, &known(&locked(names)), text) {
                (text, true) => text + NOTE,
                (text, false) => text,
            },
        }
    }

    /// The reason in a message, without the file that it begins with where names are not shown.
    pub fn reason(&self, text: &str) -> String {
        let Some(names) = &self.names else { return self.below(text) };
        let (text, _) = hidden(&self.folders, &known(&locked(names)), text);
        text.strip_prefix("a file: ").map(str::to_owned).unwrap_or(text)
    }

    /// A message in which paths begin below the upload.
    fn below(&self, text: &str) -> String {
        self.folders.iter().fold(text.to_owned(), |text, folder| {
            let unzipped = UNZIPPED.iter().fold(text, |text, name| text.replace(&format!("{folder}/{name}/"), ""));
            unzipped.replace(&format!("{folder}/"), "").replace(folder, "the upload")
        })
    }
}

/// Everything in a message that may be one of the names, the longest first: paths, their folders and last parts, without endings, too.
fn known(names: &BTreeSet<String>) -> Vec<String> {
    let mut all = BTreeSet::new();
    for name in names {
        all.extend([name.clone(), shown(name)]);
        let parts: Vec<&str> = name.split(['/', '\\']).filter(|part| !matches!(*part, "" | "." | "..")).collect();
        all.extend((1..=parts.len()).map(|count| parts[..count].join("/")));
        all.extend(parts.iter().map(|part| (*part).to_owned()));
        let Some(last) = parts.last() else { continue };
        let whole = Path::new(last).file_stem().and_then(|stem| stem.to_str());
        for stem in format::stems(last).into_iter().chain(whole) {
            all.insert(stem.to_owned());
            // `CASE_0000` is the first channel of a case.
            let channel = stem.rsplit_once('_').filter(|(_, number)| number.bytes().all(|byte| byte.is_ascii_digit()));
            all.extend(channel.map(|(case, _)| case.to_owned()));
        }
    }
    let mut all: Vec<String> = all.into_iter().filter(|name| tells(name)).collect();
    all.sort_by_key(|name| Reverse(name.len()));
    all
}

/// Whether a name may tell who somebody is.
fn tells(name: &str) -> bool {
    let count = name.chars().filter(|letter| letter.is_alphanumeric()).count();
    // Messages are full of short numbers.
    let least = if name.chars().any(char::is_alphabetic) { 2 } else { 4 };
    count >= least && !COMMON.contains(&name.to_lowercase().as_str())
}

/// A message without names, and whether it had any.
fn hidden(folders: &[String], known: &[String], text: &str) -> (String, bool) {
    let without = folders.iter().fold(text.to_owned(), |text, folder| without_paths(&text, folder, known));
    let without = known.iter().fold(without, |text, name| without_name(&text, name));
    let is_named = without != text;
    let without = folders.iter().fold(without, |text, folder| text.replace(folder, "the upload"));
    (if is_named { without.replace("…:", "a file:") } else { without }, is_named)
}

/// A message without the paths below a folder, whatever they are.
fn without_paths(text: &str, folder: &str, known: &[String]) -> String {
    let (mut done, mut rest, begin) = (String::new(), text, format!("{folder}/"));
    while let Some((before, path)) = rest.split_once(begin.as_str()) {
        let end = path_length(path, known).unwrap_or_else(|| path.find(ENDS).unwrap_or(path.len()));
        done += before;
        done += HIDDEN;
        rest = path.get(end..).unwrap_or_default();
    }
    done + rest
}

/// Bytes of a known path at the beginning of a text.
fn path_length(text: &str, known: &[String]) -> Option<usize> {
    let unzipped = UNZIPPED.iter().find_map(|name| text.strip_prefix(name)?.strip_prefix('/'));
    let below = unzipped.unwrap_or(text);
    let is_over = |rest: &str| {
        let mut letters = rest.chars();
        match letters.next() {
            Some('.' | '-' | '_') => !letters.next().is_some_and(char::is_alphanumeric),
            Some(letter) => letter != '/' && !letter.is_alphanumeric(),
            None => true,
        }
    };
    let name = known.iter().find(|name| below.strip_prefix(name.as_str()).is_some_and(is_over))?;
    Some(text.len() - below.len() + name.len())
}

/// A message without a name that stands by itself.
fn without_name(text: &str, name: &str) -> String {
    let (mut done, mut rest) = (String::new(), text);
    while let Some((before, after)) = rest.split_once(name) {
        done += before;
        let is_part = [done.chars().next_back(), after.chars().next()].into_iter().flatten().any(char::is_alphanumeric);
        done += if is_part { name } else { HIDDEN };
        rest = after;
    }
    done + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Messages of an upload in a folder that there need not be, with names that the sender gave.
    fn messages(is_anonymous: bool) -> Messages {
        let messages = Messages::new(Path::new("/s/uploads/x"), is_anonymous);
        for name in [
            "Mueller_1/Mueller000.dcm",
            "Mueller_Joerg_1950_0000.nii.gz",
            "../Müller, J.nii.gz",
            "471100/12",
            "dicom/image.nii",
        ] {
            messages.learn(name);
        }
        messages
    }

    #[test]
    fn files_are_named_from_the_upload_on() {
        let told = |text: &str| messages(false).told(text);
        assert_eq!(told("/s/uploads/x/a/b.nii: voxel [0, 0, 0] is NaN"), "a/b.nii: voxel [0, 0, 0] is NaN");
        assert_eq!(told("/s/uploads/x/unzipped/a.nii: damaged"), "a.nii: damaged");
        assert_eq!(told("/s/uploads/x: holds two series"), "the upload: holds two series");
        assert_eq!(told("Mueller.nii: holds labels"), "Mueller.nii: holds labels");
    }

    #[test]
    fn names_of_files_are_not_shown_and_reasons_are() {
        let told = |text: &str| messages(true).told(text);
        let noted = |text: &str| format!("{text}{NOTE}");
        for (text, expected) in [
            ("/s/uploads/x/Mueller_1/Mueller000.dcm: declares text", "a file: declares text"),
            ("/s/uploads/x/unzipped/Mueller_1/Mueller000.dcm: is (bad)", "a file: is (bad)"),
            ("/s/uploads/x/Mueller_1: slices are missing", "a file: slices are missing"),
            // A file that is not there, and one of the server's own.
            ("cannot read /s/uploads/x/Mueller_1/M 7.raw: no such file", "cannot read a file: no such file"),
            ("/s/uploads/x/.copies/1/0001.dcm: damaged", "a file: damaged"),
            ("Mueller_Joerg_1950: has no Mueller_Joerg_1950_0001.nii.gz", "a file: has no …_0001.nii.gz"),
            ("Mueller000.dcm and Mueller_1/Mueller000.dcm are one", "… and … are one"),
            (
                "the file name \"../M\\u{fc}ller, J.nii.gz\" leads out of its folder",
                "the file name \"…\" leads out of its folder",
            ),
            ("two files have the same name: Müller, J.nii.gz", "two files have the same name: …"),
            ("of patient 471100", "of patient …"),
        ] {
            assert_eq!(told(text), noted(expected));
        }
    }

    #[test]
    fn uploads_are_named_after_what_was_sent() {
        let folder = tempfile::tempdir().unwrap();
        let of = |is_anonymous| {
            let messages = Messages::new(folder.path(), is_anonymous);
            let first = ["scan/1.dcm", "scan/2.dcm"].map(|name| messages.learn_sent(name));
            let one = messages.sent();
            messages.learn_sent("b.zip");
            (first.len(), one, messages.sent())
        };
        assert_eq!(of(false), (2, Some("scan".into()), Some("b.zip and 1 more".into())));
        assert_eq!(of(true), (2, None, None));
    }

    #[test]
    fn words_and_short_numbers_stay() {
        for text in ["the image has 12 voxels: send DICOM slices", "nothing", "Muellers are many", "x (… and more)"] {
            assert_eq!(messages(true).told(text), text);
        }
        assert_eq!(messages(true).told("/s/uploads/x: holds two series"), "the upload: holds two series");
        let text = "/s/uploads/x/Mueller_1/Mueller000.dcm: declares text";
        assert_eq!(messages(true).reason(text), "declares text");
        assert_eq!(messages(true).told(&messages(true).told(text)), messages(true).told(text), "told once more");
    }
}
