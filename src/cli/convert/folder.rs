//! `segspec convert FOLDER FOLDER --to ENDING`: every image below a folder, and the labels beside them.

mod cases;
mod items;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::{Convert, target};
use crate::cli::{Exit, Failure, dataset};
use crate::counted;
use crate::evaluate::files::Tree;
use crate::evaluate::files::tree::Kind;
use crate::volume::convert::{Options, convert};
use crate::volume::dicom::Anonymous;
use crate::volume::{Format, label_names};
use items::{Item, items};

/// Converts what lies below a folder; failures are listed at the end.
pub(super) fn execute(args: &Convert, ending: &str, options: &Options) -> Result<Exit, Failure> {
    let ending = ending.trim_start_matches('.');
    let items = found(args, ending, options)?;
    let sources: BTreeSet<PathBuf> = items.iter().filter_map(|item| item.source.canonicalize().ok()).collect();
    let is_source = |target: &Path| target.canonicalize().is_ok_and(|path| sources.contains(&path));
    refuse_existing(args, ending, &items, &is_source)?;
    let bar = dataset::progress_bar("converting");
    let (mut rows, mut failed) = (csv::Writer::from_writer(Vec::new()), Vec::new());
    let environment = |error: csv::Error| Failure::new(Exit::Environment, error);
    rows.write_record(["result", "source"]).map_err(environment)?;
    let some_labels = items.iter().any(holds_labels);
    for (index, item) in items.iter().enumerate() {
        let target = target_of(args, item, ending);
        let written = match is_source(&target) {
            true => Err(Failure::message(
                Exit::BadData,
                format!(
                    "{}: not overwritten, because it is one of the sources: choose another folder",
                    target.display()
                ),
            )),
            false => one(item, &target, &own(item, options, some_labels)),
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
    summed_up(failed)
}

/// One failure of all that there are.
fn summed_up(failed: Vec<Failure>) -> Result<Exit, Failure> {
    let Some(first) = failed.first() else { return Ok(Exit::Ok) };
    let exit = if failed.iter().all(|failure| failure.exit == first.exit) { first.exit } else { Exit::BadData };
    let lines: Vec<String> = failed.iter().map(|failure| failure.error.to_string()).collect();
    Err(Failure::message(exit, lines.join("\n")))
}

/// What is converted, under the names of the results.
fn found(args: &Convert, ending: &str, options: &Options) -> Result<Vec<Item>, Failure> {
    let tree = Tree::of(&args.source).map_err(|error| Failure::reading(&args.source, &error))?;
    let mut items = items(&tree, options.choice.series.is_some());
    if items.is_empty() {
        let text = format!("{}: no image file or DICOM series found", args.source.display());
        return Err(Failure::message(Exit::BadData, text));
    }
    let surfaces = tree.leaves.iter().filter(|leaf| leaf.kind == Kind::Surface).count();
    if surfaces > 0 {
        let remedy = "put them on an image: `segspec convert SURFACE TARGET --on IMAGE`, also for a folder of surfaces";
        eprintln!("note: {} left out, which have no voxels: {remedy}", are(surfaces, "surface"));
    }
    if tree.others > 0 {
        eprintln!("note: {} left out: neither images nor labels by their names", are(tree.others, "other file"));
    }
    leave_out(&mut items, ending);
    if args.anonymize {
        cases::number(&mut items);
    }
    Ok(items)
}

fn are(count: usize, what: &str) -> String {
    format!("{} {}", counted(count, what), if count == 1 { "is" } else { "are" })
}

/// Refuses to write over results that are there, before anything is written.
fn refuse_existing(
    args: &Convert,
    ending: &str,
    items: &[Item],
    is_source: &dyn Fn(&Path) -> bool,
) -> Result<(), Failure> {
    let targets = items.iter().map(|item| target_of(args, item, ending)).filter(|target| !is_source(target));
    let mut all = targets.chain(args.map.clone());
    all.try_for_each(|path| target::refuse(&path, args.overwrite))
}

/// Whether an item holds labels, as far as it or a file beside it says.
fn holds_labels(item: &Item) -> bool {
    item.is_label || !item.is_series && label_names::beside(&item.source).is_some()
}

/// How one item is converted.
fn own(item: &Item, options: &Options, some_labels: bool) -> Options {
    let mut own = options.clone();
    if let Some(series) = &item.series {
        own.choice.series = Some(series.clone());
    }
    if options.on.is_none() {
        own.on.clone_from(&item.on);
    } else if some_labels && !options.labels && !holds_labels(item) {
        // It is the labels that are put on the image, not the other images.
        (own.on, own.resample) = (None, false);
    }
    if let Some(identity) = &options.anonymous {
        let patient = item.case.clone();
        own.anonymous = Some(Anonymous { description: patient.clone(), patient, ..identity.clone() });
    }
    own
}

fn one(item: &Item, target: &Path, options: &Options) -> Result<(), Failure> {
    if let Some(other) = &item.twin {
        let name = item.source.display();
        let text = format!("{name}: {} has the same name apart from the ending", other.display());
        return Err(Failure::message(Exit::BadData, text));
    }
    if let Some(folder) = target.parent() {
        std::fs::create_dir_all(folder).map_err(|error| Failure::reading(folder, &error))?;
    }
    target::write(target, |target| convert(&item.source, target, options).map_err(Failure::from)).map(drop)
}

fn target_of(args: &Convert, item: &Item, ending: &str) -> PathBuf {
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
