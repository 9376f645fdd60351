//! Operations on gradients between the backward pass and the step.

use burn::module::{Module, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::Tensor;

/// Scales all gradients by `min(1, limit / norm)`, where the norm is taken over all of them (PyTorch's `clip_grad_norm_`;
/// Burn's own clipping is per tensor). Returns the norm before clipping, shape `[1]`.
///
/// Parameters are visited in module order: gradients are stored in a hash map under random ids, and a sum in the map's order
/// would differ from run to run.
pub fn clip_global_norm<M: Module>(module: &M, gradients: &mut GradientsParams, limit: f64) -> Option<Tensor<1>> {
    let mut norm = SquaredNorm { gradients, sum: None };
    module.visit(&mut norm);
    let norm = norm.sum?.sqrt();
    if limit > 0.0 {
        let factor = (norm.clone() + 1e-6).recip().mul_scalar(limit).clamp_max(1.0);
        module.visit(&mut Scale { gradients, factor });
    }
    Some(norm)
}

/// Multiplies all gradients by a number.
pub fn multiply<M: Module>(module: &M, gradients: &mut GradientsParams, factor: f64) {
    module.visit(&mut Multiply { gradients, factor });
}

/// Clips every value of all gradients to `±limit` (PyTorch's `clip_grad_value_`).
pub fn clip_value<M: Module>(module: &M, gradients: &mut GradientsParams, limit: f64) {
    module.visit(&mut Clamp { gradients, limit });
}

struct Clamp<'a> {
    gradients: &'a mut GradientsParams,
    limit: f64,
}

impl ModuleVisitor for Clamp<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Some(gradient) = self.gradients.remove::<D>(param.id) {
            self.gradients.register(param.id, gradient.clamp(-self.limit, self.limit));
        }
    }
}

struct Multiply<'a> {
    gradients: &'a mut GradientsParams,
    factor: f64,
}

impl ModuleVisitor for Multiply<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Some(gradient) = self.gradients.remove::<D>(param.id) {
            self.gradients.register(param.id, gradient.mul_scalar(self.factor));
        }
    }
}

struct SquaredNorm<'a> {
    gradients: &'a GradientsParams,
    sum: Option<Tensor<1>>,
}

impl ModuleVisitor for SquaredNorm<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let Some(gradient) = self.gradients.get::<D>(param.id) else { return };
        // Axis by axis, never one reduction over the whole tensor: Burn's CPU backend adds large tensors in an order that
        // depends on the number of threads, and then the same plan would not give the same weights.
        let squares = (0..D).rev().fold(gradient.clone() * gradient, |sum, axis| sum.sum_dim(axis)).reshape([1]);
        self.sum = Some(match self.sum.take() {
            Some(sum) => sum + squares,
            None => squares,
        });
    }
}

struct Scale<'a> {
    gradients: &'a mut GradientsParams,
    factor: Tensor<1>,
}

impl ModuleVisitor for Scale<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Some(gradient) = self.gradients.remove::<D>(param.id) {
            let scaled = gradient * self.factor.clone().reshape([1; D]);
            self.gradients.register(param.id, scaled);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::nn::{Linear, LinearConfig};
    use burn::tensor::Device;

    fn gradients(linear: &Linear, scale: f64) -> GradientsParams {
        let device = Device::flex().autodiff();
        let loss = linear.forward(Tensor::<2>::ones([1, 3], &device)).mul_scalar(scale).sum();
        GradientsParams::from_grads(loss.backward(), linear)
    }

    #[test]
    fn the_norm_is_global_and_small_gradients_stay() {
        let linear = LinearConfig::new(3, 4).init(&Device::flex().autodiff());
        // Every gradient is 2: twelve weights and four biases, norm √(16·4) = 8.
        for (limit, expected) in [(4.0, 1.0f32), (100.0, 2.0), (0.0, 2.0)] {
            let mut gradients = gradients(&linear, 2.0);
            let norm = clip_global_norm(&linear, &mut gradients, limit).unwrap().into_scalar::<f32>();
            assert!((norm - 8.0).abs() < 1e-5);
            let weight = gradients.get::<2>(linear.weight.id).unwrap().into_data().try_into_vec::<f32>().unwrap();
            assert!(weight.iter().all(|value| (value - expected).abs() < 1e-5), "limit {limit}: {weight:?}");
        }
    }

    #[test]
    fn values_are_limited_one_by_one() {
        let linear = LinearConfig::new(3, 4).init(&Device::flex().autodiff());
        for (limit, expected) in [(0.5, 0.5f32), (3.0, 2.0)] {
            let mut gradients = gradients(&linear, 2.0);
            clip_value(&linear, &mut gradients, limit);
            let weight = gradients.get::<2>(linear.weight.id).unwrap().into_data().try_into_vec::<f32>().unwrap();
            assert_eq!(weight, [expected; 12]);
            let mut negative = super::tests::gradients(&linear, -2.0);
            clip_value(&linear, &mut negative, limit);
            let weight = negative.get::<2>(linear.weight.id).unwrap().into_data().try_into_vec::<f32>().unwrap();
            assert_eq!(weight, [-expected; 12]);
        }
    }
}
