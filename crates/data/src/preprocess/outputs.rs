//! What a network computes for a prepared case.

use half::f16;
use ndarray::parallel::prelude::*;
use ndarray::{Array3, Array4, Axis};

use super::case::Origin;
use super::restore::ShapeError;

/// Outputs of a network `[output, z, y, x]` on the prepared grid of a case.
#[derive(Clone, Debug, PartialEq)]
pub enum Outputs {
    /// Probabilities.
    Probabilities(Array4<f32>),
    /// Logits in half precision, as nnU-Net keeps them: half the memory, and the same rounding.
    Logits(Array4<f16>),
}

impl Outputs {
    /// Shape `[output, z, y, x]`.
    pub fn shape(&self) -> [usize; 4] {
        let (outputs, depth, height, width) = match self {
            Self::Probabilities(values) => values.dim(),
            Self::Logits(values) => values.dim(),
        };
        [outputs, depth, height, width]
    }

    /// One output `[z, y, x]`.
    pub(super) fn output(&self, index: usize) -> Array3<f32> {
        match self {
            Self::Probabilities(values) => values.index_axis(Axis(0), index).to_owned(),
            Self::Logits(values) => values.index_axis(Axis(0), index).mapv(f16::to_f32),
        }
    }

    /// Whether these are logits.
    pub fn are_logits(&self) -> bool {
        matches!(self, Self::Logits(_))
    }

    /// As probabilities: sigmoid or softmax of logits.
    #[must_use]
    pub fn into_probabilities(self, sigmoid: bool) -> Array4<f32> {
        match self {
            Self::Probabilities(values) => values,
            Self::Logits(logits) => {
                let mut values = logits.mapv(f16::to_f32);
                normalise(&mut values, sigmoid);
                values
            }
        }
    }

    /// The mean of several networks' logits on the same grid, rounded as nnU-Net does; none unless all are logits of one shape.
    pub(super) fn mean_logits(members: &[&Self]) -> Option<Self> {
        let (first, rest) = members.split_first()?;
        let mut sum = (*first).clone();
        for other in rest {
            sum.add_logits(other)?;
        }
        sum.divide_logits(members.len())?;
        Some(sum)
    }

    /// Adds another network's logits, each sum rounded to half precision; none unless both are logits of one shape.
    fn add_logits(&mut self, other: &Self) -> Option<()> {
        match (self, other) {
            (Self::Logits(sum), Self::Logits(other)) if sum.dim() == other.dim() => {
                sum.zip_mut_with(other, |sum, value| *sum = f16::from_f32(sum.to_f32() + value.to_f32()));
                Some(())
            }
            _ => None,
        }
    }

    /// Turns a sum of `count` networks' logits into their mean; none for probabilities.
    fn divide_logits(&mut self, count: usize) -> Option<()> {
        let Self::Logits(sum) = self else { return None };
        if count > 1 {
            let count = count as f32;
            sum.par_mapv_inplace(|sum| f16::from_f32(sum.to_f32() / count));
        }
        Some(())
    }
}

/// The outputs of several networks for one image, taken as they come.
///
/// Logits of networks that prepare the image alike are summed at once, in the order of the networks, so that memory does not grow with
/// their number. Everything else is kept, since each network's probabilities are restored on their own.
pub struct Gathered {
    are_alike: bool,
    found: Vec<(Outputs, Origin)>,
    summed: usize,
}

impl Gathered {
    /// Nothing yet. `are_alike`: all networks prepare the image alike, average the same, and look at the same part of it.
    pub fn new(are_alike: bool) -> Self {
        Self { are_alike, found: Vec::new(), summed: 0 }
    }

    /// Takes the outputs of the next network.
    ///
    /// # Errors
    /// [`ShapeError`] for logits of another shape where the networks are alike.
    pub fn add(&mut self, outputs: Outputs, origin: &Origin) -> Result<(), ShapeError> {
        match self.found.first_mut() {
            Some((sum, _)) if self.are_alike && sum.are_logits() => {
                let misfit = ShapeError { found: outputs.shape(), expected: sum.shape() };
                sum.add_logits(&outputs).ok_or(misfit)?;
            }
            _ => self.found.push((outputs, origin.clone())),
        }
        self.summed += 1;
        Ok(())
    }

    /// The outputs to restore: the mean of the logits, or those of each network.
    pub fn finish(mut self) -> Vec<(Outputs, Origin)> {
        if let [(sum, _)] = self.found.as_mut_slice() {
            // Probabilities stand for themselves.
            let _ = sum.divide_logits(self.summed);
        }
        self.found
    }
}

/// Probability as a logit: the threshold of a sigmoid output before the sigmoid.
pub(super) fn logit(probability: f64) -> f64 {
    (probability / (1.0 - probability)).ln()
}

/// Turns logits `[output, z, y, x]` into probabilities: sigmoid, or softmax over the outputs.
pub(super) fn normalise(values: &mut Array4<f32>, sigmoid: bool) {
    values.axis_iter_mut(Axis(1)).into_par_iter().for_each(|mut slice| {
        if sigmoid {
            slice.mapv_inplace(|logit| 1.0 / (1.0 + (-logit).exp()));
            return;
        }
        let highest = slice.fold_axis(Axis(0), f32::NEG_INFINITY, |highest, &value| highest.max(value));
        for mut output in slice.outer_iter_mut() {
            output.zip_mut_with(&highest, |value, highest| *value = (*value - highest).exp());
        }
        let sum = slice.sum_axis(Axis(0));
        for mut output in slice.outer_iter_mut() {
            output.zip_mut_with(&sum, |value, sum| *value /= sum);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::preprocess::crop::CropBox;
    use crate::volume::Geometry;

    fn logits(values: &[f32], outputs: usize) -> Outputs {
        let values = values.iter().map(|&value| f16::from_f32(value)).collect();
        Outputs::Logits(Array4::from_shape_vec([outputs, 1, 1, 2], values).unwrap())
    }

    #[test]
    fn logits_become_probabilities() {
        let softmax = logits(&[0.0, 100.0, 0.0, 0.0], 2).into_probabilities(false);
        let softmax = softmax.into_raw_vec_and_offset().0;
        assert_eq!(softmax[..3], [0.5, 1.0, 0.5]);
        // e^-100 is below the smallest normal number: zero where the processor flushes such numbers.
        assert!((0.0..1e-40).contains(&softmax[3]), "{softmax:?}");
        let sigmoid = logits(&[0.0, -100.0, 2.0, 0.0], 2).into_probabilities(true).into_raw_vec_and_offset().0;
        assert!((sigmoid[2] - 0.880_797).abs() < 1e-6 && sigmoid[1] < 1e-6, "{sigmoid:?}");
        assert!((logit(f64::from(sigmoid[2])) - 2.0).abs() < 1e-5);
        assert_eq!(logit(0.5), 0.0);
    }

    #[test]
    fn only_logits_of_one_grid_are_averaged() {
        let [one, other] = [logits(&[1.0, 2.0], 1), logits(&[2.0, 5.0], 1)];
        assert_eq!(Outputs::mean_logits(&[&one, &other]), Some(logits(&[1.5, 3.5], 1)));
        assert_eq!(Outputs::mean_logits(&[&one]), Some(one.clone()));
        let probabilities = Outputs::Probabilities(Array4::zeros([1, 1, 1, 2]));
        assert_eq!(Outputs::mean_logits(&[&one, &probabilities]), None);
        assert_eq!(Outputs::mean_logits(&[&one, &logits(&[1.0; 4], 2)]), None);
    }

    /// A case of 1×1×2 voxels in a wider image.
    fn origin(start: usize) -> Origin {
        let crop = CropBox { start: [0, 0, start], end: [1, 1, start + 2] };
        let whole = Origin::identity(Geometry::axis_aligned([1, 1, 8], [1.0; 3]));
        Origin { crop, prepared_shape: [1, 1, 2], ..whole }
    }

    #[test]
    fn logits_are_summed_as_they_come_to_the_last_bit() {
        let folds: Vec<Outputs> = (0..5)
            .map(|fold| {
                let value = |index: usize| ((index * 7919 + fold * 104_729) % 2003) as f32 / 37.0 - 27.0;
                logits(&(0..8).map(value).collect::<Vec<_>>(), 4)
            })
            .collect();
        let mut gathered = Gathered::new(true);
        for fold in &folds {
            gathered.add(fold.clone(), &origin(0)).unwrap();
            assert_eq!(gathered.found.len(), 1, "memory does not grow with the folds");
        }
        // As nnU-Net: half-precision sums in order, one division at the end.
        let values = |fold: &Outputs| match fold {
            Outputs::Logits(values) => values.clone().into_raw_vec_and_offset().0,
            Outputs::Probabilities(_) => Vec::new(),
        };
        let all: Vec<Vec<f16>> = folds.iter().map(values).collect();
        let mean = |place: usize| {
            let sum =
                all[1..].iter().fold(all[0][place], |sum, fold| f16::from_f32(sum.to_f32() + fold[place].to_f32()));
            f16::from_f32(sum.to_f32() / 5.0)
        };
        let expected = (0..8).map(mean).collect::<Vec<_>>();
        let found = gathered.finish();
        assert_eq!(found.len(), 1);
        assert_eq!(values(&found[0].0), expected);
        assert_eq!(Some(found[0].0.clone()), Outputs::mean_logits(&folds.iter().collect::<Vec<_>>()));
    }

    #[test]
    fn what_cannot_be_summed_is_kept_or_refused() {
        let [one, other] = [logits(&[1.0, 2.0], 1), logits(&[2.0, 5.0], 1)];
        let mut apart = Gathered::new(false);
        apart.add(one.clone(), &origin(0)).unwrap();
        apart.add(other, &origin(3)).unwrap();
        let found = apart.finish();
        assert_eq!((found.len(), found[1].1.crop.start), (2, [0, 0, 3]));
        assert_eq!(found[0].0, one, "not divided");
        let probabilities = || Outputs::Probabilities(Array4::ones([1, 1, 1, 2]));
        let mut kept = Gathered::new(true);
        kept.add(probabilities(), &origin(0)).unwrap();
        kept.add(probabilities(), &origin(0)).unwrap();
        assert!(kept.finish().iter().all(|(found, _)| *found == probabilities()));
        let mut summed = Gathered::new(true);
        summed.add(one, &origin(0)).unwrap();
        assert!(summed.add(logits(&[1.0; 4], 2), &origin(0)).is_err());
    }
}
