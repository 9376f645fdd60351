//! Synthetic abdominal datasets, for tests and for training in a fresh clone.
//!
//! Bodies with liver, kidneys, spleen, spine, ribs and more in plausible Hounsfield units. Organ intensities overlap, so a
//! network has to learn position and shape. Every case has its own anatomy, grid and orientation; in world coordinates the
//! liver is always on the right. Only additions, multiplications, divisions and square roots are used, so the same seed
//! gives the same bytes on every machine.
//!
//! A set is written in the layout of the Medical Segmentation Decathlon or of another project ([`PhantomLayout`]).

mod anatomy;
mod mr;
mod organs;
mod part;
mod recipe;
mod render;
mod shape;
mod stamp;
mod write;

use std::path::Path;

use part::Part;
use render::Scan;

use super::DataError;
use crate::Cancel;
use crate::volume::{LabelMap, Volume};

pub use recipe::{PhantomLayout, PhantomRecipe, PhantomSize};
pub use stamp::recipe_of;
pub use write::write;

/// Structures of the Decathlon layout: name and label value.
pub const STRUCTURES: [(&str, u16); 6] =
    [("liver", 1), ("left-kidney", 2), ("right-kidney", 3), ("spleen", 4), ("spine", 5), ("ribs", 6)];

/// One CT in memory: image in HU and labels as in [`STRUCTURES`], on the same grid. All CT layouts use these images.
pub fn case(recipe: PhantomRecipe, number: usize) -> (Volume, LabelMap) {
    let scan = ct(recipe, number);
    let labels = scan.labels(value);
    (scan.image, labels)
}

fn ct(recipe: PhantomRecipe, number: usize) -> Scan {
    render::ct(recipe.seed, number as u64, recipe.size)
}

/// The label value of a part in [`STRUCTURES`].
fn value(part: Part) -> u16 {
    match part {
        Part::Liver => 1,
        Part::LeftKidney => 2,
        Part::RightKidney => 3,
        Part::Spleen => 4,
        Part::Spine => 5,
        Part::Ribs => 6,
        _ => 0,
    }
}

/// Writes the set if the folder does not exist. An existing folder must not hold a set with another recipe.
///
/// # Errors
/// [`DataError::OtherPhantom`], [`DataError::Write`], [`DataError::DatasetJson`], [`DataError::Cancelled`].
pub fn generate_if_missing(root: &Path, recipe: PhantomRecipe, cancel: &Cancel) -> Result<(), DataError> {
    if !root.exists() {
        return write(root, recipe, &|_, _| {}, cancel);
    }
    match recipe_of(root)? {
        Some(found) if found != recipe => {
            Err(DataError::OtherPhantom { path: root.into(), found: found.to_string(), wanted: recipe.to_string() })
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
