//! Writes an image as a DICOM series: one single-frame object per slice.

pub(super) mod build;
mod rescale;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use dicom_dictionary_std::{tags, uids};
use ndarray::{ArrayView2, Axis};

use self::build::{DataSet, NATIVE, date_and_time, uid};
use self::rescale::{Storage, storage};
use crate::files;
use crate::geometry::dot;
use crate::{Geometry, Volume, WriteError};

/// Rows and columns are at right angles when the cosine between them is smaller.
const RIGHT_ANGLE: f64 = 1e-4;

/// Kind of object that a series is written as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Modality {
    /// CT Image Storage; values are Hounsfield units.
    Ct,
    /// MR Image Storage.
    Mr,
    /// Secondary Capture Image Storage, for anything else.
    Other,
}

impl Modality {
    fn attributes(self) -> (&'static str, &'static str) {
        match self {
            Self::Ct => ("CT", uids::CT_IMAGE_STORAGE),
            Self::Mr => ("MR", uids::MR_IMAGE_STORAGE),
            Self::Other => ("OT", uids::SECONDARY_CAPTURE_IMAGE_STORAGE),
        }
    }
}

/// Header of a written series.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeriesHeader {
    /// Kind of object.
    pub modality: Modality,
    /// SeriesDescription.
    pub description: String,
    /// PatientID, also written as the name.
    pub patient: String,
    /// SeriesNumber.
    pub series_number: u32,
    /// Date and time of the content, written as UTC.
    pub created: SystemTime,
}

/// Writes a series into a folder that is new or empty: `0001.dcm`, … in the order of the slices. Returns the files.
///
/// Values are stored in 16 bits and read back exactly; UIDs are derived from the content.
///
/// # Errors
/// [`WriteError`]: several channels, values that 16 bits with slope and intercept cannot represent, rows and columns that are not
/// perpendicular, a folder that is not empty.
pub fn write_series(folder: &Path, volume: &Volume, header: &SeriesHeader) -> Result<Vec<PathBuf>, WriteError> {
    let failed = |reason: String| WriteError { path: folder.into(), reason, environment: false };
    let [depth, ..] = volume.geometry.shape;
    let channels = volume.voxels.dim().0;
    if channels != 1 {
        return Err(failed(format!("a DICOM series has one channel, this image {channels}; write each one by itself")));
    }
    check(&volume.geometry).map_err(failed)?;
    is_empty(folder)?;
    let image = volume.voxels.index_axis(Axis(0), 0);
    let storages = storages(volume).map_err(failed)?;
    let series = Series::new(volume, header);
    let name = |slice: usize| format!("{:04}.dcm", slice + 1);
    // An interrupted conversion must not look like a series of fewer slices.
    files::write_folder(
        folder,
        |error| WriteError::io(folder, &error),
        |staged| {
            image.outer_iter().enumerate().try_for_each(|(slice, plane)| {
                series
                    .instance(slice, plane, &storages[slice % storages.len()])
                    .write(&staged.join(name(slice)), NATIVE)
            })
        },
    )?;
    Ok((0..depth).map(|slice| folder.join(name(slice))).collect())
}

/// One storage for all slices where possible, else one per slice, as in PET.
fn storages(volume: &Volume) -> Result<Vec<Storage>, String> {
    storage(volume.voxels.iter().copied()).map(|storage| vec![storage]).or_else(|whole| {
        let image = volume.voxels.index_axis(Axis(0), 0);
        image.outer_iter().map(|plane| storage(plane.iter().copied())).collect::<Result<_, _>>().map_err(|_| whole)
    })
}

fn check(geometry: &Geometry) -> Result<(), String> {
    let [x, y, _] = geometry.directions();
    if dot(x, y).abs() > RIGHT_ANGLE {
        return Err("rows and columns are not at right angles, DICOM cannot state that; resample the image".into());
    }
    if geometry.shape.iter().any(|&count| count == 0 || count > usize::from(u16::MAX)) {
        return Err(format!("has {:?} voxels; DICOM holds 1 to 65535 rows and columns", geometry.shape));
    }
    if !geometry.has_spacing && geometry.shape[0] > 1 {
        return Err("has no spacing; DICOM orders slices by their positions".into());
    }
    Ok(())
}

pub(super) fn is_empty(folder: &Path) -> Result<(), WriteError> {
    let holds_files = fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some());
    if holds_files {
        let reason = "the folder is not empty: files of two series would mix".into();
        return Err(WriteError { path: folder.into(), reason, environment: false });
    }
    Ok(())
}

/// Geometry of a grid in DICOM's terms.
pub(super) struct Frame<'a>(pub &'a Geometry);

impl Frame<'_> {
    /// ImagePositionPatient of a slice, in LPS millimetres.
    pub fn position(&self, slice: usize) -> [f64; 3] {
        let [x, y, z] = self.0.to_world([slice as f64, 0.0, 0.0]);
        [0.0 - x, 0.0 - y, z]
    }

    /// ImageOrientationPatient.
    pub fn orientation(&self) -> [f64; 6] {
        let [row, column, _] = self.0.directions();
        [0.0 - row[0], 0.0 - row[1], row[2], 0.0 - column[0], 0.0 - column[1], column[2]]
    }

    /// PixelSpacing: between rows, between columns.
    pub fn spacing(&self) -> [f64; 2] {
        let [_, y, x] = self.0.spacing_mm();
        [y, x]
    }
}

/// What the objects of a series share.
struct Series<'a> {
    geometry: &'a Geometry,
    header: &'a SeriesHeader,
    uid: String,
}

impl<'a> Series<'a> {
    fn new(volume: &'a Volume, header: &'a SeriesHeader) -> Self {
        let mut content = blake3::Hasher::new();
        for value in volume.voxels.iter() {
            content.update(&value.to_le_bytes());
        }
        let state = format!("{:?} {header:?}", volume.geometry);
        let uid = uid(&[b"series", content.finalize().as_bytes(), state.as_bytes()]);
        Self { geometry: &volume.geometry, header, uid }
    }

    fn instance(&self, slice: usize, plane: ArrayView2<f32>, storage: &Storage) -> DataSet {
        let (modality, class) = self.header.modality.attributes();
        let instance = uid(&[b"instance", self.uid.as_bytes(), &slice.to_le_bytes()]);
        let (date, time) = date_and_time(self.header.created);
        let kind = if self.header.modality == Modality::Ct { "AXIAL" } else { "OTHER" };
        let set = DataSet::default()
            .text(tags::SPECIFIC_CHARACTER_SET, "ISO_IR 192")
            .texts(tags::IMAGE_TYPE, &["DERIVED", "PRIMARY", kind])
            .text(tags::SOP_CLASS_UID, class)
            .text(tags::SOP_INSTANCE_UID, &instance)
            .text(tags::STUDY_DATE, &date)
            .text(tags::CONTENT_DATE, &date)
            .text(tags::STUDY_TIME, &time)
            .text(tags::CONTENT_TIME, &time)
            .text(tags::ACCESSION_NUMBER, "")
            .text(tags::MODALITY, modality)
            .text(tags::CONVERSION_TYPE, "WSD")
            .text(tags::MANUFACTURER, "segspec")
            .text(tags::REFERRING_PHYSICIAN_NAME, "")
            .text(tags::SERIES_DESCRIPTION, &self.header.description)
            .text(tags::PATIENT_NAME, &self.header.patient)
            .text(tags::PATIENT_ID, &self.header.patient)
            .text(tags::PATIENT_BIRTH_DATE, "")
            .text(tags::PATIENT_SEX, "")
            .text(tags::STUDY_INSTANCE_UID, &uid(&[b"study", self.uid.as_bytes()]))
            .text(tags::SERIES_INSTANCE_UID, &self.uid)
            .text(tags::STUDY_ID, "")
            .integer(tags::SERIES_NUMBER, self.header.series_number as usize)
            // Unknown, as PS3.3 asks of paired body parts.
            .text(tags::LATERALITY, "")
            .integer(tags::INSTANCE_NUMBER, slice + 1);
        self.pixels(self.placed(set, slice), plane, storage)
    }

    /// Position of a slice; nothing for an image without physical size.
    fn placed(&self, set: DataSet, slice: usize) -> DataSet {
        if !self.geometry.has_spacing {
            return set.text(tags::PATIENT_ORIENTATION, "");
        }
        let frame = Frame(self.geometry);
        let thickness = self.geometry.spacing_mm()[0];
        let set = match self.header.modality {
            Modality::Ct => set.text(tags::KVP, "").text(tags::ACQUISITION_NUMBER, ""),
            Modality::Mr => set
                .text(tags::ACQUISITION_NUMBER, "")
                .text(tags::SCANNING_SEQUENCE, "RM")
                .text(tags::SEQUENCE_VARIANT, "NONE")
                .text(tags::SCAN_OPTIONS, "")
                .text(tags::MR_ACQUISITION_TYPE, "")
                .text(tags::REPETITION_TIME, "")
                .text(tags::ECHO_TIME, "")
                .text(tags::ECHO_TRAIN_LENGTH, ""),
            Modality::Other => set.text(tags::PATIENT_ORIENTATION, ""),
        };
        set.decimals(tags::SLICE_THICKNESS, &[thickness])
            .decimals(tags::SPACING_BETWEEN_SLICES, &[thickness])
            .text(tags::PATIENT_POSITION, "")
            .decimals(tags::IMAGE_POSITION_PATIENT, &frame.position(slice))
            .decimals(tags::IMAGE_ORIENTATION_PATIENT, &frame.orientation())
            .text(tags::FRAME_OF_REFERENCE_UID, &uid(&[b"frame of reference", self.uid.as_bytes()]))
            .text(tags::POSITION_REFERENCE_INDICATOR, "")
            .decimals(tags::PIXEL_SPACING, &frame.spacing())
    }

    fn pixels(&self, set: DataSet, plane: ArrayView2<f32>, storage: &Storage) -> DataSet {
        let (rows, columns) = plane.dim();
        let set = set
            .words(tags::SAMPLES_PER_PIXEL, &[1])
            .text(tags::PHOTOMETRIC_INTERPRETATION, "MONOCHROME2")
            .words(tags::ROWS, &[rows as u16])
            .words(tags::COLUMNS, &[columns as u16])
            .words(tags::BITS_ALLOCATED, &[16])
            .words(tags::BITS_STORED, &[16])
            .words(tags::HIGH_BIT, &[15])
            .words(tags::PIXEL_REPRESENTATION, &[u16::from(storage.signed)])
            .decimals(tags::RESCALE_INTERCEPT, &[storage.intercept])
            .decimals(tags::RESCALE_SLOPE, &[storage.slope])
            .text(tags::RESCALE_TYPE, if self.header.modality == Modality::Ct { "HU" } else { "US" });
        set.pixels(plane.iter().map(|&value| storage.stored(value)).collect())
    }
}
