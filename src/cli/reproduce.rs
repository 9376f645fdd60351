//! `segspec reproduce`.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use super::names::{RUNS, experiment_file, is_name, run_folder};
use super::session::{self, data_root};
use super::{Exit, Failure};
use crate::backend::DeviceName;
use crate::dataset::content::hash_of;
use crate::dataset::{Access, Dataset};
use crate::observe::Events;
use crate::observe::terminal::Terminal;
use crate::plan::{Effect, explained};
use crate::report::text_table::TextTable;
use crate::reproduce::again::{Stages, again};
use crate::reproduce::locate::locate;
use crate::reproduce::pack::archive;
use crate::reproduce::verdict::{Compared, Verdict, compare, verdict};
use crate::reproduce::verify;
use crate::reproduce::{Difference, Record, explain};
use crate::run::{Folds, RunError, Setting};
use crate::spec::{self, Loaded};
use crate::store::{self, RunFolder, Status, Stored};

/// Compute a recorded run again, and compare every number with the record
///
/// Finds the data by its content, also under a renamed or moved folder; refuses data that differs, naming the file. Trains, predicts and scores
/// by the recorded plan beside the record, which stays as it is; an interrupted call resumes. The exit code is 0 if everything is identical or the mean
/// of every score within the tolerance, and 6 if not.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  segspec reproduce 0123
  segspec reproduce experiments/liver.toml --data /mnt/ct
  segspec reproduce runs/liver/0123456789ab --predict-only
  segspec reproduce liver-0123456789ab.tar.gz --data /mnt/ct")]
pub struct Reproduce {
    /// Run (its folder or the beginning of its id), its plan.toml, the experiment file of finished runs, or an archive of `segspec pack`
    target: PathBuf,
    /// Predict and score again with the recorded weights
    #[arg(long, conflicts_with = "score_only")]
    predict_only: bool,
    /// Score the recorded predictions again
    #[arg(long)]
    score_only: bool,
    /// Folder of the dataset, or a folder of datasets [default: SEGSPEC_DATA, data/, and where the data was]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Dataset file that says how the folder is organised, where its files have other names than in the record [default: dataset.toml of
    /// the run]
    #[arg(long, value_name = "FILE")]
    dataset: Option<PathBuf>,
    /// Device: auto, cpu, cuda:N, vulkan or wgpu [default: SEGSPEC_DEVICE, else auto]
    #[arg(long)]
    device: Option<DeviceName>,
    /// Largest difference of the mean over cases of a score between 0 and 1 (Dice, IoU, …) that counts as reproduced; 0: only the same bits
    #[arg(long, value_name = "X", default_value_t = 0.01, value_parser = tolerance)]
    tolerance: f64,
    /// Override a value of the experiment, as given to `run`
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// A difference of scores from 0 to 1 that leaves something to tell.
fn tolerance(text: &str) -> Result<f64, String> {
    let number = text.parse::<f64>().ok().filter(|number| (0.0..0.5).contains(number));
    number.ok_or_else(|| format!("`{text}` is not a tolerance from 0 to 0.5 for scores between 0 and 1, such as 0.01"))
}

impl Reproduce {
    fn stages(&self) -> Stages {
        match (self.predict_only, self.score_only) {
            (true, _) => Stages::Prediction,
            (_, true) => Stages::Scores,
            _ => Stages::All,
        }
    }
}

/// What came of one run.
struct Reproduced {
    record: Record,
    /// The folder of the data.
    data: PathBuf,
    results: Vec<Compared>,
    verdict: Verdict,
    differences: Vec<Difference>,
}

/// Reproduces one run, or every run of an experiment.
pub fn execute(args: Reproduce) -> Result<Exit, Failure> {
    let records = records(&args)?;
    let device = session::device(args.device)?;
    let cancel = session::cancellation();
    let events = Events::to(Terminal::new());
    let setting = Setting { device: &device, data_root: None, stop_after: None, cancel: &cancel, events, follow: None };
    let mut all = Vec::new();
    for record in records {
        all.push(reproduce(record, &args, &setting)?);
    }
    if args.json {
        let rows = all.iter().map(|it| {
            json!({
                "run": it.record.folder, "data": it.data, "verdict": it.verdict, "tolerance": args.tolerance, "results": it.results,
                "differences": it.differences,
            })
        });
        println!("{:#}", serde_json::Value::from_iter(rows));
    } else {
        all.iter().for_each(|it| print(it, args.tolerance));
    }
    let worst = all.iter().map(|it| it.verdict).max().unwrap_or(Verdict::Identical);
    Ok(if worst == Verdict::Different { Exit::Differs } else { Exit::Ok })
}

fn reproduce(record: Record, args: &Reproduce, setting: &Setting) -> Result<Reproduced, Failure> {
    let folder = record.folder.clone().unwrap_or_default();
    refuse_edited(&record)?;
    let recorded = Stored::open(&folder)?;
    let is_finished = record.manifest.as_ref().is_some_and(|manifest| recorded.is_finished(manifest));
    if !is_finished {
        let text = match recorded.status()? {
            Status::Imported => "it was imported and scores no case, so there is nothing to compute again",
            _ if recorded.is_imported() => "this run is not finished; `segspec run-plan` first",
            _ => "this run is not finished; `segspec run` first",
        };
        let text = format!("{}: {text}", folder.display());
        return Err(Failure::message(Exit::BadData, text));
    }
    if let Some(manifest) = &record.manifest {
        verify::record(&recorded, manifest)?;
        if args.stages() == Stages::Scores {
            verify::predictions(&recorded, manifest)?;
        }
    }
    let cache = work_folder(&recorded);
    let root = cache.join("reproduce").join(match args.stages() {
        Stages::All => "all",
        Stages::Prediction => "predict-only",
        Stages::Scores => "score-only",
    });
    let dataset = dataset(&recorded.folder, args)?;
    let data = locate(&record, dataset.as_ref(), &candidates(&record, args), &cache, setting.cancel)?;
    data.notes().iter().for_each(|text| setting.events.warn(text));
    // What is copied from the record may have been mended since an earlier call; only a training is resumed.
    if args.stages() != Stages::All && root.is_dir() {
        std::fs::remove_dir_all(&root).map_err(RunError::file(root.clone()))?;
    }
    let run = again(&record, &data, &root, args.stages(), setting)?;
    let results = compare(&recorded, &run, args.stages())?;
    let differences = explain(&record, &Record::of_run(&run)?);
    let found = verdict(&results, args.tolerance);
    std::fs::remove_dir_all(&root).map_err(RunError::file(root.clone()))?;
    Ok(Reproduced { record, data: data.folder().to_path_buf(), results, verdict: found, differences })
}

/// Where it is computed: beside the record, or, where nothing can be written there, below this folder's runs.
fn work_folder(recorded: &Stored) -> PathBuf {
    let cache = store::cache(&recorded.folder.run_root());
    match std::fs::create_dir_all(&cache).and_then(|()| tempfile::tempfile_in(&cache)) {
        Ok(_) => cache,
        Err(_) => store::cache(Path::new(RUNS)),
    }
}

/// The dataset file: that of `--dataset`, else the one that the run folder carries.
fn dataset(folder: &RunFolder, args: &Reproduce) -> Result<Option<Dataset>, Failure> {
    match &args.dataset {
        Some(file) => {
            let loaded = spec::load_dataset(file).map_err(|errors| Failure::new(Exit::BadSpec, errors))?;
            Ok(Some(loaded.dataset))
        }
        None => Ok(spec::load_dataset(&folder.specs()[1]).ok().map(|loaded| loaded.dataset)),
    }
}

/// Folders in which the data may lie.
fn candidates(record: &Record, args: &Reproduce) -> Vec<PathBuf> {
    let data = &record.plan.data;
    match &args.data {
        Some(folder) => vec![folder.join(&data.root), folder.clone()],
        None => vec![data_root().join(&data.root), data.found_at.clone(), data_root()],
    }
}

/// Refuses a plan that was changed since its run, naming the keys.
fn refuse_edited(record: &Record) -> Result<(), Failure> {
    let (Some(folder), Some(manifest)) = (&record.folder, &record.manifest) else { return Ok(()) };
    let ids = record.plan.ids();
    if ids.training == manifest.run_id && (manifest.predictions.is_empty() || manifest.evaluation(&ids).is_some()) {
        return Ok(());
    }
    let place = RunFolder::at(folder);
    for prediction in manifest.predictions.keys() {
        let Ok(original) = Stored::read_plan(&place.prediction(prediction).plan()) else { continue };
        let keys: Vec<String> = explained(&original, &record.plan)
            .into_iter()
            .filter(|(.., effect)| *effect > Effect::Nothing)
            .map(|(key, [old, new], _)| format!("  {key}: {old} → {new}"))
            .collect();
        if !keys.is_empty() {
            let text = format!("{}: edited since the run:\n{}", place.plan().display(), keys.join("\n"));
            return Err(Failure::message(Exit::Differs, text));
        }
    }
    Ok(())
}

fn records(args: &Reproduce) -> Result<Vec<Record>, Failure> {
    let path = args.target.as_path();
    if path.is_file() && path.to_string_lossy().ends_with(".tar.gz") {
        return Ok(vec![Record::of_folder(&unpacked(path)?)?]);
    }
    let is_plan = path.is_file() && path.file_name().is_some_and(|name| name == "plan.toml");
    if is_plan {
        return Ok(vec![Record::of_folder(path.parent().unwrap_or(Path::new(".")))?]);
    }
    if path.is_dir() || (is_name(path) && !experiment_file(path).is_file()) {
        return Ok(vec![Record::of_folder(&run_folder(path)?)?]);
    }
    let loaded = session::load(path, &args.set)?;
    let folds = if loaded.folds.is_empty() { Folds::All } else { Folds::Chosen(loaded.folds.clone()) };
    let planned = session::plan(&loaded, folds, Access::Read, &session::cancellation(), &Events::silent());
    let planned = planned.map(|planned| planned.runs).unwrap_or_default();
    let mut finished = Vec::new();
    for run in &planned {
        let manifest = run.folder.read_manifest()?;
        if manifest.is_some_and(|manifest| run.is_finished(&manifest)) {
            finished.push(Record::of_run(run)?);
        }
    }
    match finished.is_empty() {
        false => Ok(finished),
        true => Err(changed_since(&loaded, &planned)?),
    }
}

/// The run folder of an archive, unpacked once below the cache.
fn unpacked(path: &Path) -> Result<PathBuf, Failure> {
    let bytes = hash_of(path).map_err(RunError::file(path.into()))?;
    let folder = store::cache(Path::new(RUNS)).join("packs").join(&bytes[..16]);
    if folder.is_dir() {
        std::fs::remove_dir_all(&folder).map_err(RunError::file(folder.clone()))?;
    }
    std::fs::create_dir_all(&folder).map_err(RunError::file(folder.clone()))?;
    Ok(archive::read(path, &folder)?)
}

/// The error for an experiment without a finished run: what differs from one that is on record.
fn changed_since(loaded: &Loaded, planned: &[Stored]) -> Result<Failure, Failure> {
    let name = loaded.experiment.name.clone().unwrap_or_default();
    let known: Vec<Stored> =
        store::all(Path::new(&loaded.experiment.run_root), Some(&name)).into_iter().flatten().collect();
    let (Some(run), Some(other)) = (planned.first(), known.first()) else {
        return Ok(Failure::message(Exit::BadData, format!("{name}: no run of this experiment is on record here")));
    };
    let differs = explain(&Record::of_run(other)?, &Record::of_run(run)?);
    let differs = differs.iter().filter(|it| it.effect > Effect::Nothing);
    let lines: Vec<String> = differs.map(|it| format!("  {}: {} → {}", it.what, it.values[0], it.values[1])).collect();
    let text = format!(
        "{name}: no run on record is that of this file and data; from {} it differs in\n{}",
        other.folder.path().display(),
        lines.join("\n")
    );
    Ok(Failure::message(Exit::Differs, text))
}

fn print(it: &Reproduced, tolerance: f64) {
    let folder = it.record.folder.clone().unwrap_or_default();
    println!("{} with the data in {}", folder.display(), it.data.display());
    let mut table = TextTable::new(["result", "identical", "largest difference", "difference of means"]);
    let number = |value: Option<f64>| value.map_or_else(|| "–".to_owned(), |value| format!("{value:.2e}"));
    // What is the same needs no row, but for what is no score.
    let is_shown = |result: &&Compared| !result.is_identical() || result.of_means.is_none();
    for result in it.results.iter().filter(is_shown) {
        table.row([
            result.what.clone(),
            format!("{} of {}", result.identical, result.count),
            number(result.largest),
            number(result.of_means.map(f64::abs)),
        ]);
    }
    print!("{}", table.render());
    let same = it.results.iter().filter(|result| !is_shown(result)).count();
    if same > 0 {
        println!("{same} metrics of single structures: identical in every case");
    }
    let largest =
        it.results.iter().filter(|it| it.decides).filter_map(|it| it.of_means).map(f64::abs).fold(0.0, f64::max);
    match it.verdict {
        Verdict::Identical => println!("identical: every number is the same to the last bit"),
        Verdict::WithinTolerance => {
            println!("within the tolerance: means of scores differ by at most {largest:.1e} (tolerance {tolerance})");
        }
        Verdict::Different => {
            println!("different: means of scores differ by up to {largest:.1e} (tolerance {tolerance})");
        }
    }
    let explains: Vec<&Difference> = it.differences.iter().filter(|it| it.effect > Effect::Nothing).collect();
    if it.verdict != Verdict::Identical {
        match explains.is_empty() {
            true => println!("nothing on record explains it: on a GPU, sums may run in another order"),
            false => println!("what may explain it:"),
        }
        for difference in explains {
            println!("  {}: {} → {}", difference.what, difference.values[0], difference.values[1]);
        }
    }
}
