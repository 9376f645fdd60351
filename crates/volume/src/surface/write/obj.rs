//! Wavefront OBJ.

use std::path::Path;

use super::super::mesh::Surface;
use super::super::read::CoordinateSystem;
use super::{check, note, write};
use crate::WriteError;

/// Writes an OBJ file in millimetres with point normals; a comment names the coordinate system as 3D Slicer does.
///
/// # Errors
/// [`WriteError`] with the file's name; the file is then as it was before.
pub fn write_obj(path: &Path, surface: &Surface, coordinates: CoordinateSystem) -> Result<(), WriteError> {
    check(path, surface)?;
    write(path, |file| {
        writeln!(file, "# {}", note(coordinates))?;
        for point in surface.points() {
            let [x, y, z] = coordinates.turn(*point).map(|part| part as f32);
            writeln!(file, "v {x} {y} {z}")?;
        }
        for normal in surface.normals() {
            let [x, y, z] = coordinates.turn(normal);
            writeln!(file, "vn {x:.5} {y:.5} {z:.5}")?;
        }
        for triangle in surface.triangles() {
            let [a, b, c] = triangle.map(|point| u64::from(point) + 1);
            writeln!(file, "f {a}//{a} {b}//{b} {c}//{c}")?;
        }
        Ok(())
    })
}
