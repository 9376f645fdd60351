//! The most informative elements of a series, for `segspec inspect`.

use dicom_core::Tag;
use dicom_dictionary_std::tags;

use super::file::DicomFile;
use super::grid::Grid;
use super::plane::FrameView;
use super::value::{name, text_of};

/// Elements that are shown if present, in this order. None of them identifies the patient.
const SHOWN: [Tag; 31] = [
    tags::MODALITY,
    tags::SERIES_DESCRIPTION,
    tags::STUDY_DESCRIPTION,
    tags::SERIES_INSTANCE_UID,
    tags::MANUFACTURER,
    tags::MANUFACTURER_MODEL_NAME,
    tags::MAGNETIC_FIELD_STRENGTH,
    tags::BODY_PART_EXAMINED,
    tags::PATIENT_POSITION,
    tags::IMAGE_TYPE,
    tags::PROTOCOL_NAME,
    tags::CONTRAST_BOLUS_AGENT,
    tags::KVP,
    tags::X_RAY_TUBE_CURRENT,
    tags::CONVOLUTION_KERNEL,
    tags::GANTRY_DETECTOR_TILT,
    tags::SEQUENCE_NAME,
    tags::REPETITION_TIME,
    tags::ECHO_TIME,
    tags::EFFECTIVE_ECHO_TIME,
    tags::INVERSION_TIME,
    tags::FLIP_ANGLE,
    tags::DIFFUSION_B_VALUE,
    tags::UNITS,
    tags::RESCALE_TYPE,
    tags::PHOTOMETRIC_INTERPRETATION,
    tags::BITS_STORED,
    tags::PIXEL_PADDING_VALUE,
    tags::LOSSY_IMAGE_COMPRESSION,
    tags::SPACING_BETWEEN_SLICES,
    tags::SLICE_THICKNESS,
];

/// Names and values; the last one is the spacing from the slices' positions.
pub(super) fn tags(file: &DicomFile, grid: &Grid) -> Vec<(String, String)> {
    let view = FrameView::new(&file.header, grid.planes[0].frame);
    let shown = |&tag: &Tag| Some((name(tag), view.find(tag).and_then(text_of)?));
    let mut shown: Vec<(String, String)> = SHOWN.iter().filter_map(shown).collect();
    shown.push(("TransferSyntaxUID".into(), file.syntax.uid.clone()));
    if grid.slices.len() > 1 {
        // Rounded to micrometres, because positions are decimal strings.
        let spacing = (grid.geometry.spacing_mm()[0] * 1e3).round() / 1e3;
        shown.push(("spacing of the slices' positions".into(), format!("{spacing} mm")));
    }
    shown
}
