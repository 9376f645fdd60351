//! Errors in the meaning of values: located by path, reported where the value was written.

use super::diagnostic::Problem;
use super::node::Node;
use super::source::Place;

/// A path in the tree of a spec: keys, and indices into lists.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyPath(Vec<Step>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Key(String),
    Item(usize),
}

impl From<&str> for KeyPath {
    /// From dotted keys: `train.patch-size`.
    fn from(path: &str) -> Self {
        Self(path.split('.').filter(|key| !key.is_empty()).map(|key| Step::Key(key.to_owned())).collect())
    }
}

impl KeyPath {
    /// The path extended by one key, which may contain dots.
    pub fn key(&self, name: &str) -> Self {
        let mut steps = self.0.clone();
        steps.push(Step::Key(name.to_owned()));
        Self(steps)
    }

    /// The path extended by the index of a list item, from 0.
    pub fn item(&self, index: usize) -> Self {
        let mut steps = self.0.clone();
        steps.push(Step::Item(index));
        Self(steps)
    }
}

/// Collects errors about one tree.
#[derive(Debug)]
pub struct Findings<'a> {
    tree: &'a Node,
    main: usize,
    /// Prefix of all paths.
    prefix: KeyPath,
    problems: Vec<Problem>,
}

impl<'a> Findings<'a> {
    /// No errors yet in a tree; values that were not written are reported at the start of the source `main`.
    pub fn new(tree: &'a Node, main: usize) -> Self {
        Self { tree, main, prefix: KeyPath::default(), problems: Vec::new() }
    }

    /// Records that the value at a path is wrong.
    ///
    /// It is underlined where it was written: in a file, a variable or an argument. A default is underlined at the nearest
    /// table that was written, or at the start of the file.
    pub fn error(&mut self, path: impl Into<KeyPath>, message: impl Into<String>, help: impl Into<String>) {
        let place = self.place(&path.into());
        self.problems.push(Problem::at(place, message).help(help));
    }

    /// Runs checks whose paths are relative to `path`.
    pub fn within(&mut self, path: &str, checks: impl FnOnce(&mut Self)) {
        let before = std::mem::replace(&mut self.prefix, KeyPath::from(path));
        checks(self);
        self.prefix = before;
    }

    /// The errors.
    pub fn into_problems(self) -> Vec<Problem> {
        self.problems
    }

    fn place(&self, path: &KeyPath) -> Place {
        let mut at = self.tree;
        for (depth, step) in self.prefix.0.iter().chain(&path.0).enumerate() {
            match follow(at, step) {
                Some(next) => at = next,
                None if depth == 0 => return Place::start_of(self.main),
                None => return at.key_place(),
            }
        }
        if at.is_table() { at.key_place() } else { at.place }
    }
}

fn follow<'a>(node: &'a Node, step: &Step) -> Option<&'a Node> {
    match step {
        Step::Key(name) => node.get(name),
        Step::Item(index) => node.items().get(*index),
    }
}
