//! One stack of slices: its grid, tags and voxels.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::file::DicomFile;
use super::grid::{Gaps, Grid, grid};
use super::scan::{Content, Found, Group, SeriesSummary, find};
use super::{damaged, unsupported};
use crate::{Geometry, Header, ReadError, Volume};

/// Most series listed in an error.
const LISTED: usize = 20;

/// Which series of a folder to read, and what to do about gaps.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Choice {
    /// SeriesInstanceUID or SeriesDescription; `None` where the folder holds one series.
    pub series: Option<String>,
    /// The stack of a series that holds several, as [`super::scan`] names it ("b-value 800").
    pub stack: Option<String>,
    /// What to do where slices are missing.
    pub gaps: Gaps,
}

impl Choice {
    /// The series of a UID or description.
    pub fn series(name: &str) -> Self {
        Self { series: Some(name.into()), ..Self::default() }
    }

    fn matches(&self, summary: &SeriesSummary) -> bool {
        let series = self.series.as_ref().is_none_or(|name| *name == summary.uid || *name == summary.description);
        series && (self.stack.is_none() || self.stack == summary.stack)
    }
}

/// Reads one image series: a folder of single frames, or a multi-frame file. Voxels are in the modality's unit (HU for CT).
///
/// # Errors
/// [`ReadError`] with the file's name: several series or stacks without a choice (they are listed), missing or irregular slices, slices
/// at one position, damaged or unsupported files.
pub fn read_series(path: &Path, choice: &Choice) -> Result<Volume, ReadError> {
    Series::open(path, choice)?.read()
}

/// A series whose headers have been read: it has a grid, and its voxels can be read.
#[derive(Debug)]
pub struct Series {
    pub(super) grid: Grid,
    summary: SeriesSummary,
}

impl Series {
    /// The grid, with a warning about missing slices that will be interpolated.
    pub fn header(&self) -> Header {
        let missing = self.grid.geometry.shape[0] - self.grid.planes.len();
        let text = || format!("{missing} slice(s) missing, interpolated between their neighbours");
        let warnings = (missing > 0).then(text).into_iter().collect();
        Header { geometry: self.grid.geometry.clone(), channels: 1, value_type: "float32", oriented: true, warnings }
    }

    /// Reads the headers of one series in a folder, or of one file.
    ///
    /// # Errors
    /// As [`read_series`], except for the pixel data.
    pub fn open(path: &Path, choice: &Choice) -> Result<Self, ReadError> {
        let Found { groups, damaged } = find(path)?;
        if let Some(error) = damaged.into_iter().next() {
            return Err(error);
        }
        let group = chosen(path, groups, choice)?;
        if let Some((file, reason)) = group.problem {
            return Err(unsupported(&file, reason));
        }
        Ok(Self { grid: grid(group.planes, choice.gaps)?, summary: group.summary })
    }

    /// The grid, in RAS millimetres.
    pub fn geometry(&self) -> &Geometry {
        &self.grid.geometry
    }

    /// File and slice of every plane.
    pub fn slices(&self) -> impl Iterator<Item = (&Path, usize)> {
        self.grid.planes.iter().zip(&self.grid.slices).map(|(plane, slice)| (plane.instance.path.as_path(), *slice))
    }

    /// UID, description, modality and size.
    pub fn summary(&self) -> &SeriesSummary {
        &self.summary
    }

    /// The voxels, `[1, z, y, x]`, in the modality's unit.
    ///
    /// # Errors
    /// [`ReadError`] with the file's name.
    pub fn read(&self) -> Result<Volume, ReadError> {
        super::read::voxels(&self.grid)
    }

    /// The most informative elements, as (name, value): modality, manufacturer, kVp, slice thickness beside the true spacing, …
    ///
    /// # Errors
    /// [`ReadError`] with the file's name.
    pub fn tags(&self) -> Result<Vec<(String, String)>, ReadError> {
        Ok(super::inspect::tags(&self.first()?, &self.grid))
    }

    /// The file of the first slice.
    pub(super) fn first(&self) -> Result<DicomFile, ReadError> {
        let path = &self.grid.planes[0].instance.path;
        DicomFile::open(path)?.ok_or_else(|| damaged(path, "is no longer a DICOM file"))
    }
}

fn chosen(path: &Path, groups: Vec<Group>, choice: &Choice) -> Result<Group, ReadError> {
    let images: Vec<Group> = groups.into_iter().filter(|group| group.summary.content == Content::Image).collect();
    if images.is_empty() {
        return Err(unsupported(path, "holds no DICOM image series"));
    }
    let list = |groups: &[Group]| {
        let lines: Vec<String> =
            groups.iter().take(LISTED).map(|group| format!("\n  {}", group.summary.line())).collect();
        let more = groups.len().saturating_sub(LISTED);
        lines.concat() + &if more > 0 { format!("\n  and {more} more") } else { String::new() }
    };
    let all = list(&images);
    let mut fitting: Vec<Group> = images.into_iter().filter(|group| choice.matches(&group.summary)).collect();
    match fitting.len() {
        1 => Ok(fitting.remove(0)),
        0 => Err(unsupported(path, format!("holds no series that matches the choice; there are:{all}"))),
        count => {
            let reason = format!(
                "holds {count} image series or stacks; choose one by UID or description, and stack:{}",
                list(&fitting)
            );
            Err(unsupported(path, reason))
        }
    }
}
