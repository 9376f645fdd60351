//! Checks whether an experiment's network can take clicks.

use crate::dataset::{Dataset, target};
use crate::spec::{Experiment, Findings};

pub fn check(experiment: &Experiment, dataset: &Dataset, findings: &mut Findings) {
    let Some(interact) = &experiment.interact else { return };
    if experiment.model.slices().is_some() {
        let help = "use a segmentation network, or remove `[interact]`";
        findings.error("interact", "a slice classifier draws no structure that a click could correct", help);
    }
    if experiment.cascade.is_some() {
        let help = "remove one of the two tables";
        findings.error("interact", "the second stage of a cascade takes no clicks", help);
    }
    // What is wrong with the structures themselves is reported elsewhere.
    if target(dataset, &experiment.structures).is_ok_and(|target| target.overlapping) {
        let message = "a click says which one structure a voxel belongs to, and these structures overlap";
        let help = "choose `structures` that share no label value, or remove `[interact]`";
        findings.error("interact", message, help);
    }
    if interact.without_clicks >= 1.0 {
        let message = "without a click in training, the network learns nothing of clicks";
        findings.error("interact.without-clicks", message, "use a fraction below 1, for example 0.5");
    }
}
