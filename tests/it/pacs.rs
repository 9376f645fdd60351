//! A real archive (Orthanc): a study in, found, fetched; its segmentation back.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::lab::{Ended, Lab, end, sorted};

/// A running Orthanc, stopped when dropped.
pub struct Archive {
    folder: tempfile::TempDir,
    pub url: String,
}

fn script() -> Command {
    Command::new(format!("{}/tests/pacs/orthanc.sh", env!("CARGO_MANIFEST_DIR")))
}

impl Archive {
    /// None, with a word to the person, where Orthanc is not installed.
    pub fn start() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let started = script().arg("start").arg(folder.path()).stdout(std::process::Stdio::piped()).output().unwrap();
        let error = String::from_utf8_lossy(&started.stderr);
        if started.status.code() == Some(77) {
            println!("skipped: {error}");
            return None;
        }
        assert!(started.status.success(), "{error}");
        Some(Self { folder, url: String::from_utf8(started.stdout).unwrap().trim().into() })
    }

    fn pacs(&self, lab: &Lab, arguments: &[&str]) -> Ended {
        let mut command = lab.command(&[&["pacs"], arguments].concat());
        end(command
            .env("SEGSPEC_PACS", &self.url)
            .env("SEGSPEC_PACS_USER", "user")
            .env("SEGSPEC_PACS_PASSWORD", "pass"))
    }

    pub fn json(&self, lab: &Lab, arguments: &[&str]) -> Value {
        let ended = self.pacs(lab, &[arguments, &["--json"]].concat());
        assert_eq!(ended.code, 0, "{}", ended.err);
        serde_json::from_str(&ended.out).unwrap()
    }

    /// What Orthanc's own REST interface says of its content.
    pub fn statistics(&self) -> Value {
        let url = self.url.replace("dicom-web", "statistics");
        let said = Command::new("curl").args(["-fsS", "-u", "user:pass", &url]).output().unwrap();
        serde_json::from_slice(&said.stdout).unwrap()
    }
}

impl Drop for Archive {
    fn drop(&mut self) {
        let _ = script().arg("stop").arg(self.folder.path()).status();
    }
}

fn contents(files: &[PathBuf]) -> BTreeSet<Vec<u8>> {
    files.iter().map(|file| fs::read(file).unwrap()).collect()
}

/// Two patients: a CT series each, `set/Patient_01/im_1`, and a DICOM SEG.
pub fn phantom(lab: &Lab) -> (Vec<PathBuf>, PathBuf) {
    let made = lab.end(&["phantom", "set", "--cases", "2", "--size", "tiny", "--layout", "dicom-seg"]);
    assert_eq!(made.code, 0, "{}", made.err);
    let slices = sorted(&lab.path("set/Patient_01/im_1"));
    let segments = sorted(&lab.path("set/Patient_01")).into_iter().find(|folder| folder.ends_with("im_3")).unwrap();
    (slices, sorted(&segments).remove(0))
}

pub fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn a_study_goes_in_comes_back_and_gets_its_segmentation() {
    let lab = Lab::new();
    let (slices, segments) = phantom(&lab);
    let Some(archive) = Archive::start() else { return };

    let files: Vec<&str> = slices.iter().map(|file| text(file)).collect();
    let stored = archive.json(&lab, &[&["store"], files.as_slice()].concat());
    assert_eq!(
        (stored["stored"].as_array().unwrap().len(), stored["refused"].as_array().unwrap().len()),
        (slices.len(), 0)
    );

    let studies = archive.json(&lab, &["find", "--modality", "CT"]);
    assert_eq!(studies.as_array().unwrap().len(), 1, "{studies}");
    let study = studies[0]["uid"].as_str().unwrap();
    let series = archive.json(&lab, &["find", "--study", study]);
    assert_eq!((&series[0]["modality"], series[0]["instances"].as_u64()), (&"CT".into(), Some(slices.len() as u64)));
    assert!(archive.json(&lab, &["find", "--patient-name", "Nobody*"]).as_array().unwrap().is_empty());

    let fetched = archive.json(&lab, &["get", study, "--output", "study", "--modality", "ct"]);
    let folder = lab.path(fetched[0]["folder"].as_str().unwrap());
    assert_eq!(contents(&sorted(&folder)), contents(&slices), "byte for byte");
    let seen = lab.end(&["inspect", text(&folder)]);
    assert!(seen.code == 0 && seen.out.contains("CT"), "{}{}", seen.out, seen.err);

    // The labels of the phantom refer to the series that was fetched.
    let made = lab.end(&["convert", text(&segments), "labels.seg.nrrd"]);
    assert_eq!(made.code, 0, "{}", made.err);
    let made = lab.end(&["convert", "labels.seg.nrrd", "labels.dcm", "--on", text(&folder)]);
    assert_eq!(made.code, 0, "{}", made.err);
    assert_eq!(archive.pacs(&lab, &["store", "labels.dcm"]).code, 0);
    let series = archive.json(&lab, &["find", "--study", study]);
    let modalities: BTreeSet<&str> =
        series.as_array().unwrap().iter().map(|it| it["modality"].as_str().unwrap()).collect();
    assert_eq!(modalities, BTreeSet::from(["CT", "SEG"]), "{series}");
    let counts = archive.statistics();
    assert_eq!(
        (counts["CountStudies"].as_u64(), counts["CountInstances"].as_u64()),
        (Some(1), Some(slices.len() as u64 + 1))
    );
}

#[test]
fn what_an_archive_cannot_do_is_told_and_leaves_nothing() {
    let lab = Lab::new();
    let (slices, _) = phantom(&lab);
    let Some(archive) = Archive::start() else { return };
    assert_eq!(archive.pacs(&lab, &["store", text(&slices[0])]).code, 0);
    let study = archive.json(&lab, &["find"])[0]["uid"].as_str().unwrap().to_owned();

    let mut without = lab.command(&["pacs", "find", "--server", &archive.url]);
    let refused = end(without.env_remove("SEGSPEC_PACS_USER"));
    assert!(
        refused.code == 7 && refused.err.contains("401") && refused.err.contains("SEGSPEC_PACS_USER"),
        "{}",
        refused.err
    );

    let cases: [(&[&str], i32, &str); 7] = [
        (&["get", "1.2.3", "--output", "out"], 2, "no study 1.2.3"),
        (&["get", "../etc", "--output", "out"], 2, "no UID"),
        (&["get", &study, "--series", "1.2", "--output", "out"], 2, "has no series 1.2; it has:"),
        (&["get", &study, "--modality", "PT", "--output", "out"], 2, "no series of the study fits"),
        (&["get", &study, "--limit", "0", "--output", "out"], 4, "more than"),
        (&["get", &study, "--output", "set"], 2, "exists already"),
        (&["store", "datasets/tiny.toml"], 2, "no DICOM file"),
    ];
    for (arguments, code, part) in cases {
        let ended = archive.pacs(&lab, arguments);
        assert!(ended.code == code && ended.err.contains(part), "{arguments:?}: {} {}", ended.code, ended.err);
        assert!(!lab.path("out").exists(), "{arguments:?}");
    }
    let wrong = archive.url.replace("dicom-web", "app");
    let ended = archive.pacs(&lab, &["find", "--server", &wrong]);
    assert!(ended.code != 0 && ended.err.contains("DICOMweb"), "{}", ended.err);
    let away = archive.pacs(&lab, &["find", "--server", "http://127.0.0.1:9/dicom-web"]);
    assert!(away.code == 7 && away.err.contains("127.0.0.1:9"), "{}", away.err);
}
