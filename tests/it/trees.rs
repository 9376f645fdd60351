//! Folders as people have them: `segspec new` recognises each, `dataset check` uses every case, and an epoch goes through.

mod data_lists;
mod dicoms;
mod files;
mod lists;
mod names;
mod pictures;
mod raw;
mod told;

use std::path::Path;

use serde_json::Value;

use crate::lab::Lab;

/// What a folder must be recognised as.
pub struct Tree {
    pub name: &'static str,
    pub write: fn(&Path),
    /// A word of the layout's name.
    pub layout: &'static str,
    /// Names in the order of the dataset file; sorted before they are compared.
    pub structures: &'static [&'static str],
    pub channels: &'static [&'static str],
    pub cases: usize,
    pub patients: usize,
    /// Beginning of a place that is left out, and a word of the reason.
    pub left_out: &'static [(&'static str, &'static str)],
    /// Lines of the dataset file.
    pub lines: &'static [&'static str],
    pub arguments: &'static [&'static str],
    pub run: Run,
}

/// What is done after `new`.
#[derive(Clone, Copy, PartialEq)]
pub enum Run {
    /// Check and an epoch on volumes.
    Volumes,
    /// Check and an epoch on pictures.
    Pictures,
    /// Nothing: the labels are of a kind that is not read.
    New,
}

impl Tree {
    pub const PLAIN: Self = Self {
        name: "",
        write: |_| {},
        layout: "",
        structures: &["value-1", "value-2"],
        channels: &[],
        cases: 4,
        patients: 4,
        left_out: &[],
        lines: &[],
        arguments: &[],
        run: Run::Volumes,
    };
}

const EPOCH: &str = r#"
dataset = "NAME"

[preprocess]
crop = "none"
spacing-mm = "keep"
intensity = "auto"

[augment]
mirror = []

[model.unet]
features = [4, 8]
strides = [[1, 1, 1], [2, 2, 2]]
kernels = [[3, 3, 3], [3, 3, 3]]

[train]
patch-size = [8, 8, 8]
batch-size = 1
epochs = 1
steps-per-epoch = 1
"#;

fn list(value: &Value) -> Vec<String> {
    let text = |value: &Value| value["name"].as_str().unwrap_or_default().to_owned();
    value.as_array().map(|items| items.iter().map(text).collect()).unwrap_or_default()
}

/// Recognises, checks and runs a tree; what is wrong with it.
pub fn wrong(tree: &Tree) -> Result<(), String> {
    let lab = Lab::new();
    let root = lab.path("data").join(tree.name);
    std::fs::create_dir_all(&root).unwrap();
    (tree.write)(&root);
    let folder = root.display().to_string();
    let new = lab.end(&[&["new", "--from", &folder, "--name", "tree", "--json"], tree.arguments].concat());
    if new.code != 0 {
        return Err(format!("new: exit {}: {}", new.code, new.err));
    }
    let found: Value = serde_json::from_str(&new.out).unwrap();
    let text = std::fs::read_to_string(lab.path("datasets/tree.toml")).unwrap();
    expect(tree, &found, &text)?;
    if tree.run == Run::New {
        return Ok(());
    }
    let check = lab.end(&["dataset", "check", "tree", "--json"]);
    let checked: Value = serde_json::from_str(&check.out).map_err(|_| format!("dataset check: {}", check.err))?;
    if checked["usable"] != tree.cases {
        return Err(format!("{} usable cases: {}\n{text}", checked["usable"], check.out));
    }
    let absent = |row: &&Value| row["cases"] == 0;
    let structures = checked["summary"]["structures"].as_array().cloned().unwrap_or_default();
    if let Some(row) = structures.iter().find(absent) {
        return Err(format!("no case holds {}\n{text}", row["name"]));
    }
    let check = lab.end(&["check", "experiments/tree.toml"]);
    if check.code != 0 {
        return Err(format!("check of the experiment: {}{}", check.out, check.err));
    }
    let Some(small) = found["small-experiment"].as_str() else { return Err("no small experiment is proposed".into()) };
    let check = lab.end(&["check", small]);
    if check.code != 0 {
        return Err(format!("check of the small experiment: {}{}", check.out, check.err));
    }
    let epoch = EPOCH.replace("NAME", "tree");
    let epoch = match tree.run {
        Run::Pictures => epoch
            .replace("[2, 2, 2]", "[1, 2, 2]")
            .replace("[[3, 3, 3], [3, 3, 3]]", "[[1, 3, 3], [1, 3, 3]]")
            .replace("[8, 8, 8]", "[1, 8, 8]"),
        _ => epoch,
    };
    lab.write("experiments/epoch.toml", &epoch);
    let run = lab.end(&["run", "experiments/epoch.toml"]);
    if run.code == 0 { Ok(()) } else { Err(format!("run: {}\n{text}", run.err)) }
}

fn expect(tree: &Tree, found: &Value, text: &str) -> Result<(), String> {
    let context = || format!("{found:#}\n{text}");
    let mut structures = list(&found["structures"]);
    structures.sort();
    let mut expected: Vec<String> = tree.structures.iter().map(|name| (*name).to_owned()).collect();
    expected.sort();
    if structures != expected {
        return Err(format!("structures {structures:?} instead of {expected:?}\n{}", context()));
    }
    if list(&found["channels"]) != tree.channels {
        return Err(format!("channels {:?} instead of {:?}\n{}", list(&found["channels"]), tree.channels, context()));
    }
    for (what, number) in [("cases", tree.cases), ("patients", tree.patients)] {
        if found[what] != number {
            return Err(format!("{} {what} instead of {number}\n{}", found[what], context()));
        }
    }
    if !found["layout"].as_str().unwrap_or_default().contains(tree.layout) {
        return Err(format!("layout {} instead of {}", found["layout"], tree.layout));
    }
    let rows = found["left-out"].as_array().cloned().unwrap_or_default();
    let row = |row: &Value| {
        (row["place"].as_str().unwrap_or_default().to_owned(), row["reason"].as_str().unwrap_or_default().to_owned())
    };
    let rows: Vec<(String, String)> = rows.iter().map(row).collect();
    for (place, word) in tree.left_out {
        if !rows.iter().any(|(found, reason)| found.starts_with(place) && reason.contains(word)) {
            return Err(format!("`{place}` is not left out because of `{word}`\n{}", context()));
        }
    }
    if tree.left_out.is_empty() && !rows.is_empty() {
        return Err(format!("left out: {rows:?}"));
    }
    match tree.lines.iter().find(|line| !text.contains(**line)) {
        Some(line) => Err(format!("no `{line}` in\n{text}")),
        None => Ok(()),
    }
}

fn all(trees: &[Tree]) {
    let wrong: Vec<String> =
        trees.iter().filter_map(|tree| wrong(tree).err().map(|reason| format!("== {}: {reason}", tree.name))).collect();
    assert!(wrong.is_empty(), "{} of {} trees:\n{}", wrong.len(), trees.len(), wrong.join("\n"));
}

#[test]
fn folders_with_a_list_are_recognised() {
    all(&lists::TREES);
}

#[test]
fn raw_datasets_of_nnunet_are_taken_over_as_they_are() {
    all(&raw::TREES);
}

#[test]
fn data_lists_and_derivatives_are_taken_over_as_they_are() {
    all(&data_lists::TREES);
}

#[test]
fn folds_that_are_asked_for_and_do_not_fit_are_refused() {
    let lab = Lab::new();
    let root = lab.path("data/set");
    raw::two_channels(&root);
    lab.write("folds/splits_final.json", r#"[{"train": ["p_001", "x_9"], "val": ["p_002"]}]"#);
    lab.write("broken.json", "{}");
    for (splits, text) in [
        ("folds", "names 1 case that is not there: x_9"),
        ("broken.json", "is not a list of `train` and `val`"),
        ("nowhere", "expected splits_final.json"),
    ] {
        let ended = lab.end(&["new", "--from", "data/set", "--splits", splits]);
        assert_eq!(ended.code, 4, "{splits}: {}{}", ended.out, ended.err);
        assert!(ended.err.contains(text), "no `{text}` in {}", ended.err);
        assert!(!lab.path("datasets/set.toml").exists());
    }
}

#[test]
fn folders_named_by_people_are_recognised() {
    all(&names::TREES);
}

#[test]
fn folders_of_dicom_files_are_recognised() {
    all(&dicoms::TREES);
}

#[test]
fn folders_of_pictures_are_recognised() {
    all(&pictures::TREES);
}

#[test]
fn what_is_printed_names_found_left_out_and_guessed() {
    let lab = Lab::new();
    let root = lab.path("data/flat");
    names::fragments(&root);
    let ended = lab.end(&["new", "--from", root.to_str().unwrap()]);
    assert_eq!(ended.code, 0, "{}", ended.err);
    for line in
        ["found: 4 cases", "left out: labels_fragments/ (4 files): ", "guessed: ", "next: segspec dataset check"]
    {
        assert!(ended.out.contains(line), "no `{line}` in {}", ended.out);
    }
}

#[test]
fn where_nothing_is_recognised_it_says_what_it_saw_and_what_comes_nearest() {
    let lab = Lab::new();
    let (image, _) = files::case(0);
    let root = lab.path("data/odd");
    for number in 0..3 {
        files::volume(&root, &format!("x/{number}.nii.gz"), &image);
    }
    std::fs::write(root.join("notes.txt"), "").unwrap();
    let ended = lab.end(&["new", "--from", root.to_str().unwrap()]);
    assert_eq!(ended.code, 4, "{}", ended.err);
    for text in
        ["3 NIfTI or NRRD files one folder down", "1 other file in the folder itself", "nearest layouts", "nnU-Net raw"]
    {
        assert!(ended.err.contains(text), "no `{text}` in {}", ended.err);
    }
}

#[test]
fn a_spacing_that_no_file_states_is_asked_for() {
    let lab = Lab::new();
    let root = lab.path("data/uw");
    pictures::uw_madison_without_spacing(&root);
    let ended = lab.end(&["new", "--from", root.to_str().unwrap()]);
    assert_eq!(ended.code, 4, "{}", ended.err);
    assert!(ended.err.contains("--spacing-mm"), "{}", ended.err);
}

#[test]
fn no_usable_case_is_an_error() {
    let lab = Lab::new();
    let root = lab.path("data/none");
    std::fs::create_dir_all(&root).unwrap();
    let entry = r#"{"image": "./imagesTr/a.nii.gz", "label": "./labelsTr/a.nii.gz"}"#;
    std::fs::write(root.join("dataset.json"), format!(r#"{{"training": [{entry}], "labels": {{"1": "a"}}}}"#)).unwrap();
    let ended = lab.end(&["new", "--from", root.to_str().unwrap()]);
    assert_eq!(ended.code, 4, "{}", ended.err);
    assert!(ended.err.contains("none of its cases can be used (1 in all)"), "{}", ended.err);
}

/// Without a GPU, `new` writes a smaller experiment beside the recipe; both are valid, and the smaller one runs.
#[test]
fn a_first_experiment_is_sized_for_this_machine() {
    let lab = Lab::new();
    let end = |arguments: &[&str]| {
        let ended = lab.end(arguments);
        assert_eq!(ended.code, 0, "{arguments:?}: {}", ended.err);
        ended.out
    };
    end(&["phantom", "data/tree", "--cases", "4", "--size", "tiny"]);
    let told = end(&["new", "--from", "data/tree"]);
    assert!(told.contains("experiments/tree.small.toml: sized for this machine"), "{told}");
    let small = std::fs::read_to_string(lab.path("experiments/tree.small.toml")).unwrap();
    assert!(small.contains("extends = [\"tree.toml\"]") && small.contains("steps-per-epoch"), "{small}");
    for file in ["experiments/tree.toml", "experiments/tree.small.toml"] {
        end(&["check", file]);
    }
    end(&["run", "experiments/tree.small.toml", "--smoke"]);
}
