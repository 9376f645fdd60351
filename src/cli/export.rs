//! `segspec export`.

use std::fs;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use serde_json::json;

use super::names::run_folder;
use super::{Exit, Failure};
use crate::export::{self, ExportError, Format, Options};
use crate::store::Stored;
use crate::words::bytes;

/// Write the network of a run for other programs: ONNX, PyTorch, safetensors, or a MONAI bundle
///
/// Beside the network lies metadata.json: how images are prepared, how windows are averaged, which output is which structure (docs/export.md).
/// ONNX takes batches of any length and images of the size of the training patch. The networks of an ensemble or a cascade come in a
/// folder each, with combination.json.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  segspec export 0123
  segspec export runs/liver/0123456789ab --format pytorch --output liver
  segspec export phantom --dynamic-size --overwrite")]
pub struct Export {
    /// Run folder, one of its prediction folders, the beginning of a run's id, or an experiment with one run
    run: PathBuf,
    /// What to write
    #[arg(long, value_enum, default_value = "onnx")]
    format: Kind,
    /// The folder, new or empty [default: EXPERIMENT-ID-FORMAT]
    #[arg(long, short, value_name = "DIR")]
    output: Option<PathBuf>,
    /// Take images of other sizes, too: multiples of the network's strides, which metadata.json states
    #[arg(long)]
    dynamic_size: bool,
    /// Replace what is in the folder
    #[arg(long)]
    overwrite: bool,
    /// Print the files as JSON
    #[arg(long)]
    json: bool,
}

/// `--format`.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Kind {
    /// model.onnx (opset 17)
    Onnx,
    /// model.py and model.safetensors, for PyTorch alone
    Pytorch,
    /// A bundle of MONAI
    Monai,
    /// model.safetensors: weights with the names of the PyTorch module
    Safetensors,
}

impl Kind {
    fn format(self) -> (Format, &'static str) {
        match self {
            Self::Onnx => (Format::Onnx, "onnx"),
            Self::Pytorch => (Format::Pytorch, "pytorch"),
            Self::Monai => (Format::Monai, "monai"),
            Self::Safetensors => (Format::Safetensors, "safetensors"),
        }
    }
}

impl From<ExportError> for Failure {
    fn from(error: ExportError) -> Self {
        match error {
            ExportError::Refused(text) => Self::message(Exit::Usage, text),
            ExportError::Run(error) => error.into(),
        }
    }
}

/// Exports the network.
pub fn execute(args: Export) -> Result<Exit, Failure> {
    let run = Stored::open(&run_folder(&args.run)?)?;
    let (format, name) = args.format.format();
    if args.dynamic_size && matches!(format, Format::Monai | Format::Safetensors) {
        let text = "--dynamic-size is for --format onnx and pytorch: weights alone have no size, and a bundle's windows have that of the patch";
        return Err(Failure::message(Exit::Usage, text));
    }
    let usual = || PathBuf::from(format!("{}-{}-{name}", run.plan.about.experiment, run.id()));
    let out = args.output.clone().unwrap_or_else(usual);
    refuse_to_overwrite(&out, &run, args.overwrite)?;
    if !run.status()?.is_trained() {
        eprintln!("warning: the run is not trained to its end; using the weights it has so far");
    }
    let files = export::export(&run, Options { format, dynamic: args.dynamic_size })?;
    let size: u64 = files.iter().map(|(_, content)| content.len() as u64).sum();
    let written = export::write(&out, &files, args.overwrite)?;
    match args.json {
        true => println!("{:#}", json!({ "folder": out, "format": name, "files": written, "bytes": size })),
        false => println!("{}: {}, {}", out.display(), super::session::counted(written.len(), "file"), bytes(size)),
    }
    Ok(Exit::Ok)
}

/// A folder with other files is kept without `--overwrite`; one that holds the run is never replaced.
fn refuse_to_overwrite(out: &Path, run: &Stored, overwrite: bool) -> Result<(), Failure> {
    let refuse = |text: String| Err(Failure::message(Exit::Usage, text));
    if out.is_file() {
        return refuse(format!("{} is a file; --output is a folder", out.display()));
    }
    let is_filled = fs::read_dir(out).is_ok_and(|mut entries| entries.next().is_some());
    if !is_filled {
        return Ok(());
    }
    let holds_run = match (out.canonicalize(), run.folder.path().canonicalize()) {
        (Ok(out), Ok(run)) => run.starts_with(&out),
        _ => true,
    };
    let is_export =
        [export::METADATA, export::COMBINATION, "configs/inference.json"].iter().any(|name| out.join(name).is_file());
    match (overwrite, is_export && !holds_run) {
        (true, true) => Ok(()),
        (true, false) => refuse(format!("{} holds other files than an export; choose another --output", out.display())),
        (false, _) => refuse(format!("{} is not empty; --overwrite replaces an export", out.display())),
    }
}
