//! Segments of 3D Slicer's files, and what is refused.

use ndarray::{Array3, Array4, Axis};
use serde::Deserialize;

use super::super::*;
use super::round_trip::segment;
use crate::{Geometry, LabelMap, Segmentation, Segments, colour_table};

#[derive(Deserialize)]
struct Reference {
    segments: Vec<File>,
}

#[derive(Deserialize)]
struct File {
    name: String,
    layers: usize,
    segments: Vec<Expected>,
}

#[derive(Deserialize)]
struct Expected {
    name: String,
    label: u16,
    color: [u8; 3],
    voxels: usize,
    /// Sum of the z, y and x indices of its voxels.
    place: [usize; 3],
}

#[test]
fn files_of_slicer_give_their_segments_by_name_from_every_layer() {
    let Some(root) = segspec_testing::data() else { return };
    let text = include_str!("../../../../../tests/reference/nrrd_files.json");
    let files = serde_json::from_str::<Reference>(text).unwrap().segments;
    assert_eq!(files.iter().map(|file| (file.layers, file.segments.len())).collect::<Vec<_>>(), [(1, 7), (2, 8)]);
    for file in &files {
        let read = read_segments(&root.join(&file.name)).unwrap();
        assert_eq!(read.segments.len(), file.segments.len());
        for (index, (segment, expected)) in read.segments.iter().zip(&file.segments).enumerate() {
            assert_eq!((&segment.name, segment.color), (&expected.name, Some(expected.color)));
            // The overlapping sphere has label 1 in its layer, as the ribs have in theirs.
            assert_eq!(segment.value, if file.layers == 1 { expected.label } else { index as u16 + 1 });
            let inside: Array3<bool> = match &read.content {
                Segmentation::Labels(labels) => labels.voxels.mapv(|label| label == segment.value),
                Segmentation::Masks { masks, .. } => masks.index_axis(Axis(0), index).mapv(|inside| inside == 1),
            };
            let mut place = [0; 3];
            let mut voxels = 0;
            for ((z, y, x), _) in inside.indexed_iter().filter(|&(_, &inside)| inside) {
                place = [place[0] + z, place[1] + y, place[2] + x];
                voxels += 1;
            }
            assert_eq!((voxels, place), (expected.voxels, expected.place), "{}", segment.name);
        }
    }
}

fn masks(count: usize) -> Segments {
    let geometry = Geometry::axis_aligned([2, 2, 4], [1.0; 3]);
    let masks = Array4::from_shape_fn([count, 2, 2, 4], |(segment, _, _, x)| u8::from(segment == x));
    let segments = (0..count).map(|index| segment(index, index as u16 + 1)).collect();
    Segments { segments, content: Segmentation::Masks { masks, geometry } }
}

#[test]
fn structures_that_do_not_overlap_share_a_layer() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("masks.seg.nrrd");
    write_segments(&path, &masks(3)).unwrap();
    assert_eq!(read_header(&path).unwrap().channels, 1);
    let read = read_segments(&path).unwrap();
    assert_eq!(read.segments, masks(3).segments);
    let Segmentation::Labels(labels) = read.content else { panic!("layers") };
    assert_eq!(labels.voxels, Array3::from_shape_fn([2, 2, 4], |(_, _, x)| [1, 2, 3, 0][x]));
    assert_eq!(read_label_map(&path).unwrap(), labels);
}

#[test]
fn segments_without_colour_get_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("masks.seg.nrrd");
    let mut colourless = masks(2);
    colourless.segments[1].color = None;
    write_segments(&path, &colourless).unwrap();
    let colors: Vec<_> = read_segments(&path).unwrap().segments.iter().map(|segment| segment.color).collect();
    assert_eq!(colors[0], colourless.segments[0].color);
    assert_eq!(colors[1], Some(colour_table::color(&colourless.segments[1])));
}

#[test]
fn layers_are_no_label_map() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("masks.seg.nrrd");
    let mut overlapping = masks(3);
    let Segmentation::Masks { masks, .. } = &mut overlapping.content else { panic!("labels") };
    masks.fill(1);
    write_segments(&path, &overlapping).unwrap();
    assert_eq!(read_segments(&path).unwrap(), overlapping);
    let error = read_label_map(&path).unwrap_err().to_string();
    assert!(error.contains("overlapping segments in 3 layers"), "{error}");
}

#[test]
fn segments_that_cannot_be_written_say_why() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("wrong.seg.nrrd");
    let error = |change: fn(&mut Segments)| {
        let mut segments = masks(2);
        change(&mut segments);
        let error = write_segments(&path, &segments).unwrap_err();
        assert!(!error.environment && !path.exists());
        error.reason
    };
    assert!(error(|segments| segments.segments[0].value = 0).contains("background"));
    assert!(error(|segments| segments.segments[0].value = 2).contains("two segments have the value 2"));
    assert!(error(|segments| segments.segments.clear()).contains("no segments"));
    assert!(error(|segments| segments.segments.truncate(1)).contains("2 masks for 1 segment"));
    let stray = |segments: &mut Segments| {
        let geometry = segments.geometry().clone();
        segments.content = Segmentation::Labels(LabelMap { voxels: Array3::from_elem([2, 2, 4], 7), geometry });
    };
    assert!(error(stray).contains("value 7 belong to no segment"));
    let detached = write_segments(&folder.path().join("wrong.nhdr"), &masks(2)).unwrap_err();
    assert!(detached.reason.contains(".nrrd"));
}

/// A file with these pairs and sizes; voxels 0 and 1 in turn.
fn file(pairs: &str, layers: usize) -> (tempfile::TempDir, std::path::PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.seg.nrrd");
    let header =
        format!("NRRD0004\ntype: uint8\ndimension: 4\nsizes: {layers} 2 2 2\nkinds: list domain domain domain\n");
    let mut bytes = format!("{header}encoding: raw\n{pairs}\n\n").into_bytes();
    bytes.extend((0..layers * 8).map(|index| (index / layers % 2) as u8));
    std::fs::write(&path, bytes).unwrap();
    (folder, path)
}

#[test]
fn files_of_old_slicers_have_a_layer_of_ones_per_segment() {
    let (_folder, path) = file("Segment0_ID:=a\nSegment0_Name:=first\nSegment1_ID:=second", 2);
    let read = read_segments(&path).unwrap();
    let seen: Vec<_> =
        read.segments.iter().map(|segment| (segment.name.as_str(), segment.value, segment.color)).collect();
    assert_eq!(seen, [("first", 1, None), ("second", 2, None)]);
    let Segmentation::Masks { masks, .. } = read.content else { panic!("labels") };
    assert_eq!((masks.dim(), masks.sum()), ((2, 2, 2, 2), 8));
}

#[test]
fn wrong_metadata_is_named() {
    let one = "Segment0_ID:=a\nSegment0_Name:=first\n";
    let cases = [
        (String::new(), "names no segments"),
        (format!("{one}Segment0_Layer:=1"), "Segment0_Layer:=1"),
        (format!("{one}Segment0_LabelValue:=0"), "Segment0_LabelValue:=0"),
        (format!("{one}Segment0_Color:=1 2 0"), "Segment0_Color:=1 2 0"),
        (format!("{one}Segment0_LabelValue:=2"), "value 1 in layer 0, which no segment names"),
        (format!("{one}Segment1_Name:=b"), "the same label value in the same layer to two segments"),
    ];
    for (pairs, reason) in cases {
        let (_folder, path) = file(&pairs, 1);
        let error = read_segments(&path).unwrap_err().to_string();
        assert!(error.contains(reason), "{error}");
    }
}
