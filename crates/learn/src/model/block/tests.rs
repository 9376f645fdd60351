//! Gradients of whole blocks against finite differences.

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::{Device, Tensor, TensorData};
use rand::Rng;

use super::*;
use crate::backend::Precision;
use crate::random;

const BATCH: usize = 2;
const CHANNELS: [usize; 2] = [16, 24];
const SIZE: [usize; 3] = [5, 6, 8];

fn noise<const D: usize>(shape: [usize; D], seed: u64, device: &Device) -> Tensor<D> {
    let mut stream = random::stream(seed, "block test", 0, 0);
    let values: Vec<f32> = (0..shape.iter().product()).map(|_| stream.random_range(-1.0..=1.0)).collect();
    Tensor::from_data(TensorData::new(values, shape), device)
}

/// Sum of products in f64.
fn dot<const D: usize>(a: Tensor<D>, b: Tensor<D>) -> f64 {
    let [a, b] = [a, b].map(|tensor| tensor.into_data().try_into_vec::<f32>().unwrap());
    a.iter().zip(&b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
}

/// Moves every parameter along its own random direction.
struct Moved {
    seed: u64,
    distance: f64,
}

impl ModuleMapper for Moved {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        self.seed += 1;
        let direction = noise(param.val().dims(), self.seed, &param.val().device());
        param.map(|values| values + direction * self.distance)
    }
}

/// Directional derivative along the same directions, from the gradients.
struct Slope<'a> {
    seed: u64,
    gradients: &'a GradientsParams,
    sum: f64,
    norm: f64,
}

impl ModuleVisitor for Slope<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.seed += 1;
        let Some(gradient) = self.gradients.get::<D>(param.id) else {
            return assert!(!param.val().is_require_grad(), "a parameter without a gradient");
        };
        self.sum += dot(gradient.clone(), noise(gradient.dims(), self.seed, &gradient.device()));
        self.norm += dot(gradient.clone(), gradient);
    }
}

/// Compares directional derivatives of a weighted sum of the block's outputs with finite differences: of the image, and of all
/// parameters at once.
fn check<B: Module>(name: &str, block: &B, forward: impl Fn(&B, Tensor<5>) -> Tensor<5>) {
    let device = Device::flex().autodiff();
    let [z, y, x] = SIZE;
    let images = noise([BATCH, CHANNELS[0], z, y, x], 1, &device).require_grad();
    let output = forward(block, images.clone());
    let weights = noise(output.dims(), 2, &device);
    let mut gradients = (output * weights.clone()).sum().backward();
    let of_images = images.grad(&gradients).unwrap();
    let value = |block: &B, images: Tensor<5>| dot(forward(block, images), weights.clone());
    // The tolerance covers rounding errors of the finite difference.
    let close = |what: &str, found: f64, expected: f64, scale: f64| {
        assert!((found - expected).abs() < 0.03 * scale, "{name}, {what}: slope {found} instead of {expected}");
    };

    // Along the gradient, where the difference is far above rounding errors, and along noise.
    let length = dot(of_images.clone(), of_images.clone()).sqrt();
    let along_gradient = Tensor::from_data(of_images.clone().div_scalar(length).into_data(), &device);
    let along_noise = noise(along_gradient.dims(), 3, &device);
    for (what, direction, distance) in [("gradient", along_gradient, 0.05), ("noise", along_noise, 2e-3)] {
        let slope = dot(Tensor::from_data(of_images.clone().into_data(), &device), direction.clone());
        let moved = |distance: f64| value(block, images.clone().detach() + direction.clone() * distance);
        let difference = (moved(distance) - moved(-distance)) / (2.0 * distance);
        let usual = length
            * (dot(direction.clone(), direction.clone()) / direction.dims().iter().product::<usize>() as f64).sqrt();
        close(what, difference, slope, usual.max(slope.abs()));
    }

    let gradients = GradientsParams::from_module(&mut gradients, block);
    let mut slope = Slope { seed: 10, gradients: &gradients, sum: 0.0, norm: 0.0 };
    block.visit(&mut slope);
    let moved = |distance: f64| value(&block.clone().map(&mut Moved { seed: 10, distance }), images.clone().detach());
    // The component of uniform noise in ±1 along a direction has standard deviation √⅓.
    let (distance, usual) = (1e-3, (slope.norm / 3.0).sqrt());
    close("parameters", (moved(distance) - moved(-distance)) / (2.0 * distance), slope.sum, usual.max(slope.sum.abs()));
}

/// Smooth activations only, because finite differences fail at kinks; `backend::norm` compares the others with Burn's.
#[test]
fn block_gradients_agree_with_finite_differences() {
    let device = Device::flex().autodiff();
    for norm in [Norm::Instance, Norm::Group, Norm::Batch, Norm::None] {
        for (activation, kernel, stride) in [
            (Activation::Silu, [3, 3, 3], [1, 1, 1]),
            (Activation::Gelu, [1, 3, 3], [1, 2, 2]),
            (Activation::Silu, [2, 2, 2], [2, 2, 2]),
        ] {
            let style = Style { kernel, norm, activation };
            let name = format!("{style:?}, stride {stride:?}");
            let block = ConvNormAct::new(CHANNELS, stride, style, &mut Weights::new(5, Precision::F32, &device));
            check(&name, &block, ConvNormAct::forward);
        }
        let style = Style { kernel: [3; 3], norm, activation: Activation::Silu };
        let block = Residual::new(CHANNELS, [1, 2, 2], style, &mut Weights::new(6, Precision::F32, &device));
        check(&format!("residual, {norm:?}"), &block, Residual::forward);
    }
}

/// Gradients of a block's parameters, and its output.
fn gradients(precision: Precision, images: Tensor<5>) -> (Vec<Tensor<1>>, Tensor<5>) {
    struct All<'a>(&'a GradientsParams, Vec<Tensor<1>>);
    impl ModuleVisitor for All<'_> {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            let gradient = self.0.get::<D>(param.id).unwrap();
            Precision::F32.expect(&gradient, "a gradient");
            Precision::F32.expect(&param.val(), "a weight");
            self.1.push(gradient.flatten(0, D - 1));
        }
    }
    let device = images.device();
    let style = Style { kernel: [3; 3], norm: Norm::Instance, activation: Activation::Silu };
    let block = Residual::new(CHANNELS, [1, 2, 2], style, &mut Weights::new(6, precision, &device));
    let output = block.forward(precision.cast(images));
    precision.expect(&output, "the output");
    let output = Precision::F32.cast(output);
    let weights = noise(output.dims(), 2, &device);
    let gradients = GradientsParams::from_grads((output.clone() * weights).sum().backward(), &block);
    let mut all = All(&gradients, Vec::new());
    block.visit(&mut all);
    (all.1, output)
}

#[test]
fn blocks_in_16_bits_have_f32_gradients_close_to_those_of_f32_blocks() {
    let [z, y, x] = SIZE;
    let images = noise([BATCH, CHANNELS[0], z, y, x], 1, &Device::flex().autodiff());
    let (expected, output) = gradients(Precision::F32, images.clone());
    let length = |values: Tensor<1>| dot(values.clone(), values).sqrt();
    for (precision, tolerance) in [(Precision::Bf16, 0.05), (Precision::F16, 0.01)] {
        let (found, half) = gradients(precision, images.clone());
        let away = length((half - output.clone()).flatten(0, 4)) / length(output.clone().flatten(0, 4));
        assert!(away > 1e-5 && away < tolerance, "{precision:?}: output {away}");
        // Gradients of biases before a norm are pure rounding error.
        let norm = expected.iter().map(|gradient| length(gradient.clone())).fold(0.0, f64::max);
        for (index, (found, expected)) in found.into_iter().zip(&expected).enumerate() {
            let away = length(found - expected.clone()) / norm;
            assert!(away < 2.0 * tolerance, "{precision:?}, parameter {index}: {away}");
        }
    }
}

#[test]
#[should_panic(expected = "a convolution computes in bf16 and was given F32")]
fn a_16_bit_block_rejects_f32_input() {
    let device = Device::flex();
    let style = Style { kernel: [3; 3], norm: Norm::Instance, activation: Activation::LeakyRelu };
    let block = ConvNormAct::new(CHANNELS, [1; 3], style, &mut Weights::new(6, Precision::Bf16, &device));
    let _ = block.forward(noise([BATCH, CHANNELS[0], 4, 4, 4], 1, &device));
}
