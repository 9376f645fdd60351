//! Orders and directions of axes. The canonical one: axes are permuted and flipped, without interpolation, so that x, y, z increase
//! towards right, anterior and superior (RAS) as closely as the grid allows.

use ndarray::{Array, Array3, Array4, Axis, Dimension};

use super::{Geometry, LabelMap, Segmentation, Volume};

/// Which world axis each voxel axis follows. Index 0, 1, 2 is the voxel axis x, y, z.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Axes {
    /// World axis (0 right, 1 anterior, 2 superior) nearest to the voxel axis: a permutation.
    pub world: [usize; 3],
    /// Whether the voxel axis runs against its world axis.
    pub flipped: [bool; 3],
}

/// The six ways to give each voxel axis its own world axis.
const PERMUTATIONS: [[usize; 3]; 6] = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];

/// Grids that differ by less than this fraction of a voxel are the same: their affines went through floating-point arithmetic.
const ROUNDING: f64 = 1e-6;

impl Axes {
    /// The assignment with the largest sum of cosines.
    pub fn of(geometry: &Geometry) -> Self {
        let directions = geometry.directions();
        let score = |world: &[usize; 3]| (0..3).map(|axis| directions[axis][world[axis]].abs()).sum::<f64>();
        let mut world = PERMUTATIONS[0];
        for candidate in &PERMUTATIONS[1..] {
            // Rounding errors must not decide between equally good assignments.
            if score(candidate) > score(&world) + 1e-9 {
                world = *candidate;
            }
        }
        let flipped = [0, 1, 2].map(|axis| directions[axis][world[axis]] < 0.0);
        Self { world, flipped }
    }
}

/// A rearrangement of an array's axes: for each new array axis, the axis that it comes from, and whether that axis is reversed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrangement([(usize, bool); 3]);

impl Arrangement {
    /// From a grid to its canonical order and directions.
    pub fn canonical(geometry: &Geometry) -> Self {
        let axes = Axes::of(geometry);
        Self([2, 1, 0].map(|world| {
            let voxel = axes.world.iter().position(|&candidate| candidate == world).unwrap_or(world);
            (2 - voxel, axes.flipped[voxel])
        }))
    }

    /// Array axes in another order, which must be a permutation of 0, 1, 2.
    pub fn permuted(order: [usize; 3]) -> Self {
        Self(order.map(|axis| (axis, false)))
    }

    /// The same with the new axes in another order, which must be a permutation of 0, 1, 2.
    #[must_use]
    pub fn then(self, order: [usize; 3]) -> Self {
        Self(order.map(|axis| self.0[axis]))
    }

    /// The way back.
    #[must_use]
    pub fn inverse(self) -> Self {
        let mut back = self;
        for (target, (source, reversed)) in self.0.into_iter().enumerate() {
            back.0[source] = (target, reversed);
        }
        back
    }
}

impl Geometry {
    /// The same voxels with axes in canonical order and direction.
    pub fn to_canonical(&self) -> Self {
        self.arranged(Arrangement::canonical(self))
    }

    /// The same voxels with rearranged axes.
    #[must_use]
    pub fn arranged(&self, Arrangement(sources): Arrangement) -> Self {
        let mut moved = self.clone();
        let mut first = [0.0; 3];
        for (target, (source, reversed)) in sources.into_iter().enumerate() {
            moved.shape[target] = self.shape[source];
            if reversed {
                first[source] = self.shape[source].saturating_sub(1) as f64;
            }
            for row in 0..3 {
                let step = self.affine[row][2 - source];
                moved.affine[row][2 - target] = if reversed { -step } else { step };
            }
        }
        for (row, origin) in self.to_world(first).into_iter().enumerate() {
            moved.affine[row][3] = origin;
        }
        moved
    }

    /// The geometry of voxels turned back to the axes of `original`; `original` itself where it is the same grid.
    fn restored(&self, back: Arrangement, original: &Self) -> Self {
        let restored = self.arranged(back);
        if restored.same_grid(original, ROUNDING).is_ok() { original.clone() } else { restored }
    }
}

/// Permutes and flips the last three axes; axes before them (channels) stay.
fn rearrange<T: Clone, D: Dimension>(voxels: &Array<T, D>, Arrangement(sources): Arrangement) -> Array<T, D> {
    let leading = voxels.ndim() - 3;
    let mut view = voxels.view();
    let mut order = D::zeros(voxels.ndim());
    for axis in 0..leading {
        order[axis] = axis;
    }
    for (target, (source, reversed)) in sources.into_iter().enumerate() {
        order[leading + target] = leading + source;
        if reversed {
            view.invert_axis(Axis(leading + source));
        }
    }
    view.permuted_axes(order).as_standard_layout().into_owned()
}

impl Volume {
    /// The same image in canonical orientation; nothing is interpolated.
    pub fn to_canonical(&self) -> Self {
        self.arranged(Arrangement::canonical(&self.geometry))
    }

    /// The same image with rearranged axes.
    #[must_use]
    pub fn arranged(&self, way: Arrangement) -> Self {
        Self { voxels: rearrange(&self.voxels, way), geometry: self.geometry.arranged(way) }
    }

    /// A canonical image turned back to the axes of `original`: the inverse of [`Volume::to_canonical`].
    pub fn from_canonical(canonical: &Self, original: &Geometry) -> Self {
        let back = Arrangement::canonical(original).inverse();
        let voxels: Array4<f32> = rearrange(&canonical.voxels, back);
        Self { voxels, geometry: canonical.geometry.restored(back, original) }
    }
}

impl LabelMap {
    /// The same labels in canonical orientation; nothing is interpolated.
    pub fn to_canonical(&self) -> Self {
        self.arranged(Arrangement::canonical(&self.geometry))
    }

    /// The same labels with rearranged axes.
    #[must_use]
    pub fn arranged(&self, way: Arrangement) -> Self {
        Self { voxels: rearrange(&self.voxels, way), geometry: self.geometry.arranged(way) }
    }

    /// Canonical labels turned back to the axes of `original`: the inverse of [`LabelMap::to_canonical`].
    pub fn from_canonical(canonical: &Self, original: &Geometry) -> Self {
        let back = Arrangement::canonical(original).inverse();
        let voxels: Array3<u16> = rearrange(&canonical.voxels, back);
        Self { voxels, geometry: canonical.geometry.restored(back, original) }
    }
}

impl Segmentation {
    /// The grid.
    pub fn geometry(&self) -> &Geometry {
        match self {
            Self::Labels(labels) => &labels.geometry,
            Self::Masks { geometry, .. } => geometry,
        }
    }

    /// The same segmentation in canonical orientation; nothing is interpolated.
    pub fn to_canonical(&self) -> Self {
        match self {
            Self::Labels(labels) => Self::Labels(labels.to_canonical()),
            Self::Masks { masks, geometry } => {
                let way = Arrangement::canonical(geometry);
                Self::Masks { masks: rearrange(masks, way), geometry: geometry.arranged(way) }
            }
        }
    }

    /// A canonical segmentation turned back to the axes of `original`.
    pub fn from_canonical(canonical: &Self, original: &Geometry) -> Self {
        canonical.restored(Arrangement::canonical(original), original)
    }

    /// A segmentation on the rearranged grid of `original`, turned back to its axes.
    #[must_use]
    pub fn restored(&self, way: Arrangement, original: &Geometry) -> Self {
        let back = way.inverse();
        match self {
            Self::Labels(LabelMap { voxels, geometry }) => {
                Self::Labels(LabelMap { voxels: rearrange(voxels, back), geometry: geometry.restored(back, original) })
            }
            Self::Masks { masks, geometry } => {
                Self::Masks { masks: rearrange(masks, back), geometry: geometry.restored(back, original) }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Any axis order and direction, turned by up to 40° about the world z axis.
    fn grids() -> impl Strategy<Value = Geometry> {
        let parts =
            (0..6_usize, any::<[bool; 3]>(), [1..5_usize, 1..5, 1..5], [0.5..4.0, 0.5..4.0, 0.5..4.0], 0.0..40.0);
        parts.prop_map(|(order, flips, shape, spacing, degrees): (_, _, _, [f64; 3], f64)| {
            let (sin, cos) = degrees.to_radians().sin_cos();
            let turn = [[cos, -sin, 0.0], [sin, cos, 0.0], [0.0, 0.0, 1.0]];
            let mut affine = [[0.0, 0.0, 0.0, 7.0], [0.0, 0.0, 0.0, -3.0], [0.0, 0.0, 0.0, 11.0]];
            for axis in 0..3 {
                let step = if flips[axis] { -spacing[axis] } else { spacing[axis] };
                for row in 0..3 {
                    affine[row][axis] = turn[row][PERMUTATIONS[order][axis]] * step;
                }
            }
            Geometry { shape, affine, has_spacing: true }
        })
    }

    fn numbered(geometry: Geometry) -> LabelMap {
        let count = geometry.voxels() as u16;
        let voxels = Array3::from_shape_vec(geometry.shape, (0..count).collect()).unwrap();
        LabelMap { voxels, geometry }
    }

    proptest! {
        #[test]
        fn there_and_back_is_the_identity(geometry in grids()) {
            let labels = numbered(geometry);
            let canonical = labels.to_canonical();
            prop_assert_eq!(canonical.geometry.orientation(), "RAS");
            prop_assert_eq!(LabelMap::from_canonical(&canonical, &labels.geometry), labels.clone());
            let image = Volume { voxels: labels.voxels.mapv(f32::from).insert_axis(Axis(0)), geometry: labels.geometry };
            prop_assert_eq!(Volume::from_canonical(&image.to_canonical(), &image.geometry), image);
        }

        #[test]
        fn every_voxel_keeps_its_place_in_the_world(geometry in grids()) {
            let labels = numbered(geometry);
            let canonical = labels.to_canonical();
            for ((z, y, x), value) in labels.voxels.indexed_iter() {
                let world = labels.geometry.to_world([z as f64, y as f64, x as f64]);
                let place = canonical.geometry.to_voxel(world).unwrap().map(|index| index.round() as usize);
                prop_assert_eq!(canonical.voxels[place], *value);
            }
        }
    }
}
