//! Grids whose voxels coincide with voxels of another grid: stored along other axes or in other directions, a part of it, or larger.
//! Labels move between such grids without interpolation.

use ndarray::{Array3, ArrayView3, Axis, Slice};

use super::Geometry;

/// Steps along an axis are the same if their lengths differ by at most this fraction.
const SAME_STEP: f64 = 0.1;

/// A union of two grids may have this many times as many voxels as both.
const LARGEST_UNION: usize = 64;

/// How the voxels of a grid lie among those of another, the whole; all axes are those of the whole, `[z, y, x]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lattice {
    /// The axis of the grid that runs along each axis of the whole.
    sources: [usize; 3],
    /// Whether it runs the other way.
    reversed: [bool; 3],
    /// Index in the whole of the grid's first voxel; negative if the grid begins before the whole.
    first: [i64; 3],
    /// Voxels of the grid.
    count: [i64; 3],
    /// Voxels of the whole.
    whole: [i64; 3],
}

impl Lattice {
    /// How `grid` lies in `whole`; `None` if their voxels do not coincide. `tolerance` is the largest accepted distance between voxel
    /// centres as a fraction of a voxel of the whole, `[z, y, x]`. Without spacing, grids of one shape are the same.
    pub fn of(grid: &Geometry, whole: &Geometry, tolerance: [f64; 3]) -> Option<Self> {
        let counts = |shape: [usize; 3]| shape.map(|count| count.max(1) as i64);
        let mut found = Self {
            sources: [0, 1, 2],
            reversed: [false; 3],
            first: [0; 3],
            count: counts(grid.shape),
            whole: counts(whole.shape),
        };
        if !grid.has_spacing || !whole.has_spacing {
            return (grid.shape == whole.shape).then_some(found);
        }
        let place = |index: [f64; 3]| whole.to_voxel(grid.to_world(index));
        let origin = place([0.0; 3])?;
        let mut taken = [false; 3];
        for source in 0..3 {
            let next = place([0, 1, 2].map(|axis| f64::from(u8::from(axis == source))))?;
            let step = [0, 1, 2].map(|axis| next[axis] - origin[axis]);
            let target = (0..3).max_by(|a, b| step[*a].abs().total_cmp(&step[*b].abs()))?;
            let same = (step[target].abs() - 1.0).abs() <= SAME_STEP;
            if !same || std::mem::replace(&mut taken[target], true) {
                return None;
            }
            found.sources[target] = source;
            found.reversed[target] = step[target] < 0.0;
        }
        found.count = found.sources.map(|source| grid.shape[source].max(1) as i64);
        for (axis, start) in origin.iter().enumerate() {
            let start = start.round() as i64;
            found.first[axis] = if found.reversed[axis] { start - (found.count[axis] - 1) } else { start };
        }
        found.meets(&place, tolerance).then_some(found)
    }

    /// Tolerance by which [`Geometry::same_grid`] compares: a fraction of the smallest spacing, as fractions of a voxel per axis.
    pub fn tolerance(whole: &Geometry, fraction: f64) -> [f64; 3] {
        let spacing = whole.spacing_mm();
        let smallest = spacing.into_iter().fold(f64::INFINITY, f64::min);
        spacing.map(|length| if length > 0.0 { fraction * smallest / length } else { fraction })
    }

    /// Whether all corners of the grid lie at their voxels of the whole.
    fn meets(&self, place: &impl Fn([f64; 3]) -> Option<[f64; 3]>, tolerance: [f64; 3]) -> bool {
        (0..8_usize).all(|corner| {
            let mut index = [0.0; 3];
            let mut expected = [0.0; 3];
            for axis in 0..3 {
                let end = corner >> axis & 1 == 1;
                let last = self.count[axis] - 1;
                index[self.sources[axis]] = if end { last as f64 } else { 0.0 };
                expected[axis] = (self.first[axis] + if end == self.reversed[axis] { 0 } else { last }) as f64;
            }
            place(index).is_some_and(|at| (0..3).all(|axis| (at[axis] - expected[axis]).abs() <= tolerance[axis]))
        })
    }

    fn ends(&self, axis: usize) -> i64 {
        self.first[axis] + self.count[axis]
    }

    /// Whether both grids have the same voxels, in whatever order they are stored.
    pub fn is_same(&self) -> bool {
        self.is_part() && self.contains()
    }

    /// Whether every voxel of the grid is a voxel of the whole.
    pub fn is_part(&self) -> bool {
        (0..3).all(|axis| self.first[axis] >= 0 && self.ends(axis) <= self.whole[axis])
    }

    /// Whether every voxel of the whole is a voxel of the grid.
    pub fn contains(&self) -> bool {
        (0..3).all(|axis| self.first[axis] <= 0 && self.ends(axis) >= self.whole[axis])
    }

    /// The range of voxels that both have along an axis, in the whole.
    fn common(&self, axis: usize) -> (i64, i64) {
        let start = self.first[axis].max(0);
        (start, self.ends(axis).min(self.whole[axis]).max(start))
    }

    /// The grid's voxels that the whole has, along the axes of the whole.
    fn inside<'a, T>(&self, voxels: ArrayView3<'a, T>) -> ArrayView3<'a, T> {
        let mut view = voxels;
        for axis in 0..3 {
            if self.reversed[axis] {
                view.invert_axis(Axis(self.sources[axis]));
            }
        }
        let mut view = view.permuted_axes(self.sources);
        for axis in 0..3 {
            let (start, end) = self.common(axis);
            // Empty where the grids share no voxel.
            let start = (start - self.first[axis]).clamp(0, self.count[axis]);
            let end = (end - self.first[axis]).clamp(start, self.count[axis]);
            view.slice_axis_inplace(Axis(axis), Slice::from(start as isize..end as isize));
        }
        view
    }

    /// The values of the grid at the voxels of the whole; voxels that only the whole has are 0.
    pub fn put<T: Copy + Default>(&self, voxels: ArrayView3<T>) -> Array3<T> {
        let mut result = Array3::from_elem(self.whole.map(|count| count as usize), T::default());
        let inside = self.inside(voxels);
        if inside.is_empty() {
            return result;
        }
        let mut target = result.view_mut();
        for axis in 0..3 {
            let (start, end) = self.common(axis);
            target.slice_axis_inplace(Axis(axis), Slice::from(start as isize..end as isize));
        }
        target.assign(&inside);
        result
    }

    /// Labelled voxels that the whole does not have.
    pub fn outside(&self, labels: ArrayView3<u16>) -> usize {
        let labelled = |view: ArrayView3<u16>| view.iter().filter(|label| **label > 0).count();
        if self.is_part() { 0 } else { labelled(labels) - labelled(self.inside(labels)) }
    }
}

/// The smallest grid along the axes of `one` with all voxels of both; `None` if their voxels do not coincide, or if they lie so far apart
/// that the union would be mostly empty.
pub fn union_grid(one: &Geometry, other: &Geometry, tolerance: [f64; 3]) -> Option<Geometry> {
    let lattice = Lattice::of(other, one, tolerance).filter(|_| one.has_spacing)?;
    let first = lattice.first.map(|first| first.min(0));
    let last = [0, 1, 2].map(|axis| lattice.ends(axis).max(lattice.whole[axis]));
    let shape: [usize; 3] = std::array::from_fn(|axis| (last[axis] - first[axis]) as usize);
    let voxels = shape.iter().try_fold(1_usize, |product, &count| product.checked_mul(count))?;
    if voxels > LARGEST_UNION.checked_mul(one.voxels() + other.voxels())? {
        return None;
    }
    let mut grid = Geometry { shape, ..one.clone() };
    for (row, origin) in one.to_world(first.map(|index| index as f64)).into_iter().enumerate() {
        grid.affine[row][3] = origin;
    }
    Some(grid)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole() -> Geometry {
        let (sin, cos) = 20_f64.to_radians().sin_cos();
        let affine = [[-2.0 * cos, 3.0 * sin, 0.0, 10.0], [-2.0 * sin, -3.0 * cos, 0.0, 20.0], [0.0, 0.0, 5.0, 30.0]];
        Geometry { shape: [4, 6, 8], affine, has_spacing: true }
    }

    /// A grid whose voxel `[z, y, x]` is the voxel `start + …` of the whole, along these axes and directions.
    fn grid(axes: [usize; 3], reversed: [bool; 3], first: [f64; 3], shape: [usize; 3]) -> Geometry {
        let whole = whole();
        let mut affine = [[0.0; 4]; 3];
        let mut origin = first;
        for (own, axis) in axes.into_iter().enumerate() {
            let sign = if reversed[own] { -1.0 } else { 1.0 };
            if reversed[own] {
                origin[axis] += (shape[own] - 1) as f64;
            }
            for (row, cells) in affine.iter_mut().enumerate() {
                cells[2 - own] = sign * whole.affine[row][2 - axis];
            }
        }
        for (row, at) in whole.to_world(origin).into_iter().enumerate() {
            affine[row][3] = at;
        }
        Geometry { shape, affine, has_spacing: true }
    }

    fn lattice(grid: &Geometry) -> Option<Lattice> {
        Lattice::of(grid, &whole(), Lattice::tolerance(&whole(), 0.1))
    }

    /// Every axis order and direction, whole, part and larger: each voxel keeps its place in the world.
    #[test]
    fn voxels_keep_their_place_in_the_world() {
        for axes in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
            for flips in 0..8 {
                let reversed = [0, 1, 2].map(|axis| flips >> axis & 1 == 1);
                for (first, size) in
                    [([0, 0, 0], [4, 6, 8]), ([1, 2, 0], [2, 3, 8]), ([-1, 0, -2], [6, 6, 11]), ([3, 5, 7], [1, 1, 1])]
                {
                    let shape = axes.map(|axis| size[axis]);
                    let grid = grid(axes, reversed, first.map(f64::from), shape);
                    let found = lattice(&grid).unwrap();
                    let count = grid.voxels() as u16;
                    let labels = Array3::from_shape_vec(shape, (1..=count).collect()).unwrap();
                    let put = found.put(labels.view());
                    let mut inside = 0;
                    for ((z, y, x), label) in labels.indexed_iter() {
                        let at = whole().to_voxel(grid.to_world([z, y, x].map(|index| index as f64))).unwrap();
                        let at = at.map(|index| index.round() as i64 as usize);
                        if let Some(value) = put.get(at) {
                            assert_eq!(value, label);
                            inside += 1;
                        }
                    }
                    assert_eq!(inside, put.iter().filter(|value| **value > 0).count());
                    assert_eq!(found.outside(labels.view()), labels.len() - inside);
                    assert_eq!(found.is_same(), size == [4, 6, 8]);
                }
            }
        }
    }

    #[test]
    fn what_lies_between_voxels_or_has_other_steps_is_no_lattice() {
        assert!(lattice(&grid([0, 1, 2], [false; 3], [0.5, 0.0, 0.0], [2, 3, 4])).is_none());
        let mut coarse = whole();
        coarse.affine.iter_mut().for_each(|row| row[0] *= 2.0);
        assert!(lattice(&coarse).is_none());
        let mut apart = grid([0, 1, 2], [false; 3], [100.0, 0.0, 0.0], [2, 3, 4]);
        let found = lattice(&apart).unwrap();
        assert!(!found.is_part() && found.put(Array3::<u16>::ones([2, 3, 4]).view()).iter().all(|value| *value == 0));
        apart.affine[0][3] = f64::NAN;
        assert!(lattice(&apart).is_none());
    }

    #[test]
    fn a_union_holds_both_and_has_limits() {
        let other = grid([2, 0, 1], [true, false, false], [-2.0, 3.0, 6.0], [4, 3, 5]);
        let tolerance = [0.1; 3];
        let union = union_grid(&whole(), &other, tolerance).unwrap();
        assert_eq!(union.shape, [6, 8, 10]);
        for part in [&whole(), &other] {
            assert!(Lattice::of(part, &union, tolerance).unwrap().is_part());
        }
        assert!(union_grid(&whole(), &grid([0, 1, 2], [false; 3], [1e6, 0.0, 0.0], [1, 1, 1]), tolerance).is_none());
    }
}
