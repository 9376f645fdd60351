//! The dataset file that takes corrected labels in place of the old ones.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Serialize;
use toml_edit::{Array, DocumentMut, Item, Table};

use super::{Added, Correction, CorrectionError, RECORD, file, is_file_name, list, of_all};
use crate::dataset::content::hash_of;
use crate::files;
use crate::spec;
use crate::store::Stored;

/// Folder of corrected labels below the data root.
const CORRECTIONS: &str = "corrections";

/// What was written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Written {
    /// The dataset file.
    pub file: PathBuf,
    /// The folder of corrected labels.
    pub labels: PathBuf,
    /// The corrected cases.
    pub cases: Vec<String>,
    /// Structures of the old dataset that the run does not segment: they are background in the new one.
    #[serde(rename = "left-out")]
    pub left_out: Vec<String>,
    /// Structures that a person added: the new dataset has them, and in cases that were not corrected they are background.
    pub added: Vec<String>,
}

/// Copies the corrected labels of a run to `DATA_ROOT/corrections/NAME`, and writes `DATASETS/NAME.toml`: the dataset of the run with these
/// labels in place of the old ones, which stay as they are, and with the structures that were added in them. Corrected labels that the
/// dataset has already are taken along.
///
/// # Errors
/// No corrections, or ones that belong to other images or were changed by hand; a name that is taken or is none; a dataset file that would
/// not be one; I/O errors.
pub fn write_dataset(run: &Stored, name: &str, [datasets, data_root]: [&Path; 2]) -> Result<Written, CorrectionError> {
    let refused = |reason: String| Err(CorrectionError::Refused(reason));
    if !spec::is_plain_name(name) {
        return refused(format!("{name:?} cannot be the name of a dataset: use letters, digits, `-` and `_`"));
    }
    let corrections = list(run)?;
    if corrections.is_empty() {
        return refused(format!("the run {} has no corrected case: correct some in `segspec serve`", run.id()));
    }
    let place = datasets.join(format!("{name}.toml"));
    let labels = data_root.join(CORRECTIONS).join(name);
    if let Some(there) = [&place, &labels].into_iter().find(|path| path.exists()) {
        return refused(format!("{} exists already; choose another name", there.display()));
    }
    corrections.iter().try_for_each(|correction| check(run, correction))?;
    let [_, source] = run.folder.specs();
    let text = fs::read_to_string(&source).map_err(|error| failed(&source, error))?;
    let mut document: DocumentMut = match text.parse() {
        Ok(document) => document,
        Err(error) => return refused(format!("{}: {error}", source.display())),
    };
    let earlier = document.get("corrections").and_then(Item::as_str).map(|folder| data_root.join(folder));
    let left_out = leave_out(&mut document, &segmented(run));
    let added = of_all(&corrections).and_then(|added| add(&mut document, &added).map(|()| added));
    let added = added.map_err(CorrectionError::Refused)?.into_iter().map(|it| it.name).collect();
    document.insert("name", toml_edit::value(name));
    document.insert("corrections", toml_edit::value(format!("{CORRECTIONS}/{name}")));
    copy(run, &corrections, earlier.as_deref(), &labels)?;
    if let Err(error) = write(&place, &document) {
        // Nothing names the folder.
        let _ = fs::remove_dir_all(&labels);
        return Err(error);
    }
    let cases = corrections.into_iter().map(|correction| correction.case).collect();
    Ok(Written { file: place, labels, cases, left_out, added })
}

/// Writes the dataset file, and reads it as `segspec run` would.
fn write(place: &Path, document: &DocumentMut) -> Result<(), CorrectionError> {
    files::write_atomic(place, document.to_string().as_bytes()).map_err(|error| failed(place, error))?;
    spec::load_dataset(place).map(drop).map_err(|problems| {
        let _ = fs::remove_file(place);
        CorrectionError::Refused(format!("the new dataset cannot be used: {problems}"))
    })
}

fn failed(path: &Path, source: std::io::Error) -> CorrectionError {
    CorrectionError::File { path: path.to_path_buf(), source }
}

/// Whether a correction is of the run's image, and its file what was saved.
fn check(run: &Stored, correction: &Correction) -> Result<(), CorrectionError> {
    let (case, path) = (&correction.case, file(run, &correction.case));
    let planned = run.plan.data.cases.iter().find(|planned| planned.name == *case && is_file_name(case));
    let reason = match planned {
        None => "the run has no such case",
        Some(planned) if planned.content.image != correction.image => "its image has changed since",
        Some(_) if hash_of(&path).map_err(|error| failed(&path, error))? != correction.file => {
            "the file was changed since it was saved; correct the case again"
        }
        Some(_) => return Ok(()),
    };
    Err(CorrectionError::Refused(format!("{}: {reason}", path.display())))
}

/// Names of the dataset's structures that the run segments, alone or in a union.
fn segmented(run: &Stored) -> BTreeSet<String> {
    run.plan.target.structures.iter().flat_map(|structure| structure.members.iter().cloned()).collect()
}

/// Structures that the run does not segment are missing in what a person corrected from a prediction: their values become background, and
/// what names them is removed. Returns their names.
fn leave_out(document: &mut DocumentMut, kept: &BTreeSet<String>) -> Vec<String> {
    let name_of = |table: &Table| table.get("name").and_then(Item::as_str).unwrap_or_default().to_owned();
    let Some(structures) = document.get_mut("structure").and_then(Item::as_array_of_tables_mut) else {
        return Vec::new();
    };
    let others: Vec<&Table> = structures.iter().filter(|table| !kept.contains(&name_of(table))).collect();
    let values: Vec<i64> = others.iter().filter_map(|table| table.get("value")?.as_integer()).collect();
    let names: Vec<String> = others.into_iter().map(name_of).collect();
    if names.is_empty() {
        return names;
    }
    structures.retain(|table| kept.contains(&name_of(table)));
    let labels = document.entry("labels").or_insert(Item::Table(Table::new()));
    let Some(labels) = labels.as_table_like_mut() else { return names };
    let is_kept = |item: Option<&toml_edit::Value>| {
        item.and_then(toml_edit::Value::as_str).is_none_or(|name| kept.contains(name))
    };
    for key in ["merge", "groups"] {
        if let Some(table) = labels.get_mut(key).and_then(Item::as_table_like_mut) {
            let is_whole = |item: &Item| item.as_array().is_none_or(|list| list.iter().all(|it| is_kept(Some(it))));
            let gone: Vec<String> =
                table.iter().filter(|(_, item)| !is_whole(item)).map(|(name, _)| name.to_owned()).collect();
            gone.iter().for_each(|name| drop(table.remove(name)));
        }
    }
    if let Some(pairs) = labels.get_mut("mirror-pairs").and_then(Item::as_array_mut) {
        pairs.retain(|pair| pair.as_array().is_none_or(|pair| pair.iter().all(|it| is_kept(Some(it)))));
    }
    // With overlap, values are sets of structures, which nothing else can be.
    let overlaps = labels.get("overlap").and_then(Item::as_bool).unwrap_or(false);
    if !overlaps {
        let background = labels.entry("background").or_insert(toml_edit::value(Array::new()));
        if let Some(list) = background.as_array_mut() {
            values.into_iter().for_each(|value| list.push(value));
        }
    }
    names
}

/// Adds structures to the dataset.
///
/// # Errors
/// Its structures are written in a way that none can be added to, or labels whose values stand for sets of structures.
fn add(document: &mut DocumentMut, added: &[Added]) -> Result<(), String> {
    if added.is_empty() {
        return Ok(());
    }
    let names = added.iter().map(|it| it.name.as_str()).collect::<Vec<_>>().join(", ");
    let labels = document.get("labels").and_then(Item::as_table_like);
    if labels.and_then(|labels| labels.get("overlap")).and_then(Item::as_bool).unwrap_or(false) {
        return Err(format!("its structures may overlap, which corrected labels of {names} cannot tell"));
    }
    let Some(structures) = document.get_mut("structure").and_then(Item::as_array_of_tables_mut) else {
        return Err(format!(
            "write each structure of the run's dataset as `[[structure]]`, so that {names} can be added"
        ));
    };
    for new in added {
        let mut table = Table::new();
        table.insert("name", toml_edit::value(&new.name));
        table.insert("value", toml_edit::value(i64::from(new.value)));
        table.insert("color", toml_edit::value(&new.color));
        structures.push(table);
    }
    Ok(())
}

fn copy(
    run: &Stored,
    corrections: &[Correction],
    earlier: Option<&Path>,
    labels: &Path,
) -> Result<(), CorrectionError> {
    files::write_folder(
        labels,
        |error| failed(labels, error),
        |staged| {
            let put = |from: &Path, name: &std::ffi::OsStr| {
                fs::copy(from, staged.join(name)).map(drop).map_err(|error| failed(from, error))
            };
            if let Some(earlier) = earlier {
                for path in files::below(earlier).map_err(|error| failed(earlier, error))? {
                    path.file_name().map_or(Ok(()), |name| put(&path, name))?;
                }
            }
            for correction in corrections {
                let path = file(run, &correction.case);
                path.file_name().map_or(Ok(()), |name| put(&path, name))?;
            }
            let record = run.folder.corrections().join(RECORD);
            put(&record, RECORD.as_ref())
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_run_does_not_segment_becomes_background() {
        let text = "root = \"x\"\n[[structure]]\nname = \"liver\"\nvalue = 1\n[[structure]]\nname = \"spine\"\nvalue = 5\n\
                    [[structure]]\nname = \"ribs\"\nvalue = 6\n[labels]\nbackground = [9]\nmirror-pairs = [[\"liver\", \"ribs\"]]\n\
                    [labels.merge]\nbones = [\"spine\", \"ribs\"]\nonly = [\"liver\"]\n";
        let mut document: DocumentMut = text.parse().unwrap();
        let kept = BTreeSet::from(["liver".to_owned()]);
        assert_eq!(leave_out(&mut document, &kept), ["spine", "ribs"]);
        let read: toml::Value = toml::from_str(&document.to_string()).unwrap();
        let wanted: toml::Value = toml::from_str(
            "root = \"x\"\n[[structure]]\nname = \"liver\"\nvalue = 1\n[labels]\nbackground = [9, 5, 6]\nmirror-pairs = []\n\
             [labels.merge]\nonly = [\"liver\"]\n",
        )
        .unwrap();
        assert_eq!(read, wanted);
        let all = BTreeSet::from(["liver", "spine", "ribs"].map(str::to_owned));
        let mut whole: DocumentMut = text.parse().unwrap();
        assert!(leave_out(&mut whole, &all).is_empty() && whole.to_string() == text);
    }

    #[test]
    fn added_structures_follow_those_of_the_dataset() {
        let text = "root = \"x\"\n[[structure]]\nname = \"liver\"\nvalue = 1\n[labels]\nbackground = [9]\n";
        let tumour = [Added { name: "tumour".into(), value: 7, color: "#009e73".into() }];
        let mut document: DocumentMut = text.parse().unwrap();
        add(&mut document, &tumour).unwrap();
        let read: toml::Value = toml::from_str(&document.to_string()).unwrap();
        let wanted = "root = \"x\"\nstructure = [{ name = \"liver\", value = 1 }, { name = \"tumour\", value = 7, color = \"#009e73\" }]\n\
                      [labels]\nbackground = [9]\n";
        assert_eq!(read, toml::from_str(wanted).unwrap());
        let mut inline: DocumentMut = "structure = [{ name = \"liver\", value = 1 }]\n".parse().unwrap();
        assert!(add(&mut inline, &tumour).unwrap_err().contains("`[[structure]]`"));
        let mut sets: DocumentMut = format!("{text}overlap = true\n").parse().unwrap();
        assert!(add(&mut sets, &tumour).unwrap_err().contains("may overlap"));
        assert_eq!(add(&mut sets, &[]), Ok(()));
    }
}
