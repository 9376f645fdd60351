//! `segspec check`.

use std::collections::BTreeSet;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use clap::Args;

use super::names::spec_file;
use super::session::counted;
use super::{Exit, Failure};
use crate::plan::side_warning;
use crate::spec::{self, Diagnostics, Kind, kind, machine};

/// Find every error in experiment and dataset files, without computing anything
///
/// Experiments are checked with the files that they extend, their dataset and every trial of their sweep. What this machine lacks for a
/// correct experiment (memory, pretrained weights) is a warning: it may be meant for another one.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  segspec check experiments/*.toml datasets/*.toml
  segspec check experiments/liver.toml --set train.batch-size=4")]
pub struct Check {
    /// Experiment or dataset files
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Override a value of every experiment; can be repeated
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Print the errors as JSON
    #[arg(long)]
    json: bool,
}

pub fn execute(args: Check) -> Result<Exit, Failure> {
    let environment = environment();
    let (mut failed, mut warnings) = (Vec::new(), Vec::new());
    let (mut experiments, mut datasets) = (0, 0);
    for file in args.files.iter().map(|file| spec_file(file)) {
        let file = file.as_path();
        let count = match kind::of_file(file) {
            Kind::Experiment => &mut experiments,
            Kind::Dataset => &mut datasets,
        };
        match check(file, &args.set, &environment) {
            Ok(found) => {
                *count += 1;
                warnings.extend(found.into_iter().map(|text| format!("{}: {text}", file.display())));
            }
            Err(diagnostics) => failed.push(diagnostics),
        }
    }
    if args.json {
        print_json(&args.files, &failed, &warnings);
    } else {
        warnings.iter().for_each(|text| eprintln!("warning: {text}"));
        print_text(&failed, experiments, datasets);
    }
    Ok(if failed.is_empty() { Exit::Ok } else { Exit::BadSpec })
}

/// Checks a file; returns warnings about what is valid but probably not meant.
fn check(file: &Path, set: &[String], environment: &[(String, String)]) -> Result<Vec<String>, Diagnostics> {
    match kind::of_file(file) {
        Kind::Experiment => {
            let loaded = spec::load(file, set, environment)?;
            report_overrides(&loaded.overrides);
            let sides = loaded.trials.iter().filter_map(|trial| side_warning(&trial.experiment, &loaded.dataset));
            let warnings: BTreeSet<String> = sides.chain(machine::lacks(&loaded)).collect();
            Ok(warnings.into_iter().collect())
        }
        Kind::Dataset => spec::load_dataset(file).map(|_| Vec::new()),
    }
}

/// The environment variables of this process, for [`spec::load`]; those that are not UTF-8 are skipped.
pub(super) fn environment() -> Vec<(String, String)> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect()
}

/// Reports the environment variables that override values.
pub(super) fn report_overrides(overrides: &[String]) {
    for variable in overrides {
        eprintln!("note: the environment sets {variable}");
    }
}

/// Prints the errors of a spec and returns their exit code.
pub(super) fn refuse(diagnostics: &Diagnostics) -> Exit {
    let styled = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    eprintln!("{}\n", diagnostics.render(styled));
    Exit::BadSpec
}

fn print_text(failed: &[Diagnostics], experiments: usize, datasets: usize) {
    for diagnostics in failed {
        refuse(diagnostics);
    }
    let kinds = [(experiments, "experiment"), (datasets, "dataset")];
    let ok: Vec<String> = kinds.iter().filter(|(n, _)| *n > 0).map(|(n, one)| counted(*n, one)).collect();
    if !ok.is_empty() {
        println!("{} ok", ok.join(" and "));
    }
    let errors: usize = failed.iter().map(|diagnostics| diagnostics.problems.len()).sum();
    if errors > 0 {
        eprintln!("{} in {}", counted(errors, "error"), counted(failed.len(), "file"));
    }
}

fn print_json(files: &[PathBuf], failed: &[Diagnostics], warnings: &[String]) {
    let errors: Vec<serde_json::Value> =
        failed.iter().filter_map(|diagnostics| diagnostics.to_json().as_array().cloned()).flatten().collect();
    println!("{:#}", serde_json::json!({ "files": files.len(), "errors": errors, "warnings": warnings }));
}
