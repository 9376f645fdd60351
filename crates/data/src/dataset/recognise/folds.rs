//! Folds and parts that a list states, such as nnU-Net's `splits_final.json`, and whether they fit the cases.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::find::Find;
use super::survey::Survey;
use crate::counted;
use crate::dataset::spec::Split;
use crate::dataset::{DataError, Opened};

/// nnU-Net's list of folds.
const FILE: &str = "splits_final.json";
/// The same of nnU-Net 1, which only Python reads.
const PICKLED: &str = "splits_final.pkl";
/// Most cases that a message names.
const NAMED: usize = 5;

/// A fold of nnU-Net: its validation cases are our test cases.
#[derive(Deserialize)]
struct Fold {
    train: Vec<String>,
    val: Vec<String>,
}

/// Takes the folds of the file that the user states.
///
/// # Errors
/// [`DataError::Layout`]: there is no such file, or its folds cannot be taken over.
pub(super) fn stated(survey: &Survey, place: &Path, find: &mut Find) -> Result<(), DataError> {
    let file = file_at(place, &survey.root)?;
    let wrong = |reason: String| DataError::Layout { reason: format!("{}: {reason}", file.display()) };
    let text = std::fs::read_to_string(&file).map_err(|source| DataError::Unreadable { path: file.clone(), source })?;
    find.split = Some(split(&text).map_err(wrong)?);
    find.split_is_stated = true;
    find.split_from = file.display().to_string();
    let own = std::fs::canonicalize(survey.root.join(FILE)).ok();
    if own.is_some() && own == std::fs::canonicalize(&file).ok() {
        find.split_from = FILE.into();
    } else if own.is_some() {
        find.left_out.insert(0, (FILE.into(), "--splits names another file".into()));
    }
    Ok(())
}

/// The file, or in a folder of nnU-Net's preprocessed data that of the dataset.
fn file_at(place: &Path, root: &Path) -> Result<PathBuf, DataError> {
    let own = root.file_name().unwrap_or_default();
    let candidates = [place.to_path_buf(), place.join(FILE), place.join(own).join(FILE)];
    candidates.into_iter().find(|path| path.is_file()).ok_or_else(|| {
        let (place, own) = (place.display(), own.to_string_lossy());
        let reason = format!(
            "--splits {place}: expected {FILE}, or the folder that holds it or {own}/{FILE}; nnU-Net writes it into the dataset's \
             folder of nnUNet_preprocessed when its first training starts"
        );
        DataError::Layout { reason }
    })
}

/// Takes the folds of nnU-Net's file in the dataset's folder, if it is there.
pub(super) fn beside(survey: &Survey, find: &mut Find) {
    if survey.has(PICKLED) {
        let reason = "folds of nnU-Net 1 as a pickle of Python: write them as splits_final.json to use them";
        find.left_out.push((PICKLED.into(), reason.into()));
    }
    let Ok(text) = std::fs::read_to_string(survey.root.join(FILE)) else { return };
    match split(&text) {
        Ok(split) => {
            find.split = Some(split);
            find.split_from = FILE.into();
        }
        Err(reason) => find.left_out.push((FILE.into(), reason)),
    }
}

/// The split that folds of nnU-Net are: a cross-validation, or for a single fold its training and validation cases.
fn split(text: &str) -> Result<Split, String> {
    let folds: Vec<Fold> = serde_json::from_str(text).map_err(|_| "is not a list of `train` and `val`".to_owned())?;
    for (number, fold) in folds.iter().enumerate() {
        let mut seen = BTreeSet::new();
        if let Some(case) = fold.train.iter().chain(&fold.val).find(|case| !seen.insert(*case)) {
            return Err(format!("fold {number} lists the case {case} twice"));
        }
    }
    if let [only] = folds.as_slice() {
        return match only.train.is_empty() || only.val.is_empty() {
            true => Err("its only fold has no training or no validation cases".into()),
            false => Ok(Split::Fixed { train: only.train.clone(), validation: Vec::new(), test: only.val.clone() }),
        };
    }
    let all: BTreeSet<&String> = folds.iter().flat_map(|fold| fold.train.iter().chain(&fold.val)).collect();
    let tested: Vec<&String> = folds.iter().flat_map(|fold| &fold.val).collect();
    let once: BTreeSet<&String> = tested.iter().copied().collect();
    let complete = folds.iter().all(|fold| fold.train.len() + fold.val.len() == all.len());
    if folds.is_empty() || once.len() != tested.len() || once != all || !complete {
        return Err(
            "its folds are no cross-validation in which every case is tested once: list one as `split.fixed`".into()
        );
    }
    let folds = folds.into_iter().map(|fold| fold.val).collect();
    Ok(Split::FixedFolds { folds, validation: 0.0, seed: 0 })
}

/// Compares the split with the cases. One that names unknown cases is an error if the user states it; a split that was merely found
/// is left out.
///
/// # Errors
/// [`DataError::Layout`], naming the file and the cases.
pub(super) fn fitted(find: &mut Find, opened: &Opened, guesses: &mut Vec<String>) -> Result<(), DataError> {
    let listed = &opened.groups.folds;
    let used: BTreeSet<&str> = match &find.split {
        Some(Split::FixedFolds { folds, .. }) if folds.is_empty() => listed.keys().map(String::as_str).collect(),
        Some(Split::FixedFolds { folds, .. }) => folds.iter().flatten().map(String::as_str).collect(),
        Some(Split::Fixed { train, validation, test }) => {
            [train, validation, test].into_iter().flatten().map(String::as_str).collect()
        }
        _ => return Ok(()),
    };
    let cases: BTreeSet<&str> = opened.cases.iter().map(|case| case.name.as_str()).collect();
    let excluded: BTreeSet<&str> = opened.excluded.iter().map(|row| row.case.as_str()).collect();
    let unknown: Vec<&str> =
        used.iter().filter(|case| !cases.contains(*case) && !excluded.contains(*case)).copied().collect();
    let file = find.split_from.clone();
    if !unknown.is_empty() {
        let names =
            format!("names {} that {} not there: {}", counted(unknown.len(), "case"), are(&unknown), some(&unknown));
        if find.split_is_stated {
            let reason =
                format!("{file}: {names}; give the splits of this dataset, or take these names out of the file");
            return Err(DataError::Layout { reason });
        }
        find.split = None;
        find.left_out.push((file, format!("{names}; the folds are drawn anew")));
        return Ok(());
    }
    let unused: Vec<&str> = cases.difference(&used).copied().collect();
    if !unused.is_empty() {
        let text = format!("{} in no fold of {file} and not used: {}", is_of(&unused), some(&unused));
        guesses.push(text);
    }
    guesses.push(match &find.split {
        Some(Split::FixedFolds { folds, .. }) if !folds.is_empty() => {
            format!("the {} folds of {file}: its validation cases are the test cases of a fold", folds.len())
        }
        Some(Split::FixedFolds { .. }) => {
            let count = listed.values().collect::<BTreeSet<_>>().len();
            format!("the {count} folds of {file}: each is the test set of one fold")
        }
        Some(Split::Fixed { validation, .. }) if validation.is_empty() => {
            format!("the validation cases of {file} are the test cases")
        }
        _ => format!("training, validation and test cases as in {file}"),
    });
    find.lists.push(file);
    Ok(())
}

fn are(cases: &[&str]) -> &'static str {
    if cases.len() == 1 { "is" } else { "are" }
}

fn is_of(cases: &[&str]) -> String {
    format!("{} {}", counted(cases.len(), "case"), are(cases))
}

/// The first of several names.
pub(super) fn some(names: &[&str]) -> String {
    let shown = names.iter().take(NAMED).copied().collect::<Vec<_>>().join(", ");
    if names.len() > NAMED { format!("{shown} and {} more", names.len() - NAMED) } else { shown }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fold(train: &[&str], val: &[&str]) -> String {
        format!(r#"{{"train": {train:?}, "val": {val:?}}}"#)
    }

    #[test]
    fn folds_become_splits_or_say_why_not() {
        let cross = format!("[{}, {}]", fold(&["b"], &["a"]), fold(&["a"], &["b"]));
        assert!(matches!(split(&cross), Ok(Split::FixedFolds { folds, .. }) if folds == [["a"], ["b"]]));
        let single = format!("[{}]", fold(&["a", "b"], &["c"]));
        assert!(matches!(split(&single), Ok(Split::Fixed { train, test, .. }) if train == ["a", "b"] && test == ["c"]));
        for (text, reason) in [
            ("{}".to_owned(), "is not a list"),
            ("[]".to_owned(), "no cross-validation"),
            (format!("[{}]", fold(&["a"], &[])), "no validation cases"),
            (format!("[{}]", fold(&["a", "b"], &["a"])), "lists the case a twice"),
            (format!("[{}, {}]", fold(&["b"], &["a"]), fold(&["b"], &["a"])), "no cross-validation"),
            (format!("[{}, {}]", fold(&["c"], &["a"]), fold(&["a", "c"], &["b"])), "no cross-validation"),
        ] {
            let found = split(&text).unwrap_err();
            assert!(found.contains(reason), "{text}: {found}");
        }
    }

    #[test]
    fn the_file_is_found_in_the_preprocessed_folder() {
        let place = tempfile::tempdir().unwrap();
        let root = place.path().join("nnUNet_raw/Dataset004_Liver");
        let of_dataset = place.path().join("nnUNet_preprocessed/Dataset004_Liver");
        std::fs::create_dir_all(&of_dataset).unwrap();
        assert!(file_at(&of_dataset, &root).unwrap_err().to_string().contains("expected splits_final.json"));
        let file = of_dataset.join(FILE);
        std::fs::write(&file, "[]").unwrap();
        for given in [file.as_path(), &of_dataset, &place.path().join("nnUNet_preprocessed")] {
            assert_eq!(file_at(given, &root).unwrap(), file, "{}", given.display());
        }
    }
}
