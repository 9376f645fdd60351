//! Boundary IoU (Cheng et al. 2021): IoU of the bands inside both masks that lie within a distance of the outside.

use super::crop::{Crop, PREDICTION, REFERENCE};

/// Distances up to the width may exceed it by this fraction (see the tolerance of surfaces).
const SLACK: f64 = 1e-6;

/// IoU of the bands: voxels of a mask whose centres are no further than `width` from that of a voxel outside, and always those that share a
/// face with one. Around the image is outside. `None` if both masks are empty.
pub(super) fn boundary_iou(crop: &Crop, width: f64) -> Option<f64> {
    let [reference, prediction] = [REFERENCE, PREDICTION].map(|bit| band(crop, bit, width));
    let (mut both, mut either) = (0_u64, 0_u64);
    for (one, other) in reference.iter().zip(&prediction) {
        both += u64::from(one & other);
        either += u64::from(one | other);
    }
    (either > 0).then(|| both as f64 / either as f64)
}

/// A step within a slice, and how many steps across slices are then still near enough.
struct Reach {
    row: isize,
    column: isize,
    across: u16,
}

fn reaches(crop: &Crop, width: f64) -> Vec<Reach> {
    let [across, vertical, horizontal] = crop.spacing;
    let limit = width * (1.0 + SLACK);
    // Beyond the crop is outside: further steps see nothing new.
    let most = |spacing: f64, voxels: usize| ((limit / spacing) as isize).clamp(1, voxels as isize);
    let (rows, columns) = (most(vertical, crop.size[1]), most(horizontal, crop.size[2]));
    let mut all = Vec::new();
    for row in -rows..=rows {
        for column in -columns..=columns {
            let left = limit.powi(2) - (row as f64 * vertical).powi(2) - (column as f64 * horizontal).powi(2);
            // Neighbours across a face count in any case.
            let steps = match row.abs() + column.abs() {
                0 => (left.max(0.0).sqrt() / across).max(1.0),
                1 if left < 0.0 => 0.0,
                _ if left < 0.0 => continue,
                _ => left.sqrt() / across,
            };
            all.push(Reach { row, column, across: steps.min(f64::from(u16::MAX - 1)) as u16 });
        }
    }
    // A wide band is soon full if the longest steps come first.
    all.sort_by_key(|reach| std::cmp::Reverse(reach.row.pow(2) + reach.column.pow(2)));
    all
}

/// 1 for voxels in the band of a mask.
fn band(crop: &Crop, bit: u8, width: f64) -> Vec<u8> {
    let [depth, height, columns] = crop.size;
    let reaches = reaches(crop, width);
    let steps = steps_across(crop, bit);
    let margin = reaches.iter().map(|it| it.column.unsigned_abs()).max().unwrap_or(0);
    let mut band = vec![0; crop.voxels.len()];
    // Rows of steps with a margin that is outside.
    let padded = columns + 2 * margin;
    let mut rows = vec![0; height * padded];
    for slice in 0..depth {
        for row in 0..height {
            let start = (slice * height + row) * columns;
            rows[row * padded + margin..][..columns].copy_from_slice(&steps[start..start + columns]);
        }
        for row in 0..height {
            let start = (slice * height + row) * columns;
            let Some(first) = steps[start..start + columns].iter().position(|steps| *steps > 0) else { continue };
            let last = columns - steps[start..start + columns].iter().rev().position(|steps| *steps > 0).unwrap_or(0);
            let near = &mut band[start + first..start + last];
            for (count, reach) in reaches.iter().enumerate() {
                if count % 16 == 15 && near.iter().all(|it| *it == 1) {
                    break;
                }
                let Some(other) = row.checked_add_signed(reach.row).filter(|other| *other < height) else {
                    near.fill(1);
                    break;
                };
                let from = other * padded + margin + first;
                let from = &rows[from.saturating_add_signed(reach.column)..][..near.len()];
                near.iter_mut().zip(from).for_each(|(it, steps)| *it |= u8::from(*steps <= reach.across));
            }
            near.iter_mut().zip(&steps[start + first..]).for_each(|(it, steps)| *it &= u8::from(*steps > 0));
        }
    }
    band
}

/// Steps from each voxel across slices to the outside of a mask; 0 outside. In an image of one slice, nothing lies across.
fn steps_across(crop: &Crop, bit: u8) -> Vec<u16> {
    let area = crop.size[1] * crop.size[2];
    let beyond = if crop.flat { u16::MAX } else { 1 };
    let inside = |voxel: &u8| if voxel & bit == 0 { 0 } else { u16::MAX };
    let mut steps: Vec<u16> = crop.voxels.iter().map(inside).collect();
    let last = crop.size[0].saturating_sub(1);
    for end in [0, last] {
        steps[end * area..(end + 1) * area].iter_mut().for_each(|it| *it = (*it).min(beyond));
    }
    let relax = |plane: &mut [u16], neighbour: &[u16]| {
        plane.iter_mut().zip(neighbour).for_each(|(it, neighbour)| *it = (*it).min(neighbour.saturating_add(1)));
    };
    for slice in 1..crop.size[0] {
        let (before, after) = steps.split_at_mut(slice * area);
        relax(&mut after[..area], &before[(slice - 1) * area..]);
    }
    for slice in (1..crop.size[0]).rev() {
        let (before, after) = steps.split_at_mut(slice * area);
        relax(&mut before[(slice - 1) * area..], &after[..area]);
    }
    steps
}
