//! A MONAI bundle segments as the run does.

use super::{agreement, ok, trained};
use crate::lab::images;
use crate::python;

#[test]
fn a_monai_bundle_segments_as_the_run_does() {
    let window = "window = { range-hu = [-160.0, 240.0] }";
    let normal = "percentile-clip = { range = [1.0, 99.0] }\n[[preprocess.intensity]]\nz-score = {}";
    let settings = "[augment]\nmirror = [\"height\"]\n\n[predict]\nmirror = true\noverlap = 0.3\nlargest-component = [\"liver\"]\n\n[train]";
    let crop = ("crop = \"none\"", "crop = \"nonzero\"");
    let volumes = [crop, (window, normal), ("[train]", settings)];
    let slices =
        [("patch-size = [16, 16, 16]", "patch-size = [1, 16, 16]"), ("[2, 2, 2]", "[1, 2, 2]"), ("[train]", settings)];
    // Both sides of a threshold, and masks of their own.
    let overlapping = [("[\"liver\", \"spleen\"]", "[\"kidneys-and-liver\", \"liver\"]")];
    let cases: [(&str, &[(&str, &str)]); 3] =
        [("volumes", &volumes), ("slices", &slices), ("overlapping", &overlapping)];
    for (name, changes) in cases {
        let Some(mut check) = python::networks("bundle_check.py") else { return };
        let lab = trained(name, changes);
        let run = lab.run_folder(name);
        ok(&lab, &["export", name, "--format", "monai", "--output", "bundle"]);
        check.arg(lab.path("bundle")).arg(lab.path("data/set/imagesTr")).arg(lab.path("theirs"));
        let Some(text) = python::output(&mut check) else { return };
        assert_eq!(text.trim().lines().last(), Some("6"), "{text}");
        for ours in images(&run) {
            let same = agreement(&ours, &lab.path("theirs").join(ours.file_name().unwrap()));
            assert!(same >= 0.999, "{name}: {same}");
        }
    }
}
