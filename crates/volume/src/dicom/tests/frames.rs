//! Segmentation objects whose frames are no slices of a volume, or lie where no patient is.

use std::path::Path;

use dicom_dictionary_std::{tags, uids};

use super::*;
use crate::dicom::write::build::{DataSet, NATIVE};
use crate::dicom::{Choice, Series, read_segments};
use crate::{Format, Segmentation, read_header};

/// Segment, height, and the image that it was drawn on.
type Frame<'a> = (u16, Option<f64>, Option<&'a str>);

/// Frames of 4 × 4 bits, all inside.
fn object(frames: &[Frame], more: impl Fn(DataSet) -> DataSet) -> DataSet {
    let groups = frames.iter().map(|(segment, z, image)| {
        let number = DataSet::default().words(tags::REFERENCED_SEGMENT_NUMBER, &[*segment]);
        let mut set = DataSet::default().item(tags::SEGMENT_IDENTIFICATION_SEQUENCE, number);
        if let Some(z) = z {
            let place = DataSet::default().decimals(tags::IMAGE_POSITION_PATIENT, &[0.0, 0.0, *z]);
            set = set.item(tags::PLANE_POSITION_SEQUENCE, place);
        }
        match image {
            Some(uid) => {
                let image = DataSet::default().text(tags::REFERENCED_SOP_INSTANCE_UID, uid);
                let derivation = DataSet::default().item(tags::SOURCE_IMAGE_SEQUENCE, image);
                set.item(tags::DERIVATION_IMAGE_SEQUENCE, derivation)
            }
            None => set,
        }
    });
    let measures =
        DataSet::default().decimals(tags::PIXEL_SPACING, &[1.0, 1.0]).decimals(tags::SLICE_THICKNESS, &[2.5]);
    let orientation = DataSet::default().decimals(tags::IMAGE_ORIENTATION_PATIENT, &[1.0, 0.0, 0.0, 0.0, 1.0, 0.0]);
    let mut shared = DataSet::default().item(tags::PIXEL_MEASURES_SEQUENCE, measures);
    if frames.iter().any(|(_, z, _)| z.is_some()) {
        shared = shared.item(tags::PLANE_ORIENTATION_SEQUENCE, orientation);
    }
    let mut numbers: Vec<u16> = frames.iter().map(|(segment, ..)| *segment).collect();
    numbers.dedup();
    let described = numbers.into_iter().map(|number| {
        DataSet::default().words(tags::SEGMENT_NUMBER, &[number]).text(tags::SEGMENT_LABEL, &format!("part {number}"))
    });
    let set = DataSet::default()
        .text(tags::SOP_CLASS_UID, uids::SEGMENTATION_STORAGE)
        .text(tags::SOP_INSTANCE_UID, "1.2.7")
        .text(tags::MODALITY, "SEG")
        .text(tags::SEGMENTATION_TYPE, "BINARY")
        .words(tags::SAMPLES_PER_PIXEL, &[1])
        .text(tags::PHOTOMETRIC_INTERPRETATION, "MONOCHROME2")
        .integer(tags::NUMBER_OF_FRAMES, frames.len())
        .words(tags::ROWS, &[4])
        .words(tags::COLUMNS, &[4])
        .words(tags::BITS_ALLOCATED, &[1])
        .words(tags::BITS_STORED, &[1])
        .words(tags::HIGH_BIT, &[0])
        .words(tags::PIXEL_REPRESENTATION, &[0])
        .items(tags::SEGMENT_SEQUENCE, described.collect())
        .item(tags::SHARED_FUNCTIONAL_GROUPS_SEQUENCE, shared)
        .items(tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE, groups.collect())
        .bytes(tags::PIXEL_DATA, vec![0xff; 2 * frames.len()]);
    more(set)
}

fn written(folder: &Path, set: DataSet) -> PathBuf {
    let path = folder.join("seg.dcm");
    set.write(&path, NATIVE).unwrap();
    path
}

#[test]
fn frames_that_lie_far_apart_are_refused_before_memory_is_taken() {
    let folder = tempfile::tempdir().unwrap();
    for far in [1e9, -1e9, 1e6, 5_000.0] {
        for frames in [
            vec![(1, Some(0.0), None), (1, Some(far), None)],
            vec![(1, Some(0.0), None), (1, Some(2.5), None), (1, Some(far), None)],
        ] {
            let path = written(folder.path(), object(&frames, |set| set));
            let error = read_segments(&path, None).unwrap_err().to_string();
            assert!(
                error.contains("seg.dcm") && error.contains("wrong position") || error.contains("irregular"),
                "{error}"
            );
        }
    }
    // Two lesions half a metre apart, and a single frame anywhere.
    let path = written(
        folder.path(),
        object(&[(1, Some(0.0), None), (1, Some(2.5), None), (1, Some(500.0), None)], |set| set),
    );
    assert_eq!(read_segments(&path, None).unwrap().geometry().shape, [201, 4, 4]);
    let path = written(folder.path(), object(&[(1, Some(1e9), None)], |set| set));
    assert_eq!(read_segments(&path, None).unwrap().geometry().shape, [1, 4, 4]);
}

/// A radiograph: one image without a position.
fn radiograph(folder: &Path) -> Series {
    let set = DataSet::default()
        .text(tags::SOP_CLASS_UID, uids::DIGITAL_X_RAY_IMAGE_STORAGE_FOR_PRESENTATION)
        .text(tags::SOP_INSTANCE_UID, "1.2.5")
        .text(tags::SERIES_INSTANCE_UID, "1.2.6")
        .text(tags::MODALITY, "DX")
        .words(tags::SAMPLES_PER_PIXEL, &[1])
        .text(tags::PHOTOMETRIC_INTERPRETATION, "MONOCHROME2")
        .words(tags::ROWS, &[4])
        .words(tags::COLUMNS, &[4])
        .words(tags::BITS_ALLOCATED, &[16])
        .words(tags::BITS_STORED, &[16])
        .words(tags::HIGH_BIT, &[15])
        .words(tags::PIXEL_REPRESENTATION, &[0])
        .pixels((0..16).collect());
    set.write(&folder.join("dx/1.dcm"), NATIVE).unwrap();
    Series::open(&folder.join("dx"), &Choice::default()).unwrap()
}

#[test]
fn segmentations_of_a_2d_image_are_read_with_and_without_it() {
    let folder = tempfile::tempdir().unwrap();
    let image = radiograph(folder.path());
    for reference in [Some("1.2.5"), None] {
        let path = written(folder.path(), object(&[(1, None, reference), (2, None, reference)], |set| set));
        for source in [Some(&image), None] {
            let read = read_segments(&path, source).unwrap();
            assert_eq!(read.geometry().shape, [1, 4, 4]);
            assert_eq!(
                read.segments.iter().map(|segment| segment.name.as_str()).collect::<Vec<_>>(),
                ["part 1", "part 2"]
            );
            assert!(
                matches!(&read.content, Segmentation::Masks { masks, .. } if masks.iter().all(|&inside| inside == 1))
            );
        }
        assert_eq!(Format::of(&path).unwrap(), Format::DicomSegments);
        assert_eq!(read_header(&path).unwrap().geometry.shape, [1, 4, 4]);
    }
    let path = written(folder.path(), object(&[(1, None, Some("1.2.5")), (1, None, Some("1.2.99"))], |set| set));
    let error = read_segments(&path, None).unwrap_err().to_string();
    assert!(error.contains("a segmentation of several 2D images"), "{error}");
    let error = read_segments(&path, Some(&image)).unwrap_err().to_string();
    assert!(error.contains("refers to no slice of the series"), "{error}");
}

#[test]
fn segmentations_that_are_not_read_are_called_what_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let one = [(1, None, None)];
    let tiled = object(&one, |set| set.text(tags::DIMENSION_ORGANIZATION_TYPE, "TILED_FULL"));
    let slide = object(&one, |set| set.longs(tags::TOTAL_PIXEL_MATRIX_COLUMNS, &[4]));
    let runs = object(&one, |set| set.text(tags::SEGMENTATION_TYPE, "OTHER"));
    for (set, words) in
        [(tiled, "microscopy slide"), (slide, "microscopy slide"), (runs, "SegmentationType is `OTHER`")]
    {
        let error = read_segments(&written(folder.path(), set), None).unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    }
}
