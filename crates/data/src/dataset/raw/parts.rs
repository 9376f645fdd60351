//! Training cases, test cases and folds of nnU-Net for a split.

use std::collections::BTreeSet;

use super::RawError;
use crate::counted;
use crate::dataset::spec::Split;
use crate::dataset::{Excluded, Fold, Inputs};

/// Which cases nnU-Net trains and tests on; names are the dataset's, sorted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parts {
    /// Cases of `imagesTr`.
    pub training: Vec<String>,
    /// Cases of `imagesTs`: held out of all folds.
    pub test: Vec<String>,
    /// Training and validation cases of each fold; without folds, nnU-Net trains on all cases (`nnUNetv2_train … all`).
    pub folds: Vec<[Vec<String>; 2]>,
    /// What differs from the split, for the user.
    pub notes: Vec<String>,
}

/// Takes over a split. The test cases of a cross-validation are nnU-Net's validation cases; those of a single fold are held out.
///
/// # Errors
/// [`RawError::Split`], [`RawError::Empty`].
pub(super) fn parts(inputs: &Inputs, split: &Split) -> Result<Parts, RawError> {
    let folds: Vec<Fold> = inputs.split(split)?.iter().map(|fold| fold.without(&inputs.excluded)).collect();
    let held_out = Fold { train: Vec::new(), validation: Vec::new(), test: inputs.held_out(split)? };
    let mut parts = match folds.as_slice() {
        [only] => single(only),
        several => crossed(several, held_out.without(&inputs.excluded).test),
    };
    refuse_empty(&parts, &inputs.excluded)?;
    let used: BTreeSet<&String> = parts.training.iter().chain(&parts.test).collect();
    let left: Vec<&str> = inputs
        .cases
        .iter()
        .map(|(case, _)| &case.name)
        .filter(|name| !used.contains(name))
        .map(String::as_str)
        .collect();
    if !left.is_empty() {
        parts.notes.push(format!(
            "{} in no part of the split and not written: {}",
            counted(left.len(), "case"),
            left.join(", ")
        ));
    }
    Ok(parts)
}

/// One fold: its test cases are held out, its validation cases are those of nnU-Net's only fold.
fn single(fold: &Fold) -> Parts {
    let both = union([&fold.train, &fold.validation]);
    let mut parts = Parts { training: both, test: fold.test.clone(), ..Parts::default() };
    match fold.validation.is_empty() {
        true => parts
            .notes
            .push("the split has no validation cases: train nnU-Net on all cases, with the fold `all`".into()),
        false => parts.folds.push([fold.train.clone(), fold.validation.clone()]),
    }
    parts
}

/// A cross-validation. nnU-Net has one set of validation cases, on which it is tested.
fn crossed(folds: &[Fold], test: Vec<String>) -> Parts {
    let all = folds.iter().flat_map(|fold| [&fold.train, &fold.validation, &fold.test]);
    let mut parts = Parts { training: union(all), test, ..Parts::default() };
    parts.folds = folds.iter().map(|fold| [union([&fold.train, &fold.validation]), fold.test.clone()]).collect();
    if folds.iter().any(|fold| !fold.validation.is_empty()) {
        let text = "the split's validation cases, which choose the checkpoint here, are training cases of nnU-Net; its validation \
                    cases are the test cases of each fold";
        parts.notes.push(text.into());
    }
    parts
}

fn union<'a>(lists: impl IntoIterator<Item = &'a Vec<String>>) -> Vec<String> {
    lists.into_iter().flatten().cloned().collect::<BTreeSet<String>>().into_iter().collect()
}

fn refuse_empty(parts: &Parts, excluded: &[Excluded]) -> Result<(), RawError> {
    let empty = |part: String| Err(RawError::Empty { part, excluded: Excluded::grouped(excluded) });
    if parts.training.is_empty() {
        return empty("the training set".into());
    }
    for (number, [train, validation]) in parts.folds.iter().enumerate() {
        for (what, cases) in [("training", train), ("test", validation)] {
            if cases.is_empty() {
                return empty(format!("the {what} part of fold {number}"));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fold(train: &[&str], validation: &[&str], test: &[&str]) -> Fold {
        let names = |list: &[&str]| list.iter().map(|name| (*name).to_owned()).collect();
        Fold { train: names(train), validation: names(validation), test: names(test) }
    }

    #[test]
    fn a_single_fold_keeps_its_three_parts() {
        let parts = single(&fold(&["a", "c"], &["b"], &["d"]));
        assert_eq!((parts.training.join(""), parts.test.join("")), ("abc".into(), "d".into()));
        assert_eq!(parts.folds, [[vec!["a".to_owned(), "c".to_owned()], vec!["b".to_owned()]]]);
        let parts = single(&fold(&["a"], &[], &["d"]));
        assert!(parts.folds.is_empty() && parts.notes[0].contains("fold `all`"), "{parts:?}");
    }

    #[test]
    fn the_test_cases_of_folds_are_nnunets_validation_cases() {
        let parts = crossed(&[fold(&["a"], &["b"], &["c"]), fold(&["c"], &[], &["a", "b"])], vec!["z".into()]);
        assert_eq!((parts.training.join(""), parts.test.join("")), ("abc".into(), "z".into()));
        assert_eq!(parts.folds[0], [vec!["a".to_owned(), "b".to_owned()], vec!["c".to_owned()]]);
        assert_eq!(parts.notes.len(), 1);
        let empty =
            Parts { folds: vec![[Vec::new(), vec!["a".into()]]], training: vec!["a".into()], ..Parts::default() };
        assert!(refuse_empty(&empty, &[]).unwrap_err().to_string().contains("training part of fold 0"));
    }
}
