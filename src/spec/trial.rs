//! The trials of an experiment: the grid of its sweep.

use serde_json::Value;

use super::Experiment;
use super::node::{Content, Node};
use super::source::Place;
use super::sweep::{self, Axis, Declaration};
use crate::evaluate::Setting;

/// Maximum number of trials: a larger grid is most likely a mistake.
pub const MAX_TRIALS: usize = 10_000;

/// Maximum length of the settings in a label.
const MAX_SETTINGS_LENGTH: usize = 32;

/// One combination of the swept values.
#[derive(Clone, Debug, PartialEq)]
pub struct Trial {
    /// Short name of the trial: `learning-rate=0.001 features=[8,16] seed=0`. Without a sweep: `seed=0`.
    pub label: String,
    /// The swept keys and their values, except the seed.
    pub settings: Vec<Setting>,
    /// The experiment with these values and without `sweep`.
    pub experiment: Experiment,
}

/// A trial before it is checked: its settings, and the layer made of them.
#[derive(Clone, Debug, PartialEq)]
pub struct Combination {
    /// See [`Trial::label`].
    pub label: String,
    /// See [`Trial::settings`].
    pub settings: Vec<Setting>,
    /// The layer on top of the experiment's.
    pub layer: Node,
}

/// Number of combinations; `None` on overflow.
pub fn count(declaration: &Declaration) -> Option<usize> {
    let axes = declaration.axes.iter().map(|axis| axis.list.items().len());
    axes.chain([declaration.seeds.len().max(1)]).try_fold(1usize, usize::checked_mul)
}

/// Every combination: the first axis varies slowest, seeds fastest.
pub fn grid(declaration: &Declaration) -> Vec<Combination> {
    let mut axes = declaration.axes.clone();
    if let Some(first) = declaration.seeds.first() {
        let list = Node { key: None, place: first.place, content: Content::List(declaration.seeds.clone()) };
        axes.push(Axis { path: vec!["seed".into()], list });
    }
    let names = short_names(&axes);
    let mut choices: Vec<Vec<usize>> = vec![Vec::new()];
    for axis in &axes {
        let values = 0..axis.list.items().len();
        choices = choices.iter().flat_map(|chosen| values.clone().map(|at| [&chosen[..], &[at]].concat())).collect();
    }
    choices.iter().map(|chosen| combination(&axes, &names, chosen)).collect()
}

fn combination(axes: &[Axis], names: &[String], chosen: &[usize]) -> Combination {
    let mut layer = Node::empty_table(Place::start_of(0));
    let mut settings = Vec::new();
    let mut label = Vec::new();
    for ((axis, name), at) in axes.iter().zip(names).zip(chosen) {
        let Some(value) = axis.list.items().get(*at) else { continue };
        let place = value.place;
        let path: Vec<(String, Place)> = axis.path.iter().map(|key| (key.clone(), place)).collect();
        // Paths differ and none is a prefix of another: they are leaves of one tree.
        let inserted = layer.insert(&path, value.clone());
        debug_assert!(inserted.is_ok());
        let own = format!("{name}={}", value_label(axis, *at));
        label.push(own.clone());
        // Trials are averaged over seeds.
        if axis.path != ["seed"] {
            settings.push(Setting { key: axis.path.join("."), value: sweep::to_json(value), label: own });
        }
    }
    Combination { label: label.join(" "), settings, layer }
}

/// The last key of each axis, or as many keys from the end as make the name unique.
fn short_names(axes: &[Axis]) -> Vec<String> {
    let suffix = |axis: &Axis, length: usize| {
        let skip = axis.path.len().saturating_sub(length);
        axis.path.iter().skip(skip).cloned().collect::<Vec<_>>().join(".")
    };
    let is_unique =
        |axis: &Axis, length| axes.iter().filter(|other| suffix(other, length) == suffix(axis, length)).count() == 1;
    let name = |axis: &Axis| {
        let length = (1..axis.path.len()).find(|length| is_unique(axis, *length)).unwrap_or(axis.path.len());
        suffix(axis, length)
    };
    axes.iter().map(name).collect()
}

/// Plain values as they are, variants by name. Variants of the same name are distinguished by the settings that differ, as in
/// `unet(residual)`, or by `#2` if those are long.
fn value_label(axis: &Axis, at: usize) -> String {
    let items = axis.list.items();
    let labels: Vec<String> = items.iter().map(short_value).collect();
    let Some(label) = labels.get(at) else { return String::new() };
    let same: Vec<usize> = (0..items.len()).filter(|other| labels[*other] == *label).collect();
    if same.len() == 1 {
        return label.clone();
    }
    let values: Vec<Value> = same.iter().map(|index| sweep::to_json(&items[*index])[label.as_str()].clone()).collect();
    let place = same.iter().position(|index| *index == at).unwrap_or_default();
    match differing_settings(&values) {
        Some(own) if own[place].is_empty() => label.clone(),
        Some(own) => format!("{label}({})", own[place]),
        None => format!("{label}#{}", place + 1),
    }
}

/// The settings of each table that not all tables share; `None` if the text of one is long or equals another.
fn differing_settings(tables: &[Value]) -> Option<Vec<String>> {
    let tables: Vec<_> = tables.iter().map(Value::as_object).collect::<Option<_>>()?;
    let setting = |(key, value): (&String, &Value)| if *value == true { key.clone() } else { format!("{key}={value}") };
    let own = |table: &&serde_json::Map<String, Value>| {
        let own = table.iter().filter(|(key, value)| tables.iter().any(|other| other.get(*key) != Some(*value)));
        own.map(setting).collect::<Vec<_>>().join(",")
    };
    let own: Vec<String> = tables.iter().map(own).collect();
    let fits = |text: &String| text.len() <= MAX_SETTINGS_LENGTH && !text.contains(char::is_whitespace);
    let differ = own.iter().enumerate().all(|(index, text)| !own[..index].contains(text));
    (differ && own.iter().all(fits)).then_some(own)
}

fn short_value(node: &Node) -> String {
    let variants = |items: &[Node]| !items.is_empty() && items.iter().all(|item| item.entries().len() == 1);
    match &node.content {
        Content::Table(entries) if entries.len() == 1 => entries.iter().map(|(name, _)| name.as_str()).collect(),
        Content::List(items) if variants(items) => items.iter().map(short_value).collect::<Vec<_>>().join("+"),
        Content::Text(text) => text.clone(),
        _ => sweep::to_json(node).to_string(),
    }
}
