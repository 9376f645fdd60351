//! `--dry-run` of an experiment whose trials are chosen while others run.

use segspec_search::{Domain, Parameter};
use serde_json::{Value, json};

use super::{SCOPE, forecast};
use crate::cli::session::counted;
use crate::cli::{Exit, Failure};
use crate::report::search::shown;
use crate::report::text_table::TextTable;
use crate::run::{Planned, RunError, Setting};
use crate::spec::Sought;
use crate::spec::search::Objective;
use crate::sweep::Outlook;
use crate::sweep::state::{Rules, State, Status, Trial};
use crate::sweep::told;
use crate::words::duration;

/// Tells what is searched, lists the trials and their states, and how long the rest will take.
pub(in crate::cli::run) fn dry_run(
    (sought, rules, state): (&Sought, &Rules, &State),
    planned: &Planned,
    setting: &Setting,
    as_json: bool,
) -> Result<Exit, Failure> {
    let outlook = Outlook::new(&sought.settings, rules, state);
    let seconds = seconds(&outlook, state, planned, setting)?;
    if as_json {
        let told = json!({
            "search": description(sought, rules),
            "trials": (0..state.trials.len()).map(|number| trial(sought, state, number)).collect::<Vec<_>>(),
            "epochs-left": outlook.epochs,
            "training-seconds-left": seconds,
        });
        println!("{told:#}");
        return Ok(Exit::Ok);
    }
    print!("{}", space(sought).render());
    println!("method: {}", told::method(sought, rules));
    println!("judged by: {}", judges(sought).join("; "));
    if !sought.settings.exclude.is_empty() {
        println!("left out: {} of `exclude`", counted(sought.settings.exclude.len(), "combination"));
    }
    if !state.trials.is_empty() {
        print!("\n{}", trials(sought, state).render());
    }
    println!("\n{}", summary(state, sought));
    if let Some(text) = time(&outlook, seconds) {
        println!("{text}");
    }
    Ok(Exit::Ok)
}

/// Seconds of training to the end of the budget: by the trials so far, else by the networks at the corners of the space.
fn seconds(outlook: &Outlook, state: &State, planned: &Planned, setting: &Setting) -> Result<Option<f64>, RunError> {
    let Some(epochs) = outlook.epochs.filter(|epochs| *epochs > 0.0) else { return Ok(outlook.seconds) };
    let done: u64 = state.trials.iter().map(|trial| trial.epochs).sum();
    let spent: f64 = state.trials.iter().map(|trial| trial.seconds).sum();
    let per_epoch = if done > 0 {
        Some(spent / done as f64)
    } else {
        let mut forecast = forecast(planned, setting)?;
        let all = planned.runs.iter().map(|run| forecast.epoch(&run.plan));
        let known: Vec<f64> = all.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect();
        crate::evaluate::frame::mean(&known)
    };
    let seconds = per_epoch.map(|seconds| seconds * epochs);
    Ok([seconds, outlook.seconds].into_iter().flatten().reduce(f64::min))
}

/// `training: about 1 h 12 min for 210 epochs, one after the other`; `None` if nothing is left.
fn time(outlook: &Outlook, seconds: Option<f64>) -> Option<String> {
    let epochs = match outlook.epochs {
        Some(0.0) => return None,
        Some(epochs) => format!(" for {} {epochs:.0} epochs", if outlook.at_most { "at most" } else { "about" }),
        None => String::new(),
    };
    Some(match seconds {
        Some(seconds) => format!("training: about {}{epochs}, one run after the other ({SCOPE})", duration(seconds)),
        None => format!("training:{epochs}; their time is not known"),
    })
}

/// The keys that vary and their values.
fn space(sought: &Sought) -> TextTable {
    let parameters = &sought.space.space().parameters;
    let is_conditional = parameters.iter().any(|parameter| parameter.only_if.is_some());
    let headings = ["key", "values", "only where"].into_iter().take(if is_conditional { 3 } else { 2 });
    let mut table = TextTable::new(headings);
    let names = sought.space.names();
    for (index, parameter) in parameters.iter().enumerate() {
        let condition = parameter.only_if.map(|condition| {
            let choice = sought.space.choices(condition.parameter).get(condition.choice).cloned();
            format!("{} = {}", names[condition.parameter], choice.unwrap_or_default())
        });
        let cells = [names[index].clone(), values(sought, index, parameter), condition.unwrap_or_default()];
        table.row(cells.into_iter().take(if is_conditional { 3 } else { 2 }));
    }
    table
}

/// `0.0001 to 0.01, logarithmic`.
fn values(sought: &Sought, index: usize, parameter: &Parameter) -> String {
    match parameter.domain {
        Domain::Choice { .. } => sought.space.choices(index).join(", "),
        Domain::Uniform { low, high } => format!("{low} to {high}"),
        Domain::LogUniform { low, high } => format!("{low} to {high}, logarithmic"),
        Domain::Int { low, high, step, log } => {
            let step = if step > 1 { format!(", every {step}") } else { String::new() };
            format!("{low} to {high}{step}{}", if log { ", logarithmic" } else { "" })
        }
    }
}

fn judges(sought: &Sought) -> Vec<String> {
    let better = |it: &Objective| if it.shown(-1.0) > 0.0 { "higher" } else { "lower" };
    sought.settings.objectives().iter().map(|it| format!("{}, {} is better", it.heading(), better(it))).collect()
}

fn description(sought: &Sought, rules: &Rules) -> Value {
    let names = sought.space.names();
    let parameters = sought.space.space().parameters.iter().enumerate();
    let parameters = parameters.map(|(index, it)| json!({ "key": names[index], "values": values(sought, index, it) }));
    json!({
        "method": told::method(sought, rules),
        "objectives": judges(sought),
        "budget": sought.settings.budget,
        "trials": sought.settings.trials(),
        "seeds": sought.seeds,
        "runs-per-trial": rules.repeats,
        "parameters": parameters.collect::<Vec<_>>(),
    })
}

/// The objectives of a trial as they were measured; of one that is not finished, the first one so far.
fn objectives(sought: &Sought, trial: &Trial) -> Vec<f64> {
    let values = match &trial.status {
        Status::Finished(values) => values.clone(),
        Status::Paused { value, .. } | Status::Pruned { value, .. } => vec![*value],
        Status::Active | Status::Failed | Status::Rejected => Vec::new(),
    };
    values.iter().zip(sought.settings.objectives()).map(|(value, objective)| objective.shown(*value)).collect()
}

fn trial(sought: &Sought, state: &State, number: usize) -> Value {
    let trial = &state.trials[number];
    json!({
        "trial": number + 1, "state": trial.status.word(), "settings": sought.space.combination(&trial.point).label,
        "epochs": trial.epochs, "training-seconds": trial.seconds, "objectives": objectives(sought, trial),
        "reason": trial.reason,
    })
}

fn trials(sought: &Sought, state: &State) -> TextTable {
    let judges = sought.settings.objectives();
    let values: Vec<String> = judges.iter().map(Objective::heading).collect();
    let headings = ["#", "state", "epochs"].into_iter().chain(values.iter().map(String::as_str));
    let mut table = TextTable::new(headings.chain(["trial"]));
    for (number, trial) in state.trials.iter().enumerate() {
        let values = objectives(sought, trial);
        let value = |index: usize| values.get(index).map_or_else(|| "–".into(), |value| shown(*value));
        let label = sought.space.combination(&trial.point).label;
        let label = trial.reason.as_ref().map_or(label.clone(), |reason| format!("{label}: {reason}"));
        let cells = [(number + 1).to_string(), trial.status.word().into(), trial.epochs.to_string()].into_iter();
        table.row(cells.chain((0..judges.len()).map(value)).chain([label]).collect::<Vec<_>>());
    }
    table
}

/// `12 of 30 trials: 9 finished, 3 paused`.
pub(in crate::cli::run) fn summary(state: &State, sought: &Sought) -> String {
    let words = ["finished", "unfinished", "paused", "ended early", "failed", "not possible"];
    let count = |name: &str| state.trials.iter().filter(|trial| trial.status.word() == name).count();
    let counts = words.iter().map(|name| (count(name), name)).filter(|(n, _)| *n > 0);
    let counts: Vec<String> = counts.map(|(n, name)| format!("{n} {name}")).collect();
    let counts = if counts.is_empty() { String::new() } else { format!(": {}", counts.join(", ")) };
    let begun = state.trials.len() - count("not possible");
    match sought.settings.trials() {
        Some(most) if most >= begun => format!("search: {begun} of {}{counts}", counted(most, "trial")),
        // The budget was lowered since.
        Some(most) => format!("search: {} (more than the budget's {most}){counts}", counted(begun, "trial")),
        None => format!("search: {}{counts}", counted(begun, "trial")),
    }
}
