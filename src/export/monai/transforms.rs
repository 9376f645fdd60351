//! The transforms before and after the network.

use serde_json::{Value, json};

use super::super::metadata::{Metadata, Probabilities};
use crate::auto::Auto;
use crate::preprocess::spec::{Crop, IntensityStep};

/// Lower bound of standard deviations.
const SD_FLOOR: f64 = 1e-8;

/// From files to the network's input.
pub(super) fn before(metadata: &Metadata) -> Vec<Value> {
    let mut transforms = vec![
        json!({ "_target_": "LoadImaged", "keys": "image" }),
        json!({ "_target_": "EnsureChannelFirstd", "keys": "image" }),
        json!({ "_target_": "Orientationd", "keys": "image", "axcodes": metadata.preprocess.orientation }),
    ];
    if metadata.preprocess.crop == Crop::Nonzero {
        transforms.push(json!({
            "_target_": "CropForegroundd", "keys": "image", "source_key": "image", "select_fn": "$lambda image: image != 0",
            "allow_smaller": true,
        }));
    }
    transforms.extend(metadata.preprocess.intensity.iter().filter_map(intensity));
    transforms.push(json!({ "_target_": "EnsureTyped", "keys": "image", "dtype": "$torch.float32" }));
    transforms
}

/// An intensity step; none where there is no equivalent, which `refusals` has told.
fn intensity(step: &IntensityStep) -> Option<Value> {
    let range = |[low, high]: [f64; 2], to: [f64; 2]| {
        json!({
            "_target_": "ScaleIntensityRanged", "keys": "image", "a_min": low, "a_max": high, "b_min": to[0], "b_max": to[1],
            "clip": true,
        })
    };
    Some(match step {
        IntensityStep::Window { range_hu, .. } => range(*range_hu, [0.0, 1.0]),
        IntensityStep::Ct { statistics: Auto::Fixed(known), .. } => {
            let normal = |value: f64| (value - known.mean) / known.sd.max(SD_FLOOR);
            let limits = [known.p00_5, known.p99_5];
            range(limits, limits.map(normal))
        }
        IntensityStep::PercentileClip { range: [low, high], .. } => json!({
            "_target_": "ClipIntensityPercentilesd", "keys": "image", "lower": low, "upper": high, "channel_wise": true,
        }),
        IntensityStep::ZScore { .. } => json!({
            "_target_": "NormalizeIntensityd", "keys": "image", "nonzero": false, "channel_wise": true,
        }),
        IntensityStep::MinMax { .. } => json!({
            "_target_": "ScaleIntensityd", "keys": "image", "minv": 0.0, "maxv": 1.0, "channel_wise": true,
        }),
        IntensityStep::ClampMetal { .. } | IntensityStep::Ct { statistics: Auto::Auto, .. } => return None,
    })
}

/// From probabilities to files on the grid of the image.
pub(super) fn after(metadata: &Metadata) -> Vec<Value> {
    let labels = &metadata.labels;
    let mut transforms = vec![json!({
        "_target_": "Invertd", "keys": "pred", "transform": "@preprocessing", "orig_keys": "image", "nearest_interp": false,
        "to_tensor": true,
    })];
    let outputs: Vec<usize> = metadata.structures.iter().map(|it| it.output).collect();
    transforms.push(match labels.activation {
        Probabilities::Softmax => json!({ "_target_": "AsDiscreted", "keys": "pred", "argmax": true }),
        // MONAI takes probabilities from the threshold on, segspec those above it.
        Probabilities::Sigmoid => {
            json!({ "_target_": "AsDiscreted", "keys": "pred", "threshold": f64::from((labels.threshold as f32).next_up()) })
        }
    });
    let kept = |name: &String| metadata.structures.iter().find(|it| it.name == *name).map(|it| it.output);
    let largest: Vec<usize> = labels.largest_component.iter().filter_map(kept).collect();
    if !largest.is_empty() {
        transforms.push(json!({
            "_target_": "KeepLargestConnectedComponentd", "keys": "pred", "applied_labels": largest, "is_onehot": labels.overlapping,
            "independent": true, "connectivity": 3,
        }));
    }
    let values: Vec<u16> = metadata.structures.iter().map(|it| it.value).collect();
    let in_order = values.iter().zip(&outputs).all(|(value, output)| usize::from(*value) == *output);
    if !labels.overlapping && !in_order {
        transforms.push(json!({
            "_target_": "MapLabelValued", "keys": "pred", "orig_labels": outputs, "target_labels": values,
        }));
    }
    transforms.push(json!({
        "_target_": "SaveImaged", "keys": "pred", "output_dir": "@output_dir", "output_postfix": "", "separate_folder": false,
        "resample": false, "output_dtype": "$numpy.uint16",
    }));
    transforms
}
