//! Normalisations over rows of every length, and the chain of operations that they are composed of on GPUs.

use burn::tensor::Tensor;

use crate::backend::norm::{Normalisation, normalise};
use crate::backend::token_norm::normalise_tokens;
use crate::selftest::bound::Arithmetic;
use crate::selftest::operation::{Operation, times};
use crate::selftest::side::Side;

/// Added to a variance.
const EPSILON: f64 = 1e-5;

/// Sizes of images with 256 to 262,144 voxels.
const SIZES: [[usize; 3]; 8] =
    [[4, 8, 8], [8, 8, 8], [8, 16, 16], [16, 16, 16], [16, 32, 32], [32, 32, 32], [32, 64, 64], [64, 64, 64]];

/// Rows up to this length have an activation behind their norm. Longer ones have none, and all their values differ, as sums of many
/// terms need it; among so many values, some would lie so near a kink that rounding decides on which side.
const WITH_ACTIVATION: usize = 16_384;

/// Rows that the trial of a device tries: a kernel that is right for short ones may be wrong for long ones, and the reverse. The longest is a
/// patch of 64³ voxels: Mesa's llvmpipe ends loops after 65,535 rounds.
const TRIED: [usize; 5] = [256, 512, 2048, 16_384, 262_144];

/// All of them.
pub fn list() -> Vec<Operation> {
    let instance = SIZES.into_iter().map(|size| norm("instance norm", [1, 4], size, |channels| channels, 0.01));
    let group = [[4, 8, 8], [8, 16, 16], [32, 32, 32]].map(|size| norm("group norm", [2, 16], size, |_| 8, 0.0));
    let batch = [[4, 8, 8], [1, 32, 32], [16, 32, 32]].map(batch_norm);
    let tokens = [(64, 32), (256, 64), (1024, 160)].map(|(count, features)| token_norm(count, features));
    let chains = SIZES.map(|[z, y, x]| chain(z * y * x));
    chains.into_iter().chain(instance).chain(group).chain(batch).chain(tokens).collect()
}

/// `k / √(mean(k²) + ε)` of rows: a reduction, a broadcast and what follows, which Burn may fuse into one kernel. In 0.22 that was wrong
/// on Vulkan for rows of 512 values and more, and right for shorter ones.
fn chain(row: usize) -> Operation {
    let operation =
        Operation::new("scaling by root mean square", format!("rows of {row}"), Arithmetic::sums(row), move |side| {
            let rows: Tensor<3> = side.distinct_leaf([1, 4, row]);
            let squares = rows.clone().square().mean_dim(2);
            side.output(rows / squares.add_scalar(EPSILON).sqrt());
        });
    operation.in_f32().critical(TRIED.contains(&row))
}

fn norm(
    name: &'static str,
    [batch, channels]: [usize; 2],
    size: [usize; 3],
    groups: fn(usize) -> usize,
    slope: f64,
) -> Operation {
    let [z, y, x] = size;
    let groups = groups(channels);
    let row = channels / groups * z * y * x;
    let text = format!("{batch}×{channels}, {}", times(&size));
    let operation = Operation::new(name, text, Arithmetic::sums(row), move |side| {
        let options = Normalisation { groups, epsilon: EPSILON, slope, over_batch: false };
        compare(side, [batch, channels, z, y, x], row, options);
    });
    operation.in_f32().critical(TRIED.contains(&row) && slope > 0.0)
}

fn batch_norm(size: [usize; 3]) -> Operation {
    const BATCH: usize = 2;
    const CHANNELS: usize = 8;
    let [z, y, x] = size;
    let text = format!("{BATCH}×{CHANNELS}, {}", times(&size));
    let operation = Operation::new("batch norm", text, Arithmetic::sums(BATCH * z * y * x), move |side| {
        let options = Normalisation { groups: CHANNELS, epsilon: EPSILON, slope: 0.0, over_batch: true };
        compare(side, [BATCH, CHANNELS, z, y, x], BATCH * z * y * x, options);
    });
    operation.in_f32()
}

/// A norm of images over rows of a length.
fn compare(side: &mut Side, shape: [usize; 5], row: usize, options: Normalisation) {
    let (images, slope) = match row <= WITH_ACTIVATION {
        true => (side.leaf(shape), options.slope),
        false => (side.distinct_leaf(shape), 1.0),
    };
    let (scale, shift) = (side.leaf([shape[1]]), side.leaf([shape[1]]));
    // Images are shifted, as convolutions shift them: their mean is no rounding error.
    side.output(normalise(images + 1.0, scale, shift, Normalisation { slope, ..options }));
}

fn token_norm(count: usize, features: usize) -> Operation {
    let operation = Operation::new(
        "layer norm",
        format!("2×{count}, {features} features"),
        Arithmetic::sums(2 * count),
        move |side| {
            let tokens = side.distinct_leaf([2, count, features]);
            let (scale, shift) = (side.leaf([features]), side.leaf([features]));
            side.output(normalise_tokens(tokens + 1.0, scale, shift));
        },
    );
    operation.in_f32().critical(count == 256)
}
