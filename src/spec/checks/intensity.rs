//! Checks intensity steps: bounds, channels, and whether they fit the modality.

use crate::auto::Auto;
use crate::dataset::Dataset;
use crate::dataset::spec::{Layout, Modality};
use crate::preprocess::spec::{ForegroundStatistics, IntensityStep, Preprocess};
use crate::spec::Findings;
use crate::spec::finding::KeyPath;

pub fn check(preprocess: &Preprocess, dataset: &Dataset, findings: &mut Findings) {
    let Auto::Fixed(steps) = &preprocess.intensity else { return };
    for (index, step) in steps.iter().enumerate() {
        let path = KeyPath::from("preprocess.intensity").item(index);
        let (name, channels) = name_and_channels(step);
        let path = path.key(name);
        bounds(step, &path, findings);
        metal_first(&steps[..index], step, &path, findings);
        channel_indices(channels, dataset, &path, findings);
        if matches!(step, IntensityStep::Window { .. } | IntensityStep::Ct { .. } | IntensityStep::ClampMetal { .. }) {
            hounsfield(name, channels, dataset, &path, findings);
        }
    }
}

fn name_and_channels(step: &IntensityStep) -> (&'static str, &[usize]) {
    match step {
        IntensityStep::Window { channels, .. } => ("window", channels),
        IntensityStep::PercentileClip { channels, .. } => ("percentile-clip", channels),
        IntensityStep::ZScore { channels, .. } => ("z-score", channels),
        IntensityStep::MinMax { channels } => ("min-max", channels),
        IntensityStep::Ct { channels, .. } => ("ct", channels),
        IntensityStep::ClampMetal { channels, .. } => ("clamp-metal", channels),
    }
}

fn bounds(step: &IntensityStep, path: &KeyPath, findings: &mut Findings) {
    match step {
        IntensityStep::Window { range_hu: [lower, upper], .. } if lower >= upper => {
            let message = format!("the window's lower bound {lower} is not below its upper bound {upper}");
            findings.error(path.key("range-hu"), message, ordered(*lower, *upper));
        }
        IntensityStep::PercentileClip { range, .. } => percentiles(*range, &path.key("range"), findings),
        IntensityStep::Ct { statistics: Auto::Fixed(numbers), .. } => {
            statistics(numbers, &path.key("statistics"), findings);
        }
        IntensityStep::ClampMetal { above_hu, to_hu, .. } if to_hu > above_hu => {
            let message = format!("`to-hu` = {to_hu} is above `above-hu` = {above_hu}, so metal would become brighter");
            findings.error(path.key("to-hu"), message, format!("use at most {above_hu}"));
        }
        _ => {}
    }
}

/// Metal is detected in Hounsfield units, so `clamp-metal` comes first.
fn metal_first(earlier: &[IntensityStep], step: &IntensityStep, path: &KeyPath, findings: &mut Findings) {
    let is_metal = |step: &IntensityStep| matches!(step, IntensityStep::ClampMetal { .. });
    if is_metal(step) && !earlier.iter().all(is_metal) {
        let message = "`clamp-metal` needs Hounsfield units, which earlier steps change";
        findings.error(path.clone(), message, "put it first");
    }
}

fn ordered(lower: f64, upper: f64) -> String {
    if lower == upper { "use two different bounds, lower first".into() } else { format!("write `[{upper}, {lower}]`") }
}

fn percentiles([lower, upper]: [f64; 2], path: &KeyPath, findings: &mut Findings) {
    for (index, value) in [lower, upper].into_iter().enumerate().filter(|(_, value)| !(0.0..=100.0).contains(value)) {
        findings.error(path.item(index), format!("{value} is not a percentile"), "percentiles go from 0 to 100");
    }
    if lower >= upper {
        let message = format!("the lower percentile {lower} is not below the upper one {upper}");
        findings.error(path.clone(), message, ordered(lower, upper));
    }
}

fn statistics(numbers: &ForegroundStatistics, path: &KeyPath, findings: &mut Findings) {
    if numbers.sd <= 0.0 {
        findings.error(
            path.key("sd"),
            "the standard deviation must be above 0",
            "take all four numbers from the fingerprint",
        );
    }
    if numbers.p00_5 >= numbers.p99_5 {
        let message = "percentile 0.5 is not below percentile 99.5";
        findings.error(path.key("p99-5"), message, "take all four numbers from the fingerprint");
    }
}

/// Number of channels as declared by the dataset: `[[channel]]`, or the files of a case.
fn channel_count(dataset: &Dataset) -> usize {
    let files = match &dataset.layout {
        Layout::Pairs { images, .. } | Layout::Masks { images, .. } => images.len(),
        _ => 0,
    };
    dataset.channels.len().max(files).max(1)
}

fn channel_indices(channels: &[usize], dataset: &Dataset, path: &KeyPath, findings: &mut Findings) {
    let count = channel_count(dataset);
    for (index, channel) in channels.iter().enumerate().filter(|(_, channel)| **channel >= count) {
        let help = match count {
            1 => "its only channel is 0: remove `channels`".to_owned(),
            _ => format!("its channels are 0 to {}", count - 1),
        };
        findings.error(path.key("channels").item(index), format!("the dataset has no channel {channel}"), help);
    }
    if let Some(index) = super::repeated(channels) {
        findings.error(path.key("channels").item(index), "this channel is listed twice", "list every channel once");
    }
}

fn hounsfield(name: &str, channels: &[usize], dataset: &Dataset, path: &KeyPath, findings: &mut Findings) {
    let of = |index: usize| dataset.channels.get(index).and_then(|c| c.modality).unwrap_or(dataset.modality);
    let count = channel_count(dataset);
    let applies = |index: &usize| channels.is_empty() || channels.contains(index);
    if (0..count).filter(applies).all(|index| of(index) == Modality::Ct) {
        return;
    }
    let message = format!("`{name}` needs Hounsfield units, but not every channel that it changes is CT");
    let help = match (0..count).find(|index| of(*index) == Modality::Ct) {
        Some(channel) => format!("limit it with `channels = [{channel}]`"),
        None => "for other modalities use `percentile-clip`, `z-score` or `min-max`".into(),
    };
    findings.error(path.clone(), message, help);
}
