//! Losses. One file per term; [`total`] adds the terms that the spec lists.
//!
//! Logits are `[batch, outputs, depth, height, width]`. The truth is one-hot of the same shape: background first and
//! then the structures (softmax), or one mask per structure (sigmoid, structures that overlap).

mod cross_entropy;
mod dice;
pub mod spec;

use burn::tensor::{Int, Tensor, TensorData, s};

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
    /// One-hot of the shape of the logits.
    pub fn one_hot(&self, outputs: usize) -> Tensor<5> {
        match self {
            Self::Classes(classes) => {
                // Class by class: one comparison of expanded tensors takes Burn's CPU backend many times as long.
                let mask = |class: usize| classes.clone().equal_elem(class as i64).float();
                Tensor::cat((0..outputs).map(mask).collect(), 1)
            }
            Self::Masks(masks) => masks.clone(),
        }
    }

    /// Whether structures may overlap.
    fn overlapping(&self) -> bool {
        matches!(self, Self::Masks(_))
    }

    /// The truth at a smaller size: every n-th voxel, aligned with strided convolutions.
    fn at_size(&self, size: [usize; 3]) -> Self {
        let full = match self {
            Self::Classes(classes) => classes.dims(),
            Self::Masks(masks) => masks.dims(),
        };
        let [z, y, x] = std::array::from_fn(|axis| (full[axis + 2] / size[axis].max(1)).max(1) as isize);
        let every = s![.., .., ..;z, ..;y, ..;x];
        match self {
            Self::Classes(classes) => Self::Classes(classes.clone().slice(every)),
            Self::Masks(masks) => Self::Masks(masks.clone().slice(every)),
        }
    }
}

/// Sum of the terms, shape `[1]`.
pub fn total(terms: &[Loss], logits: Tensor<5>, truth: &Truth) -> Tensor<1> {
    let one_hot = truth.one_hot(logits.dims()[1]);
    let sum = |sum: Option<Tensor<1>>, term: &Loss| {
        let value = one_term(term, logits.clone(), one_hot.clone(), truth.overlapping());
        Some(match sum {
            Some(sum) => sum + value,
            None => value,
        })
    };
    terms.iter().fold(None, sum).unwrap_or_else(|| Tensor::zeros([1], &logits.device()))
}

/// Deep supervision: the terms at every size, full size first, with weights 1, 1/2, 1/4, … that add to one (nnU-Net).
pub fn supervised(terms: &[Loss], outputs: Vec<Tensor<5>>, truth: &Truth) -> Tensor<1> {
    let scale: f64 = (0..outputs.len()).map(|level| 0.5f64.powi(level as i32)).sum();
    let mut sum = None;
    for (level, logits) in outputs.into_iter().enumerate() {
        let [_, _, depth, height, width] = logits.dims();
        let truth = if level == 0 { truth.clone() } else { truth.at_size([depth, height, width]) };
        let value = total(terms, logits, &truth).mul_scalar(0.5f64.powi(level as i32) / scale);
        sum = Some(match sum {
            Some(sum) => sum + value,
            None => value,
        });
    }
    sum.unwrap_or_else(|| truth.one_hot(1).zeros_like().sum())
}

fn one_term(term: &Loss, logits: Tensor<5>, one_hot: Tensor<5>, overlapping: bool) -> Tensor<1> {
    match term {
        Loss::CrossEntropy { weight, class_weights } => {
            cross_entropy::softmax(logits, one_hot, class_weights.as_deref()).mul_scalar(*weight)
        }
        Loss::BinaryCrossEntropy { weight, class_weights } => {
            cross_entropy::sigmoid(logits, one_hot, class_weights.as_deref()).mul_scalar(*weight)
        }
        Loss::Dice { weight, batch, smooth, background } => {
            let skip = usize::from(!overlapping && !background);
            dice::soft_dice(logits, one_hot, overlapping, *batch, *smooth, skip).mul_scalar(*weight)
        }
    }
}

/// Sum over the given axes, one after the other, kept as size 1.
///
/// Never one reduction over the whole tensor: Burn's flex backend adds large tensors in an order that depends on the
/// number of threads, and then the same plan would not give the same weights.
fn sum_axes<const D: usize>(tensor: Tensor<D>, axes: &[usize]) -> Tensor<D> {
    axes.iter().rev().fold(tensor, |tensor, &axis| tensor.sum_dim(axis))
}

/// Weights per output as `[1, outputs, 1, 1, 1]`.
fn per_output(weights: &[f64], like: &Tensor<5>) -> Tensor<5> {
    let values: Vec<f32> = weights.iter().map(|weight| *weight as f32).collect();
    let outputs = values.len();
    Tensor::from_data(TensorData::new(values, [1, outputs, 1, 1, 1]), &like.device())
}

#[cfg(test)]
mod tests;
