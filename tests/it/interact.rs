//! Networks that take clicks, from the experiment to a refined label map.

use std::fs;
use std::path::{Path, PathBuf};

use segspec::Cancel;
use segspec::backend::{DeviceName, select};
use segspec::evaluate::clicks::{self, COUNTS};
use segspec::evaluate::frame::rows;
use segspec::evaluate::{DICE, Score};
use segspec::infer::{InferError, Prompt, Refiner, Trained};
use segspec::predict::PredictError;
use segspec::store::Stored;
use segspec::volume::{LabelMap, read_label_map, read_volume};
use serde_json::{Value, json};

use crate::cascades::{CLASSIFIER, SLICE_TRAINING, predict, predictions, with_classifier};
use crate::lab::{Ended, Lab, TINY, evaluation, images, results, scores, weights};

const INTERACT: &str = "\n[interact]\nradius-mm = 6.0\nclicks = 4\nrounds = 2\n";

/// The tiny experiment with clicks.
fn lab() -> Lab {
    let lab = Lab::new();
    lab.write("experiments/x.toml", &format!("{TINY}{INTERACT}"));
    lab
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Refines one image with clicks into `out`.
fn refine(lab: &Lab, run: &Path, image: &Path, clicks: &Value, out: &str) -> Ended {
    lab.write("clicks.json", &clicks.to_string());
    let arguments =
        ["predict", text(run), "--input", text(image), "--output", out, "--clicks", "clicks.json", "--overwrite"];
    lab.end(&arguments)
}

fn image_of(lab: &Lab, prediction: &Path) -> PathBuf {
    lab.path("data/set/imagesTr").join(prediction.file_name().unwrap())
}

/// The middle of the first voxel of a label map that `is_it`, in world millimetres.
fn place(labels: &LabelMap, is_it: impl Fn([usize; 3], u16) -> bool) -> [f64; 3] {
    let found = labels.voxels.indexed_iter().find(|((z, y, x), label)| is_it([*z, *y, *x], **label)).unwrap().0;
    labels.geometry.to_world([found.0, found.1, found.2].map(|index| index as f64))
}

#[test]
fn a_network_learns_clicks_its_curve_is_reported_and_it_follows_them() {
    let lab = lab();
    lab.run("x", &[]);
    let run = lab.run_folder("x");
    assert!(
        fs::read_to_string(run.join("plan.toml")).unwrap().contains("interact]\nradius-mm = 6.0\nwithout-clicks = 0.5")
    );
    curve_begins_with_the_scores(&run);
    let report = lab.end(&["report", "experiments/x.toml"]);
    assert_eq!(report.code, 0, "{}", report.err);
    let page = fs::read_to_string(lab.path("reports/x/report.html")).unwrap();
    assert!(page.contains("<h2 id=\"clicks\">") && page.contains("10 clicks"), "no section on clicks");
    assert!(lab.path("reports/x/clicks.csv").is_file() && lab.path("reports/x/clicks.png").is_file());

    // Without clicks, it predicts as any other network.
    assert!(predict(&lab, &[&run], &run, "out") == predictions(&run));
    follows_a_click(&lab, &run);
    gives_up_a_click_that_nobody_waits_for(&lab, &run);
    refuses_clicks(&lab, &run);
}

fn curve_begins_with_the_scores(run: &Path) {
    let table = clicks::read(&evaluation(run).join("clicks.parquet")).unwrap();
    let scores: Vec<Score> = scores(run);
    assert_eq!(table.height(), scores.len() * COUNTS.len());
    for row in rows(&table).filter(|row| row.count("clicks") == Some(0)) {
        let is_it = |score: &&Score| {
            (score.case.as_str(), score.structure.as_str()) == (row.text("case"), row.text("structure"))
        };
        let score = scores.iter().find(is_it).unwrap();
        assert_eq!(row.number("dice"), score[DICE], "{} {}", row.text("case"), row.text("structure"));
    }
    let of = |count: u64| -> Vec<Option<f64>> {
        rows(&table).filter(|row| row.count("clicks") == Some(count)).map(|row| row.number("dice")).collect()
    };
    assert_ne!(of(0), of(10), "ten clicks change nothing");
}

/// A click changes the window around it and nothing else, and more of the structure is there.
fn gives_up_a_click_that_nobody_waits_for(lab: &Lab, run: &Path) {
    let prediction = &images(run)[0];
    let (image, before) = (read_volume(&image_of(lab, prediction)).unwrap(), read_label_map(prediction).unwrap());
    let cpu = select(DeviceName::Cpu).unwrap();
    let trained = Trained::open(&Stored::open(run).unwrap(), &cpu).unwrap();
    let prepared = trained.prepare(&image).unwrap();
    let click = Prompt { class: 1, at_mm: place(&before, |_, label| label == 0) };
    let refine = |cancel: &Cancel| Refiner::new(&trained, &prepared).unwrap().refine(&before, &[click], cancel);
    assert!(refine(&Cancel::new()).is_ok());
    let stopped = Cancel::new();
    stopped.stop();
    assert!(matches!(refine(&stopped), Err(InferError::Predict(PredictError::Cancelled))));
}

fn follows_a_click(lab: &Lab, run: &Path) {
    let prediction = &images(run)[0];
    let (image, before) = (image_of(lab, prediction), read_label_map(prediction).unwrap());
    // Spleen where the network sees none, in a corner of the image.
    let at = place(&before, |[z, y, x], label| label == 0 && z > 1 && y > 1 && x > 1);
    let all = json!({ "clicks": [{ "structure": "spleen", "at-mm": at }] });
    let ended = refine(lab, run, &image, &all, "refined");
    assert_eq!(ended.code, 0, "{}", ended.err);
    let file = lab.path("refined").join(prediction.file_name().unwrap());
    let after = read_label_map(&file).unwrap();
    let changed: Vec<[usize; 3]> = before
        .voxels
        .indexed_iter()
        .filter(|(at, label)| after.voxels[*at] != **label)
        .map(|((z, y, x), _)| [z, y, x])
        .collect();
    assert!(!changed.is_empty(), "the click has no effect");
    let voxel = before.geometry.to_voxel(at).unwrap();
    for at in &changed {
        // The window is a patch of 16 voxels, pushed into the image.
        assert!((0..3).all(|axis| (at[axis] as f64 - voxel[axis]).abs() <= 16.0), "{at:?} is far from {voxel:?}");
    }
    assert_eq!(after.geometry, before.geometry);
    // The same again is the same; a negative click is another.
    let bytes = fs::read(&file).unwrap();
    assert_eq!(refine(lab, run, &image, &all, "refined").code, 0);
    assert!(fs::read(&file).unwrap() == bytes);
    let negative = json!({ "clicks": [{ "structure": "spleen", "at-mm": at, "positive": false }] });
    assert_eq!(refine(lab, run, &image, &negative, "refined").code, 0);
    assert!(fs::read(&file).unwrap() != bytes, "positive and negative clicks do the same");
    // What other clicks made is not replaced unasked.
    let arguments = ["predict", text(run), "--input", text(&image), "--output", "refined", "--clicks", "clicks.json"];
    lab.write("clicks.json", &all.to_string());
    let ended = lab.end(&arguments);
    assert!(
        ended.code == 2 && ended.err.contains("another network, or of the same with other settings"),
        "{}",
        ended.err
    );
}

fn refuses_clicks(lab: &Lab, run: &Path) {
    let image = image_of(lab, &images(run)[0]);
    let refused = |clicks: Value, code: i32, words: &str| {
        let ended = refine(lab, run, &image, &clicks, "refused");
        assert!(ended.code == code && ended.err.contains(words), "{code} {words}: {} {}", ended.code, ended.err);
    };
    let click = |structure: &str, at: [f64; 3]| json!({ "clicks": [{ "structure": structure, "at-mm": at }] });
    refused(click("ribs", [0.0; 3]), 4, "unknown structure `ribs`; this network knows liver, spleen");
    refused(click("liver", [9e5, 0.0, 0.0]), 4, "outside the part of the image that the network sees");
    refused(json!([1, 2]), 4, "a click is {");
    lab.write("clicks.json", &click("liver", [0.0; 3]).to_string());
    let several =
        ["predict", text(run), "--input", "in", "--output", "several", "--clicks", "clicks.json"].map(str::to_owned);
    let several = lab.end(&several.each_ref().map(String::as_str));
    assert!(several.code == 2 && several.err.contains("belong to one image"), "{}", several.err);
    let export = lab.end(&["export", text(run), "--format", "onnx", "--output", "exported"]);
    assert!(export.code != 0 && export.err.contains("takes clicks as further channels"), "{}", export.err);

    lab.run("tiny", &[]);
    let plain = refine(lab, &lab.run_folder("tiny"), &image, &click("liver", [0.0; 3]), "plain");
    assert!(plain.code == 2 && plain.err.contains("one run of an experiment with `[interact]`"), "{}", plain.err);
}

#[test]
fn the_same_clicks_come_again_and_after_a_pause() {
    let whole = lab();
    whole.run("x", &[]);
    let expected = results(&whole, "x");
    let again = lab();
    again.run("x", &["--set", "train.loader-threads=3"]);
    assert!(results(&again, "x") == expected, "clicks depend on more than the plan");
    let paused = lab();
    paused.run("x", &["--stop-after", "1"]);
    paused.run("x", &[]);
    assert!(results(&paused, "x") == expected, "a pause changes the clicks");
    let bytes = |lab: &Lab| fs::read(evaluation(&lab.run_folder("x")).join("clicks.parquet")).unwrap();
    assert!(bytes(&paused) == bytes(&whole));

    // More clicks and none are other trainings.
    let lab = lab();
    lab.run("x", &["--set", "interact.clicks=5"]);
    assert_ne!(weights(&lab.run_folder("x")), weights(&whole.run_folder("x")));
}

/// Structures with an output of their own each, in slices.
#[test]
fn clicks_work_in_two_dimensions_and_with_sigmoid_outputs() {
    let lab = Lab::new();
    let flat =
        TINY.replace("[16, 16, 16]", "[1, 16, 16]").replace("[2, 2, 2]", "[1, 2, 2]").replace("[3, 3, 3]", "[1, 3, 3]");
    lab.write("experiments/flat.toml", &format!("{flat}\n[[loss]]\nbinary-cross-entropy = {{}}\n{INTERACT}"));
    lab.run("flat", &[]);
    let run = lab.run_folder("flat");
    curve_begins_with_the_scores(&run);
    let prediction = &images(&run)[0];
    let before = read_label_map(prediction).unwrap();
    let at = place(&before, |[z, ..], label| z > 3 && label == 0);
    let all = json!({ "clicks": [{ "structure": "liver", "at-mm": at }] });
    let ended = refine(&lab, &run, &image_of(&lab, prediction), &all, "refined");
    assert_eq!(ended.code, 0, "{}", ended.err);
    let after = read_label_map(&lab.path("refined").join(prediction.file_name().unwrap())).unwrap();
    let slice = before.geometry.to_voxel(at).unwrap()[0].round() as usize;
    let elsewhere = before.voxels.indexed_iter().filter(|((z, ..), _)| *z != slice);
    assert!(elsewhere.into_iter().all(|(at, label)| after.voxels[at] == *label), "a click changes other slices");
}

#[test]
fn what_cannot_take_clicks_is_refused() {
    let lab = Lab::new();
    let check = |text: String, words: &str| {
        lab.write("experiments/bad.toml", &text);
        let ended = lab.end(&["check", "experiments/bad.toml"]);
        assert!(ended.code == 3 && ended.err.contains(words), "{words}: {} {}", ended.code, ended.err);
    };
    let (head, _) = TINY.split_once("[model.unet]").unwrap();
    check(
        format!("{head}[model.classifier]\n{CLASSIFIER}[train]\n{SLICE_TRAINING}{INTERACT}"),
        "a slice classifier draws no structure",
    );
    check(format!("{}{INTERACT}", with_classifier("")), "the second stage of a cascade takes no clicks");
    let overlapping = TINY.replace("[\"liver\", \"spleen\"]", "[\"liver\", \"kidneys-and-liver\"]");
    check(format!("{overlapping}{INTERACT}"), "these structures overlap");
    check(format!("{TINY}{INTERACT}without-clicks = 1.0\n"), "the network learns nothing of clicks");
    check(format!("{TINY}\n[interact]\nradius = 3\n"), "unknown key `radius`");
    check(format!("{TINY}\n[interact]\nclicks = 0\n"), "clicks");
    let vnet = TINY.replace("[model.unet]", "[model.vnet]");
    check(format!("{vnet}{INTERACT}"), "use a multiple of the 6 image channels");
}
