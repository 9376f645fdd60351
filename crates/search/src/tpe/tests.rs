//! Against Optuna (`tests/reference/search.py`), and what Optuna does not do.

use serde::Deserialize;

use super::parzen::Parzen;
use super::split::Split;
use crate::tests::{flat, mixed, reference};
use crate::*;

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Density {
    domains: Vec<Domain>,
    rows: Vec<Vec<Value>>,
    queries: Vec<Vec<Value>>,
    ln_density: Vec<f64>,
}

#[test]
fn densities_are_those_of_optuna() {
    let cases: Vec<Density> = reference("parzen");
    assert!(cases.len() >= 40);
    for case in cases {
        let parzen = Parzen::new(&case.domains, &case.rows, 1.0, true);
        for (query, expected) in case.queries.iter().zip(&case.ln_density) {
            let density = parzen.ln_density(query);
            assert!((density - expected).abs() < 1e-8, "{:?} at {query:?}: {density} for {expected}", case.domains);
        }
    }
}

#[derive(Deserialize)]
struct Sides {
    states: Vec<State>,
    count: usize,
    objectives: usize,
    good: Vec<usize>,
    rest: Vec<usize>,
}

#[test]
fn good_trials_are_those_of_optuna() {
    for case in reference::<Vec<Sides>>("splits") {
        let history: Vec<Observation> =
            case.states.into_iter().map(|state| Observation { point: vec![], state }).collect();
        let split = Split::new(&history, case.count, case.objectives);
        assert_eq!((split.good, split.rest), (case.good, case.rest), "{} of {}", case.count, history.len());
    }
}

/// Draws follow the density: a histogram of a mixture over integers and choices against the exact probabilities.
#[test]
fn draws_follow_the_density() {
    let domains = [Domain::Int { low: 1, high: 8, step: 1, log: true }, Domain::Choice { count: 3 }];
    let rows = [
        vec![Value::Int(2), Value::Choice(0)],
        vec![Value::Int(7), Value::Choice(2)],
        vec![Value::Int(3), Value::Choice(0)],
    ];
    let parzen = Parzen::new(&domains, &rows, 1.0, true);
    let mut random = segspec_base::random::stream(3, "test", 0, 0);
    let draws: Vec<Vec<Value>> = (0..40_000).map(|_| parzen.sample(&mut random)).collect();
    let mut total = 0.0;
    for number in 1..=8 {
        for choice in 0..3 {
            let values = vec![Value::Int(number), Value::Choice(choice)];
            let expected = parzen.ln_density(&values).exp();
            let found = draws.iter().filter(|draw| **draw == values).count() as f64 / draws.len() as f64;
            assert!(
                (found - expected).abs() < 4.0 * (expected / 40_000.0).sqrt() + 1e-4,
                "{values:?}: {found} for {expected}"
            );
            total += expected;
        }
    }
    assert!((total - 1.0).abs() < 1e-9);
}

/// Trials on a line, good where `x` is small; the states of the last ten as given.
fn line(state: impl Fn(f64) -> State) -> (Space, Vec<Observation>) {
    let space = flat(&[Domain::Uniform { low: 0.0, high: 1.0 }]);
    let mut history = Vec::new();
    for number in 0..40 {
        let x = (number as f64 * 0.618).fract();
        let state = if number < 30 { State::Finished { objectives: vec![(x - 0.5).abs()] } } else { state(x) };
        let x = if number < 30 { x } else { 0.5 + 0.001 * (number - 35) as f64 };
        history.push(Observation { point: vec![Some(Value::Number(x))], state });
    }
    (space, history)
}

/// Share of the next points within 0.02 of 0.5, over seeds.
fn share_near_the_middle(space: &Space, history: &[Observation]) -> f64 {
    let sampler = Sampler::Tpe(Tpe::default());
    let near = |seed: &u64| match sampler.next(space, history, *seed).unwrap()[0] {
        Some(Value::Number(x)) => (x - 0.5).abs() < 0.02,
        _ => false,
    };
    (0..200).filter(near).count() as f64 / 200.0
}

#[test]
fn running_and_failed_trials_are_avoided() {
    let (space, history) = line(|_| State::Running);
    let without = share_near_the_middle(&space, &history[..30]);
    let running = share_near_the_middle(&space, &history);
    let failed = share_near_the_middle(&space, &line(|_| State::Failed).1);
    assert!(without > 0.3, "{without}");
    assert!(running < without / 3.0 && failed < without / 3.0, "{without}, {running}, {failed}");
}

#[test]
fn conditional_parameters_learn_from_the_trials_at_which_they_were_active() {
    // Only model 1 with optimiser 1 and much momentum is good.
    let space = mixed();
    let sampler = Sampler::Tpe(Tpe::default());
    let mut found = 0;
    for seed in 0..10 {
        let mut history = Vec::new();
        for _ in 0..80 {
            let point = sampler.next(&space, &history, seed).unwrap();
            let loss = match (point[3], point[4]) {
                (Some(Value::Choice(1)), Some(Value::Number(momentum))) => (momentum - 0.9).abs(),
                (Some(_), _) => 2.0,
                _ => 3.0,
            };
            history.push(Observation { point, state: State::Finished { objectives: vec![loss] } });
        }
        let late = &history[60..];
        found += late.iter().filter(|trial| matches!(trial.point[4], Some(Value::Number(m)) if m > 0.8)).count();
    }
    assert!(found > 100, "{found} of 200 late trials"); // 1 in 28 at random
}

#[test]
fn settings_out_of_range_are_refused() {
    let space = mixed();
    for tpe in [
        Tpe { candidates: 0, ..Tpe::default() },
        Tpe { good: 0.0, ..Tpe::default() },
        Tpe { good: f64::NAN, ..Tpe::default() },
        Tpe { prior: 0.0, ..Tpe::default() },
    ] {
        assert!(matches!(Sampler::Tpe(tpe).next(&space, &[], 0), Err(Error::Setting(_))));
    }
}
