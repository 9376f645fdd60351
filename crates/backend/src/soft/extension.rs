//! The passes as operations of Burn's CPU backend, with their gradient.

use burn::backend::autodiff::Autodiff;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::flex::{Flex, FlexTensor, Layout};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, backend_extension};
use burn::tensor::{DType, Shape, TensorData};

use super::super::channels_last;
use super::super::differentiable::{Gradient, contiguous, differentiable, values};
use super::super::isa::Isa;
use super::super::memory::Buffer;
use super::kernel::{self, Images, Order, SUMS, Truth};

/// Probabilities, their sums and log-likelihoods in f32, from logits `[batch, channel, z, y, x]`.
#[backend_extension(Flex, Autodiff)]
pub trait SoftBackend: Backend {
    /// Sums `[4, batch, channel]`; the truth is `[batch, 1, z, y, x]` with class numbers, or masks of the logits' shape.
    fn sums(logits: FloatTensor<Self>, truth: FloatTensor<Self>, overlapping: bool) -> FloatTensor<Self>;

    /// Weighted log-likelihoods, `[batch, 1, z, y, x]` for class numbers, else of the logits' shape. Weights `[2, channel]`: inside and
    /// outside the channel's structure.
    fn likelihoods(
        logits: FloatTensor<Self>,
        truth: FloatTensor<Self>,
        weights: FloatTensor<Self>,
        overlapping: bool,
    ) -> FloatTensor<Self>;

    /// Probabilities of the logits' shape, without a gradient.
    fn probabilities(logits: FloatTensor<Self>, overlapping: bool) -> FloatTensor<Self>;
}

/// A tensor whose values are stored in an order that the kernels know.
struct Ordered {
    /// Contiguous in that order.
    tensor: FlexTensor,
    order: Order,
    /// `[batch, channel, z, y, x]`
    dimensions: [usize; 5],
}

impl Ordered {
    fn new(tensor: FlexTensor) -> Self {
        let dimensions = tensor.layout().shape().dims();
        let contiguous = |tensor: &FlexTensor| tensor.as_slice::<f32>().is_some();
        if contiguous(&tensor) {
            return Self { tensor, order: Order::ChannelsFirst, dimensions };
        }
        let layout = tensor.layout().permute(&channels_last::TO_VALUES);
        let last = tensor.clone().with_layout(layout);
        match contiguous(&last) {
            true => Self { tensor: last, order: Order::ChannelsLast, dimensions },
            false => Self { tensor: tensor.to_contiguous(), order: Order::ChannelsFirst, dimensions },
        }
    }

    fn images(&self) -> Images<'_> {
        let [_, channels, z, y, x] = self.dimensions;
        let values = self.tensor.as_slice().expect("contiguous f32 values");
        Images { values, order: self.order, channels, voxels: z * y * x }
    }

    fn truth(&self, overlapping: bool) -> Truth<'_> {
        match overlapping {
            true => Truth::Masks(self.images()),
            false => Truth::Classes(self.images().values),
        }
    }
}

fn assert_same_shape(logits: &Ordered, truth: &Ordered, overlapping: bool) {
    let [batch, channels, size @ ..] = logits.dimensions;
    let expected = if overlapping { channels } else { 1 };
    let [images, planes, truth_size @ ..] = truth.dimensions;
    assert_eq!((images, planes, truth_size), (batch, expected, size), "the truth has the shape of the logits");
}

/// Weights inside and outside a channel's structure.
fn two_rows(weights: &FlexTensor) -> [&[f32]; 2] {
    let weights = values(weights);
    let (of_true, of_other) = weights.split_at(weights.len() / 2);
    [of_true, of_other]
}

/// Sums of ordered tensors.
fn sums(logits: &Ordered, truth: &Ordered, overlapping: bool) -> FlexTensor {
    assert_same_shape(logits, truth, overlapping);
    let [batch, channels, ..] = logits.dimensions;
    let sums = kernel::sums(Isa::detect(), logits.images(), truth.truth(overlapping));
    FlexTensor::from_data(TensorData::new(sums, [SUMS, batch, channels]))
}

impl SoftBackend for Flex {
    fn sums(logits: FlexTensor, truth: FlexTensor, overlapping: bool) -> FlexTensor {
        sums(&Ordered::new(logits), &Ordered::new(truth), overlapping)
    }

    fn likelihoods(logits: FlexTensor, truth: FlexTensor, weights: FlexTensor, overlapping: bool) -> FlexTensor {
        let (logits, truth, weights) = (Ordered::new(logits), Ordered::new(truth), weights.to_contiguous());
        assert_same_shape(&logits, &truth, overlapping);
        let dimensions = truth.dimensions;
        let mut output = Buffer::new(dimensions.iter().product());
        let (images, rows) = (logits.images(), two_rows(&weights));
        kernel::likelihoods(Isa::detect(), images, truth.truth(overlapping), rows, &mut output);
        FlexTensor::new(output.into_bytes(), Layout::contiguous(Shape::from(dimensions)), DType::F32)
    }

    fn probabilities(logits: FlexTensor, overlapping: bool) -> FlexTensor {
        let logits = Ordered::new(logits);
        let dimensions = logits.dimensions;
        let mut output = Buffer::new(dimensions.iter().product());
        kernel::probabilities(Isa::detect(), logits.images(), !overlapping, &mut output);
        FlexTensor::new(output.into_bytes(), Layout::contiguous(Shape::from(dimensions)), DType::F32)
    }
}

/// The backward pass; it reads the logits.
#[derive(Debug)]
struct SumsGradient {
    truth: FlexTensor,
    overlapping: bool,
}

impl Gradient<1, 1> for SumsGradient {
    fn gradients(self, gradient: FlexTensor, [logits]: [FlexTensor; 1], _: [bool; 1]) -> [Option<FlexTensor>; 1] {
        let (of_sums, logits, truth) = (contiguous(gradient), Ordered::new(logits), Ordered::new(self.truth));
        let mut output = Buffer::new(logits.dimensions.iter().product());
        let truth = truth.truth(self.overlapping);
        kernel::gradient(Isa::detect(), logits.images(), truth, values(&of_sums), &mut output);
        [Some(channels_last::as_it_lies(output, logits.dimensions))]
    }
}

/// The backward pass; it reads the logits.
#[derive(Debug)]
struct LikelihoodsGradient {
    truth: FlexTensor,
    weights: FlexTensor,
    overlapping: bool,
}

impl Gradient<1, 1> for LikelihoodsGradient {
    fn gradients(self, gradient: FlexTensor, [logits]: [FlexTensor; 1], _: [bool; 1]) -> [Option<FlexTensor>; 1] {
        let (slopes, logits, truth) = (Ordered::new(gradient), Ordered::new(logits), Ordered::new(self.truth));
        let weights = contiguous(self.weights);
        let mut output = Buffer::new(logits.dimensions.iter().product());
        let (truth, rows) = (truth.truth(self.overlapping), two_rows(&weights));
        kernel::likelihood_gradient(Isa::detect(), logits.images(), truth, rows, slopes.images(), &mut output);
        [Some(channels_last::as_it_lies(output, logits.dimensions))]
    }
}

impl<C: CheckpointStrategy> SoftBackend for Autodiff<Flex, C> {
    fn sums(logits: FloatTensor<Self>, truth: FloatTensor<Self>, overlapping: bool) -> FloatTensor<Self> {
        let truth = truth.into_primitive();
        let gradient = SumsGradient { truth: truth.clone(), overlapping };
        differentiable::<C, _, _>(gradient, [logits], [0], |[logits]| Flex::sums(logits, truth, overlapping))
    }

    fn likelihoods(
        logits: FloatTensor<Self>,
        truth: FloatTensor<Self>,
        weights: FloatTensor<Self>,
        overlapping: bool,
    ) -> FloatTensor<Self> {
        let (truth, weights) = (truth.into_primitive(), weights.into_primitive());
        let gradient = LikelihoodsGradient { truth: truth.clone(), weights: weights.clone(), overlapping };
        differentiable::<C, _, _>(gradient, [logits], [0], |[logits]| {
            Flex::likelihoods(logits, truth, weights, overlapping)
        })
    }

    fn probabilities(logits: FloatTensor<Self>, overlapping: bool) -> FloatTensor<Self> {
        FloatTensor::<Self>::new(Flex::probabilities(logits.into_primitive(), overlapping))
    }
}
