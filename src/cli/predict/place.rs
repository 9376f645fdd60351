//! What lies in the folder of results already: results of other images or networks are not replaced unless that is asked for.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Exit, Failure, Predict};
use crate::dataset::Case;
use crate::dataset::content::hash_of;
use crate::files;
use crate::infer::Trained;
use crate::predict::export;
use crate::run::RunError;
use crate::store::{Stored, write_json};
use crate::volume::format;

/// The file that says what results were made of.
const RECORD: &str = "predictions.json";
/// What to do instead.
const REMEDY: &str =
    "choose another --output, such as a folder for each patient or network, or replace it with --overwrite";

/// What the results of a folder were made of, by case.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Record {
    cases: BTreeMap<String, Made>,
}

/// What one result was made of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Made {
    /// The images, for display.
    images: Vec<PathBuf>,
    /// BLAKE3 of their files.
    content: String,
    /// Ids of the predictions that were averaged.
    runs: Vec<String>,
}

/// Refuses to replace the result of another image or network, and names of structures that other results in the folder need. The same
/// image and network may be done again. Networks are given with the hash of the clicks that they follow.
///
/// # Errors
/// The file, what it is, and what to do.
pub fn refuse_others(
    cases: &[Case],
    args: &Predict,
    (runs, clicks): (&[Stored], Option<&str>),
    trained: &Trained,
    classifies: bool,
) -> Result<Record, Failure> {
    let mut record = read(&args.output);
    let refuse =
        |path: &Path, what: &str| Err(Failure::message(Exit::Usage, format!("{}: {what}: {REMEDY}", path.display())));
    let mirrored = match (args.mirror, args.no_mirror) {
        (true, _) => " mirrored",
        (_, true) => " not mirrored",
        _ => "",
    };
    let clicked = clicks.map_or_else(String::new, |content| format!(" with the clicks {content}"));
    let ids: Vec<String> = runs.iter().map(|run| format!("{}{mirrored}{clicked}", run.ids.prediction)).collect();
    for case in cases {
        let content = content(case).unwrap_or_default();
        let made = Made { images: case.images.clone(), content, runs: ids.clone() };
        let there = result(&args.output, &case.name, &args.format.0, classifies);
        if let Some(path) = there.filter(|_| !args.overwrite) {
            match record.cases.get(&case.name) {
                Some(known) if known.content != made.content => {
                    let images: Vec<String> = known.images.iter().map(|image| image.display().to_string()).collect();
                    return refuse(&path, &format!("holds the result of another image ({})", images.join(", ")));
                }
                Some(known) if known.runs != made.runs => {
                    return refuse(&path, "holds the result of another network, or of the same with other settings");
                }
                Some(_) => {}
                None => return refuse(&path, "is there already, and nothing says what it was made of"),
            }
        }
        record.cases.insert(case.name.clone(), made);
    }
    let map = args.output.join("label_map.json");
    let named = std::fs::read(&map).ok().and_then(|text| serde_json::from_slice::<Value>(&text).ok());
    let differs = named.is_some_and(|named| structures(&named) != structures(&export::label_map(&trained.plan.target)));
    if differs && !classifies {
        let others = others(&args.output, cases);
        if let Some(other) = others.first().filter(|_| args.overwrite) {
            let text = format!(
                "{}: names the structures of another network, which stay in {}: choose another --output",
                map.display(),
                other.display()
            );
            return Err(Failure::message(Exit::Usage, text));
        }
        if !args.overwrite {
            return refuse(&map, "names the structures of another network");
        }
    }
    Ok(record)
}

/// Says what the results are made of.
///
/// # Errors
/// The disk is full or not writable.
pub fn write(output: &Path, record: &Record) -> Result<(), Failure> {
    Ok(write_json(&output.join(RECORD), record).map_err(RunError::from)?)
}

fn read(output: &Path) -> Record {
    let text = std::fs::read(output.join(RECORD)).ok();
    text.and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default()
}

/// The result of a case, if there is one.
fn result(output: &Path, case: &str, ending: &str, classifies: bool) -> Option<PathBuf> {
    if classifies {
        return Some(output.join("slices.csv")).filter(|path| path.exists());
    }
    let whole = output.join(format!("{case}.{ending}"));
    if whole.exists() {
        return Some(whole);
    }
    let is_part = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.strip_prefix(case).is_some_and(|rest| rest.starts_with('-')) && name.ends_with(&format!(".{ending}"))
    };
    let surfaces = ["stl", "obj", "ply"].contains(&ending);
    entries(output).into_iter().find(|path| surfaces && is_part(path))
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).collect()
}

/// Label files in the folder that are no results of these cases.
fn others(output: &Path, cases: &[Case]) -> Vec<PathBuf> {
    let mut files = entries(output);
    files.retain(|path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        format::stem(&name).is_some_and(|stem| cases.iter().all(|case| case.name != stem))
    });
    files
}

/// Names and values of a file of names.
fn structures(map: &Value) -> Vec<(Value, Value, Value)> {
    let of = |it: &Value| (it["name"].clone(), it["value"].clone(), it["mask"].clone());
    map["structures"].as_array().into_iter().flatten().map(of).collect()
}

/// BLAKE3 over the files of a case's images.
fn content(case: &Case) -> io::Result<String> {
    let mut all = String::new();
    for image in &case.images {
        for file in files::below(image)? {
            all += &hash_of(&file)?;
        }
    }
    Ok(blake3::hash(all.as_bytes()).to_hex().to_string())
}
