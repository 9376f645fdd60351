//! `segspec run --fresh`.

use std::io::IsTerminal;

use crate::cli::session::counted;
use crate::cli::{Exit, Failure};
use crate::evaluate::frame::rows;
use crate::run::RunError;
use crate::store::history::read_history;
use crate::store::{Lock, Status, Stored};
use crate::words::duration;

/// Removes what runs left. Nothing is removed if another process is using one of them. `asks`: whether a person at the terminal is asked
/// first.
pub(super) fn clear(runs: &[Stored], asks: bool) -> Result<(), Failure> {
    let locks = runs.iter().map(|run| Lock::take(&run.folder.lock())).collect::<Result<Vec<Lock>, _>>();
    let locks = locks.map_err(RunError::from)?;
    if let Some(lost) =
        lost(runs)?.filter(|_| asks && std::io::stdin().is_terminal() && std::io::stderr().is_terminal())
    {
        eprint!("--fresh deletes {lost}. Delete? [y/N] ");
        let mut answer = String::new();
        let read = std::io::stdin().read_line(&mut answer);
        if read.is_err() || !["y", "yes"].contains(&answer.trim().to_lowercase().as_str()) {
            return Err(Failure::message(
                Exit::Usage,
                "nothing was deleted; without --fresh, runs resume by themselves",
            ));
        }
    }
    for run in runs {
        run.folder.clear().map_err(RunError::from)?;
    }
    drop(locks);
    Ok(())
}

/// `2 finished runs and 13 epochs (4 h 20 min) of others`; `None` if nothing has been trained.
fn lost(runs: &[Stored]) -> Result<Option<String>, Failure> {
    let (mut finished, mut begun, mut seconds) = (0, 0, 0.0);
    for run in runs {
        let Some(history) = read_history(&run.folder)? else { continue };
        seconds += rows(&history).filter_map(|row| row.number("seconds")).sum::<f64>();
        *(if run.status()? == Status::Finished { &mut finished } else { &mut begun }) += 1;
    }
    let count = |count: usize, what: &str| (count > 0).then(|| counted(count, &format!("{what} run")));
    let what: Vec<String> = [count(finished, "finished"), count(begun, "unfinished")].into_iter().flatten().collect();
    Ok((!what.is_empty()).then(|| format!("{} ({} of training)", what.join(" and "), duration(seconds))))
}
