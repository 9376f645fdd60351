//! Surfaces of labels for the page.

use std::path::Path;

use serde_json::{Value, json};

use super::error::{Answer, Refusal};
use super::image::separate;
use crate::dataset::Target;
use crate::predict::export;
use crate::volume::surface::{Decimation, Extraction, NamedSurface, Surface, extract_segments, write_glb};
use crate::volume::{Geometry, Segmentation};

/// Most triangles of a structure: a headset draws a few hundred thousand in all.
const TRIANGLES: usize = 30_000;

/// Writes the surfaces as GLB in metres, y up, with the middle of the image at the origin.
///
/// # Errors
/// No structure has a voxel, or the image states no spacing.
pub fn write(path: &Path, labels: &Segmentation, target: &Target) -> Answer<()> {
    let segments = export::segments(separate(labels, target)?, target);
    let extraction = Extraction { decimation: Some(Decimation { triangles: TRIANGLES }), ..Extraction::default() };
    let surfaces = extract_segments(&segments, &extraction).map_err(Refusal::conflict)?;
    if surfaces.is_empty() {
        return Err(Refusal::conflict("no structure has a voxel, so there is no surface"));
    }
    let centre = centre(labels.geometry());
    let moved = surfaces.into_iter().map(|named| moved(named, centre)).collect::<Answer<Vec<_>>>()?;
    Ok(write_glb(path, &moved)?)
}

/// Where a point of the surfaces (metres, y up) lies in the patient (RAS millimetres): 16 numbers, column by column, as in glTF.
pub fn to_world(geometry: &Geometry) -> Value {
    let [x, y, z] = centre(geometry);
    json!({ "to-world-mm": [-1000.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1000.0, 0.0, 0.0, 1000.0, 0.0, 0.0, x, y, z, 1.0] })
}

fn centre(geometry: &Geometry) -> [f64; 3] {
    geometry.to_world(geometry.shape.map(|count| (count as f64 - 1.0) / 2.0))
}

fn moved(named: NamedSurface, centre: [f64; 3]) -> Answer<NamedSurface> {
    let points = named.surface.points().iter().map(|point| [0, 1, 2].map(|axis| point[axis] - centre[axis])).collect();
    let surface = Surface::new(points, named.surface.triangles().to_vec()).map_err(Refusal::failed)?;
    Ok(NamedSurface { surface, ..named })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn surfaces_lie_around_the_origin_and_lead_back_to_the_patient() {
        let mut geometry = Geometry::axis_aligned([3, 3, 3], [2.0, 1.0, 1.0]);
        (0..3).for_each(|row| geometry.affine[row][3] = 100.0 * (row as f64 + 1.0));
        let matrix = to_world(&geometry);
        let at = |index: usize| matrix["to-world-mm"][index].as_f64().unwrap();
        // One metre up is one metre towards the head; the origin is the middle voxel.
        let point =
            |[x, y, z]: [f64; 3]| [0, 1, 2].map(|row| at(row) * x + at(4 + row) * y + at(8 + row) * z + at(12 + row));
        assert_eq!(point([0.0; 3]), [101.0, 201.0, 302.0]);
        assert_eq!(point([0.0, 1.0, 0.0]), [101.0, 201.0, 1302.0]);
        assert_eq!(point([1.0, 0.0, 1.0]), [-899.0, 1201.0, 302.0]);
    }
}
