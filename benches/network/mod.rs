//! A training step and an inference of a network, ours and PyTorch's in turns.

mod ours;
pub mod peer;

use std::ffi::OsStr;

use segspec::backend::{Precision, Selected};
use serde::{Deserialize, Serialize};

use super::common::{apart, median};

/// A network and what it is fed with; one input channel, three classes.
pub struct Case {
    /// Name on the command line.
    pub name: &'static str,
    /// Which network.
    pub kind: Kind,
    /// Feature maps per stage.
    pub features: &'static [usize],
    /// Size of a patch `[z, y, x]`; depth 1 is a 2D network.
    pub size: [usize; 3],
    /// Patches.
    pub batch: usize,
    /// Numbers of the convolutions.
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

/// A network that the other side has, too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// nnU-Net's plain form.
    Unet,
    /// MONAI's.
    AttentionUnet,
    /// MONAI's, whose features are 16, 32, 64, 128, 256.
    #[allow(dead_code, reason = "not every benchmark has it")]
    Vnet,
    /// Hugging Face's B0.
    Segformer,
}

impl Kind {
    /// Its name at the other side.
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
    /// Who.
    pub name: String,
    /// Median seconds of a training step.
    pub step: f64,
    /// Median seconds of an inference.
    pub inference: f64,
    /// Peak of memory in MB: resident on the CPU, allocated on a GPU.
    pub peak: f64,
}

/// Rounds of one measurement each; the medians of each side are compared.
const ROUNDS: usize = 3;

/// Does what the command line says: measures one case in this process (`--measure NAME`), or prints the rows of a table for all
/// cases whose names it holds, each measured in processes of their own. `peers` are PyTorch's options, one row for each.
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

/// What is compared, its unit, and where it stands.
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
        ours.push(apart(&["--measure".as_ref(), case.name.as_ref()]));
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
