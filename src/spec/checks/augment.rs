//! Ranges of the transforms, and transforms against the patch.

use crate::augment::spatial::MOST_DISPLACEMENT;
use crate::augment::spec::{Augment, Axis};
use crate::auto::Auto;
use crate::spec::finding::KeyPath;
use crate::spec::{Experiment, Findings};

pub fn check(experiment: &Experiment, findings: &mut Findings) {
    let augment = &experiment.augment;
    mirror(experiment, findings);
    for (key, range) in ranges(augment) {
        ordered(key, range, findings);
    }
    for (key, [low, _]) in positive(augment) {
        if low <= 0.0 {
            findings.error(KeyPath::from(key).item(0), format!("a factor of {low}"), "use factors above 0");
        }
    }
    for (key, [low, _]) in not_negative(augment) {
        if low < 0.0 {
            findings.error(KeyPath::from(key).item(0), format!("{low} is below 0"), "use 0 or more");
        }
    }
    if let Some(scales) = augment.low_resolution.map(|it| it.scales).filter(|[_, high]| *high > 1.0) {
        let message = format!("a scale of {} is a finer grid", scales[1]);
        findings.error(KeyPath::from("augment.low-resolution.scales").item(1), message, "use scales of at most 1");
    }
    distances(augment, findings);
}

fn mirror(experiment: &Experiment, findings: &mut Findings) {
    let Some(axes) = &experiment.augment.mirror else { return };
    let path = KeyPath::from("augment.mirror");
    if let Some(index) = super::repeated(axes) {
        findings.error(path.item(index), "this axis is listed twice", "list every axis once");
    }
    let Auto::Fixed(patch) = experiment.train.patch_size else { return };
    if let (1, Some(index)) = (patch[0], axes.iter().position(|axis| *axis == Axis::Depth)) {
        findings.error(path.item(index), "a 2D patch has no depth to mirror", "take \"depth\" out");
    }
}

/// Ranges whose numbers must be above 0.
fn positive(augment: &Augment) -> Vec<(&'static str, [f64; 2])> {
    let ranges = [
        ("augment.zoom.factors", augment.zoom.map(|it| it.factors)),
        ("augment.brightness.factors", augment.brightness.map(|it| it.factors)),
        ("augment.contrast.factors", augment.contrast.map(|it| it.factors)),
        ("augment.scale.factors", augment.scale.map(|it| it.factors)),
        ("augment.low-resolution.scales", augment.low_resolution.map(|it| it.scales)),
        ("augment.inverted-gamma.exponents", augment.inverted_gamma.map(|it| it.exponents)),
        ("augment.gamma.exponents", augment.gamma.map(|it| it.exponents)),
        ("augment.dropout.size-mm", augment.dropout.map(|it| it.size_mm)),
    ];
    ranges.into_iter().filter_map(|(key, range)| Some((key, range?))).collect()
}

/// Ranges whose numbers may be 0.
fn not_negative(augment: &Augment) -> Vec<(&'static str, [f64; 2])> {
    let ranges = [
        ("augment.noise.sd", augment.noise.map(|it| it.sd)),
        ("augment.blur.sigma-voxels", augment.blur.map(|it| it.sigma_voxels)),
        ("augment.streaks.amplitude", augment.streaks.map(|it| it.amplitude)),
    ];
    ranges.into_iter().filter_map(|(key, range)| Some((key, range?))).collect()
}

/// Every range, lower number first.
fn ranges(augment: &Augment) -> Vec<(&'static str, [f64; 2])> {
    let whole = |range: [usize; 2]| range.map(|count| count as f64);
    let others = [
        ("augment.shift.offsets", augment.shift.map(|it| it.offsets)),
        ("augment.dropout.boxes", augment.dropout.map(|it| whole(it.boxes))),
        ("augment.streaks.sources", augment.streaks.map(|it| whole(it.sources))),
    ];
    let others = others.into_iter().filter_map(|(key, range)| Some((key, range?)));
    positive(augment).into_iter().chain(not_negative(augment)).chain(others).collect()
}

fn ordered(key: &str, [low, high]: [f64; 2], findings: &mut Findings) {
    if low > high {
        findings.error(
            key,
            format!("the range ends before it begins: {low} to {high}"),
            format!("write `[{high}, {low}]`"),
        );
    }
}

/// Angles, ways and the grid of the elastic deformation.
fn distances(augment: &Augment, findings: &mut Findings) {
    let triples = [
        ("augment.rotation.degrees", augment.rotation.map(|it| it.degrees)),
        ("augment.translation.range-mm", augment.translation.map(|it| it.range_mm)),
        ("augment.elastic.displacement-mm", augment.elastic.map(|it| it.displacement_mm)),
    ];
    for (key, triple) in triples.into_iter().filter_map(|(key, triple)| Some((key, triple?))) {
        for (axis, value) in triple.into_iter().enumerate().filter(|(_, value)| *value < 0.0) {
            let help = format!("it goes to both sides: use {}", -value);
            findings.error(KeyPath::from(key).item(axis), format!("{value} is below 0"), help);
        }
    }
    let Some(elastic) = &augment.elastic else { return };
    for axis in 0..3 {
        let (spacing, displacement) = (elastic.spacing_mm[axis], elastic.displacement_mm[axis]);
        let most = MOST_DISPLACEMENT * spacing;
        if spacing <= 0.0 {
            let path = KeyPath::from("augment.elastic.spacing-mm").item(axis);
            findings.error(path, "control points need a distance", "use more than 0, for example 32");
        } else if displacement > most + 1e-9 {
            let message = format!("displacements of {displacement} mm can fold a grid of {spacing} mm");
            let help = format!("use at most {most} mm here, 0.4 of the distance of the control points");
            findings.error(KeyPath::from("augment.elastic.displacement-mm").item(axis), message, help);
        }
    }
}
