//! The first network of a cascade, and what needs one that segments.

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
        let help = "a classifier is the first network of a cascade: `[cascade.slices]`";
        findings.error(experiment.model.key(), "the second network of a cascade has to segment", help);
    }
    let place = match cascade {
        Cascade::Slices(stage) => {
            if stage.model.slices().is_none() {
                let key = format!("cascade.slices.{}", stage.model.key());
                let help = "use `[cascade.slices.model.classifier]`";
                findings.error(key.as_str(), "this network segments; slices are chosen by a classifier", help);
            }
            "cascade.slices"
        }
        Cascade::Coarse(stage) => {
            if let Model::Classifier(_) = stage.model {
                let help = "use a network that segments, or `[cascade.slices]`";
                findings.error("cascade.coarse.model.classifier", "a classifier of slices finds no box", help);
            }
            if stage.preprocess.shape.is_none() && !matches!(stage.preprocess.spacing_mm, Spacing::Fixed(_)) {
                let help = "state `spacing-mm = [z, y, x]` in mm, or `shape`";
                findings.error("cascade.coarse.preprocess", "the first network's low resolution is missing", help);
            }
            "cascade.coarse"
        }
    };
    // Mistakes in what the first network takes over are found in their own place.
    let own_preprocess = !matches!(cascade, Cascade::Slices(stage) if stage.preprocess.is_none());
    let Some(mut first) = first_stage(experiment) else { return };
    if !own_preprocess {
        first.preprocess = Preprocess::default();
    }
    findings.within(place, |findings| super::network_and_training(&first, dataset, findings));
}

/// Keys that a classifier of slices has no use for.
fn classifier(experiment: &Experiment, findings: &mut Findings) {
    if experiment.model.slices().is_none() {
        return;
    }
    if !experiment.predict.largest_component.is_empty() {
        let help = "take it out: a classifier of slices segments nothing";
        findings.error("predict.largest-component", "there are no components to keep", help);
    }
    if experiment.ensemble.is_some() {
        let help = "take it out, or use a network that segments";
        findings.error("ensemble", "classifiers of slices are not averaged", help);
    }
}
