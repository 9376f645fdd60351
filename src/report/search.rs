//! What a report says of a search: every trial with its value, and which settings mattered.

use serde::Serialize;

use crate::evaluate::Setting;

/// A search.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Search {
    /// How trials were chosen: `TPE, successive halving from epoch 5`.
    pub method: String,
    /// What they were judged by, one or two.
    pub objectives: Vec<Judge>,
    /// In the order in which they began.
    pub trials: Vec<Tried>,
    /// What was varied.
    pub parameters: Vec<Varied>,
    /// The best trial by the first objective, an index into `trials`.
    pub best: Option<usize>,
    /// Trials that no other beats in both of two objectives.
    pub front: Vec<usize>,
}

/// An objective.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Judge {
    /// `mean Dice (validation)`.
    pub name: String,
    /// Whether it is measured on the cases that the report scores.
    pub on_scored_cases: bool,
    /// Whether more is better.
    pub higher_is_better: bool,
}

/// A trial.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Tried {
    /// Counted from 1.
    pub number: usize,
    /// Its settings in short.
    pub label: String,
    /// Its settings.
    pub settings: Vec<Setting>,
    /// `finished`, `paused`, `ended early`, `unfinished`, `failed` or `not possible`.
    pub state: String,
    /// The objectives, as far as they are known.
    pub values: Vec<f64>,
    /// Epochs of all its trainings together.
    pub epochs: u64,
    /// Seconds of these trainings.
    pub seconds: f64,
    /// Per parameter its place between 0 and 1 along the axis, if it has one here.
    pub places: Vec<Option<f64>>,
}

/// A parameter.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Varied {
    /// Its key, as short as it is unique.
    pub name: String,
    /// Part of the variance between the better trials and all that it explains (PED-ANOVA); none with too few trials.
    pub importance: Option<f64>,
    /// Values along its axis, with their places between 0 and 1.
    pub ticks: Vec<(f64, String)>,
}

impl Tried {
    /// Whether it was trained to the end.
    pub fn is_finished(&self) -> bool {
        self.state == "finished"
    }
}

impl Search {
    /// Settings and both objectives of each trial on the Pareto front; `None` with one objective or before a trial is finished.
    pub fn front_rows(&self) -> Option<Vec<Vec<String>>> {
        let row = |place: &usize| {
            let trial = self.trials.get(*place)?;
            let values = trial.values.iter().map(|value| shown(*value));
            Some([trial.label.clone()].into_iter().chain(values).collect())
        };
        let rows: Vec<Vec<String>> = self.front.iter().filter_map(row).collect();
        (!rows.is_empty()).then_some(rows)
    }

    /// Number of the first trial with these settings.
    pub fn number(&self, settings: &[Setting]) -> Option<usize> {
        self.trials.iter().find(|trial| trial.settings == settings).map(|trial| trial.number)
    }

    /// Number of different trials that have a value: those among which the best was chosen.
    pub fn judged(&self) -> usize {
        let mut known: Vec<&[Setting]> = Vec::new();
        for trial in self.trials.iter().filter(|trial| !trial.values.is_empty()) {
            if !known.contains(&trial.settings.as_slice()) {
                known.push(&trial.settings);
            }
        }
        known.len()
    }

    /// Whether one value is better than another, by the first objective.
    pub fn is_better(&self, value: f64, than: f64) -> bool {
        match self.objectives.first() {
            Some(judge) if !judge.higher_is_better => value < than,
            _ => value > than,
        }
    }
}

/// Four digits of a score; counts and seconds as they are.
pub fn shown(value: f64) -> String {
    if value.abs() < 100.0 { format!("{value:.4}") } else { format!("{value:.0}") }
}
