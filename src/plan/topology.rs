//! Patch, depth, width and batch of a network for a dataset: nnU-Net's published rules (Isensee 2021; version 2.8.1).
//!
//! What the spec fixes stays; the rules fill in what is `"auto"`. Axes are `[z, y, x]` throughout.

use super::Note;
use super::pooling::{Limits, Pooling, divisor, padded};
use crate::model::{Staged, Stages, feature_map_elements};

/// The input of the rules.
#[derive(Clone, Debug)]
pub struct TopologyInputs<'a> {
    /// Spacing of the prepared images, mm.
    pub spacing_mm: [f64; 3],
    /// Median shape of the prepared training images.
    pub median_shape: [f64; 3],
    /// Training cases.
    pub cases: usize,
    /// Output channels of the network.
    pub outputs: usize,
    /// GPU memory to plan for.
    pub memory_target_gb: f64,
    /// The network in the spec; its `"auto"` values are filled in.
    pub network: &'a Staged,
    /// Patch size, if fixed by the spec. A depth of 1 means a 2D network.
    pub patch_size: Option<[usize; 3]>,
    /// Batch size, if fixed by the spec.
    pub batch_size: Option<usize>,
}

/// The resolved numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topology {
    /// Training patch.
    pub patch_size: [usize; 3],
    /// Stages of the network.
    pub stages: Stages,
    /// Patches per step.
    pub batch_size: usize,
    /// The reason for each value chosen by a rule.
    pub notes: Vec<Note>,
}

/// Constants that differ between 2D and 3D, plain and residual networks.
struct Reference {
    /// Feature-map elements of the network that fills 8 GB.
    elements_at_8_gb: f64,
    /// Batch size of that network.
    batch: f64,
    max_features: usize,
    /// Largest fraction of all training voxels in one batch.
    max_dataset_part: f64,
}

const MIN_BATCH: usize = 2;
/// Voxels of the initial patch in 3D and 2D, before clipping to the median shape.
const FIRST_GUESS_3D: f64 = 256.0 * 256.0 * 256.0;
const FIRST_GUESS_2D: f64 = 2048.0 * 2048.0;

/// Applies the rules.
pub fn topology(inputs: &TopologyInputs<'_>) -> Topology {
    let flat = is_flat(inputs);
    let residual = inputs.network.cost.is_residual();
    let reference = reference(flat, residual);
    let budget = reference.elements_at_8_gb * inputs.memory_target_gb / 8.0;
    let mut design = Design::first(inputs, flat);
    let guess = design.patch;
    if inputs.patch_size.is_none() {
        design.shrink(inputs, budget_per_patch(budget, &reference, residual));
    }
    let elements = design.elements(inputs);
    let batch_size =
        inputs.batch_size.unwrap_or_else(|| batch_size(inputs, &reference, budget / elements, design.patch));
    let notes = notes(inputs, &design, guess, batch_size);
    Topology { patch_size: design.patch, stages: design.stages, batch_size, notes }
}

fn is_flat(inputs: &TopologyInputs<'_>) -> bool {
    inputs.network.flat || inputs.patch_size.map_or(inputs.median_shape[0] <= 1.0, |patch| patch[0] == 1)
}

fn reference(flat: bool, residual: bool) -> Reference {
    let (elements_at_8_gb, batch, max_features) = match (flat, residual) {
        (false, false) => (5.6e8, 2.0, 320),
        (true, false) => (8.5e7, 12.0, 512),
        (false, true) => (6.8e8, 2.0, 320),
        (true, true) => (1.35e8, 12.0, 512),
    };
    Reference { elements_at_8_gb, batch, max_features, max_dataset_part: if residual { 1.0 } else { 0.05 } }
}

/// Feature-map elements available to one patch, so that the smallest batch fits. nnU-Net's residual planner omits this.
fn budget_per_patch(budget: f64, reference: &Reference, residual: bool) -> f64 {
    if residual { budget } else { budget * reference.batch / MIN_BATCH as f64 }
}

/// The largest batch that fits in memory, limited to a fraction of the dataset.
fn batch_size(inputs: &TopologyInputs<'_>, reference: &Reference, room: f64, patch: [usize; 3]) -> usize {
    let by_memory = (room * reference.batch).round_ties_even();
    let dataset = inputs.median_shape.iter().product::<f64>() * inputs.cases as f64;
    let patch_voxels: f64 = patch.iter().map(|&edge| edge as f64).product();
    let by_dataset = (dataset * reference.max_dataset_part / patch_voxels).round_ties_even();
    (by_memory.min(by_dataset) as usize).max(MIN_BATCH)
}

/// A network for one patch size.
struct Design {
    flat: bool,
    patch: [usize; 3],
    stages: Stages,
}

impl Design {
    fn first(inputs: &TopologyInputs<'_>, flat: bool) -> Self {
        let guess = inputs.patch_size.map_or_else(|| first_guess(inputs, flat), |patch| patch.map(|edge| edge as f64));
        Self::of(inputs, flat, guess)
    }

    /// The network for a patch, after padding the patch to a multiple of the strides.
    fn of(inputs: &TopologyInputs<'_>, flat: bool, patch: [f64; 3]) -> Self {
        let network = inputs.network;
        let Pooling { strides, kernels } = pooling(inputs, flat, patch);
        let count = strides.len();
        let max_features = reference(flat, network.cost.is_residual()).max_features;
        let width = |stage: usize| max_features.min(network.base_features << stage.min(16));
        let stages = Stages {
            features: network.features.fixed().cloned().unwrap_or_else(|| (0..count).map(width).collect()),
            blocks: network.blocks.fixed().cloned().unwrap_or_else(|| (0..count).map(network.default_blocks).collect()),
            decoder_blocks: network.decoder_blocks.of(count.saturating_sub(1)),
            strides,
            kernels,
        };
        let patch = inputs.patch_size.unwrap_or_else(|| padded(patch, divisor(&stages.strides)));
        Self { flat, patch, stages }
    }

    fn divisor(&self) -> [usize; 3] {
        divisor(&self.stages.strides)
    }

    fn elements(&self, inputs: &TopologyInputs<'_>) -> f64 {
        feature_map_elements(&inputs.network.cost, &self.stages, self.patch, inputs.outputs)
    }

    /// Shortens the patch, each time along the axis that is longest relative to the median shape, until it fits.
    fn shrink(&mut self, inputs: &TopologyInputs<'_>, budget: f64) {
        while self.elements(inputs) > budget {
            let Some(axis) = self.longest_axis(inputs) else { break };
            // Step of the smaller patch's strides, which may be finer: 256 → 224 → 192, not 256 → 192.
            let smaller = |step: usize| {
                let mut patch = self.patch.map(|edge| edge as f64);
                patch[axis] -= step as f64;
                patch
            };
            let step = divisor(&pooling(inputs, self.flat, smaller(self.divisor()[axis])).strides)[axis];
            *self = Self::of(inputs, self.flat, smaller(step));
        }
    }

    /// The axis to shorten; none where every axis is as short as the strides allow.
    fn longest_axis(&self, inputs: &TopologyInputs<'_>) -> Option<usize> {
        let divisor = self.divisor();
        let ratio = |axis: usize| self.patch[axis] as f64 / inputs.median_shape[axis];
        let axes = usize::from(self.flat)..3;
        axes.filter(|&axis| self.patch[axis] > divisor[axis]).max_by(|&a, &b| ratio(a).total_cmp(&ratio(b)))
    }
}

/// A box with the proportions of the spacing, clipped to the median shape.
fn first_guess(inputs: &TopologyInputs<'_>, flat: bool) -> [f64; 3] {
    let axes = usize::from(flat)..3;
    let dimensions = axes.len() as f64;
    let inverse: f64 = axes.clone().map(|axis| 1.0 / inputs.spacing_mm[axis]).product();
    let voxels = if flat { FIRST_GUESS_2D } else { FIRST_GUESS_3D };
    let scale = (voxels / inverse).powf(1.0 / dimensions);
    let mut guess = [1.0; 3];
    for axis in axes {
        guess[axis] = (scale / inputs.spacing_mm[axis]).round_ties_even().min(inputs.median_shape[axis]).max(1.0);
    }
    guess
}

/// Strides and kernels: the spec's where it fixes them, otherwise the rules', with as many stages as the spec asks for.
fn pooling(inputs: &TopologyInputs<'_>, flat: bool, patch: [f64; 3]) -> Pooling {
    let network = inputs.network;
    let stated = [
        network.features.fixed().map(Vec::len),
        network.kernels.fixed().map(Vec::len),
        network.blocks.fixed().map(Vec::len),
    ];
    let wanted = stated.into_iter().flatten().next();
    let most = wanted.unwrap_or(network.max_stages);
    let limits =
        Limits { stages: most, even_only: inputs.patch_size.is_some(), kernel: network.kernel, ..Limits::of(flat) };
    let mut stages = Pooling::of(inputs.spacing_mm, patch, limits);
    // A spec that asks for more stages than the rules would give gets them on shorter edges.
    for min_edge in [2.0, 1.0] {
        if wanted.is_some_and(|wanted| stages.strides.len() < wanted) {
            stages = Pooling::of(inputs.spacing_mm, patch, Limits { min_edge, ..limits });
        }
    }
    if let Some(strides) = network.strides.fixed() {
        stages.strides.clone_from(strides);
    }
    if let Some(wanted) = wanted.filter(|_| network.strides.fixed().is_none()) {
        stages.strides.resize(wanted, [1; 3]);
    }
    let coarsest = stages.kernels.last().copied().unwrap_or([network.kernel; 3]);
    stages.kernels.resize(stages.strides.len(), coarsest);
    if let Some(kernels) = network.kernels.fixed() {
        stages.kernels.clone_from(kernels);
    }
    stages
}

/// One line for every value that a rule decided.
fn notes(inputs: &TopologyInputs<'_>, design: &Design, guess: [usize; 3], batch: usize) -> Vec<Note> {
    let (network, memory, median) = (inputs.network, inputs.memory_target_gb, inputs.median_shape);
    let (key, residual, stages) = (network.key, network.cost.is_residual(), &design.stages);
    let mut notes = Vec::new();
    if inputs.patch_size.is_none() {
        let patch = design.patch;
        let why = match patch == guess {
            true => format!("the median shape {median:?}, divisible by {:?}", design.divisor()),
            false => format!("from {guess:?}, shortened to fit {memory} GB"),
        };
        notes.push(Note::new("train.patch-size", format!("{patch:?}"), why));
    }
    if network.strides.fixed().is_none() {
        let divisor = design.divisor();
        let count = stages.strides.len();
        let why = format!("{count} stages, {divisor:?} in all, axes of finer spacing first");
        notes.push(Note::new(format!("{key}.strides"), "", why));
    }
    if network.kernels.fixed().is_none() {
        let edge = network.kernel;
        let why = format!("{edge}; 1 along axes of coarser spacing until the spacings are similar");
        notes.push(Note::new(format!("{key}.kernels"), "", why));
    }
    if network.features.fixed().is_none() {
        let most = reference(design.flat, residual).max_features;
        let features = format!("{:?}", stages.features);
        notes.push(Note::new(format!("{key}.features"), features, format!("doubled per stage up to {most}")));
    }
    if network.blocks.fixed().is_none() {
        notes.push(Note::new(format!("{key}.blocks"), format!("{:?}", stages.blocks), usual(key, residual)));
    }
    if inputs.batch_size.is_none() {
        notes.push(Note::new("train.batch-size", batch, batch_reason(inputs, batch)));
    }
    notes
}

fn usual(key: &str, residual: bool) -> &'static str {
    match (key, residual) {
        ("model.vnet", _) => "MONAI's",
        (_, true) => "nnU-Net's residual encoder",
        (_, false) => "nnU-Net's plain encoder",
    }
}

fn batch_reason(inputs: &TopologyInputs<'_>, batch: usize) -> String {
    let memory = inputs.memory_target_gb;
    match batch {
        MIN_BATCH => format!("the smallest, for {memory} GB"),
        _ if inputs.network.cost.is_residual() => format!("what fits {memory} GB"),
        _ => format!("what fits {memory} GB, at most 5 % of the training voxels"),
    }
}

#[cfg(test)]
mod tests;
