//! MONAI's data lists: a JSON file whose `training`, `validation` and `testing` entries name the files.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

use super::find::Find;
use super::lists::describe;
use super::survey::Survey;
use crate::counted;
use crate::dataset::layout::{DatasetJson, case_name_of, list_part};
use crate::dataset::spec::{Layout, ListedCase, Split};

/// The entries of a list.
struct Parts {
    training: Vec<ListedCase>,
    /// Those with a label, as in `testing`.
    validation: Vec<ListedCase>,
    testing: Vec<ListedCase>,
    /// Number of entries without a label in these two parts.
    unlabelled: [(&'static str, usize); 2],
}

/// A list of MONAI in the folder: a JSON file with entries that name existing files. Of several, the one with the most usable cases.
pub(super) fn data_list(survey: &Survey) -> Option<Find> {
    let is_list = |path: &str| path.ends_with(".json") && !path.contains('/') && path != "splits_final.json";
    let read = survey.items.iter().filter(|item| is_list(&item.path)).filter_map(|item| {
        let parts = read(&survey.place(item))?;
        let there = |path: &String| survey.root.join(path).exists();
        let is_usable = |case: &&ListedCase| case.label.is_some() && case.images.iter().all(there);
        let usable = parts.training.iter().filter(is_usable).count();
        Some((usable, item, parts)).filter(|(usable, ..)| *usable > 0)
    });
    let (_, item, parts) = read.max_by_key(|(usable, ..)| *usable)?;
    let mut find = proposed(&item.path, parts);
    let json = DatasetJson::read(&survey.place(item)).unwrap_or_default();
    describe(&json, &mut find);
    for other in survey.items.iter().filter(|other| is_list(&other.path) && other.path != item.path) {
        find.left_out.push((other.path.clone(), "another JSON file".into()));
    }
    Some(find)
}

/// Whether a file of a folder is a list of labelled images that are there.
pub(super) fn is_list(folder: &Path, name: &str) -> bool {
    let is_there = |path: &String| folder.join(path).exists();
    let is_usable = |case: &ListedCase| case.label.is_some() && case.images.iter().all(is_there);
    read(&folder.join(name)).is_some_and(|parts| parts.training.iter().any(is_usable))
}

fn read(path: &Path) -> Option<Parts> {
    let text = std::fs::read_to_string(path).ok()?;
    let value: Value = serde_json::from_str(text.trim_start_matches('\u{feff}')).ok()?;
    let training = list_part(&value, &["training", "train", "cases"]).ok()??;
    let (validation, without) = labelled(&value, &["validation", "val"]);
    let (testing, unlabelled) = labelled(&value, &["testing", "test"]);
    let unlabelled = [("validation", without), ("testing", unlabelled)];
    Some(Parts { training, validation, testing, unlabelled })
}

/// The entries with a label, and the number of the others, which may be bare paths of images.
fn labelled(value: &Value, keys: &[&str]) -> (Vec<ListedCase>, usize) {
    let all = keys.iter().find_map(|key| value.get(*key)?.as_array()).map_or(0, Vec::len);
    let cases = list_part(value, keys).ok().flatten().unwrap_or_default();
    let cases: Vec<ListedCase> = cases.into_iter().filter(|case| case.label.is_some()).collect();
    let others = all.saturating_sub(cases.len());
    (cases, others)
}

/// Cases and split of a list.
fn proposed(path: &str, mut parts: Parts) -> Find {
    let file = || Layout::List { file: Some(path.into()), cases: Vec::new() };
    let mut find = Find::new("MONAI data list", file());
    find.lists.push(path.into());
    let left_out =
        |part: &str, count: usize, reason: &str| (format!("{path}: {part}"), format!("{count} entries {reason}"));
    for (part, count) in parts.unlabelled.into_iter().filter(|(_, count)| *count > 0) {
        find.left_out.push(left_out(part, count, "without labels for training"));
    }
    let folds: BTreeSet<&String> = parts.training.iter().filter_map(|case| case.fold.as_ref()).collect();
    let has_folds = folds.len() > 1;
    if has_folds {
        find.split = Some(Split::FixedFolds { folds: Vec::new(), validation: 0.0, seed: 0 });
        find.split_from = path.into();
        for (part, cases) in [("validation", &mut parts.validation), ("testing", &mut parts.testing)] {
            if !cases.is_empty() {
                find.left_out.push(left_out(
                    part,
                    cases.len(),
                    "outside of the folds: `segspec predict` segments them",
                ));
                cases.clear();
            }
        }
    }
    let divided = !parts.validation.is_empty() || !parts.testing.is_empty();
    let renamed = rename(&mut parts);
    if let Some(text) = &renamed {
        find.guesses.push(text.clone());
    }
    if divided {
        find.left_out.extend(listed_twice(path, &mut parts));
        find.split = Some(fixed(&parts));
        find.split_from = path.into();
    }
    if divided || renamed.is_some() {
        let cases = parts.training.into_iter().chain(parts.validation).chain(parts.testing).collect();
        find.layout = Layout::List { file: None, cases };
    }
    find
}

/// The parts as they are; without test cases, the validation cases are these.
fn fixed(parts: &Parts) -> Split {
    let names = |cases: &[ListedCase]| cases.iter().map(|case| case.case.clone()).collect::<Vec<_>>();
    let (train, validation, testing) = (names(&parts.training), names(&parts.validation), names(&parts.testing));
    match testing.is_empty() {
        true => Split::Fixed { train, validation: Vec::new(), test: validation },
        false => Split::Fixed { train, validation, test: testing },
    }
}

/// Takes cases out that an earlier part lists, too.
fn listed_twice(path: &str, parts: &mut Parts) -> Vec<(String, String)> {
    let mut seen: BTreeSet<String> = parts.training.iter().map(|case| case.case.clone()).collect();
    let mut rows = Vec::new();
    for (part, cases) in [("validation", &mut parts.validation), ("testing", &mut parts.testing)] {
        let before = cases.len();
        cases.retain(|case| seen.insert(case.case.clone()));
        let twice = before - cases.len();
        if twice > 0 {
            let text = format!("{} that an earlier part lists, too", counted(twice, "case"));
            rows.push((format!("{path}: {part}"), text));
        }
    }
    rows
}

/// Files of several cases may have one name (`a/t1.nii.gz`, `b/t1.nii.gz`): the cases are then called by their folders, or by the
/// whole path. Says so.
fn rename(parts: &mut Parts) -> Option<String> {
    let all = || parts.training.iter().chain(&parts.validation).chain(&parts.testing);
    let image = |case: &ListedCase| case.images.first().cloned().unwrap_or_default();
    let images: BTreeSet<String> = all().map(image).collect();
    let names: BTreeSet<&String> = all().map(|case| &case.case).collect();
    let is_by_file = all().all(|case| case.case == case_name_of(&image(case)));
    if names.len() >= images.len() || !is_by_file {
        return None;
    }
    let by_folder = |path: &str| path.rsplit('/').nth(1).unwrap_or_default().to_owned();
    let by_path = |path: &str| {
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder).trim_start_matches("./").trim_matches('/');
        format!("{folder}/{}", case_name_of(path)).trim_start_matches('/').replace('/', "_")
    };
    let folders: BTreeSet<String> = images.iter().map(|path| by_folder(path)).collect();
    let is_by_folder = folders.len() == images.len() && !folders.contains("") && !folders.contains(".");
    for case in parts.training.iter_mut().chain(&mut parts.validation).chain(&mut parts.testing) {
        let image = image(case);
        case.case = if is_by_folder { by_folder(&image) } else { by_path(&image) };
    }
    let what = if is_by_folder { "their folders" } else { "their paths" };
    Some(format!("cases are called by {what}, since files of several cases have one name"))
}
