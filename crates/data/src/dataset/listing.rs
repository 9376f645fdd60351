//! File lists in plans. The common folder is written once, which keeps plans of a thousand cases with a hundred masks each small.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// Files relative to one folder.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Listing<T> {
    folder: PathBuf,
    files: Vec<T>,
}

/// The common folder of all paths, and the rest of each path.
fn split<'a>(paths: impl Iterator<Item = &'a Path> + Clone) -> (PathBuf, Vec<PathBuf>) {
    let mut folder: Option<PathBuf> = None;
    for path in paths.clone() {
        let parent = path.parent().unwrap_or(Path::new(""));
        let known = folder.get_or_insert_with(|| parent.to_path_buf());
        while !parent.starts_with(&known) {
            if !known.pop() {
                // An absolute and a relative path have nothing in common.
                *known = PathBuf::new();
            }
        }
    }
    let folder = folder.unwrap_or_default();
    let rest = paths.map(|path| path.strip_prefix(&folder).unwrap_or(path).to_path_buf());
    (folder.clone(), rest.collect())
}

/// Masks with the values of their structures.
pub mod masks {
    use super::*;
    use serde::{Deserializer, Serializer};

    /// Writes `{ folder, files = [[value, file], …] }`.
    pub fn serialize<S: Serializer>(masks: &[(u16, PathBuf)], serializer: S) -> Result<S::Ok, S::Error> {
        let (folder, rest) = split(masks.iter().map(|(_, path)| path.as_path()));
        let files: Vec<(u16, PathBuf)> = masks.iter().map(|(value, _)| *value).zip(rest).collect();
        Listing { folder, files }.serialize(serializer)
    }

    /// Reads what [`serialize`] wrote.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<(u16, PathBuf)>, D::Error> {
        let Listing { folder, files } = Listing::<(u16, PathBuf)>::deserialize(deserializer)?;
        Ok(files.into_iter().map(|(value, file)| (value, folder.join(file))).collect())
    }
}

/// 2D label images, one per slice.
pub mod pictures {
    use super::*;
    use serde::{Deserializer, Serializer};

    /// Writes `{ folder, files = [file, …] }`.
    pub fn serialize<S: Serializer>(pictures: &[PathBuf], serializer: S) -> Result<S::Ok, S::Error> {
        let (folder, files) = split(pictures.iter().map(PathBuf::as_path));
        Listing { folder, files }.serialize(serializer)
    }

    /// Reads what [`serialize`] wrote.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<PathBuf>, D::Error> {
        let Listing { folder, files } = Listing::<PathBuf>::deserialize(deserializer)?;
        Ok(files.into_iter().map(|file| folder.join(file)).collect())
    }
}

#[cfg(test)]
mod tests {
    use crate::dataset::Label;

    #[test]
    fn labels_come_back_from_text_and_name_their_folder_once() {
        let masks = Label::Masks(vec![(1, "a/m/one.nii.gz".into()), (7, "a/m/deep/two.nii.gz".into())]);
        let text = toml::to_string(&masks).unwrap();
        assert_eq!(text.matches("a/m").count(), 1, "{text}");
        for label in [
            masks,
            Label::Masks(vec![(1, "one.nii".into()), (2, "b/two.nii".into())]),
            Label::Masks(vec![(1, "/abs/one.nii".into()), (2, "rel/two.nii".into())]),
            Label::Pictures(vec!["x/1.png".into(), "x/2.png".into()]),
            Label::Map("label.nii".into()),
        ] {
            let text = toml::to_string(&label).unwrap();
            assert_eq!(toml::from_str::<Label>(&text).unwrap(), label, "{text}");
        }
    }
}
