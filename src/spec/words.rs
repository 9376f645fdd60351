//! Describes forms and values in plain words, without the terms of serde.

use super::form::{Field, Form, Range};
use super::node::{Content, Node};

const COUNTS: [&str; 10] = ["no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"];

/// Describes a form: "three integers [z, y, x]".
pub fn form(form: &Form) -> String {
    match form {
        Form::Anything => "a value".into(),
        Form::Flag => "true or false".into(),
        Form::Integer(bounds) => format!("an integer{}", range(bounds)),
        Form::Number(bounds) => format!("a number{}", range(bounds)),
        Form::Text(_) => "a string".into(),
        Form::Words(_) => or(&alternatives(form)),
        Form::List { item, length: Some(length) } => fixed_list(item, *length),
        Form::List { item, length: None } => format!("a list of {}", plural(item)),
        Form::Table(_) | Form::Map(_) => "a table".into(),
        Form::Choice(fields) => format!("a table with one of {}", names(fields)),
        Form::Either(forms) => or(&forms.iter().flat_map(alternatives).collect::<Vec<_>>()),
    }
}

fn alternatives(form: &Form) -> Vec<String> {
    match form {
        Form::Words(words) => words.iter().map(|word| format!("\"{word}\"")).collect(),
        other => vec![self::form(other)],
    }
}

/// The names of some keys, in backticks.
pub fn names(fields: &[Field]) -> String {
    fields.iter().map(|field| format!("`{}`", field.name)).collect::<Vec<_>>().join(", ")
}

/// Describes a value: "the string \"four\"".
pub fn found(node: &Node) -> String {
    match &node.content {
        Content::Text(text) => format!("the string {text:?}"),
        Content::Integer(number) => number.to_string(),
        Content::Number(number) => self::number(*number),
        Content::Flag(flag) => flag.to_string(),
        Content::List(items) => match items.len() {
            0 => "an empty list".into(),
            1 => "a list of one value".into(),
            n => format!("a list of {} values", count(n)),
        },
        Content::Table(_) => "a table".into(),
    }
}

/// A number word up to nine, digits from there.
pub fn count(n: usize) -> String {
    COUNTS.get(n).map_or_else(|| n.to_string(), |word| (*word).to_owned())
}

/// A number as TOML writes it.
pub fn number(number: f64) -> String {
    toml::Value::Float(number).to_string()
}

/// "a", "a or b", "a, b or c".
pub fn or(parts: &[String]) -> String {
    match parts {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} or {last}", first.join(", ")),
    }
}

fn fixed_list(item: &Form, length: usize) -> String {
    let axes = if length == 3 { " [z, y, x]" } else { "" };
    // "Of 0 or more" is obvious for voxels and strides.
    let bounds = match item {
        Form::Integer(bounds) | Form::Number(bounds) if (bounds.minimum, bounds.maximum) != (Some(0.0), None) => {
            range(bounds)
        }
        _ => String::new(),
    };
    format!("{} {}{axes}{bounds}", count(length), kind_plural(item))
}

fn plural(item: &Form) -> String {
    match item {
        Form::Integer(bounds) | Form::Number(bounds) => format!("{}{}", kind_plural(item), range(bounds)),
        Form::List { item, length: Some(3) } => format!("[z, y, x] triples of {}", kind_plural(item)),
        Form::Choice(fields) => format!("tables with one of {}", names(fields)),
        Form::Words(_) => format!("words from {}", form(item).replace(" or ", ", ")),
        _ => kind_plural(item).into(),
    }
}

fn kind_plural(item: &Form) -> &'static str {
    match item {
        Form::Integer(_) => "integers",
        Form::Number(_) => "numbers",
        Form::Text(_) => "strings",
        Form::Flag => "true or false",
        Form::Words(_) => "words",
        Form::List { .. } => "lists",
        Form::Table(_) | Form::Map(_) | Form::Choice(_) => "tables",
        Form::Anything | Form::Either(_) => "values",
    }
}

/// The bounds in words; empty without bounds.
fn range(bounds: &Range) -> String {
    let whole = |bound: f64| match bound {
        _ if bound.fract() != 0.0 => number(bound),
        _ if bound.abs() > 1e15 => format!("{bound:e}"),
        _ => format!("{bound:.0}"),
    };
    match (bounds.minimum, bounds.maximum) {
        (Some(minimum), Some(maximum)) => format!(" from {} to {}", whole(minimum), whole(maximum)),
        (Some(minimum), None) => format!(" of {} or more", whole(minimum)),
        (None, Some(maximum)) => format!(" of at most {}", whole(maximum)),
        (None, None) => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::form::Form as F;
    use super::*;

    #[test]
    fn forms_read_like_a_manual() {
        let experiment = F::experiment();
        let words = |path: &str| {
            let found = path.split('.').try_fold(&experiment, |at, key| at.field(key)).unwrap();
            form(found)
        };
        assert_eq!(words("train.batch-size"), "\"auto\" or an integer from 1 to 4096");
        assert_eq!(words("train.patch-size"), "\"auto\" or three integers [z, y, x] from 0 to 4096");
        assert_eq!(words("preprocess.spacing-mm"), "\"auto\", \"keep\" or three numbers [z, y, x] from 0 to 1000");
        assert_eq!(words("predict.overlap"), "a number from 0 to 0.95");
        assert_eq!(words("model.unet.strides"), "\"auto\" or a list of [z, y, x] triples of integers");
    }
}
