//! Copies a series without what identifies the patient: only listed elements are kept, UIDs are replaced, pixels stay as they are coded.

use std::path::{Path, PathBuf};

use dicom_core::value::{DataSetSequence, PixelFragmentSequence, PrimitiveValue, Value};
use dicom_core::{DataElement, Tag, VR};
use dicom_dictionary_std::tags;
use dicom_object::InMemDicomObject;

use super::codec::Codec;
use super::file::DicomFile;
use super::pixel::Format;
use super::series::{Choice, Series};
use super::value::Values;
use super::write::build::{DataSet, NATIVE, uid};
use super::write::is_empty;
use super::{damaged, unsupported};
use crate::{ReadError, WriteError, files};

/// Elements that are kept: how the image was acquired, its geometry, the meaning of its values. No free text, no date, no name of a
/// person, institution or device, no private element.
const KEPT: [Tag; 72] = [
    tags::IMAGE_TYPE,
    tags::SOP_CLASS_UID,
    tags::MODALITY,
    tags::CONVERSION_TYPE,
    tags::MANUFACTURER,
    tags::MANUFACTURER_MODEL_NAME,
    tags::VOLUMETRIC_PROPERTIES,
    tags::VOLUME_BASED_CALCULATION_TECHNIQUE,
    tags::PIXEL_PRESENTATION,
    tags::COMPLEX_IMAGE_COMPONENT,
    tags::ACQUISITION_CONTRAST,
    tags::FRAME_TYPE,
    tags::SCANNING_SEQUENCE,
    tags::SEQUENCE_VARIANT,
    tags::SCAN_OPTIONS,
    tags::MR_ACQUISITION_TYPE,
    tags::SLICE_THICKNESS,
    tags::KVP,
    tags::REPETITION_TIME,
    tags::ECHO_TIME,
    tags::INVERSION_TIME,
    tags::NUMBER_OF_AVERAGES,
    tags::IMAGING_FREQUENCY,
    tags::IMAGED_NUCLEUS,
    tags::ECHO_NUMBERS,
    tags::MAGNETIC_FIELD_STRENGTH,
    tags::SPACING_BETWEEN_SLICES,
    tags::ECHO_TRAIN_LENGTH,
    tags::PIXEL_BANDWIDTH,
    tags::TRIGGER_TIME,
    tags::RECONSTRUCTION_DIAMETER,
    tags::GANTRY_DETECTOR_TILT,
    tags::EXPOSURE_TIME,
    tags::X_RAY_TUBE_CURRENT,
    tags::EXPOSURE,
    tags::CONVOLUTION_KERNEL,
    tags::FLIP_ANGLE,
    tags::PATIENT_POSITION,
    tags::EFFECTIVE_ECHO_TIME,
    tags::DIFFUSION_B_VALUE,
    tags::DIFFUSION_GRADIENT_ORIENTATION,
    tags::DIFFUSION_DIRECTIONALITY,
    tags::ACQUISITION_NUMBER,
    tags::INSTANCE_NUMBER,
    tags::IMAGE_POSITION_PATIENT,
    tags::IMAGE_ORIENTATION_PATIENT,
    tags::TEMPORAL_POSITION_IDENTIFIER,
    tags::NUMBER_OF_TEMPORAL_POSITIONS,
    tags::STACK_ID,
    tags::IN_STACK_POSITION_NUMBER,
    tags::TEMPORAL_POSITION_INDEX,
    tags::DIMENSION_INDEX_VALUES,
    tags::DIMENSION_INDEX_POINTER,
    tags::FUNCTIONAL_GROUP_POINTER,
    tags::SAMPLES_PER_PIXEL,
    tags::PHOTOMETRIC_INTERPRETATION,
    tags::NUMBER_OF_FRAMES,
    tags::ROWS,
    tags::COLUMNS,
    tags::PIXEL_SPACING,
    tags::BITS_ALLOCATED,
    tags::BITS_STORED,
    tags::HIGH_BIT,
    tags::PIXEL_REPRESENTATION,
    tags::PIXEL_PADDING_VALUE,
    tags::PIXEL_PADDING_RANGE_LIMIT,
    tags::WINDOW_CENTER,
    tags::WINDOW_WIDTH,
    tags::RESCALE_INTERCEPT,
    tags::RESCALE_SLOPE,
    tags::RESCALE_TYPE,
    tags::LOSSY_IMAGE_COMPRESSION,
];

/// Elements of PET and of functional groups with a common prefix.
const KEPT_PET: [Tag; 5] =
    [tags::UNITS, tags::DECAY_CORRECTION, tags::FRAME_REFERENCE_TIME, tags::DECAY_FACTOR, tags::SERIES_TYPE];

/// Sequences that are kept, with the listed elements only.
const GROUPS: [Tag; 15] = [
    tags::SHARED_FUNCTIONAL_GROUPS_SEQUENCE,
    tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE,
    tags::PLANE_POSITION_SEQUENCE,
    tags::PLANE_ORIENTATION_SEQUENCE,
    tags::PIXEL_MEASURES_SEQUENCE,
    tags::PIXEL_VALUE_TRANSFORMATION_SEQUENCE,
    tags::FRAME_VOILUT_SEQUENCE,
    tags::FRAME_CONTENT_SEQUENCE,
    tags::CT_IMAGE_FRAME_TYPE_SEQUENCE,
    tags::MR_IMAGE_FRAME_TYPE_SEQUENCE,
    tags::MR_ECHO_SEQUENCE,
    tags::MR_DIFFUSION_SEQUENCE,
    tags::DIFFUSION_GRADIENT_DIRECTION_SEQUENCE,
    tags::DIMENSION_ORGANIZATION_SEQUENCE,
    tags::DIMENSION_INDEX_SEQUENCE,
];

/// UIDs that are replaced.
const RENAMED: [Tag; 5] = [
    tags::SOP_INSTANCE_UID,
    tags::STUDY_INSTANCE_UID,
    tags::SERIES_INSTANCE_UID,
    tags::FRAME_OF_REFERENCE_UID,
    tags::DIMENSION_ORGANIZATION_UID,
];

/// Bytes of the hash that names a patient.
const PATIENT_BYTES: usize = 4;
/// Beginning of DeidentificationMethod in what this program made anonymous.
const METHOD: &str = "segspec: ";

/// Identity of a copied series, or of a segmentation object of such a copy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Anonymous {
    /// PatientID and name of the copy; if empty, one that follows from the secret and the original PatientID.
    pub patient: String,
    /// SeriesDescription of the copy: the original is free text.
    pub description: String,
    /// Secret from which new UIDs are derived. The same secret gives the same UIDs, so that the series of a study stay together; without
    /// it, nobody can tell which UID became which.
    pub secret: String,
}

impl Anonymous {
    /// The UID that takes the place of another.
    pub(super) fn renamed(&self, original: &str) -> String {
        uid(&[b"anonymous", self.secret.as_bytes(), original.as_bytes()])
    }

    /// The UID that an object needs although the original states none.
    pub(super) fn missing(&self, tag: Tag, what: &str) -> String {
        self.renamed(&format!("{tag} {what}"))
    }

    /// The elements of the patient, who is not to be told from them.
    pub(super) fn patient_of(&self, original: &InMemDicomObject) -> Vec<DataElement<InMemDicomObject>> {
        let patient = match self.patient.as_str() {
            "" => {
                let known = original.text(tags::PATIENT_ID).or_else(|| original.text(tags::STUDY_INSTANCE_UID));
                let known = known.unwrap_or_default();
                let hash = blake3::derive_key(
                    "segspec 2026 anonymous patient v1",
                    format!("{} {known}", self.secret).as_bytes(),
                );
                let digits = hash.iter().take(PATIENT_BYTES).map(|byte| format!("{byte:02x}"));
                format!("anonymous-{}", digits.collect::<String>())
            }
            stated => stated.to_owned(),
        };
        let set = DataSet::default()
            .text(tags::PATIENT_NAME, &patient)
            .text(tags::PATIENT_ID, &patient)
            .text(tags::PATIENT_BIRTH_DATE, "")
            .text(tags::PATIENT_SEX, "")
            .text(tags::PATIENT_IDENTITY_REMOVED, "YES")
            .text(tags::DEIDENTIFICATION_METHOD, &format!("{METHOD}listed elements only"));
        set.object().into_iter().collect()
    }
}

/// Whether this program has removed what identifies the patient.
pub(super) fn is_anonymous(header: &InMemDicomObject) -> bool {
    header.text(tags::PATIENT_IDENTITY_REMOVED).as_deref() == Some("YES")
        && header.text(tags::DEIDENTIFICATION_METHOD).is_some_and(|method| method.starts_with(METHOD))
}

/// Why a series cannot be copied.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// The original cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The copy cannot be written.
    #[error(transparent)]
    Write(#[from] WriteError),
}

/// Copies one image series into a new or empty folder, without what identifies the patient. Returns the files.
///
/// Pixels are copied as they are coded, with any text burned into them. Files that declare such text (BurnedInAnnotation) are refused.
///
/// # Errors
/// [`CopyError`] with the file's name.
pub fn anonymise(
    source: &Path,
    choice: &Choice,
    target: &Path,
    identity: &Anonymous,
) -> Result<Vec<PathBuf>, CopyError> {
    let series = Series::open(source, choice)?;
    is_empty(target)?;
    let mut originals: Vec<&Path> = series.grid.planes.iter().map(|plane| plane.instance.path.as_path()).collect();
    originals.dedup();
    let name = |index: usize| format!("{:04}.dcm", index + 1);
    let copy = |path: &Path, to: &Path| -> Result<(), CopyError> {
        let file = DicomFile::open(path)?.ok_or_else(|| damaged(path, "is no longer a DICOM file"))?;
        let (set, syntax) = copied(&file, identity)?;
        Ok(set.write(to, &syntax)?)
    };
    // An interrupted copy must not look like a series of fewer slices.
    files::write_folder(
        target,
        |error| WriteError::io(target, &error).into(),
        |staged| originals.iter().enumerate().try_for_each(|(index, path)| copy(path, &staged.join(name(index)))),
    )?;
    Ok((0..originals.len()).map(|index| target.join(name(index))).collect())
}

/// The data set of a copy, and its transfer syntax.
fn copied(file: &DicomFile, identity: &Anonymous) -> Result<(DataSet, String), ReadError> {
    if file.header.text(tags::BURNED_IN_ANNOTATION).as_deref() == Some("YES") {
        return Err(unsupported(&file.path, "declares text burned into its pixels: it cannot be anonymised"));
    }
    let rename = |original: &str| identity.renamed(original);
    let set = DataSet::default()
        .text(tags::SPECIFIC_CHARACTER_SET, "ISO_IR 192")
        .text(tags::STUDY_DATE, "")
        .text(tags::STUDY_TIME, "")
        .text(tags::ACCESSION_NUMBER, "")
        .text(tags::REFERRING_PHYSICIAN_NAME, "")
        .text(tags::SERIES_DESCRIPTION, &identity.description)
        .text(tags::STUDY_ID, "")
        .text(tags::SERIES_NUMBER, "");
    let set = identity.patient_of(&file.header).into_iter().fold(set, DataSet::element);
    let set = listed(&file.header, &rename).into_iter().fold(set, DataSet::element);
    let place = format!("{:?}", file.header.text(tags::IMAGE_POSITION_PATIENT));
    // Some archives empty the UIDs, but an object needs them.
    let missing = |tag: &Tag| file.header.text(*tag).is_none();
    let set = RENAMED[..3].iter().filter(|tag| missing(tag)).fold(set, |set, &tag| {
        let what = if tag == tags::SOP_INSTANCE_UID { place.as_str() } else { "" };
        set.text(tag, &identity.missing(tag, what))
    });
    let (pixels, syntax) = pixels(file)?;
    Ok((set.element(pixels), syntax))
}

/// The listed elements of a data set, with new UIDs.
fn listed(from: &InMemDicomObject, rename: &impl Fn(&str) -> String) -> Vec<DataElement<InMemDicomObject>> {
    let mut elements = Vec::new();
    for element in from.iter() {
        let tag = element.header().tag;
        if let Some(items) = element.items() {
            if GROUPS.contains(&tag) {
                let items: Vec<InMemDicomObject> =
                    items.iter().map(|item| InMemDicomObject::from_element_iter(listed(item, rename))).collect();
                elements.push(DataElement::new(tag, VR::SQ, DataSetSequence::from(items)));
            }
        } else if RENAMED.contains(&tag) {
            let renamed = from.text(tag).map(|original| rename(&original));
            elements.extend(renamed.map(|uid| DataElement::new(tag, VR::UI, PrimitiveValue::from(uid))));
        } else if KEPT.contains(&tag) || KEPT_PET.contains(&tag) {
            elements.push(element.clone());
        }
    }
    elements
}

/// The pixel data as coded; uncompressed frames become little endian.
fn pixels(file: &DicomFile) -> Result<(DataElement<InMemDicomObject>, String), ReadError> {
    let broken = |reason: String| damaged(&file.path, reason);
    let format = Format::of(&file.header).map_err(broken)?;
    let place = file.pixels.ok_or_else(|| broken("holds no image".into()))?;
    let (Some(length), Some(Codec::Native { big_endian })) = (place.length, file.syntax.codec) else {
        let fragments = super::frames::raw_fragments(file, place.start).map_err(broken)?;
        let (table, fragments) =
            fragments.split_first().ok_or_else(|| broken("its pixel data has no fragments".into()))?;
        let offsets = table.chunks_exact(4).map(|four| u32::from_le_bytes([four[0], four[1], four[2], four[3]]));
        let sequence = PixelFragmentSequence::new(offsets.collect::<Vec<u32>>(), fragments.to_vec());
        let element = DataElement::new(tags::PIXEL_DATA, VR::OB, Value::PixelSequence(sequence));
        return Ok((element, file.syntax.uid.clone()));
    };
    let mut bytes =
        super::frames::read(file, place.start, u64::from(length)).map_err(|error| broken(error.to_string()))?;
    if bytes.len() < length as usize {
        return Err(broken(format!("ends after {} of {length} bytes of pixel data", bytes.len())));
    }
    let width = (format.layout.bits_allocated / 8).max(1) as usize;
    if big_endian {
        bytes.chunks_exact_mut(width).for_each(<[u8]>::reverse);
    }
    let element = if width == 1 {
        DataElement::new(tags::PIXEL_DATA, VR::OB, PrimitiveValue::U8(bytes.into()))
    } else {
        let words: Vec<u16> = bytes.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect();
        DataElement::new(tags::PIXEL_DATA, VR::OW, PrimitiveValue::U16(words.into()))
    };
    Ok((element, NATIVE.into()))
}
