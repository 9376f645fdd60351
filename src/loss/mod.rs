//! Losses. One file per term; [`total`] adds the terms that the spec lists.
//!
//! Logits are `[batch, outputs, depth, height, width]`. The truth is the class of each voxel, background first and then the
//! structures (softmax), or one mask per structure (sigmoid, structures that overlap). Every term is computed from a few sums per
//! patch and output, which [`crate::backend::soft`] takes in one pass over the voxels.

mod cross_entropy;
mod dice;
mod generalized_dice;
mod jaccard;
mod tversky;
pub mod spec;

use burn::tensor::{Device, Int, Tensor, TensorData, s};

use crate::backend::soft::{self, Sums};
use crate::model::block::Supervised;

pub use spec::{Loss, default_terms};

/// What each voxel of a batch is.
#[derive(Clone, Debug)]
pub enum Truth {
    /// Class indices `[batch, 1, depth, height, width]`, 0 is background.
    Classes(Tensor<5, Int>),
    /// One mask per structure, `[batch, structures, depth, height, width]`, 0 or 1.
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

    /// The truth at a smaller size: every n-th voxel, aligned with strided convolutions.
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

/// What terms are computed from.
struct Batch {
    sums: Sums,
    /// Voxels of all patches together.
    voxels: usize,
    overlapping: bool,
}

impl Batch {
    /// Outputs at the front that an overlap does not count.
    fn skipped(&self, background: bool) -> usize {
        usize::from(!self.overlapping && !background)
    }
}

/// Sum of the terms, shape `[1]`.
pub fn total(terms: &[Loss], logits: Tensor<5>, truth: &Truth) -> Tensor<1> {
    let [patches, _, depth, height, width] = logits.dims();
    let device = logits.device();
    let sums = soft::sums(logits, truth.numbers(), truth.overlapping());
    let batch = Batch { sums, voxels: patches * depth * height * width, overlapping: truth.overlapping() };
    let values = terms.iter().map(|term| one_term(term, &batch));
    values.reduce(|sum, value| sum + value).unwrap_or_else(|| Tensor::zeros([1], &device))
}

/// The terms of every output that a network is supervised by, weighted.
///
/// # Panics
/// There are no outputs.
pub fn supervised(terms: &[Loss], outputs: Vec<Supervised>, truth: &Truth) -> Tensor<1> {
    let values = outputs.into_iter().map(|Supervised { weight, logits }| {
        let [_, _, size @ ..] = logits.dims();
        total(terms, logits, &truth.at_size(size)).mul_scalar(weight)
    });
    values.reduce(|sum, value| sum + value).expect("a network has an output")
}

fn one_term(term: &Loss, batch: &Batch) -> Tensor<1> {
    match term {
        Loss::CrossEntropy { weight, class_weights } => {
            cross_entropy::softmax(batch, class_weights.as_deref()).mul_scalar(*weight)
        }
        Loss::BinaryCrossEntropy { weight, class_weights } => {
            cross_entropy::sigmoid(batch, class_weights.as_deref()).mul_scalar(*weight)
        }
        Loss::Dice { weight, batch: over_batch, smooth, background } => {
            dice::soft_dice(&batch.sums, *over_batch, *smooth, batch.skipped(*background)).mul_scalar(*weight)
        }
        Loss::Jaccard { weight, batch: over_batch, smooth, background } => {
            jaccard::soft_jaccard(&batch.sums, *over_batch, *smooth, batch.skipped(*background)).mul_scalar(*weight)
        }
        Loss::GeneralizedDice { weight, batch: over_batch, smooth, background } => {
            let skip = batch.skipped(*background);
            generalized_dice::generalized_dice(&batch.sums, *over_batch, *smooth, skip).mul_scalar(*weight)
        }
        Loss::Tversky { weight, false_positives, false_negatives, exponent, batch: over_batch, smooth, background } => {
            let shape = tversky::Tversky {
                false_positives: *false_positives,
                false_negatives: *false_negatives,
                exponent: *exponent,
            };
            let skip = batch.skipped(*background);
            tversky::soft_tversky(&batch.sums, shape, *over_batch, *smooth, skip).mul_scalar(*weight)
        }
    }
}

/// Intersection, prediction and truth per output, of each patch or of the batch: `[patches or 1, outputs]`.
fn over_patches(sums: &Sums, batch: bool) -> [Tensor<2>; 3] {
    [&sums.both, &sums.predicted, &sums.truth].map(|values| match batch {
        true => values.clone().sum_dim(0),
        false => values.clone(),
    })
}

/// Without `skip` outputs at the front, the background.
fn from(values: Tensor<2>, skip: usize) -> Tensor<2> {
    let outputs = values.dims()[1];
    values.narrow(1, skip, outputs - skip)
}

/// The mean without `skip` outputs at the front. Shape `[1]`.
fn mean_from(values: Tensor<2>, skip: usize) -> Tensor<1> {
    from(values, skip).mean()
}

/// Weights per output as `[1, outputs]`.
fn per_output(weights: &[f64], device: &Device) -> Tensor<2> {
    let values: Vec<f32> = weights.iter().map(|weight| *weight as f32).collect();
    let outputs = values.len();
    Tensor::from_data(TensorData::new(values, [1, outputs]), device)
}

#[cfg(test)]
mod tests;
