//! The files of a case: reading them together, and what their content is called.

use std::fs::File;
use std::io;
use std::path::Path;

use super::case::CaseError;
use crate::dataset::{Case, read_image, read_label};
use crate::volume::{LabelMap, Volume};

/// Reads the image of a case, and its label map if it has one, on one grid.
///
/// # Errors
/// [`CaseError::Read`], naming the file.
pub fn read_case(case: &Case) -> Result<(Volume, Option<LabelMap>), CaseError> {
    let image = read_image(case)?;
    let label = case.label.as_ref().map(|_| read_label(case, &image.geometry)).transpose()?;
    Ok((image, label))
}

/// A name for the content of a case's files, wherever they lie: BLAKE3 over the BLAKE3 of each.
///
/// # Errors
/// The operating system's.
pub fn content_hash(case: &Case) -> io::Result<String> {
    let mut all = blake3::Hasher::new();
    for (_, path) in case.files()? {
        let mut file = blake3::Hasher::new();
        file.update_reader(File::open(&path).map_err(|error| naming(&path, &error))?)?;
        all.update(file.finalize().as_bytes());
    }
    all.update(&[u8::from(case.label.is_some())]);
    Ok(all.finalize().to_hex().to_string())
}

fn naming(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}
