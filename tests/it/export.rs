//! Exported networks do in other programs what they do here.

mod bundle;
mod networks;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use burn::tensor::{Device, Tensor, TensorData};
use prost::Message;
use segspec::backend::{DeviceName, select};
use segspec::graph::{Graph, onnx, pytorch, safetensors};
use segspec::model::Network;
use segspec::volume::read_volume;
use segspec_testing::noise;
use serde_json::{Value, json};

use crate::lab::{Lab, TINY, images, json as read_json, manifest};
use crate::python;
use networks::{Sample, samples};

/// Largest difference of logits, relative to the largest of them.
const TOLERANCE: f64 = 1e-4;

fn cpu() -> Device {
    select(DeviceName::Cpu).unwrap().device
}

/// A network's file as ONNX reads it.
fn decoded(files: &onnx::Files) -> onnx::proto::Graph {
    onnx::proto::Model::decode(files.model.as_slice()).unwrap().graph.unwrap()
}

#[test]
fn every_operation_has_its_inputs_and_every_weight_is_used() {
    let device = cpu();
    for sample in samples() {
        let name = &sample.name;
        let network = sample.network(&device);
        let graph = network.graph(sample.interface.channels, sample.size, sample.dynamic);
        let read = decoded(&onnx::files(&graph, name, &[("segspec", "{}".into())], onnx::MOST_INSIDE));
        let initial: BTreeSet<&str> = read.initializer.iter().map(|tensor| tensor.name.as_str()).collect();
        assert_eq!(initial.len(), read.initializer.len(), "{name}: two initializers of one name");
        let mut known: BTreeSet<&str> =
            read.input.iter().map(|input| input.name.as_str()).chain(initial.clone()).collect();
        let mut used = BTreeSet::new();
        for node in &read.node {
            for input in node.input.iter().filter(|input| !input.is_empty()) {
                assert!(known.contains(input.as_str()), "{name}: {} takes {input}, which is not there yet", node.name);
                used.insert(input.as_str());
            }
            assert!(node.output.iter().all(|output| known.insert(output)), "{name}: {} is there twice", node.name);
        }
        let idle: Vec<_> = initial.difference(&used).collect();
        assert!(idle.is_empty(), "{name}: unused: {idle:?}");
        assert!(known.contains("logits") && read.output.len() == 1, "{name}");
        weights_are_those_of_the_network(name, &network, &graph);
        for tensor in &read.initializer {
            let count: i64 = tensor.dims.iter().product();
            let width = if tensor.data_type == onnx::proto::INT64 { 8 } else { 4 };
            let length = tensor.raw_data.as_ref().map_or(0, Vec::len) as i64;
            assert_eq!(length, count * width, "{name}: {}", tensor.name);
        }
    }
}

/// A graph leaves out only heads of deep supervision, and planes of kernels that a flat image does not reach.
fn weights_are_those_of_the_network(name: &str, network: &Network, graph: &Graph) {
    let all = network.parameters();
    let heads: BTreeSet<&str> =
        all.iter().filter_map(|it| it.name.split_once(".heads.")?.1.split('.').next()).collect();
    let unused = 2 * heads.len().saturating_sub(1);
    assert_eq!(graph.weights.len(), all.len() - unused, "{name}");
}

/// Images of a name, `[batch, channel, z, y, x]`.
fn drawn(name: &str, shape: [usize; 5], device: &Device) -> Tensor<5> {
    let values: Vec<f32> = noise(name, shape.iter().product()).map(|u| u as f32).collect();
    Tensor::from_data(TensorData::new(values, shape), device)
}

/// Writes a tensor as raw numbers, and says where and in which shape; `None` of an axis leaves it out.
fn dump(folder: &Path, file: &str, tensor: Tensor<5>, shape: Vec<usize>) -> Value {
    let values = tensor.into_data().try_into_vec::<f32>().unwrap();
    assert_eq!(values.len(), shape.iter().product::<usize>());
    let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    fs::write(folder.join(file), bytes).unwrap();
    json!({ "file": file, "shape": shape })
}

/// Exports a network with inputs and our outputs.
fn write(root: &Path, sample: &Sample, most_inside: usize, device: &Device) -> Value {
    let folder = root.join(&sample.name);
    fs::create_dir_all(&folder).unwrap();
    let network = sample.network(device);
    let channels = sample.interface.channels;
    let graph = network.graph(channels, sample.size, sample.dynamic);
    let files =
        onnx::files(&graph, &sample.name, &[("segspec", json!({ "name": sample.name }).to_string())], most_inside);
    fs::write(folder.join("model.onnx"), files.model).unwrap();
    assert_eq!(files.data.is_some(), most_inside == 0);
    files.data.iter().for_each(|data| fs::write(folder.join(onnx::EXTERNAL_DATA), data).unwrap());
    fs::write(folder.join("model.py"), pytorch::module(&graph, &sample.source(), &sample.name)).unwrap();
    fs::write(folder.join(pytorch::WEIGHTS), safetensors::file(&graph).unwrap()).unwrap();
    let total = sample.plan.total_stride();
    let larger = [0, 1, 2].map(|axis| match (axis, graph.flat) {
        (0, true) => 1,
        _ => sample.size[axis] + total[axis],
    });
    let sizes = if sample.dynamic { vec![sample.size, larger] } else { vec![sample.size] };
    let runs = sizes.into_iter().enumerate().map(|(index, size)| {
        let [z, y, x] = size;
        let images = drawn(&sample.name, [2, channels, z, y, x], device);
        let logits = network.forward(images.clone());
        let [batch, outputs, ..] = logits.dims();
        let spatial = graph.axes(&size).to_vec();
        let found = if sample.name.starts_with("classifier") { vec![] } else { spatial.clone() };
        json!({
            "images": dump(&folder, &format!("images{index}.bin"), images, [vec![batch, channels], spatial].concat()),
            "logits": dump(&folder, &format!("logits{index}.bin"), logits, [vec![batch, outputs], found].concat()),
        })
    });
    json!({ "name": sample.name, "dynamic": sample.dynamic, "runs": runs.collect::<Vec<_>>() })
}

#[test]
fn onnxruntime_and_pytorch_give_the_same_logits() {
    let Some(mut check) = python::networks("export_check.py") else { return };
    let (folder, device) = (tempfile::tempdir().unwrap(), cpu());
    let mut cases: Vec<Value> =
        samples().iter().map(|sample| write(folder.path(), sample, onnx::MOST_INSIDE, &device)).collect();
    // Weights in a second file, as those of networks beyond 2 GB.
    let outside = Sample { name: "outside".into(), ..samples().remove(0) };
    cases.push(write(folder.path(), &outside, 0, &device));
    fs::write(folder.path().join("cases.json"), json!(cases).to_string()).unwrap();
    let Some(text) = python::output(check.arg(folder.path())) else { return };
    let found: Vec<Value> = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    assert_eq!(found.len(), cases.len());
    for case in found {
        for runtime in ["onnx", "single", "pytorch"] {
            let worst = case[runtime].as_f64().unwrap();
            assert!(worst <= TOLERANCE, "{}: {runtime} differs by {worst}", case["name"]);
        }
        assert_eq!(case["opset"], segspec::graph::OPSET, "{case}");
        assert_eq!(case["refuses_other_sizes"], true, "{case}");
        assert!(case["properties"]["segspec"].as_str().unwrap().contains(case["name"].as_str().unwrap()), "{case}");
    }
}

fn ok(lab: &Lab, arguments: &[&str]) -> String {
    let ended = lab.end(arguments);
    assert_eq!(ended.code, 0, "{arguments:?}: {}", ended.err);
    ended.out
}

/// A trained run of `TINY` with these changes.
fn trained(name: &str, changes: &[(&str, &str)]) -> Lab {
    let lab = Lab::new();
    let text = changes.iter().fold(TINY.to_owned(), |text, (old, new)| {
        assert!(text.contains(old), "{old}");
        text.replace(old, new)
    });
    lab.write(&format!("experiments/{name}.toml"), &text);
    lab.run(name, &[]);
    lab
}

#[test]
fn a_run_is_exported_in_every_format_with_its_metadata() {
    let lab = trained("tiny", &[]);
    let run = lab.run_folder("tiny");
    let id = run.file_name().unwrap().to_str().unwrap();
    for (format, files) in [
        ("onnx", &["model.onnx", "metadata.json"][..]),
        ("pytorch", &["model.py", "model.safetensors", "metadata.json"]),
        ("safetensors", &["model.safetensors", "metadata.json"]),
        ("monai", &["configs/metadata.json", "configs/inference.json", "scripts/model.py", "docs/README.md"]),
    ] {
        let out = ok(&lab, &["export", "tiny", "--format", format, "--json"]);
        let told: Value = serde_json::from_str(&out).unwrap();
        let folder = lab.path(told["folder"].as_str().unwrap());
        assert!(folder.ends_with(format!("tiny-{id}-{format}")), "{}", folder.display());
        assert!(files.iter().all(|file| folder.join(file).is_file()), "{format}: {told}");
    }
    let metadata = read_json(&lab.path(&format!("tiny-{id}-onnx/metadata.json")));
    assert_eq!(metadata["run"]["id"], id);
    assert_eq!(metadata["network"]["input"]["size"], json!([16, 16, 16]));
    assert_eq!(metadata["network"]["multiple-of"], json!([2, 2, 2]));
    assert_eq!(metadata["structures"][1]["name"], "spleen");
    assert_eq!((&metadata["structures"][1]["output"], &metadata["structures"][1]["value"]), (&json!(2), &json!(4)));
    assert_eq!(metadata["preprocess"]["intensity"][0]["window"]["range-hu"], json!([-160.0, 240.0]));
    assert_eq!(metadata["channels"], json!([{ "modality": "ct" }]));
    assert_eq!(metadata["weights"]["blake3"], crate::lab::weights(&run));
    let of_bundle = read_json(&lab.path(&format!("tiny-{id}-monai/configs/metadata.json")));
    assert_eq!(of_bundle["segspec"], metadata);
    let inside = fs::read(lab.path(&format!("tiny-{id}-onnx/model.onnx"))).unwrap();
    let model = onnx::proto::Model::decode(inside.as_slice()).unwrap();
    assert_eq!(serde_json::from_str::<Value>(&model.metadata_props[0].value).unwrap(), metadata);
    every_key_is_in_the_schema(&lab, &metadata);
}

/// `segspec schema export` describes what is written.
fn every_key_is_in_the_schema(lab: &Lab, metadata: &Value) {
    let schema: Value = serde_json::from_str(&ok(lab, &["schema", "export"])).unwrap();
    let properties = schema["properties"].as_object().unwrap();
    let unknown: Vec<_> = metadata.as_object().unwrap().keys().filter(|key| !properties.contains_key(*key)).collect();
    assert!(unknown.is_empty(), "{unknown:?}");
    let missing: Vec<_> = schema["required"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|key| metadata.get(key.as_str().unwrap()).is_none())
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn folders_are_kept_and_what_cannot_be_exported_is_named() {
    let lab = trained("tiny", &[("spacing-mm = \"keep\"", "spacing-mm = [6.0, 5.0, 5.0]")]);
    lab.write("there/mine.txt", "mine");
    ok(&lab, &["export", "tiny", "--output", "out"]);
    let before = fs::read(lab.path("out/model.onnx")).unwrap();
    for (arguments, code, text) in [
        (&["export", "tiny", "--output", "out"][..], 2, "--overwrite replaces an export"),
        (&["export", "tiny", "--output", "there", "--overwrite"], 2, "holds other files than an export"),
        (&["export", "tiny", "--output", "there/mine.txt"], 2, "is a file"),
        (&["export", "tiny", "--format", "monai"], 2, "preprocess.spacing-mm"),
        (&["export", "tiny", "--format", "torchscript"], 2, "pytorch"),
        (&["export", "tiny", "--format", "safetensors", "--dynamic-size"], 2, "--dynamic-size is for"),
        (&["onnx", "tiny"], 2, "segspec export RUN"),
        (&["export", "nothing"], 4, "no such run folder"),
    ] {
        let ended = lab.end(arguments);
        assert!(ended.code == code && ended.err.contains(text), "{arguments:?}: {} {}", ended.code, ended.err);
    }
    assert!(lab.path("there/mine.txt").is_file());
    ok(&lab, &["export", "tiny", "--output", "out", "--overwrite"]);
    assert!(fs::read(lab.path("out/model.onnx")).unwrap() == before, "the same run gives the same file");
    ok(&lab, &["export", "tiny", "--output", "out", "--overwrite", "--dynamic-size"]);
    assert_eq!(read_json(&lab.path("out/metadata.json"))["network"]["dynamic-size"], true);
}

#[test]
fn networks_of_ensembles_and_cascades_come_one_by_one() {
    let lab = Lab::new();
    lab.write("experiments/mean.toml", &format!("{TINY}\n[sweep]\nseeds = [0, 1]\n[ensemble]\nseeds = true\n"));
    lab.run("mean", &[]);
    let is_ensemble = |run: &PathBuf| manifest(run)["members"].is_array();
    let ensemble = lab.run_folders("mean").into_iter().find(is_ensemble).unwrap();
    let ensemble = ensemble.to_str().unwrap();
    ok(&lab, &["export", ensemble, "--output", "ensemble"]);
    let combination = read_json(&lab.path("ensemble/combination.json"));
    assert_eq!(combination["networks"].as_array().unwrap().len(), 2);
    for network in combination["networks"].as_array().unwrap() {
        let folder = lab.path("ensemble").join(network["folder"].as_str().unwrap());
        assert_eq!(read_json(&folder.join("metadata.json"))["run"]["id"], network["run"]);
        assert!(folder.join("model.onnx").is_file());
    }
    let refused = lab.end(&["export", ensemble, "--format", "monai"]);
    assert!(refused.code == 2 && refused.err.contains("--format monai,"), "{}", refused.err);

    lab.write("experiments/gi.toml", &crate::cascades::with_classifier("threshold = 0.25"));
    lab.run("gi", &[]);
    let is_second = |run: &PathBuf| fs::read_to_string(run.join("plan.toml")).unwrap().contains("[look.slices]");
    let second = lab.run_folders("gi").into_iter().find(is_second).unwrap();
    ok(&lab, &["export", second.to_str().unwrap(), "--output", "cascade"]);
    let metadata = read_json(&lab.path("cascade/second-stage/metadata.json"));
    assert_eq!(metadata["first-stage"]["selects"], "slices");
    assert_eq!(metadata["first-stage"]["thresholds"][0], 0.25);
    let first = read_json(&lab.path("cascade/first-stage/metadata.json"));
    assert_eq!((&first["network"]["task"], &first["network"]["dimensions"]), (&json!("classify-slices"), &json!(2)));
    assert_eq!(first["run"]["id"], metadata["first-stage"]["run"]);
}

/// Voxels of two label files that are the same, as a fraction; masks of several structures are compared one by one.
fn agreement(ours: &Path, theirs: &Path) -> f64 {
    let [ours, theirs] = [ours, theirs].map(|path| read_volume(path).unwrap().voxels);
    assert_eq!(ours.dim(), theirs.dim());
    let same = ours.iter().zip(&theirs).filter(|(a, b)| a == b).count();
    same as f64 / ours.len() as f64
}

/// The example of docs/export.md.
#[test]
fn the_python_example_segments_as_predict_does() {
    let window = "[[preprocess.intensity]]\nwindow = { range-hu = [-160.0, 240.0] }\n";
    let keep = "spacing-mm = \"keep\"";
    let in_plane = "spacing-mm = [0.0, 6.0, 6.0]\nintensity = [{ percentile-clip = { range = [0.5, 99.5] } }, \
                    { z-score = { region = \"nonzero\" } }]";
    let resampled = [
        ("crop = \"none\"", "crop = \"body\""),
        (keep, "spacing-mm = [9.0, 7.0, 8.0]"),
        (
            "[train]",
            "[augment]\nmirror = [\"height\", \"width\"]\n\n[predict]\nmirror = true\nlargest-component = [\"liver\"]\n\n[train]",
        ),
    ];
    let flat = [
        ("patch-size = [16, 16, 16]", "patch-size = [1, 16, 16]"),
        ("[2, 2, 2]", "[1, 2, 2]"),
        ("crop = \"none\"", "crop = \"nonzero\""),
        (keep, in_plane),
        (window, ""),
    ];
    let overlapping = [("[\"liver\", \"spleen\"]", "[\"kidneys-and-liver\", \"liver\"]")];
    let cases: [(&str, &[(&str, &str)]); 4] =
        [("keep", &[]), ("resampled", &resampled), ("flat", &flat), ("overlapping", &overlapping)];
    for (name, changes) in cases {
        let Some(mut example) = python::example("predict_onnx.py") else { return };
        let lab = trained(name, changes);
        let run = lab.run_folder(name);
        ok(&lab, &["export", run.to_str().unwrap(), "--output", "exported"]);
        let case = images(&run)[0].file_name().unwrap().to_str().unwrap().to_owned();
        let image = lab.path("data/set/imagesTr").join(&case);
        let theirs = lab.path("theirs.nii.gz");
        example.arg(lab.path("exported")).arg(&image).arg(&theirs);
        if python::output(&mut example).is_none() {
            return;
        }
        ok(&lab, &["predict", run.to_str().unwrap(), "--input", image.to_str().unwrap(), "--output", "ours"]);
        let ours = lab.path("ours").join(&case);
        let found = read_volume(&ours).unwrap();
        assert!(found.voxels.iter().any(|&value| value != 0.0), "{name}: nothing is segmented, so nothing is compared");
        let same = agreement(&ours, &theirs);
        assert!(same >= 0.999, "{name}: {same}");
    }
}
