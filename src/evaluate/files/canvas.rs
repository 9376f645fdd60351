//! Structures that may overlap, painted one after the other into one label map: a value stands for a set of structures.

use std::collections::BTreeMap;

use ndarray::{Array3, ArrayView3, Zip};

use crate::volume::{Geometry, LabelMap};

/// More sets of structures than values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("its structures overlap in more than 65535 ways")]
pub struct TooManySets;

/// A label map whose value 1 is the first structure, 2 the second and so on; further values are sets of structures that share voxels.
#[derive(Clone, Debug)]
pub struct Canvas {
    /// The voxels.
    pub map: LabelMap,
    /// The structures of each value.
    members: Vec<Vec<usize>>,
    known: BTreeMap<Vec<usize>, u16>,
    /// Number of structures.
    count: usize,
}

impl Canvas {
    /// Nothing is painted yet.
    ///
    /// # Errors
    /// More structures than values.
    pub fn new(geometry: &Geometry, count: usize) -> Result<Self, TooManySets> {
        let map = LabelMap { voxels: Array3::zeros(geometry.shape), geometry: geometry.clone() };
        let mut new = Self { map, members: vec![Vec::new()], known: BTreeMap::new(), count };
        (0..count).try_for_each(|structure| new.value(vec![structure]).map(drop))?;
        Ok(new)
    }

    fn value(&mut self, set: Vec<usize>) -> Result<u16, TooManySets> {
        if let Some(value) = self.known.get(&set) {
            return Ok(*value);
        }
        let value = u16::try_from(self.members.len()).map_err(|_| TooManySets)?;
        self.members.push(set.clone());
        self.known.insert(set, value);
        Ok(value)
    }

    /// Adds a structure to the voxels of a mask on the same grid, which are not 0.
    ///
    /// # Errors
    /// Too many sets of structures.
    pub fn paint<M: Copy + Default + PartialEq>(
        &mut self,
        structure: usize,
        mask: ArrayView3<M>,
    ) -> Result<(), TooManySets> {
        let mut next: Vec<Option<u16>> = vec![None; self.members.len()];
        let mut voxels = std::mem::take(&mut self.map.voxels);
        let mut failed = Ok(());
        let (outside, mut add) = (M::default(), |label: u16| {
            let place = usize::from(label);
            // Values that this mask makes contain the structure and are not met again.
            if let Some(known) = next.get(place).copied().flatten() {
                return known;
            }
            let mut set = self.members.get(place).cloned().unwrap_or_default();
            if let Err(place) = set.binary_search(&structure) {
                set.insert(place, structure);
            }
            match self.value(set) {
                Ok(value) => {
                    if let Some(slot) = next.get_mut(place) {
                        *slot = Some(value);
                    }
                    value
                }
                Err(error) => {
                    failed = Err(error);
                    label
                }
            }
        });
        Zip::from(&mut voxels).and(mask).for_each(|label, &inside| {
            if inside != outside {
                *label = add(*label);
            }
        });
        self.map.voxels = voxels;
        failed
    }

    /// Every value with the structures that it stands for.
    pub fn into_parts(self) -> (LabelMap, Vec<(usize, u16)>) {
        let of = |(value, set): (usize, &Vec<usize>)| {
            let value = value as u16;
            set.iter().map(move |structure| (*structure, value)).collect::<Vec<_>>()
        };
        let pairs = self.members.iter().enumerate().skip(1).flat_map(of).collect();
        (self.map, pairs)
    }

    /// Whether structures share voxels.
    pub fn overlaps(&self) -> bool {
        self.members.len() > self.count + 1
    }
}

#[cfg(test)]
mod tests {
    use ndarray::arr3;

    use super::*;

    #[test]
    fn values_are_sets_of_structures() {
        let mut canvas = Canvas::new(&Geometry::axis_aligned([1, 1, 5], [1.0; 3]), 3).unwrap();
        canvas.paint(0, arr3(&[[[1_u8, 1, 1, 0, 0]]]).view()).unwrap();
        assert!(!canvas.overlaps());
        canvas.paint(1, arr3(&[[[0_u16, 7, 7, 7, 0]]]).view()).unwrap();
        canvas.paint(2, arr3(&[[[0_u8, 0, 1, 0, 0]]]).view()).unwrap();
        assert!(canvas.overlaps());
        let (map, pairs) = canvas.into_parts();
        let of = |value: u16| pairs.iter().filter(|(_, own)| *own == value).map(|(it, _)| *it).collect::<Vec<_>>();
        let sets: Vec<Vec<usize>> = map.voxels.iter().map(|value| of(*value)).collect();
        assert_eq!(sets, [vec![0], vec![0, 1], vec![0, 1, 2], vec![1], vec![]]);
        assert_eq!((map.voxels[[0, 0, 0]], map.voxels[[0, 0, 3]]), (1, 2));
    }

    #[test]
    fn structures_have_limits() {
        assert!(Canvas::new(&Geometry::axis_aligned([1, 1, 1], [1.0; 3]), 70_000).is_err());
    }
}
