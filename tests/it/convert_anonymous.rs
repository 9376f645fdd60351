//! `segspec convert --anonymize`: nothing that names the patient, and what belongs together stays together.

use std::fs;
use std::path::Path;

use segspec::volume::dicom::{identity, referenced_series};
use segspec::volume::{write_label_map, write_volume};

use crate::evaluate_forms::{image, object, series, truth};
use crate::lab::{Lab, sorted};

fn convert(lab: &Lab, arguments: &[&str]) -> String {
    let ended = lab.end(&[&["convert"], arguments].concat());
    assert_eq!(ended.code, 0, "{arguments:?}: {}", ended.err);
    ended.err
}

fn holds(file: &Path, word: &str) -> bool {
    fs::read(file).unwrap().windows(word.len()).any(|part| part == word.as_bytes())
}

/// A series of Anna's, labels of the same voxels, and words that tell whose they are.
fn lab() -> (Lab, Vec<String>) {
    let lab = Lab::new();
    series(&lab.path("in/anna/CT"), &image(1), "ANNA");
    object(&lab.path("in/anna/other"), "1.2.840.77", &truth(1, 0), &lab.path("in/anna/CT"));
    write_label_map(&lab.path("anna.nii.gz"), &truth(1, 0)).unwrap();
    let slices = sorted(&lab.path("in/anna/CT"));
    let own = identity(&slices[0]).unwrap().unwrap();
    assert_eq!(own.patient, "ANNA");
    (lab, vec!["ANNA".into(), "anna".into(), own.study, own.series])
}

/// The object's series and patient are those of the copy.
fn belongs(object: &Path, copy: &Path) {
    let slices = sorted(copy);
    let (of, own) = (identity(&slices[0]).unwrap().unwrap(), identity(object).unwrap().unwrap());
    assert_eq!(referenced_series(object).unwrap(), [of.series], "{}", object.display());
    assert_eq!((own.study, own.patient), (of.study, of.patient), "{}", object.display());
}

#[test]
fn an_object_and_the_copy_of_its_series_stay_together_without_the_patient() {
    let (lab, words) = lab();
    let secret = ["--anonymize", "--secret", "key.txt"];
    convert(&lab, &[&["in/anna/CT", "a"], &secret[..]].concat());
    convert(&lab, &[&["anna.nii.gz", "a.dcm", "--on", "in/anna/CT"], &secret[..]].concat());
    // Of a series that is anonymous already.
    convert(&lab, &["in/anna/CT", "b", "--anonymize"]);
    convert(&lab, &["anna.nii.gz", "b.dcm", "--on", "b", "--anonymize"]);
    // Whole folders, in two calls.
    convert(&lab, &[&["in", "c", "--to", "dicom"], &secret[..]].concat());
    convert(&lab, &[&["in", "d", "--to", "dcm"], &secret[..]].concat());
    for (object, copy) in [("a.dcm", "a"), ("b.dcm", "b"), ("d/case-0001-labels.dcm", "c/case-0001")] {
        let (object, copy) = (lab.path(object), lab.path(copy));
        belongs(&object, &copy);
        for file in sorted(&copy).iter().chain([&object]) {
            let found = words.iter().find(|word| holds(file, word));
            assert_eq!(found, None, "{}", file.display());
        }
    }
    // Another secret, other UIDs.
    convert(&lab, &["anna.nii.gz", "e.dcm", "--on", "in/anna/CT", "--anonymize"]);
    assert_ne!(referenced_series(&lab.path("e.dcm")).unwrap(), referenced_series(&lab.path("a.dcm")).unwrap());
}

/// Names of files may be those of patients: no result takes them over.
#[test]
fn no_result_names_its_source() {
    let (lab, words) = lab();
    write_volume(&lab.path("anna-ct.nii.gz"), &image(1)).unwrap();
    convert(&lab, &["anna.nii.gz", "anna.stl", "--structures", "label 1", "--blocky"]);
    let told = convert(&lab, &["anna.stl", "surface.nii.gz", "--on", "anna-ct.nii.gz", "--anonymize"]);
    assert!(!told.contains("`anna`"), "{told}");
    for (source, target) in [
        ("anna-ct.nii.gz", "series"),
        ("anna-ct.nii.gz", "image.nrrd"),
        ("anna.nii.gz", "page.html"),
        ("anna.nii.gz", "scene.glb"),
        ("anna.nii.gz", "labels.seg.nrrd"),
    ] {
        convert(&lab, &[source, target, "--anonymize"]);
        let target = lab.path(target);
        let files = if target.is_dir() { sorted(&target) } else { vec![target] };
        for file in files {
            assert_eq!(words.iter().find(|word| holds(&file, word)), None, "{}", file.display());
        }
    }
    let beside = lab.path("surface.label_map.json");
    assert!(!beside.exists() || !holds(&beside, "anna"));
    // What a person has named is kept, and that is said.
    lab.write("names.json", r#"{"labels": {"liver": 1, "Anna's tumour": 2}}"#);
    let told = convert(&lab, &["anna.nii.gz", "named.seg.nrrd", "--names", "names.json", "--anonymize"]);
    assert!(told.contains("make sure that they name no patient: `Anna's tumour`"), "{told}");
}

/// Files of a folder, and the results.
#[test]
fn image_and_labels_of_a_case_have_one_number() {
    let rows: [(&[&str], &[&str]); 2] = [
        (
            &["images/p7.nii.gz", "images/p9.nii.gz", "labels/p7.nii.gz", "labels/p9.nii.gz", "labels/p9.stl"],
            &["case-0001-labels.nrrd", "case-0001.nrrd", "case-0002-labels.nrrd", "case-0002.nrrd"],
        ),
        (
            &["imagesTr/a_0000.nii.gz", "imagesTr/a_0001.nii.gz", "labelsTr/a.nii.gz"],
            &["case-0001-labels.nrrd", "case-0001_0000.nrrd", "case-0001_0001.nrrd"],
        ),
    ];
    for (sources, expected) in rows {
        let lab = Lab::new();
        for source in sources {
            let path = lab.path("in").join(source);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            match source.ends_with(".stl") {
                true => fs::write(&path, "solid").unwrap(),
                false => write_volume(&path, &image(1)).unwrap(),
            }
        }
        let told = convert(&lab, &["in", "out", "--to", "nrrd", "--anonymize"]);
        assert_eq!(told.contains("1 surface is left out"), sources.len() > 4, "{told}");
        let names =
            sorted(&lab.path("out")).into_iter().map(|path| path.file_name().unwrap().to_str().unwrap().to_owned());
        assert_eq!(names.collect::<Vec<_>>(), expected, "{sources:?}");
    }
}
