//! JSON Schema (draft-07) of the two kinds of spec, generated from the Rust types: for editors, and for [`super::form`].

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::Value;

use super::Experiment;
use crate::dataset::Dataset;

/// The schema of `experiments/*.toml`.
pub fn experiment() -> Value {
    draft07::<Experiment>()
}

/// The schema of `datasets/*.toml`.
pub fn dataset() -> Value {
    draft07::<Dataset>()
}

/// A schema as the text of a committed `schema.json`.
pub fn text(schema: &Value) -> String {
    format!("{schema:#}\n")
}

fn draft07<T: JsonSchema>() -> Value {
    SchemaSettings::draft07().into_generator().into_root_schema_for::<T>().to_value()
}
