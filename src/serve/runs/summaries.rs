//! Reports on experiments and comparisons: the folders of the folder of reports. They are listed, and names are looked up in that list;
//! none becomes part of a path.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::super::error::{Answer, Refusal};
use super::super::state::Inner;
use super::report::{PAGE, Whose};
use crate::report::ranking;

/// The pages of such a folder, as answers name them, and their files.
const PAGES: [(&str, &str); 2] = [("report", PAGE), ("ranking", ranking::PAGE)];

/// A report on an experiment, or on several.
pub struct Summary {
    /// Name of its folder: that of the experiment, or one that a person chose.
    pub name: String,
    path: PathBuf,
    pages: Vec<(&'static str, &'static str)>,
}

impl Summary {
    /// Its pages as the page knows them.
    ///
    /// # Errors
    /// As [`super::report::Reports::url`].
    pub fn to_json(&self, state: &Inner) -> Answer<Value> {
        let whose = Whose::Folder(self.name.clone());
        let each = self.pages.iter().map(|(kind, file)| {
            let url = state.reports.url(&whose, file)?;
            Ok(json!({ "page": kind, "url": url }))
        });
        Ok(Value::Array(each.collect::<Answer<_>>()?))
    }
}

/// All of them, by name; none where there is no such folder. Hidden folders, and links to elsewhere, are left out.
pub fn all(root: &Path) -> Vec<Summary> {
    let Ok(root) = root.canonicalize() else { return Vec::new() };
    let names = fs::read_dir(&root).into_iter().flatten().flatten().filter_map(|it| it.file_name().into_string().ok());
    let mut names: Vec<String> = names.filter(|name| !name.starts_with('.')).collect();
    names.sort();
    names.into_iter().filter_map(|name| summary(&root, name)).collect()
}

fn summary(root: &Path, name: String) -> Option<Summary> {
    let path = root.join(&name).canonicalize().ok().filter(|path| path.is_dir() && path.starts_with(root))?;
    let has = |file: &str| path.join(file).canonicalize().is_ok_and(|file| file.is_file() && file.starts_with(&path));
    let pages: Vec<_> = PAGES.into_iter().filter(|(_, file)| has(file)).collect();
    (!pages.is_empty()).then_some(Summary { name, path, pages })
}

/// The folder of a report.
///
/// # Errors
/// There is none.
pub fn find(root: &Path, name: &str) -> Answer<PathBuf> {
    let found = all(root).into_iter().find(|summary| summary.name == name);
    Ok(found.ok_or_else(|| Refusal::missing("report"))?.path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_folders_with_a_page_below_the_root_are_reports() {
        let place = tempfile::tempdir().unwrap();
        let [root, secret] = ["reports", "secret"].map(|name| place.path().join(name));
        for folder in [root.join("liver"), root.join(".hidden"), root.join("empty"), secret.clone()] {
            fs::create_dir_all(&folder).unwrap();
            if !folder.ends_with("empty") {
                fs::write(folder.join(PAGE), "x").unwrap();
            }
        }
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink(&secret, root.join("link")).unwrap();
            fs::create_dir(root.join("other")).unwrap();
            std::os::unix::fs::symlink(secret.join(PAGE), root.join("other").join(PAGE)).unwrap();
        }
        let names: Vec<String> = all(&root).into_iter().map(|summary| summary.name).collect();
        assert_eq!(names, ["liver"]);
        assert!(find(&root, "liver").is_ok());
        for elsewhere in ["", ".", "..", "../secret", "link", ".hidden", "empty", "other", "liver/..", "/etc"] {
            assert!(find(&root, elsewhere).is_err(), "{elsewhere}");
        }
        assert!(all(&place.path().join("gone")).is_empty());
    }
}
