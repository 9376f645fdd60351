//! `segspec prepare`.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::run::FoldChoice;
use super::{Exit, Failure, session};
use crate::run::terminal::Terminal;
use crate::run::{experiment, prepare};

/// Do the preprocessing of an experiment alone
///
/// Prepared cases are kept below the run root and found again by every run whose files and `[preprocess]` are the same:
/// a first `segspec run` then starts training at once. Ctrl-C keeps what is done.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  segspec prepare experiments/liver.toml
  segspec prepare experiments/liver.toml --fold 0 --set preprocess.spacing-mm=[3,1,1]")]
pub struct Prepare {
    /// Experiment file
    experiment: PathBuf,
    /// Replace a value of the experiment; may be given several times
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Fold of the split, counted from 0, or `all`
    #[arg(long, value_name = "K|all", default_value = "all")]
    fold: FoldChoice,
    /// Print the counts as JSON
    #[arg(long)]
    json: bool,
}

/// Prepares every case.
pub fn execute(args: Prepare) -> Result<Exit, Failure> {
    let loaded = session::load(&args.experiment, &args.set)?;
    let cancelled = session::cancellation();
    let mut terminal = Terminal::new();
    let planned = experiment::plan(&loaded, &session::data_root(), args.fold.0, &cancelled, &mut terminal)?;
    let tally = prepare::prepare_all(&planned, &cancelled, &mut terminal)?;
    if args.json {
        let value = json!({
            "runs": planned.runs.len(), "computed": tally.computed, "cached": tally.cached,
            "excluded": tally.excluded, "cache": planned.cache,
        });
        println!("{value:#}");
    } else {
        println!(
            "{} cases computed, {} from the cache, {} excluded ({})",
            tally.computed,
            tally.cached,
            tally.excluded.len(),
            planned.cache.display()
        );
    }
    Ok(if tally.computed + tally.cached == 0 { Exit::BadData } else { Exit::Ok })
}
