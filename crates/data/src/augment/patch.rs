//! Draws random patches from prepared cases and augments them.

use std::collections::BTreeMap;

use ndarray::{Array3, Array4, ArrayView3, ArrayView4, Axis, Slice, s};
use rand::Rng;
use rand_chacha::ChaCha8Rng;

use super::AugmentPlan;
use super::dice::{Dice, End};
use super::intensity::Grid;
use super::spatial;
use super::spec::Axis as Along;

/// Most redraws of a patch without any structure.
const MAX_REDRAWS: usize = 10;

/// The part of a prepared case that the sampler needs.
#[derive(Clone, Copy)]
pub struct Source<'a> {
    /// `[channel, z, y, x]`.
    pub image: ArrayView4<'a, f32>,
    /// Label values `[z, y, x]`.
    pub labels: ArrayView3<'a, u16>,
    /// Spacing `[z, y, x]` in mm; 1 where the case has none.
    pub spacing_mm: [f64; 3],
    /// Some voxels of each label value (flat indices of the label array), for patches centred on a structure.
    pub locations: &'a BTreeMap<u16, Vec<u32>>,
    /// Box `[first, end)` along each axis that patches are drawn from; `None` for the whole case.
    pub near: Option<[[usize; 2]; 3]>,
}

/// How one patch is drawn.
#[derive(Clone, Copy)]
pub struct Draw<'a> {
    /// Size `[z, y, x]`.
    pub size: [usize; 3],
    /// Label values of each target structure.
    pub structures: &'a [Vec<u16>],
    /// Position.
    pub place: Place,
    /// Probability with which a patch without any structure is redrawn, unless its position is given.
    pub drop_background: f64,
    /// Augmentation.
    pub augment: &'a AugmentPlan,
    /// For previews: every transform takes place, at this end of its range.
    pub end: Option<End>,
}

/// Position of a patch in its case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Anywhere.
    Anywhere,
    /// Centred on a voxel of a structure, if the case has one.
    OnStructure,
    /// With this first voxel `[z, y, x]`, which may lie outside the case.
    At([isize; 3]),
}

/// A training patch.
#[derive(Clone, Debug, PartialEq)]
pub struct Patch {
    /// `[channel, z, y, x]`; voxels outside the case are 0.
    pub image: Array4<f32>,
    /// Label values `[z, y, x]`; voxels outside the case are background.
    pub labels: Array3<u16>,
}

/// Draws a patch. All randomness comes from `rng`, so that a patch depends on the stream's key alone.
pub fn draw(source: Source, how: Draw, rng: &mut ChaCha8Rng) -> Patch {
    let mut origin = draw_origin(source, how, rng);
    for _ in 0..MAX_REDRAWS {
        let given = matches!(how.place, Place::At(_));
        if given || shows(source, origin, how.size, how.structures) || !rng.random_bool(how.drop_background) {
            break;
        }
        origin = draw_origin(source, how, rng);
    }
    let mut dice = Dice::new(rng, how.end);
    let flips: Vec<usize> = how.augment.mirror_axes.iter().copied().filter(|_| dice.flip()).collect();
    let mut patch = match how.augment.spatial.draw(how.size, source.spacing_mm, &mut dice) {
        None => cut(source, origin, how.size),
        Some(map) => spatial::resample(source, origin, how.size, map),
    };
    let in_plane = how.augment.spatial.in_plane;
    let grid = Grid { size: how.size, spacing_mm: source.spacing_mm, in_plane };
    how.augment.intensity.iter().for_each(|step| step.apply(&mut patch.image, grid, &mut dice));
    flips.into_iter().for_each(|axis| mirror(&mut patch, axis, &how.augment.mirrored_values));
    patch
}

/// Flips an axis; where that is the width, left and right structures swap their labels.
fn mirror(patch: &mut Patch, axis: usize, mirrored_values: &[[u16; 2]]) {
    patch.image.invert_axis(Axis(axis + 1));
    patch.labels.invert_axis(Axis(axis));
    let largest = mirrored_values.iter().flatten().copied().max();
    let Some(largest) = largest.filter(|_| axis == Along::Width.index()) else { return };
    let mut partner: Vec<u16> = (0..=largest).collect();
    for &[one, other] in mirrored_values {
        partner.swap(one.into(), other.into());
    }
    patch.labels.mapv_inplace(|value| partner.get(usize::from(value)).copied().unwrap_or(value));
}

/// Whether a patch, before augmentation, contains a structure.
pub fn shows(source: Source, origin: [isize; 3], size: [usize; 3], structures: &[Vec<u16>]) -> bool {
    let [z, y, x] = overlap(source, origin, size).map(|(start, _, length)| Slice::from(start..start + length));
    let inside = source.labels.slice(s![z, y, x]);
    inside.iter().any(|label| *label != 0 && structures.iter().any(|values| values.contains(label)))
}

/// First voxel of the patch; negative where the case is smaller than the patch, in whose middle it then lies.
fn draw_origin(source: Source, how: Draw, rng: &mut ChaCha8Rng) -> [isize; 3] {
    let centre = match how.place {
        Place::At(origin) => return origin,
        Place::OnStructure => foreground_voxel(source, how.structures, rng),
        Place::Anywhere => None,
    };
    let shape = source.labels.dim();
    let shape = [shape.0, shape.1, shape.2];
    std::array::from_fn(|axis| {
        let room = shape[axis] as isize - how.size[axis] as isize;
        match (room, centre) {
            (room, _) if room < 0 => room / 2,
            (room, Some(centre)) => (centre[axis] as isize - how.size[axis] as isize / 2).clamp(0, room),
            (room, None) => {
                let [first, last] = firsts(source.near.map(|near| near[axis]), how.size[axis], room as i64);
                rng.random_range(first..=last) as isize
            }
        }
    })
}

/// Smallest and largest first voxel of a patch along an axis: anywhere, or inside a box, or around it if the box is shorter.
fn firsts(near: Option<[usize; 2]>, size: usize, room: i64) -> [i64; 2] {
    let Some([first, end]) = near else { return [0, room] };
    let (first, last) = (first as i64, end as i64 - size as i64);
    [first.min(last), first.max(last)].map(|place| place.clamp(0, room))
}

/// A random voxel of a random structure of the case.
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

/// Along each axis: start of the overlap of patch and case in the case and in the patch, and its length.
fn overlap(source: Source, origin: [isize; 3], size: [usize; 3]) -> [(usize, usize, usize); 3] {
    let shape = source.labels.dim();
    let shape = [shape.0, shape.1, shape.2];
    std::array::from_fn(|axis| {
        let from = origin[axis].max(0);
        let to = (origin[axis] + size[axis] as isize).min(shape[axis] as isize);
        (from as usize, (from - origin[axis]) as usize, (to - from).max(0) as usize)
    })
}

/// The patch of a size at an origin; 0 outside the case.
fn cut(source: Source, origin: [isize; 3], size: [usize; 3]) -> Patch {
    let channels = source.image.dim().0;
    let [z, y, x] = overlap(source, origin, size);
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
mod tests;
