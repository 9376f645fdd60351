//! The trials of an experiment: the grid of its sweep.

use serde_json::Value;

use super::Experiment;
use super::node::{Content, Node};
use super::search::{Method, Search};
use super::source::Place;
use super::space::SearchSpace;
use super::sweep::{self, Declaration};
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
    /// The layer that the sweep puts on the experiment's.
    pub layer: Node,
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

/// Every combination of a grid: the first axis varies slowest, seeds fastest. `None` if there are more than [`MAX_TRIALS`].
pub fn grid(declaration: &Declaration) -> Option<Vec<Combination>> {
    let mut axes = declaration.axes.clone();
    axes.extend(declaration.seed_axis());
    let space = SearchSpace::new(&axes);
    Some(space.points(MAX_TRIALS)?.iter().map(|point| space.combination(point)).collect())
}

/// The trials to check before anything is computed: the grid, or the corners of a search.
pub fn combinations(declaration: &Declaration) -> Vec<Combination> {
    let all = match declaration.search.method {
        Method::Grid => grid(declaration).unwrap_or_default(),
        _ => {
            let axes: Vec<_> = declaration.axes.iter().cloned().chain(declaration.seed_axis()).collect();
            let space = SearchSpace::new(&axes);
            space.corners().iter().map(|point| space.combination(point)).collect()
        }
    };
    all.into_iter().filter(|combination| !is_excluded(&combination.settings, &declaration.search)).collect()
}

/// Adds the seed of a trial; `is_named` where trials are run with several.
pub fn set_seed(combination: &mut Combination, seed: u64, is_named: bool) {
    let place = Place::start_of(0);
    let node = Node { key: None, place, content: Content::Integer(seed as i64) };
    let inserted = combination.layer.insert(&[("seed".into(), place)], node);
    debug_assert!(inserted.is_ok());
    if is_named {
        combination.label = format!("{} seed={seed}", combination.label).trim_start().to_owned();
    }
}

/// Whether `exclude` leaves a trial out: it has all values of one of its tables.
pub fn is_excluded(settings: &[Setting], search: &Search) -> bool {
    let has = |(key, wanted): (&String, &Value)| {
        settings.iter().any(|setting| setting.key == *key && fits(&setting.value, wanted))
    };
    search.exclude.iter().any(|table| table.iter().all(has))
}

/// Whether a value is the excluded one: equal, the variant of that name, or beyond a bound, `{ above = 1e-3 }`.
/// Whether a value is one that `exclude` names: the same, beyond a bound, or a variant of that name.
pub fn fits(value: &Value, wanted: &Value) -> bool {
    let bound = |name: &str| wanted.get(name).and_then(Value::as_f64);
    if let (Some(number), true) = (value.as_f64(), wanted.is_object()) {
        let (above, below) = (bound("above"), bound("below"));
        return (above.is_some() || below.is_some())
            && above.is_none_or(|bound| number > bound)
            && below.is_none_or(|bound| number < bound);
    }
    let is_variant = || {
        let name = wanted.as_str()?;
        let table = value.as_object()?;
        Some(table.len() == 1 && table.contains_key(name))
    };
    value == wanted
        || value.as_f64().is_some_and(|number| wanted.as_f64() == Some(number))
        || is_variant() == Some(true)
}

/// Names the keys and values of trials.
pub struct Namer<'a> {
    paths: Vec<&'a [String]>,
}

impl<'a> Namer<'a> {
    /// For keys with these paths.
    pub fn new(paths: impl Iterator<Item = &'a [String]>) -> Self {
        Self { paths: paths.collect() }
    }

    /// The last key of a path, or as many keys from the end as make the name unique.
    pub fn name(&self, index: usize) -> String {
        let suffix = |path: &[String], length: usize| {
            path.iter().skip(path.len().saturating_sub(length)).cloned().collect::<Vec<_>>().join(".")
        };
        let path = self.paths[index];
        let is_unique = |length: usize| {
            self.paths.iter().filter(|other| suffix(other, length) == suffix(path, length)).count() == 1
        };
        suffix(path, (1..path.len()).find(|length| is_unique(*length)).unwrap_or(path.len()))
    }

    /// Plain values as they are, variants by name.
    pub fn value(&self, items: &[Node], at: usize) -> String {
        value_label(items, at)
    }
}

/// Plain values as they are, variants by name. Variants of the same name are distinguished by the settings that differ, as in
/// `unet(residual)`, or by `#2` if those are long.
fn value_label(items: &[Node], at: usize) -> String {
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
