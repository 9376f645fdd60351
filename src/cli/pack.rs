//! `segspec pack`.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::names::run_folder;
use super::session::counted;
use super::{Exit, Failure};
use crate::reproduce::pack::{Options, pack};
use crate::store::Stored;
use crate::words::{bytes, shell_path};

/// Write one archive of a run without its images: plan, provenance, weights, scores, report
///
/// A colleague with the same data computes it again: `segspec reproduce FILE --data DIR`. Images, labels, predictions and pictures of them
/// stay here, as do paths, the machine's name and uncommitted changes. Cases and patients are numbered, since their names may be those of
/// people; the data are found by their content. The archive describes itself as an RO-Crate.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  segspec pack 0123
  segspec pack runs/liver/0123456789ab --output liver.tar.gz
  segspec pack phantom --keep-names")]
pub struct Pack {
    /// Run folder, the beginning of a run's id, or an experiment with one run
    run: PathBuf,
    /// The archive [default: EXPERIMENT-ID.tar.gz]
    #[arg(long, short, value_name = "FILE.tar.gz")]
    output: Option<PathBuf>,
    /// Keep the names of cases and patients, and paths below the dataset's folder: for public data
    #[arg(long)]
    keep_names: bool,
    /// Replace an archive that is there
    #[arg(long)]
    overwrite: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Packs the run.
pub fn execute(args: Pack) -> Result<Exit, Failure> {
    let run = Stored::open(&run_folder(&args.run)?)?;
    let usual = || PathBuf::from(format!("{}-{}.tar.gz", run.plan.about.experiment, run.id()));
    let out = args.output.clone().unwrap_or_else(usual);
    if !out.to_string_lossy().ends_with(".tar.gz") {
        return Err(Failure::message(Exit::Usage, format!("{}: name the archive FILE.tar.gz", out.display())));
    }
    if out.exists() && !args.overwrite {
        let text = format!("{} is there already; --overwrite replaces it", out.display());
        return Err(Failure::message(Exit::Usage, text));
    }
    let packed = pack(&run, &out, Options { keep_names: args.keep_names })?;
    let size = out.metadata().map_or(0, |metadata| metadata.len());
    if args.json {
        println!("{:#}", json!({ "archive": out, "files": packed.files, "bytes": size, "not_packed": packed.removed }));
        return Ok(Exit::Ok);
    }
    println!("{}: {}, {}", out.display(), counted(packed.files, "file"), bytes(size));
    println!("not packed:");
    packed.removed.iter().for_each(|text| println!("  {text}"));
    println!("`segspec reproduce {} --data DIR` computes it again", shell_path(&out));
    Ok(Exit::Ok)
}
