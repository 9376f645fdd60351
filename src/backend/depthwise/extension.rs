//! The kernel as an operation of Burn's CPU backend, with its gradient.

use burn::backend::autodiff::checkpoint::{base::Checkpointer, strategy::CheckpointStrategy};
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::autodiff::{Autodiff, NodeId};
use burn::backend::flex::{Flex, FlexTensor, Layout};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, backend_extension};
use burn::tensor::{DType, Shape, TensorData};

use super::super::conv::channel_sums;
use super::super::memory::Buffer;
use super::kernel::{Size, TAPS, by_tap, convolve, weight_gradient};

/// Depthwise convolution in f32.
#[backend_extension(Flex, Autodiff)]
pub trait DepthwiseBackend: Backend {
    /// Tokens `[batch, y, x, feature]`, weights `[feature, 1, 3, 3]`, bias `[feature]`.
    fn depthwise(tokens: FloatTensor<Self>, weights: FloatTensor<Self>, bias: FloatTensor<Self>) -> FloatTensor<Self>;
}

impl DepthwiseBackend for Flex {
    fn depthwise(tokens: FlexTensor, weights: FlexTensor, bias: FlexTensor) -> FlexTensor {
        let [tokens, weights, bias] = [tokens, weights, bias].map(contiguous);
        let size = size(&tokens, &weights);
        let weights = by_tap(values(&weights), size.features, false);
        let mut output = Buffer::new(values(&tokens).len());
        convolve(values(&tokens), &weights, Some(values(&bias)), size, &mut output);
        like(&tokens, output)
    }
}

fn size(tokens: &FlexTensor, weights: &FlexTensor) -> Size {
    let [_, height, width, features] = tokens.layout().shape().dims();
    let [expected, ..] = weights.layout().shape().dims::<4>();
    assert_eq!(
        features, expected,
        "a depthwise convolution's weights are for {expected} features, its tokens have {features}"
    );
    Size { height, width, features }
}

fn like(tokens: &FlexTensor, values: Buffer) -> FlexTensor {
    let shape: [usize; 4] = tokens.layout().shape().dims();
    FlexTensor::new(values.into_bytes(), Layout::contiguous(Shape::from(shape)), DType::F32)
}

fn contiguous(tensor: FlexTensor) -> FlexTensor {
    match tensor.as_slice::<f32>() {
        Some(_) => tensor,
        None => tensor.to_contiguous(),
    }
}

/// The values of a contiguous f32 tensor; [`super::depthwise`] sends no others here.
fn values(tensor: &FlexTensor) -> &[f32] {
    tensor.as_slice().expect("a contiguous f32 tensor")
}

#[derive(Debug)]
struct DepthwiseBackward;

impl Backward<Flex, 3> for DepthwiseBackward {
    /// Tokens and weights.
    type State = (NodeId, NodeId);

    fn backward(self, ops: Ops<Self::State, 3>, grads: &mut Gradients, checkpointer: &mut Checkpointer) {
        let gradient = contiguous(grads.consume::<Flex>(&ops.node));
        let tokens = contiguous(checkpointer.retrieve_node_output::<FlexTensor>(ops.state.0));
        let weights = contiguous(checkpointer.retrieve_node_output::<FlexTensor>(ops.state.1));
        let size = size(&tokens, &weights);
        let [of_tokens, of_weights, of_bias] = ops.parents;
        if let Some(node) = of_weights {
            let result = weight_gradient(values(&tokens), values(&gradient), size);
            debug_assert_eq!(result.len(), TAPS * size.features);
            let data = TensorData::new(result, weights.layout().shape().dims::<4>());
            grads.register::<Flex>(node.id, FlexTensor::from_data(data));
        }
        if let Some(node) = of_tokens {
            let flipped = by_tap(values(&weights), size.features, true);
            let mut result = Buffer::new(values(&gradient).len());
            convolve(values(&gradient), &flipped, None, size, &mut result);
            grads.register::<Flex>(node.id, like(&tokens, result));
        }
        if let Some(node) = of_bias {
            let sums = channel_sums(values(&gradient), size.features);
            grads.register::<Flex>(node.id, FlexTensor::from_data(TensorData::new(sums, [size.features])));
        }
    }
}

impl<C: CheckpointStrategy> DepthwiseBackend for Autodiff<Flex, C> {
    fn depthwise(tokens: FloatTensor<Self>, weights: FloatTensor<Self>, bias: FloatTensor<Self>) -> FloatTensor<Self> {
        let nodes = [tokens.node(), weights.node(), bias.node()];
        match DepthwiseBackward.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(mut prep) => {
                let state = (prep.checkpoint(&tokens), prep.checkpoint(&weights));
                let [tokens, weights, bias] = [tokens, weights, bias].map(|tensor| tensor.into_primitive());
                prep.finish(state, Flex::depthwise(tokens, weights, bias))
            }
            OpsKind::UnTracked(prep) => {
                let [tokens, weights, bias] = [tokens, weights, bias].map(|tensor| tensor.into_primitive());
                prep.finish(Flex::depthwise(tokens, weights, bias))
            }
        }
    }
}
