//! Factors of a sweep: the mean over all trials that share one value of a setting (marginal means).

use serde::Serialize;
use serde_json::Value;

use super::{Trial, Trials};
use crate::evaluate::metric::MetricId;
use crate::evaluate::summary::Statistics;

/// One swept key.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Factor {
    /// The key, dotted.
    pub key: String,
    /// Its values, in the order of the trials.
    pub levels: Vec<Level>,
    /// Whether every value was tried with the same other settings. Otherwise means of its values compare other trials, too.
    pub balanced: bool,
}

/// The trials with one value of a setting.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Level {
    /// Short form of the value: `learning-rate=0.001`.
    pub label: String,
    /// Number of trials.
    pub n_trials: usize,
    /// Mean over these trials of their means over seeds.
    pub mean: f64,
    /// Standard deviation over these trials; undefined for one.
    pub sd_over_trials: Option<f64>,
}

impl Trials {
    /// The marginal means of every setting that has several values among the comparable trials. Left out where they would repeat the
    /// trials: for fewer than three trials, and for settings of which each has a value of its own (drawn by a search).
    pub fn factors(&self, metric: MetricId) -> Vec<Factor> {
        let Ok((trials, _)) = self.comparable() else { return Vec::new() };
        let mut keys: Vec<&str> = Vec::new();
        for setting in trials.iter().flat_map(|trial| &trial.context.trial.settings) {
            if !keys.contains(&setting.key.as_str()) {
                keys.push(&setting.key);
            }
        }
        if trials.len() < 3 || keys.len() < 2 {
            return Vec::new();
        }
        let factors = keys.into_iter().map(|key| factor(key, &trials, metric));
        let repeats = |factor: &Factor| factor.levels.iter().all(|level| level.n_trials == 1);
        factors.filter(|factor| factor.levels.len() > 1 && !repeats(factor)).collect()
    }
}

fn factor(key: &str, trials: &[&Trial], metric: MetricId) -> Factor {
    let mut levels: Vec<(&Value, &str, Vec<&Trial>)> = Vec::new();
    for trial in trials {
        let Some(setting) = trial.context.trial.settings.iter().find(|setting| setting.key == key) else { continue };
        match levels.iter_mut().find(|(value, ..)| **value == setting.value) {
            Some((.., own)) => own.push(trial),
            None => levels.push((&setting.value, &setting.label, vec![trial])),
        }
    }
    let others = |trial: &Trial| {
        let other = trial.context.trial.settings.iter().filter(|setting| setting.key != key);
        other.map(|setting| setting.label.as_str()).collect::<Vec<_>>().join(" ")
    };
    let partners: Vec<Vec<String>> = levels
        .iter()
        .map(|(.., own)| {
            let mut found: Vec<String> = own.iter().map(|trial| others(trial)).collect();
            found.sort_unstable();
            found
        })
        .collect();
    let level = |(_, label, own): &(&Value, &str, Vec<&Trial>)| {
        let means: Vec<f64> = own.iter().filter_map(|trial| Some(trial.over_seeds(metric)?.mean)).collect();
        let found = Statistics::of(&means)?;
        Some(Level { label: (*label).to_owned(), n_trials: found.n, mean: found.mean, sd_over_trials: found.sd })
    };
    Factor {
        key: key.to_owned(),
        levels: levels.iter().filter_map(level).collect(),
        balanced: partners.windows(2).all(|pair| pair[0] == pair[1]),
    }
}
