//! Folders of DICOM files: with segmentation objects, contours, surfaces, masks and pictures.

use std::fs;
use std::path::Path;
use std::time::SystemTime;

use ndarray::{Array3, Axis};
use segspec::volume::dicom::{self, Choice, Modality, SegmentationHeader, Series, SeriesHeader};
use segspec::volume::surface::{CoordinateSystem, Extraction, extract, write_stl};
use segspec::volume::{Geometry, LabelMap, Segment, Segmentation, Segments, Volume};

use super::files::{case, cases, labels, mask, place};
use super::pictures::grey;
use super::{Run, Tree};

const NAMES: [(&str, u16); 2] = [("femur", 1), ("tibia", 2)];

/// Writes a series with whole numbers as its voxels.
fn series(folder: &Path, image: &Volume, patient: &str, description: &str) {
    let header = SeriesHeader {
        modality: Modality::Ct,
        description: description.into(),
        patient: patient.into(),
        series_number: 2,
        created: SystemTime::UNIX_EPOCH,
    };
    let mut image = image.clone();
    image.voxels.mapv_inplace(f32::round);
    fs::create_dir_all(folder.parent().unwrap()).unwrap();
    dicom::write_series(folder, &image, &header).unwrap();
}

/// A label map on the grid of a series.
fn read_on(grid: &Geometry, label: &LabelMap) -> LabelMap {
    let voxels = Array3::from_shape_fn(grid.shape, |(z, y, x)| {
        let world = grid.to_world([z as f64, y as f64, x as f64]);
        label.voxels[label.geometry.to_voxel(world).unwrap().map(|at| at.round() as usize)]
    });
    LabelMap { voxels, geometry: grid.clone() }
}

fn segments(file: &Path, folder: &Path, label: &LabelMap) {
    let series = Series::open(folder, &Choice::default()).unwrap();
    let segment = |(name, value): (&str, u16)| Segment { name: name.into(), value, color: None };
    let content = Segmentation::Labels(read_on(series.geometry(), label));
    let header = SegmentationHeader { created: SystemTime::UNIX_EPOCH, ..SegmentationHeader::default() };
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    dicom::write_segments(file, &Segments { segments: NAMES.map(segment).to_vec(), content }, &series, &header)
        .unwrap();
}

fn seg(root: &Path) {
    for (number, image, label) in cases() {
        let folder = root.join(format!("Patient_{number:02}"));
        series(&folder.join("im_1"), &image, &format!("P{number}"), "CT");
        segments(&folder.join("im_3/seg"), &folder.join("im_1"), &label);
    }
}

fn stl(root: &Path) {
    for (number, image, label) in cases() {
        let folder = root.join(format!("patient{number:02}"));
        series(&folder.join("dicom"), &image, &format!("P{number}"), "CT");
        for (name, value) in NAMES {
            let inside = mask(&label, value).voxels.mapv(|inside| inside as u8);
            let extraction = Extraction { smoothing: None, decimation: None };
            let surface = extract(inside.view(), &label.geometry, &extraction).unwrap();
            write_stl(&folder.join(format!("{name}.stl")), &surface, CoordinateSystem::Lps).unwrap();
        }
    }
}

fn mask_folders(root: &Path) {
    for (number, image, label) in cases() {
        let folder = format!("case{number}");
        series(&root.join(&folder).join("scan"), &image, &format!("P{number}"), "CT");
        let grid = Series::open(&root.join(&folder).join("scan"), &Choice::default()).unwrap().geometry().clone();
        for (name, value) in NAMES {
            labels(root, &format!("{folder}/masks/{name}.nii.gz"), &mask(&read_on(&grid, &label), value));
        }
    }
}

fn slices(root: &Path) {
    for (number, image, label) in cases() {
        let folder = root.join(number.to_string());
        series(&folder.join("DICOM_anon"), &image, &format!("P{number}"), "CT");
        let series = Series::open(&folder.join("DICOM_anon"), &Choice::default()).unwrap();
        let label = read_on(series.geometry(), &label);
        let mut slices: Vec<_> = series.slices().map(|(file, slice)| (file.to_path_buf(), slice)).collect();
        slices.sort();
        for (index, (_, slice)) in slices.iter().enumerate() {
            let plane = label.voxels.index_axis(Axis(0), *slice);
            grey(&folder.join(format!("Ground/{index:03}.png")), plane.mapv(|value| value as u8));
        }
    }
}

/// Moves the files of a folder into another, with a prefix.
fn moved(from: &Path, to: &Path, prefix: &str) {
    fs::create_dir_all(to).unwrap();
    for file in fs::read_dir(from).unwrap().map(|entry| entry.unwrap().path()) {
        let name = format!("{prefix}{}", file.file_name().unwrap().to_string_lossy());
        fs::rename(&file, to.join(name)).unwrap();
    }
    fs::remove_dir(from).unwrap();
}

/// Every file of every patient in one folder.
fn flat(root: &Path) {
    let staging = tempfile::tempdir().unwrap();
    for (number, image, label) in cases() {
        let folder = staging.path().join(format!("p{number}"));
        series(&folder, &image, &format!("P{number}"), "CT");
        segments(&staging.path().join(format!("s{number}/seg.dcm")), &folder, &label);
        moved(&folder, root, &format!("IM{number}_"));
        moved(&staging.path().join(format!("s{number}")), root, &format!("SG{number}_"));
    }
    let (_, image, _) = cases().next().unwrap();
    series(&staging.path().join("extra"), &image, "P9", "no label");
    moved(&staging.path().join("extra"), root, "IM9_");
}

/// Free names with spaces, and two studies of a patient.
fn tcia(root: &Path) {
    for (number, image, label) in cases() {
        let patient = format!("LUNG1-{:03}", number.div_ceil(2));
        let study = root.join(&patient).join(format!("09-18-200{number}-StudyID NA-{}", 69331 + number * 7));
        let folder = study.join(format!("{number}.000000-NA - CT {}", 82046 + number * 13));
        series(&folder, &image, &patient, "CT thorax");
        segments(&study.join(format!("300.000000-Segmentation-{}/1-1.dcm", 9554 + number)), &folder, &label);
    }
    super::files::text(root, "LICENSE", "CC BY");
}

/// A structure set without contours: enough to see which patient and study it belongs to.
fn structure_set(file: &Path, of: &Path) {
    let image = fs::read_dir(of).unwrap().map(|entry| entry.unwrap().path()).min().unwrap();
    let identity = dicom::identity(&image).unwrap().unwrap();
    let element = |group: u16, number: u16, vr: &[u8; 2], text: &str| {
        let text = if text.len() % 2 == 1 {
            format!("{text}{}", if vr == b"UI" { '\0' } else { ' ' })
        } else {
            text.to_owned()
        };
        let length = text.len() as u16;
        [&group.to_le_bytes()[..], &number.to_le_bytes(), vr, &length.to_le_bytes(), text.as_bytes()].concat()
    };
    let class = "1.2.840.10008.5.1.4.1.1.481.3";
    let mut bytes = [&[0; 128][..], b"DICM"].concat();
    bytes.extend(element(2, 0x10, b"UI", "1.2.840.10008.1.2.1"));
    bytes.extend(element(8, 0x16, b"UI", class));
    bytes.extend(element(8, 0x18, b"UI", "1.2.3.4"));
    bytes.extend(element(8, 0x60, b"CS", "RTSTRUCT"));
    bytes.extend(element(0x10, 0x20, b"LO", &identity.patient));
    bytes.extend(element(0x20, 0xd, b"UI", &identity.study));
    bytes.extend(element(0x20, 0xe, b"UI", &format!("{}.9", identity.series)));
    fs::write(place(file.parent().unwrap(), file.file_name().unwrap().to_str().unwrap()), bytes).unwrap();
}

fn contours(root: &Path) {
    for number in 1..=4 {
        let folder = root.join(format!("case{number}"));
        series(&folder.join("CT"), &case(number).0, &format!("P{number}"), "CT");
        structure_set(&folder.join("rs.dcm"), &folder.join("CT"));
    }
}

const BONES: &[&str] = &["femur", "tibia"];

pub const TREES: [Tree; 7] = [
    Tree {
        name: "dicom-seg",
        write: seg,
        structures: BONES,
        lines: &["{case}/im_1", "{case}/im_3", "by-name = true", "modality = \"ct\""],
        ..Tree::PLAIN
    },
    Tree {
        name: "dicom-stl",
        write: stl,
        layout: "mask or surface",
        structures: BONES,
        lines: &["{case}/dicom", "{case}/{structure}.stl"],
        ..Tree::PLAIN
    },
    Tree {
        name: "dicom-masks",
        write: mask_folders,
        layout: "mask or surface",
        structures: BONES,
        lines: &["{case}/masks/{structure}.nii.gz"],
        ..Tree::PLAIN
    },
    Tree { name: "dicom-pictures", write: slices, lines: &["{case}/Ground"], ..Tree::PLAIN },
    Tree {
        name: "dicom-flat",
        write: flat,
        layout: "DICOM series",
        structures: BONES,
        left_out: &[("./", "no label was drawn on it")],
        ..Tree::PLAIN
    },
    Tree {
        name: "tcia",
        write: tcia,
        layout: "DICOM series",
        structures: BONES,
        patients: 2,
        left_out: &[("LICENSE", "")],
        lines: &["patient = \"LUNG1-001\""],
        ..Tree::PLAIN
    },
    Tree {
        name: "dicom-rtstruct",
        write: contours,
        structures: &[],
        lines: &["{case}/CT", "{case}/rs.dcm"],
        run: Run::New,
        ..Tree::PLAIN
    },
];
