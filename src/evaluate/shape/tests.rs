//! All metrics of masks against surface-distance, SciPy and scikit-image (`tests/reference/metrics.py`), and against formulas.

use std::collections::BTreeMap;
use std::path::Path;

use ndarray::{Array3, Array4, Axis};
use serde::Deserialize;

use crate::dataset::{Target, TargetStructure};
use crate::evaluate::{Evaluate, MetricId, Score, score};
use crate::volume::{Geometry, LabelMap, Segmentation, read_label_map};
use made::{Part, mask};

mod made;

#[derive(Deserialize)]
struct Reference {
    made: Vec<Made>,
    real: Vec<Real>,
}

/// A pair of masks made by formulas.
#[derive(Deserialize)]
struct Made {
    name: String,
    shape: [usize; 3],
    spacing: [f64; 3],
    tolerance: f64,
    reference: Vec<Part>,
    prediction: Vec<Part>,
    expected: BTreeMap<String, Option<f64>>,
}

/// A structure of a real label map, and of another or of itself moved by some voxels.
#[derive(Deserialize)]
struct Real {
    path: String,
    other: Other,
    value: u16,
    tolerance: f64,
    expected: BTreeMap<String, Option<f64>>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Other {
    File(String),
    Shift([isize; 3]),
}

fn reference() -> Reference {
    serde_json::from_str(include_str!("../../../tests/reference/metrics.json")).unwrap()
}

fn target(values: &[u16]) -> Target {
    let structure = |value: &u16| TargetStructure {
        instances: true,
        tubular: true,
        ..TargetStructure::new(value.to_string(), &[*value])
    };
    Target::of(values.iter().map(structure).collect())
}

fn settings(tolerance_mm: f64) -> Evaluate {
    Evaluate { tolerance_mm: Some(tolerance_mm), ..Evaluate::default() }
}

fn labels(mask: Array3<bool>, geometry: &Geometry) -> LabelMap {
    LabelMap { voxels: mask.mapv(u16::from), geometry: geometry.clone() }
}

fn value(score: &Score, column: &str) -> Option<f64> {
    match column {
        "reference_components" => Some(score.components?.reference as f64),
        "prediction_components" => Some(score.components?.prediction as f64),
        "detected_components" => Some(score.components?.detected? as f64),
        _ => score[MetricId::all().find(|metric| metric.column == column).unwrap()],
    }
}

fn check(name: &str, score: &Score, expected: &BTreeMap<String, Option<f64>>) {
    for (column, expected) in expected {
        let found = value(score, column);
        let close = match (found, expected) {
            (Some(found), Some(expected)) => (found - expected).abs() < 1e-6,
            (None, None) => true,
            _ => false,
        };
        assert!(close, "{name}, {column}: {found:?}, expected {expected:?}");
    }
}

fn of_made(example: &Made, geometry: &Geometry) -> Score {
    let [reference, prediction] =
        [&example.reference, &example.prediction].map(|parts| labels(mask(example.shape, parts), geometry));
    let prediction = Segmentation::Labels(prediction);
    score("case", &target(&[1]), &reference, &prediction, &settings(example.tolerance)).unwrap().remove(0)
}

#[test]
fn metrics_of_made_masks_equal_the_references() {
    let reference = reference();
    assert!(reference.made.len() >= 60);
    for example in &reference.made {
        let geometry = Geometry::axis_aligned(example.shape, example.spacing);
        let name = format!("{} {:?} {:?}", example.name, example.shape, example.spacing);
        check(&name, &of_made(example, &geometry), &example.expected);
    }
}

/// Turned and mirrored grids have the same distances; a sheared one has none.
#[test]
fn the_direction_of_axes_does_not_matter() {
    let (sin, cos) = 20_f64.to_radians().sin_cos();
    let turned = [[-cos, -sin, 0.0], [-sin, cos, 0.0], [0.0, 0.0, -1.0]];
    for example in reference().made.iter().filter(|example| example.shape[0] > 1).take(30) {
        let mut geometry = Geometry::axis_aligned(example.shape, example.spacing);
        let spacing = [example.spacing[2], example.spacing[1], example.spacing[0]];
        for (row, directions) in geometry.affine.iter_mut().zip(turned) {
            (0..3).for_each(|axis| row[axis] = directions[axis] * spacing[axis]);
        }
        check(&example.name, &of_made(example, &geometry), &example.expected);
        geometry.affine[0][2] = 0.3 * spacing[2];
        let sheared = of_made(example, &geometry);
        assert_eq!(["hd", "hd95", "assd", "nsd", "boundary_iou"].map(|column| value(&sheared, column)), [None; 5]);
        assert_eq!(
            (sheared.distance_unit, sheared[crate::evaluate::DICE].is_none()),
            (None, example.name == "both empty")
        );
    }
}

/// A slice is flat whichever axis is thin.
#[test]
fn a_slice_is_measured_in_its_plane() {
    for example in reference().made.iter().filter(|example| example.shape[0] == 1) {
        for thin in [1, 2] {
            let turn = |parts: &[Part]| {
                let mask = mask(example.shape, parts).remove_axis(Axis(0)).insert_axis(Axis(thin));
                mask.as_standard_layout().into_owned()
            };
            let (mut shape, mut spacing) = (example.shape.to_vec(), example.spacing.to_vec());
            shape.remove(0);
            spacing.remove(0);
            shape.insert(thin, 1);
            spacing.insert(thin, 4.0);
            let geometry = Geometry::axis_aligned(shape.try_into().unwrap(), spacing.try_into().unwrap());
            let [reference, prediction] =
                [&example.reference, &example.prediction].map(|parts| labels(turn(parts), &geometry));
            let prediction = Segmentation::Labels(prediction);
            let scores = score("case", &target(&[1]), &reference, &prediction, &settings(example.tolerance)).unwrap();
            check(&example.name, &scores[0], &example.expected);
        }
    }
}

/// Many structures of one label map, as masks of their own, and in arrays whose voxels do not lie side by side.
#[test]
fn structures_of_one_map_and_overlapping_masks_are_measured_like_single_ones() {
    let reference = reference();
    let chosen: Vec<&Made> =
        reference.made.iter().filter(|example| example.name.starts_with("shifted box")).take(4).collect();
    let (shape, spacing, tolerance) = (chosen[0].shape, chosen[0].spacing, chosen[0].tolerance);
    let geometry = Geometry::axis_aligned(shape, spacing);
    let masks = |of: fn(&Made) -> &Vec<Part>| {
        let views: Vec<Array3<u8>> = chosen.iter().map(|example| mask(shape, of(example)).mapv(u8::from)).collect();
        let mut masks = Array4::zeros([views.len(), shape[0], shape[1], shape[2]]);
        masks.axis_iter_mut(Axis(0)).zip(views).for_each(|(mut mask, view)| mask.assign(&view));
        masks
    };
    // Every reference is the same box: a merged structure of four names.
    let known = labels(mask(shape, &chosen[0].reference), &geometry);
    let structures = chosen.iter().enumerate().map(|(index, _)| TargetStructure {
        name: index.to_string(),
        values: vec![1],
        ..target(&[1]).structures[0].clone()
    });
    let target = Target { overlapping: true, structures: structures.collect(), ..target(&[1]) };
    let prediction = Segmentation::Masks { masks: masks(|example| &example.prediction), geometry: geometry.clone() };
    let scores = score("case", &target, &known, &prediction, &settings(tolerance)).unwrap();
    for (score, example) in scores.iter().zip(&chosen) {
        check(&example.name, score, &example.expected);
    }
    let fortran = LabelMap { voxels: known.voxels.t().as_standard_layout().into_owned().reversed_axes(), geometry };
    assert!(!fortran.voxels.is_standard_layout());
    let again = score("case", &target, &fortran, &prediction, &settings(tolerance)).unwrap();
    assert_eq!(again, scores);
}

/// Distances are in voxels, and a tolerance in millimetres means nothing.
#[test]
fn without_spacing_distances_are_in_voxels() {
    let reference = reference();
    let example = reference.made.iter().find(|it| it.name == "shifted box" && it.spacing == [1.0; 3]).unwrap();
    let mut geometry = Geometry::axis_aligned(example.shape, [1.0; 3]);
    geometry.has_spacing = false;
    let score = of_made(example, &geometry);
    assert_eq!(score.distance_unit.map(|unit| unit.name()), Some("voxel"));
    assert_eq!((value(&score, "hd"), value(&score, "nsd")), (example.expected["hd"], None));
}

/// Two boxes whose faces are parallel planes: every distance is known.
#[test]
fn distances_of_shifted_planes_and_spheres_are_those_of_formulas() {
    let geometry = Geometry::axis_aligned([40, 12, 12], [0.5, 1.0, 1.0]);
    let slab = |end: usize| labels(Array3::from_shape_fn([40, 12, 12], |(z, ..)| z < end), &geometry);
    let scores = score("case", &target(&[1]), &slab(10), &Segmentation::Labels(slab(16)), &settings(2.9)).unwrap();
    assert_eq!((value(&scores[0], "hd"), value(&scores[0], "centre_distance")), (Some(3.0), Some(1.5)));
    let geometry = Geometry::axis_aligned([60, 60, 60], [1.0; 3]);
    let ball = |radius: f64| {
        let inside = |(z, y, x): (usize, usize, usize)| {
            [z, y, x].map(|at| (at as f64 - 29.5).powi(2)).iter().sum::<f64>() <= radius * radius
        };
        labels(Array3::from_shape_fn([60, 60, 60], inside), &geometry)
    };
    let scores = score("case", &target(&[1]), &ball(20.0), &Segmentation::Labels(ball(25.0)), &settings(3.0)).unwrap();
    for column in ["hd", "hd95", "pooled_hd95", "assd"] {
        let found = value(&scores[0], column).unwrap();
        assert!((found - 5.0).abs() < 1.0, "{column}: {found}");
    }
    assert_eq!((value(&scores[0], "nsd"), value(&scores[0], "centre_distance")), (Some(0.0), Some(0.0)));
}

#[test]
fn scores_do_not_depend_on_the_number_of_threads() {
    let reference = reference();
    let with = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let geometry = |example: &Made| Geometry::axis_aligned(example.shape, example.spacing);
        pool.install(|| reference.made.iter().map(|example| of_made(example, &geometry(example))).collect::<Vec<_>>())
    };
    assert_eq!(with(1), with(3));
}

#[test]
fn metrics_of_real_label_maps_equal_the_references() {
    let Some(root) = std::env::var_os("SEGSPEC_TEST_DATA") else {
        println!("skipped: SEGSPEC_TEST_DATA names no folder with real images");
        return;
    };
    let reference = reference();
    assert!(reference.real.len() >= 40);
    for example in &reference.real {
        let known = read_label_map(&Path::new(&root).join(&example.path)).unwrap();
        let prediction = match &example.other {
            Other::File(path) => read_label_map(&Path::new(&root).join(path)).unwrap(),
            Other::Shift(shift) => moved(&known, example.value, *shift),
        };
        let prediction = Segmentation::Labels(prediction);
        let settings = settings(example.tolerance);
        let scores = score("case", &target(&[example.value]), &known, &prediction, &settings).unwrap();
        check(&format!("{} {}", example.path, example.value), &scores[0], &example.expected);
    }
}

fn moved(map: &LabelMap, value: u16, shift: [isize; 3]) -> LabelMap {
    let voxels = Array3::from_shape_fn(map.voxels.dim(), |(z, y, x)| {
        let from = [0, 1, 2].map(|axis| [z, y, x][axis].checked_add_signed(-shift[axis]));
        let [Some(z), Some(y), Some(x)] = from else { return 0 };
        map.voxels.get([z, y, x]).copied().filter(|found| *found == value).unwrap_or(0)
    });
    LabelMap { voxels, geometry: map.geometry.clone() }
}
