//! Clicks that a person would make: into the errors of a segmentation, deep inside them.
//!
//! Training draws them at random: an error in proportion to its size, a place among its deeper half (Sofiiuk et al. 2021, "RITM"). Scores
//! are measured with the worst one: the deepest place of the largest error (the protocol of interactive segmentation, Sofiiuk et al. 2021).

use std::collections::VecDeque;

use ndarray::{Array3, ArrayView3, Zip};
use rand::Rng;
use rand_chacha::ChaCha8Rng;

use super::Click;
use crate::volume::components::{Neighbours, components};
use crate::volume::depth::depth_mm;

/// Places at least this part of the greatest depth are deep.
const DEEP: f64 = 0.5;

/// Up to `count` clicks into different errors of a segmentation: fewer where it has fewer errors.
///
/// `truth` and `found` are classes `[z, y, x]`, −1 where the truth is unknown. An error is a connected part of a class that was taken for
/// others.
pub fn random(
    truth: ArrayView3<'_, i32>,
    found: ArrayView3<'_, u16>,
    spacing_mm: [f64; 3],
    count: usize,
    rng: &mut ChaCha8Rng,
) -> Vec<Click> {
    let mut wrong = Zip::from(truth).and(found).map_collect(|truth, found| *truth >= 0 && *truth != i32::from(*found));
    let mut places: Vec<[usize; 3]> =
        wrong.indexed_iter().filter(|(_, wrong)| **wrong).map(|((z, y, x), _)| [z, y, x]).collect();
    let mut clicks = Vec::new();
    while clicks.len() < count && !places.is_empty() {
        let start = places[rng.random_range(0..places.len())];
        let error = take(&mut wrong, truth, start);
        let depths = error.depths(spacing_mm);
        let deepest = depths.iter().map(|(_, depth)| *depth).fold(0.0, f64::max);
        let deep: Vec<[usize; 3]> =
            depths.into_iter().filter(|(_, depth)| *depth >= DEEP * deepest).map(|(at, _)| at).collect();
        let at = deep.get(rng.random_range(0..deep.len().max(1))).copied().unwrap_or(start);
        clicks.push(Click { at: at.map(|index| index as f64), class: truth[start].max(0) as usize });
        places.retain(|at| wrong[*at]);
    }
    clicks
}

/// The deepest place of the largest error; the first of several. None where there is no error.
pub fn worst(truth: ArrayView3<'_, i32>, found: ArrayView3<'_, u16>, spacing_mm: [f64; 3]) -> Option<Click> {
    let mut counts: Vec<usize> = Vec::new();
    Zip::from(truth).and(found).for_each(|truth, found| {
        if *truth >= 0 && *truth != i32::from(*found) {
            let class = *truth as usize;
            counts.resize(counts.len().max(class + 1), 0);
            counts[class] += 1;
        }
    });
    let mut order: Vec<usize> = (0..counts.len()).collect();
    order.sort_by_key(|class| std::cmp::Reverse(counts[*class]));
    let mut largest: Option<(usize, usize, Error)> = None;
    for class in order {
        // No part is larger than the whole.
        if counts[class] <= largest.as_ref().map_or(0, |(size, ..)| *size) {
            break;
        }
        let missed = |truth: &i32, found: &u16| u8::from(*truth == class as i32 && *truth != i32::from(*found));
        let parts = components(Zip::from(truth).and(found).map_collect(missed).view(), Neighbours::Six);
        let Some(number) = parts.largest() else { continue };
        let size = parts.sizes[number as usize - 1];
        if largest.as_ref().is_none_or(|(known, ..)| size > *known) {
            let voxels = parts.labels.indexed_iter().filter(|(_, label)| **label == number);
            largest = Some((size, class, Error { voxels: voxels.map(|((z, y, x), _)| [z, y, x]).collect() }));
        }
    }
    let (_, class, error) = largest?;
    let deepest =
        error.depths(spacing_mm).into_iter().reduce(|one, other| if other.1 > one.1 { other } else { one })?;
    Some(Click { at: deepest.0.map(|index| index as f64), class })
}

/// A connected part of the voxels that one class lost to others.
struct Error {
    voxels: Vec<[usize; 3]>,
}

impl Error {
    /// The voxels with their depths in mm.
    fn depths(self, spacing_mm: [f64; 3]) -> Vec<([usize; 3], f64)> {
        let bound = |axis: usize, of: fn(usize, usize) -> usize| {
            self.voxels.iter().map(|at| at[axis]).reduce(of).unwrap_or_default()
        };
        let first = [0, 1, 2].map(|axis| bound(axis, usize::min));
        let size = [0, 1, 2].map(|axis| bound(axis, usize::max) + 1 - first[axis]);
        let inside = |at: &[usize; 3]| [0, 1, 2].map(|axis| at[axis] - first[axis]);
        let mut mask = Array3::<u8>::zeros(size);
        self.voxels.iter().for_each(|at| mask[inside(at)] = 1);
        let depths = depth_mm(mask.view(), spacing_mm);
        self.voxels.iter().map(|at| (*at, depths[inside(at)])).collect()
    }
}

/// Takes the error around a voxel out of the wrong ones: what hangs together with it by faces and has its class.
fn take(wrong: &mut Array3<bool>, truth: ArrayView3<'_, i32>, start: [usize; 3]) -> Error {
    let class = truth[start];
    let mut voxels = Vec::new();
    let mut open = VecDeque::from([start]);
    wrong[start] = false;
    while let Some(at) = open.pop_front() {
        voxels.push(at);
        for axis in 0..3 {
            for step in [-1isize, 1] {
                let Some(index) = at[axis].checked_add_signed(step) else { continue };
                let mut next = at;
                next[axis] = index;
                if wrong.get(next) == Some(&true) && truth[next] == class {
                    wrong[next] = false;
                    open.push_back(next);
                }
            }
        }
    }
    Error { voxels }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::stream;
    use ndarray::s;

    /// Two structures; the first is found half, the second not, background is taken for it at one voxel.
    fn example() -> (Array3<i32>, Array3<u16>) {
        let (mut truth, mut found) = (Array3::zeros([9, 20, 20]), Array3::zeros([9, 20, 20]));
        truth.slice_mut(s![2..7, 2..9, 2..16]).fill(1);
        found.slice_mut(s![2..7, 2..9, 2..9]).fill(1);
        truth.slice_mut(s![3..6, 12..16, 3..7]).fill(2);
        found[[0, 0, 0]] = 2;
        truth.slice_mut(s![.., 18.., ..]).fill(-1);
        found.slice_mut(s![.., 18.., ..]).fill(1);
        (truth, found)
    }

    #[test]
    fn the_worst_click_is_deep_in_the_largest_error() {
        let (truth, found) = example();
        let click = worst(truth.view(), found.view(), [1.0; 3]).unwrap();
        // The error of the first structure is 5 × 7 × 7 voxels from [2, 2, 9]; the depth is the same along its middle.
        assert_eq!((click.class, click.at), (1, [4.0, 4.0, 11.0]));
        // With thick slices the rows decide.
        assert_eq!(worst(truth.view(), found.view(), [9.0, 1.0, 1.0]).unwrap().at, [2.0, 5.0, 12.0]);
        assert_eq!(worst(truth.view(), truth.mapv(|class| class.max(0) as u16).view(), [1.0; 3]), None);
    }

    #[test]
    fn random_clicks_lie_in_different_errors_and_repeat_with_their_stream() {
        let (truth, found) = example();
        let draw =
            |sample, count| random(truth.view(), found.view(), [1.0; 3], count, &mut stream(3, "clicks", 0, sample));
        for sample in 0..20 {
            let clicks = draw(sample, 5);
            let mut classes: Vec<usize> = clicks.iter().map(|click| click.class).collect();
            classes.sort_unstable();
            assert_eq!(classes, [0, 1, 2], "one in each error, and none where the truth is unknown");
            for click in &clicks {
                let at = click.at.map(|index| index as usize);
                assert!(truth[at] == click.class as i32 && found[at] != click.class as u16, "{click:?}");
            }
            assert_eq!(clicks, draw(sample, 5));
        }
        let firsts: Vec<usize> = (0..40).map(|sample| draw(sample, 1)[0].class).collect();
        let of = |class| firsts.iter().filter(|first| **first == class).count();
        assert!(of(1) > of(2) && of(2) > of(0), "larger errors are clicked at more often: {firsts:?}");
        assert!(draw(0, 1) != draw(1, 1) || draw(1, 1) != draw(2, 1));
    }
}
