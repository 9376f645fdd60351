//! `segspec dataset add-corrections`: corrected labels become a dataset, the old ones stay, and runs of it are others.

use std::fs;

use segspec::corrections::{Base, Drawn, save};
use segspec::store::Stored;
use segspec::volume::read_label_map;

use crate::lab::{Lab, TINY, prediction};

/// Draws a block of spleen into the prediction of the run's first case; returns the case's name.
fn correct(lab: &Lab) -> String {
    let run = lab.run_folder("tiny");
    let stored = Stored::open(&run).unwrap();
    let (_, planned) = stored.plan.predicted().next().unwrap();
    let name = planned.name.clone();
    let mut labels = read_label_map(&prediction(&run).join(format!("{name}.nii.gz"))).unwrap();
    labels.voxels.slice_mut(ndarray::s![1..4, 2..6, 2..6]).fill(4);
    let drawn = Drawn { labels: &labels, base: Base::Prediction, who: "anna", added: &[] };
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
