use super::*;
use crate::evaluate::Overlap;

fn score(case: &str, structure: &str, counts: [u64; 3]) -> Score {
    let [true_positive, false_positive, false_negative] = counts;
    let counts = Overlap { true_positive, false_positive, false_negative, true_negative: 5 };
    Score::new(case, structure, counts, None)
}

fn close(found: f64, expected: f64) {
    assert!((found - expected).abs() < 1e-12, "{found} is not {expected}");
}

/// Liver with Dice 0.8, 0.6, 0; spleen with 0 (invented), undefined and 0.5; gall bladder nowhere.
fn scores() -> Vec<Score> {
    vec![
        score("a", "liver", [4, 1, 1]),
        score("a", "spleen", [0, 3, 0]),
        score("a", "gall bladder", [0, 0, 0]),
        score("b", "liver", [3, 2, 2]),
        score("b", "spleen", [0, 0, 0]),
        score("b", "gall bladder", [0, 0, 0]),
        score("c", "liver", [0, 0, 9]),
        score("c", "spleen", [1, 1, 1]),
        score("c", "gall bladder", [0, 0, 0]),
    ]
}

#[test]
fn cases_are_averaged_first_and_structures_without_a_value_are_left_out_of_the_mean() {
    let scores = scores();
    let summary = summarise(&scores.iter().collect::<Vec<_>>(), &[0.5, 0.7], 0);
    let [liver, spleen, gall_bladder] = summary.structures.try_into().unwrap();
    let dice = liver.dice.unwrap();
    assert_eq!((liver.name.as_str(), liver.n, dice.n), ("liver", 3, 3));
    close(dice.mean, 1.4 / 3.0);
    close(dice.sd.unwrap(), (0.52f64 / 3.0).sqrt()); // squares about 7/15: 1/9, 4/225, 49/225, together 78/225 = 2 · 0.52/3
    close(dice.median, 0.6);
    close(dice.q1, 0.3);
    close(dice.q3, 0.7);
    assert_eq!((liver.n_missed, liver.n_fp_on_empty, liver.n_undefined), (1, 0, 0));
    assert_eq!(liver.success.iter().map(|s| s.rate).collect::<Vec<_>>(), [Some(2.0 / 3.0), Some(1.0 / 3.0)]);
    assert_eq!((spleen.n, spleen.n_fp_on_empty, spleen.n_undefined), (3, 1, 1));
    close(spleen.dice.unwrap().mean, 0.25);
    assert_eq!((gall_bladder.dice, gall_bladder.n_undefined), (None, 3));
    assert_eq!(gall_bladder.success[0].rate, None);
    let mean = summary.mean;
    assert_eq!((mean.n, mean.n_missed, mean.n_fp_on_empty, mean.n_undefined), (3, 1, 1, 4));
    close(mean.dice.unwrap().mean, (1.4 / 3.0 + 0.25) / 2.0);
    close(mean.success[0].rate.unwrap(), (2.0 / 3.0 + 0.5) / 2.0);
}

#[test]
fn repeated_seeds_of_a_case_count_as_one_case() {
    let scores = [score("a", "liver", [1, 0, 0]), score("a", "liver", [0, 1, 1]), score("b", "liver", [1, 0, 0])];
    let summary = summarise(&scores.iter().collect::<Vec<_>>(), &[], 0);
    let dice = summary.structures[0].dice.unwrap();
    assert_eq!((dice.n, dice.mean, dice.min), (2, 0.75, 0.5));
}

#[test]
fn one_case_has_neither_spread_nor_interval() {
    let scores = [score("a", "liver", [1, 0, 0])];
    let summary = summarise(&scores.iter().collect::<Vec<_>>(), &[0.9], 0);
    let dice = summary.structures[0].dice.unwrap();
    assert_eq!((dice.mean, dice.sd, dice.ci95), (1.0, None, None));
    assert_eq!(summary.mean.dice.unwrap().sd, None);
}

#[test]
fn no_scores_give_an_empty_summary() {
    let summary = summarise(&[], &[0.5], 0);
    assert_eq!((summary.n_cases, summary.structures.len(), summary.mean.dice), (0, 0, None));
}

#[test]
fn statistics_and_intervals_agree_with_numpy() {
    #[derive(serde::Deserialize)]
    struct Example {
        values: Vec<f64>,
        mean: f64,
        sd: f64,
        median: f64,
        q1: f64,
        q3: f64,
        min: f64,
        max: f64,
        ci: [f64; 2],
    }
    let examples: Vec<Example> =
        serde_json::from_str(include_str!("../../../tests/reference/overlap_summary.json")).unwrap();
    assert_eq!(examples.len(), 3);
    for example in examples {
        let numbered = example.values.iter().enumerate();
        let scores: Vec<Score> = numbered
            .map(|(index, dice)| Score { dice: Some(*dice), ..score(&index.to_string(), "liver", [1, 0, 0]) })
            .collect();
        let summary = summarise(&scores.iter().collect::<Vec<_>>(), &[], 3);
        let found = summary.structures[0].dice.unwrap();
        close(found.mean, example.mean);
        close(found.sd.unwrap(), example.sd);
        close(found.median, example.median);
        close(found.q1, example.q1);
        close(found.q3, example.q3);
        close(found.min, example.min);
        close(found.max, example.max);
        // 2000 resamples place a percentile within a tenth of the interval
        let width = example.ci[1] - example.ci[0];
        for (found, expected) in found.ci95.unwrap().into_iter().zip(example.ci) {
            assert!((found - expected).abs() < 0.1 * width, "{found} is not near {expected}");
        }
        assert_eq!(summary.mean.dice.unwrap().ci95, found.ci95);
    }
}

#[test]
fn intervals_depend_on_the_seed_and_not_on_the_number_of_threads() {
    let scores = scores();
    let interval = |seed, threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| summarise(&scores.iter().collect::<Vec<_>>(), &[], seed).structures[1].dice.unwrap().ci95)
    };
    assert_eq!(interval(1, 1), interval(1, 3));
    assert!(interval(1, 1).is_some());
}
