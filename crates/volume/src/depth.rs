//! How deep the voxels of a mask lie in it.

use ndarray::{Array3, ArrayView3, Axis};

use crate::envelope::Envelope;

/// Distance in millimetres from the centre of each voxel of a mask `[z, y, x]` to the nearest centre of a voxel outside it; 0 outside.
/// Beyond the grid is outside. Exact, axis by axis (Felzenszwalb and Huttenlocher 2012); SciPy's `distance_transform_edt` of the mask with
/// one voxel of background around it.
pub fn depth_mm(mask: ArrayView3<'_, u8>, spacing_mm: [f64; 3]) -> Array3<f64> {
    let mut squares = mask.mapv(|voxel| if voxel == 0 { 0.0 } else { f64::INFINITY });
    let mut envelope = Envelope::default();
    for (axis, spacing) in spacing_mm.into_iter().enumerate() {
        for mut line in squares.lanes_mut(Axis(axis)) {
            let last = line.len() + 1;
            // Positions are shifted by one: 0 and `last` are beyond the grid.
            let known = line.iter().enumerate().map(|(at, square)| (at + 1, *square));
            let known = std::iter::once((0, 0.0)).chain(known).chain([(last, 0.0)]);
            envelope.build(spacing, known.filter(|(_, square)| square.is_finite()));
            envelope.evaluate(1..last, |at, square| line[at - 1] = square);
        }
    }
    squares.mapv_into(f64::sqrt)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::s;
    use serde::Deserialize;

    #[derive(Deserialize)]
    struct Reference {
        shape: [usize; 3],
        spacing: [f64; 3],
        mask: Vec<u8>,
        depth: Vec<f64>,
    }

    #[test]
    fn depths_equal_those_of_scipy() {
        let references: Vec<Reference> =
            serde_json::from_str(include_str!("../../../tests/reference/depth.json")).unwrap();
        assert!(references.len() > 3);
        for Reference { shape, spacing, mask, depth } in references {
            let found = depth_mm(Array3::from_shape_vec(shape, mask).unwrap().view(), spacing);
            for (found, expected) in found.iter().zip(&depth) {
                assert!((found - expected).abs() < 1e-9, "{spacing:?}: {found} {expected}");
            }
        }
    }

    #[test]
    fn the_border_of_the_grid_is_outside() {
        let mut mask = Array3::zeros([3, 5, 7]);
        mask.slice_mut(s![.., 1..4, ..]).fill(1);
        let found = depth_mm(mask.view(), [4.0, 1.0, 1.0]);
        assert_eq!((found[[1, 2, 3]], found[[1, 2, 0]], found[[1, 0, 3]]), (2.0, 1.0, 0.0));
    }
}
