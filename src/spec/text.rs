//! Writes a spec as TOML in the order of its types, with a comment per value.

use serde_json::{Map, Value};

/// A table as TOML text: plain values and lists first, then tables under headers. `comment` gives the comment after each value by
/// its path; `null` values are omitted.
pub fn to_toml(table: &Map<String, Value>, comment: &dyn Fn(&[String]) -> Option<String>) -> String {
    let mut text = String::new();
    write_table(table, &mut Vec::new(), comment, &mut text);
    text.trim_start().to_owned()
}

fn write_table(
    table: &Map<String, Value>,
    path: &mut Vec<String>,
    comment: &dyn Fn(&[String]) -> Option<String>,
    text: &mut String,
) {
    let is_value = |value: &Value| !value.is_object() && !value.is_null();
    if !path.is_empty() && (table.is_empty() || table.values().any(is_value)) {
        let header: Vec<String> = path.iter().map(|name| key(name)).collect();
        text.push_str(&format!("\n[{}]\n", header.join(".")));
    }
    for (name, value) in table.iter().filter(|(_, value)| is_value(value)) {
        path.push(name.clone());
        let note = comment(path).map_or(String::new(), |note| format!("  # {note}"));
        text.push_str(&format!("{} = {}{note}\n", key(name), inline(value)));
        path.pop();
    }
    for (name, value) in table {
        let Value::Object(inner) = value else { continue };
        path.push(name.clone());
        write_table(inner, path, comment, text);
        path.pop();
    }
}

/// A value on one line.
pub fn inline(value: &Value) -> String {
    match value {
        Value::Null => "\"\"".into(),
        Value::Bool(flag) => flag.to_string(),
        Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(integer), _) => integer.to_string(),
            (None, Some(float)) => toml::Value::Float(float).to_string(),
            (None, None) => number.to_string(),
        },
        Value::String(string) => toml::Value::String(string.clone()).to_string(),
        Value::Array(items) => format!("[{}]", items.iter().map(inline).collect::<Vec<_>>().join(", ")),
        Value::Object(entries) => inline_table(entries),
    }
}

fn inline_table(entries: &Map<String, Value>) -> String {
    let written = entries.iter().filter(|(_, value)| !value.is_null());
    let parts: Vec<String> = written.map(|(name, value)| format!("{} = {}", key(name), inline(value))).collect();
    if parts.is_empty() { "{}".into() } else { format!("{{ {} }}", parts.join(", ")) }
}

fn key(name: &str) -> String {
    let is_bare = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
    if is_bare { name.to_owned() } else { toml::Value::String(name.to_owned()).to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_reads_back() {
        let value = serde_json::json!({
            "name": "a \"b\"", "epsilon": 1e-8, "gone": null, "train": { "sgd": {}, "steps": 4.0 },
            "loss": [{ "dice": { "weight": 1.0 } }], "exclude": { "case.1": "x" },
        });
        let Value::Object(table) = &value else { unreachable!() };
        let text = to_toml(table, &|path| Some(path.join(".")));
        let read: Value = toml::from_str(&text).unwrap();
        let mut expected = value.clone();
        expected.as_object_mut().unwrap().remove("gone");
        assert_eq!(read, expected, "{text}");
        assert!(text.contains("steps = 4.0  # train.steps"), "{text}");
    }
}
