//! Comparison with scikit-image and nnU-Net (`tests/reference/resample.py`).

use ndarray::Array3;
use serde::Deserialize;

use super::*;
use crate::preprocess::spec::LabelInterpolation;

#[derive(Deserialize)]
struct Reference {
    from: [usize; 3],
    to: [usize; 3],
    coarse: Option<usize>,
    image: Vec<f32>,
    linear: Vec<f32>,
    cubic: Vec<f32>,
    labels: Vec<u16>,
    nearest: Vec<u16>,
    one_hot: Vec<u16>,
}

fn references() -> Vec<Reference> {
    serde_json::from_str(include_str!("../../../../../tests/reference/resample.json")).unwrap()
}

fn assert_close(found: &Array3<f32>, expected: &[f32], what: &str) {
    assert_eq!(found.len(), expected.len());
    let worst = found.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0f32, f32::max);
    assert!(worst < 1e-4, "{what}: differs by {worst}");
}

#[test]
fn images_equal_those_of_scikit_image_and_nnunet() {
    let references = references();
    assert!(references.len() >= 10);
    for reference in references {
        let image = Array3::from_shape_vec(reference.from, reference.image).unwrap();
        let what = format!("{:?} to {:?}, coarse {:?}", reference.from, reference.to, reference.coarse);
        let linear = resample(image.view(), reference.to, Order::Linear, reference.coarse);
        assert_close(&linear, &reference.linear, &format!("linear {what}"));
        let cubic = resample(image.view(), reference.to, Order::Cubic, reference.coarse);
        assert_close(&cubic, &reference.cubic, &format!("cubic {what}"));
    }
}

#[test]
fn labels_equal_those_of_scikit_image() {
    for reference in references() {
        let labels = Array3::from_shape_vec(reference.from, reference.labels).unwrap();
        let by = |interpolation| resample_labels(labels.view(), reference.to, interpolation, reference.coarse);
        let nearest = by(LabelInterpolation::Nearest);
        assert_eq!(nearest.as_slice().unwrap(), reference.nearest, "nearest {:?}", reference.to);
        let one_hot = by(LabelInterpolation::OneHotLinear);
        assert_eq!(one_hot.as_slice().unwrap(), reference.one_hot, "one-hot {:?} {:?}", reference.to, reference.coarse);
    }
}

#[test]
fn the_same_bits_for_any_number_of_threads() {
    let image = Array3::from_shape_fn([9, 21, 33], |(z, y, x)| ((z * 37 + y * 101 + x * 13) % 97) as f32 * 0.37);
    let with = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| resample(image.view(), [13, 17, 40], Order::Cubic, None))
    };
    let one = with(1);
    assert_eq!(one, with(2));
    assert_eq!(one, with(5));
}

#[test]
fn shapes_round_half_to_even_and_stay_positive() {
    assert_eq!(resampled_shape([36, 50, 35], [1.0, 1.0, 1.0], [1.0, 2.0, 2.0]), [36, 25, 18]);
    assert_eq!(resampled_shape([33, 1, 10], [1.0, 0.1, 1.0], [2.0, 9.0, 4.0]), [16, 1, 2]);
}

#[test]
fn the_coarse_axis_is_nnunets() {
    assert_eq!(coarse_axis([5.0, 0.8, 0.8], [5.0, 0.8, 0.8], 3.0), Some(0));
    assert_eq!(coarse_axis([1.0, 1.0, 1.0], [0.8, 0.8, 5.0], 3.0), Some(2));
    assert_eq!(coarse_axis([0.24, 1.25, 1.25], [1.0, 1.0, 1.0], 3.0), None);
    assert_eq!(coarse_axis([3.0, 1.0, 1.0], [3.0, 1.0, 1.0], 3.0), None);
    assert_eq!(coarse_axis([1.0, 1.0, 1.0], [1.0, 1.0, 1.0], 1.0), None);
}
