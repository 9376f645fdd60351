//! `segspec run --dry-run`.

use crate::cli::Exit;
use crate::cli::Failure;
use crate::cli::session::{self, fold_of_folds};
use crate::report::text_table::TextTable;
use crate::run::Planned;
use crate::store::{Status, Stored};

/// Lists the runs and their states.
pub(super) fn dry_run(planned: &Planned, json: bool) -> Result<Exit, Failure> {
    let mut rows: Vec<(&Stored, Status)> = Vec::new();
    for run in &planned.runs {
        rows.push((run, run.status()?));
    }
    if json {
        let runs = rows.iter().map(|(run, status)| {
            serde_json::json!({
                "id": run.id(), "prediction": run.ids.prediction, "evaluation": run.ids.evaluation,
                "status": status.word(), "trial": run.plan.about.trial.label(), "seed": run.plan.seed(),
                "fold": run.plan.about.fold, "folder": run.folder.path(),
            })
        });
        println!("{:#}", serde_json::Value::from_iter(runs));
        return Ok(Exit::Ok);
    }
    let mut table = TextTable::new(["#", "run", "state", "seed", "fold", "trial"]);
    for (index, (run, status)) in rows.iter().enumerate() {
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
    let words = ["new", "finished", "resumable", "trained", "predicted", "running", "failed"];
    let count = |word: &'static str| (word, rows.iter().filter(|(_, status)| status.word() == word).count());
    let counts = words.into_iter().map(count).filter(|(word, count)| *count > 0 || words[..3].contains(word));
    let counts = counts.map(|(word, count)| format!("{count} {word}")).collect::<Vec<_>>();
    println!("{}: {}", session::counted(rows.len(), "run"), counts.join(", "));
    Ok(Exit::Ok)
}
