//! Runs gathered into trials: folds pooled out-of-fold so that each case counts once, seeds kept apart.

use std::collections::BTreeMap;

use super::figure::comparison::{OverSeeds, TrialMeans};
use super::figure::distribution::Spread;
use super::{ReportError, ReportInput, RunInput};
use crate::dataset::Target;
use crate::evaluate::summary::{Metric, means};
use crate::evaluate::table::{self, ScoreRow};
use crate::evaluate::{Score, Statistics, StructureSummary, Summary, summarise};

/// Seed of the bootstrap in every report.
pub const BOOTSTRAP_SEED: u64 = 0;

/// All runs with the same label.
#[derive(Clone, Debug)]
pub struct Trial {
    /// Number from 1, in the order of the runs.
    pub number: usize,
    /// What tells it from the other trials.
    pub label: String,
    /// Its settings.
    pub settings: Vec<(String, String)>,
    /// Every score of every seed and fold.
    pub rows: Vec<ScoreRow>,
    /// Per seed, over the cases of all its folds: structures, and the mean over them.
    pub seeds: Vec<(u64, Vec<StructureSummary>, StructureSummary)>,
    /// Over all cases, seeds averaged within a case.
    pub summary: Summary,
}

/// Gathers the runs, trials in the order of their first run, structures in the order of the target.
///
/// # Errors
/// [`ReportError::Scores`] for a table of another form, [`ReportError::CaseTwice`] where two runs of one trial and seed
/// scored the same case.
pub fn collect(input: &ReportInput) -> Result<Vec<Trial>, ReportError> {
    let mut trials: Vec<(&RunInput, Vec<ScoreRow>)> = Vec::new();
    for run in &input.runs {
        let rows = table::rows(&run.scores)
            .map_err(|error| ReportError::Scores { run: run.name(), reason: error.to_string() })?;
        match trials.iter_mut().find(|(first, _)| first.label == run.label) {
            Some((_, trial)) => trial.extend(rows),
            None => trials.push((run, rows)),
        }
    }
    let numbered = trials.into_iter().enumerate();
    numbered.map(|(index, (first, rows))| gather(index + 1, first, rows, input)).collect()
}

/// One trial from its rows; `first` is any of its runs.
fn gather(number: usize, first: &RunInput, mut rows: Vec<ScoreRow>, input: &ReportInput) -> Result<Trial, ReportError> {
    let (label, settings) = (first.label.clone(), first.settings.clone());
    let place = |row: &ScoreRow| structure_place(&input.target, &row.score.structure);
    rows.sort_by(|a, b| (a.context.seed, &a.score.case, place(a)).cmp(&(b.context.seed, &b.score.case, place(b))));
    let same = |pair: &&[ScoreRow]| {
        let key = |row: &ScoreRow| (row.context.seed, row.score.case.clone(), row.score.structure.clone());
        pair.first().map(key) == pair.last().map(key)
    };
    if let Some(twice) = rows.windows(2).find(same).and_then(<[ScoreRow]>::first) {
        let (case, seed) = (twice.score.case.clone(), twice.context.seed);
        return Err(ReportError::CaseTwice { trial: label, case, seed });
    }
    let mut by_seed: BTreeMap<u64, Vec<&Score>> = BTreeMap::new();
    for row in &rows {
        by_seed.entry(row.context.seed).or_default().push(&row.score);
    }
    let seeds = by_seed.into_iter().map(|(seed, scores)| {
        let (structures, mean) = means(&scores);
        (seed, structures, mean)
    });
    let seeds = seeds.collect();
    let all: Vec<&Score> = rows.iter().map(|row| &row.score).collect();
    let summary = summarise(&all, &input.success_dice, BOOTSTRAP_SEED);
    Ok(Trial { number, label, settings, seeds, summary, rows })
}

/// Place in the target; structures that it doesn't name come last.
fn structure_place(target: &Target, name: &str) -> usize {
    target.structures.iter().position(|structure| structure.name == name).unwrap_or(usize::MAX)
}

impl Trial {
    /// Number and label, as charts and tables name it.
    pub fn name(&self) -> String {
        if self.label.is_empty() { format!("#{}", self.number) } else { format!("#{} {}", self.number, self.label) }
    }

    /// Mean over seeds of a metric over all structures.
    pub fn overall(&self, metric: Metric) -> Option<OverSeeds> {
        over_seeds(self.seeds.iter().filter_map(|(_, _, mean)| mean.metric(metric)))
    }

    /// Mean over seeds of a metric of one structure.
    pub fn structure<'a>(&'a self, name: &str, metric: Metric) -> Option<OverSeeds> {
        let named = |structures: &'a [StructureSummary]| structures.iter().find(|structure| structure.name == name);
        over_seeds(self.seeds.iter().filter_map(|(_, structures, _)| named(structures)?.metric(metric)))
    }

    /// The trial as the comparison charts show it.
    pub fn means(&self, structures: &[String]) -> TrialMeans {
        let metrics = [Metric::Dice, Metric::Iou];
        TrialMeans {
            name: self.name(),
            overall: metrics.map(|metric| self.overall(metric)),
            structures: structures
                .iter()
                .map(|name| metrics.map(|metric| self.structure(name, metric).map(|score| score.mean)))
                .collect(),
        }
    }

    /// Every structure's cases, seeds averaged within a case.
    pub fn spreads(&self, target: &Target) -> Vec<Spread> {
        let spread = |name: &String| {
            let mut cases: BTreeMap<&str, Vec<(f64, f64)>> = BTreeMap::new();
            for score in self.rows.iter().map(|row| &row.score).filter(|score| score.structure == *name) {
                if let (Some(dice), Some(iou)) = (score.dice, score.iou) {
                    cases.entry(&score.case).or_default().push((dice, iou));
                }
            }
            let mean = |of: fn(&(f64, f64)) -> f64| {
                cases.values().map(|seeds| seeds.iter().map(of).sum::<f64>() / seeds.len() as f64).collect()
            };
            let color = target.structures.iter().find(|s| s.name == *name).map_or([90; 3], |s| s.color);
            Spread { name: name.clone(), color, dice: mean(|pair| pair.0), iou: mean(|pair| pair.1) }
        };
        self.summary.structures.iter().map(|structure| spread(&structure.name)).collect()
    }
}

fn over_seeds<'a>(seeds: impl Iterator<Item = &'a Statistics>) -> Option<OverSeeds> {
    let means: Vec<f64> = seeds.map(|statistics| statistics.mean).collect();
    Statistics::of(&means).map(|statistics| OverSeeds { mean: statistics.mean, sd: statistics.sd, n: statistics.n })
}

/// The trial with the highest mean Dice; the first of equals. Trials that were scored on other cases cannot be compared with the rest,
/// and are taken only where there are no others.
pub fn best(trials: &[Trial]) -> Option<&Trial> {
    let split = |trial: &Trial| trial.rows.first().map(|row| row.context.split.clone());
    let first = trials.iter().find_map(split);
    let dice = |trial: &Trial| trial.overall(Metric::Dice).map_or(f64::NEG_INFINITY, |score| score.mean);
    trials
        .iter()
        .filter(|trial| split(trial).is_none() || split(trial) == first)
        .reduce(|best, trial| if dice(trial) > dice(best) { trial } else { best })
}

/// Names of all structures that any trial scored, in the order of the target.
pub fn structures(trials: &[Trial], target: &Target) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for structure in trials.iter().flat_map(|trial| &trial.summary.structures) {
        if !names.contains(&structure.name) {
            names.push(structure.name.clone());
        }
    }
    names.sort_by_key(|name| structure_place(target, name));
    names
}
