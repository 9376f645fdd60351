//! `segspec sweep`.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde_json::json;

use super::{Exit, Failure, session};
use crate::run::RunError;
use crate::sweep::journal::Journal;
use crate::sweep::state::replay;
use crate::sweep::{search, state::Rules};

/// Inspect the search of an experiment: its journal, its decisions
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  segspec sweep replay experiments/sweep-architecture.toml
  segspec sweep replay sweep-architecture --json")]
pub struct Sweep {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Recompute every decision of a search from the lines of its journal before it
    ///
    /// The exit code is 6 if a decision does not follow from what was known: the journal was edited, or another version of segspec
    /// decides otherwise.
    #[command(after_help = "\
Examples:
  segspec sweep replay experiments/sweep-architecture.toml
  segspec sweep replay sweep-architecture --json")]
    Replay(Replay),
}

#[derive(Debug, Args)]
struct Replay {
    /// Experiment file
    experiment: PathBuf,
    /// Override a value of the experiment, as given to `run`
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub fn execute(args: Sweep) -> Result<Exit, Failure> {
    match args.command {
        Command::Replay(args) => replay_journal(&args),
    }
}

fn replay_journal(args: &Replay) -> Result<Exit, Failure> {
    let (rules, journal) = opened(&args.experiment, &args.set)?;
    let lines = journal.entries().len();
    let path = journal.path().display();
    match replay(journal.entries(), &rules) {
        Ok(decisions) => {
            if args.json {
                println!(
                    "{:#}",
                    json!({ "journal": journal.path(), "lines": lines, "decisions": decisions, "same": true })
                );
            } else {
                println!("{path}: {decisions} decisions in {lines} lines, each follows from the lines before it");
            }
            Ok(Exit::Ok)
        }
        Err(reason) => Err(Failure::message(Exit::Differs, format!("{path}: {reason}"))),
    }
}

/// Rules and journal of an experiment's search.
fn opened(experiment: &Path, set: &[String]) -> Result<(Rules, Journal), Failure> {
    let loaded = session::load(experiment, set)?;
    let name = experiment.display();
    let Some(sought) = &loaded.search else {
        let text =
            format!("{name}: this experiment is no search: its trials are those of `[sweep]`, whatever comes of them");
        return Err(Failure::message(Exit::Usage, text));
    };
    let found = search::latest(&loaded, sought)?;
    let (rules, _, journal) = found
        .ok_or_else(|| RunError::NothingThere(format!("{name}: its search has not begun: `segspec run` first")))?;
    Ok((rules, journal))
}
