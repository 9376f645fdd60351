//! Folders with a list: `dataset.json` of the Decathlon and of nnU-Net, MONAI's data lists, `train.csv` of UW-Madison.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::find::{Find, modality_of};
use super::survey::{Kind, Survey};
use crate::dataset::DataError;
use crate::dataset::layout::{DatasetJson, channel_of, nnunet_files, read_list};
use crate::dataset::spec::{Channel, Labels, Layout, ListedCase, Modality, Split, Structure};

/// Value in the place of unlabelled voxels that nnU-Net reserves by this name.
const IGNORE: &str = "ignore";
/// Keys of `dataset.json` that say nothing about the data.
const WITHOUT_EFFECT: [&str; 12] = [
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
];

/// A folder with `dataset.json`, `imagesTr` in nnU-Net's names, or both.
pub(super) fn dataset_json(survey: &Survey, json: &DatasetJson) -> Result<Option<Find>, DataError> {
    let has_json = survey.has("dataset.json");
    let images = nnunet_files(&survey.root, "imagesTr")?;
    let suffixed = !images.is_empty() && images.iter().all(|(stem, _)| channel_of(stem).is_some());
    let listed = json.training.iter().filter(|entry| survey.root.join(&entry.image).is_file()).count();
    let mut find = if !json.dataset.is_empty() {
        Find::new("nnU-Net raw with its own list of files", Layout::List { file: None, cases: cases_of(json) })
    } else if !json.training.is_empty() && (listed > 0 || !suffixed) {
        Find::new("Medical Segmentation Decathlon", Layout::Msd {})
    } else if suffixed && survey.items.iter().any(|item| item.path.starts_with("labelsTr/")) {
        let mut find = Find::new("nnU-Net raw", Layout::Nnunet {});
        if !json.training.is_empty() {
            let text = "dataset.json lists names without channel numbers (nnU-Net 1): the files with numbers are taken";
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
    splits(survey, &mut find);
    find.left_out.push(("imagesTs/".into(), "test images, which have no labels here".into()));
    find.left_out.push(("labelsTs/".into(), "test labels: `segspec evaluate` compares predictions with them".into()));
    Ok(Some(find))
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

/// nnU-Net 2: `"dataset": {"case": {"images": […], "label": …}}`.
fn cases_of(json: &DatasetJson) -> Vec<ListedCase> {
    let texts = |value: Option<&serde_json::Value>| -> Vec<String> {
        let list = value.and_then(|value| value.as_array().cloned()).unwrap_or_default();
        list.iter().filter_map(|text| text.as_str().map(str::to_owned)).collect()
    };
    let case = |(name, entry): (&String, &serde_json::Value)| ListedCase {
        case: name.clone(),
        images: texts(entry.get("images")),
        label: entry.get("label").and_then(|label| label.as_str()).map(str::to_owned),
        ..ListedCase::default()
    };
    json.dataset.iter().map(case).collect()
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
    let mut single: BTreeMap<u16, String> = BTreeMap::new();
    let mut regions: Vec<(String, BTreeSet<u16>)> = Vec::new();
    for (key, value) in &json.labels {
        let Some((name, values)) = named_values(key, value) else {
            find.guesses.push(format!("`{key}` of dataset.json's labels is not taken over: its value is {value}"));
            continue;
        };
        let values: BTreeSet<u16> = values.into_iter().filter(|value| *value > 0).collect();
        match values.first() {
            None => {}
            Some(value) if name == IGNORE && values.len() == 1 => find.labels.ignore = Some(*value),
            Some(value) if values.len() == 1 => drop(single.insert(*value, name)),
            Some(_) => regions.push((name, values)),
        }
    }
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

/// The Decathlon writes `"1": "liver"`, nnU-Net `"liver": 1`, and for a region `"tumour": [1, 2]`.
fn named_values(key: &str, value: &serde_json::Value) -> Option<(String, Vec<u16>)> {
    let number = |value: &serde_json::Value| {
        let whole =
            value.as_u64().or_else(|| value.as_f64().filter(|v| v.fract() == 0.0 && *v >= 0.0).map(|v| v as u64));
        u16::try_from(whole?).ok()
    };
    match (key.parse::<u16>(), value) {
        (Ok(number), serde_json::Value::String(name)) => Some((name.clone(), vec![number])),
        (_, serde_json::Value::Array(values)) => {
            Some((key.to_owned(), values.iter().map(number).collect::<Option<Vec<_>>>()?))
        }
        (_, value) => Some((key.to_owned(), vec![number(value)?])),
    }
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

/// nnU-Net's folds, if its `splits_final.json` lies in the folder.
fn splits(survey: &Survey, find: &mut Find) {
    const FILE: &str = "splits_final.json";
    #[derive(serde::Deserialize)]
    struct Fold {
        train: Vec<String>,
        val: Vec<String>,
    }
    let Ok(text) = std::fs::read_to_string(survey.root.join(FILE)) else { return };
    let Ok(folds) = serde_json::from_str::<Vec<Fold>>(&text) else {
        return find.left_out.push((FILE.into(), "is not a list of `train` and `val`".into()));
    };
    let all: BTreeSet<&String> = folds.iter().flat_map(|fold| fold.train.iter().chain(&fold.val)).collect();
    let tested: Vec<&String> = folds.iter().flat_map(|fold| &fold.val).collect();
    let once: BTreeSet<&String> = tested.iter().copied().collect();
    let complete = folds.iter().all(|fold| {
        let (train, val): (BTreeSet<_>, BTreeSet<_>) = (fold.train.iter().collect(), fold.val.iter().collect());
        train.is_disjoint(&val) && train.len() + val.len() == all.len()
    });
    if folds.len() < 2 || once.len() != tested.len() || once != all || !complete {
        let reason = "its folds are no cross-validation in which every case is tested once: list one as `split.fixed`";
        return find.left_out.push((FILE.into(), reason.into()));
    }
    let folds: Vec<Vec<String>> = folds.into_iter().map(|fold| fold.val).collect();
    find.lists.push(FILE.into());
    find.guesses
        .push(format!("the {} folds of {FILE}: its validation cases are the test cases of a fold", folds.len()));
    find.split = Some(Split::FixedFolds { folds, validation: 0.0, seed: 0 });
}

/// A list of MONAI: a JSON file with `training` entries that name existing files.
pub(super) fn data_list(survey: &Survey) -> Option<Find> {
    let is_list = |path: &str| path.ends_with(".json") && !path.contains('/') && path != "dataset.json";
    let candidates = survey.items.iter().filter(|item| is_list(&item.path) || item.path == "dataset.json");
    let read = candidates.filter_map(|item| {
        let cases = read_list(&survey.place(item)).ok()?;
        let there = |path: &String| survey.root.join(path).exists();
        let usable = cases.iter().filter(|case| case.label.is_some() && case.images.iter().all(there)).count();
        Some((usable, item, cases)).filter(|(usable, ..)| *usable > 0)
    });
    let (_, item, cases) = read.max_by_key(|(usable, ..)| *usable)?;
    let folds: BTreeSet<&String> = cases.iter().filter_map(|case| case.fold.as_ref()).collect();
    let (count, path) = (folds.len(), item.path.clone());
    let mut find = Find::new("MONAI data list", Layout::List { file: Some(item.path.clone()), cases: Vec::new() });
    find.lists.push(path);
    if count > 1 {
        find.split = Some(Split::FixedFolds { folds: Vec::new(), validation: 0.0, seed: 0 });
        find.guesses.push(format!("the {count} folds of {}: each is the test set of one fold", item.path));
    }
    let json = DatasetJson::read(&survey.place(item)).unwrap_or_default();
    describe(&json, &mut find);
    let testing = json.others.get("testing").and_then(|list| list.as_array()).map_or(0, Vec::len);
    if testing > 0 {
        find.left_out
            .push((format!("{}: testing", item.path), format!("{testing} entries without labels for training")));
    }
    for other in survey.items.iter().filter(|other| is_list(&other.path) && other.path != item.path) {
        find.left_out.push((other.path.clone(), "another JSON file".into()));
    }
    Some(find)
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
