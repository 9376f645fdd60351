//! The form that a value of a spec must have, read from the generated JSON Schema, so that the Rust types are the only source.

use serde_json::{Map, Value};

use super::{schema, suggest};

/// What is allowed at one place of a spec.
#[derive(Clone, Debug, PartialEq)]
pub enum Form {
    /// Anything; checked elsewhere (`[sweep]`).
    Anything,
    /// `true` or `false`.
    Flag,
    /// An integer in a range.
    Integer(Range),
    /// A number in a range.
    Number(Range),
    /// A string, and the regular expression that it must match.
    Text(Option<String>),
    /// One of a set of words.
    Words(Vec<String>),
    /// A list.
    List {
        /// What every item must be.
        item: Box<Form>,
        /// The length, if it is fixed.
        length: Option<usize>,
    },
    /// A table with known keys.
    Table(Vec<Field>),
    /// A table with free keys.
    Map(Box<Form>),
    /// A table with exactly one of several keys: an externally tagged enum.
    Choice(Vec<Field>),
    /// One of several forms of different kinds.
    Either(Vec<Form>),
}

/// Inclusive bounds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Range {
    /// Smallest value.
    pub minimum: Option<f64>,
    /// Largest value.
    pub maximum: Option<f64>,
}

/// A key and the form of its value.
#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    /// The key.
    pub name: String,
    /// Whether it must be written.
    pub required: bool,
    /// The doc comment of the Rust field.
    pub description: String,
    /// The form of the value.
    pub form: Form,
}

impl Form {
    /// The form of an experiment file.
    pub fn experiment() -> Self {
        Self::of_schema(&schema::whole_experiment())
    }

    /// Whether a table can be a value.
    pub fn holds_tables(&self) -> bool {
        match self {
            Self::Anything | Self::Table(_) | Self::Map(_) | Self::Choice(_) => true,
            Self::Either(forms) => forms.iter().any(Self::holds_tables),
            Self::Flag | Self::Integer(_) | Self::Number(_) | Self::Text(_) | Self::Words(_) | Self::List { .. } => {
                false
            }
        }
    }

    /// The form of the settings of `[sweep]`.
    pub fn search() -> Self {
        Self::of_schema(&schema::search())
    }

    /// The form of a dataset file.
    pub fn dataset() -> Self {
        Self::of_schema(&schema::dataset())
    }

    /// The form described by a draft-07 schema as schemars writes it.
    pub fn of_schema(schema: &Value) -> Self {
        let reader = SchemaReader { definitions: schema.get("definitions").and_then(Value::as_object) };
        reader.form(schema)
    }

    /// The keys that a table of this form may have; in an [`Form::Either`], those of its table.
    pub fn fields(&self) -> &[Field] {
        match self {
            Self::Table(fields) | Self::Choice(fields) => fields,
            Self::Either(forms) => forms.iter().map(Self::fields).find(|fields| !fields.is_empty()).unwrap_or(&[]),
            _ => &[],
        }
    }

    /// The form of a key's value.
    pub fn field(&self, name: &str) -> Option<&Form> {
        match self {
            Self::Map(form) => Some(form),
            _ => self.fields().iter().find(|field| field.name == name).map(|field| &field.form),
        }
    }

    /// The description of the key at a dotted path.
    pub fn description(&self, path: &str) -> Option<String> {
        let (parent, name) = path.rsplit_once('.').unwrap_or(("", path));
        let keys = parent.split('.').filter(|key| !key.is_empty());
        let parent = keys.into_iter().try_fold(self, |form, key| form.field(key))?;
        parent.fields().iter().find(|field| field.name == name).map(|field| field.description.clone())
    }

    /// Whether a table of this form has exactly one key that names a variant.
    pub fn is_choice(&self) -> bool {
        match self {
            Self::Choice(_) => true,
            Self::Either(forms) => forms.iter().any(Self::is_choice),
            _ => false,
        }
    }

    /// The form of list items, if a list is allowed here.
    pub fn item(&self) -> Option<&Form> {
        match self {
            Self::List { item, .. } => Some(item),
            Self::Either(forms) => forms.iter().find_map(Self::item),
            _ => None,
        }
    }

    /// Dotted paths of every key with this name.
    pub fn paths_of(&self, name: &str) -> Vec<String> {
        let mut paths = Vec::new();
        self.collect_paths(name, "", &mut paths);
        // The first stage of a cascade repeats most keys: a misplaced key most likely belongs to the least nested path.
        let depth = |path: &String| if path.is_empty() { 0 } else { path.split('.').count() };
        let least = paths.iter().map(depth).min();
        paths.retain(|path| Some(depth(path)) == least);
        paths
    }

    /// The key, anywhere below, that is most similar to a misspelled one.
    pub fn nearest_key(&self, name: &str) -> Option<String> {
        let mut names = Vec::new();
        self.collect_names(&mut names);
        suggest::nearest(name, names).map(str::to_owned)
    }

    fn collect_names<'a>(&'a self, names: &mut Vec<&'a str>) {
        for field in self.fields() {
            names.push(&field.name);
            field.form.item().unwrap_or(&field.form).collect_names(names);
        }
    }

    fn collect_paths(&self, name: &str, prefix: &str, paths: &mut Vec<String>) {
        for field in self.fields() {
            let path = if prefix.is_empty() { field.name.clone() } else { format!("{prefix}.{}", field.name) };
            if field.name == name {
                paths.push(prefix.to_owned());
            }
            let inner = field.form.item().unwrap_or(&field.form);
            inner.collect_paths(name, &path, paths);
        }
    }
}

struct SchemaReader<'a> {
    definitions: Option<&'a Map<String, Value>>,
}

impl SchemaReader<'_> {
    fn form(&self, schema: &Value) -> Form {
        if let Some(inner) = self.reference(schema) {
            return self.form(inner);
        }
        let alternatives = schema.get("anyOf").or(schema.get("oneOf")).and_then(Value::as_array);
        if let Some(alternatives) = alternatives {
            return self.alternatives(schema, alternatives);
        }
        if let Some(words) = words(schema) {
            return Form::Words(words);
        }
        match type_name(schema) {
            Some("boolean") => Form::Flag,
            Some("integer") => Form::Integer(range(schema)),
            Some("number") => Form::Number(range(schema)),
            Some("string") => Form::Text(schema.get("pattern").and_then(Value::as_str).map(str::to_owned)),
            Some("array") => self.list(schema),
            Some("object") => self.table(schema),
            _ => Form::Anything,
        }
    }

    /// `$ref`, or an `allOf` of one `$ref`, which draft-07 needs for a description beside it.
    fn reference(&self, schema: &Value) -> Option<&Value> {
        let all_of = schema.get("allOf").and_then(|all| all.get(0));
        let target = schema.get("$ref").or(all_of.and_then(|inner| inner.get("$ref")))?.as_str()?;
        self.definitions?.get(target.rsplit('/').next()?)
    }

    fn alternatives(&self, schema: &Value, alternatives: &[Value]) -> Form {
        let mut choice = Vec::new();
        let mut words = Vec::new();
        let mut others = Vec::new();
        for alternative in alternatives.iter().filter(|alternative| type_name(alternative) != Some("null")) {
            match self.form(alternative) {
                Form::Words(more) => words.extend(more),
                Form::Table(mut fields) if is_variant(alternative, &fields) => {
                    fields.iter_mut().for_each(|field| field.description = description(alternative));
                    choice.append(&mut fields);
                }
                // A range beside `anyOf` applies to the number among the alternatives.
                Form::Integer(inner) => others.push(Form::Integer(narrower(inner, range(schema)))),
                Form::Number(inner) => others.push(Form::Number(narrower(inner, range(schema)))),
                other => others.push(other),
            }
        }
        let mut forms: Vec<Form> = Vec::new();
        forms.extend((!words.is_empty()).then_some(Form::Words(words)));
        forms.extend((!choice.is_empty()).then_some(Form::Choice(choice)));
        forms.append(&mut others);
        if forms.len() == 1 { forms.remove(0) } else { Form::Either(forms) }
    }

    fn list(&self, schema: &Value) -> Form {
        let item = Box::new(schema.get("items").map_or(Form::Anything, |item| self.form(item)));
        let bound = |name| schema.get(name).and_then(Value::as_u64).and_then(|length| usize::try_from(length).ok());
        let length = bound("minItems").filter(|minimum| bound("maxItems") == Some(*minimum));
        Form::List { item, length }
    }

    fn table(&self, schema: &Value) -> Form {
        match schema.get("additionalProperties") {
            Some(Value::Bool(true)) => return Form::Anything,
            Some(values @ Value::Object(_)) => return Form::Map(Box::new(self.form(values))),
            _ => {}
        }
        let required = schema.get("required").and_then(Value::as_array);
        let is_required = |name: &str| required.is_some_and(|names| names.iter().any(|other| other == name));
        let properties = schema.get("properties").and_then(Value::as_object);
        let field = |(name, value): (&String, &Value)| Field {
            name: name.clone(),
            required: is_required(name),
            description: description(value),
            form: self.form(value),
        };
        Form::Table(properties.into_iter().flatten().map(field).collect())
    }
}

/// schemars writes a variant with data as a table with one required key.
fn is_variant(schema: &Value, fields: &[Field]) -> bool {
    schema.get("$ref").is_none() && fields.len() == 1 && fields.iter().all(|field| field.required)
}

fn type_name(schema: &Value) -> Option<&str> {
    match schema.get("type")? {
        Value::String(name) => Some(name),
        Value::Array(names) => names.iter().filter_map(Value::as_str).find(|name| *name != "null"),
        _ => None,
    }
}

fn words(schema: &Value) -> Option<Vec<String>> {
    if let Some(word) = schema.get("const").and_then(Value::as_str) {
        return Some(vec![word.to_owned()]);
    }
    let words = schema.get("enum")?.as_array()?;
    Some(words.iter().filter_map(Value::as_str).map(str::to_owned).collect())
}

fn range(schema: &Value) -> Range {
    let bound = |name| schema.get(name).and_then(Value::as_f64);
    Range { minimum: bound("minimum"), maximum: bound("maximum") }
}

fn narrower(a: Range, b: Range) -> Range {
    let either = |x: Option<f64>, y: Option<f64>, choose: fn(f64, f64) -> f64| match (x, y) {
        (Some(x), Some(y)) => Some(choose(x, y)),
        (x, y) => x.or(y),
    };
    Range { minimum: either(a.minimum, b.minimum, f64::max), maximum: either(a.maximum, b.maximum, f64::min) }
}

fn description(schema: &Value) -> String {
    schema.get("description").and_then(Value::as_str).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_experiment_has_its_forms() {
        let form = Form::experiment();
        let train = form.field("train").unwrap();
        let batch = Range { minimum: Some(1.0), maximum: Some(4096.0) };
        let words = Form::Words(vec!["auto".into()]);
        assert_eq!(train.field("batch-size"), Some(&Form::Either(vec![words, Form::Integer(batch)])));
        assert!(train.field("optimizer").unwrap().is_choice());
        assert!(form.field("loss").unwrap().item().unwrap().is_choice());
        assert_eq!(form.field("sweep"), Some(&Form::Anything));
        let norm = form.field("model").unwrap().field("unet").unwrap().field("norm").unwrap();
        assert!(matches!(norm, Form::Words(words) if words.len() == 4));
        assert_eq!(
            form.paths_of("learning-rate"),
            ["train.optimizer.adam", "train.optimizer.adamw", "train.optimizer.sgd"]
        );
    }

    #[test]
    fn the_dataset_has_its_forms() {
        let form = Form::dataset();
        assert!(matches!(form.field("exclude"), Some(Form::Map(_))));
        let split = form.field("split").unwrap();
        assert!(split.is_choice() && split.field("ratio").unwrap().field("group-by").is_some());
        let color = form.field("structure").unwrap().item().unwrap().field("color").unwrap();
        assert!(matches!(color, Form::Text(Some(_))));
    }
}
