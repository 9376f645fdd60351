//! The resolved value of every `"auto"` key, with the rule that chose it.

use serde::Serialize;
use serde_json::{Value, json};

use super::Plan;
use crate::model::ModelPlan;

/// One key that a spec may set to `"auto"` (or `"pass"`), resolved.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Choice {
    /// The key in the spec, dotted.
    pub key: String,
    /// The resolved value; `null` where the step is off.
    pub value: Value,
    /// The rule, where the plan has no note of its own.
    pub why: String,
}

/// The resolved value of every key that can be `"auto"`, whether or not the spec left it open.
pub fn choices(plan: &Plan) -> Vec<Choice> {
    let Some(training) = plan.work.training() else { return Vec::new() };
    let (preprocess, train) = (&training.preprocess, &training.train);
    let before = [
        ("preprocess.spacing-mm", json!(preprocess.spacing_mm), "nnU-Net's rule: median spacing of the training cases"),
        ("preprocess.intensity", json!(preprocess.intensity), "by modality"),
    ];
    let after = [
        ("loss", json!(training.loss), "Dice and cross-entropy, binary where structures overlap"),
        ("train.patch-size", json!(train.patch_size), ""),
        ("train.batch-size", json!(train.batch_size), ""),
        ("train.steps-per-epoch", json!(train.steps_per_epoch), "one patch per training case"),
        ("predict.weights", json!(plan.predict.weights), "`best` where there are validation cases"),
    ];
    let choice = |(key, value, rule): (String, Value, &str)| {
        let note = plan.about.notes.iter().find(|note| note.key == key);
        let why = note.map_or(rule, |note| note.why.as_str()).to_owned();
        Choice { key, value, why }
    };
    let owned = |(key, value, rule): (&str, Value, &'static str)| (key.to_owned(), value, rule);
    before
        .into_iter()
        .map(owned)
        .chain(network(&training.model))
        .chain(after.into_iter().map(owned))
        .map(choice)
        .collect()
}

/// Keys of a network that may be `"auto"`.
const OPEN: [&str; 6] = ["features", "strides", "kernels", "blocks", "decoder-blocks", "decoder-features"];

/// The `"auto"` keys of this architecture, with their values in the plan.
fn network(model: &ModelPlan) -> Vec<(String, Value, &'static str)> {
    let mut found = Vec::new();
    let Ok(Value::Object(model)) = serde_json::to_value(model) else { return found };
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
