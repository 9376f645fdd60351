//! Medical Segmentation Decathlon: `dataset.json`, `imagesTr/`, `labelsTr/`.

use std::path::Path;

use serde_json::json;

use super::plain_name;
use crate::dataset::DataError;
use crate::dataset::phantom::recipe::PhantomRecipe;
use crate::dataset::phantom::render::Scan;
use crate::dataset::phantom::stamp::{self, Stamp};
use crate::dataset::phantom::{STRUCTURES, value};
use crate::volume::{write_label_map, write_volume};

pub(super) fn write(folder: &Path, number: usize, scan: &Scan) -> Result<(), DataError> {
    let file = format!("{}.nii.gz", plain_name(number));
    write_volume(&folder.join("imagesTr").join(&file), &scan.image)?;
    write_label_map(&folder.join("labelsTr").join(&file), &scan.labels(value))?;
    Ok(())
}

pub(super) fn dataset_json(recipe: PhantomRecipe) -> serde_json::Value {
    let mut labels = serde_json::Map::from_iter([("0".to_owned(), json!("background"))]);
    labels.extend(STRUCTURES.map(|(name, value)| (value.to_string(), json!(name))));
    let training: Vec<_> = (0..recipe.cases)
        .map(plain_name)
        .map(|name| json!({"image": format!("./imagesTr/{name}.nii.gz"), "label": format!("./labelsTr/{name}.nii.gz")}))
        .collect();
    json!({
        "name": "phantom",
        "description": "Synthetic abdominal CT, made by segspec phantom",
        "reference": "segspec",
        "licence": "CC0",
        "modality": {"0": "CT"},
        "labels": labels,
        "numTraining": recipe.cases,
        "numTest": 0,
        "training": training,
        "test": [],
        stamp::KEY: Stamp::new(recipe),
    })
}
