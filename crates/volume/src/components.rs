//! Connected components of a 3D mask, and holes in it.

use ndarray::{Array3, ArrayView3};

/// Which voxels are neighbours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Neighbours {
    /// Voxels that share a face.
    Six,
    /// Voxels that share a face, an edge or a corner.
    TwentySix,
}

/// Components of a mask, numbered from 1 in the order of their first voxel `[z, y, x]`, as `scipy.ndimage.label` does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Components {
    /// Number of the voxel's component, 0 outside the mask.
    pub labels: Array3<u32>,
    /// Voxels of each component: `sizes[number - 1]`.
    pub sizes: Vec<usize>,
}

impl Components {
    /// Number of the largest component, the first of several; `None` where the mask is empty.
    pub fn largest(&self) -> Option<u32> {
        let best = self.sizes.iter().enumerate().max_by_key(|&(index, &size)| (size, std::cmp::Reverse(index)))?;
        Some(best.0 as u32 + 1)
    }
}

/// Labels the connected components of the voxels that are not 0 (two passes with union-find, Rosenfeld 1966).
pub fn components(mask: ArrayView3<'_, u8>, neighbours: Neighbours) -> Components {
    let mut labels = Array3::<u32>::zeros(mask.dim());
    let mut forest = Forest(vec![0]);
    let earlier = earlier_neighbours(neighbours);
    for ((z, y, x), &inside) in mask.indexed_iter() {
        if inside == 0 {
            continue;
        }
        let mut label = 0;
        for offset in &earlier {
            let touching = shifted([z, y, x], offset).and_then(|at| labels.get(at)).copied().unwrap_or(0);
            if touching != 0 {
                label = if label == 0 { forest.root(touching) } else { forest.unite(label, touching) };
            }
        }
        labels[[z, y, x]] = if label == 0 { forest.plant() } else { label };
    }
    number(labels, &mut forest)
}

/// Sets every component but the largest to 0 (26 neighbours); of several equally large ones the first stays.
pub fn keep_largest(mask: &mut Array3<u8>) {
    let found = components(mask.view(), Neighbours::TwentySix);
    let Some(largest) = found.largest() else { return };
    ndarray::Zip::from(mask).and(&found.labels).for_each(|voxel, &label| {
        if label != largest {
            *voxel = 0;
        }
    });
}

/// Fills the holes of a mask: background that is not connected to the border through faces (`scipy.ndimage.binary_fill_holes`).
pub fn fill_holes(mask: &mut Array3<u8>) {
    let background = mask.mapv(|voxel| u8::from(voxel == 0));
    let found = components(background.view(), Neighbours::Six);
    let mut open = vec![false; found.sizes.len() + 1];
    let last = [0, 1, 2].map(|axis| mask.shape()[axis].saturating_sub(1));
    for ((z, y, x), &label) in found.labels.indexed_iter() {
        if [z, y, x].iter().zip(last).any(|(&index, last)| index == 0 || index == last) {
            open[label as usize] = true;
        }
    }
    ndarray::Zip::from(mask).and(&found.labels).for_each(|voxel, &label| {
        if label != 0 && !open[label as usize] {
            *voxel = 1;
        }
    });
}

/// Neighbours that a scan in `[z, y, x]` order has already passed.
fn earlier_neighbours(neighbours: Neighbours) -> Vec<[isize; 3]> {
    if neighbours == Neighbours::Six {
        return vec![[-1, 0, 0], [0, -1, 0], [0, 0, -1]];
    }
    let cube = (0..13).map(|index| [index / 9 - 1, index / 3 % 3 - 1, index % 3 - 1]);
    cube.collect()
}

fn shifted(at: [usize; 3], offset: &[isize; 3]) -> Option<[usize; 3]> {
    Some([
        at[0].checked_add_signed(offset[0])?,
        at[1].checked_add_signed(offset[1])?,
        at[2].checked_add_signed(offset[2])?,
    ])
}

/// Gives roots their final numbers in scan order.
fn number(mut labels: Array3<u32>, forest: &mut Forest) -> Components {
    let mut numbers = vec![0u32; forest.0.len()];
    let mut sizes = Vec::new();
    for label in labels.iter_mut().filter(|label| **label != 0) {
        let root = forest.root(*label) as usize;
        if numbers[root] == 0 {
            sizes.push(0);
            numbers[root] = sizes.len() as u32;
        }
        *label = numbers[root];
        sizes[numbers[root] as usize - 1] += 1;
    }
    Components { labels, sizes }
}

/// Disjoint sets: each label points to an equal or smaller one.
struct Forest(Vec<u32>);

impl Forest {
    fn plant(&mut self) -> u32 {
        let label = self.0.len() as u32;
        self.0.push(label);
        label
    }

    fn root(&mut self, mut label: u32) -> u32 {
        while self.0[label as usize] != label {
            self.0[label as usize] = self.0[self.0[label as usize] as usize];
            label = self.0[label as usize];
        }
        label
    }

    fn unite(&mut self, a: u32, b: u32) -> u32 {
        let (a, b) = (self.root(a), self.root(b));
        let (low, high) = (a.min(b), a.max(b));
        self.0[high as usize] = low;
        low
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Deserialize)]
    struct Reference {
        shape: [usize; 3],
        mask: Vec<u8>,
        six: Vec<u32>,
        twenty_six: Vec<u32>,
        filled: Vec<u8>,
        largest: Vec<u8>,
    }

    fn references() -> Vec<Reference> {
        serde_json::from_str(include_str!("../../../tests/reference/components.json")).unwrap()
    }

    #[test]
    fn labels_equal_those_of_scipy() {
        for reference in references() {
            let array = |values: &[u32]| Array3::from_shape_vec(reference.shape, values.to_vec()).unwrap();
            let mask = Array3::from_shape_vec(reference.shape, reference.mask.clone()).unwrap();
            let six = components(mask.view(), Neighbours::Six);
            assert_eq!(six.labels, array(&reference.six));
            assert_eq!(six.sizes.iter().sum::<usize>(), reference.mask.iter().filter(|&&m| m != 0).count());
            assert_eq!(components(mask.view(), Neighbours::TwentySix).labels, array(&reference.twenty_six));
        }
    }

    #[test]
    fn filled_holes_and_the_largest_component_equal_those_of_scipy() {
        for reference in references() {
            let mask = Array3::from_shape_vec(reference.shape, reference.mask.clone()).unwrap();
            let mut filled = mask.clone();
            fill_holes(&mut filled);
            assert_eq!(filled.into_raw_vec_and_offset().0, reference.filled);
            let mut largest = mask;
            keep_largest(&mut largest);
            assert_eq!(largest.into_raw_vec_and_offset().0, reference.largest);
        }
    }

    #[test]
    fn an_empty_mask_has_no_largest_component() {
        let mut mask = Array3::zeros([2, 2, 2]);
        keep_largest(&mut mask);
        assert_eq!(components(mask.view(), Neighbours::Six).largest(), None);
    }
}
