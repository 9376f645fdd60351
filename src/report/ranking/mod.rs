//! A ranking as tables, figures and a page of its own: `ranking.json`, Parquet, CSV, Markdown, LaTeX, `ranking.html`.

mod latex;
mod markdown;
mod terminal;
mod words;

use std::path::{Path, PathBuf};

use super::figure::list::NamedFigure;
use super::figure::rank::figures;
use super::{Files, ReportError};
use crate::evaluate::rank::{self, Ranking};

pub use latex::latex;
pub use markdown::markdown;
pub use terminal::terminal;
pub(super) use words::{EntryRow, PairRow, StructureRow, entry_rows, legend, origin, pair_rows, structure_rows};

/// File name of the page.
pub const PAGE: &str = "ranking.html";

/// Writes a ranking into a folder: its tables, figures, and the page, whose path is returned.
///
/// # Errors
/// [`ReportError`] naming the file.
pub fn write(ranking: &Ranking, title: &str, folder: &Path) -> Result<PathBuf, ReportError> {
    let mut files = Files { folder, all: Vec::new() };
    files.ranking(ranking, title)
}

impl Files<'_> {
    /// Writes a ranking; returns its page.
    pub(super) fn ranking(&mut self, ranking: &Ranking, title: &str) -> Result<PathBuf, ReportError> {
        let json = serde_json::to_string_pretty(ranking)
            .map_err(|error| ReportError::File { path: self.folder.join("ranking.json"), source: error.into() })?;
        self.bytes("ranking.json", (json + "\n").as_bytes())?;
        self.table("ranking", &rank::entries(ranking)?)?;
        self.table("ranking-pairs", &rank::pairs(ranking)?)?;
        self.bytes("ranking.md", markdown(ranking, title).as_bytes())?;
        self.bytes("ranking.tex", latex(ranking, title).as_bytes())?;
        let figures: Vec<NamedFigure> = figures(ranking)?;
        for figure in &figures {
            self.bytes(&format!("{}.svg", figure.name), figure.figure.svg.as_bytes())?;
            self.bytes(&format!("{}.png", figure.name), &figure.figure.png)?;
        }
        self.bytes(PAGE, super::page::ranking::page(ranking, title, &figures).as_bytes())
    }
}

#[cfg(test)]
mod tests;
