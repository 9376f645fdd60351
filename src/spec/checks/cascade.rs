//! Checks the first stage of a cascade, and keys that need a segmentation network.

use crate::dataset::Dataset;
use crate::model::Model;
use crate::preprocess::Preprocess;
use crate::preprocess::spec::Spacing;
use crate::spec::cascade::{Cascade, first_stage};
use crate::spec::{Experiment, Findings};

pub fn check(experiment: &Experiment, dataset: &Dataset, findings: &mut Findings) {
    classifier(experiment, findings);
    let Some(cascade) = &experiment.cascade else { return };
    if experiment.model.slices().is_some() {
        let help = "use the classifier as the first stage: `[cascade.slices]`";
        findings.error(experiment.model.key(), "the second stage of a cascade must be a segmentation network", help);
    }
    let place = match cascade {
        Cascade::Slices(stage) => {
            if stage.model.slices().is_none() {
                let key = format!("cascade.slices.{}", stage.model.key());
                let help = "use `[cascade.slices.model.classifier]`";
                findings.error(key.as_str(), "the first stage must be a slice classifier", help);
            }
            "cascade.slices"
        }
        Cascade::Coarse(stage) => {
            if let Model::Classifier(_) = stage.model {
                let help = "use a segmentation network, or `[cascade.slices]`";
                findings.error("cascade.coarse.model.classifier", "a slice classifier cannot find a box", help);
            }
            if stage.preprocess.shape.is_none() && !matches!(stage.preprocess.spacing_mm, Spacing::Fixed(_)) {
                let help = "set `spacing-mm = [z, y, x]` in mm, or `shape`";
                findings.error("cascade.coarse.preprocess", "the resolution of the coarse stage is missing", help);
            }
            "cascade.coarse"
        }
    };
    // Mistakes in inherited preprocessing are reported where it was written.
    let own_preprocess = !matches!(cascade, Cascade::Slices(stage) if stage.preprocess.is_none());
    let Some(mut first) = first_stage(experiment) else { return };
    if !own_preprocess {
        first.preprocess = Preprocess::default();
    }
    findings.within(place, |findings| super::network_and_training(&first, dataset, findings));
}

/// Keys that a slice classifier cannot use.
fn classifier(experiment: &Experiment, findings: &mut Findings) {
    if experiment.model.slices().is_none() {
        return;
    }
    if !experiment.predict.largest_component.is_empty() {
        let help = "remove it: a slice classifier does not segment";
        findings.error("predict.largest-component", "there are no components to keep", help);
    }
    if experiment.ensemble.is_some() {
        let help = "remove it, or use a segmentation network";
        findings.error("ensemble", "slice classifiers cannot be averaged", help);
    }
}
