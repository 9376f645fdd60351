//! Structure sets of radiotherapy (RTSTRUCT): planar contours, read and made into voxels.
//!
//! Contours are polygons in patient coordinates, drawn on the slices of a series (PS3.3 C.8.8.6). A voxel belongs to a structure if its
//! centre lies inside an odd number of the structure's contours in its slice: inner contours are holes, and so are keyholes, where one
//! path runs to the inside and back along the same line.

mod facts;
mod format;
mod place;
mod polygon;
mod read;

pub use facts::{ContourFacts, RoiFacts, contour_facts};
pub(crate) use format::CONTOURS;
pub use format::only_contours;
pub use place::{Contoured, On, read_contours};
pub use read::is_contours;
