//! Surfaces against trimesh and libigl (`tests/reference/surface.py`), against formulas, and there and back.

mod files;
mod shapes;
mod voxels;

use std::collections::BTreeMap;

use ndarray::Array3;
use serde::Deserialize;

use super::*;
use crate::Geometry;

#[derive(Deserialize)]
struct Reference {
    made: Vec<Made>,
    smoothed: Smoothed,
    read: Read,
    shared: BTreeMap<String, Facts>,
    written: Written,
}

/// A surface with its winding numbers at places, and its masks on grids.
#[derive(Deserialize)]
struct Made {
    name: String,
    points: Vec<[f64; 3]>,
    triangles: Vec<[u32; 3]>,
    places: Vec<[f64; 3]>,
    winding: Vec<f64>,
    masks: Vec<Mask>,
    facts: Facts,
}

/// `mask` has a digit for each voxel `[z, y, x]`: 0 outside, 1 inside, 2 where the winding number is nearly one half.
#[derive(Deserialize)]
struct Mask {
    shape: [usize; 3],
    affine: [[f64; 4]; 3],
    mask: String,
}

#[derive(Deserialize)]
struct Smoothed {
    points: Vec<[f64; 3]>,
    triangles: Vec<[u32; 3]>,
    normals: Vec<[f64; 3]>,
    after: Vec<[f64; 3]>,
}

#[derive(Deserialize)]
struct Read {
    files: BTreeMap<String, String>,
    facts: Facts,
}

/// What trimesh says, in the file's coordinates.
#[derive(Deserialize)]
struct Facts {
    points: usize,
    triangles: usize,
    bounds: [[f64; 3]; 2],
    area: f64,
    volume: f64,
    open_edges: usize,
    non_manifold_edges: usize,
    components: usize,
    /// Voxels inside, and voxels whose centre lies on the surface, for the pelvis.
    inside: Option<usize>,
    on_surface: Option<usize>,
}

#[derive(Deserialize)]
struct Written {
    stl: File<Facts>,
    ply: File<Facts>,
    obj: File<Facts>,
    glb: File<Scene>,
}

#[derive(Deserialize)]
struct File<T> {
    file: String,
    facts: T,
}

#[derive(Deserialize)]
struct Scene {
    bounds_m: [[f64; 3]; 2],
    meshes: Vec<SceneMesh>,
}

#[derive(Deserialize)]
struct SceneMesh {
    node: String,
    color: [u8; 4],
    triangles: usize,
    points: usize,
}

fn reference() -> Reference {
    serde_json::from_str(include_str!("../../../../../tests/reference/surface.json")).unwrap()
}

fn made(name: &str) -> Surface {
    let found = reference().made.into_iter().find(|made| made.name == name).unwrap();
    Surface::new(found.points, found.triangles).unwrap()
}

fn assert_facts(name: &str, surface: &Surface, facts: &Facts) {
    let topology = Topology::of(surface);
    assert_eq!((surface.points().len(), surface.triangles().len()), (facts.points, facts.triangles), "{name}");
    let ours = (topology.open_edges, topology.non_manifold_edges, topology.components);
    assert_eq!(ours, (facts.open_edges, facts.non_manifold_edges, facts.components), "{name}");
    for (ours, theirs) in surface.bounds_mm().unwrap().iter().flatten().zip(facts.bounds.iter().flatten()) {
        assert!((ours - theirs).abs() < 1e-6, "{name}: {:?}", surface.bounds_mm());
    }
    assert!((surface.area_mm2() / facts.area - 1.0).abs() < 1e-8, "{name}: {}", surface.area_mm2());
    if topology.open_edges == 0 {
        assert!((surface.volume_mm3() / facts.volume - 1.0).abs() < 1e-8, "{name}: {}", surface.volume_mm3());
    }
}

/// A grid at an angle, sheared and left-handed.
fn oblique(shape: [usize; 3]) -> Geometry {
    let affine = [[-1.31, 0.43, 0.29, 19.1], [0.37, 1.23, -0.41, -8.3], [-0.11, 0.19, 1.87, -9.4]];
    Geometry { shape, affine, has_spacing: true }
}

/// A voxel ball around the middle of a grid, radius in voxels.
fn ball(size: usize, radius: f64) -> Array3<u8> {
    let middle = (size - 1) as f64 / 2.0;
    Array3::from_shape_fn([size; 3], |(z, y, x)| {
        let square: f64 = [z, y, x].iter().map(|&index| (index as f64 - middle).powi(2)).sum();
        u8::from(square <= radius * radius)
    })
}

fn dice(one: &Array3<u8>, other: &Array3<u8>) -> f64 {
    let both = one.iter().zip(other).filter(|&(&a, &b)| a != 0 && b != 0).count();
    let count = |mask: &Array3<u8>| mask.iter().filter(|&&voxel| voxel != 0).count();
    2.0 * both as f64 / (count(one) + count(other)) as f64
}
