//! Length of an epoch.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Error, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Steps per epoch: a number, `"pass"` or `"tiles"`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StepsPerEpoch {
    /// One patch per training case.
    #[default]
    Pass,
    /// Every tile of every training case once; tiles are adjacent patches. Their number is known once the cases are prepared.
    Tiles,
    /// A number of steps.
    Fixed(usize),
}

impl Serialize for StepsPerEpoch {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Pass => serializer.serialize_str("pass"),
            Self::Tiles => serializer.serialize_str("tiles"),
            Self::Fixed(steps) => steps.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for StepsPerEpoch {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(StepsVisitor)
    }
}

struct StepsVisitor;

impl Visitor<'_> for StepsVisitor {
    type Value = StepsPerEpoch;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("\"pass\", \"tiles\" or a number of steps")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<StepsPerEpoch, E> {
        match text {
            "pass" => Ok(StepsPerEpoch::Pass),
            "tiles" => Ok(StepsPerEpoch::Tiles),
            _ => Err(E::invalid_value(Unexpected::Str(text), &self)),
        }
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<StepsPerEpoch, E> {
        let steps = usize::try_from(value).ok().filter(|steps| *steps > 0);
        steps.map(StepsPerEpoch::Fixed).ok_or_else(|| E::invalid_value(Unexpected::Signed(value), &self))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<StepsPerEpoch, E> {
        self.visit_i64(value.try_into().unwrap_or(0))
    }
}

impl JsonSchema for StepsPerEpoch {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "StepsPerEpoch".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "anyOf": [{ "enum": ["pass", "tiles"] }, { "type": "integer", "minimum": 1 }] })
    }
}
