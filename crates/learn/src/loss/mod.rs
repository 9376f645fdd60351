//! Losses: one file per term and one line in the list of [`spec`]. [`total`] sums the terms of an experiment.
//!
//! Logits are `[batch, outputs, depth, height, width]`. The ground truth is the class of each voxel, background first and then the
//! structures (softmax), or one mask per structure (sigmoid, overlapping structures). Most terms are functions of a few sums per
//! patch and output, which [`crate::backend::soft`] computes in one pass over the voxels; voxel-wise terms use its
//! log-likelihoods. Everything is computed in f32. Voxels with a negative truth are unlabelled and ignored by all terms.

mod binary_cross_entropy;
mod cross_entropy;
mod dice;
mod focal;
mod generalized_dice;
mod jaccard;
mod overlap;
mod term;
mod top_k;
mod tversky;
pub mod spec;

use burn::tensor::{DType, Device, FloatDType, Int, Tensor, TensorData, s};

use crate::backend::soft::{self, Sums};
use crate::model::block::Supervised;

pub use spec::{Loss, default_terms};

/// Ground truth of a batch.
#[derive(Clone, Debug)]
pub enum Truth {
    /// Class indices `[batch, 1, depth, height, width]`: 0 is background, −1 unlabelled.
    Classes(Tensor<5, Int>),
    /// One mask per structure, `[batch, structures, depth, height, width]`: 0 or 1, −1 unlabelled.
    Masks(Tensor<5>),
}

impl Truth {
    /// Whether structures may overlap.
    fn overlapping(&self) -> bool {
        matches!(self, Self::Masks(_))
    }

    /// Class numbers or masks.
    fn numbers(&self) -> Tensor<5> {
        match self {
            Self::Classes(classes) => classes.clone().float(),
            Self::Masks(masks) => masks.clone(),
        }
    }

    /// The truth at a coarser resolution: every n-th voxel, aligned with strided convolutions.
    fn at_size(&self, size: [usize; 3]) -> Self {
        let full = match self {
            Self::Classes(classes) => classes.dims(),
            Self::Masks(masks) => masks.dims(),
        };
        if full[2..] == size {
            return self.clone();
        }
        let [z, y, x] = std::array::from_fn(|axis| (full[axis + 2] / size[axis].max(1)).max(1) as isize);
        let every = s![.., .., ..;z, ..;y, ..;x];
        match self {
            Self::Classes(classes) => Self::Classes(classes.clone().slice(every)),
            Self::Masks(masks) => Self::Masks(masks.clone().slice(every)),
        }
    }
}

/// Logits, truth and their sums: the input of every term.
struct Batch {
    /// `[batch, outputs, depth, height, width]`
    logits: Tensor<5>,
    classes: Truth,
    /// Class numbers or masks.
    truth: Tensor<5>,
    sums: Sums,
    overlapping: bool,
}

impl Batch {
    fn new(logits: Tensor<5>, truth: &Truth) -> Self {
        let logits = if logits.dtype() == DType::F32 { logits } else { logits.cast(FloatDType::F32) };
        let (numbers, overlapping) = (truth.numbers(), truth.overlapping());
        let sums = soft::sums(logits.clone(), numbers.clone(), overlapping);
        Self { logits, classes: truth.clone(), truth: numbers, sums, overlapping }
    }

    fn device(&self) -> Device {
        self.logits.device()
    }

    fn outputs(&self) -> usize {
        self.logits.dims()[1]
    }

    /// Number of labelled voxels; where structures overlap, summed over structures. Shape `[1]`.
    fn known(&self) -> Tensor<1> {
        match self.overlapping {
            true => self.sums.known.clone().sum(),
            false => self.sums.known.clone().narrow(1, 0, 1).sum(),
        }
    }
}

/// Sum of the terms, shape `[1]`.
pub fn total(terms: &[Loss], logits: Tensor<5>, truth: &Truth) -> Tensor<1> {
    let batch = Batch::new(logits, truth);
    let values = terms.iter().map(|term| term.value(&batch).mul_scalar(term.weight()));
    values.reduce(|sum, value| sum + value).unwrap_or_else(|| Tensor::zeros([1], &batch.device()))
}

/// The weighted sum of [`total`] over all supervised outputs of a network. Shape `[1]`.
///
/// # Panics
/// `outputs` is empty.
pub fn supervised(terms: &[Loss], outputs: Vec<Supervised>, truth: &Truth) -> Tensor<1> {
    let values = outputs.into_iter().map(|Supervised { weight, logits }| {
        let [_, _, size @ ..] = logits.dims();
        total(terms, logits, &truth.at_size(size)).mul_scalar(weight)
    });
    values.reduce(|sum, value| sum + value).expect("a network has an output")
}

/// Sums over the voxels of each patch and output, `[batch, outputs]`.
///
/// Axis by axis, never one reduction over the whole tensor: on CPUs, Burn sums large tensors in an order that depends on the number
/// of threads.
fn sum_voxels(values: Tensor<5>) -> Tensor<2> {
    let [batch, outputs, ..] = values.dims();
    [4, 3, 2].iter().fold(values, |values, &axis| values.sum_dim(axis)).reshape([batch, outputs])
}

/// The sum of all values, shape `[1]`.
fn sum_all(values: Tensor<5>) -> Tensor<1> {
    sum_voxels(values).sum()
}

/// Whether the key can be omitted from plans.
fn is_zero(value: &f64) -> bool {
    *value == 0.0
}

/// Weights per output as `[1, outputs]`.
fn per_output(weights: &[f64], device: &Device) -> Tensor<2> {
    let values: Vec<f32> = weights.iter().map(|weight| *weight as f32).collect();
    let outputs = values.len();
    Tensor::from_data(TensorData::new(values, [1, outputs]), device)
}

#[cfg(test)]
mod tests;
