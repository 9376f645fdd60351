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
use crate::evaluate::pair::{Pair, Pairs, pair};
use crate::evaluate::summary::RESAMPLES;
use crate::evaluate::table::{self, to_frame, write_csv};
use crate::evaluate::{Score, Summary, score, summarise, summary};
use crate::report::terminal;
use crate::report::text_table::Charset;
use crate::volume::{Segmentation, read_label_map};

const EXAMPLES: &str = "\
Examples:
  segspec evaluate --reference labelsTs --prediction predictions
  segspec evaluate --reference labelsTs --prediction predictions --labels liver=1,spleen=2 --json
  segspec evaluate --reference a.nii.gz --prediction out.nii.gz --dataset abdomen --csv scores.csv
  segspec evaluate --reference a.seg.nrrd --prediction a.dcm
  segspec evaluate --reference labels --prediction out --dataset knee --structures bone,muscle";

/// Score label files against references: Dice, IoU, precision, recall, volume
///
/// Files of any format are paired by name, ignoring the ending. A missing prediction is an error; predictions without a reference
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
    /// Structures and their label values; without it, every value that occurs is a structure
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
    let pairs = pair(&args.reference, &args.prediction).map_err(|error| Failure::new(Exit::BadData, error))?;
    let mut target = asked.unwrap_or_else(|| values_present(&pairs));
    if let Some(value) = args.ignore {
        target.structures.retain(|structure| structure.values != [value]);
        target.ignore = args.ignore;
    }
    let (scores, excluded) = score_all(&pairs, &target);
    let failed = |error| Failure::new(Exit::Environment, error);
    let scores = to_frame(&scores).map_err(failed)?;
    let summary = summarise(&scores, &SUCCESS_DICE, BOOTSTRAP_SEED).map_err(failed)?;
    if let Some(csv) = &args.csv {
        write_csv(&scores, csv).map_err(failed)?;
    }
    if args.json {
        println!("{:#}", to_json(&summary, &scores, &excluded, &pairs));
    } else {
        print!("{}", terminal::summary(&summary, Charset::Unicode));
    }
    for extra in &pairs.extra {
        eprintln!("warning: {}: no reference with this name; not scored", extra.display());
    }
    for case in &excluded {
        eprintln!("error: {}: not scored: {}", case.case, case.reason);
    }
    Ok(if excluded.is_empty() { Exit::Ok } else { Exit::BadData })
}

/// What `--json` prints.
fn to_json(summary: &Summary, scores: &DataFrame, excluded: &[Excluded], pairs: &Pairs) -> Value {
    let summaries = |frame| rows(frame).map(|row| summary::to_json(row, &SUCCESS_DICE)).collect::<Vec<_>>();
    let columns = table::columns();
    let case = |row: Row| columns.iter().map(|name| ((*name).to_owned(), row.json(name))).collect::<Map<_, _>>();
    json!({
        "structures": summaries(&summary.structures),
        "mean": summaries(&summary.overall).first(),
        "cases": rows(scores).map(case).collect::<Vec<_>>(),
        "excluded": excluded,
        "extra_predictions": pairs.extra,
        "bootstrap_resamples": RESAMPLES,
        "bootstrap_seed": BOOTSTRAP_SEED,
    })
}

/// Scores every pair, cases in parallel; one that cannot be scored becomes an excluded row.
fn score_all(pairs: &Pairs, target: &Target) -> (Vec<Score>, Vec<Excluded>) {
    let results: Vec<_> = pairs.pairs.par_iter().map(|pair| (pair, score_pair(pair, target))).collect();
    let (mut scores, mut excluded) = (Vec::new(), Vec::new());
    for (pair, result) in results {
        match result {
            Ok(found) => scores.extend(found),
            Err(error) => excluded.push(Excluded { case: pair.case.clone(), reason: error.to_string() }),
        }
    }
    (scores, excluded)
}

fn score_pair(pair: &Pair, target: &Target) -> anyhow::Result<Vec<Score>> {
    let reference = read_label_map(&pair.reference)?;
    let prediction = Segmentation::Labels(read_label_map(&pair.prediction)?);
    Ok(score(&pair.case, target, &reference, &prediction)?)
}

/// Parses `liver=1,spleen=2`; the values of a repeated name are merged.
fn parse_labels(text: &str) -> Result<Target, String> {
    let mut structures: Vec<TargetStructure> = Vec::new();
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
            None => structures.push(structure(name, value)),
        }
    }
    Ok(Target { overlapping: false, independent: false, ignore: None, structures })
}

fn structure(name: &str, value: u16) -> TargetStructure {
    let name = name.to_owned();
    TargetStructure { members: vec![name.clone()], name, values: vec![value], value, color: [128; 3], code: None }
}

/// The named structures of a dataset, or every `[[structure]]`.
fn dataset_target(name: &str, structures: &[String]) -> Result<Target, Failure> {
    let loaded = super::dataset::load(name)?;
    dataset::target(&loaded.dataset, structures).map_err(|error| Failure::new(Exit::Usage, error))
}

/// Every nonzero value in any file, with the value as its name. Unreadable files are reported when they are scored.
fn values_present(pairs: &Pairs) -> Target {
    let files: Vec<&PathBuf> = pairs.pairs.iter().flat_map(|pair| [&pair.reference, &pair.prediction]).collect();
    let values = |file: &&PathBuf| -> BTreeSet<u16> {
        read_label_map(file).map_or_else(|_| BTreeSet::new(), |map| map.voxels.iter().copied().collect())
    };
    let union = |one: BTreeSet<u16>, other: BTreeSet<u16>| one.union(&other).copied().collect();
    let present = files.par_iter().map(values).reduce(BTreeSet::new, union);
    let structures = present.into_iter().filter(|value| *value != 0).map(|value| structure(&value.to_string(), value));
    Target { overlapping: false, independent: false, ignore: None, structures: structures.collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_names_with_values() {
        let target = parse_labels("liver=1, bone=3,bone=7").unwrap();
        let found: Vec<_> = target.structures.iter().map(|s| (s.name.as_str(), s.values.clone())).collect();
        assert_eq!(found, [("liver", vec![1]), ("bone", vec![3, 7])]);
        for wrong in ["liver", "liver=", "=1", "liver=0", "liver=-1", "liver=70000", "liver=1,", ""] {
            let message = parse_labels(wrong).unwrap_err();
            assert!(message.contains("is not NAME=VALUE"), "{message}");
        }
    }
}
