//! What competes: the trials of experiments, their runs, the values of a setting, or the structures of one trial.

use std::str::FromStr;

use polars::prelude::*;

use super::grid::{Competitor, Grid};
use super::{Options, Origin, RankError, Ranking, of_grid, rank};
use crate::counted;
use crate::evaluate::frame::{Groups, frame, rows};
use crate::evaluate::table::TableError;
use crate::evaluate::{Trial, Trials};

/// What competes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum By {
    /// Trials, with seeds averaged and folds pooled.
    Trial,
    /// Each seed of each trial, with folds pooled.
    Run,
    /// The structures of the only trial.
    Structure,
    /// The values of a setting, averaged over the other settings.
    Setting(String),
}

impl FromStr for By {
    type Err = std::convert::Infallible;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Ok(match name {
            "trial" => Self::Trial,
            "run" | "seed" => Self::Run,
            "structure" => Self::Structure,
            key => Self::Setting(key.to_owned()),
        })
    }
}

/// Ranks what trials hold; the metric and the rest of the settings are `options`.
///
/// # Errors
/// [`RankError::Differs`] for trials scored on other cases or structures, of another split or dataset; and as [`rank`].
pub fn of_trials(trials: &Trials, by: &By, options: &Options) -> Result<Ranking, RankError> {
    let (comparable, others) = trials.comparable()?;
    if let Some(other) = others.into_iter().next() {
        return Err(RankError::Differs { name: format!("trial {}", other.trial.name()), reason: other.reason });
    }
    ranked(trials, &comparable, by, options)
}

/// Ranks the largest set of trials that can be compared.
///
/// # Errors
/// As [`rank`].
pub fn of_comparable(trials: &Trials, options: &Options) -> Result<Ranking, RankError> {
    ranked(trials, &trials.comparable()?.0, &By::Trial, options)
}

fn ranked(trials: &Trials, comparable: &[&Trial], by: &By, options: &Options) -> Result<Ranking, RankError> {
    let mut ranking = match by {
        By::Structure => of_structures(trials, options)?,
        _ => {
            let (of, named) = competitors(comparable, by, trials)?;
            let list: Vec<Competitor> = named
                .iter()
                .map(|(name, tables)| Competitor { name: name.clone(), tables: tables.iter().collect() })
                .collect();
            let groups = comparable.first().map(|trial| trial.context.groups.clone()).unwrap_or_default();
            rank(&of, &list, &trials.structure_names, &groups, options)?
        }
    };
    ranking.origin = origin(comparable);
    ranking.factors = trials.factors(options.metric);
    ranking.cautions.extend(cautions(&ranking, by));
    Ok(ranking)
}

/// Ranks the structures of the only trial.
///
/// # Errors
/// [`RankError::Few`] where there are several trials, or a single structure.
pub fn of_structures(trials: &Trials, options: &Options) -> Result<Ranking, RankError> {
    let [trial] = trials.all.as_slice() else {
        let text = format!("--by structure needs one trial; there are {}: name one run", trials.all.len());
        return Err(RankError::Few(text));
    };
    let table = of_trial(trials, trial)?;
    let competitor = Competitor { name: trial.name(), tables: vec![&table] };
    let grid = Grid::of_structures(&competitor, &trials.structure_names, options.metric)?;
    if grid.competitors.len() < 2 {
        return Err(RankError::Few("one trial with one structure: there is nothing to rank".into()));
    }
    Ok(of_grid("structure", &grid, &trial.context.groups, options))
}

type Named = Vec<(String, Vec<DataFrame>)>;

/// What competes, in the singular, and the tables of each competitor.
fn competitors(trials: &[&Trial], by: &By, all: &Trials) -> Result<(String, Named), RankError> {
    let mut named = Named::new();
    let mut add = |name: String, table: DataFrame| match named.iter_mut().find(|(known, _)| *known == name) {
        Some((_, tables)) => tables.push(table),
        None => named.push((name, vec![table])),
    };
    for trial in trials {
        let table = of_trial(all, trial)?;
        match by {
            By::Run => {
                for (seed, table) in by_seed(&table)? {
                    let name = if trials.len() > 1 {
                        format!("{}, seed {seed}", trial.name())
                    } else {
                        format!("seed {seed}")
                    };
                    add(name, table);
                }
            }
            By::Setting(key) => add(value_of(trial, key)?, table),
            By::Trial | By::Structure => {
                add(if trial.label.is_empty() { trial.name() } else { trial.label.clone() }, table)
            }
        }
    }
    let of = match by {
        By::Run => "run".into(),
        By::Setting(key) => format!("value of {key}"),
        By::Trial | By::Structure => "trial".into(),
    };
    Ok((of, named))
}

/// The label of a trial's value of a setting, named by its key or the end of it.
fn value_of(trial: &Trial, key: &str) -> Result<String, RankError> {
    let settings = &trial.context.trial.settings;
    let is_named = |own: &str| own == key || own.ends_with(&format!(".{key}"));
    let mut found = settings.iter().filter(|setting| is_named(&setting.key));
    let refused = |reason: String| Err(RankError::By { name: key.to_owned(), reason });
    match (found.next(), found.next()) {
        (Some(one), None) => Ok(one.label.clone()),
        (None, _) => {
            let keys: Vec<&str> = settings.iter().map(|setting| setting.key.as_str()).collect();
            let known =
                if keys.is_empty() { "it has no settings".to_owned() } else { format!("it has {}", keys.join(", ")) };
            refused(format!("trial {} has no such setting; {known}", trial.name()))
        }
        (Some(one), Some(other)) => refused(format!("is both {} and {}: write the whole key", one.key, other.key)),
    }
}

fn of_trial(trials: &Trials, trial: &Trial) -> Result<DataFrame, TableError> {
    let numbers =
        trials.scores.column("trial_number").and_then(|column| column.u32()).map_err(TableError::malformed)?;
    trials.scores.filter(&numbers.equal(trial.number as u32)).map_err(TableError::malformed)
}

fn by_seed(table: &DataFrame) -> Result<Vec<(u64, DataFrame)>, TableError> {
    let groups = Groups::by(table, &["seed"])?;
    let keys = frame(groups.count(), groups.keys())?;
    let seeds = table.column("seed").and_then(|column| column.u64()).map_err(TableError::malformed)?;
    let of = |seed: u64| Ok((seed, table.filter(&seeds.equal(seed)).map_err(TableError::malformed)?));
    rows(&keys).filter_map(|row| row.count("seed")).map(of).collect()
}

fn origin(trials: &[&Trial]) -> Origin {
    let mut weights: Vec<String> = Vec::new();
    for trial in trials {
        let own = &trial.context.weights;
        if !own.is_empty() && !weights.contains(own) {
            weights.push(own.clone());
        }
    }
    let context = trials.first().map(|trial| trial.context.clone()).unwrap_or_default();
    Origin {
        dataset: context.dataset,
        split: context.split,
        weights,
        selected_on_scored_cases: trials.iter().any(|trial| trial.context.selected_on),
        trials: trials.len(),
        runs: trials.iter().map(|trial| trial.n_runs).sum(),
        failures: Vec::new(),
    }
}

fn cautions(ranking: &Ranking, by: &By) -> Vec<String> {
    let mut cautions = Vec::new();
    let origin = &ranking.origin;
    if origin.selected_on_scored_cases {
        cautions.push("Weights were chosen on the same cases that are scored: scores are optimistic.".into());
    }
    if *by != By::Structure && origin.trials > 1 {
        let trials = counted(origin.trials, "trial");
        cautions.push(format!(
            "{trials} were compared on these cases: the score of the best is optimistic. For a claim, score it on cases that none of them saw."
        ));
    }
    if let By::Setting(key) = by
        && let Some(factor) = ranking.factors.iter().find(|factor| factor.key == *key || factor.key.ends_with(key))
        && !factor.balanced
    {
        cautions.push(format!("Not every value of {key} was tried with the same other settings."));
    }
    cautions
}
