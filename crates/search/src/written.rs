//! Numbers as they stand in a journal: JSON has no NaN and no infinity, so these are words.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Written {
    Finite(f64),
    Word(Word),
}

#[derive(Serialize, Deserialize)]
enum Word {
    #[serde(rename = "nan")]
    Nan,
    #[serde(rename = "inf")]
    Infinity,
    #[serde(rename = "-inf")]
    MinusInfinity,
}

impl From<f64> for Written {
    fn from(value: f64) -> Self {
        match value {
            _ if value.is_nan() => Written::Word(Word::Nan),
            f64::INFINITY => Written::Word(Word::Infinity),
            f64::NEG_INFINITY => Written::Word(Word::MinusInfinity),
            _ => Written::Finite(value),
        }
    }
}

impl From<Written> for f64 {
    fn from(written: Written) -> Self {
        match written {
            Written::Finite(value) => value,
            Written::Word(Word::Nan) => f64::NAN,
            Written::Word(Word::Infinity) => f64::INFINITY,
            Written::Word(Word::MinusInfinity) => f64::NEG_INFINITY,
        }
    }
}

/// For `#[serde(with)]` of one number.
pub mod number {
    use super::*;

    pub fn serialize<S: Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
        Written::from(*value).serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
        Written::deserialize(deserializer).map(f64::from)
    }
}

/// For `#[serde(with)]` of several.
pub mod numbers {
    use super::*;

    pub fn serialize<S: Serializer>(values: &[f64], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(values.iter().map(|value| Written::from(*value)))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<f64>, D::Error> {
        Ok(Vec::<Written>::deserialize(deserializer)?.into_iter().map(f64::from).collect())
    }
}
