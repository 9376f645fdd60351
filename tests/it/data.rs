//! `phantom`, `dataset` and `new` as a person uses them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// The program in a folder, with `data/` as the data root.
fn segspec(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_segspec"));
    command.current_dir(folder).env_remove("SEGSPEC_DATA");
    command
}

fn output(command: &mut Command) -> (i32, String, String) {
    let output = command.output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

/// A tiny phantom set below `data/`, and files made for it by `new`.
fn phantom() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path();
    for arguments in
        [&["phantom", "data/set", "--cases", "3", "--seed", "5", "--size", "tiny"][..], &["new", "--from", "data/set"]]
    {
        assert!(segspec(place).args(arguments).output().unwrap().status.success());
    }
    folder
}

fn image(folder: &Path, number: usize) -> PathBuf {
    folder.join(format!("data/set/imagesTr/phantom_{number:03}.nii.gz"))
}

#[test]
fn phantom_then_new_then_check() {
    let folder = phantom();
    let dataset = fs::read_to_string(folder.path().join("datasets/set.toml")).unwrap();
    assert!(dataset.starts_with("#:schema schema.json\n"), "{dataset}");
    assert!(dataset.contains("root = \"set\""), "relative below the data root: {dataset}");
    let (code, table, _) = output(segspec(folder.path()).args(["dataset", "check", "set"]));
    assert_eq!(code, 0, "{table}");
    assert!(table.contains("set: 3 usable cases, 0 excluded, 0 warnings"), "{table}");
    assert!(table.contains("phantom_002") && table.contains("all 6"), "{table}");
    let (code, json, _) = output(segspec(folder.path()).args(["dataset", "check", "set", "--json"]));
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!((code, json["usable"].as_u64(), json["cases"].as_array().unwrap().len()), (0, Some(3), 3));
}

#[test]
fn a_truncated_case_is_a_row_and_a_set_without_cases_fails() {
    let folder = phantom();
    let truncate = |number| {
        let bytes = fs::read(image(folder.path(), number)).unwrap();
        fs::write(image(folder.path(), number), &bytes[..bytes.len() / 2]).unwrap();
    };
    truncate(1);
    let (code, table, _) = output(segspec(folder.path()).args(["dataset", "check", "set"]));
    assert_eq!(code, 0, "{table}");
    assert!(table.contains("excluded: phantom_001: ") && table.contains("damaged file"), "{table}");
    truncate(0);
    truncate(2);
    assert_eq!(output(segspec(folder.path()).args(["dataset", "check", "set"])).0, 4);
}

#[test]
fn missing_data_is_named_with_the_remedy() {
    let folder = phantom();
    fs::rename(folder.path().join("data"), folder.path().join("elsewhere")).unwrap();
    let (code, _, error) = output(segspec(folder.path()).args(["dataset", "check", "set"]));
    assert_eq!(code, 4, "{error}");
    assert!(error.contains("SEGSPEC_DATA"), "{error}");
    let (code, table, _) =
        output(segspec(folder.path()).args(["dataset", "check", "set"]).env("SEGSPEC_DATA", "elsewhere"));
    assert_eq!(code, 0, "{table}");
    let (code, _, error) = output(segspec(folder.path()).args(["dataset", "check", "sett"]));
    assert!(code == 2 && error.contains("did you mean `set`?"), "{error}");
}

#[test]
fn nothing_is_overwritten() {
    let folder = phantom();
    let before = fs::read(folder.path().join("datasets/set.toml")).unwrap();
    let (code, _, error) = output(segspec(folder.path()).args(["new", "--from", "data/set"]));
    assert!(code == 2 && error.contains("not overwritten"), "{error}");
    assert_eq!(fs::read(folder.path().join("datasets/set.toml")).unwrap(), before);
    let (code, _, error) = output(segspec(folder.path()).args(["phantom", "data/set"]));
    assert!(code == 4 && error.contains("not empty"), "{error}");
    let (code, _, error) = output(segspec(folder.path()).args(["new", "--from", "datasets"]));
    assert!(code == 4 && error.contains("no dataset recognised"), "{error}");
}

#[test]
fn committed_datasets_are_phantoms_that_make_themselves() {
    let sets = [
        ("phantom-tiny", 8, "dataset.json"),
        ("phantom-digital-surgery", 12, "patient01/ribs.stl"),
        ("phantom-pelvis", 12, "Patient_12/im_3/0001.dcm"),
        ("phantom-uw-madison", 16, "train.csv"),
        ("phantom-totalsegmentator", 12, "s0011/segmentations/aorta.nii.gz"),
        ("phantom-flare", 12, "labels/phantom_011.nii.gz"),
    ];
    let datasets = Path::new(env!("CARGO_MANIFEST_DIR")).join("datasets");
    for (name, cases, file) in sets {
        let folder = tempfile::tempdir().unwrap();
        let dataset = datasets.join(format!("{name}.toml"));
        let (code, table, error) = output(segspec(folder.path()).args(["dataset", "check"]).arg(dataset));
        assert_eq!(code, 0, "{name}: {error}");
        assert!(table.contains(&format!("{name}: {cases} usable cases, 0 excluded, 0 warnings")), "{table}");
        assert!(folder.path().join("data").join(name).join(file).is_file(), "{name}: {file}");
    }
}

#[test]
fn a_set_is_written_as_another_project_lays_it_out() {
    let folder = tempfile::tempdir().unwrap();
    let arguments = ["phantom", "data/gi", "--layout", "uw-madison", "--cases", "2", "--size", "tiny"];
    let (code, said, error) = output(segspec(folder.path()).args(arguments));
    assert_eq!((code, said.as_str()), (0, "data/gi: 2 cases, seed 1, size tiny, layout uw-madison\n"), "{error}");
    assert!(folder.path().join("data/gi/train/case1/case1_day21/scans").is_dir());
    let (code, _, error) = output(segspec(folder.path()).args(["phantom", "data/none", "--layout", "uw"]));
    assert!(code == 2 && error.contains("totalsegmentator"), "{error}");
}
