//! Checks spacing and shape of the resampled grid.

use crate::preprocess::spec::{Preprocess, Spacing};
use crate::spec::Findings;
use crate::spec::finding::KeyPath;

pub fn check(preprocess: &Preprocess, findings: &mut Findings) {
    if let Spacing::Fixed(spacing) = preprocess.spacing_mm {
        for (axis, value) in spacing.iter().enumerate().filter(|(_, value)| **value < 0.0) {
            let path = KeyPath::from("preprocess.spacing-mm").item(axis);
            let message = format!("the spacing of {value} mm along {} is negative", super::AXES[axis]);
            findings.error(path, message, "use a spacing above 0, or 0 to keep each case's own");
        }
        if spacing == [0.0; 3] {
            findings.error("preprocess.spacing-mm", "`spacing-mm` is 0 for every axis", "write \"keep\"");
        }
    }
    let Some(shape) = preprocess.shape else { return };
    if shape == [0; 3] {
        let help = "remove `shape`, and write `spacing-mm = \"keep\"`";
        findings.error("preprocess.shape", "`shape` is 0 for every axis", help);
    }
    if preprocess.spacing_mm != Spacing::Auto {
        let message = "`shape` and `spacing-mm` are both given";
        findings.error("preprocess.shape", message, "keep one: a fixed shape determines the spacing of each case");
    }
}
