//! What a structure set holds, without an image: for `segspec inspect`, and for messages.

use std::path::Path;

use serde::Serialize;

use super::read::{Roi, structure_set};
use crate::ReadError;

/// Content of a structure set.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct ContourFacts {
    /// StructureSetLabel.
    pub label: String,
    /// UIDs of the series that the contours were drawn on, as far as the file states them.
    pub series: Vec<String>,
    /// The structures in the order of the file.
    pub structures: Vec<RoiFacts>,
}

/// Content of one structure.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct RoiFacts {
    /// ROIName.
    pub name: String,
    /// ROINumber.
    pub number: usize,
    /// ROIDisplayColor.
    pub color: Option<[u8; 3]>,
    /// Number of contours.
    pub contours: usize,
    /// Number of their points.
    pub points: usize,
    /// Types of the contours: "CLOSED_PLANAR", …; empty for a structure without contours.
    pub kinds: Vec<String>,
    /// Whether contours enclose an area: points and open lines do not become voxels.
    pub closed: bool,
    /// Smallest and largest corner `[x, y, z]` in RAS millimetres.
    pub bounds_mm: Option<[[f64; 3]; 2]>,
}

/// Summarises a structure set.
///
/// # Errors
/// [`ReadError`] with the file's name.
pub fn contour_facts(path: &Path) -> Result<ContourFacts, ReadError> {
    let set = structure_set(path)?;
    Ok(ContourFacts { label: set.label, series: set.series, structures: set.rois.iter().map(of_roi).collect() })
}

fn of_roi(roi: &Roi) -> RoiFacts {
    let mut kinds: Vec<String> = roi.contours.iter().map(|contour| contour.kind.clone()).collect();
    kinds.sort();
    kinds.dedup();
    let points = || roi.contours.iter().flat_map(|contour| contour.points.iter());
    let ras = points().map(|[x, y, z]| [0.0 - x, 0.0 - y, *z]);
    let bounds_mm = ras.fold(None, |bounds: Option<[[f64; 3]; 2]>, point| {
        let [low, high] = bounds.unwrap_or([point; 2]);
        Some([[0, 1, 2].map(|axis| low[axis].min(point[axis])), [0, 1, 2].map(|axis| high[axis].max(point[axis]))])
    });
    RoiFacts {
        name: roi.name.clone(),
        number: roi.number,
        color: roi.color,
        contours: roi.contours.len(),
        points: points().count(),
        kinds,
        closed: roi.contours.iter().all(super::read::Contour::is_closed),
        bounds_mm,
    }
}
