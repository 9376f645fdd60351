//! Skeletons by thinning (Lee, Kashyap and Chu 1994), as scikit-image's `skeletonize(method="lee")`, and clDice (Shit et al. 2021). Other than
//! there, no component vanishes.

use super::crop::{Crop, PREDICTION, REFERENCE};

/// The voxel in the middle of its 27 neighbours.
const MIDDLE: u32 = 1 << 13;

/// Directions from which voxels are removed, in this order: steps along the three axes.
const DIRECTIONS: [[isize; 3]; 6] = [[0, -1, 0], [0, 1, 0], [0, 0, 1], [0, 0, -1], [1, 0, 0], [-1, 0, 0]];

/// Centreline Dice: the harmonic mean of the part of the prediction's skeleton that lies in the reference, and the reverse. `None` if a
/// mask is empty.
pub(super) fn cl_dice(crop: &Crop) -> Option<f64> {
    let precision = share(crop, PREDICTION, REFERENCE)?;
    let sensitivity = share(crop, REFERENCE, PREDICTION)?;
    let sum = precision + sensitivity;
    Some(if sum > 0.0 { 2.0 * precision * sensitivity / sum } else { 0.0 })
}

/// Part of the skeleton of one mask that lies in the other.
fn share(crop: &Crop, of: u8, within: u8) -> Option<f64> {
    let skeleton = skeleton(crop, of);
    let there = skeleton.iter().filter(|at| crop.voxels[**at] & within != 0).count();
    (!skeleton.is_empty()).then(|| there as f64 / skeleton.len() as f64)
}

/// Indices of the voxels of a mask's skeleton.
fn skeleton(crop: &Crop, bit: u8) -> Vec<usize> {
    let mut image = Padded::of(crop, bit);
    let shapes = Shapes::new();
    let mut unchanged = 0;
    while unchanged < DIRECTIONS.len() {
        unchanged = 0;
        for direction in DIRECTIONS {
            let ahead = image.offset(direction);
            let open = |at: &&usize| image.voxels[at.saturating_add_signed(ahead)] == 0;
            let removable = |at: &&usize| shapes.removable(image.neighbours(**at));
            let candidates: Vec<usize> = image.inside.iter().filter(open).filter(removable).copied().collect();
            // One after the other, so that what hung together still does.
            let before = image.inside.len();
            let mut removed = 0;
            for at in candidates {
                let neighbours = image.neighbours(at);
                // The last voxel of a component stays.
                if neighbours != MIDDLE && shapes.is_connected(neighbours) {
                    image.voxels[at] = 0;
                    removed += 1;
                }
            }
            if removed > 0 {
                let Padded { voxels, inside, .. } = &mut image;
                inside.retain(|at| voxels[*at] != 0);
            }
            unchanged += usize::from(image.inside.len() == before);
        }
    }
    image.inside.iter().map(|at| image.in_crop(*at)).collect()
}

/// A mask with a border of one voxel.
struct Padded {
    size: [usize; 3],
    voxels: Vec<u8>,
    /// Indices of the voxels inside.
    inside: Vec<usize>,
}

impl Padded {
    fn of(crop: &Crop, bit: u8) -> Self {
        let size = crop.size.map(|voxels| voxels + 2);
        let mut it = Self { size, voxels: vec![0; size.iter().product()], inside: Vec::new() };
        let width = crop.size[2].max(1);
        for (row, voxels) in crop.voxels.chunks_exact(width).enumerate() {
            let start = ((row / crop.size[1] + 1) * size[1] + row % crop.size[1] + 1) * size[2] + 1;
            for (index, _) in voxels.iter().enumerate().filter(|(_, voxel)| **voxel & bit != 0) {
                it.voxels[start + index] = 1;
                it.inside.push(start + index);
            }
        }
        it
    }

    fn offset(&self, [first, second, third]: [isize; 3]) -> isize {
        (first * self.size[1] as isize + second) * self.size[2] as isize + third
    }

    /// Index of a voxel in the crop.
    fn in_crop(&self, at: usize) -> usize {
        let [_, height, width] = self.size;
        let (plane, row, column) = (at / (height * width), at / width % height, at % width);
        ((plane - 1) * (height - 2) + row - 1) * (width - 2) + column - 1
    }

    /// The 27 voxels around one as bits.
    fn neighbours(&self, at: usize) -> u32 {
        let mut bits = 0;
        for plane in 0..3 {
            for row in 0..3 {
                let start = at.saturating_add_signed(self.offset([plane - 1, row - 1, -1]));
                let [left, middle, right] = [0, 1, 2].map(|column| u32::from(self.voxels[start + column]));
                bits |= (left | middle << 1 | right << 2) << ((plane * 3 + row) * 3);
            }
        }
        bits
    }
}

/// What decides about the removal of a voxel, as bits of its 27 neighbours.
struct Shapes {
    /// Neighbours that each voxel touches, without the middle.
    touching: [u32; 27],
    /// For each of the middle's faces, edges and corners the other voxels that have it, and its part in the Euler number.
    cells: Vec<(u32, i32)>,
}

impl Shapes {
    fn new() -> Self {
        let places: Vec<[i32; 3]> = (0..27).map(|bit| [bit / 9, bit / 3 % 3, bit % 3]).collect();
        let touch = |one: &[i32; 3], other: &[i32; 3]| (0..3).all(|axis| (one[axis] - other[axis]).abs() <= 1);
        let bits = |those: &dyn Fn(&[i32; 3]) -> bool| {
            let chosen = places.iter().enumerate().filter(|(_, place)| those(place));
            chosen.fold(0, |bits, (bit, _)| bits | 1 << bit) & !MIDDLE
        };
        let touching = std::array::from_fn(|bit| bits(&|other| touch(&places[bit], other)) & !(1 << bit));
        // A cell of the middle lies on its near or far side along some axes; the voxels that have it are the middle's or on that side.
        let cells = places.iter().enumerate().filter(|(bit, _)| 1 << bit != MIDDLE).map(|(_, cell)| {
            let has = |place: &[i32; 3]| (0..3).all(|axis| place[axis] == 1 || place[axis] == cell[axis]);
            let sides = cell.iter().filter(|side| **side != 1).count();
            (bits(&has), if sides == 2 { -1 } else { 1 })
        });
        Self { touching, cells: cells.collect() }
    }

    /// Whether a voxel can go: it is no end of a line, and neither the Euler number nor the connection of its neighbours changes.
    fn removable(&self, neighbours: u32) -> bool {
        let others = neighbours & !MIDDLE;
        others.count_ones() != 1 && self.keeps_euler_number(others) && self.is_connected(neighbours)
    }

    /// Of closed cubes, whose corners connect: vertices − edges + faces − cubes.
    fn keeps_euler_number(&self, others: u32) -> bool {
        let free = self.cells.iter().filter(|(voxels, _)| voxels & others == 0);
        free.map(|(_, part)| part).sum::<i32>() == 1
    }

    /// Whether the neighbours hang together without the middle; also without any.
    fn is_connected(&self, neighbours: u32) -> bool {
        let mut rest = neighbours & !MIDDLE;
        let mut grown = rest & rest.wrapping_neg();
        while grown != 0 {
            rest &= !grown;
            let mut next = 0;
            while grown != 0 {
                next |= self.touching[grown.trailing_zeros() as usize];
                grown &= grown - 1;
            }
            grown = next & rest;
        }
        rest == 0
    }
}
