//! Errors about the meaning of values: found by path, reported where the value was written.

use super::diagnostic::Problem;
use super::node::Node;
use super::source::Place;

/// A way through the tree of a spec: keys, and indices into lists.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyPath(Vec<Step>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Key(String),
    Item(usize),
}

impl From<&str> for KeyPath {
    /// Keys with dots between them: `train.patch-size`.
    fn from(path: &str) -> Self {
        Self(path.split('.').filter(|key| !key.is_empty()).map(|key| Step::Key(key.to_owned())).collect())
    }
}

impl KeyPath {
    /// The path one key further; for keys that may hold dots.
    pub fn key(&self, name: &str) -> Self {
        let mut steps = self.0.clone();
        steps.push(Step::Key(name.to_owned()));
        Self(steps)
    }

    /// The path one item of a list further, counted from 0.
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
    /// What paths are below of.
    prefix: KeyPath,
    problems: Vec<Problem>,
}

impl<'a> Findings<'a> {
    /// No errors yet about a tree; `main` is the text whose beginning stands for values that nobody wrote.
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

    /// Does checks whose paths are meant below of a path.
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
