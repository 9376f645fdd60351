//! From a spec to scores: the same work gives the same numbers, and each kind of task goes the whole way.

use std::fs;
use std::path::Path;

use ndarray::Array4;
use segspec::volume::{nifti, write_volume};
use serde_json::Value;

use crate::lab::{Lab, TINY, end, json, manifest, predicted, prediction, results, scores, sorted, weights};

#[test]
fn the_same_spec_gives_the_same_weights_and_tables_for_any_number_of_threads() {
    let mut all = Vec::new();
    for threads in ["1", "2", "4"] {
        let lab = Lab::new();
        let loader = format!("train.loader-threads={threads}");
        let arguments = ["run", "experiments/tiny.toml", "--set", &loader];
        let ended = end(lab.command(&arguments).env("RAYON_NUM_THREADS", threads));
        assert_eq!(ended.code, 0, "{}", ended.err);
        let result = results(&lab, "tiny");
        assert_eq!(result[0].facts[0].as_str().map(str::len), Some(64), "a hash of the weights");
        assert_eq!(
            (result[0].predictions.len(), scores(&lab.run_folder("tiny")).len()),
            (2, 4),
            "two cases, two structures"
        );
        all.push(result);
    }
    assert!(all[0] == all[1] && all[0] == all[2]);
}

/// Burn's flex backend adds tensors of 4,194,304 elements and more in an order that depends on its threads: no sum of a
/// training step may be such a one. Here four feature maps, and four outputs, have 1,048,576 voxels each.
#[test]
fn sums_over_millions_of_voxels_do_not_depend_on_threads() {
    let sums = |threads: &str| {
        let lab = Lab::new();
        let flat = TINY.replace("[[3, 3, 3], [3, 3, 3]]", "[[1, 1, 1], [1, 1, 1]]").replace("[4, 8]", "[4, 4]");
        lab.write("experiments/large.toml", &flat.replace("\"spleen\"", "\"spleen\", \"spine\""));
        let set = ["patch-size=[64,128,128]", "batch-size=1", "epochs=1", "steps-per-epoch=2", "validate-every=0"];
        let set: Vec<String> = set.iter().map(|text| format!("train.{text}")).collect();
        let mut arguments = vec!["run", "experiments/large.toml", "--set", "predict.overlap=0.0"];
        arguments.extend(set.iter().flat_map(|text| ["--set", text.as_str()]));
        let ended = end(lab.command(&arguments).env("RAYON_NUM_THREADS", threads));
        assert_eq!(ended.code, 0, "{}", ended.err);
        let run = lab.run_folder("large");
        (weights(&run), json(&run.join("training_history.json"))["loss"].clone())
    };
    let one = sums("1");
    assert!(one == sums("2") && one == sums("4"));
}

#[test]
fn what_changes_no_number_does_not_change_the_id() {
    let lab = Lab::new();
    let id = |further: &[&str]| lab.dry_run("tiny", further)[0]["id"].as_str().unwrap().to_owned();
    let first = id(&[]);
    let cosmetic =
        ["name=other", "description=\"for people\"", "run-root=elsewhere", "train.loader-threads=7", "train.epochs=3"];
    for set in cosmetic {
        assert_eq!(id(&["--set", set]), first, "{set}");
    }
    let work =
        ["seed=1", "train.optimizer.adamw.learning-rate=2e-3", "train.epochs=4", "structures=[\"spleen\", \"liver\"]"];
    for set in work {
        assert_ne!(id(&["--set", set]), first, "{set}");
    }
    let spaced = TINY.replace('=', "   =   ").replace("[train]", "# A remark.\n\n\n[train] # and another");
    lab.write("experiments/tiny.toml", &spaced);
    assert_eq!(id(&[]), first, "comments and white space");
}

#[test]
fn data_count_by_content_not_by_place() {
    let lab = Lab::new();
    let id = |folder: &str| {
        let mut command = lab.command(&["run", "experiments/tiny.toml", "--dry-run", "--json"]);
        let ended = end(command.env("SEGSPEC_DATA", folder));
        let runs: Vec<Value> = serde_json::from_str(&ended.out).unwrap();
        runs[0]["id"].as_str().unwrap().to_owned()
    };
    let first = id("data");
    copy(&lab.path("data"), &lab.path("elsewhere"));
    assert_eq!(id("elsewhere"), first, "a copy");
    let file = lab.path("elsewhere/set/imagesTr/phantom_002.nii.gz");
    let mut image = nifti::read_volume(&file).unwrap();
    image.voxels[[0, 3, 4, 5]] += 1.0;
    write_volume(&file, &image).unwrap();
    assert_ne!(id("elsewhere"), first, "one voxel");
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for path in sorted(from) {
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() { copy(&path, &target) } else { fs::copy(&path, &target).map(drop).unwrap() }
    }
}

#[test]
fn structures_that_overlap_are_masks() {
    let lab = Lab::new();
    let spec = TINY.replace("[\"liver\", \"spleen\"]", "[\"kidneys-and-liver\", \"liver\"]");
    lab.write("experiments/overlap.toml", &spec);
    lab.run("overlap", &[]);
    let run = lab.run_folder("overlap");
    let plan: toml::Table = fs::read_to_string(run.join("plan.toml")).unwrap().parse().unwrap();
    assert_eq!(plan["target"]["overlapping"].as_bool(), Some(true));
    let losses: Vec<&String> = plan["work"]["train"]["loss"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|term| term.as_table().unwrap().keys())
        .collect();
    assert_eq!(losses, ["dice", "binary-cross-entropy"], "the default where structures overlap");
    let masks = nifti::read_volume(&prediction(&run).join("phantom_000.nii.gz")).unwrap();
    let reference = nifti::read_label_map(&lab.path("data/set/labelsTr/phantom_000.nii.gz")).unwrap();
    assert_eq!(masks.voxels.dim().0, 2);
    for (channel, values) in [(0, [1, 2, 3].as_slice()), (1, &[1])] {
        let row = scores(&run).into_iter().filter(|row| row.case == "phantom_000").nth(channel).unwrap();
        let predicted = masks.voxels.index_axis(ndarray::Axis(0), channel);
        let both =
            predicted.iter().zip(&reference.voxels).filter(|(mask, label)| **mask > 0.5 && values.contains(*label));
        assert_eq!(row.counts.true_positive, both.count() as u64, "{}", row.structure);
        assert_eq!(
            row.counts.reference(),
            reference.voxels.iter().filter(|label| values.contains(*label)).count() as u64
        );
    }
}

/// The tiny set as an nnU-Net raw dataset with two channels, the second a noisy negative of the first.
fn two_channels(lab: &Lab) {
    lab.run("tiny", &["--dry-run"]);
    for file in sorted(&lab.path("data/set/imagesTr")) {
        let name = file.file_name().unwrap().to_str().unwrap().trim_end_matches(".nii.gz").to_owned();
        let mut image = nifti::read_volume(&file).unwrap();
        let place = |channel| lab.path(&format!("data/raw/imagesTr/{name}_{channel:04}.nii.gz"));
        fs::create_dir_all(place(0).parent().unwrap()).unwrap();
        write_volume(&place(0), &image).unwrap();
        image.voxels = Array4::from_shape_fn(image.voxels.dim(), |at| 40.0 - image.voxels[at] + (at.3 % 3) as f32);
        write_volume(&place(1), &image).unwrap();
    }
    copy(&lab.path("data/set/labelsTr"), &lab.path("data/raw/labelsTr"));
    let dataset = fs::read_to_string(lab.path("datasets/tiny.toml")).unwrap();
    let layout = "layout = { msd = {} }\ngenerate = { cases = 6, seed = 2, size = \"tiny\" }";
    let channels =
        "layout = { nnunet = {} }\n\n[[channel]]\nname = \"CT\"\n\n[[channel]]\nname = \"negative\"\nmodality = \"mr\"";
    lab.write("datasets/raw.toml", &dataset.replace("\"set\"", "\"raw\"").replace(layout, channels));
}

#[test]
fn several_channels_in_nnunets_layout() {
    let lab = Lab::new();
    two_channels(&lab);
    let steps = "window = { range-hu = [-160.0, 240.0], channels = [0] }\n\n[[preprocess.intensity]]\nz-score = { channels = [1] }";
    let spec = TINY.replace("\"tiny\"", "\"raw\"").replace("window = { range-hu = [-160.0, 240.0] }", steps);
    lab.write("experiments/channels.toml", &spec);
    lab.run("channels", &[]);
    let run = lab.run_folder("channels");
    let plan: toml::Table = fs::read_to_string(run.join("plan.toml")).unwrap().parse().unwrap();
    assert_eq!(plan["work"]["train"]["channels"].as_integer(), Some(2));
    let data = json(&run.join("data.json"));
    assert_eq!(data["phantom_000"].as_array().unwrap().len(), 3, "two images and a label");
    // Of one channel: 4 features × 27 weights less in the first convolution.
    lab.run("tiny", &[]);
    let parameters = |run: &Path| manifest(run)["training"]["parameters"].as_u64().unwrap();
    assert_eq!(parameters(&run), parameters(&lab.run_folder("tiny")) + 4 * 27);
}

#[test]
fn a_flat_patch_makes_a_2d_network_of_batch_norms() {
    let lab = Lab::new();
    let spec = TINY
        .replace("[16, 16, 16]", "[1, 16, 16]")
        .replace("[2, 2, 2]]", "[1, 2, 2]]")
        .replace("[[3, 3, 3], [3, 3, 3]]", "[[1, 3, 3], [1, 3, 3]]\nnorm = \"batch\"");
    lab.write("experiments/flat.toml", &spec);
    lab.run("flat", &[]);
    let run = lab.run_folder("flat");
    let image = nifti::read_volume(&lab.path("data/set/imagesTr/phantom_003.nii.gz")).unwrap();
    let predicted = nifti::read_label_map(&prediction(&run).join("phantom_003.nii.gz")).unwrap();
    assert!(predicted.geometry.shape == image.geometry.shape, "a 3D case, slice by slice");
    assert_eq!(scores(&run).len(), 4);
}

/// `best` read back from its file must be the network that was trained, running statistics of batch norms included:
/// where only the last epoch validates, `best` and `last` are the same.
#[test]
fn the_exported_weights_are_the_networks() {
    let lab = Lab::new();
    lab.write("experiments/tiny.toml", &TINY.replace("[4, 8]", "[4, 8]\nnorm = \"batch\""));
    let weights = |which: &str| {
        let (name, weights) = (format!("name={which}"), format!("predict.weights={which}"));
        lab.run("tiny", &["--set", "train.validate-every=3", "--set", &name, "--set", &weights]);
        results(&lab, which)[0].clone()
    };
    let (best, last) = (weights("best"), weights("last"));
    assert_eq!(best.id, last.id, "one training");
    assert!(best.facts == last.facts && best.predictions == last.predictions);
}

#[test]
fn a_fixed_shape_residual_blocks_deep_supervision_and_weights_chosen_on_scored_cases() {
    let lab = Lab::new();
    let spec = TINY
        .replace("spacing-mm = \"keep\"", "shape = [16, 24, 24]")
        .replace(
            "[4, 8]",
            "[4, 8, 8]\nresidual = true\ndeep-supervision = true\nnorm = \"group\"\nactivation = \"gelu\"",
        )
        .replace("[2, 2, 2]]", "[2, 2, 2], [1, 2, 2]]")
        .replace("[[3, 3, 3], [3, 3, 3]]", "[[3, 3, 3], [3, 3, 3], [3, 3, 3]]");
    let spec = format!(
        "{spec}keep-every = 1\n\n[train.best]\ncases = \"test\"\n\n[predict]\nweights = \"best\"\nmirror = true\n\n[augment]\nmirror = [\"depth\"]\n"
    );
    lab.write("experiments/deep.toml", &spec);
    let ended = lab.run("deep", &[]);
    assert!(
        ended.out.contains("selected on these same") && !ended.out.contains("was not used to select"),
        "{}",
        ended.out
    );
    let run = lab.run_folder("deep");
    let cases = fs::read_to_string(lab.path("reports/deep/cases.csv")).unwrap();
    assert!(cases.lines().skip(1).all(|row| row.contains(",test,true,")), "{cases}");
    let page = fs::read_to_string(lab.path("reports/deep/report.html")).unwrap();
    assert!(page.contains("selected on these same"));
    for epoch in 1..=3 {
        assert!(run.join(format!("checkpoints/epoch-{epoch}.safetensors")).is_file());
    }
    let best = predicted(&run)["epoch"].as_u64().unwrap() as usize;
    let history = json(&run.join("training_history.json"));
    let dice: Vec<f64> =
        history["validation_dice"].as_array().unwrap().iter().map(|dice| dice.as_f64().unwrap()).collect();
    assert_eq!(dice[best - 1], dice.iter().copied().fold(f64::MIN, f64::max), "{dice:?}");
    let kept = fs::read(run.join(format!("checkpoints/epoch-{best}.safetensors"))).unwrap();
    assert!(kept == fs::read(run.join("checkpoints/best.safetensors")).unwrap());
}

#[test]
fn a_diverging_loss_fails_the_trial_and_says_what_to_do() {
    let lab = Lab::new();
    let rate = "train.optimizer.adamw.learning-rate=1e30";
    let ended = lab.end(&["run", "experiments/tiny.toml", "--set", rate, "--set", "model.unet.norm=none"]);
    assert_eq!(ended.code, 5, "{}", ended.err);
    assert!(ended.err.contains("lower the learning rate"), "{}", ended.err);
}
