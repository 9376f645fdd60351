//! Mask → surface: marching cubes between voxel centres, then optional smoothing and decimation.

mod cells;
mod table;

use ndarray::{ArrayView3, Axis, s};
use rayon::prelude::*;

use super::decimate::{Decimation, decimate};
use super::mesh::{NamedSurface, Surface, SurfaceError, is_mirrored};
use super::smooth::{Taubin, smooth};
use crate::{Geometry, Segmentation, Segments};

/// How a surface is extracted from a mask.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Extraction {
    /// Smoothing, in units of voxels of whatever shape; `None` keeps the steps of the voxels, and so every voxel of the mask.
    pub smoothing: Option<Taubin>,
    /// Decimation, after smoothing.
    pub decimation: Option<Decimation>,
}

impl Default for Extraction {
    fn default() -> Self {
        Self { smoothing: Some(Taubin::default()), decimation: None }
    }
}

/// Voxels of a crop, first and one past the last, `[z, y, x]`.
type Crop = [[usize; 2]; 3];

/// The surface around the nonzero voxels in RAS+ millimetres, facing outwards whatever the sign of the affine's determinant. Before
/// smoothing it passes halfway between voxel centres inside and outside; at the border of the image it is closed half a voxel beyond the
/// last centre. It is always closed, every edge has two triangles, and it never touches itself. An empty mask gives no triangles.
///
/// Source: Lorensen & Cline 1987, with a table of consistent faces (`table`).
///
/// # Errors
/// [`SurfaceError`] where the grid has no physical size or the surface has too many points.
pub fn extract(mask: ArrayView3<'_, u8>, geometry: &Geometry, options: &Extraction) -> Result<Surface, SurfaceError> {
    let crop = crops(mask, |&voxel| u16::from(voxel != 0))[1];
    extract_crop(mask, crop, |&voxel| voxel != 0, geometry, options)
}

/// One surface for each structure with at least one voxel, in the order of the file, with its name and colour. Structures are processed
/// in parallel; the result does not depend on the number of threads.
///
/// # Errors
/// As [`extract`].
pub fn extract_segments(segments: &Segments, options: &Extraction) -> Result<Vec<NamedSurface>, SurfaceError> {
    let geometry = segments.geometry();
    let surfaces: Vec<Surface> = match &segments.content {
        Segmentation::Labels(labels) => {
            let crops = crops(labels.voxels.view(), |&label| label);
            let one = |value: u16| {
                let crop = crops[usize::from(value)];
                extract_crop(labels.voxels.view(), crop, |&label| label == value, geometry, options)
            };
            segments.segments.par_iter().map(|segment| one(segment.value)).collect::<Result<_, _>>()?
        }
        Segmentation::Masks { masks, .. } => {
            let masks: Vec<_> = masks.axis_iter(Axis(0)).take(segments.segments.len()).collect();
            masks.into_par_iter().map(|mask| extract(mask, geometry, options)).collect::<Result<_, _>>()?
        }
    };
    let named = segments.segments.iter().zip(surfaces).filter(|(_, surface)| !surface.triangles().is_empty());
    Ok(named
        .map(|(segment, surface)| NamedSurface { name: segment.name.clone(), color: segment.color, surface })
        .collect())
}

fn extract_crop<T: Sync>(
    voxels: ArrayView3<'_, T>,
    crop: Option<Crop>,
    inside: impl Fn(&T) -> bool,
    geometry: &Geometry,
    options: &Extraction,
) -> Result<Surface, SurfaceError> {
    if !geometry.has_spacing {
        return Err(SurfaceError::NoSpacing);
    }
    let Some([[z0, z1], [y0, y1], [x0, x1]]) = crop else { return Ok(Surface::default()) };
    let (points, mut triangles) = cells::march(voxels.slice(s![z0..z1, y0..y1, x0..x1]), inside);
    let place = |[x, y, z]: [f64; 3]| geometry.to_world([z + z0 as f64, y + y0 as f64, x + x0 as f64]);
    if is_mirrored(geometry) {
        triangles.iter_mut().for_each(|triangle| triangle.swap(1, 2));
    }
    let mut surface = Surface::new(points, triangles)?;
    if let Some(smoothing) = &options.smoothing {
        smooth(&mut surface, smoothing);
    }
    surface.points_mut().par_iter_mut().for_each(|point| *point = place(*point));
    Ok(match &options.decimation {
        Some(decimation) => decimate(&surface, decimation),
        None => surface,
    })
}

/// Bounding box of each value's voxels, at the value's index; `None` for 0 and for values without voxels.
fn crops<T>(voxels: ArrayView3<'_, T>, value: impl Fn(&T) -> u16) -> Vec<Option<Crop>> {
    let mut crops = vec![None; usize::from(u16::MAX) + 1];
    for ((z, y, x), voxel) in voxels.indexed_iter() {
        let value = value(voxel);
        if value == 0 {
            continue;
        }
        let at = [z, y, x];
        let crop: &mut Crop = crops[usize::from(value)].get_or_insert(at.map(|index| [index, index + 1]));
        for ([from, to], index) in crop.iter_mut().zip(at) {
            *from = index.min(*from);
            *to = (index + 1).max(*to);
        }
    }
    crops
}
