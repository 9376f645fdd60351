//! Our normalisation against Burn's, and against itself with other numbers of threads.

use burn::tensor::{Device, Tensor, TensorData};
use proptest::prelude::*;
use rand::Rng;

use super::*;
use segspec_base::random;

fn leaf<const D: usize>(shape: [usize; D], which: u64, shift: f32) -> Tensor<D> {
    let mut stream = random::stream(which, "normalisation test", 0, 0);
    let values: Vec<f32> = (0..shape.iter().product()).map(|_| stream.random_range(-1.0..1.0f32) + shift).collect();
    Tensor::from_data(TensorData::new(values, shape), &Device::flex().autodiff()).require_grad()
}

/// Output and the gradients of images, scale and shift.
fn differentiate(
    operation: impl Fn(Tensor<5>, Tensor<1>, Tensor<1>, Normalisation) -> Tensor<5>,
    shape: [usize; 5],
    offset: f32,
    options: Normalisation,
) -> [Vec<f32>; 4] {
    let (images, scale, shift) = (leaf(shape, 0, offset), leaf([shape[1]], 1, 1.0), leaf([shape[1]], 2, 0.0));
    let output = operation(images.clone(), scale.clone(), shift.clone(), options);
    let grads = (output.clone() * leaf(shape, 3, 0.3).detach()).sum().backward();
    let values = |data: TensorData| data.as_slice::<f32>().unwrap().to_vec();
    [
        values(output.into_data()),
        values(images.grad(&grads).unwrap().into_data()),
        values(scale.grad(&grads).unwrap().into_data()),
        values(shift.grad(&grads).unwrap().into_data()),
    ]
}

/// Largest difference, relative to the largest value and to a hundredth of the terms of each value: gradients of scale and shift are
/// sums over many voxels, which may cancel.
fn difference(found: &[f32], expected: &[f32], summed: usize) -> f32 {
    let scale = expected.iter().fold(0.01 * summed as f32, |most: f32, value| most.max(value.abs()));
    found.iter().zip(expected).fold(0.0, |most: f32, (a, b)| most.max((a - b).abs())) / scale
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn values_and_gradients_are_burns(
        batch in 1usize..4,
        groups in 1usize..5,
        per_group in prop_oneof![Just(1usize), 2usize..9],
        size in [1usize..5, 1usize..9, 2usize..30],
        slope in prop_oneof![Just(1.0), Just(0.0), Just(0.01)],
        over_batch in proptest::bool::ANY,
    ) {
        let per_group = if over_batch { 1 } else { per_group };
        let options = Normalisation { groups, epsilon: 1e-5, slope, over_batch };
        let shape = [batch, groups * per_group, size[0], size[1], size[2]];
        let own = differentiate(normalise, shape, 0.0, options);
        let burns = differentiate(normalise_by_burn, shape, 0.0, options);
        let voxels = batch * size.iter().product::<usize>();
        let results = [("output", 1), ("images", 1), ("scale", voxels), ("shift", voxels)];
        for ((name, summed), (own, burns)) in results.iter().zip(own.iter().zip(&burns)) {
            let difference = difference(own, burns, *summed);
            prop_assert!(difference < 1e-4, "{name} differs by {difference}");
        }
    }
}

#[test]
fn a_small_spread_around_a_large_mean_is_seen() {
    let options = Normalisation { groups: 16, epsilon: 1e-5, slope: 1.0, over_batch: false };
    let shape = [1, 16, 20, 30, 30];
    let [centred, ..] = differentiate(normalise, shape, 0.0, options);
    let [shifted, ..] = differentiate(normalise, shape, 1000.0, options);
    // At 1000, floats are 6e-5 apart, with a spread of 0.6.
    let difference = difference(&shifted, &centred, 1);
    assert!(difference < 5e-4, "differs by {difference}");
}

#[test]
fn results_do_not_depend_on_the_number_of_threads() {
    let options = Normalisation { groups: 4, epsilon: 1e-5, slope: 0.01, over_batch: false };
    let with = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| differentiate(normalise, [2, 12, 17, 40, 31], 0.0, options))
    };
    let one = with(1);
    assert_eq!(one, with(2));
    assert_eq!(one, with(4));
}

#[test]
fn inference_gives_the_same_values() {
    let options = Normalisation { groups: 3, epsilon: 1e-5, slope: 0.01, over_batch: false };
    let (images, scale, shift) = (leaf([2, 3, 4, 5, 6], 0, 0.0), leaf([3], 1, 1.0), leaf([3], 2, 0.0));
    let tracked = normalise(images.clone(), scale.clone(), shift.clone(), options).into_data();
    assert_eq!(normalise(images.inner(), scale.inner(), shift.inner(), options).into_data(), tracked);
}
