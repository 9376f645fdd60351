//! `dataset.json`: structures, regions and channels of a model.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::ImportError;
use crate::dataset::color::palette_color;
use crate::dataset::{Target, TargetStructure};

/// A model's `dataset.json`.
#[derive(Debug)]
pub struct About {
    table: Map<String, Value>,
    path: PathBuf,
}

/// The structures of a model, in the order of its outputs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Labels {
    /// Name, its values in reference labels, and its value in predictions.
    pub structures: Vec<(String, Vec<u16>, u16)>,
    /// Whether each structure has a sigmoid output of its own, and values are painted over each other.
    pub regions: bool,
    /// Value of voxels that are excluded from losses and scores.
    pub ignore: Option<u16>,
}

impl Labels {
    /// Every label value but background and ignored voxels.
    pub fn foreground(&self) -> Vec<u16> {
        let all: BTreeSet<u16> = self.structures.iter().flat_map(|(_, values, _)| values.iter().copied()).collect();
        all.into_iter().filter(|value| *value != 0).collect()
    }

    /// As the target of a run.
    pub fn target(&self) -> Target {
        let structures = self.structures.iter().enumerate().map(|(place, (name, values, value))| TargetStructure {
            value: *value,
            color: palette_color(place),
            ..TargetStructure::new(name, values)
        });
        Target {
            overlapping: self.regions,
            painted: self.regions,
            ignore: self.ignore,
            ..Target::of(structures.collect())
        }
    }
}

impl About {
    /// Reads the file.
    ///
    /// # Errors
    /// It is missing, or no JSON object.
    pub fn read(path: &Path) -> Result<Self, ImportError> {
        let text = std::fs::read(path).map_err(|error| ImportError::io(path, &error))?;
        let value: Value = serde_json::from_slice(&text).map_err(|error| ImportError::of(path, error.to_string()))?;
        match value {
            Value::Object(table) => Ok(Self { table, path: path.into() }),
            _ => Err(ImportError::of(path, "is not the description of a dataset")),
        }
    }

    fn wrong(&self, reason: impl Into<String>) -> ImportError {
        ImportError::of(&self.path, reason)
    }

    /// Names of the image channels, in order.
    ///
    /// # Errors
    /// There are none.
    pub fn channels(&self) -> Result<Vec<String>, ImportError> {
        let table = ["channel_names", "modality"].iter().find_map(|key| self.table.get(*key)?.as_object());
        let table = table.filter(|table| !table.is_empty()).ok_or_else(|| self.wrong("has no `channel_names`"))?;
        let mut named = Vec::new();
        for (number, name) in table {
            let number: usize =
                number.parse().map_err(|_| self.wrong(format!("channel `{number}` is not a number")))?;
            named.push((number, name.as_str().unwrap_or_default().to_owned()));
        }
        named.sort();
        Ok(named.into_iter().map(|(_, name)| name).collect())
    }

    /// The structures, in the order of the outputs.
    ///
    /// # Errors
    /// Labels that nnU-Net itself refuses: not consecutive, regions without an order.
    pub fn labels(&self) -> Result<Labels, ImportError> {
        let table = self.table.get("labels").and_then(Value::as_object).ok_or_else(|| self.wrong("has no `labels`"))?;
        let mut named: Vec<(String, Vec<u16>)> = Vec::new();
        let mut ignore = None;
        for (name, value) in table {
            let values = self.values(name, value)?;
            match (name.as_str(), values.as_slice()) {
                ("ignore", [value]) => ignore = Some(*value),
                ("ignore", _) => return Err(self.wrong("labels.ignore is not one value")),
                // Background, by whatever name.
                _ if values.iter().all(|value| *value == 0) => {}
                _ => named.push((name.clone(), values)),
            }
        }
        if named.is_empty() {
            return Err(self.wrong("labels has no structure"));
        }
        let regions = named.iter().any(|(_, values)| values.len() > 1);
        let structures = if regions { self.painted(named)? } else { self.single(named)? };
        Ok(Labels { structures, regions, ignore })
    }

    fn values(&self, name: &str, value: &Value) -> Result<Vec<u16>, ImportError> {
        let number = |value: &Value| value.as_u64().and_then(|value| u16::try_from(value).ok());
        let values: Option<BTreeSet<u16>> = match value {
            Value::Array(values) => values.iter().map(number).collect(),
            other => number(other).map(|value| BTreeSet::from([value])),
        };
        let values = values.filter(|values| !values.is_empty());
        Ok(values
            .ok_or_else(|| self.wrong(format!("labels.{name} is neither a value nor a list of values")))?
            .into_iter()
            .collect())
    }

    /// Softmax: output `i` is the label `i`.
    fn single(&self, mut named: Vec<(String, Vec<u16>)>) -> Result<Vec<(String, Vec<u16>, u16)>, ImportError> {
        named.sort_by_key(|(_, values)| values[0]);
        for (place, (name, values)) in named.iter().enumerate() {
            if usize::from(values[0]) != place + 1 {
                let text =
                    format!("labels.{name} is {}, but the labels of a model are 1, 2, 3, … without gaps", values[0]);
                return Err(self.wrong(text));
            }
        }
        Ok(named.into_iter().map(|(name, values)| (name, values.clone(), values[0])).collect())
    }

    /// Regions: outputs in the order of the file, painted in that order with the values of `regions_class_order`.
    fn painted(&self, named: Vec<(String, Vec<u16>)>) -> Result<Vec<(String, Vec<u16>, u16)>, ImportError> {
        let order = self.table.get("regions_class_order").and_then(Value::as_array);
        let order = order.ok_or_else(|| self.wrong("has regions, but no `regions_class_order`"))?;
        let order: Option<Vec<u16>> = order.iter().map(|value| u16::try_from(value.as_u64()?).ok()).collect();
        match order.filter(|order| order.len() == named.len()) {
            Some(order) => {
                Ok(named.into_iter().zip(order).map(|((name, values), value)| (name, values, value)).collect())
            }
            None => {
                Err(self
                    .wrong(format!("`regions_class_order` is not a list of {} values, one per region", named.len())))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn about(value: Value) -> About {
        About { table: value.as_object().cloned().unwrap(), path: "dataset.json".into() }
    }

    #[test]
    fn outputs_follow_values_or_the_order_of_regions() {
        let single = about(json!({ "labels": { "background": 0, "b": 2, "a": 1, "ignore": 3 } })).labels().unwrap();
        assert_eq!(single.structures, [("a".into(), vec![1], 1), ("b".into(), vec![2], 2)]);
        assert_eq!((single.regions, single.ignore), (false, Some(3)));
        let regions =
            json!({ "labels": { "background": 0, "whole": [1, 2], "core": 2 }, "regions_class_order": [1, 2] });
        let regions = about(regions).labels().unwrap();
        assert_eq!(regions.structures, [("whole".into(), vec![1, 2], 1), ("core".into(), vec![2], 2)]);
        let target = regions.target();
        assert!(target.sigmoid() && !target.has_masks() && target.outputs() == 2);
        assert_eq!(single.target().outputs(), 3);
    }

    #[test]
    fn what_nnunet_refuses_is_refused() {
        for (table, text) in [
            (json!({ "labels": { "background": 0, "a": 2 } }), "without gaps"),
            (json!({ "labels": { "background": 0, "a": [1, 2], "b": 2 } }), "regions_class_order"),
            (json!({ "labels": { "a": [1, 2], "b": 2 }, "regions_class_order": [1] }), "2 values"),
            (json!({ "labels": { "a": "x" } }), "labels.a"),
            (json!({ "labels": { "background": 0 } }), "no structure"),
            (json!({}), "`labels`"),
        ] {
            let error = about(table).labels().unwrap_err().to_string();
            assert!(error.contains(text), "{error}");
        }
    }

    #[test]
    fn channels_are_in_the_order_of_their_numbers() {
        let many: Map<String, Value> =
            (0..11).rev().map(|number| (number.to_string(), json!(format!("c{number}")))).collect();
        let channels = about(json!({ "channel_names": many })).channels().unwrap();
        assert_eq!(channels[..3], ["c0", "c1", "c2"]);
        assert_eq!(channels.len(), 11);
        assert!(about(json!({ "channel_names": {} })).channels().is_err());
    }
}
