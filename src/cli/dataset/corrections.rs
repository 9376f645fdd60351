//! `segspec dataset add-corrections`.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use super::print_json;
use crate::cli::names::run_folder;
use crate::cli::session::{counted, data_root, exit_of};
use crate::cli::{Exit, Failure};
use crate::corrections::{CorrectionError, Learning, Written, write_dataset};
use crate::store::Stored;

#[derive(Debug, Args)]
pub(super) struct AddCorrections {
    /// Run whose corrected cases are taken: its folder, the beginning of its id, or its experiment
    #[arg(value_name = "RUN")]
    run: PathBuf,
    /// Name of the new dataset: datasets/NAME.toml, with its corrected labels in SEGSPEC_DATA/corrections/NAME
    #[arg(long)]
    name: String,
    /// Leave every case its role; otherwise test and validation cases whose labels began as a prediction become training cases
    #[arg(long)]
    keep_split: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn execute(args: &AddCorrections) -> Result<Exit, Failure> {
    let run = Stored::open(&run_folder(&args.run)?)?;
    let learning = if args.keep_split { Learning::Keep } else { Learning::Train };
    let written = write_dataset(&run, &args.name, learning, [Path::new("datasets"), &data_root()])?;
    if args.json {
        print_json(&json!(written))?;
        return Ok(Exit::Ok);
    }
    println!("{}: {} with corrected labels", written.file.display(), counted(written.cases.len(), "case"));
    println!("{}: the corrected labels; those of the old dataset stay as they are", written.labels.display());
    roles(&written, args.keep_split);
    if !written.left_out.is_empty() {
        let names = written.left_out.join(", ");
        println!("background in the new dataset, because the run does not segment them: {names}");
    }
    for union in &written.inseparable {
        println!(
            "only their union can be segmented from now on, because the run segments it as one structure: {}",
            union.join(", ")
        );
    }
    if !written.added.is_empty() {
        let names = written.added.join(", ");
        println!("new structures of the corrected cases, background in all others: {names}");
    }
    Ok(Exit::Ok)
}

/// Says which cases train now, and what that means for scores.
fn roles(written: &Written, is_kept: bool) {
    match (written.moved.is_empty(), written.cross_validation) {
        (false, _) => {
            println!("training cases now: {}; {} left", written.moved.join(", "), counted(written.test, "test case"));
            if written.test == 0 {
                println!(
                    "no test case is left: runs of the new dataset score nothing; move some cases to `test` in {}",
                    written.file.display()
                );
            }
            if written.own_split {
                println!(
                    "the experiment of the run states a split of its own: remove `split` from it, or these cases go on testing"
                );
            }
        }
        (true, true) => println!("cross-validation: corrected cases train in all folds but their own"),
        (true, false) if is_kept => {
            println!("every case keeps its role: corrected test cases change scores, not the training")
        }
        (true, false) => {}
    }
}

impl From<CorrectionError> for Failure {
    fn from(error: CorrectionError) -> Self {
        let environment = |is: bool| if is { Exit::Environment } else { Exit::BadData };
        let exit = match &error {
            CorrectionError::Refused(_) | CorrectionError::Changed(_) | CorrectionError::Clash(_) => Exit::BadData,
            CorrectionError::Case(_) => Exit::BadData,
            CorrectionError::Run(error) => error.class().map_or(Exit::Interrupted, exit_of),
            CorrectionError::Store(error) => environment(crate::files::is_environment(&error.source)),
            CorrectionError::Read(error) => environment(error.is_environment()),
            CorrectionError::Write(error) => environment(error.environment),
            CorrectionError::Lock(_) => Exit::Environment,
            CorrectionError::File { source, .. } => environment(crate::files::is_environment(source)),
        };
        Self::new(exit, error)
    }
}
