//! JSON Schema (draft-07) of the two kinds of spec, generated from the Rust types: for editors, and for the form that specs
//! are checked against.

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::{Value, json};

use super::{Experiment, ranges};
use crate::dataset::Dataset;

/// The schema of `experiments/*.toml`: a file that extends others may leave out required keys.
pub fn experiment() -> Value {
    let mut schema = whole_experiment();
    let required = schema.as_object_mut().and_then(|schema| schema.remove("required"));
    if let (Some(required), Some(schema)) = (required, schema.as_object_mut()) {
        schema.insert("anyOf".into(), json!([{ "required": required }, { "required": ["extends"] }]));
    }
    schema
}

/// The schema of an experiment with all its layers.
pub fn whole_experiment() -> Value {
    draft07::<Experiment>()
}

/// The schema of the settings of `[sweep]`.
pub fn search() -> Value {
    draft07::<super::search::Search>()
}

/// The schema of `datasets/*.toml`.
pub fn dataset() -> Value {
    draft07::<Dataset>()
}

/// A schema as the text of a committed `schema.json`.
pub fn text(schema: &Value) -> String {
    format!("{schema:#}\n")
}

/// The schema of a type.
pub fn draft07<T: JsonSchema>() -> Value {
    let mut schema = SchemaSettings::draft07().into_generator().into_root_schema_for::<T>().to_value();
    ranges::apply(&mut schema);
    schema
}
