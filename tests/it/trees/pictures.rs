//! Folders of pictures: pairs, a folder of masks per class, UW-Madison.

use std::fs;
use std::path::Path;

use ndarray::{Array2, Axis};
use segspec::volume::rle::{self, Order};

use super::files::{cases, mask, text};
use super::{Run, Tree};

/// Writes 8-bit grey values.
pub fn grey(file: &Path, pixels: Array2<u8>) {
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    let (height, width) = pixels.dim();
    let picture = image::GrayImage::from_raw(width as u32, height as u32, pixels.into_iter().collect()).unwrap();
    picture.save(file).unwrap();
}

pub fn colours(file: &Path, pixels: &Array2<u8>) {
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    let (height, width) = pixels.dim();
    let bytes: Vec<u8> = pixels.iter().flat_map(|value| [*value, value / 2, 255 - value]).collect();
    image::RgbImage::from_raw(width as u32, height as u32, bytes).unwrap().save(file).unwrap();
}

/// Image, and label values, of the middle slice.
pub fn slices() -> impl Iterator<Item = (usize, Array2<u8>, Array2<u16>)> {
    cases().map(|(number, image, label)| {
        let image = image.voxels.index_axis(Axis(0), 0).index_axis(Axis(0), 4).mapv(|value| value as u8);
        (number, image, label.voxels.index_axis(Axis(0), 4).to_owned())
    })
}

pub fn pairs(root: &Path) {
    for (number, image, label) in slices() {
        grey(&root.join(format!("images/{number:02}.png")), image);
        grey(&root.join(format!("masks/{number:02}.png")), label.mapv(|value| if value == 1 { 255 } else { 0 }));
    }
}

fn colour_pairs(root: &Path) {
    for (number, image, label) in slices() {
        colours(&root.join(format!("train/img_{number}.png")), &image);
        grey(&root.join(format!("train/img_{number}_mask.png")), label.mapv(|value| value as u8));
    }
    fs::write(root.join("preview.jpg"), b"").unwrap();
}

fn classes(root: &Path) {
    for (number, image, label) in slices() {
        grey(&root.join(format!("images/{number:02}.png")), image);
        for (name, value) in [("cell", 1), ("nucleus", 2)] {
            let mask = label.mapv(|other| if other == value { 255 } else { 0 });
            grey(&root.join(format!("masks/{name}/{number:02}.png")), mask);
        }
    }
}

fn class_suffixes(root: &Path) {
    for (number, image, label) in slices() {
        grey(&root.join(format!("images/{number:02}.png")), image);
        for (name, value) in [("cell", 1), ("nucleus", 2)] {
            let mask = label.mapv(|other| if other == value { 255 } else { 0 });
            grey(&root.join(format!("masks/{number:02}_{name}.png")), mask);
        }
    }
}

fn nnunet(root: &Path) {
    for (number, image, label) in slices() {
        grey(&root.join(format!("imagesTr/v{number}_0000.png")), image);
        grey(&root.join(format!("labelsTr/v{number}.png")), label.mapv(|value| if value == 1 { 255 } else { 0 }));
    }
    let json = r#"{"channel_names": {"0": "grey"}, "labels": {"background": 0, "cell": 1}, "numTraining": 4, "file_ending": ".png"}"#;
    text(root, "dataset.json", json);
}

/// Two days of two patients.
fn uw(root: &Path, spacing: &str) {
    let mut rows = String::from("id,class,segmentation\n");
    for (number, image, label) in cases() {
        let (case, day) = (format!("case{}", number.div_ceil(2)), number % 2);
        let name = format!("{case}_day{day}");
        let [depth, height, width] = image.geometry.shape;
        for z in 0..depth {
            let slice = z + 1;
            let file = match spacing {
                "" => format!("train/{case}/{name}/scans/slice_{slice:04}.png"),
                _ => format!("train/{case}/{name}/scans/slice_{slice:04}_{width}_{height}_{spacing}.png"),
            };
            let pixels = image.voxels.index_axis(Axis(0), 0).index_axis(Axis(0), z).mapv(|value| value as u8);
            grey(&root.join(file), pixels);
            for (class, value) in [("stomach", 1), ("large_bowel", 2)] {
                let inside = mask(&label, value).voxels.index_axis(Axis(0), z).mapv(|inside| inside as u8);
                rows += &format!("{name}_slice_{slice:04},{class},{}\n", rle::encode(inside.view(), Order::RowMajor));
            }
        }
    }
    text(root, "train.csv", &rows);
}

fn uw_madison(root: &Path) {
    uw(root, "1.50_1.50");
}

pub fn uw_madison_without_spacing(root: &Path) {
    uw(root, "");
}

const BOWEL: &[&str] = &["stomach", "large_bowel"];

pub const TREES: [Tree; 8] = [
    Tree {
        name: "picture-pairs-with-spacing",
        write: pairs,
        structures: &["value-255"],
        lines: &["spacing-mm = [4.0, 0.5, 0.5]"],
        arguments: &["--spacing-mm", "4,0.5,0.5"],
        run: Run::Pictures,
        ..Tree::PLAIN
    },
    Tree {
        name: "picture-pairs",
        write: pairs,
        structures: &["value-255"],
        lines: &["masks/{case}.png", "modality = \"other\""],
        run: Run::Pictures,
        ..Tree::PLAIN
    },
    Tree {
        name: "colour-pairs",
        write: colour_pairs,
        channels: &["red", "green", "blue"],
        left_out: &[("preview.jpg", "not read")],
        lines: &["modality = \"rgb\""],
        run: Run::Pictures,
        ..Tree::PLAIN
    },
    Tree {
        name: "class-folders",
        write: classes,
        layout: "mask or surface",
        structures: &["cell", "nucleus"],
        lines: &["masks/{structure}/{case}.png"],
        run: Run::Pictures,
        ..Tree::PLAIN
    },
    Tree {
        name: "class-suffixes",
        write: class_suffixes,
        layout: "mask or surface",
        structures: &["cell", "nucleus"],
        lines: &["masks/{case}_{structure}.png"],
        run: Run::Pictures,
        ..Tree::PLAIN
    },
    Tree {
        name: "nnunet-png",
        write: nnunet,
        layout: "nnU-Net raw",
        structures: &["cell"],
        lines: &["value = 255"],
        run: Run::Pictures,
        ..Tree::PLAIN
    },
    Tree {
        name: "uw-madison",
        write: uw_madison,
        layout: "UW-Madison",
        structures: BOWEL,
        patients: 2,
        lines: &["overlap = true", "group-by"],
        ..Tree::PLAIN
    },
    Tree {
        name: "uw-madison-without-spacing",
        write: uw_madison_without_spacing,
        layout: "UW-Madison",
        structures: BOWEL,
        patients: 2,
        lines: &["pixel-spacing-mm = [1.5, 1.25]", "slice-spacing-mm = 4.0"],
        arguments: &["--spacing-mm", "4,1.5,1.25"],
        ..Tree::PLAIN
    },
];
