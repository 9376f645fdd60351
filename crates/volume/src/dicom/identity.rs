//! To which patient, study and series a file belongs.

use std::path::Path;

use dicom_dictionary_std::{tags, uids};

use super::file::DicomFile;
use super::value::Values;
use crate::ReadError;

/// What a file states about its patient, study and series. Texts are empty where the file states none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    /// PatientID.
    pub patient: String,
    /// StudyInstanceUID.
    pub study: String,
    /// SeriesInstanceUID.
    pub series: String,
    /// SeriesDescription.
    pub description: String,
    /// Modality: CT, MR, PT, SEG, RTSTRUCT, …
    pub modality: String,
    /// Whether the object holds an image that can be a slice of a series: no segmentation, contours, dose or report.
    pub is_image: bool,
    /// Whether ImageType calls it a localiser.
    pub is_localiser: bool,
}

/// Reads the identity of a file; `None` where it is not a DICOM file, or a DICOMDIR.
///
/// # Errors
/// [`ReadError`] where the file cannot be opened or is damaged.
pub fn identity(path: &Path) -> Result<Option<Identity>, ReadError> {
    let Some(file) = DicomFile::open(path)? else { return Ok(None) };
    if file.header.get(tags::DIRECTORY_RECORD_SEQUENCE).is_some() {
        return Ok(None);
    }
    let text = |tag| file.header.text(tag).unwrap_or_default();
    let class = text(tags::SOP_CLASS_UID);
    let others = [uids::SEGMENTATION_STORAGE, uids::LABEL_MAP_SEGMENTATION_STORAGE, uids::RT_DOSE_STORAGE];
    Ok(Some(Identity {
        patient: text(tags::PATIENT_ID),
        study: text(tags::STUDY_INSTANCE_UID),
        series: text(tags::SERIES_INSTANCE_UID),
        description: text(tags::SERIES_DESCRIPTION),
        modality: text(tags::MODALITY),
        is_image: file.pixels.is_some() && !others.contains(&class.as_str()),
        is_localiser: text(tags::IMAGE_TYPE).to_ascii_uppercase().contains("LOCALIZER"),
    }))
}
