//! Shared by the DICOM layouts: a CT stored as by a scanner.

use std::path::Path;
use std::time::SystemTime;

use crate::dataset::phantom::part::Part;
use crate::dataset::phantom::render::Scan;
use crate::volume::dicom::{Modality, SeriesHeader, write_series};
use crate::volume::{Geometry, LabelMap, Volume, WriteError};

/// Creation time, the same in every set.
pub(super) const CREATED: SystemTime = SystemTime::UNIX_EPOCH;

/// Image and labels in axial orientation: rows to the patient's left, columns to the back, slices upwards. Nothing is interpolated.
pub(super) fn axial(scan: &Scan, value: impl Fn(Part) -> u16) -> (Volume, LabelMap) {
    let lps = Geometry {
        affine: [[-1.0, 0.0, 0.0, 0.0], [0.0, -1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0]],
        ..Geometry::axis_aligned([1; 3], [1.0; 3])
    };
    let (image, labels) = (scan.image.to_canonical(), scan.labels(value).to_canonical());
    (Volume::from_canonical(&image, &lps), LabelMap::from_canonical(&labels, &lps))
}

/// Writes `0001.dcm`, …; UIDs are derived from the content.
pub(super) fn write(folder: &Path, patient: &str, image: &Volume) -> Result<(), WriteError> {
    let header = SeriesHeader {
        modality: Modality::Ct,
        description: "Synthetic abdominal CT".into(),
        patient: patient.into(),
        series_number: 1,
        created: CREATED,
    };
    write_series(folder, image, &header).map(drop)
}
