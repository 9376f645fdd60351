//! Convolution modules. Image tensors always have five dimensions; a 2D network has depth 1.

use burn::module::{Module, Param};
use burn::tensor::Tensor;

use super::Weights;
use crate::backend::Precision;
use crate::backend::conv::{Steps, convolve, convolve_transposed};
use crate::graph::{Array, Convolution, Graph, Images};

/// A convolution with zero padding of half a kernel: the size is preserved, except for division by the stride.
///
/// Input `[batch, in, depth, height, width]`, output `[batch, out, ⌈depth/stride⌉, …]`. Weights are `[out, in, z, y, x]`
/// for 2D networks too (z = 1), so that a 2D network is a 3D network of depth 1, weight for weight.
#[derive(Module, Debug)]
pub struct Conv {
    weight: Param<Tensor<5>>,
    bias: Option<Param<Tensor<1>>>,
    stride: [usize; 3],
    padding: [usize; 3],
    #[module(skip)]
    precision: Precision,
}

impl Conv {
    /// A convolution with PyTorch's default initial weights.
    pub fn new(channels: [usize; 2], kernel: [usize; 3], stride: [usize; 3], weights: &mut Weights) -> Self {
        let padding = kernel.map(|edge| edge / 2);
        let fan_in = channels[0] * kernel.iter().product::<usize>();
        let bare = Self::bare(channels, kernel, Steps::new(stride, padding), weights);
        Self { bias: Some(weights.convolution([channels[1]], fan_in)), ..bare }
    }

    /// The same without a bias.
    pub fn without_bias(channels: [usize; 2], kernel: [usize; 3], stride: [usize; 3], weights: &mut Weights) -> Self {
        Self::bare(channels, kernel, Steps::new(stride, kernel.map(|edge| edge / 2)), weights)
    }

    /// A convolution over non-overlapping blocks of `factor` voxels: divides the size by the factor, no padding.
    pub fn patchify(channels: [usize; 2], factor: [usize; 3], bias: bool, weights: &mut Weights) -> Self {
        let fan_in = channels[0] * factor.iter().product::<usize>();
        let bare = Self::bare(channels, factor, Steps::new(factor, [0; 3]), weights);
        Self { bias: bias.then(|| weights.convolution([channels[1]], fan_in)), ..bare }
    }

    fn bare([input, output]: [usize; 2], kernel: [usize; 3], steps: Steps, weights: &mut Weights) -> Self {
        let fan_in = input * kernel.iter().product::<usize>();
        let weight = weights.convolution([output, input, kernel[0], kernel[1], kernel[2]], fan_in);
        let Steps { stride, padding, .. } = steps;
        Self { weight, bias: None, stride, padding, precision: weights.precision() }
    }

    /// Applies the convolution.
    ///
    /// # Panics
    /// The images are not in the network's precision.
    pub fn forward(&self, images: Tensor<5>) -> Tensor<5> {
        self.precision.expect(&images, "a convolution");
        let weight = self.precision.cast(self.weight.val());
        let bias = self.bias.as_ref().map(|bias| self.precision.cast(bias.val()));
        convolve(images, weight, bias, Steps::new(self.stride, self.padding))
    }

    /// Weights `[out, in, z, y, x]`.
    pub fn weight(&self) -> Tensor<5> {
        self.weight.val()
    }

    /// Averages blocks of `factor` voxels, then applies the convolution, whose kernel and stride must be 1; computed as one
    /// convolution over blocks. Sizes must be divisible by the factor.
    ///
    /// # Panics
    /// The images are not in the network's precision.
    pub fn forward_pooled(&self, images: Tensor<5>, factor: [usize; 3]) -> Tensor<5> {
        self.precision.expect(&images, "a convolution");
        let weight = spread(self.weight.val(), factor);
        let bias = self.bias.as_ref().map(|bias| self.precision.cast(bias.val()));
        convolve(images, self.precision.cast(weight), bias, Steps::new(factor, [0; 3]))
    }
}

impl Conv {
    /// Traces the convolution.
    pub fn trace(&self, graph: &mut Graph, images: &Images) -> Images {
        let convolution = Convolution {
            weight: Array::of(self.weight.val()),
            bias: self.bias.as_ref().map(|bias| Array::of(bias.val())),
            stride: self.stride,
            padding: self.padding,
            extra: [0; 3],
            groups: 1,
        };
        graph.conv(images, convolution)
    }
}

/// Spreads weights `[out, in, 1, 1, 1]` evenly over the voxels of a block.
fn spread(weight: Tensor<5>, factor: [usize; 3]) -> Tensor<5> {
    let voxels = factor.iter().product::<usize>() as f64;
    weight.div_scalar(voxels).repeat(&[1, 1, factor[0], factor[1], factor[2]])
}

/// Average pooling over non-overlapping blocks of `factor` voxels; sizes must be divisible by the factor.
pub fn means(images: Tensor<5>, factor: [usize; 3], precision: Precision) -> Tensor<5> {
    let channels = images.dims()[1];
    let identity = Tensor::<2>::eye(channels, &images.device()).reshape([channels, channels, 1, 1, 1]);
    convolve(images, precision.cast(spread(identity, factor)), None, Steps::new(factor, [0; 3]))
}

/// A transposed convolution that upsamples by its stride.
#[derive(Module, Debug)]
pub struct Upsample {
    weight: Param<Tensor<5>>,
    bias: Param<Tensor<1>>,
    stride: [usize; 3],
    padding: [usize; 3],
    extra: [usize; 3],
    #[module(skip)]
    precision: Precision,
}

impl Upsample {
    /// Upsamples by `stride` along each axis with a kernel of the same size; weights `[in, out, z, y, x]`, PyTorch's default
    /// initialisation.
    pub fn new(channels: [usize; 2], stride: [usize; 3], weights: &mut Weights) -> Self {
        Self::with_steps(channels, stride, Steps::new(stride, [0; 3]), weights)
    }

    /// Upsamples by `stride` with an overlapping kernel, padded as in MONAI: kernel 3 and stride 2 have padding 1 and output padding 1.
    /// Along axes where the kernel is shorter than the stride, it is extended to the stride.
    pub fn overlapping(channels: [usize; 2], kernel: [usize; 3], stride: [usize; 3], weights: &mut Weights) -> Self {
        let kernel = [0, 1, 2].map(|axis| kernel[axis].max(stride[axis]));
        let padding = kernel.map(|edge| (edge - 1) / 2);
        let extra = [0, 1, 2].map(|axis| stride[axis] + 2 * padding[axis] - kernel[axis]);
        Self::with_steps(channels, kernel, Steps { stride, padding, extra }, weights)
    }

    fn with_steps([input, output]: [usize; 2], kernel: [usize; 3], steps: Steps, weights: &mut Weights) -> Self {
        // PyTorch takes the fan-in from the second dimension, which is the output of a transposed convolution.
        let fan_in = output * kernel.iter().product::<usize>();
        let weight = weights.convolution([input, output, kernel[0], kernel[1], kernel[2]], fan_in);
        let Steps { stride, padding, extra } = steps;
        let bias = weights.convolution([output], fan_in);
        Self { weight, bias, stride, padding, extra, precision: weights.precision() }
    }

    /// Applies the transposed convolution.
    ///
    /// # Panics
    /// The images are not in the network's precision.
    pub fn forward(&self, images: Tensor<5>) -> Tensor<5> {
        self.precision.expect(&images, "a transposed convolution");
        let (weight, bias) = (self.precision.cast(self.weight.val()), Some(self.precision.cast(self.bias.val())));
        let Self { stride, padding, extra, .. } = *self;
        convolve_transposed(images, weight, bias, Steps { stride, padding, extra })
    }

    /// Traces the transposed convolution.
    pub fn trace(&self, graph: &mut Graph, images: &Images) -> Images {
        let convolution = Convolution {
            weight: Array::of(self.weight.val()),
            bias: Some(Array::of(self.bias.val())),
            stride: self.stride,
            padding: self.padding,
            extra: self.extra,
            groups: 1,
        };
        graph.conv_transposed(images, convolution)
    }
}
