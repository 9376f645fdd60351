//! Binary STL.

use std::path::Path;

use super::super::mesh::{Surface, area_vector};
use super::super::read::CoordinateSystem;
use super::{check, floats, note, refused, write};
use crate::WriteError;
use crate::geometry::norm;

/// Writes a binary STL file in millimetres; its header names the coordinate system as 3D Slicer does. Programs that ignore the header
/// mostly assume LPS.
///
/// # Errors
/// [`WriteError`] with the file's name; the file is then as it was before.
pub fn write_stl(path: &Path, surface: &Surface, coordinates: CoordinateSystem) -> Result<(), WriteError> {
    check(path, surface)?;
    let count = surface.triangles().len();
    let count = u32::try_from(count).map_err(|_| refused(path, format!("STL cannot hold {count} triangles")))?;
    write(path, |file| {
        file.write_all(format!("{:<80.80}", note(coordinates)).as_bytes())?;
        file.write_all(&count.to_le_bytes())?;
        for corners in surface.corners() {
            let corners = corners.map(|corner| coordinates.turn(corner));
            let vector = area_vector(corners);
            let length = norm(vector);
            let normal = if length > 0.0 { vector.map(|part| part / length) } else { [0.0; 3] };
            for part in std::iter::once(normal).chain(corners) {
                file.write_all(&floats(part))?;
            }
            file.write_all(&[0, 0])?;
        }
        Ok(())
    })
}
