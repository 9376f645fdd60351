//! What `segspec new` tells of folders that it cannot use as they are.

use std::fs;
use std::path::Path;

use serde_json::Value;

use super::files::{case, cases, elsewhere, labels, mask, place, text, volume};
use super::names::labels_and_names;
use super::pictures;
use crate::lab::{Ended, Lab};

const ORGANS: [&str; 5] = ["liver", "spleen", "kidney_left", "kidney_right", "colon"];

fn new(lab: &Lab, folder: &str, further: &[&str]) -> Ended {
    let root = lab.path("data").join(folder);
    lab.end(&[&["new", "--from", root.to_str().unwrap(), "--name", "told"], further].concat())
}

fn json(lab: &Lab, folder: &str) -> Value {
    let ended = new(lab, folder, &["--json"]);
    assert_eq!(ended.code, 0, "{}", ended.err);
    serde_json::from_str(&ended.out).unwrap()
}

/// One empty, and none an image.
fn organs(root: &Path) {
    for (place, name) in ORGANS.iter().enumerate() {
        labels(root, &format!("{name}.nii.gz"), &mask(&case(place).1, if place == 3 { 9 } else { 1 }));
    }
    text(root, "statistics.json", "{}");
}

fn organs_of_cases(root: &Path) {
    for number in 1..=3 {
        organs(&root.join(format!("p{number}")));
    }
}

fn called_labels(root: &Path) {
    cases().for_each(|(number, _, label)| labels(root, &format!("labels/{number}.nii.gz"), &label));
}

/// Some of them are called like labels, and none is an image.
fn some_called_labels(root: &Path) {
    for (number, _, label) in cases() {
        labels(root, &format!("{number}_organ.nii.gz"), &label);
        labels(root, &format!("{number}_lesion.nii.gz"), &mask(&label, 1));
    }
}

#[test]
fn masks_without_an_image_are_no_dataset() {
    type Tree = (&'static str, fn(&Path));
    let trees: [Tree; 4] = [
        ("organs", organs),
        ("organs-of-cases", organs_of_cases),
        ("called-labels", called_labels),
        ("some-called-labels", some_called_labels),
    ];
    for (name, write) in trees {
        let lab = Lab::new();
        write(&lab.path("data").join(name));
        let ended = new(&lab, name, &[]);
        assert_eq!(ended.code, 4, "{name}: {}{}", ended.out, ended.err);
        for part in ["only masks, no image", ".nii.gz; give the folder that holds the images"] {
            assert!(ended.err.contains(part), "{name}: no `{part}` in {}", ended.err);
        }
        assert!(!lab.path("datasets/told.toml").exists(), "{name}");
    }
}

#[test]
fn cases_that_cannot_be_used_are_told_and_not_counted() {
    let lab = Lab::new();
    let root = lab.path("data/damaged");
    for number in 1..=6 {
        let (image, label) = case(number);
        volume(&root, &format!("images/c{number}.nii.gz"), &image);
        labels(&root, &format!("labels/c{number}.nii.gz"), &label);
    }
    let damage = |file: &str| {
        let bytes = fs::read(root.join(file)).unwrap();
        fs::write(root.join(file), &bytes[..bytes.len() / 2]).unwrap();
    };
    damage("labels/c4.nii.gz");
    fs::write(root.join("images/c1.nii.gz"), "no image").unwrap();
    volume(&root, "images/c5.nii.gz", &elsewhere(&case(5).0));
    let found = json(&lab, "damaged");
    assert_eq!((&found["cases"], &found["patients"]), (&3.into(), &3.into()), "{found:#}");
    let rows = found["not-usable"].as_array().unwrap();
    let row = |row: &Value| (row["case"].as_str().unwrap().to_owned(), row["reason"].as_str().unwrap().to_owned());
    let rows: Vec<(String, String)> = rows.iter().map(row).collect();
    let expected = [("c1", "images/c1.nii.gz"), ("c4", "labels/c4.nii.gz"), ("c5", "different grids")];
    assert_eq!(rows.len(), expected.len(), "{rows:?}");
    for ((case, reason), (wanted, part)) in rows.iter().zip(expected) {
        assert!(case == wanted && reason.contains(part), "{case}: {reason}");
    }
    assert!(!found["guesses"].to_string().contains("could not be read"), "{found:#}");
    let lab = Lab::new();
    let told = lab.end(&["new", "--from", root.to_str().unwrap()]);
    for line in ["found: 3 cases", "not usable: case c4: ", "not usable: case c5: "] {
        assert!(told.out.contains(line), "no `{line}` in {}", told.out);
    }
}

#[test]
fn a_folder_of_unusable_cases_is_an_error() {
    let lab = Lab::new();
    let root = lab.path("data/elsewhere");
    for (number, image, label) in cases() {
        volume(&root, &format!("images/{number}.nii.gz"), &elsewhere(&image));
        labels(&root, &format!("labels/{number}.nii.gz"), &label);
    }
    let ended = new(&lab, "elsewhere", &[]);
    assert_eq!(ended.code, 4, "{}{}", ended.out, ended.err);
    assert!(ended.err.contains("none of its cases can be used (4 in all)"), "{}", ended.err);
    assert!(ended.err.contains("different grids"), "{}", ended.err);
}

/// One case numbers its structures otherwise than the others: it is not used, and this is said.
#[test]
fn names_that_contradict_those_of_other_cases_are_told() {
    let lab = Lab::new();
    let root = lab.path("data/names");
    for (number, image, label) in cases() {
        volume(&root, &format!("p{number}.nii.gz"), &image);
        let names = if number == 1 { [("Spleen", 1), ("liver", 2)] } else { [("liver", 1), ("spleen", 2)] };
        labels_and_names(&root, &format!("p{number}-labels.nii.gz"), &label, &names);
    }
    // Names that were written for another content.
    let (_, changed) = case(7);
    let changed = segspec::volume::LabelMap { voxels: changed.voxels.mapv(|value| value * 3), ..changed };
    segspec::volume::write_label_map(&place(&root, "p2-labels.nii.gz"), &changed).unwrap();
    let found = json(&lab, "names");
    let told = found["guesses"].to_string();
    for part in ["case p1 is excluded", "p1-labels.label_map.json names the value 1 `Spleen`", "no names are taken: "] {
        assert!(told.contains(part), "no `{part}` in {told}");
    }
    let text = fs::read_to_string(lab.path("datasets/told.toml")).unwrap();
    for line in ["[exclude]\n\"p1\" = ", "name = \"liver\"\nvalue = 1", "name = \"spleen\"\nvalue = 2"] {
        assert!(text.contains(line), "no `{line}` in {text}");
    }
    assert_eq!(found["cases"], 3, "{found:#}");
    let check: Value = serde_json::from_str(&lab.end(&["dataset", "check", "told", "--json"]).out).unwrap();
    assert_eq!(check["usable"], 3, "{check:#}");
}

#[test]
fn the_spacing_of_pictures_is_that_of_the_dataset_file() {
    let lab = Lab::new();
    pictures::pairs(&lab.path("data/pictures"));
    let ended = new(&lab, "pictures", &["--spacing-mm", "4,0.5,0.25"]);
    assert_eq!(ended.code, 0, "{}", ended.err);
    let check: Value = serde_json::from_str(&lab.end(&["dataset", "check", "told", "--json"]).out).unwrap();
    assert_eq!(check["cases"][0]["spacing_mm"], serde_json::json!([4.0, 0.5, 0.25]), "{check:#}");
    // Images that state one keep it, and this is said.
    let root = lab.path("data/volumes");
    for (number, image, label) in cases() {
        volume(&root, &format!("images/{number}.nii.gz"), &image);
        labels(&root, &format!("labels/{number}.nii.gz"), &label);
    }
    let ended = lab.end(&["new", "--from", root.to_str().unwrap(), "--name", "volumes", "--spacing-mm", "4,0.5,0.25"]);
    assert!(ended.code == 0 && ended.out.contains("--spacing-mm is not used"), "{}{}", ended.out, ended.err);
    let text = fs::read_to_string(lab.path("datasets/volumes.toml")).unwrap();
    assert!(!text.contains("spacing-mm = "), "{text}");
    for wrong in ["4,0.5", "4,0,1", "4,-1,1", "2000,1,1", "a,b,c"] {
        let ended = lab.end(&["new", "--from", root.to_str().unwrap(), "--name", "wrong", "--spacing-mm", wrong]);
        assert!(ended.code == 2 && ended.err.contains("--spacing-mm"), "{wrong}: {}", ended.err);
    }
}

/// SIGINT is what Ctrl-C sends. A pipe as list of the cases keeps the program waiting.
#[test]
#[cfg(unix)]
fn a_stopped_new_has_written_nothing_and_says_so() {
    let lab = Lab::new();
    let list = place(&lab.path("data/set"), "dataset.json");
    assert!(std::process::Command::new("mkfifo").arg(&list).status().unwrap().success());
    let child = lab.command(&["new", "--from", "data/set"]).stderr(std::process::Stdio::piped()).spawn().unwrap();
    std::thread::sleep(std::time::Duration::from_millis(700));
    assert!(std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let output = child.wait_with_output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(130), "{told}");
    assert!(told.contains("stopped; nothing was written") && !told.contains("resume"), "{told}");
    assert!(!lab.path("datasets/set.toml").exists());
}
