//! DICOM SEG and RTSTRUCT: one, or several with different structures of a case.

use std::path::{Path, PathBuf};

use ndarray::{Array3, Axis};

use crate::dataset::name::folded;
use crate::dataset::read::GRID_TOLERANCE;
use crate::evaluate::files::canvas::{Canvas, TooManySets};
use crate::evaluate::files::images::Image;
use crate::evaluate::files::labelled::{Labelled, name_of, unsupported};
use crate::volume::dicom::{self, Series};
use crate::volume::format::{Notes, Options};
use crate::volume::lattice::union_grid;
use crate::volume::segments::repeated;
use crate::volume::{Format, Geometry, Lattice, ReadError, Segmentation, Segments};

/// Reads objects: on the grid of the image, else on their own, which contours do not have.
pub(super) fn read(
    path: &Path,
    files: &[PathBuf],
    image: Option<&Image>,
    notes: &Notes,
) -> Result<Labelled, ReadError> {
    let series = match image.filter(|image| image.is_series()) {
        Some(image) => Some(Series::open(&image.path, &image.choice)?),
        None => None,
    };
    let read = |file: &PathBuf| object(file, image, series.as_ref(), notes);
    let mut parts = files.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    notes.extend(files.iter().zip(&parts).filter_map(|(file, part)| repeated(file, &part.segments, super::UNITED)));
    let labels = match parts.len() {
        1 => Labelled::of_segments(path, parts.remove(0))?,
        _ => merged(path, files, &parts)?,
    };
    let labels = Labelled { cropped: true, ..labels };
    Ok(match image {
        Some(image) => labels.in_image(&image.geometry()?),
        None => labels,
    })
}

fn object(file: &Path, image: Option<&Image>, series: Option<&Series>, notes: &Notes) -> Result<Segments, ReadError> {
    let format = Format::of(file)?;
    if format == Format::DicomContours {
        let choice = image.map(|image| image.choice.clone()).unwrap_or_default();
        let (on, structures) = (image.map(|image| image.path.clone()), closed(file, notes)?);
        let options = Options { on, choice, structures, notes: notes.clone(), ..Options::default() };
        return (format.entry().read.segments)(file, &options);
    }
    let file = dicom::only_segments(file)?;
    // An object may lie on another grid than the image, such as a coarser one: the comparison decides.
    match dicom::read_segments(&file, series) {
        Err(error) if series.is_some() => dicom::read_segments(&file, None).map_err(|_| error),
        read => read,
    }
}

/// The structures that enclose voxels, if some do not: points and lines mark places in a plan.
fn closed(file: &Path, notes: &Notes) -> Result<Vec<String>, ReadError> {
    let found = dicom::contour_facts(&dicom::only_contours(file)?)?.structures;
    let (closed, open): (Vec<_>, Vec<_>) = found.into_iter().partition(|structure| structure.closed);
    if open.is_empty() || closed.is_empty() {
        return Ok(Vec::new());
    }
    let names: Vec<String> = open.iter().map(|structure| format!("`{}`", structure.name)).collect();
    notes.extend([format!("{}: open contours are left out: {}", file.display(), names.join(", "))]);
    Ok(closed.into_iter().map(|structure| structure.name).collect())
}

/// The structures of several objects on the grid that holds them all.
fn merged(path: &Path, files: &[PathBuf], parts: &[Segments]) -> Result<Labelled, ReadError> {
    refuse_twice(files, parts)?;
    let mut grid =
        parts.first().map(|part| part.geometry().clone()).unwrap_or_else(|| Geometry::axis_aligned([0; 3], [1.0; 3]));
    for (file, part) in files.iter().zip(parts).skip(1) {
        if grid.same_grid(part.geometry(), GRID_TOLERANCE).is_err() {
            grid = union_grid(&grid, part.geometry(), [GRID_TOLERANCE; 3]).ok_or_else(|| apart(file))?;
        }
    }
    let names: Vec<String> = parts.iter().flat_map(|part| part.segments.iter().map(name_of)).collect();
    let wrong = |error: TooManySets| unsupported(path, error.to_string());
    let mut canvas = Canvas::new(&grid, names.len()).map_err(wrong)?;
    let mut structure = 0;
    for (file, part) in files.iter().zip(parts) {
        let lattice = Lattice::of(part.geometry(), &grid, [GRID_TOLERANCE; 3]).ok_or_else(|| apart(file))?;
        for index in 0..part.segments.len() {
            canvas.paint(structure, lattice.put(mask(part, index).view()).view()).map_err(wrong)?;
            structure += 1;
        }
    }
    Ok(Labelled::of_canvas(path, canvas, &names))
}

fn apart(file: &Path) -> ReadError {
    unsupported(file, "is on another grid than the other objects of its case: name their image with --on")
}

fn refuse_twice(files: &[PathBuf], parts: &[Segments]) -> Result<(), ReadError> {
    let mut known: Vec<(String, &Path)> = Vec::new();
    for (file, part) in files.iter().zip(parts) {
        for segment in &part.segments {
            let name = folded(&segment.name);
            if let Some((_, first)) = known.iter().find(|(known, first)| *known == name && *first != file.as_path()) {
                let reason = format!(
                    "has the structure `{}`, and so has {}: several objects of a case must have different structures; \
                     name one of the files, or put each into a folder of its own",
                    segment.name,
                    first.display()
                );
                return Err(unsupported(file, reason));
            }
            known.push((name, file));
        }
    }
    Ok(())
}

fn mask(segments: &Segments, index: usize) -> Array3<u8> {
    match &segments.content {
        Segmentation::Labels(labels) => {
            let value = segments.segments[index].value;
            labels.voxels.mapv(|label| u8::from(label == value))
        }
        Segmentation::Masks { masks, .. } => masks.index_axis(Axis(0), index).to_owned(),
    }
}
