//! Training step and inference of a network, alternating between segspec and PyTorch.

mod ours;
pub mod peer;

use std::ffi::OsStr;

use segspec::backend::{Precision, Selected};
use serde::{Deserialize, Serialize};

use super::common::{in_new_process, median};

/// A network and its input; one input channel, three classes.
pub struct Case {
    /// Name on the command line.
    pub name: &'static str,
    /// Which network.
    pub kind: Kind,
    /// Feature maps per stage.
    pub features: &'static [usize],
    /// Size of a patch `[z, y, x]`; depth 1 is a 2D network.
    pub size: [usize; 3],
    /// Patches per batch.
    pub batch: usize,
    /// Floating-point type of the convolutions.
    pub precision: Precision,
}

impl Case {
    /// A row of the table.
    pub const fn new(
        name: &'static str,
        kind: Kind,
        features: &'static [usize],
        size: [usize; 3],
        batch: usize,
        precision: Precision,
    ) -> Self {
        Self { name, kind, features, size, batch, precision }
    }
}

/// A network that PyTorch peers also have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// nnU-Net's plain U-Net.
    Unet,
    /// MONAI's attention U-Net.
    AttentionUnet,
    /// MONAI's V-Net, whose features are 16, 32, 64, 128, 256.
    #[allow(dead_code, reason = "not every benchmark has it")]
    Vnet,
    /// Hugging Face's SegFormer-B0.
    Segformer,
}

impl Kind {
    /// Its name in the peer script.
    pub fn name(self) -> &'static str {
        match self {
            Self::Unet => "unet",
            Self::AttentionUnet => "attention-unet",
            Self::Vnet => "vnet",
            Self::Segformer => "segformer",
        }
    }
}

/// What one process measured.
#[derive(Serialize, Deserialize)]
pub struct Measured {
    /// Name of the program.
    pub name: String,
    /// Median seconds of a training step.
    pub step: f64,
    /// Median seconds of an inference.
    pub inference: f64,
    /// Peak memory in MB: resident on the CPU, allocated on a GPU.
    pub peak: f64,
}

/// Rounds, with one measurement per side each; medians are compared.
const ROUNDS: usize = 3;

/// Executes the command line: measures one case in this process (`--measure NAME`), or prints a table of all cases whose names
/// contain an argument, each measured in separate processes. `peers` are sets of options for PyTorch, with one row for each.
pub fn main(cases: &[Case], device: &Selected, arguments: &[String], peers: &[(&str, &[&str])]) {
    if let [flag, name] = arguments
        && flag == "--measure"
        && let Some(case) = cases.iter().find(|case| case.name == name)
    {
        println!("{}", serde_json::to_string(&ours::measure(case, &device.device)).expect("plain numbers"));
        return;
    }
    let python = std::env::var_os("SEGSPEC_BENCH_PYTHON");
    if python.is_none() {
        println!("SEGSPEC_BENCH_PYTHON is not set: PyTorch is not measured");
    }
    let wanted = |name: &str| arguments.is_empty() || arguments.iter().any(|argument| name.contains(argument.as_str()));
    if cases.iter().any(|case| wanted(case.name)) {
        println!("| network | | ours | peer | ratio |\n|---|---|---|---|---|");
    }
    for case in cases.iter().filter(|case| wanted(case.name)) {
        compare(case, python.as_deref(), peers);
    }
}

/// Name, unit and value of a measurement.
type Row = (&'static str, &'static str, fn(&Measured) -> f64);

const ROWS: [Row; 3] = [
    ("training step", "s", |measured| measured.step),
    ("inference", "s", |measured| measured.inference),
    ("peak memory", "MB", |measured| measured.peak),
];

fn compare(case: &Case, python: Option<&OsStr>, peers: &[(&str, &[&str])]) {
    let mut ours: Vec<Measured> = Vec::new();
    let mut theirs: Vec<Vec<Measured>> = peers.iter().map(|_| Vec::new()).collect();
    for _ in 0..ROUNDS {
        ours.push(in_new_process(&["--measure".as_ref(), case.name.as_ref()]));
        for ((_, options), measured) in peers.iter().zip(&mut theirs) {
            measured.extend(python.map(|python| peer::measure(python, case, options)));
        }
    }
    let size = case.size.map(|length| length.to_string()).join("×");
    let title = format!("{} ({size}, batch {}, {:?}, {})", case.name, case.batch, case.features, case.precision.name());
    for (what, unit, value) in ROWS {
        let own = median(ours.iter().map(value).collect());
        let digits = if unit == "s" { 3 } else { 0 };
        let compared = peers.iter().zip(&theirs).filter(|(_, measured)| !measured.is_empty());
        for ((name, _), measured) in compared {
            let other = median(measured.iter().map(value).collect());
            let ratio = own / other;
            println!("| {title} | {what} | {own:.digits$} {unit} | {other:.digits$} {unit} ({name}) | {ratio:.2} |");
        }
        if python.is_none() {
            println!("| {title} | {what} | {own:.digits$} {unit} | – | – |");
        }
    }
}
