//! `segspec dataset add-corrections`: corrected labels become a dataset, the old ones stay, and runs of it are others.

use std::fs;

use segspec::corrections::{Added, Base, Correction, Drawn, file, labels_of, list, save};
use segspec::evaluate::metric::MetricId;
use segspec::store::Stored;
use segspec::volume::{Format, read_label_map, read_segments, write_label_map};

use crate::lab::{Lab, TINY, json, prediction, scores};

/// Draws a block of spleen into the prediction of the run's first case; returns the case's name.
fn correct(lab: &Lab) -> String {
    let run = lab.run_folder("tiny");
    let stored = Stored::open(&run).unwrap();
    let (_, planned) = stored.plan.predicted().next().unwrap();
    let name = planned.name.clone();
    let mut labels = read_label_map(&prediction(&run).join(format!("{name}.nii.gz"))).unwrap();
    labels.voxels.slice_mut(ndarray::s![1..4, 2..6, 2..6]).fill(4);
    let drawn = Drawn { labels: &labels, base: Base::Prediction, prediction: None, who: "anna", added: &[] };
    let saved = save(&stored, &name, &drawn, Some(&lab.path("data"))).unwrap();
    assert!(saved.changed["spleen"] > 0 && saved.who == "anna", "{saved:?}");
    name
}

#[test]
fn corrected_labels_replace_the_old_ones_and_runs_are_others() {
    let lab = Lab::new();
    let none = lab.end(&["dataset", "add-corrections", "tiny", "--name", "corrected"]);
    assert_eq!(none.code, 4, "{}", none.err);
    lab.run("tiny", &[]);
    let none = lab.end(&["dataset", "add-corrections", "tiny", "--name", "corrected"]);
    assert!(none.code == 4 && none.err.contains("has no corrected case"), "{}", none.err);
    let name = correct(&lab);
    let original = lab.path(&format!("data/set/labelsTr/{name}.nii.gz"));
    let before = fs::read(&original).unwrap();
    let written = lab.end(&["dataset", "add-corrections", "tiny", "--name", "corrected"]);
    assert_eq!(written.code, 0, "{}", written.err);
    // The run segments two of six structures.
    assert!(
        written.out.contains("1 case with corrected labels") && written.out.contains("left-kidney"),
        "{}",
        written.out
    );
    assert_eq!(fs::read(&original).unwrap(), before);
    let checked = lab.end(&["dataset", "check", "corrected"]);
    assert_eq!(checked.code, 0, "{}{}", checked.out, checked.err);
    lab.write("experiments/again.toml", &TINY.replace("dataset = \"tiny\"", "dataset = \"corrected\""));
    let [old, new] = ["tiny", "again"].map(|name| lab.dry_run(name, &[])[0].clone());
    let of = |run: &serde_json::Value| run.to_string();
    assert_ne!(of(&old), of(&new));
    lab.run("again", &[]);
    let plan = fs::read_to_string(lab.run_folder("again").join("plan.toml")).unwrap();
    assert!(plan.contains("corrected = ") && plan.contains(&format!("corrections/corrected/{name}.nrrd")), "{plan}");
    assert_eq!(plan.matches("corrected = ").count(), 1, "{plan}");
    let ids = |name: &str| Stored::open(&lab.run_folder(name)).unwrap().ids;
    assert_ne!(ids("tiny").evaluation, ids("again").evaluation);
    // A taken name, and a file that was changed by hand.
    let again = lab.end(&["dataset", "add-corrections", "tiny", "--name", "corrected"]);
    assert!(again.code == 4 && again.err.contains("exists already"), "{}", again.err);
    fs::write(lab.run_folder("tiny").join(format!("corrections/{name}.nrrd")), "changed").unwrap();
    let changed = lab.end(&["dataset", "add-corrections", "tiny", "--name", "third"]);
    assert!(changed.code == 4 && changed.err.contains("changed since it was saved"), "{}", changed.err);
    assert!(!lab.path("datasets/third.toml").exists() && !lab.path("data/corrections/third").exists());
}

#[test]
fn corrections_are_a_persons_work_and_stay_with_fresh_runs() {
    let lab = Lab::new();
    lab.run("tiny", &[]);
    let name = correct(&lab);
    lab.run("tiny", &["--fresh"]);
    assert!(lab.run_folder("tiny").join(format!("corrections/{name}.nrrd")).is_file());
}

#[test]
fn new_structures_are_kept_with_their_names_and_come_into_the_dataset() {
    let lab = Lab::new();
    lab.run("tiny", &[]);
    let run = lab.run_folder("tiny");
    let stored = Stored::open(&run).unwrap();
    let names: Vec<String> = stored.plan.predicted().map(|(_, case)| case.name.clone()).collect();
    let draw = |name: &str, value: u16, added: &[Added]| {
        let mut labels = read_label_map(&prediction(&run).join(format!("{name}.nii.gz"))).unwrap();
        labels.voxels[[2, 3, 4]] = value;
        let drawn = Drawn { labels: &labels, base: Base::Prediction, prediction: None, who: "anna", added };
        save(&stored, name, &drawn, Some(&lab.path("data")))
    };
    let tumour = |value: u16| [Added { name: "tumour".into(), value, color: "#009e73".into() }];
    // 5 is the spine of the dataset, which the run does not segment.
    let error = draw(&names[0], 5, &tumour(5)).unwrap_err().to_string();
    assert!(error.contains("which is spine of the dataset"), "{error}");
    let error = draw(&names[0], 7, &[]).unwrap_err().to_string();
    assert!(error.contains("without a meaning: 7"), "{error}");
    let saved = draw(&names[0], 7, &tumour(7)).unwrap();
    assert_eq!((saved.changed.get("tumour"), saved.structures.as_slice()), (Some(&1), &tumour(7)[..]));
    // The second case knows it already.
    assert_eq!(draw(&names[1], 7, &[]).unwrap().structures, tumour(7));
    let path = file(&stored, &names[0]);
    let found = read_segments(&path).unwrap();
    let named: Vec<(&str, u16)> = found.segments.iter().map(|it| (it.name.as_str(), it.value)).collect();
    assert_eq!(named, [("liver", 1), ("spleen", 4), ("tumour", 7)]);
    assert_eq!((found.segments[2].color, read_label_map(&path).unwrap().voxels[[2, 3, 4]]), (Some([0, 158, 115]), 7));
    assert!(Format::of(&path).unwrap().entry().holds_labels);
    let written = lab.end(&["dataset", "add-corrections", "tiny", "--name", "more"]);
    assert!(
        written.code == 0
            && written.out.contains("new structures of the corrected cases, background in all others: tumour"),
        "{}{}",
        written.out,
        written.err
    );
    let checked = lab.end(&["dataset", "check", "more"]);
    assert_eq!(checked.code, 0, "{}{}", checked.out, checked.err);
    let experiment =
        TINY.replace("dataset = \"tiny\"", "dataset = \"more\"").replace("\"spleen\"]", "\"spleen\", \"tumour\"]");
    lab.write("experiments/more.toml", &experiment);
    lab.run("more", &[]);
    let next = Stored::open(&lab.run_folder("more")).unwrap();
    assert_eq!(next.plan.target.structures.iter().map(|it| it.value).collect::<Vec<_>>(), [1, 4, 7]);
    // What was added to the first run is a structure like any other now.
    let mut labels = read_label_map(&path).unwrap();
    labels.voxels[[0, 0, 0]] = 7;
    let drawn = Drawn { labels: &labels, base: Base::Reference, prediction: None, who: "anna", added: &[] };
    let again = save(&next, &names[0], &drawn, Some(&lab.path("data"))).unwrap();
    assert_eq!((again.changed.get("tumour"), again.structures.len()), (Some(&1), 0), "{again:?}");
}

/// Dice of the liver in a case, as the run scored it.
fn liver(lab: &Lab, experiment: &str, case: &str) -> f64 {
    let dice: MetricId = "dice".parse().unwrap();
    let all = scores(&lab.run_folder(experiment));
    all.iter().find(|score| score.case == case && score.structure == "liver").and_then(|score| score[dice]).unwrap()
}

#[test]
fn a_planted_error_is_corrected_and_the_next_run_scores_higher() {
    let lab = Lab::new();
    let learning = TINY.replace("epochs = 3", "epochs = 6").replace("steps-per-epoch = 3", "steps-per-epoch = 50");
    lab.write("experiments/tiny.toml", &learning);
    let made = lab.end(&["dataset", "check", "tiny"]);
    assert_eq!(made.code, 0, "{}", made.err);
    // The error: in one test case, liver and spleen have changed names.
    let case = "phantom_000";
    let label = lab.path(&format!("data/set/labelsTr/{case}.nii.gz"));
    let truth = read_label_map(&label).unwrap();
    let mut planted = truth.clone();
    planted.voxels.mapv_inplace(|value| match value {
        1 => 4,
        4 => 1,
        other => other,
    });
    write_label_map(&label, &planted).unwrap();
    lab.run("tiny", &[]);
    let stored = Stored::open(&lab.run_folder("tiny")).unwrap();
    assert!(stored.plan.predicted().any(|(_, planned)| planned.name == case), "the case is tested");
    let before = liver(&lab, "tiny", case);

    let drawn = Drawn { labels: &truth, base: Base::Reference, prediction: None, who: "anna", added: &[] };
    let saved = save(&stored, case, &drawn, Some(&lab.path("data"))).unwrap();
    let moved = truth.voxels.iter().zip(&planted.voxels).filter(|(new, old)| (**new == 1) != (**old == 1)).count();
    assert_eq!(saved.changed["liver"], moved as u64);
    let written = lab.end(&["dataset", "add-corrections", "tiny", "--name", "corrected"]);
    assert_eq!(written.code, 0, "{}", written.err);
    lab.write("experiments/again.toml", &learning.replace("dataset = \"tiny\"", "dataset = \"corrected\""));
    lab.run("again", &[]);
    // The run's records name the corrected case and the very file that was saved.
    let again = lab.run_folder("again");
    let plan = fs::read_to_string(again.join("plan.toml")).unwrap();
    assert!(plan.contains(&format!("corrections/corrected/{case}.nrrd")) && plan.matches("corrected = ").count() == 1);
    let data = json(&again.join("data.json"));
    assert!(data[case].to_string().contains(&saved.file), "{}", data[case]);
    let after = liver(&lab, "again", case);
    assert!(after > before + 0.2, "Dice {before} before, {after} after");
    assert_eq!(read_label_map(&label).unwrap(), planted, "the labels of the dataset stay");
}

/// The labels of a case as the run predicted them, with a voxel of spleen more, saved as a correction.
fn corrected_from_prediction(lab: &Lab, experiment: &str, case: &str, at: [usize; 3]) -> Correction {
    let run = lab.run_folder(experiment);
    let mut labels = read_label_map(&prediction(&run).join(format!("{case}.nii.gz"))).unwrap();
    labels.voxels[at] = if labels.voxels[at] == 4 { 0 } else { 4 };
    let drawn = Drawn { labels: &labels, base: Base::Prediction, prediction: None, who: "anna", added: &[] };
    save(&Stored::open(&run).unwrap(), case, &drawn, Some(&lab.path("data"))).unwrap()
}

fn tested(lab: &Lab, experiment: &str) -> Vec<String> {
    let stored = Stored::open(&lab.run_folder(experiment)).unwrap();
    stored.plan.predicted().map(|(_, case)| case.name.clone()).collect()
}

/// Networks learn nothing from labels that only test them.
#[test]
fn test_cases_that_began_as_a_prediction_become_training_cases() {
    let lab = Lab::new();
    lab.run("tiny", &[]);
    let names = tested(&lab, "tiny");
    corrected_from_prediction(&lab, "tiny", &names[0], [2, 3, 4]);
    let written = lab.end(&["dataset", "add-corrections", "tiny", "--name", "learned"]);
    assert_eq!(written.code, 0, "{}", written.err);
    assert!(written.out.contains(&format!("training cases now: {}", names[0])), "{}", written.out);
    lab.write("experiments/learned.toml", &TINY.replace("dataset = \"tiny\"", "dataset = \"learned\""));
    lab.run("learned", &[]);
    assert_eq!(tested(&lab, "learned"), names[1..]);
    let ids = |name: &str| Stored::open(&lab.run_folder(name)).unwrap().ids;
    assert_ne!(ids("learned").training, ids("tiny").training, "the network learns from the correction");
    let origin = json(&lab.run_folder("learned").join("manifest.json"))["corrected"][&names[0]].clone();
    assert_eq!(
        [&origin["role"], &origin["who"], &origin["base"], &origin["run"]],
        ["training", "anna", "prediction", &ids("tiny").training]
    );
    // Kept as test cases, they are a caution of the run and of its report.
    let kept = lab.end(&["dataset", "add-corrections", "tiny", "--name", "kept", "--keep-split"]);
    assert!(kept.code == 0 && kept.out.contains("change scores, not the training"), "{}{}", kept.out, kept.err);
    lab.write("experiments/kept.toml", &TINY.replace("dataset = \"tiny\"", "dataset = \"kept\""));
    let ended = lab.end(&["run", "experiments/kept.toml"]);
    assert_eq!(ended.code, 0, "{}", ended.err);
    let caution = format!("1 of {} test cases have labels that were corrected by hand", names.len());
    assert!(ended.err.contains(&caution), "{}", ended.err);
    assert!(ended.out.contains("The labels of 1 of these cases were corrected by hand"), "{}", ended.out);
    assert_eq!(tested(&lab, "kept"), names);
}

/// A killed process: what the record names counts, whichever of the two files holds it.
#[test]
fn a_save_that_was_cut_short_leaves_one_of_both_corrections() {
    let lab = Lab::new();
    lab.run("tiny", &[]);
    let stored = Stored::open(&lab.run_folder("tiny")).unwrap();
    let case = tested(&lab, "tiny").remove(0);
    let first = corrected_from_prediction(&lab, "tiny", &case, [2, 3, 4]);
    let path = file(&stored, &case);
    let before = fs::read(&path).unwrap();
    let staged = path.with_file_name(format!(".{case}.saving.nrrd"));
    // Before the record was written: the first one counts.
    fs::write(&staged, "half of a file").unwrap();
    assert_eq!(list(&stored).unwrap(), std::slice::from_ref(&first));
    let labels = labels_of(&stored, &first).unwrap();
    // After it was written, before the last step: the second one.
    let second = corrected_from_prediction(&lab, "tiny", &case, [3, 3, 3]);
    assert!(!staged.exists());
    fs::rename(&path, &staged).unwrap();
    fs::write(&path, &before).unwrap();
    let found = labels_of(&stored, &second).unwrap();
    assert_ne!(found, labels);
    assert!(labels_of(&stored, &first).is_ok_and(|it| it == labels), "the file of the first one is still there");
    let written = lab.end(&["dataset", "add-corrections", "tiny", "--name", "after"]);
    assert_eq!(written.code, 0, "{}", written.err);
    assert_eq!(read_label_map(&lab.path(&format!("data/corrections/after/{case}.nrrd"))).unwrap(), found);
    corrected_from_prediction(&lab, "tiny", &case, [2, 3, 4]);
    assert!(!staged.exists() && labels_of(&stored, &list(&stored).unwrap()[0]).unwrap() == labels);
}

#[test]
fn corrections_of_corrections_keep_what_is_known_of_the_earlier_ones() {
    let lab = Lab::new();
    lab.run("tiny", &[]);
    let names = tested(&lab, "tiny");
    for name in &names[..2] {
        corrected_from_prediction(&lab, "tiny", name, [2, 3, 4]);
    }
    let add = |run: &str, name: &str| {
        let written = lab.end(&["dataset", "add-corrections", run, "--name", name, "--keep-split"]);
        assert_eq!(written.code, 0, "{}", written.err);
        let checked = lab.end(&["dataset", "check", name]);
        assert_eq!(checked.code, 0, "{}{}", checked.out, checked.err);
    };
    add("tiny", "second");
    // As somebody may have put them: in another format, and an older version in a folder below.
    let folder = lab.path("data/corrections/second");
    let [one, other] = [&names[0], &names[1]].map(|name| folder.join(format!("{name}.nrrd")));
    let labels = read_label_map(&one).unwrap();
    write_label_map(&folder.join(format!("{}.nii.gz", names[0])), &labels).unwrap();
    fs::remove_file(&one).unwrap();
    fs::create_dir(folder.join("old")).unwrap();
    fs::write(folder.join(format!("old/{}.nrrd", names[1])), "an older version").unwrap();
    lab.write("experiments/next.toml", &TINY.replace("dataset = \"tiny\"", "dataset = \"second\""));
    lab.run("next", &[]);
    let next = Stored::open(&lab.run_folder("next")).unwrap();
    let mut drawn = labels.clone();
    drawn.voxels[[4, 4, 4]] = 1;
    let drawn = Drawn { labels: &drawn, base: Base::Reference, prediction: None, who: "bert", added: &[] };
    save(&next, &names[0], &drawn, Some(&lab.path("data"))).unwrap();
    add("next", "third");
    let mut files: Vec<String> = fs::read_dir(lab.path("data/corrections/third"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    files.sort();
    assert_eq!(files, ["corrections.json".to_owned(), format!("{}.nrrd", names[0]), format!("{}.nrrd", names[1])]);
    assert_eq!(
        fs::read(lab.path(&format!("data/corrections/third/{}.nrrd", names[1]))).unwrap(),
        fs::read(other).unwrap()
    );
    let known = json(&lab.path("data/corrections/third/corrections.json"))["corrections"].clone();
    assert_eq!([&known[&names[0]]["who"], &known[&names[1]]["who"]], ["bert", "anna"]);
    assert_eq!(known[&names[0]]["earlier"]["base"], "prediction", "its reference had begun as a prediction");
}

/// What the network calls kidneys has one value, in predictions and in what is drawn upon them.
#[test]
fn parts_of_a_union_cannot_be_targets_where_people_corrected_the_union() {
    let lab = Lab::new();
    let text = fs::read_to_string(lab.path("datasets/tiny.toml")).unwrap();
    let union = "[labels.merge]\nkidneys = [\"left-kidney\", \"right-kidney\"]\n";
    lab.write("datasets/tiny.toml", &text.replace("[labels.merge]\n", union));
    let of = |dataset: &str, structures: &str| {
        TINY.replace("\"tiny\"", &format!("\"{dataset}\"")).replace("\"liver\", \"spleen\"", structures)
    };
    lab.write("experiments/tiny.toml", &of("tiny", "\"spleen\", \"kidneys\""));
    lab.run("tiny", &[]);
    corrected_from_prediction(&lab, "tiny", &tested(&lab, "tiny")[0], [2, 3, 4]);
    let written = lab.end(&["dataset", "add-corrections", "tiny", "--name", "merged"]);
    assert!(written.code == 0 && written.out.contains("left-kidney, right-kidney"), "{}{}", written.out, written.err);
    for (structures, code) in [("\"spleen\", \"kidneys\"", 0), ("\"spleen\", \"left-kidney\"", 3)] {
        lab.write("experiments/next.toml", &of("merged", structures));
        let checked = lab.end(&["check", "experiments/next.toml"]);
        assert_eq!(checked.code, code, "{structures}: {}{}", checked.out, checked.err);
        let says = checked.err.contains("do not tell `left-kidney`, `right-kidney` apart")
            && checked.err.contains("choose `kidneys`");
        assert_eq!(says, code == 3, "{}", checked.err);
    }
    let listed = lab.end(&["dataset", "check", "merged"]);
    assert_eq!(listed.code, 0, "{}{}", listed.out, listed.err);
}
