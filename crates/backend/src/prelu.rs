//! PReLU (He 2015): negative values are multiplied by a learnt slope. On the CPU in one pass forward and one backward; elsewhere
//! Burn's operations.

use burn::backend::autodiff::Autodiff;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::flex::{Flex, FlexTensor};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, Dispatch, backend_extension};
use burn::tensor::{Tensor, activation};
use rayon::prelude::*;

use super::channels_last::{ChannelsLast, tensor};
use super::differentiable::{Gradient, contiguous, differentiable, plain, values};
use super::isa::{Isa, vectorised};
use super::memory::Buffer;

/// Elements per task. A constant, because the order of summation must not depend on the machine.
const TASK: usize = 1 << 14;

/// Length of the slopes in an inner loop: those of few channels are repeated.
const WIDTH: usize = 64;

/// `max(x, 0) + slope · min(x, 0)` of images `[batch, channel, z, y, x]`, with one slope or one for each channel.
///
/// # Panics
/// The number of slopes is neither 1 nor that of the channels.
pub fn prelu(images: Tensor<5>, slopes: Tensor<1>) -> Tensor<5> {
    if !super::has_own_kernels(&images) || !super::has_own_kernels(&slopes) {
        return by_burn(images, slopes);
    }
    Tensor::from_dispatch(Dispatch::prelu_of_images(images.into_dispatch(), slopes.into_dispatch()))
}

/// As [`prelu`] with one fixed slope; 0 is ReLU.
pub fn leaky_relu(images: Tensor<5>, slope: f64) -> Tensor<5> {
    match super::has_own_kernels(&images) {
        true => {
            let slope = Tensor::full([1], slope, &images.device());
            prelu(images, slope)
        }
        false if slope == 0.0 => activation::relu(images),
        false => activation::leaky_relu(images, slope),
    }
}

fn by_burn(images: Tensor<5>, slopes: Tensor<1>) -> Tensor<5> {
    let count = slopes.dims()[0];
    let below = activation::relu(images.clone().neg()) * slopes.reshape([1, count, 1, 1, 1]);
    activation::relu(images) - below
}

/// PReLU in f32.
#[backend_extension(Flex, Autodiff)]
pub trait PreluBackend: Backend {
    /// Images `[batch, channel, z, y, x]`, slopes `[1]` or `[channel]`.
    fn prelu_of_images(images: FloatTensor<Self>, slopes: FloatTensor<Self>) -> FloatTensor<Self>;
}

impl PreluBackend for Flex {
    fn prelu_of_images(images: FlexTensor, slopes: FlexTensor) -> FlexTensor {
        let (images, slopes) = (ChannelsLast::new(images), contiguous(slopes));
        let slopes = repeated(values(&slopes), images.dimensions()[1]);
        let mut output = Buffer::new(images.values().len());
        let task = task(slopes.len());
        output.par_chunks_mut(task).zip(images.values().par_chunks(task)).for_each(|(output, images)| {
            forward(Isa::detect(), images, &slopes, output);
        });
        tensor(output, images.dimensions())
    }
}

impl<C: CheckpointStrategy> PreluBackend for Autodiff<Flex, C> {
    fn prelu_of_images(images: FloatTensor<Self>, slopes: FloatTensor<Self>) -> FloatTensor<Self> {
        differentiable::<C, _, _>(PreluGradient, [images, slopes], [0, 1], |[images, slopes]| {
            Flex::prelu_of_images(images, slopes)
        })
    }
}

/// Slopes of consecutive voxels.
fn repeated(slopes: &[f32], channels: usize) -> Vec<f32> {
    assert!(slopes.len() == 1 || slopes.len() == channels, "{} slopes for {channels} channels", slopes.len());
    let voxels = WIDTH.div_ceil(channels.max(1));
    (0..voxels * channels).map(|index| slopes[index % slopes.len()]).collect()
}

fn task(width: usize) -> usize {
    (TASK / width.max(1)).max(1) * width.max(1)
}

#[derive(Debug)]
struct PreluGradient;

impl Gradient<2, 2> for PreluGradient {
    fn gradients(
        self,
        gradient: FlexTensor,
        [images, slopes]: [FlexTensor; 2],
        _: [bool; 2],
    ) -> [Option<FlexTensor>; 2] {
        let (images, slopes) = (ChannelsLast::new(images), contiguous(slopes));
        let mut gradient = ChannelsLast::new(gradient).into_own();
        let count = values(&slopes).len();
        let wide = repeated(values(&slopes), images.dimensions()[1]);
        let task = task(wide.len());
        let own = gradient.own_values().expect("values of its own");
        let parts = own.par_chunks_mut(task).zip(images.values().par_chunks(task)).map(|(gradient, images)| {
            let mut sums = vec![0.0; wide.len()];
            backward(Isa::detect(), images, &wide, gradient, &mut sums);
            sums
        });
        let mut totals = vec![0.0; count];
        for part in parts.collect::<Vec<_>>() {
            for (index, sum) in part.into_iter().enumerate() {
                totals[index % count] += f64::from(sum);
            }
        }
        let of_slopes = plain(totals.into_iter().map(|total| total as f32).collect(), &[count]);
        [Some(gradient.into_tensor()), Some(of_slopes)]
    }
}

vectorised! {
    fn forward(images: &[f32], slopes: &[f32], output: &mut [f32]) {
        for (images, output) in images.chunks(slopes.len()).zip(output.chunks_mut(slopes.len())) {
            for ((output, &value), slope) in output.iter_mut().zip(images).zip(slopes) {
                *output = if value > 0.0 { value } else { value * slope };
            }
        }
    }
}

vectorised! {
    /// Turns the gradient of the output into that of the input, and sums that of the slopes.
    fn backward(images: &[f32], slopes: &[f32], gradient: &mut [f32], sums: &mut [f32]) {
        for (images, gradient) in images.chunks(slopes.len()).zip(gradient.chunks_mut(slopes.len())) {
            for ((gradient, &value), (slope, sum)) in gradient.iter_mut().zip(images).zip(slopes.iter().zip(sums.iter_mut())) {
                let below = if value > 0.0 { 0.0 } else { value };
                *sum += below * *gradient;
                *gradient *= if value > 0.0 { 1.0 } else { *slope };
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use segspec_testing::{assert_alike, differentiated, drawn_leaf};

    #[test]
    fn values_and_gradients_are_burns() {
        for ([batch, channels], size) in
            [([2, 3], [2, 3, 4]), ([1, 32], [1, 5, 7]), ([2, 80], [9, 11, 3]), ([1, 1], [30, 30, 30])]
        {
            let [z, y, x] = size;
            for count in [1, channels] {
                let (images, slopes) =
                    (drawn_leaf("images", [batch, channels, z, y, x]), drawn_leaf("slopes", [count]));
                let by = |operation: fn(Tensor<5>, Tensor<1>) -> Tensor<5>| {
                    let output = || operation(images.clone(), slopes.clone());
                    [differentiated(output(), &[&images]), differentiated(output(), &[&slopes])].concat()
                };
                assert_alike(&by(prelu), &by(by_burn), 1e-5);
            }
            for slope in [0.0, 0.01] {
                let images = drawn_leaf("images", [batch, channels, z, y, x]);
                let ours = differentiated(leaky_relu(images.clone(), slope), &[&images]);
                let burns = differentiated(activation::leaky_relu(images.clone(), slope), &[&images]);
                assert_alike(&ours, &burns, 1e-6);
            }
        }
    }
}
