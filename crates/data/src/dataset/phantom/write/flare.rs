//! FLARE 2022, in the layout of its Zenodo record: `images/CASE_0000.nii.gz`, `labels/CASE.nii.gz`, one value per organ.
//!
//! Of the challenge's 13 organs, the phantoms lack the adrenal glands (7, 8), oesophagus (10) and duodenum (12).

use std::path::Path;

use super::{Structure, plain_name, value_of};
use crate::dataset::DataError;
use crate::dataset::phantom::part::Part;
use crate::dataset::phantom::render::Scan;
use crate::volume::{write_label_map, write_volume};

const STRUCTURES: [Structure; 9] = [
    ("liver", 1, Part::Liver),
    ("right-kidney", 2, Part::RightKidney),
    ("spleen", 3, Part::Spleen),
    ("pancreas", 4, Part::Pancreas),
    ("aorta", 5, Part::Aorta),
    ("inferior-vena-cava", 6, Part::VenaCava),
    ("gallbladder", 9, Part::Gallbladder),
    ("stomach", 11, Part::Stomach),
    ("left-kidney", 13, Part::LeftKidney),
];

pub(super) fn write(folder: &Path, number: usize, scan: &Scan) -> Result<(), DataError> {
    let case = plain_name(number);
    write_volume(&folder.join(format!("images/{case}_0000.nii.gz")), &scan.image)?;
    let labels = scan.labels(|part| value_of(&STRUCTURES, part));
    write_label_map(&folder.join(format!("labels/{case}.nii.gz")), &labels)?;
    Ok(())
}
