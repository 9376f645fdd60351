use super::*;
use crate::dataset::TargetStructure;
use crate::evaluate::metric::{DICE, MetricInput};
use crate::evaluate::table::{VERSION, to_frame};
use crate::evaluate::{Overlap, Score, Setting, TrialKey, Variant};

fn target(names: &[&str]) -> Target {
    let structure = |(name, value): (&&str, u16)| TargetStructure::new(*name, &[value]);
    Target::of(names.iter().zip(1..).map(structure).collect())
}

/// Scores with a Dice of a tenth of the given number.
fn scores(rows: &[(&str, &str, u64)]) -> DataFrame {
    let score = |(case, structure, found): &(&str, &str, u64)| {
        let counts =
            Overlap { true_positive: *found, false_positive: 10 - found, false_negative: 10 - found, true_negative: 5 };
        Score::new(case, structure, &MetricInput { counts, ..MetricInput::default() })
    };
    to_frame(&rows.iter().map(score).collect::<Vec<_>>()).unwrap()
}

fn context(trial: &TrialKey, fold: Option<u32>, seed: u64) -> Context {
    Context { experiment: "e".into(), trial: trial.clone(), fold, seed, split: "test".into(), ..Context::default() }
}

fn key(label: &str) -> TrialKey {
    let setting = |label: &str| Setting { key: "k".into(), value: label.into(), label: label.into() };
    TrialKey { settings: vec![setting(label)], ..TrialKey::default() }
}

fn gathered(runs: &[(Context, DataFrame)]) -> Result<Trials, TrialsError> {
    numbered(runs, &vec![None; runs.len()])
}

/// With the numbers of the runs' trials in a search.
fn numbered(runs: &[(Context, DataFrame)], numbers: &[Option<usize>]) -> Result<Trials, TrialsError> {
    let names = Names::of(runs.iter().map(|(context, _)| context));
    let runs = runs.iter().zip(numbers);
    let runs: Vec<Run> = runs.map(|((context, scores), &number)| Run { context, scores, number }).collect();
    collect(&runs, &names, &target(&["liver", "spleen"]), &[0.5])
}

/// Two cases, one per fold, with two structures; two seeds for trial b, one for trial a.
fn two_trials() -> Vec<(Context, DataFrame)> {
    let (a, b) = (key("a"), key("b"));
    vec![
        (context(&b, Some(0), 1), scores(&[("case_1", "spleen", 4), ("case_1", "liver", 8)])),
        (context(&a, Some(0), 1), scores(&[("case_1", "liver", 9), ("case_1", "spleen", 5)])),
        (context(&b, Some(1), 1), scores(&[("case_0", "liver", 6), ("case_0", "spleen", 2)])),
        (context(&b, Some(0), 0), scores(&[("case_1", "liver", 7), ("case_1", "spleen", 3)])),
        (context(&b, Some(1), 0), scores(&[("case_0", "liver", 5), ("case_0", "spleen", 1)])),
    ]
}

#[test]
fn runs_become_trials_by_their_keys_in_the_order_of_the_first() {
    let trials = gathered(&two_trials()).unwrap();
    let found: Vec<_> = trials.all.iter().map(|it| (it.name(), it.n_seeds, it.summary.n_cases)).collect();
    assert_eq!(found, [("#1 b".into(), 2, 2), ("#2 a".into(), 1, 1)]);
    assert_eq!(trials.structure_names, ["liver", "spleen"]);
    // By trial, seed, case and the target's order, each row with its origin.
    let rows: Vec<String> = rows(&trials.scores)
        .map(|row| {
            let number = |name| row.count(name).unwrap();
            format!(
                "{} {} {} {} {} {}",
                number("trial_number"),
                row.text("trial"),
                number("fold"),
                number("seed"),
                row.text("case"),
                row.text("structure")
            )
        })
        .collect();
    assert_eq!(rows[..3], ["1 b 1 0 case_0 liver", "1 b 1 0 case_0 spleen", "1 b 0 0 case_1 liver"]);
    assert_eq!((rows.len(), rows[8].as_str()), (10, "2 a 0 1 case_1 liver"));
}

/// Trials that did not finish leave gaps. Two predictions of one trial cannot both have its number.
#[test]
fn trials_of_a_search_keep_their_numbers() {
    let runs = two_trials();
    let of = |b, a| -> Vec<Option<usize>> {
        runs.iter().map(|(context, _)| if context.trial == key("a") { a } else { b }).collect()
    };
    let names = |numbers: &[Option<usize>]| -> Vec<String> {
        let trials = numbered(&runs, numbers).unwrap();
        let scored = trials.all.iter().map(|it| it.summary.n_cases).collect::<Vec<_>>();
        assert_eq!(scored, [2, 1]);
        trials.all.iter().map(Trial::name).collect()
    };
    assert_eq!(names(&of(Some(2), Some(5))), ["#2 b", "#5 a"]);
    assert_eq!(names(&of(Some(5), Some(2))), ["#5 b", "#2 a"]);
    assert_eq!(names(&of(Some(2), Some(2))), ["#1 b", "#2 a"]);
    assert_eq!(names(&of(Some(2), None)), ["#1 b", "#2 a"]);
}

#[test]
fn folds_are_pooled_and_seeds_averaged() {
    let trials = gathered(&two_trials()).unwrap();
    let trial = &trials.all[0];
    let close = |found: f64, expected: f64| assert!((found - expected).abs() < 1e-12, "{found} is not {expected}");
    // Seed 0: liver (0.7 + 0.5) / 2, spleen (0.3 + 0.1) / 2; seed 1 a tenth more.
    let dice = trial.over_seeds(DICE).unwrap();
    close(dice.mean, 0.45);
    close(dice.sd.unwrap(), 0.1 / 2f64.sqrt());
    let liver = OverSeeds::read(rows(&trial.structures).next().unwrap(), DICE).unwrap();
    close(liver.mean, 0.65);
    assert_eq!((dice.n, liver.n), (2, 2));
    // Within a case the seeds are averaged first: liver 0.55 in case_0 and 0.75 in case_1.
    let values = trial.values(DICE).unwrap();
    close(values[0][0], 0.55);
    close(values[0][1], 0.75);
    assert_eq!(rows(&trial.summary.structures).next().unwrap().number("success_dice_0.5"), Some(1.0));
    let means = trials.case_means().unwrap();
    let first = rows(&means).next().unwrap();
    assert_eq!((first.text("case"), first.count("n")), ("case_0", Some(4)));
    close(first.number("dice").unwrap(), 0.35);
}

#[test]
fn tables_have_a_block_for_each_trial() {
    let mut runs = two_trials();
    runs[1].1 = scores(&[("case_1", "liver", 9)]);
    let trials = gathered(&runs).unwrap();
    let labels = |table: &DataFrame| -> Vec<String> {
        rows(table).map(|row| format!("{} {}", row.text("trial"), row.text("structure"))).collect()
    };
    assert_eq!(labels(&trials.structures_table().unwrap()), ["b liver", "b spleen", "a liver"]);
    assert_eq!(labels(&trials.summary_table().unwrap()), ["b mean", "a mean"]);
    let comparison = trials.comparison_table().unwrap();
    assert_eq!(labels(&comparison), ["b mean", "b liver", "b spleen", "a mean", "a liver", "a spleen"]);
    let last = rows(&comparison).next_back().unwrap();
    assert_eq!((OverSeeds::read(last, DICE), last.count("n_cases"), last.count("n_seeds")), (None, Some(1), Some(1)));
}

#[test]
fn the_best_trial_is_chosen_among_those_scored_on_the_same_cases_and_structures() {
    let mut runs = two_trials();
    let reasons = |trials: &Trials| -> Vec<String> {
        trials.comparable().unwrap().1.into_iter().map(|it| format!("{} {}", it.trial.label, it.reason)).collect()
    };
    // The second fold of trial a is missing.
    let trials = gathered(&runs).unwrap();
    assert_eq!(trials.best().unwrap().label, "b");
    assert_eq!(reasons(&trials), ["a was scored on other cases (1, 1 of them in common)"]);
    runs.push((context(&key("a"), Some(1), 1), scores(&[("case_0", "liver", 9), ("case_0", "spleen", 9)])));
    let trials = gathered(&runs).unwrap();
    assert_eq!((trials.best().unwrap().label.as_str(), reasons(&trials).len()), ("a", 0));
    for run in runs.iter_mut().filter(|(context, _)| context.trial == key("a")) {
        run.0.split = "held-out".into();
    }
    let trials = gathered(&runs).unwrap();
    assert_eq!((trials.best().unwrap().label.as_str(), trials.splits.join(" ")), ("b", "held-out test".into()));
    assert_eq!(reasons(&trials), ["a was scored on another split (held-out)"]);
    runs.iter_mut().for_each(|(context, _)| context.split = "test".into());
    runs.last_mut().unwrap().1 = scores(&[("case_0", "liver", 9)]);
    runs[1].1 = scores(&[("case_1", "liver", 9)]);
    assert_eq!(reasons(&gathered(&runs).unwrap()), ["a was scored on other structures"]);
    assert!(gathered(&[]).unwrap().best().is_none());
}

#[test]
fn a_case_that_two_folds_scored_is_refused() {
    let mut runs = two_trials();
    runs[2].1 = runs[0].1.clone();
    let message = gathered(&runs).unwrap_err().to_string();
    assert!(message.contains("trial `b`, seed 1: case `case_1` was scored twice"), "{message}");
}

#[test]
fn an_invalid_table_is_named_by_its_run() {
    let mut runs = two_trials();
    runs[1].1 = df!("version" => [VERSION], "case" => ["a"]).unwrap();
    let message = gathered(&runs).unwrap_err().to_string();
    assert!(message.contains("run `a, fold 0, seed 1`: table: "), "{message}");
}

#[test]
fn equal_labels_do_not_make_one_trial() {
    let mut runs = two_trials();
    let other = TrialKey { spec: "another".into(), ..key("b") };
    runs.push((context(&other, None, 0), scores(&[("case_0", "liver", 5)])));
    runs.push((context(&key("b").variant(Variant::Pass(1)), None, 0), scores(&[("case_0", "liver", 5)])));
    let names: Vec<String> = gathered(&runs).unwrap().all.iter().map(Trial::name).collect();
    assert_eq!(names, ["#1 b", "#2 a", "#3 b", "#4 b pass 1"]);
}

#[test]
fn runs_without_scores_and_no_runs_give_empty_tables() {
    let none = gathered(&[]).unwrap();
    let empty = gathered(&[(context(&key("a"), None, 0), scores(&[]))]).unwrap();
    assert_eq!((empty.all.len(), empty.all[0].summary.n_cases, empty.all[0].over_seeds(DICE)), (1, 0, None));
    for trials in [none, empty] {
        let tables = [trials.structures_table(), trials.summary_table(), trials.comparison_table(), Ok(trials.scores)];
        assert!(tables.into_iter().all(|table| table.unwrap().width() > 5));
    }
}
