//! Header and coded descriptions of segmentation objects.

use std::time::SystemTime;

/// A coded concept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Code {
    /// Code value: `"85756007"`.
    pub value: String,
    /// Coding scheme: `"SCT"` for SNOMED CT, `"DCM"` for DICOM's own.
    pub scheme: String,
    /// Meaning, for people.
    pub meaning: String,
}

impl Code {
    /// A code of a scheme.
    pub fn new(value: &str, scheme: &str, meaning: &str) -> Self {
        Self { value: value.into(), scheme: scheme.into(), meaning: meaning.into() }
    }
}

/// Who drew a segment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Algorithm {
    /// A person.
    #[default]
    Manual,
    /// A person with a program of this name.
    SemiAutomatic(String),
    /// A program of this name.
    Automatic(String),
}

impl Algorithm {
    /// SegmentAlgorithmType and, where there is a program, SegmentAlgorithmName.
    pub(super) fn attributes(&self) -> (&'static str, Option<&str>) {
        match self {
            Self::Manual => ("MANUAL", None),
            Self::SemiAutomatic(name) => ("SEMIAUTOMATIC", Some(name)),
            Self::Automatic(name) => ("AUTOMATIC", Some(name)),
        }
    }
}

/// Coded description of a segment. The default is an organ (category tissue), drawn manually.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SegmentCoding {
    /// Category of the property (PS3.16 CID 7150).
    pub category: Code,
    /// The property itself, as a type of that category.
    pub property: Code,
    /// Modifier of the property, such as its side.
    pub modifier: Option<Code>,
    /// Who drew it.
    pub algorithm: Algorithm,
}

impl Default for SegmentCoding {
    fn default() -> Self {
        Self {
            category: Code::new("85756007", "SCT", "Tissue"),
            property: Code::new("91772007", "SCT", "Organ"),
            modifier: None,
            algorithm: Algorithm::default(),
        }
    }
}

/// Header of a written segmentation object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SegmentationHeader {
    /// SeriesDescription.
    pub description: String,
    /// ContentCreatorName.
    pub creator: String,
    /// SeriesNumber.
    pub series_number: u32,
    /// One per segment, in order; the default for segments after the last one.
    pub coding: Vec<SegmentCoding>,
    /// Date and time of the content, written as UTC.
    pub created: SystemTime,
}

impl Default for SegmentationHeader {
    fn default() -> Self {
        Self {
            description: "Segmentation".into(),
            creator: String::new(),
            series_number: 300,
            coding: Vec::new(),
            created: SystemTime::now(),
        }
    }
}
