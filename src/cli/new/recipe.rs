//! The experiment that `segspec new` proposes: nnU-Net's planning with a schedule that fits one machine, every choice
//! explained where it stands.

use super::quoted;
use crate::dataset::{Proposal, mirror::has_side};

/// The experiment file of a proposal, for the dataset `name`.
pub(super) fn experiment_toml(name: &str, proposal: &Proposal) -> String {
    let structures: Vec<String> = proposal.dataset.structures.iter().map(|it| quoted(&it.name)).collect();
    let description = format!("{} structures, planned from the data", structures.len());
    let (dataset, description, mirror) = (quoted(name), quoted(&description), mirror(proposal));
    let structures = structures.join(", ");
    format!(
        "#:schema schema.json
# segspec show FILE      every key with its default, and what each \"auto\" becomes
# segspec preview FILE   what the network will see
# segspec run FILE       add --smoke to try every stage first, --fold all for every fold
description = {description}
dataset = {dataset}
# Left out: every structure of the dataset. `labels.merge` of the dataset names unions of them.
# structures = [{structures}]
# GPU memory in GB that \"auto\" plans patch and batch for.
memory-target-gb = 8.0

[preprocess]
# The box around voxels that are not zero; \"body\" for CT with much air or table around the patient.
crop = \"nonzero\"
# nnU-Net's rule on the training cases; else [z, y, x] in mm, or \"keep\".
spacing-mm = \"auto\"
# By modality: CT is clipped and scaled by the labelled voxels of the dataset, MR by mean and deviation of each image.
intensity = \"auto\"

[augment]
{mirror}
[model.unet]
# Widths, depth and kernels follow from patch and spacing: features, strides, kernels = \"auto\".
deep-supervision = true

# The loss is left out: Dice and cross-entropy.

[train]
# Both in voxels of the prepared grid, from memory-target-gb and the median shape; depth 1 makes a 2D network.
patch-size = \"auto\"
batch-size = \"auto\"
# nnU-Net trains 1000 epochs of 250 steps; this is a tenth of it.
epochs = 100
steps-per-epoch = 250

[train.sampling]
# A third of the patches is centred on a structure, so that small ones are seen.
foreground = 0.33

[train.optimizer.adamw]
learning-rate = 1e-3

[train.schedule.polynomial]
power = 0.9

[predict]
# true averages over the flips of the mirrored axes: slower, often a little better.
mirror = false
# Structures of which only the largest connected piece is kept.
# largest-component = [{structures}]

# Replaces the epochs above by a comparison: segspec runs every combination and charts them side by side.
# [sweep]
# train.optimizer.adamw.learning-rate = [1e-3, 3e-4]
# seeds = [0, 1, 2]
"
    )
}

/// Left and right must not be exchanged where structures have a side and no partner on the other.
fn mirror(proposal: &Proposal) -> String {
    let paired = |name: &str| proposal.dataset.labels.mirror_pairs.iter().flatten().any(|paired| paired == name);
    let names = proposal.dataset.structures.iter().map(|it| it.name.as_str());
    let sides: Vec<&str> = names.filter(|name| has_side(name)).collect();
    if let Some(name) = sides.iter().find(|name| !paired(name)) {
        return format!(
            "# Not along the width: `{name}` has a side, and a mirrored patient has the other. Name such structures in the dataset's\n\
             # `labels.mirror-pairs`, and \"width\" can be added.\n\
             mirror = [\"depth\", \"height\"]\n"
        );
    }
    let width = match sides.is_empty() {
        true => "leave out \"width\" where left and right must not be exchanged",
        false => "along the width, `labels.mirror-pairs` of the dataset change places",
    };
    format!(
        "# Each axis is flipped with probability one half; {width}.\n\
         mirror = [\"depth\", \"height\", \"width\"]\n"
    )
}
