//! Classifiers of slices, cascades and ensembles go the whole way.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::lab::{Lab, TINY, evaluation, images, json, manifest, results, scores, sorted, weights};

pub const CLASSIFIER: &str = "features = [4, 4, 8, 8]\nblocks = [1, 1, 1, 1]\n";
pub const SLICE_TRAINING: &str =
    "patch-size = [1, 32, 32]\nbatch-size = 4\nepochs = 2\nsteps-per-epoch = 6\nvalidate-every = 1\n";

/// `TINY` with a classifier of slices before its network.
pub fn with_classifier(threshold: &str) -> String {
    format!(
        "{TINY}\n[cascade.slices]\n{threshold}\n[cascade.slices.model.classifier]\n{CLASSIFIER}\n[cascade.slices.train]\n{SLICE_TRAINING}"
    )
}

fn report(lab: &Lab, name: &str, further: &[&str]) -> Value {
    let file = format!("experiments/{name}.toml");
    let ended = lab.end(&[&["report", &file, "--json"], further].concat());
    assert_eq!(ended.code, 0, "{}", ended.err);
    serde_json::from_str(&ended.out).unwrap()
}

fn trials(report: &Value) -> Vec<String> {
    let trials = report["trials"].as_array().unwrap().iter();
    trials.map(|trial| trial["trial"].as_str().unwrap().to_owned()).collect()
}

/// The run folders that hold a file.
fn holding(lab: &Lab, experiment: &str, file: &str) -> Vec<PathBuf> {
    let holds = |run: &PathBuf| evaluation(run).join(file).is_file();
    lab.run_folders(experiment).into_iter().filter(holds).collect()
}

/// Columns of a CSV file by name, row by row.
fn rows(path: &Path, columns: &[&str]) -> Vec<Vec<String>> {
    let mut reader = csv::Reader::from_path(path).unwrap();
    let header = reader.headers().unwrap().clone();
    let places: Vec<usize> =
        columns.iter().map(|name| header.iter().position(|known| known == *name).unwrap()).collect();
    reader.records().map(|row| places.iter().map(|&place| row.as_ref().unwrap()[place].to_owned()).collect()).collect()
}

/// Segments the images of the test cases with runs, into a folder; the bytes of the results.
pub fn predict(lab: &Lab, runs: &[&Path], like: &Path, out: &str) -> Vec<(String, Vec<u8>)> {
    let names: Vec<String> =
        images(like).iter().map(|file| file.file_name().unwrap().to_str().unwrap().to_owned()).collect();
    fs::create_dir_all(lab.path("in")).unwrap();
    for name in &names {
        fs::copy(lab.path("data/set/imagesTr").join(name), lab.path("in").join(name)).unwrap();
    }
    let runs: Vec<&str> = runs.iter().map(|run| run.to_str().unwrap()).collect();
    let ended = lab.end(&[&["predict"], &runs[..], &["--input", "in", "--output", out]].concat());
    assert_eq!(ended.code, 0, "{}", ended.err);
    names.into_iter().map(|name| (name.clone(), fs::read(lab.path(out).join(name)).unwrap())).collect()
}

/// The run's own predictions: names and bytes.
pub fn predictions(run: &Path) -> Vec<(String, Vec<u8>)> {
    images(run)
        .iter()
        .map(|file| (file.file_name().unwrap().to_str().unwrap().to_owned(), fs::read(file).unwrap()))
        .collect()
}

#[test]
fn a_classifier_of_slices_is_scored_by_slices_and_classifies_new_images() {
    let lab = Lab::new();
    let (head, _) = TINY.split_once("[model.unet]").unwrap();
    let table = format!("target = \"per-structure\"\n{CLASSIFIER}");
    lab.write("experiments/slices.toml", &format!("{head}[model.classifier]\n{table}[train]\n{SLICE_TRAINING}"));
    lab.run("slices", &[]);
    let run = lab.run_folder("slices");
    assert!(images(&run).is_empty());
    let found =
        rows(&evaluation(&run).join("slices.csv"), &["split", "case", "structure", "slice", "probability", "present"]);
    let splits = ["test", "validation"];
    assert!(splits.iter().all(|split| found.iter().any(|row| row[0] == *split)), "{splits:?}");
    assert!(found.iter().any(|row| row[5] == "true") && found.iter().any(|row| row[5] == "false"));

    let report = report(&lab, "slices", &[]);
    assert_eq!(report["trials"], Value::Array(vec![]));
    let classifier = &report["classifiers"][0];
    let structures: Vec<_> = classifier["structures"].as_array().unwrap().iter().collect();
    assert_eq!(structures.iter().map(|it| it["structure"].as_str().unwrap()).collect::<Vec<_>>(), ["liver", "spleen"]);
    for it in structures {
        let auc = it["auc"].as_f64().unwrap();
        assert!((0.0..=1.0).contains(&auc) && it["thresholds"][0] == 0.5, "{it}");
    }
    let page = fs::read_to_string(lab.path("reports/slices/report.html")).unwrap();
    assert!(page.contains("Slice classifier") && page.contains("roc-1") || page.contains("ROC curves"));
    assert!(lab.path("reports/slices/roc-1.png").is_file());

    // New images get the same probabilities.
    let case = found.iter().find(|row| row[0] == "test").unwrap()[1].clone();
    let image = lab.path(&format!("data/set/imagesTr/{case}.nii.gz"));
    let arguments = ["predict", run.to_str().unwrap(), "--input", image.to_str().unwrap(), "--output", "out"];
    assert_eq!(lab.end(&arguments).code, 0);
    let columns = ["case", "structure", "slice", "probability"];
    let again = rows(&lab.path("out/slices.csv"), &columns);
    let first: Vec<Vec<String>> = found.iter().filter(|row| row[1] == case).map(|row| row[1..5].to_vec()).collect();
    assert_eq!(again.len(), first.len());
    for (again, first) in again.iter().zip(&first) {
        let [a, b] = [again, first].map(|row| row[3].parse::<f64>().unwrap());
        assert!(again[..3] == first[..3] && (a - b).abs() < 1e-6, "{again:?} {first:?}");
    }
}

#[test]
fn a_slice_cascade_reports_both_networks_and_what_it_skips() {
    let lab = Lab::new();
    lab.write("experiments/gi.toml", &with_classifier("sensitivity = 0.5"));
    lab.run("gi", &[]);
    let first = holding(&lab, "gi", "slices.parquet");
    let second = holding(&lab, "gi", "cascade.parquet");
    assert_eq!((first.len(), second.len()), (1, 1));
    let report = report(&lab, "gi", &[]);
    assert_eq!(trials(&report), ["second stage alone", "cascade"]);
    assert_eq!(report["classifiers"].as_array().unwrap().len(), 1);

    // What the table says is lost, no prediction finds.
    let skipped = rows(
        &evaluation(&second[0]).join("cascade.csv"),
        &["case", "structure", "slices", "skipped_slices", "reference_voxels", "lost_voxels"],
    );
    let number = |text: &String| text.parse::<u64>().unwrap();
    assert!(skipped.iter().any(|row| number(&row[3]) > 0), "nothing was skipped: {skipped:?}");
    for score in scores(&second[0]) {
        let row = skipped.iter().find(|row| row[0] == score.case && row[1] == score.structure).unwrap();
        assert_eq!(number(&row[4]), score.counts.reference());
        assert!(score.counts.false_negative >= number(&row[5]), "{row:?}");
    }
    // New images, of which skipped slices are never looked at, get the same segmentations.
    assert!(predict(&lab, &[&second[0]], &second[0], "out") == predictions(&second[0]));

    // The same again gives the same; another threshold leaves the first network as it is.
    let before = results_of(&lab, "gi", &first);
    let known = evaluation(&second[0]);
    lab.run("gi", &["--set", "cascade.slices.threshold=0.0"]);
    assert!(before == results_of(&lab, "gi", &first));
    assert_eq!(lab.run_folders("gi").len(), 2, "both trainings are used again");
    let predictions = sorted(&second[0].join("predictions"));
    let other = predictions.iter().find(|prediction| !known.starts_with(prediction)).unwrap();
    let other = sorted(&other.join("evaluations"))[0].clone();
    let skipped = rows(&other.join("cascade.csv"), &["skipped_slices", "lost_voxels"]);
    assert!(skipped.iter().all(|row| row == &["0", "0"]), "{skipped:?}");
    assert!(fs::read(other.join("variants.parquet")).unwrap() == fs::read(known.join("variants.parquet")).unwrap());
}

fn results_of(lab: &Lab, experiment: &str, runs: &[PathBuf]) -> Vec<u8> {
    let _ = (lab, experiment);
    runs.iter().flat_map(|run| fs::read(evaluation(run).join("slices.parquet")).unwrap()).collect()
}

#[test]
fn a_coarse_network_shows_the_fine_one_where_to_look() {
    let lab = Lab::new();
    let coarse = "[cascade.coarse]\nmargin-mm = 10.0\n[cascade.coarse.preprocess]\nspacing-mm = [24.0, 23.0, 23.0]\n\
                  [cascade.coarse.model.unet]\nfeatures = [4, 8]\n[cascade.coarse.train]\npatch-size = [8, 8, 8]\nbatch-size = 2\n\
                  epochs = 2\nsteps-per-epoch = 20\nvalidate-every = 1\n";
    lab.write("experiments/fine.toml", &format!("{TINY}\n{coarse}"));
    lab.run("fine", &[]);
    assert_eq!(lab.run_folders("fine").len(), 2);
    let report = report(&lab, "fine", &[]);
    assert_eq!(trials(&report), ["coarse stage", "cascade"]);
    let plans =
        lab.run_folders("fine").into_iter().map(|run| (fs::read_to_string(run.join("plan.toml")).unwrap(), run));
    let (with, without): (Vec<_>, Vec<_>) = plans.partition(|(plan, _)| plan.contains("[look.box]"));
    assert!(with[0].0.contains("near-mm = 10.0") && without.len() == 1);
    let fine = &with[0].1;
    assert!(predict(&lab, &[fine], fine, "out") == predictions(fine));
    // Without the first network nothing can be said.
    fs::rename(&without[0].1, lab.path("gone")).unwrap();
    let ended = lab.end(&["predict", fine.to_str().unwrap(), "--input", "in", "--output", "again"]);
    assert_eq!(ended.code, 4, "{}", ended.err);
    assert!(ended.err.contains("a cascade needs the folder of its first stage"), "{}", ended.err);
}

#[test]
fn seeds_are_averaged_and_the_members_are_named() {
    let lab = Lab::new();
    lab.write("experiments/mean.toml", &format!("{TINY}\n[sweep]\nseeds = [0, 1]\n[ensemble]\nseeds = true\n"));
    lab.run("mean", &[]);
    let runs = lab.run_folders("mean");
    let is_ensemble = |run: &&PathBuf| manifest(run)["members"].is_array();
    let (ensembles, members): (Vec<_>, Vec<_>) = runs.iter().partition(is_ensemble);
    assert_eq!((ensembles.len(), members.len()), (1, 2));
    let named = manifest(ensembles[0])["members"].clone();
    for (member, seed) in named.as_array().unwrap().iter().zip(["seed 0", "seed 1"]) {
        let run = members.iter().find(|run| run.ends_with(member["run"]["training"].as_str().unwrap())).unwrap();
        assert_eq!((&member["weights"], &member["label"]), (&weights(run), &Value::from(seed)));
    }
    // The run of the ensemble, and its members given to `predict`, say the same.
    let of_run = predictions(ensembles[0]);
    assert!(predict(&lab, &[ensembles[0]], ensembles[0], "out") == of_run);
    let order: Vec<&Path> = named
        .as_array()
        .unwrap()
        .iter()
        .map(|member| {
            members.iter().find(|run| run.ends_with(member["run"]["training"].as_str().unwrap())).unwrap().as_path()
        })
        .collect();
    assert!(predict(&lab, &order, ensembles[0], "again") == of_run);
    assert!(members.iter().all(|run| predictions(run) != of_run));

    let report = report(&lab, "mean", &[]);
    assert_eq!(trials(&report), ["", "ensemble of 2 seeds"]);
    let best = json(&lab.path("reports/mean/best.json"));
    assert!(best["runs"].as_array().is_some_and(|runs| !runs.is_empty()), "{best}");
    // Nothing is done twice.
    let ended = lab.run("mean", &["--dry-run"]);
    assert!(ended.out.contains("3 runs: 0 new, 3 finished"), "{}", ended.out);
}

#[test]
fn folds_and_trials_are_averaged_as_asked() {
    let lab = Lab::new();
    let text = format!(
        "{TINY}\n[split.k-fold]\nfolds = 2\nheld-out = 0.3\n[sweep]\nmodel.unet.norm = [\"instance\", \"group\"]\n[ensemble]\n\
         trials = \"pairs\"\nfolds = true\n"
    );
    lab.write("experiments/mean.toml", &text);
    lab.run("mean", &["--fold", "all"]);
    let report = report(&lab, "mean", &[]);
    assert_eq!(
        trials(&report),
        [
            "norm=instance",
            "norm=group",
            "ensemble of norm=instance + norm=group",
            "norm=instance ensemble of 2 folds",
            "norm=group ensemble of 2 folds",
        ]
    );
    // Out of six cases two are held out: the folds score the others, each once, and the ensembles of folds those.
    let cases = rows(&lab.path("reports/mean/cases.csv"), &["trial", "split", "case"]);
    let of = |trial: &str| -> Vec<&str> {
        let mut names: Vec<&str> = cases.iter().filter(|row| row[0] == trial).map(|row| row[2].as_str()).collect();
        names.dedup();
        names
    };
    assert_eq!((of("norm=group").len(), of("norm=group ensemble of 2 folds").len()), (4, 2));
    assert_eq!(of("ensemble of norm=instance + norm=group"), of("norm=group"));
    assert!(of("norm=group ensemble of 2 folds").iter().all(|case| !of("norm=group").contains(case)));
    let splits: Vec<&str> = cases.iter().filter(|row| row[0].ends_with("folds")).map(|row| row[1].as_str()).collect();
    assert!(splits.iter().all(|split| *split == "held-out"), "{splits:?}");
    // Scored on other cases, they cannot be the best.
    assert_ne!(json(&lab.path("reports/mean/best.json"))["split"], "held-out");
}

#[test]
fn a_cascade_that_was_stopped_comes_to_the_same_end() {
    let text = with_classifier("");
    let lab = Lab::new();
    lab.write("experiments/gi.toml", &text);
    lab.run("gi", &[]);
    let other = Lab::new();
    other.write("experiments/gi.toml", &text);
    let second_began = |lab: &Lab| !holding(lab, "gi", "slices.parquet").is_empty() && lab.run_folders("gi").len() == 2;
    other.kill_at(&["run", "experiments/gi.toml"], second_began, std::time::Duration::from_millis(150));
    other.run("gi", &[]);
    let segmented =
        |lab: &Lab| holding(lab, "gi", "cascade.csv").iter().map(|run| predictions(run)).collect::<Vec<_>>();
    assert!(segmented(&lab) == segmented(&other));
    let _ = results;
}

#[test]
fn experiments_are_compared_in_one_report() {
    let lab = Lab::new();
    lab.run("tiny", &[]);
    lab.run("tiny", &["--set", "name=other", "--set", "seed=5"]);
    lab.write("experiments/other.toml", &TINY.replace("dataset = \"tiny\"", "dataset = \"tiny\"\nseed = 5"));
    let both = ["report", "experiments/tiny.toml", "experiments/other.toml"];
    let ended = lab.end(&both);
    assert_eq!(ended.code, 2, "{}", ended.err);
    assert!(ended.err.contains("--output"), "{}", ended.err);
    lab.write("experiments/tiny.toml", &format!("notes = [\"The liver is {{easy}}.\"]\n{TINY}"));
    let further = ["--output", "reports/both", "--json", "--note", "So is the spleen."];
    let ended = lab.end(&[&both[..], &further].concat());
    assert_eq!(ended.code, 0, "{}", ended.err);
    let page = std::fs::read_to_string(lab.path("reports/both/report.html")).unwrap();
    assert!(page.contains("<p>The liver is {easy}.</p>\n<p>So is the spleen.</p>"));
    let report: Value = serde_json::from_str(&ended.out).unwrap();
    assert_eq!((trials(&report), &report["experiment"]), (vec!["tiny".into(), "other".into()], &"tiny, other".into()));
    assert!(lab.path("reports/both/comparison.csv").is_file());
}
