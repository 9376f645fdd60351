//! Label maps to score, written as files that peers read, too.

use std::path::{Path, PathBuf};

use ndarray::Array3;
use segspec::volume::nifti::write_label_map;
use segspec::volume::{Geometry, LabelMap, read_label_map};

/// Reference and prediction of a case; `None` if it needs images that are not there.
pub fn files(folder: &Path, case: &str) -> Option<[PathBuf; 2]> {
    let maps = match case {
        "organs" => organs(&PathBuf::from(std::env::var_os("SEGSPEC_TEST_DATA")?))?,
        "made" => [false, true].map(|moved| ellipsoids([60, 202, 244], [3.0, 1.5, 1.5], [3, 4, 4], 41, moved)),
        _ => [false, true].map(|moved| ellipsoids([400, 512, 512], [1.0, 0.8, 0.8], [5, 5, 5], 117, moved)),
    };
    let files = ["reference", "prediction"].map(|name| folder.join(format!("{case}-{name}.nii")));
    files.iter().zip(&maps).for_each(|(file, map)| write_label_map(file, map).expect("room on the disk"));
    Some(files)
}

/// Two segmentations of one CT, each voxel as eight; the prediction one voxel off.
fn organs(root: &Path) -> Option<[LabelMap; 2]> {
    let read = |name: &str| read_label_map(&root.join("totalsegmentator").join(name)).ok();
    let (reference, prediction) = (read("example_seg.nii.gz")?, read("example_seg_fast.nii.gz")?);
    let enlarged = |map: &LabelMap, off: usize| {
        let (depth, height, width) = map.voxels.dim();
        let at = |place: usize| place.saturating_sub(off) / 2;
        let voxels =
            Array3::from_shape_fn([2 * depth, 2 * height, 2 * width], |(z, y, x)| map.voxels[[at(z), at(y), at(x)]]);
        LabelMap { geometry: Geometry::axis_aligned([2 * depth, 2 * height, 2 * width], [1.5; 3]), voxels }
    };
    Some([enlarged(&reference, 0), enlarged(&prediction, 1)])
}

/// Ellipsoids with a rippled surface, one in each cell of a lattice; those of the prediction are a little smaller and off.
fn ellipsoids(shape: [usize; 3], spacing: [f64; 3], cells: [usize; 3], count: usize, moved: bool) -> LabelMap {
    let side = [0, 1, 2].map(|axis| shape[axis] as f64 / cells[axis] as f64);
    let (off, size) = if moved { ([0.6, 1.7, -1.2], 0.96) } else { ([0.0; 3], 1.0) };
    let voxels = Array3::from_shape_fn(shape, |(z, y, x)| {
        let at = [z as f64, y as f64, x as f64];
        let cell = [0, 1, 2].map(|axis| (at[axis] / side[axis]) as usize);
        let number = (cell[0] * cells[1] + cell[1]) * cells[2] + cell[2];
        let from_centre = [0, 1, 2]
            .map(|axis| (at[axis] + off[axis] - (cell[axis] as f64 + 0.5) * side[axis]) / (0.42 * size * side[axis]));
        let ripple = 1.0 + 0.08 * (at[0] * 0.7).sin() * (at[1] * 0.31).cos() * (at[2] * 0.23).sin();
        let inside = from_centre.iter().map(|part| part * part).sum::<f64>() <= ripple;
        if inside && number < count { number as u16 + 1 } else { 0 }
    });
    LabelMap { voxels, geometry: Geometry::axis_aligned(shape, spacing) }
}
