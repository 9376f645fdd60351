//! Labels on other grids, masks of several values, and names against those of the dataset.

use std::path::Path;

use ndarray::{Array3, Array4};

use super::*;
use crate::dataset::{Access, Inputs, open, target};
use crate::volume::format::Options;
use crate::volume::{Segment, Segmentation, Segments, Volume, surface, write_label_map, write_segments, write_volume};

const LIVER: [std::ops::Range<usize>; 3] = [2..5, 3..7, 4..9];

fn grid() -> Geometry {
    let affine = [[-1.0, 0.0, 0.0, 10.0], [0.0, -1.5, 0.0, 20.0], [0.0, 0.0, 3.0, -5.0]];
    Geometry { shape: [8, 10, 12], affine, has_spacing: true }
}

/// 1 in a box, else 0.
fn liver() -> LabelMap {
    let inside = |(z, y, x): (usize, usize, usize)| {
        u16::from(LIVER[0].contains(&z) && LIVER[1].contains(&y) && LIVER[2].contains(&x))
    };
    LabelMap { voxels: Array3::from_shape_fn([8, 10, 12], inside), geometry: grid() }
}

/// The voxels of a range, or beyond it with zeros around.
fn window(start: [i64; 3], shape: [usize; 3]) -> LabelMap {
    let whole = liver();
    let value = |(z, y, x): (usize, usize, usize)| {
        let at = [z as i64 + start[0], y as i64 + start[1], x as i64 + start[2]];
        let at = at.map(|index| usize::try_from(index).unwrap_or(usize::MAX));
        whole.voxels.get(at).copied().unwrap_or(0)
    };
    let mut geometry = Geometry { shape, ..grid() };
    for (row, at) in grid().to_world(start.map(|index| index as f64)).into_iter().enumerate() {
        geometry.affine[row][3] = at;
    }
    LabelMap { voxels: Array3::from_shape_fn(shape, value), geometry }
}

fn image(root: &Path, file: &str) {
    let voxels = Array4::from_shape_fn([1, 8, 10, 12], |(_, z, y, x)| (z * 31 + y * 7 + x) as f32);
    write_volume(&root.join(file), &Volume { voxels, geometry: grid() }).unwrap();
}

fn pairs(label: &str, extra: &str) -> Dataset {
    toml::from_str(&format!(
        "root = \".\"\nmodality = \"ct\"\nlayout = {{ pairs = {{ image = \"{{case}}.nii.gz\", label = \"{{case}}{label}\" }} }}\n\
         {extra}\n[[structure]]\nname = \"liver\"\nvalue = 1\n"
    ))
    .unwrap()
}

fn masks(ending: &str, extra: &str) -> Dataset {
    toml::from_str(&format!(
        "root = \".\"\nmodality = \"ct\"\nlayout = {{ masks = {{ image = \"{{case}}.nii.gz\", mask = \"{{case}}-{{structure}}{ending}\" }} }}\n\
         {extra}\n[[structure]]\nname = \"liver\"\nvalue = 1\n[[structure]]\nname = \"spleen\"\nvalue = 2\n"
    ))
    .unwrap()
}

fn checked(root: &Path, spec: &Dataset) -> CaseCheck {
    let opened = open(spec, "x", root, &Cancel::new()).unwrap();
    let row = check(&opened, spec, &|_, _| {}, &Cancel::new()).unwrap().remove(0);
    let inputs = Inputs::open(spec, root, &root.join("cache"), Access::Read, &|_, _, _| {}, &Cancel::new());
    assert_eq!(inputs.is_ok(), row.excluded.is_none(), "a run and a check agree");
    row
}

fn with_label(label: &LabelMap, extra: &str) -> CaseCheck {
    let root = tempfile::tempdir().unwrap();
    image(root.path(), "a.nii.gz");
    write_label_map(&root.path().join("a_seg.nii.gz"), label).unwrap();
    checked(root.path(), &pairs("_seg.nii.gz", extra))
}

fn with_mask(mask: &LabelMap, extra: &str) -> CaseCheck {
    let root = tempfile::tempdir().unwrap();
    image(root.path(), "a.nii.gz");
    write_label_map(&root.path().join("a-liver.nii.gz"), mask).unwrap();
    checked(root.path(), &masks(".nii.gz", extra))
}

fn with_segments(labels: LabelMap, names: &[(&str, u16)], extra: &str) -> CaseCheck {
    let root = tempfile::tempdir().unwrap();
    image(root.path(), "a.nii.gz");
    let segment = |(name, value): &(&str, u16)| Segment { name: (*name).into(), value: *value, color: None };
    let segments = Segments { segments: names.iter().map(segment).collect(), content: Segmentation::Labels(labels) };
    write_segments(&root.path().join("a.seg.nrrd"), &segments, &Options::default()).unwrap();
    checked(root.path(), &pairs(".seg.nrrd", extra))
}

/// The box of the liver, however its voxels are stored.
const VOXELS: usize = 3 * 4 * 5;

fn assert_placed(row: &CaseCheck) {
    assert_eq!(row.excluded, None);
    assert_eq!(row.label_voxels.get(&1), Some(&VOXELS), "{row:?}");
}

#[test]
fn the_same_voxels_in_another_order_are_taken_without_loss() {
    let canonical = liver().to_canonical();
    let mut turned = canonical.clone();
    turned.voxels = canonical.voxels.clone().permuted_axes([2, 0, 1]).as_standard_layout().into_owned();
    turned.geometry.shape = [12, 8, 10];
    let column = |row: &[f64; 4], axis: usize| row[axis];
    turned.geometry.affine =
        canonical.geometry.affine.map(|row| [column(&row, 1), column(&row, 2), column(&row, 0), row[3]]);
    for label in [canonical, turned] {
        for row in [with_label(&label, ""), with_mask(&label, "")] {
            assert_placed(&row);
            assert!(row.notes[0].contains("in another order"), "{:?}", row.notes);
        }
        assert_placed(&with_segments(label, &[("liver", 1)], ""));
    }
}

#[test]
fn a_part_of_the_images_voxels_is_placed_and_so_is_a_larger_grid_without_labels_outside() {
    for (start, shape) in [([2, 3, 4], [3, 4, 5]), ([0, 0, 0], [7, 10, 12]), ([-2, -1, 0], [12, 12, 13])] {
        let label = window(start, shape);
        for row in [with_label(&label, ""), with_mask(&label, ""), with_segments(label.clone(), &[("liver", 1)], "")] {
            assert_placed(&row);
        }
        assert!(!with_label(&label, "").notes.is_empty());
    }
}

#[test]
fn a_shifted_grid_is_refused_and_resampling_says_what_is_lost() {
    let mut shifted = liver();
    shifted.geometry.affine[2][3] += 4.0 * 3.0;
    for reason in [with_label(&shifted, ""), with_mask(&shifted, "")].map(|row| row.excluded.unwrap()) {
        assert!(reason.contains("different grids: origin") && reason.contains("a"), "{reason}");
    }
    let row = with_label(&shifted, "labels.resample-labels = true");
    assert!(row.notes.iter().any(|note| note.contains("20 of 60 labelled voxels lie outside")), "{:?}", row.notes);
    for (extra, apart) in [("", "different grids"), ("labels.resample-labels = true", "fills x")] {
        let mut away = liver();
        away.geometry.affine[0][3] = 900.0;
        for reason in [with_label(&away, extra), with_mask(&away, extra)].map(|row| row.excluded.unwrap()) {
            assert!(reason.contains(apart), "{reason}");
        }
    }
}

#[test]
fn an_empty_segmentation_of_one_voxel_is_empty() {
    let one = LabelMap { voxels: Array3::zeros([1, 1, 1]), geometry: Geometry::axis_aligned([1, 1, 1], [1.0; 3]) };
    let row = with_segments(one, &[("liver", 1)], "labels.by-name = true");
    assert_eq!((row.excluded, row.label_voxels.get(&0)), (None, Some(&(8 * 10 * 12))));
    assert!(row.warnings.iter().any(|text| text.contains("only background")));
}

#[test]
fn a_mask_has_one_value_unless_all_are_declared() {
    let scaled = |values: [u16; 2]| {
        let mut mask = liver();
        mask.voxels
            .indexed_iter_mut()
            .filter(|(_, label)| **label > 0)
            .for_each(|((z, _, _), label)| *label = values[z % 2]);
        mask
    };
    assert_placed(&with_mask(&scaled([255, 255]), ""));
    let reason = with_mask(&scaled([1, 2]), "").excluded.unwrap();
    assert!(reason.contains("a-liver.nii.gz: has the values 1 and 2") && reason.contains("mask-values"), "{reason}");
    for values in [[1, 2], [255, 254]] {
        assert_placed(&with_mask(&scaled(values), "labels.mask-values = \"nonzero\""));
        assert_placed(&with_label(&scaled(values), "labels.mask-values = \"nonzero\""));
    }
    let reason = with_label(&scaled([255, 255]), "").excluded.unwrap();
    assert!(reason.contains("255 (60 voxels)") && reason.contains("`value = 255`"), "{reason}");
}

#[test]
fn a_surface_outside_the_image_is_refused_and_a_part_outside_is_told() {
    let root = tempfile::tempdir().unwrap();
    image(root.path(), "a.nii.gz");
    let mask = liver().voxels.mapv(|label| label as u8);
    let ball = surface::extract(mask.view(), &grid(), &surface::Extraction::default()).unwrap();
    for (shift, excluded, noted) in [(0.0, false, false), (9.0, false, true), (500.0, true, false)] {
        let points = ball.points().iter().map(|[x, y, z]| [*x, *y, z - shift]).collect();
        let moved = surface::Surface::new(points, ball.triangles().to_vec()).unwrap();
        surface::write_stl(&root.path().join("a-liver.stl"), &moved, surface::CoordinateSystem::Lps).unwrap();
        let row = checked(root.path(), &masks(".stl", ""));
        assert_eq!((row.excluded.is_some(), !row.notes.is_empty()), (excluded, noted), "{row:?}");
        if let Some(reason) = row.excluded {
            assert!(reason.contains("it fills x") && reason.contains("the image x"), "{reason}");
        }
    }
}

#[test]
fn a_constant_image_is_refused_by_check_and_run() {
    let root = tempfile::tempdir().unwrap();
    for value in [0.0, 7.5] {
        let voxels = Array4::from_elem([1, 8, 10, 12], value);
        write_volume(&root.path().join("a.nii.gz"), &Volume { voxels, geometry: grid() }).unwrap();
        write_label_map(&root.path().join("a_seg.nii.gz"), &liver()).unwrap();
        let reason = checked(root.path(), &pairs("_seg.nii.gz", "")).excluded.unwrap();
        assert!(reason.contains("same value"), "{reason}");
    }
}

const SPLEEN: &str = "[[structure]]\nname = \"Left_Spleen\"\nvalue = 2";

#[test]
fn names_that_contradict_the_dataset_are_refused_and_unknown_ones_told() {
    let by_value = |names: &[(&str, u16)]| with_segments(liver(), names, SPLEEN);
    for names in [[("left spleen", 1), ("liver", 2)], [("LEFT-SPLEEN", 1), ("other", 2)]] {
        let reason = by_value(&names).excluded.unwrap();
        assert!(reason.contains("calls value 1 `") && reason.contains("the dataset `liver`"), "{reason}");
    }
    for (names, told) in [
        ([("Liver ", 1), ("left-spleen", 2)], false),
        ([("Segment_1", 1), ("label 2", 2)], false),
        ([("Leber", 1), ("left-spleen", 2)], true),
    ] {
        let row = by_value(&names);
        assert_eq!((row.excluded, !row.notes.is_empty()), (None, told), "{names:?}");
    }
}

#[test]
fn names_are_found_in_any_spelling_and_what_is_left_out_is_told() {
    let named = |names: &[(&str, u16)]| with_segments(liver(), names, &format!("labels.by-name = true\n{SPLEEN}"));
    for name in ["LIVER", "liver-", "Liver_"] {
        let row = named(&[("tumour", 2), (name, 1)]);
        assert_placed(&row);
        assert!(row.notes.iter().any(|note| note.contains("`tumour`")), "{:?}", row.notes);
        assert!(row.notes.iter().any(|note| note.contains("is taken as `liver`")), "{:?}", row.notes);
    }
    let reason = named(&[("Liver", 1), ("liver", 2)]).excluded.unwrap();
    assert!(reason.contains("are both the structure `liver`"), "{reason}");
}

#[test]
fn structures_that_occur_nowhere_are_named() {
    let row = with_label(&liver(), SPLEEN);
    let spec = pairs("_seg.nii.gz", SPLEEN);
    let warning = absent(&target(&spec, &[]).unwrap(), std::slice::from_ref(&row)).unwrap();
    assert!(warning.contains("`Left_Spleen`") && !warning.contains("`liver`"), "{warning}");
    assert_eq!(absent(&target(&spec, &["liver".into()]).unwrap(), &[row]), None);
}
