//! `segspec prepare`.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use super::run::FoldChoice;
use super::{Exit, Failure, session};
use crate::backend::DeviceName;
use crate::dataset::Access;
use crate::observe::Events;
use crate::observe::terminal::Terminal;
use crate::run::Setting;
use crate::run::preparing::prepare_all;
use crate::store::cache;

/// Run only the preprocessing of an experiment
///
/// Preprocessed cases are cached under the run root and reused by every run with the same files and `[preprocess]`, so that
/// the next `segspec run` starts training at once. Ctrl-C keeps the cases that are done.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  segspec prepare experiments/liver.toml
  segspec prepare experiments/liver.toml --fold 0 --set preprocess.spacing-mm=[3,1,1]")]
pub struct Prepare {
    /// Experiment file
    experiment: PathBuf,
    /// Override a value of the experiment; can be repeated
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Fold of the split, counted from 0, or `all`
    #[arg(long, value_name = "K|all", default_value = "all")]
    fold: FoldChoice,
    /// Print the counts as JSON
    #[arg(long)]
    json: bool,
}

/// Prepares every case.
pub fn execute(args: Prepare) -> Result<Exit, Failure> {
    let loaded = session::load(&args.experiment, &args.set)?;
    let cancel = session::cancellation();
    let events = Events::to(Terminal::new());
    let planned = session::plan(&loaded, args.fold.0, Access::Read, &cancel, &events)?;
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
    let mut tally = prepare_all(&planned.runs, &setting)?;
    tally.excluded.splice(0..0, planned.excluded);
    let cache = cache(Path::new(&loaded.experiment.run_root));
    if args.json {
        let value = json!({
            "runs": planned.runs.len(), "computed": tally.computed, "cached": tally.cached,
            "excluded": tally.excluded, "cache": cache,
        });
        println!("{value:#}");
    } else {
        println!(
            "{} computed, {} from the cache, {} excluded ({})",
            session::counted(tally.computed, "case"),
            tally.cached,
            tally.excluded.len(),
            cache.display()
        );
    }
    Ok(if tally.computed + tally.cached == 0 { Exit::BadData } else { Exit::Ok })
}
