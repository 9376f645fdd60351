//! What is written comes back.

use ndarray::{Array3, Array4};
use proptest::prelude::*;

use super::super::*;
use crate::{Geometry, LabelMap, Segment, Segmentation, Segments, Volume};

/// Any grid, oblique and of either handedness; one in four without spacing.
pub(super) fn grids() -> impl Strategy<Value = Geometry> {
    let numbers = prop::collection::vec(-100.0..100.0_f64, 12);
    (prop::array::uniform3(1..5_usize), numbers, 0..4).prop_filter_map("no inverse", |(shape, numbers, spacing)| {
        let affine: [[f64; 4]; 3] = std::array::from_fn(|row| std::array::from_fn(|column| numbers[4 * row + column]));
        let geometry = Geometry { shape, affine, has_spacing: true };
        let bare = Geometry {
            affine: [[-1.0, 0.0, 0.0, 0.0], [0.0, -1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0]],
            ..geometry.clone()
        };
        let bare = Geometry { has_spacing: false, ..bare };
        (geometry.voxel_mm3() > 1e-3).then_some(if spacing == 0 { bare } else { geometry })
    })
}

fn values<T: std::fmt::Debug>(
    shape: [usize; 3],
    channels: usize,
    value: impl Strategy<Value = T>,
) -> impl Strategy<Value = Array4<T>> {
    let [depth, height, width] = shape;
    let values = prop::collection::vec(value, channels * depth * height * width);
    values.prop_map(move |values| Array4::from_shape_vec([channels, depth, height, width], values).unwrap())
}

fn volumes() -> impl Strategy<Value = Volume> {
    (grids(), 1..4_usize, any::<bool>()).prop_flat_map(|(geometry, channels, whole)| {
        let value =
            prop::num::f32::NORMAL.prop_map(move |value| if whole { (value % 40_000.0).trunc() } else { value });
        values(geometry.shape, channels, value).prop_map(move |voxels| Volume { voxels, geometry: geometry.clone() })
    })
}

fn label_maps() -> impl Strategy<Value = LabelMap> {
    (grids(), any::<bool>()).prop_flat_map(|(geometry, large)| {
        let value = any::<u16>().prop_map(move |value| if large { value } else { value % 7 });
        values(geometry.shape, 1, value).prop_map(move |voxels| {
            let voxels: Array3<u16> = voxels.index_axis_move(ndarray::Axis(0), 0);
            LabelMap { voxels, geometry: geometry.clone() }
        })
    })
}

pub(super) fn segment(index: usize, value: u16) -> Segment {
    let colors = [Some([0, 254, 77]), Some([255, 0, 128]), Some([1, 2, 3])];
    let names = ["left lung", "Ä \\ n\\n", "two\nlines", "colon: = :="];
    Segment { name: format!("{} {index}", names[index % 4]), value, color: colors[index % 3] }
}

/// Structures that may overlap; the first two always do.
fn overlapping() -> impl Strategy<Value = Segments> {
    (grids(), 2..6_usize).prop_flat_map(|(geometry, count)| {
        values(geometry.shape, count, 0..2_u8).prop_map(move |mut masks| {
            masks[[0, 0, 0, 0]] = 1;
            masks[[1, 0, 0, 0]] = 1;
            let segments = (0..count).map(|index| segment(index, 3 * index as u16 + 1)).collect();
            Segments { segments, content: Segmentation::Masks { masks, geometry: geometry.clone() } }
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn images(volume in volumes()) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("image.nrrd");
        write_volume(&path, &volume).unwrap();
        prop_assert_eq!(read_volume(&path).unwrap(), volume.clone());
        let whole = volume.voxels.iter().all(|&value| value == f32::from(value as i16));
        prop_assert_eq!(read_header(&path).unwrap().value_type, if whole { "int16" } else { "float32" });
    }

    #[test]
    fn labels(labels in label_maps()) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("labels.nrrd");
        write_label_map(&path, &labels).unwrap();
        prop_assert_eq!(read_label_map(&path).unwrap(), labels.clone());
        let small = labels.voxels.iter().all(|&value| value < 256);
        prop_assert_eq!(read_header(&path).unwrap().value_type, if small { "uint8" } else { "uint16" });
    }

    #[test]
    fn segments_of_a_label_map(labels in label_maps()) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("labels.seg.nrrd");
        let mut values: Vec<u16> = labels.voxels.iter().copied().filter(|&value| value > 0).collect();
        values.sort_unstable();
        values.dedup();
        values.push(if values.contains(&9) { 10 } else { 9 });
        values.dedup();
        let segments = values.iter().enumerate().map(|(index, &value)| segment(index, value)).collect();
        let segments = Segments { segments, content: Segmentation::Labels(labels) };
        if write_segments(&path, &segments).is_ok() {
            prop_assert_eq!(read_segments(&path).unwrap(), segments);
        } else {
            // Only where the added segment repeats a value.
            prop_assert!(values.iter().filter(|&&value| value == 10).count() > 1);
        }
    }

    #[test]
    fn segments_that_overlap(segments in overlapping()) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("masks.seg.nrrd");
        write_segments(&path, &segments).unwrap();
        prop_assert_eq!(read_segments(&path).unwrap(), segments);
    }
}
