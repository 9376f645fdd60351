//! Ids: each stage of a run has one, a hash of everything that affects its numbers and of nothing else. Results of an id are computed once.

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{LookPlan, Plan, PlannedCase, Role, Training, Work};
use crate::dataset::Target;
use crate::model::Task;
use crate::train::Train;
use crate::train::spec::BestCases;

/// Versions, raised by hand when a code change alters the numbers of a stage.
pub mod numerics {
    /// Preprocessing and training. 7: the random sample of labelled voxels depends on a case's content as read; validation has its own
    /// settings.
    pub const TRAINING: u32 = 7;
    /// Prediction.
    pub const PREDICTION: u32 = 7;
    /// Scores of segmentations. 8: distances of surfaces, components and the other metrics of masks.
    pub const EVALUATION: u32 = 8;
    /// Scores of slice classifiers.
    pub const CLASSIFICATION: u32 = 7;
}

/// Hexadecimal digits of an id: 48 bits are enough to distinguish the runs of a project.
const DIGITS: usize = 12;

/// The ids of a run's stages.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct RunIds {
    /// The training, or the set of averaged networks: the name of the run folder.
    pub training: String,
    /// The weights and every setting that affects their prediction of any image.
    pub predictor: String,
    /// The predictions of this run's cases.
    pub prediction: String,
    /// Their scores.
    pub evaluation: String,
}

impl Plan {
    /// The ids of the run's stages.
    pub fn ids(&self) -> RunIds {
        let training = match &self.work {
            Work::Train(training) => self.training_id(training),
            Work::Average(average) => {
                id("average", &average.members.iter().map(|member| &member.predictor).collect::<Vec<_>>())
            }
        };
        let predictor = self.predictor_id(&training);
        let images: Vec<_> = self.predicted().map(|(_, case)| (&case.name, &case.content.image)).collect();
        let prediction = id("prediction", &(numerics::PREDICTION, &predictor, images));
        let labels: Vec<_> = self.predicted().map(|(_, case)| (&case.name, &case.content.label)).collect();
        let target = (Numbers::of(&self.target), Outputs::of(&self.target));
        let evaluation = match self.task {
            Task::Segment => {
                let criteria = self.evaluate.criteria(&self.target);
                id("evaluation", &(numerics::EVALUATION, &prediction, labels, target, criteria))
            }
            Task::ClassifySlices => id("evaluation", &(numerics::CLASSIFICATION, &prediction, labels, target)),
        };
        RunIds { training, predictor, prediction, evaluation }
    }

    fn training_id(&self, training: &Training) -> String {
        let training = self.without_cosmetics(training);
        let contents = |role| self.data.of(role).map(|case| &case.content).collect::<Vec<_>>();
        let choosing = match (training.train.validate_every, training.train.best.cases) {
            (0, _) => Vec::new(),
            (_, BestCases::Validation) => contents(Role::Validation),
            (_, BestCases::Test) => contents(Role::Test),
        };
        let target = Numbers::of(&self.target);
        let version = match training.model.numerics() {
            0 => json!(numerics::TRAINING),
            own => json!([numerics::TRAINING, own]),
        };
        id("training", &(version, self.task, &training, target, contents(Role::Train), choosing))
    }

    /// The training without settings that do not affect its numbers: threads, gradient checkpointing, kept epochs and saves, structure
    /// names.
    fn without_cosmetics(&self, training: &Training) -> Training {
        let mut training = training.clone();
        let train = &mut training.train;
        (train.loader_threads, train.gradient_checkpointing, train.keep_every) = (0, false, 0);
        train.checkpoint_minutes = Train::default().checkpoint_minutes;
        if let Some(name) = &mut train.best.structure {
            let place = self.target.structures.iter().position(|structure| structure.name == *name);
            *name = place.map_or_else(|| name.clone(), |place| place.to_string());
        }
        training
    }

    fn predictor_id(&self, training: &str) -> String {
        let predict = match self.work {
            Work::Train(_) => json!(self.predict),
            // Members predict with their own windows.
            Work::Average(_) if self.predict.largest_union.is_empty() => {
                json!([self.predict.threshold, self.predict.largest_component])
            }
            Work::Average(_) => {
                json!([self.predict.threshold, self.predict.largest_component, self.predict.largest_union])
            }
        };
        let look = match &self.look {
            LookPlan::Everywhere => None,
            // Automatic thresholds depend on the classifier's scores.
            LookPlan::Slices { first, threshold, sensitivity, margin_mm } => {
                let chosen = threshold.fixed().ok_or((sensitivity, &first.evaluation));
                Some(id("slices", &(&first.predictor, chosen, margin_mm)))
            }
            LookPlan::Labels { first, values } => Some(id("labels", &(&first.predictor, values))),
            LookPlan::Box { first, margin_mm } => Some(id("box", &(&first.predictor, margin_mm))),
        };
        id("predictor", &(numerics::PREDICTION, training, predict, look, Outputs::of(&self.target)))
    }

    /// The cases to predict, with their roles: the test cases, and for a classifier also the cases that its thresholds are chosen on
    /// (validation cases, or training cases where there are none).
    pub fn predicted(&self) -> impl Iterator<Item = (Role, &PlannedCase)> {
        let chosen_on = match self.data.of(Role::Validation).next() {
            Some(_) => Role::Validation,
            None => Role::Train,
        };
        let also = match self.task {
            Task::Segment => None,
            Task::ClassifySlices => Some(chosen_on),
        };
        [Some(Role::Test), also].into_iter().flatten().flat_map(|role| self.data.of(role).map(move |case| (role, case)))
    }
}

/// A target without names and colours, which affect neither training nor scores.
#[derive(Serialize)]
struct Numbers<'a> {
    overlapping: bool,
    independent: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    painted: bool,
    ignore: Option<u16>,
    values: Vec<&'a [u16]>,
}

impl<'a> Numbers<'a> {
    fn of(target: &'a Target) -> Self {
        let values = target.structures.iter().map(|structure| structure.values.as_slice()).collect();
        let Target { overlapping, independent, painted, ignore, .. } = *target;
        Self { overlapping, independent, painted, ignore, values }
    }
}

/// The encoding of predicted files: a value or a mask per structure.
#[derive(Serialize)]
struct Outputs {
    overlapping: bool,
    values: Vec<u16>,
}

impl Outputs {
    fn of(target: &Target) -> Self {
        let values = target.structures.iter().map(|structure| structure.value).collect();
        Self { overlapping: target.has_masks(), values }
    }
}

fn id(stage: &str, decides: &impl Serialize) -> String {
    // Serialisation cannot fail: plans hold no maps with non-string keys.
    let text = serde_json::to_vec(&(stage, decides)).unwrap_or_default();
    let mut hasher = blake3::Hasher::new_derive_key("segspec 2026 id of a stage");
    hasher.update(&text).finalize().to_hex()[..DIGITS].to_owned()
}
