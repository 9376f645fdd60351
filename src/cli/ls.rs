//! `segspec ls`.

use std::cmp::Ordering;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use super::names::{experiment_file, near};
use super::session::{fold_of_folds, label, prediction_settings};
use super::{Exit, Failure};
use crate::plan::tell_apart;
use crate::report::text_table::TextTable;
use crate::store::{Listed, Status, StoreError, Stored, list};

/// List runs: state, scores, settings
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  segspec ls
  segspec ls phantom --state finished --sort dice
  segspec ls --where model=unet --where learning-rate=0.01
  segspec ls sweep --columns run,trial,epochs,dice --json")]
pub struct Ls {
    /// Only runs of this experiment
    experiment: Option<String>,
    /// Folder that contains the run folders
    #[arg(long, default_value = "runs", value_name = "DIR")]
    run_root: PathBuf,
    /// Only runs in this state: new, running, resumable, trained, predicted, failed, finished; can be repeated
    #[arg(long, value_name = "STATE", value_parser = STATES)]
    state: Vec<String>,
    /// Only runs whose trial has this setting, such as `learning-rate=0.01`; can be repeated
    #[arg(long, value_name = "KEY=VALUE")]
    r#where: Vec<String>,
    /// Only runs with this tag (`segspec tag`); can be repeated
    #[arg(long, value_name = "TAG")]
    tag: Vec<String>,
    /// Sort by this column: Dice and epochs from the largest, others from the smallest
    #[arg(long, value_name = "COLUMN")]
    sort: Option<Column>,
    /// Only these columns, in this order
    #[arg(long, value_name = "COLUMN,…", value_delimiter = ',')]
    columns: Vec<Column>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

const STATES: [&str; 7] = ["new", "running", "resumable", "trained", "predicted", "failed", "finished"];

/// A column of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Column {
    Experiment,
    Run,
    Prediction,
    State,
    Trial,
    Settings,
    Seed,
    Fold,
    Epochs,
    Dice,
    Started,
    Device,
    Tags,
    Note,
}

impl Column {
    /// Shown if nothing else is asked for.
    const USUAL: [Self; 9] = [
        Self::Experiment,
        Self::Run,
        Self::State,
        Self::Trial,
        Self::Seed,
        Self::Fold,
        Self::Epochs,
        Self::Dice,
        Self::Started,
    ];

    fn heading(self) -> &'static str {
        match self {
            Self::Experiment => "experiment",
            Self::Run => "run",
            Self::Prediction => "prediction",
            Self::State => "state",
            Self::Trial => "trial",
            Self::Settings => "settings",
            Self::Seed => "seed",
            Self::Fold => "fold",
            Self::Epochs => "epochs",
            Self::Dice => "Dice",
            Self::Started => "started",
            Self::Device => "device",
            Self::Tags => "tags",
            Self::Note => "note",
        }
    }

    fn cell(self, row: &Row) -> String {
        let run = &row.run;
        match self {
            Self::Experiment => run.experiment.clone(),
            Self::Run => run.run.clone(),
            Self::Prediction => run.prediction.clone(),
            Self::State => run.status.text().into(),
            Self::Trial => row.trial.clone(),
            Self::Settings => row.settings.clone(),
            Self::Seed => run.seed.to_string(),
            Self::Fold => fold_of_folds(run.fold),
            Self::Epochs => run.epochs.to_string(),
            Self::Dice => run.dice.map_or_else(|| "–".into(), |dice| format!("{dice:.4}")),
            Self::Started => run.started.clone(),
            Self::Device => run.device.clone(),
            Self::Tags => run.marks.tags.join(" "),
            Self::Note => run.marks.note.clone(),
        }
    }

    fn order(self, one: &Row, other: &Row) -> Ordering {
        let dice = |row: &Row| row.run.dice.unwrap_or(f64::NEG_INFINITY);
        match self {
            Self::Dice => dice(other).total_cmp(&dice(one)),
            Self::Epochs => other.run.epochs.cmp(&one.run.epochs),
            Self::Seed => one.run.seed.cmp(&other.run.seed),
            Self::Fold => one.run.fold.cmp(&other.run.fold),
            text => text.cell(one).cmp(&text.cell(other)),
        }
    }
}

/// One row of the table.
struct Row {
    run: Listed,
    /// Its trial, with what tells it from others of the same name.
    trial: String,
    /// What the predictions of one training differ in.
    settings: String,
}

/// Prints the table.
pub fn execute(args: Ls) -> Result<Exit, Failure> {
    if let Some(wanted) = args.r#where.iter().find(|wanted| !wanted.contains('=') || wanted.contains(['<', '>'])) {
        let text =
            format!("--where: `{wanted}` is not KEY=VALUE, as in learning-rate=0.01; `--sort dice` orders by Dice");
        return Err(Failure::message(Exit::Usage, text));
    }
    let experiment = args.experiment.as_deref().map(|name| known(&args.run_root, name)).transpose()?;
    let (listed, unreadable) = list(&args.run_root, experiment.as_deref());
    let is_wanted = |run: &Listed| {
        let has = |wanted: &String| {
            run.settings
                .iter()
                .any(|setting| setting.label == *wanted || is_value(&setting.key, &setting.value, wanted))
        };
        (args.state.is_empty() || args.state.iter().any(|state| state == run.status.word()))
            && args.r#where.iter().all(has)
            && args.tag.iter().all(|tag| run.marks.tags.contains(tag))
    };
    let is_all = args.state.is_empty() && args.r#where.is_empty() && args.tag.is_empty();
    let unreadable = if is_all { unreadable } else { Vec::new() };
    let row = |run: Listed| Row { trial: run.trial.clone(), settings: String::new(), run };
    let mut rows: Vec<Row> = listed.into_iter().filter(is_wanted).map(row).collect();
    name_apart(&mut rows);
    name_predictions(&mut rows);
    if let Some(column) = args.sort {
        rows.sort_by(|one, other| column.order(one, other));
    }
    if args.json {
        let all = rows.iter().map(to_json).chain(unreadable.iter().map(|error| lost(&args.run_root, error)));
        println!("{:#}", all.collect::<Value>());
        return Ok(Exit::Ok);
    }
    print!("{}", table(&args, &rows, &unreadable).render());
    unreadable.iter().for_each(|error| println!("unreadable: {error}"));
    for row in &rows {
        if let Status::Failed { reason } = &row.run.status {
            println!("{} failed: {reason}", row.run.run);
        }
    }
    if rows.is_empty() && unreadable.is_empty() {
        let what = if is_all { "no runs" } else { "no such runs" };
        eprintln!("{what} under {}", args.run_root.display());
    }
    Ok(Exit::Ok)
}

/// The name of an experiment that has runs, also given by its file.
fn known(run_root: &Path, experiment: &str) -> Result<String, Failure> {
    let name = experiment.strip_suffix(".toml").map_or(experiment, |path| path.rsplit('/').next().unwrap_or(path));
    // `new` makes no folder, and neither does `--dry-run`.
    if run_root.join(name).is_dir() || experiment_file(Path::new(experiment)).is_file() {
        return Ok(name.to_owned());
    }
    let hint = near(name).map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
    let text = format!("no runs of an experiment `{name}` under {}{hint}", run_root.display());
    Err(Failure::message(Exit::BadData, text))
}

/// Whether `wanted` is the last part of the key and the value, as `learning-rate=0.01`.
fn is_value(key: &str, value: &Value, wanted: &str) -> bool {
    let Some((name, text)) = wanted.split_once('=') else { return false };
    let is_key = key == name || key.ends_with(&format!(".{name}"));
    let number = value.as_f64().is_some_and(|value| text.parse() == Ok(value));
    let variant = || value.as_object().is_some_and(|table| table.len() == 1 && table.contains_key(text));
    is_key && (number || value.as_str() == Some(text) || format!("{value}") == text || variant())
}

/// Names the settings in which trials of one name differ: those of experiments that were changed between runs.
fn name_apart(rows: &mut [Row]) {
    let name = |row: &Row| (row.run.experiment.clone(), row.trial.clone());
    let mut groups: std::collections::BTreeMap<_, Vec<usize>> = Default::default();
    for (place, row) in rows.iter().enumerate() {
        groups.entry(name(row)).or_default().push(place);
    }
    for places in groups.into_values() {
        let first = &rows[places[0]].run.spec;
        if places.iter().all(|place| rows[*place].run.spec == *first) {
            continue;
        }
        let opened: Vec<(usize, Stored)> =
            places.iter().filter_map(|place| Some((*place, Stored::open(&rows[*place].run.folder).ok()?))).collect();
        let (places, mut runs): (Vec<usize>, Vec<Stored>) = opened.into_iter().unzip();
        tell_apart(&mut runs.iter_mut().map(|run| &mut run.plan).collect::<Vec<_>>());
        places.iter().zip(runs).for_each(|(place, run)| rows[*place].trial = run.plan.about.trial.label());
    }
}

/// Names what the predictions of one training differ in.
fn name_predictions(rows: &mut [Row]) {
    let mut groups: std::collections::BTreeMap<_, Vec<usize>> = Default::default();
    for (place, row) in rows.iter().enumerate() {
        groups.entry(row.run.run_folder().to_path_buf()).or_default().push(place);
    }
    for places in groups.into_values().filter(|places| places.len() > 1) {
        let runs: Vec<Stored> = places.iter().filter_map(|place| Stored::open(&rows[*place].run.folder).ok()).collect();
        for place in places {
            let own = runs.iter().find(|run| run.ids.prediction == rows[place].run.prediction);
            rows[place].settings = own.map(|run| label(&prediction_settings(run, &runs))).unwrap_or_default();
        }
    }
}

fn table(args: &Ls, rows: &[Row], unreadable: &[StoreError]) -> TextTable {
    let mut columns = args.columns.clone();
    if columns.is_empty() {
        columns = Column::USUAL.to_vec();
        // Further columns are shown where they say something.
        if rows.iter().any(|row| !row.settings.is_empty()) {
            columns.insert(2, Column::Prediction);
            let trial = columns.iter().position(|column| *column == Column::Trial).unwrap_or(3);
            columns.insert(trial + 1, Column::Settings);
        }
        for column in [Column::Tags, Column::Note] {
            if rows.iter().any(|row| !column.cell(row).is_empty()) {
                columns.push(column);
            }
        }
    }
    let mut table = TextTable::new(columns.iter().map(|column| column.heading()));
    for row in rows {
        table.row(columns.iter().map(|column| column.cell(row)));
    }
    for error in unreadable {
        let [experiment, run] = names(&args.run_root, error);
        table.row(columns.iter().map(|column| match column {
            Column::Experiment => experiment.clone(),
            Column::Run => run.clone(),
            Column::State => "unreadable".into(),
            _ => String::new(),
        }));
    }
    table
}

/// Experiment and run of a folder that cannot be read.
fn names(run_root: &Path, error: &StoreError) -> [String; 2] {
    let below = error.path.strip_prefix(run_root).unwrap_or(&error.path);
    let mut parts = below.components().map(|part| part.as_os_str().to_string_lossy().into_owned());
    [parts.next().unwrap_or_default(), parts.next().unwrap_or_default()]
}

fn lost(run_root: &Path, error: &StoreError) -> Value {
    let [experiment, id] = names(run_root, error);
    json!({ "experiment": experiment, "id": id, "status": "unreadable", "reason": error.to_string() })
}

fn to_json(row: &Row) -> Value {
    let run = &row.run;
    let mut value = json!({
        "experiment": run.experiment, "id": run.run, "prediction": run.prediction, "status": run.status.word(),
        "trial": row.trial, "seed": run.seed, "fold": format!("{}/{}", run.fold[0], run.fold[1]), "epochs": run.epochs,
        "dice": run.dice, "started": run.started, "device": run.device, "folder": run.folder,
    });
    let Some(object) = value.as_object_mut() else { return value };
    match &run.status {
        Status::Failed { reason } => drop(object.insert("reason".into(), reason.as_str().into())),
        Status::Running { holder } => drop(object.insert("holder".into(), holder.as_str().into())),
        _ => {}
    }
    if !row.settings.is_empty() {
        object.insert("settings".into(), row.settings.as_str().into());
    }
    if !run.marks.tags.is_empty() {
        object.insert("tags".into(), json!(run.marks.tags));
    }
    if !run.marks.note.is_empty() {
        object.insert("note".into(), run.marks.note.as_str().into());
    }
    value
}
