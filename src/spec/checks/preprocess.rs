//! Spacing and shape of the prepared grid.

use crate::preprocess::spec::{Preprocess, Spacing};
use crate::spec::Findings;
use crate::spec::finding::KeyPath;

pub fn check(preprocess: &Preprocess, findings: &mut Findings) {
    if let Spacing::Fixed(spacing) = preprocess.spacing_mm {
        for (axis, value) in spacing.iter().enumerate().filter(|(_, value)| **value <= 0.0) {
            let path = KeyPath::from("preprocess.spacing-mm").item(axis);
            let message = format!("a spacing of {value} mm along {}", super::AXES[axis]);
            findings.error(path, message, "spacing is above 0; \"keep\" keeps each case's own");
        }
    }
    let Some(shape) = preprocess.shape else { return };
    for axis in (0..3).filter(|axis| shape[*axis] == 0) {
        let path = KeyPath::from("preprocess.shape").item(axis);
        findings.error(path, format!("a shape of 0 voxels along {}", super::AXES[axis]), "use at least 1");
    }
    if preprocess.spacing_mm != Spacing::Auto {
        let message = "`shape` and `spacing-mm` are both given";
        findings.error("preprocess.shape", message, "keep one: a fixed shape decides the spacing of each case");
    }
}
