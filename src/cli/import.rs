//! `segspec import`.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde_json::json;

use super::names::RUNS;
use super::{Exit, Failure, dataset, session};
use crate::import::nnunet::scoring::{Files, Scoring};
use crate::import::nnunet::{Fold, Kind, Model, Wanted, files, processing, write};
use crate::import::{ImportError, Imported, Known};
use crate::store;

/// Make runs of networks that another program trained; they predict, score, rank and fine-tune like any other run
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  segspec import nnunet model.zip --configuration 3d_fullres
  segspec import nnunet nnUNetTrainer__nnUNetPlans__3d_fullres --folds 0,1")]
pub struct Import {
    #[command(subcommand)]
    from: From,
}

#[derive(Debug, Subcommand)]
enum From {
    Nnunet(Nnunet),
}

/// Import a trained model of nnU-Net v2
///
/// Reads the folder that nnUNetv2_train leaves (TRAINER__PLANS__CONFIGURATION with plans.json, dataset.json and fold_*), a folder above
/// it, or the archive of nnUNetv2_export_model_to_zip. Each fold becomes a run, several folds also a run of their mean. Predictions equal
/// those of nnUNetv2_predict. Nothing in a checkpoint is executed. What has no equivalent is refused by name.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  segspec import nnunet nnUNet_results/Dataset004_Hippocampus --configuration 3d_fullres
  segspec import nnunet model.zip --folds 0,1,2,3,4 --name hippocampus
  segspec predict runs/hippocampus/0123456789ab --input imagesTs --output predictions")]
pub struct Nnunet {
    /// Folder or archive of the model
    #[arg(value_name = "FOLDER|ZIP")]
    model: PathBuf,
    /// Folds: numbers, or `all` for the one trained on all cases [default: those that are there]
    #[arg(long, value_name = "FOLD", value_delimiter = ',')]
    folds: Vec<Fold>,
    /// Checkpoint of each fold
    #[arg(long, value_enum, default_value_t)]
    checkpoint: Kind,
    /// Configuration, where the folder has several: 2d, 3d_lowres, 3d_fullres, …
    #[arg(long)]
    configuration: Option<String>,
    /// Name of the experiment [default: DATASET-CONFIGURATION]
    #[arg(long)]
    name: Option<String>,
    /// Turn images towards RAS first, as TotalSegmentator does before it calls nnU-Net; without it, images keep the axes of their files
    #[arg(long)]
    ras: bool,
    /// Folder of the first stage of a cascade [default: the one beside the model]
    #[arg(long, value_name = "FOLDER")]
    first_stage: Option<PathBuf>,
    /// postprocessing.json of `nnUNetv2_find_best_configuration`; nnUNetv2_predict itself applies none
    #[arg(long, value_name = "FILE")]
    postprocessing: Option<PathBuf>,
    /// Dataset (a name or file) whose test cases the runs are to be scored on; its split must be the one of the training
    #[arg(long)]
    dataset: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Imports.
pub fn execute(args: Import) -> Result<Exit, Failure> {
    match args.from {
        From::Nnunet(args) => nnunet(&args),
    }
}

fn nnunet(args: &Nnunet) -> Result<Exit, Failure> {
    let unpacked;
    let folder = if args.model.is_file() {
        unpacked = files::unpack(&args.model).map_err(failure)?;
        unpacked.path()
    } else {
        args.model.as_path()
    };
    let folder = choose(folder, args)?;
    let model = open(&folder, &args.folds, args)?;
    let experiment = args.name.clone().unwrap_or_else(|| write::usual_name(&model));
    let is_name = |text: &str| !text.is_empty() && !text.starts_with('.') && !text.contains(['/', '\\']);
    if !is_name(&experiment) {
        return Err(Failure::message(Exit::Usage, format!("--name {experiment:?} is not a name of a folder")));
    }
    let scoring = args.dataset.as_deref().map(|dataset| scoring(&model, dataset)).transpose()?;
    let unions = args.postprocessing.as_deref().map(processing::read).transpose().map_err(failure)?;
    let run_root = Path::new(RUNS);
    let cancel = session::cancellation();
    let usual = Wanted {
        run_root,
        experiment: &experiment,
        first: None,
        is_first: false,
        scoring: None,
        largest_union: Vec::new(),
        cancel: &cancel,
    };
    let first = match &model.previous_stage {
        Some(previous) => {
            let first = first_stage(&folder, previous, args)?;
            let made = write::runs(&first, &Wanted { is_first: true, ..usual.clone() }).map_err(failure)?;
            made.into_iter().last()
        }
        None => None,
    };
    let wanted = Wanted {
        first: first.as_ref().map(|made| &made.run),
        scoring: scoring.as_ref(),
        largest_union: unions.unwrap_or_default(),
        ..usual
    };
    let made = write::runs(&model, &wanted).map_err(failure)?;
    print(args, &model, first.as_ref(), &made);
    Ok(Exit::Ok)
}

fn open(folder: &Path, folds: &[Fold], args: &Nnunet) -> Result<Model, Failure> {
    let mut model = Model::open(folder, folds, args.checkpoint).map_err(failure)?;
    if args.model.is_file() {
        // Where it was unpacked is gone afterwards.
        model.folder = args.model.clone();
    }
    if args.ras {
        model.turn_to_ras();
    }
    Ok(model)
}

/// The model whose segmentation a cascade takes as further channels.
fn first_stage(folder: &Path, previous: &str, args: &Nnunet) -> Result<Model, Failure> {
    let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let beside = name.rsplit_once("__").map(|(start, _)| folder.with_file_name(format!("{start}__{previous}")));
    let place = args.first_stage.clone().or(beside).unwrap_or_default();
    if !place.is_dir() {
        let text = format!(
            "{}: is the second stage of a cascade, and its first, `{previous}`, is not at {}; give its folder by --first-stage",
            args.model.display(),
            place.display()
        );
        return Err(Failure::message(Exit::BadData, text));
    }
    let first = open(&place, &[], args)?;
    if first.configuration != previous {
        let text = format!("{}: is `{}`, the cascade needs `{previous}`", place.display(), first.configuration);
        return Err(Failure::message(Exit::BadData, text));
    }
    Ok(first)
}

/// The cases to score.
fn scoring(model: &Model, dataset: &str) -> Result<Scoring, Failure> {
    let dataset = dataset::load(dataset)?.dataset;
    let cancel = session::cancellation();
    let bar = dataset::progress_bar("reading");
    let progress = |_, done, all| dataset::show(&bar, done, all);
    let cache = store::cache(Path::new(RUNS));
    let files = Files { data_root: &session::data_root(), cache: &cache, progress: &progress, cancel: &cancel };
    let found = Scoring::open(&model.labels, model.channels.len(), &dataset, &files).map_err(failure);
    bar.finish_and_clear();
    found
}

/// The one model folder at or below a folder.
fn choose(folder: &Path, args: &Nnunet) -> Result<PathBuf, Failure> {
    let wrong = |text: String| Err(Failure::message(Exit::BadData, format!("{}: {text}", args.model.display())));
    let mut found = files::models(folder);
    if !folder.is_dir() {
        return wrong("no such file or folder".into());
    }
    let name = |path: &PathBuf| path.strip_prefix(folder).unwrap_or(path).display().to_string();
    let all: Vec<String> =
        found.iter().map(name).map(|name| if name.is_empty() { "itself".into() } else { name }).collect();
    if let Some(wanted) = &args.configuration {
        found.retain(|path| path.to_string_lossy().rsplit("__").next() == Some(wanted));
    }
    match (found.as_slice(), all.is_empty()) {
        ([one], _) => Ok(one.clone()),
        (_, true) => wrong(
            "no trained model of nnU-Net v2 here: a folder with plans.json, dataset.json and fold_0, fold_1, …".into(),
        ),
        ([], _) => wrong(format!("no model of this --configuration; there are: {}", all.join(", "))),
        _ => wrong(format!("several models; choose one by its folder or --configuration: {}", all.join(", "))),
    }
}

fn print(args: &Nnunet, model: &Model, first: Option<&Imported>, made: &[Imported]) {
    let structures: Vec<&str> = model.labels.structures.iter().map(|(name, ..)| name.as_str()).collect();
    if args.json {
        let value = json!({
            "dataset": model.dataset, "configuration": model.configuration, "trainer": model.trainer,
            "channels": model.channels, "structures": structures, "first_stage": first, "runs": made,
            "notes": model.notes,
        });
        println!("{value:#}");
        return;
    }
    let (channels, structures) = (model.channels.join(", "), structures.join(", "));
    println!("{} {}: channels {channels}; structures {structures}", model.dataset, model.configuration);
    model.notes.iter().for_each(|note| println!("note: {note}"));
    for (what, run) in first.map(|run| ("first stage, ", run)).into_iter().chain(made.iter().map(|run| ("", run))) {
        let known = match run.known {
            Known::New => "",
            Known::Same => " (was there already)",
            Known::Changed => " (was there already, with other settings)",
        };
        let known = format!("{known}{}", scored(run));
        println!("  {what}{}: {}{known}", run.name, run.folder.display());
    }
    if made.iter().any(|run| run.cases > 0) {
        println!("`segspec run-plan FOLDER` predicts and scores the test cases of a run");
    }
    if let Some(last) = made.last() {
        println!("`segspec predict {} --input IMAGES --output FOLDER` segments images", last.folder.display());
    }
}

/// How many cases a run scores.
fn scored(run: &Imported) -> String {
    match run.cases {
        0 => String::new(),
        cases => format!(", scores {}", session::counted(cases, "test case")),
    }
}

fn failure(error: ImportError) -> Failure {
    let environment = match &error {
        ImportError::File { environment, .. } => *environment,
        ImportError::Store(_) | ImportError::Busy { .. } => true,
        ImportError::Interrupted => return Failure::new(Exit::Interrupted, error),
        ImportError::Checkpoint(error) => error.is_environment(),
        ImportError::Weights(_) | ImportError::Dataset(_) | ImportError::Split(_) | ImportError::Data(_) => false,
    };
    match error {
        ImportError::Data(error) => dataset::failure(error),
        other => Failure::new(if environment { Exit::Environment } else { Exit::BadData }, other),
    }
}
