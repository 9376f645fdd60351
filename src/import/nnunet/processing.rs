//! `postprocessing.json`, which `nnUNetv2_find_best_configuration` writes beside the pickled functions.

use std::path::Path;

use serde::Deserialize;

use super::ImportError;

/// The only function that nnU-Net uses.
const LARGEST: &str = "remove_all_but_largest_component_from_segmentation";

#[derive(Deserialize)]
struct File {
    postprocessing_fns: Vec<String>,
    postprocessing_kwargs: Vec<Arguments>,
}

#[derive(Deserialize)]
struct Arguments {
    labels_or_regions: Values,
    #[serde(default)]
    background_label: u16,
}

/// A label, a region, or a list of both.
#[derive(Deserialize)]
#[serde(untagged)]
enum Values {
    One(u16),
    Several(Vec<Values>),
}

impl Values {
    fn into_all(self) -> Vec<u16> {
        match self {
            Self::One(value) => vec![value],
            Self::Several(values) => values.into_iter().flat_map(Self::into_all).collect(),
        }
    }
}

/// The sets of label values of which only the largest component is kept, in the order of application.
///
/// # Errors
/// The file is missing or damaged, or names another function.
pub fn read(path: &Path) -> Result<Vec<Vec<u16>>, ImportError> {
    let text = std::fs::read(path).map_err(|error| ImportError::io(path, &error))?;
    let wrong = |reason: String| ImportError::of(path, format!("not the post-processing of a model: {reason}"));
    let file: File = serde_json::from_slice(&text).map_err(|error| wrong(error.to_string()))?;
    if let Some(other) = file.postprocessing_fns.iter().find(|name| *name != LARGEST) {
        return Err(ImportError::of(path, format!("uses `{other}`; only `{LARGEST}` can be imported")));
    }
    if file.postprocessing_fns.len() != file.postprocessing_kwargs.len() {
        return Err(wrong("functions and arguments differ in number".into()));
    }
    let mut unions = Vec::new();
    for arguments in file.postprocessing_kwargs {
        if arguments.background_label != 0 {
            return Err(wrong("its background is not 0".into()));
        }
        unions.push(arguments.labels_or_regions.into_all());
    }
    Ok(unions)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Result<Vec<Vec<u16>>, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("postprocessing.json");
        std::fs::write(&path, text).unwrap();
        read(&path).map_err(|error| error.to_string())
    }

    #[test]
    fn labels_and_regions_are_sets_of_values() {
        let text = |values: &str| {
            format!(
                r#"{{"postprocessing_fns": ["{LARGEST}"], "postprocessing_kwargs": [{{"labels_or_regions": {values}}}]}}"#
            )
        };
        for (values, expected) in [("2", vec![2]), ("[1, 2]", vec![1, 2]), ("[[1, 2], 3]", vec![1, 2, 3])] {
            assert_eq!(of(&text(values)), Ok(vec![expected]));
        }
        assert_eq!(of(r#"{"postprocessing_fns": [], "postprocessing_kwargs": []}"#), Ok(vec![]));
        assert!(
            of(r#"{"postprocessing_fns": ["fill"], "postprocessing_kwargs": [{}]}"#).unwrap_err().contains("labels")
        );
        let other = text("1").replace(LARGEST, "fill");
        assert!(of(&other).unwrap_err().contains("`fill`"));
        assert!(of("{").unwrap_err().contains("post-processing"));
    }
}
