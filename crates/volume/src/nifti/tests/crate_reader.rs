//! Files that we write, read by the `nifti` crate.

use nifti::{DataElement, InMemNiftiObject, NiftiObject, NiftiType, NiftiVolume, ReaderOptions};

use super::*;

fn read(path: &Path) -> InMemNiftiObject {
    ReaderOptions::new().read_file(path).unwrap()
}

/// Header and voxels, which both have x as the fastest axis and channels as the slowest.
fn assert_read<T: DataElement + PartialEq + std::fmt::Debug>(
    path: &Path,
    geometry: &Geometry,
    (data_type, channels): (NiftiType, usize),
    voxels: Vec<T>,
) {
    let object = read(path);
    let header = object.header();
    let [depth, height, width] = geometry.shape.map(|count| count as u16);
    let dim = [width, height, depth, channels as u16];
    assert_eq!(header.dim().unwrap(), if channels == 1 { &dim[..3] } else { &dim[..] });
    assert_eq!(object.volume().data_type(), data_type);
    let affine = [header.srow_x, header.srow_y, header.srow_z];
    assert_eq!(affine, geometry.affine.map(|row| row.map(|value| value as f32)));
    let [z, y, x] = geometry.spacing_mm().map(|spacing| spacing as f32);
    assert_eq!(header.pixdim[1..4], [x, y, z]);
    assert_eq!([header.quatern_x, header.quatern_y, header.quatern_z], geometry.column(3).map(|part| part as f32));
    assert_eq!((header.qform_code, header.sform_code, header.xyzt_units), (1, 1, 2));
    assert_eq!((header.scl_slope, header.scl_inter, header.vox_offset), (1.0, 0.0, 352.0));
    assert_eq!(object.into_volume().into_nifti_typed_data::<T>().unwrap(), voxels);
}

#[test]
fn files_that_we_write_read_the_same_in_the_nifti_crate() {
    let folder = tempfile::tempdir().unwrap();
    let geometry = oblique([3, 4, 5]);
    for name in ["case.nii", "case.nii.gz"] {
        let path = folder.path().join(name);
        let voxels = Array4::from_shape_fn([2, 3, 4, 5], |(c, z, y, x)| (c * 60 + z * 20 + y * 5 + x) as f32 - 7.5);
        let image = Volume { voxels, geometry: geometry.clone() };
        write_volume(&path, &image).unwrap();
        assert_read(&path, &geometry, (NiftiType::Float32, 2), image.voxels.iter().copied().collect());
        let whole = Volume { voxels: image.voxels.mapv(f32::floor), geometry: geometry.clone() };
        write_volume(&path, &whole).unwrap();
        assert_read(&path, &geometry, (NiftiType::Int16, 2), whole.voxels.iter().map(|value| *value as i16).collect());
        let voxels = Array3::from_shape_fn([3, 4, 5], |(z, y, x)| (z * 20 + y * 5 + x) as u16);
        let mut labels = LabelMap { voxels, geometry: geometry.clone() };
        write_label_map(&path, &labels).unwrap();
        assert_read(&path, &geometry, (NiftiType::Uint8, 1), labels.voxels.iter().map(|value| *value as u8).collect());
        labels.voxels *= 1000;
        write_label_map(&path, &labels).unwrap();
        assert_read(&path, &geometry, (NiftiType::Uint16, 1), labels.voxels.iter().copied().collect());
    }
}

/// What we read of real files and write again reads as the same image there.
#[test]
fn real_files_that_we_wrote_back_read_the_same_in_the_nifti_crate() {
    let Some(root) = segspec_testing::data() else { return };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("case.nii.gz");
    let mut compared = 0;
    for expected in reference().shared {
        let volume = read_volume(&root.join(&expected.name)).unwrap();
        if !volume.geometry.has_spacing || volume.voxels.len() > 1 << 22 {
            continue;
        }
        write_volume(&path, &volume).unwrap();
        let object = read(&path);
        let rows = [object.header().srow_x, object.header().srow_y, object.header().srow_z];
        assert_eq!(rows, volume.geometry.affine.map(|row| row.map(|value| value as f32)), "{}", expected.name);
        let stored = object.into_volume();
        let voxels = match stored.data_type() {
            NiftiType::Int16 => stored.into_nifti_typed_data::<i16>().unwrap().into_iter().map(f32::from).collect(),
            _ => stored.into_nifti_typed_data::<f32>().unwrap(),
        };
        assert_eq!(voxels, volume.voxels.iter().copied().collect::<Vec<_>>(), "{}", expected.name);
        compared += 1;
    }
    assert!(compared > 5, "{compared}");
}
