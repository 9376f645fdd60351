//! The specs that a run folder carries: the experiment of one run and its dataset, resolved from all layers, as files that run again.
//!
//! The text of the experiment's own file is kept with its comments; what other files, variables and `--set` say is written into it, and a
//! sweep keeps only the values of this run.

use toml_edit::{Array, ArrayOfTables, DocumentMut, InlineTable, Item, Table, TableLike, Value};

use super::Loaded;
use super::node::{Content, Node};
use super::source::Place;
use super::trial::Trial;

/// Name of the dataset file beside the experiment.
pub const DATASET: &str = "dataset.toml";

/// Two files that belong together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Carried {
    /// `experiment.toml`, which names the dataset file.
    pub experiment: String,
    /// `dataset.toml`.
    pub dataset: String,
}

/// Which run the files are for.
#[derive(Clone, Copy, Debug)]
pub enum Of<'a> {
    /// A trial in a fold of so many.
    Trial(&'a Trial, [usize; 2]),
    /// An ensemble: the whole experiment, in so many folds.
    Ensemble(usize),
}

/// The files of one run.
pub fn carried(loaded: &Loaded, of: Of) -> Carried {
    let mut tree = match of {
        Of::Trial(trial, folds) => of_trial(loaded, trial, folds),
        Of::Ensemble(folds) => of_all(loaded, folds),
    };
    let name = loaded.experiment.name.as_deref().unwrap_or_default();
    remove(&mut tree, "extends");
    set(&mut tree, "name", Content::Text(name.into()));
    set(&mut tree, "dataset", Content::Text(DATASET.into()));
    let text = loaded.sources.get(0).map(|source| source.text.as_str()).unwrap_or_default();
    let dataset = loaded.dataset_text();
    let name = loaded.dataset.name.as_deref().unwrap_or_default();
    Carried { experiment: rewritten(text, &tree), dataset: with_name(dataset, name) }
}

/// The whole tree; several folds are declared, so that no option is needed.
fn of_all(loaded: &Loaded, folds: usize) -> Node {
    let mut tree = loaded.tree().clone();
    if folds > 1 {
        let mut sweep = tree.get("sweep").cloned().unwrap_or_else(|| Node::empty_table(place()));
        let number = |fold: usize| Node { key: None, place: place(), content: Content::Integer(fold as i64) };
        set(&mut sweep, "folds", Content::List((0..folds).map(number).collect()));
        set(&mut tree, "sweep", sweep.content);
    }
    tree
}

/// The tree of one trial: its values, and a sweep of these values alone, so that it keeps its label.
fn of_trial(loaded: &Loaded, trial: &Trial, [fold, folds]: [usize; 2]) -> Node {
    let mut tree = loaded.with_layer(&trial.layer);
    remove(&mut tree, "sweep");
    // An average of several runs is none of one.
    remove(&mut tree, "ensemble");
    let mut sweep = Node::empty_table(place());
    let mut add = |path: &[String], node: Node| {
        let path: Vec<(String, Place)> = path.iter().map(|key| (key.clone(), place())).collect();
        let list = Content::List(vec![node]);
        sweep.insert(&path, Node { key: None, place: place(), content: list }).is_ok()
    };
    let mut is_whole = true;
    for setting in &trial.settings {
        let path: Vec<String> = setting.key.split('.').map(str::to_owned).collect();
        let value = path.iter().try_fold(&trial.layer, |node, key| node.get(key));
        is_whole &= value.is_some_and(|value| add(&path, value.clone()));
    }
    let declares_seeds = loaded.tree().get("sweep").is_some_and(|sweep| sweep.get("seeds").is_some());
    if declares_seeds {
        let seed = i64::try_from(trial.experiment.seed).unwrap_or(i64::MAX);
        add(&["seeds".into()], Node { key: None, place: place(), content: Content::Integer(seed) });
    }
    if folds > 1 {
        add(&["folds".into()], Node { key: None, place: place(), content: Content::Integer(fold as i64) });
    }
    if is_whole && !sweep.entries().is_empty() {
        set(&mut tree, "sweep", sweep.content);
    }
    tree
}

/// The two files without paths of this machine. `names`: texts that must not be in them, such as those of patients; `None` where a file holds
/// one, or names cases otherwise (fixed splits, lists).
pub fn portable(experiment: &str, dataset: &str, root: &str, names: &[&str]) -> Option<[String; 2]> {
    let experiment = relative(experiment, names)?;
    let mut document: DocumentMut = relative(dataset, names)?.parse().ok()?;
    document.insert("root", toml_edit::value(root));
    Some([experiment, document.to_string()])
}

fn relative(text: &str, names: &[&str]) -> Option<String> {
    let mut document: DocumentMut = text.parse().ok().filter(|_| !text.is_empty())?;
    shorten(document.as_item_mut());
    let text = document.to_string();
    (!names.iter().any(|name| text.contains(name))).then_some(text)
}

/// Leaves the last part of absolute paths.
fn shorten(item: &mut Item) {
    if let Some(table) = item.as_table_like_mut() {
        table.iter_mut().for_each(|(_, inner)| shorten(inner));
    }
    let path = item.as_str().map(std::path::Path::new).filter(|path| path.is_absolute());
    if let Some(name) = path.and_then(std::path::Path::file_name).map(|name| name.to_string_lossy().into_owned()) {
        *item = toml_edit::value(name);
    }
}

fn place() -> Place {
    Place::start_of(0)
}

fn remove(tree: &mut Node, key: &str) {
    if let Content::Table(entries) = &mut tree.content {
        entries.retain(|(name, _)| name != key);
    }
}

fn set(tree: &mut Node, key: &str, content: Content) {
    let node = Node { key: None, place: place(), content };
    if let Content::Table(entries) = &mut tree.content {
        match entries.iter_mut().find(|(name, _)| name == key) {
            Some((_, known)) => *known = node,
            None => entries.push((key.to_owned(), node)),
        }
    }
}

/// A text with the values of a tree: what it says already keeps its place and its comments.
fn rewritten(text: &str, tree: &Node) -> String {
    let mut document: DocumentMut = text.parse().unwrap_or_default();
    write(document.as_table_mut(), tree);
    let written = document.to_string();
    // The remark at the head of a file belongs to its first key for the parser, which may be gone.
    let head: String = text.split_inclusive('\n').take_while(|line| line.starts_with('#')).collect();
    if written.starts_with(&head) { written } else { format!("{head}{written}") }
}

/// A dataset file with the name that its file name had given it.
fn with_name(text: &str, name: &str) -> String {
    let Ok(mut document) = text.parse::<DocumentMut>() else { return text.to_owned() };
    if !document.contains_key("name") {
        document.insert("name", toml_edit::value(name));
        return document.to_string();
    }
    text.to_owned()
}

fn write(table: &mut dyn TableLike, tree: &Node) {
    let gone: Vec<String> = table.iter().map(|(key, _)| key.to_owned()).filter(|key| tree.get(key).is_none()).collect();
    gone.iter().for_each(|key| drop(table.remove(key)));
    for (key, node) in tree.entries() {
        match table.get_mut(key) {
            Some(known) if is_same(known, node) => {}
            Some(Item::Table(known)) if node.is_table() => write(known, node),
            Some(Item::Value(Value::InlineTable(known))) if node.is_table() => write(known, node),
            Some(Item::Value(known)) if !node.is_table() => {
                let decor = known.decor().clone();
                *known = value(node);
                *known.decor_mut() = decor;
            }
            Some(known) => *known = item(node),
            None => drop(table.insert(key, item(node))),
        }
    }
}

/// Whether an item has the value of a node.
fn is_same(item: &Item, node: &Node) -> bool {
    match (item, &node.content) {
        (Item::Value(Value::String(text)), Content::Text(other)) => text.value() == other,
        (Item::Value(Value::Integer(number)), Content::Integer(other)) => number.value() == other,
        (Item::Value(Value::Float(number)), Content::Number(other)) => number.value().to_bits() == other.to_bits(),
        (Item::Value(Value::Boolean(flag)), Content::Flag(other)) => flag.value() == other,
        (Item::Value(Value::Array(items)), Content::List(others)) => {
            let is_same = |(item, other): (&Value, &Node)| is_same(&Item::Value(item.clone()), other);
            items.len() == others.len() && items.iter().zip(others).all(is_same)
        }
        (Item::ArrayOfTables(items), Content::List(others)) => {
            let is_same = |(table, other): (&Table, &Node)| has_same(table, other);
            items.len() == others.len() && items.iter().zip(others).all(is_same)
        }
        (Item::Table(table), Content::Table(_)) => has_same(table, node),
        (Item::Value(Value::InlineTable(table)), Content::Table(_)) => has_same(table, node),
        _ => false,
    }
}

fn has_same(table: &dyn TableLike, node: &Node) -> bool {
    let is_known = |(key, other): &(String, Node)| table.get(key).is_some_and(|item| is_same(item, other));
    table.len() == node.entries().len() && node.entries().iter().all(is_known)
}

/// A node as it is written anew: tables under headers, lists of tables as such.
fn item(node: &Node) -> Item {
    let of_tables = |items: &[Node]| !items.is_empty() && items.iter().all(|item| !item.entries().is_empty());
    match &node.content {
        Content::Table(entries) if !entries.is_empty() => Item::Table(table(node)),
        Content::List(items) if of_tables(items) => {
            let mut tables = ArrayOfTables::new();
            items.iter().for_each(|item| tables.push(table(item)));
            Item::ArrayOfTables(tables)
        }
        _ => Item::Value(value(node)),
    }
}

fn table(node: &Node) -> Table {
    let mut table = Table::new();
    let has_values = node.entries().iter().any(|(_, inner)| !item(inner).is_table());
    table.set_implicit(!has_values);
    for (key, inner) in node.entries() {
        table.insert(key, item(inner));
    }
    table
}

fn value(node: &Node) -> Value {
    match &node.content {
        Content::Text(text) => text.as_str().into(),
        Content::Integer(number) => (*number).into(),
        Content::Number(number) => (*number).into(),
        Content::Flag(flag) => (*flag).into(),
        Content::List(items) => Value::Array(items.iter().map(value).collect::<Array>()),
        Content::Table(entries) => {
            let mut table = InlineTable::new();
            for (key, inner) in entries {
                table.insert(key, value(inner));
            }
            Value::InlineTable(table)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use crate::spec::node::parse;
    use crate::spec::source::{Origin, Source, Sources};

    fn tree(text: &str) -> Node {
        let mut sources = Sources::default();
        sources.add(Source { name: "x".into(), text: text.into(), origin: Origin::Argument });
        parse(0, &sources).0
    }

    #[test]
    fn comments_stay_where_values_do_not_change() {
        let text = "# A study.\nextends = \"base.toml\"\nseed = 1 # chosen\n\n[train] # how\nepochs = 3 # few\nrates = [1, 2]\n\n\
                    [[loss]]\ndice = {} # overlap\n";
        let wanted = "seed = 2\nname = \"x\"\nloss = [{ dice = {} }]\n[train]\nepochs = 3\nrates = [1, 2]\n[train.adam]\nrate = 1e-3\n\
                      [sweep.train]\nepochs = [3]\n";
        let written = rewritten(text, &tree(wanted));
        for part in ["# A study.", "seed = 2 # chosen", "[train] # how", "epochs = 3 # few", "dice = {} # overlap"] {
            assert!(written.contains(part), "{part} is not in\n{written}");
        }
        assert!(!written.contains("extends"), "{written}");
        let read = |text: &str| toml::from_str::<toml::Value>(text).unwrap();
        assert_eq!(read(&written), read(wanted), "{written}");
    }

    #[test]
    fn a_variant_that_was_replaced_is_gone() {
        let text = "[model.unet]\nfeatures = [4]\n";
        let wanted = "[model.vnet]\nfeatures = [8]\n[train.schedule.constant]\n";
        let written = rewritten(text, &tree(wanted));
        let read = |text: &str| toml::from_str::<toml::Value>(text).unwrap();
        assert_eq!(read(&written), read(wanted), "{written}");
        assert!(with_name("# a set\nroot = \"x\"\n", "x").starts_with("# a set"));
    }
}
