//! Structure sets: those of `tests/reference/contours.py` against an independent rasteriser, and small ones with one oddity each.

use dicom_dictionary_std::{tags, uids};

use super::*;
use crate::dicom::write::build::DataSet;
use crate::dicom::{
    Choice, Contoured, Modality, On, Series, SeriesHeader, contour_facts, is_contours, read_contours, write_series,
};
use crate::{ReadError, Segmentation};

#[derive(Deserialize)]
struct MadeContours {
    name: String,
    series: Vec<String>,
    contours: String,
    shape: [usize; 3],
    structures: Vec<Structure>,
}

#[derive(Deserialize)]
struct Structure {
    name: String,
    number: u16,
    color: [u8; 3],
    voxels: usize,
    mask: String,
}

impl Structure {
    fn mask(&self) -> Vec<u8> {
        unpacked(&self.mask).into_iter().flat_map(|byte| (0..8).map(move |bit| byte >> bit & 1)).collect()
    }
}

fn dice(a: &[u8], b: &[u8]) -> f64 {
    let both = a.iter().zip(b).filter(|(a, b)| **a == 1 && **b == 1).count();
    let each = a.iter().chain(b).filter(|&&inside| inside == 1).count();
    2.0 * both as f64 / each as f64
}

fn masks(read: &Contoured) -> Vec<Vec<u8>> {
    match &read.segments.content {
        Segmentation::Masks { masks, .. } => masks.outer_iter().map(|mask| mask.iter().copied().collect()).collect(),
        Segmentation::Labels(labels) => {
            let of = |value| labels.voxels.iter().map(|&label| u8::from(label == value)).collect();
            read.segments.segments.iter().map(|segment| of(segment.value)).collect()
        }
    }
}

#[test]
fn holes_keyholes_and_oblique_planes_equal_the_supersampled_reference() {
    let sets: Vec<MadeContours> =
        serde_json::from_str(include_str!("../../../../../tests/reference/contours.json")).unwrap();
    assert_eq!(sets.len(), 3);
    for set in sets {
        let (folder, path) = folder_of(&set.series);
        let file = folder.path().join("rs.dcm");
        std::fs::write(&file, unpacked(&set.contours)).unwrap();
        assert!(is_contours(&file).unwrap());
        let series = Series::open(&path, &Choice::default()).unwrap();
        for on in [On::Series(&series), On::Grid(series.geometry())] {
            let read = read_contours(&file, on, &|_| true).unwrap();
            assert_eq!(read.segments.geometry().shape, set.shape);
            let gap = "`ring`: 1 slice(s) between its first and its last contour have none: background";
            assert_eq!(read.notes, if set.shape[0] == 6 { vec![gap] } else { vec![] });
            for ((segment, mask), expected) in read.segments.segments.iter().zip(masks(&read)).zip(&set.structures) {
                let found = (segment.name.as_str(), segment.value, segment.color);
                assert_eq!(found, (expected.name.as_str(), expected.number, Some(expected.color)));
                let truth = expected.mask();
                assert_eq!(truth.iter().filter(|&&inside| inside == 1).count(), expected.voxels);
                let dice = dice(&mask, &truth[..mask.len()]);
                println!("{} {}: Dice {dice:.5}, {} voxels", set.name, segment.name, expected.voxels);
                assert!(dice >= 0.999, "{} {}: {dice}", set.name, segment.name);
            }
        }
        let facts = contour_facts(&file).unwrap();
        assert_eq!(facts.structures.iter().map(|roi| roi.name.clone()).collect::<Vec<_>>().len(), 4);
        assert_eq!(facts.series, [series.summary().uid.clone()]);
        let only = read_contours(&file, On::Series(&series), &|name| name == "islands").unwrap();
        assert!(matches!(only.segments.content, Segmentation::Labels(_)) && only.segments.segments.len() == 1);
    }
}

/// A series of 4 slices of 10 × 10 pixels, 2 mm apart, and a place for a structure set.
struct Made {
    folder: tempfile::TempDir,
    series: Series,
    frame: String,
}

impl Made {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let affine = [[-1.0, 0.0, 0.0, 0.0], [0.0, -1.0, 0.0, 0.0], [0.0, 0.0, 2.0, 0.0]];
        let geometry = Geometry { shape: [4, 10, 10], affine, has_spacing: true };
        let image = Volume { voxels: ndarray::Array4::zeros([1, 4, 10, 10]), geometry };
        let header = SeriesHeader {
            modality: Modality::Ct,
            description: "ct".into(),
            patient: "p".into(),
            series_number: 1,
            created: std::time::SystemTime::UNIX_EPOCH,
        };
        write_series(&folder.path().join("ct"), &image, &header).unwrap();
        let series = Series::open(&folder.path().join("ct"), &Choice::default()).unwrap();
        let frame = series.grid.planes[0].instance.frame_of_reference.clone();
        Self { folder, series, frame }
    }

    fn read(&self, rois: &[Roi]) -> Result<Contoured, ReadError> {
        let path = self.folder.path().join("rs.dcm");
        structure_set(rois, &self.frame).write(&path, uids::IMPLICIT_VR_LITTLE_ENDIAN).unwrap();
        read_contours(&path, On::Series(&self.series), &|_| true)
    }
}

/// Number, name, and contours of one type.
struct Roi<'a>(usize, &'a str, &'a str, Vec<Vec<[f64; 3]>>);

fn structure_set(rois: &[Roi], frame: &str) -> DataSet {
    let described = rois.iter().map(|Roi(number, name, ..)| {
        DataSet::default()
            .integer(tags::ROI_NUMBER, *number)
            .text(tags::ROI_NAME, name)
            .text(tags::REFERENCED_FRAME_OF_REFERENCE_UID, frame)
    });
    let drawn = rois.iter().map(|Roi(number, _, kind, contours)| {
        let contours = contours.iter().map(|points| {
            DataSet::default()
                .text(tags::CONTOUR_GEOMETRIC_TYPE, kind)
                .integer(tags::NUMBER_OF_CONTOUR_POINTS, points.len())
                .decimals(tags::CONTOUR_DATA, &points.concat())
        });
        DataSet::default()
            .integer(tags::REFERENCED_ROI_NUMBER, *number)
            .items(tags::CONTOUR_SEQUENCE, contours.collect())
    });
    DataSet::default()
        .text(tags::SOP_CLASS_UID, uids::RT_STRUCTURE_SET_STORAGE)
        .text(tags::SOP_INSTANCE_UID, "1.2.3")
        .text(tags::MODALITY, "RTSTRUCT")
        .items(tags::STRUCTURE_SET_ROI_SEQUENCE, described.collect())
        .items(tags::ROI_CONTOUR_SEQUENCE, drawn.collect())
}

fn square(low: f64, high: f64, z: f64) -> Vec<[f64; 3]> {
    vec![[low, low, z], [high, low, z], [high, high, z], [low, high, z]]
}

fn counts(read: &Contoured) -> Vec<usize> {
    masks(read).iter().map(|mask| mask.iter().filter(|&&inside| inside == 1).count()).collect()
}

#[test]
fn each_oddity_of_contours_is_said_and_none_changes_others() {
    let made = Made::new();
    let closed = "CLOSED_PLANAR";
    let liver = || Roi(1, "liver", closed, vec![square(1.5, 5.5, 2.0)]);
    let copies = vec![square(0.5, 4.5, 4.0), square(0.5, 4.5, 4.0)];
    let two_planes = vec![square(0.5, 4.5, 4.0), square(0.5, 2.5, 4.8)];
    let crossing = vec![square(0.5, 4.5, 4.0), square(2.5, 6.5, 4.0)];
    let outside = vec![square(0.5, 4.5, 4.0), square(0.5, 4.5, 40.0), square(50.0, 54.0, 4.0)];
    for (kind, contours, voxels, note) in [
        (closed, copies, Some(16), "1 contour(s) are copies"),
        (closed, vec![square(0.5, 4.5, 4.6)], Some(16), "lie between slices"),
        (closed, two_planes, Some(16), "others of their structure lie nearer"),
        (closed, crossing, Some(16 + 16 - 8), "cross another"),
        (closed, outside, Some(16), "2 contour(s) lie outside of the image"),
        (closed, vec![square(0.5, 4.5, 0.0), square(0.5, 4.5, 6.0)], Some(32), "2 slice(s) between"),
        (
            closed,
            vec![square(0.5, 4.5, 0.0), vec![[1.0, 1.0, 2.0], [2.0, 2.0, 2.0]]],
            Some(16),
            "fewer than three points",
        ),
        ("CLOSEDPLANAR_XOR", vec![square(0.5, 6.5, 0.0), square(2.5, 4.5, 0.0)], Some(32), ""),
        ("POINT", vec![vec![[1.0, 1.0, 2.0]]], None, "`other` is left out: its contours are POINT"),
        ("OPEN_NONPLANAR", vec![square(0.0, 3.0, 2.0)], None, "are OPEN_NONPLANAR"),
        (closed, vec![], Some(0), ""),
    ] {
        let read = made.read(&[liver(), Roi(7, "other", kind, contours)]).unwrap();
        let found = counts(&read);
        assert_eq!(found[0], 16, "{note}");
        assert_eq!(found.get(1).copied(), voxels, "{note}");
        match note {
            "" => assert!(read.notes.is_empty(), "{:?}", read.notes),
            note => assert!(read.notes.len() == 1 && read.notes[0].contains(note), "{note}: {:?}", read.notes),
        }
    }
}

#[test]
fn contours_that_have_no_voxels_here_are_refused_by_name() {
    let mut made = Made::new();
    let closed = "CLOSED_PLANAR";
    let tilted = vec![vec![[1.0, 1.0, 2.0], [5.0, 1.0, 2.0], [5.0, 5.0, 4.0], [1.0, 5.0, 4.0]]];
    for (contours, words) in [
        (tilted, ["contour 1 of `x` is not parallel", "2.0 mm"]),
        (vec![square(1.0, 5.0, 90.0)], ["every contour of `x` lies outside", "[1.0, 1.0, 90.0]"]),
        (vec![square(100.0, 105.0, 2.0)], ["every contour of `x` lies outside", "[0.0, 0.0, 0.0] to [9.0, 9.0, 6.0]"]),
    ] {
        let error = made.read(&[Roi(1, "x", closed, contours)]).unwrap_err().to_string();
        assert!(error.contains("rs.dcm") && words.iter().all(|word| error.contains(word)), "{error}");
    }
    made.frame = "1.2.3.4".into();
    let error = made.read(&[Roi(1, "x", closed, vec![square(1.0, 5.0, 2.0)])]).unwrap_err().to_string();
    assert!(error.contains("`x` belong to another frame of reference (1.2.3.4)"), "{error}");
    let path = made.folder.path().join("ct/0001.dcm");
    let error = read_contours(&path, On::Series(&made.series), &|_| true).unwrap_err().to_string();
    assert!(error.contains("is not a DICOM structure set"), "{error}");
}

#[test]
fn numbers_that_are_no_label_values_are_replaced_and_long_contours_are_whole() {
    let made = Made::new();
    let round = |count: usize| -> Vec<[f64; 3]> {
        let angle = |index: usize| index as f64 / count as f64 * std::f64::consts::TAU;
        (0..count).map(|index| [4.6 + 3.2 * angle(index).cos(), 4.7 + 3.2 * angle(index).sin(), 2.0]).collect()
    };
    // More than 64 KB of text.
    let read = made.read(&[
        Roi(0, "a", "CLOSED_PLANAR", vec![round(3000)]),
        Roi(9, "b", "CLOSED_PLANAR", vec![square(0.5, 1.5, 0.0)]),
    ]);
    let read = read.unwrap();
    assert_eq!(read.segments.segments.iter().map(|segment| segment.value).collect::<Vec<_>>(), [1, 2]);
    assert!(read.notes.len() == 1 && read.notes[0].contains("numbered from 1"), "{:?}", read.notes);
    let area = std::f64::consts::PI * 3.2 * 3.2;
    assert!((counts(&read)[0] as f64 - area).abs() < 4.0, "{:?}", counts(&read));
}
