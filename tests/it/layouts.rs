//! One set of cases in every layout that a dataset file can name: the same labels come out, and a run goes through.

use std::fs;
use std::path::Path;
use std::time::SystemTime;

use ndarray::{Array3, Array4, Axis, s};
use segspec::Cancel;
use segspec::dataset::phantom::{self, PhantomLayout, PhantomRecipe, PhantomSize};
use segspec::dataset::spec::Dataset;
use segspec::dataset::{self, read_image, read_label};
use segspec::volume::dicom::{self, Choice, Modality, SegmentationHeader, Series, SeriesHeader};
use segspec::volume::rle::{self, Order};
use segspec::volume::surface::{CoordinateSystem, Extraction, extract, write_stl};
use segspec::volume::{
    Geometry, LabelMap, Segment, Segmentation, Segments, Volume, nrrd, write_label_map, write_volume,
};

use crate::lab::{Lab, TINY, scores};

const RECIPE: PhantomRecipe =
    PhantomRecipe { cases: 4, seed: 3, size: PhantomSize::Tiny, layout: PhantomLayout::Decathlon };

/// Names and values in the phantom.
const STRUCTURES: [(&str, u16); 2] = [("liver", 1), ("spleen", 4)];

/// A case whose labels are the two structures, on a grid whose numbers DICOM can hold.
fn case(number: usize) -> (Volume, LabelMap) {
    let (mut image, mut label) = phantom::case(RECIPE, number);
    image.voxels.mapv_inplace(f32::round);
    label.voxels.mapv_inplace(|value| if value == 1 || value == 4 { value } else { 0 });
    (image, label)
}

fn mask(label: &LabelMap, value: u16) -> LabelMap {
    let voxels = label.voxels.mapv(|other| u16::from(other == value));
    LabelMap { voxels, geometry: label.geometry.clone() }
}

fn segments(label: &LabelMap) -> Segments {
    let segment = |(name, value): (&str, u16)| Segment { name: name.into(), value, color: None };
    Segments { segments: STRUCTURES.map(segment).to_vec(), content: Segmentation::Labels(label.clone()) }
}

fn write_dicom(folder: &Path, image: &Volume, patient: usize) {
    let header = SeriesHeader {
        modality: Modality::Ct,
        description: "phantom".into(),
        patient: format!("P{patient}"),
        series_number: 2,
        created: SystemTime::UNIX_EPOCH,
    };
    dicom::write_series(folder, image, &header).unwrap();
}

/// Writes a case; the layout's own form of it.
type Write = fn(&Path, usize, &Volume, &LabelMap);

fn total_segmentator(root: &Path, number: usize, image: &Volume, label: &LabelMap) {
    let folder = root.join(format!("s{number:04}"));
    write_volume(&folder.join("ct.nii.gz"), image).unwrap();
    for (name, value) in STRUCTURES {
        let file = folder.join(format!("segmentations/{name}.nii.gz"));
        write_label_map(&file, &mask(label, value)).unwrap();
    }
}

fn dicom_seg(root: &Path, number: usize, image: &Volume, label: &LabelMap) {
    let folder = root.join(format!("Patient_{number:02}"));
    write_dicom(&folder.join("im_1"), image, number);
    let series = Series::open(&folder.join("im_1"), &Choice::default()).unwrap();
    // On the grid of the series, whose axes are those of DICOM.
    let label = read_on(series.geometry(), label);
    fs::create_dir_all(folder.join("im_3")).unwrap();
    let header = SegmentationHeader { created: SystemTime::UNIX_EPOCH, ..SegmentationHeader::default() };
    dicom::write_segments(&folder.join("im_3/seg"), &segments(&label), &series, &header).unwrap();
}

/// A label map on another grid with the same voxels.
fn read_on(grid: &Geometry, label: &LabelMap) -> LabelMap {
    let voxels = Array3::from_shape_fn(grid.shape, |(z, y, x)| {
        let world = grid.to_world([z as f64, y as f64, x as f64]);
        let place = label.geometry.to_voxel(world).unwrap().map(|at| at.round() as usize);
        label.voxels[place]
    });
    LabelMap { voxels, geometry: grid.clone() }
}

fn dicom_stl(root: &Path, number: usize, image: &Volume, label: &LabelMap) {
    let folder = root.join(format!("patient{number}"));
    write_dicom(&folder.join("dicom"), image, number);
    for (name, value) in STRUCTURES {
        let mask = mask(label, value).voxels.mapv(|inside| inside as u8);
        let surface = extract(mask.view(), &label.geometry, &Extraction { smoothing: None, decimation: None }).unwrap();
        write_stl(&folder.join(format!("{name}.stl")), &surface, CoordinateSystem::Lps).unwrap();
    }
}

fn dicom_pictures(root: &Path, number: usize, image: &Volume, label: &LabelMap) {
    let folder = root.join(number.to_string());
    write_dicom(&folder.join("DICOM_anon"), image, number);
    let series = Series::open(&folder.join("DICOM_anon"), &Choice::default()).unwrap();
    let label = read_on(series.geometry(), label);
    let mut slices: Vec<_> = series.slices().map(|(file, slice)| (file.to_path_buf(), slice)).collect();
    slices.sort();
    for (index, (_, slice)) in slices.iter().enumerate() {
        let plane = label.voxels.index_axis(Axis(0), *slice);
        write_grey(&folder.join(format!("Ground/{index:03}.png")), plane.mapv(|value| value as u8));
    }
}

fn write_grey(file: &Path, pixels: ndarray::Array2<u8>) {
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    let (height, width) = pixels.dim();
    let picture = image::GrayImage::from_raw(width as u32, height as u32, pixels.into_iter().collect()).unwrap();
    picture.save(file).unwrap();
}

fn slicer(root: &Path, number: usize, image: &Volume, label: &LabelMap) {
    nrrd::write_volume(&root.join(format!("{number}.nrrd")), image).unwrap();
    nrrd::write_segments(&root.join(format!("{number}.seg.nrrd")), &segments(label)).unwrap();
}

fn pictures(root: &Path, number: usize, image: &Volume, label: &LabelMap) {
    let middle = image.geometry.shape[0] / 2;
    let grey = image.voxels.slice(s![0, middle, .., ..]).mapv(|value| ((value + 200.0) / 2.0).clamp(0.0, 255.0) as u8);
    write_grey(&root.join(format!("images/{number}.png")), grey);
    write_grey(
        &root.join(format!("masks/{number}.png")),
        label.voxels.slice(s![middle, .., ..]).mapv(|value| value as u8),
    );
}

/// Slices that are not square, and classes that overlap: the spleen counts as liver, too.
fn uw_madison(root: &Path, number: usize, image: &Volume, label: &LabelMap) {
    let (name, [_, height, width]) = (format!("case{number}_day0"), image.geometry.shape);
    let folder = root.join(format!("train/case{number}/{name}/scans"));
    fs::create_dir_all(&folder).unwrap();
    let table = root.join("train.csv");
    let mut rows = fs::read_to_string(&table).unwrap_or("id,class,segmentation\n".into());
    for (z, (slice, labels)) in
        image.voxels.index_axis(Axis(0), 0).outer_iter().zip(label.voxels.outer_iter()).enumerate()
    {
        let number = z + 1;
        let file = folder.join(format!("slice_{number:04}_{width}_{height}_1.50_2.50.png"));
        let pixels: Vec<u16> = slice.iter().map(|value| (value + 1024.0).max(0.0) as u16).collect();
        image::ImageBuffer::<image::Luma<u16>, _>::from_raw(width as u32, height as u32, pixels)
            .unwrap()
            .save(file)
            .unwrap();
        for (class, inside) in [("liver", [1, 4]), ("spleen", [4, 4])] {
            let mask = labels.mapv(|value| u8::from(inside.contains(&value)));
            rows += &format!("{name}_slice_{number:04},{class},{}\n", rle::encode(mask.view(), Order::RowMajor));
        }
    }
    fs::write(table, rows).unwrap();
}

/// The same scan in two files, the second on a coarser grid of its own.
fn two_grids(root: &Path, number: usize, image: &Volume, label: &LabelMap) {
    write_volume(&root.join(format!("{number}_a.nii.gz")), image).unwrap();
    let voxels = image.voxels.slice(s![.., ..;2, ..;2, ..;2]).as_standard_layout().into_owned();
    let mut geometry = image.geometry.clone();
    let (_, z, y, x) = voxels.dim();
    geometry.shape = [z, y, x];
    for row in &mut geometry.affine {
        row[..3].iter_mut().for_each(|step| *step *= 2.0);
    }
    write_volume(&root.join(format!("{number}_b.nii.gz")), &Volume { voxels, geometry }).unwrap();
    write_label_map(&root.join(format!("{number}_label.nii.gz")), label).unwrap();
}

const LAYOUTS: [(&str, Write, &str); 8] = [
    (
        "total-segmentator",
        total_segmentator,
        r#"layout.masks = { image = "{case}/ct.nii.gz", mask = "{case}/segmentations/{structure}.nii.gz" }"#,
    ),
    (
        "dicom-seg",
        dicom_seg,
        "layout.pairs = { image = \"{case}/im_1\", label = \"{case}/im_3\" }\nlabels.by-name = true",
    ),
    ("dicom-stl", dicom_stl, "layout.masks = { image = \"{case}/dicom\", mask = \"{case}/{structure}.stl\" }"),
    ("dicom-pictures", dicom_pictures, "layout.pairs = { image = \"{case}/DICOM_anon\", label = \"{case}/Ground\" }"),
    (
        "slicer",
        slicer,
        "layout.pairs = { image = \"{case}.nrrd\", label = \"{case}.seg.nrrd\" }\nlabels.by-name = true",
    ),
    ("pictures", pictures, "layout.pairs = { image = \"images/{case}.png\", label = \"masks/{case}.png\" }"),
    ("uw-madison", uw_madison, "layout.uw-madison = {}\nlabels.overlap = true"),
    (
        "two-grids",
        two_grids,
        "layout.pairs = { images = [\"{case}_a.nii.gz\", \"{case}_b.nii.gz\"], label = \"{case}_label.nii.gz\" }\nresample-channels = true\nchannel = [{ name = \"a\" }, { name = \"b\" }]",
    ),
];

fn spec(name: &str, layout: &str) -> String {
    let structures =
        STRUCTURES.map(|(name, value)| format!("\n[[structure]]\nname = \"{name}\"\nvalue = {value}\n")).concat();
    format!("root = \"{name}\"\nmodality = \"ct\"\n{layout}\nsplit.every-nth = {{ n = 2 }}\n{structures}")
}

/// A workspace with the set in one layout, as dataset and experiment of that name.
fn lab(name: &str, write: Write, layout: &str) -> Lab {
    let lab = Lab::new();
    for number in 0..RECIPE.cases {
        let (image, label) = case(number);
        write(&lab.path("data").join(name), number, &image, &label);
    }
    lab.write(&format!("datasets/{name}.toml"), &spec(name, layout));
    let flat = name == "pictures";
    let experiment = TINY.replace("\"tiny\"", &format!("\"{name}\"")).replace("epochs = 3", "epochs = 1");
    let experiment = match flat {
        true => experiment
            .replace("window = { range-hu = [-160.0, 240.0] }", "z-score = { region = \"image\" }")
            .replace("[2, 2, 2]", "[1, 2, 2]")
            .replace("[[3, 3, 3], [3, 3, 3]]", "[[1, 3, 3], [1, 3, 3]]")
            .replace("[16, 16, 16]", "[1, 16, 16]"),
        false => experiment,
    };
    lab.write(&format!("experiments/{name}.toml"), &experiment);
    lab
}

/// Volume per structure and where its middle lies, which do not depend on the order in which a format stores voxels.
fn measure(label: &LabelMap, values: &[u16]) -> (usize, [f64; 3]) {
    let (mut count, mut middle) = (0, [0.0; 3]);
    for ((z, y, x), value) in label.voxels.indexed_iter() {
        if values.contains(value) {
            count += 1;
            let place = label.geometry.to_world([z as f64, y as f64, x as f64]);
            (0..3).for_each(|axis| middle[axis] += place[axis]);
        }
    }
    (count, middle.map(|sum| sum / count.max(1) as f64))
}

#[test]
fn every_layout_reads_the_same_images_and_labels() {
    for (name, write, layout) in LAYOUTS.into_iter().filter(|(name, ..)| *name != "pictures") {
        let lab = lab(name, write, layout);
        let spec: Dataset = toml::from_str(&spec(name, layout)).unwrap();
        let opened = dataset::open(&spec, name, &lab.path("data"), &Cancel::new()).unwrap();
        assert_eq!((opened.cases.len(), opened.excluded.len()), (RECIPE.cases, 0), "{name}: {:?}", opened.excluded);
        for (number, listed) in opened.cases.iter().enumerate() {
            let (expected, expected_label) = case(number);
            let image = read_image(listed).unwrap();
            let label = read_label(listed, &image.geometry).unwrap();
            if name == "uw-madison" {
                // Pictures have no place in the patient: values and runs are compared voxel by voxel.
                assert_eq!(image.geometry.spacing_mm(), [3.0, 2.5, 1.5]);
                let stored = expected.voxels.mapv(|value| (value + 1024.0).max(0.0));
                assert_eq!(image.voxels, stored);
                assert_eq!(label.voxels, expected_label.voxels.mapv(|value| [0, 1, 0, 0, 3][usize::from(value)]));
                continue;
            }
            let sum = |voxels: &Array4<f32>| voxels.iter().map(|value| f64::from(*value)).sum::<f64>();
            if name != "two-grids" {
                assert_eq!(sum(&image.voxels), sum(&expected.voxels), "{name}");
            }
            for (structure, (_, value)) in spec.structures.iter().zip(STRUCTURES) {
                let found = measure(&label, &spec.label_values(structure));
                let wanted = measure(&expected_label, &[value]);
                assert_eq!(found.0, wanted.0, "{name}: {}", structure.name);
                let away = (0..3).map(|axis| (found.1[axis] - wanted.1[axis]).abs()).fold(0.0, f64::max);
                assert!(away < 1e-3, "{name}: {} lies {away} mm away", structure.name);
            }
        }
    }
}

#[test]
fn a_run_goes_through_from_every_layout() {
    for (name, write, layout) in LAYOUTS {
        let lab = lab(name, write, layout);
        lab.run(name, &[]);
        let rows = scores(&lab.run_folder(name));
        assert_eq!(rows.len(), 2 * STRUCTURES.len(), "{name}: two cases are scored");
    }
}
