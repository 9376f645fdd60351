//! Writes structures into the label map of a case, one after the other.

use std::path::Path;

use ndarray::{Array3, ArrayView, ArrayView2, ArrayView3, ArrayViewMut, Axis, Dimension, Zip};

use crate::dataset::Case;
use crate::dataset::read::CaseError;
use crate::volume::{Geometry, LabelMap};

/// A label map into which structures are written one after the other.
pub(super) struct Canvas<'a> {
    pub labels: LabelMap,
    case: &'a Case,
}

impl<'a> Canvas<'a> {
    pub fn new(case: &'a Case, geometry: &Geometry) -> Self {
        let voxels = Array3::zeros(geometry.shape);
        Self { labels: LabelMap { voxels, geometry: geometry.clone() }, case }
    }

    /// Sets the voxels of a mask to a structure's value.
    pub fn paint<M: PartialEq + Default>(
        &mut self,
        value: u16,
        mask: ArrayView3<M>,
        file: &Path,
    ) -> Result<(), CaseError> {
        paint(self.labels.voxels.view_mut(), mask, value, self.case.reading.overlap, file)
    }

    /// Adds structures that are already on this grid.
    pub fn add(&mut self, others: &LabelMap, file: &Path) -> Result<(), CaseError> {
        let (mut conflicts, overlap) = (0_usize, self.case.reading.overlap);
        Zip::from(&mut self.labels.voxels).and(&others.voxels).for_each(|label, &other| match (*label, other) {
            (_, 0) => {}
            (0, _) => *label = other,
            (known, _) if overlap => *label = known | other,
            (known, _) => conflicts += usize::from(known != other),
        });
        refuse_overlap(conflicts, file)
    }

    /// Sets the voxels of a mask of one slice to a structure's value.
    pub fn paint_slice(&mut self, value: u16, z: usize, mask: ArrayView2<u8>, file: &Path) -> Result<(), CaseError> {
        let slice = self.labels.voxels.index_axis_mut(Axis(0), z);
        paint(slice, mask, value, self.case.reading.overlap, file)
    }
}

/// If structures may overlap, their values are single bits, and a voxel holds the union of the bits of its structures.
fn paint<D: Dimension, M: PartialEq + Default>(
    labels: ArrayViewMut<u16, D>,
    mask: ArrayView<M, D>,
    value: u16,
    overlap: bool,
    file: &Path,
) -> Result<(), CaseError> {
    let mut conflicts = 0_usize;
    let outside = M::default();
    Zip::from(labels).and(mask).for_each(|label, inside| match (*inside != outside, *label) {
        (false, _) => {}
        (_, 0) => *label = value,
        (_, other) if overlap => *label = other | value,
        (_, other) => conflicts += usize::from(other != value),
    });
    refuse_overlap(conflicts, file)
}

fn refuse_overlap(conflicts: usize, file: &Path) -> Result<(), CaseError> {
    match conflicts {
        0 => Ok(()),
        voxels => Err(CaseError::Overlap { path: file.into(), voxels }),
    }
}
