//! Our CPU kernels as differentiable operations of Burn, and the plain tensors that they work on.

use std::cell::RefCell;
use std::collections::HashSet;
use std::fmt::Debug;

use burn::backend::autodiff::checkpoint::{base::Checkpointer, strategy::CheckpointStrategy};
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::autodiff::{Autodiff, NodeId};
use burn::backend::flex::{Flex, FlexTensor, Layout};
use burn::backend::tensor::FloatTensor;
use burn::tensor::{DType, Shape, TensorData};

use super::add::AddBackend;
use super::memory::Buffer;

/// The backward pass of an operation with `N` inputs, of which it reads `M`; the implementing type holds whatever else it needs.
pub(super) trait Gradient<const N: usize, const M: usize>: Send + Debug + 'static {
    /// Gradients of the inputs from the output's gradient, at least of those that are wanted.
    fn gradients(self, gradient: FlexTensor, read: [FlexTensor; M], wanted: [bool; N]) -> [Option<FlexTensor>; N];
}

#[derive(Debug)]
struct Step<G, const M: usize>(G);

impl<G: Gradient<N, M>, const N: usize, const M: usize> Backward<Flex, N> for Step<G, M> {
    /// The inputs that are read.
    type State = [NodeId; M];

    fn backward(self, ops: Ops<[NodeId; M], N>, grads: &mut Gradients, checkpointer: &mut Checkpointer) {
        let gradient = grads.consume::<Flex>(&ops.node);
        let read = ops.state.map(|node| checkpointer.retrieve_node_output::<FlexTensor>(node));
        let wanted = ops.parents.each_ref().map(Option::is_some);
        // The output's gradient is complete.
        let _ = REGISTERED.try_with(|known| known.borrow_mut().remove(&ops.node.id));
        for (node, gradient) in ops.parents.into_iter().zip(self.0.gradients(gradient, read, wanted)) {
            let (Some(node), Some(mut gradient)) = (node, gradient) else { continue };
            let (is_leaf, is_image) = (node.parents.is_empty(), gradient.layout().shape().num_dims() == 5);
            // Burn would add the parts on one thread and store the sum with channels first.
            if is_image && !is_leaf && is_registered(node.id) {
                gradient = Flex::add_images(gradient, grads.consume::<Flex>(&node));
            }
            grads.register::<Flex>(node.id, gradient);
        }
    }
}

thread_local! {
    /// Nodes of the graph to whose gradients our operations have added a part in this thread's backward pass.
    static REGISTERED: RefCell<HashSet<NodeId>> = RefCell::new(HashSet::new());
}

/// Most nodes that are remembered: those made by Burn's operations are never removed from the list.
const MAX_REGISTERED: usize = 4096;

/// Whether our operations have added a part to a node's gradient before.
fn is_registered(result: NodeId) -> bool {
    let again = REGISTERED.try_with(|known| {
        let mut known = known.borrow_mut();
        if known.len() >= MAX_REGISTERED {
            known.clear();
        }
        !known.insert(result)
    });
    again.unwrap_or(false)
}

/// Runs an operation forward and records its backward pass where an input is differentiated. `reads`: the inputs that are kept for the
/// backward pass.
pub(super) fn differentiable<C: CheckpointStrategy, const N: usize, const M: usize>(
    gradient: impl Gradient<N, M>,
    inputs: [FloatTensor<Autodiff<Flex, C>>; N],
    reads: [usize; M],
    forward: impl FnOnce([FlexTensor; N]) -> FlexTensor,
) -> FloatTensor<Autodiff<Flex, C>> {
    let nodes = inputs.each_ref().map(|input| input.node());
    match Step(gradient).prepare::<C>(nodes).compute_bound().stateful() {
        OpsKind::Tracked(mut prep) => {
            let state = reads.map(|input| prep.checkpoint(&inputs[input]));
            prep.finish(state, forward(inputs.map(|input| input.into_primitive())))
        }
        OpsKind::UnTracked(prep) => prep.finish(forward(inputs.map(|input| input.into_primitive()))),
    }
}

/// The tensor as a contiguous one.
pub(super) fn contiguous(tensor: FlexTensor) -> FlexTensor {
    match tensor.as_slice::<f32>() {
        Some(_) => tensor,
        None => tensor.to_contiguous(),
    }
}

/// The values of a contiguous f32 tensor; our kernels get no others.
pub(super) fn values(tensor: &FlexTensor) -> &[f32] {
    tensor.as_slice().expect("a contiguous f32 tensor")
}

/// A contiguous tensor of the same shape with other values.
pub(super) fn like(tensor: &FlexTensor, values: Buffer) -> FlexTensor {
    let shape: Shape = tensor.layout().shape().clone();
    FlexTensor::new(values.into_bytes(), Layout::contiguous(shape), DType::F32)
}

/// A small tensor, such as a gradient of weights.
pub(super) fn plain(values: Vec<f32>, shape: &[usize]) -> FlexTensor {
    FlexTensor::from_data(TensorData::new(values, shape))
}
