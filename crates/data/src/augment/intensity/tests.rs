//! Against batchgeneratorsv2 and MONAI (`tests/reference/augment.py`), and properties of every step.

use ndarray::Array4;
use proptest::prelude::*;
use serde::Deserialize;

use super::*;
use crate::augment::Augment;
use crate::augment::dice::End;
use crate::random;

#[derive(Deserialize)]
struct Reference {
    shape: [usize; 3],
    image: Vec<f32>,
    intensity: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    kind: String,
    value: f64,
    #[serde(default)]
    keep: bool,
    #[serde(default)]
    inverted: bool,
    result: Vec<f32>,
}

/// The step that does what the reference did.
fn step(case: &Case) -> Intensity {
    let (probability, range) = (1.0, [case.value; 2]);
    match case.kind.as_str() {
        "brightness" => Intensity::Brightness(Brightness { probability, factors: range }),
        "contrast" => Intensity::Contrast(Contrast { probability, factors: range, keep_range: case.keep }),
        "scale" => Intensity::Scale(Scale { probability, factors: range }),
        "shift" => Intensity::Shift(Shift { probability, offsets: range }),
        "blur" => Intensity::Blur(Blur { probability, channel_probability: 1.0, sigma_voxels: range }),
        "low-resolution" => {
            Intensity::LowResolution(LowResolution { probability, channel_probability: 1.0, scales: range })
        }
        _ => {
            let gamma = Gamma { probability, exponents: range, keep_statistics: case.keep };
            if case.inverted { Intensity::InvertedGamma(gamma) } else { Intensity::Gamma(gamma) }
        }
    }
}

#[test]
fn steps_equal_those_of_batchgeneratorsv2_and_monai() {
    let reference: Reference =
        serde_json::from_str(include_str!("../../../../../tests/reference/augment.json")).unwrap();
    assert!(reference.intensity.len() >= 20);
    let [d, h, w] = reference.shape;
    for case in &reference.intensity {
        let mut image = Array4::from_shape_vec((1, d, h, w), reference.image.clone()).unwrap();
        let in_plane = case.kind == "low-resolution" && case.inverted;
        let grid = Grid { size: reference.shape, spacing_mm: [1.0; 3], in_plane };
        let mut rng = random::stream(0, "test", 0, 0);
        step(case).apply(&mut image, grid, &mut Dice::new(&mut rng, Some(End::High)));
        let worst = image.iter().zip(&case.result).map(|(a, b)| (a - b).abs()).fold(0.0f32, f32::max);
        assert!(worst < 2e-5, "{} {} {} {}: differs by {worst}", case.kind, case.value, case.keep, case.inverted);
    }
}

/// Every step at a strength that changes nothing.
fn without_effect() -> Vec<Intensity> {
    let probability = 1.0;
    let channel_probability = 1.0;
    let gamma = Gamma { probability, exponents: [1.0; 2], keep_statistics: true };
    vec![
        Intensity::Streaks(Streaks { probability, sources: [0, 0], ..Streaks::default() }),
        Intensity::Noise(Noise { probability, sd: [0.0; 2] }),
        Intensity::Blur(Blur { probability, channel_probability, sigma_voxels: [0.0; 2] }),
        Intensity::Brightness(Brightness { probability, factors: [1.0; 2] }),
        Intensity::Contrast(Contrast { probability, factors: [1.0; 2], keep_range: true }),
        Intensity::Scale(Scale { probability, factors: [1.0; 2] }),
        Intensity::Shift(Shift { probability, offsets: [0.0; 2] }),
        Intensity::LowResolution(LowResolution { probability, channel_probability, scales: [1.0; 2] }),
        Intensity::InvertedGamma(gamma),
        Intensity::Gamma(gamma),
        Intensity::Dropout(Dropout { probability, boxes: [0, 0], ..Dropout::default() }),
    ]
}

/// Every transform with its defaults, of every channel.
fn defaults() -> Vec<Intensity> {
    let tables: String = Augment::KEYS.iter().map(|key| format!("{key} = {{}}\n")).collect();
    let mut steps = Intensity::of(&toml::from_str(&tables).unwrap());
    assert!(steps.len() >= 11);
    for step in &mut steps {
        match step {
            Intensity::Blur(it) => it.channel_probability = 1.0,
            Intensity::LowResolution(it) => it.channel_probability = 1.0,
            _ => {}
        }
    }
    steps
}

fn image(size: [usize; 3], seed: u64) -> Array4<f32> {
    let mut image = Array4::zeros((2, size[0], size[1], size[2]));
    normal::add(image.as_slice_mut().unwrap(), 1.0, &mut random::stream(seed, "image", 0, 0));
    image
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn strength_zero_changes_nothing(size in prop::array::uniform3(1usize..9), seed in 0u64..1000) {
        let before = image(size, seed);
        let grid = Grid { size, spacing_mm: [3.0, 1.0, 1.0], in_plane: false };
        for step in without_effect() {
            let mut after = before.clone();
            step.apply(&mut after, grid, &mut Dice::new(&mut random::stream(seed, "test", 0, 0), None));
            let worst = before.iter().zip(&after).map(|(a, b)| (a - b).abs()).fold(0.0f32, f32::max);
            prop_assert!(worst < 1e-5, "{} changed by {worst}", step.name());
        }
    }

    #[test]
    fn the_same_stream_gives_the_same_bits_and_results_are_finite(
        size in prop::array::uniform3(1usize..9), seed in 0u64..1000, in_plane in any::<bool>()
    ) {
        let before = image(size, seed);
        let grid = Grid { size, spacing_mm: [3.0, 1.0, 1.0], in_plane };
        for step in defaults() {
            for end in [None, Some(End::Low), Some(End::High)] {
                let apply = || {
                    let mut after = before.clone();
                    step.apply(&mut after, grid, &mut Dice::new(&mut random::stream(seed, "test", 0, 0), end));
                    after
                };
                let after = apply();
                prop_assert!(after.iter().all(|value| value.is_finite()), "{}", step.name());
                prop_assert_eq!(&after, &apply());
            }
        }
    }
}

#[test]
fn every_step_does_something_at_its_ends() {
    let size = [12, 16, 16];
    let before = image(size, 1);
    let grid = Grid { size, spacing_mm: [1.0; 3], in_plane: false };
    for step in defaults() {
        let mut after = before.clone();
        let end = if matches!(step, Intensity::LowResolution(_)) { End::Low } else { End::High };
        step.apply(&mut after, grid, &mut Dice::new(&mut random::stream(1, "test", 0, 0), Some(end)));
        let changed = before.iter().zip(&after).filter(|(a, b)| (**a - **b).abs() > 1e-3).count();
        assert!(changed > 100, "{} changed {changed} voxels", step.name());
    }
}
