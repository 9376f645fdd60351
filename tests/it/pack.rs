//! `segspec pack`: an archive without images and names, from which others get the same numbers.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use serde_json::Value;

use crate::cascades::with_classifier;
use crate::lab::{Lab, TINY, json};

/// The files of an archive, unpacked.
fn unpacked(archive: &Path, folder: &Path) -> Vec<PathBuf> {
    tar::Archive::new(GzDecoder::new(File::open(archive).unwrap())).unpack(folder).unwrap();
    segspec::files::below(folder).unwrap()
}

fn pack(lab: &Lab, run: &str, more: &[&str]) -> PathBuf {
    let out = lab.path("packed.tar.gz");
    let ended = lab.end(&[&["pack", run, "--output", out.to_str().unwrap(), "--overwrite"], more].concat());
    assert_eq!(ended.code, 0, "{}", ended.err);
    out
}

/// Another person's workspace: the archive, and the data in a folder of another name.
fn elsewhere(lab: &Lab, archive: &Path) -> Lab {
    let other = Lab::new();
    copy(&lab.path("data/set"), &other.path("archive/ct"));
    fs::copy(archive, other.path("packed.tar.gz")).unwrap();
    other
}

fn copy(from: &Path, to: &Path) {
    for file in segspec::files::below(from).unwrap() {
        let target = to.join(file.strip_prefix(from).unwrap());
        fs::create_dir_all(target.parent().unwrap()).unwrap();
        fs::copy(file, target).unwrap();
    }
}

fn reproduced(lab: &Lab, more: &[&str]) -> (i32, Value) {
    let arguments = ["reproduce", "packed.tar.gz", "--data", "archive", "--json"];
    let ended = lab.end(&[&arguments, more].concat());
    (ended.code, serde_json::from_str(&ended.out).unwrap_or_else(|_| ended.err.clone().into()))
}

#[test]
fn an_archive_names_no_case_and_no_place_and_holds_no_image() {
    let lab = Lab::new();
    lab.run("tiny", &[]);
    let archive = pack(&lab, "tiny", &[]);
    let folder = lab.path("unpacked");
    let files = unpacked(&archive, &folder);
    let secrets = ["phantom_0".to_owned(), lab.path("").display().to_string()];
    for file in &files {
        let name = file.strip_prefix(&folder).unwrap().display().to_string();
        let ending = file.extension().unwrap().to_str().unwrap();
        // Charts are pictures, too.
        let is_of_case = ["best-", "median-", "worst-"].iter().any(|rank| name.contains(rank));
        assert!(!["gz", "gif", "nii", "stl"].contains(&ending) && !is_of_case, "{name}");
        let bytes = fs::read(file).unwrap();
        for secret in &secrets {
            let holds = bytes.windows(secret.len()).any(|window| window == secret.as_bytes()) || name.contains(secret);
            assert!(!holds, "`{secret}` is in {name}");
        }
    }
    let name = |ending: &str| files.iter().any(|file| file.ends_with(ending));
    for wanted in [
        "plan.toml",
        "manifest.json",
        "experiment.toml",
        "dataset.toml",
        "best.safetensors",
        "scores.csv",
        "report.html",
        "history.parquet",
        "model-card.md",
        "README.md",
        "ro-crate-metadata.json",
    ] {
        assert!(name(wanted), "{wanted}: {files:?}");
    }
    let scores = files.iter().find(|file| file.ends_with("scores.csv")).unwrap();
    assert!(fs::read_to_string(scores).unwrap().contains("case-001"));
    // The same run gives the same archive.
    let first = fs::read(&archive).unwrap();
    assert!(fs::read(pack(&lab, "tiny", &[])).unwrap() == first);
    let again = lab.end(&["pack", "tiny", "--output", "packed.tar.gz"]);
    assert!(again.code == 2 && again.err.contains("--overwrite"), "{}", again.err);
}

#[test]
fn a_colleague_gets_the_same_numbers_from_the_archive_and_the_data() {
    let lab = Lab::new();
    lab.run("tiny", &[]);
    for more in [&[][..], &["--keep-names"]] {
        let other = elsewhere(&lab, &pack(&lab, "tiny", more));
        let (code, found) = reproduced(&other, &[]);
        assert_eq!((code, found[0]["verdict"].as_str()), (0, Some("identical")), "{found:#}");
        assert_eq!(reproduced(&other, &["--predict-only"]).0, 0);
    }
    // A changed voxel.
    let other = elsewhere(&lab, &pack(&lab, "tiny", &[]));
    let image = fs::read_dir(other.path("archive/ct/imagesTr")).unwrap().next().unwrap().unwrap().path();
    let mut volume = segspec::volume::read_volume(&image).unwrap();
    volume.voxels[[0, 1, 1, 1]] += 1.0;
    segspec::volume::write_volume(&image, &volume).unwrap();
    let (code, said) = reproduced(&other, &[]);
    let name = image.file_name().unwrap().to_str().unwrap();
    assert!(code == 4 && said.as_str().unwrap().contains(name), "{said}");
}

#[test]
fn cascades_and_ensembles_bring_the_runs_that_they_depend_on() {
    let ensemble = format!("{TINY}\n[sweep]\nseeds = [0, 1]\n[ensemble]\nseeds = true\n");
    for (name, text) in [("cascade", with_classifier("sensitivity = 0.5")), ("ensemble", ensemble)] {
        let lab = Lab::new();
        lab.write(&format!("experiments/{name}.toml"), &text);
        lab.run(name, &[]);
        let depends = |run: &&PathBuf| {
            let plan = fs::read_to_string(run.join("plan.toml")).unwrap();
            plan.contains("[[work.average.member]]") || plan.contains("[look.")
        };
        let runs = lab.run_folders(name);
        let run = runs.iter().find(depends).unwrap_or_else(|| panic!("{name}: {runs:?}"));
        let other = elsewhere(&lab, &pack(&lab, run.to_str().unwrap(), &[]));
        let (code, found) = reproduced(&other, &[]);
        assert_eq!((code, found[0]["verdict"].as_str()), (0, Some("identical")), "{name}: {found:#}");
    }
}

#[test]
fn other_files_are_no_packed_runs() {
    let lab = Lab::new();
    fs::write(lab.path("packed.tar.gz"), "no archive").unwrap();
    let (code, said) = reproduced(&lab, &[]);
    assert!(code == 4 && said.as_str().unwrap().contains("no whole archive of `segspec pack`"), "{said}");
    let mut archive =
        tar::Builder::new(GzEncoder::new(File::create(lab.path("packed.tar.gz")).unwrap(), Compression::fast()));
    let mut header = tar::Header::new_gnu();
    header.set_size(2);
    // `append_data` would refuse this name.
    header.as_gnu_mut().unwrap().name[..9].copy_from_slice(b"../escape");
    header.set_cksum();
    archive.append(&header, &b"hi"[..]).unwrap();
    archive.into_inner().unwrap().finish().unwrap();
    let (code, said) = reproduced(&lab, &[]);
    assert!(code == 4 && said.as_str().unwrap().contains("escape"), "{said}");
    assert!(segspec::files::below(&lab.path("runs")).unwrap().iter().all(|file| !file.ends_with("escape")));
}

#[test]
fn the_model_card_states_data_recipe_scores_and_limits() {
    let lab = Lab::new();
    lab.run("tiny", &[]);
    let run = lab.run_folder("tiny");
    let card = fs::read_to_string(run.join("checkpoints/model-card.md")).unwrap();
    let dice = json(&run.join("manifest.json"))["predictions"].to_string();
    assert!(dice.contains("\"dice\""));
    for part in [
        "# Model card: tiny",
        "architecture | unet",
        "| liver |",
        "train.batch-size | 2",
        "not a medical device",
        "too few for",
    ] {
        assert!(card.contains(part), "`{part}` is not in\n{card}");
    }
}

#[test]
fn files_that_name_cases_stay_at_home() {
    let lab = Lab::new();
    let split = "\n[split.fixed]\ntrain = [\"phantom_001\", \"phantom_002\"]\nvalidation = [\"phantom_003\"]\ntest = [\"phantom_000\"]\n";
    lab.write("experiments/tiny.toml", &format!("{TINY}{split}"));
    lab.run("tiny", &[]);
    let archive = pack(&lab, "tiny", &[]);
    let files = unpacked(&archive, &lab.path("unpacked"));
    assert!(!files.iter().any(|file| file.ends_with("experiment.toml") || file.ends_with("dataset.toml")));
    let other = elsewhere(&lab, &archive);
    let (code, said) = reproduced(&other, &["--predict-only"]);
    assert!(code == 4 && said.as_str().unwrap().contains("--dataset FILE"), "{said}");
    let (code, found) = reproduced(&other, &["--predict-only", "--dataset", "datasets/tiny.toml"]);
    assert_eq!(code, 0, "{found}");
    let (code, said) = reproduced(&other, &["--score-only", "--dataset", "datasets/tiny.toml"]);
    assert!(code == 4 && said.as_str().unwrap().contains("--predict-only"), "{said}");
    // Half of an archive.
    let bytes = fs::read(other.path("packed.tar.gz")).unwrap();
    fs::write(other.path("packed.tar.gz"), &bytes[..bytes.len() / 2]).unwrap();
    let (code, said) = reproduced(&other, &[]);
    assert!(code == 4 && said.as_str().unwrap().contains("packed.tar.gz"), "{said}");
}
