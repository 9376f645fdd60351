//! The values that a sweep gives to a key: a list, a range, or tables with lists and ranges inside, which then apply only where the table
//! is chosen.

use super::conform;
use super::diagnostic::Problem;
use super::form::Form;
use super::node::{Content, Node};
use super::source::Place;
use super::suggest;

/// What varies at one place.
#[derive(Clone, Debug, PartialEq)]
pub enum Knob {
    /// One of several values.
    Choice(Vec<Pattern>),
    /// A number between two bounds.
    Number {
        /// Smallest and largest value.
        bounds: [f64; 2],
        /// Whether its logarithm is uniform.
        log: bool,
    },
    /// An integer between two bounds.
    Integer {
        /// Smallest and largest value.
        bounds: [i64; 2],
        /// Distance of neighbouring values.
        step: i64,
        /// Whether its logarithm is uniform.
        log: bool,
    },
}

/// A value in which parts may vary.
#[derive(Clone, Debug, PartialEq)]
pub enum Pattern {
    /// Nothing varies.
    Value(Node),
    /// It varies as a whole.
    Knob(Knob, Place),
    /// A table, parts of which vary.
    Table(Node, Vec<(String, Pattern)>),
    /// A list, parts of which vary.
    List(Node, Vec<Pattern>),
}

/// Keys of a table that is a range or a list of values.
const DOMAINS: [&str; 4] = ["uniform", "log-uniform", "int", "choice"];

/// Whether a node is the range or list of values of a key with this form.
pub fn is_domain(node: &Node, form: &Form) -> bool {
    let is_own = |name: &str| form.fields().iter().any(|field| field.name == name);
    node.entries().iter().any(|(name, _)| DOMAINS.contains(&name.as_str()) && !is_own(name))
}

/// Whether a key takes whole numbers only.
fn is_integer(form: &Form) -> bool {
    match form {
        Form::Integer(_) => true,
        Form::Either(forms) => forms.iter().any(is_integer) && !forms.iter().any(|it| matches!(it, Form::Number(_))),
        _ => false,
    }
}

/// Reads ranges and lists of values.
pub struct Knobs<'a> {
    /// The form of the whole experiment, for suggestions.
    pub root: &'a Form,
    /// What is wrong.
    pub problems: Vec<Problem>,
}

impl Knobs<'_> {
    /// The values of a list.
    pub fn choice(&mut self, items: &[Node], form: &Form) -> Knob {
        Knob::Choice(items.iter().map(|item| self.pattern(item, form)).collect())
    }

    /// The range or list that a table states: `{ log-uniform = [1e-4, 1e-2] }`, `{ int = [8, 64], log = true }`.
    pub fn domain(&mut self, node: &Node, form: &Form, name: &str) -> Option<Knob> {
        let allowed: &[&str] = if node.get("int").is_some() { &["int", "log", "step"] } else { &DOMAINS };
        let mut entries = node.entries().iter();
        if let Some((key, extra)) = entries.find(|(key, _)| !allowed.contains(&key.as_str())) {
            let problem = Problem::at(extra.key_place(), format!("`{key}` does not belong to the values of `{name}`"));
            self.problems.push(problem.help(suggestion(key, allowed)));
            return None;
        }
        let kinds: Vec<&(String, Node)> =
            node.entries().iter().filter(|(key, _)| DOMAINS.contains(&key.as_str())).collect();
        let [(kind, values)] = kinds.as_slice() else {
            let problem = Problem::at(node.place, format!("the values of `{name}` are stated twice"));
            self.problems.push(problem.help("keep one of `uniform`, `log-uniform`, `int` and `choice`"));
            return None;
        };
        match kind.as_str() {
            "choice" if !values.items().is_empty() => Some(self.choice(values.items(), form)),
            "int" => self.integer(node, values, name),
            "choice" => self.refuse(values, name, "needs a list of values"),
            "uniform" if is_integer(form) => {
                self.refuse(values, name, "is of whole numbers: write `{ int = [low, high] }`")
            }
            _ if is_integer(form) => {
                self.refuse(values, name, "is of whole numbers: write `{ int = [low, high], log = true }`")
            }
            kind => self.number(values, kind == "log-uniform", name),
        }
    }

    fn number(&mut self, values: &Node, log: bool, name: &str) -> Option<Knob> {
        let number = |node: &Node| match node.content {
            Content::Number(number) if number.is_finite() => Some(number),
            Content::Integer(number) => Some(number as f64),
            _ => None,
        };
        let bounds: Option<Vec<f64>> = values.items().iter().map(number).collect();
        match bounds.as_deref() {
            Some([low, high]) if low < high && (!log || *low > 0.0) => {
                Some(Knob::Number { bounds: [*low, *high], log })
            }
            Some([low, _]) if log && *low <= 0.0 => self.refuse(values, name, "needs bounds above 0"),
            _ => self.refuse(values, name, "needs two numbers, the smaller one first"),
        }
    }

    fn integer(&mut self, node: &Node, values: &Node, name: &str) -> Option<Knob> {
        let integer = |node: &Node| match node.content {
            Content::Integer(number) => Some(number),
            _ => None,
        };
        let bounds: Option<Vec<i64>> = values.items().iter().map(integer).collect();
        let log = match node.get("log").map(|flag| &flag.content) {
            None => false,
            Some(Content::Flag(flag)) => *flag,
            Some(_) => return self.refuse(node, name, "needs `log = true` or `log = false`"),
        };
        let step = match node.get("step") {
            None => 1,
            Some(step) => match integer(step) {
                Some(step) if step > 0 && !log => step,
                _ => return self.refuse(step, name, "needs a `step` of 1 or more, and none with `log`"),
            },
        };
        match bounds.as_deref() {
            Some([low, high]) if low < high && (!log || *low > 0) => {
                Some(Knob::Integer { bounds: [*low, *high], step, log })
            }
            Some([low, _]) if log && *low <= 0 => self.refuse(values, name, "needs bounds above 0"),
            _ => self.refuse(values, name, "needs two integers, the smaller one first"),
        }
    }

    fn refuse(&mut self, at: &Node, name: &str, what: &str) -> Option<Knob> {
        self.problems.push(Problem::at(at.place, format!("the range of `{name}` {what}")).help(EXAMPLES));
        None
    }

    /// Refuses a table where a value, a list or a range is wanted.
    pub fn no_range(&mut self, node: &Node, name: &str) {
        let unknown = node.entries().iter().find(|(key, _)| !DOMAINS.contains(&key.as_str()));
        let problem = match unknown {
            Some((key, entry)) => {
                let problem = Problem::at(entry.key_place(), format!("`{key}` is no range of values for `{name}`"));
                problem.help(suggestion(key, &DOMAINS))
            }
            None => {
                Problem::at(node.place, format!("an empty table is no range of values for `{name}`")).help(EXAMPLES)
            }
        };
        self.problems.push(problem);
    }

    /// A value with what varies inside it.
    fn pattern(&mut self, node: &Node, form: &Form) -> Pattern {
        match &node.content {
            Content::Table(_) if is_domain(node, form) => match self.domain(node, form, "this key") {
                Some(knob) => Pattern::Knob(knob, node.place),
                None => Pattern::Value(node.clone()),
            },
            Content::Table(_) if !form.holds_tables() => {
                self.no_range(node, "this key");
                Pattern::Value(node.clone())
            }
            Content::Table(entries) => {
                let of = |(name, inner): &(String, Node)| match form.field(name) {
                    Some(form) => (name.clone(), self.pattern(inner, form)),
                    None => (name.clone(), Pattern::Value(inner.clone())),
                };
                let parts: Vec<_> = entries.iter().map(of).collect();
                match parts.iter().all(|(_, part)| matches!(part, Pattern::Value(_))) {
                    true => Pattern::Value(node.clone()),
                    false => Pattern::Table(node.clone(), parts),
                }
            }
            Content::List(items) => {
                let Some(item) = form.item() else { return Pattern::Value(node.clone()) };
                let parts: Vec<_> = items.iter().map(|node| self.pattern(node, item)).collect();
                match parts.iter().all(|part| matches!(part, Pattern::Value(_))) {
                    true => Pattern::Value(node.clone()),
                    false => Pattern::List(node.clone(), parts),
                }
            }
            _ => Pattern::Value(node.clone()),
        }
    }

    /// Checks the values at both ends of every range, and all listed ones, against the form of the key.
    pub fn check(&mut self, knob: &Knob, place: Place, form: &Form, name: &str) {
        for end in [End::First, End::Last] {
            for value in knob.examples(place, end) {
                let found = conform::check_value(&value, form, self.root, name);
                // The same value of a list is an example for both ends.
                self.problems
                    .extend(found.into_iter().filter(|problem| !self.problems.contains(problem)).collect::<Vec<_>>());
            }
        }
    }
}

/// The nearest known key, else examples.
fn suggestion(key: &str, known: &[&str]) -> String {
    let nearest = suggest::nearest(key, known.iter().copied());
    nearest.map_or_else(|| EXAMPLES.to_owned(), |name| format!("did you mean `{name}`?"))
}

const EXAMPLES: &str = "write `{ uniform = [0.0, 0.5] }`, `{ log-uniform = [1e-4, 1e-2] }`, `{ int = [8, 64], log = true }`, \
                        `{ int = [2, 10], step = 2 }` or `{ choice = [\"a\", \"b\"] }`";

/// Which of its values stand for a range or list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The smallest or first one.
    First,
    /// The largest or last one.
    Last,
}

impl Knob {
    /// A number of this range as a node.
    pub fn node(number: f64, is_integer: bool, place: Place) -> Node {
        let content = if is_integer { Content::Integer(number as i64) } else { Content::Number(number) };
        Node { key: None, place, content }
    }

    /// Values that stand for all: every choice, or one end of a range.
    fn examples(&self, place: Place, end: End) -> Vec<Node> {
        let at = |bounds: [f64; 2]| bounds[usize::from(end == End::Last)];
        match self {
            Self::Choice(items) => items.iter().map(|item| item.example(end)).collect(),
            Self::Number { bounds, .. } => vec![Self::node(at(*bounds), false, place)],
            Self::Integer { bounds, .. } => vec![Self::node(at(bounds.map(|bound| bound as f64)), true, place)],
        }
    }
}

impl Pattern {
    /// The value with an example for everything that varies.
    pub fn example(&self, end: End) -> Node {
        match self {
            Self::Value(node) => node.clone(),
            Self::Knob(knob, place) => {
                let examples = knob.examples(*place, end);
                let chosen = if end == End::First { examples.first() } else { examples.last() };
                chosen.cloned().unwrap_or_else(|| Node::empty_table(*place))
            }
            Self::Table(node, parts) => {
                let parts = parts.iter().map(|(name, part)| (name.clone(), with_key(part.example(end), node, name)));
                Node { content: Content::Table(parts.collect()), ..node.clone() }
            }
            Self::List(node, parts) => {
                Node { content: Content::List(parts.iter().map(|part| part.example(end)).collect()), ..node.clone() }
            }
        }
    }

    /// The value without what varies inside it, for names.
    pub fn fixed(&self) -> Node {
        match self {
            Self::Value(node) => node.clone(),
            Self::Knob(_, place) => Node::empty_table(*place),
            Self::Table(node, parts) => {
                let kept = parts.iter().filter(|(_, part)| !matches!(part, Self::Knob(..)));
                let kept = kept.map(|(name, part)| (name.clone(), part.fixed())).collect();
                Node { content: Content::Table(kept), ..node.clone() }
            }
            Self::List(node, parts) => {
                Node { content: Content::List(parts.iter().map(Self::fixed).collect()), ..node.clone() }
            }
        }
    }
}

/// A part of a table with the place of its key.
pub fn with_key(part: Node, table: &Node, name: &str) -> Node {
    Node { key: table.get(name).and_then(|node| node.key), ..part }
}
