//! Contours (RTSTRUCT) as labels of a dataset, as masks and in `convert`: written here element by element, in implicit little endian.

use std::path::Path;
use std::time::SystemTime;

use segspec::volume::dicom::{Modality, SeriesHeader, write_series};
use segspec::volume::{Geometry, Volume, read_label_map, read_segments, read_volume, write_volume};
use serde_json::Value;

use crate::lab::Lab;

fn element(tag: [u16; 2], value: &[u8]) -> Vec<u8> {
    let mut bytes: Vec<u8> = tag.iter().flat_map(|part| part.to_le_bytes()).collect();
    let padded = value.len().next_multiple_of(2);
    bytes.extend((padded as u32).to_le_bytes());
    bytes.extend(value);
    bytes.resize(8 + padded, b' ');
    bytes
}

fn text(tag: [u16; 2], value: &str) -> Vec<u8> {
    element(tag, value.as_bytes())
}

fn sequence(tag: [u16; 2], items: impl IntoIterator<Item = Vec<u8>>) -> Vec<u8> {
    let items: Vec<u8> = items.into_iter().flat_map(|item| element([0xfffe, 0xe000], &item)).collect();
    element(tag, &items)
}

/// Number, name, colour, and squares: lowest and highest coordinate along x and y, and z.
pub type Roi<'a> = (usize, &'a str, [u8; 3], &'a [[f64; 3]]);

pub fn structure_set(path: &Path, rois: &[Roi]) {
    let described = rois
        .iter()
        .map(|(number, name, ..)| [text([0x3006, 0x22], &number.to_string()), text([0x3006, 0x26], name)].concat());
    let drawn = rois.iter().map(|(number, _, [r, g, b], squares)| {
        let contours = squares.iter().map(|[low, high, z]| {
            let points = [[low, low], [high, low], [high, high], [low, high]];
            let points: Vec<String> = points.iter().map(|[x, y]| format!("{x}\\{y}\\{z}")).collect();
            [text([0x3006, 0x42], "CLOSED_PLANAR"), text([0x3006, 0x46], "4"), text([0x3006, 0x50], &points.join("\\"))]
                .concat()
        });
        let color = text([0x3006, 0x2a], &format!("{r}\\{g}\\{b}"));
        [color, sequence([0x3006, 0x40], contours), text([0x3006, 0x84], &number.to_string())].concat()
    });
    let set = [
        text([8, 0x16], "1.2.840.10008.5.1.4.1.1.481.3\0"),
        text([8, 0x18], "1.2.3.4\0"),
        text([8, 0x60], "RTSTRUCT"),
        sequence([0x3006, 0x20], described),
        sequence([0x3006, 0x39], drawn),
    ];
    // The file meta group is explicit; without one, implicit little endian is assumed.
    let mut bytes = vec![0; 128];
    bytes.extend(b"DICM");
    bytes.extend([2, 0, 0x10, 0, b'U', b'I', 18, 0]);
    bytes.extend(b"1.2.840.10008.1.2\0");
    bytes.extend(set.concat());
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, bytes).unwrap();
}

/// 4 slices of 12 × 12 pixels of 1 mm, 2 mm apart; the axes are those of DICOM.
fn image(seed: usize) -> Volume {
    let affine = [[-1.0, 0.0, 0.0, 0.0], [0.0, -1.0, 0.0, 0.0], [0.0, 0.0, 2.0, 0.0]];
    let geometry = Geometry { shape: [4, 12, 12], affine, has_spacing: true };
    let voxels =
        ndarray::Array4::from_shape_fn([1, 4, 12, 12], |(_, z, y, x)| ((z * 31 + y * 7 + x * (3 + seed)) % 97) as f32);
    Volume { voxels, geometry }
}

pub fn ct(folder: &Path, seed: usize) {
    let (description, patient) = ("ct".into(), "p".into());
    let created = SystemTime::UNIX_EPOCH;
    let header = SeriesHeader { modality: Modality::Ct, description, patient, series_number: 1, created };
    write_series(folder, &image(seed), &header).unwrap();
}

pub const LIVER: &[[f64; 3]] = &[[0.5, 6.5, 2.0], [2.5, 4.5, 2.0], [0.5, 6.5, 4.0]];
pub const KIDNEY: &[[f64; 3]] = &[[7.5, 10.5, 2.0]];
const BODY: &[[f64; 3]] = &[[-0.5, 11.5, 0.0], [-0.5, 11.5, 2.0], [-0.5, 11.5, 4.0], [-0.5, 11.5, 6.0]];

const STRUCTURES: &str = "[[structure]]\nname = \"left-kidney\"\nvalue = 1\n[[structure]]\nname = \"liver\"\nvalue = 2\n[split.every-nth]\nn = 3\n";

fn checked(lab: &Lab, layout: &str, code: i32) -> Value {
    lab.write("datasets/rt.toml", &format!("root = \"set\"\nmodality = \"ct\"\n{layout}\n{STRUCTURES}"));
    let ended = lab.end(&["dataset", "check", "rt", "--json"]);
    assert_eq!(ended.code, code, "{}{}", ended.out, ended.err);
    serde_json::from_str(&ended.out).unwrap()
}

fn counts(case: &Value) -> [Option<u64>; 2] {
    assert_eq!(case["excluded"], Value::Null, "{case}");
    ["1", "2"].map(|value| case["label_voxels"][value].as_u64())
}

#[test]
fn contours_are_labels_by_name_whatever_their_numbers_and_overlaps() {
    let lab = Lab::new();
    for (seed, (case, names, numbers)) in [
        ("a", ["liver", "left-kidney", "BODY"], [1, 2, 3]),
        ("b", ["Liver", "Left Kidney", "body"], [2, 1, 9]),
        ("c", ["LIVER", "left_kidney", "x"], [70000, 0, 5]),
    ]
    .into_iter()
    .enumerate()
    {
        ct(&lab.path(&format!("data/set/{case}/ct")), seed);
        write_volume(&lab.path(&format!("data/set/{case}/ct.nii.gz")), &image(seed)).unwrap();
        let rois = [
            (numbers[0], names[0], [255, 0, 0], LIVER),
            (numbers[1], names[1], [0, 255, 0], KIDNEY),
            (numbers[2], names[2], [9, 9, 9], BODY),
        ];
        structure_set(&lab.path(&format!("data/set/{case}/rt/rs.dcm")), &rois);
    }
    for (image, label) in
        [("{case}/ct", "{case}/rt/rs.dcm"), ("{case}/ct", "{case}/rt"), ("{case}/ct.nii.gz", "{case}/rt/rs.dcm")]
    {
        let found = checked(&lab, &format!("layout = {{ pairs = {{ image = \"{image}\", label = \"{label}\" }} }}"), 0);
        for case in found["cases"].as_array().unwrap() {
            assert_eq!(counts(case), [Some(9), Some(36 + 36 - 4)], "{image} {label}");
        }
    }
    // Structures that no contour is named like exclude the case, and the names are said.
    structure_set(&lab.path("data/set/c/rt/rs.dcm"), &[(1, "prostate", [0, 0, 0], LIVER)]);
    let found = checked(&lab, "layout = { pairs = { image = \"{case}/ct\", label = \"{case}/rt\" } }", 0);
    let reason = found["cases"][2]["excluded"].as_str().unwrap();
    assert!(reason.contains("`prostate`") && reason.contains("rs.dcm"), "{reason}");
}

#[test]
fn contours_of_one_structure_each_are_masks() {
    let lab = Lab::new();
    for (seed, case) in ["a", "b", "c"].into_iter().enumerate() {
        ct(&lab.path(&format!("data/set/{case}/ct")), seed);
        structure_set(&lab.path(&format!("data/set/{case}/liver.dcm")), &[(5, "GTV 1", [0, 0, 0], LIVER)]);
        let kidney = [(1, "BODY", [0, 0, 0], BODY), (2, "Left Kidney", [0, 0, 0], KIDNEY)];
        structure_set(&lab.path(&format!("data/set/{case}/left-kidney.dcm")), &kidney);
    }
    let found = checked(&lab, "layout = { masks = { image = \"{case}/ct\", mask = \"{case}/{structure}.dcm\" } }", 0);
    for case in found["cases"].as_array().unwrap() {
        assert_eq!(counts(case), [Some(9), Some(36 + 36 - 4)]);
    }
}

#[test]
fn contours_are_converted_with_names_and_colours_and_overlaps_become_masks() {
    let lab = Lab::new();
    ct(&lab.path("ct"), 0);
    let plain = [(3, "liver", [200, 100, 50], LIVER), (8, "kidney", [10, 250, 30], KIDNEY)];
    structure_set(&lab.path("plain.dcm"), &plain);
    for target in ["x.nii.gz", "x.seg.nrrd", "x.dcm", "x.glb", "x.stl"] {
        let ended = lab.end(&["convert", "plain.dcm", target, "--on", "ct"]);
        assert_eq!(ended.code, 0, "{target}: {}", ended.err);
        // Segments have other numbers than contours.
        let renumbered = "value 3 is segment 1, value 8 is segment 2";
        assert!(if target == "x.dcm" { ended.err.contains(renumbered) } else { ended.err.is_empty() }, "{}", ended.err);
    }
    let labels = read_label_map(&lab.path("x.nii.gz")).unwrap();
    let count = |value| labels.voxels.iter().filter(|&&label| label == value).count();
    assert_eq!([count(3), count(8)], [68, 9]);
    for target in ["x.seg.nrrd", "x.dcm"] {
        let read = read_segments(&lab.path(target)).unwrap().segments;
        let named: Vec<_> = read.iter().map(|segment| (segment.name.as_str(), segment.color)).collect();
        assert_eq!(named, [("liver", Some([200, 100, 50])), ("kidney", Some([10, 250, 30]))], "{target}");
    }
    let overlapping = [(3, "liver", [200, 100, 50], LIVER), (4, "BODY", [1, 1, 1], BODY)];
    structure_set(&lab.path("body.dcm"), &overlapping);
    for target in ["y.nii.gz", "y.seg.nrrd", "y.dcm"] {
        assert_eq!(lab.end(&["convert", "body.dcm", target, "--on", "ct"]).code, 0, "{target}");
    }
    let masks = read_volume(&lab.path("y.nii.gz")).unwrap();
    let sums: Vec<f32> = masks.voxels.outer_iter().map(|mask| mask.sum()).collect();
    assert_eq!(sums, [68.0, 576.0]);
    structure_set(&lab.path("between.dcm"), &[(1, "tumour", [0, 0, 0], &[[0.5, 6.5, 2.7]])]);
    let ended = lab.end(&["convert", "between.dcm", "z.nii.gz", "--on", "ct"]);
    assert!(ended.code == 0 && ended.err.contains("note: `tumour`: 1 contour(s) lie between slices"), "{}", ended.err);
}
