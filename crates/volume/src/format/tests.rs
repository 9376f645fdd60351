//! The table: no two formats claim a file, and a name asks for one format.

use std::fs;

use ndarray::{Array3, Array4};

use super::*;
use crate::dicom::{Modality, SeriesHeader, write_series};
use crate::{Segment, surface};

#[test]
fn content_decides_whatever_the_name() {
    let folder = tempfile::tempdir().unwrap();
    let png = b"\x89PNG\r\n\x1a\n";
    let nifti = [&[0_u8; 344][..], b"n+1\0"].concat();
    let files: [(&str, &[u8], Option<Format>); 12] = [
        ("a.nii", png, Some(Format::Picture)),
        ("b", b"II*\0", Some(Format::Picture)),
        ("c", b"MM\0+", Some(Format::Picture)),
        ("d.png", b"NRRD0005\n", None),
        ("e.stl", &nifti, Some(Format::Nifti)),
        ("f", &348_i32.to_be_bytes(), Some(Format::Nifti)),
        ("g", &[0x1f, 0x8b], Some(Format::Nifti)),
        ("h.NII", b"", Some(Format::Nifti)),
        ("i", b"ply\n", Some(Format::Surface)),
        ("j.obj", b"v 0 0 0", Some(Format::Surface)),
        ("k.glb", b"glTF", Some(Format::Scene)),
        ("l", b"text", None),
    ];
    for (name, bytes, expected) in files {
        let path = folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        assert_eq!(Format::of(&path).ok(), expected, "{name}");
    }
}

/// Whole-slide images are both DICOM and TIFF: the preamble holds a TIFF header.
#[test]
fn a_dicom_file_is_dicom_whatever_its_preamble_looks_like() {
    let folder = tempfile::tempdir().unwrap();
    let series = folder.path().join("series");
    let geometry = Geometry::axis_aligned([2, 3, 4], [1.0; 3]);
    let volume = Volume { voxels: Array4::zeros([1, 2, 3, 4]), geometry };
    let header = SeriesHeader {
        modality: Modality::Ct,
        description: "two natures".into(),
        patient: "nobody".into(),
        series_number: 1,
        created: std::time::SystemTime::UNIX_EPOCH,
    };
    let file = write_series(&series, &volume, &header).unwrap().remove(0);
    for beginning in [&b"II*\0\x08\0\0\0"[..], b"MM\0*", b"NRRD0004", b"\x89PNG\r\n\x1a\n", b"\x5c\x01\0\0", b"ply\n"] {
        let mut bytes = fs::read(&file).unwrap();
        bytes[..beginning.len()].copy_from_slice(beginning);
        let path = folder.path().join("slice.tif");
        fs::write(&path, bytes).unwrap();
        assert_eq!(Format::of(&path).unwrap(), Format::DicomImage, "{beginning:?}");
        assert_eq!(read_header(&path).unwrap().geometry.shape, [1, 3, 4]);
    }
    assert_eq!(Format::of(&series).unwrap(), Format::DicomImage);
}

#[test]
fn a_name_asks_for_one_format_and_longer_endings_go_first() {
    for (name, expected) in [
        ("a.nii", Some(Format::Nifti)),
        ("a.b.NII.GZ", Some(Format::Nifti)),
        ("a.nrrd", Some(Format::Nrrd)),
        ("a.seg.nrrd", Some(Format::NrrdSegments)),
        ("a.dcm", Some(Format::DicomSegments)),
        ("a.ply", Some(Format::Surface)),
        ("a.glb", Some(Format::Scene)),
        ("series", Some(Format::DicomImage)),
        ("a.png", None),
        ("a.xyz", None),
    ] {
        assert_eq!(Format::written_as(Path::new(name)), expected, "{name}");
    }
    for (index, format) in FORMATS.iter().enumerate() {
        let mut others = FORMATS[index + 1..].iter().flat_map(|other| other.entry().write.endings);
        let own = format.entry().write.endings;
        assert!(!others.any(|ending| own.contains(ending)), "{format} is not alone");
    }
    assert_eq!(
        [stem("a.seg.nrrd"), stem("b.1.nii.gz"), stem("c.stl"), stem(".nii")],
        [Some("a"), Some("b.1"), None, None]
    );
}

/// Each format reads back what it says that it writes.
#[test]
fn every_format_that_is_written_is_read_back() {
    let folder = tempfile::tempdir().unwrap();
    let geometry = Geometry::axis_aligned([4, 5, 6], [2.0, 1.0, 1.0]);
    let voxels = Array4::from_shape_fn([1, 4, 5, 6], |(_, z, y, x)| (z * 100 + y * 10 + x) as f32);
    let volume = Volume { voxels, geometry: geometry.clone() };
    let voxels = Array3::from_shape_fn([4, 5, 6], |(z, y, x)| u16::from(z > 0 && y > 1) + u16::from(x > 3));
    let labels = LabelMap { voxels, geometry: geometry.clone() };
    let segment = |value| Segment { name: format!("part {value}"), value, color: Some([200, 10, value as u8]) };
    let content = Segmentation::Labels(labels.clone());
    let segments = Segments { segments: vec![segment(1), segment(2)], content };
    let series = folder.path().join("series");
    write_volume(&series, &volume).unwrap();
    let options = Options { on: Some(series), blocky: true, ..Options::default() };
    for format in FORMATS {
        let Writer { endings, folder: is_folder, .. } = format.entry().write;
        for ending in endings.iter().copied().chain(is_folder.then_some("")) {
            let path = |what: &str| folder.path().join(format!("{what}{ending}"));
            let writer = &format.entry().write;
            if writer.volume.is_some() {
                write_volume(&path("image"), &volume).unwrap();
                assert_eq!(Format::of(&path("image")).unwrap(), *format);
                assert_eq!(read_volume(&path("image")).unwrap().to_canonical().voxels, volume.to_canonical().voxels);
            }
            if writer.label_map.is_some() {
                write_label_map(&path("labels"), &labels).unwrap();
                assert_eq!(read_label_map(&path("labels")).unwrap().voxels, labels.voxels, "{ending}");
            }
            if writer.segments.is_some() {
                let files = write_segments(&path("parts"), &segments, &options).unwrap();
                assert!(files.iter().all(|file| Format::of(file).unwrap() == *format), "{ending}");
                if let Ok(read) = (format.entry().read.segments)(&files[0], &options) {
                    assert_eq!(read.segments[0].name.replace("parts-", ""), "part 1", "{ending}");
                }
            }
        }
    }
}

#[test]
fn what_a_format_cannot_hold_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let geometry = Geometry::axis_aligned([1, 2, 2], [1.0; 3]);
    let volume = Volume { voxels: Array4::zeros([1, 1, 2, 2]), geometry: geometry.clone() };
    let labels = LabelMap { voxels: Array3::zeros([1, 2, 2]), geometry };
    for (name, words) in [("a.stl", "no images"), ("a.dcm", "no images"), ("a.xyz", ".nii.gz"), ("a.glb", "no images")]
    {
        let error = write_volume(&folder.path().join(name), &volume).unwrap_err();
        assert!(error.to_string().contains(words) && error.to_string().contains(name), "{error}");
    }
    for (name, words) in [("a.seg.nrrd", "without names"), ("a", "without names"), ("a.txt", ".seg.nrrd")] {
        let error = write_label_map(&folder.path().join(name), &labels).unwrap_err();
        assert!(error.to_string().contains(words), "{error}");
    }
    let error = surface::SCENE.read.volume;
    assert!(error(Path::new("a.glb"), &Options::default()).unwrap_err().to_string().contains("a.glb"));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}
