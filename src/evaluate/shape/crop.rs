//! The masks of one structure, cropped to the box around both.

use std::ops::Range;

/// Bit of a voxel that the reference assigns to the structure.
pub const REFERENCE: u8 = 1;
/// Bit of a voxel that the prediction assigns to the structure.
pub const PREDICTION: u8 = 2;

/// The part of an image that holds a structure, in reference or prediction. Outside it, and outside the image, there is nothing of it.
#[derive(Clone, Debug)]
pub struct Crop {
    /// Voxels along each axis; that of an image of one slice comes first.
    pub size: [usize; 3],
    /// Distance of neighbouring voxels along these axes, in the unit of all distances.
    pub spacing: [f64; 3],
    /// Whether the image has one slice: then surfaces are contours in its plane.
    pub flat: bool,
    /// [`REFERENCE`] and [`PREDICTION`] by voxel, the last axis contiguous.
    pub voxels: Vec<u8>,
}

impl Crop {
    /// Voxels of a row.
    pub fn row(&self, first: usize, second: usize) -> &[u8] {
        let start = (first * self.size[1] + second) * self.size[2];
        &self.voxels[start..start + self.size[2]]
    }
}

/// The order in which axes are measured: an image of one slice has its thin axis first.
pub fn axis_order(shape: [usize; 3]) -> [usize; 3] {
    match shape.iter().position(|voxels| *voxels == 1) {
        Some(1) => [1, 0, 2],
        Some(2) => [2, 0, 1],
        _ => [0, 1, 2],
    }
}

/// A box of voxels: smallest and largest index along each axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    low: [usize; 3],
    high: [usize; 3],
}

impl Bounds {
    /// Contains nothing.
    pub const NOTHING: Self = Self { low: [usize::MAX; 3], high: [0; 3] };

    /// Extends the box by a run of voxels of a row.
    pub fn add(&mut self, slice: usize, row: usize, run: &Range<usize>) {
        self.include([slice, row, run.start], [slice, row, run.end - 1]);
    }

    fn include(&mut self, low: [usize; 3], high: [usize; 3]) {
        for axis in 0..3 {
            self.low[axis] = self.low[axis].min(low[axis]);
            self.high[axis] = self.high[axis].max(high[axis]);
        }
    }

    /// The box around both.
    #[must_use]
    pub fn union(mut self, other: Self) -> Self {
        self.include(other.low, other.high);
        self
    }

    /// Indices along each axis; `None` if it contains nothing.
    pub fn ranges(&self) -> Option<[Range<usize>; 3]> {
        (self.low[0] <= self.high[0]).then(|| [0, 1, 2].map(|axis| self.low[axis]..self.high[axis] + 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_box_grows_by_runs_and_a_thin_axis_comes_first() {
        assert_eq!(Bounds::NOTHING.ranges(), None);
        assert_eq!(Bounds::NOTHING.union(Bounds::NOTHING).ranges(), None);
        let (mut one, mut other) = (Bounds::NOTHING, Bounds::NOTHING);
        one.add(2, 5, &(3..7));
        other.add(4, 1, &(6..9));
        assert_eq!(one.ranges(), Some([2..3, 5..6, 3..7]));
        assert_eq!(one.union(other).union(Bounds::NOTHING).ranges(), Some([2..5, 1..6, 3..9]));
        assert_eq!([[1, 5, 6], [5, 1, 6], [5, 6, 1], [5, 6, 7]].map(axis_order)[2], [2, 0, 1]);
    }
}
