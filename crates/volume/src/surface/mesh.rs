//! The triangle mesh and its measures.

use std::collections::HashMap;

use crate::Geometry;
use crate::geometry::{cross, dot, norm};

/// A triangle mesh in RAS+ world millimetres. Every index is valid and every coordinate finite, as [`Surface::new`] checks.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Surface {
    points: Vec<[f64; 3]>,
    triangles: Vec<[u32; 3]>,
}

/// A surface with the name and colour of its structure, for formats with several surfaces in one file.
#[derive(Clone, Debug, PartialEq)]
pub struct NamedSurface {
    /// Name of the structure.
    pub name: String,
    /// Display colour, sRGB.
    pub color: Option<[u8; 3]>,
    /// Its surface.
    pub surface: Surface,
}

/// Why points and triangles are not a surface, or why a surface does not fit a grid.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum SurfaceError {
    /// A triangle names a point that does not exist.
    #[error("triangle {triangle} has the corner {corner}, but there are {points} points (numbered from 0)")]
    Corner {
        /// Number of the triangle, from 0.
        triangle: usize,
        /// The index that it holds.
        corner: u32,
        /// Number of points.
        points: usize,
    },
    /// A coordinate is NaN or infinite.
    #[error("point {point} lies at {at:?} (numbered from 0)")]
    NotFinite {
        /// Number of the point, from 0.
        point: usize,
        /// Its coordinates.
        at: [f64; 3],
    },
    /// More points than 32-bit indices can name.
    #[error("{0} points are more than 32-bit indices can name; decimate the surface first")]
    TooManyPoints(usize),
    /// The grid has no physical size.
    #[error(
        "the image states no voxel size in millimetres, which surfaces need; use an image file that states it (NIfTI, NRRD, DICOM), or state it in the dataset file: `spacing-mm = [slices, rows, columns]`"
    )]
    NoSpacing,
    /// The grid's voxel → world matrix has no inverse.
    #[error("the image's voxel → world matrix has no inverse")]
    Singular,
    /// The triangles are too many for their size.
    #[error(
        "{triangles} triangles cross the image's rows {crossings:.0} times, far more than the skin of a body does; does the surface hold the same triangles many times? Merge or decimate them first"
    )]
    TooDense {
        /// Number of triangles, with those that close holes.
        triangles: usize,
        /// Estimated crossings.
        crossings: f64,
    },
    /// Holes through most of the image.
    #[error(
        "has holes through most of the image, as if many of its triangles were missing; close them, for example in MeshLab or 3D Slicer, or choose a coarser grid"
    )]
    TooOpen {
        /// Estimated pairs of voxels and pieces of lids that are near to each other.
        pairs: f64,
    },
    /// A hole reaches where no patient is.
    #[error(
        "has a hole that reaches {metres:.3e} m beyond the image; remove stray corners far from the body, or close the hole first"
    )]
    FarHole {
        /// Distance from the image.
        metres: f64,
    },
}

impl Surface {
    /// A surface of `points` `[x, y, z]` in RAS+ millimetres and triangles of three point numbers each,
    /// counter-clockwise as seen from outside.
    ///
    /// # Errors
    /// [`SurfaceError`] where an index names no point or a coordinate is not finite.
    pub fn new(points: Vec<[f64; 3]>, triangles: Vec<[u32; 3]>) -> Result<Self, SurfaceError> {
        if u32::try_from(points.len()).is_err() {
            return Err(SurfaceError::TooManyPoints(points.len()));
        }
        if let Some(point) = points.iter().position(|point| !point.iter().all(|part| part.is_finite())) {
            return Err(SurfaceError::NotFinite { point, at: points[point] });
        }
        for (triangle, corners) in triangles.iter().enumerate() {
            if let Some(&corner) = corners.iter().find(|&&corner| corner as usize >= points.len()) {
                return Err(SurfaceError::Corner { triangle, corner, points: points.len() });
            }
        }
        Ok(Self { points, triangles })
    }

    /// Without checks, for code of this module whose indices are valid and whose points are finite by construction.
    pub(super) fn trusted(points: Vec<[f64; 3]>, triangles: Vec<[u32; 3]>) -> Self {
        debug_assert!(triangles.iter().flatten().all(|&corner| (corner as usize) < points.len()));
        Self { points, triangles }
    }

    /// Points `[x, y, z]` in RAS+ millimetres.
    pub fn points(&self) -> &[[f64; 3]] {
        &self.points
    }

    /// Point numbers of each triangle, counter-clockwise as seen from outside.
    pub fn triangles(&self) -> &[[u32; 3]] {
        &self.triangles
    }

    /// The three corners of each triangle in millimetres.
    pub fn corners(&self) -> impl Iterator<Item = [[f64; 3]; 3]> + '_ {
        self.triangles.iter().map(|triangle| triangle.map(|corner| self.points[corner as usize]))
    }

    pub(super) fn points_mut(&mut self) -> &mut Vec<[f64; 3]> {
        &mut self.points
    }

    /// Smallest and largest coordinates `[x, y, z]` of the corners in millimetres; `None` without triangles.
    pub fn bounds_mm(&self) -> Option<[[f64; 3]; 2]> {
        let first = *self.corners().next()?.first()?;
        let grow = |[low, high]: [[f64; 3]; 2], point: [f64; 3]| {
            [[0, 1, 2].map(|axis| low[axis].min(point[axis])), [0, 1, 2].map(|axis| high[axis].max(point[axis]))]
        };
        Some(self.corners().flatten().fold([first, first], grow))
    }

    /// Area in square millimetres.
    pub fn area_mm2(&self) -> f64 {
        self.corners().map(|corners| norm(area_vector(corners))).sum()
    }

    /// Enclosed volume in cubic millimetres by the divergence theorem, negative where the triangles face inwards.
    ///
    /// Only a closed surface encloses a volume; for an open one this is the volume of the cones from the centre of the bounding box to the
    /// triangles.
    pub fn volume_mm3(&self) -> f64 {
        let Some([low, high]) = self.bounds_mm() else { return 0.0 };
        // Relative to a point near the surface, because a distant origin loses precision.
        let origin = [0, 1, 2].map(|axis| (low[axis] + high[axis]) / 2.0);
        let volume = |corners: [[f64; 3]; 3]| {
            let [a, b, c] = corners.map(|corner| minus(corner, origin));
            dot(a, cross(b, c)) / 6.0
        };
        self.corners().map(volume).sum()
    }

    /// Outward unit normals of the points: those of the triangles around, weighted by their angle at the point
    /// (Thürmer & Wüthrich 1998). A point without triangles has the normal `[0, 0, 0]`.
    pub fn normals(&self) -> Vec<[f64; 3]> {
        let mut normals = vec![[0.0; 3]; self.points.len()];
        for (triangle, corners) in self.triangles.iter().zip(self.corners()) {
            let normal = unit(area_vector(corners));
            for (place, &point) in triangle.iter().enumerate() {
                let [here, next, last] = [0, 1, 2].map(|step| corners[(place + step) % 3]);
                let angle = angle(minus(next, here), minus(last, here));
                let sum = &mut normals[point as usize];
                *sum = [0, 1, 2].map(|axis| sum[axis] + angle * normal[axis]);
            }
        }
        normals.into_iter().map(unit).collect()
    }

    /// Merges points with equal coordinates and drops triangles with two equal corners (their number is the second result) and points
    /// without triangles. Points keep the order of their first use.
    pub fn welded(&self) -> (Self, usize) {
        let mut numbers: HashMap<[u64; 3], u32> = HashMap::new();
        let mut points = Vec::new();
        let mut triangles = Vec::with_capacity(self.triangles.len());
        for corners in self.corners() {
            // Adding 0 turns −0 into 0.
            let keys = corners.map(|corner| corner.map(|part| (part + 0.0).to_bits()));
            if keys[0] == keys[1] || keys[1] == keys[2] || keys[2] == keys[0] {
                continue;
            }
            let mut triangle = [0; 3];
            for place in 0..3 {
                triangle[place] = *numbers.entry(keys[place]).or_insert_with(|| {
                    points.push(corners[place]);
                    (points.len() - 1) as u32
                });
            }
            triangles.push(triangle);
        }
        let dropped = self.triangles.len() - triangles.len();
        (Self { points, triangles }, dropped)
    }
}

/// Normal of a triangle with its area as length.
pub(super) fn area_vector([a, b, c]: [[f64; 3]; 3]) -> [f64; 3] {
    cross(minus(b, a), minus(c, a)).map(|part| part / 2.0)
}

pub(super) fn minus(a: [f64; 3], b: [f64; 3]) -> [f64; 3] {
    [a[0] - b[0], a[1] - b[1], a[2] - b[2]]
}

/// Angle between two vectors in radians, exact for small angles too.
fn angle(a: [f64; 3], b: [f64; 3]) -> f64 {
    norm(cross(a, b)).atan2(dot(a, b))
}

fn unit(vector: [f64; 3]) -> [f64; 3] {
    let length = norm(vector);
    if length > 0.0 { vector.map(|part| part / length) } else { [0.0; 3] }
}

/// Whether a grid's axes are left-handed, so that the conversion to voxel indices reverses a surface's orientation.
pub(super) fn is_mirrored(geometry: &Geometry) -> bool {
    dot(geometry.column(0), cross(geometry.column(1), geometry.column(2))) < 0.0
}
