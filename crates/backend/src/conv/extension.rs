//! The kernels as operations of Burn's CPU backend, with their gradients.

use burn::backend::autodiff::Autodiff;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::flex::{Flex, FlexTensor};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, backend_extension};

use super::super::channels_last::{ChannelsLast, tensor};
use super::super::differentiable::{Gradient, contiguous, differentiable, plain, values};
use super::super::isa::Isa;
use super::super::memory::Buffer;
use super::convolution::{Convolution, channel_sums};

/// Stride and padding per axis, `[z, y, x]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Steps {
    /// Distance between the positions of the kernel.
    pub stride: [usize; 3],
    /// Zero padding on either side of the convolution's input (a transposed convolution's output).
    pub padding: [usize; 3],
    /// Voxels added at the end of a transposed convolution's output (PyTorch's `output_padding`), fewer than the stride. Strided
    /// convolutions map inputs of several sizes to outputs of one; this selects the size that the adjoint returns.
    pub extra: [usize; 3],
}

impl Steps {
    /// Without extra voxels.
    pub const fn new(stride: [usize; 3], padding: [usize; 3]) -> Self {
        Self { stride, padding, extra: [0; 3] }
    }
}

/// Convolutions in f32 over `[batch, channel, z, y, x]`.
#[backend_extension(Flex, Autodiff)]
pub trait ConvolutionBackend: Backend {
    /// Images `[batch, in, …]`, weights `[out, in, z, y, x]`, bias `[out]`.
    fn convolve(
        images: FloatTensor<Self>,
        weights: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        steps: Steps,
    ) -> FloatTensor<Self>;

    /// Images `[batch, in, …]`, weights `[in, out, z, y, x]`, bias `[out]`; output size `(size - 1) · stride + kernel - 2 · padding + extra`.
    fn convolve_transposed(
        images: FloatTensor<Self>,
        weights: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        steps: Steps,
    ) -> FloatTensor<Self>;
}

impl ConvolutionBackend for Flex {
    fn convolve(images: FlexTensor, weights: FlexTensor, bias: FlexTensor, steps: Steps) -> FlexTensor {
        let convolution = convolution(&images, &weights, steps);
        let (images, [weights, bias]) = (ChannelsLast::new(images), [weights, bias].map(contiguous));
        let shape = output_shape(&convolution);
        let mut output = Buffer::new(shape.iter().product());
        convolution.apply(Isa::detect(), images.values(), values(&weights), Some(values(&bias)), &mut output);
        tensor(output, shape)
    }

    fn convolve_transposed(images: FlexTensor, weights: FlexTensor, bias: FlexTensor, steps: Steps) -> FlexTensor {
        let convolution = transposed_convolution(&images, &weights, steps);
        let (images, [weights, bias]) = (ChannelsLast::new(images), [weights, bias].map(contiguous));
        let shape = input_shape(&convolution);
        let mut output = Buffer::new(shape.iter().product());
        convolution.apply_adjoint(Isa::detect(), images.values(), values(&weights), Some(values(&bias)), &mut output);
        tensor(output, shape)
    }
}

/// The convolution that maps such images.
fn convolution(images: &FlexTensor, weights: &FlexTensor, steps: Steps) -> Convolution {
    let ([batch, input, size @ ..], [output, expected, kernel @ ..]) = (dimensions(images), dimensions(weights));
    assert_eq!(input, expected, "a convolution's weights are for {expected} channels, its images have {input}");
    Convolution { batch, channels: [input, output], input: size, kernel, stride: steps.stride, padding: steps.padding }
}

/// The convolution whose adjoint maps such images.
fn transposed_convolution(images: &FlexTensor, weights: &FlexTensor, steps: Steps) -> Convolution {
    let ([batch, input, size @ ..], [expected, output, kernel @ ..]) = (dimensions(images), dimensions(weights));
    assert_eq!(input, expected, "a convolution's weights are for {expected} channels, its images have {input}");
    let Steps { stride, padding, extra } = steps;
    let enlarged =
        |axis: usize| (size[axis].max(1) - 1) * stride[axis] + kernel[axis] + extra[axis] - 2 * padding[axis];
    Convolution { batch, channels: [output, input], input: std::array::from_fn(enlarged), kernel, stride, padding }
}

fn dimensions(tensor: &FlexTensor) -> [usize; 5] {
    tensor.layout().shape().dims()
}

fn input_shape(convolution: &Convolution) -> [usize; 5] {
    let [z, y, x] = convolution.input;
    [convolution.batch, convolution.channels[0], z, y, x]
}

fn output_shape(convolution: &Convolution) -> [usize; 5] {
    let [z, y, x] = convolution.output();
    [convolution.batch, convolution.channels[1], z, y, x]
}

/// The backward pass of a convolution; it reads images and weights.
#[derive(Debug)]
struct ConvolveGradient(Steps);

impl Gradient<3, 2> for ConvolveGradient {
    fn gradients(
        self,
        gradient: FlexTensor,
        [images, weights]: [FlexTensor; 2],
        [of_images, of_weights, of_bias]: [bool; 3],
    ) -> [Option<FlexTensor>; 3] {
        let convolution = convolution(&images, &weights, self.0);
        let (images, weights) = (ChannelsLast::new(images), contiguous(weights));
        let (gradient, isa) = (ChannelsLast::new(gradient), Isa::detect());
        let for_weights = || {
            let mut result = vec![0.0; convolution.weights()];
            convolution.weight_gradient(isa, images.values(), gradient.values(), &mut result);
            plain(result, &dimensions(&weights))
        };
        let for_images = || {
            let shape = input_shape(&convolution);
            let mut result = Buffer::new(shape.iter().product());
            convolution.apply_adjoint(isa, gradient.values(), values(&weights), None, &mut result);
            tensor(result, shape)
        };
        let channels = convolution.channels[1];
        let for_bias = || plain(channel_sums(gradient.values(), channels), &[channels]);
        let for_weights = of_weights.then(for_weights);
        [of_images.then(for_images), for_weights, of_bias.then(for_bias)]
    }
}

/// The backward pass of a transposed convolution; it reads images and weights.
#[derive(Debug)]
struct ConvolveTransposedGradient(Steps);

impl Gradient<3, 2> for ConvolveTransposedGradient {
    fn gradients(
        self,
        gradient: FlexTensor,
        [images, weights]: [FlexTensor; 2],
        [of_images, of_weights, of_bias]: [bool; 3],
    ) -> [Option<FlexTensor>; 3] {
        let convolution = transposed_convolution(&images, &weights, self.0);
        let (images, weights) = (ChannelsLast::new(images), contiguous(weights));
        let (gradient, isa) = (ChannelsLast::new(gradient), Isa::detect());
        let for_weights = || {
            // The roles are swapped: the output of the transposed convolution is the input of its convolution.
            let mut result = vec![0.0; convolution.weights()];
            convolution.weight_gradient(isa, gradient.values(), images.values(), &mut result);
            plain(result, &dimensions(&weights))
        };
        let for_images = || {
            let shape = output_shape(&convolution);
            let mut result = Buffer::new(shape.iter().product());
            convolution.apply(isa, gradient.values(), values(&weights), None, &mut result);
            tensor(result, shape)
        };
        let channels = convolution.channels[0];
        let for_bias = || plain(channel_sums(gradient.values(), channels), &[channels]);
        let for_weights = of_weights.then(for_weights);
        [of_images.then(for_images), for_weights, of_bias.then(for_bias)]
    }
}

impl<C: CheckpointStrategy> ConvolutionBackend for Autodiff<Flex, C> {
    fn convolve(
        images: FloatTensor<Self>,
        weights: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        steps: Steps,
    ) -> FloatTensor<Self> {
        let inputs = [images, weights, bias];
        differentiable::<C, _, _>(ConvolveGradient(steps), inputs, [0, 1], |[images, weights, bias]| {
            Flex::convolve(images, weights, bias, steps)
        })
    }

    fn convolve_transposed(
        images: FloatTensor<Self>,
        weights: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        steps: Steps,
    ) -> FloatTensor<Self> {
        let inputs = [images, weights, bias];
        differentiable::<C, _, _>(ConvolveTransposedGradient(steps), inputs, [0, 1], |[images, weights, bias]| {
            Flex::convolve_transposed(images, weights, bias, steps)
        })
    }
}
