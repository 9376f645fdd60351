//! Model folders of nnU-Net written by hand: plans, description and checkpoints as PyTorch pickles them.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

use serde_json::{Value, json};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

/// What a pickle holds.
enum Object {
    Text(String),
    Number(i32),
    List(Vec<Object>),
    Table(Vec<(String, Object)>),
    /// The shape of a tensor, whose values are the storage of the number.
    Tensor(Vec<usize>, usize),
    /// A call that would write a file if anyone executed it.
    Call(String),
}

fn write(object: &Object, out: &mut Vec<u8>) {
    let text = |text: &str, out: &mut Vec<u8>| {
        out.push(b'X');
        out.extend((text.len() as u32).to_le_bytes());
        out.extend(text.as_bytes());
    };
    let number = |number: i32, out: &mut Vec<u8>| {
        out.push(b'J');
        out.extend(number.to_le_bytes());
    };
    let numbers = |list: &[usize], out: &mut Vec<u8>| {
        out.push(b'(');
        list.iter().for_each(|&item| number(item as i32, out));
        out.push(b't');
    };
    match object {
        Object::Text(value) => text(value, out),
        Object::Number(value) => number(*value, out),
        Object::List(items) => {
            out.push(b'(');
            items.iter().for_each(|item| write(item, out));
            out.push(b't');
        }
        Object::Table(items) => {
            out.extend(b"}(");
            for (key, value) in items {
                text(key, out);
                write(value, out);
            }
            out.push(b'u');
        }
        Object::Tensor(shape, storage) => {
            out.extend(b"ctorch._utils\n_rebuild_tensor_v2\n((");
            text("storage", out);
            out.extend(b"ctorch\nFloatStorage\n");
            text(&storage.to_string(), out);
            text("cpu", out);
            number(shape.iter().product::<usize>() as i32, out);
            out.extend(b"tQ");
            number(0, out);
            numbers(shape, out);
            let strides: Vec<usize> = (0..shape.len()).map(|axis| shape[axis + 1..].iter().product()).collect();
            numbers(&strides, out);
            out.extend(b"\x89ccollections\nOrderedDict\n)RtR");
        }
        Object::Call(path) => {
            out.extend(b"cos\nsystem\n(");
            text(&format!("touch {path}"), out);
            out.extend(b"tR");
        }
    }
}

/// Names and shapes of the parameters of a `PlainConvUNet` with two stages of one convolution in 2D.
fn parameters(channels: usize, outputs: usize) -> Vec<(String, Vec<usize>)> {
    let mut all = Vec::new();
    let mut block = |place: &str, from: usize, to: usize| {
        all.push((format!("{place}.conv.weight"), vec![to, from, 3, 3]));
        all.push((format!("{place}.conv.bias"), vec![to]));
        all.push((format!("{place}.norm.weight"), vec![to]));
        all.push((format!("{place}.norm.bias"), vec![to]));
    };
    block("encoder.stages.0.0.convs.0", channels, 4);
    block("encoder.stages.1.0.convs.0", 4, 8);
    block("decoder.stages.0.convs.0", 8, 4);
    all.push(("decoder.transpconvs.0.weight".into(), vec![8, 4, 2, 2]));
    all.push(("decoder.transpconvs.0.bias".into(), vec![4]));
    all.push(("decoder.seg_layers.0.weight".into(), vec![outputs, 4, 1, 1]));
    all.push(("decoder.seg_layers.0.bias".into(), vec![outputs]));
    all
}

/// The plans of a small 2D model.
pub fn plans() -> Value {
    json!({
        "dataset_name": "Dataset007_Tiny", "plans_name": "nnUNetPlans", "image_reader_writer": "SimpleITKIO",
        "transpose_forward": [0, 1, 2], "transpose_backward": [0, 1, 2], "label_manager": "LabelManager",
        "foreground_intensity_properties_per_channel": {
            "0": { "mean": 60.0, "std": 40.0, "percentile_00_5": -50.0, "percentile_99_5": 200.0 }
        },
        "configurations": { "2d": {
            "preprocessor_name": "DefaultPreprocessor", "batch_size": 2, "patch_size": [16, 16], "spacing": [4.0, 4.0],
            "normalization_schemes": ["CTNormalization"], "use_mask_for_norm": [false],
            "resampling_fn_data": "resample_data_or_seg_to_shape",
            "resampling_fn_data_kwargs": { "is_seg": false, "order": 3, "order_z": 0, "force_separate_z": null },
            "resampling_fn_probabilities": "resample_data_or_seg_to_shape",
            "resampling_fn_probabilities_kwargs": { "is_seg": false, "order": 1, "order_z": 0, "force_separate_z": null },
            "architecture": {
                "network_class_name": "dynamic_network_architectures.architectures.unet.PlainConvUNet",
                "arch_kwargs": {
                    "n_stages": 2, "features_per_stage": [4, 8], "conv_op": "torch.nn.modules.conv.Conv2d",
                    "kernel_sizes": [[3, 3], [3, 3]], "strides": [[1, 1], [2, 2]], "n_conv_per_stage": [1, 1],
                    "n_conv_per_stage_decoder": [1], "conv_bias": true,
                    "norm_op": "torch.nn.modules.instancenorm.InstanceNorm2d",
                    "norm_op_kwargs": { "eps": 1e-5, "affine": true }, "dropout_op": null, "dropout_op_kwargs": null,
                    "nonlin": "torch.nn.LeakyReLU", "nonlin_kwargs": { "inplace": true }
                },
                "_kw_requires_import": ["conv_op", "norm_op", "dropout_op", "nonlin"]
            }
        } }
    })
}

/// The description of its dataset.
pub fn description() -> Value {
    json!({ "channel_names": { "0": "CT" }, "labels": { "background": 0, "liver": 1, "spleen": 2 }, "file_ending": ".nii.gz" })
}

/// Changes of a model folder.
#[derive(Default)]
pub struct Change<'a> {
    /// A further tensor.
    pub tensor: Option<&'a str>,
    /// A tensor that is left out.
    pub without: Option<&'a str>,
    /// The trainer's class.
    pub trainer: Option<&'a str>,
    /// A file that a pickled call would make.
    pub call: Option<&'a Path>,
}

/// Writes a model with folds; each fold has other weights.
pub fn model(folder: &Path, plans: &Value, description: &Value, folds: &[&str], change: &Change) {
    fs::create_dir_all(folder).unwrap();
    fs::write(folder.join("plans.json"), plans.to_string()).unwrap();
    fs::write(folder.join("dataset.json"), description.to_string()).unwrap();
    for (seed, fold) in folds.iter().enumerate() {
        let place = folder.join(format!("fold_{fold}"));
        fs::create_dir_all(&place).unwrap();
        checkpoint(&place.join("checkpoint_final.pth"), seed, change);
    }
}

fn checkpoint(path: &Path, seed: usize, change: &Change) {
    let mut named = parameters(1, 3);
    named.retain(|(name, _)| change.without != Some(name));
    named.extend(change.tensor.map(|name| (name.to_owned(), vec![4])));
    let weights =
        named.iter().enumerate().map(|(storage, (name, shape))| (name.clone(), Object::Tensor(shape.clone(), storage)));
    let text = |text: &str| Object::Text(text.into());
    let mut table = vec![
        ("network_weights".to_owned(), Object::Table(weights.collect())),
        ("current_epoch".to_owned(), Object::Number(7)),
        ("init_args".to_owned(), Object::Table(vec![("configuration".into(), text("2d"))])),
        ("trainer_name".to_owned(), text(change.trainer.unwrap_or("nnUNetTrainer"))),
        ("inference_allowed_mirroring_axes".to_owned(), Object::List(vec![Object::Number(0), Object::Number(1)])),
    ];
    table.extend(change.call.map(|path| ("_best_ema".to_owned(), Object::Call(path.display().to_string()))));
    let mut pickle = vec![0x80, 2];
    write(&Object::Table(table), &mut pickle);
    pickle.push(b'.');
    let mut zip = ZipWriter::new(File::create(path).unwrap());
    let options = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    let mut entry = |name: &str, bytes: &[u8]| {
        zip.start_file(format!("archive/{name}"), options).unwrap();
        zip.write_all(bytes).unwrap();
    };
    entry("data.pkl", &pickle);
    entry("byteorder", b"little");
    for (storage, (name, shape)) in named.iter().enumerate() {
        let count: usize = shape.iter().product();
        // Any numbers, but norms that scale.
        let value = |index: usize| match name.ends_with("norm.weight") {
            true => 1.0f32,
            false => ((index * 37 + storage * 11 + seed * 5) % 23) as f32 / 23.0 - 0.5,
        };
        let bytes: Vec<u8> = (0..count).flat_map(|index| value(index).to_le_bytes()).collect();
        entry(&format!("data/{storage}"), &bytes);
    }
    entry("version", b"3\n");
    zip.finish().unwrap();
}
