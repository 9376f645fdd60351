//! `segspec import`.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde_json::json;

use super::names::RUNS;
use super::{Exit, Failure, dataset, session};
use crate::import::nnunet::scoring::{Files, Scoring};
use crate::import::nnunet::{Fold, Kind, Model, Source, Wanted, files, processing, write};
use crate::import::{ImportError, Imported, Known};
use crate::store;
use crate::words::shell_path;

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
    /// Folder or archive of the first stage of a cascade [default: the one beside the model]
    #[arg(long, value_name = "FOLDER|ZIP")]
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
    let source = Source::open(&args.model).map_err(failure)?;
    let folder = choose(&source, args)?;
    let model = open(&source, &folder, &args.folds, args)?;
    let experiment = args.name.clone().unwrap_or_else(|| write::usual_name(&model));
    let is_name = |text: &str| !text.is_empty() && !text.starts_with('.') && !text.contains(['/', '\\']);
    if !is_name(&experiment) {
        return Err(Failure::message(Exit::Usage, format!("--name {experiment:?} is not a name of a folder")));
    }
    let scoring = args.dataset.as_deref().map(|dataset| scoring(&model, dataset)).transpose()?;
    let unions = args.postprocessing.as_deref().map(processing::read).transpose().map_err(failure)?;
    let cancel = session::cancellation();
    let usual = Wanted {
        run_root: Path::new(RUNS),
        experiment: &experiment,
        first: None,
        is_first: false,
        scoring: None,
        largest_union: Vec::new(),
        cancel: &cancel,
    };
    let first = first_runs(&source, &folder, &model, args, &usual)?;
    let wanted = Wanted {
        first: first.as_ref().map(|made| &made.run),
        scoring: scoring.as_ref(),
        largest_union: unions.unwrap_or_default(),
        ..usual
    };
    let made = write::runs(&model, &wanted).map_err(|error| failure(source.told(error)))?;
    print(args, &model, first.as_ref(), &made);
    Ok(Exit::Ok)
}

fn open(source: &Source, folder: &Path, folds: &[Fold], args: &Nnunet) -> Result<Model, Failure> {
    let mut model = Model::open(source, folder, folds, args.checkpoint).map_err(failure)?;
    if args.ras {
        model.turn_to_ras();
    }
    Ok(model)
}

/// Makes the runs of a cascade's first stage; the one whose segmentation the second takes as further channels.
fn first_runs(
    source: &Source,
    folder: &Path,
    model: &Model,
    args: &Nnunet,
    usual: &Wanted,
) -> Result<Option<Imported>, Failure> {
    let Some(previous) = &model.previous_stage else {
        return match &args.first_stage {
            None => Ok(None),
            Some(_) => {
                let text = format!(
                    "--first-stage: the model {} is no second stage of a cascade and takes no other's segmentation; leave it out",
                    model.configuration
                );
                Err(Failure::message(Exit::Usage, text))
            }
        };
    };
    let other = args.first_stage.as_deref().map(Source::open).transpose().map_err(failure)?;
    let (source, place) = match &other {
        Some(other) => (other, stated(other, previous)?),
        None => (source, beside(folder, previous, args)?),
    };
    let first = open(source, &place, &[], args)?;
    if first.configuration != *previous {
        let text = format!("{}: is `{}`, the cascade needs `{previous}`", first.folder.display(), first.configuration);
        return Err(Failure::message(Exit::BadData, text));
    }
    let made = write::runs(&first, &Wanted { is_first: true, ..usual.clone() });
    Ok(made.map_err(|error| failure(source.told(error)))?.into_iter().last())
}

/// The folder of a cascade's first stage in what the user states: the only model, or the one of its configuration.
fn stated(source: &Source, previous: &str) -> Result<PathBuf, Failure> {
    let found = files::models(source.folder()).map_err(|error| failure(source.told(error)))?;
    let is_previous = |path: &&PathBuf| path.to_string_lossy().rsplit("__").next() == Some(previous);
    let chosen = if let [only] = found.as_slice() { Some(only) } else { found.iter().find(is_previous) };
    chosen.cloned().ok_or_else(|| {
        let place = source.lasting(source.folder()).display();
        Failure::message(Exit::BadData, format!("{place}: no trained model `{previous}` here, which the cascade needs"))
    })
}

/// The folder of a cascade's first stage beside that of the second.
fn beside(folder: &Path, previous: &str, args: &Nnunet) -> Result<PathBuf, Failure> {
    let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let beside = name.rsplit_once("__").map(|(start, _)| format!("{start}__{previous}"));
    let place = beside.as_ref().map(|name| folder.with_file_name(name)).filter(|place| place.is_dir());
    place.ok_or_else(|| {
        let text = format!(
            "{}: is the second stage of a cascade, and its first, `{previous}`, does not lie beside it{}; give its folder by --first-stage",
            args.model.display(),
            beside.map(|name| format!(" as {name}")).unwrap_or_default()
        );
        Failure::message(Exit::BadData, text)
    })
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

/// The one model folder at or below that of a source.
fn choose(source: &Source, args: &Nnunet) -> Result<PathBuf, Failure> {
    let wrong = |text: String| Err(Failure::message(Exit::BadData, format!("{}: {text}", args.model.display())));
    let folder = source.folder();
    let mut found = files::models(folder).map_err(|error| failure(source.told(error)))?;
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
        println!("`segspec predict {} --input IMAGES --output FOLDER` segments images", shell_path(&last.folder));
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
    let exit = match &error {
        ImportError::Interrupted => Exit::Interrupted,
        other if other.is_environment() => Exit::Environment,
        _ => Exit::BadData,
    };
    match error {
        ImportError::Data(error) => dataset::failure(error),
        ImportError::Store(error) => error.into(),
        other => Failure::new(exit, other),
    }
}
