//! Label files to be compared: the names that they give to their values, and their voxels on one grid.

use std::path::{Path, PathBuf};

use crate::dataset::name::is_generic;
use crate::dataset::read::GRID_TOLERANCE;
use crate::volume::label_names::{self, LabelNames};
use crate::volume::lattice::union_grid;
use crate::volume::{
    Format, Geometry, LabelMap, Lattice, ReadError, Segmentation, nrrd, read_label_map, read_segments,
};

/// A label file.
#[derive(Clone, Debug)]
pub struct Labelled {
    /// The file.
    pub path: PathBuf,
    /// Its voxels.
    pub map: LabelMap,
    /// Names of its values, as the file or the `label_map.json` beside it states them; empty if neither does.
    pub names: Vec<(String, u16)>,
    /// Whether its format leaves out what is empty: its grid may then be a part of the image's.
    cropped: bool,
}

impl Labelled {
    /// Reads a label file of any format.
    ///
    /// # Errors
    /// [`ReadError`] with the file's name, also for segments that overlap.
    pub fn read(path: &Path) -> Result<Self, ReadError> {
        let format = Format::of(path)?;
        let (map, mut names) = match format {
            Format::DicomSegments => {
                let found = read_segments(path)?;
                let Segmentation::Labels(map) = found.content else {
                    let reason = "its segments overlap, which one label map cannot hold".into();
                    return Err(ReadError::Unsupported { path: path.into(), reason });
                };
                (map, found.segments.into_iter().map(|segment| (segment.name, segment.value)).collect())
            }
            Format::NrrdSegments => (read_label_map(path)?, nrrd::named_values(path)?),
            _ => (read_label_map(path)?, names_beside(path)?),
        };
        names.retain(|(name, _)| !is_generic(name));
        let cropped = format.entry().holds_labels;
        Ok(Self { path: path.into(), map, names, cropped })
    }

    /// For tests.
    #[cfg(test)]
    pub(super) fn made(path: &str, map: LabelMap, names: Vec<(String, u16)>) -> Self {
        Self { path: path.into(), map, names, cropped: false }
    }

    /// The name of a value.
    pub fn name(&self, value: u16) -> Option<&str> {
        self.names.iter().find(|(_, named)| *named == value).map(|(name, _)| name.as_str())
    }

    fn onto(self, grid: &Geometry, lattice: Lattice) -> Self {
        let voxels = lattice.put(self.map.voxels.view());
        Self { map: LabelMap { voxels, geometry: grid.clone() }, ..self }
    }
}

/// Names from the file beside a label file, such as the `label_map.json` of predictions.
///
/// # Errors
/// The file cannot be read.
fn names_beside(path: &Path) -> Result<Vec<(String, u16)>, ReadError> {
    let Some(beside) = label_names::beside(path) else { return Ok(Vec::new()) };
    let names = LabelNames::read(&beside)?;
    let labels = if names.overlapping { Vec::new() } else { names.labels };
    Ok(labels.into_iter().map(|label| (label.name, label.number)).collect())
}

/// Puts two label files on one grid if that loses nothing: voxels stored in another order, and files that leave out what is empty.
/// Others stay as they are, for the comparison to refuse.
pub fn on_one_grid(reference: Labelled, prediction: Labelled) -> (Labelled, Labelled) {
    let (whole, part) = (reference.map.geometry.clone(), prediction.map.geometry.clone());
    // Positions in segmentation objects are rounded more than those of images.
    let between = |whole: &Geometry| match reference.cropped || prediction.cropped {
        true => [GRID_TOLERANCE; 3],
        false => Lattice::tolerance(whole, GRID_TOLERANCE),
    };
    let (tolerance, own) = (between(&whole), between(&part));
    if whole.same_grid(&part, GRID_TOLERANCE).is_ok() {
        return (reference, prediction);
    }
    let Some(lattice) = Lattice::of(&part, &whole, tolerance) else { return (reference, prediction) };
    let fits = lattice.is_part() && prediction.cropped;
    let empty_around = lattice.contains() && lattice.outside(prediction.map.voxels.view()) == 0 && prediction.cropped;
    if lattice.is_same() || fits || empty_around {
        return (reference, prediction.onto(&whole, lattice));
    }
    if let Some(lattice) = Lattice::of(&whole, &part, own).filter(|found| found.is_part() && reference.cropped) {
        return (reference.onto(&part, lattice), prediction);
    }
    let union = union_grid(&whole, &part, tolerance).filter(|_| reference.cropped && prediction.cropped);
    let placed = union.and_then(|union| {
        Some((Lattice::of(&whole, &union, tolerance)?, Lattice::of(&part, &union, tolerance)?, union))
    });
    match placed {
        Some((first, second, union)) => (reference.onto(&union, first), prediction.onto(&union, second)),
        None => (reference, prediction),
    }
}
