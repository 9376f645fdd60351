//! Cutting random patches out of prepared cases.

use std::collections::BTreeMap;

use ndarray::{Array3, Array4, ArrayView3, ArrayView4, Axis, s};
use rand::Rng;
use rand_chacha::ChaCha8Rng;

/// Draws of a patch without any structure before it is taken as it is.
const MAX_REDRAWS: usize = 10;

/// A prepared case as the sampler sees it.
#[derive(Clone, Copy)]
pub struct Source<'a> {
    /// `[channel, z, y, x]`.
    pub image: ArrayView4<'a, f32>,
    /// Label values `[z, y, x]`.
    pub labels: ArrayView3<'a, u16>,
    /// Sampled voxels of each label value (flat indices of the label array), for patches centred on a structure.
    pub locations: &'a BTreeMap<u16, Vec<u32>>,
}

/// How one patch is drawn.
#[derive(Clone, Copy)]
pub struct Draw<'a> {
    /// Size `[z, y, x]`.
    pub size: [usize; 3],
    /// Label values of each structure to find.
    pub structures: &'a [Vec<u16>],
    /// Centre the patch on a structure, if the case has one.
    pub foreground: bool,
    /// Probability with which a patch without any structure is dropped.
    pub drop_background: f64,
    /// Axes that are flipped with probability one half.
    pub mirror_axes: &'a [usize],
}

/// A training patch.
#[derive(Clone, Debug, PartialEq)]
pub struct Patch {
    /// `[channel, z, y, x]`; voxels outside the case are 0.
    pub image: Array4<f32>,
    /// Label values `[z, y, x]`; voxels outside the case are background.
    pub labels: Array3<u16>,
}

/// Draws a patch. All randomness comes from `rng`, so that a patch depends only on the stream's key.
pub fn draw(source: Source, how: Draw, rng: &mut ChaCha8Rng) -> Patch {
    let mut patch = cut(source, origin(source, how, rng), how.size);
    for _ in 0..MAX_REDRAWS {
        if has_structure(&patch.labels, how.structures) || !rng.random_bool(how.drop_background) {
            break;
        }
        patch = cut(source, origin(source, how, rng), how.size);
    }
    for &axis in how.mirror_axes {
        if rng.random_bool(0.5) {
            patch.image.invert_axis(Axis(axis + 1));
            patch.labels.invert_axis(Axis(axis));
        }
    }
    patch
}

fn has_structure(labels: &Array3<u16>, structures: &[Vec<u16>]) -> bool {
    labels.iter().any(|label| *label != 0 && structures.iter().any(|values| values.contains(label)))
}

/// First voxel of the patch; negative where the case is smaller than the patch, which then lies in its middle.
fn origin(source: Source, how: Draw, rng: &mut ChaCha8Rng) -> [isize; 3] {
    let centre = if how.foreground { foreground_voxel(source, how.structures, rng) } else { None };
    let shape = source.labels.dim();
    let shape = [shape.0, shape.1, shape.2];
    std::array::from_fn(|axis| {
        let room = shape[axis] as isize - how.size[axis] as isize;
        match (room, centre) {
            (room, _) if room < 0 => room / 2,
            (room, Some(centre)) => (centre[axis] as isize - how.size[axis] as isize / 2).clamp(0, room),
            (room, None) => rng.random_range(0..=room as i64) as isize,
        }
    })
}

/// A random voxel of a random structure that the case has.
fn foreground_voxel(source: Source, structures: &[Vec<u16>], rng: &mut ChaCha8Rng) -> Option<[usize; 3]> {
    let voxels_of = |value: &u16| source.locations.get(value).filter(|voxels| !voxels.is_empty());
    let present: Vec<Vec<&Vec<u32>>> = structures
        .iter()
        .map(|values| values.iter().filter_map(voxels_of).collect::<Vec<_>>())
        .filter(|lists| !lists.is_empty())
        .collect();
    if present.is_empty() {
        return None;
    }
    let lists = &present[rng.random_range(0..present.len())];
    let voxels = lists[rng.random_range(0..lists.len())];
    let voxel = voxels[rng.random_range(0..voxels.len())] as usize;
    let (_, height, width) = source.labels.dim();
    Some([voxel / (height * width), voxel / width % height, voxel % width])
}

/// The box of a size at an origin; outside the case it is 0.
fn cut(source: Source, origin: [isize; 3], size: [usize; 3]) -> Patch {
    let channels = source.image.dim().0;
    let shape = source.labels.dim();
    let shape = [shape.0, shape.1, shape.2];
    // Along each axis: where the overlap begins in the case and in the patch, and how long it is.
    let overlap: [(usize, usize, usize); 3] = std::array::from_fn(|axis| {
        let from = origin[axis].max(0);
        let to = (origin[axis] + size[axis] as isize).min(shape[axis] as isize);
        (from as usize, (from - origin[axis]) as usize, (to - from).max(0) as usize)
    });
    let [z, y, x] = overlap;
    let mut patch = Patch {
        image: Array4::zeros((channels, size[0], size[1], size[2])),
        labels: Array3::zeros((size[0], size[1], size[2])),
    };
    let inside = s![z.0..z.0 + z.2, y.0..y.0 + y.2, x.0..x.0 + x.2];
    let placed = s![z.1..z.1 + z.2, y.1..y.1 + y.2, x.1..x.1 + x.2];
    patch.labels.slice_mut(placed).assign(&source.labels.slice(inside));
    for channel in 0..channels {
        let from = source.image.index_axis(Axis(0), channel);
        patch.image.index_axis_mut(Axis(0), channel).slice_mut(placed).assign(&from.slice(inside));
    }
    patch
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random;
    use proptest::prelude::*;

    fn case(shape: [usize; 3]) -> (Array4<f32>, Array3<u16>) {
        let [d, h, w] = shape;
        let labels = Array3::from_shape_fn((d, h, w), |(z, y, x)| u16::from(z == d - 1 && y == 0 && x == w / 2) * 7);
        (Array4::from_shape_fn((1, d, h, w), |(_, z, y, x)| (1 + z * 10000 + y * 100 + x) as f32), labels)
    }

    fn locations(labels: &Array3<u16>) -> BTreeMap<u16, Vec<u32>> {
        let voxels = labels.iter().enumerate().filter(|(_, label)| **label == 7);
        BTreeMap::from([(7, voxels.map(|(index, _)| index as u32).collect())])
    }

    proptest! {
        #[test]
        fn a_foreground_patch_holds_the_structure_and_image_and_labels_stay_together(
            shape in prop::array::uniform3(1usize..9), size in prop::array::uniform3(1usize..9), seed in 0u64..1000
        ) {
            let (image, labels) = case(shape);
            let locations = locations(&labels);
            let source = Source { image: image.view(), labels: labels.view(), locations: &locations };
            let structures = [vec![7u16]];
            let how = Draw { size, structures: &structures, foreground: true, drop_background: 0.0, mirror_axes: &[0, 1, 2] };
            let patch = draw(source, how, &mut random::stream(seed, "patch", 0, 0));
            let marked = image[[0, shape[0] - 1, 0, shape[2] / 2]];
            let found: Vec<f32> = patch.labels.iter().zip(patch.image.iter()).filter(|(l, _)| **l == 7).map(|(_, v)| *v).collect();
            prop_assert_eq!(found, vec![marked]);
            prop_assert_eq!(patch.image.dim(), (1, size[0], size[1], size[2]));
        }
    }

    #[test]
    fn dropping_background_finds_the_structure() {
        let (image, labels) = case([12, 12, 12]);
        let none = BTreeMap::new();
        let source = Source { image: image.view(), labels: labels.view(), locations: &none };
        let structures = [vec![7u16]];
        let count = |drop_background| {
            let how =
                Draw { size: [6, 6, 6], structures: &structures, foreground: false, drop_background, mirror_axes: &[] };
            let hit = |seed: &u64| {
                draw(source, how, &mut random::stream(*seed, "patch", 0, 0)).labels.iter().any(|label| *label == 7)
            };
            (0..200u64).filter(hit).count()
        };
        let (kept, dropped) = (count(0.0), count(1.0));
        assert!(dropped > 2 * kept, "{dropped} of 200 with the filter, {kept} without");
    }
}
