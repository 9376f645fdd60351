//! Proposes a dataset for an unknown folder: layout, modality and structures.

mod pattern;

use std::collections::BTreeSet;
use std::path::Path;

use super::layout::{DatasetJson, channel_of, nifti_files};
use super::mirror::partners;
use super::spec::{Channel, Dataset, DicomChoice, Labels, Layout, Modality, Split, Structure};
use super::{Case, DataError, open, read_image};
use crate::volume::{read_header, read_label_map};

/// Number of images read to guess the modality.
const SAMPLED_IMAGES: usize = 3;
/// Number of label files read to find the label values if no `dataset.json` lists them.
const SAMPLED_LABELS: usize = 60;
/// An image with values this low is taken for CT: fat and air are below 0 HU, and other modalities rarely have negative values.
const FAT_HU: f32 = -50.0;

/// A proposed dataset, with a list of what was guessed.
#[derive(Clone, Debug, PartialEq)]
pub struct Proposal {
    /// The declaration; `root` is the folder as given.
    pub dataset: Dataset,
    /// Number of cases found with it.
    pub cases: usize,
    /// Guesses for the user to verify, shown as comments and in the terminal.
    pub guesses: Vec<String>,
}

/// Inspects the files of a folder and proposes a dataset.
///
/// # Errors
/// [`DataError`] if the folder is missing or matches no layout.
pub fn recognise(folder: &Path) -> Result<Proposal, DataError> {
    let json_path = folder.join("dataset.json");
    let json = if json_path.is_file() { DatasetJson::read(&json_path)? } else { DatasetJson::default() };
    let layout = layout(folder, &json)?;
    let mut dataset = Dataset {
        resample_channels: false,
        dicom: DicomChoice::default(),
        name: None,
        description: json.description.clone(),
        source: json.reference.clone(),
        licence: json.licence.clone(),
        root: folder.to_string_lossy().into_owned(),
        layout,
        generate: None,
        modality: Modality::Other,
        channels: Vec::new(),
        structures: Vec::new(),
        labels: Labels::default(),
        split: Split::default(),
        exclude: Default::default(),
    };
    let opened = open(&dataset, &folder.display().to_string(), Path::new(""))?;
    let mut guesses = Vec::new();
    dataset.channels = channels(&dataset.layout, &json, &opened.cases);
    dataset.modality = modality(&json, &opened.cases, &mut guesses);
    dataset.structures = structures(&json, &opened.cases, &mut guesses);
    let names: Vec<&str> = dataset.structures.iter().map(|structure| structure.name.as_str()).collect();
    dataset.labels.mirror_pairs = partners(&names);
    Ok(Proposal { dataset, cases: opened.cases.len(), guesses })
}

fn layout(folder: &Path, json: &DatasetJson) -> Result<Layout, DataError> {
    if !folder.is_dir() {
        let source = std::io::Error::new(std::io::ErrorKind::NotFound, "no such folder");
        return Err(DataError::Unreadable { path: folder.into(), source });
    }
    if !json.training.is_empty() {
        return Ok(Layout::Msd {});
    }
    let images = nifti_files(&folder.join("imagesTr"))?;
    if !images.is_empty() && images.iter().all(|(stem, _)| channel_of(stem).is_some()) {
        return Ok(Layout::Nnunet {});
    }
    pattern::pairs(folder)
}

/// Channel names; empty for a single channel.
fn channels(layout: &Layout, json: &DatasetJson, cases: &[Case]) -> Vec<Channel> {
    let Some(first) = cases.first() else { return Vec::new() };
    let in_file = first.images.first().and_then(|path| read_header(path).ok()).map_or(1, |header| header.channels);
    let count = if first.images.len() > 1 { first.images.len() } else { in_file };
    if count < 2 {
        return Vec::new();
    }
    let named = if json.channel_names.is_empty() { &json.modality } else { &json.channel_names };
    let patterns = if let Layout::Pairs { images, .. } = layout { images.as_slice() } else { &[] };
    (0..count)
        .map(|number| {
            let of_pattern = patterns.get(number).map(|pattern| pattern::literal(pattern));
            let name = named.get(&number.to_string()).cloned().or(of_pattern);
            Channel { name: name.unwrap_or_else(|| format!("channel-{number}")), modality: None }
        })
        .collect()
}

fn modality(json: &DatasetJson, cases: &[Case], guesses: &mut Vec<String>) -> Modality {
    let stated = json.modality.values().chain(json.channel_names.values()).next();
    if let Some(known) = stated.and_then(|name| modality_of(name)) {
        return known;
    }
    if let Some((word, known)) = modality_of_names(cases) {
        guesses.push(format!("modality: from the word `{word}` in the file names"));
        return known;
    }
    let images = cases.iter().take(SAMPLED_IMAGES).filter_map(|case| read_image(case).ok());
    let low = images.flat_map(|image| image.voxels.into_iter()).fold(f32::INFINITY, f32::min);
    if low <= FAT_HU {
        guesses.push(format!("modality ct: the lowest value is {low}, as for fat or air in CT"));
        return Modality::Ct;
    }
    guesses.push("modality mr: not stated, and no value is as low as fat or air in CT".into());
    Modality::Mr
}

/// A word such as `PET` or `t1w` in the name of the first image.
fn modality_of_names(cases: &[Case]) -> Option<(String, Modality)> {
    let name = cases.first()?.images.first()?.file_name()?.to_string_lossy().into_owned();
    let words = name.split(|letter: char| !letter.is_ascii_alphanumeric());
    let short = words.filter(|word| (2..=5).contains(&word.len()));
    short.map(str::to_owned).find_map(|word| modality_of(&word).map(|known| (word, known)))
}

fn modality_of(name: &str) -> Option<Modality> {
    let name = name.to_ascii_lowercase();
    let starts = |words: &[&str]| words.iter().any(|word| name.starts_with(word));
    match () {
        () if starts(&["ct", "cbct"]) => Some(Modality::Ct),
        () if starts(&["mr", "t1", "t2", "flair", "adc", "dwi"]) => Some(Modality::Mr),
        () if starts(&["pet", "suv"]) => Some(Modality::Pet),
        () if name == "us" || starts(&["ultrasound"]) => Some(Modality::Us),
        () => None,
    }
}

fn structures(json: &DatasetJson, cases: &[Case], guesses: &mut Vec<String>) -> Vec<Structure> {
    let mut named: Vec<Structure> = json.labels.iter().filter_map(|(key, value)| named_label(key, value)).collect();
    named.sort_by_key(|structure| structure.value);
    named.dedup_by_key(|structure| structure.value);
    if !named.is_empty() {
        return named;
    }
    let labels = cases.iter().filter_map(|case| Some(case.label.as_ref()?.path())).take(SAMPLED_LABELS);
    let mut values: BTreeSet<u16> = BTreeSet::new();
    for label in labels.filter_map(|path| read_label_map(path).ok()) {
        values.extend(label.voxels.iter());
    }
    values.remove(&0);
    guesses.push("structure names: the label files contain only numbers".into());
    let name = |value: &u16| Structure { name: format!("value-{value}"), value: *value, color: None, code: None };
    values.iter().map(name).collect()
}

/// MSD writes `"1": "liver"`, nnU-Net `"liver": 1`. Regions (lists) and `ignore` are skipped: they are not structures with one value.
fn named_label(key: &str, value: &serde_json::Value) -> Option<Structure> {
    let (name, value) = match (key.parse::<u16>(), value) {
        (Ok(number), serde_json::Value::String(name)) => (name.clone(), number),
        (_, serde_json::Value::Number(number)) => (key.to_owned(), u16::try_from(number.as_u64()?).ok()?),
        _ => return None,
    };
    (value > 0 && name != "ignore").then_some(Structure { name, value, color: None, code: None })
}

#[cfg(test)]
mod tests;
