//! Reading the files of a case.

use super::case::CaseError;
use crate::dataset::{Case, read_image, read_label};
use crate::volume::{LabelMap, Volume};

/// Reads the image of a case and its label map, if it has one, on the same grid.
///
/// # Errors
/// [`CaseError::Read`], naming the file.
pub fn read_case(case: &Case) -> Result<(Volume, Option<LabelMap>), CaseError> {
    let image = read_image(case)?;
    let label = case.label.as_ref().map(|_| read_label(case, &image.geometry)).transpose()?;
    Ok((image, label))
}
