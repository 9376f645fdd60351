//! `segspec ls`.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Value, json};

use super::session::{fold_of_folds, label, prediction_settings};
use super::{Exit, Failure};
use crate::report::text_table::TextTable;
use crate::store::history::read_history;
use crate::store::{self, Manifest, Status, StoreError, Stored};

/// List runs: state, scores, settings
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  segspec ls
  segspec ls phantom --json")]
pub struct Ls {
    /// Only runs of this experiment
    experiment: Option<String>,
    /// Folder that contains the run folders
    #[arg(long, default_value = "runs", value_name = "DIR")]
    run_root: PathBuf,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

const COLUMNS: [&str; 11] =
    ["experiment", "run", "prediction", "state", "trial", "settings", "seed", "fold", "epochs", "Dice", "started"];

/// One row of the table.
struct Row {
    experiment: String,
    run: String,
    prediction: String,
    status: Status,
    trial: String,
    /// What the predictions of one training differ in.
    settings: String,
    seed: u64,
    /// Number of the fold, of how many.
    fold: [usize; 2],
    epochs: usize,
    dice: Option<f64>,
    started: String,
}

/// Prints the table.
pub fn execute(args: Ls) -> Result<Exit, Failure> {
    let (mut runs, mut rows, mut unreadable) = (Vec::new(), Vec::new(), Vec::new());
    for run in store::all(&args.run_root, args.experiment.as_deref()) {
        match run.and_then(|run| Ok((row(&run)?, run))) {
            Ok((row, run)) => {
                rows.push(row);
                runs.push(run);
            }
            Err(error) => unreadable.push(error),
        }
    }
    for (row, run) in rows.iter_mut().zip(&runs) {
        row.settings = label(&prediction_settings(run, &runs));
    }
    if args.json {
        let all = rows.iter().map(to_json).chain(unreadable.iter().map(|error| lost(&args.run_root, error)));
        println!("{:#}", all.collect::<Value>());
        return Ok(Exit::Ok);
    }
    let mut shown = table(&rows);
    unreadable.iter().for_each(|error| shown.row(lost_row(&args.run_root, error, shown.columns())));
    print!("{}", shown.render());
    unreadable.iter().for_each(|error| println!("unreadable: {error}"));
    for row in &rows {
        if let Status::Failed { reason } = &row.status {
            println!("{} failed: {reason}", row.run);
        }
    }
    if rows.is_empty() && unreadable.is_empty() {
        eprintln!("no runs under {}", args.run_root.display());
    }
    Ok(Exit::Ok)
}

fn table(rows: &[Row]) -> TextTable {
    // Predictions and their settings are shown only if a training has several predictions.
    let several = rows.iter().enumerate().any(|(index, row)| rows[..index].iter().any(|other| other.run == row.run));
    let mut table =
        TextTable::new(COLUMNS.into_iter().filter(|column| several || !["prediction", "settings"].contains(column)));
    for row in rows {
        let dice = row.dice.map_or_else(|| "–".into(), |dice| format!("{dice:.4}"));
        let prediction = several.then(|| row.prediction.clone());
        let settings = several.then(|| row.settings.clone());
        let names = [row.experiment.clone(), row.run.clone()].into_iter().chain(prediction);
        let numbers =
            [row.seed.to_string(), fold_of_folds(row.fold), row.epochs.to_string(), dice, row.started.clone()];
        table.row(names.chain([row.status.text().into(), row.trial.clone()]).chain(settings).chain(numbers));
    }
    table
}

/// Experiment and run of a folder that cannot be read.
fn names(run_root: &Path, error: &StoreError) -> [String; 2] {
    let below = error.path.strip_prefix(run_root).unwrap_or(&error.path);
    let mut parts = below.components().map(|part| part.as_os_str().to_string_lossy().into_owned());
    [parts.next().unwrap_or_default(), parts.next().unwrap_or_default()]
}

fn lost_row(run_root: &Path, error: &StoreError, width: usize) -> Vec<String> {
    let [experiment, run] = names(run_root, error);
    let mut cells = vec![experiment, run, "unreadable".into()];
    // A column for the prediction stands before the state where there are several.
    if width == COLUMNS.len() {
        cells.insert(2, String::new());
    }
    cells.resize(width, String::new());
    cells
}

fn lost(run_root: &Path, error: &StoreError) -> Value {
    let [experiment, id] = names(run_root, error);
    json!({ "experiment": experiment, "id": id, "status": "unreadable", "reason": error.to_string() })
}

fn row(run: &Stored) -> Result<Row, StoreError> {
    let (plan, manifest) = (&run.plan, run.folder.read_manifest()?);
    let started = manifest.as_ref().and_then(|manifest| Some(manifest.sessions.first()?.started.clone()));
    Ok(Row {
        run: run.id(),
        prediction: run.ids.prediction.clone(),
        status: run.status()?,
        seed: plan.seed(),
        fold: [plan.about.fold, plan.about.folds],
        epochs: epochs(run, manifest.as_ref())?,
        dice: manifest.as_ref().and_then(|manifest| manifest.evaluation(&run.ids)?.dice),
        started: started.unwrap_or_default(),
        trial: plan.about.trial.label(),
        settings: String::new(),
        experiment: plan.about.experiment.clone(),
    })
}

/// Number of finished epochs.
fn epochs(run: &Stored, manifest: Option<&Manifest>) -> Result<usize, StoreError> {
    let finished = manifest.and_then(|manifest| manifest.training.as_ref());
    match (finished, run.plan.work.training()) {
        (Some(training), _) => Ok(training.epochs),
        (None, Some(_)) => Ok(read_history(&run.folder)?.map_or(0, |history| history.height())),
        (None, None) => Ok(0),
    }
}

fn to_json(row: &Row) -> Value {
    let mut value = json!({
        "experiment": row.experiment, "id": row.run, "prediction": row.prediction, "status": row.status.word(),
        "trial": row.trial, "seed": row.seed, "fold": format!("{}/{}", row.fold[0], row.fold[1]), "epochs": row.epochs, "dice": row.dice,
        "started": row.started,
    });
    if let (Status::Failed { reason }, Some(object)) = (&row.status, value.as_object_mut()) {
        object.insert("reason".into(), reason.as_str().into());
    }
    if let (false, Some(object)) = (row.settings.is_empty(), value.as_object_mut()) {
        object.insert("settings".into(), row.settings.as_str().into());
    }
    value
}
