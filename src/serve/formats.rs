//! Label maps in the formats that are offered for download.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use axum::response::Response;
use serde::Deserialize;
use serde_json::{Value, json};
use zip::write::SimpleFileOptions;

use super::answer;
use super::error::{Answer, Refusal};
use super::image::separate;
use crate::corrections::{Base, Correction};
use crate::dataset::{Case, Target};
use crate::predict::export;
use crate::volume::format::{Options, Person};
use crate::volume::{Format, LabelMap, Segmentation};

/// Formats, as endings of file names, and how browsers are told of them.
const FORMATS: [(&str, &str); 6] = [
    ("nii.gz", "application/gzip"),
    ("nrrd", "application/octet-stream"),
    ("seg.nrrd", "application/octet-stream"),
    ("dcm", "application/dicom"),
    ("stl", "model/stl"),
    ("glb", "model/gltf-binary"),
];
/// Name of the files while they are made: what they are saved as comes with the answer.
const MADE: &str = "segmentation";
/// Most characters of an image's name in the name of a file.
const LONGEST: usize = 100;

/// Which labels are wanted.
#[derive(Deserialize)]
pub struct Of {
    #[serde(default)]
    pub of: Option<String>,
}

/// A format of [`FORMATS`].
#[derive(Clone, Copy)]
pub struct Wanted {
    pub ending: &'static str,
    kind: &'static str,
    is_packed: bool,
}

impl Wanted {
    /// The format of a request, for labels with so many structures: surfaces of several come as an archive.
    ///
    /// # Errors
    /// There is no such format, or no slices that a DICOM SEG could refer to.
    pub fn of(wanted: &str, structures: usize, is_series: bool) -> Answer<Self> {
        let known = FORMATS.into_iter().find(|(format, _)| *format == wanted);
        let (ending, kind) = known.ok_or_else(|| Refusal::missing("format"))?;
        if ending == "dcm" && !is_series {
            return Err(Refusal::conflict(
                "a DICOM SEG refers to the slices of a DICOM series, and this image is none",
            ));
        }
        Ok(Self { ending, kind, is_packed: ending == "stl" && structures > 1 })
    }

    /// Ending of the file.
    pub fn file_ending(self) -> &'static str {
        if self.is_packed { "zip" } else { self.ending }
    }

    /// The answer with the file.
    ///
    /// # Errors
    /// As [`answer::file`].
    pub fn answer(self, file: File, name: &str) -> Answer<Response> {
        let kind = if self.is_packed { "application/zip" } else { self.kind };
        answer::file(file, kind, Some(&format!("{name}.{}", self.file_ending())))
    }

    /// Corrected labels as they go into a file of this format. Where the format names structures, their parts are joined, and what has no
    /// name is left out; others hold the values as they are.
    ///
    /// # Errors
    /// As [`separate`].
    pub fn corrected(self, labels: LabelMap, target: &Target) -> Answer<Segmentation> {
        let labels = Segmentation::Labels(labels);
        if matches!(self.ending, "nii.gz" | "nrrd") { Ok(labels) } else { separate(&labels, target) }
    }

    /// Writes labels in this format to a file. Those of a series refer to its slices, and say which person corrected them.
    ///
    /// # Errors
    /// The labels cannot be in this format; the disk is full.
    pub fn write(
        self,
        path: &Path,
        labels: Segmentation,
        (target, person): (&Target, Option<Person>),
        case: Option<&Case>,
    ) -> Answer<()> {
        let around = path.parent().unwrap_or(Path::new("."));
        let made = tempfile::Builder::new().prefix(".made-").tempdir_in(around).map_err(Refusal::failed)?;
        let on = case.and_then(|case| case.images.first().cloned());
        let choice = case.map(|case| case.choice(0)).unwrap_or_default();
        let options = Options { on, choice, person, ..Options::default() };
        let place = made.path().join(format!("{MADE}.{}", self.ending));
        let written = export::write_with(&place, labels, target, options)?;
        match written.as_slice() {
            [only] if !self.is_packed => std::fs::rename(only, path).map_err(Refusal::failed),
            several => packed(several, path),
        }
    }
}

/// Who corrected labels, for files that say it.
pub fn person(correction: &Correction) -> Person {
    Person {
        name: correction.who.clone(),
        drew_all: correction.base == Base::Empty,
        drew: correction.structures.iter().map(|it| it.name.clone()).collect(),
    }
}

/// What is offered for download: labels of a DICOM series as DICOM SEG, too, and surfaces where there are some.
pub fn offered(is_series: bool, has_surfaces: bool, url: impl Fn(&str) -> String) -> Value {
    let offered = FORMATS.iter().filter(|(format, _)| match *format {
        "dcm" => is_series,
        "stl" | "glb" => has_surfaces,
        _ => true,
    });
    Value::Array(offered.map(|(format, _)| json!({ "format": format, "url": url(format) })).collect())
}

/// Whether a DICOM SEG can refer to slices of an image.
pub fn is_series(case: &Case) -> bool {
    let path = case.images.first().map_or(Path::new(""), PathBuf::as_path);
    matches!(Format::of(path), Ok(Format::DicomImage))
}

/// Name of a file that is saved: that of the image, so that files of different images differ, and what was made of it.
pub fn file_name<'a>(image: impl IntoIterator<Item = &'a str>, what: &str) -> String {
    let parts: Vec<&str> = image.into_iter().filter(|part| !part.is_empty()).collect();
    let name: String = parts.join("-").chars().take(LONGEST).collect();
    if name.is_empty() { what.to_owned() } else { format!("{name}-{what}") }
}

fn packed(files: &[PathBuf], path: &Path) -> Answer<()> {
    let written = crate::files::write_atomic_with(path, |file| {
        let mut zip = zip::ZipWriter::new(file);
        for file in files {
            let name = file.file_name().unwrap_or_default().to_string_lossy();
            zip.start_file(name, SimpleFileOptions::default()).map_err(std::io::Error::other)?;
            zip.write_all(&std::fs::read(file)?)?;
        }
        zip.finish().map(drop).map_err(std::io::Error::other)
    });
    written.map_err(|error| Refusal::failed(crate::files::reason(&error)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_named_after_their_image() {
        assert_eq!(file_name(["P1", "Abdomen"], "segmentation"), "P1-Abdomen-segmentation");
        assert_eq!(file_name(["", "Abdomen"], "corrected"), "Abdomen-corrected");
        assert_eq!(file_name([""], "segmentation"), "segmentation");
        assert_eq!(file_name(["ä".repeat(300).as_str()], "x").chars().count(), LONGEST + 2);
    }

    #[test]
    fn a_dicom_seg_needs_a_series() {
        assert!(Wanted::of("dcm", 1, true).is_ok() && Wanted::of("dcm", 1, false).is_err());
        assert!(Wanted::of("../x", 1, true).is_err());
        let formats = |is_series, has_surfaces| {
            let all = offered(is_series, has_surfaces, str::to_owned);
            all.as_array().unwrap().iter().map(|it| it["url"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(formats(false, false), ["nii.gz", "nrrd", "seg.nrrd"]);
        assert_eq!(formats(true, true).len(), FORMATS.len());
        assert_eq!(Wanted::of("stl", 2, false).unwrap().file_ending(), "zip");
    }
}
