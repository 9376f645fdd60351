//! `segspec run --dry-run`.

mod search;

use serde_json::json;

pub(super) use self::search::dry_run as dry_run_of_search;
pub(super) use self::search::summary;
use crate::cli::Exit;
use crate::cli::Failure;
use crate::cli::session::{counted, fold_of_folds};
use crate::report::text_table::TextTable;
use crate::run::forecast::Forecast;
use crate::run::{Planned, RunError, Setting, one};
use crate::store::{self, Status, Stored};
use crate::words::duration;

/// Said of every estimate.
const SCOPE: &str = "measured steps of this machine; validation, prediction and scores come on top";

/// A run, its state, the seconds of training that it still needs, and why it cannot be run here.
struct Row<'a> {
    run: &'a Stored,
    status: Status,
    seconds: Option<f64>,
    refused: Option<RunError>,
}

/// Lists the runs, their states, and how long they will take.
pub(super) fn dry_run(planned: &Planned, setting: &Setting, json: bool) -> Result<Exit, Failure> {
    let mut forecast = forecast(planned, setting)?;
    let mut rows: Vec<Row> = Vec::new();
    for run in &planned.runs {
        let status = run.status()?;
        let refused = one::can_compute(&run.plan, setting).err().filter(|_| !status.is_trained());
        let seconds = if refused.is_some() { None } else { forecast.rest(run)? };
        rows.push(Row { run, status, seconds, refused });
    }
    if json {
        print_json(&rows, planned)
    } else {
        print_text(&rows, planned)
    }
    Ok(if planned.refused.is_empty() { Exit::Ok } else { Exit::BadSpec })
}

/// What is known of the speed of this experiment's networks.
fn forecast<'a>(planned: &Planned, setting: &'a Setting<'a>) -> Result<Forecast<'a>, RunError> {
    let mut recorded = Vec::new();
    if let Some(run) = planned.runs.first() {
        let all = store::all(&run.folder.run_root(), Some(&run.plan.about.experiment));
        recorded.extend(all.into_iter().flatten());
    }
    Ok(Forecast::new(recorded.iter(), setting)?)
}

fn print_json(rows: &[Row], planned: &Planned) {
    let runs = rows.iter().map(|Row { run, status, seconds, refused }| {
        json!({
            "id": run.id(), "prediction": run.ids.prediction, "evaluation": run.ids.evaluation,
            "status": status.word(), "trial": run.plan.about.trial.label(), "seed": run.plan.seed(),
            "fold": run.plan.about.fold, "folder": run.folder.path(), "training-seconds-left": seconds,
            "reason": refused.as_ref().map(ToString::to_string),
        })
    });
    let refused = planned
        .refused
        .iter()
        .map(|(trial, reason)| json!({ "status": "not possible", "trial": trial.label, "reason": reason.to_string() }));
    println!("{:#}", serde_json::Value::from_iter(runs.chain(refused)));
}

fn print_text(rows: &[Row], planned: &Planned) {
    let mut table = TextTable::new(["#", "run", "state", "seed", "fold", "trial"]);
    for (index, Row { run, status, .. }) in rows.iter().enumerate() {
        let about = &run.plan.about;
        table.row([
            (index + 1).to_string(),
            run.id(),
            status.text().into(),
            run.plan.seed().to_string(),
            fold_of_folds([about.fold, about.folds]),
            about.trial.label(),
        ]);
    }
    print!("{}", table.render());
    for (trial, reason) in &planned.refused {
        println!("not possible: {}: {reason}", trial.label);
    }
    for (run, reason) in rows.iter().filter_map(|row| Some((row.run, row.refused.as_ref()?))) {
        println!("not possible on this machine: {}: {reason}", run.id());
    }
    println!("{}", counts(rows, planned));
    if let Some(text) = time(rows) {
        println!("{text}");
    }
}

/// `48 runs: 40 new, 5 finished, 3 resumable`.
fn counts(rows: &[Row], planned: &Planned) -> String {
    let words = ["new", "finished", "resumable", "trained", "predicted", "running", "failed"];
    let count = |word: &'static str| (word, rows.iter().filter(|row| row.status.word() == word).count());
    let counts = words.into_iter().map(count).filter(|(word, count)| *count > 0 || words[..3].contains(word));
    let counts = counts.map(|(word, count)| format!("{count} {word}")).collect::<Vec<_>>().join(", ");
    let refused = match planned.refused.len() {
        0 => String::new(),
        n => format!("; {} not possible", counted(n, "trial")),
    };
    format!("{}: {counts}{refused}", counted(rows.len(), "run"))
}

/// `training: about 2 h 10 min for 40 runs, one after the other`; `None` if every training is finished.
fn time(rows: &[Row]) -> Option<String> {
    let left: Vec<f64> = rows.iter().filter_map(|row| row.seconds).filter(|seconds| *seconds > 0.0).collect();
    let unknown = rows.iter().filter(|row| row.seconds.is_none()).count();
    let missing = match unknown {
        0 => String::new(),
        n => format!("; the time of {} is not known", counted(n, "run")),
    };
    if left.is_empty() {
        return (unknown > 0).then(|| format!("training: the time of {} is not known", counted(unknown, "run")));
    }
    let order = if left.len() > 1 { ", one after the other" } else { "" };
    let (total, runs) = (duration(left.iter().sum()), counted(left.len(), "run"));
    Some(format!("training: about {total} for {runs}{order}{missing} ({SCOPE})"))
}
