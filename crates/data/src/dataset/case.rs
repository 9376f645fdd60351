//! One case: its files, their roles, and how they are read.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::Label;
use super::spec::MaskValues;
use crate::volume::Geometry;
use crate::volume::dicom::Choice;
use crate::volume::surface::CoordinateSystem;

/// One case (examination): its image files and, if there are any, its labels.
#[derive(Clone, Debug, PartialEq)]
pub struct Case {
    /// Name, unique in the dataset and usable as a file name.
    pub name: String,
    /// One file or DICOM folder per channel in channel order, or a single one with all channels.
    pub images: Vec<PathBuf>,
    /// Spacing `[z, y, x]` in mm if the image is a folder of 2D images, one per slice.
    pub stack_spacing_mm: Option<[f64; 3]>,
    /// SeriesInstanceUID of each image, if their folders contain several DICOM series; empty if the dataset's choice decides.
    pub series: Vec<String>,
    /// The reference labels.
    pub label: Option<Label>,
    /// Mask of unlabelled voxels, and the value that they get.
    pub ignored: Option<(u16, PathBuf)>,
    /// How its files are read.
    pub reading: Reading,
}

impl Case {
    /// A case that is read with default options.
    pub fn new(name: &str, images: Vec<PathBuf>, label: Option<Label>) -> Self {
        let reading = Reading::default();
        Self { name: name.into(), images, stack_spacing_mm: None, series: Vec::new(), label, ignored: None, reading }
    }

    /// The case without its reference labels.
    #[must_use]
    pub fn unlabelled(&self) -> Self {
        Self { label: None, ignored: None, ..self.clone() }
    }

    /// Which series of a channel's folder to read.
    pub fn choice(&self, channel: usize) -> Choice {
        let own = self.series.get(channel).filter(|uid| !uid.is_empty()).cloned();
        let choice = self.reading.choice.clone();
        Choice { series: own.or(choice.series), ..choice }
    }

    /// Every file of the case with its role: `image-0`, `image-1`, …, `label`. Folders are expanded.
    ///
    /// # Errors
    /// I/O errors, naming the folder.
    pub fn files(&self) -> std::io::Result<Vec<(String, PathBuf)>> {
        let mut files = Vec::new();
        for (channel, path) in self.images.iter().enumerate() {
            files.extend(crate::files::below(path)?.into_iter().map(|file| (format!("image-{channel}"), file)));
        }
        for path in self.label.iter().flat_map(Label::files) {
            files.extend(crate::files::below(path)?.into_iter().map(|file| ("label".to_owned(), file)));
        }
        if let Some((_, path)) = &self.ignored {
            files.extend(crate::files::below(path)?.into_iter().map(|file| ("ignored".to_owned(), file)));
        }
        Ok(files)
    }

    /// The case with `change` applied to every path.
    ///
    /// # Errors
    /// The first error of `change`.
    pub fn with_paths<E>(&self, change: &dyn Fn(&Path) -> Result<PathBuf, E>) -> Result<Self, E> {
        Ok(Self {
            images: self.images.iter().map(|path| change(path)).collect::<Result<_, E>>()?,
            label: self.label.as_ref().map(|label| label.with_paths(change)).transpose()?,
            ignored: self.ignored.as_ref().map(|(value, path)| Ok((*value, change(path)?))).transpose()?,
            ..self.clone()
        })
    }
}

/// How the files of a dataset's cases are read.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Reading {
    /// Resample labels on another grid to the image's grid (nearest neighbour) instead of refusing the case.
    pub resample_labels: bool,
    /// Resample channels on other grids to the grid of the first channel (linear) instead of refusing the case.
    pub resample_channels: bool,
    /// Structures may overlap: label values are then bit sets, with one bit per structure in dataset order.
    pub overlap: bool,
    /// Segment names in the files and the values of their structures; empty if structures are identified by value.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<(String, u16)>,
    /// What the values of masks mean; without it, a mask has one value besides 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mask_values: Option<MaskValues>,
    /// With `mask_values` and a single structure: its value, which label files may write in other ways.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub only_value: Option<u16>,
    /// DICOM: which series to read, and how to handle missing slices.
    pub choice: Choice,
    /// Coordinate system of surfaces; overrides the files.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub coordinates: Option<CoordinateSystem>,
    /// Spacing `[z, y, x]` in mm, as stored, of images that state none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spacing_mm: Option<[f64; 3]>,
}

impl Reading {
    /// The grid with the dataset's spacing if the file states none.
    #[must_use]
    pub fn spaced(&self, geometry: Geometry) -> Geometry {
        match self.spacing_mm {
            Some(spacing_mm) if !geometry.has_spacing => geometry.with_spacing(spacing_mm),
            _ => geometry,
        }
    }
}
