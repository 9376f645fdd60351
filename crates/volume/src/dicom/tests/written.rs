//! What is written comes back: series, segmentation objects, anonymous copies.

use std::path::Path;
use std::time::{Duration, SystemTime};

use ndarray::{Array3, Array4};

use super::*;
use crate::dicom::file::DicomFile;
use crate::dicom::{
    Anonymous, Choice, Modality, SegmentCoding, SegmentationHeader, Series, SeriesHeader, anonymise, read_segments,
    read_series, write_segments, write_series,
};
use crate::{LabelMap, Segment, Segmentation, Segments};

fn header(modality: Modality) -> SeriesHeader {
    let created = SystemTime::UNIX_EPOCH + Duration::from_secs(1_709_210_096);
    SeriesHeader { modality, description: "written\\here".into(), patient: "case 7".into(), series_number: 3, created }
}

fn oblique(shape: [usize; 3]) -> Geometry {
    let (sin, cos) = 0.4_f64.sin_cos();
    let affine = [[-2.0 * cos, 3.0 * sin, 0.0, 10.5], [-2.0 * sin, -3.0 * cos, 0.0, 20.25], [0.0, 0.0, 5.0, -30.0]];
    Geometry { shape, affine, has_spacing: true }
}

fn image(geometry: Geometry) -> Volume {
    let [z, y, x] = geometry.shape;
    let voxels = Array4::from_shape_fn([1, z, y, x], |(_, z, y, x)| (z * 100 + y * 10 + x) as f32 - 500.0);
    Volume { voxels, geometry }
}

/// The same image in canonical order: a series' slices always ascend along their normal.
fn assert_same(read: &Volume, written: &Volume) {
    let (read, written) = (read.to_canonical(), written.to_canonical());
    read.geometry.same_grid(&written.geometry, 1e-6).unwrap();
    assert_eq!(read.voxels, written.voxels);
}

#[test]
fn a_series_comes_back_as_it_was_written() {
    let folder = tempfile::tempdir().unwrap();
    let mut tilted = oblique([3, 4, 5]);
    tilted.affine[1][2] = 1.0;
    let mut turned = oblique([3, 4, 5]);
    turned.affine.iter_mut().for_each(|row| row[2] = -row[2]);
    let grids = [oblique([3, 4, 5]), tilted, turned, oblique([3, 4, 5]).to_canonical(), oblique([1, 4, 5])];
    for (number, geometry) in grids.into_iter().enumerate() {
        for modality in [Modality::Ct, Modality::Mr, Modality::Other] {
            let path = folder.path().join(format!("{number} {modality:?}"));
            let written = image(geometry.clone());
            let files = write_series(&path, &written, &header(modality)).unwrap();
            assert_eq!(files.len(), written.geometry.shape[0]);
            assert_same(&read_series(&path, &Choice::series("written/here")).unwrap(), &written);
        }
    }
}

#[test]
fn slopes_come_back_exactly_also_where_each_slice_has_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let mut pet = image(oblique([3, 40, 50]));
    for ((_, z, _, _), value) in pet.voxels.indexed_iter_mut() {
        *value = (f64::from(*value + 500.0) * [0.01234, 1.7e-3, 3.0][z]) as f32;
    }
    let path = folder.path().join("pet");
    write_series(&path, &pet, &header(Modality::Other)).unwrap();
    assert_same(&read_series(&path, &Choice::default()).unwrap(), &pet);
    let picture =
        Volume { geometry: Geometry { has_spacing: false, ..oblique([1, 4, 5]) }, ..image(oblique([1, 4, 5])) };
    let path = folder.path().join("picture");
    write_series(&path, &picture, &header(Modality::Other)).unwrap();
    let read = read_series(&path, &Choice::default()).unwrap();
    assert!(!read.geometry.has_spacing);
    assert_eq!(read.voxels, picture.voxels);
}

#[test]
fn what_a_series_cannot_hold_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("none");
    let refused = |volume: &Volume| write_series(&path, volume, &header(Modality::Ct)).unwrap_err().to_string();
    let mut odd = image(oblique([2, 3, 4]));
    odd.voxels[[0, 1, 2, 3]] = std::f32::consts::PI;
    assert!(refused(&odd).contains("not multiples of a step"), "{}", refused(&odd));
    let two = Volume { voxels: Array4::zeros([2, 2, 3, 4]), geometry: oblique([2, 3, 4]) };
    assert!(refused(&two).contains("one channel"));
    let mut skewed = image(oblique([2, 3, 4]));
    skewed.geometry.affine[0][0] += 1.0;
    assert!(refused(&skewed).contains("right angles"));
    assert!(!path.exists());
    std::fs::create_dir(&path).unwrap();
    std::fs::write(path.join("other.dcm"), "").unwrap();
    assert!(refused(&image(oblique([2, 3, 4]))).contains("not empty"));
}

/// A written source with segments on its grid.
fn source(folder: &Path) -> Series {
    let path = folder.join("source");
    write_series(&path, &image(oblique([4, 5, 7])), &header(Modality::Ct)).unwrap();
    Series::open(&path, &Choice::default()).unwrap()
}

fn named(values: &[u16]) -> Vec<Segment> {
    let segment = |&value: &u16| Segment { name: format!("part {value}"), value, color: Some([value as u8, 99, 200]) };
    values.iter().map(segment).collect()
}

#[test]
fn segments_come_back_as_they_were_written() {
    let folder = tempfile::tempdir().unwrap();
    let series = source(folder.path());
    let geometry = series.geometry().clone();
    let path = folder.path().join("seg.dcm");
    let labels = Array3::from_shape_fn(geometry.shape, |(z, y, x)| if z == 1 { 0 } else { ((y + x) % 3) as u16 });
    let labels = Segmentation::Labels(LabelMap { voxels: labels, geometry: geometry.clone() });
    let masks = Array4::from_shape_fn([2, 4, 5, 7], |(s, z, y, x)| u8::from((z + y * x) % (s + 2) == 0 && z != 3));
    let masks = Segmentation::Masks { masks, geometry: geometry.clone() };
    for content in [labels.clone(), masks] {
        let written = Segments { segments: named(&[1, 2]), content };
        write_segments(&path, &written, &series, &SegmentationHeader::default()).unwrap();
        assert_eq!(read_segments(&path, Some(&series)).unwrap(), written);
        // From canonical orientation, as a prediction comes.
        let canonical = Segments { content: written.content.to_canonical(), ..written.clone() };
        write_segments(&path, &canonical, &series, &SegmentationHeader::default()).unwrap();
        assert_eq!(read_segments(&path, Some(&series)).unwrap(), written);
    }
    let empty = Segments {
        segments: named(&[1]),
        content: Segmentation::Labels(LabelMap { voxels: Array3::zeros([4, 5, 7]), geometry }),
    };
    write_segments(&path, &empty, &series, &SegmentationHeader::default()).unwrap();
    assert_eq!(read_segments(&path, Some(&series)).unwrap(), empty);
}

#[test]
fn segments_that_do_not_belong_to_the_series_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let series = source(folder.path());
    let path = folder.path().join("seg.dcm");
    let labels = |shape, geometry| Segmentation::Labels(LabelMap { voxels: Array3::from_elem(shape, 2), geometry });
    let refused = |segments: Segments| {
        write_segments(&path, &segments, &series, &SegmentationHeader::default()).unwrap_err().to_string()
    };
    let mut moved = series.geometry().clone();
    moved.affine[0][3] += 3.0;
    let other = refused(Segments { segments: named(&[2]), content: labels([4, 5, 7], moved) });
    assert!(other.contains("another grid than the series: origin"), "{other}");
    let unnamed = refused(Segments { segments: named(&[1]), content: labels([4, 5, 7], series.geometry().clone()) });
    assert!(unnamed.contains("the label 2 has no name"), "{unnamed}");
    assert!(!path.exists());
}

#[test]
fn a_gap_keeps_its_segments() {
    let Some(path) = shared_folder("dicom_quirks/mr_missing_slice") else { return };
    let series = Series::open(&path, &Choice { gaps: crate::dicom::Gaps::Interpolate, ..Choice::default() }).unwrap();
    let labels = Array3::from_elem(series.geometry().shape, 1);
    let content = Segmentation::Labels(LabelMap { voxels: labels, geometry: series.geometry().clone() });
    let written = Segments { segments: named(&[1]), content };
    let folder = tempfile::tempdir().unwrap();
    let object = folder.path().join("seg.dcm");
    let header = SegmentationHeader { coding: vec![SegmentCoding::default()], ..SegmentationHeader::default() };
    write_segments(&object, &written, &series, &header).unwrap();
    assert_eq!(read_segments(&object, Some(&series)).unwrap(), written);
}

#[test]
fn an_anonymous_copy_has_the_same_voxels_and_none_of_the_names() {
    let Some(root) = segspec_testing::data() else { return };
    let identity = Anonymous { patient: "A1".into(), description: "copy".into(), secret: "s3cret".into() };
    for name in [
        "dicom_quirks/mr_missing_slice",
        "totalsegmentator/example_ct_dicom",
        "dicomseg_dcmqi/ct-3slice",
        "dicomseg_dcmqi/23x38x3/multiframe",
    ] {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("copy");
        let choice = Choice { gaps: crate::dicom::Gaps::Interpolate, ..Choice::default() };
        let files = anonymise(&root.join(name), &choice, &target, &identity).unwrap();
        let original = read_series(&root.join(name), &choice).unwrap();
        let copied = read_series(&target, &choice).unwrap();
        assert_eq!(copied.voxels, original.voxels, "{name}");
        copied.geometry.same_grid(&original.geometry, 1e-9).unwrap();
        for file in files {
            let copy = DicomFile::open(&file).unwrap().unwrap();
            let bytes = std::fs::read(&file).unwrap();
            for word in [
                "ProstateX",
                "1.3.6.1.4.1.14519",
                "SIEMENS CT VA1",
                "Petersgraben",
                "JANCT000",
                "Virtual Place",
                "20030417",
                "20221208",
                "Bangor",
                "1.2.826.0",
            ] {
                let found = bytes.windows(word.len()).any(|part| part == word.as_bytes());
                assert!(!found, "{name}: {word}");
            }
            assert!(
                copy.header.iter().all(|element| element.header().tag.group() % 2 == 0),
                "{name}: private elements"
            );
        }
    }
}

#[test]
fn burned_in_text_is_refused() {
    let made = reference().series.into_iter().find(|made| made.name == "explicit little endian").unwrap();
    let (folder, path) = folder_of(&made.files);
    let file = path.join("IM0");
    let mut bytes = std::fs::read(&file).unwrap();
    // (0028,0301) CS "YES " before (0028,1050) or the pixel data: behind HighBit and PixelRepresentation.
    let at = bytes.windows(8).position(|part| part == [0x28, 0, 0x03, 0x01, b'U', b'S', 2, 0]).unwrap() + 10;
    bytes.splice(at..at, [0x28, 0, 0x01, 0x03, b'C', b'S', 4, 0, b'Y', b'E', b'S', b' ']);
    std::fs::write(&file, bytes).unwrap();
    let identity = Anonymous { patient: "A".into(), description: String::new(), secret: "x".into() };
    let error = anonymise(&path, &Choice::default(), &folder.path().join("copy"), &identity).unwrap_err().to_string();
    assert!(error.contains("burned into its pixels"), "{error}");
}
