//! Our convolutions against Burn's own, against PyTorch (`tests/reference/conv.py`), and against themselves on other
//! instruction sets and thread counts.

use burn::tensor::{Device, TensorData};
use proptest::prelude::*;
use rand::Rng;
use serde::Deserialize;

use super::super::isa::Isa;
use super::convolution::{Convolution, channel_sums};
use super::*;
use segspec_base::random;

/// Output, and gradients of images, weights and bias.
type Results = [TensorData; 4];

fn wave(count: usize, offset: f64) -> Vec<f32> {
    (0..count).map(|index| (0.37 * index as f64 + offset).sin() as f32).collect()
}

/// Random values in ±1: sums of waves would cancel and leave nothing to compare.
fn noise(count: usize, seed: f64) -> Vec<f32> {
    let mut stream = random::stream(seed as u64, "convolution test", 0, 0);
    (0..count).map(|_| stream.random_range(-1.0..=1.0)).collect()
}

/// Makes a number of values; the second argument tells the four tensors apart.
type Values = fn(usize, f64) -> Vec<f32>;

fn leaf<const D: usize>(values: Values, shape: [usize; D], which: f64) -> Tensor<D> {
    let values = values(shape.iter().product(), which);
    Tensor::from_data(TensorData::new(values, shape), &Device::flex().autodiff()).require_grad()
}

/// Runs an operation forward and backward with an output gradient that differs everywhere.
fn differentiate(
    operation: impl Fn(Tensor<5>, Tensor<5>, Option<Tensor<1>>) -> Tensor<5>,
    values: Values,
    [images, weights]: [[usize; 5]; 2],
    outputs: usize,
) -> Results {
    let (images, weights) = (leaf(values, images, 0.0), leaf(values, weights, 1.0));
    let bias = leaf(values, [outputs], 2.0);
    let output = operation(images.clone(), weights.clone(), Some(bias.clone()));
    let gradient = leaf(values, output.dims(), 3.0).detach() + 0.5;
    let grads = (output.clone() * gradient).sum().backward();
    let of = |tensor: &Tensor<5>| tensor.grad(&grads).unwrap().into_data();
    [output.into_data(), of(&images), of(&weights), bias.grad(&grads).unwrap().into_data()]
}

/// Largest difference, relative to the largest value.
fn difference(found: &[f32], expected: &[f32]) -> f32 {
    assert_eq!(found.len(), expected.len());
    let scale = expected.iter().fold(1e-3, |most: f32, value| most.max(value.abs()));
    found.iter().zip(expected).fold(0.0, |most: f32, (a, b)| most.max((a - b).abs())) / scale
}

fn assert_close(found: &Results, expected: &Results, case: &str) {
    for (name, (found, expected)) in ["output", "images", "weights", "bias"].iter().zip(found.iter().zip(expected)) {
        assert_eq!(found.shape(), expected.shape(), "{case}: {name}");
        let difference = difference(found.as_slice().unwrap(), expected.as_slice().unwrap());
        assert!(difference < 1e-4, "{case}: {name} differs by {difference}");
    }
}

prop_compose! {
    /// Shapes with every kind of edge: kernels larger than the image, strides larger than the kernel, single voxels.
    fn shapes()(
        batch in 1usize..3,
        channels in prop_oneof![[1usize..5, 1usize..5], [1usize..40, 1usize..40], [15usize..18, 31usize..50]],
        size in [1usize..7, 1usize..10, 1usize..34],
        kernel in prop_oneof![Just([3; 3]), Just([5; 3]), Just([1, 5, 5]), Just([1; 3]), Just([2; 3]), [1usize..6, 1usize..6, 1usize..6]],
        stride in prop_oneof![Just([1; 3]), Just([2; 3]), [1usize..4, 1usize..4, 1usize..4]],
        padding in [0usize..3, 0usize..3, 0usize..3],
    ) -> Convolution {
        Convolution { batch, channels, input: size, kernel, stride, padding }
    }
}

fn five([batch, channels]: [usize; 2], [z, y, x]: [usize; 3]) -> [usize; 5] {
    [batch, channels, z, y, x]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn convolutions_equal_burns(shape in shapes()) {
        prop_assume!(!shape.output().contains(&0));
        let steps = Steps::new(shape.stride, shape.padding);
        let [input, output] = shape.channels;
        let shapes = [five([shape.batch, input], shape.input), five([output, input], shape.kernel)];
        let own = differentiate(|x, w, b| convolve(x, w, b, steps), noise, shapes, output);
        let burns = differentiate(|x, w, b| by_burn::convolve(x, w, b, steps), noise, shapes, output);
        assert_close(&own, &burns, &format!("{shape:?}"));
    }

    #[test]
    fn transposed_convolutions_equal_burns(shape in shapes()) {
        let enlarged = |axis: usize| (shape.input[axis] - 1) * shape.stride[axis] + shape.kernel[axis];
        prop_assume!((0..3).all(|axis| enlarged(axis) > 2 * shape.padding[axis]));
        // As much as PyTorch allows, or none.
        let extra = if shape.batch == 2 { shape.stride.map(|stride| stride - 1) } else { [0; 3] };
        let steps = Steps { extra, ..Steps::new(shape.stride, shape.padding) };
        let [input, output] = shape.channels;
        let shapes = [five([shape.batch, input], shape.input), five([input, output], shape.kernel)];
        let own = differentiate(|x, w, b| convolve_transposed(x, w, b, steps), noise, shapes, output);
        let burns = differentiate(|x, w, b| by_burn::convolve_transposed(x, w, b, steps), noise, shapes, output);
        assert_close(&own, &burns, &format!("{shape:?}"));
    }

    #[test]
    fn rewritten_convolutions_equal_burns(shape in shapes()) {
        prop_assume!(!shape.output().contains(&0));
        let steps = Steps::new(shape.stride, shape.padding);
        let [input, output] = shape.channels;
        let shapes = [five([shape.batch, input], shape.input), five([output, input], shape.kernel)];
        let rewritten = differentiate(|x, w, b| rewritten::convolve(x, w, b, steps), noise, shapes, output);
        let burns = differentiate(|x, w, b| by_burn::convolve(x, w, b, steps), noise, shapes, output);
        assert_close(&rewritten, &burns, &format!("{shape:?}"));
    }

    #[test]
    fn rewritten_transposed_convolutions_equal_burns(shape in shapes()) {
        let steps = Steps::new(shape.kernel, [0; 3]);
        let [input, output] = shape.channels;
        let shapes = [five([shape.batch, input], shape.input), five([input, output], shape.kernel)];
        let rewritten = differentiate(|x, w, b| rewritten::convolve_transposed(x, w, b, steps), noise, shapes, output);
        let burns = differentiate(|x, w, b| by_burn::convolve_transposed(x, w, b, steps), noise, shapes, output);
        assert_close(&rewritten, &burns, &format!("{shape:?}"));
    }

    #[test]
    fn instruction_sets_agree(shape in shapes()) {
        prop_assume!(!shape.output().contains(&0));
        let expected = on(Isa::Portable, &shape);
        for isa in Isa::available() {
            for (name, (found, expected)) in ["output", "images", "weights"].iter().zip(on(isa, &shape).iter().zip(&expected)) {
                let difference = difference(found, expected);
                prop_assert!(difference < 1e-4, "{isa:?}: {name} differs by {difference}");
            }
        }
    }
}

/// Output and gradients of images and weights.
fn on(isa: Isa, shape: &Convolution) -> [Vec<f32>; 3] {
    let volume = |channels: usize, size: [usize; 3]| shape.batch * channels * size.iter().product::<usize>();
    let (images, weights) = (noise(volume(shape.channels[0], shape.input), 0.0), noise(shape.weights(), 1.0));
    let gradient = noise(volume(shape.channels[1], shape.output()), 3.0);
    let (mut output, mut of_images) = (vec![f32::NAN; gradient.len()], vec![f32::NAN; images.len()]);
    let mut of_weights = vec![f32::NAN; weights.len()];
    shape.apply(isa, &images, &weights, None, &mut output);
    shape.apply_adjoint(isa, &gradient, &weights, None, &mut of_images);
    shape.weight_gradient(isa, &images, &gradient, &mut of_weights);
    [output, of_images, of_weights]
}

#[derive(Deserialize)]
struct Reference {
    transposed: bool,
    channels: [usize; 2],
    size: [usize; 3],
    kernel: [usize; 3],
    stride: [usize; 3],
    padding: [usize; 3],
    extra: [usize; 3],
    output: Vec<f32>,
    images: Vec<f32>,
    weights: Vec<f32>,
    bias: Vec<f32>,
}

#[test]
fn values_and_gradients_are_pytorchs() {
    let text = include_str!("../../../../tests/reference/conv.json");
    let references: Vec<Reference> = serde_json::from_str(text).unwrap();
    for (index, case) in references.into_iter().enumerate() {
        let steps = Steps { extra: case.extra, ..Steps::new(case.stride, case.padding) };
        let ([input, output], images) = (case.channels, five([2, case.channels[0]], case.size));
        let found = match case.transposed {
            false => {
                let shapes = [images, five([output, input], case.kernel)];
                differentiate(|x, w, b| convolve(x, w, b, steps), wave, shapes, output)
            }
            true => {
                let shapes = [images, five([input, output], case.kernel)];
                differentiate(|x, w, b| convolve_transposed(x, w, b, steps), wave, shapes, output)
            }
        };
        for (found, expected) in found.iter().zip([case.output, case.images, case.weights, case.bias]) {
            let difference = difference(found.as_slice().unwrap(), &expected);
            assert!(difference < 1e-5, "case {index} differs by {difference}");
        }
    }
}

#[test]
fn results_do_not_depend_on_the_number_of_threads() {
    let shapes = [
        Convolution {
            batch: 2,
            channels: [20, 40],
            input: [9, 11, 13],
            kernel: [3; 3],
            stride: [1; 3],
            padding: [1; 3],
        },
        Convolution {
            batch: 2,
            channels: [20, 40],
            input: [9, 11, 13],
            kernel: [5; 3],
            stride: [1; 3],
            padding: [2; 3],
        },
        Convolution {
            batch: 1,
            channels: [1, 16],
            input: [40, 33, 35],
            kernel: [3; 3],
            stride: [2; 3],
            padding: [1; 3],
        },
    ];
    for shape in shapes {
        let with = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| {
                let gradient = noise(shape.batch * shape.channels[1] * shape.output().iter().product::<usize>(), 3.0);
                (on(Isa::detect(), &shape), channel_sums(&gradient, shape.channels[1]))
            })
        };
        let one = with(1);
        assert_eq!(one, with(2));
        assert_eq!(one, with(4));
    }
}

#[test]
fn views_are_read_as_they_are_seen() {
    let steps = Steps::new([1; 3], [1; 3]);
    let swapped = |x: Tensor<5>| x.swap_dims(2, 4).slice([0..2, 1..3, 0..4, 1..5, 0..3]);
    let shapes = [[2, 4, 5, 6, 7], [3, 2, 3, 3, 3]];
    let own = differentiate(|x, w, b| convolve(swapped(x), w.swap_dims(3, 4), b, steps), noise, shapes, 3);
    let burns = differentiate(|x, w, b| by_burn::convolve(swapped(x), w.swap_dims(3, 4), b, steps), noise, shapes, 3);
    assert_close(&own, &burns, "swapped and sliced");
}

#[test]
fn a_missing_bias_is_zero() {
    let steps = Steps::new([1; 3], [0; 3]);
    let shapes = [[1, 2, 3, 4, 5], [3, 2, 1, 1, 1]];
    let bare = |own: bool| {
        move |x: Tensor<5>, w: Tensor<5>, b: Option<Tensor<1>>| {
            let output = if own { convolve(x, w, None, steps) } else { by_burn::convolve(x, w, None, steps) };
            output + b.unwrap().reshape([1, 3, 1, 1, 1])
        }
    };
    assert_close(
        &differentiate(bare(true), noise, shapes, 3),
        &differentiate(bare(false), noise, shapes, 3),
        "without bias",
    );
}

#[test]
fn weights_alone_can_be_trained_and_inference_keeps_no_graph() {
    let steps = Steps::new([1; 3], [1; 3]);
    let weights = leaf(noise, [2, 1, 3, 3, 3], 1.0);
    let images = leaf(noise, [1, 1, 4, 4, 4], 0.0);
    let output = convolve(images.clone().detach(), weights.clone(), None, steps);
    let grads = output.clone().sum().backward();
    assert!(weights.grad(&grads).is_some());
    assert!(images.grad(&grads).is_none());
    let inferred = convolve(images.inner(), weights.inner(), None, steps);
    assert_eq!(inferred.into_data(), output.into_data());
}

#[test]
fn five_taps_are_filtered_as_exactly_as_three() {
    // Enough channels for Winograd's filtering, and sizes that no tile divides.
    for (kernel, size) in
        [([5; 3], [6, 9, 11]), ([1, 5, 5], [1, 13, 10]), ([3, 5, 5], [4, 7, 8]), ([5, 3, 3], [6, 9, 7])]
    {
        let shapes = [five([2, 16], size), five([24, 16], kernel)];
        let steps = Steps::new([1; 3], kernel.map(|edge| edge / 2));
        let own = differentiate(|x, w, b| convolve(x, w, b, steps), noise, shapes, 24);
        let burns = differentiate(|x, w, b| by_burn::convolve(x, w, b, steps), noise, shapes, 24);
        assert_close(&own, &burns, &format!("{kernel:?}"));
    }
}
