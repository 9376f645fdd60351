//! The exponential moving average of the weights.

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param, ParamId};
use burn::optim::GradientsParams;
use burn::tensor::Tensor;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Moving average of the weights, used for validation, the best checkpoint and prediction instead of the last step's weights.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Ema {
    /// Decay of the average per step; `(1 + step) / (10 + step)` while that is smaller.
    #[schemars(extend("exclusiveMinimum" = 0.0, "exclusiveMaximum" = 1.0))]
    pub decay: f64,
}

impl Default for Ema {
    fn default() -> Self {
        Self { decay: 0.999 }
    }
}

impl Ema {
    /// Decay at a step, counted from 0: small at first, so that the average soon forgets the initial weights (TensorFlow's
    /// `ExponentialMovingAverage` with `num_updates`).
    pub fn decay_at(&self, step: usize) -> f64 {
        self.decay.min((1 + step) as f64 / (10 + step) as f64)
    }
}

/// The average after a step: `decay · average + (1 − decay) · current`, of weights and running statistics; both modules without
/// autodiff.
pub fn blend<M: Module>(average: M, current: &M, decay: f64) -> M {
    let mut values = Values::default();
    current.visit(&mut values);
    average.map(&mut Blend { values: values.found, next: 0, decay })
}

/// The tensors of a module by order: ids of running statistics differ between processes.
#[derive(Default)]
struct Values {
    found: GradientsParams,
    next: u64,
}

impl ModuleVisitor for Values {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.found.register(ParamId::from(self.next), param.val());
        self.next += 1;
    }
}

struct Blend {
    values: GradientsParams,
    next: u64,
    decay: f64,
}

impl ModuleMapper for Blend {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let (id, average, mapper) = param.consume();
        let current = self.values.remove::<D>(ParamId::from(self.next));
        self.next += 1;
        let blended = match current {
            Some(current) => average.mul_scalar(self.decay) + current.mul_scalar(1.0 - self.decay),
            None => average,
        };
        Param::from_mapped_value(id, blended, mapper)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::nn::{BatchNorm, BatchNormConfig};
    use burn::tensor::Device;

    fn norm(value: f64) -> BatchNorm {
        let device = Device::flex();
        let mut norm = BatchNormConfig::new(2).init(&device);
        norm.gamma = Param::from_tensor(Tensor::<1>::full([2], value, &device));
        norm.running_mean = burn::module::RunningState::new(Tensor::<1>::full([2], -value, &device));
        norm
    }

    #[test]
    fn weights_and_running_statistics_are_averaged() {
        let mut average = norm(1.0);
        // 1 → 0.5·1 + 0.5·3 = 2 → 0.75·2 + 0.25·6 = 3
        for (value, decay) in [(3.0, 0.5), (6.0, 0.75)] {
            average = blend(average, &norm(value), decay);
        }
        let values = |tensor: Tensor<1>| tensor.into_data().try_into_vec::<f32>().unwrap();
        assert_eq!(values(average.gamma.val()), [3.0, 3.0]);
        assert_eq!(values(average.running_mean.value()), [-3.0, -3.0]);
        assert_eq!(values(average.beta.val()), [0.0, 0.0]);
    }

    #[test]
    fn the_decay_grows_to_its_value() {
        let ema = Ema { decay: 0.9 };
        let decays = [0, 1, 10, 79, 80, 81, 10_000].map(|step| ema.decay_at(step));
        assert_eq!(decays, [0.1, 2.0 / 11.0, 0.55, 80.0 / 89.0, 0.9, 0.9, 0.9]);
    }
}
