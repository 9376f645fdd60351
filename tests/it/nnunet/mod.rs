//! `segspec import nnunet`: models made by hand, and models trained by nnU-Net itself.

mod made;
mod real;
mod runs;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use made::{Change, description, model, plans};
use serde_json::{Value, json};

use crate::lab::{Lab, json, scores};

const NAME: &str = "nnUNetTrainer__nnUNetPlans__2d";

/// A workspace with a model of the wanted folds.
fn with_model(folds: &[&str]) -> Lab {
    let lab = Lab::new();
    model(&lab.path(NAME), &plans(), &description(), folds, &Change::default());
    lab
}

fn imported(lab: &Lab, more: &[&str]) -> Value {
    let ended = lab.end(&[&["import", "nnunet", NAME, "--json"], more].concat());
    assert_eq!(ended.code, 0, "{}", ended.err);
    serde_json::from_str(&ended.out).unwrap()
}

fn folder(lab: &Lab, made: &Value, run: usize) -> PathBuf {
    lab.path(made["runs"][run]["folder"].as_str().unwrap())
}

#[test]
fn folds_and_their_mean_are_scored_and_ranked_like_other_runs() {
    let lab = with_model(&["0", "1"]);
    let made = imported(&lab, &["--dataset", "tiny"]);
    assert_eq!(made["structures"], json!(["liver", "spleen"]));
    let names: Vec<&str> = made["runs"].as_array().unwrap().iter().map(|run| run["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["fold 0", "fold 1", "mean of 2 folds"]);
    for run in 0..3 {
        let path = folder(&lab, &made, run);
        let ended = lab.end(&["run-plan", path.to_str().unwrap()]);
        assert_eq!(ended.code, 0, "{}", ended.err);
        let found = scores(&path);
        assert!(found.len() == 4 && found.iter().any(|score| score.structure == "spleen"), "{}", found.len());
    }
    // Predicted values are those of the dataset, in which the spleen is 4.
    let label_map = json(&crate::lab::prediction(&folder(&lab, &made, 0)).join("label_map.json"));
    assert_eq!(label_map["structures"][1]["value"], json!(4));
    lab.run("tiny", &[]);
    let ended = lab.end(&["rank", "Dataset007_Tiny-2d", "tiny", "--json"]);
    assert!(ended.code == 0 && ended.out.contains("Dataset007_Tiny-2d"), "{}{}", ended.out, ended.err);
    let ended = lab.end(&["ls", "--json"]);
    assert!(ended.code == 0 && ended.out.contains("finished"), "{}", ended.out);
    // Imported again, it is the same.
    let again = imported(&lab, &["--dataset", "tiny"]);
    assert_eq!(again["runs"][2]["folder"], made["runs"][2]["folder"]);
    assert!(again["runs"].as_array().unwrap().iter().all(|run| run["known"] == json!("same")));
}

#[test]
fn an_imported_run_predicts_and_is_trained_from_but_never_trained() {
    let lab = with_model(&["0"]);
    lab.run("tiny", &["--set", "structures=[\"liver\",\"spleen\"]"]);
    let made = imported(&lab, &[]);
    let run = folder(&lab, &made, 0);
    let text = run.to_str().unwrap();
    let ended = lab.end(&["ls", "Dataset007_Tiny-2d"]);
    assert!(ended.code == 0 && ended.out.contains("imported"), "{}{}", ended.out, ended.err);
    let predict = |out: &str, more: &[&str]| {
        let ended = lab.end(&[&["predict", text, "--input", "data/set/imagesTr", "--output", out], more].concat());
        assert_eq!(ended.code, 0, "{}", ended.err);
        assert!(!ended.err.contains("not trained"), "{}", ended.err);
    };
    predict("one", &["--probabilities"]);
    predict("other", &["--no-mirror", "--probabilities"]);
    let file = |folder: &str| crate::lab::sorted(&lab.path(folder).join("probabilities")).remove(0);
    let [one, other] = ["one", "other"].map(|folder| segspec::volume::read_volume(&file(folder)).unwrap());
    assert_eq!(one.voxels.dim().0, 2, "a channel per structure");
    assert!(one.voxels.iter().all(|value| (0.0..=1.0).contains(value)));
    assert_ne!(one.voxels, other.voxels, "flips are averaged unless that is forbidden");
    // Fine-tuning: a 2D network of the same shape starts from its weights.
    lab.write(
        "experiments/finer.toml",
        &format!(
            "extends = [\"tiny.toml\"]\nname = \"finer\"\n[pretrained]\nfrom-run = \"{}\"\n[model.unet]\nfeatures = [4, 8]\n\
             strides = [[1, 1, 1], [1, 2, 2]]\nkernels = [[1, 3, 3], [1, 3, 3]]\nblocks = [1, 1]\ndecoder-blocks = 1\n\
             [train]\npatch-size = [1, 16, 16]\n",
            run.strip_prefix(lab.path("")).unwrap().display()
        ),
    );
    lab.run("finer", &[]);
    let loaded = json(&lab.run_folder("finer").join("pretrained.json"));
    assert_eq!(loaded["missing"], json!([]));
    let ended = lab.end(&["pack", text]);
    assert!(ended.code == 4 && ended.err.contains("--dataset"), "{}", ended.err);
    // Without its weights there is nothing to be done.
    fs::remove_dir_all(run.join("checkpoints")).unwrap();
    fs::remove_file(run.join("manifest.json")).unwrap();
    let ended = lab.end(&["run-plan", text]);
    assert!(ended.code != 0 && ended.err.contains("import the model again"), "{}", ended.err);
}

#[test]
fn an_archive_and_a_folder_above_hold_models() {
    let lab = Lab::new();
    let above = "nnUNet_results/Dataset007_Tiny";
    model(&lab.path(above).join(NAME), &plans(), &description(), &["0", "all"], &Change::default());
    let mut zip = zip::ZipWriter::new(fs::File::create(lab.path("model.zip")).unwrap());
    for file in segspec::files::below(&lab.path("nnUNet_results")).unwrap() {
        let name = file.strip_prefix(lab.path("nnUNet_results")).unwrap().to_string_lossy().into_owned();
        zip.start_file(name, zip::write::SimpleFileOptions::default()).unwrap();
        zip.write_all(&fs::read(file).unwrap()).unwrap();
    }
    zip.finish().unwrap();
    let run = |arguments: &[&str]| {
        let ended = lab.end(&[&["import", "nnunet"], arguments, &["--json"]].concat());
        assert_eq!(ended.code, 0, "{}", ended.err);
        serde_json::from_str::<Value>(&ended.out).unwrap()["runs"].clone()
    };
    let of_folder = run(&["nnUNet_results", "--name", "a"]);
    assert_eq!(of_folder.as_array().unwrap().len(), 1, "a fold that saw all cases is taken only if asked for");
    assert_eq!(run(&["model.zip", "--name", "a"])[0]["known"], json!("same"));
    assert_eq!(run(&["model.zip", "--name", "a", "--folds", "all"])[0]["name"], json!("fold all"));
    assert_eq!(run(&["model.zip", "--name", "b", "--folds", "0,all"]).as_array().unwrap().len(), 3);
}

#[test]
fn images_keep_the_axes_of_their_files_unless_they_are_turned() {
    use segspec::volume::{Geometry, Volume, write_volume};
    let lab = with_model(&["0"]);
    let [stored, turned] = ["stored", "turned"].map(|name| {
        let more: &[&str] = if name == "turned" { &["--name", name, "--ras"] } else { &["--name", name] };
        folder(&lab, &imported(&lab, more), 0)
    });
    // The same patient, stored from left to right and from right to left.
    let voxels =
        ndarray::Array4::from_shape_fn([1, 3, 24, 20], |(_, z, y, x)| ((z * 50 + y * 9 + x * x) % 97) as f32 - 20.0);
    let image = Volume { voxels, geometry: Geometry::axis_aligned([3, 24, 20], [4.0, 4.0, 4.0]) };
    let mut flipped = image.clone();
    flipped.voxels.invert_axis(ndarray::Axis(3));
    flipped.voxels = flipped.voxels.as_standard_layout().into_owned();
    flipped.geometry.affine[0] = [-4.0, 0.0, 0.0, 76.0];
    fs::create_dir_all(lab.path("images")).unwrap();
    write_volume(&lab.path("images/a.nii.gz"), &image).unwrap();
    write_volume(&lab.path("images/b.nii.gz"), &flipped).unwrap();
    let found = |run: &Path, out: &str| {
        let ended = lab.end(&["predict", run.to_str().unwrap(), "--input", "images", "--output", out, "--no-mirror"]);
        assert_eq!(ended.code, 0, "{}", ended.err);
        ["a", "b"].map(|case| segspec::volume::read_label_map(&lab.path(&format!("{out}/{case}.nii.gz"))).unwrap())
    };
    let [a, b] = found(&turned, "out-turned");
    assert_eq!(a.to_canonical().voxels, b.to_canonical().voxels, "turned images look alike");
    let [a, b] = found(&stored, "out-stored");
    assert_ne!(a.to_canonical().voxels, b.to_canonical().voxels, "a network sees what the file stores");
    assert!(
        a.geometry.same_grid(&image.geometry, 1e-6).is_ok() && b.geometry.same_grid(&flipped.geometry, 1e-6).is_ok()
    );
}

#[test]
fn an_imported_model_segments_alike_in_onnxruntime() {
    let regions = json!({
        "channel_names": { "0": "CT" }, "regions_class_order": [2, 1, 3], "file_ending": ".nii.gz",
        "labels": { "background": 0, "whole": [1, 2, 3], "part": [1, 3], "core": 3 }
    });
    for description in [description(), regions] {
        let Some(mut example) = crate::python::example("predict_onnx.py") else { return };
        let lab = Lab::new();
        model(
            &lab.path(NAME),
            &changed(plans(), "/transpose_forward", json!([0, 2, 1])),
            &description,
            &["0"],
            &Change::default(),
        );
        let run = folder(&lab, &imported(&lab, &[]), 0);
        let voxels = ndarray::Array4::from_shape_fn([1, 3, 24, 20], |(_, z, y, x)| {
            ((z * 50 + y * 9 + x * x) % 97) as f32 - 20.0
        });
        let geometry = segspec::volume::Geometry::axis_aligned([3, 24, 20], [4.0, 3.0, 3.5]);
        segspec::volume::write_volume(&lab.path("a.nii.gz"), &segspec::volume::Volume { voxels, geometry }).unwrap();
        for arguments in [
            vec!["export", run.to_str().unwrap(), "--output", "exported"],
            vec!["predict", run.to_str().unwrap(), "--input", "a.nii.gz", "--output", "ours"],
        ] {
            let ended = lab.end(&arguments);
            assert_eq!(ended.code, 0, "{}", ended.err);
        }
        example.arg(lab.path("exported")).arg(lab.path("a.nii.gz")).arg(lab.path("theirs.nii.gz"));
        if crate::python::output(&mut example).is_none() {
            return;
        }
        let [ours, theirs] = ["ours/a.nii.gz", "theirs.nii.gz"]
            .map(|name| segspec::volume::read_label_map(&lab.path(name)).unwrap().voxels);
        assert!(ours.iter().any(|value| *value != 0), "nothing was segmented");
        let same = ours.iter().zip(&theirs).filter(|(a, b)| a == b).count() as f64 / ours.len() as f64;
        // Half precision rounds a logit now and then.
        assert!(same >= 0.995, "{same}");
    }
}

/// Changes one value of a document, by its path.
fn changed(mut document: Value, path: &str, value: Value) -> Value {
    let (parent, key) = path.rsplit_once('/').unwrap();
    document.pointer_mut(parent).unwrap()[key] = value;
    document
}

#[test]
fn what_has_no_equivalent_is_refused_by_name() {
    let keys = "/configurations/2d/architecture/arch_kwargs";
    let cases: Vec<(&str, String, Value)> = vec![
        ("residual decoder", format!("{keys}/../network_class_name"), json!("x.UNetDecoder")),
        ("norm_op", format!("{keys}/norm_op"), json!("torch.nn.LayerNorm")),
        ("nonlin", format!("{keys}/nonlin"), json!("torch.nn.Tanh")),
        ("squeeze_excitation", format!("{keys}/squeeze_excitation"), json!(true)),
        ("conv_bias", format!("{keys}/conv_bias"), json!(false)),
        ("n_conv_per_stage", format!("{keys}/n_conv_per_stage"), json!([1])),
        ("MyPreprocessor", "/configurations/2d/preprocessor_name".into(), json!("MyPreprocessor")),
        ("resample_torch_fornnunet", "/configurations/2d/resampling_fn_data".into(), json!("resample_torch_fornnunet")),
        ("order_z", "/configurations/2d/resampling_fn_data_kwargs/order_z".into(), json!(1)),
        ("force_separate_z", "/configurations/2d/resampling_fn_data_kwargs/force_separate_z".into(), json!(true)),
        (
            "HistogramNormalization",
            "/configurations/2d/normalization_schemes".into(),
            json!(["HistogramNormalization"]),
        ),
        (
            "normalisations",
            "/configurations/2d/normalization_schemes".into(),
            json!(["CTNormalization", "CTNormalization"]),
        ),
        ("Tiff3DIO", "/image_reader_writer".into(), json!("Tiff3DIO")),
        ("transpose_forward", "/transpose_forward".into(), json!([0, 1, 1])),
        ("spacing", "/configurations/2d/spacing".into(), json!([1.0])),
        ("inherits from itself", "/configurations/2d/inherits_from".into(), json!("2d")),
        ("3d_lowres", "/configurations/2d/previous_stage".into(), json!("3d_lowres")),
    ];
    let lab = Lab::new();
    for (word, path, value) in cases {
        let path = path.replace("/arch_kwargs/..", "");
        model(&lab.path(NAME), &changed(plans(), &path, value), &description(), &["0"], &Change::default());
        let ended = lab.end(&["import", "nnunet", NAME]);
        let word = if word == "residual decoder" { "x.UNetDecoder" } else { word };
        assert!(ended.code == 4 && ended.err.contains(word), "{word}: {} {}", ended.code, ended.err);
        assert!(!lab.path("runs").exists(), "{word}: nothing is written");
    }
}

#[test]
fn weights_of_another_network_are_refused_and_nothing_is_executed() {
    let lab = Lab::new();
    let refused = |change: &Change, word: &str| {
        model(&lab.path(NAME), &plans(), &description(), &["0"], change);
        let ended = lab.end(&["import", "nnunet", NAME]);
        assert!(ended.code == 4 && ended.err.contains(word), "{word}: {} {}", ended.code, ended.err);
    };
    refused(&Change { tensor: Some("encoder.stages.0.0.gate.weight"), ..Change::default() }, "gate.weight");
    refused(&Change { without: Some("decoder.seg_layers.0.bias"), ..Change::default() }, "1 of");
    let executed = lab.path("executed");
    model(&lab.path(NAME), &plans(), &description(), &["0"], &Change { call: Some(&executed), ..Change::default() });
    let ended = lab.end(&["import", "nnunet", NAME]);
    assert!(!executed.exists() && ended.code == 0, "{}", ended.err);
    // Notes say what the plan cannot know.
    let change = Change { trainer: Some("nnUNetTrainerDiceLoss"), ..Change::default() };
    model(&lab.path(NAME), &plans(), &description(), &["0"], &change);
    let ended = lab.end(&["import", "nnunet", NAME, "--name", "other"]);
    assert!(ended.code == 0 && ended.out.contains("nnUNetTrainerDiceLoss"), "{}{}", ended.out, ended.err);
}

#[test]
fn wrong_arguments_and_damaged_files_are_told() {
    let lab = with_model(&["0"]);
    let damaged = |place: &str, content: &[u8]| {
        let (path, before) = (lab.path(NAME).join(place), fs::read(lab.path(NAME).join(place)).unwrap());
        fs::write(&path, content).unwrap();
        let ended = lab.end(&["import", "nnunet", NAME]);
        fs::write(&path, before).unwrap();
        assert!(
            ended.code == 4 && ended.err.contains(Path::new(place).file_name().unwrap().to_str().unwrap()),
            "{}",
            ended.err
        );
    };
    let whole = fs::read(lab.path(NAME).join("fold_0/checkpoint_final.pth")).unwrap();
    damaged("fold_0/checkpoint_final.pth", &whole[..whole.len() / 2]);
    damaged("fold_0/checkpoint_final.pth", b"");
    damaged("plans.json", b"{}");
    damaged("dataset.json", b"[1]");
    lab.write("empty/readme.txt", "");
    lab.write("post.json", r#"{"postprocessing_fns": ["fill"], "postprocessing_kwargs": [{"labels_or_regions": 1}]}"#);
    lab.write("no.zip", "not an archive");
    for (arguments, word) in [
        (vec![NAME, "--folds", "3"], "no fold 3"),
        (vec![NAME, "--checkpoint", "best"], "checkpoint_best.pth"),
        (vec![NAME, "--configuration", "3d_fullres"], "there are"),
        (vec![NAME, "--name", "a/b"], "a/b"),
        (vec![NAME, "--dataset", "nothing"], "nothing"),
        (vec![NAME, "--postprocessing", "post.json"], "`fill`"),
        (vec!["empty"], "no trained model"),
        (vec!["missing"], "no such file"),
        (vec!["no.zip"], "zip archive"),
    ] {
        let ended = lab.end(&[&["import", "nnunet"], arguments.as_slice()].concat());
        assert!(ended.code != 0 && ended.err.contains(word), "{arguments:?}: {}", ended.err);
    }
    assert!(!lab.path("runs/Dataset007_Tiny-2d").exists());
}
