//! Against the package `cmaes` (`tests/reference/search.py`), and histories out of order.

use nalgebra::DVector;
use serde::Deserialize;

use super::distribution::{Distribution, Told};
use crate::tests::{flat, mixed, reference};
use crate::*;

#[derive(Deserialize)]
struct Case {
    dimensions: usize,
    population: usize,
    generations: Vec<Generation>,
}

#[derive(Deserialize)]
struct Generation {
    places: Vec<Vec<f64>>,
    values: Vec<f64>,
    mean: Vec<f64>,
    step: f64,
    covariance: Vec<f64>,
}

#[test]
fn updates_are_those_of_the_package_cmaes() {
    for case in reference::<Vec<Case>>("adaptation") {
        let mut distribution = Distribution::new(DVector::from_element(case.dimensions, 0.5), case.population);
        for generation in case.generations {
            let mut order: Vec<usize> = (0..case.population).collect();
            order.sort_by(|left, right| generation.values[*left].total_cmp(&generation.values[*right]));
            let places = order.iter().map(|index| DVector::from_vec(generation.places[*index].clone())).collect();
            distribution.learn(&Told { places, succeeded: case.population, range: Some((0.0, 1.0)) });
            let close = |found: f64, expected: f64| (found - expected).abs() <= 1e-8 * expected.abs().max(1e-3);
            assert!(close(distribution.step, generation.step), "{} for {}", distribution.step, generation.step);
            assert!(distribution.mean.iter().zip(&generation.mean).all(|(found, mean)| close(*found, *mean)));
            assert!(distribution.covariance.iter().zip(&generation.covariance).all(|(found, c)| close(*found, *c)));
        }
    }
}

/// Loss of a point by its numbers.
fn numbers(point: &Point) -> Vec<f64> {
    let number = |value: &Option<Value>| match value {
        Some(Value::Number(number)) => *number,
        Some(Value::Int(number)) => *number as f64,
        _ => 0.0,
    };
    point.iter().map(number).collect()
}

fn minimise(space: &Space, loss: impl Fn(&[f64]) -> f64, trials: usize, seed: u64) -> Vec<f64> {
    let sampler = Sampler::CmaEs(CmaEs::default());
    let mut history: Vec<Observation> = Vec::new();
    let mut losses = Vec::new();
    for _ in 0..trials {
        let point = sampler.next(space, &history, seed).unwrap();
        losses.push(loss(&numbers(&point)));
        history.push(Observation { point, state: State::Finished { objectives: vec![losses[losses.len() - 1]] } });
    }
    losses
}

fn best(losses: &[f64]) -> f64 {
    losses.iter().copied().fold(f64::INFINITY, f64::min)
}

#[test]
fn a_skewed_bowl_is_solved_to_many_digits() {
    let space = flat(&[Domain::Uniform { low: -5.0, high: 5.0 }; 4]);
    let bowl =
        |x: &[f64]| (0..4).map(|i| 10f64.powi(i) * (x[i as usize] - x[(i as usize + 1) % 4] * 0.5 - 1.0).powi(2)).sum();
    let losses = minimise(&space, bowl, 1200, 1);
    assert!(best(&losses) < 1e-9, "{}", best(&losses));
}

#[test]
fn integers_keep_moving_until_they_are_right() {
    let int = |low, high, log| Domain::Int { low, high, step: 1, log };
    let space = flat(&[int(0, 40, false), int(1, 512, true), Domain::LogUniform { low: 1e-5, high: 1.0 }]);
    for seed in 0..5 {
        let loss = |x: &[f64]| (x[0] - 37.0).powi(2) + (x[1] - 3.0).abs() + (x[2].log10() + 3.0).powi(2);
        let found = best(&minimise(&space, loss, 200, seed));
        assert!(found < 1e-3, "{found} with seed {seed}");
    }
}

/// Two valleys: without a restart the search stays in the first that it finds.
#[test]
fn it_starts_again_elsewhere_when_nothing_moves() {
    let space = flat(&[Domain::Uniform { low: 0.0, high: 1.0 }; 2]);
    let wide = |x: &[f64]| 0.5 + (x[0] - 0.35).powi(2) + (x[1] - 0.35).powi(2);
    let narrow = |x: &[f64]| 20.0 * ((x[0] - 0.9).powi(2) + (x[1] - 0.9).powi(2));
    let (mut caught, mut freed) = (0, 0);
    for seed in 0..8 {
        let losses = minimise(&space, |x| wide(x).min(narrow(x)), 1500, seed);
        caught += usize::from(best(&losses[..150]) > 0.4);
        freed += usize::from(best(&losses[..150]) > 0.4 && best(&losses) < 1e-6);
    }
    assert!(caught >= 5 && freed >= 2, "{freed} of {caught} got out of the wide valley");
}

/// Four trials at a time, one of which never ends, and every ninth fails.
#[test]
fn parallel_trials_stragglers_and_failures_do_not_stop_it() {
    let space = flat(&[Domain::Uniform { low: -5.0, high: 5.0 }; 3]);
    let sampler = Sampler::CmaEs(CmaEs::default());
    let loss = |point: &Point| numbers(point).iter().map(|x| (x - 1.3).powi(2)).sum::<f64>();
    let mut history: Vec<Observation> = Vec::new();
    for number in 0usize..300 {
        let point = sampler.next(&space, &history, 7).unwrap();
        history.push(Observation { point, state: State::Running });
        if let Some(ended) = number.checked_sub(3).filter(|ended| *ended != 20) {
            let objectives = vec![loss(&history[ended].point)];
            history[ended].state = if ended % 9 == 0 { State::Failed } else { State::Finished { objectives } };
        }
    }
    let found = history.iter().map(|trial| loss(&trial.point)).fold(f64::INFINITY, f64::min);
    assert!(found < 1e-4, "{found}");
}

#[test]
fn a_generation_without_any_objective_changes_nothing() {
    let space = flat(&[Domain::Uniform { low: 0.0, high: 1.0 }; 2]);
    let sampler = Sampler::CmaEs(CmaEs::default());
    let point = sampler.next(&space, &[], 0).unwrap();
    let history = vec![Observation { point, state: State::Failed }; 24];
    space.check_point(&sampler.next(&space, &history, 0).unwrap()).unwrap();
    let too_small = Sampler::CmaEs(CmaEs { population: Some(3) });
    assert!(too_small.next(&mixed(), &[], 0).is_err());
}
