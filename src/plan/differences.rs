//! Settings in which plans differ: what tells the trials of several calls, or the predictions of one training, apart.

use serde_json::{Map, Value, json};

use super::{LookPlan, Plan, Work};
use crate::evaluate::Setting;
use crate::train::Train;

/// Maximum number of differing settings that are named.
const MOST: usize = 3;

/// Maximum length of a value in a label.
const ROOM: usize = 24;

/// Keys of `[train]` that change no number.
const NO_INFLUENCE: [&str; 4] = ["loader-threads", "gradient-checkpointing", "keep-every", "checkpoint-minutes"];

/// Which settings are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compared {
    /// Everything that trials can differ in, except the seed and the cases.
    Trial,
    /// `[predict]` and `[evaluate]`.
    Results,
}

/// For each plan its values of the settings that not all plans share, at most three; the rest is counted in the last label.
pub fn differences(plans: &[&Plan], compared: Compared) -> Vec<Vec<Setting>> {
    let all: Vec<Value> = plans.iter().map(|plan| settings(plan, compared)).collect();
    let mut found = Vec::new();
    compare("", &all.iter().collect::<Vec<_>>(), &mut found);
    let keys: Vec<&str> = found.iter().map(|(key, _)| key.as_str()).collect();
    let names: Vec<String> = keys.iter().map(|key| short_name(key, &keys)).collect();
    let more = found.len().saturating_sub(MOST);
    let of_plan = |place: usize| {
        let mut own: Vec<Setting> = found.iter().zip(&names).take(MOST).map(|it| setting(it, place)).collect();
        if let Some(last) = own.last_mut().filter(|_| more > 0) {
            last.label += &format!(" and {more} more");
        }
        own
    };
    (0..plans.len()).map(of_plan).collect()
}

/// Every setting that not all plans share, with the value in each. Variants, such as two networks, differ by their names and by what they
/// hold: `model` and `model.*.norm`.
pub fn every_difference(plans: &[&Plan]) -> Vec<(String, Vec<Value>)> {
    let all: Vec<Value> = plans.iter().map(|plan| settings(plan, Compared::Trial)).collect();
    variants(&all.iter().collect::<Vec<_>>())
}

/// Every key that differs; see [`every_difference`].
pub(super) fn variants(all: &[&Value]) -> Vec<(String, Vec<Value>)> {
    let mut found = Vec::new();
    compare("", all, &mut found);
    let names: Vec<String> = found.iter().map(|(path, _)| path.clone()).collect();
    for path in names {
        let at = |value: &Value| path.split('.').try_fold(value.clone(), |value, key| value.get(key).cloned());
        let inner = |value: &&Value| match at(value)? {
            Value::Object(table) if table.len() == 1 => table.into_iter().next().map(|(_, inner)| inner),
            _ => None,
        };
        let inside: Option<Vec<Value>> = all.iter().map(inner).collect();
        if let Some(inside) = inside.filter(|inside| inside.iter().all(Value::is_object)) {
            compare(&format!("{path}.*"), &inside.iter().collect::<Vec<_>>(), &mut found);
        }
    }
    found
}

/// Gives trials of one name the settings in which they differ, so that their names differ.
pub fn tell_apart(plans: &mut [&mut Plan]) {
    for place in 0..plans.len() {
        let first = (plans[place].about.experiment.clone(), plans[place].about.trial.clone());
        let is_alike = |plan: &Plan| {
            let (trial, known) = (&plan.about.trial, &first.1);
            plan.about.experiment == first.0 && (&trial.settings, &trial.variant) == (&known.settings, &known.variant)
        };
        let alike: Vec<usize> = (0..plans.len()).filter(|at| is_alike(plans[*at])).collect();
        let mut specs: Vec<(String, usize)> = Vec::new();
        for at in &alike {
            let spec = &plans[*at].about.trial.spec;
            if specs.iter().all(|(known, _)| known != spec) {
                specs.push((spec.clone(), *at));
            }
        }
        if specs.len() < 2 {
            continue;
        }
        let firsts: Vec<&Plan> = specs.iter().map(|(_, at)| &*plans[*at]).collect();
        let found = differences(&firsts, Compared::Trial);
        for at in alike {
            let trial = &mut plans[at].about.trial;
            let own = specs.iter().zip(&found).find(|((spec, _), _)| *spec == trial.spec);
            trial.settings.extend(own.map(|(_, settings)| settings.clone()).unwrap_or_default());
        }
    }
}

/// All settings of a trial, with those of `[train]` that change no number.
pub(super) fn settings_with(plan: &Plan) -> Map<String, Value> {
    let mut all = match settings(plan, Compared::Trial) {
        Value::Object(all) => all,
        _ => Map::new(),
    };
    if let (Work::Train(training), Some(Value::Object(train))) = (&plan.work, all.get_mut("train")) {
        let whole = json!(training.train);
        for key in NO_INFLUENCE {
            // Plans leave out what has its default.
            let value = whole.get(key).cloned().unwrap_or_else(|| json!(Train::default())[key].clone());
            train.insert(key.to_owned(), value);
        }
    }
    all
}

/// Every setting of a plan: the innermost keys of the experiment file, dotted, with their values; lists are values.
pub fn every_setting(plan: &Plan) -> Vec<(String, Value)> {
    fn walk(path: &str, value: Value, found: &mut Vec<(String, Value)>) {
        match value {
            Value::Object(table) if !table.is_empty() => {
                for (key, value) in table {
                    walk(&if path.is_empty() { key } else { format!("{path}.{key}") }, value, found);
                }
            }
            value => found.push((path.to_owned(), value)),
        }
    }
    let mut found = Vec::new();
    walk("", Value::Object(settings_with(plan)), &mut found);
    found
}

/// The settings of a plan under the keys of the experiment file.
fn settings(plan: &Plan, compared: Compared) -> Value {
    let predict = predict(plan);
    if compared == Compared::Results {
        return json!({ "predict": predict, "evaluate": plan.evaluate });
    }
    let names: Vec<&str> = plan.target.structures.iter().map(|it| it.name.as_str()).collect();
    let mut all = Map::new();
    all.insert("dataset".into(), json!(plan.data.dataset));
    all.insert("structures".into(), json!(names));
    if let Work::Train(training) = &plan.work {
        let mut train = json!(training.train);
        let mut take = |key: &str| train.as_object_mut().and_then(|train| train.shift_remove(key));
        let augment = take("augment");
        NO_INFLUENCE.iter().for_each(|key| drop(take(key)));
        all.insert("train".into(), train);
        all.insert("model".into(), json!(training.model));
        all.insert("loss".into(), json!(training.loss));
        all.insert("augment".into(), augment.unwrap_or_default());
        all.insert("preprocess".into(), json!(training.preprocess));
        all.insert("pretrained".into(), json!(training.pretrained.is_some()));
        if let Some(interact) = &training.interact {
            all.insert("interact".into(), json!(interact));
        }
        if let Some(imported) = &training.imported {
            all.insert("imported".into(), json!(imported));
        }
    }
    all.insert("predict".into(), predict);
    all.insert("cascade".into(), cascade(&plan.look));
    Value::Object(all)
}

/// `[predict]`: the patch size is that of the training, mirrored axes are those of `augment.mirror`.
fn predict(plan: &Plan) -> Value {
    let it = &plan.predict;
    let name = |index: &usize| plan.target.structures.get(*index).map(|structure| structure.name.as_str());
    let largest: Vec<&str> = it.largest_component.iter().filter_map(name).collect();
    let mut all = json!({
        "weights": it.weights, "overlap": it.overlap, "blend": it.blend, "mirror": !it.mirror_axes.is_empty(),
        "batch-size": it.batch_size, "threshold": it.threshold, "largest-component": largest,
    });
    // Only imported networks have them.
    if !it.largest_union.is_empty() {
        all["largest-union"] = json!(it.largest_union);
    }
    if !it.averaged.is_usual() {
        all["averaged"] = json!(it.averaged);
    }
    all
}

/// Without the ids of the first stage.
fn cascade(look: &LookPlan) -> Value {
    match look {
        LookPlan::Everywhere => Value::Null,
        LookPlan::Slices { threshold, sensitivity, margin_mm, .. } => {
            json!({ "slices": { "threshold": threshold, "sensitivity": sensitivity, "margin-mm": margin_mm } })
        }
        LookPlan::Labels { values, .. } => json!({ "labels": { "values": values } }),
        LookPlan::Box { margin_mm, .. } => json!({ "coarse": { "margin-mm": margin_mm } }),
    }
}

/// Adds the innermost keys whose values differ. Tables of one key each, another one, are variants: their names differ.
fn compare(path: &str, values: &[&Value], found: &mut Vec<(String, Vec<Value>)>) {
    if values.windows(2).all(|pair| pair[0] == pair[1]) {
        return;
    }
    let tables: Option<Vec<&Map<String, Value>>> = values.iter().map(|value| value.as_object()).collect();
    let Some(tables) = tables else {
        return found.push((path.to_owned(), values.iter().copied().cloned().collect()));
    };
    let mut keys: Vec<&String> = Vec::new();
    for key in tables.iter().flat_map(|table| table.keys()) {
        if !keys.contains(&key) {
            keys.push(key);
        }
    }
    if keys.len() > 1 && tables.iter().all(|table| table.len() == 1) {
        let names = tables.iter().flat_map(|table| table.keys().next()).map(|name| name.as_str().into());
        return found.push((path.to_owned(), names.collect()));
    }
    for key in keys {
        let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        let inner: Vec<&Value> = tables.iter().map(|table| table.get(key).unwrap_or(&Value::Null)).collect();
        compare(&path, &inner, found);
    }
}

/// The last key, or as many from the end as no other key ends with.
fn short_name(key: &str, all: &[&str]) -> String {
    let parts: Vec<&str> = key.split('.').collect();
    let suffixes = (1..=parts.len()).map(|length| parts[parts.len() - length..].join("."));
    let is_alone = |suffix: &String| {
        let tail = format!(".{suffix}");
        all.iter().filter(|other| **other == *suffix || other.ends_with(&tail)).count() == 1
    };
    suffixes.into_iter().find(is_alone).unwrap_or_else(|| key.to_owned())
}

fn setting(((key, values), name): (&(String, Vec<Value>), &String), place: usize) -> Setting {
    let value = values.get(place).cloned().unwrap_or_default();
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let text = match &value {
        Value::Null => "none".into(),
        _ if text.chars().count() > ROOM => "…".into(),
        _ => text,
    };
    Setting { key: key.clone(), label: format!("{name}={text}"), value }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(one: Value, other: Value) -> Vec<(String, Vec<Value>)> {
        let mut found = Vec::new();
        compare("", &[&one, &other], &mut found);
        found
    }

    #[test]
    fn the_innermost_keys_that_differ_are_named() {
        let one = json!({ "train": { "epochs": 1, "batch-size": 2 }, "predict": { "overlap": 0.5 } });
        let other = json!({ "train": { "epochs": 9, "batch-size": 2 }, "predict": { "overlap": 0.5, "mirror": true } });
        let expected = [
            ("train.epochs".to_owned(), vec![json!(1), json!(9)]),
            ("predict.mirror".to_owned(), vec![Value::Null, json!(true)]),
        ];
        assert_eq!(found(one, other), expected);
    }

    #[test]
    fn variants_differ_by_name_and_one_variant_by_its_keys() {
        let unet = |width: u8| json!({ "model": { "unet": { "features": [width] } } });
        let vnet = json!({ "model": { "vnet": { "features": [1] } } });
        assert_eq!(found(unet(1), vnet), [("model".to_owned(), vec![json!("unet"), json!("vnet")])]);
        assert_eq!(found(unet(1), unet(2)), [("model.unet.features".to_owned(), vec![json!([1]), json!([2])])]);
    }

    #[test]
    fn labels_have_short_keys_and_short_values() {
        let keys = ["train.batch-size", "predict.batch-size", "train.epochs"];
        assert_eq!(keys.map(|key| short_name(key, &keys)), ["train.batch-size", "predict.batch-size", "epochs"]);
        let label = |value| setting((&("a.b".into(), vec![value]), &"b".into()), 0).label;
        assert_eq!(label(json!(0.5)), "b=0.5");
        assert_eq!(label(json!("dice")), "b=dice");
        assert_eq!(label(Value::Null), "b=none");
        assert_eq!(label(json!(vec![1; 40])), "b=…");
    }
}
