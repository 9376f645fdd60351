//! UW-Madison GI Tract (Kaggle 2022): `train/case1/case1_day0/scans/slice_0001_64_56_5.00_5.00.png`, 16 bits, and `train.csv` with
//! one row per slice and class: row-major runs counted from 1, or empty.
//!
//! Two consecutive cases are two days of one patient.

use std::path::Path;

use ndarray::{ArrayView2, Axis};

use crate::dataset::DataError;
use crate::dataset::phantom::mr::mr;
use crate::dataset::phantom::part::Part;
use crate::dataset::phantom::recipe::PhantomRecipe;
use crate::files;
use crate::volume::WriteError;
use crate::volume::rle::{Order, encode};

/// Classes in the order of `train.csv`.
const CLASSES: [(&str, Part); 3] =
    [("large_bowel", Part::LargeBowel), ("small_bowel", Part::SmallBowel), ("stomach", Part::Stomach)];
/// Days on which every patient is scanned.
const DAYS: [usize; 2] = [0, 21];

/// Writes the slices of a case and returns its rows of the table.
pub(super) fn write(folder: &Path, recipe: PhantomRecipe, number: usize) -> Result<String, DataError> {
    let patient = number / DAYS.len();
    let scan = mr(recipe.seed, patient as u64, number as u64, recipe.size);
    let group = format!("case{}", patient + 1);
    let name = format!("{group}_day{}", DAYS[number % DAYS.len()]);
    let folder = folder.join("train").join(group).join(&name).join("scans");
    let [_, height, width] = scan.image.geometry.shape;
    let [_, between_rows, between_columns] = scan.image.geometry.spacing_mm();
    let image = scan.image.voxels.index_axis(Axis(0), 0);
    let mut rows = String::new();
    for (index, (slice, parts)) in image.outer_iter().zip(scan.parts.outer_iter()).enumerate() {
        let slice_name = format!("slice_{:04}", index + 1);
        let file = format!("{slice_name}_{width}_{height}_{between_columns:.2}_{between_rows:.2}.png");
        write_slice(&folder.join(file), slice)?;
        for (class, part) in CLASSES {
            let mask = parts.mapv(|own| u8::from(own == part));
            rows += &format!("{name}_{slice_name},{class},{}\n", encode(mask.view(), Order::RowMajor));
        }
    }
    Ok(rows)
}

/// The table of all cases.
pub(super) fn table(rows: &[String]) -> String {
    format!("id,class,segmentation\n{}", rows.concat())
}

fn write_slice(path: &Path, pixels: ArrayView2<f32>) -> Result<(), WriteError> {
    let failed =
        |error: png::EncodingError| WriteError { path: path.into(), reason: error.to_string(), environment: false };
    let (height, width) = pixels.dim();
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width as u32, height as u32);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_depth(png::BitDepth::Sixteen);
    let mut writer = encoder.write_header().map_err(failed)?;
    let words: Vec<u8> = pixels.iter().flat_map(|&value| (value as u16).to_be_bytes()).collect();
    writer.write_image_data(&words).map_err(failed)?;
    writer.finish().map_err(failed)?;
    files::write_atomic(path, &bytes).map_err(|error| WriteError::io(path, &error))
}
