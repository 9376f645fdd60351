//! A bundle of MONAI: the network, the transforms around it, and their description. Only what MONAI has itself becomes a transform;
//! what it lacks is refused by name.
//!
//! Source: the MONAI bundle specification of MONAI 1.6. Its arrays are `[channel, x, y, z]`, ours `[channel, z, y, x]`:
//! `scripts/network.py` turns them, averages flips, and returns probabilities, since windows are averaged as probabilities here.
//! `scripts/windows.py` places the windows as segspec does.

mod refusals;
mod transforms;

use serde_json::{Value, json};

use super::Files;
use super::metadata::{ChannelFacts, Metadata, Probabilities};
use crate::predict::spec::Blend;

/// Version of MONAI whose names are used.
const MONAI: &str = "1.6.1";
/// The network as MONAI's inferers call it.
const NETWORK: &str = include_str!("network.py");
/// The windows over an image.
const WINDOWS: &str = include_str!("windows.py");
/// Document of the bundle.
const README: &str = include_str!("README.md");

/// The files of a bundle.
///
/// # Errors
/// What MONAI has no equivalent of, and what to do instead.
pub fn bundle(metadata: &Metadata, module: String, weights: Vec<u8>) -> Result<Files, String> {
    refusals::check(metadata)?;
    let text = |value: &Value| format!("{value:#}\n").into_bytes();
    let readme = README.replace("{experiment}", &metadata.run.experiment).replace("{run}", &metadata.run.id);
    let module = module
        .replace(
            "Path(__file__).with_name(\"model.safetensors\")",
            "Path(__file__).parents[1] / \"models\" / \"model.safetensors\"",
        )
        .replace("model.safetensors beside this file", "models/model.safetensors");
    Ok(vec![
        ("configs/metadata.json".into(), text(&description(metadata))),
        ("configs/inference.json".into(), text(&inference(metadata))),
        ("scripts/__init__.py".into(), Vec::new()),
        ("scripts/model.py".into(), module.into_bytes()),
        ("scripts/network.py".into(), network(metadata).into_bytes()),
        ("scripts/windows.py".into(), WINDOWS.into()),
        ("models/model.safetensors".into(), weights),
        ("docs/README.md".into(), readme.into_bytes()),
    ])
}

/// `scripts/network.py`, with the run's values.
fn network(metadata: &Metadata) -> String {
    let windows = &metadata.windows;
    let softmax = metadata.labels.activation == Probabilities::Softmax;
    NETWORK
        .replace("FLAT = False", if metadata.network.dimensions == 2 { "FLAT = True" } else { "FLAT = False" })
        .replace("SOFTMAX = True", if softmax { "SOFTMAX = True" } else { "SOFTMAX = False" })
        .replace("MIRROR_AXES = []", &format!("MIRROR_AXES = {:?}", windows.mirror_axes))
        .replace("MIRRORED_OUTPUTS = []", &format!("MIRRORED_OUTPUTS = {:?}", windows.mirrored_outputs))
}

/// `configs/metadata.json`, as MONAI's schema wants it, with ours inside.
fn description(metadata: &Metadata) -> Value {
    let network = &metadata.network;
    let background =
        (metadata.labels.activation == Probabilities::Softmax).then(|| ("0".to_owned(), json!("background")));
    let named = metadata.structures.iter().map(|it| (it.output.to_string(), json!(it.name)));
    let channels: serde_json::Map<String, Value> = background.into_iter().chain(named).collect();
    let channel = |(index, facts): (usize, &ChannelFacts)| {
        (index.to_string(), json!(facts.name.clone().unwrap_or_else(|| format!("image {index}"))))
    };
    let inputs: serde_json::Map<String, Value> = metadata.channels.iter().enumerate().map(channel).collect();
    let described = match metadata.run.description.is_empty() {
        true => format!("Network of the experiment {}", metadata.run.experiment),
        false => metadata.run.description.clone(),
    };
    let shape = turned(&metadata.windows.size);
    json!({
        "schema": "https://github.com/Project-MONAI/MONAI-extra-test-data/releases/download/0.8.1/meta_schema_20240725.json",
        "version": "0.1.0",
        "changelog": { "0.1.0": format!("exported by {}", metadata.program) },
        "monai_version": MONAI, "pytorch_version": "2.6.0", "numpy_version": "1.26.4",
        "required_packages_version": { "nibabel": "5.2.1", "safetensors": "0.4.5", "pytorch-ignite": "0.4.11" },
        "name": format!("{} {}", metadata.run.experiment, metadata.run.id),
        "task": format!("segmentation of {}", names(metadata)),
        "description": described,
        "authors": "", "copyright": "",
        "network_data_format": {
            "inputs": { "image": {
                "type": "image", "format": "magnitude", "num_channels": network.input.channels, "spatial_shape": shape,
                "dtype": "float32", "value_range": [], "is_patch_data": true, "channel_def": inputs,
            } },
            "outputs": { "pred": {
                "type": "image", "format": "probabilities", "num_channels": network.output.channels, "spatial_shape": shape,
                "dtype": "float32", "value_range": [0, 1], "is_patch_data": true, "channel_def": channels,
            } },
        },
        "segspec": metadata,
    })
}

fn names(metadata: &Metadata) -> String {
    metadata.structures.iter().map(|it| it.name.as_str()).collect::<Vec<_>>().join(", ")
}

/// `configs/inference.json`.
fn inference(metadata: &Metadata) -> Value {
    let windows = &metadata.windows;
    let mode = if windows.blend == Blend::Gaussian { "gaussian" } else { "constant" };
    json!({
        "imports": ["$import glob", "$import numpy", "$import torch", "$import scripts.network", "$import scripts.windows"],
        "bundle_root": ".",
        "dataset_dir": "images",
        "output_dir": "segmentations",
        "images": "$sorted(glob.glob(@dataset_dir + '/*.nii.gz'))",
        "data": "$[{'image': image} for image in @images]",
        "device": "$torch.device('cuda' if torch.cuda.is_available() else 'cpu')",
        "network_def": { "_target_": "scripts.network.Probabilities", "path": "$@bundle_root + '/models/model.safetensors'" },
        "network": "$@network_def.to(@device)",
        "preprocessing": { "_target_": "Compose", "transforms": transforms::before(metadata) },
        "dataset": { "_target_": "Dataset", "data": "@data", "transform": "@preprocessing" },
        "dataloader": {
            "_target_": "DataLoader", "dataset": "@dataset", "batch_size": 1, "shuffle": false, "num_workers": 0,
        },
        "inferer": {
            "_target_": "scripts.windows.Windows", "roi_size": turned(&windows.size), "overlap": windows.overlap,
            "mode": mode, "sigma_scale": windows.sigma,
        },
        "postprocessing": { "_target_": "Compose", "transforms": transforms::after(metadata) },
        "handlers": [],
        "evaluator": {
            "_target_": "SupervisedEvaluator", "device": "@device", "val_data_loader": "@dataloader", "network": "@network",
            "inferer": "@inferer", "postprocessing": "@postprocessing", "val_handlers": "@handlers",
        },
        "run": ["$@evaluator.run()"],
    })
}

/// `[x, y, z]` of `[z, y, x]`.
fn turned(triple: &[usize; 3]) -> [usize; 3] {
    let [z, y, x] = *triple;
    [x, y, z]
}
