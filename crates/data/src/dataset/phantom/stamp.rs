//! The recipe stored with a set: in `dataset.json` for the Decathlon layout, otherwise in a separate file.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::recipe::PhantomRecipe;
use crate::dataset::DataError;

/// Incremented when a recipe gives different images.
const VERSION: u32 = 1;
/// File of the stamp, for layouts without a file that can hold it.
pub(super) const FILE: &str = "segspec-phantom.json";
/// The stamp's key in `dataset.json`.
pub(super) const KEY: &str = "segspec-phantom";

/// The recipe of a set and the version that generated it.
#[derive(Serialize, Deserialize)]
pub(super) struct Stamp {
    version: u32,
    recipe: PhantomRecipe,
}

impl Stamp {
    pub fn new(recipe: PhantomRecipe) -> Self {
        Self { version: VERSION, recipe }
    }
}

/// The recipe of a set; `None` if the folder has no stamp or one of another version.
///
/// # Errors
/// [`DataError::DatasetJson`] if the file with the stamp cannot be read.
pub fn recipe_of(root: &Path) -> Result<Option<PhantomRecipe>, DataError> {
    #[derive(Deserialize)]
    struct Json {
        #[serde(rename = "segspec-phantom")]
        stamp: Option<Stamp>,
    }
    let own = root.join(FILE);
    let path = if own.is_file() { own.clone() } else { root.join("dataset.json") };
    if !path.is_file() {
        return Ok(None);
    }
    let wrong = |reason: String| DataError::DatasetJson { path: path.clone(), reason };
    let text = std::fs::read_to_string(&path).map_err(|error| wrong(crate::files::reason(&error)))?;
    let invalid = |error: serde_json::Error| wrong(error.to_string());
    let stamp = match path == own {
        true => Some(serde_json::from_str::<Stamp>(&text).map_err(invalid)?),
        false => serde_json::from_str::<Json>(&text).map_err(invalid)?.stamp,
    };
    Ok(stamp.filter(|stamp| stamp.version == VERSION).map(|stamp| stamp.recipe))
}
