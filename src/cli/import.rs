//! `segspec import`.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde_json::json;

use super::names::RUNS;
use super::{Exit, Failure};
use crate::import::nnunet::{Fold, Kind, Model, Wanted, files, write};
use crate::import::{ImportError, Imported};

/// Make runs of networks that another program trained; they predict, score, rank and fine-tune like any other run
#[derive(Debug, Args)]
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
  segspec import nnunet nnUNet_results/Dataset004_Hippocampus/nnUNetTrainer__nnUNetPlans__3d_fullres
  segspec import nnunet model.zip --configuration 3d_fullres --folds 0,1,2,3,4
  segspec predict runs/Dataset004_Hippocampus-3d_fullres/0123456789ab --input imagesTs --output predictions")]
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
    let model = Model::open(&folder, &args.folds, args.checkpoint).map_err(failure)?;
    let usual = write::usual_name(&model);
    let experiment = args.name.as_deref().unwrap_or(&usual);
    let is_name = |text: &str| !text.is_empty() && !text.starts_with('.') && !text.contains(['/', '\\']);
    if !is_name(experiment) {
        return Err(Failure::message(Exit::Usage, format!("--name {experiment:?} is not a name of a folder")));
    }
    let made = write::runs(&model, &Wanted { run_root: Path::new(RUNS), experiment }).map_err(failure)?;
    print(args, &model, &made);
    Ok(Exit::Ok)
}

/// The one model folder at or below a folder.
fn choose(folder: &Path, args: &Nnunet) -> Result<PathBuf, Failure> {
    let wrong = |text: String| Err(Failure::message(Exit::BadData, format!("{}: {text}", args.model.display())));
    let mut found = files::models(folder);
    if !folder.is_dir() {
        return wrong("no such file or folder".into());
    }
    let name = |path: &PathBuf| path.strip_prefix(folder).unwrap_or(path).display().to_string();
    let all: Vec<String> = found.iter().map(name).collect();
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

fn print(args: &Nnunet, model: &Model, made: &[Imported]) {
    if args.json {
        let names: Vec<&str> = model.labels.structures.iter().map(|(name, ..)| name.as_str()).collect();
        let value = json!({
            "dataset": model.dataset, "configuration": model.configuration, "trainer": model.trainer,
            "channels": model.channels, "structures": names, "runs": made, "notes": model.notes,
        });
        println!("{value:#}");
        return;
    }
    println!(
        "{} {}: channels {}; structures {}",
        model.dataset,
        model.configuration,
        model.channels.join(", "),
        model.labels.structures.iter().map(|(name, ..)| name.as_str()).collect::<Vec<_>>().join(", ")
    );
    model.notes.iter().for_each(|note| println!("note: {note}"));
    for run in made {
        let known = if run.known { " (was there already)" } else { "" };
        println!("  {}: {}{known}", run.name, run.folder.display());
    }
    if let Some(last) = made.last() {
        println!("`segspec predict {} --input IMAGES --output FOLDER` segments images", last.folder.display());
    }
}

fn failure(error: ImportError) -> Failure {
    let environment = match &error {
        ImportError::File { environment, .. } => *environment,
        ImportError::Weights(_) => false,
        ImportError::Store(_) => true,
        ImportError::Checkpoint(error) => error.is_environment(),
    };
    Failure::new(if environment { Exit::Environment } else { Exit::BadData }, error)
}
