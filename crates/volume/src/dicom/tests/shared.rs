//! The shared test data: every DICOM series as SimpleITK reads it.

use super::*;
use crate::ReadError;
use crate::dicom::{Choice, Gaps, read_series, scan};

#[test]
fn series_from_the_wild_read_as_in_simpleitk() {
    let Some(root) = segspec_testing::data() else { return };
    for expected in reference().shared.series {
        let volume = read_series(&root.join(&expected.name), &Choice::default());
        let volume = volume.unwrap_or_else(|error| panic!("{}: {error}", expected.name));
        assert_image(&volume, &expected, &expected.name);
    }
}

#[test]
fn compressed_ct_lies_on_the_grid_of_its_segmentation_and_its_liver_has_the_density_of_liver() {
    let Some(root) = shared_folder("totalsegmentator") else { return };
    let choice = Choice::series("CT Body 3.0");
    let ct = read_series(&root.join("example_ct_dicom"), &choice).unwrap().to_canonical();
    let labels = crate::read_label_map(&root.join("example_seg_dicom.nii.gz")).unwrap().to_canonical();
    ct.geometry.same_grid(&labels.geometry, 1e-3).unwrap();
    let inside = labels.voxels.iter().zip(ct.voxels.iter()).filter(|&(&label, _)| label == 5);
    let (count, sum) = inside.fold((0, 0.0), |(count, sum), (_, &value)| (count + 1, sum + f64::from(value)));
    let mean = sum / f64::from(count);
    let expected = reference().shared;
    assert!((60.0..=120.0).contains(&mean), "{mean}");
    assert_eq!(count as usize, expected.liver_voxels);
    assert!((mean - expected.liver_hu).abs() < 1e-6, "{mean}");
}

#[test]
fn missing_slice_is_named_by_its_position_and_filled_only_when_asked() {
    let Some(path) = shared_folder("dicom_quirks/mr_missing_slice") else { return };
    let expected = reference().shared.gap;
    let error = read_series(&path, &Choice::default()).unwrap_err();
    assert!(matches!(error, ReadError::Unsupported { .. }));
    let text = error.to_string();
    assert!(text.contains("1 slice(s) missing") && text.contains("1-07.dcm") && text.contains("1-05.dcm"), "{text}");
    let position = expected.position.map(|part| format!("{:.1}", part));
    assert!(position.iter().all(|part| text.contains(part.as_str())), "{text}: {position:?}");
    let volume = read_series(&path, &Choice { gaps: Gaps::Interpolate, ..Choice::default() }).unwrap();
    assert_eq!(volume.geometry.shape, expected.shape);
    assert_affine(&volume.geometry, &expected.affine, "gap");
    assert_eq!(crc(volume.voxels.iter().flat_map(|value| value.to_le_bytes())), expected.crc);
}

#[test]
fn a_folder_of_everything_is_listed_and_must_be_chosen_from() {
    let Some(path) = shared_folder("dicomseg_dcmqi") else { return };
    let found = scan(&path).unwrap();
    assert!(found.damaged.is_empty(), "{:?}", found.damaged);
    let count = |modality: &str| found.series.iter().filter(|series| series.modality == modality).count();
    assert_eq!((count("CT"), count("SEG")), (5, 5));
    let error = read_series(&path, &Choice::default()).unwrap_err().to_string();
    assert!(error.contains("holds 5 image series") && error.contains("Multiframe image 23x38x3"), "{error}");
    let one = read_series(&path, &Choice::series("Multiframe image 23x38x3")).unwrap();
    assert_eq!(one.geometry.shape, [3, 38, 23]);
}
