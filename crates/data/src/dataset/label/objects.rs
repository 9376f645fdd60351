//! Labels in DICOM objects: segmentation objects (SEG) and contours (RTSTRUCT). Objects leave out what is empty, so that a grid of their
//! own would be a part of the image's.

use std::path::{Path, PathBuf};

use ndarray::{Array3, Zip};

use super::named;
use crate::dataset::read::{CaseError, Notes};
use crate::dataset::{Case, name};
use crate::volume::dicom::{self, Content, On, RoiFacts, Series};
use crate::volume::segments::repeated;
use crate::volume::{Format, Geometry, LabelMap, ReadError, Segments, read_segments};

/// The series of a case's image, if it is one.
fn source(case: &Case) -> Result<Option<Series>, ReadError> {
    let folder = case.images.first().filter(|image| matches!(Format::of(image), Ok(Format::DicomImage)));
    folder.map(|folder| Series::open(folder, &case.choice(0))).transpose()
}

/// The segmentation objects of a label: one, or those of a folder where structures are identified by name.
pub(super) fn segmentations(case: &Case, path: &Path) -> Result<Vec<(PathBuf, Segments)>, CaseError> {
    let files = match dicom::label_objects(path, Content::Segmentation)? {
        files if files.len() > 1 && !case.reading.names.is_empty() => files,
        _ => vec![dicom::only_segments(path)?],
    };
    let source = source(case)?;
    let read = |file: PathBuf| segmentation(&file, source.as_ref()).map(|segments| (file, segments));
    Ok(files.into_iter().map(read).collect::<Result<_, _>>()?)
}

/// One segmentation object, on the grid of the image's series if it has one, else on its own.
fn segmentation(file: &Path, source: Option<&Series>) -> Result<Segments, ReadError> {
    match source {
        Some(series) => dicom::read_segments(file, Some(series)),
        None => read_segments(file),
    }
}

/// The structures of the dataset among the contours of a structure set; all without names in the dataset.
pub(super) fn contours(
    case: &Case,
    path: &Path,
    image: &Geometry,
    notes: &mut Notes,
) -> Result<Vec<(PathBuf, Segments)>, CaseError> {
    let file = dicom::only_contours(path)?;
    let found = dicom::contour_facts(&file)?.structures;
    let wanted = |name: &str| {
        let mut names = case.reading.names.iter();
        case.reading.names.is_empty() || names.any(|(wanted, _)| name::folded(wanted) == name::folded(name))
    };
    let (chosen, others): (Vec<&RoiFacts>, Vec<&RoiFacts>) =
        found.iter().partition(|structure| wanted(&structure.name));
    if chosen.is_empty() && !found.is_empty() {
        return Err(CaseError::NoContour { path: file, names: names(&others) });
    }
    if let Some(open) = chosen.iter().find(|structure| !structure.closed) {
        let reason =
            format!("the contours of `{}` are {}; only closed ones enclose voxels", open.name, open.kinds.join(", "));
        return Err(CaseError::Surface { path: file, reason });
    }
    if !others.is_empty() {
        notes.add(&file, format!("structures that the dataset does not name become background: {}", names(&others)));
    }
    let segments = drawn(case, &file, image, &wanted, notes)?;
    Ok(vec![(file, segments)])
}

fn names(structures: &[&RoiFacts]) -> String {
    named::list(structures.iter().map(|structure| &structure.name))
}

/// Fills contours, and notes what is worth checking of them: contours between slices, crossing ones, gaps.
fn drawn(
    case: &Case,
    file: &Path,
    image: &Geometry,
    wanted: &dyn Fn(&str) -> bool,
    notes: &mut Notes,
) -> Result<Segments, CaseError> {
    let source = source(case)?;
    let on = source.as_ref().map_or(On::Grid(image), On::Series);
    let contoured = dicom::read_contours(file, on, wanted)?;
    notes.0.extend(contoured.notes);
    Ok(contoured.segments)
}

/// The mask of one structure in an object of its own: all its segments, or of several the one that is named like the structure, if names
/// are known.
pub(super) fn mask(
    case: &Case,
    value: u16,
    path: &Path,
    image: &Geometry,
    notes: &mut Notes,
) -> Result<LabelMap, CaseError> {
    let segments = match Format::of(path)? {
        Format::DicomContours => drawn(case, &dicom::only_contours(path)?, image, &|_| true, notes)?,
        _ => segmentation(&dicom::only_segments(path)?, source(case)?.as_ref())?,
    };
    let all: Vec<usize> = (0..segments.segments.len()).collect();
    let own = case.reading.names.iter().find(|(_, known)| *known == value).filter(|_| all.len() > 1);
    let is_own =
        |&index: &usize| own.is_none_or(|(name, _)| name::folded(name) == name::folded(&segments.segments[index].name));
    let chosen: Vec<usize> = all.into_iter().filter(is_own).collect();
    if chosen.is_empty() && !segments.segments.is_empty() {
        let names = named::list(segments.segments.iter().map(|segment| &segment.name));
        return Err(CaseError::NoContour { path: path.into(), names });
    }
    let taken: Vec<_> = chosen.iter().map(|&index| segments.segments[index].clone()).collect();
    notes.0.extend(repeated(path, &taken, "they are taken together, as one structure"));
    let mut union = Array3::<u16>::zeros(segments.geometry().shape);
    for index in chosen {
        Zip::from(&mut union)
            .and(&named::mask(&segments, index))
            .for_each(|target, &inside| *target |= u16::from(inside));
    }
    Ok(LabelMap { voxels: union, geometry: segments.geometry().clone() })
}
