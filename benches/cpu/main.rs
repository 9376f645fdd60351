//! `cargo bench --bench cpu`: training step, inference and peak memory on the CPU beside PyTorch's, measured in the same run.
//!
//! `SEGSPEC_BENCH_PYTHON` names a Python with PyTorch; without it our own figures are printed alone. Arguments choose by
//! name: `cargo bench --bench cpu -- unet-64` or `-- layers`. Each measurement is a process of its own, so that peak memory
//! is that of the one network, and the two sides take turns, so that a machine that changes its pace meets both.

#[path = "../common/mod.rs"]
mod common;
mod layers;
mod network;
mod peer;

use common::{apart, median};
use serde::{Deserialize, Serialize};

/// A network and what it is fed with; one input channel, three classes.
pub struct Case {
    /// Name on the command line.
    pub name: &'static str,
    /// Feature maps per stage.
    pub features: &'static [usize],
    /// Size of a patch `[z, y, x]`; depth 1 is a 2D network.
    pub size: [usize; 3],
    /// Patches.
    pub batch: usize,
}

const CASES: [Case; 3] = [
    Case { name: "unet-64", features: &[32, 64, 128, 256], size: [64, 64, 64], batch: 1 },
    Case { name: "unet-hippocampus", features: &[16, 32, 64, 128], size: [40, 56, 40], batch: 2 },
    Case { name: "unet-2d", features: &[32, 64, 128, 256, 512], size: [1, 256, 256], batch: 8 },
];

/// What one process measured.
#[derive(Serialize, Deserialize)]
pub struct Measured {
    /// Who.
    pub name: String,
    /// Median seconds of a training step.
    pub step: f64,
    /// Median seconds of an inference.
    pub inference: f64,
    /// Peak of resident memory in MB.
    pub peak: f64,
}

/// Rounds of one measurement each; the medians of each side are compared.
const ROUNDS: usize = 3;

fn main() {
    let arguments: Vec<_> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    if let [flag, name] = arguments.as_slice()
        && flag == "--measure"
        && let Some(case) = CASES.iter().find(|case| case.name == name)
    {
        let measured = network::measure(case);
        println!("{}", serde_json::to_string(&measured).expect("plain numbers"));
        return;
    }
    let wanted = |name: &str| arguments.is_empty() || arguments.iter().any(|argument| name.contains(argument.as_str()));
    let python = std::env::var_os("SEGSPEC_BENCH_PYTHON");
    if python.is_none() {
        println!("SEGSPEC_BENCH_PYTHON is not set: PyTorch is not measured");
    }
    if CASES.iter().any(|case| wanted(case.name)) {
        println!("| network | | ours | PyTorch | ratio |\n|---|---|---|---|---|");
    }
    for case in CASES.iter().filter(|case| wanted(case.name)) {
        compare(case, python.as_deref());
    }
    if wanted("layers") {
        layers::print(python.as_deref());
    }
}

/// What is compared, its unit, and where it stands.
type Row = (&'static str, &'static str, fn(&Measured) -> f64);

fn compare(case: &Case, python: Option<&std::ffi::OsStr>) {
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        ours.push(apart(&["--measure".as_ref(), case.name.as_ref()]));
        theirs.extend(python.map(|python| peer::measure(python, case)));
    }
    let size = case.size.map(|length| length.to_string()).join("×");
    let title = format!("{} ({size}, batch {}, {:?})", case.name, case.batch, case.features);
    let rows: [Row; 3] = [
        ("training step", "s", |measured| measured.step),
        ("inference", "s", |measured| measured.inference),
        ("peak memory", "MB", |measured| measured.peak),
    ];
    for (what, unit, value) in rows {
        let own = median(ours.iter().map(value).collect());
        let digits = if unit == "s" { 3 } else { 0 };
        match theirs.is_empty() {
            true => println!("| {title} | {what} | {own:.digits$} {unit} | – | – |"),
            false => {
                let other = median(theirs.iter().map(value).collect());
                println!("| {title} | {what} | {own:.digits$} {unit} | {other:.digits$} {unit} | {:.2} |", own / other);
            }
        }
    }
}
