//! What the names of files do not say.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use crate::dicom::{Anonymous, Choice, Modality, SegmentCoding};
use crate::surface::CoordinateSystem;

/// How a file is read, converted and written, where its name and content leave a choice.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Which DICOM series is read.
    pub choice: Choice,
    /// Treat the values as labels where the format does not say that they are.
    pub labels: bool,
    /// The image whose grid surfaces and contours are put on, or the DICOM series that segments refer to.
    pub on: Option<PathBuf>,
    /// Write surfaces with the steps of the voxels, not smoothed.
    pub blocky: bool,
    /// Most triangles of a written surface; all of them without it.
    pub triangles: Option<usize>,
    /// Coordinate system of the surfaces that are read, overruling the file's own note, and of those written (LPS without it).
    pub coordinates: Option<CoordinateSystem>,
    /// Modality of a written DICOM series; `OT` without it.
    pub modality: Option<Modality>,
    /// PatientName and SeriesDescription of a written DICOM series; the folder's name without it.
    pub name: Option<String>,
    /// File that names the label values of the source; else the one [beside it](crate::label_names::beside), if any.
    pub names: Option<PathBuf>,
    /// Coded descriptions of the segments of a written DICOM SEG; by the names of the segments without it.
    pub coding: Vec<SegmentCoding>,
    /// Who corrected the segments of a written DICOM SEG; a program made them without it.
    pub person: Option<Person>,
    /// Also write names and colours of the segments to this file: `.txt` for ITK-SNAP, `.ctbl` for 3D Slicer.
    pub colours: Option<PathBuf>,
    /// Only these structures; all if empty. Capital letters, spaces, `-` and `_` make no difference.
    pub structures: Vec<String>,
    /// Put labels on the grid of the image `on`, whatever their own: each voxel takes the nearest label.
    pub resample: bool,
    /// Write nothing that tells who the patient is.
    pub anonymous: Option<Anonymous>,
    /// Refuse to replace files.
    pub keep: bool,
    /// What readers found worth saying; shared by all copies.
    pub notes: Notes,
}

/// A person who corrected segments that a program made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Person {
    /// The name, for ContentCreatorName.
    pub name: String,
    /// Whether everything was drawn by hand, upon nothing that a program made.
    pub drew_all: bool,
    /// Names of segments that were drawn by hand.
    pub drew: Vec<String>,
}

/// What a person should know of a file that was read: contours between slices, objects that were left aside.
#[derive(Clone, Debug, Default)]
pub struct Notes(Arc<Mutex<Vec<String>>>);

impl Notes {
    /// Adds notes; one that is there is not added again.
    pub fn extend(&self, notes: impl IntoIterator<Item = String>) {
        let mut known = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        for note in notes {
            if !known.contains(&note) {
                known.push(note);
            }
        }
    }

    /// All notes so far.
    pub fn all(&self) -> Vec<String> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }
}
