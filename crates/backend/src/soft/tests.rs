//! The kernels against Burn's operations, and against themselves with another memory layout.

use burn::tensor::{Device, Tensor, TensorData};

use super::kernel::{self, Images, Order, Truth};
use super::*;
use crate::isa::Isa;

const SHAPES: [[usize; 5]; 5] =
    [[2, 3, 4, 5, 6], [1, 1, 1, 8, 9], [1, 12, 3, 17, 33], [3, 2, 1, 1, 1], [1, 9, 5, 40, 41]];

fn numbers(count: usize, seed: u32) -> Vec<f32> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1u32 << 24) as f32
    };
    (0..count).map(|_| next()).collect()
}

fn truth(shape: [usize; 5], overlapping: bool, device: &Device) -> Tensor<5> {
    let [batch, channels, z, y, x] = shape;
    let (shape, scale) = if overlapping { (shape, 2.0) } else { ([batch, 1, z, y, x], channels as f32) };
    // One voxel in ten is unlabelled.
    let known = |value: f32| if value < 0.9 { value / 0.9 } else { -1.0 };
    let values = numbers(shape.iter().product(), 7).into_iter().map(|value| (known(value) * scale).floor().max(-1.0));
    let values = values.collect();
    Tensor::from_data(TensorData::new::<f32, _>(values, shape), device)
}

/// Sums and the gradient of a weighted total of them.
fn both_ways(logits: &Tensor<5>, sums: impl Fn(Tensor<5>) -> Sums) -> Vec<Vec<f32>> {
    let logits = logits.clone().require_grad();
    let Sums { both, predicted, truth, log_true, log_other, known } = sums(logits.clone());
    let weights = |seed| {
        let values = numbers(both.dims().iter().product(), seed);
        Tensor::<2>::from_data(TensorData::new(values, both.dims()), &both.device())
    };
    let logarithms = log_true.clone() * weights(3) + log_other.clone() * weights(4);
    let total = (both.clone() * weights(1) + predicted.clone() * weights(2) + logarithms).sum();
    let gradient = logits.grad(&total.backward()).unwrap().into_data();
    let values = [both, predicted, truth, log_true, log_other, known].map(Tensor::into_data);
    values.into_iter().chain([gradient]).map(|data| data.try_into_vec::<f32>().unwrap()).collect()
}

#[test]
fn sums_and_gradients_are_those_of_burns_operations() {
    let device = Device::flex().autodiff();
    for (shape, overlapping) in SHAPES.into_iter().flat_map(|shape| [(shape, false), (shape, true)]) {
        let logits = segspec_testing::drawn(shape, [0.0, 4.0], &device);
        // The same values with channels last.
        let last = logits.clone().permute([0, 2, 3, 4, 1]) * 1.0;
        let truth = truth(shape, overlapping, &device);
        let expected = both_ways(&logits, |logits| sums_by_burn(logits, truth.clone(), overlapping));
        let first = both_ways(&logits, |logits| sums(logits, truth.clone(), overlapping));
        let permuted = last.permute([0, 4, 1, 2, 3]);
        let last = both_ways(&permuted, |logits| sums(logits, truth.clone(), overlapping));
        assert_eq!(first, last, "{shape:?}");
        for (ours, theirs) in first.iter().zip(&expected) {
            let largest = theirs.iter().fold(0.1f32, |largest, value| largest.max(value.abs()));
            for (ours, theirs) in ours.iter().zip(theirs) {
                assert!((ours - theirs).abs() < 2e-6 * largest, "{shape:?} {overlapping}: {ours} instead of {theirs}");
            }
        }
    }
}

#[test]
fn likelihoods_and_gradients_are_those_of_burns_operations() {
    let device = Device::flex().autodiff();
    for (shape, overlapping) in SHAPES.into_iter().flat_map(|shape| [(shape, false), (shape, true)]) {
        let logits = segspec_testing::drawn(shape, [0.0, 4.0], &device).require_grad();
        let truth = truth(shape, overlapping, &device);
        let [of_true, of_other] =
            [11, 12].map(|seed| numbers(shape[1], seed).into_iter().map(f64::from).collect::<Vec<_>>());
        let weights = [&of_true[..], &of_other[..]];
        let both_ways = |values: Tensor<5>| {
            let slopes = TensorData::new(numbers(values.dims().iter().product(), 13), values.dims());
            let slopes = Tensor::<5>::from_data(slopes, &device);
            let gradient = logits.grad(&(values.clone() * slopes).sum().backward()).unwrap();
            [values.inner(), gradient].map(|tensor| tensor.into_data().try_into_vec::<f32>().unwrap())
        };
        let ours = both_ways(likelihoods(logits.clone(), truth.clone(), overlapping, weights));
        let rows = rows(weights, &device);
        let theirs = both_ways(likelihoods_by_burn(logits.clone(), truth, overlapping, rows));
        for (ours, theirs) in ours.iter().flatten().zip(theirs.iter().flatten()) {
            assert!(
                (ours - theirs).abs() < 2e-6 * theirs.abs().max(1.0),
                "{shape:?} {overlapping}: {ours}, not {theirs}"
            );
        }
    }
}

#[test]
fn probabilities_are_those_of_burns_operations() {
    for (shape, overlapping) in SHAPES.into_iter().flat_map(|shape| [(shape, false), (shape, true)]) {
        let logits = segspec_testing::drawn(shape, [0.0, 6.0], &Device::flex());
        let expected = match overlapping {
            true => activation::sigmoid(logits.clone()),
            false => activation::softmax(logits.clone(), 1),
        };
        let [ours, theirs] = [probabilities(logits, overlapping), expected].map(|tensor| tensor.into_data());
        let pairs = ours.as_slice::<f32>().unwrap().iter().zip(theirs.as_slice::<f32>().unwrap());
        for (ours, theirs) in pairs {
            assert!((ours - theirs).abs() < 1e-6, "{ours} instead of {theirs}");
        }
    }
}

#[test]
fn a_logit_that_is_no_number_is_not_hidden() {
    for overlapping in [false, true] {
        let mut values = numbers(3 * 100, 5);
        values[137] = f32::NAN;
        let logits = Tensor::from_data(TensorData::new(values, [1, 3, 1, 10, 10]), &Device::flex());
        let sums = sums(logits, truth([1, 3, 1, 10, 10], overlapping, &Device::flex()), overlapping);
        assert!(sums.predicted.sum().into_scalar::<f32>().is_nan());
        assert!((sums.log_true.sum() + sums.log_other.sum()).into_scalar::<f32>().is_nan());
    }
}

#[test]
fn every_instruction_set_computes_the_same() {
    let (channels, voxels) = (5, 1000);
    let values: Vec<f32> = numbers(channels * voxels, 3).iter().map(|value| value * 20.0 - 10.0).collect();
    let classes: Vec<f32> = numbers(voxels, 4).iter().map(|value| (value * 5.0).floor()).collect();
    let logits = Images { values: &values, order: Order::ChannelsFirst, channels, voxels };
    let of_sums = numbers(kernel::SUMS * channels, 9);
    let results = Isa::available().into_iter().map(|isa| {
        let mut gradient = vec![0.0; values.len()];
        kernel::gradient(isa, logits, Truth::Classes(&classes), &of_sums, &mut gradient);
        (kernel::sums(isa, logits, Truth::Classes(&classes)), gradient)
    });
    let results: Vec<_> = results.collect();
    assert!(results.windows(2).all(|pair| pair[0] == pair[1]));
}
