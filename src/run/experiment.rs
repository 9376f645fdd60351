//! All runs of an experiment, one after the other: a run that fails stops neither the others nor the report.

use super::error::RunError;
use super::one;
use super::setting::Setting;
use crate::observe::{FailureClass, Kind, Outcome};
use crate::store::{Status, Stored};

/// Outcomes of an experiment's runs.
pub struct Outcomes {
    /// Each run with its outcome, in order.
    pub runs: Vec<(Stored, Outcome)>,
}

impl Outcomes {
    /// Runs that failed, with their reasons.
    pub fn failed(&self) -> impl Iterator<Item = (&Stored, FailureClass, &str)> {
        self.runs.iter().filter_map(|(run, outcome)| match outcome {
            Outcome::Failed { class, reason } => Some((run, *class, reason.as_str())),
            _ => None,
        })
    }

    /// Whether the user stopped the experiment.
    pub fn is_stopped(&self) -> bool {
        self.runs.iter().any(|(_, outcome)| *outcome == Outcome::Stopped)
    }

    /// Runs locked by another process.
    pub fn busy(&self) -> impl Iterator<Item = (&Stored, &str)> {
        self.runs.iter().filter_map(|(run, outcome)| match outcome {
            Outcome::Busy { holder } => Some((run, holder.as_str())),
            _ => None,
        })
    }

    /// Whether every run is finished.
    pub fn is_finished(&self) -> bool {
        self.runs.iter().all(|(_, outcome)| outcome.is_finished())
    }
}

/// Executes every unfinished run in order and calls `after` at the end of each.
///
/// # Errors
/// Those of `after`.
pub fn run_all(
    runs: &[Stored],
    setting: &Setting,
    after: &mut dyn FnMut(&Stored, &Outcome) -> Result<(), RunError>,
) -> Result<Outcomes, RunError> {
    let mut ended: Vec<(Stored, Outcome)> = Vec::new();
    for (index, run) in runs.iter().enumerate() {
        let outcome = match hindrance(run, both(&ended)) {
            Some(outcome) => {
                let ended = Kind::Ended { label: run.plan.name(), outcome: outcome.clone() };
                setting.events.of(&run.id()).emit(ended);
                outcome
            }
            None => one::run(run, setting, [index + 1, runs.len()]),
        };
        after(run, &outcome)?;
        let is_over = stops_all(&outcome);
        ended.push((run.clone(), outcome));
        if is_over {
            break;
        }
    }
    // Another process may have finished these in the meantime, or what they wait for.
    for place in 0..ended.len() {
        let (run, outcome) = ended[place].clone();
        if !matches!(outcome, Outcome::Busy { .. }) {
            continue;
        }
        if run.status()? == Status::Finished {
            ended[place].1 = Outcome::Skipped;
        } else if !run.plan.work.members().is_empty() && hindrance(&run, both(&ended)).is_none() {
            ended[place].1 = one::run(&run, setting, [place + 1, runs.len()]);
        }
        after(&run, &ended[place].1)?;
    }
    Ok(Outcomes { runs: ended })
}

/// Whether to start no further run: the user stopped, or the machine fails (disk full, no device).
fn stops_all(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Stopped | Outcome::Failed { class: FailureClass::Environment, .. })
}

fn both(ended: &[(Stored, Outcome)]) -> impl Iterator<Item = (&Stored, &Outcome)> {
    ended.iter().map(|(run, outcome)| (run, outcome))
}

/// Why a run cannot start: a run it depends on, among those that ended, failed or is unfinished.
pub fn hindrance<'a>(run: &Stored, mut ended: impl Iterator<Item = (&'a Stored, &'a Outcome)>) -> Option<Outcome> {
    let needed: Vec<_> = run.plan.work.members().iter().chain(run.plan.look.first()).collect();
    if needed.is_empty() {
        return None;
    }
    let (other, outcome) = ended.find(|(other, outcome)| needed.contains(&&other.ids) && !outcome.is_finished())?;
    Some(match outcome {
        Outcome::Failed { class, .. } => {
            Outcome::Failed { class: *class, reason: RunError::Needs { run: other.ids.training.clone() }.to_string() }
        }
        other => other.clone(),
    })
}
