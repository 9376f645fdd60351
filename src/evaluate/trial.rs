//! Identity of the trial that scores belong to, by which they are grouped and compared. Display names are derived from it.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::counted;

/// Identity of a trial. Runs with equal keys differ only in seed and fold, and are averaged.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct TrialKey {
    /// Content hash of everything in the experiment and its dataset that can change the trial's results, except seed and split:
    /// distinguishes runs whose experiments have the same name and settings.
    pub spec: String,
    /// The swept keys with their values, in the order of the sweep; without the seed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub settings: Vec<Setting>,
    /// Which of the trial's results it is.
    #[serde(default)]
    pub variant: Variant,
}

/// One swept key of a trial.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Setting {
    /// The key, dotted: `train.optimizer.adamw.learning-rate`.
    pub key: String,
    /// Its value in this trial.
    pub value: Value,
    /// Short form of both: `learning-rate=0.001`.
    pub label: String,
}

/// Which of a trial's results scores belong to.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Variant {
    /// The experiment's network.
    #[default]
    Network,
    /// One pass of a multi-pass network, counted from 1.
    Pass(usize),
    /// The second stage of a cascade, restricted to what the first one selects.
    Cascade,
    /// The second stage of a cascade on whole images.
    SecondStageAlone,
    /// A slice classifier: the first stage of a cascade.
    ClassifierStage,
    /// A low-resolution network: the first stage of a cascade.
    CoarseStage,
    /// The mean of this many runs that differ only in seed.
    EnsembleOfSeeds(usize),
    /// The mean of the networks of this many folds.
    EnsembleOfFolds(usize),
    /// The mean of several trials, named by their labels.
    EnsembleOfTrials(Vec<String>),
}

impl TrialKey {
    /// Display name of the trial; empty for the only network of an experiment.
    pub fn label(&self) -> String {
        let settings = self.settings.iter().map(|setting| setting.label.clone());
        let words = settings.chain(self.variant.words()).collect::<Vec<_>>();
        words.join(" ")
    }

    /// Another result of the same trial.
    #[must_use]
    pub fn variant(&self, variant: Variant) -> Self {
        Self { variant, ..self.clone() }
    }
}

impl Variant {
    /// Display name of the variant; none for the experiment's network.
    pub fn words(&self) -> Option<String> {
        Some(match self {
            Self::Network => return None,
            Self::Pass(pass) => format!("pass {pass}"),
            Self::Cascade => "cascade".into(),
            Self::SecondStageAlone => "second stage alone".into(),
            Self::ClassifierStage => "classifier".into(),
            Self::CoarseStage => "coarse stage".into(),
            Self::EnsembleOfSeeds(count) => format!("ensemble of {}", counted(*count, "seed")),
            Self::EnsembleOfFolds(count) => format!("ensemble of {}", counted(*count, "fold")),
            Self::EnsembleOfTrials(labels) => format!("ensemble of {}", labels.join(" + ")),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_made_of_settings_and_variant() {
        let setting = |label: &str| Setting { key: "a.b".into(), value: 1.into(), label: label.into() };
        let key = TrialKey { settings: vec![setting("b=1"), setting("c=2")], ..TrialKey::default() };
        assert_eq!(TrialKey::default().label(), "");
        assert_eq!(key.label(), "b=1 c=2");
        assert_eq!(key.variant(Variant::Pass(2)).label(), "b=1 c=2 pass 2");
        assert_eq!(TrialKey::default().variant(Variant::EnsembleOfSeeds(3)).label(), "ensemble of 3 seeds");
    }

    #[test]
    fn a_key_comes_back_from_a_plan() {
        let setting = Setting { key: "a".into(), value: serde_json::json!([1, 2.5]), label: "a=[1,2.5]".into() };
        for variant in [Variant::Network, Variant::Pass(1), Variant::EnsembleOfTrials(vec!["x".into()])] {
            let key = TrialKey { spec: "0a".into(), settings: vec![setting.clone()], variant };
            let text = toml::to_string(&key).unwrap();
            assert_eq!(toml::from_str::<TrialKey>(&text).unwrap(), key, "{text}");
        }
    }
}
