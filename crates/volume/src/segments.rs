//! Named structures of one file, as in formats that store more than label values: DICOM SEG, `.seg.nrrd`, surfaces.

use super::{Geometry, Segmentation};

/// One structure of a segmentation file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Name as the file gives it.
    pub name: String,
    /// Value in a label map; for [`Segmentation::Masks`] the segment's number in the file.
    pub value: u16,
    /// Display colour.
    pub color: Option<[u8; 3]>,
}

/// A segmentation with the names of its structures.
#[derive(Clone, Debug, PartialEq)]
pub struct Segments {
    /// The structures; for [`Segmentation::Masks`] in the order of the masks.
    pub segments: Vec<Segment>,
    /// Their voxels.
    pub content: Segmentation,
}

impl Segments {
    /// The grid.
    pub fn geometry(&self) -> &Geometry {
        match &self.content {
            Segmentation::Labels(labels) => &labels.geometry,
            Segmentation::Masks { geometry, .. } => geometry,
        }
    }
}
