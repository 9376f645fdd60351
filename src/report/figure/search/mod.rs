//! Figures of a search.

mod coordinates;
mod history;
mod importance;

use super::{Figure, render};
use crate::report::search::{Search, Tried};
use crate::report::{Report, ReportError};

pub use history::{draw_front, draw_history};

/// Draws the settings of all trials as lines across one axis per parameter; nothing for fewer than two trials.
///
/// # Errors
/// Errors of the drawing library.
pub fn draw_coordinates(_: &Report, search: &Search) -> Result<Option<Figure>, ReportError> {
    coordinates::Coordinates::new(search).map(|plot| Ok(render(&plot)?)).transpose()
}

/// Draws how much each parameter mattered; nothing without an estimate.
///
/// # Errors
/// Errors of the drawing library.
pub fn draw_importance(_: &Report, search: &Search) -> Result<Option<Figure>, ReportError> {
    importance::Importance::new(search).map(|plot| Ok(render(&plot)?)).transpose()
}

/// The trials with a value of the first objective.
fn valued(search: &Search) -> Vec<(&Tried, f64)> {
    search.trials.iter().filter_map(|trial| Some((trial, *trial.values.first()?))).collect()
}
