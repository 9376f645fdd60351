//! `segspec convert FOLDER FOLDER --to ENDING`: every image below a folder, and the labels beside them.

mod items;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use super::Convert;
use crate::cli::{Exit, Failure, dataset};
use crate::evaluate::files::Tree;
use crate::volume::Format;
use crate::volume::convert::{Options, convert};
use items::{Item, items};

/// Converts what lies below a folder; failures are listed at the end.
pub(super) fn execute(args: &Convert, ending: &str, options: &Options) -> Result<Exit, Failure> {
    let ending = ending.trim_start_matches('.');
    let listed = |error| Failure::message(Exit::BadData, format!("{}: {error}", args.source.display()));
    let tree = Tree::of(&args.source).map_err(listed)?;
    let mut items = items(&tree, options.choice.series.is_some());
    if items.is_empty() {
        let text = format!("{}: no image file or DICOM series found", args.source.display());
        return Err(Failure::message(Exit::BadData, text));
    }
    leave_out(&mut items, ending);
    if args.anonymize {
        anonymise(&mut items);
    }
    let bar = dataset::progress_bar("converting");
    let (mut rows, mut failed) = (csv::Writer::from_writer(Vec::new()), Vec::new());
    let environment = |error: csv::Error| Failure::new(Exit::Environment, error);
    rows.write_record(["result", "source"]).map_err(environment)?;
    let sources: BTreeSet<PathBuf> = items.iter().filter_map(|item| item.source.canonicalize().ok()).collect();
    for (index, item) in items.iter().enumerate() {
        let target = target(args, item, ending);
        let written = match target.canonicalize().is_ok_and(|path| sources.contains(&path)) {
            true => Err(format!(
                "{}: not overwritten, because it is one of the sources: choose another folder",
                target.display()
            )),
            false => one(item, &target, options),
        };
        match written {
            Ok(()) => {
                let cells = [target.to_string_lossy(), item.source.to_string_lossy()];
                rows.write_record(cells.iter().map(|cell| cell.as_bytes())).map_err(environment)?;
            }
            Err(error) => failed.push(error),
        }
        dataset::show(&bar, index + 1, items.len());
    }
    bar.finish_and_clear();
    if let Some(path) = &args.map {
        let map = rows.into_inner().map_err(|error| Failure::new(Exit::Environment, error.into_error()))?;
        crate::files::write_atomic(path, &map).map_err(|error| Failure::new(Exit::Environment, error))?;
    }
    options.notes.all().iter().for_each(|note| eprintln!("note: {note}"));
    println!("{} of {} converted", items.len() - failed.len(), items.len());
    if failed.is_empty() { Ok(Exit::Ok) } else { Err(Failure::message(Exit::BadData, failed.join("\n"))) }
}

fn one(item: &Item, target: &std::path::Path, options: &Options) -> Result<(), String> {
    if let Some(other) = &item.twin {
        let name = item.source.display();
        return Err(format!("{name}: {} has the same name apart from the ending", other.display()));
    }
    let mut own = options.clone();
    if let Some(series) = &item.series {
        own.choice.series = Some(series.clone());
    }
    if options.on.is_none() {
        own.on.clone_from(&item.on);
    }
    if let Some(folder) = target.parent() {
        std::fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    }
    convert(&item.source, target, &own).map(drop).map_err(|error| error.to_string())
}

fn target(args: &Convert, item: &Item, ending: &str) -> PathBuf {
    let name = format!("{}{}", item.case, item.suffix);
    args.target.join(if ending == "dicom" { name } else { format!("{name}.{ending}") })
}

/// What the target format cannot hold is left out where there is something else: images of label formats, labels of DICOM series.
fn leave_out(items: &mut Vec<Item>, ending: &str) {
    let written = match ending {
        "dicom" => Some(Format::DicomImage),
        _ => Format::written_as(format!("a.{ending}").as_ref()),
    };
    let Some(write) = written.map(|format| &format.entry().write) else { return };
    let holds = |item: &Item| match item.is_label {
        true => write.segments.is_some() || write.segmentation.is_some(),
        false => write.volume.is_some() || !item.is_series,
    };
    let kept = items.iter().filter(|item| holds(item)).count();
    if (1..items.len()).contains(&kept) {
        let what = if write.volume.is_some() { "label objects" } else { "DICOM series" };
        eprintln!("note: {} {what} are left out: .{ending} does not hold them", items.len() - kept);
        items.retain(holds);
    }
}

/// Cases are numbered in the order of their names; the labels of a case have its number.
fn anonymise(items: &mut [Item]) {
    let mut numbers: BTreeMap<String, String> = items.iter().map(|item| (item.case.clone(), String::new())).collect();
    for (number, name) in numbers.values_mut().enumerate() {
        *name = format!("case-{:04}", number + 1);
    }
    for item in items {
        if let Some(name) = numbers.get(&item.case) {
            item.case.clone_from(name);
        }
    }
}
