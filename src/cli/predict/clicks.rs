//! `segspec predict --clicks`: the clicks to follow.

use std::path::Path;

use super::{Exit, Failure};
use crate::dataset::Case;
use crate::infer::{ClickError, Prompt, Trained, clicks};
use crate::run::RunError;

/// The clicks of a file.
pub struct Clicks {
    /// In their order.
    pub prompts: Vec<Prompt>,
    /// BLAKE3 of the file.
    pub content: String,
}

/// Reads the clicks for the one image.
///
/// # Errors
/// There are several images, the network takes no clicks, or the file is missing or damaged.
pub fn read(file: &Path, trained: &Trained, cases: &[Case]) -> Result<Clicks, Failure> {
    if trained.interact().is_none() {
        return Err(Failure::message(Exit::Usage, format!("--clicks: {}", ClickError::NoClicks)));
    }
    if cases.len() != 1 {
        let text = format!("--clicks belong to one image, and --input holds {}: give a single one", cases.len());
        return Err(Failure::message(Exit::Usage, text));
    }
    let text = std::fs::read(file).map_err(RunError::file(file.into()))?;
    let prompts = clicks::read(&text, trained.target())
        .map_err(|error| Failure::message(Exit::BadData, format!("{}: {error}", file.display())))?;
    Ok(Clicks { prompts, content: blake3::hash(&text).to_hex().to_string() })
}
