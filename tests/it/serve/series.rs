//! DICOM SEG of corrected cases: whose they are, and who made them.

use std::fs;

use segspec::volume::dicom::{self, Modality, SeriesHeader};
use segspec::volume::{read_label_map, read_volume, write_label_map};

use super::Server;
use super::flows::run;
use crate::lab::{Lab, TINY};

/// The bytes of a DICOM object hold a text.
fn holds(object: &[u8], text: &str) -> bool {
    object.windows(text.len()).any(|part| part == text.as_bytes())
}

/// Six patients with one and the same image, in DICOM, and a run.
fn patients(lab: &Lab) {
    assert_eq!(lab.end(&["dataset", "check", "tiny"]).code, 0, "makes the images");
    let image = read_volume(&lab.path("data/set/imagesTr/phantom_000.nii.gz")).unwrap();
    for number in 0..6 {
        let header = SeriesHeader {
            modality: Modality::Ct,
            description: "phantom".into(),
            patient: format!("PATIENT{number}"),
            series_number: 2,
            created: std::time::SystemTime::UNIX_EPOCH,
        };
        // Images with one content would be one case twice.
        let mut image = image.clone();
        image.voxels[[0, 0, 0, 0]] += number as f32;
        let folder = lab.path(&format!("data/dicom/p{number}/ct"));
        dicom::write_series(&folder, &image, &header).unwrap();
        let labels = read_label_map(&lab.path("data/set/labelsTr/phantom_000.nii.gz")).unwrap();
        write_label_map(&lab.path(&format!("data/dicom/p{number}/labels.nii.gz")), &labels).unwrap();
    }
    let text = fs::read_to_string(lab.path("datasets/tiny.toml")).unwrap();
    let layout = "layout = { pairs = { image = \"{case}/ct\", label = \"{case}/labels.nii.gz\" } }";
    let text = text.replace("root = \"set\"", "root = \"dicom\"").replace("layout = { msd = {} }", layout);
    let text: String =
        text.lines().filter(|line| !line.starts_with("generate")).map(|line| format!("{line}\n")).collect();
    lab.write("datasets/dicom.toml", &text);
    lab.write("experiments/dicom.toml", &TINY.replace("dataset = \"tiny\"", "dataset = \"dicom\""));
    lab.run("dicom", &[]);
}

#[test]
fn corrected_labels_of_a_case_refer_to_its_patient_and_name_the_person() {
    let lab = Lab::new();
    patients(&lab);
    let server = Server::of(&lab);
    let (id, cases) = run(&server);
    assert_eq!(cases.len(), 2);
    for case in &cases {
        let url = format!("/api/runs/{id}/cases/{case}");
        let file = server.get(&format!("{url}/prediction")).save(&lab, "own.nii.gz");
        let mut labels = read_label_map(&file).unwrap();
        // The same in both.
        labels.voxels.fill(0);
        labels.voxels.slice_mut(ndarray::s![1..3, 2..5, 2..6]).fill(1);
        labels.voxels.slice_mut(ndarray::s![4..6, 2..5, 2..6]).fill(300);
        write_label_map(&lab.path("drawn.nii.gz"), &labels).unwrap();
        let tumour = "%5B%7B%22name%22%3A%22tumour%22%2C%22value%22%3A300%2C%22color%22%3A%22%23009e73%22%7D%5D";
        let headers = [("segspec-base", "prediction"), ("segspec-structures", tumour)];
        let saved =
            server.ask("PUT", &format!("{url}/correction"), &headers, &fs::read(lab.path("drawn.nii.gz")).unwrap());
        assert_eq!(saved.status, 200, "{}", saved.text());
        let formats = saved.json()["downloads"].to_string();
        assert!(formats.contains("\"dcm\"") && formats.contains("\"stl\""), "as after a reload: {formats}");
    }
    for case in &cases {
        let get = |of: &str| server.get(&format!("/api/runs/{id}/cases/{case}/files/dcm?of={of}")).body;
        let patient = format!("PATIENT{}", &case[1..]);
        let (corrected, predicted) = (get("correction"), get("prediction"));
        assert!(holds(&corrected, &patient) && holds(&predicted, &patient), "{case}");
        // The liver was predicted and corrected, the tumour was drawn.
        assert!(holds(&corrected, "SEMIAUTOMATIC") && holds(&corrected, "MANUAL"), "{case}");
        assert!(!holds(&predicted, "SEMIAUTOMATIC") && holds(&predicted, "AUTOMATIC"), "{case}");
        assert!(holds(&corrected, "tester") && !holds(&predicted, "tester"), "{case}: who corrected it");
    }
}
