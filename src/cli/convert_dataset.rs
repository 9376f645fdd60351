//! `segspec convert-dataset`.

mod place;

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use super::names::{RUNS, spec_file};
use super::session::{self, data_root};
use super::{Exit, Failure, dataset};
use crate::dataset::raw::{self, Raw, RawError};
use crate::dataset::spec::Split;
use crate::dataset::{Access, Dataset, Inputs};
use crate::spec::{self, Kind, Loaded, kind};
use crate::words::shell_path;
use crate::{Cancel, counted, files, store};

/// Write a dataset as another program reads it, with the folds of an experiment, to compare both on the same data
///
/// `--to nnunet` writes a raw dataset of nnU-Net 2 from any dataset: DatasetNNN_NAME with dataset.json, imagesTr, labelsTr, splits_final.json, and
/// for held-out cases imagesTs and labelsTs. Cases are read as a run reads them; images keep grid and values. Of an experiment, its structures
/// and its split are taken. Label values are numbered without a gap, structures that share voxels become regions, and what cannot be
/// expressed is refused: see docs/from-nnunet.md.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  segspec convert-dataset experiments/liver.toml --to nnunet --output nnUNet_raw
  segspec convert-dataset datasets/phantom.toml --to nnunet --output nnUNet_raw --number 123
  segspec convert-dataset liver --to nnunet --output nnUNet_raw --name Liver --overwrite")]
pub struct ConvertDataset {
    /// Experiment or dataset: a file, or a name in experiments/, else in datasets/
    #[arg(value_name = "EXPERIMENT|DATASET")]
    source: PathBuf,
    /// Program that reads the result
    #[arg(long, value_enum)]
    to: Program,
    /// Folder in which the dataset's folder is made: nnUNet_raw
    #[arg(long, value_name = "FOLDER")]
    output: PathBuf,
    /// Number of the dataset in nnU-Net [default: the first that is free in FOLDER]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=999))]
    number: Option<u16>,
    /// Name of the dataset in nnU-Net [default: its name here]
    #[arg(long)]
    name: Option<String>,
    /// Override a value of the experiment; can be repeated
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Replace a dataset of this name that is there already
    #[arg(long)]
    overwrite: bool,
    /// Print what was written as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Program {
    /// nnU-Net, version 2
    #[value(name = "nnunet")]
    NnUnet,
}

/// What is converted.
struct Source {
    dataset: Dataset,
    split: Split,
    structures: Vec<String>,
    run_root: PathBuf,
}

/// Converts, and prints what was written and what differs.
pub fn execute(args: ConvertDataset) -> Result<Exit, Failure> {
    let Program::NnUnet = args.to;
    let file = spec_file(&args.source);
    let source = source(&file, &args.set)?;
    let wanted = args.name.as_deref().or(source.dataset.name.as_deref()).unwrap_or("dataset");
    let name = place::name(wanted, args.name.is_some())?;
    let target = place::target(&args.output, args.number, &name)?;
    place::refuse(&target.folder, args.overwrite)?;
    // Ctrl-C ends the program: the folder gets its name when it is whole.
    session::writes_at_the_end(true);
    let inputs = inputs(&source)?;
    let raw = raw::plan(&source.dataset, &inputs, &source.split, &source.structures).map_err(failure)?;
    write(&raw, &target.folder)?;
    session::writes_at_the_end(false);
    if args.json {
        tell_json(&raw, &inputs, &target)?;
    } else {
        tell(&file, &raw, &inputs, &target);
    }
    Ok(Exit::Ok)
}

/// Reads an experiment or a dataset.
fn source(file: &Path, set: &[String]) -> Result<Source, Failure> {
    if kind::of_file(file) == Kind::Experiment {
        return of_experiment(file, session::load(file, set)?);
    }
    if !set.is_empty() {
        let text = format!("--set changes experiments, and {} is a dataset file", file.display());
        return Err(Failure::message(Exit::Usage, text));
    }
    let dataset = spec::load_dataset(file).map_err(|errors| Failure::new(Exit::BadSpec, errors))?.dataset;
    Ok(Source { split: dataset.split.clone(), dataset, structures: Vec::new(), run_root: RUNS.into() })
}

/// What an experiment segments, and how it divides the cases; the same in all its trials.
fn of_experiment(file: &Path, loaded: Loaded) -> Result<Source, Failure> {
    let first = loaded.trials.first().map_or(&loaded.experiment, |trial| &trial.experiment);
    for trial in &loaded.trials {
        let differing = [
            ("split", trial.experiment.split != first.split),
            ("structures", trial.experiment.structures != first.structures),
        ];
        if let Some((key, _)) = differing.iter().find(|(_, differs)| *differs) {
            let text = format!("{}: its sweep varies `{key}`; choose one value with --set", file.display());
            return Err(Failure::message(Exit::Usage, text));
        }
    }
    Ok(Source {
        split: first.split.clone().unwrap_or_else(|| loaded.dataset.split.clone()),
        structures: first.structures.clone(),
        run_root: first.run_root.clone().into(),
        dataset: loaded.dataset,
    })
}

/// The cases, checked as for a run; what a run has checked is not read again.
fn inputs(source: &Source) -> Result<Inputs, Failure> {
    let bar = dataset::progress_bar("reading");
    let progress = |_, done, all| dataset::show(&bar, done, all);
    let cache = store::cache(&source.run_root);
    let opened = Inputs::open(&source.dataset, &data_root(), &cache, Access::Read, &progress, &Cancel::new());
    bar.finish_and_clear();
    opened.map_err(dataset::failure)
}

/// Writes into a folder beside the target, which then takes its place.
fn write(raw: &Raw, target: &Path) -> Result<(), Failure> {
    let bar = dataset::progress_bar("writing");
    let failed = |error: std::io::Error| Failure::reading(target, &error);
    let write = |folder: &Path| -> Result<(), Failure> {
        std::fs::create_dir_all(folder).map_err(failed)?;
        raw.write(folder, &|done, all| dataset::show(&bar, done, all), &Cancel::new()).map_err(failure)
    };
    let written = match place::is_there(target) {
        true => files::replace_folder(target, failed, write),
        false => files::write_folder(target, failed, write),
    };
    bar.finish_and_clear();
    written
}

fn failure(error: RawError) -> Failure {
    let exit = match &error {
        RawError::Cancelled => Exit::Interrupted,
        RawError::Target(_) | RawError::Overlap { .. } | RawError::Reserved { .. } => Exit::BadSpec,
        _ if error.is_environment() => Exit::Environment,
        _ => Exit::BadData,
    };
    Failure::new(exit, error)
}

fn tell(file: &Path, raw: &Raw, inputs: &Inputs, target: &place::Target) {
    println!("{} from {}", target.folder.display(), file.display());
    let labels: Vec<String> = raw
        .labels
        .labels
        .iter()
        .map(|(name, values)| match values.as_slice() {
            [only] => format!("{name} = {only}"),
            several => format!("{name} = {several:?}"),
        })
        .chain(raw.labels.ignore.map(|value| format!("ignore = {value}")))
        .collect();
    let parts = &raw.parts;
    println!(
        "written: {}, {}, {}; channels {}; labels {}",
        counted(parts.training.len(), "training case"),
        counted(parts.test.len(), "held-out case"),
        counted(parts.folds.len(), "fold"),
        raw.channels.join(", "),
        labels.join(", ")
    );
    raw.notes.iter().for_each(|note| println!("note: {note}"));
    inputs.excluded.iter().for_each(|row| println!("excluded: {}: {}", row.case, row.reason));
    next(raw, target);
}

/// nnU-Net's commands for the dataset.
fn next(raw: &Raw, target: &place::Target) {
    let raw_root = target.folder.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    println!("next: export nnUNet_raw={}", shell_path(raw_root));
    println!("      nnUNetv2_plan_and_preprocess -d {} --verify_dataset_integrity", target.number);
    if has_folds(raw) {
        let splits = shell_path(&target.folder.join("splits_final.json"));
        println!("      cp {splits} \"$nnUNet_preprocessed/{}/\"", target.folder_name());
    }
    let fold = if has_folds(raw) { "0" } else { "all" };
    println!("      nnUNetv2_train {} {} {fold}", target.number, raw.configuration);
}

fn has_folds(raw: &Raw) -> bool {
    !raw.parts.folds.is_empty()
}

fn tell_json(raw: &Raw, inputs: &Inputs, target: &place::Target) -> Result<(), Failure> {
    let labels: serde_json::Map<String, serde_json::Value> =
        raw.labels.labels.iter().map(|(name, values)| (name.clone(), serde_json::json!(values))).collect();
    let value = serde_json::json!({
        "folder": target.folder, "number": target.number, "training": raw.parts.training, "held-out": raw.parts.test,
        "folds": raw.parts.folds, "names": raw.identifiers, "channels": raw.channels, "labels": labels,
        "ignore": raw.labels.ignore, "configuration": raw.configuration, "notes": raw.notes, "excluded": inputs.excluded,
    });
    println!("{value:#}");
    Ok(())
}
