//! What a segmentation object states of the patient and study of its series, and the UIDs by which it refers to them.

use dicom_core::{DataElement, Tag};
use dicom_dictionary_std::tags;
use dicom_object::InMemDicomObject;

use crate::dicom::anonymise::{Anonymous, is_anonymous};
use crate::dicom::value::Values;
use crate::dicom::write::build::{DataSet, uid};

/// Elements of the patient and study that the object shares with its source; empty where the source has none.
const SHARED: [Tag; 11] = [
    tags::STUDY_DATE,
    tags::STUDY_TIME,
    tags::ACCESSION_NUMBER,
    tags::REFERRING_PHYSICIAN_NAME,
    tags::STUDY_DESCRIPTION,
    tags::PATIENT_NAME,
    tags::PATIENT_ID,
    tags::PATIENT_BIRTH_DATE,
    tags::PATIENT_SEX,
    tags::STUDY_ID,
    tags::POSITION_REFERENCE_INDICATOR,
];

/// The first file of the series that segments were drawn on.
pub(super) struct Origin<'a> {
    header: &'a InMemDicomObject,
    /// The patient is not to be told from the object.
    anonymous: Option<&'a Anonymous>,
}

impl<'a> Origin<'a> {
    /// A series that was made anonymous keeps its UIDs: the object belongs to it.
    pub fn new(header: &'a InMemDicomObject, anonymous: Option<&'a Anonymous>) -> Self {
        Self { header, anonymous: anonymous.filter(|_| !is_anonymous(header)) }
    }

    pub fn text(&self, tag: Tag) -> Option<String> {
        self.header.text(tag)
    }

    /// The elements of patient and study.
    pub fn patient(&self) -> DataSet {
        if let Some(anonymous) = self.anonymous {
            let set = SHARED.iter().fold(DataSet::default(), |set, &tag| set.text(tag, ""));
            return anonymous.patient_of(self.header).into_iter().fold(set, DataSet::element);
        }
        let shared = SHARED.iter().fold(DataSet::default(), |set, &tag| match self.header.get(tag) {
            Some(element) => set.element(DataElement::clone(element)),
            None => set.text(tag, ""),
        });
        let removed = [tags::PATIENT_IDENTITY_REMOVED, tags::DEIDENTIFICATION_METHOD];
        let removed = removed.into_iter().filter(|_| is_anonymous(self.header));
        removed.filter_map(|tag| self.header.get(tag).cloned()).fold(shared, DataSet::element)
    }

    /// A UID of the series or one of its instances, as the object states it.
    pub fn stated(&self, original: &str) -> String {
        self.anonymous.map_or_else(|| original.to_owned(), |anonymous| anonymous.renamed(original))
    }

    /// A UID that the object shares with the series; a new one where the series states none.
    pub fn shared(&self, tag: Tag, what: &str, series: &str) -> String {
        match (self.header.text(tag), self.anonymous) {
            (Some(original), _) => self.stated(&original),
            // The same as in the anonymous copy of the series.
            (None, Some(anonymous)) if tag == tags::STUDY_INSTANCE_UID => anonymous.missing(tag, ""),
            (None, _) => uid(&[what.as_bytes(), series.as_bytes()]),
        }
    }
}
