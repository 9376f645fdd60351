//! `segspec evaluate`: scores label files against references, without an experiment.

use std::collections::BTreeSet;
use std::path::PathBuf;

use clap::Args;
use polars::prelude::DataFrame;
use rayon::prelude::*;
use serde_json::{Map, Value, json};

use super::{Exit, Failure};
use crate::dataset::{self, Excluded, Target, TargetStructure};
use crate::evaluate::frame::{Row, rows};
use crate::evaluate::labelled::{Labelled, on_one_grid};
use crate::evaluate::named::{self, Asked, Structures, structure};
use crate::evaluate::pair::{Pair, Pairs, pair};
use crate::evaluate::spec::Evaluate as Settings;
use crate::evaluate::summary::RESAMPLES;
use crate::evaluate::table::{self, to_frame, write_csv};
use crate::evaluate::{Score, Summary, score, summarise, summary};
use crate::report::terminal;
use crate::report::text_table::Charset;
use crate::volume::Segmentation;

const EXAMPLES: &str = "\
Examples:
  segspec evaluate --reference labelsTs --prediction predictions
  segspec evaluate --reference labelsTs --prediction predictions --labels liver=1,spleen=2 --json
  segspec evaluate --reference a.nii.gz --prediction out.nii.gz --dataset abdomen --csv scores.csv
  segspec evaluate --reference a.seg.nrrd --prediction a.dcm
  segspec evaluate --reference labels --prediction out --dataset knee --structures bone,muscle";

/// Score label files against references: overlap, volumes, surface distances, components
///
/// Files of any format are paired by name, ignoring the ending. Structures are paired by name where files name their segments (DICOM
/// SEG, .seg.nrrd, the label_map.json of a run), else by value; names that contradict are an error. A missing prediction is an error; predictions without a reference
/// are listed but not scored. Cases that cannot be scored are listed, and the exit code is then 4.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Evaluate {
    /// Reference label file, or folder of them
    #[arg(long, value_name = "DIR|FILE")]
    reference: PathBuf,
    /// Predicted label file, or folder of them
    #[arg(long, value_name = "DIR|FILE")]
    prediction: PathBuf,
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
    /// Print JSON instead of a table
    #[arg(long)]
    json: bool,
    /// Also write every score to this CSV file
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
}

/// Dice thresholds of the success rates.
const SUCCESS_DICE: [f64; 3] = [0.5, 0.7, 0.9];
/// Seed of the bootstrap.
const BOOTSTRAP_SEED: u64 = 0;

pub fn execute(args: Evaluate) -> Result<Exit, Failure> {
    let asked = match (&args.labels, &args.dataset) {
        (Some(labels), _) => Some(parse_labels(labels).map_err(|text| Failure::message(Exit::Usage, text))?),
        (None, Some(name)) => Some(dataset_target(name, &args.structures)?),
        (None, None) => None,
    };
    let settings = settings(&args)?;
    let pairs = pair(&args.reference, &args.prediction).map_err(|error| Failure::new(Exit::BadData, error))?;
    let comparison = match asked {
        Some(wanted) => Comparison::Asked(with_ignore(wanted, args.ignore)),
        None => Comparison::Found(structures_present(&pairs, args.ignore)),
    };
    let Scored { scores, excluded, mut warnings } = score_all(&pairs, &comparison, &settings);
    warnings.extend(nowhere(&scores));
    let failed = |error| Failure::new(Exit::Environment, error);
    let scores = to_frame(&scores).map_err(failed)?;
    let summary = summarise(&scores, &SUCCESS_DICE, BOOTSTRAP_SEED).map_err(failed)?;
    if let Some(csv) = &args.csv {
        write_csv(&scores, csv).map_err(failed)?;
    }
    if args.json {
        println!("{:#}", to_json(&summary, &scores, &excluded, &pairs, &warnings));
    } else {
        print!("{}", terminal::summary(&summary, Charset::Unicode));
    }
    for extra in &pairs.extra {
        eprintln!("warning: {}: no reference with this name; not scored", extra.display());
    }
    for text in &warnings {
        eprintln!("warning: {text}");
    }
    for case in &excluded {
        eprintln!("error: {}: not scored: {}", case.case, case.reason);
    }
    Ok(if excluded.is_empty() { Exit::Ok } else { Exit::BadData })
}

fn settings(args: &Evaluate) -> Result<Settings, Failure> {
    match args.tolerance_mm {
        Some(tolerance) if !(tolerance.is_finite() && tolerance >= 0.0) => {
            Err(Failure::message(Exit::Usage, format!("--tolerance-mm: {tolerance} is not a distance in mm")))
        }
        tolerance_mm => Ok(Settings { tolerance_mm, ..Settings::default() }),
    }
}

/// Structures that were asked for.
struct Wanted {
    target: Target,
    /// Their names and values in files; empty if values are sets of structures, which have no names.
    names: Asked,
}

/// What is compared.
enum Comparison {
    Asked(Wanted),
    /// Structures that the files themselves name.
    Found(Structures),
}

fn with_ignore(mut wanted: Wanted, ignore: Option<u16>) -> Wanted {
    if let Some(value) = ignore {
        wanted.target.structures.retain(|structure| structure.values != [value]);
        wanted.target.ignore = ignore;
    }
    wanted
}

/// A warning about structures that are in no file: nothing was scored.
fn nowhere(scores: &[Score]) -> Option<String> {
    let names: BTreeSet<&str> = scores.iter().map(|score| score.structure.as_str()).collect();
    let occurs = |name: &str| {
        let mut own = scores.iter().filter(|score| score.structure == name);
        own.any(|score| !(score.reference_empty() && score.prediction_empty()))
    };
    let missing: Vec<String> = names.into_iter().filter(|name| !occurs(name)).map(|name| format!("`{name}`")).collect();
    (!missing.is_empty()).then(|| format!("no file contains {}: are names and values right?", missing.join(", ")))
}

/// What `--json` prints.
fn to_json(summary: &Summary, scores: &DataFrame, excluded: &[Excluded], pairs: &Pairs, warnings: &[String]) -> Value {
    let summaries = |frame| rows(frame).map(|row| summary::to_json(row, &SUCCESS_DICE)).collect::<Vec<_>>();
    let columns = table::columns();
    let case = |row: Row| columns.iter().map(|name| ((*name).to_owned(), row.json(name))).collect::<Map<_, _>>();
    json!({
        "distance_unit": summary.distance_unit,
        "structures": summaries(&summary.structures),
        "mean": summaries(&summary.overall).first(),
        "cases": rows(scores).map(case).collect::<Vec<_>>(),
        "excluded": excluded,
        "warnings": warnings,
        "extra_predictions": pairs.extra,
        "bootstrap_resamples": RESAMPLES,
        "bootstrap_seed": BOOTSTRAP_SEED,
    })
}

/// Results of all pairs.
#[derive(Default)]
struct Scored {
    scores: Vec<Score>,
    excluded: Vec<Excluded>,
    warnings: Vec<String>,
}

/// Scores every pair, cases in parallel; one that cannot be scored becomes an excluded row.
fn score_all(pairs: &Pairs, comparison: &Comparison, settings: &Settings) -> Scored {
    let results: Vec<_> = pairs.pairs.par_iter().map(|pair| (pair, score_pair(pair, comparison, settings))).collect();
    let mut all = Scored::default();
    for (pair, result) in results {
        match result {
            Ok((scores, warnings)) => {
                all.scores.extend(scores);
                all.warnings.extend(warnings);
            }
            Err(error) => all.excluded.push(Excluded { case: pair.case.clone(), reason: error.to_string() }),
        }
    }
    all
}

fn score_pair(pair: &Pair, comparison: &Comparison, settings: &Settings) -> anyhow::Result<(Vec<Score>, Vec<String>)> {
    let (reference, prediction) = (Labelled::read(&pair.reference)?, Labelled::read(&pair.prediction)?);
    let mut notes = Vec::new();
    let (target, reference, prediction) = match comparison {
        Comparison::Asked(wanted) => {
            let reference = named::as_asked(&wanted.names, reference, &mut notes)?;
            (wanted.target.clone(), reference, named::as_asked(&wanted.names, prediction, &mut notes)?)
        }
        Comparison::Found(structures) => {
            // Contradictions within this pair, which the structures of all pairs do not show.
            Structures::new(None).add(&reference, &prediction)?;
            notes.extend(Structures::one_sided(&reference, &prediction).map(|text| format!("{}: {text}", pair.case)));
            let translated = structures.apply(prediction.clone(), &reference);
            (structures.target(), structures.apply(reference, &prediction), translated)
        }
    };
    let (reference, prediction) = on_one_grid(reference, prediction);
    let scores = score(&pair.case, &target, &reference.map, &Segmentation::Labels(prediction.map), settings)?;
    Ok((scores, notes))
}

/// Parses `liver=1,spleen=2`; the values of a repeated name are merged.
fn parse_labels(text: &str) -> Result<Wanted, String> {
    let mut structures: Vec<TargetStructure> = Vec::new();
    let mut names = Asked::new();
    for part in text.split(',') {
        let wrong =
            || format!("--labels: `{part}` is not NAME=VALUE with a value from 1 to 65535, as in liver=1,spleen=2");
        let (name, value) = part.split_once('=').ok_or_else(wrong)?;
        let (name, value) = (name.trim(), value.trim().parse::<u16>().map_err(|_| wrong())?);
        if name.is_empty() || value == 0 {
            return Err(wrong());
        }
        match structures.iter_mut().find(|structure| structure.name == name) {
            Some(structure) => structure.values.push(value),
            None => {
                structures.push(structure(name, value));
                names.push((name.to_owned(), value));
            }
        }
    }
    // A union of several values is asked for by these values, whatever a file calls each of them.
    names.retain(|(name, _)| structures.iter().any(|known| known.name == *name && known.values.len() == 1));
    let target = Target { overlapping: false, independent: false, ignore: None, structures };
    Ok(Wanted { target, names })
}

/// The named structures of a dataset, or every `[[structure]]`.
fn dataset_target(name: &str, structures: &[String]) -> Result<Wanted, Failure> {
    let dataset = super::dataset::load(name)?.dataset;
    let target = dataset::target(&dataset, structures).map_err(|error| Failure::new(Exit::Usage, error))?;
    let mut names: Asked =
        dataset.structures.iter().map(|structure| (structure.name.clone(), structure.value)).collect();
    // Predictions of merged structures have their names, too.
    let merged = target.structures.iter().filter(|merged| dataset.labels.merge.contains_key(&merged.name));
    names.extend(merged.map(|merged| (merged.name.clone(), merged.value)));
    if dataset.labels.overlap {
        names.clear();
    }
    Ok(Wanted { target, names })
}

/// Every structure in any file, by name or by value. Files that cannot be read or contradict each other are reported when they are
/// scored.
fn structures_present(pairs: &Pairs, ignore: Option<u16>) -> Structures {
    let read = |pair: &Pair| Some((Labelled::read(&pair.reference).ok()?, Labelled::read(&pair.prediction).ok()?));
    let mut structures = Structures::new(ignore);
    for some in pairs.pairs.chunks(rayon::current_num_threads()) {
        let files: Vec<_> = some.par_iter().filter_map(read).collect();
        for (reference, prediction) in files {
            // A pair that contradicts adds nothing.
            drop(structures.add(&reference, &prediction));
        }
    }
    structures
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_names_with_values() {
        let target = parse_labels("liver=1, bone=3,bone=7").unwrap().target;
        let found: Vec<_> = target.structures.iter().map(|s| (s.name.as_str(), s.values.clone())).collect();
        assert_eq!(found, [("liver", vec![1]), ("bone", vec![3, 7])]);
        for wrong in ["liver", "liver=", "=1", "liver=0", "liver=-1", "liver=70000", "liver=1,", ""] {
            let message = parse_labels(wrong).err().unwrap();
            assert!(message.contains("is not NAME=VALUE"), "{message}");
        }
    }
}
