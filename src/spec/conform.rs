//! Checks a tree against the form that the Rust types give it, and collects every error.

use super::diagnostic::{MOST_SHOWN, Problem};
use super::form::{Field, Form, Range};
use super::node::{Content, Node};
use super::{suggest, words};

/// Every difference between a tree and its form.
pub fn check(tree: &Node, form: &Form) -> Vec<Problem> {
    let mut checker = Checker { root: form, about: String::new(), problems: Vec::new() };
    checker.value(tree, form, "");
    checker.problems
}

/// As [`check`], for a value at a dotted path: misplaced keys are searched from `root`.
pub fn check_value(node: &Node, form: &Form, root: &Form, name: &str) -> Vec<Problem> {
    let about = root.description(name).unwrap_or_default();
    let mut checker = Checker { root, about, problems: Vec::new() };
    checker.value(node, form, name);
    checker.problems
}

/// The error for an unknown key.
pub fn unknown_key(name: &str, node: &Node, fields: &[Field], root: &Form) -> Problem {
    let names: Vec<&str> = fields.iter().map(|field| field.name.as_str()).collect();
    let elsewhere = root.paths_of(&suggest::plain(name));
    let near = suggest::nearest(name, names.iter().copied());
    let is_slip = near.is_some_and(|near| strsim::damerau_levenshtein(near, &suggest::plain(name)) <= 1);
    let anywhere = root.nearest_key(name);
    let help = match (near, elsewhere.as_slice()) {
        _ if name.contains('.') => {
            format!("write it without quotes: `{name} = …`; in quotes, the dots belong to the name")
        }
        (Some(near), _) if is_slip => format!("did you mean `{near}`?"),
        (_, [_, ..]) => format!("`{}` belongs {}", suggest::plain(name), places(&elsewhere)),
        (Some(near), []) => format!("did you mean `{near}`?"),
        (None, []) if anywhere.is_some() => {
            let meant = anywhere.unwrap_or_default();
            format!("did you mean `{meant}`? It belongs {}", places(&root.paths_of(&meant)))
        }
        (None, []) if names.is_empty() => "no keys are allowed here".into(),
        (None, []) => format!("known keys: {}", suggest::list(&names)),
    };
    Problem::at(node.key_place(), format!("unknown key `{name}`")).help(help)
}

fn places(paths: &[String]) -> String {
    let place = |path: &String| match path.as_str() {
        "" => "at the top of the file, before the first `[table]`".to_owned(),
        path => format!("under `{path}`"),
    };
    let shown: Vec<String> = paths.iter().take(4).map(place).collect();
    words::or(&shown)
}

/// The error for a table with several variants; `None` if it has at most one.
pub fn several_variants(node: &Node, name: &str) -> Option<Problem> {
    let [(first, _), (second, other), ..] = node.entries() else { return None };
    let message = format!("{} is both `{first}` and `{second}`", subject(name));
    Some(Problem::at(other.key_place(), message).help("keep only one of them"))
}

/// Reports tables with two variants of an enum anywhere in a layer, even if a higher layer overrides them.
pub fn several_variants_within(node: &Node, form: &Form, name: &str, problems: &mut Vec<Problem>) {
    if form.is_choice() {
        problems.extend(several_variants(node, name));
    }
    for (key, value) in node.entries() {
        if let Some(inner) = form.field(key) {
            several_variants_within(value, inner, key, problems);
        }
    }
    for item in node.items() {
        if let Some(inner) = form.item() {
            several_variants_within(item, inner, name, problems);
        }
    }
}

/// Name of a value in messages: the last key of its path.
fn subject(path: &str) -> String {
    if path.is_empty() { "this".into() } else { format!("`{}`", last(path)) }
}

fn last(path: &str) -> &str {
    path.rsplit('.').next().unwrap_or(path)
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

struct Checker<'a> {
    root: &'a Form,
    /// Doc comment of the innermost key: the help if there is nothing better.
    about: String,
    problems: Vec<Problem>,
}

impl Checker<'_> {
    fn value(&mut self, node: &Node, form: &Form, name: &str) {
        match (form, &node.content) {
            (Form::Anything, _) | (Form::Flag, Content::Flag(_)) => {}
            (Form::Either(forms), _) => self.either(node, form, forms, name),
            (Form::Integer(range), Content::Integer(value)) => self.range(node, form, range, *value as f64, name),
            (Form::Number(range), Content::Integer(value)) => self.range(node, form, range, *value as f64, name),
            (Form::Number(range), Content::Number(value)) => self.number(node, form, range, *value, name),
            (Form::Text(pattern), Content::Text(text)) => self.text(node, pattern.as_deref(), text, name),
            (Form::Words(known), Content::Text(text)) => self.word(node, form, known, text, name),
            (Form::List { item, length }, Content::List(items)) => {
                if length.is_some_and(|length| length != items.len()) {
                    return self.mismatch(node, form, name);
                }
                items.iter().for_each(|node| self.value(node, item, name));
            }
            (Form::Table(fields), Content::Table(_)) => self.table(node, fields, name),
            (Form::Map(inner), Content::Table(entries)) => {
                entries.iter().for_each(|(key, node)| self.value(node, inner, &join(name, key)));
            }
            (Form::Choice(fields), Content::Table(_)) => self.choice(node, fields, name),
            _ => self.mismatch(node, form, name),
        }
    }

    /// Checks the alternative of the value's kind, which gives a more specific error than listing all of them.
    fn either(&mut self, node: &Node, all: &Form, forms: &[Form], name: &str) {
        let same_kind = forms.iter().find(|form| is_kind(form, &node.content));
        match (same_kind, &node.content) {
            (Some(Form::Words(known)), Content::Text(text)) => self.word(node, all, known, text, name),
            (Some(Form::Integer(range)), Content::Integer(value)) => self.range(node, all, range, *value as f64, name),
            (Some(Form::List { length: Some(length), .. }), Content::List(items)) if items.len() != *length => {
                self.mismatch(node, all, name);
            }
            (Some(form), _) => self.value(node, form, name),
            (None, _) => self.mismatch(node, all, name),
        }
    }

    fn table(&mut self, node: &Node, fields: &[Field], name: &str) {
        let mut meant: Vec<&str> = Vec::new();
        for (key, value) in node.entries() {
            match fields.iter().find(|field| field.name == *key) {
                Some(field) => self.field(value, field, &join(name, key)),
                None => {
                    if self.problems.len() < MOST_SHOWN {
                        meant.extend(suggest::nearest(key, fields.iter().map(|field| field.name.as_str())));
                    }
                    self.unknown(key, value, fields);
                }
            }
        }
        let missing = |field: &&Field| field.required && node.get(&field.name).is_none();
        // A misspelled required key is one error, not two.
        for field in fields.iter().filter(missing).filter(|field| !meant.contains(&field.name.as_str())) {
            let mut help = format!("`{}` is {}: {}", field.name, words::form(&field.form), field.description);
            if self.replaces_the_datasets(name) {
                help += " `[split]` replaces the dataset's split as a whole.";
            }
            self.problems.push(Problem::at(node.key_place(), format!("missing key `{}`", field.name)).help(help));
        }
    }

    /// Whether a table belongs to what an experiment takes from its dataset as a whole, or states as a whole.
    fn replaces_the_datasets(&self, name: &str) -> bool {
        name.starts_with("split") && self.root.field("dataset").is_some()
    }

    /// Reports an unknown key; with what was meant, as long as the error will be shown.
    fn unknown(&mut self, key: &str, value: &Node, fields: &[Field]) {
        let problem = match self.problems.len() < MOST_SHOWN {
            true => unknown_key(key, value, fields, self.root),
            false => Problem::at(value.key_place(), format!("unknown key `{key}`")),
        };
        self.problems.push(problem);
    }

    fn field(&mut self, node: &Node, field: &Field, path: &str) {
        let outer = std::mem::replace(&mut self.about, field.description.clone());
        self.value(node, &field.form, path);
        self.about = outer;
    }

    fn choice(&mut self, node: &Node, fields: &[Field], name: &str) {
        if let Some(problem) = several_variants(node, name) {
            self.problems.push(problem);
        }
        if node.entries().is_empty() {
            let problem = Problem::at(node.key_place(), format!("{} is empty", subject(name)));
            self.problems.push(problem.help(format!("choose one of {}", words::names(fields))));
        }
        for (key, value) in node.entries() {
            match fields.iter().find(|field| field.name == *key) {
                Some(field) => self.field(value, field, &join(name, key)),
                None => self.unknown(key, value, fields),
            }
        }
    }

    fn word(&mut self, node: &Node, form: &Form, known: &[String], text: &str, name: &str) {
        if known.iter().any(|word| word == text) {
            return;
        }
        if let Some(near) = suggest::nearest(text, known.iter().map(String::as_str)) {
            let problem = Problem::at(node.place, format!("{} cannot be \"{text}\"", subject(name)));
            return self.problems.push(problem.help(format!("did you mean `\"{near}\"`?")));
        }
        self.mismatch(node, form, name);
    }

    fn text(&mut self, node: &Node, pattern: Option<&str>, text: &str, name: &str) {
        let Some(pattern) = pattern else { return };
        if regex::Regex::new(pattern).is_ok_and(|pattern| !pattern.is_match(text)) {
            let problem = Problem::at(node.place, format!("{} cannot be {text:?}", subject(name)));
            self.problems.push(problem.help(pattern_help(pattern)));
        }
    }

    fn number(&mut self, node: &Node, form: &Form, range: &Range, value: f64, name: &str) {
        if !value.is_finite() {
            let message = format!("{} must be a finite number, not {}", subject(name), words::number(value));
            return self.problems.push(Problem::at(node.place, message).help(format!("write {}", words::form(form))));
        }
        self.range(node, form, range, value, name);
    }

    fn range(&mut self, node: &Node, form: &Form, range: &Range, value: f64, name: &str) {
        let too_small = range.minimum.is_some_and(|minimum| value < minimum);
        let too_large = range.maximum.is_some_and(|maximum| value > maximum);
        if too_small || too_large {
            self.mismatch(node, form, name);
        }
    }

    fn mismatch(&mut self, node: &Node, form: &Form, name: &str) {
        let message = format!("{} must be {}, not {}", subject(name), words::form(form), words::found(node));
        let place = if node.is_table() { node.key_place() } else { node.place };
        let mut problem = Problem::at(place, message);
        let about = (!self.about.is_empty()).then(|| format!("{}: {}", subject(name), self.about.replace('\n', " ")));
        problem.help = remedy(node, form, name).or(about);
        self.problems.push(problem);
    }
}

fn is_kind(form: &Form, content: &Content) -> bool {
    match content {
        Content::Text(_) => matches!(form, Form::Text(_) | Form::Words(_)),
        Content::Integer(_) => matches!(form, Form::Integer(_) | Form::Number(_)),
        Content::Number(_) => matches!(form, Form::Number(_)),
        Content::Flag(_) => matches!(form, Form::Flag),
        Content::List(_) => matches!(form, Form::List { .. }),
        Content::Table(_) => matches!(form, Form::Table(_) | Form::Map(_) | Form::Choice(_)),
    }
}

fn pattern_help(pattern: &str) -> String {
    match pattern {
        "^#[0-9a-fA-F]{6}$" => "a colour is written as `\"#rrggbb\"`, for example `\"#e41a1c\"`".into(),
        other => format!("it must match the regular expression {other}"),
    }
}

/// What to write instead, if the value shows what was meant.
fn remedy(node: &Node, form: &Form, name: &str) -> Option<String> {
    let forms = if let Form::Either(forms) = form { forms.as_slice() } else { std::slice::from_ref(form) };
    forms.iter().find_map(|form| remedy_for(node, form, name))
}

fn remedy_for(node: &Node, form: &Form, name: &str) -> Option<String> {
    match (form, &node.content) {
        (Form::Integer(_) | Form::Number(_) | Form::Flag, Content::Text(text)) => unquoted(text, form),
        (Form::Integer(_), Content::Number(value)) if value.fract() == 0.0 => {
            Some(format!("write `{value:.0}`, without a decimal point"))
        }
        (Form::Choice(fields), Content::Text(text)) => {
            let near = suggest::nearest(text, fields.iter().map(|field| field.name.as_str()));
            near.map(|near| format!("write `{} = {{ {near} = {{}} }}`, or a table `[{name}.{near}]`", last(name)))
        }
        (Form::List { item, .. }, Content::Table(_)) if !item.fields().is_empty() => {
            let name = last(name);
            Some(format!(
                "it is a list of tables: write `{name} = [{{ … }}]`, or double brackets in place of `[{name}]`"
            ))
        }
        (Form::List { item, length: None }, _) if is_kind(item, &node.content) => {
            Some("put it in brackets: a list may have one item".into())
        }
        _ => None,
    }
}

fn unquoted(text: &str, form: &Form) -> Option<String> {
    let fits = match form {
        Form::Integer(_) => text.parse::<i64>().is_ok(),
        Form::Number(_) => text.parse::<f64>().is_ok_and(f64::is_finite),
        _ => matches!(text, "true" | "false"),
    };
    // TOML wants a digit on both sides of the point.
    let toml = match text.strip_prefix('.') {
        Some(fraction) => format!("0.{fraction}"),
        None if text.ends_with('.') => format!("{text}0"),
        None => text.to_owned(),
    };
    match toml == text {
        true => fits.then(|| format!("write it without quotes: `{text}`")),
        false => fits.then(|| format!("write `{toml}`: a number needs a digit on both sides of its point")),
    }
}
