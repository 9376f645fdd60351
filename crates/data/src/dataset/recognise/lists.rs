//! Folders with a list: `dataset.json` of the Decathlon and of nnU-Net, `train.csv` of UW-Madison.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::find::{Find, modality_of};
use super::folds;
use super::survey::{Kind, Survey};
use crate::dataset::layout::{DatasetJson, case_name_of, channel_of, nnunet_files};
use crate::dataset::spec::{Channel, Labels, Layout, Modality, Structure};
use crate::dataset::{DataError, Opened};

/// Value in the place of unlabelled voxels that nnU-Net reserves by this name.
const IGNORE: &str = "ignore";
/// Keys of `dataset.json` that say nothing about the data.
const WITHOUT_EFFECT: [&str; 13] = [
    "name",
    "numTraining",
    "numTest",
    "numtraining",
    "numtest",
    "tensorImageSize",
    "release",
    "test",
    "relase",
    "dim",
    "converted_by",
    "citation",
    "segspec",
];

/// A folder with `dataset.json`, `imagesTr` in nnU-Net's names, or both.
pub(super) fn dataset_json(survey: &Survey, json: &DatasetJson) -> Result<Option<Find>, DataError> {
    let has_json = survey.has("dataset.json");
    let images = nnunet_files(&survey.root, "imagesTr")?;
    let suffixed = !images.is_empty() && images.iter().all(|(stem, _)| channel_of(stem).is_some());
    let is_there = |path: &String| survey.root.join(path).is_file();
    let listed = json.training.iter().filter(|entry| entry.image.all().iter().all(is_there)).count();
    let is_raw = suffixed && is_raw(survey, &images)?;
    let mut find = if !json.dataset.is_empty() {
        let layout = Layout::List { file: None, cases: json.listed_cases() };
        Find::new("nnU-Net raw with its own list of files", layout)
    } else if listed > 0 && json.is_data_list() {
        return Ok(None);
    } else if !json.training.is_empty() && !is_raw && (listed > 0 || !suffixed) {
        Find::new("Medical Segmentation Decathlon", Layout::Msd {})
    } else if suffixed && survey.items.iter().any(|item| item.path.starts_with("labelsTr/")) {
        let mut find = Find::new("nnU-Net raw", Layout::Nnunet {});
        if !json.training.is_empty() {
            let text = "the list of dataset.json (nnU-Net 1) is not used: the files with channel numbers are taken";
            find.guesses.push(text.into());
        }
        find
    } else {
        return Ok(None);
    };
    if has_json {
        describe(json, &mut find);
        others(json, &mut find);
    }
    folds::beside(survey, &mut find);
    find.left_out.push(("imagesTs/".into(), "test images, which have no labels here".into()));
    find.left_out.push(("labelsTs/".into(), "test labels: `segspec evaluate` compares predictions with them".into()));
    Ok(Some(find))
}

/// Whether labels are named like the images without their channel numbers, and none like an image (`case_0001` of the Decathlon).
fn is_raw(survey: &Survey, images: &[(String, String)]) -> Result<bool, DataError> {
    let stems: BTreeSet<&str> = images.iter().map(|(stem, _)| stem.as_str()).collect();
    let cases: BTreeSet<&str> = stems.iter().filter_map(|stem| Some(channel_of(stem)?.0)).collect();
    let labels = nnunet_files(&survey.root, "labelsTr")?;
    let is_case = |stem: &str| cases.contains(stem) && !stems.contains(stem);
    Ok(!labels.is_empty()
        && labels.iter().any(|(stem, _)| is_case(stem))
        && !labels.iter().any(|(stem, _)| stems.contains(stem.as_str())))
}

/// Takes structures, channels and modality from `dataset.json`, if it states them.
pub(super) fn describe(json: &DatasetJson, find: &mut Find) {
    if find.structures.is_none() {
        labels(json, find);
    }
    if let Some(channels) = channels(json) {
        find.channels.get_or_insert(channels);
    }
    let stated = json.modality.values().chain(json.channel_names.values()).find_map(|name| modality_of(name));
    find.modality = find.modality.or(stated);
}

fn channels(json: &DatasetJson) -> Option<Vec<Channel>> {
    let named = if json.channel_names.is_empty() { &json.modality } else { &json.channel_names };
    let mut numbered: Vec<(usize, &String)> =
        named.iter().filter_map(|(number, name)| Some((number.parse().ok()?, name))).collect();
    numbered.sort_unstable();
    let main = numbered.iter().find_map(|(_, name)| modality_of(name));
    let channel = |(_, name): &(usize, &String)| {
        let modality = modality_of(name).filter(|own| Some(*own) != main);
        Channel { name: (*name).clone(), modality }
    };
    let mut channels: Vec<Channel> = numbered.iter().map(channel).collect();
    for index in 1..channels.len() {
        if channels[..index].iter().any(|other| other.name == channels[index].name) {
            channels[index].name = format!("{}-{index}", channels[index].name);
        }
    }
    (channels.len() > 1).then_some(channels)
}

/// Structures, regions and the ignored value of `labels`.
fn labels(json: &DatasetJson, find: &mut Find) {
    let Values { single, mut regions } = values(json, find);
    let all: BTreeSet<u16> = regions.iter().flat_map(|(_, values)| values).chain(single.keys()).copied().collect();
    let unnamed: Vec<String> = all.iter().filter(|v| !single.contains_key(v)).map(u16::to_string).collect();
    if !unnamed.is_empty() {
        let text = "belong to regions only: they are named value-N, and the regions are unions of them";
        find.guesses.push(format!("the label values {} {text}", unnamed.join(", ")));
    }
    let name = |value: u16| single.get(&value).cloned().unwrap_or_else(|| format!("value-{value}"));
    let structure = |value: &u16| Structure {
        name: name(*value),
        value: *value,
        color: None,
        code: None,
        instances: false,
        tubular: false,
    };
    let structures: Vec<Structure> = all.iter().map(structure).collect();
    if structures.is_empty() {
        return;
    }
    // The order of targets is from the largest region to the smallest, then the structures with names of their own.
    regions.sort_by_key(|(_, values)| std::cmp::Reverse(values.len()));
    if !regions.is_empty() {
        find.targets = regions.iter().map(|(name, _)| name.clone()).chain(single.values().cloned()).collect();
    }
    find.labels.merge =
        regions.into_iter().map(|(region, values)| (region, values.into_iter().map(name).collect())).collect();
    find.structures = Some(structures);
}

/// What `labels` says of the values.
struct Values {
    /// Values with a name of their own.
    single: BTreeMap<u16, String>,
    /// Regions: several values each.
    regions: Vec<(String, BTreeSet<u16>)>,
}

/// The values of `labels`. What cannot be expressed is told and left out.
fn values(json: &DatasetJson, find: &mut Find) -> Values {
    let mut found = Values { single: BTreeMap::new(), regions: Vec::new() };
    for (key, value) in &json.labels {
        let Some((name, values)) = named_values(key, value) else {
            find.guesses.push(format!("`{key}` of dataset.json's labels is not taken over: its value is {value}"));
            continue;
        };
        let all: BTreeSet<u16> = values.into_iter().collect();
        let values: BTreeSet<u16> = all.iter().copied().filter(|value| *value > 0).collect();
        match values.first() {
            None => {}
            Some(_) if values.len() < all.len() => {
                let text = "contains the background, 0: it is no union of structures, and is left out";
                find.guesses.push(format!("the region `{name}` of dataset.json {text}"));
            }
            Some(value) if name == IGNORE && values.len() == 1 => find.labels.ignore = Some(*value),
            Some(value) if values.len() == 1 => found.named(*value, name, find),
            Some(_) => found.regions.push((name, values)),
        }
    }
    let Some(ignored) = find.labels.ignore else { return found };
    let (kept, left): (Vec<_>, Vec<_>) = found.regions.into_iter().partition(|(_, values)| !values.contains(&ignored));
    found.regions = kept;
    for name in left.into_iter().map(|(name, _)| name).chain(found.single.remove(&ignored)) {
        find.guesses
            .push(format!("`{name}` of dataset.json is left out: it contains {ignored}, the value of `{IGNORE}`"));
    }
    found
}

impl Values {
    /// Notes the name of a value; each value has one name, and each name one value.
    fn named(&mut self, value: u16, name: String, find: &mut Find) {
        if let Some(first) = self.single.get(&value) {
            let text =
                format!("`{first}` and `{name}` of dataset.json have the same value, {value}: `{first}` is taken");
            return find.guesses.push(text);
        }
        let is_known = self.single.values().any(|known| *known == name);
        let own = if is_known { format!("{name}-{value}") } else { name.clone() };
        if is_known {
            find.guesses.push(format!("dataset.json calls several values `{name}`: {value} is called `{own}`"));
        }
        self.single.insert(value, own);
    }
}

/// The Decathlon writes `"1": "liver"`, nnU-Net `"liver": 1`, and for a region `"tumour": [1, 2]`.
fn named_values(key: &str, value: &serde_json::Value) -> Option<(String, Vec<u16>)> {
    let number = |value: &serde_json::Value| {
        let whole =
            value.as_u64().or_else(|| value.as_f64().filter(|v| v.fract() == 0.0 && *v >= 0.0).map(|v| v as u64));
        u16::try_from(whole?).ok()
    };
    match (key.parse::<u16>(), value) {
        (Ok(number), serde_json::Value::String(name)) => Some((name.clone(), vec![number])),
        (Err(_), serde_json::Value::String(number)) => Some((key.to_owned(), vec![number.trim().parse().ok()?])),
        (_, serde_json::Value::Array(values)) => {
            Some((key.to_owned(), values.iter().map(number).collect::<Option<Vec<_>>>()?))
        }
        (_, value) => Some((key.to_owned(), vec![number(value)?])),
    }
}

/// Names of channels by which nnU-Net chooses a normalisation that `"auto"` does not.
const NORMALISED: [(&str, &str); 3] =
    [("nonorm", "no normalisation"), ("rescale_to_0_1", "a range from 0 to 1"), ("rgb_to_0_1", "a range from 0 to 1")];

/// Says what `dataset.json` states of the cases and the files contradict, and how nnU-Net would normalise its channels.
pub(super) fn contradicted(json: &DatasetJson, find: &Find, opened: &Opened) -> Vec<String> {
    let mut told = Vec::new();
    for (number, name) in &json.channel_names {
        if let Some((_, what)) = NORMALISED.iter().find(|(known, _)| name.eq_ignore_ascii_case(known)) {
            told.push(format!(
                "channel {number} is called `{name}`, which means {what} in nnU-Net: state it in `preprocess.intensity`"
            ));
        }
    }
    if !matches!(find.layout, Layout::Nnunet {} | Layout::Msd {}) {
        return told;
    }
    let excluded = opened.excluded.iter().map(|row| row.case.as_str());
    let there: BTreeSet<&str> = opened.cases.iter().map(|case| case.name.as_str()).chain(excluded).collect();
    let stated = json.others.get("numTraining").and_then(serde_json::Value::as_u64);
    let count = if json.training.is_empty() { there.len() } else { json.training.len() };
    if let Some(stated) = stated.filter(|stated| *stated != count as u64) {
        told.push(format!("dataset.json states {stated} training cases (`numTraining`): there are {count}"));
    }
    // The names of nnU-Net 1 are without channel numbers; some lists have them.
    let name = |image: &String| {
        let name = case_name_of(image);
        let case = channel_of(&name).map(|(case, _)| case.to_owned());
        if there.contains(name.as_str()) { name } else { case.unwrap_or(name) }
    };
    let listed: BTreeSet<String> =
        json.training.iter().filter_map(|entry| entry.image.all().first().map(name)).collect();
    if listed.is_empty() || !matches!(find.layout, Layout::Nnunet {}) {
        return told;
    }
    let missing: Vec<&str> = listed.iter().map(String::as_str).filter(|case| !there.contains(case)).collect();
    let further: Vec<&str> = there.iter().copied().filter(|case| !listed.contains(*case)).collect();
    for (cases, what) in
        [(missing, "listed in dataset.json, without files"), (further, "taken, not listed in dataset.json")]
    {
        if !cases.is_empty() {
            told.push(format!("{} {what}: {}", crate::counted(cases.len(), "case"), folds::some(&cases)));
        }
    }
    told
}

/// Says which other keys of `dataset.json` are not needed.
fn others(json: &DatasetJson, find: &mut Find) {
    for key in json.others.keys().filter(|key| !WITHOUT_EFFECT.contains(&key.as_str())) {
        let reason = match key.as_str() {
            "overwrite_image_reader_writer" => "formats are detected by content",
            "regions_class_order" => "regions have outputs of their own and are not painted over each other",
            _ => "segspec does not know this key",
        };
        find.left_out.push((format!("dataset.json: {key}"), reason.into()));
    }
}

/// UW-Madison GI Tract: a table of run-length masks and folders `scans`. `spacing_mm` is `[z, y, x]`.
///
/// # Errors
/// [`DataError::Layout`] if the file names state no spacing and none is given.
pub(super) fn uw_madison(survey: &Survey, spacing_mm: Option<[f64; 3]>) -> Result<Option<Find>, DataError> {
    let Some(table) = survey.items.iter().find(|item| !item.path.contains('/') && is_run_table(&survey.place(item)))
    else {
        return Ok(None);
    };
    let slices = || survey.of_kinds(&[Kind::Picture]).filter(|item| item.folder().rsplit('/').next() == Some("scans"));
    let Some(first) = slices().next() else { return Ok(None) };
    let states = first.stem().split('_').count() >= 6;
    if !states && spacing_mm.is_none() {
        let reason = format!(
            "{}: UW-Madison's layout, but the file names do not state the spacing ({}); give it in mm, for example \
             `--spacing-mm 3,1.5,1.5` (slices, rows, columns)",
            survey.root.display(),
            first.name()
        );
        return Err(DataError::Layout { reason });
    }
    let layout = Layout::UwMadison {
        table: table.path.clone(),
        slice_spacing_mm: spacing_mm.map_or(3.0, |[z, _, _]| z),
        pixel_spacing_mm: spacing_mm.filter(|_| !states).map(|[_, y, x]| [y, x]),
    };
    let classes = classes(&survey.place(table));
    let mut find = Find::new("UW-Madison GI Tract", layout);
    find.lists.push(table.path.clone());
    let named = |(index, name): (usize, String)| Structure {
        name,
        value: index as u16 + 1,
        color: None,
        code: None,
        instances: false,
        tubular: false,
    };
    find.structures = Some(classes.into_iter().enumerate().map(named).collect());
    find.labels = Labels { overlap: true, ..Labels::default() };
    find.modality = Some(Modality::Mr);
    if spacing_mm.is_none() {
        find.guesses.push("slices are 3 mm apart: the files do not state it".into());
    }
    find.guesses.push("modality mr: as in this challenge".into());
    find.guesses.push("the masks of a slice may overlap: `labels.overlap`".into());
    if slices().all(|item| item.path.contains("_day")) {
        find.group_by = Some("^(.+)_day[0-9]+$".into());
    }
    Ok(Some(find))
}

fn is_run_table(path: &Path) -> bool {
    let is_csv = path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("csv"));
    is_csv
        && csv::Reader::from_path(path).and_then(|mut reader| reader.headers().cloned()).is_ok_and(|headers| {
            ["id", "class", "segmentation"].iter().all(|name| headers.iter().any(|header| header.trim() == *name))
        })
}

fn classes(path: &Path) -> BTreeSet<String> {
    let Ok(mut reader) = csv::Reader::from_path(path) else { return BTreeSet::new() };
    let column = reader.headers().ok().and_then(|headers| headers.iter().position(|name| name.trim() == "class"));
    let Some(column) = column else { return BTreeSet::new() };
    reader.records().filter_map(|row| row.ok()?.get(column).map(|class| class.trim().to_owned())).collect()
}
