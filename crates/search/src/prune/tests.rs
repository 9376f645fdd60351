//! Against Optuna and SciPy (`tests/reference/search.py`), by hand, and how often equal trials are stopped.

use std::collections::BTreeMap;

use rand::Rng;
use rand_distr::StandardNormal;
use segspec_base::random::stream;
use serde::Deserialize;

use super::wilcoxon::greater;
use crate::tests::reference;
use crate::*;

#[derive(Deserialize)]
struct Halving {
    eta: u64,
    values: Vec<f64>,
    stops: Vec<bool>,
}

#[test]
fn stopping_is_that_of_optuna() {
    for case in reference::<Vec<Halving>>("halving") {
        let asha = Asha { min: 1, eta: case.eta, max: 100 };
        for (number, stops) in case.stops.iter().enumerate() {
            let verdict = asha.decide(&case.values[..number], case.values[number]);
            assert_eq!(verdict == Verdict::Stop, *stops, "trial {number} with eta {}", case.eta);
        }
    }
    let asha = Asha { min: 1, eta: 3, max: 9 };
    assert_eq!(asha.decide(&[], f64::NAN), Verdict::Stop);
    assert_eq!(asha.decide(&[f64::NAN, f64::NAN], 1.0), Verdict::Continue);
}

#[test]
fn rungs_grow_by_eta_below_the_whole_trial() {
    assert_eq!(Asha { min: 1, eta: 3, max: 27 }.rungs(), [1, 3, 9]);
    assert_eq!(Asha { min: 2, eta: 4, max: 100 }.rungs(), [2, 8, 32]);
    assert_eq!(Asha { min: u64::MAX / 2, eta: 4, max: u64::MAX }.rungs(), [u64::MAX / 2]);
    for (min, eta, max) in [(0, 2, 5), (1, 1, 5), (5, 2, 5)] {
        assert!(Asha { min, eta, max }.check().is_err());
    }
    assert!(Asha { min: 1, eta: 2, max: 2 }.check().is_ok());
}

fn rung(results: &[(usize, f64, bool)]) -> Rung {
    let result = |(trial, value, promoted): &(usize, f64, bool)| RungResult {
        trial: *trial,
        value: *value,
        promoted: *promoted,
    };
    Rung { results: results.iter().map(result).collect() }
}

/// The paper's example of figure 2 in small: eta 3, rungs at 1 and 3 of 9 epochs.
#[test]
fn paused_trials_go_on_from_the_highest_rung_that_has_enough() {
    let asha = Asha { min: 1, eta: 3, max: 9 };
    let next = |rungs: &[Rung]| asha.next_promotion(rungs).map(|next| (next.trial, next.from, next.epochs));
    assert_eq!(next(&[]), None);
    let two = [(0, 0.5, false), (1, 0.4, false)];
    assert_eq!(next(&[rung(&two)]), None);
    let three = [(0, 0.5, false), (1, 0.4, false), (2, 0.6, false)];
    assert_eq!(next(&[rung(&three)]), Some((1, 0, 3)));
    let sent = [(0, 0.5, false), (1, 0.4, true), (2, 0.6, false)];
    assert_eq!(next(&[rung(&sent)]), None);
    // A better one that came late goes on although the quota was used.
    let six =
        [(0, 0.5, false), (1, 0.4, true), (2, 0.6, false), (3, f64::NAN, false), (4, 0.3, false), (5, 0.9, false)];
    assert_eq!(next(&[rung(&six)]), Some((4, 0, 3)));
    // The higher rung comes first, and from the last one a trial goes to its end.
    let high = [(1, 0.2, false), (4, 0.1, false), (7, 0.3, false)];
    assert_eq!(next(&[rung(&six), rung(&high)]), Some((4, 1, 9)));
    let hopeless = [(0, f64::NAN, false), (1, f64::NAN, false), (2, f64::NAN, false)];
    assert_eq!(next(&[rung(&hopeless)]), None);
}

#[derive(Deserialize)]
struct Ranks {
    differences: Vec<f64>,
    p: f64,
    exact: bool,
}

#[test]
fn p_values_are_those_of_scipy() {
    for case in reference::<Vec<Ranks>>("signed-ranks") {
        let p = greater(&case.differences);
        // SciPy approximates 14 to 50 differences with ties; we count.
        let tolerance = if case.exact { 1e-10 } else { 0.02 };
        assert!((p - case.p).abs() < tolerance, "{p} for {} of {}", case.p, case.differences.len());
    }
    assert_eq!(greater(&[0.0; 5]), 1.0);
    assert_eq!(greater(&[0.0; 60]), 0.5);
}

#[derive(Deserialize)]
struct Pruning {
    best: Vec<f64>,
    trial: Vec<f64>,
    stops: bool,
}

#[test]
fn cases_stop_a_trial_where_optuna_stops_it() {
    let named = |losses: Vec<f64>| losses.into_iter().enumerate().collect::<BTreeMap<usize, f64>>();
    let cases: Vec<Pruning> = reference("pruning");
    assert!(cases.iter().any(|case| case.stops) && cases.iter().any(|case| !case.stops));
    for case in cases {
        let comparison = Wilcoxon::default().decide(&named(case.trial), &named(case.best));
        assert_eq!(comparison.verdict == Verdict::Stop, case.stops, "{comparison:?}");
    }
}

#[test]
fn nothing_is_tested_without_enough_finite_cases_in_common() {
    let cases = |losses: &[(&'static str, f64)]| losses.iter().copied().collect::<BTreeMap<&str, f64>>();
    let best = cases(&[("a", 0.1), ("b", 0.1), ("c", 0.1), ("d", 0.1)]);
    let decide = |trial: &[(&'static str, f64)], min_cases| Wilcoxon { p: 0.3, min_cases }.decide(&cases(trial), &best);
    let worse = [("a", 0.5), ("b", 0.6), ("c", 0.7)];
    assert_eq!(decide(&worse, 3), Comparison { verdict: Verdict::Stop, cases: 3, p: Some(0.125) });
    assert_eq!(decide(&worse, 4), Comparison { verdict: Verdict::Continue, cases: 3, p: None });
    assert_eq!(decide(&[("a", 0.5), ("x", 0.6), ("y", 0.7)], 2).cases, 1);
    assert_eq!(decide(&[("a", f64::NAN), ("b", 0.6), ("c", 0.7)], 2).p, None);
    assert!(Wilcoxon { p: 1.5, min_cases: 2 }.check().is_err());
}

/// The figures that the documentation of `Wilcoxon` gives.
#[test]
fn repeated_looks_stop_equal_trials_more_often_than_p() {
    let stopped = |p: f64| {
        let pruner = Wilcoxon { p, min_cases: 3 };
        let mut stopped = 0;
        for trial in 0..2000 {
            let mut random = stream(1, "test", trial, 0);
            let mut draw = || (0..20).map(|case| (case, random.sample(StandardNormal))).collect::<Vec<(usize, f64)>>();
            let (best, losses) = (draw().into_iter().collect(), draw());
            let stops = |cases: usize| {
                pruner.decide(&losses[..cases].iter().copied().collect(), &best).verdict == Verdict::Stop
            };
            stopped += usize::from((1..=20).any(stops));
        }
        stopped as f64 / 2000.0
    };
    let (usual, strict) = (stopped(0.1), stopped(0.01));
    assert!((usual - 0.28).abs() < 0.005 && (strict - 0.03).abs() < 0.005, "{usual}, {strict}");
}
