//! Surface → mask on an image's grid: a voxel belongs to the mask where the winding number at its centre is nearer to 1
//! (or -1, for surfaces turned inside out) than to 0.
//!
//! The winding number is exact at every voxel and nearly as cheap as counting crossings. Every hole is closed by a cone of triangles from
//! its rim to one point ([`cone`]). Surface and cones together enclose each point a whole number of times, counted by crossings along
//! scanlines ([`crossings`]). The winding number of the surface alone is that count minus the winding number of the cones, which matters
//! only near holes ([`gaps`]). Closed surfaces have no cones, however often they intersect or touch themselves.

mod cone;
mod crossings;
mod gaps;

use std::f64::consts::PI;

use ndarray::Array3;
use rayon::prelude::*;

use gaps::Slab;

use super::mesh::{Surface, SurfaceError, is_mirrored, minus};
use super::topology::{Topology, edges};
use super::warning::Warning;
use super::winding::WindingNumber;
use crate::Geometry;
use crate::geometry::norm;

/// Slices per task.
const SLAB: usize = 8;

/// Most crossings of the grid's rows, over all triangles: the surfaces of all organs of a body at 0.5 mm have 10 million.
const MOST_CROSSINGS: f64 = 2.5e8;

/// Most voxels so near to pieces of lids that each pair is computed by itself: two lids across a body on the grid of a CT have 30 million.
const MOST_NEAR: f64 = 3e8;

/// A piece is expanded from where its radius is this fraction of the distance.
const NEARNESS: f64 = 0.3;

/// Farthest corner of a hole, in millimetres beyond the image and in sizes of the image; the larger one holds. Pieces of a larger lid
/// are far larger than voxels and near to all of them, which takes hours.
const REACH: (f64, f64) = (10_000.0, 100.0);

/// Offset along each axis, in voxels `[z, y, x]`, of the eight points at which a voxel is sampled around its centre. Surfaces extracted
/// from another grid run exactly through voxel centres, where rounding errors would decide. The offset exceeds the rounding of 32-bit
/// files and is too small to matter. It differs per axis, so that no oblique plane through a centre contains a sample.
const SHIFT: [f64; 3] = [0.0004, 0.0007, 0.001];

/// A surface as a mask.
#[derive(Clone, Debug, PartialEq)]
pub struct Voxelised {
    /// 1 where the voxel's centre lies inside, else 0; shape `[depth, height, width]`.
    pub mask: Array3<u8>,
    /// Topology of the surface: open edges, edges with too many triangles, components.
    pub topology: Topology,
    /// Warnings.
    pub warnings: Vec<Warning>,
}

/// The voxels whose centres lie inside a surface, on any grid, also a sheared one. The result does not depend on the number of threads.
///
/// # Errors
/// [`SurfaceError`] where the grid has no physical size or no inverse.
pub fn voxelise(surface: &Surface, geometry: &Geometry) -> Result<Voxelised, SurfaceError> {
    if !geometry.has_spacing {
        return Err(SurfaceError::NoSpacing);
    }
    let counts = Counts::new(surface, geometry)?;
    let mut mask = Array3::<u8>::zeros(geometry.shape);
    let slice = geometry.shape[1] * geometry.shape[2];
    let voxels = mask.as_slice_mut().unwrap_or_default();
    let slabs = voxels.par_chunks_mut(SLAB * slice.max(1)).enumerate();
    slabs.for_each(|(slab, voxels)| counts.decide(slab * SLAB, voxels));
    let topology = Topology::of(surface);
    let warnings = warnings(surface, geometry, &topology, &mask);
    Ok(Voxelised { mask, topology, warnings })
}

/// What a slab needs to classify its voxels.
struct Counts<'a> {
    geometry: &'a Geometry,
    /// Corners `[x, y, z]` of the closed surface, in voxel indices.
    closed: Vec<[[f64; 3]; 3]>,
    cone: WindingNumber,
}

impl<'a> Counts<'a> {
    fn new(surface: &Surface, geometry: &'a Geometry) -> Result<Self, SurfaceError> {
        let cone = cone::closing(surface, &edges(surface));
        check_reach(&cone, geometry)?;
        let corners: Vec<[[f64; 3]; 3]> = surface.corners().chain(cone.iter().copied()).collect();
        let closed = corners.into_iter().map(|corners| to_grid(geometry, corners)).collect::<Option<Vec<_>>>();
        let closed = closed.ok_or(SurfaceError::Singular)?;
        let crossings: f64 = closed.iter().map(|corners| crossings(corners, geometry.shape)).sum();
        if crossings > MOST_CROSSINGS {
            return Err(SurfaceError::TooDense { triangles: closed.len(), crossings });
        }
        let pieces = cone::split(cone, geometry.voxel_mm3().cbrt());
        let near: f64 = pieces.iter().map(|piece| voxels_near(piece, geometry)).sum();
        if near > MOST_NEAR {
            return Err(SurfaceError::TooOpen { pairs: near });
        }
        let cone = WindingNumber::of_triangles(pieces);
        Ok(Self { geometry, closed, cone })
    }

    /// Sets the voxels of the slices from `first` on with more than half of their samples inside, or exactly half including the first.
    fn decide(&self, first: usize, voxels: &mut [u8]) {
        let [_, height, width] = self.geometry.shape;
        let shape = [voxels.len() / (height * width), height, width];
        let sign = if is_mirrored(self.geometry) { -1 } else { 1 };
        let gaps = Slab { geometry: self.geometry, first, shape }.round(&self.cone);
        let mut counts = vec![0_i32; voxels.len()];
        for place in 0..8 {
            let shift = [0, 1, 2].map(|axis| if place >> axis & 1 == 1 { SHIFT[2 - axis] } else { -SHIFT[2 - axis] });
            counts.fill(0);
            crossings::count(&self.closed, shift, first, shape, sign, &mut counts);
            // The first sample breaks ties.
            let weight = if place == 0 { 3 } else { 2 };
            for ((voxel, count), gap) in voxels.iter_mut().zip(&counts).zip(&gaps) {
                *voxel += if count == gap { 0 } else { weight };
            }
        }
        voxels.iter_mut().for_each(|voxel| *voxel = u8::from(*voxel > 8));
    }
}

impl Voxelised {
    /// The part of the surface's points that lies outside the grid, from 0 to 1.
    ///
    /// # Errors
    /// The boxes of both in words if no point lies inside the grid, nor any voxel inside the surface.
    pub fn outside(&self, surface: &Surface, geometry: &Geometry) -> Result<f64, String> {
        if !self.warnings.contains(&Warning::BeyondGrid) {
            return Ok(0.0);
        }
        let beyond = surface.points().par_iter().filter(|point| is_beyond(point, geometry)).count();
        if beyond < surface.points().len() || !self.warnings.contains(&Warning::Nothing) {
            return Ok(beyond as f64 / surface.points().len().max(1) as f64);
        }
        let (own, grid) = (words(surface.bounds_mm().unwrap_or_default()), words(geometry.bounds_mm()));
        Err(format!(
            "lies outside the image: it fills {own}, the image {grid} (RAS); is it in another coordinate system?"
        ))
    }
}

/// A box in words.
fn words([low, high]: [[f64; 3]; 2]) -> String {
    let axis = |index: usize| format!("{:.1} to {:.1}", low[index], high[index]);
    format!("x {}, y {}, z {} mm", axis(0), axis(1), axis(2))
}

fn is_beyond(point: &[f64; 3], geometry: &Geometry) -> bool {
    let voxel = geometry.to_voxel(*point).unwrap_or([f64::NAN; 3]);
    (0..3).any(|axis| !(-0.5..=geometry.shape[axis] as f64 - 0.5).contains(&voxel[axis]))
}

fn warnings(surface: &Surface, geometry: &Geometry, topology: &Topology, mask: &Array3<u8>) -> Vec<Warning> {
    let mut warnings = Warning::of_topology(topology);
    let is_oriented = topology.open_edges == 0 && topology.misoriented_edges == 0;
    if is_oriented && surface.volume_mm3() < 0.0 {
        warnings.push(Warning::Inward);
    }
    if surface.points().par_iter().any(|point| is_beyond(point, geometry)) {
        warnings.push(Warning::BeyondGrid);
    }
    if !mask.iter().any(|&voxel| voxel != 0) {
        warnings.push(Warning::Nothing);
    }
    warnings
}

/// Rows of the grid that a triangle crosses, about: its area seen along the rows, and the slices that it touches.
fn crossings(corners: &[[f64; 3]; 3], [depth, height, _]: [usize; 3]) -> f64 {
    let [a, b, c] = *corners;
    let area = ((b[1] - a[1]) * (c[2] - a[2]) - (b[2] - a[2]) * (c[1] - a[1])).abs() / 2.0;
    let within = |part: f64| part.clamp(0.0, depth as f64);
    let heights = [a[2], b[2], c[2]].map(within);
    let slices = heights.into_iter().fold(0.0, f64::max) - heights.into_iter().fold(f64::INFINITY, f64::min);
    area.min(slices * height as f64) + slices + 1.0
}

/// Voxels for which a piece of a lid is too near to be expanded, about.
fn voxels_near(piece: &[[f64; 3]; 3], geometry: &Geometry) -> f64 {
    let centre = [0, 1, 2].map(|axis| piece.iter().map(|corner| corner[axis]).sum::<f64>() / 3.0);
    let radius = piece.iter().map(|corner| norm(minus(*corner, centre))).fold(0.0, f64::max) / NEARNESS;
    let Some(voxel) = geometry.to_voxel(centre) else { return 0.0 };
    let spacing = geometry.spacing_mm();
    // The box around the ball, less what lies outside the grid; a ball fills about half of its box.
    let along = |axis: usize| {
        let half = radius / spacing[axis];
        let last = geometry.shape[axis] as f64 - 1.0;
        ((voxel[axis] + half).min(last) - (voxel[axis] - half).max(0.0)).max(0.0)
    };
    along(0) * along(1) * along(2) * PI / 6.0
}

/// Refuses holes that reach far beyond the grid.
fn check_reach(cone: &[[[f64; 3]; 3]], geometry: &Geometry) -> Result<(), SurfaceError> {
    let [first, last] = [[0.0; 3], geometry.shape.map(|count| count as f64)].map(|voxel| geometry.to_world(voxel));
    let size = norm(minus(last, first));
    let beyond = |corner: &[f64; 3]| norm(minus(*corner, first)) - size;
    let far = |distance: &f64| distance.is_nan() || *distance > REACH.0.max(REACH.1 * size);
    match cone.as_flattened().iter().map(beyond).find(far) {
        Some(distance) => Err(SurfaceError::FarHole { metres: distance / 1000.0 }),
        None => Ok(()),
    }
}

/// Corners `[x, y, z]` in voxel indices.
fn to_grid(geometry: &Geometry, corners: [[f64; 3]; 3]) -> Option<[[f64; 3]; 3]> {
    let mut voxels = [[0.0; 3]; 3];
    for (voxel, corner) in voxels.iter_mut().zip(corners) {
        let [z, y, x] = geometry.to_voxel(corner)?;
        *voxel = [x, y, z];
    }
    Some(voxels)
}
