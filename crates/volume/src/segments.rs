//! Named structures of one file, as formats carry them that know more than label values: DICOM SEG, `.seg.nrrd`, surfaces.

use super::{Geometry, Segmentation};

/// One structure of a segmentation file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Name as the file gives it.
    pub name: String,
    /// Value in a label map; in [`Segmentation::Masks`] the number under which the file lists it.
    pub value: u16,
    /// Display colour.
    pub color: Option<[u8; 3]>,
}

/// A segmentation with the names of its structures.
#[derive(Clone, Debug, PartialEq)]
pub struct Segments {
    /// The structures; for [`Segmentation::Masks`] in the order of the masks' first axis.
    pub segments: Vec<Segment>,
    /// Which voxels belong to them.
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
