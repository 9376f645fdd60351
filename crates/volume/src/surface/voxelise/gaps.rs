//! The winding number of the cones that close holes, rounded.
//!
//! With c the winding number of the cones and n the count, the surface alone has n - c. That is nearer to 0 than to any other whole number
//! exactly where n is the whole number nearest to c. The contribution of distant parts of the cones is smooth and expanded around the
//! centre of a block of voxels; for the rest, blocks are bisected, down to single voxels (the fast multipole method of Greengard &
//! Rokhlin 1987 in its simplest form).

use super::super::taylor::Taylor;
use super::super::winding::WindingNumber;
use crate::Geometry;
use crate::geometry::norm;

/// Voxels of a slab, first and one past the last, `[z, y, x]`.
type Block = [[usize; 2]; 3];

/// Slices of a grid.
pub(super) struct Slab<'a> {
    pub geometry: &'a Geometry,
    /// The first slice.
    pub first: usize,
    /// Slices, rows and columns.
    pub shape: [usize; 3],
}

impl Slab<'_> {
    /// The rounded winding number of the cones at each voxel `[z, y, x]`.
    pub fn round(&self, cone: &WindingNumber) -> Vec<i32> {
        let mut rounded = vec![0; self.shape.iter().product()];
        let mut waiting = vec![(self.shape.map(|count| [0, count]), Taylor::default(), cone.roots())];
        while let Some((block, far, near)) = waiting.pop() {
            if cone.is_empty() || block.iter().any(|[from, to]| from >= to) {
                continue;
            }
            let (centre, radius) = self.ball(&block);
            let mut far = far.moved_to(centre);
            let near = cone.gather(&near, &mut far, radius);
            if radius == 0.0 {
                self.fill(&block, &mut rounded, |_| far.middle() + cone.sum(&near, centre));
            } else if near.is_empty() {
                self.fill_expanded(&block, &mut rounded, &far, radius);
            } else {
                waiting.extend(halves(block).map(|half| (half, far, near.clone())));
            }
        }
        rounded
    }

    /// Rounds a polynomial over a block that lies in a ball around its centre.
    fn fill_expanded(&self, block: &Block, rounded: &mut [i32], taylor: &Taylor, radius: f64) {
        let (value, swing) = (taylor.middle(), taylor.swing(radius));
        if (value - swing).round() == (value + swing).round() {
            self.fill(block, rounded, |_| value);
        } else {
            self.fill(block, rounded, |voxel| taylor.at(self.geometry.to_world(voxel)));
        }
    }

    /// The ball around a block's voxel centres, in millimetres.
    fn ball(&self, block: &Block) -> ([f64; 3], f64) {
        let mut middle = block.map(|[from, to]| (from + to - 1) as f64 / 2.0);
        middle[0] += self.first as f64;
        let half = block.map(|[from, to]| (to - from - 1) as f64 / 2.0);
        let corner = |signs: [f64; 3]| [0, 1, 2].map(|axis| half[axis] * signs[axis]);
        let corners = [[1.0, 1.0, 1.0], [-1.0, 1.0, 1.0], [1.0, -1.0, 1.0], [1.0, 1.0, -1.0]].map(corner);
        let distance = |[z, y, x]: [f64; 3]| norm(self.geometry.affine.map(|row| row[0] * x + row[1] * y + row[2] * z));
        (self.geometry.to_world(middle), corners.map(distance).into_iter().fold(0.0, f64::max))
    }

    /// Rounds a function of the voxel `[z, y, x]` over a block.
    fn fill(&self, block: &Block, rounded: &mut [i32], value: impl Fn([f64; 3]) -> f64) {
        let [_, height, width] = self.shape;
        let [slices, rows, [left, right]] = *block;
        for z in slices[0]..slices[1] {
            for y in rows[0]..rows[1] {
                let row = (z * height + y) * width;
                for (x, voxel) in (left..right).zip(&mut rounded[row + left..row + right]) {
                    *voxel = value([(z + self.first) as f64, y as f64, x as f64]).round() as i32;
                }
            }
        }
    }
}

fn halves(block: Block) -> [Block; 2] {
    let longest = (0..3).max_by_key(|&axis| block[axis][1] - block[axis][0]).unwrap_or(0);
    let [from, to] = block[longest];
    let middle = from + (to - from) / 2;
    let (mut one, mut other) = (block, block);
    one[longest] = [from, middle];
    other[longest] = [middle, to];
    [one, other]
}
