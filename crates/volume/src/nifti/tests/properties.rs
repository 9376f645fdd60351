//! What is written comes back, and files changed at random are read or refused.

use ndarray::Axis;
use proptest::prelude::*;

use super::*;
use segspec_testing::damage::survive;

/// Grids with axes at right angles, so that qform and sform both apply; some without spacing.
fn grids() -> impl Strategy<Value = Geometry> {
    let parts = (prop::array::uniform3(1..5_usize), prop::array::uniform3(0.1..9.0_f64), -3.0..3.0_f64, any::<bool>());
    parts.prop_map(|(shape, spacing, turn, has_spacing)| {
        if !has_spacing {
            return Geometry { has_spacing, ..Geometry::axis_aligned(shape, [1.0; 3]) };
        }
        let mut geometry = Geometry::axis_aligned(shape, spacing);
        let (sin, cos) = turn.sin_cos();
        let [x, y, _] = [0, 1, 2].map(|axis| geometry.column(axis)[axis]);
        geometry.affine[0] = [cos * x, -sin * y, 0.0, 12.5];
        geometry.affine[1] = [sin * x, cos * y, 0.0, -3.25];
        geometry
    })
}

fn volumes() -> impl Strategy<Value = Volume> {
    (grids(), 1..4_usize, any::<bool>()).prop_flat_map(|(geometry, channels, whole)| {
        let [depth, height, width] = geometry.shape;
        let value =
            prop::num::f32::NORMAL.prop_map(move |value| if whole { (value % 40_000.0).trunc() } else { value });
        prop::collection::vec(value, channels * depth * height * width).prop_map(move |values| {
            let voxels = Array4::from_shape_vec([channels, depth, height, width], values).unwrap();
            Volume { voxels, geometry: geometry.clone() }
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn images_and_labels_come_back(volume in volumes(), zipped in any::<bool>()) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(if zipped { "case.nii.gz" } else { "case.nii" });
        write_volume(&path, &volume).unwrap();
        let read = read_volume(&path).unwrap();
        prop_assert_eq!(&read.voxels, &volume.voxels);
        prop_assert_eq!(read.geometry.has_spacing, volume.geometry.has_spacing);
        prop_assert_eq!(read.geometry.same_grid(&volume.geometry, 1e-4), Ok(()));
        let voxels = volume.voxels.index_axis(Axis(0), 0).mapv(|value| value as u16);
        let labels = LabelMap { voxels, geometry: volume.geometry };
        write_label_map(&path, &labels).unwrap();
        prop_assert_eq!(read_label_map(&path).unwrap().voxels, labels.voxels);
    }
}

#[test]
fn files_changed_at_random_are_read_or_refused() {
    let reference = reference();
    let (_folder, path) = temporary();
    for expected in reference.made.iter().step_by(9) {
        let stored = BASE64_STANDARD.decode(&expected.file).unwrap();
        // Changed bytes of a compressed file would fail at its checksum; those inside are the interesting ones.
        let mut inside = Vec::new();
        std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(stored.as_slice()), &mut inside)
            .unwrap_or_default();
        for bytes in [stored, inside].iter().filter(|bytes| !bytes.is_empty()) {
            std::fs::write(&path, bytes).unwrap();
            survive(&path, 150, |path| {
                let _ = (read_header(path), read_label_map(path));
                read_volume(path)
            });
        }
    }
}

#[test]
fn pairs_changed_at_random_are_read_or_refused() {
    for expected in &reference().pairs {
        let folder = tempfile::tempdir().unwrap();
        for (file, content) in &expected.files {
            std::fs::write(folder.path().join(file), BASE64_STANDARD.decode(content).unwrap()).unwrap();
        }
        for file in expected.files.keys() {
            survive(&folder.path().join(file), 60, read_volume);
        }
    }
}

#[test]
fn no_header_is_believed_beyond_its_file() {
    let (_folder, path) =
        changed(put(40, [3, 2000, 2000, 1250].map(i16::to_le_bytes).concat().try_into().unwrap_or([0; 8])));
    let error = read_header(&path).unwrap_err().to_string();
    assert!(error.contains("1 × [1250, 2000, 2000] voxels, more than the file can hold"), "{error}");
}
