//! `segspec run` of an experiment whose trials are chosen while others run.

use std::cell::RefCell;

use super::dry_run::{dry_run_of_search, summary};
use super::fresh::clear;
use super::reporter::Reporter;
use super::{Run, exit_code_of, remove_abandoned, slots, tell};
use crate::cli::{Exit, Failure};
use crate::observe::Outcome;
use crate::run::experiment::{Outcomes, run_all};
use crate::run::{Folds, Planned, Planner, RunError, Setting};
use crate::spec::{Loaded, Sought};
use crate::store::Stored;
use crate::sweep::state::State;
use crate::sweep::{Controller, Queue, journal, search, work_through};

/// Leads the search to the end of its budget.
pub fn execute(
    args: &Run,
    loaded: &Loaded,
    sought: &Sought,
    (planner, planned, folds): (&Planner, &Planned, &Folds),
    setting: &Setting,
) -> Result<Exit, Failure> {
    refuse_options(args)?;
    let opened = search::open(loaded, sought, planned, folds)?;
    if args.dry_run {
        let state = State::of(opened.1.entries(), &opened.0)
            .map_err(|reason| RunError::from(opened.1.contradiction(reason)))?;
        return dry_run_of_search((sought, &opened.0, &state), planned, setting, args.json);
    }
    let opened =
        if args.fresh { start_over(loaded, sought, (planner, planned, folds), opened, setting)? } else { opened };
    remove_abandoned(&loaded.experiment);
    let controller = RefCell::new(Controller::new(planner, (loaded, sought), opened, setting.events.clone())?);
    let mut reporter = Reporter::new(args, None, &loaded.experiment, &setting.events);
    let mut after =
        |run: &Stored, outcome: &Outcome| reporter.after(run, outcome, &mut || controller.borrow_mut().report());
    let mut refill = |queue: &mut Queue| controller.borrow_mut().refill(queue);
    let slots = slots(args, loaded)?;
    let mut outcomes = work_through(Queue::default(), &mut refill, setting, &slots, &mut after)?;
    let mut runs = controller.borrow_mut().finished()?;
    if !outcomes.is_stopped() {
        let alone = runs.len();
        planner.ensembles(&mut runs)?;
        if runs.len() > alone {
            outcomes.runs.extend(run_all(&runs, setting, &mut after)?.runs);
        }
    }
    let mut text = String::new();
    if !runs.is_empty() && !args.take_part {
        let told = controller.borrow_mut().report()?.1;
        text = reporter.finish(&runs, told, &setting.events)?;
    }
    let counts = summary(&controller.borrow().state()?, sought);
    println!("{counts}");
    if !args.take_part {
        tell(&loaded.experiment, &format!("{text}{counts}\n"), &outcomes, &setting.events);
    }
    let state = controller.borrow().state()?;
    let is = |word: &str| state.trials.iter().any(|trial| trial.status.word() == word);
    if is("failed") && !is("finished") && !outcomes.is_stopped() {
        return Err(Failure::message(Exit::TrialFailed, "no trial of this search could be finished"));
    }
    exit_code_of(&only_own(outcomes))
}

/// A trial that failed or paused is the search's affair: what counts is whether the search could go on.
fn only_own(outcomes: Outcomes) -> Outcomes {
    use crate::observe::FailureClass;
    let counts = |outcome: &Outcome| match outcome {
        Outcome::Paused { .. } => false,
        Outcome::Failed { class, .. } => *class != FailureClass::Trial,
        _ => true,
    };
    Outcomes { runs: outcomes.runs.into_iter().filter(|(_, outcome)| counts(outcome)).collect() }
}

fn refuse_options(args: &Run) -> Result<(), Failure> {
    let refuse = |option: &str, why: &str| Err(Failure::message(Exit::Usage, format!("{option}: {why}")));
    if args.stop_after.is_some() {
        return refuse("--stop-after", "a search pauses trials by its own rungs; Ctrl-C stops it at any time");
    }
    if args.continue_from.is_some() {
        return refuse(
            "--continue-from",
            "an experiment with exactly one run is needed; this one searches for its trials",
        );
    }
    if args.has_dashboard() {
        return refuse("--tui", "the trials of a search run in processes of their own");
    }
    Ok(())
}

/// Removes the journal and the runs of its trials.
fn start_over(
    loaded: &Loaded,
    sought: &Sought,
    (planner, planned, folds): (&Planner, &Planned, &Folds),
    (rules, journal): (crate::sweep::state::Rules, journal::Journal),
    setting: &Setting,
) -> Result<(crate::sweep::state::Rules, journal::Journal), Failure> {
    let path = journal.path().to_owned();
    let mut controller = Controller::new(planner, (loaded, sought), (rules, journal), setting.events.clone())?;
    clear(&controller.all_runs()?, true)?;
    journal::remove(&path)?;
    Ok(search::open(loaded, sought, planned, folds)?)
}
