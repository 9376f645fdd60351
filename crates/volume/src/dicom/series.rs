//! One stack of slices: its grid, tags and voxels.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::file::DicomFile;
use super::grid::{Gaps, Grid, grid};
use super::kind::Content;
use super::scan::{Found, Group, SeriesSummary, find};
use super::{damaged, unsupported};
use crate::{Geometry, Header, ReadError, Volume};

/// Most series listed in an error.
const LISTED: usize = 20;

/// Which series of a folder to read, and what to do about gaps.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Choice {
    /// SeriesInstanceUID, SeriesDescription, SeriesNumber or modality, the first of them that fits; `None` where the folder holds one
    /// series.
    pub series: Option<String>,
    /// The stack of a series that holds several, as [`super::scan`] names it ("b-value 800").
    pub stack: Option<String>,
    /// What to do where slices are missing.
    pub gaps: Gaps,
}

impl Choice {
    /// The series of a UID, description, number or modality.
    pub fn series(name: &str) -> Self {
        Self { series: Some(name.into()), ..Self::default() }
    }

    /// The groups that the choice names: by UID, else by description, else by number, else by modality.
    fn fitting(&self, groups: Vec<Group>) -> Vec<Group> {
        let fields: [fn(&SeriesSummary) -> &String; 4] =
            [|it| &it.uid, |it| &it.description, |it| &it.number, |it| &it.modality];
        let is = |summary: &SeriesSummary, field: fn(&SeriesSummary) -> &String, name: &String| field(summary) == name;
        let field = self.series.as_ref().and_then(|name| {
            fields.into_iter().find(|&field| groups.iter().any(|group| is(&group.summary, field, name)))
        });
        let series = |summary: &SeriesSummary| match (&self.series, field) {
            (None, _) => true,
            (Some(name), Some(field)) => is(summary, field, name),
            (Some(_), None) => false,
        };
        // A stack may be named by its plane also where others of the dataset have several and this series has one.
        let stack = |group: &Group| match (&self.stack, &group.summary.stack) {
            (None, _) => true,
            (Some(name), Some(stack)) => name == stack,
            (Some(name), None) => group.orientation == Some(name.as_str()),
        };
        groups.into_iter().filter(|group| series(&group.summary) && stack(group)).collect()
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
    /// Other objects of the folder, which were not asked for.
    beside: Vec<String>,
}

impl Series {
    /// The grid, with warnings about missing slices that will be interpolated, and about other objects in the folder.
    pub fn header(&self) -> Header {
        let missing = self.grid.geometry.shape[0] - self.grid.planes.len();
        let text = || format!("{missing} slice(s) missing, interpolated between their neighbours");
        let beside = self.beside.iter().map(|line| format!("left aside: {line}"));
        let warnings = (missing > 0).then(text).into_iter().chain(beside).collect();
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
        let (group, beside) = chosen(path, groups, choice)?;
        if let Some((file, reason)) = group.problem {
            return Err(unsupported(&file, reason));
        }
        Ok(Self { grid: grid(group.planes, choice.gaps)?, summary: group.summary, beside })
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

/// The one series that the choice leaves, and the lines of what lies beside it. Without a choice, localisers, pages and doses are
/// taken only where there is no other image.
fn chosen(path: &Path, groups: Vec<Group>, choice: &Choice) -> Result<(Group, Vec<String>), ReadError> {
    let all = list(&groups);
    let (images, others): (Vec<Group>, Vec<Group>) =
        groups.into_iter().partition(|group| group.summary.content.has_pixels());
    if images.is_empty() {
        return Err(unsupported(path, without_image(&others)));
    }
    let lines: Vec<String> = images.iter().map(|group| group.summary.line()).collect();
    let mut fitting = choice.fitting(images);
    if fitting.iter().any(|group| group.summary.content == Content::Image) {
        fitting.retain(|group| group.summary.content == Content::Image);
    }
    match fitting.len() {
        1 => {
            let group = fitting.remove(0);
            let own = group.summary.line();
            let beside =
                if *choice == (Choice { gaps: choice.gaps, ..Choice::default() }) { lines } else { Vec::new() };
            Ok((group, beside.into_iter().filter(|line| *line != own).collect()))
        }
        0 => Err(unsupported(path, format!("holds no series that matches the choice; there are:{all}"))),
        count => {
            let reason = format!(
                "holds {count} image series or stacks; choose one by UID, description, number or modality, and stack:{}",
                list(&fitting)
            );
            Err(unsupported(path, reason))
        }
    }
}

/// What there is instead of images, and what can be done with it.
fn without_image(others: &[Group]) -> String {
    let remedy = match others.first().map(|group| group.summary.content) {
        _ if others.is_empty() => return "holds no DICOM image series".into(),
        Some(Content::Contours) if others.len() == 1 => {
            "; contours become voxels on the series that they were drawn on (`--on FOLDER` of `segspec convert`)"
        }
        Some(Content::Segmentation) if others.len() == 1 => "; it is a label, not an image",
        _ => "",
    };
    format!("holds no DICOM image series, but:{}{remedy}", list(others))
}

fn list(groups: &[Group]) -> String {
    let lines: Vec<String> = groups.iter().take(LISTED).map(|group| format!("\n  {}", group.summary.line())).collect();
    let more = groups.len().saturating_sub(LISTED);
    lines.concat() + &if more > 0 { format!("\n  and {more} more") } else { String::new() }
}
