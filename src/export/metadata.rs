//! What another program must know to use an exported network: `metadata.json`. `segspec schema export` prints its schema.

use std::fs;

use schemars::JsonSchema;
use serde::Serialize;

use super::stages::{FirstStageFacts, first_stage};
use crate::dataset::spec::{AnatomicCode, Modality};
use crate::dataset::{Dataset, Target};
use crate::graph::{Graph, INPUT, Logits, OUTPUT};
use crate::infer::Trained;
use crate::model::Task;
use crate::plan::Training;
use crate::predict::PredictPlan;
use crate::predict::blend::SIGMA;
use crate::predict::export::PROGRAM;
use crate::predict::spec::{Averaged, Blend, Weights};
use crate::preprocess::spec::{Crop, ImageInterpolation, IntensityStep};
use crate::preprocess::{Orientation, PreprocessPlan};
use crate::store::Stored;
use crate::train::checkpoint;

/// Version of the file.
const FORMAT: u32 = 1;

/// Orientation of the axes, last one first: to the right, to the front, up.
const ORIENTATION: &str = "RAS";
/// The orientation of networks that were trained on images as their files store them.
const AS_STORED: &str = "as-stored";

/// An exported network. Every triple is `[z, y, x]` of an image whose voxels run to the right, to the front and up (RAS).
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[schemars(title = "metadata.json of segspec export")]
pub struct Metadata {
    /// Version of this file.
    pub format: u32,
    /// The program that wrote it.
    pub program: String,
    /// Where the network comes from.
    pub run: RunFacts,
    /// Inputs and outputs.
    pub network: NetworkFacts,
    /// Channels of the images, in order.
    pub channels: Vec<ChannelFacts>,
    /// Its weights.
    pub weights: WeightFacts,
    /// What is segmented, in the order of the outputs.
    pub structures: Vec<StructureFacts>,
    /// From an image to the network's input: orientation, crop, intensity steps, resampling, in this order.
    pub preprocess: PreprocessFacts,
    /// How windows cover an image.
    pub windows: WindowFacts,
    /// From logits to labels.
    pub labels: LabelFacts,
    /// The network that decides where this one segments; none for everywhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_stage: Option<FirstStageFacts>,
}

/// Where the network comes from.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct RunFacts {
    /// Name of its folder.
    pub id: String,
    /// Hash of everything that decides its prediction of any image.
    pub predictor: String,
    /// Name of the experiment.
    pub experiment: String,
    /// The experiment in one line.
    pub description: String,
    /// Name of the dataset.
    pub dataset: String,
    /// Trial, seed and fold in words; empty for a single run.
    pub name: String,
    /// Seed of the training.
    pub seed: u64,
}

/// A channel of the images, as the run's dataset file states it.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct ChannelFacts {
    /// Its name, if it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its modality; none where the run has no dataset file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub modality: Option<Modality>,
}

/// Inputs and outputs of the network.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct NetworkFacts {
    /// Its table in the experiment, such as `unet`.
    pub architecture: String,
    /// Whether it segments voxels or classifies slices.
    pub task: Task,
    /// 3, or 2 for a network that takes slices `[y, x]`.
    pub dimensions: usize,
    /// Number of trained and running values.
    pub parameters: usize,
    /// Images in f32.
    pub input: Port,
    /// Logits in f32, of the size of the input.
    pub output: Port,
    /// Numbers by which the size must be divisible.
    pub multiple_of: Vec<usize>,
    /// Whether other sizes than that of `input` are allowed.
    pub dynamic_size: bool,
}

/// An input or output.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Port {
    /// Its name in ONNX.
    pub name: String,
    /// Its dimensions.
    pub axes: Vec<String>,
    /// Number of channels.
    pub channels: usize,
    /// Its size in voxels (with `dynamic-size`, that of the training patch); empty for a slice classifier's output.
    pub size: Vec<usize>,
}

/// Weights of the network.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct WeightFacts {
    /// Checkpoint they come from: `best` or `last` of the run; of an imported network, the file of its model, such as
    /// `checkpoint_final.pth`, or `imported` where the manifest does not state it.
    pub checkpoint: String,
    /// The program and the way of training of an imported network: `nnU-Net v2, nnUNetTrainer`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub imported_from: Option<String>,
    /// Its epoch, where the manifest states it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub epoch: Option<usize>,
    /// BLAKE3 over all parameters of the run's network, as in its manifest.
    pub blake3: String,
}

/// A structure.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct StructureFacts {
    /// Its name.
    pub name: String,
    /// Its output, from 0. With softmax, output 0 is the background.
    pub output: usize,
    /// Its value in label maps.
    pub value: u16,
    /// Its colour, `#rrggbb`.
    pub color: String,
    /// Structures of the dataset that it comprises.
    pub members: Vec<String>,
    /// Coded anatomy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<AnatomicCode>,
}

/// From an image to the network's input.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct PreprocessFacts {
    /// `RAS`: the axes `x`, `y`, `z` point to the right, to the front and up; `as-stored`: as in the file.
    pub orientation: String,
    /// Order of the axes `[z, y, x]` after that.
    pub axes: [usize; 3],
    /// Region to crop to.
    pub crop: Crop,
    /// Intensity of the first channel above which a voxel belongs to the body, for the crop `body`; none: Otsu's threshold.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body_threshold: Option<f64>,
    /// Intensity steps on the grid of the cropped image, with all statistics.
    pub intensity: Vec<IntensityStep>,
    /// Target spacing in mm; none, or 0 along an axis: each image's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spacing_mm: Option<[f64; 3]>,
    /// Target shape; 0 along an axis: each image's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shape: Option<[usize; 3]>,
    /// Interpolation of images.
    pub interpolation: ImageInterpolation,
    /// If the coarsest spacing is more than this multiple of the finest, that axis is resampled by nearest neighbour.
    pub anisotropy_threshold: f64,
}

/// Windows over the prepared image.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct WindowFacts {
    /// Size of a window in voxels; smaller images are padded with zeros on both sides, by an odd voxel at the end.
    pub size: [usize; 3],
    /// Overlap of neighbours as a fraction of the window: the fewest windows that keep it, evenly spaced from border to border.
    pub overlap: f64,
    /// Weights of the probabilities of a window where windows overlap.
    pub blend: Blend,
    /// What is averaged over windows, flips and networks, and resampled to the grid of the image.
    pub averaged: Averaged,
    /// Standard deviation of Gaussian weights as a fraction of the window, around voxel `size / 2`.
    pub sigma: f64,
    /// Axes (0: z, 1: y, 2: x) over all of whose flips probabilities are averaged.
    pub mirror_axes: Vec<usize>,
    /// Pairs of outputs that change places if x is flipped.
    pub mirrored_outputs: Vec<[usize; 2]>,
}

/// From logits to labels.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct LabelFacts {
    /// Probabilities of logits.
    pub activation: Probabilities,
    /// Whether a voxel may belong to several structures: a mask per structure instead of a label map.
    pub overlapping: bool,
    /// Whether the values of structures above the threshold are painted over each other, in their order.
    pub painted: bool,
    /// With sigmoid: probability above which a voxel belongs to a structure (of several that do not overlap, to the most probable).
    /// With softmax, the largest output wins.
    pub threshold: f64,
    /// Structures of which only the largest component (26 neighbours) is kept, on the grid of the image.
    pub largest_component: Vec<String>,
    /// Before that: sets of label values of which only the largest component of all together is kept.
    pub largest_union: Vec<Vec<u16>>,
}

/// How logits become probabilities.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Probabilities {
    /// Over the outputs.
    Softmax,
    /// Of each output.
    Sigmoid,
}

/// The metadata of a run's network as a graph.
pub fn metadata(run: &Stored, trained: &Trained, training: &Training, graph: &Graph) -> Metadata {
    let plan = &run.plan;
    Metadata {
        format: FORMAT,
        program: PROGRAM.into(),
        run: RunFacts {
            id: run.id(),
            predictor: run.ids.predictor.clone(),
            experiment: plan.about.experiment.clone(),
            description: plan.about.description.clone(),
            dataset: plan.data.dataset.clone(),
            name: plan.name(),
            seed: plan.seed(),
        },
        network: network(training, plan.task, graph),
        channels: channels(run, training.channels),
        weights: weights(run, trained),
        structures: structures(&plan.target),
        preprocess: preprocess(&training.preprocess),
        windows: WindowFacts {
            size: plan.predict.patch_size,
            overlap: plan.predict.overlap,
            blend: plan.predict.blend,
            averaged: plan.predict.averaged,
            sigma: SIGMA,
            mirror_axes: plan.predict.mirror_axes.clone(),
            mirrored_outputs: plan.predict.mirrored_outputs.clone(),
        },
        labels: labels(&plan.target, &plan.predict),
        first_stage: first_stage(&plan.look, trained),
    }
}

fn preprocess(plan: &PreprocessPlan) -> PreprocessFacts {
    let (orientation, axes) = match plan.orientation {
        Orientation::Canonical => (ORIENTATION, [0, 1, 2]),
        Orientation::Reordered(axes) => (ORIENTATION, axes),
        Orientation::AsStored(axes) => (AS_STORED, axes),
    };
    PreprocessFacts {
        orientation: orientation.into(),
        axes,
        crop: plan.crop,
        body_threshold: plan.body_threshold,
        intensity: plan.intensity.clone(),
        spacing_mm: plan.spacing_mm,
        shape: plan.shape,
        interpolation: plan.image_interpolation,
        anisotropy_threshold: plan.anisotropy_threshold,
    }
}

fn labels(target: &Target, plan: &PredictPlan) -> LabelFacts {
    let name_of = |&index: &usize| target.structures.get(index).map(|it| it.name.clone());
    LabelFacts {
        activation: if target.sigmoid() { Probabilities::Sigmoid } else { Probabilities::Softmax },
        overlapping: target.has_masks(),
        painted: target.painted,
        threshold: plan.threshold,
        largest_component: plan.largest_component.iter().filter_map(name_of).collect(),
        largest_union: plan.largest_union.clone(),
    }
}

fn channels(run: &Stored, count: usize) -> Vec<ChannelFacts> {
    let [_, file] = run.folder.specs();
    let known: Option<Dataset> = fs::read_to_string(file).ok().and_then(|text| toml::from_str(&text).ok());
    let channel = |index: usize| {
        let stated = known.as_ref().and_then(|dataset| dataset.channels.get(index));
        ChannelFacts {
            name: stated.map(|channel| channel.name.clone()),
            modality: stated.and_then(|channel| channel.modality).or(known.as_ref().map(|dataset| dataset.modality)),
        }
    };
    (0..count).map(channel).collect()
}

fn network(training: &Training, task: Task, graph: &Graph) -> NetworkFacts {
    let total = training.model.total_stride();
    let named: Vec<String> = graph.axes_names().iter().map(ToString::to_string).collect();
    let axes =
        |rest: &[String]| ["batch", "channel"].map(str::to_owned).into_iter().chain(rest.iter().cloned()).collect();
    let size = graph.axes(&graph.size).to_vec();
    let output = match graph.logits {
        Logits::PerVoxel(channels) => Port { name: OUTPUT.into(), axes: axes(&named), channels, size: size.clone() },
        Logits::PerImage(channels) => Port { name: OUTPUT.into(), axes: axes(&[]), channels, size: Vec::new() },
    };
    NetworkFacts {
        architecture: training.model.name().into(),
        task,
        dimensions: graph.dimensions(),
        parameters: graph.parameters(),
        input: Port { name: INPUT.into(), axes: axes(&named), channels: graph.channels, size },
        output,
        multiple_of: graph.axes(&total).to_vec(),
        dynamic_size: graph.dynamic,
    }
}

fn weights(run: &Stored, trained: &Trained) -> WeightFacts {
    let manifest = run.folder.read_manifest().ok().flatten();
    let blake3 = trained.network().map_or_else(String::new, checkpoint::weights_hash);
    if let Some(imported) = trained.imported() {
        let file = manifest.as_ref().and_then(|manifest| manifest.imported_checkpoint.clone());
        return WeightFacts {
            checkpoint: file.unwrap_or_else(|| "imported".into()),
            imported_from: Some(format!("{}, {}", imported.from, imported.trainer)),
            epoch: manifest.and_then(|manifest| manifest.training?.best_epoch),
            blake3,
        };
    }
    let known = manifest.and_then(|manifest| manifest.predictions.get(&run.ids.prediction).cloned());
    let used = trained.weights();
    let epoch = known.filter(|known| known.checkpoint == Some(used)).and_then(|known| known.epoch);
    let checkpoint = match used {
        Weights::Best => "best",
        Weights::Last => "last",
    };
    WeightFacts { checkpoint: checkpoint.into(), imported_from: None, epoch, blake3 }
}

fn structures(target: &Target) -> Vec<StructureFacts> {
    let background = usize::from(!target.sigmoid());
    let facts = target.structures.iter().enumerate().map(|(index, structure)| {
        let [r, g, b] = structure.color;
        StructureFacts {
            name: structure.name.clone(),
            output: index + background,
            value: structure.value,
            color: format!("#{r:02x}{g:02x}{b:02x}"),
            members: structure.members.clone(),
            code: structure.code.clone(),
        }
    });
    facts.collect()
}
