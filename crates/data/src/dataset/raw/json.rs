//! `dataset.json` and `splits_final.json`.

use serde_json::{Map, Value, json};

use super::Raw;

/// Ending of every image and label.
pub(super) const ENDING: &str = ".nii.gz";

/// The content of `dataset.json`. `is_sheared`: ITK, which nnU-Net reads with by default, refuses grids without right angles.
pub(super) fn dataset(raw: &Raw, is_sheared: bool) -> Value {
    let mut labels = Map::from_iter([("background".to_owned(), json!(0))]);
    for (name, values) in &raw.labels.labels {
        let value = if let [only] = values.as_slice() { json!(only) } else { json!(values) };
        labels.insert(name.clone(), value);
    }
    labels.extend(raw.labels.ignore.map(|value| ("ignore".to_owned(), json!(value))));
    let channels: Map<String, Value> =
        raw.channels.iter().enumerate().map(|(number, name)| (number.to_string(), json!(name))).collect();
    let mut text = json!({
        "name": raw.dataset.name, "description": raw.dataset.description, "reference": raw.dataset.source,
        "licence": raw.dataset.licence, "converted_by": format!("segspec {}", env!("CARGO_PKG_VERSION")),
        "channel_names": channels, "labels": labels, "numTraining": raw.parts.training.len(), "file_ending": ENDING,
    });
    let mut further = Map::new();
    if raw.labels.has_regions() {
        // In the order of the labels, each region is painted over those before it.
        further.insert("regions_class_order".into(), json!((1..=raw.labels.labels.len()).collect::<Vec<_>>()));
    }
    if is_sheared {
        further.insert("overwrite_image_reader_writer".into(), json!("NibabelIO"));
    }
    let renamed: Map<String, Value> =
        raw.identifiers.iter().filter(|(own, new)| own != new).map(|(own, new)| (new.clone(), json!(own))).collect();
    if !renamed.is_empty() {
        further.insert("segspec".into(), json!({ "cases": renamed }));
    }
    if let Some(object) = text.as_object_mut() {
        object.extend(further);
    }
    text
}

/// The content of `splits_final.json`; nothing without folds.
pub(super) fn splits(raw: &Raw) -> Option<Value> {
    let names = |cases: &[String]| cases.iter().filter_map(|case| raw.identifiers.get(case)).collect::<Vec<_>>();
    let fold = |[train, validation]: &[Vec<String>; 2]| json!({ "train": names(train), "val": names(validation) });
    let folds: Vec<Value> = raw.parts.folds.iter().map(fold).collect();
    (!folds.is_empty()).then(|| Value::Array(folds))
}
