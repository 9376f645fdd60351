//! A labelled structure of a dataset file.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One labelled structure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Structure {
    /// Name in tables and charts.
    pub name: String,
    /// Value in the label files; 0 is background.
    #[schemars(range(min = 1, max = 65535))]
    pub value: u16,
    /// Colour as `#rrggbb`. Default: chosen automatically.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = "^#[0-9a-fA-F]{6}$"))]
    pub color: Option<String>,
    /// Coded anatomy for DICOM SEG. Common structures need none: they are coded by their names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<AnatomicCode>,
    /// Whether each connected component is an object of its own, such as a lesion: then detection is scored, too (lesion F1).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub instances: bool,
    /// Whether the structure has a centreline, such as vessels or airways: then clDice is scored, too.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub tubular: bool,
}

/// A coded structure: `code = { value = "10200004", meaning = "Liver" }`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct AnatomicCode {
    /// Code value.
    pub value: String,
    /// Coding scheme: SNOMED CT is `SCT`.
    #[serde(default = "snomed_ct")]
    pub scheme: String,
    /// Meaning, as the scheme states it.
    pub meaning: String,
}

fn snomed_ct() -> String {
    "SCT".into()
}
