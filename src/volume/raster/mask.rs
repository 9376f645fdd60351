//! Masks in pictures: label values, anything that is not black, or colours that stand for structures.

use std::path::Path;

use super::{Part, Picture, read};
use crate::volume::stored::{Layout, Numbers, Wrong};
use crate::volume::{LabelMap, ReadError};

/// How a picture shows structures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MaskForm {
    /// The grey value, or the number in the palette, is the label.
    Values,
    /// Every pixel that is not black is 1.
    Nonzero,
    /// Each colour stands for a label. Black is background unless it is listed.
    Colors(Vec<([u8; 3], u16)>),
}

/// Reads a picture as a label map of one slice, `[0, y, x]`.
///
/// # Errors
/// [`ReadError`] with the file's name; a pixel that is no label, or of a colour without one, is named.
pub fn read_label_map(path: &Path, form: &MaskForm) -> Result<LabelMap, ReadError> {
    let picture = read(path, Part::All)?;
    let geometry = picture.geometry();
    let labels = match form {
        MaskForm::Values => stored_labels(&picture),
        MaskForm::Nonzero => shown(&picture, |parts| Ok(f64::from(parts.iter().any(|&part| part != 0.0)))),
        MaskForm::Colors(colors) => shown(&picture, |parts| label_of(&picture, parts, colors)),
    };
    let mut numbers = Numbers::new(None);
    labels.map_err(|wrong| wrong.at(path))?.into_iter().for_each(|value| numbers.push(value));
    numbers.into_label_map(path, geometry.clone(), &Layout::planar(geometry.shape, 1))
}

/// Grey values, or places in the palette. Grey that was saved as colours is grey.
fn stored_labels(picture: &Picture) -> Result<Vec<f64>, Wrong> {
    if picture.palette.is_some() {
        return Ok(picture.values.clone());
    }
    shown(picture, |parts| match parts {
        [first, others @ ..] if others.iter().all(|other| other == first) => Ok(*first),
        _ => Err("labels are grey values, or name the colours of the structures".into()),
    })
}

/// One value per pixel, made from its channels. An error is what is wrong with the pixel.
fn shown(picture: &Picture, label: impl Fn(&[f64]) -> Result<f64, String>) -> Result<Vec<f64>, Wrong> {
    let [height, width] = picture.shape;
    let (channels, pixels) = (picture.channels(), height * width);
    let values = picture.channel_values()?;
    let mut labels = Vec::with_capacity(pixels);
    let mut parts = vec![0.0; channels];
    for pixel in 0..pixels {
        for (part, plane) in parts.iter_mut().zip(values.chunks(pixels)) {
            *part = plane.get(pixel).copied().unwrap_or(0.0);
        }
        let wrong = |reason| {
            let (y, x) = (pixel / width, pixel % width);
            Wrong::Unsupported(format!("pixel [{y}, {x}] has the colour {parts:?}; {reason}"))
        };
        labels.push(label(&parts).map_err(wrong)?);
    }
    Ok(labels)
}

fn label_of(picture: &Picture, parts: &[f64], colors: &[([u8; 3], u16)]) -> Result<f64, String> {
    if picture.value_type != "uint8" {
        return Err(format!("colours are found in 8-bit pictures, this one is {}", picture.value_type));
    }
    let same = |color: &[u8; 3]| match parts {
        [grey] => color.iter().all(|&part| f64::from(part) == *grey),
        [red, green, blue] => color.map(f64::from) == [*red, *green, *blue],
        _ => false,
    };
    match colors.iter().find(|(color, _)| same(color)) {
        Some((_, label)) => Ok(f64::from(*label)),
        None if same(&[0; 3]) => Ok(0.0),
        None => Err("no structure has it (was the picture saved with loss, or with smooth edges?)".into()),
    }
}
