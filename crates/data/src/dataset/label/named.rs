//! Structures by the names of the segments in a case's files.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use ndarray::{Array3, Axis};

use super::canvas::Canvas;
use crate::dataset::read::{CaseError, Notes};
use crate::dataset::{Case, grid, name};
use crate::volume::{Geometry, LabelMap, Segmentation, Segments};

/// The segments that are structures of the dataset, on the image's grid; others become background, which is noted.
pub(super) fn by_name(
    case: &Case,
    files: &[(PathBuf, Segments)],
    image: &Geometry,
    notes: &mut Notes,
) -> Result<LabelMap, CaseError> {
    let (mut canvas, mut known, mut others) = (Canvas::new(case, image), Known::new(), BTreeMap::new());
    for (path, segments) in files {
        let unknown = others.entry(path).or_insert_with(Vec::new);
        let labels = of_file(case, path, segments, &mut known, unknown, notes)?;
        canvas.add(&grid::onto(case, labels, image, path, notes)?, path)?;
    }
    if let ([(path, _), ..], true) = (files, known.is_empty() && others.values().any(|names| !names.is_empty())) {
        return Err(CaseError::NoName { path: path.clone(), names: list(others.into_values().flatten()) });
    }
    for (path, names) in others.into_iter().filter(|(_, names)| !names.is_empty()) {
        let names = list(names.into_iter());
        notes.add(path, format!("segments that are no structure of the dataset become background: {names}"));
    }
    Ok(canvas.labels)
}

/// The file and the name of the segment that each value was taken from.
type Known<'a> = BTreeMap<u16, (&'a Path, &'a str)>;

fn of_file<'a>(
    case: &Case,
    path: &'a Path,
    segments: &'a Segments,
    known: &mut Known<'a>,
    others: &mut Vec<&'a str>,
    notes: &mut Notes,
) -> Result<LabelMap, CaseError> {
    let mut canvas = Canvas::new(case, segments.geometry());
    for (index, segment) in segments.segments.iter().enumerate() {
        let names = case.reading.names.iter().map(|(name, _)| name.as_str());
        let Some((name, value)) = name::position(&segment.name, names).map(|place| &case.reading.names[place]) else {
            others.push(&segment.name);
            continue;
        };
        if let Some((twin, other)) = known.insert(*value, (path, &segment.name)) {
            let (one, other) = (segment.name.clone(), other.to_owned());
            return Err(CaseError::SameName {
                path: path.into(),
                one,
                twin: twin.into(),
                other,
                structure: name.clone(),
            });
        }
        if *name != segment.name {
            notes.add(path, format!("its segment `{}` is taken as `{name}`", segment.name));
        }
        canvas.paint(*value, mask(segments, index).view(), path)?;
    }
    Ok(canvas.labels)
}

/// The mask of one segment: 1 inside.
pub(super) fn mask(segments: &Segments, index: usize) -> Array3<u8> {
    match &segments.content {
        Segmentation::Labels(labels) => {
            let value = segments.segments[index].value;
            labels.voxels.mapv(|label| u8::from(label == value))
        }
        Segmentation::Masks { masks, .. } => masks.index_axis(Axis(0), index).to_owned(),
    }
}

/// Names in backticks, separated by commas.
pub(super) fn list(names: impl Iterator<Item = impl AsRef<str>>) -> String {
    names.map(|name| format!("`{}`", name.as_ref())).collect::<Vec<_>>().join(", ")
}
