//! `cargo bench --bench rank`: 20 runs × 100 cases × 30 structures, ranked with 1000 resamples; then with tables and figures. And the
//! report of one run with 100 cases × 117 structures.

use std::time::Instant;

use rand::Rng;
use segspec::dataset::{Target, TargetStructure};
use segspec::evaluate::metric::MetricInput;
use segspec::evaluate::rank::{Competitor, Options, rank};
use segspec::evaluate::spec::RankBy;
use segspec::evaluate::table::to_frame;
use segspec::evaluate::{Context, DICE, Overlap, Score};
use segspec::random;
use segspec::report::{self, Report, ReportInput, RunInput};

const RUNS: usize = 20;
const CASES: usize = 100;
const STRUCTURES: usize = 30;
/// The median of so many is reported.
const TURNS: usize = 5;

/// Structures of the report.
const MANY: usize = 117;

fn main() {
    ranking();
    reporting();
}

fn ranking() {
    let names: Vec<String> = (0..STRUCTURES).map(|structure| format!("structure {structure}")).collect();
    let tables: Vec<_> = (0..RUNS).map(|run| to_frame(&scores(run, &names)).expect("scores")).collect();
    let options = Options { metric: DICE, margin: Some(0.01), seed: 0 };
    let mut times = Vec::new();
    for _ in 0..TURNS {
        let named = tables.iter().enumerate();
        let competitors: Vec<Competitor> =
            named.map(|(run, table)| Competitor { name: format!("run {run}"), tables: vec![table] }).collect();
        let start = Instant::now();
        let ranking = rank("run", &competitors, &names, &Default::default(), &options).expect("a ranking");
        let ranked = start.elapsed().as_secs_f64();
        let folder = tempfile::tempdir().expect("a temporary folder");
        segspec::report::ranking::write(&ranking, "benchmark", folder.path()).expect("files");
        times.push([ranked, start.elapsed().as_secs_f64()]);
    }
    times.sort_by(|a, b| a[0].total_cmp(&b[0]));
    let [ranked, written] = times[TURNS / 2];
    println!(
        "| {RUNS} runs × {CASES} cases × {STRUCTURES} structures, 1000 resamples | ranked {ranked:.2} s | with every file and figure {written:.2} s |"
    );
}

fn reporting() {
    let names: Vec<String> = (0..MANY).map(|structure| format!("structure {structure}")).collect();
    let table = to_frame(&scores(0, &names)).expect("scores");
    let mut times = Vec::new();
    for _ in 0..TURNS {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let start = Instant::now();
        let report = Report::new(input(&names, table.clone())).expect("statistics");
        report::write(&report, folder.path()).expect("files");
        times.push(start.elapsed().as_secs_f64());
    }
    times.sort_by(f64::total_cmp);
    println!("| report of {CASES} cases × {MANY} structures | {:.2} s |", times[TURNS / 2]);
}

fn input(names: &[String], scores: polars::prelude::DataFrame) -> ReportInput {
    let structure = |(index, name): (usize, &String)| TargetStructure {
        name: name.clone(),
        members: vec![name.clone()],
        value: index as u16 + 1,
        values: vec![index as u16 + 1],
        color: [0, 90, 160],
        code: None,
        instances: false,
        tubular: false,
    };
    let structures = names.iter().enumerate().map(structure).collect();
    let run = RunInput {
        context: Context { experiment: "benchmark".into(), split: "test".into(), ..Context::default() },
        history: None,
        scores,
        panels: Vec::new(),
        skipped: None,
        clicks: None,
        excluded: Vec::new(),
        reliability: Vec::new(),
        plan_toml: String::new(),
        manifest: serde_json::Value::Null,
    };
    ReportInput {
        title: "benchmark".into(),
        subtitle: Vec::new(),
        notes: Vec::new(),
        missing: Vec::new(),
        target: Target { overlapping: false, independent: false, painted: false, ignore: None, structures },
        runs: vec![run],
        classifiers: Vec::new(),
        success_dice: vec![0.5, 0.7, 0.9],
        reproduce: Vec::new(),
        rank: RankBy::default(),
        search: None,
        differences: Vec::new(),
    }
}

fn scores(run: usize, names: &[String]) -> Vec<Score> {
    let mut draws = random::stream(run as u64, "benchmark of ranking", 0, 0);
    let mut all = Vec::new();
    for case in 0..CASES {
        for name in names {
            let found = draws.random_range(600..1000 - run as u64 * 5);
            let counts = Overlap {
                true_positive: found,
                false_positive: 1000 - found,
                false_negative: 1000 - found,
                true_negative: 9,
            };
            all.push(Score::new(&format!("case {case}"), name, &MetricInput { counts, ..MetricInput::default() }));
        }
    }
    all
}
