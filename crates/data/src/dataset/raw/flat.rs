//! Whether nnU-Net takes images as 2D.

use crate::volume::Geometry;

/// The configuration to train first: `2d` where nnU-Net plans no other, else `3d_fullres`; and a remark on slices that it does not see.
///
/// nnU-Net puts the axis with the largest median spacing first, and images are 2D where their median length along it is 1
/// (`ExperimentPlanner.plan_experiment` of version 2).
pub(super) fn configuration(grids: &[&Geometry]) -> (&'static str, Option<String>) {
    let spacings = [0, 1, 2].map(|axis| median(grids.iter().map(|grid| grid.spacing_mm()[axis])));
    let lengths = [0, 1, 2].map(|axis| median(grids.iter().map(|grid| grid.shape[axis] as f64)));
    let first = (1..3).fold(0, |first, axis| if spacings[axis] > spacings[first] { axis } else { first });
    let flat = lengths.iter().position(|length| *length == 1.0);
    match flat {
        Some(_) if lengths[first] == 1.0 => ("2d", None),
        Some(axis) => {
            let text = format!(
                "the images are one slice deep, but nnU-Net plans them as 3D: the spacing across the slice ({} mm) is below that within it \
                 ({} mm); `spacing-mm` of the dataset states a larger one for images without spacing",
                spacings[axis], spacings[first]
            );
            ("3d_fullres", Some(text))
        }
        None => ("3d_fullres", None),
    }
}

/// The median; the mean of the two middle values of an even number.
fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => 0.0,
        count if count % 2 == 0 => (values[middle - 1] + values[middle]) / 2.0,
        _ => values[middle],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_of_one_slice_are_2d() {
        let grid = |shape: [usize; 3], spacing: [f64; 3]| Geometry::axis_aligned(shape, spacing);
        let found = |grids: &[Geometry]| configuration(&grids.iter().collect::<Vec<_>>());
        let (flat, deep) = (grid([1, 64, 64], [5.0, 1.0, 1.0]), grid([30, 64, 64], [5.0, 1.0, 1.0]));
        assert_eq!(found(&[flat.clone(), flat.clone(), deep.clone()]), ("2d", None));
        assert_eq!(found(&[flat, deep.clone(), deep]), ("3d_fullres", None));
        assert_eq!(found(&[grid([1, 64, 64], [1.0; 3])]), ("2d", None), "pictures without a spacing");
        assert_eq!(found(&[grid([64, 1, 64], [1.0, 4.0, 1.0])]), ("2d", None), "a coronal slice");
        let (name, remark) = found(&[grid([1, 64, 64], [0.5, 1.0, 1.0])]);
        assert!(name == "3d_fullres" && remark.is_some_and(|text| text.contains("0.5 mm")));
    }
}
