//! Checks a dataset's structures, merged labels, channels and layout.

use crate::counted;
use crate::dataset::Dataset;
use crate::dataset::name::folded;
use crate::dataset::phantom::PhantomLayout;
use crate::dataset::spec::{Layout, ListedCase, MAX_OVERLAPPING, Structure};
use crate::evaluate::summary::OVERALL;
use crate::spec::finding::KeyPath;
use crate::spec::{Findings, suggest};

pub fn check(dataset: &Dataset, findings: &mut Findings) {
    root(dataset, findings);
    structures(dataset, findings);
    merged(dataset, findings);
    grouped(dataset, findings);
    mirrored(dataset, findings);
    inseparable(dataset, findings);
    background(dataset, findings);
    ignored(dataset, findings);
    ignore_mask(dataset, findings);
    overlap(dataset, findings);
    mask_values(dataset, findings);
    names(dataset, findings);
    channels(dataset, findings);
    layout(&dataset.layout, dataset, findings);
    generated(dataset, findings);
}

fn root(dataset: &Dataset, findings: &mut Findings) {
    if dataset.root.trim().is_empty() {
        findings.error("root", "the image folder is not set", "name a folder below SEGSPEC_DATA, or an absolute path");
    }
}

fn structures(dataset: &Dataset, findings: &mut Findings) {
    let list = KeyPath::from("structure");
    if dataset.structures.is_empty() {
        findings.error("structure", "the dataset has no structures", "add a `[[structure]]` with `name` and `value`");
    }
    for (index, structure) in dataset.structures.iter().enumerate() {
        let path = list.item(index);
        let earlier = dataset.structures.get(..index).unwrap_or_default();
        if structure.name.trim().is_empty() {
            findings.error(path.key("name"), "this name is empty", "name the structure: tables and charts show it");
        }
        if structure.name == "background" {
            let help = "remove it: every voxel without a structure is background";
            findings.error(path.key("name"), "`background` is not a structure", help);
        }
        if let Some(same) = earlier.iter().find(|other| other.name == structure.name) {
            let help = format!("the values {} and {} share it: give each its own name", same.value, structure.value);
            findings.error(path.key("name"), format!("two structures are named `{}`", structure.name), help);
        }
        if let Some(same) = earlier.iter().find(|other| other.value == structure.value) {
            let help = format!("`{}` already has it: give every structure its own value", same.name);
            findings.error(path.key("value"), format!("two structures have the value {}", structure.value), help);
        }
    }
}

fn merged(dataset: &Dataset, findings: &mut Findings) {
    let names: Vec<&str> = dataset.structures.iter().map(|structure| structure.name.as_str()).collect();
    for (merge, members) in &dataset.labels.merge {
        let path = KeyPath::from("labels.merge").key(merge);
        if names.contains(&merge.as_str()) {
            let message = format!("`{merge}` is both a structure and a merged target");
            findings.error(path.clone(), message, "give the merged target another name");
        }
        if members.is_empty() {
            findings.error(path.clone(), format!("`{merge}` merges no structures"), "list at least one structure");
        }
        for (index, member) in members.iter().enumerate().filter(|(_, member)| !names.contains(&member.as_str())) {
            let help = suggest::help(member, &names, "structures of this dataset");
            findings.error(path.item(index), format!("there is no structure `{member}`"), help);
        }
        if let Some(index) = super::repeated(members) {
            findings.error(path.item(index), "this structure is listed twice", "list every structure once");
        }
    }
}

/// Groups name structures or merged targets, and have names of their own.
fn grouped(dataset: &Dataset, findings: &mut Findings) {
    let structures = dataset.structures.iter().map(|structure| structure.name.as_str());
    let names: Vec<&str> = structures.chain(dataset.labels.merge.keys().map(String::as_str)).collect();
    for (group, members) in &dataset.labels.groups {
        let path = KeyPath::from("labels.groups").key(group);
        if names.contains(&group.as_str()) || group == OVERALL {
            let message = format!("`{group}` is also the name of a row of the tables");
            findings.error(path.clone(), message, "give the group another name");
        }
        if members.is_empty() {
            findings.error(path.clone(), format!("`{group}` groups no structures"), "list at least one structure");
        }
        for (index, member) in members.iter().enumerate().filter(|(_, member)| !names.contains(&member.as_str())) {
            let help = suggest::help(member, &names, "structures of this dataset");
            findings.error(path.item(index), format!("there is no structure `{member}`"), help);
        }
        if let Some(index) = super::repeated(members) {
            findings.error(path.item(index), "this structure is listed twice", "list every structure once");
        }
    }
}

fn mirrored(dataset: &Dataset, findings: &mut Findings) {
    let names: Vec<&str> = dataset.structures.iter().map(|structure| structure.name.as_str()).collect();
    let mut seen: Vec<&str> = Vec::new();
    for (pair, sides) in dataset.labels.mirror_pairs.iter().enumerate() {
        for (side, name) in sides.iter().enumerate() {
            let path = KeyPath::from("labels.mirror-pairs").item(pair).item(side);
            if !names.contains(&name.as_str()) {
                let help = suggest::help(name, &names, "structures of this dataset");
                findings.error(path, format!("there is no structure `{name}`"), help);
            } else if seen.contains(&name.as_str()) {
                let help = "each structure swaps with one other: list it in one pair only";
                findings.error(path, format!("`{name}` is listed twice"), help);
            }
            seen.push(name);
        }
    }
}

fn inseparable(dataset: &Dataset, findings: &mut Findings) {
    let names: Vec<&str> = dataset.structures.iter().map(|structure| structure.name.as_str()).collect();
    for (list, members) in dataset.labels.inseparable.iter().enumerate() {
        let path = KeyPath::from("labels.inseparable").item(list);
        for (index, member) in members.iter().enumerate().filter(|(_, member)| !names.contains(&member.as_str())) {
            let help = suggest::help(member, &names, "structures of this dataset");
            findings.error(path.item(index), format!("there is no structure `{member}`"), help);
        }
    }
}

fn background(dataset: &Dataset, findings: &mut Findings) {
    for (index, value) in dataset.labels.background.iter().enumerate() {
        let path = KeyPath::from("labels.background").item(index);
        if let Some(structure) = dataset.structures.iter().find(|structure| structure.value == *value) {
            let message = format!("{value} is both background and the value of `{}`", structure.name);
            findings.error(path, message, format!("remove {value} from one of the two"));
        }
    }
}

fn ignored(dataset: &Dataset, findings: &mut Findings) {
    let Some(value) = dataset.labels.ignore else { return };
    if let Some(structure) = dataset.structures.iter().find(|structure| structure.value == value) {
        let message = format!("{value} is both ignored and the value of `{}`", structure.name);
        findings.error("labels.ignore", message, format!("remove {value} from one of the two"));
    }
    if dataset.labels.background.contains(&value) {
        let help =
            format!("background counts in loss and scores, ignored voxels do not: remove {value} from one of them");
        findings.error("labels.ignore", format!("{value} is both ignored and background"), help);
    }
    if dataset.labels.overlap {
        let help = "remove `ignore`: overlapping structures are read from masks, which have no ignore value";
        findings.error("labels.ignore", "masks have no value to ignore", help);
    }
}

fn ignore_mask(dataset: &Dataset, findings: &mut Findings) {
    let Some(pattern) = &dataset.labels.ignore_mask else { return };
    if dataset.labels.ignore.is_none() {
        let help = "add `labels.ignore`, for example 255: a value that no structure has";
        findings.error("labels.ignore-mask", "there is no value for unlabelled voxels", help);
    }
    if !pattern.contains("{case}") {
        let help = "put `{case}` in place of the case's name, as in `{case}/unlabelled.nii.gz`";
        findings.error("labels.ignore-mask", "this pattern has no `{case}`", help);
    }
}

fn listed(file: Option<&str>, cases: &[ListedCase], findings: &mut Findings) {
    let list = KeyPath::from("layout.list");
    match (file, cases.is_empty()) {
        (Some(_), false) => findings.error(list, "`file` and `cases` are both given", "keep one of the two"),
        (None, true) => findings.error(list, "no case is listed", "add `file = \"cases.csv\"`, or `cases`"),
        _ => {}
    }
}

fn overlap(dataset: &Dataset, findings: &mut Findings) {
    let count = dataset.structures.len();
    if dataset.labels.overlap && count > MAX_OVERLAPPING {
        let message = format!("at most {MAX_OVERLAPPING} structures may overlap, got {count}");
        findings.error("labels.overlap", message, "list fewer structures, or remove `overlap` if they share no voxels");
    }
}

/// A label file of several structures tells them apart by their values.
fn mask_values(dataset: &Dataset, findings: &mut Findings) {
    let masks = matches!(dataset.layout, Layout::Masks { .. });
    if dataset.labels.mask_values.is_none() || masks {
        return;
    }
    if dataset.structures.len() > 1 {
        let help = "remove it; it is for `[layout.masks]`, or for a dataset with one structure";
        findings.error("labels.mask-values", "label files of several structures need their values", help);
    }
    if dataset.labels.ignore.is_some() || !dataset.labels.background.is_empty() {
        let help = "remove `mask-values`, or `ignore` and `background`";
        findings.error("labels.mask-values", "with it, every value but 0 is the structure", help);
    }
}

/// Names in files are compared without regard to capital letters, spaces, `-` and `_`.
fn names(dataset: &Dataset, findings: &mut Findings) {
    for (index, structure) in dataset.structures.iter().enumerate().filter(|_| dataset.labels.by_name) {
        let earlier = dataset.structures.get(..index).unwrap_or_default();
        let alike = |other: &&Structure| other.name != structure.name && folded(&other.name) == folded(&structure.name);
        if let Some(other) = earlier.iter().find(alike) {
            let message = format!("`{}` and `{}` are the same name in a file", other.name, structure.name);
            findings.error(
                KeyPath::from("structure").item(index).key("name"),
                message,
                "give one of them another name",
            );
        }
    }
}

fn channels(dataset: &Dataset, findings: &mut Findings) {
    let names: Vec<&str> = dataset.channels.iter().map(|channel| channel.name.as_str()).collect();
    if let Some(index) = super::repeated(&names) {
        let path = KeyPath::from("channel").item(index).key("name");
        findings.error(path, "two channels have this name", "give every channel its own name");
    }
}

fn layout(layout: &Layout, dataset: &Dataset, findings: &mut Findings) {
    let (image, images, (label, label_key), pairs) = match layout {
        Layout::Pairs { image, images, label } => (image, images, (label, "label"), KeyPath::from("layout.pairs")),
        Layout::Masks { image, images, mask } => (image, images, (mask, "mask"), KeyPath::from("layout.masks")),
        Layout::List { file, cases } => return listed(file.as_deref(), cases, findings),
        _ => return,
    };
    if label_key == "mask" && !label.contains("{structure}") {
        let help = "put `{structure}` in place of the structure's name, as in `{case}/{structure}.nii.gz`";
        findings.error(pairs.key("mask"), "this pattern has no `{structure}`", help);
    }
    match (image, images.is_empty()) {
        (Some(_), false) => {
            findings.error(
                pairs.key("images"),
                "`image` and `images` are both given",
                "keep `images` for several files per case, else `image`",
            );
        }
        (None, true) => {
            let help = "add `image = \"images/{case}.nii.gz\"`";
            findings.error(pairs.clone(), "the image pattern is missing", help);
        }
        _ => {}
    }
    let image = image.iter().map(|pattern| (pairs.key("image"), pattern));
    let images_at = |index| pairs.key("images").item(index);
    let images_with_paths = images.iter().enumerate().map(|(index, pattern)| (images_at(index), pattern));
    for (path, pattern) in image.chain(images_with_paths).chain([(pairs.key(label_key), label)]) {
        if !pattern.contains("{case}") {
            let help = "put `{case}` in place of the case's name, as in `images/{case}.nii.gz`";
            findings.error(path, "this pattern has no `{case}`", help);
        }
    }
    let listed = dataset.channels.len();
    if listed > 0 && !images.is_empty() && images.len() != listed {
        let message = format!("{} per case, but {}", counted(images.len(), "file"), counted(listed, "channel"));
        findings.error(pairs.key("images"), message, "list one file per `[[channel]]`, in the same order");
    }
}

/// The generated layout must be one that the dataset's layout reads.
fn generated(dataset: &Dataset, findings: &mut Findings) {
    let Some(recipe) = &dataset.generate else { return };
    let is_pairs = matches!(dataset.layout, Layout::Pairs { .. });
    let is_masks = matches!(dataset.layout, Layout::Masks { .. });
    let (fits, table) = match recipe.layout {
        // Its images and labels also fit patterns.
        PhantomLayout::Decathlon => (is_pairs || matches!(dataset.layout, Layout::Msd {}), "[layout.msd]"),
        PhantomLayout::UwMadison => (matches!(dataset.layout, Layout::UwMadison { .. }), "[layout.uw-madison]"),
        PhantomLayout::DicomStl | PhantomLayout::TotalSegmentator => (is_masks, "[layout.masks]"),
        PhantomLayout::DicomSeg | PhantomLayout::Flare => (is_pairs, "[layout.pairs]"),
    };
    if !fits {
        let name = recipe.layout.name();
        let message = format!("the generated layout `{name}` does not match the dataset's `layout`");
        let help = format!("`{name}` is read with `{table}`; change one of the two");
        findings.error("generate.layout", message, help);
    }
}
