//! Post-processing: keeps only the largest connected component of selected structures.

use ndarray::{Array3, Axis, Zip};

use crate::dataset::Target;
use crate::volume::Segmentation;
use crate::volume::components::keep_largest;

/// Sets every voxel of the structures (indices into the target) outside their largest connected component (26-connectivity) to
/// background.
pub fn keep_largest_components(segmentation: &mut Segmentation, target: &Target, structures: &[usize]) {
    for &index in structures {
        match segmentation {
            Segmentation::Labels(labels) => {
                let Some(structure) = target.structures.get(index) else { continue };
                let own = |value: u16| match target.painted {
                    true => structure.values.contains(&value),
                    false => value == structure.value,
                };
                let mut mask = labels.voxels.mapv(|value| u8::from(own(value)));
                keep_largest(&mut mask);
                Zip::from(&mut labels.voxels).and(&mask).for_each(|value, &kept| {
                    if own(*value) && kept == 0 {
                        *value = 0;
                    }
                });
            }
            Segmentation::Masks { masks, .. } if index < masks.len_of(Axis(0)) => {
                let mut mask: Array3<u8> = masks.index_axis(Axis(0), index).to_owned();
                keep_largest(&mut mask);
                masks.index_axis_mut(Axis(0), index).assign(&mask);
            }
            Segmentation::Masks { .. } => {}
        }
    }
}

/// Sets every voxel of a set of label values outside the largest connected component of the whole set (26-connectivity) to background, one
/// set after the other (nnU-Net's `remove_all_but_largest_component_from_segmentation`). Masks have no label values.
pub fn keep_largest_unions(segmentation: &mut Segmentation, unions: &[Vec<u16>]) {
    let Segmentation::Labels(labels) = segmentation else { return };
    for values in unions {
        let mut mask = labels.voxels.mapv(|value| u8::from(values.contains(&value)));
        keep_largest(&mut mask);
        Zip::from(&mut labels.voxels).and(&mask).for_each(|value, &kept| {
            if kept == 0 && values.contains(value) {
                *value = 0;
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::TargetStructure;
    use crate::volume::{Geometry, LabelMap};
    use ndarray::{arr3, stack};

    fn target(overlapping: bool) -> Target {
        let structure = |value: u16| TargetStructure::new(value.to_string(), &[value]);
        Target { overlapping, ..Target::of(vec![structure(3), structure(5)]) }
    }

    #[test]
    fn several_values_may_form_one_component() {
        let geometry = Geometry::axis_aligned([1, 2, 6], [1.0; 3]);
        let voxels = arr3(&[[[3, 5, 3, 0, 0, 3], [0, 0, 0, 0, 5, 0]]]);
        let mut labels = Segmentation::Labels(LabelMap { voxels, geometry: geometry.clone() });
        keep_largest_unions(&mut labels, &[vec![3, 5]]);
        let expected = arr3(&[[[3, 5, 3, 0, 0, 0], [0, 0, 0, 0, 0, 0]]]);
        assert_eq!(labels, Segmentation::Labels(LabelMap { voxels: expected, geometry }));
    }

    #[test]
    fn other_structures_and_other_labels_stay() {
        let geometry = Geometry::axis_aligned([1, 2, 6], [1.0; 3]);
        let voxels = arr3(&[[[3, 0, 3, 3, 0, 5], [0, 0, 3, 0, 5, 0]]]);
        let mut labels = Segmentation::Labels(LabelMap { voxels, geometry: geometry.clone() });
        keep_largest_components(&mut labels, &target(false), &[0]);
        let expected = arr3(&[[[0, 0, 3, 3, 0, 5], [0, 0, 3, 0, 5, 0]]]);
        assert_eq!(labels, Segmentation::Labels(LabelMap { voxels: expected, geometry: geometry.clone() }));

        let scattered = arr3(&[[[1, 0, 1, 1, 0, 0], [0, 0, 0, 0, 0, 1]]]);
        let largest = arr3(&[[[0, 0, 1, 1, 0, 0], [0, 0, 0, 0, 0, 0]]]);
        let masks = stack![Axis(0), scattered, scattered];
        let mut masks = Segmentation::Masks { masks, geometry: geometry.clone() };
        keep_largest_components(&mut masks, &target(true), &[1]);
        assert_eq!(masks, Segmentation::Masks { masks: stack![Axis(0), scattered, largest], geometry });
    }
}
