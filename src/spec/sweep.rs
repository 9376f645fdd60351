//! `[sweep]`: lists of values for keys of the experiment, checked against the forms of those keys.

use super::conform;
use super::diagnostic::Problem;
use super::form::{Field, Form};
use super::node::{Content, Node};

/// Keys that define an experiment and therefore cannot differ between its trials.
const FIXED: [(&str, &str); 8] = [
    ("dataset", "write one experiment per dataset and share the rest with `extends`"),
    (
        "structures",
        "trials are compared per structure: write one experiment per choice and share the rest with `extends`",
    ),
    ("extends", "all trials extend the same files"),
    ("name", "the trials of an experiment share its name"),
    ("description", "the trials of an experiment share its description"),
    ("notes", "the trials of an experiment share its notes"),
    ("ensemble", "ensembles combine the trials: set `[ensemble]` once, outside `[sweep]`"),
    ("run-root", "the trials of an experiment share its `run-root`"),
];

/// What `[sweep]` declares.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Declaration {
    /// The axes in the order in which they are written, lower layers first.
    pub axes: Vec<Axis>,
    /// The seeds that every combination is run with; they vary fastest.
    pub seeds: Vec<Node>,
}

/// One key and its values.
#[derive(Clone, Debug, PartialEq)]
pub struct Axis {
    /// Path from the experiment's root.
    pub path: Vec<String>,
    /// The list of values.
    pub list: Node,
}

/// Reads a `[sweep]` table; `form` is the experiment's. The axes come in the order of the tree.
pub fn read(sweep: &Node, form: &Form) -> (Declaration, Vec<Problem>) {
    let mut reader = Reader { root: form, declaration: Declaration::default(), problems: Vec::new() };
    match sweep.content {
        Content::Table(_) => reader.top(sweep),
        _ => reader.problems.push(
            Problem::at(sweep.place, "`sweep` must be a table of lists")
                .help("write `[sweep]`, and below it for example `train.batch-size = [2, 4]`"),
        ),
    }
    (reader.declaration, reader.problems)
}

struct Reader<'a> {
    root: &'a Form,
    declaration: Declaration,
    problems: Vec<Problem>,
}

impl Reader<'_> {
    fn top(&mut self, sweep: &Node) {
        for (name, node) in sweep.entries() {
            if name == "seeds" {
                self.seeds(node, sweep);
            } else if let Some((_, help)) = FIXED.iter().find(|(key, _)| key == name) {
                let problem = Problem::at(node.key_place(), format!("`{name}` cannot be swept"));
                self.problems.push(problem.help(*help));
            } else {
                self.entry(name, node, self.root, &mut Vec::new());
            }
        }
    }

    fn entry(&mut self, name: &str, node: &Node, form: &Form, path: &mut Vec<String>) {
        let inner = form.field(name).filter(|_| !(path.is_empty() && name == "sweep"));
        let Some(inner) = inner else {
            let fields = if path.is_empty() { self.top_fields() } else { form.fields().to_vec() };
            return self.problems.push(conform::unknown_key(name, node, &fields, self.root));
        };
        path.push(name.to_owned());
        match &node.content {
            Content::List(items) => self.axis(node, items, inner, path),
            Content::Table(_) if !inner.fields().is_empty() => self.table(name, node, inner, path),
            _ => self.not_a_list(name, node),
        }
        path.pop();
    }

    /// The keys of an experiment that can be swept, and `seeds`.
    fn top_fields(&self) -> Vec<Field> {
        let sweepable = |field: &&Field| field.name != "sweep" && !FIXED.iter().any(|(key, _)| *key == field.name);
        let mut fields: Vec<Field> = self.root.fields().iter().filter(sweepable).cloned().collect();
        let (name, form) = ("seeds".to_owned(), Form::Anything);
        fields.push(Field { name, required: false, description: String::new(), form });
        fields
    }

    fn table(&mut self, name: &str, node: &Node, form: &Form, path: &mut Vec<String>) {
        if form.is_choice() {
            let problem = conform::several_variants(node, name);
            self.problems.extend(
                problem.map(|problem| problem.help(format!("sweep whole variants: `{name} = [{{ … }}, {{ … }}]`"))),
            );
        }
        for (key, value) in node.entries() {
            self.entry(key, value, form, path);
        }
    }

    fn axis(&mut self, node: &Node, items: &[Node], form: &Form, path: &[String]) {
        let name = path.last().map_or("", String::as_str);
        if items.is_empty() {
            self.problems.push(empty(name, node));
        }
        let full = path.join(".");
        let is_one_value = conform::check_value(node, form, self.root, &full).is_empty();
        let problems: Vec<Problem> =
            items.iter().flat_map(|item| conform::check_value(item, form, self.root, &full)).collect();
        if is_one_value && !problems.is_empty() && !items.is_empty() {
            let message = format!("this is one value of `{name}`, not a list of values");
            let help = format!("a sweep lists whole values: put this one in brackets, `{name} = [[…], […]]`");
            return self.problems.push(Problem::at(node.place, message).help(help));
        }
        self.problems.extend(problems);
        self.repeated(items, name);
        self.declaration.axes.push(Axis { path: path.to_vec(), list: node.clone() });
    }

    fn seeds(&mut self, node: &Node, sweep: &Node) {
        let Content::List(items) = &node.content else { return self.not_a_list("seeds", node) };
        if items.is_empty() {
            self.problems.push(empty("seeds", node));
        }
        if let Some(axis) = sweep.get("seed") {
            let problem = Problem::at(axis.key_place(), "`seed` and `seeds` are both swept");
            self.problems.push(problem.help("keep `seeds`"));
        }
        for item in items {
            let Some(form) = self.root.field("seed") else { continue };
            self.problems.extend(conform::check_value(item, form, self.root, "seeds"));
        }
        self.repeated(items, "seeds");
        self.declaration.seeds = items.clone();
    }

    /// Reports values that are listed twice, which would repeat a trial.
    fn repeated(&mut self, items: &[Node], name: &str) {
        for (index, item) in items.iter().enumerate() {
            if items.iter().take(index).any(|earlier| to_json(earlier) == to_json(item)) {
                let problem = Problem::at(item.place, format!("`{name}` lists this value twice"));
                self.problems.push(problem.help("each value makes one trial: list it once"));
            }
        }
    }

    fn not_a_list(&mut self, name: &str, node: &Node) {
        let place = if node.is_table() { node.key_place() } else { node.place };
        let problem = Problem::at(place, format!("a sweep needs a list of values for `{name}`"));
        let help = format!("write `{name} = [first, second]`; a single value belongs outside `[sweep]`");
        self.problems.push(problem.help(help));
    }
}

fn empty(name: &str, node: &Node) -> Problem {
    Problem::at(node.place, format!("`{name}` lists no values, so there would be no trials"))
        .help("list at least one value, or remove the key")
}

/// A value as JSON, without its places.
pub fn to_json(node: &Node) -> serde_json::Value {
    use serde_json::Value;
    match &node.content {
        Content::Text(text) => Value::from(text.as_str()),
        Content::Integer(number) => Value::from(*number),
        Content::Number(number) => Value::from(*number),
        Content::Flag(flag) => Value::from(*flag),
        Content::List(items) => items.iter().map(to_json).collect(),
        Content::Table(entries) => {
            Value::Object(entries.iter().map(|(name, node)| (name.clone(), to_json(node))).collect())
        }
    }
}
