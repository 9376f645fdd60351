use ndarray::{Array3, Array4};

use super::*;
use crate::volume::{Geometry, LabelMap, Segmentation};

/// A ball of a radius in mm around a place in mm, on a grid of these steps.
fn ball(shape: [usize; 3], spacing: [f64; 3], centre: [f64; 3], radius: f64, value: u16) -> Segmentation {
    let geometry = Geometry::axis_aligned(shape, spacing);
    let voxels = Array3::from_shape_fn(shape, |(z, y, x)| {
        let place = geometry.to_world([z, y, x].map(|index| index as f64));
        let square: f64 = place.iter().zip(centre).map(|(a, b)| (a - b) * (a - b)).sum();
        if square <= radius * radius { value } else { 0 }
    });
    Segmentation::Labels(LabelMap { voxels, geometry })
}

fn detail(triangles: usize) -> Detail {
    Detail { triangles, ..Detail::default() }
}

fn one(name: &str, value: u16) -> Structure {
    let voxels = Some(Voxels::Values(vec![value]));
    Structure { name: name.into(), color: [200, 60, 20], reference: voxels.clone(), prediction: voxels }
}

#[test]
fn concentric_balls_are_apart_by_the_difference_of_their_radii() {
    let (shape, spacing, centre) = ([30, 40, 50], [2.0, 1.5, 1.0], [25.0, 30.0, 29.0]);
    let [small, large] = [12.0, 15.0].map(|radius| ball(shape, spacing, centre, radius, 1));
    for (reference, prediction, expected) in [(&small, &large, 3.0), (&large, &small, -3.0), (&small, &small, 0.0)] {
        let scene = build(&[one("ball", 1)], Some(reference), Some(prediction), &detail(1200)).unwrap();
        assert!(scene.triangles() <= 1200 && scene.stride == 1);
        let body = &scene.bodies[0];
        for shell in [&body.reference, &body.prediction] {
            let shell = shell.as_ref().unwrap();
            let distances = shell.distances.as_ref().unwrap();
            assert_eq!(distances.len(), shell.surface.points().len());
            // Balls of voxels have steps, 2 mm high along the first axis.
            let worst = distances.iter().map(|distance| (distance - expected).abs()).fold(0.0, f64::max);
            assert!(worst < 1.5, "{worst} of {expected}");
            let mean = distances.iter().sum::<f64>() / distances.len() as f64;
            assert!((mean - expected).abs() < 0.35, "{mean}");
        }
    }
}

#[test]
fn points_far_from_the_other_surface_are_told_apart_by_its_mask() {
    let (shape, spacing) = ([40, 40, 40], [1.0; 3]);
    let inner = ball(shape, spacing, [12.0; 3], 4.0, 1);
    let outer = ball(shape, spacing, [15.0; 3], 12.0, 1);
    let scene = build(&[one("a", 1)], Some(&outer), Some(&inner), &detail(4000)).unwrap();
    let body = &scene.bodies[0];
    let [reference, prediction] =
        [&body.reference, &body.prediction].map(|it| it.as_ref().unwrap().distances.clone().unwrap());
    assert!(reference.iter().all(|distance| *distance < 0.0), "the prediction is too small everywhere");
    assert!(prediction.iter().all(|distance| *distance < 0.0));
}

#[test]
fn one_sided_structures_have_no_distances_and_absent_ones_no_surface() {
    let here = ball([20, 20, 20], [1.0; 3], [9.0; 3], 6.0, 3);
    let empty = Segmentation::Masks {
        masks: Array4::zeros([1, 20, 20, 20]),
        geometry: Geometry::axis_aligned([20; 3], [1.0; 3]),
    };
    let structures = [Structure { prediction: Some(Voxels::Mask(0)), ..one("missed", 3) }, one("absent", 4)];
    let scene = build(&structures, Some(&here), Some(&empty), &detail(500)).unwrap();
    assert_eq!(scene.bodies.len(), 1);
    assert!(scene.bodies[0].prediction.is_none() && scene.bodies[0].reference.as_ref().unwrap().distances.is_none());
    assert!(matches!(build(&[one("absent", 4)], Some(&here), None, &detail(500)), Err(SceneError::Empty)));
    let flat = ball([1, 20, 20], [1.0; 3], [9.0, 9.0, 0.0], 6.0, 3);
    assert!(matches!(build(&structures, Some(&flat), None, &detail(500)), Err(SceneError::Flat)));
}

#[test]
fn large_structures_are_sampled_and_stay_in_place() {
    let large = ball([150, 150, 150], [1.0; 3], [74.0; 3], 70.0, 1);
    let scene = build(&[one("large", 1)], Some(&large), Some(&large), &detail(3000)).unwrap();
    assert_eq!(scene.stride, 2);
    let [low, high] = scene.bounds();
    for axis in 0..3 {
        assert!((low[axis] - 4.0).abs() < 2.0 && (high[axis] - 144.0).abs() < 2.0, "{low:?} {high:?}");
    }
}

#[test]
fn the_page_is_whole_and_names_cannot_break_it() {
    let here = ball([20, 20, 20], [1.0; 3], [9.0; 3], 6.0, 3);
    let scene = build(&[one("</script><b>", 3)], Some(&here), Some(&here), &detail(500)).unwrap();
    let page = render(&scene, "case <1>", "mean Dice 0.9 & more").unwrap();
    assert!(page.contains("<h1>case &lt;1&gt;</h1>") && page.contains("0.9 &amp; more"));
    assert_eq!(page.matches("</script>").count(), 2);
    for outside in ["http://", "https://", "src=\"/", "@import"] {
        assert!(!page.contains(outside), "{outside}");
    }
}

#[test]
fn the_animation_turns_and_shows_the_colour() {
    let here = ball([20, 20, 20], [1.0; 3], [5.0, 9.0, 9.0], 5.0, 3);
    let scene =
        build(&[one("a", 3), Structure { color: [0, 90, 200], ..one("b", 4) }], Some(&here), None, &detail(800))
            .unwrap();
    let file = turn(&scene, 64).unwrap();
    let mut options = gif::DecodeOptions::new();
    options.set_color_output(gif::ColorOutput::RGBA);
    let mut decoder = options.read_info(file.as_slice()).unwrap();
    let mut frames = Vec::new();
    while let Some(frame) = decoder.read_next_frame().unwrap() {
        frames.push(frame.buffer.to_vec());
    }
    assert_eq!((frames.len(), frames[0].len()), (36, 64 * 64 * 4));
    let red = |frame: &Vec<u8>| frame.chunks(4).filter(|pixel| pixel[0] > 120 && pixel[2] < 90).count();
    assert!(frames.iter().all(|frame| red(frame) > 500), "{:?}", frames.iter().map(red).collect::<Vec<_>>());
}
