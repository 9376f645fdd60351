//! Convolutions and transposed convolutions of every kind that the architectures have.

use crate::backend::conv::{Steps, convolve, convolve_transposed};
use crate::backend::depthwise::depthwise;
use crate::selftest::bound::Arithmetic;
use crate::selftest::operation::{Operation, times};

/// Images per batch.
const BATCH: usize = 2;

/// A convolution: channels, size `[z, y, x]`, kernel, stride, padding; whether it belongs to the trial.
type Row = ([usize; 2], [usize; 3], [usize; 3], [usize; 3], [usize; 3], bool);

const CONVOLUTIONS: [Row; 17] = [
    // One and few channels, which are rewritten on GPUs; odd sizes.
    ([1, 8], [8, 16, 16], [3; 3], [1; 3], [1; 3], true),
    ([2, 16], [9, 11, 13], [3; 3], [1; 3], [1; 3], false),
    ([16, 16], [8, 16, 16], [3; 3], [1; 3], [1; 3], true),
    ([24, 8], [7, 9, 11], [3; 3], [1; 3], [1; 3], false),
    ([8, 8], [8, 10, 12], [3; 3], [1; 3], [0; 3], false),
    ([32, 32], [1, 32, 32], [1, 3, 3], [1; 3], [0, 1, 1], true),
    // Strides, whole and along some axes.
    ([16, 32], [8, 16, 16], [3; 3], [2; 3], [1; 3], true),
    ([16, 32], [9, 15, 17], [3; 3], [2; 3], [1; 3], false),
    ([8, 16], [1, 31, 33], [1, 3, 3], [1, 2, 2], [0, 1, 1], false),
    ([16, 16], [4, 12, 12], [3; 3], [1, 2, 2], [1; 3], false),
    ([16, 32], [8, 12, 12], [1; 3], [2; 3], [0; 3], false),
    // Heads, deep kernels and the patches of V-Net.
    ([16, 3], [8, 16, 16], [1; 3], [1; 3], [0; 3], true),
    ([8, 16], [6, 12, 12], [5; 3], [1; 3], [2; 3], false),
    ([8, 16], [8, 12, 12], [2; 3], [2; 3], [0; 3], false),
    // Stems of the classifier and of SegFormer, and its reduction of tokens.
    ([3, 16], [1, 33, 35], [1, 7, 7], [1, 2, 2], [0, 3, 3], false),
    ([3, 32], [1, 32, 32], [1, 7, 7], [1, 4, 4], [0, 3, 3], false),
    ([32, 32], [1, 16, 16], [1, 8, 8], [1, 8, 8], [0; 3], false),
];

/// A transposed convolution: channels, size, kernel, stride, padding, extra voxels at the end; whether it belongs to the trial.
type Enlarging = ([usize; 2], [usize; 3], [usize; 3], [usize; 3], [usize; 3], [usize; 3], bool);

const TRANSPOSED: [Enlarging; 4] = [
    ([32, 16], [4, 8, 8], [2; 3], [2; 3], [0; 3], [0; 3], true),
    ([16, 8], [1, 15, 17], [1, 2, 2], [1, 2, 2], [0; 3], [0; 3], false),
    ([16, 8], [4, 7, 9], [1, 2, 2], [1, 2, 2], [0; 3], [0; 3], false),
    // MONAI's: overlapping.
    ([16, 8], [4, 8, 8], [3; 3], [2; 3], [1; 3], [1; 3], false),
];

/// All of them.
pub fn list() -> Vec<Operation> {
    let plain = CONVOLUTIONS.into_iter().map(convolution);
    plain.chain(TRANSPOSED.into_iter().map(transposed)).chain([of_features()]).collect()
}

/// Terms of the longest sum: over channels and taps, or in the weights' gradient over the output's voxels.
fn terms(channels: [usize; 2], kernel: [usize; 3], voxels: [usize; 3]) -> usize {
    let taps: usize = kernel.iter().product();
    (channels[0].max(channels[1]) * taps).max(BATCH * voxels.iter().product::<usize>())
}

fn convolution((channels, size, kernel, stride, padding, is_critical): Row) -> Operation {
    let [input, output] = channels;
    let text = format!(
        "{input} → {output}, {}, kernel {}, stride {}, padding {}",
        times(&size),
        times(&kernel),
        times(&stride),
        times(&padding)
    );
    let [[z, y, x], [kz, ky, kx]] = [size, kernel];
    let operation = Operation::new("convolution", text, Arithmetic::sums(terms(channels, kernel, size)), move |side| {
        let (images, weights) = (side.leaf([BATCH, input, z, y, x]), side.leaf([output, input, kz, ky, kx]));
        let bias = side.leaf([output]);
        side.output(convolve(images, weights, Some(bias), Steps::new(stride, padding)));
    });
    operation.critical(is_critical)
}

fn transposed((channels, size, kernel, stride, padding, extra, is_critical): Enlarging) -> Operation {
    let [input, output] = channels;
    let text = format!("{input} → {output}, {}, kernel {}, stride {}", times(&size), times(&kernel), times(&stride));
    let [[z, y, x], [kz, ky, kx]] = [size, kernel];
    let larger = [0, 1, 2].map(|axis| size[axis] * stride[axis]);
    let arithmetic = Arithmetic::sums(terms(channels, kernel, larger));
    let operation = Operation::new("transposed convolution", text, arithmetic, move |side| {
        let (images, weights) = (side.leaf([BATCH, input, z, y, x]), side.leaf([input, output, kz, ky, kx]));
        let bias = side.leaf([output]);
        side.output(convolve_transposed(images, weights, Some(bias), Steps { stride, padding, extra }));
    });
    operation.critical(is_critical)
}

/// SegFormer's: every feature by itself. On GPUs nine products are added in the storage type.
fn of_features() -> Operation {
    let (size, features) = ([9, 11], 32);
    let text = format!("{features}, {}, kernel 3×3", times(&size));
    let [y, x] = size;
    let arithmetic = Arithmetic { stored: 18, ..Arithmetic::sums(BATCH * y * x) };
    Operation::new("depthwise convolution", text, arithmetic, move |side| {
        let (tokens, weights) = (side.leaf([BATCH, y, x, features]), side.leaf([features, 1, 3, 3]));
        let bias = side.leaf([features]);
        side.output(depthwise(tokens, weights, bias));
    })
}
