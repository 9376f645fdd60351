//! One examination: its files, what they are for, and how they are read.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::Label;
use crate::volume::dicom::Choice;
use crate::volume::surface::CoordinateSystem;

/// One examination: its image files and, where there is one, its label file.
#[derive(Clone, Debug, PartialEq)]
pub struct Case {
    /// Name, unique in the dataset, usable as a file name.
    pub name: String,
    /// One file or DICOM folder per channel in channel order, or one that holds every channel.
    pub images: Vec<PathBuf>,
    /// Where the image is a folder of pictures, one per slice: their spacing `[z, y, x]` in mm.
    pub stack_spacing_mm: Option<[f64; 3]>,
    /// The reference labels.
    pub label: Option<Label>,
    /// How its files are read.
    pub reading: Reading,
}

impl Case {
    /// A case whose files need no options.
    pub fn new(name: &str, images: Vec<PathBuf>, label: Option<Label>) -> Self {
        Self { name: name.into(), images, stack_spacing_mm: None, label, reading: Reading::default() }
    }

    /// The case without its reference labels.
    #[must_use]
    pub fn unlabelled(&self) -> Self {
        Self { label: None, ..self.clone() }
    }

    /// Every file of the case with what it is for: `image-0`, `image-1`, …, `label`. Folders are listed.
    ///
    /// # Errors
    /// The operating system's, naming the folder.
    pub fn files(&self) -> std::io::Result<Vec<(String, PathBuf)>> {
        let mut files = Vec::new();
        for (channel, path) in self.images.iter().enumerate() {
            files.extend(crate::files::below(path)?.into_iter().map(|file| (format!("image-{channel}"), file)));
        }
        for path in self.label.iter().flat_map(Label::files) {
            files.extend(crate::files::below(path)?.into_iter().map(|file| ("label".to_owned(), file)));
        }
        Ok(files)
    }

    /// The case with every path changed.
    ///
    /// # Errors
    /// The first that `change` returns.
    pub fn with_paths<E>(&self, change: &dyn Fn(&Path) -> Result<PathBuf, E>) -> Result<Self, E> {
        Ok(Self {
            images: self.images.iter().map(|path| change(path)).collect::<Result<_, E>>()?,
            label: self.label.as_ref().map(|label| label.with_paths(change)).transpose()?,
            ..self.clone()
        })
    }
}

/// How the files of a dataset's cases are read.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Reading {
    /// Labels on another grid are put on the image's (nearest voxel) instead of being refused.
    pub resample_labels: bool,
    /// Channels on other grids than the first are put on its grid (linear) instead of being refused.
    pub resample_channels: bool,
    /// Structures may share voxels: the label map then holds sums of powers of two, the structures' places in the dataset.
    pub overlap: bool,
    /// Structures by the names that files give their segments, with their values; empty where files are read by value.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<(String, u16)>,
    /// DICOM: which series, and what to do where slices are missing.
    pub choice: Choice,
    /// Surfaces: their coordinate system, where the files do not say it or are wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub coordinates: Option<CoordinateSystem>,
}
