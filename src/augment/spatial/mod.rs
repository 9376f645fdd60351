//! Spatial changes of a patch, in millimetres, composed into one map from the patch to its case.

mod affine;
mod elastic;
mod resample;

use serde::{Deserialize, Serialize};

pub use affine::{Rotation, Shear, Translation, Zoom};
pub use elastic::{Elastic, MOST_DISPLACEMENT};
pub use resample::resample;

use super::dice::Dice;
use super::spec::Augment;
use affine::{IDENTITY, Matrix, product};
use elastic::Field;

/// Every spatial change that may take place.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Spatial {
    /// Only within slices, the same in each: 2D patches, and flat ones as in nnU-Net.
    pub in_plane: bool,
    /// See [`Augment::rotation`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rotation: Option<Rotation>,
    /// See [`Augment::zoom`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zoom: Option<Zoom>,
    /// See [`Augment::shear`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shear: Option<Shear>,
    /// See [`Augment::translation`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub translation: Option<Translation>,
    /// See [`Augment::elastic`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub elastic: Option<Elastic>,
}

/// Where the voxels of a patch come from: output voxel `o` shows the case at `origin + c + linear·(o − c) +
/// to_voxels·d(o) − shift`, with the patch's middle `c` and the displacement `d` in mm.
pub struct Map {
    linear: Matrix,
    to_voxels: Matrix,
    shift: [f64; 3],
    field: Option<Field>,
}

impl Spatial {
    /// The spatial tables of a spec with its preset filled in; those that never take place are left out.
    pub fn of(spec: &Augment, in_plane: bool) -> Self {
        let tables = Self {
            in_plane: false,
            rotation: spec.rotation.filter(|it| it.probability > 0.0),
            zoom: spec.zoom.filter(|it| it.probability > 0.0),
            shear: spec.shear.filter(|it| it.probability > 0.0),
            translation: spec.translation.filter(|it| it.probability > 0.0),
            elastic: spec.elastic.filter(|it| it.probability > 0.0),
        };
        // Without a table to restrict, the plan stays what it was without augmentation.
        let restricts = !tables.is_empty() || spec.low_resolution.is_some_and(|it| it.probability > 0.0);
        Self { in_plane: in_plane && restricts, ..tables }
    }

    /// Whether there is nothing to say.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Every transform alone, with its name.
    pub fn each(&self) -> Vec<(&'static str, Self)> {
        let none = Self { in_plane: self.in_plane, ..Self::default() };
        let each = [
            ("rotation", Self { rotation: self.rotation, ..none.clone() }),
            ("zoom", Self { zoom: self.zoom, ..none.clone() }),
            ("shear", Self { shear: self.shear, ..none.clone() }),
            ("translation", Self { translation: self.translation, ..none.clone() }),
            ("elastic", Self { elastic: self.elastic, ..none.clone() }),
        ];
        each.into_iter().filter(|(_, alone)| *alone != none).collect()
    }

    /// Every transform with its probability per patch.
    pub fn probabilities(&self) -> Vec<(&'static str, f64)> {
        let each = [
            ("rotation", self.rotation.map(|it| it.probability)),
            ("zoom", self.zoom.map(|it| it.probability)),
            ("shear", self.shear.map(|it| it.probability)),
            ("translation", self.translation.map(|it| it.probability)),
            ("elastic", self.elastic.map(|it| it.probability)),
        ];
        each.into_iter().filter_map(|(name, probability)| Some((name, probability?))).collect()
    }

    /// Draws the map of a patch of `size` voxels of `spacing_mm`; none where nothing takes place.
    pub fn draw(&self, size: [usize; 3], spacing_mm: [f64; 3], dice: &mut Dice) -> Option<Map> {
        let happens = |probability: Option<f64>, dice: &mut Dice| probability.is_some_and(|it| dice.chance(it));
        let rotation = self.rotation.filter(|it| happens(Some(it.probability), dice));
        let turned = rotation.map_or(IDENTITY, |it| it.draw(self.in_plane, dice));
        let zoom = self.zoom.filter(|it| happens(Some(it.probability), dice));
        let zoomed = zoom.map_or(IDENTITY, |it| it.draw(self.in_plane, dice));
        let shear = self.shear.filter(|it| happens(Some(it.probability), dice));
        let sheared = shear.map_or(IDENTITY, |it| it.draw(self.in_plane, dice));
        let translation = self.translation.filter(|it| happens(Some(it.probability), dice));
        let moved_mm = translation.map_or([0.0; 3], |it| it.draw(self.in_plane, dice));
        let elastic = self.elastic.filter(|it| happens(Some(it.probability), dice));
        let field = elastic.map(|it| it.draw(size, spacing_mm, self.in_plane, dice));
        if rotation.is_none() && zoom.is_none() && shear.is_none() && translation.is_none() && field.is_none() {
            return None;
        }
        Some(Map::new(product(product(turned, sheared), zoomed), moved_mm, field, spacing_mm))
    }
}

impl Map {
    /// A map from a linear map of millimetres (patch to case), a movement of the content and a displacement.
    fn new(millimetres: Matrix, moved_mm: [f64; 3], field: Option<Field>, spacing_mm: [f64; 3]) -> Self {
        let axes = [0, 1, 2];
        let to_voxels = axes.map(|row| axes.map(|column| millimetres[row][column] / spacing_mm[row]));
        let linear = axes.map(|row| axes.map(|column| to_voxels[row][column] * spacing_mm[column]));
        Self { linear, to_voxels, shift: axes.map(|axis| moved_mm[axis] / spacing_mm[axis]), field }
    }
}

#[cfg(test)]
mod tests;
