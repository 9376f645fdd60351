//! Clicks of a person, as text and as the network takes them.

use serde::{Deserialize, Serialize};

use super::ClickError;
use crate::dataset::Target;

/// Most clicks that are followed.
pub const MOST: usize = 1000;

/// A click of a person.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Prompt {
    /// What is there: 0 background, i the structure i − 1 of the run.
    pub class: usize,
    /// Where, in world millimetres `[x, y, z]` (RAS+).
    pub at_mm: [f64; 3],
}

/// A click as it is written in JSON.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Written {
    /// Name of the structure.
    pub structure: String,
    /// Where, in world millimetres `[x, y, z]` (RAS+).
    pub at_mm: [f64; 3],
    /// Whether the structure is there; else background is there.
    #[serde(default = "yes")]
    pub positive: bool,
}

fn yes() -> bool {
    true
}

/// The file of `segspec predict --clicks`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    clicks: Vec<Written>,
}

/// The clicks of a file `{"clicks": […]}`, in the order in which they were made.
///
/// # Errors
/// [`ClickError`]: the text is no such file, or as [`prompts`].
pub fn read(text: &[u8], target: &Target) -> Result<Vec<Prompt>, ClickError> {
    let file: File = serde_json::from_slice(text).map_err(|error| ClickError::Text { reason: error.to_string() })?;
    prompts(&file.clicks, target)
}

/// Clicks on the structures of a run.
///
/// # Errors
/// [`ClickError`]: a structure is unknown, a place is no number, or there are too many.
pub fn prompts(written: &[Written], target: &Target) -> Result<Vec<Prompt>, ClickError> {
    if written.len() > MOST {
        return Err(ClickError::TooMany { found: written.len(), most: MOST });
    }
    let prompt = |(number, click): (usize, &Written)| {
        if !click.at_mm.iter().all(|mm| mm.is_finite()) {
            return Err(ClickError::Text { reason: format!("click {number}: its place is not finite") });
        }
        let place = target.structures.iter().position(|structure| structure.name == click.structure);
        let Some(place) = place else {
            let known =
                target.structures.iter().map(|structure| structure.name.as_str()).collect::<Vec<_>>().join(", ");
            return Err(ClickError::Structure { number, name: click.structure.clone(), known });
        };
        Ok(Prompt { class: if click.positive { place + 1 } else { 0 }, at_mm: click.at_mm })
    };
    (1..).zip(written).map(prompt).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::TargetStructure;

    fn target() -> Target {
        Target::of(vec![TargetStructure::new("liver", &[1]), TargetStructure::new("spleen", &[4])])
    }

    #[test]
    fn a_file_names_structures_and_places() {
        let text = br#"{"clicks": [{"structure": "spleen", "at-mm": [1, -2.5, 3]},
            {"structure": "liver", "at-mm": [0, 0, 0], "positive": false}]}"#;
        let expected = [Prompt { class: 2, at_mm: [1.0, -2.5, 3.0] }, Prompt { class: 0, at_mm: [0.0; 3] }];
        assert_eq!(read(text, &target()).unwrap(), expected);
        assert_eq!(read(br#"{"clicks": []}"#, &target()).unwrap(), []);
    }

    #[test]
    fn what_cannot_be_followed_says_why() {
        let refused = |text: &str| read(text.as_bytes(), &target()).unwrap_err().to_string();
        let unknown = refused(r#"{"clicks": [{"structure": "lver", "at-mm": [1, 2, 3]}]}"#);
        assert!(
            unknown.contains("click 1") && unknown.contains("`lver`") && unknown.contains("liver, spleen"),
            "{unknown}"
        );
        for text in [
            "[]",
            r#"{"clicks": [{"structure": "liver", "at-mm": [1, 2]}]}"#,
            r#"{"clicks": [{"structure": "liver", "at-mm": [1, 2, 1e999]}]}"#,
            r#"{"clicks": [{"structure": "liver", "at-mm": [1, 2, NaN]}]}"#,
            r#"{"clicks": [{"structure": "liver", "at-mm": [1, 2, 3], "negative": true}]}"#,
        ] {
            assert!(refused(text).contains("\"at-mm\": [x, y, z]"), "{text}: {}", refused(text));
        }
        let click = Written { structure: "liver".into(), at_mm: [f64::NAN, 0.0, 0.0], positive: true };
        assert!(prompts(std::slice::from_ref(&click), &target()).unwrap_err().to_string().contains("not finite"));
        let many = vec![Written { at_mm: [0.0; 3], ..click }; MOST + 1];
        assert!(matches!(prompts(&many, &target()), Err(ClickError::TooMany { .. })));
    }
}
