//! Corrected labels of a dataset: they take the place of the labels that its layout names.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::{Found, visible_entries};
use crate::dataset::{DataError, Label, did_you_mean};
use crate::volume::format;

/// Gives each case of which the folder holds a corrected label map this label map. A mask of unlabelled voxels does not hold for it: what
/// is unlabelled in a corrected label map has the value `labels.ignore`.
///
/// # Errors
/// The folder cannot be read, holds two files of one case, or a file of a case that the dataset does not have.
pub(super) fn apply(folder: &Path, found: &mut Found) -> Result<(), DataError> {
    let wrong = |reason: String| DataError::Layout { reason: format!("{}: {reason}", folder.display()) };
    if !folder.is_dir() {
        let remedy =
            "`corrections` is relative to SEGSPEC_DATA; `segspec dataset add-corrections` writes such a folder";
        return Err(wrong(format!("no such folder of corrected labels; {remedy}")));
    }
    let is_case = |name: &str| {
        found.cases.iter().any(|case| case.name == name) || found.excluded.iter().any(|row| row.case == name)
    };
    for (name, path) in files(folder, is_case).and_then(|files| files.map_err(wrong))? {
        if let Some(case) = found.cases.iter_mut().find(|case| case.name == name) {
            // A plan names the file, also where it is read from another folder.
            let path = std::path::absolute(&path).unwrap_or(path);
            (case.label, case.ignored) = (Some(Label::Corrected(path)), None);
        } else if let Some(row) = found.excluded.iter_mut().find(|row| row.case == name) {
            row.reason = format!("{}; its corrected labels are not used", row.reason);
        } else {
            let hint = did_you_mean(&name, found.cases.iter().map(|case| case.name.as_str()));
            return Err(wrong(format!("corrected labels of `{name}`, which is no case of the dataset{hint}")));
        }
    }
    Ok(())
}

type Files = Result<BTreeMap<String, PathBuf>, String>;

/// The label maps of the folder by the names of their cases, or what is wrong with them. Names of cases may end as a format does.
fn files(folder: &Path, is_case: impl Fn(&str) -> bool) -> Result<Files, DataError> {
    let mut files: BTreeMap<String, PathBuf> = BTreeMap::new();
    for name in visible_entries(folder)? {
        let stem = format::stems(&name).into_iter().find(|stem| is_case(stem)).or_else(|| format::stem(&name));
        let Some(stem) = stem else { continue };
        if let Some(other) = files.insert(stem.to_owned(), folder.join(&name)) {
            return Ok(Err(format!("two files of the case `{stem}`: {} and {name}", other.display())));
        }
    }
    Ok(if files.is_empty() { Err("holds no label map".into()) } else { Ok(files) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::Case;

    fn found() -> Found {
        let mut found = Found::default();
        let label = |name: &str| Some(Label::Map(format!("{name}-old.nii").into()));
        found.cases = ["a", "b"].map(|name| Case::new(name, vec!["x".into()], label(name))).to_vec();
        found.exclude("c", "damaged");
        found
    }

    #[test]
    fn corrected_cases_get_their_labels_and_the_others_keep_theirs() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["a.nrrd", "c.nii.gz", "corrections.json", ".hidden.nrrd"] {
            std::fs::write(folder.path().join(name), "x").unwrap();
        }
        let mut all = found();
        all.cases[0].ignored = Some((9, "mask.nii".into()));
        apply(folder.path(), &mut all).unwrap();
        assert_eq!(all.cases[0].label, Some(Label::Corrected(folder.path().join("a.nrrd"))));
        assert_eq!((all.cases[0].ignored.is_none(), all.cases[1].label == found().cases[1].label), (true, true));
        assert_eq!(all.excluded[0].reason, "damaged; its corrected labels are not used");
    }

    #[test]
    fn names_of_cases_may_end_as_a_format_does() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["a.seg.nrrd", "b.nrrd", "b.seg.nrrd"] {
            std::fs::write(folder.path().join(name), "x").unwrap();
        }
        let mut all = found();
        all.cases.push(Case::new("b.seg", vec!["x".into()], None));
        apply(folder.path(), &mut all).unwrap();
        let labels: Vec<_> = all.cases.iter().map(|case| case.label.clone()).collect();
        let file = |name: &str| Some(Label::Corrected(folder.path().join(name)));
        assert_eq!(labels, [file("a.seg.nrrd"), file("b.nrrd"), file("b.seg.nrrd")]);
    }

    #[test]
    fn what_fits_no_case_is_refused() {
        for (files, part) in [
            (&["aa.nrrd"][..], "`aa`, which is no case of the dataset; did you mean `a`?"),
            (&["a.nrrd", "a.nii"], "two files of the case `a`"),
            (&["notes.txt"], "holds no label map"),
        ] {
            let folder = tempfile::tempdir().unwrap();
            files.iter().for_each(|name| std::fs::write(folder.path().join(name), "x").unwrap());
            let error = apply(folder.path(), &mut found()).unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        }
        let error = apply(Path::new("nowhere"), &mut found()).unwrap_err().to_string();
        assert!(error.contains("no such folder of corrected labels"), "{error}");
    }
}
