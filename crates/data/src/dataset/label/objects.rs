//! Labels in DICOM objects: segmentation objects (SEG) and contours (RTSTRUCT), on the grid of the case's image. Objects leave out what is
//! empty, so that a grid of their own would be a part of the image's.

use std::path::{Path, PathBuf};

use ndarray::{Array3, ArrayView3, Axis, Zip};

use super::{Canvas, named};
use crate::dataset::read::{CaseError, GRID_TOLERANCE};
use crate::dataset::{Case, Label, Reading, grid};
use crate::volume::dicom::{self, Content, Contoured, On, Series};
use crate::volume::{Format, Geometry, LabelMap, ReadError, Segmentation, Segments, read_segments};

/// The series of a case's image, if it is one.
pub(super) fn source(case: &Case) -> Result<Option<Series>, ReadError> {
    let folder = case.images.first().filter(|image| matches!(Format::of(image), Ok(Format::DicomImage)));
    folder.map(|folder| Series::open(folder, &case.choice(0))).transpose()
}

/// The files of a SEG label: one, or the objects of a folder, one per structure.
pub(super) fn files(case: &Case, path: &Path) -> Result<Vec<PathBuf>, ReadError> {
    let files = dicom::label_objects(path, Content::Segmentation)?;
    match files.len() > 1 && !case.reading.names.is_empty() {
        true => Ok(files),
        false => Ok(vec![dicom::only_segments(path)?]),
    }
}

/// One segmentation object, on the grid of the image's series where it has one, else on its own.
pub(super) fn segments(file: &Path, source: Option<&Series>) -> Result<Segments, ReadError> {
    match source {
        Some(series) => dicom::read_segments(file, Some(series)),
        None => read_segments(file),
    }
}

/// Several segmentation objects of one case, by the names of their segments.
pub(super) fn united(case: &Case, files: &[PathBuf], image: &Geometry) -> Result<LabelMap, CaseError> {
    let source = source(case)?;
    let mut canvas = Canvas::new(case, image);
    let (mut known, mut names) = (0, Vec::new());
    for file in files {
        let segments = segments(file, source.as_ref())?;
        for (index, segment) in segments.segments.iter().enumerate() {
            names.push(format!("`{}`", segment.name));
            let wanted = case.reading.names.iter().find(|(name, _)| alike(name, &segment.name));
            let Some((_, value)) = wanted else { continue };
            known += 1;
            let mask = placed(case, mask(&segments, &[index]), segments.geometry(), image, file)?;
            canvas.paint(*value, mask.view(), file)?;
        }
    }
    match (known, files.first()) {
        (0, Some(file)) => Err(CaseError::NoName { path: file.clone(), names: names.join(", ") }),
        _ => Ok(canvas.labels),
    }
}

/// The structures of the dataset among the contours of a structure set.
pub(super) fn contours(case: &Case, path: &Path, image: &Geometry) -> Result<LabelMap, CaseError> {
    let file = dicom::only_contours(path)?;
    let found = dicom::contour_facts(&file)?.structures;
    let is_wanted = |name: &str| case.reading.names.iter().any(|(wanted, _)| alike(wanted, name));
    if !case.reading.names.is_empty() && !found.iter().any(|structure| is_wanted(&structure.name)) {
        let names: Vec<String> = found.iter().map(|structure| format!("`{}`", structure.name)).collect();
        return Err(CaseError::NoContour { path: file, names: names.join(", ") });
    }
    if let Some(open) = found.iter().find(|structure| !structure.closed && is_wanted(&structure.name)) {
        let reason =
            format!("the contours of `{}` are {}; only closed ones enclose voxels", open.name, open.kinds.join(", "));
        return Err(CaseError::Surface { path: file, reason });
    }
    let mut segments = read_contours(case, &file, image)?.segments;
    // The dataset's spelling is what `named` looks for.
    for segment in &mut segments.segments {
        let spelling = case.reading.names.iter().find(|(name, _)| alike(name, &segment.name));
        if let Some((name, _)) = spelling {
            segment.name.clone_from(name);
        }
    }
    match (&segments.content, case.reading.names.is_empty()) {
        (Segmentation::Labels(labels), true) => Ok(labels.clone()),
        (Segmentation::Masks { .. }, true) => Err(CaseError::UnnamedOverlap { path: file }),
        _ => named(case, &segments, &file),
    }
}

fn read_contours(case: &Case, file: &Path, image: &Geometry) -> Result<Contoured, CaseError> {
    let source = source(case)?;
    let on = source.as_ref().map_or(On::Grid(image), On::Series);
    let names = &case.reading.names;
    let wanted = |name: &str| names.is_empty() || names.iter().any(|(wanted, _)| alike(wanted, name));
    Ok(dicom::read_contours(file, on, &wanted)?)
}

/// What is worth checking of the contours of a case: contours between slices, crossing ones, gaps.
pub fn notes(case: &Case, image: &Geometry) -> Vec<String> {
    let Some(Label::Map(path)) = &case.label else { return Vec::new() };
    if !matches!(Format::of(path), Ok(Format::DicomContours)) {
        return Vec::new();
    }
    let contoured =
        dicom::only_contours(path).map_err(CaseError::from).and_then(|file| read_contours(case, &file, image));
    contoured.map(|contoured| contoured.notes).unwrap_or_default()
}

/// The mask of one structure in an object of its own, on the image's grid: all its segments, or of several the one that is named like
/// the structure, where names are known.
pub(super) fn mask_of(case: &Case, value: u16, path: &Path, image: &Geometry) -> Result<LabelMap, CaseError> {
    let segments = match Format::of(path)? {
        Format::DicomContours => {
            let unnamed = Case { reading: Reading { names: Vec::new(), ..case.reading.clone() }, ..case.clone() };
            read_contours(&unnamed, &dicom::only_contours(path)?, image)?.segments
        }
        _ => segments(&dicom::only_segments(path)?, source(case)?.as_ref())?,
    };
    let name = case.reading.names.iter().find(|(_, known)| *known == value).map(|(name, _)| name);
    let all: Vec<usize> = (0..segments.segments.len()).collect();
    let chosen = match name.filter(|_| all.len() > 1) {
        None => all,
        Some(name) => all.into_iter().filter(|&index| alike(name, &segments.segments[index].name)).collect(),
    };
    if chosen.is_empty() {
        let names: Vec<String> = segments.segments.iter().map(|segment| format!("`{}`", segment.name)).collect();
        return Err(CaseError::NoContour { path: path.into(), names: names.join(", ") });
    }
    let voxels = placed(case, mask(&segments, &chosen), segments.geometry(), image, path)?;
    Ok(LabelMap { voxels, geometry: image.clone() })
}

/// The union of some segments.
fn mask(segments: &Segments, chosen: &[usize]) -> Array3<u16> {
    match &segments.content {
        Segmentation::Labels(labels) => {
            let values: Vec<u16> = chosen.iter().map(|&index| segments.segments[index].value).collect();
            labels.voxels.mapv(|label| u16::from(values.contains(&label)))
        }
        Segmentation::Masks { masks, geometry } => {
            let mut union = Array3::zeros(geometry.shape);
            for &index in chosen {
                let mask: ArrayView3<u8> = masks.index_axis(Axis(0), index);
                Zip::from(&mut union).and(mask).for_each(|target, &inside| *target |= u16::from(inside));
            }
            union
        }
    }
}

/// A mask on the image's grid, of which its own may be a part.
fn placed(
    case: &Case,
    mask: Array3<u16>,
    own: &Geometry,
    image: &Geometry,
    file: &Path,
) -> Result<Array3<u16>, CaseError> {
    let Err(difference) = image.same_grid(own, GRID_TOLERANCE) else { return Ok(mask) };
    if !case.reading.resample_labels && !grid::is_subgrid(own, image) {
        return Err(CaseError::LabelGrid { path: file.into(), difference });
    }
    Ok(grid::resample_labels_to(&LabelMap { voxels: mask, geometry: own.clone() }, image).voxels)
}

/// Whether two names are the same but for case, spaces, hyphens and underscores: planning systems write them in every way.
fn alike(a: &str, b: &str) -> bool {
    let plain = |name: &str| -> String {
        let letters = name.chars().filter(|letter| !letter.is_whitespace() && !['-', '_'].contains(letter));
        letters.flat_map(char::to_lowercase).collect()
    };
    a == b || plain(a) == plain(b)
}
