//! Triangle surfaces in millimetres: reading, writing, voxelisation on an image's grid, and extraction from masks.
//!
//! In memory every point is in RAS+ world millimetres, as a [`Geometry`](super::Geometry) maps voxels, and the corners of a triangle run
//! counter-clockwise as seen from outside. Files may be in LPS or RAS and are converted on reading ([`CoordinateSystem`]). Problems of a
//! surface that can be used all the same are returned as [`Warning`]s.

mod decimate;
mod extract;
mod format;
mod mesh;
mod quadric;
mod read;
mod sets;
mod smooth;
mod taylor;
mod topology;
mod voxelise;
mod warning;
mod winding;
mod write;

pub use decimate::{Decimation, decimate};
pub use extract::{Extraction, extract, extract_segments};
pub(crate) use format::{FORMAT, SCENE, files_of};
pub use mesh::{NamedSurface, Surface, SurfaceError};
pub use read::{CoordinateSystem, ReadOptions, SurfaceFile, read_surface};
pub use smooth::{Taubin, smooth};
pub use topology::Topology;
pub use voxelise::{Voxelised, voxelise};
pub use warning::Warning;
pub use winding::WindingNumber;
pub use write::{write_glb, write_obj, write_ply, write_stl};

#[cfg(test)]
mod tests;
