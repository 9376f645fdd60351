//! The range of every number in a spec: one table, which the schema takes, and which specs are checked against through it.
//!
//! The types state what a value means (a probability is from 0 to 1); this table states how large is sane. Beyond it, values do
//! nothing useful: they overflow, fill any memory, or take days.

use serde_json::{Map, Value, json};

/// Key, smallest and largest value; also of the items of a list. `Table.key` is for a key that has another range elsewhere: the name of
/// the Rust type, or of the key that holds the table. The first line that fits counts.
const RANGES: &[(&str, f64, f64)] = &[
    // Cases and splits.
    ("n", 2.0, 1e5),
    ("offset", 0.0, 1e5),
    ("Search.folds", 0.0, 999.0),
    ("Sweep.folds", 0.0, 999.0),
    ("folds", 2.0, 1e3),
    ("cases", 1.0, 1e5),
    ("value", 1.0, 65535.0),
    ("background", 0.0, 65535.0),
    ("slice-spacing-mm", 0.0, 1e3),
    ("pixel-spacing-mm", 0.0, 1e3),
    // Preprocessing.
    ("memory-target-gb", 1.0, 1024.0),
    ("Elastic.spacing-mm", 0.0, 1e3),
    // Of a dataset's images: their real spacing, which is above 0.
    ("segspec dataset.spacing-mm", 1e-9, 1e3),
    ("spacing-mm", 0.0, 1e3),
    ("shape", 0.0, 4096.0),
    ("anisotropy-threshold", 1.0, 1e3),
    ("channels", 0.0, 1023.0),
    ("range-hu", -1e5, 1e5),
    ("above-hu", -1e5, 1e5),
    ("to-hu", -1e5, 1e5),
    ("percentile-clip.range", 0.0, 100.0),
    ("margin-mm", 0.0, 1e4),
    ("mean", -1e9, 1e9),
    ("Noise.sd", 0.0, 1e5),
    ("sd", 0.0, 1e9),
    ("p00-5", -1e9, 1e9),
    ("p99-5", -1e9, 1e9),
    // Augmentation. Intensities are those of the prepared image: z-scores, or Hounsfield units where nothing scales them.
    ("probability", 0.0, 1.0),
    ("degrees", 0.0, 180.0),
    ("Zoom.factors", 0.05, 20.0),
    ("factors", 0.0, 100.0),
    ("range-mm", 0.0, 1e4),
    ("displacement-mm", 0.0, 1e3),
    ("sources", 0.0, 100.0),
    ("amplitude", 0.0, 1e5),
    ("sigma-voxels", 0.0, 50.0),
    ("offsets", -1e5, 1e5),
    ("scales", 0.0, 1.0),
    ("exponents", 0.01, 100.0),
    ("boxes", 0.0, 1e3),
    ("size-mm", 0.0, 1e4),
    // Networks.
    ("features", 0.0, 4096.0),
    ("decoder-features", 0.0, 4096.0),
    ("strides", 0.0, 16.0),
    ("kernels", 0.0, 15.0),
    ("blocks", 0.0, 64.0),
    ("decoder-blocks", 0.0, 64.0),
    ("passes", 1.0, 8.0),
    ("pass-weights", 0.0, 1e3),
    ("dropout", 0.0, 1.0),
    ("drop-path", 0.0, 1.0),
    // Losses.
    ("weight", 0.0, 1e3),
    ("class-weights", 0.0, 1e4),
    ("positive-weights", 0.0, 1e4),
    ("gamma", 0.0, 20.0),
    ("alpha", 0.0, 1.0),
    ("top-k-fraction", 0.0, 1.0),
    ("smooth", 0.0, 1e6),
    ("false-positives", 0.0, 1e3),
    ("false-negatives", 0.0, 1e3),
    ("exponent", 0.01, 20.0),
    // Training.
    ("patch-size", 0.0, 4096.0),
    ("batch-size", 1.0, 4096.0),
    ("epochs", 1.0, 1e6),
    ("steps-per-epoch", 1.0, 1e6),
    ("accumulate", 1.0, 4096.0),
    // A rate that is too high is a matter of the trial: it diverges, and the other trials of a sweep go on.
    ("learning-rate", 0.0, 1e30),
    ("weight-decay", 0.0, 1.0),
    ("betas", 0.0, 1.0),
    ("epsilon", 0.0, 1.0),
    ("learning-rate-factor", 0.0, 100.0),
    ("freeze-epochs", 0.0, 1e6),
    ("every-epochs", 1.0, 1e6),
    ("first-cycle-epochs", 1.0, 1e6),
    ("cycle-factor", 1.0, 100.0),
    ("power", 0.0, 100.0),
    ("patience-epochs", 0.0, 1e6),
    ("cooldown-epochs", 0.0, 1e6),
    ("minimum-delta", 0.0, 1e9),
    ("warmup-steps", 0.0, 1e9),
    ("clip-norm", 0.0, 1e6),
    ("clip-value", 0.0, 1e6),
    ("decay", 0.0, 1.0),
    ("validate-every", 0.0, 1e6),
    ("keep-every", 0.0, 1e6),
    ("checkpoint-minutes", 0.0, 1e5),
    ("loader-threads", 1.0, 256.0),
    // Clicks.
    ("radius-mm", 0.0, 1e3),
    ("without-clicks", 0.0, 1.0),
    ("clicks", 1.0, 100.0),
    ("rounds", 1.0, 20.0),
    // Prediction and scores.
    ("success-dice", 0.0, 1.0),
    ("tolerance-mm", 0.0, 1e3),
    ("structure-tolerances-mm", 0.0, 1e3),
    ("instance-iou", 0.0, 1.0),
    ("margin", 0.0, 1e6),
    // Trackers.
    ("steps", 1.0, 1e6),
    // Jobs.
    ("cpus", 1.0, 4096.0),
    ("array-limit", 1.0, 1e5),
    ("signal-seconds", 30.0, 1e5),
];

/// Writes the table into a schema as schemars generates it: each bound of a key is the narrower of the type's and the table's.
pub(super) fn apply(schema: &mut Value) {
    let Some(root) = schema.as_object_mut() else { return };
    if let Some(definitions) = root.get_mut("definitions").and_then(Value::as_object_mut) {
        definitions.iter_mut().for_each(|(name, definition)| walk(definition, name));
    }
    let title = root.get("title").and_then(Value::as_str).unwrap_or_default().to_owned();
    tables(root, &title);
}

/// Bounds the keys of a schema and of everything below; `owner` is the table that it describes.
fn walk(schema: &mut Value, owner: &str) {
    match schema {
        Value::Object(object) => tables(object, owner),
        Value::Array(items) => items.iter_mut().for_each(|item| walk(item, owner)),
        _ => {}
    }
}

fn tables(schema: &mut Map<String, Value>, owner: &str) {
    for (key, value) in schema.iter_mut().filter(|(key, _)| *key != "definitions") {
        let Some(keys) = value.as_object_mut().filter(|_| key == "properties") else {
            walk(value, owner);
            continue;
        };
        for (key, value) in keys {
            if let Some(range) = range(owner, key) {
                narrow(value, range);
            }
            walk(value, key);
        }
    }
}

fn range(owner: &str, key: &str) -> Option<[f64; 2]> {
    let fits = |name: &str| name == key || name.split_once('.') == Some((owner, key));
    RANGES.iter().find(|(name, ..)| fits(name)).map(|&(_, least, most)| [least, most])
}

/// Bounds a number, the items of a list or of a table with free keys, or the number among alternatives.
fn narrow(schema: &mut Value, range: [f64; 2]) {
    let is = |name: &str| match schema.get("type") {
        Some(Value::String(only)) => only == name,
        Some(Value::Array(names)) => names.iter().any(|other| other == name),
        _ => false,
    };
    let (integer, number) = (is("integer"), is("number"));
    let Some(object) = schema.as_object_mut() else { return };
    if integer || number {
        let [least, most] = range;
        for (bound, limit, tighter) in
            [("minimum", least, f64::max as fn(f64, f64) -> f64), ("maximum", most, f64::min)]
        {
            let limit = object.get(bound).and_then(Value::as_f64).map_or(limit, |stated| tighter(stated, limit));
            object.insert(bound.into(), if integer { json!(limit as i64) } else { json!(limit) });
        }
    }
    for name in ["items", "additionalProperties", "anyOf", "oneOf"] {
        match object.get_mut(name) {
            Some(Value::Array(alternatives)) => alternatives.iter_mut().for_each(|inner| narrow(inner, range)),
            Some(item) => narrow(item, range),
            None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::form::Form;

    /// Keys whose numbers name something and measure nothing.
    const NAMES: [&str; 2] = ["seed", "seeds"];

    /// Paths of numbers without a least or a largest value.
    fn unbounded(form: &Form, path: &str, found: &mut Vec<String>) {
        match form {
            Form::Integer(range) | Form::Number(range) if range.minimum.is_none() || range.maximum.is_none() => {
                found.push(path.to_owned());
            }
            Form::List { item, .. } | Form::Map(item) => unbounded(item, path, found),
            Form::Either(forms) => forms.iter().for_each(|form| unbounded(form, path, found)),
            Form::Table(fields) | Form::Choice(fields) => {
                for field in fields.iter().filter(|field| !NAMES.contains(&field.name.as_str())) {
                    unbounded(&field.form, &format!("{path}.{}", field.name), found);
                }
            }
            _ => {}
        }
    }

    #[test]
    fn every_number_of_a_spec_has_a_range() {
        for form in [Form::experiment(), Form::dataset()] {
            let mut found = Vec::new();
            unbounded(&form, "", &mut found);
            assert!(found.is_empty(), "add these keys to the table: {found:#?}");
        }
    }

    #[test]
    fn every_line_of_the_table_is_of_a_key() {
        let schemas = format!("{}{}", crate::spec::schema::whole_experiment(), crate::spec::schema::dataset());
        for (name, least, most) in RANGES {
            let key = name.rsplit('.').next().unwrap();
            assert!(schemas.contains(&format!("\"{key}\":")) && least < most, "{name}");
        }
    }

    #[test]
    fn the_narrower_bound_counts_and_the_owner_decides_between_two_lines() {
        let mut schema = json!({
            "definitions": { "Zoom": { "properties": { "factors": { "items": { "type": "number" } } } } },
            "properties": {
                "weight": { "type": "number", "minimum": 0.5 },
                "epochs": { "anyOf": [{ "const": "auto" }, { "type": "integer", "maximum": 7 }] },
            },
        });
        apply(&mut schema);
        assert_eq!(schema["definitions"]["Zoom"]["properties"]["factors"]["items"]["minimum"], json!(0.05));
        assert_eq!(schema["properties"]["weight"], json!({ "type": "number", "minimum": 0.5, "maximum": 1000.0 }));
        assert_eq!(
            schema["properties"]["epochs"]["anyOf"][1],
            json!({ "type": "integer", "minimum": 1, "maximum": 7 })
        );
    }
}
