//! A search as reports tell it.

use segspec_search::{Domain, Observation, State as Known, Value, importance, pareto};

use super::state::{Rules, State, Status};
use crate::report::figure::axis::{Axis, short};
use crate::report::search::{Judge, Search, Tried, Varied};
use crate::spec::Sought;
use crate::spec::search::{Judged, Measure, Method, Prune};
use crate::spec::space::SearchSpace;

/// Part of the trials that count as the better ones for the importance of parameters.
const BETTER: f64 = 0.1;
/// Fewest trials for that.
const FEWEST: usize = 10;

/// Every trial of a search with its values, and what mattered.
pub fn told(sought: &Sought, rules: &Rules, state: &State) -> Search {
    let objectives = sought.settings.objectives();
    let trials: Vec<Tried> = (0..state.trials.len()).map(|number| tried(sought, state, number)).collect();
    let finished: Vec<usize> = (0..trials.len()).filter(|index| trials[*index].is_finished()).collect();
    let pairs: Vec<[f64; 2]> = finished
        .iter()
        .filter_map(|index| match &state.trials[*index].status {
            Status::Finished(values) => Some([*values.first()?, *values.get(1)?]),
            _ => None,
        })
        .collect();
    let front = if objectives.len() == 2 { pareto::front(&pairs) } else { Vec::new() };
    Search {
        method: method(sought, rules),
        objectives: objectives
            .iter()
            .map(|objective| Judge {
                name: objective.heading(),
                on_scored_cases: objective.on == Judged::Test && matches!(objective.metric, Measure::Metric(_)),
                higher_is_better: objective.shown(-1.0) > 0.0,
            })
            .collect(),
        parameters: varied(&sought.space, rules, state),
        best: state.best(),
        front: front.into_iter().map(|place| finished[place]).collect(),
        trials,
    }
}

fn tried(sought: &Sought, state: &State, number: usize) -> Tried {
    let trial = &state.trials[number];
    let objectives = sought.settings.objectives();
    let combination = sought.space.combination(&trial.point);
    let values = match &trial.status {
        Status::Finished(values) => values.clone(),
        Status::Paused { value, .. } | Status::Pruned { value, .. } => vec![*value],
        Status::Active | Status::Failed | Status::Rejected => Vec::new(),
    };
    let values = values.iter().zip(&objectives).map(|(value, objective)| objective.shown(*value)).collect();
    let parameters = &sought.space.space().parameters;
    let places = parameters.iter().zip(&trial.point).map(|(it, value)| Some(place(it.domain, (*value)?))).collect();
    Tried {
        number: number + 1,
        label: combination.label,
        settings: combination.settings,
        state: trial.status.word().to_owned(),
        values,
        epochs: trial.epochs,
        seconds: trial.seconds,
        places,
    }
}

/// `TPE, successive halving from epoch 5 (1 in 3 goes on), 3 runs per trial`.
pub fn method(sought: &Sought, rules: &Rules) -> String {
    let mut words = vec![
        match sought.settings.method {
            Method::Grid => "every combination",
            Method::Random => "random draws",
            Method::Tpe => "tree-structured Parzen estimator (TPE)",
            Method::Cmaes => "CMA-ES",
        }
        .to_owned(),
    ];
    match sought.settings.prune {
        Some(Prune::Asha(rungs)) => words.push(format!(
            "successive halving (ASHA) from epoch {}, one in {} goes on",
            rungs.min_epochs, rungs.factor
        )),
        Some(Prune::Wilcoxon(test)) => {
            words.push(format!("trials ended early by Wilcoxon's test on cases (p < {})", test.p));
        }
        None => {}
    }
    if rules.repeats > 1 {
        words.push(format!("{} runs per trial", rules.repeats));
    }
    words.join(", ")
}

fn varied(space: &SearchSpace, rules: &Rules, state: &State) -> Vec<Varied> {
    let history = compared(state);
    let parts = match history.len() >= FEWEST {
        true => importance::ped_anova(&rules.space, &history, BETTER).ok(),
        false => None,
    };
    let names = space.names();
    let axis = |(index, domain): (usize, Domain)| Varied {
        name: names[index].clone(),
        importance: parts.as_ref().and_then(|parts| parts.get(index).copied()).filter(|part| part.is_finite()),
        ticks: ticks(domain, &space.choices(index)),
    };
    space.space().parameters.iter().map(|parameter| parameter.domain).enumerate().map(axis).collect()
}

/// The trials with values that can be compared: those at the first rung, else the final ones.
fn compared(state: &State) -> Vec<Observation> {
    let finished = |trial: usize, objectives: Vec<f64>| {
        let point = state.trials[trial].point.clone();
        Observation { point, state: Known::Finished { objectives } }
    };
    match state.rungs.first() {
        Some(rung) => rung.results.iter().map(|result| finished(result.trial, vec![result.value])).collect(),
        None => (0..state.trials.len())
            .filter_map(|trial| match &state.trials[trial].status {
                Status::Finished(values) => Some(finished(trial, values.clone())),
                _ => None,
            })
            .collect(),
    }
}

/// The axis of a range of numbers.
fn axis(domain: Domain) -> Option<Axis> {
    let of = |low: f64, high: f64, logarithmic: bool| Some(Axis { low, high, logarithmic });
    match domain {
        Domain::Choice { .. } => None,
        Domain::Uniform { low, high } => of(low, high, false),
        Domain::LogUniform { low, high } => of(low, high, true),
        Domain::Int { low, high, log, .. } => of(low as f64, high as f64, log),
    }
}

/// Place of a value along its axis.
fn place(domain: Domain, value: Value) -> f64 {
    match (domain, value) {
        (Domain::Choice { count }, Value::Choice(at)) => (at as f64 + 0.5) / count.max(1) as f64,
        (domain, Value::Number(number)) => axis(domain).map_or(0.5, |axis| axis.place(number)),
        (domain, Value::Int(number)) => axis(domain).map_or(0.5, |axis| axis.place(number as f64)),
        _ => 0.5,
    }
}

fn ticks(domain: Domain, choices: &[String]) -> Vec<(f64, String)> {
    match (domain, axis(domain)) {
        (Domain::Choice { count }, _) => {
            let at = |choice: usize| place(domain, Value::Choice(choice));
            (0..count).map(|choice| (at(choice), choices.get(choice).cloned().unwrap_or_default())).collect()
        }
        (_, Some(axis)) => {
            let is_whole = |tick: &f64| !matches!(domain, Domain::Int { .. }) || tick.fract() == 0.0;
            axis.ticks(6.0).into_iter().filter(is_whole).map(|tick| (axis.place(tick), short(tick))).collect()
        }
        (_, None) => Vec::new(),
    }
}
