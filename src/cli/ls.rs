//! `segspec ls`.

use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};

use super::run::words;
use super::{Exit, Failure};
use crate::report::text_table::TextTable;
use crate::run::{self, RunFolder, Status};

/// List runs: state, scores, settings
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  segspec ls
  segspec ls phantom --json")]
pub struct Ls {
    /// Only runs of this experiment
    experiment: Option<String>,
    /// Folder of the run folders
    #[arg(long, default_value = "runs", value_name = "DIR")]
    run_root: PathBuf,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// One run in a few words.
struct Row {
    experiment: String,
    id: String,
    status: Status,
    trial: String,
    seed: u64,
    fold: String,
    epochs: usize,
    dice: Option<f64>,
    started: String,
}

/// Prints the table.
pub fn execute(args: Ls) -> Result<Exit, Failure> {
    let folders = RunFolder::all(&args.run_root, args.experiment.as_deref());
    let rows: Vec<Row> = folders.iter().filter_map(row).collect();
    if args.json {
        println!("{:#}", rows.iter().map(to_json).collect::<Value>());
        return Ok(Exit::Ok);
    }
    let mut table =
        TextTable::new(["experiment", "run", "state", "trial", "seed", "fold", "epochs", "Dice", "started"]);
    for row in &rows {
        let dice = row.dice.map_or_else(|| "—".into(), |dice| format!("{dice:.4}"));
        let numbers = [row.seed.to_string(), row.fold.clone(), row.epochs.to_string(), dice];
        let names = [row.experiment.clone(), row.id.clone(), words(row.status).into(), row.trial.clone()];
        table.row(names.into_iter().chain(numbers).chain([row.started.clone()]));
    }
    print!("{}", table.render());
    if rows.is_empty() {
        eprintln!("no runs below {}", args.run_root.display());
    }
    Ok(Exit::Ok)
}

fn row(folder: &RunFolder) -> Option<Row> {
    let plan = folder.read_plan().ok()?;
    let manifest = folder.read_manifest();
    let started = manifest.and_then(|manifest| Some(manifest.sessions.first()?.started.clone()));
    Some(Row {
        id: folder.id(),
        status: folder.status(),
        seed: plan.seed,
        fold: format!("{}/{}", plan.about.fold, plan.about.folds),
        epochs: run::finished_epochs(folder),
        dice: run::mean_dice_of(folder),
        started: started.unwrap_or_default(),
        trial: plan.about.trial,
        experiment: plan.about.experiment,
    })
}

fn to_json(row: &Row) -> Value {
    json!({
        "experiment": row.experiment, "id": row.id, "status": row.status, "trial": row.trial, "seed": row.seed,
        "fold": row.fold, "epochs": row.epochs, "dice": row.dice, "started": row.started,
    })
}
