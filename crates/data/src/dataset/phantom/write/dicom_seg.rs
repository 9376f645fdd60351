//! A DICOM series and a DICOM SEG, as exported by archives: `Patient_01/im_1/0001.dcm`, `Patient_01/im_3/0001.dcm`.

use std::path::Path;

use super::{Structure, dicom, value_of};
use crate::dataset::DataError;
use crate::dataset::phantom::part::Part;
use crate::dataset::phantom::render::Scan;
use crate::volume::dicom::{Algorithm, Choice, Code, SegmentCoding, SegmentationHeader, Series, write_segments};
use crate::volume::{Segment, Segmentation, Segments, WriteError};

/// Segments in the order of their numbers.
const STRUCTURES: [Structure; 5] = [
    ("spine", 1, Part::Spine),
    ("left-kidney", 2, Part::LeftKidney),
    ("right-kidney", 3, Part::RightKidney),
    ("liver", 4, Part::Liver),
    ("spleen", 5, Part::Spleen),
];
const COLORS: [[u8; 3]; 5] =
    [[0x84, 0x5b, 0xb7], [0x4d, 0xbb, 0xd5], [0x00, 0xa0, 0x87], [0xb5, 0x53, 0x3c], [0xf3, 0xc3, 0x00]];
/// SNOMED CT codes.
const CODES: [[&str; 2]; 5] = [
    ["421060004", "Spine"],
    ["18639004", "Left kidney"],
    ["9846003", "Right kidney"],
    ["10200004", "Liver"],
    ["78961009", "Spleen"],
];

pub(super) fn write(folder: &Path, number: usize, scan: &Scan) -> Result<(), DataError> {
    let patient = format!("Patient_{:02}", number + 1);
    let folder = folder.join(&patient);
    let (image, labels) = dicom::axial(scan, |part| value_of(&STRUCTURES, part));
    let (images, objects) = (folder.join("im_1"), folder.join("im_3"));
    dicom::write(&images, &patient, &image)?;
    let failed = |reason: String| WriteError { path: objects.clone(), reason, environment: false };
    let series = Series::open(&images, &Choice::default()).map_err(|error| failed(error.to_string()))?;
    let named = STRUCTURES.into_iter().zip(COLORS);
    let segments = named.map(|((name, value, _), color)| Segment { name: name.into(), value, color: Some(color) });
    let segments = Segments { segments: segments.collect(), content: Segmentation::Labels(labels) };
    Ok(write_segments(&objects.join("0001.dcm"), &segments, &series, &header())?)
}

fn header() -> SegmentationHeader {
    let coding = |[code, meaning]: [&str; 2]| SegmentCoding {
        category: Code::new("123037004", "SCT", "Anatomical Structure"),
        property: Code::new(code, "SCT", meaning),
        modifier: None,
        algorithm: Algorithm::Automatic("segspec phantom".into()),
    };
    SegmentationHeader {
        description: "Segmentation".into(),
        series_number: 3,
        coding: CODES.map(coding).to_vec(),
        created: dicom::CREATED,
        ..SegmentationHeader::default()
    }
}
