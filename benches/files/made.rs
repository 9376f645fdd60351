//! A synthetic CT of typical size: air around a body with smooth organs, and the noise that makes real images hard to compress.

use std::path::Path;
use std::time::SystemTime;

use ndarray::Array4;
use segspec::volume::dicom::{Modality, SeriesHeader, write_series};
use segspec::volume::{Geometry, Volume, write_volume};

const SHAPE: [usize; 3] = [120, 512, 512];

/// Writes `ct.nii`, `ct.nii.gz` and the folder `series`.
pub fn write(folder: &Path) {
    let [depth, height, width] = SHAPE;
    let mut state = 1_u64;
    let mut noise = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f64 / (1_u64 << 24) as f64 - 0.5
    };
    let voxels = Array4::from_shape_fn([1, depth, height, width], |(_, z, y, x)| {
        let at = |index: usize, length: usize| 2.0 * index as f64 / length as f64 - 1.0;
        let (z, y, x) = (at(z, depth), at(y, height), at(x, width));
        let inside = (x / 0.8).powi(2) + (y / 0.6).powi(2) < 1.0;
        let tissue = 60.0 + 40.0 * ((9.0 * x).sin() * (7.0 * y).cos() + (5.0 * z).sin());
        let value = if inside { tissue + 40.0 * (noise() + noise()) } else { -1000.0 + 8.0 * noise() };
        value.round() as f32
    });
    let volume = Volume { voxels, geometry: Geometry::axis_aligned(SHAPE, [2.0, 0.8, 0.8]) };
    for name in ["ct.nii", "ct.nii.gz"] {
        write_volume(&folder.join(name), &volume).expect("a file");
    }
    let header = SeriesHeader {
        modality: Modality::Ct,
        description: "generated".into(),
        patient: "generated".into(),
        series_number: 1,
        created: SystemTime::UNIX_EPOCH,
    };
    write_series(&folder.join("series"), &volume, &header).expect("a series");
}
