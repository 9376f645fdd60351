//! Segmentation files: one label map per case, or one mask per structure along the fourth dimension if structures overlap;
//! `label_map.json` beside them maps values or masks to structures.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::dataset::Target;
use crate::volume::{self, ReadError, Segmentation, WriteError};

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

/// Reads what [`write()`] wrote.
///
/// # Errors
/// The file is missing or damaged.
pub fn read(folder: &Path, case: &str, target: &Target) -> Result<Segmentation, ReadError> {
    let path = file(folder, case);
    if !target.overlapping {
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
            let place = if target.overlapping { ("mask", index as u64) } else { ("value", u64::from(structure.value)) };
            json!({ "name": structure.name, place.0: place.1, "members": structure.members, "color": color })
        })
        .collect();
    json!({ "format": 1, "overlapping": target.overlapping, "structures": structures })
}
