//! Tables of all trials, with a block of rows for each.

use polars::prelude::*;

use super::{Context, Names, Trial, Trials, trial};
use crate::evaluate::frame::{column, frame, join, stack};
use crate::evaluate::table::TableError;

impl Trials {
    /// Every structure of every trial: `trial_number`, `trial`, `n_seeds`, and the columns of a summary's structures.
    ///
    /// # Errors
    /// [`TableError`] if Polars refuses the columns.
    pub fn structures_table(&self) -> Result<DataFrame, TableError> {
        self.blocks(|trial| with_seeds(trial, &trial.summary.structures))
    }

    /// Every group of structures of every trial, with the columns of [`Trials::structures_table`].
    ///
    /// # Errors
    /// [`TableError`] if Polars refuses the columns.
    pub fn groups_table(&self) -> Result<DataFrame, TableError> {
        self.blocks(|trial| with_seeds(trial, &trial.summary.groups))
    }

    /// One row over all structures for every trial, with the columns of [`Trials::structures_table`].
    ///
    /// # Errors
    /// [`TableError`] if Polars refuses the columns.
    pub fn summary_table(&self) -> Result<DataFrame, TableError> {
        self.blocks(|trial| with_seeds(trial, &trial.summary.overall))
    }

    /// Comparison of trials, over seeds: for each trial a row over all structures, then one for every structure that any trial
    /// scored. `trial_number`, `trial`, `structure`, `n_cases`, `n_seeds`, and the columns of [`Trial::overall`].
    ///
    /// # Errors
    /// [`TableError`] if Polars refuses the columns.
    pub fn comparison_table(&self) -> Result<DataFrame, TableError> {
        let names = column("structure", self.structure_names.iter().map(String::as_str));
        let names = frame(self.structure_names.len(), vec![names])?;
        self.blocks(|trial| {
            let structures = join(&names, &trial.structures, &["structure"])?;
            let mut rows = trial.overall.vstack(&structures).map_err(TableError::malformed)?;
            insert(&mut rows, 1, "n_cases", trial.summary.n_cases)?;
            insert(&mut rows, 2, "n_seeds", trial.n_seeds)?;
            Ok(rows)
        })
    }

    /// Concatenates the trials' blocks with their numbers and labels; without trials, only the columns.
    fn blocks(&self, block: impl Fn(&Trial) -> Result<DataFrame, TableError>) -> Result<DataFrame, TableError> {
        let mut blocks = Vec::new();
        for trial in &self.all {
            blocks.push(named(trial, block(trial)?)?);
        }
        if let Some(table) = stack(blocks)? {
            return Ok(table);
        }
        let nobody = trial(0, &Context::default(), &Names::default(), &self.scores, &self.success_dice)?;
        Ok(named(&nobody, block(&nobody)?)?.clear())
    }
}

fn named(trial: &Trial, mut block: DataFrame) -> Result<DataFrame, TableError> {
    let height = block.height();
    block.insert_column(0, column("trial", vec![trial.label.as_str(); height])).map_err(TableError::malformed)?;
    let numbers = vec![trial.number as u32; height];
    block.insert_column(0, column("trial_number", numbers)).map_err(TableError::malformed)?;
    Ok(block)
}

/// A table of a summary with the number of seeds after the number of cases.
fn with_seeds(trial: &Trial, summary: &DataFrame) -> Result<DataFrame, TableError> {
    let mut rows = summary.clone();
    insert(&mut rows, 2, "n_seeds", trial.n_seeds)?;
    Ok(rows)
}

fn insert(rows: &mut DataFrame, place: usize, name: &str, count: usize) -> Result<(), TableError> {
    let counts = vec![count as u64; rows.height()];
    rows.insert_column(place, column(name, counts)).map(drop).map_err(TableError::malformed)
}
