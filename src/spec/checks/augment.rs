//! Checks mirrored axes against the patch, and the ranges of transforms.

use crate::augment::spec::Axis;
use crate::auto::Auto;
use crate::spec::finding::KeyPath;
use crate::spec::{Experiment, Findings};

pub fn check(experiment: &Experiment, findings: &mut Findings) {
    mirror(experiment, findings);
    for (key, table) in experiment.augment.tables() {
        for mistake in table.mistakes() {
            let path = KeyPath::from("augment").key(key).key(mistake.key);
            let path = mistake.item.map_or(path.clone(), |item| path.item(item));
            findings.error(path, mistake.message, mistake.help);
        }
    }
}

fn mirror(experiment: &Experiment, findings: &mut Findings) {
    let Some(axes) = &experiment.augment.mirror else { return };
    let path = KeyPath::from("augment.mirror");
    if let Some(index) = super::repeated(axes) {
        findings.error(path.item(index), "this axis is listed twice", "list every axis once");
    }
    let Auto::Fixed(patch) = experiment.train.patch_size else { return };
    if let (1, Some(index)) = (patch[0], axes.iter().position(|axis| *axis == Axis::Depth)) {
        findings.error(path.item(index), "a 2D patch has no depth to mirror", "remove \"depth\"");
    }
}
