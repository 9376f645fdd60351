use serde::Deserialize;

use super::*;

#[derive(Deserialize)]
struct Reference {
    wilcoxon: Vec<Test>,
    holm: Vec<Adjusted>,
    kendall: Vec<Correlation>,
    bca: Vec<Interval>,
}

#[derive(Deserialize)]
struct Test {
    differences: Vec<f64>,
    exact: bool,
    positive: f64,
    two_sided: f64,
    greater: f64,
}

#[derive(Deserialize)]
struct Adjusted {
    p: Vec<f64>,
    adjusted: Vec<f64>,
}

#[derive(Deserialize)]
struct Correlation {
    one: Vec<f64>,
    other: Vec<f64>,
    tau: f64,
}

#[derive(Deserialize)]
struct Interval {
    value: f64,
    resamples: Vec<f64>,
    jackknife: Vec<f64>,
    interval: [f64; 2],
}

fn reference() -> Reference {
    serde_json::from_str(include_str!("../../../tests/reference/significance.json")).unwrap()
}

fn close(found: f64, expected: f64) {
    assert!((found - expected).abs() < 1e-9, "{found} is not {expected}");
}

#[test]
fn wilcoxon_agrees_with_scipy_exact_and_approximate() {
    let cases = reference().wilcoxon;
    assert!(cases.len() > 45);
    for case in cases {
        let found = SignedRanks::of(&case.differences);
        assert_eq!(found.is_exact(), case.exact, "{:?}", case.differences);
        close(found.positive, case.positive);
        close(found.two_sided(), case.two_sided);
        close(found.greater(), case.greater);
    }
}

#[test]
fn nothing_but_zeros_is_no_difference() {
    let found = SignedRanks::of(&[0.0, 0.0]);
    assert_eq!(
        (found.n, found.zeros, found.two_sided(), found.greater(), found.rank_biserial()),
        (0, 2, 1.0, 1.0, 0.0)
    );
}

#[test]
fn rank_biserial_is_the_difference_of_the_shares_of_rank_sums() {
    // Ranks 1, 2, 3: positive 2 + 3, negative 1.
    close(SignedRanks::of(&[-0.1, 0.2, 0.3]).rank_biserial(), 4.0 / 6.0);
    close(SignedRanks::of(&[0.1, 0.2, 0.3]).rank_biserial(), 1.0);
}

#[test]
fn fewer_pairs_than_the_fewest_cannot_reach_the_level() {
    assert!(smallest_p(FEWEST - 1) > ALPHA && smallest_p(FEWEST) < ALPHA);
    let all_positive = |n: u32| SignedRanks::of(&(1..=n).map(f64::from).collect::<Vec<_>>()).two_sided();
    for n in 1..12 {
        close(all_positive(n), smallest_p(n as usize));
    }
}

#[test]
fn holm_agrees_with_statsmodels() {
    for case in reference().holm {
        holm(&case.p).into_iter().zip(case.adjusted).for_each(|(found, expected)| close(found, expected));
    }
    assert!(holm(&[]).is_empty());
}

#[test]
fn kendall_agrees_with_scipy() {
    for case in reference().kendall {
        close(kendall_tau(&case.one, &case.other).unwrap(), case.tau);
    }
    assert_eq!(kendall_tau(&[1.0, 1.0], &[1.0, 2.0]), None);
    assert_eq!(kendall_tau(&[1.0], &[1.0]), None);
}

#[test]
fn bca_on_the_same_resamples_agrees_with_scipy() {
    let cases = reference().bca;
    assert_eq!(cases.len(), 8);
    for case in cases {
        let found = bca(case.value, case.resamples.iter().copied(), &case.jackknife, 0.95).unwrap();
        found.into_iter().zip(case.interval).for_each(|(found, expected)| close(found, expected));
    }
}

#[test]
fn degenerate_resamples_have_the_interval_that_they_allow() {
    assert_eq!(bca(1.0, [1.0, 1.0].into_iter(), &[1.0, 1.0], 0.95), Some([1.0, 1.0]));
    assert_eq!(bca(1.0, [2.0, 3.0].into_iter(), &[1.0, 2.0], 0.95), None);
    assert_eq!(bca(1.0, [f64::NAN].into_iter(), &[], 0.95), None);
}

#[test]
fn ties_share_ranks() {
    assert_eq!(average_ranks(&[0.5, 0.1, 0.5, 0.9]), [2.5, 1.0, 2.5, 4.0]);
    assert_eq!(smallest_ranks(&[0.5, 0.1, 0.5, 0.9]), [2.0, 1.0, 2.0, 4.0]);
}
