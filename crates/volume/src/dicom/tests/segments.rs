//! Segmentation objects: those of dcmqi beside their NRRD twins, and small ones made by pydicom.

use super::*;
use crate::dicom::{Choice, Series, is_segments, read_segments, referenced_series};
use crate::{Segmentation, Segments};

/// Masks of all segments, whatever form the content has.
fn masks(segments: &Segments) -> Vec<Vec<u8>> {
    match &segments.content {
        Segmentation::Labels(labels) => segments
            .segments
            .iter()
            .map(|segment| labels.voxels.iter().map(|&label| u8::from(label == segment.value)).collect())
            .collect(),
        Segmentation::Masks { masks, .. } => masks.outer_iter().map(|mask| mask.iter().copied().collect()).collect(),
    }
}

#[test]
fn dcmqi_objects_equal_their_nrrd_twins() {
    let Some(root) = segspec_testing::data() else { return };
    for expected in reference().shared_segments {
        let path = root.join(&expected.name);
        assert!(is_segments(&path).unwrap());
        assert_eq!(referenced_series(&path).unwrap(), expected.series, "{}", expected.name);
        let source = Series::open(&root.join(&expected.source), &Choice::default()).unwrap();
        for (read, on) in [
            (read_segments(&path, Some(&source)), "its source"),
            // Not every object shows its first and last slice.
            (read_segments(&path, None), "its own grid"),
        ] {
            let name = format!("{} on {on}", expected.name);
            let read = read.unwrap_or_else(|error| panic!("{name}: {error}"));
            assert_shared(&read, &expected, &name);
        }
    }
}

fn assert_shared(read: &Segments, expected: &SharedSegments, name: &str) {
    assert_eq!(read.geometry().shape, expected.shape, "{name}");
    assert_affine(read.geometry(), &expected.affine, name);
    assert_eq!(matches!(read.content, Segmentation::Masks { .. }), expected.overlap, "{name}");
    assert_eq!(read.segments.len(), expected.segments.len(), "{name}");
    let plane = expected.shape[1] * expected.shape[2];
    for ((segment, mask), wanted) in read.segments.iter().zip(masks(read)).zip(&expected.segments) {
        assert_eq!((&segment.name, segment.value, segment.color), (&wanted.name, wanted.value, Some(wanted.color)));
        let per_slice: Vec<usize> =
            mask.chunks(plane).map(|slice| slice.iter().filter(|&&inside| inside == 1).count()).collect();
        assert_eq!(per_slice, wanted.per_slice, "{name}: {}", segment.name);
        assert_eq!(per_slice.iter().sum::<usize>(), wanted.voxels);
        assert_eq!(crc(mask.into_iter()), wanted.crc, "{name}: {}", segment.name);
    }
}

#[test]
fn made_objects_read_as_they_were_made_or_are_refused_by_name() {
    for made in reference().segments {
        let (folder, path) = folder_of(&made.source);
        let object = folder.path().join("object.dcm");
        std::fs::write(&object, unpacked(&made.file)).unwrap();
        let source = (!made.source.is_empty()).then(|| Series::open(&path, &Choice::default()).unwrap());
        let read = read_segments(&object, source.as_ref());
        let Some(expected) = made.expected else {
            let error = read.map(|_| ()).expect_err(&made.name).to_string();
            assert!(error.contains("object.dcm") && error.contains(&made.error.unwrap()), "{}: {error}", made.name);
            continue;
        };
        let read = read.unwrap_or_else(|error| panic!("{}: {error}", made.name));
        assert_eq!(read.geometry().shape, expected.shape, "{}", made.name);
        let crcs: Vec<u32> = masks(&read).into_iter().map(|mask| crc(mask.into_iter())).collect();
        assert_eq!(crcs, expected.crcs, "{}", made.name);
    }
}

#[test]
fn an_image_is_no_segmentation_and_a_segmentation_no_image() {
    let reference = reference();
    let (_folder, path) = folder_of(&reference.series[0].files);
    assert!(!is_segments(&path.join("IM0")).unwrap());
    let error = read_segments(&path.join("IM0"), None).unwrap_err().to_string();
    assert!(error.contains("is not a DICOM segmentation object"), "{error}");
    let (_folder, path) = folder_of(&[reference.segments[0].file.clone()]);
    let error = crate::dicom::read_series(&path, &Choice::default()).unwrap_err().to_string();
    assert!(error.contains("holds no DICOM image series"), "{error}");
}
