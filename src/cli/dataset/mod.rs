//! `segspec dataset`: inspects a dataset before training.

mod corrections;
mod fingerprint;
mod summary;

use std::path::Path;

use clap::{Args, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use super::session::data_root;
use super::{Exit, Failure};
use crate::dataset::{self, CaseCheck, DataError, Opened, mirror};
use crate::report::text_table::TextTable;
use crate::spec::{self, LoadedDataset, lookup};

/// Inspect a dataset: files, grids, intensities, labels
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  segspec dataset check hippocampus
  segspec dataset fingerprint hippocampus")]
pub struct Dataset {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Read every case and print what it holds, or why it cannot be used
    ///
    /// The exit code is 4 when no case can be used.
    #[command(after_help = "\
Examples:
  segspec dataset check hippocampus
  segspec dataset check datasets/msd-hippocampus.toml --json")]
    Check(Source),
    /// Print the measurements used by automatic planning, and the value of every "auto"
    ///
    /// Shapes, spacings and structures of all cases, intensities of the labelled voxels in the training cases, and the
    /// spacing, patch, batch and network that an experiment with default settings would get.
    #[command(after_help = "\
Examples:
  segspec dataset fingerprint hippocampus
  segspec dataset fingerprint hippocampus --json")]
    Fingerprint(Source),
    /// Write a dataset file that takes the corrected labels of a run in place of the old ones
    ///
    /// The labels of the old dataset stay as they are; the corrected ones are copied. Structures that the run does not segment are
    /// background in the new dataset. Plans of the new dataset name the corrected cases.
    #[command(after_help = "\
Examples:
  segspec dataset add-corrections runs/liver/0123456789ab --name liver-corrected
  segspec dataset add-corrections liver --name liver-2 --json")]
    AddCorrections(corrections::AddCorrections),
}

#[derive(Debug, Args)]
struct Source {
    /// Dataset name (datasets/NAME.toml) or file
    dataset: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub fn execute(args: Dataset) -> Result<Exit, Failure> {
    match args.command {
        Command::Check(source) => check(&source),
        Command::Fingerprint(source) => fingerprint::execute(&source),
        Command::AddCorrections(args) => corrections::execute(&args),
    }
}

fn check(source: &Source) -> Result<Exit, Failure> {
    let (spec, opened, checks) = read(source)?;
    let usable = checks.iter().filter(|row| row.excluded.is_none()).count();
    let warnings = whole_set(&spec, &checks);
    if source.json {
        let json = json!({
            "dataset": opened.name, "root": opened.root, "usable": usable, "cases": checks,
            "excluded": opened.excluded, "summary": summary::json(&spec, &checks), "warnings": warnings,
        });
        print_json(&json)?;
    } else {
        print!("{}", cases(&spec, &checks).render());
        print!("{}", notes(&opened, &checks));
        print!("\n{}", summary::text(&spec, &opened, &checks));
        warnings.iter().for_each(|text| println!("warning: {text}"));
    }
    Ok(if usable == 0 { Exit::BadData } else { Exit::Ok })
}

fn read(source: &Source) -> Result<(dataset::Dataset, Opened, Vec<CaseCheck>), Failure> {
    let spec = load(&source.dataset)?.dataset;
    let name = spec.name.clone().unwrap_or_default();
    let cancel = super::session::cancellation();
    let opened = dataset::open(&spec, &name, &data_root(), &cancel).map_err(failure)?;
    let bar = progress_bar("reading");
    let checks = dataset::check(&opened, &spec, &|done, all| show(&bar, done, all), &cancel).map_err(failure)?;
    bar.finish_and_clear();
    Ok((spec, opened, checks))
}

/// A checked dataset by name (`datasets/NAME.toml`) or file.
pub(super) fn load(dataset: &str) -> Result<LoadedDataset, Failure> {
    // Looked up as if named by an experiment in `experiments`.
    let file = lookup::dataset(dataset, Path::new("experiments/any.toml"), None)
        .map_err(|missing| Failure::message(Exit::Usage, format!("{}\nhelp: {}", missing.message, missing.help)))?;
    spec::load_dataset(&file).map_err(|errors| Failure::new(Exit::BadSpec, errors))
}

/// The failure, with its exit code, for an unusable dataset.
pub(super) fn failure(error: DataError) -> Failure {
    let exit = match error {
        DataError::Cancelled => Exit::Interrupted,
        _ if error.is_environment() => Exit::Environment,
        _ => Exit::BadData,
    };
    Failure::new(exit, error)
}

/// A progress bar on stderr; hidden if stderr is not a terminal.
pub(super) fn progress_bar(what: &'static str) -> ProgressBar {
    let style = ProgressStyle::with_template("{msg} {bar:30} {pos}/{len} {eta}");
    ProgressBar::new(0).with_message(what).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

/// Updates a progress bar.
pub(super) fn show(bar: &ProgressBar, done: usize, all: usize) {
    bar.set_length(all as u64);
    bar.set_position(bar.position().max(done as u64));
}

fn print_json(json: &serde_json::Value) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(json).map_err(|error| Failure::new(Exit::BadData, error))?;
    println!("{text}");
    Ok(())
}

fn cases(spec: &dataset::Dataset, checks: &[CaseCheck]) -> TextTable {
    let mut table = TextTable::new(["case", "shape [z,y,x]", "spacing mm", "axes", "range", "structures", "use"]);
    for row in checks {
        table.row([
            row.case.clone(),
            row.shape.map_or_else(dash, |shape| shape.map(|count| count.to_string()).join("×")),
            row.spacing_mm.map_or_else(dash, |spacing| spacing.map(summary::number).join("×")),
            row.orientation.clone().unwrap_or_else(dash),
            row.range.map_or_else(dash, |range| range.map(|value| summary::number(value.into())).join("…")),
            present(spec, row),
            if row.excluded.is_some() { "excluded" } else { "yes" }.to_owned(),
        ]);
    }
    table
}

fn dash() -> String {
    "—".into()
}

/// The structures of a case, abbreviated.
fn present(spec: &dataset::Dataset, row: &CaseCheck) -> String {
    let missing: Vec<&str> = spec
        .structures
        .iter()
        .map(|structure| structure.name.as_str())
        .filter(|name| !row.structures.iter().any(|found| found == name))
        .collect();
    match (row.structures.len(), missing.len()) {
        (0, _) => dash(),
        (present, 0) if present > 2 => format!("all {present}"),
        (present, missing_count) if missing_count > 0 && present > 2 * missing_count => {
            format!("all but {}", missing.join(", "))
        }
        _ => row.structures.join(", "),
    }
}

/// Warnings about the dataset as a whole: structures and values that occur nowhere, sides without a partner.
fn whole_set(spec: &dataset::Dataset, checks: &[CaseCheck]) -> Vec<String> {
    let mut single = spec.clone();
    // Each structure is looked for, also one that is no target of its own.
    single.labels.inseparable.clear();
    let target = dataset::target(&single, &[]).ok();
    let mut warnings: Vec<String> = target.and_then(|target| dataset::absent(&target, checks)).into_iter().collect();
    let usable = || checks.iter().filter(|row| row.excluded.is_none());
    let occurs = |value: u16| usable().any(|row| row.label_voxels.contains_key(&value));
    let declared = spec.labels.background.iter().map(|value| ("background", *value));
    for (key, value) in declared.chain(spec.labels.ignore.map(|value| ("ignore", value))) {
        if usable().next().is_some() && !occurs(value) {
            warnings.push(format!("no usable case contains the value {value} of `labels.{key}`"));
        }
    }
    let names: Vec<&str> = spec.structures.iter().map(|structure| structure.name.as_str()).collect();
    let is_listed = |name: &String| spec.labels.mirror_pairs.iter().flatten().any(|listed| listed == name);
    for [one, other] in mirror::partners(&names).into_iter().filter(|pair| !pair.iter().all(is_listed)) {
        warnings.push(format!(
            "`{one}` and `{other}` differ in their side and are no pair of `labels.mirror-pairs`: images must not be mirrored left to right"
        ));
    }
    warnings
}

/// Exclusions, warnings and notes on how labels were read, one line each.
fn notes(opened: &Opened, checks: &[CaseCheck]) -> String {
    let listed = opened.excluded.iter().map(|row| ("excluded", &row.case, &row.reason));
    let read = checks.iter().filter_map(|row| Some(("excluded", &row.case, row.excluded.as_ref()?)));
    let warned = checks.iter().flat_map(|row| row.warnings.iter().map(|text| ("warning", &row.case, text)));
    let noted = checks.iter().flat_map(|row| row.notes.iter().map(|text| ("note", &row.case, text)));
    let mut lines: Vec<String> = listed
        .chain(read)
        .chain(warned)
        .chain(noted)
        .map(|(kind, case, text)| format!("{kind}: {case}: {text}\n"))
        .collect();
    if !lines.is_empty() {
        lines.insert(0, "\n".into());
    }
    lines.concat()
}
