//! `segspec evaluate`: scores label files against references, without an experiment.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use polars::prelude::DataFrame;
use serde_json::{Map, Value, json};

use super::session::counted;
use super::{Exit, Failure};
use crate::dataset::{Dataset, Excluded};
use crate::evaluate::files::{
    Comparer, Comparison, Images, Layout, Missing, PairError, Pairs, Reader, Request, Scored, Side, Wanted, pair,
};
use crate::evaluate::frame::{Row, rows};
use crate::evaluate::metric::{DICE, MetricId};
use crate::evaluate::spec::Evaluate as Settings;
use crate::evaluate::summary::{RESAMPLES, StructureGroups};
use crate::evaluate::table::{self, to_frame, write_csv};
use crate::evaluate::{Summary, summarise, summary};
use crate::report::terminal;
use crate::report::text_table::Charset;
use crate::volume::ReadError;
use crate::volume::label_names::LabelNames;

mod asked;
mod patients;
mod tools;
mod warnings;

use asked::{dataset_target, parse_labels};
use patients::Patients;
use tools::Tool;
use warnings::{missing, nowhere};

const EXAMPLES: &str = "\
Examples:
  segspec evaluate --reference labelsTs --prediction predictions
  segspec evaluate --reference labelsTs --prediction predictions --labels liver=1,spleen=2 --json
  segspec evaluate --reference a.nii.gz --prediction out.nii.gz --dataset abdomen --csv scores.csv
  segspec evaluate --reference a.seg.nrrd --prediction a.dcm
  segspec evaluate --reference labels --prediction out --dataset knee --structures bone,muscle
  segspec evaluate --reference surfaces --prediction predictions --on images
  segspec evaluate --reference labelsTr --prediction fold0 --cases cases.txt --missing empty
  segspec evaluate --reference totalsegmentator --prediction predictions --names dataset.json
  segspec evaluate --reference labels --prediction a=nnunet --prediction b=monai --output tools
  segspec evaluate --reference reader1 --prediction reader2 --layout masks";

/// Score label files against references: overlap, volumes, surface distances, components
///
/// Each side is a file or a folder. What makes up a case is found out: a file of any format (a.nii.gz, a.seg.nrrd, 4D masks), a folder
/// with a mask or surface per structure (a/liver.nii.gz, a/spleen.nii.gz), with one label file (a/segmentation.nii.gz,
/// a/labels/final.nii.gz), with a label picture per slice (a/001.png, …) or with DICOM SEG and RTSTRUCT of any name. Cases are paired by
/// name, also in nested folders, DICOM objects also by patient and series. Structures are paired by name where files name them (masks,
/// DICOM SEG, RTSTRUCT, .seg.nrrd, label_map.json of a run, --names), else by value; names that contradict are an error. Structures may
/// overlap. A missing prediction is an error (see --missing); predictions without a reference are listed but not scored. Cases that
/// cannot be scored are listed, and the exit code is then 4. Several predictions are ranked: see docs/ranking.md.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Evaluate {
    /// Reference label file, or folder of them
    #[arg(long, value_name = "DIR|FILE")]
    reference: PathBuf,
    /// Predicted label file, or folder of them. Several, each with a name of its own, are ranked
    #[arg(long, value_name = "[NAME=]DIR|FILE", required = true)]
    prediction: Vec<String>,
    /// Image, or folder of images with the names of the cases, whose voxels surfaces, contours (RTSTRUCT), DICOM SEG and pictures get
    /// [default: the series beside DICOM objects, else the grid of the other side]
    #[arg(long, value_name = "DIR|FILE")]
    on: Option<PathBuf>,
    /// Score only these cases: names, or a file with one name per line
    #[arg(long, value_name = "NAME,…|FILE")]
    cases: Option<String>,
    /// What to do with references without a prediction
    #[arg(long, value_enum, default_value = "error")]
    missing: OnMissing,
    /// What the files of a folder are, where this is not found out
    #[arg(long, value_enum)]
    layout: Option<FolderLayout>,
    /// File that names the values of label files without names: .json (label_map.json, dataset.json), .txt (ITK-SNAP), .ctbl (3D Slicer)
    /// [default: label_map.json beside the labels]
    #[arg(long, value_name = "FILE")]
    names: Option<PathBuf>,
    /// The same for the reference only
    #[arg(long, value_name = "FILE")]
    reference_names: Option<PathBuf>,
    /// The same for the predictions only
    #[arg(long, value_name = "FILE")]
    prediction_names: Option<PathBuf>,
    /// Structures and their label values; without it, every name or value that occurs is a structure
    #[arg(long, value_name = "NAME=VALUE,…", conflicts_with = "dataset")]
    labels: Option<String>,
    /// Dataset that defines names and values: datasets/NAME.toml, or its file
    #[arg(long, value_name = "NAME|FILE")]
    dataset: Option<String>,
    /// Structures of the dataset, including those of `labels.merge`; without it, every `[[structure]]`
    #[arg(long, value_name = "NAME,…", requires = "dataset", value_delimiter = ',')]
    structures: Vec<String>,
    /// Reference voxels with this value are not scored; with --dataset, `labels.ignore` applies
    #[arg(long, value_name = "VALUE", conflicts_with = "dataset", value_parser = clap::value_parser!(u16).range(1..))]
    ignore: Option<u16>,
    /// Distance up to which surfaces agree: adds NSD and boundary IoU
    #[arg(long, value_name = "MM")]
    tolerance_mm: Option<f64>,
    /// Regular expression whose first group is the patient in a case's name: cases of one patient are resampled together
    /// [default: group-by of the dataset's split; else each case is a patient]
    #[arg(long, value_name = "REGEX")]
    group_by: Option<String>,
    /// Metric that several predictions are ranked by, by its column in the tables
    #[arg(long, value_name = "COLUMN", default_value = "dice")]
    metric: MetricId,
    /// Largest difference of several predictions that does not matter, in the unit of the metric
    #[arg(long, value_name = "NUMBER", value_parser = margin)]
    margin: Option<f64>,
    /// Folder for the ranking of several predictions: page, figures, tables, LaTeX
    #[arg(long, value_name = "DIR")]
    output: Option<PathBuf>,
    /// Print JSON instead of a table
    #[arg(long)]
    json: bool,
    /// Also write every score to this CSV file
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum OnMissing {
    /// Score nothing
    Error,
    /// Leave them out of the scores (means are then over the others only)
    Skip,
    /// Score them as if nothing had been predicted
    #[value(alias = "zero")]
    Empty,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum FolderLayout {
    /// Each file is a case
    Files,
    /// Each file is the mask of a structure, each folder a case
    Masks,
    /// Each file is the picture of a slice, each folder a case
    Slices,
}

/// Dice thresholds of the success rates.
const SUCCESS_DICE: [f64; 3] = [0.5, 0.7, 0.9];
/// Number of worst scores in JSON.
const WORST: usize = 10;
/// Most predictions without a reference that are named one by one.
const EXTRA_SHOWN: usize = 5;
/// Seed of the bootstrap.
const BOOTSTRAP_SEED: u64 = 0;

/// A number that is no less than 0.
pub(super) fn margin(text: &str) -> Result<f64, String> {
    let number = text.parse::<f64>().ok().filter(|number| number.is_finite() && *number >= 0.0);
    number.ok_or_else(|| format!("`{text}` is not a difference of 0 or more"))
}

/// What the command line says beside the files.
struct Scope {
    settings: Settings,
    /// Structures that were asked for.
    wanted: Option<Wanted>,
    groups: StructureGroups,
    patients: Patients,
}

impl Scope {
    fn of(args: &Evaluate) -> Result<Self, Failure> {
        let dataset = args.dataset.as_ref().map(|name| super::dataset::load(name)).transpose()?.map(|it| it.dataset);
        let wanted = match (&args.labels, &dataset) {
            (Some(labels), _) => Some(parse_labels(labels).map_err(|text| Failure::message(Exit::Usage, text))?),
            (None, Some(dataset)) => Some(dataset_target(dataset, &args.structures)?),
            (None, None) => None,
        };
        let groups = dataset.as_ref().map(|it: &Dataset| it.labels.groups.clone()).unwrap_or_default();
        let patients = Patients::of(args.group_by.as_deref(), dataset.as_ref())?;
        Ok(Self { settings: settings(args)?, wanted, groups, patients })
    }
}

pub fn execute(args: Evaluate) -> Result<Exit, Failure> {
    let scope = Scope::of(&args)?;
    let tools = tools::tools(&args.prediction)?;
    let mut sides = Vec::new();
    for tool in &tools {
        sides.push((pairs(&args, tool)?, comparer(&args, tool)?));
    }
    if sides.len() > 1 {
        share_names(&mut sides);
    }
    let comparison = match &scope.wanted {
        Some(wanted) => Comparison::Asked(with_ignore(wanted.clone(), args.ignore)),
        None => {
            // A structure that only one of several predictions has is scored for all.
            let [(pairs, comparer), others @ ..] = sides.as_slice() else { return Ok(Exit::Usage) };
            let mut structures = comparer.structures(pairs, args.ignore);
            others.iter().for_each(|(pairs, comparer)| comparer.add_structures(pairs, &mut structures));
            Comparison::Found(structures)
        }
    };
    let mut all = Vec::new();
    for (tool, (pairs, comparer)) in tools.iter().zip(&sides) {
        let mut scored = comparer.score_all(pairs, &comparison, &scope.settings);
        scored.warnings.extend(nowhere(&scored));
        scored.warnings.extend(missing(pairs, &args));
        say(tool, tools.len() > 1, pairs, &scored);
        all.push(scored);
    }
    scope.patients.refuse_unmatched(all.iter().flat_map(|scored| &scored.scores).map(|score| score.case.as_str()))?;
    let exit = if all.iter().all(|scored| scored.excluded.is_empty()) { Exit::Ok } else { Exit::BadData };
    match (all.as_slice(), sides.as_slice()) {
        ([one], [(pairs, _)]) => single(&args, &scope, pairs, one)?,
        _ => tools::compare(&args, &scope, &tools, &all)?,
    }
    Ok(exit)
}

/// Names that one tool's files give to the values of the references hold for the other tools, too: each structure is then one for all.
fn share_names(sides: &mut [(Pairs, Comparer)]) {
    let Some(names) = sides.iter().find_map(|(pairs, comparer)| comparer.names_of_predictions(pairs)) else { return };
    for (_, comparer) in sides.iter_mut().filter(|(_, comparer)| comparer.reference.names.is_none()) {
        comparer.reference.names = Some(names.clone());
    }
}

/// Prints the scores of one set of predictions.
fn single(args: &Evaluate, scope: &Scope, pairs: &Pairs, scored: &Scored) -> Result<(), Failure> {
    let failed = |error| Failure::new(Exit::Environment, error);
    if args.output.is_some() || args.margin.is_some() || args.metric != DICE {
        let text = "--output, --metric and --margin are for several predictions: --prediction A=DIR --prediction B=DIR";
        return Err(Failure::message(Exit::Usage, text));
    }
    let scores = to_frame(&scored.scores).map_err(failed)?;
    let named = scope.patients.add(scores.clone()).map_err(failed)?;
    let summary = summarise(&named, &scope.groups, &SUCCESS_DICE, BOOTSTRAP_SEED).map_err(failed)?;
    if let Some(csv) = &args.csv {
        write_csv(&scores, csv).map_err(failed)?;
    }
    if args.json {
        println!("{:#}", to_json(&summary, &scores, &scored.excluded, pairs, &scored.warnings));
    } else {
        print!("{}", terminal::summary(&summary, Charset::Unicode));
    }
    Ok(())
}

/// Warnings about one set of predictions; its name stands before them if there are several.
fn say(tool: &Tool, several: bool, pairs: &Pairs, scored: &Scored) {
    let name = if several { format!("{}: ", tool.name) } else { String::new() };
    for extra in pairs.extra.iter().take(EXTRA_SHOWN) {
        eprintln!("warning: {name}{}: no reference with this name; not scored", extra.display());
    }
    if let Some(more) = pairs.extra.len().checked_sub(EXTRA_SHOWN).filter(|more| *more > 0) {
        eprintln!("warning: {name}{more} more predictions without a reference; not scored");
    }
    for text in &scored.warnings {
        eprintln!("warning: {name}{text}");
    }
    for case in &scored.excluded {
        eprintln!("error: {name}{}: not scored: {}", case.case, case.reason);
    }
}

/// Settings of the metrics.
fn settings(args: &Evaluate) -> Result<Settings, Failure> {
    match args.tolerance_mm {
        Some(tolerance) if !(tolerance.is_finite() && tolerance >= 0.0) => {
            Err(Failure::message(Exit::Usage, format!("--tolerance-mm: {tolerance} is not a distance in mm")))
        }
        tolerance_mm => Ok(Settings { tolerance_mm, ..Settings::default() }),
    }
}

/// Pairs the cases of both sides, and says how folders were read.
fn pairs(args: &Evaluate, tool: &Tool) -> Result<Pairs, Failure> {
    let failed = |error: PairError| Failure::new(Exit::BadData, error);
    let layout = args.layout.map(|layout| match layout {
        FolderLayout::Files => Layout::Files,
        FolderLayout::Masks => Layout::Masks,
        FolderLayout::Slices => Layout::Slices,
    });
    let missing = match args.missing {
        OnMissing::Error => Missing::Error,
        OnMissing::Skip => Missing::Skip,
        OnMissing::Empty => Missing::Empty,
    };
    let request = Request { cases: cases(args.cases.as_deref())?, missing };
    let reference = Side::of(&args.reference, layout).map_err(failed)?;
    let prediction = Side::of(&tool.path, layout).map_err(failed)?;
    let names = [reference.names(), prediction.names()];
    let (reference, prediction) = (reference.with_prefixed(&names[1]), prediction.with_prefixed(&names[0]));
    let pairs = pair(&reference, &prediction, &request).map_err(failed)?;
    let plain = |form: &&str| ["file", "label files"].contains(form);
    if !pairs.forms.iter().all(plain) {
        let [ours, theirs] = pairs.forms;
        eprintln!("note: {}; reference: {ours}; prediction: {theirs}", counted(pairs.pairs.len(), "case"));
    }
    Ok(pairs)
}

/// Names of cases: a list, or the lines of a file.
fn cases(text: Option<&str>) -> Result<Vec<String>, Failure> {
    let Some(text) = text else { return Ok(Vec::new()) };
    let read = |error| Failure::message(Exit::Usage, format!("--cases: {text}: {error}"));
    let lines = match Path::new(text).is_file() {
        true => std::fs::read_to_string(text).map_err(read)?.replace('\n', ","),
        false => text.to_owned(),
    };
    let mut names: Vec<String> = Vec::new();
    for name in lines.split(',').map(str::trim).filter(|name| !name.is_empty() && !name.starts_with('#')) {
        if !names.iter().any(|known| known == name) {
            names.push(name.to_owned());
        }
    }
    match names.is_empty() {
        true => Err(Failure::message(Exit::Usage, format!("--cases: {text}: names no case"))),
        false => Ok(names),
    }
}

fn comparer(args: &Evaluate, tool: &Tool) -> Result<Comparer, Failure> {
    let bad = |error: ReadError| Failure::new(Exit::BadData, error);
    let reader = |own: &Option<PathBuf>| {
        let names = own.as_ref().or(args.names.as_ref()).map(|path| LabelNames::read(path)).transpose();
        Ok::<_, Failure>(Reader { names: names.map_err(bad)?, ignored: args.ignore, ..Reader::default() })
    };
    let list = |path: &PathBuf| {
        let failed = |error| Failure::message(Exit::BadData, format!("--on: {}: {error}", path.display()));
        Images::of(path).map_err(failed)
    };
    let images = args.on.as_ref().map(list).transpose()?;
    let beside = match images {
        Some(_) => Images::default(),
        None => Images::beside(&[&args.reference, &tool.path]),
    };
    let (reference, prediction) = (reader(&args.reference_names)?, reader(&args.prediction_names)?);
    Ok(Comparer { reference, prediction, images, beside })
}

fn with_ignore(mut wanted: Wanted, ignore: Option<u16>) -> Wanted {
    if let Some(value) = ignore {
        wanted.target.structures.retain(|structure| structure.values != [value]);
        wanted.target.ignore = ignore;
    }
    wanted
}

/// What `--json` prints.
fn to_json(summary: &Summary, scores: &DataFrame, excluded: &[Excluded], pairs: &Pairs, warnings: &[String]) -> Value {
    let summaries = |frame| rows(frame).map(|row| summary::to_json(row, &SUCCESS_DICE)).collect::<Vec<_>>();
    let columns = table::columns();
    let case = |row: Row| columns.iter().map(|name| ((*name).to_owned(), row.json(name))).collect::<Map<_, _>>();
    json!({
        "distance_unit": summary.distance_unit,
        "n_cases": summary.n_cases,
        "n_patients": summary.n_patients,
        "structures": summaries(&summary.structures),
        "groups": summaries(&summary.groups),
        "mean": summaries(&summary.overall).first(),
        "cases": rows(scores).map(case).collect::<Vec<_>>(),
        "excluded": excluded,
        "warnings": warnings,
        "cautions": summary.cautions(),
        "worst": summary.worst(DICE, WORST),
        "extra_predictions": pairs.extra,
        "missing_predictions": pairs.missing,
        "read_as": { "reference": pairs.forms[0], "prediction": pairs.forms[1] },
        "bootstrap_resamples": RESAMPLES,
        "bootstrap_seed": BOOTSTRAP_SEED,
    })
}
