//! Differences of two plans under the keys of the experiment and dataset files, and what each of them can change.

use serde::Serialize;
use serde_json::{Value, json};

use super::differences::{settings_with, variants};
use super::{Plan, Work};

/// What a difference can change, from nothing to everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Effect {
    /// No number.
    Nothing,
    /// The last bits of a sum, which a long training lets grow.
    LastBits,
    /// The scores of the same predictions.
    Scores,
    /// The predictions of the same weights.
    Prediction,
    /// The weights.
    Training,
}

impl Effect {
    /// In words.
    pub fn name(self) -> &'static str {
        match self {
            Self::Nothing => "no numbers",
            Self::LastBits => "last bits",
            Self::Scores => "scores",
            Self::Prediction => "predictions, scores",
            Self::Training => "weights, predictions, scores",
        }
    }
}

/// Keys that change less than their table does; the longest that fits counts.
const EFFECTS: [(&str, Effect); 17] = [
    ("predict", Effect::Prediction),
    ("predict.batch-size", Effect::LastBits),
    ("cascade", Effect::Prediction),
    ("evaluate", Effect::Scores),
    ("evaluate.success-dice", Effect::Nothing),
    ("evaluate.rank", Effect::Nothing),
    ("train.loader-threads", Effect::Nothing),
    ("train.gradient-checkpointing", Effect::Nothing),
    ("train.keep-every", Effect::Nothing),
    ("train.checkpoint-minutes", Effect::Nothing),
    ("structures", Effect::Nothing),
    ("dataset", Effect::Nothing),
    ("name", Effect::Nothing),
    ("description", Effect::Nothing),
    ("colours", Effect::Nothing),
    ("groups", Effect::Nothing),
    ("data-root", Effect::Nothing),
];

/// Every key whose value differs, with both values and what it can change.
pub fn explained(one: &Plan, other: &Plan) -> Vec<(String, [Value; 2], Effect)> {
    let all = [one, other].map(everything);
    let found = variants(&all.iter().collect::<Vec<_>>());
    let pair = |(key, values): (String, Vec<Value>)| {
        let [first, second] = <[Value; 2]>::try_from(values).ok()?;
        let effect = effect(&key);
        Some((key, [first, second], effect))
    };
    found.into_iter().filter_map(pair).collect()
}

/// What a key can change.
pub fn effect(key: &str) -> Effect {
    let is_within = |table: &str| key == table || key.strip_prefix(table).is_some_and(|rest| rest.starts_with('.'));
    let own = EFFECTS.iter().filter(|(table, _)| is_within(table)).max_by_key(|(table, _)| table.len());
    own.map_or(Effect::Training, |(_, effect)| *effect)
}

/// All settings of a plan, also those that change no numbers. Structures are listed by their names, and apart from that by their values.
fn everything(plan: &Plan) -> Value {
    let mut all = settings_with(plan);
    let of = |value: &dyn Fn(&crate::dataset::TargetStructure) -> Value| -> Value {
        plan.target.structures.iter().map(value).collect()
    };
    let mut add = |key: &str, value: Value| drop(all.insert(key.to_owned(), value));
    add("name", json!(plan.about.experiment));
    add("description", json!(plan.about.description));
    add("data-root", json!(plan.data.root));
    add("seed", json!(plan.seed()));
    add("fold", json!([plan.about.fold, plan.about.folds]));
    add("task", json!(plan.task));
    add("label-values", of(&|it| json!(it.values)));
    add("colours", of(&|it| json!(it.color)));
    add("labels", json!({ "overlap": plan.target.overlapping, "ignore": plan.target.ignore }));
    add("reading", json!(plan.data.reading));
    add("evaluate", json!(plan.evaluate));
    if let Work::Train(training) = &plan.work {
        add("pretrained", json!(training.pretrained));
        add("channels", json!(training.channels));
    }
    Value::Object(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_key_that_fits_decides() {
        for (key, expected) in [
            ("train.epochs", Effect::Training),
            ("train.loader-threads", Effect::Nothing),
            ("predict.overlap", Effect::Prediction),
            ("predict.batch-size", Effect::LastBits),
            ("evaluate.tolerance-mm", Effect::Scores),
            ("structures", Effect::Nothing),
            ("label-values", Effect::Training),
            ("seed", Effect::Training),
            ("named", Effect::Training),
        ] {
            assert_eq!(effect(key), expected, "{key}");
        }
    }
}
