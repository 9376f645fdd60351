//! The experiment that `segspec new` proposes: nnU-Net's planning rules with a schedule for one machine, and a comment on each choice.

use super::quoted;
use crate::dataset::{Proposal, mirror::has_side};
use crate::run::sizing::Small;
use crate::{counted, words};

/// The experiment file of a proposal, for the dataset `name`.
pub(super) fn experiment_toml(name: &str, proposal: &Proposal) -> String {
    let structures: Vec<String> = proposal.dataset.structures.iter().map(|it| quoted(&it.name)).collect();
    let description = format!("{}, planned from the data", counted(structures.len(), "structure"));
    let (dataset, description, mirror) = (quoted(name), quoted(&description), mirror(proposal));
    let structures = structures.join(", ");
    let targets = targets(proposal, &structures);
    let spacing = spacing(proposal);
    format!(
        "#:schema schema.json
# segspec show FILE      every key with its default, and what each \"auto\" resolves to
# segspec preview FILE   a picture of the network's input
# segspec run FILE       add --smoke to test every stage first, --fold all for every fold
description = {description}
dataset = {dataset}
{targets}# GPU memory in GB for which \"auto\" plans patch and batch size.
memory-target-gb = 8.0

[preprocess]
# The bounding box of nonzero voxels; \"body\" for CT with much air or table around the patient.
crop = \"nonzero\"
{spacing}# By modality: CT is clipped and scaled by statistics of the dataset's labelled voxels, MR by each image's mean and SD.
intensity = \"auto\"

[augment]
{mirror}
[model.unet]
# Features, strides and kernels are \"auto\" by default: they follow from patch size and spacing.
deep-supervision = true

# Default loss: Dice plus cross-entropy.

[train]
# From memory-target-gb and the median shape. The patch is in voxels after resampling; depth 1 makes a 2D network.
patch-size = \"auto\"
batch-size = \"auto\"
# A tenth of nnU-Net's 1000 epochs of 250 steps.
epochs = 100
steps-per-epoch = 250

[train.sampling]
# Fraction of patches centred on a structure, so that small structures are sampled often enough.
foreground = 0.33

[train.optimizer.adamw]
learning-rate = 1e-3

[train.schedule.polynomial]
power = 0.9

[predict]
# true averages over flips of the mirrored axes: slower, often slightly better.
mirror = false
# Structures of which only the largest connected component is kept.
# largest-component = [{structures}]

# To compare settings: segspec runs every combination and charts them side by side.
# [sweep]
# train.optimizer.adamw.learning-rate = [1e-3, 3e-4]
# seeds = [0, 1, 2]
"
    )
}

/// The experiment that this machine can train in an hour; the full one is its base.
pub(super) fn small_toml(name: &str, small: &Small) -> String {
    let [z, y, x] = small.shape;
    let spacing = match small.spacing_mm {
        Some(spacing) => format!(
            "\n[preprocess]\n\
             # Coarser than the images, so that a small patch shows much of the body: the median image has {z}×{y}×{x} voxels.\n\
             spacing-mm = {spacing:?}\n"
        ),
        None => String::new(),
    };
    let (base, description) = (quoted(&format!("{name}.toml")), quoted("A first experiment, sized for one machine"));
    let Small { features, patch_size, batch_size, epochs, steps_per_epoch, .. } = small;
    let (step, training) = (small.step_seconds, words::duration(small.training_seconds()));
    format!(
        "#:schema schema.json
# Everything that is not stated here comes from {name}.toml, which follows nnU-Net's rules for a GPU with 8 GB.
# Sized by a measured training step on the machine where `segspec new` ran: {step:.2} s, {training} for all steps.
# `segspec bench FILE` measures again.
extends = [{base}]
description = {description}
{spacing}
[model.unet]
# A quarter of nnU-Net's width.
features = {features:?}

[train]
patch-size = {patch_size:?}
batch-size = {batch_size}
epochs = {epochs}
steps-per-epoch = {steps_per_epoch}
"
    )
}

/// The structures to segment: regions if the dataset has them.
fn targets(proposal: &Proposal, structures: &str) -> String {
    if proposal.targets.is_empty() {
        return format!(
            "# Default: every structure of the dataset. Unions from the dataset's `labels.merge` can be listed too.\n\
             # structures = [{structures}]\n"
        );
    }
    let targets: Vec<String> = proposal.targets.iter().map(|name| quoted(name)).collect();
    format!(
        "# The regions of dataset.json and structures with a name of their own.\nstructures = [{}]\n",
        targets.join(", ")
    )
}

/// Pictures without a spacing cannot be resampled to one.
fn spacing(proposal: &Proposal) -> &'static str {
    match proposal.is_flat {
        true => "# The images state no spacing, or are one slice deep: their pixels are kept.\nspacing-mm = \"keep\"\n",
        false => {
            "# nnU-Net's rule on the training cases; alternatives: [z, y, x] in mm, or \"keep\".\nspacing-mm = \"auto\"\n"
        }
    }
}

/// The mirrored axes: without the width if a structure with a side has no mirror pair.
fn mirror(proposal: &Proposal) -> String {
    let paired = |name: &str| proposal.dataset.labels.mirror_pairs.iter().flatten().any(|paired| paired == name);
    let names = proposal.dataset.structures.iter().map(|it| it.name.as_str());
    let sides: Vec<&str> = names.filter(|name| has_side(name)).collect();
    // A 2D network has no depth to mirror.
    let depth = if proposal.is_flat { "" } else { "\"depth\", " };
    if let Some(name) = sides.iter().find(|name| !paired(name)) {
        return format!(
            "# No \"width\": mirroring would move `{name}` to the other side. To add it, list left and right structures in the\n\
             # dataset's `labels.mirror-pairs`.\n\
             mirror = [{depth}\"height\"]\n"
        );
    }
    let width = match sides.is_empty() {
        true => "remove \"width\" if left and right must not be swapped",
        false => "along the width, the dataset's `labels.mirror-pairs` swap labels",
    };
    format!(
        "# Each axis is flipped with probability one half; {width}.\n\
         mirror = [{depth}\"height\", \"width\"]\n"
    )
}
