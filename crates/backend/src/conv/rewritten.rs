//! Convolutions that are slow in Burn 0.22 on GPUs, rewritten as equal ones that are fast. Burn uses matrix units for convolutions of
//! stride 1 with many channels, forward and backward. Gradients of strided convolutions, transposed convolutions and convolutions of
//! one channel are computed voxel by voxel, with sums in the storage precision
//! (<https://github.com/tracel-ai/burn/issues/5792>: a tenth of the speed).

use burn::tensor::Tensor;

use super::axis::output_size;
use super::{Steps, by_burn};

/// With fewer channels, taps become channels: matrix units take this many at once in 16 bits.
const ENOUGH_CHANNELS: usize = 8;

/// See [`super::convolve`].
pub fn convolve(images: Tensor<5>, weights: Tensor<5>, bias: Option<Tensor<1>>, steps: Steps) -> Tensor<5> {
    let (images, weights, steps) = match steps.stride {
        [1, 1, 1] => (images, weights, steps),
        _ => cells(images, weights, steps),
    };
    let (images, weights, steps) = (0..3).fold((images, weights, steps), taps_as_channels);
    by_burn::convolve(images, weights, bias, steps)
}

/// See [`super::convolve_transposed`].
pub fn convolve_transposed(images: Tensor<5>, weights: Tensor<5>, bias: Option<Tensor<1>>, steps: Steps) -> Tensor<5> {
    let [_, _, z, y, x] = weights.dims();
    match steps == Steps::new([z, y, x], [0; 3]) {
        true => enlarge(images, weights, bias),
        false => by_burn::convolve_transposed(images, weights, bias, steps),
    }
}

/// A transposed convolution whose kernel equals its stride: a 1×1×1 convolution with one output channel per output voxel of a cell,
/// followed by a rearrangement of channels into space.
fn enlarge(images: Tensor<5>, weights: Tensor<5>, bias: Option<Tensor<1>>) -> Tensor<5> {
    let ([batch, _, z, y, x], [input, output, by_z, by_y, by_x]) = (images.dims(), weights.dims());
    let cell = by_z * by_y * by_x;
    let weights = weights.reshape([input, output * cell, 1, 1, 1]).swap_dims(0, 1);
    let bias = bias.map(|bias| bias.reshape([output, 1]).repeat_dim(1, cell).reshape([output * cell]));
    let cells = by_burn::convolve(images, weights, bias, Steps::new([1; 3], [0; 3]));
    let apart: Tensor<8> = cells.reshape([batch, output, by_z, by_y, by_x, z, y, x]);
    apart.permute([0, 1, 5, 2, 6, 3, 7, 4]).reshape([batch, output, z * by_z, y * by_y, x * by_x])
}

/// A strided convolution: each cell of stride³ voxels becomes one voxel with as many channels, over which runs a convolution of stride 1
/// with just enough taps to cover the kernel. A kernel that its stride does not divide gets zero taps (3³ with stride 2 multiplies 64
/// values instead of 27), and where the kernel is smaller than its stride, unread voxels are dropped.
fn cells(images: Tensor<5>, weights: Tensor<5>, steps: Steps) -> (Tensor<5>, Tensor<5>, Steps) {
    let ([batch, channels, input @ ..], [outputs, _, kernel @ ..]) = (images.dims(), weights.dims());
    let Steps { stride, mut padding, .. } = steps;
    let taps: [usize; 3] = std::array::from_fn(|axis| kernel[axis].div_ceil(stride[axis]));
    let used: [usize; 3] = std::array::from_fn(|axis| kernel[axis].min(stride[axis]));
    let (mut images, mut count) = (images, input);
    for axis in (0..3).filter(|&axis| stride[axis] > 1) {
        count[axis] = output_size(input[axis], kernel[axis], stride[axis], padding[axis]) + taps[axis] - 1;
        images = fit(images, axis, padding[axis], count[axis] * stride[axis]);
        padding[axis] = 0;
    }
    let [[z, y, x], [by_z, by_y, by_x], [of_z, of_y, of_x]] = [count, stride, used];
    let apart: Tensor<8> = images.reshape([batch, channels, z, by_z, y, by_y, x, by_x]);
    let apart = apart.slice([0..batch, 0..channels, 0..z, 0..of_z, 0..y, 0..of_y, 0..x, 0..of_x]);
    let cell = of_z * of_y * of_x;
    let images = apart.permute([0, 1, 3, 5, 7, 2, 4, 6]).reshape([batch, channels * cell, z, y, x]);

    let [tz, ty, tx] = taps;
    let missing = |axis: usize| taps[axis] * used[axis] - kernel[axis];
    let weights = (0..3).fold(weights, |weights, axis| between_zeros(weights, axis, [0, missing(axis)]));
    let apart: Tensor<8> = weights.reshape([outputs, channels, tz, of_z, ty, of_y, tx, of_x]);
    let weights = apart.permute([0, 1, 3, 5, 7, 2, 4, 6]).reshape([outputs, channels * cell, tz, ty, tx]);
    (images, weights, Steps::new([1; 3], padding))
}

/// Images with an axis padded in front, and padded or cropped at the end to `size` voxels.
fn fit(images: Tensor<5>, axis: usize, front: usize, size: usize) -> Tensor<5> {
    let kept = images.dims()[axis + 2].min(size.saturating_sub(front));
    between_zeros(images.narrow(axis + 2, 0, kept), axis, [front, size - front - kept])
}

/// A tensor with zeros before it and behind it along an axis. Burn's `pad` makes its whole result on the CPU and sends it to the device where
/// gradients are recorded, because Burn 0.22's autodiff does not pass `float_full` on.
fn between_zeros(tensor: Tensor<5>, axis: usize, [before, behind]: [usize; 2]) -> Tensor<5> {
    let zeros = |count: usize| {
        let mut shape = tensor.dims();
        shape[axis + 2] = count;
        (count > 0).then(|| Tensor::zeros(shape, (&tensor.device(), tensor.dtype())))
    };
    let (before, behind) = (zeros(before), zeros(behind));
    match (&before, &behind) {
        (None, None) => tensor,
        _ => Tensor::cat(before.into_iter().chain([tensor]).chain(behind).collect(), axis + 2),
    }
}

/// A convolution of few channels with stride 1: along one axis, taps become channels that hold shifted copies of the images.
fn taps_as_channels(
    (images, weights, mut steps): (Tensor<5>, Tensor<5>, Steps),
    axis: usize,
) -> (Tensor<5>, Tensor<5>, Steps) {
    let [outputs, channels, kernel @ ..] = weights.dims();
    let taps = kernel[axis];
    if taps == 1 || channels >= ENOUGH_CHANNELS {
        return (images, weights, steps);
    }
    let front = std::mem::take(&mut steps.padding[axis]);
    let size = images.dims()[axis + 2] + 2 * front;
    let padded = fit(images, axis, front, size);
    let shifted = (0..taps).map(|tap| padded.clone().narrow(axis + 2, tap, size + 1 - taps)).collect();

    let mut order = [0, 1, 2, 3, 4];
    order[1..=axis + 2].rotate_right(1);
    let mut shape = [outputs, taps * channels, kernel[0], kernel[1], kernel[2]];
    shape[axis + 2] = 1;
    (Tensor::cat(shifted, 1), weights.permute(order.map(|axis| axis as isize)).reshape(shape), steps)
}
