//! The passes as an operation of Burn's CPU backend, with its gradient.

use burn::backend::autodiff::Autodiff;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::flex::{Flex, FlexTensor};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, backend_extension};
use burn::tensor::TensorData;

use super::super::channels_last::{ChannelsLast, tensor};
use super::super::differentiable::{Gradient, differentiable, plain, values};
use super::super::isa::Isa;
use super::super::memory::Buffer;
use super::Normalisation;
use super::kernel::{self, Shape, Statistics};

/// Normalisation in f32 over `[batch, channel, z, y, x]`.
#[backend_extension(Flex, Autodiff)]
pub trait NormalisationBackend: Backend {
    /// Images, scale `[channel]`, shift `[channel]`.
    fn normalise(
        images: FloatTensor<Self>,
        scale: FloatTensor<Self>,
        shift: FloatTensor<Self>,
        options: Normalisation,
    ) -> FloatTensor<Self>;

    /// Mean and biased variance of each channel over all images, `[2, channel]`, without a gradient.
    fn moments(images: FloatTensor<Self>) -> FloatTensor<Self>;

    /// Images, factor `[channel]`, offset `[channel]`, slope of negative values; without a gradient.
    fn scaled(
        images: FloatTensor<Self>,
        factor: FloatTensor<Self>,
        offset: FloatTensor<Self>,
        slope: f64,
    ) -> FloatTensor<Self>;
}

impl NormalisationBackend for Flex {
    fn normalise(images: FlexTensor, scale: FlexTensor, shift: FlexTensor, options: Normalisation) -> FlexTensor {
        let images = ChannelsLast::new(images);
        let statistics = statistics(&images, options);
        apply(&statistics, &images, [&scale, &shift], options)
    }

    fn moments(images: FlexTensor) -> FlexTensor {
        let images = ChannelsLast::new(images);
        let [mean, variance] = kernel::moments_of(Isa::detect(), images.values(), shape(&images, true));
        let channels = mean.len();
        FlexTensor::from_data(TensorData::new([mean, variance].concat(), [2, channels]))
    }

    fn scaled(images: FlexTensor, factor: FlexTensor, offset: FlexTensor, slope: f64) -> FlexTensor {
        let images = ChannelsLast::new(images);
        let mut output = Buffer::new(images.values().len());
        let [factor, offset] = [factor.to_contiguous(), offset.to_contiguous()];
        let line = [values(&factor), values(&offset)];
        kernel::scale(Isa::detect(), images.values(), shape(&images, true), line, slope as f32, &mut output);
        tensor(output, images.dimensions())
    }
}

/// Whether each image has its own statistics, or all share them.
fn shape(images: &ChannelsLast, over_batch: bool) -> Shape {
    let [batch, channels, z, y, x] = images.dimensions();
    Shape { voxels: z * y * x * if over_batch { batch } else { 1 }, channels }
}

fn statistics(images: &ChannelsLast, options: Normalisation) -> Statistics {
    Statistics::new(Isa::detect(), images.values(), shape(images, options.over_batch), options)
}

fn apply(
    statistics: &Statistics,
    images: &ChannelsLast,
    parameters: [&FlexTensor; 2],
    options: Normalisation,
) -> FlexTensor {
    let dimensions = images.dimensions();
    let mut output = Buffer::new(dimensions.iter().product());
    let parameters = parameters.map(values);
    let shape = shape(images, options.over_batch);
    statistics.apply(Isa::detect(), images.values(), shape, parameters, options.slope as f32, &mut output);
    tensor(output, dimensions)
}

/// The backward pass; it reads images, scale and shift.
#[derive(Debug)]
struct NormaliseGradient {
    statistics: Statistics,
    options: Normalisation,
}

impl Gradient<3, 3> for NormaliseGradient {
    fn gradients(
        self,
        gradient: FlexTensor,
        [images, scale, shift]: [FlexTensor; 3],
        _: [bool; 3],
    ) -> [Option<FlexTensor>; 3] {
        let images = ChannelsLast::new(images);
        let mut gradient = ChannelsLast::new(gradient).into_own();
        let parameters = [values(&scale), values(&shift)];
        let (isa, shape) = (Isa::detect(), shape(&images, self.options.over_batch));
        let own = gradient.own_values().expect("values of its own");
        let found = self.statistics.gradients(isa, images.values(), shape, parameters, self.options, own);
        let [of_scale, of_shift] = found.map(|values| {
            let channels = values.len();
            Some(plain(values, &[channels]))
        });
        [Some(gradient.into_tensor()), of_scale, of_shift]
    }
}

impl<C: CheckpointStrategy> NormalisationBackend for Autodiff<Flex, C> {
    fn normalise(
        images: FloatTensor<Self>,
        scale: FloatTensor<Self>,
        shift: FloatTensor<Self>,
        options: Normalisation,
    ) -> FloatTensor<Self> {
        let seen = ChannelsLast::new(images.primitive().clone());
        let statistics = statistics(&seen, options);
        let gradient = NormaliseGradient { statistics: statistics.clone(), options };
        differentiable::<C, _, _>(gradient, [images, scale, shift], [0, 1, 2], |[_, scale, shift]| {
            apply(&statistics, &seen, [&scale, &shift], options)
        })
    }

    fn moments(images: FloatTensor<Self>) -> FloatTensor<Self> {
        FloatTensor::<Self>::new(Flex::moments(images.into_primitive()))
    }

    fn scaled(
        images: FloatTensor<Self>,
        factor: FloatTensor<Self>,
        offset: FloatTensor<Self>,
        slope: f64,
    ) -> FloatTensor<Self> {
        let [images, factor, offset] = [images, factor, offset].map(|tensor| tensor.into_primitive());
        FloatTensor::<Self>::new(Flex::scaled(images, factor, offset, slope))
    }
}
