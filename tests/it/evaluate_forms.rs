//! Every form in which labels lie in folders, as reference and as prediction, scored against each other: the numbers never depend on
//! the form.

mod write;

use std::path::Path;
use std::process::Command;

use segspec::volume::LabelMap;
use serde_json::Value;

use crate::lab::{Ended, end};
pub use write::{FORMS, Form, image, object, series, truth};

/// Runs `segspec evaluate` in a folder.
pub fn evaluate(folder: &Path, arguments: &[&str], code: i32) -> Ended {
    let mut command = Command::new(env!("CARGO_BIN_EXE_segspec"));
    let ended = end(command.current_dir(folder).arg("evaluate").args(arguments));
    assert_eq!(ended.code, code, "{arguments:?}\n{}\n{}", ended.out, ended.err);
    ended
}

/// Case, structure and Dice of every row.
pub fn rows(ended: &Ended) -> Vec<(String, String, Option<f64>)> {
    let json: Value = serde_json::from_str(&ended.out).unwrap();
    let text = |row: &Value, key: &str| row[key].as_str().unwrap().to_owned();
    let rows = json["cases"].as_array().unwrap().iter();
    rows.map(|row| (text(row, "case"), text(row, "structure"), row["dice"].as_f64())).collect()
}

/// Dice by definition.
pub fn dice(reference: &LabelMap, prediction: &LabelMap, value: u16) -> f64 {
    let pairs = || reference.voxels.iter().zip(&prediction.voxels);
    let both = pairs().filter(|(a, b)| **a == value && **b == value).count();
    let sum = pairs().map(|(a, b)| usize::from(*a == value) + usize::from(*b == value)).sum::<usize>();
    2.0 * both as f64 / sum as f64
}

/// The rows that cases `p1` and `p2` must give.
fn expected() -> Vec<(String, String, f64)> {
    let of = |case: usize, value: u16| dice(&truth(case, 0), &truth(case, 1), value);
    let row = |case: usize, name: &str, value| (format!("p{case}"), name.to_owned(), of(case, value));
    [1, 2].into_iter().flat_map(|case| [row(case, "bone", 1), row(case, "muscle", 2)]).collect()
}

fn assert_rows(ended: &Ended, what: &str) {
    let mut found: Vec<(String, String, f64)> = rows(ended)
        .into_iter()
        .map(|(case, name, dice)| (case, name.to_lowercase(), dice.unwrap_or(f64::NAN)))
        .collect();
    found.sort_by(|a, b| (&a.0, &a.1).cmp(&(&b.0, &b.1)));
    let wanted = expected();
    let same = found.len() == wanted.len()
        && found.iter().zip(&wanted).all(|(a, b)| a.0 == b.0 && a.1 == b.1 && (a.2 - b.2).abs() < 1e-9);
    assert!(same, "{what}: {found:?} instead of {wanted:?}\n{}", ended.err);
}

#[test]
fn every_form_scores_the_same_against_every_other() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path();
    for case in [1, 2] {
        let name = format!("p{case}");
        series(&place.join("images").join(&name), &image(case), &name);
        for form in FORMS {
            (form.write)(&place.join("r").join(form.name), &name, &truth(case, 0), &place.join("images"));
            (form.write)(&place.join("p").join(form.name), &name, &truth(case, 1), &place.join("images"));
        }
    }
    let mut tried = 0;
    for ours in FORMS {
        for theirs in FORMS {
            let what = format!("{} against {}", ours.name, theirs.name);
            let [reference, prediction] = [format!("r/{}", ours.name), format!("p/{}", theirs.name)];
            let base = ["--reference", &reference, "--prediction", &prediction, "--json", "--on", "images"];
            assert_rows(&evaluate(place, &base, 0), &what);
            tried += 1;
        }
    }
    assert_eq!(tried, FORMS.len() * FORMS.len());
}

/// What has voxels of its own, or gets them from the other side, needs no image.
#[test]
fn the_other_side_gives_surfaces_their_voxels() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path();
    let form = |name: &str| FORMS.iter().find(|form| form.name == name).unwrap();
    for case in [1, 2] {
        let name = format!("p{case}");
        for (side, shift) in [("r", 0), ("p", 1)] {
            for form in ["files", "surfaces", "masks"].map(form) {
                (form.write)(&place.join(side).join(form.name), &name, &truth(case, shift), place);
            }
        }
    }
    for (ours, theirs) in [("files", "surfaces"), ("surfaces", "files"), ("masks", "surfaces")] {
        let [reference, prediction] = [format!("r/{ours}"), format!("p/{theirs}")];
        let ended = evaluate(place, &["--reference", &reference, "--prediction", &prediction, "--json"], 0);
        assert_rows(&ended, &format!("{ours} against {theirs}"));
    }
    let ended = evaluate(place, &["--reference", "r/surfaces", "--prediction", "p/surfaces"], 4);
    assert!(ended.err.contains("has no voxels") && ended.err.contains("--on"), "{}", ended.err);
    std::fs::create_dir_all(place.join("few")).unwrap();
    std::fs::copy(place.join("r/files/p1.nii.gz"), place.join("few/x.nii.gz")).unwrap();
    std::fs::copy(place.join("r/files/p1.nii.gz"), place.join("few/p1.nii.gz")).unwrap();
    let base = ["--reference", "r/surfaces", "--prediction", "p/surfaces", "--on", "few", "--json"];
    let ended = evaluate(place, &base, 4);
    assert!(rows(&ended).iter().all(|(case, ..)| case == "p1"), "{}", ended.out);
    assert!(ended.err.contains("no image of case `p2`"), "{}", ended.err);
}
