//! Settings in words.

use serde_json::Value;

/// A value of a specification without the signs of JSON: `4, 8`, `dice (weight 1), cross-entropy`.
pub(super) fn words(value: &Value) -> String {
    match value {
        Value::Null => "none".to_owned(),
        Value::Bool(true) => "on".to_owned(),
        Value::Bool(false) => "off".to_owned(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => text.clone(),
        Value::Array(items) => {
            let nested = items.iter().any(Value::is_array);
            let items = items.iter().map(|item| match item {
                Value::Array(_) if nested => words(item).replace(", ", "×"),
                _ => words(item),
            });
            items.collect::<Vec<_>>().join(", ")
        }
        Value::Object(entries) => {
            let entry = |(key, value): (&String, &Value)| match value {
                Value::Object(inner) if inner.is_empty() => key.clone(),
                Value::Object(_) => format!("{key} ({})", words(value)),
                _ => format!("{key} {}", words(value)),
            };
            entries.iter().map(entry).collect::<Vec<_>>().join(", ")
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn settings_read_as_words() {
        for (value, expected) in [
            (json!([4, 8]), "4, 8"),
            (json!([[1, 1, 1], [2, 2, 2]]), "1×1×1, 2×2×2"),
            (json!([{ "dice": { "weight": 1.0 } }, { "cross-entropy": {} }]), "dice (weight 1.0), cross-entropy"),
            (json!({ "unet": { "features": [4, 8], "residual": true } }), "unet (features 4, 8, residual on)"),
            (json!("keep"), "keep"),
            (json!(0.001), "0.001"),
            (json!(null), "none"),
        ] {
            assert_eq!(words(&value), expected);
        }
    }
}
