//! Half turns in a qform, and labels that are whole numbers but for rounding.

use std::fs;

use super::*;

#[derive(Deserialize)]
struct Row {
    quaternion: [f64; 3],
    rest: f64,
    pixdim: [f64; 4],
    /// As SimpleITK reads it, through nifti1_io.
    itk: [[f64; 4]; 3],
    /// As nibabel reads it; it refuses some.
    nibabel: Option<[[f64; 4]; 3]>,
}

/// Square of the scalar part below which nibabel takes a quaternion as a half turn; nifti1_io does below 1e-7.
const NIBABEL_HALF_TURN: f64 = 3.6e-7;

/// A file of 5 × 4 × 3 voxels with this qform and no sform.
fn write(path: &Path, row: &Row) {
    write_label_map(
        path,
        &LabelMap { voxels: Array3::zeros([5, 4, 3]), geometry: Geometry::axis_aligned([5, 4, 3], [1.0; 3]) },
    )
    .unwrap();
    let mut bytes = fs::read(path).unwrap();
    let mut put = |offset: usize, value: &[u8]| bytes[offset..offset + value.len()].copy_from_slice(value);
    put(252, &1_i16.to_le_bytes());
    put(254, &0_i16.to_le_bytes());
    let floats = |values: &[f64]| values.iter().flat_map(|value| (*value as f32).to_le_bytes()).collect::<Vec<u8>>();
    put(76, &floats(&row.pixdim));
    put(256, &floats(&row.quaternion));
    put(268, &floats(&[10.5, -20.25, 300.0]));
    fs::write(path, bytes).unwrap();
}

#[test]
fn half_turns_read_as_in_nifti1_io() {
    let rows: Vec<Row> = serde_json::from_str(include_str!("../../../../../tests/reference/qform.json")).unwrap();
    assert!(rows.iter().filter(|row| row.rest.abs() < 1e-7).count() > 20);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.nii");
    for row in &rows {
        write(&path, row);
        let affine = read_header(&path).unwrap().geometry.affine;
        let distance = |other: &[[f64; 4]; 3]| {
            let pairs = affine.iter().flatten().zip(other.iter().flatten());
            pairs.map(|(ours, theirs)| (ours - theirs).abs()).fold(0.0, f64::max)
        };
        assert!(distance(&row.itk) < 1e-6, "{:?}: {}", row.quaternion, distance(&row.itk));
        // The two libraries differ between their limits.
        if !(1e-7..NIBABEL_HALF_TURN).contains(&row.rest) {
            assert!(row.nibabel.as_ref().is_none_or(|other| distance(other) < 1e-6), "{:?}", row.quaternion);
        }
    }
}

#[test]
fn labels_a_hair_off_a_whole_number_are_rounded_and_others_refused() {
    let (_folder, path) = temporary();
    let geometry = Geometry::axis_aligned([1, 1, 2], [1.0; 3]);
    let read = |value: f32| {
        let voxels = Array4::from_shape_vec([1, 1, 1, 2], vec![0.0, value]).unwrap();
        write_volume(&path.with_extension("nii"), &Volume { voxels, geometry: geometry.clone() }).unwrap();
        read_label_map(&path.with_extension("nii")).map(|labels| labels.voxels[[0, 0, 1]])
    };
    for (value, label) in [(0.999_94, 1), (2.000_06, 2), (2.999_1, 3), (-0.000_9, 0), (65_535.0, 65_535), (0.000_5, 0)]
    {
        assert_eq!(read(value).unwrap(), label, "{value}");
    }
    for value in [0.5, 0.988_2, 1.002, -0.01, 65_535.5, 2.023_5, -1.0] {
        let message = read(value).unwrap_err().to_string();
        assert!(message.contains("voxel [0, 0, 1] is") && message.contains(&f64::from(value).to_string()), "{message}");
    }
}

#[test]
fn the_grid_of_a_second_transform_is_found_if_it_differs() {
    let (_folder, path) = temporary();
    let path = path.with_extension("nii");
    let geometry = Geometry::axis_aligned([5, 4, 3], [1.0; 3]);
    write_label_map(&path, &LabelMap { voxels: Array3::zeros([5, 4, 3]), geometry }).unwrap();
    assert_eq!(second_grid(&path).unwrap(), None);
    let mut bytes = fs::read(&path).unwrap();
    bytes[252..254].copy_from_slice(&1_i16.to_le_bytes());
    bytes[268..272].copy_from_slice(&7_f32.to_le_bytes());
    fs::write(&path, bytes).unwrap();
    let second = second_grid(&path).unwrap().unwrap();
    assert_eq!((second.affine[0][3], read_header(&path).unwrap().geometry.affine[0][3]), (7.0, 0.0));
}
