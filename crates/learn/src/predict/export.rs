//! Segmentation files: one label map per case, or one mask per structure along the fourth dimension if structures overlap;
//! `label_map.json` beside them maps values or masks to structures.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::dataset::{Target, TargetStructure};
use crate::volume::dicom::Code;
use crate::volume::format::Options;
use crate::volume::label_names::{LabelName, LabelNames, own};
use crate::volume::{self, ReadError, Segment, Segmentation, Segments, WriteError};

/// The program that drew the segments, as exports name it.
pub const PROGRAM: &str = concat!("segspec ", env!("CARGO_PKG_VERSION"));

/// The file of one case's segmentation.
pub fn file(folder: &Path, case: &str) -> PathBuf {
    folder.join(format!("{case}.nii.gz"))
}

/// Writes a segmentation atomically.
///
/// # Errors
/// The disk is full or not writable.
pub fn write(folder: &Path, case: &str, segmentation: &Segmentation) -> Result<PathBuf, WriteError> {
    let path = file(folder, case);
    volume::write_segmentation(&path, segmentation)?;
    Ok(path)
}

/// Writes a segmentation with the names, colours and codes of its structures, in the format of `ending`. `image`: the case's image; a
/// DICOM SEG refers to its slices. Returns the files written: surfaces of several structures are several files.
///
/// # Errors
/// The format cannot hold the segmentation (a DICOM SEG of an image that is not a DICOM series), or the disk is full.
pub fn write_as(
    (folder, case, ending): (&Path, &str, &str),
    segmentation: Segmentation,
    target: &Target,
    image: &Path,
) -> Result<Vec<PathBuf>, WriteError> {
    let path = folder.join(format!("{case}.{ending}"));
    let options = Options { on: Some(image.to_path_buf()), ..Options::default() };
    write_with(&path, segmentation, target, options)
}

/// As [`write_as`], to a file, with options of which the names of the structures are no part.
///
/// # Errors
/// As [`write_as`].
pub fn write_with(
    path: &Path,
    segmentation: Segmentation,
    target: &Target,
    options: Options,
) -> Result<Vec<PathBuf>, WriteError> {
    let folder = path.parent().unwrap_or(Path::new(""));
    std::fs::create_dir_all(folder).map_err(|error| WriteError::io(folder, &error))?;
    let segments = segments(segmentation, target);
    let coding = label_names(target).coding(&segments.segments);
    let written = volume::write_segments(path, &segments, &Options { coding, ..options })?;
    // Names of what was there before; those of the new content are in `label_map.json`.
    written.iter().for_each(|path| drop(own::remove(path)));
    Ok(written)
}

/// A segmentation with the names and colours of a target's structures.
pub fn segments(content: Segmentation, target: &Target) -> Segments {
    let segment = |label: &LabelName| {
        let value = if target.has_masks() { label.number + 1 } else { label.number };
        Segment { name: label.name.clone(), value, color: label.color }
    };
    Segments { segments: label_names(target).labels.iter().map(segment).collect(), content }
}

/// The structures of a target as names of label values, or of masks.
fn label_names(target: &Target) -> LabelNames {
    let label = |(mask, it): (usize, &TargetStructure)| LabelName {
        name: it.name.clone(),
        number: if target.has_masks() { mask as u16 } else { it.value },
        color: Some(it.color),
        code: it.code.as_ref().map(|code| Code::new(&code.value, &code.scheme, &code.meaning)),
    };
    let labels = target.structures.iter().enumerate().map(label).collect();
    LabelNames { overlapping: target.has_masks(), program: Some(PROGRAM.into()), labels, ..LabelNames::default() }
}

/// Reads what [`write()`] wrote.
///
/// # Errors
/// The file is missing or damaged.
pub fn read(folder: &Path, case: &str, target: &Target) -> Result<Segmentation, ReadError> {
    let path = file(folder, case);
    if !target.has_masks() {
        return Ok(Segmentation::Labels(volume::read_label_map(&path)?));
    }
    let image = volume::read_volume(&path)?;
    let masks = image.voxels.mapv(|value| u8::from(value > 0.5));
    Ok(Segmentation::Masks { masks, geometry: image.geometry })
}

/// Mapping of the files' values (or masks) to structures.
pub fn label_map(target: &Target) -> Value {
    let structures: Vec<Value> = target
        .structures
        .iter()
        .enumerate()
        .map(|(index, structure)| {
            let [r, g, b] = structure.color;
            let color = format!("#{r:02x}{g:02x}{b:02x}");
            let place = if target.has_masks() { ("mask", index as u64) } else { ("value", u64::from(structure.value)) };
            let mut entry =
                json!({ "name": structure.name, place.0: place.1, "members": structure.members, "color": color });
            if target.painted {
                entry["values"] = json!(structure.values);
            }
            if let Some(code) = &structure.code {
                entry["code"] = json!(code);
            }
            entry
        })
        .collect();
    json!({ "format": 1, "overlapping": target.has_masks(), "program": PROGRAM, "structures": structures })
}
