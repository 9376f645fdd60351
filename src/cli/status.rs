//! `segspec status`.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Value, json};

use super::{Exit, Failure};
use crate::launch::Submission;
use crate::launch::status::{Meaning, Task, tasks};
use crate::launch::submission::Submitted;
use crate::report::text_table::TextTable;
use crate::store::{Status as State, Stored};

/// How submitted runs are: what the scheduler says, beside what their folders say
///
/// Asks sacct and squeue, where there are any. A run is finished when its folder says so, whatever the scheduler says.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  segspec status
  segspec status sweep --json")]
pub struct Status {
    /// Only submissions of this experiment
    experiment: Option<String>,
    /// Folder that contains the run folders
    #[arg(long, default_value = "runs", value_name = "DIR")]
    run_root: PathBuf,
    /// All submissions, not only the latest of each experiment
    #[arg(long)]
    all: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// One task.
struct Row {
    job: String,
    kind: String,
    run: String,
    /// What its folder says; none for a job without a run.
    state: Option<State>,
    task: Option<Task>,
    /// The scheduler knows other tasks of its array, but not this one: it was cancelled before it began.
    is_gone: bool,
}

/// Prints the tasks of the latest submissions.
pub fn execute(args: Status) -> Result<Exit, Failure> {
    let mut submissions = Submission::all(&args.run_root, args.experiment.as_deref())?;
    if !args.all {
        let mut seen = Vec::new();
        submissions.retain(|it| {
            let is_new = !seen.contains(&it.experiment);
            seen.push(it.experiment.clone());
            is_new
        });
    }
    if let Some(name) = args.experiment.as_ref().filter(|_| submissions.is_empty()) {
        let text = format!("nothing of an experiment `{name}` was submitted under {}", args.run_root.display());
        return Err(Failure::message(Exit::BadData, text));
    }
    if submissions.is_empty() {
        eprintln!("nothing was submitted under {}: `segspec run FILE --launcher slurm`", args.run_root.display());
    }
    let mut all = Vec::new();
    for submission in &submissions {
        let (known, asked) = tasks(submission);
        let rows: Vec<Row> = submission.jobs.iter().flat_map(|job| rows(job, &known)).collect();
        if args.json {
            let rows: Vec<Value> = rows.iter().map(to_json).collect();
            let logs = submission.folder.join("logs");
            all.push(json!({ "experiment": submission.experiment, "time": submission.time, "asked": asked, "logs": logs, "tasks": rows }));
        } else {
            show(submission, &rows, asked);
        }
    }
    if args.json {
        println!("{:#}", Value::from(all));
    }
    Ok(Exit::Ok)
}

fn rows(job: &Submitted, known: &std::collections::BTreeMap<String, Task>) -> Vec<Row> {
    let is_array_known = known.keys().any(|id| id.starts_with(&format!("{}_", job.id)));
    let row = |id: String, run: Option<&Path>| {
        let stored = run.and_then(|path| Stored::open(path).ok());
        Row {
            task: known.get(&id).cloned(),
            is_gone: is_array_known && !known.contains_key(&id),
            job: id,
            kind: job.kind.clone(),
            run: stored.as_ref().map_or_else(String::new, |run| format!("{} {}", run.id(), run.plan.name())),
            state: stored.and_then(|run| run.status().ok()),
        }
    };
    if job.kind == "runs" {
        return job.runs.iter().enumerate().map(|(task, run)| row(format!("{}_{task}", job.id), Some(run))).collect();
    }
    let own: Vec<String> =
        known.keys().filter(|id| **id == job.id || id.starts_with(&format!("{}_", job.id))).cloned().collect();
    let ids = if own.is_empty() { vec![job.id.clone()] } else { own };
    ids.into_iter().map(|id| row(id, None)).collect()
}

/// What a task is, in one word: the folder's word where it is final, else the scheduler's.
fn word(row: &Row) -> String {
    let task = row.task.clone().unwrap_or_default();
    let by_folder = row.state.as_ref().map(State::word);
    match (by_folder, task.meaning()) {
        (Some("finished"), _) => "finished".into(),
        (_, Meaning::Running) => "running".into(),
        (_, Meaning::Waiting) => "waiting".into(),
        (_, Meaning::Held) => "held".into(),
        (_, Meaning::Interrupted) => "interrupted".into(),
        (_, Meaning::Cancelled) => "cancelled".into(),
        (_, Meaning::Failed) => "failed".into(),
        _ if row.is_gone => "not queued".into(),
        (None, Meaning::Ended) => "ended".into(),
        (Some(word), Meaning::Ended | Meaning::Unknown) => word.into(),
        (None, Meaning::Unknown) => "unknown".into(),
    }
}

fn show(submission: &Submission, rows: &[Row], asked: Option<&str>) {
    println!("{}, submitted {}", submission.experiment, submission.time);
    let mut table = TextTable::new(["job", "kind", "state", "SLURM", "time", "node", "run"]);
    for row in rows {
        let task = row.task.clone().unwrap_or_default();
        let said = if task.reason.is_empty() { task.state } else { format!("{} ({})", task.state, task.reason) };
        table.row([row.job.clone(), row.kind.clone(), word(row), said, task.elapsed, task.node, row.run.clone()]);
    }
    print!("{}", table.render());
    let mut words: Vec<(String, usize)> = Vec::new();
    for word in rows.iter().map(word) {
        match words.iter_mut().find(|(known, _)| *known == word) {
            Some((_, count)) => *count += 1,
            None => words.push((word, 1)),
        }
    }
    let words = words.into_iter().map(|(word, count)| format!("{count} {word}")).collect::<Vec<_>>().join(", ");
    let asked = asked.map_or_else(
        || "no scheduler could be asked; states are those of the run folders".into(),
        |it| format!("asked {it}"),
    );
    println!("{words}  ({asked})");
    println!("logs: {}", submission.folder.join("logs").display());
    if rows.iter().any(|row| ["held", "failed", "cancelled", "not queued"].contains(&word(row).as_str())) {
        println!(
            "`scontrol release JOB` releases what is held; `segspec run` with the same launcher submits again what is not finished"
        );
    }
}

fn to_json(row: &Row) -> Value {
    let task = row.task.clone().unwrap_or_default();
    json!({
        "job": row.job, "kind": row.kind, "run": row.run, "state": word(row), "folder_state": row.state.as_ref().map(State::word),
        "slurm": task.state, "reason": task.reason, "elapsed": task.elapsed, "node": task.node,
    })
}
