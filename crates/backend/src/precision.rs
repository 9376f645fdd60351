//! Mixed precision: weights are stored in 32 bits, convolutions run in 16; norms, losses and the optimiser stay in 32.
//!
//! Source: Micikevicius et al., Mixed Precision Training (ICLR 2018). Burn 0.22 casts nothing automatically and gives wrong results on
//! GPUs where types are mixed: activations are cast where they enter a network, and blocks assert the type of their input.

use burn::tensor::{DType, Device, FloatDType, Tensor};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Floating-point type of the convolutions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Precision {
    /// 32 bits.
    #[default]
    F32,
    /// 16 bits with the range of 32: needs no loss scaling. NVIDIA GPUs since Ampere.
    Bf16,
    /// 16 bits with more precision and less range: the loss is scaled, and steps that overflow are skipped.
    F16,
}

impl Precision {
    /// All precisions.
    pub const ALL: [Self; 3] = [Self::F32, Self::Bf16, Self::F16];

    /// Burn's type.
    pub fn dtype(self) -> FloatDType {
        match self {
            Self::F32 => FloatDType::F32,
            Self::Bf16 => FloatDType::BF16,
            Self::F16 => FloatDType::F16,
        }
    }

    /// The name in specs.
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::Bf16 => "bf16",
            Self::F16 => "f16",
        }
    }

    /// Whether gradients can underflow, so that the loss is scaled.
    pub fn scales_loss(self) -> bool {
        self == Self::F16
    }

    /// The tensor cast to this type; its gradient is cast back.
    pub fn cast<const D: usize>(self, tensor: Tensor<D>) -> Tensor<D> {
        if tensor.dtype() == DType::from(self.dtype()) { tensor } else { tensor.cast(self.dtype()) }
    }

    /// Asserts a tensor's type: a GPU would go on with meaningless values.
    ///
    /// # Panics
    /// The tensor has another type, because an architecture does not cast it.
    pub fn expect<const D: usize>(self, tensor: &Tensor<D>, place: &str) {
        let found = tensor.dtype();
        assert!(found == DType::from(self.dtype()), "{place} computes in {} and was given {found:?}", self.name());
    }

    /// Whether a device can store this type and compute with it.
    pub fn is_supported(self, device: &Device) -> bool {
        self == Self::F32 || device.supports_dtype(DType::from(self.dtype()))
    }
}

/// Runs work in 32 bits, where it is correct or fast only there; the result has the type of the images.
pub fn in_f32<const D: usize>(images: Tensor<D>, work: impl FnOnce(Tensor<D>) -> Tensor<D>) -> Tensor<D> {
    match images.dtype() {
        DType::BF16 => Precision::Bf16.cast(work(Precision::F32.cast(images))),
        DType::F16 => Precision::F16.cast(work(Precision::F32.cast(images))),
        _ => work(images),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HALVES: [Precision; 2] = [Precision::Bf16, Precision::F16];

    #[test]
    fn casts_are_differentiable_and_gradients_keep_the_type_of_what_was_cast() {
        let device = Device::flex().autodiff();
        for precision in HALVES {
            let weights = Tensor::<1>::from_floats([0.1, -2.0, 3.0], &device).require_grad();
            let half = precision.cast(weights.clone());
            precision.expect(&half, "here");
            let gradients = (half.clone() * half).sum().backward();
            let gradient = weights.grad(&gradients).unwrap();
            assert_eq!(gradient.dtype(), DType::F32);
            let expected = [0.2, -4.0, 6.0];
            for (found, expected) in gradient.into_data().try_into_vec::<f32>().unwrap().into_iter().zip(expected) {
                assert!((found - expected).abs() < 0.02 * expected.abs(), "{found} {expected}");
            }
        }
    }

    #[test]
    fn work_in_32_bits_returns_in_16() {
        let images = Tensor::<5>::ones([1, 1, 1, 1, 2], &Device::flex());
        for precision in HALVES {
            let found = in_f32(precision.cast(images.clone()), |images| {
                Precision::F32.expect(&images, "work");
                images.mul_scalar(3.0)
            });
            precision.expect(&found, "result");
            assert!(precision.is_supported(&Device::flex()));
        }
    }

    #[test]
    #[should_panic(expected = "conv computes in bf16 and was given F32")]
    fn other_numbers_are_not_let_in() {
        Precision::Bf16.expect(&Tensor::<1>::ones([2], &Device::flex()), "conv");
    }
}
