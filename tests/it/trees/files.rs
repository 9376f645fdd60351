//! Small images and labels, written in the formats of the trees.

use std::fs;
use std::path::Path;

use ndarray::{Array3, Array4};
use segspec::volume::{Geometry, LabelMap, Volume, write_label_map, write_volume};

/// Depth, height and width.
pub const SHAPE: [usize; 3] = [10, 12, 14];

/// A case: two bright blocks on a dark ground, the second larger from case to case.
pub fn case(number: usize) -> (Volume, LabelMap) {
    let geometry = Geometry::axis_aligned(SHAPE, [2.0, 1.5, 1.25]);
    let label = Array3::from_shape_fn(SHAPE, |(z, y, x)| match (z, y, x) {
        (2..=5, 2..=5, 2..=5) => 1,
        (3..=7, 3..=8, 8..) if x <= 9 + number % 3 => 2,
        _ => 0,
    });
    let shape = [1, SHAPE[0], SHAPE[1], SHAPE[2]];
    let noise = |z: usize, y: usize, x: usize| ((z * 7 + y * 13 + x * 29 + number * 31) % 17) as f32;
    let voxels =
        Array4::from_shape_fn(shape, |(_, z, y, x)| 20.0 + 40.0 * f32::from(label[[z, y, x]]) + noise(z, y, x));
    (Volume { voxels, geometry: geometry.clone() }, LabelMap { voxels: label, geometry })
}

/// The path below a folder, whose parent is made.
pub fn place(root: &Path, path: &str) -> std::path::PathBuf {
    let path = root.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    path
}

pub fn volume(root: &Path, path: &str, image: &Volume) {
    write_volume(&place(root, path), image).unwrap();
}

pub fn labels(root: &Path, path: &str, label: &LabelMap) {
    write_label_map(&place(root, path), label).unwrap();
}

/// The voxels of one value as a mask.
pub fn mask(label: &LabelMap, value: u16) -> LabelMap {
    LabelMap { voxels: label.voxels.mapv(|other| u16::from(other == value)), geometry: label.geometry.clone() }
}

pub fn text(root: &Path, path: &str, text: &str) {
    fs::write(place(root, path), text).unwrap();
}

/// The same image on a grid of its own.
pub fn elsewhere(image: &Volume) -> Volume {
    let mut image = image.clone();
    image.geometry.affine[0][3] += 7.0;
    image
}

/// The four cases of most trees.
pub fn cases() -> impl Iterator<Item = (usize, Volume, LabelMap)> {
    (1..=4).map(|number| {
        let (image, label) = case(number);
        (number, image, label)
    })
}
