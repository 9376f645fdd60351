//! `segspec rank`, and several predictions in `segspec evaluate`, as a person uses them.

use std::fs;
use std::path::Path;
use std::process::Command;

use ndarray::Array3;
use segspec::volume::{Geometry, LabelMap, nifti::write_label_map};
use serde_json::Value;

use crate::lab::{Ended, Lab, end};

const GRID: &str = r#"
extends = ["tiny.toml"]

[train]
epochs = 1
steps-per-epoch = 2

[sweep]
train.optimizer.adamw.learning-rate = [1e-2, 1e-3]
model.unet.features = [[4, 8], [4, 4]]
seeds = [0, 1]

[evaluate.rank]
margin = 0.02
"#;

fn json(ended: &Ended) -> Value {
    serde_json::from_str(&ended.out).unwrap_or_else(|error| panic!("{error}: {}\n{}", ended.out, ended.err))
}

fn names(board: &Value) -> Vec<String> {
    board["entries"].as_array().unwrap().iter().map(|entry| entry["name"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_sweep_is_ranked_by_trial_run_setting_and_structure() {
    let lab = Lab::new();
    lab.write("experiments/grid.toml", GRID);
    lab.run("grid", &[]);
    let ranked = |arguments: &[&str]| {
        let ended = lab.end(&[&["rank"], arguments].concat());
        assert_eq!(ended.code, 0, "{}", ended.err);
        ended
    };
    let trials = json(&ranked(&["grid", "--json"]));
    assert_eq!(
        (trials["of"].as_str(), trials["margin"].as_f64(), trials["n_cases"].as_u64()),
        (Some("trial"), Some(0.02), Some(2))
    );
    assert_eq!(names(&trials["boards"][0]).len(), 4);
    let boards: Vec<&str> =
        trials["boards"].as_array().unwrap().iter().map(|it| it["over"]["name"].as_str().unwrap()).collect();
    assert_eq!(boards, ["all structures", "liver", "spleen"]);
    assert_eq!((trials["origin"]["trials"].as_u64(), trials["origin"]["runs"].as_u64()), (Some(4), Some(8)));
    assert_eq!(trials["origin"]["weights"][0].as_str(), Some("best epoch on the validation cases"));
    assert!(
        trials["boards"][0]["underpowered"].as_bool().unwrap() && trials["boards"][0]["entries"][0]["ci95"].is_null()
    );
    assert_eq!(trials["factors"].as_array().map(Vec::len), Some(2));
    for file in [
        "ranking.html",
        "ranking.json",
        "ranking.tex",
        "ranking.md",
        "ranking.parquet",
        "rank-means.svg",
        "rank-structures.png",
    ] {
        assert!(lab.path("reports/grid").join(file).is_file(), "{file}");
    }
    assert_eq!(names(&json(&ranked(&["grid", "--by", "run", "--json"]))["boards"][0]).len(), 8);
    let rates = json(&ranked(&["runs/grid", "--by", "learning-rate", "--json"]));
    let mut found = names(&rates["boards"][0]);
    found.sort();
    assert_eq!(found, ["learning-rate=0.001", "learning-rate=0.01"]);
    let run = lab.run_folders("grid").remove(0);
    let one = json(&ranked(&[run.to_str().unwrap(), "--json"]));
    assert_eq!((one["of"].as_str(), names(&one["boards"][0]).len()), (Some("structure"), 2));
    let text = ranked(&["grid", "--metric", "iou"]);
    assert!(text.out.lines().all(|line| line.chars().count() <= 80), "{}", text.out);
    let said = text.out.replace('\n', " ");
    assert!(said.contains("The metric (IoU) was chosen for this ranking; the experiment declares Dice."), "{said}");
    let wrong = lab.end(&["rank", "grid", "--by", "momentum"]);
    assert!(wrong.code == 2 && wrong.err.contains("no such setting; it has"), "{}", wrong.err);
    let report = fs::read_to_string(lab.path("reports/grid/report.html")).unwrap();
    assert!(report.contains(">Ranking</h2>") && report.contains("Paired differences"));
}

#[test]
fn runs_on_other_cases_are_refused() {
    let lab = Lab::new();
    let other = "extends = [\"tiny.toml\"]\n[split.every-nth]\nn = 2\n[train]\nepochs = 1\n";
    lab.write("experiments/other.toml", other);
    lab.run("tiny", &[]);
    lab.run("other", &[]);
    let ended = lab.end(&["rank", "tiny", "other"]);
    assert!(
        ended.code == 4 && ended.err.contains("cannot be compared") && ended.err.contains("other cases"),
        "{}",
        ended.err
    );
}

fn label(path: &Path, voxels: [u16; 6]) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let voxels = Array3::from_shape_vec([1, 2, 3], voxels.to_vec()).unwrap();
    let map = LabelMap { voxels, geometry: Geometry::axis_aligned([1, 2, 3], [2.0, 1.0, 1.0]) };
    write_label_map(path, &map).unwrap();
}

fn segspec(folder: &Path, arguments: &[&str]) -> Ended {
    end(Command::new(env!("CARGO_BIN_EXE_segspec")).current_dir(folder).args(arguments))
}

/// Exit code of the scripts below `tests/reference` for a Python without their modules.
const MODULES_MISSING: i32 = 77;

const SIDES: [&str; 7] = ["evaluate", "--reference", "r", "--prediction", "good=a", "--prediction", "bad=b"];

#[test]
fn several_predictions_are_ranked_on_the_cases_that_all_have() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path();
    for case in 0..8 {
        let name = format!("p{}_{case}.nii.gz", case / 2);
        label(&place.join("r").join(&name), [1, 1, 1, 2, 2, 0]);
        label(&place.join("a").join(&name), [1, 1, 1, 2, 0, 0]);
        label(&place.join("b").join(&name), [1, 0, 0, 2, 0, 0]);
    }
    // Only the second tool finds a third structure: a false positive, which the first avoids.
    label(&place.join("b/p0_0.nii.gz"), [1, 0, 0, 2, 3, 0]);
    let ended = segspec(place, &[&SIDES[..], &["--group-by", "^(p\\d)", "--output", "out", "--json"]].concat());
    assert_eq!(ended.code, 0, "{}", ended.err);
    let ranking = json(&ended);
    assert_eq!(
        (ranking["n_cases"].as_u64(), ranking["n_patients"].as_u64(), ranking["n_structures"].as_u64()),
        (Some(8), Some(4), Some(3))
    );
    assert_eq!(names(&ranking["boards"][0]), ["good", "bad"]);
    assert!(ranking["cautions"][0].as_str().unwrap().contains("4 patients: too few"), "{ranking:#}");
    assert!(place.join("out/ranking.html").is_file());
    fs::remove_file(place.join("b/p3_7.nii.gz")).unwrap();
    assert_eq!(segspec(place, &SIDES).code, 4, "a missing prediction is an error");
    let skipped = json(&segspec(place, &[&SIDES[..], &["--missing", "skip", "--json"]].concat()));
    assert_eq!(
        (skipped["n_cases"].as_u64(), skipped["origin"]["failures"][0].as_str()),
        (Some(7), Some("bad: p3_7 (no prediction)"))
    );
    let twice = segspec(
        place,
        &["evaluate", "--reference", "r", "--prediction", "a", "--prediction", "x=a", "--prediction", "a"],
    );
    assert!(twice.code == 2 && twice.err.contains("two predictions are named `a`"), "{}", twice.err);
    let named = segspec(place, &["evaluate", "--reference", "r", "--prediction", "a", "--group-by", "p"]);
    assert!(named.code == 2 && named.err.contains("has no group"), "{}", named.err);
}

/// Two tools that we did not write: folders made by `tests/reference/perturb.py`, ranked, and the LaTeX tables compiled.
#[test]
fn two_tools_end_in_a_page_and_in_tables_that_compile() {
    let python = std::env::var("SEGSPEC_PYTHON").unwrap_or_else(|_| "python3".into());
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path();
    let made = segspec(place, &["phantom", "set", "--cases", "10", "--size", "tiny"]);
    assert_eq!(made.code, 0, "{}", made.err);
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/reference/perturb.py");
    for (tool, strength) in [("nnunet", "0.5"), ("monai", "1.0")] {
        let arguments = [script, "set/labelsTr", tool, tool, "--strength", strength];
        let Ok(done) = Command::new(&python).current_dir(place).args(arguments).output() else {
            println!("skipped: no {python} (set SEGSPEC_PYTHON)");
            return;
        };
        if done.status.code() == Some(MODULES_MISSING) {
            println!("skipped: {python} (SEGSPEC_PYTHON) lacks a module: {}", String::from_utf8_lossy(&done.stdout));
            return;
        }
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    }
    let sides =
        ["evaluate", "--reference", "set/labelsTr", "--prediction", "nnunet=nnunet", "--prediction", "monai=monai"];
    let ended = segspec(place, &[&sides[..], &["--output", "out", "--margin", "0.01"]].concat());
    assert_eq!(ended.code, 0, "{}", ended.err);
    assert!(ended.out.lines().all(|line| line.chars().count() <= 80), "{}", ended.out);
    let ranking: Value = serde_json::from_str(&fs::read_to_string(place.join("out/ranking.json")).unwrap()).unwrap();
    let board = &ranking["boards"][0];
    assert_eq!((names(board)[0].as_str(), board["n_patients"].as_u64()), ("nnunet", Some(10)));
    assert!(
        board["pairs"][0]["p_holm"].as_f64().unwrap() < 0.05 && board["pairs"][0]["ci95"][0].as_f64().unwrap() > 0.0
    );
    let document =
        "\\documentclass{article}\\usepackage{booktabs}\\begin{document}\\input{out/ranking}\\end{document}\n";
    fs::write(place.join("paper.tex"), document).unwrap();
    let program = Command::new("pdflatex")
        .current_dir(place)
        .args(["-halt-on-error", "-interaction=batchmode", "paper.tex"])
        .output();
    match program {
        Ok(output) => assert!(output.status.success(), "{}", fs::read_to_string(place.join("paper.log")).unwrap()),
        Err(_) => eprintln!("skipped: there is no pdflatex"),
    }
}
