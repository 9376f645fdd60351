//! Overlay pictures of the best, the median and the worst case of a run.

use polars::prelude::DataFrame;
use serde::{Deserialize, Serialize};

use super::error::RunError;
use super::inputs::Inputs;
use super::store::RunFolder;
use crate::dataset;
use crate::evaluate::examples::{Example, Rank, examples};
use crate::plan::Plan;
use crate::predict::export;
use crate::report::Panel;
use crate::report::panel;

/// What `report/panels.json` says of a picture.
#[derive(Debug, Serialize, Deserialize)]
struct Entry {
    rank: Rank,
    case: String,
    picture: String,
}

/// Draws and saves the pictures.
///
/// # Errors
/// A file cannot be read or written.
pub fn write(plan: &Plan, folder: &RunFolder, inputs: &Inputs, scores: &DataFrame) -> Result<(), RunError> {
    let mut entries = Vec::new();
    for Example { rank, case, dice } in examples(scores)? {
        let picture = format!("{}-{case}.png", rank.name().to_lowercase());
        draw(plan, folder, inputs, &case, dice, &picture)?;
        entries.push(Entry { rank, case, picture });
    }
    let index = folder.report().join("panels.json");
    folder.write_json(&index, &entries).map_err(RunError::file(index))
}

/// The pictures that [`write()`] saved.
pub fn read(folder: &RunFolder) -> Vec<Panel> {
    let bytes = std::fs::read(folder.report().join("panels.json")).unwrap_or_default();
    let entries: Vec<Entry> = serde_json::from_slice(&bytes).unwrap_or_default();
    let panel =
        |entry: Entry| Panel { rank: entry.rank, case: entry.case, picture: folder.report().join(entry.picture) };
    entries.into_iter().map(panel).collect()
}

fn draw(
    plan: &Plan,
    folder: &RunFolder,
    inputs: &Inputs,
    name: &str,
    dice: f64,
    picture: &str,
) -> Result<(), RunError> {
    let unreadable = |error: &dyn std::fmt::Display| RunError::Reference(error.to_string());
    let Some(case) = inputs.case(name) else { return Ok(()) };
    let image = dataset::read_image(case).map_err(|error| unreadable(&error))?;
    let reference = inputs.reference(name, &image.geometry)?;
    let prediction = export::read(&folder.predictions(), name, &plan.target).map_err(|error| unreadable(&error))?;
    let rendered = panel::render(
        name,
        &format!("mean Dice {dice:.3}"),
        &image.to_canonical(),
        &reference.to_canonical(),
        &prediction.to_canonical(),
        &plan.target,
    );
    let path = folder.report().join(picture);
    let rendered = rendered.map_err(|error| RunError::Internal(error.to_string()))?;
    panel::save(&rendered, &path).map_err(RunError::file(path))
}
