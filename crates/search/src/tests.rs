//! What the tests share, and what holds for every sampler: points inside the space, decisions that depend on nothing else.

use proptest::prelude::*;
use serde::de::DeserializeOwned;

use crate::*;

/// A table of `tests/reference/search.json`, written by `search.py` beside it.
pub fn reference<T: DeserializeOwned>(table: &str) -> T {
    let text = include_str!("../../../tests/reference/search.json");
    let tables: serde_json::Value = serde_json::from_str(text).unwrap();
    serde_json::from_value(tables[table].clone()).unwrap()
}

/// Parameters `0`, `1`, … without conditions.
pub fn flat(domains: &[Domain]) -> Space {
    let parameter =
        |(index, domain): (usize, &Domain)| Parameter { name: index.to_string(), domain: *domain, only_if: None };
    Space { parameters: domains.iter().enumerate().map(parameter).collect() }
}

/// All kinds of parameters, with conditions two deep.
pub fn mixed() -> Space {
    let parameter = |name: &str, domain, only_if: Option<(usize, usize)>| Parameter {
        name: name.into(),
        domain,
        only_if: only_if.map(|(parameter, choice)| Condition { parameter, choice }),
    };
    let int = |low, high, step, log| Domain::Int { low, high, step, log };
    Space {
        parameters: vec![
            parameter("model", Domain::Choice { count: 3 }, None),
            parameter("lr", Domain::LogUniform { low: 1e-5, high: 1e-1 }, None),
            parameter("width", int(16, 250, 16, false), Some((0, 0))),
            parameter("optimiser", Domain::Choice { count: 2 }, Some((0, 1))),
            parameter("momentum", Domain::Uniform { low: 0.0, high: 0.99 }, Some((3, 1))),
            parameter("depth", int(-2, 5, 1, false), None),
            parameter("batch", int(1, 64, 1, true), Some((0, 0))),
            parameter("fixed", Domain::Uniform { low: 2.0, high: 2.0 }, None),
            parameter("only", Domain::Choice { count: 1 }, Some((3, 1))),
        ],
    }
}

fn samplers() -> Vec<Sampler> {
    vec![Sampler::Random, Sampler::Tpe(Tpe { startup: 3, ..Tpe::default() }), Sampler::CmaEs(CmaEs::default())]
}

fn state(kind: u8, value: f64) -> State {
    match kind {
        0 => State::Running,
        1 => State::Failed,
        2 => State::Pruned { step: 3, value },
        3 => State::Finished { objectives: vec![f64::NAN] },
        4 => State::Finished { objectives: vec![f64::INFINITY] },
        _ => State::Finished { objectives: vec![value] },
    }
}

/// A history in which each point is the sampler's own.
fn grow(sampler: &Sampler, space: &Space, states: &[State], seed: u64) -> Vec<Observation> {
    let mut history = Vec::new();
    for state in states {
        let point = sampler.next(space, &history, seed).unwrap();
        history.push(Observation { point, state: state.clone() });
    }
    history
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn points_lie_in_the_space_and_depend_on_nothing_but_the_arguments(
        states in prop::collection::vec((0u8..9, -5.0f64..5.0), 0..40),
        seed in any::<u64>(),
    ) {
        let space = mixed();
        let states: Vec<State> = states.iter().map(|(kind, value)| state(*kind, *value)).collect();
        for sampler in samplers() {
            let history = grow(&sampler, &space, &states, seed);
            for (number, observation) in history.iter().enumerate() {
                space.check_point(&observation.point).unwrap();
                // What was decided can be decided again, also from what was written down.
                let text = serde_json::to_string(&(&sampler, &space)).unwrap();
                let (sampler, space): (Sampler, Space) = serde_json::from_str(&text).unwrap();
                prop_assert_eq!(&sampler.next(&space, &history[..number], seed).unwrap(), &observation.point);
            }
        }
    }

    #[test]
    fn two_objectives_and_random_histories_of_foreign_points(
        values in prop::collection::vec((0u8..4, 0.0f64..1.0, 0.0f64..1.0), 0..50),
        seed in any::<u64>(),
    ) {
        let space = mixed();
        let sampler = Sampler::Tpe(Tpe::default());
        let mut history = Vec::new();
        for (kind, first, second) in values {
            let point = Sampler::Random.next(&space, &history, seed ^ 1).unwrap();
            let state = if kind == 0 { State::Running } else { State::Finished { objectives: vec![first, second] } };
            history.push(Observation { point, state });
        }
        let next = sampler.next(&space, &history, seed).unwrap();
        space.check_point(&next).unwrap();
        prop_assert_eq!(next, sampler.next(&space, &history, seed).unwrap());
    }
}

#[test]
fn seeds_and_trial_numbers_give_different_points() {
    let space = mixed();
    for sampler in samplers() {
        let next = |history: &[Observation], seed| sampler.next(&space, history, seed).unwrap();
        assert_ne!(next(&[], 1), next(&[], 2));
        let history = [Observation { point: next(&[], 1), state: State::Running }];
        assert_ne!(next(&history, 1), history[0].point);
    }
}

#[test]
fn values_survive_the_journal_to_the_bit() {
    let point: Point = vec![Some(Value::Number(0.1 + 0.2)), None, Some(Value::Int(-7)), Some(Value::Choice(2))];
    let states = [
        State::Pruned { step: 4, value: 1.0 / 3.0 },
        State::Finished { objectives: vec![f64::INFINITY, f64::NEG_INFINITY] },
        State::Finished { objectives: vec![f64::NAN, 1.0] },
        State::Pruned { step: 1, value: f64::NAN },
        State::Failed,
    ];
    for state in states {
        let observation = Observation { point: point.clone(), state };
        let text = serde_json::to_string(&observation).unwrap();
        let read: Observation = serde_json::from_str(&text).unwrap();
        // NaN is not equal to itself, but its text is.
        assert_eq!(format!("{read:?}"), format!("{observation:?}"));
        assert_eq!(serde_json::to_string(&read).unwrap(), text);
    }
    let rung = RungResult { trial: 0, value: f64::NAN, promoted: false };
    assert_eq!(serde_json::to_string(&rung).unwrap(), r#"{"trial":0,"value":"nan","promoted":false}"#);
}

#[test]
fn uniform_draws_cover_a_domain_evenly() {
    let int = |low, high, step, log| Domain::Int { low, high, step, log };
    for domain in [int(0, 9, 1, false), int(3, 32, 3, false), Domain::Choice { count: 10 }] {
        let space = flat(&[domain]);
        let mut counts = std::collections::BTreeMap::new();
        let mut history = Vec::new();
        for _ in 0..2000 {
            let point = Sampler::Random.next(&space, &history, 5).unwrap();
            *counts.entry(format!("{:?}", point[0])).or_insert(0) += 1;
            history.push(Observation { point, state: State::Failed });
        }
        assert_eq!(counts.len(), 10, "{domain:?}");
        assert!(counts.values().all(|count| (140..260).contains(count)), "{domain:?}: {counts:?}");
    }
}

#[test]
fn impossible_spaces_and_histories_are_refused_by_name() {
    let message = |domain, only_if: Option<Condition>| {
        let mut space = flat(&[Domain::Choice { count: 2 }, domain]);
        space.parameters[1].only_if = only_if;
        Sampler::Random.next(&space, &[], 0).unwrap_err().to_string()
    };
    let unit = Domain::Uniform { low: 0.0, high: 1.0 };
    let on = |parameter, choice| Some(Condition { parameter, choice });
    for (domain, only_if, expected) in [
        (Domain::Uniform { low: 1.0, high: 0.0 }, None, "lower bound 1 above upper bound 0"),
        (Domain::Uniform { low: 0.0, high: f64::INFINITY }, None, "not finite"),
        (Domain::Uniform { low: f64::NAN, high: 1.0 }, None, "not finite"),
        (Domain::LogUniform { low: 0.0, high: 1.0 }, None, "not above 0"),
        (Domain::Int { low: 0, high: 4, step: 0, log: false }, None, "step 0"),
        (Domain::Int { low: 0, high: 4, step: 1, log: true }, None, "below 1"),
        (Domain::Int { low: 1, high: 4, step: 2, log: true }, None, "only 1"),
        (Domain::Int { low: i64::MIN, high: i64::MAX, step: 1, log: false }, None, "2^53"),
        (Domain::Choice { count: 0 }, None, "no choices"),
        (unit, on(1, 0), "no earlier one"),
        (unit, on(0, 2), "choice 2 of `0`, which has 2"),
    ] {
        let message = message(domain, only_if);
        assert!(message.starts_with("parameter `1`: ") && message.contains(expected), "{message}");
    }
    assert_eq!(Sampler::Random.next(&flat(&[]), &[], 0), Err(Error::NoParameters));

    let space = mixed();
    let point = Sampler::Random.next(&space, &[], 0).unwrap();
    let finished = |objectives: &[f64]| State::Finished { objectives: objectives.to_vec() };
    let refused =
        |history: &[Observation], sampler: &Sampler| sampler.next(&space, history, 0).unwrap_err().to_string();
    let with = |state| Observation { point: point.clone(), state };
    let tpe = Sampler::Tpe(Tpe::default());
    assert!(refused(&[with(finished(&[1.0])), with(finished(&[1.0, 2.0]))], &tpe).starts_with("trial 1: 2 objectives"));
    assert!(refused(&[with(finished(&[1.0; 3]))], &tpe).starts_with("trial 0: 3 objectives"));
    assert!(refused(&[with(finished(&[1.0; 2]))], &Sampler::CmaEs(CmaEs::default())).contains("one objective"));
    let outside = Observation { point: vec![Some(Value::Choice(3)); 9], state: State::Failed };
    assert!(refused(&[outside], &tpe).starts_with("trial 0: parameter `model`: cannot be Choice(3)"));
}
