//! The first network of a cascade as an experiment of its own.

use crate::predict::Predict;
use crate::predict::cascade::{Cascade, CascadePlan};
use crate::spec::Experiment;

/// What trains and runs the first network; none without a cascade.
pub fn first_stage(experiment: &Experiment) -> Option<Experiment> {
    let alone = Experiment { cascade: None, ensemble: None, sweep: None, ..experiment.clone() };
    Some(match experiment.cascade.clone()? {
        Cascade::Slices(stage) => Experiment {
            preprocess: stage.preprocess.unwrap_or_else(|| experiment.preprocess.clone()),
            augment: stage.augment,
            model: stage.model,
            pretrained: stage.pretrained,
            loss: stage.loss,
            train: stage.train,
            predict: Predict::default(),
            ..alone
        },
        Cascade::Coarse(stage) => Experiment {
            preprocess: stage.preprocess,
            augment: stage.augment,
            model: stage.model,
            pretrained: stage.pretrained,
            loss: stage.loss,
            train: stage.train,
            predict: stage.predict,
            ..alone
        },
    })
}

/// The cascade's resolved form, once the first network has a run.
pub fn resolve(cascade: &Cascade, first: &str) -> CascadePlan {
    let first = first.to_owned();
    match cascade {
        Cascade::Slices(stage) => {
            let (threshold, sensitivity, margin_mm) = (stage.threshold, stage.sensitivity, stage.margin_mm);
            CascadePlan::Slices { first, threshold, sensitivity, margin_mm }
        }
        Cascade::Coarse(stage) => CascadePlan::Coarse { first, margin_mm: stage.margin_mm },
    }
}
