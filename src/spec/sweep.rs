//! `[sweep]`: lists of values for keys of the experiment, checked against the forms of those keys.

use super::conform;
use super::diagnostic::Problem;
use super::form::{Field, Form};
use super::knob::{self, Knob, Knobs, Pattern};
use super::node::{Content, Node};
use super::search::{Method, Search};
use super::source::Place;
use super::space::SearchSpace;
use super::{suggest, trial};

/// Keys that define an experiment and therefore cannot differ between its trials.
const FIXED: [(&str, &str); 11] = [
    ("notify", "one message is sent for all trials"),
    ("track", "all trials are followed by the same trackers"),
    ("launcher", "all trials are executed at the same place"),
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
    /// How trials are chosen and judged.
    pub search: Search,
}

/// One key and its values.
#[derive(Clone, Debug, PartialEq)]
pub struct Axis {
    /// Path from the experiment's root.
    pub path: Vec<String>,
    /// Its values.
    pub knob: Knob,
    /// Where they are written.
    pub place: Place,
}

impl Declaration {
    /// The seeds as the last axis.
    pub fn seed_axis(&self) -> Option<Axis> {
        let place = self.seeds.first()?.place;
        let knob = Knob::Choice(self.seeds.iter().cloned().map(Pattern::Value).collect());
        Some(Axis { path: vec!["seed".into()], knob, place })
    }

    /// Whether anything varies.
    pub fn is_swept(&self) -> bool {
        !self.axes.is_empty() || !self.seeds.is_empty()
    }
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
        self.settings(sweep);
        for (name, node) in sweep.entries() {
            if Search::KEYS.contains(&name.as_str()) {
                continue;
            }
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
            Content::Table(_) if knob::is_domain(node, inner) => self.range(name, node, inner, path),
            Content::Table(_) if !inner.fields().is_empty() => self.table(name, node, inner, path),
            Content::Table(_) if !inner.holds_tables() => {
                let mut knobs = Knobs { root: self.root, problems: Vec::new() };
                knobs.no_range(node, name);
                self.problems.append(&mut knobs.problems);
            }
            _ => self.not_a_list(name, node),
        }
        path.pop();
    }

    /// The keys of an experiment that can be swept, and `seeds`.
    fn top_fields(&self) -> Vec<Field> {
        let sweepable = |field: &&Field| field.name != "sweep" && !FIXED.iter().any(|(key, _)| *key == field.name);
        let mut fields: Vec<Field> = self.root.fields().iter().filter(sweepable).cloned().collect();
        let more = ["seeds"].into_iter().chain(Search::KEYS);
        fields.extend(more.map(|name| {
            let (name, form) = (name.to_owned(), Form::Anything);
            Field { name, required: false, description: String::new(), form }
        }));
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
        let mut knobs = Knobs { root: self.root, problems: Vec::new() };
        let choice = knobs.choice(items, form);
        if knobs.problems.is_empty() {
            knobs.check(&choice, node.place, form, &full);
        }
        let problems = knobs.problems;
        if is_one_value && !problems.is_empty() && !items.is_empty() {
            let message = format!("this is one value of `{name}`, not a list of values");
            let help = format!("a sweep lists whole values: put this one in brackets, `{name} = [[…], […]]`");
            return self.problems.push(Problem::at(node.place, message).help(help));
        }
        self.problems.extend(problems);
        self.repeated(items, name);
        self.declaration.axes.push(Axis { path: path.to_vec(), knob: choice, place: node.place });
    }

    /// A range, or a list in a table of its own: `{ log-uniform = [1e-4, 1e-2] }`.
    fn range(&mut self, name: &str, node: &Node, form: &Form, path: &[String]) {
        let mut knobs = Knobs { root: self.root, problems: Vec::new() };
        if let Some(knob) = knobs.domain(node, form, name) {
            knobs.check(&knob, node.place, form, &path.join("."));
            self.declaration.axes.push(Axis { path: path.to_vec(), knob, place: node.place });
        }
        self.problems.append(&mut knobs.problems);
    }

    /// Method, budget, objective and the like.
    fn settings(&mut self, sweep: &Node) {
        let form = Form::search();
        let is_setting = |entry: &&(String, Node)| Search::KEYS.contains(&entry.0.as_str());
        let entries = sweep.entries().iter().filter(is_setting).cloned().collect();
        let table = Node { content: Content::Table(entries), ..sweep.clone() };
        let found = conform::check(&table, &form);
        if !found.is_empty() {
            return self.problems.extend(found);
        }
        match serde_json::from_value(to_json(&table)) {
            Ok(search) => self.declaration.search = search,
            Err(error) => self.problems.push(Problem::at(sweep.place, error.to_string())),
        }
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
        let problem = Problem::at(node.place, format!("a sweep needs a list or range of values for `{name}`"));
        if name == "seeds" {
            return self.problems.push(problem.help("list them: `seeds = [0, 1, 2]`"));
        }
        let help = format!(
            "write `{name} = [first, second]` or `{name} = {{ uniform = [low, high] }}`; a single value belongs outside `[sweep]`"
        );
        self.problems.push(problem.help(help));
    }
}

/// What of a sweep contradicts its method.
pub fn contradictions(declaration: &Declaration, sweep: &Node) -> Vec<Problem> {
    let (search, space) = (&declaration.search, SearchSpace::new(&declaration.axes));
    let mut problems = Vec::new();
    let place_of = |key: &str| sweep.get(key).map_or(sweep.key_place(), Node::key_place);
    if search.method == Method::Grid {
        if let Some(axis) = declaration.axes.iter().find(|axis| has_range(&axis.knob)) {
            let message = format!("a grid needs a list of values for `{}`, not a range", axis.path.join("."));
            let help = "list the values, or choose `method = \"tpe\"`, `\"cmaes\"` or `\"random\"` in `[sweep]`";
            problems.push(Problem::at(axis.place, message).help(help));
        } else if trial::grid(declaration).is_none() {
            let message = format!("this sweep has more than {} trials", trial::MAX_TRIALS);
            problems.push(Problem::at(sweep.key_place(), message).help("list fewer values, or fewer keys"));
        }
        for key in ["budget", "objective", "prune", "search-seed"].into_iter().filter(|key| sweep.get(key).is_some()) {
            let message = format!("`{key}` has no effect on a grid, which runs every combination");
            problems.push(Problem::at(place_of(key), message).help("choose another `method`, or remove the key"));
        }
    } else if declaration.axes.is_empty() {
        let help = "state a list or range for at least one key, such as \
                    `train.optimizer.adamw.learning-rate = { log-uniform = [1e-4, 1e-2] }`";
        problems.push(Problem::at(sweep.key_place(), "this sweep has nothing to search").help(help));
    }
    let names: Vec<&str> = space.space().parameters.iter().map(|parameter| parameter.name.as_str()).collect();
    problems.extend(search.exclude.iter().filter_map(|table| meaningless(table, &space, place_of("exclude"))));
    if problems.is_empty() && search.method == Method::Grid && trial::combinations(declaration).is_empty() {
        let problem = Problem::at(place_of("exclude"), "`exclude` leaves out every trial");
        problems.push(problem.help("keep at least one combination of values"));
    }
    for key in search.exclude.iter().flat_map(serde_json::Map::keys).filter(|key| !names.contains(&key.as_str())) {
        let problem =
            Problem::at(place_of("exclude"), format!("`exclude` names `{key}`, which this sweep does not vary"));
        let nearest = suggest::nearest(key, names.iter().copied());
        problems.push(problem.help(
            nearest.map_or_else(|| format!("it varies {}", names.join(", ")), |name| format!("did you mean `{name}`?")),
        ));
    }
    problems
}

/// An entry of `exclude` that leaves out everything or nothing, or bounds of other names than `above` and `below`.
fn meaningless(
    table: &serde_json::Map<String, serde_json::Value>,
    space: &SearchSpace,
    place: Place,
) -> Option<Problem> {
    if table.is_empty() {
        let help = "name at least one key and its value: `{ \"train.batch-size\" = 8 }`";
        return Some(Problem::at(place, "an empty table in `exclude` would leave out every trial").help(help));
    }
    let bounds = table.values().filter_map(serde_json::Value::as_object);
    if let Some(unknown) =
        bounds.flat_map(serde_json::Map::keys).find(|key| !["above", "below"].contains(&key.as_str()))
    {
        let help = "write `{ above = 4 }`, `{ below = 4 }`, or the value itself; a variant by its name";
        return Some(Problem::at(place, format!("`{unknown}` is no bound of `exclude`")).help(help));
    }
    let (key, wanted) = table.iter().find(|(key, wanted)| space.can_fit(key, wanted) == Some(false))?;
    let message = format!("`exclude` names a value of `{key}` that no trial has: {wanted}");
    Some(Problem::at(place, message).help("name a value that `[sweep]` lists, or a bound inside the range"))
}

fn has_range(knob: &Knob) -> bool {
    match knob {
        Knob::Choice(items) => items.iter().any(has_range_inside),
        Knob::Number { .. } | Knob::Integer { .. } => true,
    }
}

fn has_range_inside(pattern: &Pattern) -> bool {
    match pattern {
        Pattern::Value(_) => false,
        Pattern::Knob(knob, _) => has_range(knob),
        Pattern::Table(_, parts) => parts.iter().any(|(_, part)| has_range_inside(part)),
        Pattern::List(_, parts) => parts.iter().any(has_range_inside),
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
