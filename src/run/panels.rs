//! Overlay pictures of the best, the median and the worst case of a run.

use std::path::Path;

use polars::prelude::DataFrame;
use serde::{Deserialize, Serialize};

use super::cases::Cases;
use super::error::RunError;
use crate::dataset;
use crate::evaluate::examples::{Example, Rank, examples};
use crate::predict::export;
use crate::report::Panel;
use crate::report::panel;
use crate::store::{Stored, read_json, write_json};

/// An entry of `report/panels.json`.
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
pub fn write(run: &Stored, cases: &Cases, scores: &DataFrame) -> Result<(), RunError> {
    let place = run.evaluation();
    let mut entries = Vec::new();
    for Example { rank, case, dice } in examples(scores)? {
        let picture = format!("{}-{case}.png", rank.name().to_lowercase());
        draw(run, cases, &case, dice, &place.report().join(&picture))?;
        entries.push(Entry { rank, case, picture });
    }
    Ok(write_json(&place.panels(), &entries)?)
}

/// The pictures saved by [`write()`]; empty without any.
///
/// # Errors
/// `panels.json` is damaged.
pub fn read(run: &Stored) -> Result<Vec<Panel>, RunError> {
    let place = run.evaluation();
    let entries: Vec<Entry> = read_json(&place.panels())?.unwrap_or_default();
    let panel =
        |entry: Entry| Panel { rank: entry.rank, case: entry.case, picture: place.report().join(entry.picture) };
    Ok(entries.into_iter().map(panel).collect())
}

fn draw(run: &Stored, cases: &Cases, name: &str, dice: f64, picture: &Path) -> Result<(), RunError> {
    let unreadable = |error: &dyn std::fmt::Display| RunError::Reference(error.to_string());
    let Some(case) = cases.case(name) else { return Ok(()) };
    let target = &run.plan.target;
    let image = dataset::read_image(case).map_err(|error| unreadable(&error))?;
    let reference = dataset::read_label(case, &image.geometry).map_err(|error| unreadable(&error))?;
    let prediction = export::read(run.prediction().path(), name, target).map_err(|error| unreadable(&error))?;
    let rendered = panel::render(
        name,
        &format!("mean Dice {dice:.3}"),
        &image.to_canonical(),
        &reference.to_canonical(),
        &prediction.to_canonical(),
        target,
    );
    let rendered = rendered.map_err(|error| RunError::Internal(error.to_string()))?;
    panel::save(&rendered, picture).map_err(RunError::file(picture.to_path_buf()))
}
