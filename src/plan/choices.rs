//! What every value that a spec may leave open became, and why.

use serde::Serialize;
use serde_json::{Value, json};

use super::Plan;

/// One key that a spec may set to `"auto"` (or `"pass"`), resolved.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Choice {
    /// The key in the spec, dotted.
    pub key: String,
    /// What the plan does; `null` where nothing is done.
    pub value: Value,
    /// The rule behind it, where the plan does not name its own.
    pub why: String,
}

/// The resolved value of every key that can be `"auto"`, whether or not the spec left it open.
pub fn choices(plan: &Plan) -> Vec<Choice> {
    let before = [
        (
            "preprocess.spacing-mm",
            json!(plan.preprocess.spacing_mm),
            "nnU-Net's rule: median spacing of the training cases",
        ),
        ("preprocess.intensity", json!(plan.preprocess.intensity), "by modality"),
    ];
    let after = [
        ("loss", json!(plan.loss), "Dice and cross-entropy, binary where structures overlap"),
        ("train.patch-size", json!(plan.train.patch_size), ""),
        ("train.batch-size", json!(plan.train.batch_size), ""),
        ("train.steps-per-epoch", json!(plan.train.steps_per_epoch), "one patch per training case"),
        ("predict.weights", json!(plan.predict.weights), "`best` where a validation case chooses it"),
    ];
    let choice = |(key, value, rule): (String, Value, &str)| {
        let why = reason(&plan.about.notes, &key).unwrap_or(rule).to_owned();
        Choice { key, value, why }
    };
    let owned = |(key, value, rule): (&str, Value, &'static str)| (key.to_owned(), value, rule);
    before.into_iter().map(owned).chain(network(plan)).chain(after.into_iter().map(owned)).map(choice).collect()
}

/// Keys of the network that a spec may leave open.
const OPEN: [&str; 6] = ["features", "strides", "kernels", "blocks", "decoder-blocks", "decoder-features"];

/// Those that the architecture has, as the plan writes them.
fn network(plan: &Plan) -> Vec<(String, Value, &'static str)> {
    let mut found = Vec::new();
    let Ok(Value::Object(model)) = serde_json::to_value(&plan.model) else { return found };
    for (name, table) in &model {
        below(&format!("model.{name}"), table, &mut found);
    }
    found
}

fn below(path: &str, table: &Value, found: &mut Vec<(String, Value, &'static str)>) {
    let Value::Object(table) = table else { return };
    for (name, value) in table {
        let key = format!("{path}.{name}");
        match value {
            Value::Object(_) => below(&key, value, found),
            _ if OPEN.contains(&name.as_str()) => {
                let rule = if name == "decoder-blocks" { "the architecture's decoder" } else { "" };
                found.push((key, value.clone(), rule));
            }
            _ => {}
        }
    }
}

/// What the plan's notes say of a key: `train.batch-size 2: the smallest …`.
fn reason<'a>(notes: &'a [String], key: &str) -> Option<&'a str> {
    let rest = notes.iter().find_map(|note| note.strip_prefix(key).filter(|rest| rest.starts_with([' ', ':'])))?;
    rest.split_once(": ").map(|(_, why)| why)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_those_of_the_key_itself() {
        let notes = ["model.unet.blocks [2, 2]: nnU-Net's plain encoder", "train.batch-size 2: the smallest, for 8 GB"];
        let notes = notes.map(String::from);
        assert_eq!(reason(&notes, "train.batch-size"), Some("the smallest, for 8 GB"));
        assert_eq!(reason(&notes, "model.unet.blocks"), Some("nnU-Net's plain encoder"));
        assert_eq!(reason(&notes, "model.unet"), None);
        assert_eq!(reason(&notes, "train.batch"), None);
    }
}
