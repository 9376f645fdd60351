//! Surfaces of a case in 3D: an interactive page that needs no network, and a turning animation.
//!
//! The page draws with WebGL through our own script, because it needs little of what a plotting library or a 3D engine brings, and each of
//! these would add 0.6 to 4 MB to every page.

mod build;
mod distance;
mod pack;
mod page;
mod shells;
mod turn;

use crate::dataset::Target;
use crate::volume::surface::{Surface, SurfaceError};

pub use build::build;
pub use page::render;
pub use turn::turn;

/// Triangles of all surfaces of a page, if nothing else is asked for.
pub const TRIANGLES: usize = 100_000;

/// How detailed the surfaces are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Detail {
    /// Triangles of all surfaces together, about; each keeps at least 48.
    pub triangles: usize,
    /// Along voxel faces, without smoothing.
    pub blocky: bool,
}

impl Default for Detail {
    fn default() -> Self {
        Self { triangles: TRIANGLES, blocky: false }
    }
}

/// A structure, and where its voxels are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Structure {
    /// Name.
    pub name: String,
    /// Display colour, sRGB.
    pub color: [u8; 3],
    /// In the reference; `None` if that does not know the structure.
    pub reference: Option<Voxels>,
    /// In the prediction.
    pub prediction: Option<Voxels>,
}

/// The voxels of a structure in a segmentation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Voxels {
    /// Those with one of these values of a label map.
    Values(Vec<u16>),
    /// Those of a mask.
    Mask(usize),
}

/// The surfaces of a case.
#[derive(Clone, Debug)]
pub struct Scene {
    /// Structures with a surface.
    pub bodies: Vec<Body>,
    /// Whether there are both a reference and a prediction.
    pub compared: bool,
    /// Each so many voxels along an axis were sampled for the largest structures; 1: all.
    pub stride: usize,
}

/// The surfaces of one structure.
#[derive(Clone, Debug)]
pub struct Body {
    /// Name.
    pub name: String,
    /// Display colour.
    pub color: [u8; 3],
    /// In the reference, if it has voxels there.
    pub reference: Option<Shell>,
    /// In the prediction.
    pub prediction: Option<Shell>,
}

/// A surface with the distance of its points to the surface that it is compared with.
#[derive(Clone, Debug)]
pub struct Shell {
    /// The surface in RAS+ millimetres.
    pub surface: Surface,
    /// Per point, in mm: positive where the prediction is larger than the reference, negative where it is smaller. `None` without the
    /// other surface.
    pub distances: Option<Vec<f64>>,
}

/// Why a case cannot be shown in 3D.
#[derive(Debug, thiserror::Error)]
pub enum SceneError {
    /// The grid has no millimetres, or a surface is too large.
    #[error(transparent)]
    Surface(#[from] SurfaceError),
    /// An image of one slice has no surfaces.
    #[error("the labels have one slice: surfaces need a 3D image")]
    Flat,
    /// No structure has a voxel.
    #[error("no structure has a voxel, so there is nothing to show")]
    Empty,
    /// The animation cannot be encoded.
    #[error("the animation cannot be encoded: {0}")]
    Animation(String),
}

impl Scene {
    /// Triangles of all surfaces.
    pub fn triangles(&self) -> usize {
        self.shells().map(|shell| shell.surface.triangles().len()).sum()
    }

    /// All surfaces, in the order of the structures, references first.
    fn shells(&self) -> impl Iterator<Item = &Shell> {
        self.bodies.iter().flat_map(|body| body.reference.iter().chain(&body.prediction))
    }

    /// Smallest and largest coordinates.
    fn bounds(&self) -> [[f64; 3]; 2] {
        let start = [[f64::INFINITY; 3], [f64::NEG_INFINITY; 3]];
        self.shells().filter_map(|shell| shell.surface.bounds_mm()).fold(start, |[low, high], [from, to]| {
            [[0, 1, 2].map(|axis| low[axis].min(from[axis])), [0, 1, 2].map(|axis| high[axis].max(to[axis]))]
        })
    }
}

/// The structures of a target, in a reference label map and in a prediction of a run.
pub fn of_target(target: &Target, overlapping: bool) -> Vec<Structure> {
    let structure = |(index, it): (usize, &crate::dataset::TargetStructure)| {
        let values: Vec<u16> = it.values.iter().copied().chain([it.value]).filter(|value| *value != 0).collect();
        let predicted = if overlapping { Voxels::Mask(index) } else { Voxels::Values(values.clone()) };
        Structure {
            name: it.name.clone(),
            color: it.color,
            reference: Some(Voxels::Values(values)),
            prediction: Some(predicted),
        }
    };
    target.structures.iter().enumerate().map(structure).collect()
}

#[cfg(test)]
mod tests;
