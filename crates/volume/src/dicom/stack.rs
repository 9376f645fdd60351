//! Splits the planes of a series into stacks, each of which fills one grid.

use std::collections::HashSet;

use super::plane::{KEYS, Place, Plane};
use crate::geometry::{dot, norm};

/// Directions are the same when their cosine differs from 1 by less: 0.08°.
const SAME_DIRECTION: f64 = 1e-6;
/// Spacings are the same when they differ by less than this fraction.
const SAME_SIZE: f64 = 1e-3;
/// Positions are the same when they are closer than this fraction of the pixel spacing.
const SAME_POSITION: f64 = 0.01;

/// Planes of one orientation and size, and what distinguishes them from others of the series.
#[derive(Clone, Debug)]
pub(super) struct Stack {
    pub planes: Vec<Plane>,
    /// `None` where the series is one stack.
    pub label: Option<String>,
}

/// Splits by size, orientation and spacing, then by what separates planes at one position.
pub(super) fn stacks(planes: Vec<Plane>) -> Vec<Stack> {
    let mut grids: Vec<Vec<Plane>> = Vec::new();
    for plane in planes {
        match grids.iter_mut().find(|grid| grid.first().is_some_and(|first| same_grid(first, &plane))) {
            Some(grid) => grid.push(plane),
            None => grids.push(vec![plane]),
        }
    }
    let labels = labels(&grids);
    let several = grids.len() > 1;
    grids
        .into_iter()
        .zip(labels)
        .flat_map(|(planes, grid)| {
            separated(planes).into_iter().map(move |(planes, key)| {
                let parts = [several.then(|| grid.clone()), key];
                let label = parts.into_iter().flatten().collect::<Vec<_>>().join(", ");
                Stack { planes, label: (!label.is_empty()).then_some(label) }
            })
        })
        .collect()
}

fn same_grid(a: &Plane, b: &Plane) -> bool {
    let close = |a: f64, b: f64| (a - b).abs() <= SAME_SIZE * a.abs();
    let spacing = match (a.spacing, b.spacing) {
        (Some(a), Some(b)) => close(a[0], b[0]) && close(a[1], b[1]),
        (a, b) => a.is_none() && b.is_none(),
    };
    let directions = match (a.place, b.place) {
        (Some(a), Some(b)) => (0..2).all(|axis| 1.0 - dot(a.directions[axis], b.directions[axis]) < SAME_DIRECTION),
        (a, b) => a.is_none() && b.is_none(),
    };
    let frames = a.instance.frame_of_reference == b.instance.frame_of_reference;
    a.size == b.size && spacing && directions && frames
}

/// Names of grids: their plane, with size and number where that is ambiguous.
fn labels(grids: &[Vec<Plane>]) -> Vec<String> {
    let firsts: Vec<&Plane> = grids.iter().filter_map(|planes| planes.first()).collect();
    let plane = |plane: &Plane| plane.place.map_or("no position", |place| orientation(&place)).to_string();
    let sized = |image: &Plane| format!("{} {} × {}", plane(image), image.size[0], image.size[1]);
    let unique = |names: &[String]| (0..names.len()).all(|index| !names[..index].contains(&names[index]));
    let plain: Vec<String> = firsts.iter().map(|first| plane(first)).collect();
    let names = if unique(&plain) { plain } else { firsts.iter().map(|first| sized(first)).collect() };
    if unique(&names) {
        return names;
    }
    names.iter().enumerate().map(|(index, name)| format!("{name} #{}", index + 1)).collect()
}

/// The anatomical plane nearest to an image plane.
pub(super) fn orientation(place: &Place) -> &'static str {
    let [x, y, z] = place.normal().map(f64::abs);
    if z >= x && z >= y {
        "axial"
    } else if y >= x {
        "coronal"
    } else {
        "sagittal"
    }
}

/// Groups of planes that fill each position once, with the value that names them; one group where nothing separates them.
fn separated(planes: Vec<Plane>) -> Vec<(Vec<Plane>, Option<String>)> {
    let positions = distinct_positions(&planes);
    if positions == planes.len() {
        return vec![(planes, None)];
    }
    let differs = |key: &usize| planes.iter().any(|plane| plane.keys[*key] != planes[0].keys[*key]);
    let keys: Vec<usize> = (0..KEYS.len()).filter(differs).collect();
    let pairs =
        keys.iter().enumerate().flat_map(|(index, &first)| keys[index + 1..].iter().map(move |&key| vec![first, key]));
    let candidates: Vec<Vec<usize>> = keys.iter().map(|&key| vec![key]).chain(pairs).collect();
    // Complete stacks first; else stacks that lack some slices, which the reader reports.
    for fewest in [positions, positions / 2 + 1] {
        for keys in &candidates {
            let groups = grouped(&planes, keys, planes.len() / fewest);
            let fills = |group: &Vec<Plane>| group.len() >= fewest && distinct_positions(group) == group.len();
            if groups.len() > 1 && groups.iter().all(|(_, group)| fills(group)) {
                return groups.into_iter().map(|(name, group)| (group, Some(name))).collect();
            }
        }
    }
    vec![(planes, None)]
}

/// Planes grouped by the values of keys, in order of first occurrence; empty for more than `most` values.
fn grouped(planes: &[Plane], keys: &[usize], most: usize) -> Vec<(String, Vec<Plane>)> {
    let value = |plane: &Plane, key: usize| format!("{} {}", KEYS[key].0, plane.keys[key].as_deref().unwrap_or("none"));
    let name = |plane: &Plane| keys.iter().map(|&key| value(plane, key)).collect::<Vec<_>>().join(", ");
    let names: Vec<String> = planes.iter().map(name).collect();
    if names.iter().collect::<HashSet<_>>().len() > most {
        return Vec::new();
    }
    let mut groups: Vec<(String, Vec<Plane>)> = Vec::new();
    for (name, plane) in names.into_iter().zip(planes) {
        match groups.iter_mut().find(|(known, _)| *known == name) {
            Some((_, group)) => group.push(plane.clone()),
            None => groups.push((name, vec![plane.clone()])),
        }
    }
    groups
}

/// Number of different positions of planes of one grid; planes without a position are all different.
fn distinct_positions(planes: &[Plane]) -> usize {
    let mut positions: Vec<[f64; 3]> = Vec::new();
    let Some(normal) = planes.first().and_then(|plane| plane.place).map(|place| place.normal()) else {
        return planes.len();
    };
    let mut places: Vec<Place> = planes.iter().filter_map(|plane| plane.place).collect();
    places.sort_by(|a, b| a.height(normal).total_cmp(&b.height(normal)));
    for place in places {
        let tolerance = SAME_POSITION * planes[0].spacing.map_or(1.0, |spacing| spacing[0].min(spacing[1]));
        let close = |known: &[f64; 3]| norm([0, 1, 2].map(|axis| known[axis] - place.position[axis])) <= tolerance;
        // Sorted by height, equal positions are neighbours, except for planes that lie side by side.
        if !positions.iter().rev().take(64).any(close) {
            positions.push(place.position);
        }
    }
    positions.len()
}
