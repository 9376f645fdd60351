//! Grids of a sample of the images, from which a first experiment is sized.

use crate::dataset::{Case, read_image};
use crate::volume::{Geometry, read_header};

/// Largest number of images whose headers are read.
const HEADERS: usize = 20;
/// Largest number of images that are read whole, because a header does not state the grid: DICOM series, pictures per slice.
const IMAGES: usize = 2;

/// The grid of an image, axes canonical `[z, y, x]`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Grid {
    /// Voxels.
    pub shape: [usize; 3],
    /// Spacing in mm; `None` for images without one.
    pub spacing_mm: Option<[f64; 3]>,
}

impl Grid {
    fn of(geometry: &Geometry) -> Self {
        let canonical = geometry.to_canonical();
        Self { shape: canonical.shape, spacing_mm: canonical.has_spacing.then(|| canonical.spacing_mm()) }
    }
}

/// Grids of cases spread over the whole list; unreadable images are left out.
pub(super) fn grids(cases: &[Case]) -> Vec<Grid> {
    let is_file =
        |case: &&Case| case.stack_spacing_mm.is_none() && case.images.first().is_some_and(|path| path.is_file());
    let (files, others): (Vec<&Case>, Vec<&Case>) = cases.iter().partition(is_file);
    let headers = spread(&files, HEADERS).filter_map(|case| {
        let header = read_header(case.images.first()?).ok()?;
        Some(Grid::of(&case.reading.spaced(header.geometry)))
    });
    let images = spread(&others, IMAGES).filter_map(|case| Some(Grid::of(&read_image(case).ok()?.geometry)));
    headers.chain(images).collect()
}

/// At most `count` items at equal distances.
fn spread<'a>(cases: &'a [&'a Case], count: usize) -> impl Iterator<Item = &'a Case> {
    cases.iter().step_by(cases.len().div_ceil(count).max(1)).copied()
}
