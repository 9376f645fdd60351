//! Synthetic scores for tests: any number of structures, cases, trials and seeds, reproducible.

use polars::prelude::*;
use rand::Rng;
use serde_json::json;

use crate::dataset::{Excluded, Target, TargetStructure};
use crate::evaluate::metric::MetricInput;
use crate::evaluate::spec::RankBy;
use crate::evaluate::table::to_frame;
use crate::evaluate::{Context, Overlap, Score, Setting, TrialKey};
use crate::random;
use crate::report::{ReportInput, RunInput};

pub struct Size {
    pub structures: usize,
    pub cases: usize,
    pub trials: usize,
    pub seeds: u64,
    pub epochs: usize,
}

const NAMES: [&str; 12] = [
    "liver",
    "left kidney",
    "right kidney",
    "spleen",
    "pancreas",
    "gall bladder",
    "aorta",
    "stomach",
    "oesophagus",
    "duodenum",
    "left adrenal gland",
    "right adrenal gland",
];
const COLORS: [[u8; 3]; 8] = [
    [0xD5, 0x5E, 0x00],
    [0x00, 0x72, 0xB2],
    [0x56, 0xB4, 0xE9],
    [0x00, 0x9E, 0x73],
    [0xE6, 0x9F, 0x00],
    [0xCC, 0x79, 0xA7],
    [0xF0, 0xE4, 0x42],
    [0x80, 0x80, 0x80],
];

pub fn target(structures: usize) -> Target {
    let structure = |index: usize| {
        let name =
            NAMES.get(index).map_or_else(|| format!("vertebra or rib number {index}"), |name| (*name).to_owned());
        let value = index as u16 + 1;
        TargetStructure { color: COLORS[index % 8], ..TargetStructure::new(name, &[value]) }
    };
    Target::of((0..structures).map(structure).collect())
}

pub fn input(size: &Size) -> ReportInput {
    let target = target(size.structures);
    let runs = (0..size.trials).flat_map(|trial| (0..size.seeds).map(move |seed| (trial, seed)));
    let runs = runs.map(|(trial, seed)| run(size, &target, trial, seed)).collect();
    ReportInput {
        missing: Vec::new(),
        classifiers: vec![],
        title: "Abdominal organs <CT>".to_owned(),
        subtitle: vec!["dataset phantom, 40 test cases".to_owned(), "segspec 0.1.0, commit 0123abc".to_owned()],
        notes: vec!["The spleen of case 7 was cut off <by hand>.".to_owned()],
        target,
        runs,
        success_dice: vec![0.5, 0.7, 0.9],
        reproduce: vec!["segspec run experiments/abdomen.toml".to_owned()],
        rank: RankBy::default(),
        search: None,
        differences: Vec::new(),
    }
}

fn run(size: &Size, target: &Target, trial: usize, seed: u64) -> RunInput {
    let (rate, batch) = (10f64.powi(-2 - (trial % 3) as i32), 2 + trial / 3);
    let cases = (0..size.cases).flat_map(|case| (0..target.structures.len()).map(move |structure| (case, structure)));
    let scores: Vec<Score> = cases.map(|place| score(target, place, trial, seed)).collect();
    let settings = vec![
        Setting { key: "train.learning-rate".into(), value: json!(rate), label: format!("learning-rate={rate},") },
        Setting { key: "train.batch-size".into(), value: json!(batch), label: format!("batch={batch}") },
    ];
    let context = Context {
        dataset: String::new(),
        experiment: "abdomen".to_owned(),
        trial: TrialKey { settings: if size.trials > 1 { settings } else { vec![] }, ..TrialKey::default() },
        fold: None,
        seed,
        split: "test".to_owned(),
        selected_on: false,
        ..Context::default()
    };
    RunInput {
        context,
        history: (size.epochs > 0).then(|| history(target, size.epochs, trial, seed)),
        scores: to_frame(&scores).unwrap(),
        panels: vec![],
        skipped: None,
        clicks: None,
        reliability: Vec::new(),
        excluded: vec![Excluded { case: "case_099".into(), reason: "labels/case_099.nii.gz: ends early".into() }],
        plan_toml: format!("[train]\nlearning-rate = {rate}\n"),
        manifest: json!({ "segspec": "0.1.0", "trial": trial }),
    }
}

/// Overlap of two synthetic masks; sometimes a structure is missed, a false positive or absent; structure 5 is always absent.
fn score(target: &Target, (case, structure): (usize, usize), trial: usize, seed: u64) -> Score {
    let mut draws = random::stream(seed, "fixture", trial as u64, (case * 1000 + structure) as u64);
    let size = draws.random_range(2_000..40_000u64);
    let quality = 0.93 - 0.05 * (structure % 7) as f64 - 0.04 * (trial % 5) as f64;
    let part = (quality - draws.random_range(0.0..0.2f64).powi(2) * 6.0).clamp(0.02, 1.0);
    let both = (size as f64 * part) as u64;
    let (found, extra) = match draws.random_range(0..60) {
        _ if structure == 5 => (None, 0),
        0 => (Some(0), 0),
        1 => (None, 50),
        2 => (None, 0),
        _ => (Some(both), (size as f64 * (1.0 - part) * 0.8) as u64),
    };
    let true_positive = found.unwrap_or(0);
    let false_negative = found.map_or(0, |found| size - found);
    let true_negative = 1_000_000 - true_positive - false_negative - extra;
    let overlap = Overlap { true_positive, false_positive: extra, false_negative, true_negative };
    let compared = MetricInput { counts: overlap, voxel_ml: Some(0.003), ..MetricInput::default() };
    Score::new(&format!("case_{case:03}"), &target.structures[structure].name, &compared)
}

fn history(target: &Target, epochs: usize, trial: usize, seed: u64) -> DataFrame {
    let mut draws = random::stream(seed, "fixture history", trial as u64, 0);
    let numbers: Vec<u32> = (1..=epochs as u32).collect();
    let part = |epoch: u32| f64::from(epoch) / epochs as f64;
    let loss: Vec<f64> =
        numbers.iter().map(|e| 1.4 * (-4.0 * part(*e)).exp() + draws.random_range(0.1..0.16)).collect();
    let rate: Vec<f64> = numbers.iter().map(|e| 0.01 * (1.0 - part(*e) + 1.0 / epochs as f64).powf(0.9)).collect();
    let mut columns = vec![
        Column::new("epoch".into(), numbers.clone()),
        Column::new("loss".into(), loss),
        Column::new("learning_rate".into(), rate),
    ];
    let mut dice = |quality: f64| -> Vec<Option<f64>> {
        let mut value = |e: u32| quality * (1.0 - (-6.0 * part(e)).exp()) + draws.random_range(-0.02..0.02);
        numbers.iter().map(|e| (*e % 2 == 0 || *e as usize == epochs).then(|| value(*e))).collect()
    };
    columns.push(Column::new("validation_dice".into(), dice(0.83)));
    for (index, structure) in target.structures.iter().enumerate() {
        let name = format!("validation_dice.{}", structure.name);
        columns.push(Column::new(name.into(), dice(0.95 - 0.03 * (index % 8) as f64)));
    }
    DataFrame::new(epochs, columns).unwrap()
}
