//! Figures of a ranking: means, structures × competitors, ranks in the resamples, significance, differences, histograms.

mod axis;
mod blob;
mod difference;
mod forest;
mod heat;
mod histogram;
mod means;
mod significance;

use plotters::prelude::DrawingBackend;

use super::canvas::{Canvas, Text, fit, width};
use super::list::{NamedFigure, Section};
use super::{Figure, FigureError, render};
use crate::counted;
use crate::evaluate::rank::{Board, Entry, Ranking};

/// Nominal width of every figure.
const WIDTH: f64 = 1000.0;
/// Height of a row in nominal pixels.
const ROW: f64 = 24.0;
/// Below the title and the note.
const TOP: f64 = 92.0;
const RIGHT: f64 = 18.0;

/// Draws every figure of a ranking.
///
/// # Errors
/// [`FigureError`] from the drawing library.
pub fn figures(ranking: &Ranking) -> Result<Vec<NamedFigure>, FigureError> {
    let Some(board) = ranking.overall() else { return Ok(Vec::new()) };
    let n = format!("{}, {}", counted(board.n_cases, "case"), counted(board.n_patients, "patient"));
    let heading = &ranking.heading;
    let named = |name: &str, figure: Figure, caption: String| NamedFigure {
        name: format!("rank-{name}"),
        section: Section::Ranking,
        caption,
        figure,
    };
    let mut all = vec![
        named(
            "means",
            render(&means::Means { ranking, board })?,
            format!(
                "{heading} ({} is better): mean over {n}; line: 95 % confidence interval (BCa bootstrap over patients); at the right, the rank and the ranks of 95 % of the resamples.",
                ranking.better
            ),
        ),
        named(
            "ranks",
            render(&blob::Blob { ranking, board })?,
            format!(
                "Ranks by mean {heading} in {} resamples of the patients ({n}): area of a disc is the part of the resamples; cross: rank of all cases; line: 95 % of the resamples.",
                ranking.resamples
            ),
        ),
        named(
            "significance",
            render(&significance::Significance { board })?,
            format!(
                "Significance of pairwise differences in {heading}: blue where the row is better than the column (two-sided Wilcoxon signed-rank tests over patients, Holm-adjusted p ≤ 0.05); {n}."
            ),
        ),
        named(
            "critical-difference",
            render(&difference::Difference { board })?,
            format!(
                "Mean rank over {n}, 1 is best. Bars at the right join competitors between which no difference is significant (Wilcoxon signed-rank, Holm-adjusted)."
            ),
        ),
        named(
            "differences",
            render(&forest::Forest { ranking, board })?,
            format!(
                "Paired differences in {heading}, first minus second: mean with 95 % confidence interval (BCa bootstrap over patients) and Holm-adjusted p; {n}. Shaded: the declared margin, if any."
            ),
        ),
        named(
            "histograms",
            render(&histogram::Histograms::new(ranking, board))?,
            format!("{heading} of every case, averaged over structures: number of cases per interval; dot: mean; {n}."),
        ),
    ];
    if ranking.boards.len() > 1 {
        let figure = render(&heat::Heat::new(ranking, board))?;
        let caption = format!(
            "Mean {heading} of every structure, competitors from the first to the last over all structures; darker is better; bold or dot: best of the row; {n}."
        );
        all.insert(1, named("structures", figure, caption));
    }
    Ok(all)
}

/// Space for the names at the left, in nominal pixels.
fn name_room(board: &Board) -> f64 {
    let names = board.entries.iter().map(|entry| width(&entry.name, Text::LABEL));
    names.fold(60.0, f64::max).min(330.0) + 26.0
}

/// Title, note, and the names of the rows, `height` apart.
fn frame<DB: DrawingBackend>(canvas: &Canvas<DB>, title: &str, note: &str) -> Result<(), FigureError> {
    canvas.text((14.0, 22.0), &fit(title, Text::TITLE, WIDTH - 28.0), Text::TITLE)?;
    canvas.text((14.0, 46.0), &fit(note, Text::NOTE, WIDTH - 28.0), Text::NOTE)
}

fn names<DB: DrawingBackend>(
    canvas: &Canvas<DB>,
    entries: &[Entry],
    room: f64,
    y: impl Fn(usize) -> f64,
) -> Result<(), FigureError> {
    for (row, entry) in entries.iter().enumerate() {
        let name = fit(&entry.name, Text::LABEL, room - 26.0);
        canvas.text((room - 10.0, y(row)), &name, Text::LABEL.right())?;
    }
    Ok(())
}

/// Names above the columns of a matrix, reading upwards; every n-th where columns are narrow.
fn columns<'a, DB: DrawingBackend>(
    canvas: &Canvas<DB>,
    names: impl Iterator<Item = &'a str>,
    (left, cell): (f64, f64),
    (bottom, room): (f64, f64),
) -> Result<(), FigureError> {
    let every = (14.0 / cell).ceil().max(1.0) as usize;
    for (column, name) in names.enumerate().step_by(every) {
        let x = left + cell * (column as f64 + 0.5);
        canvas.text((x, bottom), &fit(name, Text::NOTE, room), Text { upwards: true, ..Text::NOTE })?;
    }
    Ok(())
}

/// Height of the names above columns.
fn column_room<'a>(names: impl Iterator<Item = &'a str>) -> f64 {
    names.map(|name| width(name, Text::NOTE)).fold(20.0, f64::max).min(170.0) + 12.0
}

#[cfg(test)]
mod tests;
