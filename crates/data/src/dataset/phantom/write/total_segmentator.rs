//! TotalSegmentator: `s0000/ct.nii.gz`, `s0000/segmentations/liver.nii.gz`, and `meta.csv` with the split. An absent structure has
//! an empty mask.
//!
//! Only structures that the phantoms model as TotalSegmentator defines them: no individual vertebrae, ribs or lung lobes.

use std::path::Path;

use super::Structure;
use crate::dataset::DataError;
use crate::dataset::phantom::part::Part;
use crate::dataset::phantom::recipe::PhantomRecipe;
use crate::dataset::phantom::render::Scan;
use crate::volume::{write_label_map, write_volume};

/// Names in TotalSegmentator version 2.
const STRUCTURES: [Structure; 16] = [
    ("spleen", 1, Part::Spleen),
    ("kidney_right", 1, Part::RightKidney),
    ("kidney_left", 1, Part::LeftKidney),
    ("gallbladder", 1, Part::Gallbladder),
    ("liver", 1, Part::Liver),
    ("stomach", 1, Part::Stomach),
    ("pancreas", 1, Part::Pancreas),
    ("small_bowel", 1, Part::SmallBowel),
    ("colon", 1, Part::LargeBowel),
    ("aorta", 1, Part::Aorta),
    ("inferior_vena_cava", 1, Part::VenaCava),
    ("spinal_cord", 1, Part::SpinalCanal),
    ("autochthon_left", 1, Part::LeftBackMuscle),
    ("autochthon_right", 1, Part::RightBackMuscle),
    ("iliopsoas_left", 1, Part::LeftPsoas),
    ("iliopsoas_right", 1, Part::RightPsoas),
];

pub(super) fn write(folder: &Path, number: usize, scan: &Scan) -> Result<(), DataError> {
    let folder = folder.join(name(number));
    write_volume(&folder.join("ct.nii.gz"), &scan.image)?;
    for (name, value, own) in STRUCTURES {
        let mask = scan.labels(|part| if part == own { value } else { 0 });
        write_label_map(&folder.join(format!("segmentations/{name}.nii.gz")), &mask)?;
    }
    Ok(())
}

fn name(number: usize) -> String {
    format!("s{number:04}")
}

/// The columns of `meta.csv` that define the split: every fourth case is a test case, the next one a validation case.
pub(super) fn table(recipe: PhantomRecipe) -> String {
    let split = |number: usize| ["test", "val", "train", "train"][number % 4];
    let row = |number: usize| format!("{};{}\n", name(number), split(number));
    format!("image_id;split\n{}", (0..recipe.cases).map(row).collect::<String>())
}
