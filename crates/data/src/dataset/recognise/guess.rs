//! What no list states: channels, modality and structures, from the files.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use super::beside::{self, Values, label_files};
use super::find::{Find, modality_of};
use super::pattern::literal;
use crate::counted;
use crate::dataset::name::folded;
use crate::dataset::spec::{Channel, Dataset, Labels, Layout, MAX_OVERLAPPING, Modality, Structure};
use crate::dataset::{Case, Label, read_image};
use crate::volume::format::Options;
use crate::volume::label_names::present;
use crate::volume::{Format, ReadError, Segmentation, Segments, dicom, read_header, read_label_map};

/// Number of images read to guess the modality.
const SAMPLED_IMAGES: usize = 3;
/// Number of label files read to find the label values if no list names them.
const SAMPLED_LABELS: usize = 60;
/// Number of label files read to compare their values with the named ones.
const COMPARED_LABELS: usize = 10;
/// An image with values this low is taken for CT: fat and air are below 0 HU, and other modalities rarely have negative values.
const FAT_HU: f32 = -50.0;

/// Channel names; empty for a single channel.
pub(super) fn channels(find: &Find, cases: &[Case]) -> Vec<Channel> {
    let Some(first) = cases.first() else { return Vec::new() };
    let header = first.images.first().filter(|path| path.is_file()).and_then(|path| read_header(path).ok());
    let in_file = header.map_or(1, |header| header.channels);
    let count = if first.images.len() > 1 { first.images.len() } else { in_file };
    if count < 2 {
        return Vec::new();
    }
    if let Some(named) = find.channels.clone().filter(|named| named.len() == count) {
        return named;
    }
    let patterns = match &find.layout {
        Layout::Pairs { images, .. } | Layout::Masks { images, .. } => images.as_slice(),
        _ => &[],
    };
    let is_picture = first.images.first().is_some_and(|path| matches!(Format::of(path), Ok(Format::Picture)));
    let colours = ["red", "green", "blue"];
    let name = |number: usize| match patterns.get(number).map(|pattern| literal(pattern)) {
        Some(name) if !name.is_empty() => name,
        _ if is_picture && first.images.len() == 1 && count == 3 => colours[number].to_owned(),
        _ => format!("channel-{number}"),
    };
    (0..count).map(|number| Channel { name: name(number), modality: None }).collect()
}

/// The modality: stated, else from DICOM headers, words in file names, or intensities.
pub(super) fn modality(find: &Find, cases: &[Case], guesses: &mut Vec<String>) -> Modality {
    if let Some(known) = find.modality {
        return known;
    }
    let first = cases.first().and_then(|case| case.images.first());
    if let Some(known) = first.and_then(|path| of_dicom(path)) {
        return known;
    }
    if first.is_some_and(|path| matches!(Format::of(path), Ok(Format::Picture))) {
        let channels = first.and_then(|path| read_header(path).ok()).map_or(1, |header| header.channels);
        let known = if channels == 3 { Modality::Rgb } else { Modality::Other };
        let name = if channels == 3 { "rgb" } else { "other" };
        guesses.push(format!("modality {name}: pictures of {}", counted(channels, "channel")));
        return known;
    }
    if let Some((word, known)) = of_names(cases) {
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

/// The modality that the first DICOM image below a path states.
fn of_dicom(path: &std::path::Path) -> Option<Modality> {
    let files = crate::files::below(path).ok()?;
    let stated = files.iter().find_map(|file| dicom::identity(file).ok()?.filter(|identity| identity.is_image))?;
    Some(match stated.modality.as_str() {
        "CT" => Modality::Ct,
        "MR" => Modality::Mr,
        "PT" | "NM" => Modality::Pet,
        "US" => Modality::Us,
        _ => Modality::Other,
    })
}

/// A word such as `PET` or `t1w` in the name of the first image.
fn of_names(cases: &[Case]) -> Option<(String, Modality)> {
    let name = cases.first()?.images.first()?.file_name()?.to_string_lossy().into_owned();
    let words = name.split(|letter: char| !letter.is_ascii_alphanumeric());
    let short = words.filter(|word| (2..=5).contains(&word.len()));
    short.map(str::to_owned).find_map(|word| modality_of(&word).map(|known| (word, known)))
}

/// The structures, from names in or beside the label files or else from their values. Cases whose names contradict those of the others
/// are excluded.
pub(super) fn structures(
    find: &Find,
    cases: &[Case],
    dataset: &mut Dataset,
    guesses: &mut Vec<String>,
) -> Vec<Structure> {
    let root = PathBuf::from(&dataset.root);
    if let Some(named) = find.structures.clone().filter(|named| !named.is_empty()) {
        guesses.extend(beside::differing(&root, cases, &named));
        return compared(named, &values(cases, COMPARED_LABELS), &dataset.labels, guesses);
    }
    if let Some(named) = segments(cases, &mut dataset.labels, guesses) {
        return named;
    }
    let values = values(cases, SAMPLED_LABELS);
    let named = beside::named(&root, cases, &values, guesses);
    for (case, reason) in named.contradicting {
        guesses.push(format!("case {case} is excluded: {reason}"));
        dataset.exclude.insert(case, reason);
    }
    if !named.structures.is_empty() {
        return compared(named.structures, &values, &dataset.labels, guesses);
    }
    guesses.push("structure names: the label files contain only numbers".into());
    all(&values).into_iter().map(unnamed).collect()
}

/// A structure of which only the value is known.
fn unnamed(value: u16) -> Structure {
    Structure { name: format!("value-{value}"), value, color: None, code: None, instances: false, tubular: false }
}

/// Adds values that the files hold but no list names. One structure whose value no file holds takes the only other value: masks of 0
/// and 255 are often declared as 0 and 1.
fn compared(mut named: Vec<Structure>, values: &Values, labels: &Labels, guesses: &mut Vec<String>) -> Vec<Structure> {
    let found = all(values);
    let is_named = |value: &u16| named.iter().any(|known| known.value == *value) || labels.ignore == Some(*value);
    let strange: Vec<u16> = found.iter().filter(|value| !is_named(value)).copied().collect();
    match (named.as_mut_slice(), strange.as_slice()) {
        (_, []) => {}
        ([only], [value]) if !found.contains(&only.value) => {
            guesses.push(format!("`{}` is {value}: it is declared as {}, which no label holds", only.name, only.value));
            only.value = *value;
        }
        (_, strange) => {
            let text: Vec<String> = strange.iter().map(u16::to_string).collect();
            guesses
                .push(format!("the label values {} have no name in the list: they are named value-N", text.join(", ")));
            named.extend(strange.iter().copied().map(unnamed));
        }
    }
    named
}

/// Values of the label files of the first cases. What cannot be read is told of the case.
fn values(cases: &[Case], most: usize) -> Values {
    let files = cases.iter().map(label_files).filter(|files| !files.is_empty()).take(most).flatten();
    files.filter_map(|file| Some((file.clone(), present(&read_label_map(file).ok()?)))).collect()
}

/// All values, without 0.
fn all(values: &Values) -> BTreeSet<u16> {
    values.values().flatten().copied().filter(|value| *value > 0).collect()
}

/// The segments of a file; contours become voxels on the image.
fn segments_of(path: &std::path::Path, image: Option<&std::path::PathBuf>) -> Result<Segments, ReadError> {
    let read = Format::of(path)?.entry().read.segments;
    let on_image = |_| read(path, &Options { on: image.cloned(), ..Options::default() });
    read(path, &Options::default()).or_else(on_image)
}

/// Named segments (DICOM SEG, RTSTRUCT, `.seg.nrrd`): structures by name.
fn segments(cases: &[Case], labels: &mut Labels, guesses: &mut Vec<String>) -> Option<Vec<Structure>> {
    let is_named = |path: &std::path::Path| Format::of(path).is_ok_and(|format| format.entry().holds_labels);
    let files = cases.iter().filter_map(|case| match case.label.as_ref()? {
        Label::Map(path) => Some((path.as_path(), case.images.first())),
        _ => None,
    });
    let mut found: Vec<Structure> = Vec::new();
    let (mut overlap, mut values): (bool, BTreeMap<String, BTreeSet<u16>>) = (false, BTreeMap::new());
    for (path, image) in files.filter(|(path, _)| is_named(path)).take(SAMPLED_LABELS) {
        let object = dicom::only_segments(path).unwrap_or_else(|_| path.into());
        let Ok(segments) = segments_of(&object, image) else { continue };
        overlap |= matches!(segments.content, Segmentation::Masks { .. });
        for segment in segments.segments {
            let same = found.iter().find(|known| folded(&known.name) == folded(&segment.name));
            if let Some(known) = same.filter(|known| known.name != segment.name) {
                let text = format!("`{}` is the same structure as `{}`", segment.name, known.name);
                if !guesses.contains(&text) {
                    guesses.push(text);
                }
            }
            let name = same.map_or(&segment.name, |known| &known.name).clone();
            values.entry(name).or_default().insert(segment.value);
            if same.is_none() {
                let color = segment.color.map(|[red, green, blue]| format!("#{red:02x}{green:02x}{blue:02x}"));
                found.push(Structure {
                    name: segment.name,
                    value: segment.value,
                    color,
                    code: None,
                    instances: false,
                    tubular: false,
                });
            }
        }
    }
    if found.is_empty() {
        return None;
    }
    let stated: BTreeSet<u16> = found.iter().map(|structure| structure.value).collect();
    if values.values().any(|values| values.len() > 1) || stated.len() < found.len() {
        guesses.push(
            "segments are numbered differently from file to file: the structures are numbered anew, by name".into(),
        );
        found.iter_mut().zip(1..).for_each(|(structure, number)| structure.value = number);
    }
    labels.by_name = true;
    if overlap && found.len() <= MAX_OVERLAPPING {
        labels.overlap = true;
        guesses.push("segments overlap: `labels.overlap`".into());
    }
    Some(found)
}

/// Whether masks of the first cases share voxels; asked for few structures only.
pub(super) fn overlap(dataset: &Dataset, cases: &[Case]) -> bool {
    dataset.structures.len() <= MAX_OVERLAPPING && cases.iter().take(SAMPLED_IMAGES).any(overlaps)
}

fn overlaps(case: &Case) -> bool {
    let Some(Label::Masks(masks)) = &case.label else { return false };
    let mut seen: Option<Vec<bool>> = None;
    for (_, path) in masks {
        let Ok(mask) = read_label_map(path) else { return false };
        let seen = seen.get_or_insert_with(|| vec![false; mask.voxels.len()]);
        if seen.len() != mask.voxels.len() {
            return false;
        }
        for (seen, value) in seen.iter_mut().zip(&mask.voxels) {
            if *value != 0 && std::mem::replace(seen, true) {
                return true;
            }
        }
    }
    false
}
