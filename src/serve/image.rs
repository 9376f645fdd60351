//! Images and label maps as the page wants them.

use std::path::Path;

use ndarray::{Array3, Array4, Axis};
use serde_json::{Value, json};

use super::error::{Answer, Refusal};
use crate::corrections::Added;
use crate::dataset::{Case, Target, read_image};
use crate::volume::format::Options;
use crate::volume::{self, Format, Geometry, LabelMap, Segmentation, Volume};

/// How voxels of images are sent: packing a large image takes longer than sending it to a browser of the same machine, and longer than all
/// else together. Labels are always packed: they become small.
#[derive(Clone, Copy, Debug)]
pub struct Voxels {
    /// Ending of the file's name.
    pub ending: &'static str,
    /// As browsers are told of it.
    pub kind: &'static str,
}

impl Voxels {
    /// Labels, and images for other machines.
    pub const PACKED: Self = Self { ending: "nii.gz", kind: "application/gzip" };

    /// For a server that only this machine can reach, or one for others.
    pub fn of(is_local: bool) -> Self {
        if is_local { Self { ending: "nii", kind: "application/octet-stream" } } else { Self::PACKED }
    }
}

/// An image as the page knows it: where its voxels are had, and its grid.
pub fn about(name: &str, url: &str, geometry: &Geometry, channels: usize, modality: Option<&str>) -> Value {
    json!({
        "name": name, "url": url, "shape": geometry.shape, "spacing": geometry.spacing_mm(),
        "has-spacing": geometry.has_spacing, "orientation": geometry.orientation(), "channels": channels, "modality": modality,
    })
}

/// The same for labels; `masks` is the number of masks where structures overlap.
pub fn about_labels(name: &str, url: &str, geometry: &Geometry, masks: Option<usize>) -> Value {
    let mut value = about(name, url, geometry, 1, None);
    value["masks"] = json!(masks);
    value
}

/// The structures of a target, and those that people added while correcting.
pub fn structures(target: &Target, added: &[Added]) -> Value {
    let structure = |it: &crate::dataset::TargetStructure| {
        let [r, g, b] = it.color;
        let color = format!("#{r:02x}{g:02x}{b:02x}");
        json!({ "name": it.name, "value": it.value, "values": it.values, "color": color })
    };
    let own = target.structures.iter().map(structure);
    let new = added.iter().map(
        |it| json!({ "name": it.name, "value": it.value, "values": [it.value], "color": it.color, "added": true }),
    );
    Value::Array(own.chain(new).collect())
}

/// Grid and number of channels of a case's image, from its header where that tells them.
///
/// # Errors
/// The image cannot be read.
pub fn grid(case: &Case) -> Answer<(Geometry, usize)> {
    if let ([path], None) = (case.images.as_slice(), case.stack_spacing_mm) {
        let options = Options { choice: case.choice(0), ..Options::default() };
        if let Ok(header) = Format::of(path).and_then(|format| (format.entry().read.header)(path, &options)) {
            return Ok((case.reading.spaced(header.geometry), header.channels));
        }
    }
    let image = read_image(case)?;
    Ok((image.geometry, image.voxels.dim().0))
}

/// Writes an image, or one of its channels, as NIfTI.
///
/// # Errors
/// No such channel; the disk is full.
pub fn write_image(path: &Path, image: Volume, channel: Option<usize>) -> Answer<()> {
    let image = match channel {
        None => image,
        Some(channel) if channel < image.voxels.dim().0 => {
            let voxels = image.voxels.index_axis(Axis(0), channel).insert_axis(Axis(0)).to_owned();
            Volume { voxels, geometry: image.geometry }
        }
        Some(_) => {
            return Err(Refusal::bad(format!("the image has {} channels, counted from 0", image.voxels.dim().0)));
        }
    };
    Ok(volume::write_volume(path, &image)?)
}

/// Writes labels, or where a structure is (0 or 1), as NIfTI.
///
/// # Errors
/// No such structure; masks that overlap cannot be one label map; the disk is full.
pub fn write_labels(path: &Path, labels: &Segmentation, target: &Target, mask: Option<usize>) -> Answer<()> {
    let geometry = labels.geometry().clone();
    let voxels = match (labels, mask) {
        (Segmentation::Labels(map), None) => return Ok(volume::write_label_map(path, map)?),
        (Segmentation::Masks { .. }, None) => {
            return Err(Refusal::bad("the structures overlap: ask for one of them, such as ?mask=0"));
        }
        (labels, Some(mask)) => of_structure(labels, target, mask)?,
    };
    Ok(volume::write_label_map(path, &LabelMap { voxels, geometry })?)
}

/// Where a structure is: 0 or 1.
///
/// # Errors
/// There is no such structure.
pub fn of_structure(labels: &Segmentation, target: &Target, place: usize) -> Answer<Array3<u16>> {
    let missing = || Refusal::bad(format!("there are {} structures, counted from 0", target.structures.len()));
    let structure = target.structures.get(place).ok_or_else(missing)?;
    match labels {
        Segmentation::Labels(map) => {
            let is = |value: u16| structure.value == value || structure.values.contains(&value);
            Ok(map.voxels.mapv(|value| u16::from(is(value))))
        }
        Segmentation::Masks { masks, .. } => {
            let mask = masks.outer_iter().nth(place).ok_or_else(missing)?;
            Ok(mask.mapv(|value| u16::from(value != 0)))
        }
    }
}

/// Labels in which each structure has its own value, or masks where structures overlap. Values of no structure are left out.
///
/// # Errors
/// Masks are of other structures.
pub fn separate(labels: &Segmentation, target: &Target) -> Answer<Segmentation> {
    let Segmentation::Labels(map) = labels else { return Ok(labels.clone()) };
    if target.overlapping {
        let places = 0..target.structures.len();
        let [depth, height, width] = map.geometry.shape;
        let mut masks = Array4::zeros((target.structures.len(), depth, height, width));
        for (place, mut mask) in places.zip(masks.outer_iter_mut()) {
            mask.assign(&of_structure(labels, target, place)?.mapv(|value| value as u8));
        }
        return Ok(Segmentation::Masks { masks, geometry: map.geometry.clone() });
    }
    let mut of = vec![0_u16; usize::from(u16::MAX) + 1];
    for structure in &target.structures {
        structure.values.iter().for_each(|value| of[usize::from(*value)] = structure.value);
        of[usize::from(structure.value)] = structure.value;
    }
    let voxels = map.voxels.mapv(|value| of[usize::from(value)]);
    Ok(Segmentation::Labels(LabelMap { voxels, geometry: map.geometry.clone() }))
}

/// Volume of each structure in millilitres; none without a spacing.
pub fn volumes(labels: &Segmentation, target: &Target) -> Value {
    let geometry = labels.geometry();
    if !geometry.has_spacing {
        return json!({});
    }
    let ml = geometry.voxel_mm3() / 1000.0;
    let mut counts = vec![0_u64; target.structures.len()];
    match labels {
        Segmentation::Labels(map) => {
            let mut of = vec![0_u64; usize::from(u16::MAX) + 1];
            map.voxels.iter().for_each(|&value| of[usize::from(value)] += 1);
            for (structure, count) in target.structures.iter().zip(&mut counts) {
                let values =
                    if target.painted { structure.values.as_slice() } else { std::slice::from_ref(&structure.value) };
                *count = values.iter().map(|value| of[usize::from(*value)]).sum();
            }
        }
        Segmentation::Masks { masks, .. } => {
            for (mask, count) in masks.outer_iter().zip(&mut counts) {
                *count = mask.iter().filter(|&&voxel| voxel != 0).count() as u64;
            }
        }
    }
    let named = target.structures.iter().zip(counts);
    Value::Object(named.map(|(structure, count)| (structure.name.clone(), json!(count as f64 * ml))).collect())
}
