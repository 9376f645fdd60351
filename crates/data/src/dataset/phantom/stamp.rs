//! What a set was made with, written down in it: in the Decathlon's `dataset.json`, else in a file of its own.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::recipe::PhantomRecipe;
use crate::dataset::DataError;

/// Raised when the same recipe gives other images.
const VERSION: u32 = 1;
/// The stamp's file, where the layout has none that could hold it.
pub(super) const FILE: &str = "segspec-phantom.json";
/// The stamp's key in `dataset.json`.
pub(super) const KEY: &str = "segspec-phantom";

/// What a set was made with, and by which version.
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

/// The recipe of a set that this version wrote; `None` where the folder states none, or another version's.
///
/// # Errors
/// [`DataError::DatasetJson`] where the file that states it cannot be read.
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
    let text = std::fs::read_to_string(&path).map_err(|error| wrong(format!("cannot be read: {error}")))?;
    let invalid = |error: serde_json::Error| wrong(error.to_string());
    let stamp = match path == own {
        true => Some(serde_json::from_str::<Stamp>(&text).map_err(invalid)?),
        false => serde_json::from_str::<Json>(&text).map_err(invalid)?.stamp,
    };
    Ok(stamp.filter(|stamp| stamp.version == VERSION).map(|stamp| stamp.recipe))
}
