//! JSON whose numbers come back bit for bit: `serde_json` reads decimals to within one unit in the last place.
//!
//! Used as `#[serde(with = "exact")]`. Fractions are written as text, which Rust's own parser reads exactly.

use serde::de::{DeserializeOwned, Error as _};
use serde::ser::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

/// Writes fractions as text.
pub fn serialize<T: Serialize, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
    let mut value = serde_json::to_value(value).map_err(S::Error::custom)?;
    replace(&mut value, &|value| match value {
        Value::Number(number) if number.is_f64() => number.as_f64().map(|number| Value::from(number.to_string())),
        _ => None,
    });
    value.serialize(serializer)
}

/// Reads what [`serialize`] wrote, and plain numbers too. A text that is a number becomes one.
pub fn deserialize<'de, T: DeserializeOwned, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    let mut value = Value::deserialize(deserializer)?;
    replace(&mut value, &|value| match value {
        Value::String(text) => text.parse::<f64>().ok().map(Value::from),
        _ => None,
    });
    serde_json::from_value(value).map_err(D::Error::custom)
}

fn replace(value: &mut Value, by: &dyn Fn(&Value) -> Option<Value>) {
    if let Some(new) = by(value) {
        *value = new;
        return;
    }
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| replace(item, by)),
        Value::Object(entries) => entries.values_mut().for_each(|entry| replace(entry, by)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use crate::train::{EpochRecord, Validation};

    #[derive(serde::Serialize, serde::Deserialize)]
    struct File {
        #[serde(with = "super")]
        history: Vec<EpochRecord>,
    }

    #[test]
    fn every_bit_comes_back() {
        // `serde_json` alone reads the first two one unit too large.
        let numbers = [0.00010684073783223467, 0.050879290552604456, 1.0, 0.1 + 0.2, 5e-324, f64::MAX];
        for number in numbers {
            let validation = Validation { dice: vec![Some(number), None], iou: vec![] };
            let record = EpochRecord {
                epoch: 1,
                step: 2,
                loss: number,
                learning_rate: -number,
                seconds: number,
                validation: Some(validation),
                best: true,
            };
            let text = serde_json::to_string(&File { history: vec![record.clone()] }).unwrap();
            assert_eq!(serde_json::from_str::<File>(&text).unwrap().history, [record], "{text}");
        }
    }
}
