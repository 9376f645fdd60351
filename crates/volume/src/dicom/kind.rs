//! What kind of object a file is, named for people: archives put doses, reports, contours and screenshots beside the images.

use dicom_dictionary_std::{tags, uids};
use dicom_object::InMemDicomObject;

use super::value::Values;

/// What kind of objects a series holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Content {
    /// Images that [`super::read_series`] takes.
    Image,
    /// Localisers (scouts): images that show where the slices of another series lie.
    Localiser,
    /// Colour pictures, and pages without a place in the patient: screenshots, dose reports.
    Page,
    /// Values computed from images that are no images of the patient: doses, parametric maps, portal images.
    Derived,
    /// Segmentation objects (DICOM SEG).
    Segmentation,
    /// Contours (RTSTRUCT).
    Contours,
    /// Anything else: reports, plans, presentation states.
    Other,
}

impl Content {
    /// Whether its objects hold pixels that may be read as an image.
    pub fn has_pixels(self) -> bool {
        matches!(self, Self::Image | Self::Localiser | Self::Page | Self::Derived)
    }

    /// Whether its objects hold labels.
    pub fn holds_labels(self) -> bool {
        matches!(self, Self::Segmentation | Self::Contours)
    }
}

/// Classes with a name of their own; where several fit, the first. Longer UIDs stand before their beginnings.
const CLASSES: [(&str, &str); 20] = [
    (uids::RT_STRUCTURE_SET_STORAGE, "contours (RTSTRUCT)"),
    (uids::RT_DOSE_STORAGE, "dose distribution (RTDOSE)"),
    (uids::RT_IMAGE_STORAGE, "portal image (RTIMAGE)"),
    (uids::RT_PLAN_STORAGE, "radiotherapy plan (RTPLAN)"),
    // RT ion plans and beam records.
    ("1.2.840.10008.5.1.4.1.1.481", "radiotherapy object"),
    (uids::ENCAPSULATED_PDF_STORAGE, "document (encapsulated PDF)"),
    ("1.2.840.10008.5.1.4.1.1.104", "encapsulated file (document or surface)"),
    (uids::KEY_OBJECT_SELECTION_DOCUMENT_STORAGE, "key object selection (KO)"),
    ("1.2.840.10008.5.1.4.1.1.88", "report (SR)"),
    ("1.2.840.10008.5.1.4.1.1.11", "presentation state"),
    ("1.2.840.10008.5.1.4.1.1.9", "waveform"),
    (uids::SURFACE_SEGMENTATION_STORAGE, "surface segmentation"),
    (uids::SPATIAL_REGISTRATION_STORAGE, "registration (REG)"),
    (uids::DEFORMABLE_SPATIAL_REGISTRATION_STORAGE, "deformable registration (REG)"),
    (uids::SPATIAL_FIDUCIALS_STORAGE, "fiducials"),
    (uids::REAL_WORLD_VALUE_MAPPING_STORAGE, "real-world value mapping"),
    (uids::MR_SPECTROSCOPY_STORAGE, "MR spectrum"),
    (uids::PARAMETRIC_MAP_STORAGE, "parametric map"),
    ("1.2.840.10008.5.1.4.1.1.66.6", "tractography"),
    (uids::RAW_DATA_STORAGE, "raw data"),
];

/// Classes of screenshots and scanned pages, of one or several frames.
const SECONDARY_CAPTURE: &str = "1.2.840.10008.5.1.4.1.1.7";
/// Third value of ImageType of scouts, as the standard and as vendors write it.
const SCOUTS: [&str; 2] = ["LOCALIZER", "SCOUT"];

/// The kind of an object, and what to call it.
pub(super) fn kind(header: &InMemDicomObject, has_pixels: bool) -> (Content, String) {
    let class = header.text(tags::SOP_CLASS_UID).unwrap_or_default();
    let named = CLASSES.iter().find(|(uid, _)| belongs(&class, uid)).map(|(_, name)| *name);
    if [uids::SEGMENTATION_STORAGE, uids::LABEL_MAP_SEGMENTATION_STORAGE].contains(&class.as_str()) {
        return (Content::Segmentation, "segmentation (SEG)".into());
    }
    if class == uids::RT_STRUCTURE_SET_STORAGE {
        return (Content::Contours, "contours (RTSTRUCT)".into());
    }
    match (has_pixels, named) {
        (true, Some(name)) => (Content::Derived, name.into()),
        (true, None) => image(header, &class),
        (false, Some(name)) => (Content::Other, name.into()),
        (false, None) => {
            let modality = header.text(tags::MODALITY).unwrap_or_else(|| "unknown modality".into());
            (Content::Other, format!("object without an image ({modality})"))
        }
    }
}

/// Whether objects of a class have no pixels, although some state a number of rows.
pub(super) fn lacks_pixels(class: &str) -> bool {
    let pixels = [uids::RT_DOSE_STORAGE, uids::RT_IMAGE_STORAGE, uids::PARAMETRIC_MAP_STORAGE];
    CLASSES.iter().any(|(uid, _)| belongs(class, uid)) && !pixels.contains(&class)
}

fn image(header: &InMemDicomObject, class: &str) -> (Content, String) {
    let photometric = header.text(tags::PHOTOMETRIC_INTERPRETATION).unwrap_or_default();
    let samples = header.count(tags::SAMPLES_PER_PIXEL).ok().flatten().unwrap_or(1);
    let page = belongs(class, SECONDARY_CAPTURE);
    if samples > 1 || photometric.starts_with("YBR") || photometric == "RGB" {
        return (Content::Page, if page { "colour page (secondary capture)" } else { "colour picture" }.into());
    }
    let placed = header.get(tags::IMAGE_POSITION_PATIENT).is_some()
        || !header.items(tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE).is_empty();
    if page && !placed {
        return (Content::Page, "page without a position (secondary capture)".into());
    }
    let kinds = header.text(tags::IMAGE_TYPE).unwrap_or_default();
    match kinds.split('\\').any(|kind| SCOUTS.contains(&kind)) {
        true => (Content::Localiser, "localiser".into()),
        false => (Content::Image, "image".into()),
    }
}

/// Whether a UID is another, or lies below it.
fn belongs(uid: &str, root: &str) -> bool {
    uid.strip_prefix(root).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}
