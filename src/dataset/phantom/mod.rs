//! A synthetic abdominal CT set: what a fresh clone trains on, and what the tests use.
//!
//! Bodies with liver, kidneys, spleen, spine and ribs in plausible Hounsfield units. Organs share their intensities, so a
//! network has to learn place and shape. Every case has its own anatomy, grid and orientation; in world coordinates the
//! liver is always on the right. Only additions, multiplications, divisions and square roots are used, so the same seed
//! gives the same bytes on every machine.

mod anatomy;
mod organs;
mod render;
mod shape;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use rayon::prelude::*;
use serde::Deserialize;
use serde_json::json;

use super::DataError;
use super::layout::visible_entries;
use super::spec::{PhantomRecipe, PhantomSize};
use crate::files;
use crate::volume::{LabelMap, Volume, WriteError, write_label_map, write_volume};

/// Raised when the same recipe gives other images.
const VERSION: u32 = 1;

/// Structures of the set: name and label value.
pub const STRUCTURES: [(&str, u16); 6] =
    [("liver", 1), ("left-kidney", 2), ("right-kidney", 3), ("spleen", 4), ("spine", 5), ("ribs", 6)];

/// One case of a phantom set, in memory: image in HU and labels on one grid.
pub fn case(recipe: PhantomRecipe, number: usize) -> (Volume, LabelMap) {
    render::case(recipe.seed, number as u64, recipe.size)
}

/// Writes a set in the layout of the Medical Segmentation Decathlon: `dataset.json`, `imagesTr/`, `labelsTr/`. The
/// folder appears whole or not at all; `progress` is called with the cases done and the cases in all.
///
/// # Errors
/// [`DataError::Write`]: the folder exists and is not empty, or the machine refuses.
pub fn write(out: &Path, recipe: PhantomRecipe, progress: &(dyn Fn(usize, usize) + Sync)) -> Result<(), DataError> {
    if out.exists() && !visible_entries(out)?.is_empty() {
        let reason = "the folder is not empty; name another, or remove it".to_owned();
        return Err(WriteError { path: out.into(), reason, environment: false }.into());
    }
    let failed = |error: std::io::Error| WriteError {
        path: out.into(),
        environment: files::is_environment(&error),
        reason: error.to_string(),
    };
    let parent = out.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::create_dir_all(parent).map_err(failed)?;
    let unfinished = tempfile::Builder::new().prefix(".tmp-phantom-").tempdir_in(parent).map_err(failed)?;
    write_cases(unfinished.path(), recipe, progress)?;
    let json = serde_json::to_vec_pretty(&dataset_json(recipe)).map_err(|error| failed(error.into()))?;
    files::write_atomic(&unfinished.path().join("dataset.json"), &json).map_err(failed)?;
    make_readable(unfinished.path()).map_err(failed)?;
    if out.exists() {
        std::fs::remove_dir(out).map_err(failed)?;
    }
    std::fs::rename(unfinished.path(), out).map_err(failed)?;
    files::sync_folder(parent).map_err(failed)?;
    Ok(())
}

fn write_cases(
    folder: &Path,
    recipe: PhantomRecipe,
    progress: &(dyn Fn(usize, usize) + Sync),
) -> Result<(), DataError> {
    let done = AtomicUsize::new(0);
    (0..recipe.cases).into_par_iter().try_for_each(|number| -> Result<(), DataError> {
        let (image, labels) = case(recipe, number);
        let file = format!("{}.nii.gz", case_name(number));
        write_volume(&folder.join("imagesTr").join(&file), &image)?;
        write_label_map(&folder.join("labelsTr").join(&file), &labels)?;
        progress(done.fetch_add(1, Ordering::Relaxed) + 1, recipe.cases);
        Ok(())
    })
}

/// Temporary folders are private to the user; a data set is not.
#[cfg(unix)]
fn make_readable(folder: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o755))
}

#[cfg(not(unix))]
fn make_readable(_: &Path) -> std::io::Result<()> {
    Ok(())
}

/// `phantom_000`, `phantom_001`, …
pub fn case_name(number: usize) -> String {
    format!("phantom_{number:03}")
}

fn dataset_json(recipe: PhantomRecipe) -> serde_json::Value {
    let mut labels = serde_json::Map::from_iter([("0".to_owned(), json!("background"))]);
    labels.extend(STRUCTURES.map(|(name, value)| (value.to_string(), json!(name))));
    let training: Vec<_> = (0..recipe.cases)
        .map(case_name)
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
        "segspec-phantom": Stamp { version: VERSION, recipe },
    })
}

/// What a set was made with.
#[derive(serde::Serialize, Deserialize)]
struct Stamp {
    version: u32,
    recipe: PhantomRecipe,
}

/// The recipe of a set that this version wrote; `None` where `dataset.json` states none, or another version's.
///
/// # Errors
/// [`DataError::DatasetJson`] where the file is missing or no JSON.
pub fn recipe_of(root: &Path) -> Result<Option<PhantomRecipe>, DataError> {
    #[derive(Deserialize)]
    struct Json {
        #[serde(rename = "segspec-phantom")]
        stamp: Option<Stamp>,
    }
    let path: PathBuf = root.join("dataset.json");
    let wrong = |reason: String| DataError::DatasetJson { path: path.clone(), reason };
    let text = std::fs::read_to_string(&path)
        .map_err(|error| wrong(format!("cannot be read: {error}; `segspec phantom` writes it")))?;
    let json: Json = serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))?;
    Ok(json.stamp.filter(|stamp| stamp.version == VERSION).map(|stamp| stamp.recipe))
}

/// A recipe in words, for messages.
pub fn describe(recipe: PhantomRecipe) -> String {
    let size = match recipe.size {
        PhantomSize::Tiny => "tiny",
        PhantomSize::Small => "small",
        PhantomSize::Large => "large",
    };
    format!("{} cases, seed {}, size {size}", recipe.cases, recipe.seed)
}

#[cfg(test)]
mod tests;
