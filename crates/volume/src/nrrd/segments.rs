//! Segments of 3D Slicer's `.seg.nrrd`: names, colours, label values, and layers for overlapping segments.
//!
//! Source: `vtkMRMLSegmentationStorageNode` of 3D Slicer, and its documentation of the file format.

use std::collections::BTreeMap;
use std::path::Path;

use ndarray::{Array4, Axis};

use super::header::Source;
use crate::stored::{Wrong, damaged};
use crate::{LabelMap, ReadError, Segment, Segmentation, Segments};

/// Masks of more voxels than this are refused: 32 GiB.
const LARGEST_MASKS: usize = 1 << 35;

/// A segment and the place of its voxels.
struct Entry {
    name: String,
    color: Option<[u8; 3]>,
    layer: usize,
    label: u16,
}

/// Reads a segmentation with the names of its structures.
///
/// Segments of one layer become a label map, with the label as each segment's value. Several layers become masks; a segment's value is
/// then its label if that is unique, else its position in the file, counted from 1.
///
/// # Errors
/// [`ReadError`] with the file's name; voxels that no segment names are refused.
pub fn read_segments(path: &Path) -> Result<Segments, ReadError> {
    let source = Source::open(path)?;
    let (layout, geometry) = (source.format.axes.layout, source.format.axes.geometry.clone());
    let entries = entries(&source.pairs, layout.channels).map_err(|wrong| wrong.at(path))?;
    let layers = source.read_numbers()?.into_labels(path, &layout)?;
    check_named(&layers, &entries).map_err(|wrong| wrong.at(path))?;
    let distinct = all_distinct(entries.iter().map(|entry| (0, entry.label)));
    let number = |index: usize| u16::try_from(index + 1).unwrap_or(u16::MAX);
    let segment = |(index, entry): (usize, &Entry)| Segment {
        name: entry.name.clone(),
        value: if distinct { entry.label } else { number(index) },
        color: entry.color,
    };
    let segments = entries.iter().enumerate().map(segment).collect();
    let content = if layout.channels == 1 {
        Segmentation::Labels(LabelMap { voxels: layers.index_axis_move(Axis(0), 0), geometry })
    } else {
        Segmentation::Masks { masks: masks(&layers, &entries).map_err(|reason| damaged(path, reason))?, geometry }
    };
    Ok(Segments { segments, content })
}

/// Names of the segments and their label values, from the header alone. Empty for segments in several layers, whose values may repeat.
///
/// # Errors
/// [`ReadError`] with the file's name.
pub fn named_values(path: &Path) -> Result<Vec<(String, u16)>, ReadError> {
    let source = Source::open(path)?;
    let layers = source.format.axes.layout.channels;
    let entries = entries(&source.pairs, layers).map_err(|wrong| wrong.at(path))?;
    Ok(entries.into_iter().filter(|_| layers == 1).map(|entry| (entry.name, entry.label)).collect())
}

fn all_distinct(keys: impl Iterator<Item = (usize, u16)>) -> bool {
    let mut keys: Vec<_> = keys.collect();
    keys.sort_unstable();
    keys.windows(2).all(|pair| pair[0] != pair[1])
}

/// `Segment0_…`, `Segment1_…`, up to the first number without an identifier or a name.
fn entries(pairs: &BTreeMap<String, String>, layers: usize) -> Result<Vec<Entry>, Wrong> {
    let get = |index: usize, key: &str| pairs.get(&format!("Segment{index}_{key}")).map(|value| value.trim());
    let mut entries = Vec::new();
    while let Some(name) = get(entries.len(), "Name").or_else(|| get(entries.len(), "ID")) {
        let index = entries.len();
        let wrong = |key: &str, value: &str| Wrong::Damaged(format!("`Segment{index}_{key}:={value}` cannot be read"));
        // Files of 3D Slicer before 4.11 state neither: each segment is a layer of zeros and ones.
        let layer = match get(index, "Layer") {
            Some(value) => value.parse().ok().filter(|&layer| layer < layers).ok_or_else(|| wrong("Layer", value))?,
            None if layers == 1 => 0,
            None => Some(index).filter(|&layer| layer < layers).ok_or_else(|| wrong("Name", name))?,
        };
        let label = match get(index, "LabelValue") {
            Some(value) => value.parse().ok().filter(|&label| label > 0).ok_or_else(|| wrong("LabelValue", value))?,
            None => 1,
        };
        let color = match get(index, "Color") {
            Some(value) => Some(color(value).ok_or_else(|| wrong("Color", value))?),
            None => None,
        };
        entries.push(Entry { name: name.to_owned(), color, layer, label });
    }
    if entries.is_empty() {
        return Err(Wrong::Unsupported("names no segments: it is an image or a label map, not a .seg.nrrd".into()));
    }
    if !all_distinct(entries.iter().map(|entry| (entry.layer, entry.label))) {
        return Err(Wrong::Damaged("gives the same label value in the same layer to two segments".into()));
    }
    Ok(entries)
}

/// Red, green and blue from 0 to 1.
fn color(value: &str) -> Option<[u8; 3]> {
    let parts: Option<Vec<f64>> = value.split_whitespace().map(|part| part.parse().ok()).collect();
    let parts: [f64; 3] = parts?.try_into().ok()?;
    let in_range = parts.iter().all(|part| (0.0..=1.0).contains(part));
    in_range.then(|| parts.map(|part| (part * 255.0).round() as u8))
}

/// Index of the segment of each layer and label value.
fn places(entries: &[Entry]) -> BTreeMap<(usize, u16), usize> {
    entries.iter().enumerate().map(|(index, entry)| ((entry.layer, entry.label), index)).collect()
}

fn check_named(layers: &Array4<u16>, entries: &[Entry]) -> Result<(), Wrong> {
    let places = places(entries);
    for (layer, voxels) in layers.axis_iter(Axis(0)).enumerate() {
        let mut seen = vec![false; 1 << 16];
        for &label in voxels {
            seen[usize::from(label)] = true;
        }
        let unnamed = |label: &u16| *label > 0 && seen[usize::from(*label)] && !places.contains_key(&(layer, *label));
        if let Some(label) = (0..=u16::MAX).find(unnamed) {
            let text = format!(
                "has voxels of value {label} in layer {layer}, which no segment names; name or remove them in 3D Slicer"
            );
            return Err(Wrong::Unsupported(text));
        }
    }
    Ok(())
}

/// One mask per segment.
fn masks(layers: &Array4<u16>, entries: &[Entry]) -> Result<Array4<u8>, String> {
    let (_, depth, height, width) = layers.dim();
    let count = (depth * height * width).checked_mul(entries.len()).filter(|&count| count <= LARGEST_MASKS);
    if count.is_none() {
        return Err(format!("its {} segments are too many for masks of this size", entries.len()));
    }
    let mut masks = Array4::zeros([entries.len(), depth, height, width]);
    for (mut mask, entry) in masks.axis_iter_mut(Axis(0)).zip(entries) {
        let layer = layers.index_axis(Axis(0), entry.layer);
        mask.zip_mut_with(&layer, |inside, &label| *inside = u8::from(label == entry.label));
    }
    Ok(masks)
}
