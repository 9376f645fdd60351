//! Writes surface files whole or not at all.

mod glb;
mod obj;
mod ply;
mod stl;

use std::io::{self, Write};
use std::path::Path;

pub use glb::write_glb;
pub use obj::write_obj;
pub use ply::write_ply;
pub use stl::write_stl;

use super::mesh::Surface;
use crate::WriteError;
use crate::files;

/// Name and coordinate system, in the form that 3D Slicer reads from comments.
fn note(coordinates: super::CoordinateSystem) -> String {
    format!("segspec; SPACE={coordinates}; units=mm")
}

/// Refuses surfaces that no program reads.
fn check(path: &Path, surface: &Surface) -> Result<(), WriteError> {
    if surface.triangles().is_empty() {
        return Err(refused(path, "the surface has no triangles"));
    }
    Ok(())
}

fn refused(path: &Path, reason: impl Into<String>) -> WriteError {
    WriteError { path: path.into(), reason: reason.into(), environment: false }
}

fn write(path: &Path, content: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<(), WriteError> {
    let written = files::write_atomic_with(path, |file| {
        let mut buffered = io::BufWriter::with_capacity(1 << 16, file);
        content(&mut buffered)?;
        buffered.flush()
    });
    written.map_err(|error| WriteError::io(path, &error))
}

/// Coordinates as four-byte floats, little endian.
fn floats(values: [f64; 3]) -> [u8; 12] {
    let mut bytes = [0; 12];
    for (place, value) in bytes.as_chunks_mut::<4>().0.iter_mut().zip(values) {
        *place = (value as f32).to_le_bytes();
    }
    bytes
}
