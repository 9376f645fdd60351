//! Binary PLY.

use std::path::Path;

use super::super::mesh::Surface;
use super::super::read::CoordinateSystem;
use super::{check, floats, note, write};
use crate::WriteError;

/// Writes a binary PLY file (little endian) in millimetres with point normals; a comment names the coordinate system as 3D
/// Slicer does.
///
/// # Errors
/// [`WriteError`] with the file's name; the file is then as it was before.
pub fn write_ply(path: &Path, surface: &Surface, coordinates: CoordinateSystem) -> Result<(), WriteError> {
    check(path, surface)?;
    write(path, |file| {
        writeln!(file, "ply\nformat binary_little_endian 1.0\ncomment {}", note(coordinates))?;
        writeln!(file, "element vertex {}", surface.points().len())?;
        for name in ["x", "y", "z", "nx", "ny", "nz"] {
            writeln!(file, "property float {name}")?;
        }
        writeln!(file, "element face {}", surface.triangles().len())?;
        writeln!(file, "property list uchar uint vertex_indices\nend_header")?;
        for (point, normal) in surface.points().iter().zip(surface.normals()) {
            file.write_all(&floats(coordinates.turn(*point)))?;
            file.write_all(&floats(coordinates.turn(normal)))?;
        }
        for triangle in surface.triangles() {
            file.write_all(&[3])?;
            file.write_all(triangle.map(u32::to_le_bytes).as_flattened())?;
        }
        Ok(())
    })
}
