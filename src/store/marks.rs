//! What people write on a run: tags and a note. They are part of no id.

use serde::{Deserialize, Serialize};

use super::{RunFolder, StoreError, read_json, write_json};

/// Tags and note of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Marks {
    /// In the order in which they were given.
    #[serde(default)]
    pub tags: Vec<String>,
    /// Free text.
    #[serde(default)]
    pub note: String,
}

impl Marks {
    /// Those of a run; empty without any.
    ///
    /// # Errors
    /// The file is damaged.
    pub fn read(folder: &RunFolder) -> Result<Self, StoreError> {
        Ok(read_json(&folder.marks())?.unwrap_or_default())
    }

    /// Writes them.
    ///
    /// # Errors
    /// The disk is full or not writable.
    pub fn write(&self, folder: &RunFolder) -> Result<(), StoreError> {
        write_json(&folder.marks(), self)
    }
}
