//! Metal in CT: implants are brighter than any tissue and are surrounded by blooming artefacts.

use ndarray::{Array3, ArrayView3, ArrayViewMut3, Zip};

/// Voxels above `above` are metal. Metal, and voxels brighter than `to` within `margin_mm` of it, are set to `to`: a uniform body
/// replaces peaks and blooming. All other voxels keep their value, including dense bone between the two values.
///
/// `channel` is `[z, y, x]` in Hounsfield units; `spacing_mm` is its spacing.
pub(super) fn clamp(mut channel: ArrayViewMut3<'_, f32>, above: f64, margin_mm: f64, to: f64, spacing_mm: [f64; 3]) {
    let above = above as f32;
    if !channel.iter().any(|value| *value > above) {
        return;
    }
    let metal = channel.mapv(|value| value > above);
    let near = dilated(metal.view(), margin_mm, spacing_mm);
    let to = to as f32;
    Zip::from(&mut channel).and(&metal).and(&near).for_each(|value, metal, near| {
        if *metal || (*near && *value > to) {
            *value = to;
        }
    });
}

/// All voxels within `margin_mm` of the mask.
fn dilated(mask: ArrayView3<'_, bool>, margin_mm: f64, spacing_mm: [f64; 3]) -> Array3<bool> {
    let ball = ball(margin_mm, spacing_mm);
    let mut result = mask.to_owned();
    let (depth, height, width) = mask.dim();
    let shape = [depth, height, width].map(|voxels| voxels as isize);
    let at = |voxel: [isize; 3]| {
        let inside = (0..3).all(|axis| (0..shape[axis]).contains(&voxel[axis]));
        inside.then(|| [voxel[0] as usize, voxel[1] as usize, voxel[2] as usize])
    };
    const NEIGHBOURS: [[isize; 3]; 6] = [[-1, 0, 0], [1, 0, 0], [0, -1, 0], [0, 1, 0], [0, 0, -1], [0, 0, 1]];
    let moved = |from: [isize; 3], by: [isize; 3]| at([0, 1, 2].map(|axis| from[axis] + by[axis]));
    for ((z, y, x), _) in mask.indexed_iter().filter(|(_, is)| **is) {
        let voxel = [z as isize, y as isize, x as isize];
        // Interior voxels are skipped: the neighbourhood of the surface covers theirs.
        if NEIGHBOURS.iter().all(|by| moved(voxel, *by).is_some_and(|neighbour| mask[neighbour])) {
            continue;
        }
        ball.iter().filter_map(|by| moved(voxel, *by)).for_each(|neighbour| result[neighbour] = true);
    }
    result
}

/// Offsets of all voxels within `margin_mm`.
fn ball(margin_mm: f64, spacing_mm: [f64; 3]) -> Vec<[isize; 3]> {
    let [depth, height, width] = spacing_mm.map(|mm| (margin_mm / mm).floor().clamp(0.0, 64.0) as isize);
    let mut steps = Vec::new();
    for z in -depth..=depth {
        for y in -height..=height {
            for x in -width..=width {
                let step = [z, y, x];
                let square: f64 = (0..3).map(|axis| (step[axis] as f64 * spacing_mm[axis]).powi(2)).sum();
                if square <= margin_mm * margin_mm {
                    steps.push(step);
                }
            }
        }
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metal_and_its_bloom_are_clamped_and_bone_elsewhere_is_not() {
        // One row along x at 1 mm: bloom, metal, bloom, dark streak, bone, bone.
        let mut row = Array3::from_shape_vec([1, 1, 6], vec![2200.0, 3000.0, 2300.0, -400.0, 2100.0, 900.0]).unwrap();
        clamp(row.view_mut(), 2500.0, 2.0, 2000.0, [1.0; 3]);
        assert_eq!(row.as_slice().unwrap(), [2000.0, 2000.0, 2000.0, -400.0, 2100.0, 900.0]);
    }

    #[test]
    fn the_margin_is_in_millimetres_along_every_axis() {
        let mut image = Array3::from_elem([7, 7, 7], 2100.0f32);
        image[[3, 3, 3]] = 3000.0;
        clamp(image.view_mut(), 2500.0, 2.0, 2000.0, [2.0, 1.0, 5.0]);
        let clamped: Vec<_> = image.indexed_iter().filter(|(_, v)| **v == 2000.0).map(|(at, _)| at).collect();
        // One voxel along z, two along y, none along x; no corners of the ellipsoid.
        assert_eq!(clamped, [(2, 3, 3), (3, 1, 3), (3, 2, 3), (3, 3, 3), (3, 4, 3), (3, 5, 3), (4, 3, 3)]);
    }

    #[test]
    fn a_solid_of_metal_blooms_like_its_surface_and_no_metal_changes_nothing() {
        let mut image = Array3::from_shape_fn([9, 9, 9], |(z, y, x)| {
            if [z, y, x].iter().all(|k| (3..6).contains(k)) { 3000.0 } else { 2100.0f32 }
        });
        clamp(image.view_mut(), 2500.0, 1.0, 2000.0, [1.0; 3]);
        assert_eq!(image.iter().filter(|value| **value == 2000.0).count(), 27 + 6 * 9);
        let bone = Array3::from_elem([3, 3, 3], 2400.0f32);
        let mut same = bone.clone();
        clamp(same.view_mut(), 2500.0, 5.0, 2000.0, [1.0; 3]);
        assert_eq!(same, bone);
    }
}
