//! The slice of a case with the most errors.

use std::collections::HashMap;

use ndarray::{Array3, Axis};
use serde_json::{Value, json};

use crate::dataset::Target;
use crate::volume::{LabelMap, Segmentation};

/// The slice across the axis of the thickest slices in which most voxels belong to other structures than in the reference; null without an
/// error. `{"axis", "slice", "errors"}`, the axis in the order of the file, errors in voxels.
pub fn worst(reference: &LabelMap, prediction: &Segmentation, target: &Target) -> Value {
    if prediction.geometry().shape != reference.geometry.shape {
        return Value::Null;
    }
    let errors = errors(reference, prediction, target);
    let spacing = reference.geometry.spacing_mm();
    let axis = (0..3).fold(0, |widest, axis| if spacing[axis] > spacing[widest] * 1.001 { axis } else { widest });
    let counts = errors.axis_iter(Axis(axis)).map(|slice| slice.iter().filter(|&&wrong| wrong).count());
    let most =
        counts.enumerate().fold((0, 0), |most, (slice, count)| if count > most.1 { (slice, count) } else { most });
    match most {
        (_, 0) => Value::Null,
        (slice, count) => {
            let axis = ["z", "y", "x"][axis];
            json!({ "axis": axis, "slice": slice, "errors": count })
        }
    }
}

fn errors(reference: &LabelMap, prediction: &Segmentation, target: &Target) -> Array3<bool> {
    let holds = |values: &[u16], value: u16| values.contains(&value);
    let expected = |value: u16| target.structures.iter().map(move |it| holds(&it.values, value));
    let is_ignored = |value: u16| target.ignore == Some(value);
    let mut wrong = Array3::from_elem(reference.voxels.dim(), false);
    match prediction {
        Segmentation::Labels(map) => {
            let found = |value: u16| {
                target
                    .structures
                    .iter()
                    .map(move |it| if target.painted { holds(&it.values, value) } else { it.value == value })
            };
            // Few pairs of values occur.
            let mut known: HashMap<(u16, u16), bool> = HashMap::new();
            ndarray::Zip::from(&mut wrong).and(&reference.voxels).and(&map.voxels).for_each(
                |wrong, &wanted, &label| {
                    *wrong = *known
                        .entry((wanted, label))
                        .or_insert_with(|| !is_ignored(wanted) && expected(wanted).ne(found(label)));
                },
            );
        }
        Segmentation::Masks { masks, .. } => {
            for (mask, structure) in masks.outer_iter().zip(&target.structures) {
                ndarray::Zip::from(&mut wrong).and(&reference.voxels).and(&mask).for_each(|wrong, &wanted, &inside| {
                    *wrong |= !is_ignored(wanted) && holds(&structure.values, wanted) != (inside != 0);
                });
            }
        }
    }
    wrong
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::TargetStructure;
    use crate::volume::Geometry;

    fn target() -> Target {
        Target { ignore: Some(9), ..Target::of(vec![TargetStructure::new("bone", &[1, 2])]) }
    }

    #[test]
    fn the_slice_with_most_errors_across_the_thick_slices_is_found() {
        let geometry = Geometry::axis_aligned([2, 3, 2], [1.0, 4.0, 1.0]);
        let map = |values: [u16; 12]| LabelMap {
            voxels: Array3::from_shape_vec([2, 3, 2], values.to_vec()).unwrap(),
            geometry: geometry.clone(),
        };
        let reference = map([0, 0, 1, 2, 0, 0, 0, 0, 0, 0, 9, 9]);
        let found = |values| worst(&reference, &Segmentation::Labels(map(values)), &target());
        // A merged structure is predicted with one value; ignored voxels are no errors.
        assert_eq!(found([0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 1, 0]), Value::Null);
        let wrong = found([1, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0]);
        assert_eq!(wrong, json!({ "axis": "y", "slice": 1, "errors": 2 }));
    }
}
