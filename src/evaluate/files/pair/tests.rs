use std::fs;
use std::path::Path;

use super::*;

fn folder(files: &[&str]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for file in files {
        let path = folder.path().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, b"").unwrap();
    }
    folder
}

fn paired(reference: &Path, prediction: &Path, request: &Request) -> Result<Pairs, PairError> {
    pair(&Side::of(reference, None)?, &Side::of(prediction, None)?, request)
}

fn all(reference: &Path, prediction: &Path) -> Result<Pairs, PairError> {
    paired(reference, prediction, &Request::default())
}

fn cases(pairs: &Pairs) -> Vec<&str> {
    pairs.pairs.iter().map(|pair| pair.case.as_str()).collect()
}

/// Trees of empty files and the cases that pair.
#[test]
fn cases_are_paired_in_the_readings_that_fit_both_sides() {
    type Row<'a> = (&'a [&'a str], &'a [&'a str], &'a [&'a str]);
    let rows: [Row; 8] = [
        (&["b.nii", "a.nii.gz", "notes.txt", "._a.nii.gz"], &["a.nii", "b.nii.gz", "c.nii.gz"], &["a", "b"]),
        (&["a/segmentation.nii.gz", "b/segmentation.nii.gz"], &["a.nii.gz", "b.nrrd"], &["a", "b"]),
        (&["a/labels/final.nii.gz", "b/labels/final.nii.gz"], &["a/seg.nii.gz", "b/seg.nii.gz"], &["a", "b"]),
        (&["a.nii.gz", "b.nii.gz"], &["fold0/a.nii.gz", "fold1/b.nii.gz"], &["a", "b"]),
        (
            &["s1/a.nii.gz", "s1/b.nii.gz", "s2/a.nii.gz"],
            &["s1/a.nii.gz", "s1/b.nii.gz", "s2/a.nii.gz"],
            &["s1/a", "s1/b", "s2/a"],
        ),
        (
            &["s1/a/x.nii.gz", "s1/b/x.nii.gz", "s2/a/x.nii.gz"],
            &["s1/a/y.nii", "s1/b/y.nii", "s2/a/y.nii"],
            &["s1/a", "s1/b", "s2/a"],
        ),
        (&["a.nii.gz", "b.nii.gz"], &["a/001.png", "a/002.png", "b/001.png", "b/002.png"], &["a", "b"]),
        (&["a.nii.gz", "b.nii.gz"], &["a/femur.stl", "a/tibia.stl", "b/femur.stl"], &["a", "b"]),
    ];
    for (reference, prediction, expected) in rows {
        let (ours, theirs) = (folder(reference), folder(prediction));
        let pairs = all(ours.path(), theirs.path()).unwrap();
        assert_eq!(cases(&pairs), expected, "{reference:?} {prediction:?}: {:?}", pairs.forms);
    }
}

#[test]
fn a_missing_prediction_is_an_error_unless_it_is_asked_for() {
    let references = folder(&["a.nii.gz", "b.nii.gz", "c.nii.gz"]);
    let predictions = folder(&["a.nii.gz", "d.nii.gz"]);
    let message = all(references.path(), predictions.path()).unwrap_err().to_string();
    assert!(message.contains("b.nii.gz") && message.contains("2 of 3") && !message.contains("a.nii.gz"), "{message}");
    for (missing, cases, expected, told, extra) in [
        (Missing::Skip, &[][..], &["a"][..], 2, 1),
        (Missing::Empty, &[], &["a", "b", "c"], 2, 1),
        (Missing::Error, &["a"], &["a"], 0, 0),
        (Missing::Skip, &["a", "b"], &["a"], 1, 0),
    ] {
        let request = Request { cases: cases.iter().map(|case| (*case).to_owned()).collect(), missing };
        let pairs = paired(references.path(), predictions.path(), &request).unwrap();
        let found: Vec<&str> = pairs.pairs.iter().map(|pair| pair.case.as_str()).collect();
        assert_eq!((found.as_slice(), pairs.missing.len(), pairs.extra.len()), (expected, told, extra), "{missing:?}");
    }
    let request = Request { cases: vec!["a".into(), "z".into()], missing: Missing::Skip };
    let message = paired(references.path(), predictions.path(), &request).unwrap_err().to_string();
    assert!(message.contains("no reference is called `z`"), "{message}");
}

#[test]
fn pictures_of_a_report_are_no_predictions_without_a_reference() {
    let references = folder(&["a.nii.gz", "b.nii.gz"]);
    let predictions = folder(&["a.nii.gz", "b.nii.gz", "c.nii.gz", "report/x.png", "report/z.PNG"]);
    let pairs = all(references.path(), predictions.path()).unwrap();
    assert_eq!(cases(&pairs), ["a", "b"]);
    assert_eq!(pairs.extra, [predictions.path().join("c.nii.gz")]);
    let pictures = folder(&["a.png", "b.png", "c.png"]);
    assert_eq!(all(folder(&["a.png", "b.png"]).path(), pictures.path()).unwrap().extra.len(), 1);
}

#[test]
fn files_pair_with_files_and_with_folders() {
    let references = folder(&["a.nii.gz", "b.nii.gz"]);
    let predictions = folder(&["a.nii.gz", "other.nii"]);
    let two = all(&references.path().join("b.nii.gz"), &predictions.path().join("other.nii")).unwrap();
    assert_eq!(cases(&two), ["b"]);
    let in_folder = all(&references.path().join("a.nii.gz"), predictions.path()).unwrap();
    assert_eq!((in_folder.pairs.len(), in_folder.extra.len()), (1, 0));
    let one_prediction = all(references.path(), &predictions.path().join("a.nii.gz")).unwrap();
    assert_eq!(cases(&one_prediction), ["a"]);
    assert!(all(references.path(), &predictions.path().join("other.nii")).is_err());
}

#[test]
fn what_does_not_pair_is_shown_with_what_would() {
    for (reference, prediction, parts) in [
        (
            &["a.nii.gz"][..],
            &["a_0000.nii.gz"][..],
            &["`a` and `a_0000` would pair without `_0000`", "1 label files"][..],
        ),
        (
            &["p.nii", "q.nii", "r.nii", "s.nii"],
            &["1.nii"],
            &["4 label files (`p`, `q`, `r`, …)", "(`1`)", "Paired are"],
        ),
        (&["x/m.nii", "x/n.nii", "y/m.nii", "y/n.nii"], &["m.nii"], &["2 files below", "are called `m`"]),
    ] {
        let (ours, theirs) = (folder(reference), folder(prediction));
        let message = all(ours.path(), theirs.path()).unwrap_err().to_string();
        assert!(parts.iter().all(|part| message.contains(part)), "{message}");
    }
}

#[test]
fn ambiguous_empty_and_absent_folders_are_refused() {
    let one = folder(&["a.nii"]);
    let twice = folder(&["a.nii", "a.nii.gz"]);
    let message = all(one.path(), twice.path()).unwrap_err().to_string();
    assert!(message.contains("`a` has two files"), "{message}");
    let empty = folder(&["readme.txt"]);
    assert!(matches!(all(empty.path(), one.path()), Err(PairError::Empty { .. })));
    assert!(matches!(all(one.path(), &empty.path().join("nowhere")), Err(PairError::List { .. })));
}
