//! Properties of all kinds of split, and their error messages.

use proptest::prelude::*;

use super::*;

fn names(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("p{:02}_{}", number / 2, number % 2)).collect()
}

fn split_names(form: &Split, cases: &[String]) -> Result<Vec<Fold>, SplitError> {
    split(form, &cases.iter().map(String::as_str).collect::<Vec<_>>())
}

fn forms() -> impl Strategy<Value = Split> {
    let group = prop_oneof![Just(None), Just(Some("^(p\\d+)_".to_owned()))];
    (0..3, 0.1..0.4, 0.0..0.3, any::<u64>(), 2..5_usize, group).prop_map(
        |(form, test, validation, seed, n, group_by)| match form {
            0 => Split::Ratio { test, validation, seed, group_by },
            1 => Split::EveryNth { n, offset: seed as usize % n, validation, seed, group_by },
            _ => Split::KFold { folds: n, held_out: 0.0, validation, seed, group_by },
        },
    )
}

fn is_grouped(form: &Split) -> bool {
    match form {
        Split::Ratio { group_by, .. } | Split::EveryNth { group_by, .. } | Split::KFold { group_by, .. } => {
            group_by.is_some()
        }
        Split::Fixed { .. } | Split::FixedFolds { .. } => false,
    }
}

proptest! {
    #[test]
    fn every_fold_is_a_sorted_partition_and_no_case_is_scored_twice(form in forms(), count in 20..40_usize) {
        let cases = names(count);
        let folds = split_names(&form, &cases).unwrap();
        let mut scored = Vec::new();
        for fold in &folds {
            for part in [&fold.train, &fold.validation, &fold.test] {
                prop_assert!(part.is_sorted());
            }
            let mut all: Vec<String> = [&fold.train, &fold.validation, &fold.test].into_iter().flatten().cloned().collect();
            all.sort();
            prop_assert_eq!(&all, &cases);
            scored.extend(fold.test.clone());
        }
        let unique: BTreeSet<&String> = scored.iter().collect();
        prop_assert_eq!(unique.len(), scored.len());
        if matches!(form, Split::KFold { .. }) {
            prop_assert_eq!(scored.len(), cases.len());
            let sizes: Vec<usize> = folds.iter().map(|fold| fold.test.len()).collect();
            prop_assert!(sizes.iter().max().unwrap() - sizes.iter().min().unwrap() <= 2);
        }
    }

    #[test]
    fn patients_are_never_split(form in forms(), count in 20..40_usize) {
        prop_assume!(is_grouped(&form));
        for fold in split_names(&form, &names(count)).unwrap() {
            let patients = |part: &[String]| part.iter().map(|name| name[..3].to_owned()).collect::<BTreeSet<_>>();
            let [train, validation, test] = [&fold.train, &fold.validation, &fold.test].map(|part| patients(part));
            prop_assert!(train.is_disjoint(&validation) && train.is_disjoint(&test) && validation.is_disjoint(&test));
        }
    }

    #[test]
    fn order_of_the_names_does_not_matter(form in forms(), count in 20..40_usize, seed in any::<u64>()) {
        let cases = names(count);
        let mut mixed = cases.clone();
        mixed.shuffle(&mut random::stream(seed, "test", 0, 0));
        prop_assert_eq!(split_names(&form, &mixed), split_names(&form, &cases));
    }

    #[test]
    fn ratios_are_met_within_one_case(test in 0.05..0.45, validation in 0.05..0.45, seed in any::<u64>()) {
        let folds = split_names(&Split::Ratio { test, validation, seed, group_by: None }, &names(40)).unwrap();
        prop_assert!((folds[0].test.len() as f64 - 40.0 * test).abs() <= 1.0);
        prop_assert!((folds[0].validation.len() as f64 - 40.0 * validation).abs() <= 1.0);
    }
}

#[test]
fn seeds_give_different_folds() {
    let form = |seed| Split::KFold { folds: 5, held_out: 0.0, validation: 0.2, seed, group_by: None };
    assert_ne!(split_names(&form(1), &names(40)), split_names(&form(2), &names(40)));
}

#[test]
fn every_fifth_case_is_scored() {
    let form = Split::EveryNth { n: 5, offset: 0, validation: 0.0, seed: 0, group_by: None };
    let cases = names(11);
    let folds = split_names(&form, &cases).unwrap();
    assert_eq!(folds[0].test, [cases[0].clone(), cases[5].clone(), cases[10].clone()]);
    assert_eq!(folds[0].train.len(), 8);
}

#[test]
fn mistakes_are_named() {
    let list = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let fixed =
        |train: &[&str], test: &[&str]| Split::Fixed { train: list(train), validation: vec![], test: list(test) };
    let k_fold = |folds, group_by: Option<&str>| Split::KFold {
        held_out: 0.0,
        folds,
        validation: 0.0,
        seed: 0,
        group_by: group_by.map(str::to_owned),
    };
    let ratio = |test, validation| Split::Ratio { test, validation, seed: 0, group_by: None };
    let cases = [
        (fixed(&["p00_9"], &["p00_1"]), "`train` names the unknown case `p00_9`; did you mean `p00_"),
        (fixed(&["p00_0"], &["p00_0"]), "`p00_0` is listed twice, in `train` and in `test`"),
        (fixed(&[], &["p00_0"]), "no cases left to train on"),
        (k_fold(7, None), "7 folds need at least 7 cases, got 6; set `folds` to 6 or less"),
        (k_fold(4, Some("^(p\\d+)_")), "4 folds need at least 4 patients, got 3"),
        (k_fold(2, Some("p(")), "`group-by` = `p(`"),
        (k_fold(2, Some("p")), "has no capture group"),
        (k_fold(2, Some("(p05)")), "does not match the case `p00_0`"),
        (k_fold(1, None), "`folds` must be 2 or more, got 1"),
        (ratio(0.5, 0.5), "no cases left to train on"),
        (ratio(1.5, 0.0), "`test` must be at least 0 and less than 1, got 1.5"),
    ];
    for (form, text) in cases {
        let message = split_names(&form, &names(6)).unwrap_err().to_string();
        assert!(message.contains(text), "{message}");
    }
}

#[test]
fn a_split_may_ask_for_no_test_cases() {
    let names = names(6);
    let fixed = Split::Fixed { train: vec![names[0].to_owned()], validation: Vec::new(), test: Vec::new() };
    let ratio = Split::Ratio { test: 0.0, validation: 0.5, seed: 0, group_by: None };
    for split in [fixed, ratio] {
        let folds = split_names(&split, &names).unwrap();
        assert!(folds[0].test.is_empty() && !folds[0].train.is_empty() && split.scores_nothing());
    }
}

#[test]
fn fixed_folds_are_those_that_are_given_or_listed() {
    let names = ["a", "b", "c", "d", "unused"];
    let lists =
        |folds: &[&[&str]]| folds.iter().map(|fold| fold.iter().map(|name| (*name).to_owned()).collect()).collect();
    let form = |folds: &[&[&str]]| Split::FixedFolds { folds: lists(folds), validation: 0.0, seed: 0 };
    let folds = split(&form(&[&["a", "b"], &["c"], &["d"]]), &names).unwrap();
    assert_eq!(folds.len(), 3);
    assert_eq!((folds[0].test.join(""), folds[0].train.join("")), ("ab".into(), "cd".into()));
    assert_eq!((folds[2].test.join(""), folds[2].train.join("")), ("d".into(), "abc".into()));
    let listed = [("a", "1"), ("b", "0"), ("c", "1")].map(|(case, fold)| (case.to_owned(), fold.to_owned()));
    let listed = Groups { folds: BTreeMap::from(listed), ..Groups::default() };
    let folds = split_listed(&form(&[]), &names, &listed).unwrap();
    assert_eq!((folds[0].test.join(""), folds[1].test.join("")), ("b".into(), "ac".into()));
    for (form, part) in [
        (form(&[]), "`folds` must be 2 or more"),
        (form(&[&["a"], &["x"]]), "unknown case `x`"),
        (form(&[&["a", "b"], &["b"]]), "`b` is listed twice"),
    ] {
        let message = split(&form, &names).unwrap_err().to_string();
        assert!(message.contains(part), "{message}");
    }
}

#[test]
fn listed_patients_stay_together_in_every_split() {
    let names: Vec<String> = (0..12).map(|number| format!("case{number}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let patient = |name: &str| name.len() * 10 + usize::from(name.as_bytes()[4]) % 3;
    let patients = names.iter().map(|name| ((*name).to_owned(), patient(name).to_string())).collect();
    let listed = Groups { patients, ..Groups::default() };
    let forms = [
        Split::KFold { folds: 3, held_out: 0.2, validation: 0.2, seed: 1, group_by: None },
        Split::Ratio { test: 0.3, validation: 0.2, seed: 1, group_by: None },
        Split::EveryNth { n: 2, offset: 0, validation: 0.3, seed: 1, group_by: None },
    ];
    for form in forms {
        for fold in split_listed(&form, &names, &listed).unwrap() {
            let of = |cases: &[String]| cases.iter().map(|name| patient(name)).collect::<BTreeSet<_>>();
            let (train, test, validation) = (of(&fold.train), of(&fold.test), of(&fold.validation));
            assert!(
                train.is_disjoint(&test) && train.is_disjoint(&validation) && test.is_disjoint(&validation),
                "{form:?}"
            );
        }
    }
}

#[test]
fn too_few_cases_name_the_setting_that_works() {
    let k_fold = Split::KFold { held_out: 0.0, folds: 2, validation: 0.0, seed: 0, group_by: None };
    let every_nth = Split::EveryNth { n: 5, offset: 0, validation: 0.0, seed: 0, group_by: None };
    for form in [k_fold, every_nth] {
        let message = split_names(&form, &names(1)).unwrap_err().to_string();
        assert!(message.contains("`split.ratio = { test = 0.0 }` trains on all cases"), "{message}");
    }
    let all = Split::Ratio { test: 0.0, validation: 0.0, seed: 0, group_by: None };
    assert_eq!(split_names(&all, &names(1)).unwrap()[0].train.len(), 1);
}
