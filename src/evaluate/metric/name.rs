//! Metrics by the names of their columns, in specs and on the command line.

use std::borrow::Cow;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::{METRICS, MetricId};

impl FromStr for MetricId {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let found = Self::all().find(|metric| metric.column == name);
        let columns: Vec<&str> = METRICS.iter().map(|metric| metric.column).collect();
        found.ok_or_else(|| format!("unknown metric `{name}`; known are {}", columns.join(", ")))
    }
}

impl Serialize for MetricId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.column)
    }
}

impl<'de> Deserialize<'de> for MetricId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

impl JsonSchema for MetricId {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Metric".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let columns: Vec<&str> = METRICS.iter().map(|metric| metric.column).collect();
        json_schema!({ "type": "string", "enum": columns })
    }
}
