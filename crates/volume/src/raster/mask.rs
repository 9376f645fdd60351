//! Masks in pictures: label values, everything that is not black, or one colour per structure.

use std::path::Path;

use ndarray::Axis;

use super::{Part, Picture, read};
use crate::stored::{Layout, Numbers, Wrong};
use crate::{LabelMap, ReadError};

/// How a picture encodes structures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MaskForm {
    /// The grey value or palette index is the label.
    Values,
    /// Every pixel that is not black is 1.
    Nonzero,
    /// Each colour stands for a label. Black is background unless it is listed.
    Colors(Vec<([u8; 3], u16)>),
}

/// Reads a picture as a label map of one slice, `[0, y, x]`.
///
/// # Errors
/// [`ReadError`] with the file's name; a pixel without a valid label is named.
pub fn read_label_map(path: &Path, form: &MaskForm) -> Result<LabelMap, ReadError> {
    let picture = read(path, Part::All)?;
    let (geometry, value_type) = (picture.geometry(), picture.value_type);
    let labels = match form {
        MaskForm::Values => stored_labels(picture),
        MaskForm::Nonzero => shown(picture, |parts| Ok(f32::from(parts.iter().any(|&part| part != 0.0)))),
        MaskForm::Colors(colors) => shown(picture, |parts| label_of(value_type, parts, colors)),
    };
    let mut numbers = Numbers::new(None);
    labels.map_err(|wrong| wrong.at(path))?.into_iter().for_each(|value| numbers.push(value.into()));
    numbers.into_label_map(path, geometry.clone(), &Layout::planar(geometry.shape, 1))
}

/// Grey values or palette indices. RGB with equal components counts as grey.
fn stored_labels(picture: Picture) -> Result<Vec<f32>, Wrong> {
    if picture.palette.is_some() {
        return Ok(picture.values);
    }
    shown(picture, |parts| match parts {
        [first, others @ ..] if others.iter().all(|other| other == first) => Ok(*first),
        _ => Err("labels must be grey values, or name the structures' colours".into()),
    })
}

/// One value per pixel, computed from its channels. The error says what is wrong with the pixel.
fn shown(picture: Picture, label: impl Fn(&[f32]) -> Result<f32, String>) -> Result<Vec<f32>, Wrong> {
    let voxels = picture.into_voxels()?;
    let mut labels = Vec::with_capacity(voxels.len() / voxels.len_of(Axis(0)).max(1));
    for (pixel, parts) in voxels.lanes(Axis(0)).into_iter().enumerate() {
        let parts = parts.to_vec();
        let width = voxels.len_of(Axis(3));
        let wrong = |reason| {
            let (y, x) = (pixel / width, pixel % width);
            Wrong::Unsupported(format!("pixel [{y}, {x}] has the colour {parts:?}; {reason}"))
        };
        labels.push(label(&parts).map_err(wrong)?);
    }
    Ok(labels)
}

fn label_of(value_type: &str, parts: &[f32], colors: &[([u8; 3], u16)]) -> Result<f32, String> {
    if value_type != "uint8" {
        return Err(format!("colours are found in 8-bit pictures, this one is {value_type}"));
    }
    let same = |color: &[u8; 3]| match parts {
        [grey] => color.iter().all(|&part| f32::from(part) == *grey),
        [red, green, blue] => color.map(f32::from) == [*red, *green, *blue],
        _ => false,
    };
    match colors.iter().find(|(color, _)| same(color)) {
        Some((_, label)) => Ok(f32::from(*label)),
        None if same(&[0; 3]) => Ok(0.0),
        None => Err("no structure has it (was the picture saved with lossy compression or smooth edges?)".into()),
    }
}
