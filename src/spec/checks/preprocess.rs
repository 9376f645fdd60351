//! Spacing and shape of the prepared grid.

use crate::preprocess::spec::{Preprocess, Spacing};
use crate::spec::Findings;
use crate::spec::finding::KeyPath;

pub fn check(preprocess: &Preprocess, findings: &mut Findings) {
    if let Spacing::Fixed(spacing) = preprocess.spacing_mm {
        for (axis, value) in spacing.iter().enumerate().filter(|(_, value)| **value < 0.0) {
            let path = KeyPath::from("preprocess.spacing-mm").item(axis);
            let message = format!("a spacing of {value} mm along {}", super::AXES[axis]);
            findings.error(path, message, "spacing is above 0, or 0 to keep each case's own");
        }
        if spacing == [0.0; 3] {
            findings.error("preprocess.spacing-mm", "every axis keeps its spacing", "write \"keep\"");
        }
    }
    let Some(shape) = preprocess.shape else { return };
    if shape == [0; 3] {
        let help = "leave `shape` out, and write `spacing-mm = \"keep\"`";
        findings.error("preprocess.shape", "every axis keeps its own length", help);
    }
    if preprocess.spacing_mm != Spacing::Auto {
        let message = "`shape` and `spacing-mm` are both given";
        findings.error("preprocess.shape", message, "keep one: a fixed shape decides the spacing of each case");
    }
}
