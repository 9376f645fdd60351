//! BIDS: `sub-01/ses-1/anat/sub-01_ses-1_T1w.nii.gz`, with labels in `derivatives`.

use std::collections::{BTreeMap, BTreeSet};

use super::find::{Find, is_contrast, is_label};
use super::survey::{Item, Kind, Survey};
use crate::dataset::spec::{Channel, Layout, ListedCase, Structure};
use crate::volume::read_header;

/// Two grids are the same if their corners differ by less, in voxels.
const TOLERANCE: f64 = 0.1;

/// A file named by BIDS.
struct Named<'a> {
    item: &'a Item,
    subject: &'a str,
    /// Subject and session.
    key: String,
    /// The other parts of the name: `acq-ax_T2w`.
    rest: String,
}

impl<'a> Named<'a> {
    fn of(item: &'a Item) -> Option<Self> {
        let parts: Vec<&str> = item.stem().split('_').collect();
        let subject = parts.first().copied().filter(|part| part.starts_with("sub-"))?;
        let session = parts.iter().find(|part| part.starts_with("ses-"));
        let key = session.map_or_else(|| subject.to_owned(), |session| format!("{subject}_{session}"));
        let other = |part: &&&str| !part.starts_with("sub-") && !part.starts_with("ses-");
        let rest: Vec<&str> = parts.iter().filter(other).copied().collect();
        (!rest.is_empty()).then(|| Self { item, subject, key, rest: rest.join("_") })
    }

    fn is_label(&self) -> bool {
        is_label(&self.rest)
    }

    /// What kind of label it is: folder and name without subject and session, and `{structure}` for the value of `label-`.
    fn kind(&self) -> (String, Option<String>) {
        let level = |level: &&str| !level.starts_with("sub-") && !level.starts_with("ses-");
        let folder: Vec<&str> = self.item.folder().split('/').filter(level).collect();
        let structure = self.rest.split('_').find_map(|part| part.strip_prefix("label-"));
        let rest = match structure {
            Some(structure) => self.rest.replace(&format!("label-{structure}"), "label-{structure}"),
            None => self.rest.clone(),
        };
        (format!("{}/{rest}{}", folder.join("/"), self.item.ending()), structure.map(str::to_owned))
    }

    /// The contrast in its name.
    fn contrast(&self) -> Option<&str> {
        self.rest.split('_').find(|part| is_contrast(part))
    }
}

/// Labels of one kind: of each subject and session, the file's path with `{structure}` and the structures.
type OfKind = BTreeMap<String, (String, BTreeSet<String>)>;

/// A folder of subjects in BIDS' names.
pub(super) fn bids(survey: &Survey) -> Option<Find> {
    let named: Vec<Named> = survey.of_kinds(&[Kind::Volume]).filter_map(Named::of).collect();
    let in_folders = named.iter().any(|file| file.item.path.contains(&format!("{}/", file.subject)));
    if !(in_folders || survey.has("dataset_description.json")) {
        return None;
    }
    let (labels, images): (Vec<Named>, Vec<Named>) = named.into_iter().partition(Named::is_label);
    // Images among the derivatives are processed ones: taken where there are no others.
    let (derived, raw): (Vec<Named>, Vec<Named>) =
        images.into_iter().partition(|image| image.item.path.starts_with("derivatives/"));
    let images = if raw.is_empty() { derived } else { raw };
    let kinds = kinds(&labels);
    let (kind, chosen) = kinds.iter().max_by_key(|(kind, files)| (files.len(), kind.contains("dseg"), kind.len()))?;
    let contrast = |kind: &str| kind.split(['_', '/', '.']).find(|part| is_contrast(part)).map(str::to_owned);
    let own = contrast(kind);
    let alike = |(other, _): &(&String, &OfKind)| match (&own, contrast(other)) {
        (Some(own), Some(others)) => *own != others && kind.replace(own.as_str(), &others) == **other,
        _ => false,
    };
    let siblings: Vec<&OfKind> = kinds.iter().filter(alike).map(|(_, files)| files).collect();
    let mut find = match siblings.is_empty() {
        true => channels(survey, &images, kind, chosen)?,
        false => contrasts(&images, &labels, kind, &siblings, chosen)?,
    };
    for (other, files) in kinds.iter().filter(|(other, _)| *other != kind) {
        if !alike(&(other, files)) {
            let text = format!("another kind of label, of {} subjects or sessions", files.len());
            find.left_out.push((other.trim_start_matches('/').to_owned(), text));
        }
    }
    if let Some((file, stated)) = chosen.values().next().and_then(|(path, _)| table(survey, path)) {
        find.lists.push(file);
        find.structures.get_or_insert(stated);
    }
    Some(find)
}

fn kinds(labels: &[Named]) -> BTreeMap<String, OfKind> {
    let mut kinds: BTreeMap<String, OfKind> = BTreeMap::new();
    for label in labels {
        let (kind, structure) = label.kind();
        let path = match &structure {
            Some(name) => label.item.path.replace(&format!("label-{name}"), "label-{structure}"),
            None => label.item.path.clone(),
        };
        let entry = kinds.entry(kind).or_default().entry(label.key.clone()).or_insert((path, BTreeSet::new()));
        entry.1.extend(structure);
    }
    kinds
}

/// One label per subject and session: the contrasts on its grid are channels.
fn channels(survey: &Survey, images: &[Named], kind: &str, chosen: &OfKind) -> Option<Find> {
    let mut contrasts: BTreeMap<&str, BTreeMap<&str, &Item>> = BTreeMap::new();
    for image in images.iter().filter(|image| chosen.contains_key(&image.key)) {
        contrasts.entry(&image.rest).or_default().insert(&image.key, image.item);
    }
    let mut find = Find::new("BIDS", Layout::List { file: None, cases: Vec::new() });
    let mut taken: Vec<&str> = Vec::new();
    let most = contrasts.values().map(BTreeMap::len).max()?;
    for (contrast, files) in &contrasts {
        let reason = match files.len() < most {
            true => Some(format!("contrast of {} of {} subjects or sessions only", files.len(), most)),
            false => off_grid(survey, files, chosen),
        };
        match reason {
            None => taken.push(contrast),
            Some(reason) => find.left_out.push((format!("*_{contrast}"), reason)),
        }
    }
    if taken.is_empty() {
        let named = contrasts.keys().find(|contrast| kind.contains(**contrast)).or_else(|| contrasts.keys().next())?;
        find.guesses.push(format!("no contrast has the grid of the labels: {named} is taken"));
        find.left_out.retain(|(place, _)| *place != format!("*_{named}"));
        taken.push(named);
    }
    let files = contrasts.get(taken[0])?;
    let case = |key: &&str| {
        let images = taken.iter().filter_map(|contrast| contrasts[contrast].get(*key).map(|item| item.path.clone()));
        let (label, _) = chosen.get(*key)?;
        let subject = key.split('_').next().unwrap_or(key);
        let patient = (subject != *key).then(|| subject.to_owned());
        let images: Vec<String> = images.collect();
        let label = Some(label.clone());
        Some(ListedCase { case: (*key).to_owned(), images, label, patient, ..ListedCase::default() })
    };
    let cases: Vec<ListedCase> = files.keys().filter_map(case).collect();
    if taken.len() > 1 {
        find.guesses.push(format!("{} of a subject are the channels of one case", taken.join(", ")));
        let channel = |name: &&str| Channel { name: (*name).to_owned(), modality: None };
        find.channels = Some(taken.iter().map(channel).collect());
    }
    if cases.iter().any(|case| case.patient.is_some()) {
        find.guesses.push("patients: sessions of one subject stay together in the split".into());
    }
    find.modality = taken.iter().find_map(|contrast| contrast.split('_').find_map(super::find::modality_of));
    find.layout = Layout::List { file: None, cases };
    structured(&mut find, chosen);
    Some(find)
}

/// Why the images of a contrast are no channel: another grid than the label, or several volumes.
fn off_grid(survey: &Survey, files: &BTreeMap<&str, &Item>, chosen: &OfKind) -> Option<String> {
    let (key, item) = files.iter().next()?;
    let (path, structures) = chosen.get(*key)?;
    let label = path.replace("{structure}", structures.iter().next().map_or("", String::as_str));
    let image = read_header(&survey.place(item)).ok()?;
    let label = read_header(&survey.root.join(label)).ok()?;
    if image.channels > 1 {
        return Some(format!("{} volumes per file", image.channels));
    }
    image.geometry.same_grid(&label.geometry, TOLERANCE).err().map(|difference| {
        let brief = difference.split(" (shape").next().unwrap_or_default();
        format!(
            "not on the grid of the labels ({brief}); list it as an image and set `resample-channels = true` to use it"
        )
    })
}

/// A label per contrast: each contrast of a subject is a case, and the subject is the patient.
fn contrasts(images: &[Named], labels: &[Named], kind: &str, siblings: &[&OfKind], chosen: &OfKind) -> Option<Find> {
    let mut find = Find::new("BIDS, one label per contrast", Layout::List { file: None, cases: Vec::new() });
    let of_kinds: BTreeSet<&String> =
        siblings.iter().flat_map(|files| files.values()).chain(chosen.values()).map(|(path, _)| path).collect();
    let mut cases = Vec::new();
    for label in labels.iter().filter(|label| of_kinds.contains(&label.item.path)) {
        let contrast = label.contrast()?;
        let image = images.iter().find(|image| image.key == label.key && image.contrast() == Some(contrast));
        let Some(image) = image else {
            find.left_out.push((label.item.path.clone(), "label without an image of its contrast".into()));
            continue;
        };
        cases.push(ListedCase {
            case: format!("{}_{contrast}", label.key),
            images: vec![image.item.path.clone()],
            label: Some(label.item.path.clone()),
            patient: Some(label.subject.to_owned()),
            ..ListedCase::default()
        });
    }
    find.guesses.push(format!(
        "every contrast with a label like {} is a case, and the contrasts of a subject are one patient",
        kind.trim_start_matches('/')
    ));
    let taken: BTreeSet<&String> = cases.iter().flat_map(|case: &ListedCase| &case.images).collect();
    for image in images.iter().filter(|image| !taken.contains(&image.item.path)) {
        find.left_out.push((image.item.path.clone(), "contrast without a label".into()));
    }
    find.layout = Layout::List { file: None, cases };
    Some(find)
}

/// Structures of masks named `label-…`.
fn structured(find: &mut Find, chosen: &OfKind) {
    let names: BTreeSet<&String> = chosen.values().flat_map(|(_, structures)| structures).collect();
    if names.is_empty() {
        return;
    }
    find.guesses.push("each `label-` of the masks' names is a structure".into());
    let structure = |(index, name): (usize, &&String)| Structure {
        name: (**name).clone(),
        value: index as u16 + 1,
        color: None,
        code: None,
        instances: false,
        tubular: false,
    };
    find.structures = Some(names.iter().enumerate().map(structure).collect());
}

/// The file and names of `dseg.tsv`: the nearest in the folders around the label, else any other.
fn table(survey: &Survey, label: &str) -> Option<(String, Vec<Structure>)> {
    let stem = label.rsplit('/').next()?.split('.').next()?;
    let suffix = stem.rsplit('_').next()?;
    let fits = |path: &str| path.ends_with(&format!("{stem}.tsv")) || path.ends_with(&format!("{suffix}.tsv"));
    let around = |item: &Item| match item.folder() {
        "" => 1,
        folder if label.starts_with(&format!("{folder}/")) => folder.len() + 1,
        _ => 0,
    };
    let item = survey.items.iter().filter(|item| fits(&item.path)).max_by_key(|item| around(item))?;
    let text = std::fs::read_to_string(survey.place(item)).ok()?;
    let mut rows = text.lines().map(|line| line.split('\t').map(str::trim).collect::<Vec<_>>());
    let head = rows.next()?;
    let column = |name: &str| head.iter().position(|column| column.eq_ignore_ascii_case(name));
    let (index, name) = (column("index").or_else(|| column("value"))?, column("name").or_else(|| column("label"))?);
    let colour = column("color").or_else(|| column("colour"));
    let is_colour = |text: &&str| {
        text.len() == 7 && text.starts_with('#') && text[1..].bytes().all(|byte| byte.is_ascii_hexdigit())
    };
    let row = |cells: Vec<&str>| {
        let value = cells.get(index)?.parse::<u16>().ok().filter(|value| *value > 0)?;
        Some(Structure {
            name: cells.get(name).filter(|name| !name.is_empty())?.to_string(),
            value,
            color: colour.and_then(|column| cells.get(column).copied()).filter(is_colour).map(str::to_lowercase),
            code: None,
            instances: false,
            tubular: false,
        })
    };
    let structures: Vec<Structure> = rows.filter_map(row).collect();
    (!structures.is_empty()).then(|| (item.path.clone(), structures))
}
