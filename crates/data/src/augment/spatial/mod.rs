//! Spatial transforms of a patch, in millimetres, composed into one map from the patch to its case.

mod affine;
mod elastic;
mod resample;

pub use super::spec::Spatial;
pub use affine::{Matrix, Rotation, Shear, Translation, Zoom};
pub use elastic::{Elastic, Field};
pub use resample::resample;

use super::dice::Dice;
use super::spec::Augment;
use super::transform::Grid;
use affine::{IDENTITY, product};

/// Map from a patch to its case: patch voxel `o` shows the case at `origin + c + linear·(o − c) + to_voxels·d(o) − shift`, with the
/// patch's centre `c` and the displacement `d` in mm.
pub struct Map {
    linear: Matrix,
    to_voxels: Matrix,
    shift: [f64; 3],
    field: Option<Field>,
}

/// What the transforms of one patch have drawn so far.
pub struct Draft {
    /// Linear map of millimetres, from the patch towards the case: applied after `inner`.
    pub outer: Matrix,
    /// Linear map of millimetres that is applied to the patch first.
    pub inner: Matrix,
    /// Movement of the content in mm.
    pub moved_mm: [f64; 3],
    /// Displacements.
    pub field: Option<Field>,
}

impl Spatial {
    /// The spatial tables of a spec with its preset filled in; transforms of probability 0 are left out.
    pub fn of(spec: &Augment, in_plane: bool) -> Self {
        // Without a transform that heeds it, the plan stays what it is without augmentation.
        let heeded = spec.tables().iter().any(|(_, table)| table.is_planar() && table.probability() > 0.0);
        Self { in_plane: in_plane && heeded, ..Self::tables_of(spec) }
    }

    /// Whether there is no transform.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Key and probability per patch of every transform.
    pub fn probabilities(&self) -> Vec<(&'static str, f64)> {
        self.drawn().map(|(key, table)| (key, table.probability())).collect()
    }

    /// Draws the map of a patch of `size` voxels `[z, y, x]` of `spacing_mm`; `None` where no transform takes place.
    pub fn draw(&self, size: [usize; 3], spacing_mm: [f64; 3], dice: &mut Dice) -> Option<Map> {
        let grid = Grid { size, spacing_mm, in_plane: self.in_plane };
        let mut draft = Draft { outer: IDENTITY, inner: IDENTITY, moved_mm: [0.0; 3], field: None };
        let mut any = false;
        for (_, table) in self.drawn() {
            if dice.chance(table.probability()) {
                table.draw(grid, dice, &mut draft);
                any = true;
            }
        }
        any.then(|| Map::new(product(draft.outer, draft.inner), draft.moved_mm, draft.field, spacing_mm))
    }
}

impl Map {
    /// The map of a linear map of millimetres (patch to case), a movement of the content and displacements.
    fn new(millimetres: Matrix, moved_mm: [f64; 3], field: Option<Field>, spacing_mm: [f64; 3]) -> Self {
        let axes = [0, 1, 2];
        let to_voxels = axes.map(|row| axes.map(|column| millimetres[row][column] / spacing_mm[row]));
        let linear = axes.map(|row| axes.map(|column| to_voxels[row][column] * spacing_mm[column]));
        Self { linear, to_voxels, shift: axes.map(|axis| moved_mm[axis] / spacing_mm[axis]), field }
    }
}

#[cfg(test)]
mod tests;
