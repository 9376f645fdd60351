//! `cargo bench --bench metrics`: all metrics of one case, compared with nnU-Net's counting, surface-distance and MONAI in the same run.
//!
//! `SEGSPEC_BENCH_PYTHON` names a Python with `nnunetv2 surface-distance monai nibabel`; without it, only our own figures are printed.
//! `SEGSPEC_TEST_DATA` names the folder with real label maps, which are enlarged to twice as many voxels along each axis; without it, only
//! generated ones are scored. Arguments select by name: `cargo bench --bench metrics -- organs`.

#[path = "../common/mod.rs"]
mod common;
mod made;

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::time::Instant;

use common::{in_new_process, median, memory, peer};
use segspec::dataset::{Target, TargetStructure};
use segspec::evaluate::{Evaluate, score, score_overlap};
use segspec::volume::{Segmentation, read_label_map};
use serde::{Deserialize, Serialize};

/// Name, title, and whether the peers are timed, too.
const CASES: [(&str, &str, bool); 3] = [
    ("organs", "41 organs, 60×202×244, real", true),
    ("made", "41 ellipsoids, 60×202×244", true),
    ("whole-body", "117 ellipsoids, 400×512×512", false),
];

/// Processes per side; the median is reported.
const TURNS: usize = 3;

/// Tolerance of NSD, mm.
const TOLERANCE: f64 = 2.0;

#[derive(Clone, Copy, Serialize, Deserialize)]
struct Measured {
    counts: f64,
    all: f64,
    /// Bytes: of the process, and what scoring added to the label maps.
    peak: f64,
    added: f64,
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    if let [measure, reference, prediction] = arguments.as_slice()
        && measure == "--measure"
    {
        let measured = measure_ours(Path::new(reference), Path::new(prediction));
        println!("{}", serde_json::to_string(&measured).expect("numbers"));
        return;
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    println!("| Case | Work | Ours | Peer | Ratio |\n|---|---|---|---|---|");
    for (name, title, with_peers) in CASES {
        if !arguments.is_empty() && !arguments.iter().any(|argument| argument == name) {
            continue;
        }
        match made::files(folder.path(), name) {
            Some(files) => compare(title, &files, with_peers),
            None => println!("| {title} | skipped: SEGSPEC_TEST_DATA names no folder with real label maps | | | |"),
        }
    }
}

fn compare(title: &str, files: &[PathBuf; 2], with_peers: bool) {
    let paths = files.each_ref().map(|path| path.as_os_str());
    let python = std::env::var_os("SEGSPEC_BENCH_PYTHON").filter(|_| with_peers);
    let (mut ours, mut theirs) = (Vec::new(), [const { Vec::new() }; PEERS.len()]);
    for _ in 0..TURNS {
        ours.push(in_new_process::<Measured>(&[OsStr::new("--measure"), paths[0], paths[1]]));
        for (times, (program, ..)) in theirs.iter_mut().zip(PEERS) {
            let arguments = [OsStr::new(program), paths[0], paths[1]];
            times.extend(python.as_ref().map(|python| peer::<f64>(python, "metrics.py", &arguments)));
        }
    }
    let of = |get: fn(&Measured) -> f64| median(ours.iter().map(get).collect());
    for ((_, work, name, get), times) in PEERS.iter().zip(theirs) {
        let (theirs, ratio) = match times.is_empty() {
            true => ("–".to_owned(), "–".to_owned()),
            false => (format!("{name} {:.3} s", median(times.clone())), format!("{:.4}", of(*get) / median(times))),
        };
        println!("| {title} | {work} | {:.4} s | {theirs} | {ratio} |", of(*get));
    }
    println!(
        "| | peak memory, and what scoring adds | {:.0} MB, {:.0} MB | – | – |",
        of(|it| it.peak) / 1e6,
        of(|it| it.added) / 1e6
    );
}

/// Program, what it does, its name, and our time for that or more.
type Peer = (&'static str, &'static str, &'static str, fn(&Measured) -> f64);

const PEERS: [Peer; 3] = [
    ("counts", "counts of all structures", "nnU-Net", |it| it.counts),
    ("surface-distance", "all metrics; the peer: HD95, ASD, NSD", "surface-distance", |it| it.all),
    ("monai", "the same", "MONAI", |it| it.all),
];

fn measure_ours(reference: &Path, prediction: &Path) -> Measured {
    let (reference, prediction) =
        (read_label_map(reference).expect("a label map"), read_label_map(prediction).expect("another"));
    let values: std::collections::BTreeSet<u16> =
        reference.voxels.iter().copied().filter(|value| *value != 0).collect();
    let structure = |value: u16| TargetStructure {
        name: value.to_string(),
        values: vec![value],
        value,
        members: vec![],
        color: [0; 3],
        code: None,
        instances: false,
        tubular: false,
    };
    let structures = values.into_iter().map(structure).collect();
    let target = Target { overlapping: false, independent: false, painted: false, ignore: None, structures };
    let prediction = Segmentation::Labels(prediction);
    let settings = Evaluate { tolerance_mm: Some(TOLERANCE), ..Evaluate::default() };
    let before = memory("VmRSS");
    let counts = seconds(|| drop(score_overlap("case", &target, &reference, &prediction).expect("one grid")));
    let all = seconds(|| drop(score("case", &target, &reference, &prediction, &settings).expect("one grid")));
    let peak = memory("VmHWM");
    Measured { counts, all, peak, added: peak - before }
}

/// Median of three.
fn seconds(work: impl Fn()) -> f64 {
    let once = |_| {
        let start = Instant::now();
        work();
        start.elapsed().as_secs_f64()
    };
    median((0..3).map(once).collect())
}
