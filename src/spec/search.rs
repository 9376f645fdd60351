//! Settings of `[sweep]` beside the swept keys: how trials are chosen, how many, and by what they are judged.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::evaluate::DICE;
use crate::evaluate::metric::{Better, METRICS, MetricId};

/// How the trials of a sweep are chosen and judged.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Search {
    /// How trials are chosen.
    pub method: Method,
    /// When no further trial begins. A grid ends by itself.
    pub budget: Budget,
    /// What the trials are judged by, one or two entries; with two, the trials that no other beats in both are kept. Default: mean Dice on
    /// the validation cases.
    pub objective: Vec<Objective>,
    /// How trials that promise little are ended early. Default: every trial is trained to the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prune: Option<Prune>,
    /// Folds that every trial is run on, counted from 0: repeats, like `seeds`. Default: the fold of `--fold`.
    pub folds: Vec<usize>,
    /// Combinations that are left out: tables of keys and values; a trial is left out if it has all values of a table.
    pub exclude: Vec<serde_json::Map<String, serde_json::Value>>,
    /// Seed of the method's draws. The seeds of the trainings are `seeds`.
    pub search_seed: u64,
}

/// How trials are chosen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// Every combination of the listed values.
    #[default]
    Grid,
    /// Independent draws.
    Random,
    /// Tree-structured Parzen estimator (Bergstra 2011): draws more where earlier trials were good.
    Tpe,
    /// Covariance matrix adaptation (Hansen 2016): for some hundred trials of a few numbers.
    Cmaes,
}

/// When no further trial begins. The first limit that is reached counts.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Budget {
    /// Number of trials. Default: 30, unless another limit is set.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub trials: Option<usize>,
    /// Epochs of all trainings together.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub epochs: Option<usize>,
    /// Hours of computation of all trainings together.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.0))]
    pub hours: Option<f64>,
}

/// What trials are judged by.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Objective {
    /// Column of the score table, such as `dice`, `hd95` or `nsd`; or `training-seconds` or `parameters`.
    pub metric: Measure,
    /// A structure; `mean` is the mean over all.
    pub structure: String,
    /// The cases.
    pub on: Judged,
}

/// The cases that trials are judged on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Judged {
    /// The validation cases, at the best epoch: Dice or IoU.
    #[default]
    Validation,
    /// The test cases. The best trial's score is then optimistic, and reports say so.
    Test,
}

impl Judged {
    /// `validation` or `test`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Validation => "validation",
            Self::Test => "test",
        }
    }
}

impl Default for Objective {
    fn default() -> Self {
        Self { metric: Measure::Metric(DICE), structure: MEAN.into(), on: Judged::Validation }
    }
}

/// Stands for the mean over all structures.
const MEAN: &str = "mean";

impl Objective {
    /// Whether it is the mean over all structures.
    pub fn is_mean(&self) -> bool {
        self.structure == MEAN
    }

    /// Whether it is a score of cases.
    pub fn is_score(&self) -> bool {
        matches!(self.metric, Measure::Metric(_))
    }

    /// `mean Dice (validation)`, for tables and figures.
    pub fn heading(&self) -> String {
        match self.metric {
            Measure::TrainingSeconds => "training time (s)".into(),
            Measure::Parameters => "parameters".into(),
            Measure::Metric(metric) => format!("{} {} ({})", self.structure, metric.name, self.on.name()),
        }
    }

    /// A value as it was measured: the search minimises.
    pub fn shown(&self, value: f64) -> f64 {
        match self.metric {
            Measure::Metric(metric) if metric.better == Better::Higher => -value + 0.0,
            _ => value,
        }
    }
}

/// What an objective measures.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Measure {
    /// A metric.
    Metric(MetricId),
    /// Seconds of the training steps.
    TrainingSeconds,
    /// Number of the network's parameters.
    Parameters,
}

/// Measures that are no columns of the score table.
const OTHERS: [(&str, Measure); 2] =
    [("training-seconds", Measure::TrainingSeconds), ("parameters", Measure::Parameters)];

impl Measure {
    /// As it is written.
    pub fn name(self) -> &'static str {
        match self {
            Self::Metric(metric) => metric.column,
            other => OTHERS.iter().find(|(_, measure)| *measure == other).map_or("", |(name, _)| name),
        }
    }
}

impl Serialize for Measure {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for Measure {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        match OTHERS.iter().find(|(other, _)| *other == name) {
            Some((_, measure)) => Ok(*measure),
            None => name.parse().map(Self::Metric).map_err(de::Error::custom),
        }
    }
}

impl JsonSchema for Measure {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Measure".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let columns = METRICS.iter().map(|metric| metric.column).chain(OTHERS.map(|(name, _)| name));
        json_schema!({ "type": "string", "enum": columns.collect::<Vec<_>>() })
    }
}

/// How trials that promise little are ended early.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Prune {
    /// Asynchronous successive halving (Li 2020): trials pause after some epochs, and the best part of them goes on for longer.
    Asha(Asha),
    /// Wilcoxon signed-rank test on cases: after each seed or fold, a trial that is worse than the best one on the same cases is ended.
    Wilcoxon(Wilcoxon),
}

/// Rungs of successive halving.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Asha {
    /// Epochs of the first rung.
    #[schemars(range(min = 1))]
    pub min_epochs: usize,
    /// Each rung has this many times the epochs of the one before, and one in this many trials goes on.
    #[schemars(range(min = 2))]
    pub factor: usize,
}

impl Default for Asha {
    fn default() -> Self {
        Self { min_epochs: 5, factor: 3 }
    }
}

/// The test of a trial against the best one.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Wilcoxon {
    /// A trial is ended below this p-value. Repeated looks at the growing set of cases make it more likely than stated that an equal trial
    /// is ended.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub p: f64,
    /// Fewest cases to test on.
    #[schemars(range(min = 1))]
    pub min_cases: usize,
}

impl Default for Wilcoxon {
    fn default() -> Self {
        Self { p: 0.1, min_cases: 8 }
    }
}

/// Trials of a search without a stated budget.
pub const DEFAULT_TRIALS: usize = 30;

impl Search {
    /// Names of the settings: keys of `[sweep]` that are not keys of the experiment.
    pub const KEYS: [&str; 7] = ["method", "budget", "objective", "prune", "folds", "exclude", "search-seed"];

    /// Number of trials, if the budget limits it.
    pub fn trials(&self) -> Option<usize> {
        let Budget { trials, epochs, hours } = self.budget;
        trials.or_else(|| (epochs.is_none() && hours.is_none()).then_some(DEFAULT_TRIALS))
    }

    /// The objectives, with the default filled in.
    pub fn objectives(&self) -> Vec<Objective> {
        if self.objective.is_empty() { vec![Objective::default()] } else { self.objective.clone() }
    }
}
