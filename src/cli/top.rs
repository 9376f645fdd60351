//! `segspec top`.

use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::session::fold_of_folds;
use super::{Exit, Failure};
use crate::plan::Plan;
use crate::report::text_table::TextTable;
use crate::store::{Listed, Status, Stored, history, list};

/// Show the runs in progress, and keep the table up to date; Ctrl-C ends it
///
/// Runs of every process that uses the run folders are shown, also those on other hosts with a shared disk. Where the output is no
/// terminal, the table is printed once.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  segspec top
  segspec top sweep --every 5")]
pub struct Top {
    /// Only runs of this experiment
    experiment: Option<String>,
    /// Folder that contains the run folders
    #[arg(long, default_value = "runs", value_name = "DIR")]
    run_root: PathBuf,
    /// Seconds between two looks
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..), value_name = "SECONDS")]
    every: u64,
}

/// Clears the screen and moves to its first line.
const CLEAR: &str = "\x1b[2J\x1b[H";

/// Prints the table, again and again.
pub fn execute(args: Top) -> Result<Exit, Failure> {
    let is_terminal = std::io::stdout().is_terminal();
    loop {
        let (listed, _) = list(&args.run_root, args.experiment.as_deref());
        let text = screen(&listed);
        if !is_terminal {
            print!("{text}");
            return Ok(Exit::Ok);
        }
        print!("{CLEAR}{text}");
        let _ = std::io::stdout().flush();
        std::thread::sleep(Duration::from_secs(args.every));
    }
}

fn screen(listed: &[Listed]) -> String {
    let count = |word: &str| listed.iter().filter(|run| run.status.word() == word).count();
    let words = ["running", "finished", "resumable", "failed", "new"];
    let counts = words.map(|word| (count(word), word)).into_iter().filter(|(n, _)| *n > 0);
    let counts = counts.map(|(n, word)| format!("{n} {word}")).collect::<Vec<_>>().join(", ");
    let mut table = TextTable::new([
        "experiment",
        "run",
        "trial",
        "seed",
        "fold",
        "epoch",
        "val. Dice",
        "loss",
        "s/epoch",
        "process",
    ]);
    let running = listed.iter().filter(|run| matches!(run.status, Status::Running { .. }));
    let mut any = false;
    for run in running {
        any = true;
        table.row(row(run));
    }
    let table = if any { table.render() } else { "no run is in progress\n".into() };
    format!("{counts}\n{table}")
}

fn row(run: &Listed) -> Vec<String> {
    let Status::Running { holder } = &run.status else { return Vec::new() };
    let stored = Stored::open(&run.folder).ok();
    let epochs =
        stored.as_ref().and_then(|stored| epochs(&stored.plan)).map_or_else(String::new, |of| format!("/{of}"));
    let history = stored.and_then(|stored| history::read_history(&stored.folder).ok().flatten());
    let last = |column: &str, digits: usize| {
        let rows = history.as_ref().map(crate::evaluate::frame::rows);
        let value = rows.and_then(|rows| rows.filter_map(|row| row.number(column)).next_back());
        value.map_or_else(|| "–".into(), |value| format!("{value:.digits$}"))
    };
    let done = history.as_ref().map_or(0, |history| history.height());
    vec![
        run.experiment.clone(),
        run.run.clone(),
        run.trial.clone(),
        run.seed.to_string(),
        fold_of_folds(run.fold),
        format!("{done}{epochs}"),
        last("validation_dice", 4),
        last("loss", 4),
        last("seconds", 1),
        holder.clone(),
    ]
}

fn epochs(plan: &Plan) -> Option<usize> {
    plan.work.training().map(|training| training.train.epochs)
}
