//! Warnings about surfaces, as data: the caller decides how to report them.

use std::fmt;

use segspec_base::counted;

use super::read::CoordinateSystem;
use super::topology::Topology;

/// A problem of a surface that can be used all the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Warning {
    /// The file does not say whether it is in LPS or RAS: it was taken as LPS.
    AssumedLps,
    /// The file states this system, but the caller chose the other.
    Overruled(CoordinateSystem),
    /// Bytes after the last triangle of a binary STL file.
    TrailingBytes(usize),
    /// Triangles with two equal corners, which are dropped.
    Degenerate(usize),
    /// Edges with only one triangle: the surface has holes, across which the winding number decides.
    Open(usize),
    /// Edges with more than two triangles.
    NonManifold(usize),
    /// Edges whose triangles face different sides: the mask may be wrong near them.
    Misoriented(usize),
    /// All triangles face inwards.
    Inward,
    /// Part of the surface lies outside the image's grid.
    BeyondGrid,
    /// No voxel centre lies inside.
    Nothing,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AssumedLps => write!(f, "states no coordinate system; taken as LPS"),
            Self::Overruled(stated) => write!(f, "states {stated}, but is read in the other system, as requested"),
            Self::TrailingBytes(count) => write!(f, "ignored: {} after the last triangle", counted(*count, "byte")),
            Self::Degenerate(count) => write!(f, "left out: {} without area", counted(*count, "triangle")),
            Self::Open(count) => {
                write!(f, "{}: the surface has holes, which are closed smoothly", counted(*count, "open edge"))
            }
            Self::NonManifold(count) => write!(f, "{} with more than two triangles", counted(*count, "edge")),
            Self::Misoriented(count) => {
                write!(f, "{} whose triangles face to different sides: check the mask there", counted(*count, "edge"))
            }
            Self::Inward => write!(f, "all triangles face inwards; the enclosed side is taken as inside"),
            Self::BeyondGrid => write!(f, "part of the surface lies outside the image"),
            Self::Nothing => write!(f, "no voxel centre of the image lies inside the surface"),
        }
    }
}

impl Warning {
    /// Warnings from a mesh's topology.
    pub(super) fn of_topology(topology: &Topology) -> Vec<Self> {
        let counts = [
            (topology.open_edges, Self::Open as fn(usize) -> Self),
            (topology.non_manifold_edges, Self::NonManifold),
            (topology.misoriented_edges, Self::Misoriented),
        ];
        counts.into_iter().filter(|(count, _)| *count > 0).map(|(count, warning)| warning(count)).collect()
    }
}
