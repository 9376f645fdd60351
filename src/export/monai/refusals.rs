//! What MONAI has no equivalent of.

use super::super::metadata::{Metadata, Probabilities};
use crate::model::Task;
use crate::predict::spec::Averaged;
use crate::preprocess::spec::{Crop, IntensityStep, Region};

/// What does all that segspec does.
const INSTEAD: &str = "use --format onnx with examples/predict_onnx.py, or --format pytorch";

/// Refuses what the transforms of MONAI would do differently.
///
/// # Errors
/// Every reason, and what to do instead.
pub(super) fn check(metadata: &Metadata) -> Result<(), String> {
    let mut reasons: Vec<String> = Vec::new();
    let (prepared, labels) = (&metadata.preprocess, &metadata.labels);
    if metadata.network.task == Task::ClassifySlices {
        reasons.push("a slice classifier: its probabilities belong to slices, not to voxels".into());
    }
    if metadata.first_stage.is_some() {
        reasons.push("a cascade: the first stage decides where this network segments".into());
    }
    if prepared.orientation != "RAS" || prepared.axes != [0, 1, 2] {
        reasons.push("an imported network that sees images as their files store them".into());
    }
    if metadata.windows.averaged == Averaged::Logits || labels.painted || !labels.largest_union.is_empty() {
        reasons.push("an imported network whose logits are averaged, or whose regions are painted".into());
    }
    if prepared.crop == Crop::Body {
        reasons.push(
            "preprocess.crop = \"body\": CropForeground takes every bright voxel, not the largest component".into(),
        );
    }
    if prepared.spacing_mm.is_some() || prepared.shape.is_some() {
        let key = if prepared.shape.is_some() { "shape" } else { "spacing-mm" };
        reasons.push(format!("preprocess.{key}: Spacing and Resize place voxels elsewhere; only \"keep\" is the same"));
    }
    reasons.extend(prepared.intensity.iter().filter_map(|step| intensity(step, metadata.network.input.channels)));
    if labels.activation == Probabilities::Sigmoid && !labels.overlapping {
        reasons.push("structures with a sigmoid each of which only the most probable is taken".into());
    }
    match reasons.is_empty() {
        true => Ok(()),
        false => Err(format!("MONAI has no equivalent of\n  {}\n{INSTEAD}", reasons.join("\n  "))),
    }
}

/// Why an intensity step has no equivalent.
fn intensity(step: &IntensityStep, available: usize) -> Option<String> {
    let (name, channels, differs) = match step {
        IntensityStep::Window { channels, .. } => ("window", channels, None),
        IntensityStep::PercentileClip { channels, .. } => ("percentile-clip", channels, None),
        IntensityStep::MinMax { channels } => ("min-max", channels, None),
        IntensityStep::Ct { channels, .. } => ("ct", channels, None),
        IntensityStep::ZScore { region: Region::Image, channels } => ("z-score", channels, None),
        IntensityStep::ZScore { region: Region::Nonzero, channels } => {
            let why = "NormalizeIntensity leaves out zeros inside the body and counts channels apart";
            ("z-score", channels, Some(why))
        }
        IntensityStep::ClampMetal { channels, .. } => ("clamp-metal", channels, Some("no such transform")),
    };
    let some = (!channels.is_empty() && channels.len() < available).then_some("transforms change all channels");
    differs.or(some).map(|why| format!("the intensity step {name}: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_without_an_equivalent_are_named() {
        let read = |text: &str| serde_json::from_str::<IntensityStep>(text).unwrap();
        for (text, expected) in [
            ("{\"window\": {\"range-hu\": [0, 1]}}", None),
            ("{\"window\": {\"range-hu\": [0, 1], \"channels\": [0, 1]}}", None),
            ("{\"window\": {\"range-hu\": [0, 1], \"channels\": [1]}}", Some("all channels")),
            ("{\"z-score\": {}}", None),
            ("{\"z-score\": {\"region\": \"nonzero\"}}", Some("z-score")),
            ("{\"clamp-metal\": {}}", Some("no such transform")),
        ] {
            let found = intensity(&read(text), 2);
            assert_eq!(found.is_some(), expected.is_some(), "{text}: {found:?}");
            assert!(found.is_none_or(|found| found.contains(expected.unwrap_or_default())), "{text}");
        }
    }
}
