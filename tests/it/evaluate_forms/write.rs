//! Writes labels of two structures, `bone` (1) and `muscle` (2), in every form.

use std::fs;
use std::path::Path;
use std::time::SystemTime;

use ndarray::{Array3, Array4, Axis};
use segspec::volume::dicom::{self, Choice, Modality, SegmentationHeader, Series, SeriesHeader};
use segspec::volume::format::Options;
use segspec::volume::surface::{CoordinateSystem, Extraction, extract, write_stl};
use segspec::volume::{
    Geometry, LabelMap, Segment, Segmentation, Segments, Volume, write_label_map, write_segmentation, write_segments,
};

const NAMES: [(&str, u16); 2] = [("bone", 1), ("muscle", 2)];

/// A form of labels: how a case is written below a folder; the images lie in another.
pub struct Form {
    pub name: &'static str,
    pub write: fn(&Path, &str, &LabelMap, &Path),
}

pub const FORMS: &[Form] = &[
    Form { name: "files", write: |root, case, map, _| named_file(root, &format!("{case}.nii.gz"), map) },
    Form { name: "folders", write: |root, case, map, _| named_file(&root.join(case), "segmentation.nii.gz", map) },
    Form {
        name: "deep",
        write: |root, case, map, _| named_file(&root.join(case).join("labels/v1"), "final.nrrd", map),
    },
    Form { name: "masks", write: |root, case, map, _| masks(&root.join(case), map) },
    Form {
        name: "deep-masks",
        write: |root, case, map, _| masks(&root.join("x").join(case).join("segmentations"), map),
    },
    Form { name: "segments", write: |root, case, map, _| segments(root, &format!("{case}.seg.nrrd"), map) },
    Form { name: "channels", write: |root, case, map, _| channels(root, case, map) },
    Form { name: "surfaces", write: |root, case, map, _| surfaces(&root.join(case), map) },
    Form { name: "pictures", write: |root, case, map, images| pictures(&root.join(case), map, &images.join(case)) },
    Form {
        name: "objects",
        write: |root, case, map, images| object(&root.join(case), "1.2.840.99", map, &images.join(case)),
    },
    Form { name: "object-each", write: |root, case, map, images| objects(&root.join(case), map, &images.join(case)) },
];

/// 5 × 8 × 7 voxels of 3 × 2 × 1.5 mm.
fn grid() -> Geometry {
    let mut grid = Geometry::axis_aligned([5, 8, 7], [3.0, 2.0, 1.5]);
    (grid.affine[0][3], grid.affine[1][3], grid.affine[2][3]) = (10.0, -20.0, 30.0);
    grid
}

/// Bone beside muscle, in every slice; `shift` moves them along the rows.
pub fn truth(case: usize, shift: usize) -> LabelMap {
    let voxels = Array3::from_shape_fn([5, 8, 7], |(z, y, x)| {
        let inside = (1..6).contains(&y) && x > shift && x < 5 + shift;
        let bone = y < 3 + case && (x + z) % 5 != 4;
        if !inside {
            0
        } else if bone {
            1
        } else {
            2
        }
    });
    LabelMap { voxels, geometry: grid() }
}

pub fn image(case: usize) -> Volume {
    let voxels = Array4::from_shape_fn([1, 5, 8, 7], |(_, z, y, x)| ((z * 31 + y * 7 + x * (2 + case)) % 97) as f32);
    Volume { voxels, geometry: grid() }
}

/// Writes a DICOM series.
pub fn series(folder: &Path, image: &Volume, patient: &str) {
    let (modality, description) = (Modality::Ct, "CT".into());
    let (patient, created) = (patient.into(), SystemTime::UNIX_EPOCH);
    fs::create_dir_all(folder.parent().unwrap()).unwrap();
    dicom::write_series(folder, image, &SeriesHeader { modality, description, patient, series_number: 1, created })
        .unwrap();
}

fn label_map_names(folder: &Path) {
    let text =
        r#"{"overlapping": false, "structures": [{"name": "bone", "value": 1}, {"name": "muscle", "value": 2}]}"#;
    fs::write(folder.join("label_map.json"), text).unwrap();
}

fn named_file(folder: &Path, name: &str, map: &LabelMap) {
    fs::create_dir_all(folder).unwrap();
    write_label_map(&folder.join(name), map).unwrap();
    label_map_names(folder);
}

fn mask(map: &LabelMap, value: u16) -> LabelMap {
    LabelMap { voxels: map.voxels.mapv(|label| u16::from(label == value)), geometry: map.geometry.clone() }
}

fn masks(folder: &Path, map: &LabelMap) {
    fs::create_dir_all(folder).unwrap();
    for (name, value) in NAMES {
        write_label_map(&folder.join(format!("{name}.nii.gz")), &mask(map, value)).unwrap();
    }
}

fn segments_of(content: LabelMap, names: &[(&str, u16)]) -> Segments {
    let segment = |(name, value): &(&str, u16)| Segment { name: (*name).into(), value: *value, color: None };
    Segments { segments: names.iter().map(segment).collect(), content: Segmentation::Labels(content) }
}

/// The numbers are exchanged: names decide.
fn segments(folder: &Path, name: &str, map: &LabelMap) {
    fs::create_dir_all(folder).unwrap();
    let voxels = map.voxels.mapv(|label| [0, 2, 1][usize::from(label)]);
    let exchanged = LabelMap { voxels, geometry: map.geometry.clone() };
    let segments = segments_of(exchanged, &[("Muscle", 1), ("Bone", 2)]);
    write_segments(&folder.join(name), &segments, &Options::default()).unwrap();
}

/// Masks along the fourth axis.
fn channels(folder: &Path, case: &str, map: &LabelMap) {
    fs::create_dir_all(folder).unwrap();
    let mut masks = Array4::zeros([2, 5, 8, 7]);
    for (mut channel, (_, value)) in masks.axis_iter_mut(Axis(0)).zip(NAMES) {
        channel.assign(&map.voxels.mapv(|label| u8::from(label == value)));
    }
    let content = Segmentation::Masks { masks, geometry: map.geometry.clone() };
    write_segmentation(&folder.join(format!("{case}.nii.gz")), &content).unwrap();
    let text = r#"{"overlapping": true, "structures": [{"name": "bone", "mask": 0}, {"name": "muscle", "mask": 1}]}"#;
    fs::write(folder.join("label_map.json"), text).unwrap();
}

fn surfaces(folder: &Path, map: &LabelMap) {
    fs::create_dir_all(folder).unwrap();
    for (name, value) in NAMES {
        let inside = mask(map, value).voxels.mapv(|inside| inside as u8);
        let extraction = Extraction { smoothing: None, decimation: None };
        let surface = extract(inside.view(), &map.geometry, &extraction).unwrap();
        write_stl(&folder.join(format!("{name}.stl")), &surface, CoordinateSystem::Lps).unwrap();
    }
}

/// A label map on the grid of a series.
fn read_on(grid: &Geometry, map: &LabelMap) -> LabelMap {
    let voxels = Array3::from_shape_fn(grid.shape, |(z, y, x)| {
        let world = grid.to_world([z as f64, y as f64, x as f64]);
        map.voxels[map.geometry.to_voxel(world).unwrap().map(|at| at.round() as usize)]
    });
    LabelMap { voxels, geometry: grid.clone() }
}

fn opened(images: &Path) -> Series {
    Series::open(images, &Choice::default()).unwrap()
}

/// In the order of the series' file names.
fn pictures(folder: &Path, map: &LabelMap, images: &Path) {
    let series = opened(images);
    let map = read_on(series.geometry(), map);
    let mut slices: Vec<_> = series.slices().map(|(file, slice)| (file.to_path_buf(), slice)).collect();
    slices.sort();
    fs::create_dir_all(folder).unwrap();
    for (index, (_, slice)) in slices.iter().enumerate() {
        let pixels = map.voxels.index_axis(Axis(0), *slice).mapv(|label| label as u8);
        let picture = image::GrayImage::from_raw(7, 8, pixels.into_iter().collect()).unwrap();
        // Without leading zeros: the order is that of the numbers.
        picture.save(folder.join(format!("slice_{}.png", index + 8))).unwrap();
    }
    label_map_names(folder);
}

pub fn object(folder: &Path, name: &str, map: &LabelMap, images: &Path) {
    written(folder, name, segments_of(read_on(opened(images).geometry(), map), &NAMES), images);
}

fn written(folder: &Path, name: &str, segments: Segments, images: &Path) {
    fs::create_dir_all(folder).unwrap();
    let header = SegmentationHeader { created: SystemTime::UNIX_EPOCH, ..SegmentationHeader::default() };
    dicom::write_segments(&folder.join(name), &segments, &opened(images), &header).unwrap();
}

/// An object for each structure.
fn objects(folder: &Path, map: &LabelMap, images: &Path) {
    for (name, value) in NAMES {
        let content = read_on(opened(images).geometry(), &mask(map, value));
        written(folder, &format!("{value}.dcm"), segments_of(content, &[(name, 1)]), images);
    }
}
