//! `segspec preview`.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::session::{self, REPORTS};
use super::{Exit, Failure};
use crate::backend::DeviceName;
use crate::dataset::Access;
use crate::observe::Events;
use crate::observe::terminal::Terminal;
use crate::report::panel;
use crate::run::{Folds, RunError, Setting, preview};

/// Draw the network's input as one picture, before training
///
/// Shows a few preprocessed cases in three planes with their labels, and the patches of the first training steps. Use it to
/// spot wrong labels, orientations, crops and intensities.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  segspec preview experiments/phantom.toml
  segspec preview experiments/liver.toml --augment
  segspec preview experiments/liver.toml --cases 5 --output liver.png --set preprocess.crop=body")]
pub struct Preview {
    /// Experiment file
    experiment: PathBuf,
    /// Override a value of the experiment; can be repeated
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Fold of the split, counted from 0
    #[arg(long, value_name = "K", default_value_t = 0)]
    fold: usize,
    /// Number of training cases to show
    #[arg(long, value_name = "N", default_value_t = 3, conflicts_with = "augment", value_parser = clap::value_parser!(u16).range(1..=50))]
    cases: u16,
    /// Show one patch after each single transform of [augment], at both ends of its range
    #[arg(long)]
    augment: bool,
    /// Picture file [default: reports/NAME/preview.png, or augment.png]
    #[arg(long, value_name = "FILE.png")]
    output: Option<PathBuf>,
    /// Print the picture's path and its cases as JSON
    #[arg(long)]
    json: bool,
}

/// Writes the picture.
pub fn execute(args: Preview) -> Result<Exit, Failure> {
    let loaded = session::load(&args.experiment, &args.set)?;
    let cancel = session::cancellation();
    let events = Events::to(Terminal::new());
    let planned = session::plan(&loaded, Folds::Chosen(vec![args.fold]), Access::Read, &cancel, &events)?;
    let Some(run) = planned.runs.first() else {
        return Err(RunError::Internal("the experiment has no runs".into()).into());
    };
    let show = if args.augment { preview::Show::Augmentation } else { preview::Show::Training };
    let cases = if args.augment { 0 } else { args.cases.into() };
    let device = session::device(Some(DeviceName::Cpu))?;
    let data_root = session::explicit_data_root();
    let setting = Setting {
        device: &device,
        data_root: data_root.as_deref(),
        stop_after: None,
        cancel: &cancel,
        events,
        follow: None,
    };
    let shown = preview::gather(run, cases, show, &setting)?;
    let picture = panel::preview::render(&shown).map_err(|error| Failure::new(Exit::BadData, error))?;
    let name = loaded.experiment.name.clone().unwrap_or_default();
    let file = if args.augment { "augment.png" } else { "preview.png" };
    let output = args.output.unwrap_or_else(|| PathBuf::from(REPORTS).join(name).join(file));
    panel::save(&picture, &output).map_err(RunError::file(output.clone()))?;
    if args.json {
        let names = |samples: &[panel::preview::Sample]| -> Vec<String> {
            samples.iter().map(|sample| sample.name.clone()).collect()
        };
        let patches: Vec<String> = shown.rows.iter().flat_map(|row| names(&row.patches)).collect();
        let value = json!({ "picture": output, "cases": names(&shown.cases), "patches": patches });
        println!("{value:#}");
    } else {
        println!("preview: {}", output.display());
    }
    Ok(Exit::Ok)
}
