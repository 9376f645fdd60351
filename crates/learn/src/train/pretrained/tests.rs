//! Weights of other frameworks (`tests/reference/weights.py`) reproduce their outputs.

use std::path::PathBuf;

use burn::tensor::{Device, Tensor, TensorData};
use serde::Deserialize;

use super::*;
use crate::backend::Precision;
use crate::model::attention_unet::AttentionUnetPlan;
use crate::model::block::{Activation, Norm};
use crate::model::segformer::SegformerPlan;
use crate::model::{self, Interface};
use segspec_testing::noise;

#[derive(Deserialize)]
struct Reference {
    segformer: Output,
    attention: Output,
    grey: Output,
}

#[derive(Deserialize)]
struct Output {
    shape: Vec<usize>,
    values: Vec<f32>,
}

fn reference() -> Reference {
    serde_json::from_str(include_str!("../../../../../tests/reference/weights.json")).unwrap()
}

fn file(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/reference").join(name)
}

fn segformer() -> ModelPlan {
    ModelPlan::Segformer(SegformerPlan {
        features: vec![8, 8, 10, 16],
        blocks: vec![1; 4],
        decoder_features: 8,
        dropout: 0.1,
        drop_path: 0.1,
    })
}

fn attention(features: &[usize]) -> ModelPlan {
    ModelPlan::AttentionUnet(AttentionUnetPlan {
        features: features.to_vec(),
        strides: vec![[1, 1, 1], [1, 2, 2]],
        kernels: vec![[1, 3, 3]; 2],
        blocks: vec![2; 2],
        norm: Norm::Batch,
        activation: Activation::Relu,
        deep_supervision: false,
    })
}

fn planned(name: &str, prefix: &str, partial: bool) -> PretrainedPlan {
    let hash = hash(&file(name)).unwrap();
    PretrainedPlan { hash, prefix: prefix.into(), rename: Vec::new(), partial }
}

fn loaded(
    plan: &PretrainedPlan,
    name: &str,
    model: &ModelPlan,
    [channels, outputs]: [usize; 2],
) -> Result<(Network, Report), PretrainedError> {
    let interface = Interface { channels, outputs, sigmoid: false };
    let network = model::build(model, interface, Precision::F32, 1, &Device::flex());
    load(plan, &file(name), model, channels, network)
}

fn assert_output(network: &Network, expected: &Output) {
    let [batch, channels, height, width] = expected.shape[..] else { panic!("a 2D image") };
    let input: Vec<f32> = noise("input", expected.shape.iter().product()).map(|u| u as f32).collect();
    let input = Tensor::<5>::from_data(TensorData::new(input, [batch, channels, 1, height, width]), &Device::flex());
    let output = network.forward(input).into_data().try_into_vec::<f32>().unwrap();
    let step = (output.len() / 200).max(1);
    let kept: Vec<f32> = output.into_iter().step_by(step).collect();
    assert_eq!(kept.len(), expected.values.len());
    let worst = kept.iter().zip(&expected.values).fold(0.0f32, |worst, (a, b)| worst.max((a - b).abs()));
    assert!(worst < 1e-4, "outputs differ by {worst}");
}

const SEGFORMER: &str = "segformer-tiny.safetensors";
const ATTENTION: &str = "attention-tiny.pt";

#[test]
fn a_checkpoint_with_the_hubs_names_reproduces_its_outputs() {
    let (network, report) = loaded(&planned(SEGFORMER, "", false), SEGFORMER, &segformer(), [3, 2]).unwrap();
    assert_eq!((report.missing.len(), report.unfit.len(), report.unused.len()), (0, 0, 0), "{report:?}");
    assert_output(&network, &reference().segformer);
}

#[test]
fn one_channel_gives_the_output_of_a_grey_image_in_three() {
    let (network, report) = loaded(&planned(SEGFORMER, "", false), SEGFORMER, &segformer(), [1, 2]).unwrap();
    let adapted: Vec<&str> =
        report.loaded.iter().map(|loaded| loaded.adapted.as_str()).filter(|s| !s.is_empty()).collect();
    assert_eq!(adapted, ["3 image channels to 1"]);
    assert_output(&network, &reference().grey);
}

#[test]
fn a_training_scripts_table_and_prefix_are_found() {
    let plan = planned(ATTENTION, "module.", false);
    let (network, report) = loaded(&plan, ATTENTION, &attention(&[4, 6]), [1, 2]).unwrap();
    assert!(report.unused.iter().all(|name| name.ends_with("num_batches_tracked")), "{:?}", report.unused);
    assert_output(&network, &reference().attention);
}

#[test]
fn names_can_be_rewritten() {
    let rename = vec![["^module\\.".into(), String::new()]];
    let plan = PretrainedPlan { rename, ..planned(ATTENTION, "", false) };
    let (network, _) = loaded(&plan, ATTENTION, &attention(&[4, 6]), [1, 2]).unwrap();
    assert_output(&network, &reference().attention);
}

#[test]
fn heads_for_other_classes_count_as_missing_and_need_partial() {
    let error = loaded(&planned(SEGFORMER, "", false), SEGFORMER, &segformer(), [3, 5]).unwrap_err().to_string();
    assert!(error.contains("2 of") && error.contains("Segformer.decoder.classifier.weight"), "{error}");
    let (_, report) = loaded(&planned(SEGFORMER, "", true), SEGFORMER, &segformer(), [3, 5]).unwrap();
    assert_eq!(report.missing, ["Segformer.decoder.classifier.weight", "Segformer.decoder.classifier.bias"]);
    assert_eq!(report.unfit.len(), 2);
}

#[test]
fn weights_that_do_not_fit_at_all_are_refused_even_with_partial() {
    let error = loaded(&planned(SEGFORMER, "", true), SEGFORMER, &attention(&[4, 6]), [1, 2]).unwrap_err();
    assert!(error.to_string().contains("the file has `"), "{error}");
    let error = loaded(&planned(SEGFORMER, "nothing.", true), SEGFORMER, &segformer(), [1, 2]).unwrap_err();
    assert!(error.to_string().contains("no tensor name begins with `nothing.`"), "{error}");
    let changed = PretrainedPlan { hash: "other".into(), ..planned(SEGFORMER, "", false) };
    assert!(matches!(loaded(&changed, SEGFORMER, &segformer(), [3, 2]), Err(PretrainedError::Changed { .. })));
}

#[test]
fn damaged_files_are_errors() {
    let folder = tempfile::tempdir().unwrap();
    for name in [SEGFORMER, ATTENTION] {
        let path = folder.path().join(name);
        std::fs::copy(file(name), &path).unwrap();
        segspec_testing::damage::survive(&path, 200, read::read);
    }
    for (content, expected) in [(&b"GIF89a...."[..], "neither"), (b"{}", "too short")] {
        let path = folder.path().join("other");
        std::fs::write(&path, content).unwrap();
        assert!(read::read(&path).unwrap_err().contains(expected));
    }
}
