//! The structures of a structure set, and their contours in LPS millimetres.

use std::path::Path;

use dicom_dictionary_std::{tags, uids};
use dicom_object::InMemDicomObject;

use crate::ReadError;
use crate::dicom::file::DicomFile;
use crate::dicom::value::Values;
use crate::dicom::{damaged, unsupported};
use segspec_base::counted;

/// A structure set.
#[derive(Debug)]
pub(super) struct StructureSet {
    pub label: String,
    /// SeriesInstanceUIDs of the images that the contours were drawn on, as far as the file states them.
    pub series: Vec<String>,
    pub rois: Vec<Roi>,
}

/// One structure ("region of interest").
#[derive(Debug)]
pub(super) struct Roi {
    /// ROINumber.
    pub number: usize,
    pub name: String,
    pub color: Option<[u8; 3]>,
    /// Frame of reference of its coordinates; empty where the file states none.
    pub frame_of_reference: String,
    pub contours: Vec<Contour>,
}

/// One contour.
#[derive(Debug)]
pub(super) struct Contour {
    /// ContourGeometricType: "CLOSED_PLANAR", "POINT", …
    pub kind: String,
    pub points: Vec<[f64; 3]>,
    /// The images that it was drawn on.
    pub images: Vec<String>,
}

impl Contour {
    /// Whether it encloses an area.
    pub fn is_closed(&self) -> bool {
        ["CLOSED_PLANAR", "CLOSEDPLANAR_XOR"].contains(&self.kind.as_str())
    }
}

/// Whether a file is a structure set (RTSTRUCT) that [`super::read_contours`] reads.
///
/// # Errors
/// [`ReadError`] where the file cannot be read.
pub fn is_contours(path: &Path) -> Result<bool, ReadError> {
    Ok(DicomFile::open(path)?.is_some_and(|file| is_structure_set(&file)))
}

fn is_structure_set(file: &DicomFile) -> bool {
    file.header.text(tags::SOP_CLASS_UID).as_deref() == Some(uids::RT_STRUCTURE_SET_STORAGE)
}

/// Reads a structure set with all its contours.
pub(super) fn structure_set(path: &Path) -> Result<StructureSet, ReadError> {
    let file = DicomFile::with_contours(path)?.ok_or_else(|| unsupported(path, "is not a DICOM file"))?;
    if !is_structure_set(&file) {
        return Err(unsupported(path, "is not a DICOM structure set (RTSTRUCT)"));
    }
    let header = &file.header;
    let rois = rois(header).map_err(|reason| damaged(path, reason))?;
    if rois.is_empty() {
        return Err(unsupported(path, "is a structure set (RTSTRUCT) without structures"));
    }
    Ok(StructureSet { label: header.text(tags::STRUCTURE_SET_LABEL).unwrap_or_default(), series: series(header), rois })
}

/// The series that the contours were drawn on.
fn series(header: &InMemDicomObject) -> Vec<String> {
    let frames = header.items(tags::REFERENCED_FRAME_OF_REFERENCE_SEQUENCE).iter();
    let studies = frames.flat_map(|frame| frame.items(tags::RT_REFERENCED_STUDY_SEQUENCE));
    let series = studies.flat_map(|study| study.items(tags::RT_REFERENCED_SERIES_SEQUENCE));
    let mut uids: Vec<String> = series.filter_map(|series| series.text(tags::SERIES_INSTANCE_UID)).collect();
    uids.dedup();
    uids
}

fn rois(header: &InMemDicomObject) -> Result<Vec<Roi>, String> {
    let general = header.text(tags::FRAME_OF_REFERENCE_UID).unwrap_or_default();
    let mut rois: Vec<Roi> = Vec::new();
    for item in header.items(tags::STRUCTURE_SET_ROI_SEQUENCE) {
        let number = item.required_count(tags::ROI_NUMBER)?;
        if rois.iter().any(|roi| roi.number == number) {
            return Err(format!("two structures have the number {number}"));
        }
        let name = item.text(tags::ROI_NAME).unwrap_or_else(|| format!("ROI {number}"));
        let frame_of_reference = item.text(tags::REFERENCED_FRAME_OF_REFERENCE_UID).unwrap_or_else(|| general.clone());
        rois.push(Roi { number, name, color: None, frame_of_reference, contours: Vec::new() });
    }
    for item in header.items(tags::ROI_CONTOUR_SEQUENCE) {
        let number = item.required_count(tags::REFERENCED_ROI_NUMBER)?;
        let roi = rois.iter_mut().find(|roi| roi.number == number);
        let roi = roi.ok_or_else(|| format!("has contours of the structure {number}, which it does not describe"))?;
        roi.color = item.vector(tags::ROI_DISPLAY_COLOR).ok().flatten().map(|rgb: [f64; 3]| rgb.map(|part| part as u8));
        for (index, item) in item.items(tags::CONTOUR_SEQUENCE).iter().enumerate() {
            let contour =
                contour(item).map_err(|reason| format!("contour {} of `{}` {reason}", index + 1, roi.name))?;
            roi.contours.push(contour);
        }
    }
    Ok(rois)
}

fn contour(item: &InMemDicomObject) -> Result<Contour, String> {
    let kind = item.text(tags::CONTOUR_GEOMETRIC_TYPE).ok_or("has no ContourGeometricType")?;
    let numbers = item.numbers(tags::CONTOUR_DATA).map_err(|reason| format!("has a wrong point: {reason}"))?;
    let numbers = numbers.ok_or("has no points (ContourData), or more than are read")?;
    let stated = item.count(tags::NUMBER_OF_CONTOUR_POINTS)?;
    if numbers.len() % 3 != 0 || stated.is_some_and(|stated| stated != numbers.len() / 3) {
        let stated =
            stated.map(|stated| format!(", its header states {}", counted(stated, "point"))).unwrap_or_default();
        return Err(format!("has {} coordinates{stated}", numbers.len()));
    }
    let images = item.items(tags::CONTOUR_IMAGE_SEQUENCE).iter();
    Ok(Contour {
        kind,
        points: numbers.chunks_exact(3).map(|point| [point[0], point[1], point[2]]).collect(),
        images: images.filter_map(|image| image.text(tags::REFERENCED_SOP_INSTANCE_UID)).collect(),
    })
}
