use super::*;
use crate::evaluate::frame::rows;
use crate::evaluate::metric::{DICE, MetricInput};
use crate::evaluate::statistics::FEWEST;
use crate::evaluate::table::to_frame;
use crate::evaluate::{Overlap, Score};

fn score(case: &str, structure: &str, counts: [u64; 3]) -> Score {
    let [true_positive, false_positive, false_negative] = counts;
    let counts = Overlap { true_positive, false_positive, false_negative, true_negative: 5 };
    Score::new(case, structure, &MetricInput { counts, ..MetricInput::default() })
}

fn summary(scores: &[Score], success_dice: &[f64], seed: u64) -> Summary {
    summarise(&to_frame(scores).unwrap(), &StructureGroups::new(), success_dice, seed).unwrap()
}

/// Dice of the overall row, or of a structure.
fn dice(frame: &DataFrame, row: usize) -> Option<Statistics> {
    rows(frame).nth(row).unwrap().statistics(DICE)
}

/// `n`, `n_missed`, `n_fp_on_empty`, `n_undefined`.
fn counts(frame: &DataFrame, row: usize) -> [u64; 4] {
    let row = rows(frame).nth(row).unwrap();
    ["n", "n_missed", "n_fp_on_empty", "n_undefined"].map(|name| row.count(name).unwrap())
}

fn rate(frame: &DataFrame, row: usize, dice_at_least: f64) -> Option<f64> {
    rows(frame).nth(row).unwrap().number(&success_column(dice_at_least))
}

fn close(found: f64, expected: f64) {
    assert!((found - expected).abs() < 1e-12, "{found} is not {expected}");
}

/// Liver with Dice 0.8, 0.6, 0; spleen with 0 (false positive), undefined and 0.5; gall bladder absent.
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
    let summary = summary(&scores(), &[0.5, 0.7], 0);
    let structures = &summary.structures;
    let [liver, spleen, gall_bladder] = [0, 1, 2];
    let found = dice(structures, liver).unwrap();
    assert_eq!(
        rows(structures).map(|row| row.text("structure")).collect::<Vec<_>>(),
        ["liver", "spleen", "gall bladder"]
    );
    assert_eq!(found.n, 3);
    close(found.mean, 1.4 / 3.0);
    close(found.sd.unwrap(), (0.52f64 / 3.0).sqrt()); // squares about 7/15: 1/9, 4/225, 49/225, together 78/225 = 2 · 0.52/3
    close(found.median, 0.6);
    close(found.q1, 0.3);
    close(found.q3, 0.7);
    assert_eq!(counts(structures, liver), [3, 1, 0, 0]);
    assert_eq!([0.5, 0.7].map(|at| rate(structures, liver, at)), [Some(2.0 / 3.0), Some(1.0 / 3.0)]);
    assert_eq!(counts(structures, spleen), [3, 0, 1, 1]);
    close(dice(structures, spleen).unwrap().mean, 0.25);
    assert_eq!((dice(structures, gall_bladder), counts(structures, gall_bladder)), (None, [3, 0, 0, 3]));
    assert_eq!(rate(structures, gall_bladder, 0.5), None);
    assert_eq!((summary.n_cases, counts(&summary.overall, 0)), (3, [3, 1, 1, 4]));
    close(dice(&summary.overall, 0).unwrap().mean, (1.4 / 3.0 + 0.25) / 2.0);
    close(rate(&summary.overall, 0, 0.5).unwrap(), (2.0 / 3.0 + 0.5) / 2.0);
    close(overall_mean(&to_frame(&scores()).unwrap(), DICE).unwrap().unwrap(), (1.4 / 3.0 + 0.25) / 2.0);
}

#[test]
fn every_metric_has_statistics() {
    let summary = summary(&scores()[..1], &[], 0);
    let row = rows(&summary.structures).next().unwrap();
    let defined = |metric: &MetricId| scores()[0][*metric].is_some();
    assert!(MetricId::all().all(|metric| row.statistics(metric).map_or(0, |it| it.n) == usize::from(defined(&metric))));
    assert_eq!(MetricId::all().filter(defined).count(), 6);
    let json = to_json(row, &[]);
    let keys: Vec<&str> = METRICS.iter().map(|metric| metric.column).collect();
    assert!(keys.iter().all(|key| json.get(key).is_some()), "{json}");
    assert_eq!((&json["dice"]["mean"], &json["volume_difference_ml"]), (&0.8.into(), &serde_json::Value::Null));
}

#[test]
fn repeated_seeds_of_a_case_count_as_one_case() {
    let scores = [score("a", "liver", [1, 0, 0]), score("a", "liver", [0, 1, 1]), score("b", "liver", [1, 0, 0])];
    let dice = dice(&summary(&scores, &[], 0).structures, 0).unwrap();
    assert_eq!((dice.n, dice.mean, dice.min), (2, 0.75, 0.5));
}

#[test]
fn one_case_has_neither_spread_nor_interval() {
    let summary = summary(&[score("a", "liver", [1, 0, 0])], &[0.9], 0);
    let found = dice(&summary.structures, 0).unwrap();
    assert_eq!((found.mean, found.sd, found.ci95), (1.0, None, None));
    assert_eq!(dice(&summary.overall, 0).unwrap().sd, None);
}

#[test]
fn no_scores_give_an_empty_summary() {
    let summary = summary(&[], &[0.5], 0);
    assert_eq!((summary.n_cases, summary.structures.height(), dice(&summary.overall, 0)), (0, 0, None));
    assert_eq!(overall_mean(&to_frame(&[]).unwrap(), DICE).unwrap(), None);
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
        let with_dice = |(index, dice): (usize, &f64)| {
            let mut score = score(&index.to_string(), "liver", [1, 0, 0]);
            score.values[DICE.place()] = Some(*dice);
            score
        };
        let summary = summary(&numbered.map(with_dice).collect::<Vec<_>>(), &[], 3);
        let found = dice(&summary.structures, 0).unwrap();
        close(found.mean, example.mean);
        close(found.sd.unwrap(), example.sd);
        close(found.median, example.median);
        close(found.q1, example.q1);
        close(found.q3, example.q3);
        close(found.min, example.min);
        close(found.max, example.max);
        // 2000 resamples give a percentile to within a tenth of the interval; BCa moves it by the skewness of the values.
        let width = example.ci[1] - example.ci[0];
        assert_eq!(found.ci95.is_some(), example.values.len() >= FEWEST);
        for (found, expected) in found.ci95.into_iter().flatten().zip(example.ci) {
            assert!((found - expected).abs() < 0.25 * width, "{found} is not near {expected}");
        }
        assert_eq!(dice(&summary.overall, 0).unwrap().ci95, found.ci95);
    }
}

#[test]
fn intervals_depend_on_the_seed_and_not_on_the_number_of_threads() {
    let scores: Vec<Score> = (1..=8).map(|case| score(&case.to_string(), "liver", [case, 3, 3])).collect();
    let interval = |seed, threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| dice(&summary(&scores, &[], seed).structures, 0).unwrap().ci95)
    };
    assert_eq!(interval(1, 1), interval(1, 3));
    assert!(interval(1, 1).is_some());
}

/// A table with a column of texts or numbers more.
fn with(scores: &[Score], column: Column) -> DataFrame {
    let mut table = to_frame(scores).unwrap();
    table.with_column(column).unwrap();
    table
}

fn eight(dice: impl Fn(u64) -> u64) -> Vec<Score> {
    (0..8).map(|case| score(&format!("c{case}"), "liver", [dice(case), 10 - dice(case), 10 - dice(case)])).collect()
}

#[test]
fn intervals_resample_patients_not_cases() {
    let scores = eight(|case| if case < 4 { 3 } else { 8 });
    let of = |patients: usize| {
        let table = with(&scores, column("patient", (0..8).map(|case| format!("p{}", case * patients / 8))));
        summarise(&table, &StructureGroups::new(), &[], 0).unwrap()
    };
    assert!(dice(&of(8).structures, 0).unwrap().ci95.is_some());
    let four = of(4);
    assert_eq!((four.n_cases, four.n_patients, dice(&four.structures, 0).unwrap().ci95), (8, 4, None));
    assert!(four.cautions()[0].contains("4 patients: too few"), "{:?}", four.cautions());
    assert_eq!(rows(&four.structures).next().unwrap().count("n_patients"), Some(4));
}

#[test]
fn several_seeds_widen_the_interval_by_their_spread() {
    // Each seed is the same for all cases, far from the other: resampling patients alone would show no spread.
    let both = [eight(|_| 3), eight(|_| 7)].concat();
    // Tables are sorted by case: the two seeds of a case follow each other.
    let seeds = column("seed", (0..16u64).map(|row| row % 2));
    let summary = summarise(&with(&both, seeds), &StructureGroups::new(), &[], 0).unwrap();
    let found = dice(&summary.structures, 0).unwrap();
    let [low, high] = found.ci95.unwrap();
    assert!((found.mean, found.n) == (0.5, 8) && low <= 0.31 && high >= 0.69, "{found:?}");
}

#[test]
fn groups_are_averaged_over_their_structures() {
    let groups = StructureGroups::from([
        ("solid".to_owned(), vec!["liver".to_owned(), "spleen".to_owned()]),
        ("bones".to_owned(), vec!["femur".to_owned()]),
    ]);
    let summary = summarise(&to_frame(&scores()).unwrap(), &groups, &[0.5], 0).unwrap();
    let found: Vec<_> =
        rows(&summary.groups).map(|row| (row.text("structure").to_owned(), row.statistics(DICE))).collect();
    assert_eq!((found.len(), found[0].0.as_str()), (1, "solid"));
    close(found[0].1.unwrap().mean, (1.4 / 3.0 + 0.25) / 2.0);
    assert_eq!(counts(&summary.groups, 0), [3, 1, 1, 1]);
}

#[test]
fn distances_in_millimetres_and_voxels_are_not_averaged() {
    let hd95 = crate::evaluate::HD95;
    let mut scores = vec![score("a", "liver", [4, 1, 1]), score("b", "liver", [3, 2, 2])];
    for (score, unit) in scores.iter_mut().zip([LengthUnit::Millimetres, LengthUnit::Voxels]) {
        (score.distance_unit, score.values[hd95.place()]) = (Some(unit), Some(4.0));
    }
    let mixed = summary(&scores, &[], 0);
    assert_eq!(mixed.distance_unit, "mm and voxel");
    let row = rows(&mixed.structures).next().unwrap();
    assert!(row.statistics(hd95).is_none() && row.statistics(DICE).is_some());
    assert!(mixed.cautions().iter().any(|caution| caution.contains("not averaged")), "{:?}", mixed.cautions());
    scores[1].distance_unit = Some(LengthUnit::Millimetres);
    assert!(rows(&summary(&scores, &[], 0).structures).next().unwrap().statistics(hd95).is_some());
}

#[test]
fn the_worst_cases_are_named() {
    let found = summary(&scores(), &[], 0).worst(DICE, 3);
    let names: Vec<_> = found.iter().map(|it| (it.case.as_str(), it.structure.as_str(), it.missed)).collect();
    assert_eq!(names, [("a", "spleen", false), ("c", "liver", true), ("c", "spleen", false)]);
}
