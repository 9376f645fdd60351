//! The file of names of one label file, `STEM.label_map.json`: written with every label map, bound to its content by a hash.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::{LabelNames, beside, own_label_map};
use crate::stored::damaged;
use crate::{ReadError, Segment, Segmentation, Segments, WriteError, colour_table};

/// Most values in a message.
const SHOWN: usize = 5;

/// BLAKE3 of a file.
fn hash(path: &Path) -> Option<String> {
    let mut hasher = blake3::Hasher::new();
    std::io::copy(&mut std::fs::File::open(path).ok()?, &mut hasher).ok()?;
    Some(hasher.finalize().to_hex().to_string())
}

fn name_of(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// Whether programs give this name to what nobody named.
pub(crate) fn says_nothing(name: &str) -> bool {
    let rest = name.strip_prefix("label").unwrap_or(name).trim();
    rest.bytes().all(|byte| byte.is_ascii_digit())
}

/// Refuses to name the values of a file in a file that names those of another one beside it (`a.nii.gz` beside `a.nrrd`).
///
/// # Errors
/// The other file, and what to do.
pub fn refuse_shared(target: &Path, segments: &Segments) -> Result<(), WriteError> {
    let Some(path) = own_label_map(target) else { return Ok(()) };
    let others = others(&path, target);
    let Some(other) = others.keys().next() else { return Ok(()) };
    if structures_of(&path) == Some(structures(segments)) {
        return Ok(());
    }
    let reason =
        format!("names the values of {other}, which differ from those of {}: choose another name", name_of(target));
    Err(WriteError::refused(&path, reason))
}

/// The files beside that a file of names is bound to, and their hashes.
fn others(path: &Path, target: &Path) -> BTreeMap<String, String> {
    let of = read(path).and_then(|value| serde_json::from_value::<BTreeMap<String, String>>(value["of"].clone()).ok());
    let mut of = of.unwrap_or_default();
    of.retain(|name, _| *name != name_of(target) && path.with_file_name(name).is_file());
    of
}

fn read(path: &Path) -> Option<Value> {
    serde_json::from_slice(&std::fs::read(path).ok()?).ok()
}

fn structures_of(path: &Path) -> Option<Value> {
    read(path).map(|value| value["structures"].clone())
}

fn structures(segments: &Segments) -> Value {
    let overlapping = matches!(segments.content, Segmentation::Masks { .. });
    let structure = |(mask, segment): (usize, &Segment)| {
        let [r, g, b] = colour_table::color(segment);
        let color = format!("#{r:02x}{g:02x}{b:02x}");
        match overlapping {
            true => json!({ "name": segment.name, "mask": mask, "color": color }),
            false => json!({ "name": segment.name, "value": segment.value, "color": color }),
        }
    };
    segments.segments.iter().enumerate().map(structure).collect()
}

/// Writes the names of a label file's values (or masks) beside it. Nothing is written where there is nothing to say: values without names,
/// unless a file in the same folder would name them otherwise.
///
/// # Errors
/// The disk is full or not writable.
pub fn write(target: &Path, segments: &Segments) -> Result<Option<PathBuf>, WriteError> {
    let Some(path) = own_label_map(target) else { return Ok(None) };
    let overlapping = matches!(segments.content, Segmentation::Masks { .. });
    let named = segments.segments.iter().any(|segment| !says_nothing(&segment.name));
    if !(overlapping || named || beside(target).is_some()) {
        return Ok(None);
    }
    let mut of = others(&path, target);
    of.extend(hash(target).map(|hash| (name_of(target), hash)));
    let value = json!({ "format": 1, "overlapping": overlapping, "structures": structures(segments), "of": of });
    let text = format!("{value:#}\n");
    crate::files::write_atomic(&path, text.as_bytes()).map_err(|error| WriteError::io(&path, &error))?;
    Ok(Some(path))
}

/// Removes the file of names of a file that was overwritten by an image, and returns it. Names of other files are kept.
pub fn remove(target: &Path) -> Option<PathBuf> {
    let path = own_label_map(target).filter(|path| path.is_file() && others(path, target).is_empty())?;
    std::fs::remove_file(&path).ok().map(|()| path)
}

/// What is doubtful in the names of a label file's values, which `present` lists; `None` if they fit.
///
/// # Errors
/// Names that were written for another content, or that belong to none of the values.
pub fn doubt(
    names: &LabelNames,
    from: &Path,
    source: &Path,
    present: &BTreeSet<u16>,
) -> Result<Option<String>, ReadError> {
    let knows = |value: &&u16| {
        **value == 0
            || names.labels.iter().any(|label| label.number == **value)
            || names.regions.iter().any(|(_, values)| values.contains(value))
    };
    let values: Vec<&u16> = present.iter().filter(|value| **value != 0).collect();
    let unnamed: Vec<String> = values.iter().copied().filter(|value| !knows(value)).map(u16::to_string).collect();
    let stated = names.of.get(&name_of(source));
    let changed = stated.is_some_and(|stated| hash(source).is_some_and(|found| found != *stated));
    let list = || {
        let more = if unnamed.len() > SHOWN { ", …" } else { "" };
        format!("{}{more}", unnamed[..unnamed.len().min(SHOWN)].join(", "))
    };
    let (file, own) = (name_of(source), names.of.is_empty());
    match (changed, unnamed.len()) {
        (false, 0) => Ok(None),
        (true, 0) => {
            Ok(Some(format!("{}: {file} was changed since its values were named; the names are taken", from.display())))
        }
        (changed, count) if changed || own && count == values.len() && !names.labels.is_empty() => {
            let why =
                if changed { "was changed since its values were named" } else { "holds none of the named values" };
            let reason = format!(
                "does not name the values {} of {file}, which {why}: remove this file, or name the values with --names",
                list()
            );
            Err(damaged(from, reason))
        }
        _ => Ok(Some(format!("{}: has no name for the values {} of {file}", from.display(), list()))),
    }
}

/// The names of a label file's values in the file beside it, if there is one and its values are labels that it names.
///
/// # Errors
/// The file of names is damaged or contradicts the labels.
pub fn found(
    source: &Path,
    present: &BTreeSet<u16>,
) -> Result<Option<(PathBuf, LabelNames, Option<String>)>, ReadError> {
    let Some(path) = beside(source) else { return Ok(None) };
    let names = LabelNames::read(&path)?;
    let doubt = if names.overlapping { None } else { doubt(&names, &path, source, present)? };
    Ok(Some((path, names, doubt)))
}

#[cfg(test)]
mod tests {
    use ndarray::Array3;

    use super::*;
    use crate::{Geometry, LabelMap, write_label_map};

    fn segments(values: [u16; 4], names: &[(&str, u16)]) -> Segments {
        let voxels = Array3::from_shape_vec([1, 1, 4], values.to_vec()).unwrap();
        let segment = |(name, value): &(&str, u16)| Segment { name: (*name).into(), value: *value, color: None };
        let map = LabelMap { voxels, geometry: Geometry::axis_aligned([1, 1, 4], [1.0; 3]) };
        Segments { segments: names.iter().map(segment).collect(), content: Segmentation::Labels(map) }
    }

    fn put(path: &Path, segments: &Segments) {
        let Segmentation::Labels(map) = &segments.content else { return };
        write_label_map(path, map).unwrap();
    }

    #[test]
    fn names_are_bound_to_the_content_that_they_were_written_for() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.nii");
        let organs = segments([0, 1, 2, 2], &[("liver", 1), ("spleen", 2)]);
        put(&path, &organs);
        let json = write(&path, &organs).unwrap().unwrap();
        let seen = |values: &[u16]| {
            let names = LabelNames::read(&json).unwrap();
            doubt(&names, &json, &path, &values.iter().copied().collect()).map_err(|error| error.to_string())
        };
        assert_eq!(seen(&[0, 1, 2]), Ok(None));
        // Touched up: the same structures.
        put(&path, &segments([0, 1, 1, 2], &[]));
        assert!(seen(&[0, 1, 2]).unwrap().unwrap().contains("changed since"));
        put(&path, &segments([0, 7, 7, 2], &[]));
        let refused = seen(&[0, 2, 7]).unwrap_err();
        assert!(refused.contains("values 7 of a.nii") && refused.contains("a.label_map.json"), "{refused}");
    }

    #[test]
    fn names_for_every_file_of_a_folder_may_lack_some_values_but_not_all() {
        let labels = vec![super::super::LabelName { name: "liver".into(), number: 1, color: None, code: None }];
        let names = LabelNames { labels, ..LabelNames::default() };
        let seen = |values: &[u16]| {
            doubt(&names, "label_map.json".as_ref(), "a.nii".as_ref(), &values.iter().copied().collect())
        };
        assert_eq!(seen(&[0, 1]).unwrap(), None);
        assert_eq!(seen(&[0]).unwrap(), None);
        assert!(seen(&[0, 1, 3]).unwrap().unwrap().contains("no name for the values 3"));
        assert!(seen(&[0, 3]).unwrap_err().to_string().contains("none of the named values"));
    }

    #[test]
    fn another_file_of_the_same_stem_keeps_its_names() {
        let folder = tempfile::tempdir().unwrap();
        let [one, two] = ["a.nii", "a.nrrd"].map(|name| folder.path().join(name));
        let organs = segments([0, 1, 2, 2], &[("liver", 1), ("spleen", 2)]);
        put(&one, &organs);
        write(&one, &organs).unwrap();
        refuse_shared(&two, &organs).unwrap();
        let bones = segments([0, 1, 2, 2], &[("femur", 1)]);
        let refused = refuse_shared(&two, &bones).unwrap_err().to_string();
        assert!(refused.contains("a.nii,") && refused.contains("another name"), "{refused}");
        refuse_shared(&one, &bones).unwrap();
        assert_eq!(remove(&two), None);
        assert!(remove(&one).is_some());
    }
}
