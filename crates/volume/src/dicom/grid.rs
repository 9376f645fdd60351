//! Orders the planes of a stack and finds the grid that they fill.

use serde::{Deserialize, Serialize};

use super::plane::{Place, Plane};
use super::{damaged, unsupported};
use crate::geometry::dot;
use crate::{Geometry, ReadError};
use segspec_base::counted;

/// Planes closer than this fraction of the pixel spacing have the same position.
const SAME_POSITION: f64 = 0.01;
/// Largest deviation of a plane from the grid along the normal, as a fraction of the slice spacing.
const IRREGULAR: f64 = 0.1;
/// Largest deviation within the plane, as a fraction of the pixel spacing.
const SIDEWAYS: f64 = 0.25;
/// Thickness of a single slice whose header states none, in millimetres.
const UNKNOWN_THICKNESS_MM: f64 = 1.0;
/// Most consecutive missing slices: more indicate another stack or a wrong position.
const LONGEST_GAP: usize = 10;

/// What to do about missing slices.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Gaps {
    /// An error that names the missing positions.
    #[default]
    Refuse,
    /// Missing slices are interpolated linearly between their neighbours.
    Interpolate,
}

/// The grid of a stack, and the slice that each of its planes fills.
#[derive(Debug)]
pub(super) struct Grid {
    pub geometry: Geometry,
    /// Planes in the order of their slices.
    pub planes: Vec<Plane>,
    /// Slice of each plane, ascending.
    pub slices: Vec<usize>,
}

/// Orders planes by position along the normal; slices may be missing where `gaps` allows it.
///
/// # Errors
/// [`ReadError`] with the file at the position in question: two planes at one position, a gap, irregular spacing.
pub(super) fn grid(mut planes: Vec<Plane>, gaps: Gaps) -> Result<Grid, ReadError> {
    let Some(first) = planes.first().cloned() else {
        return Err(unsupported("".as_ref(), "no image"));
    };
    let Some(place) = first.place else { return without_position(planes) };
    let normal = place.normal();
    let mut placed = Vec::with_capacity(planes.len());
    for plane in planes.drain(..) {
        let place = plane
            .place
            .ok_or_else(|| unsupported(&plane.instance.path, "has no position, other files of the series have one"))?;
        placed.push((place.height(normal), place, plane));
    }
    placed.sort_by(|a, b| a.0.total_cmp(&b.0));
    let pixel = first.spacing.ok_or_else(|| damaged(&first.instance.path, "has a position but no PixelSpacing"))?;
    let slices = slices(&placed, pixel, gaps)?;
    let step = step(&placed, &slices, &first);
    let origin = placed[0].1;
    sideways(&placed, &slices, step, pixel)?;
    let [rows, columns] = first.size;
    let depth = slices.last().map_or(1, |&last| last + 1);
    let geometry = Geometry { shape: [depth, rows, columns], affine: affine(&origin, pixel, step), has_spacing: true };
    Ok(Grid { geometry, planes: placed.into_iter().map(|(_, _, plane)| plane).collect(), slices })
}

/// LPS → RAS: the first two world axes change their sign.
pub(super) fn affine(origin: &Place, pixel: [f64; 2], step: [f64; 3]) -> [[f64; 4]; 3] {
    let [row, column] = origin.directions;
    [(0, -1.0), (1, -1.0), (2, 1.0)].map(|(axis, sign): (usize, f64)| {
        // PixelSpacing lists the distance between rows first; the index along a row is x.
        let columns = [row[axis] * pixel[1], column[axis] * pixel[0], step[axis], origin.position[axis]];
        // Adding 0 turns −0 into 0.
        columns.map(|value| sign * value + 0.0)
    })
}

type Placed = (f64, Place, Plane);

/// The slice number of each plane, from 0.
fn slices(placed: &[Placed], pixel: [f64; 2], gaps: Gaps) -> Result<Vec<usize>, ReadError> {
    let distances: Vec<f64> = placed.windows(2).map(|pair| pair[1].0 - pair[0].0).collect();
    let same = SAME_POSITION * pixel[0].min(pixel[1]);
    if let Some(index) = distances.iter().position(|&distance| distance <= same) {
        return Err(duplicate(&placed[index].2, &placed[index + 1].2));
    }
    let mut sorted = distances.clone();
    sorted.sort_by(f64::total_cmp);
    let Some(&typical) = sorted.get(sorted.len().saturating_sub(1) / 2) else { return Ok(vec![0]) };
    let (mut slices, mut missing) = (vec![0], Vec::new());
    for (index, distance) in distances.iter().enumerate() {
        let steps = (distance / typical).round();
        if (distance - steps * typical).abs() > IRREGULAR * typical
            || !(1.0..=1.0 + LONGEST_GAP as f64).contains(&steps)
        {
            return Err(irregular(&placed[index], &placed[index + 1], *distance, typical));
        }
        if steps > 1.0 {
            missing.push((index, steps as usize - 1));
        }
        slices.push(slices[index] + steps as usize);
    }
    let last = slices.last().copied().unwrap_or(0) as f64;
    let spacing = (placed[placed.len() - 1].0 - placed[0].0) / last;
    for (index, (plane, &slice)) in placed.iter().zip(&slices).enumerate() {
        if (plane.0 - placed[0].0 - slice as f64 * spacing).abs() > IRREGULAR * spacing {
            return Err(irregular(
                &placed[index.saturating_sub(1)],
                plane,
                distances[index.saturating_sub(1)],
                spacing,
            ));
        }
    }
    match missing.first() {
        Some(&(index, count)) if gaps == Gaps::Refuse => {
            Err(gap(&placed[index], &placed[index + 1], count, missing.len()))
        }
        _ => Ok(slices),
    }
}

/// The step from one slice to the next in LPS millimetres, along the planes' positions: a tilted gantry shears the grid.
fn step(placed: &[Placed], slices: &[usize], first: &Plane) -> [f64; 3] {
    let (origin, last) = (placed[0].1, placed[placed.len() - 1].1);
    match slices.last() {
        Some(&count) if count > 0 => [0, 1, 2].map(|axis| (last.position[axis] - origin.position[axis]) / count as f64),
        _ => origin.normal().map(|part| part * first.thickness.unwrap_or(UNKNOWN_THICKNESS_MM)),
    }
}

/// Refuses planes whose positions do not lie on the line of the others.
fn sideways(placed: &[Placed], slices: &[usize], step: [f64; 3], pixel: [f64; 2]) -> Result<(), ReadError> {
    let origin = placed[0].1;
    for ((_, place, plane), &slice) in placed.iter().zip(slices) {
        let away = [0, 1, 2].map(|axis| place.position[axis] - origin.position[axis] - step[axis] * slice as f64);
        let across = origin.directions.map(|direction| dot(away, direction));
        let distance = across[0].hypot(across[1]);
        if distance > SIDEWAYS * pixel[0].min(pixel[1]) {
            let at = position(place);
            let reason =
                format!("its slice at {at} lies {distance:.2} mm off the line of the others; choose one stack");
            return Err(unsupported(&plane.instance.path, reason));
        }
    }
    Ok(())
}

/// A single image without a position in the patient.
fn without_position(planes: Vec<Plane>) -> Result<Grid, ReadError> {
    let plane = &planes[0];
    if planes.len() > 1 {
        let reason = format!("and {} more have no position; their order is unknown", planes.len() - 1);
        return Err(unsupported(&plane.instance.path, reason));
    }
    let geometry = flat(plane.size, plane.spacing, plane.thickness);
    Ok(Grid { geometry, planes, slices: vec![0] })
}

/// The grid of a 2D image. As in ITK, its axes are those of LPS.
pub(super) fn flat([rows, columns]: [usize; 2], spacing: Option<[f64; 2]>, thickness: Option<f64>) -> Geometry {
    let [y, x] = spacing.unwrap_or([1.0; 2]);
    let z = thickness.unwrap_or(UNKNOWN_THICKNESS_MM);
    let affine = [[-x, 0.0, 0.0, 0.0], [0.0, -y, 0.0, 0.0], [0.0, 0.0, z, 0.0]];
    Geometry { shape: [1, rows, columns], affine, has_spacing: spacing.is_some() }
}

fn duplicate(first: &Plane, second: &Plane) -> ReadError {
    let same_file = first.instance.path == second.instance.path;
    let other =
        if same_file { format!("frame {}", second.frame + 1) } else { second.instance.path.display().to_string() };
    let at = first.place.map(|place| position(&place)).unwrap_or_default();
    let copies = !first.instance.uid.is_empty() && first.instance.uid == second.instance.uid && !same_file;
    let remedy =
        if copies { "they are copies of one object: remove one" } else { "choose which series or stack is meant" };
    unsupported(&first.instance.path, format!("lies at the same position {at} as {other}; {remedy}"))
}

fn gap(before: &Placed, after: &Placed, count: usize, gaps: usize) -> ReadError {
    let between = |part: f64| {
        let [a, b] = [before.1.position, after.1.position];
        [0, 1, 2].map(|axis| a[axis] + (b[axis] - a[axis]) * part)
    };
    let at = numbers(between(1.0 / (count + 1) as f64));
    let more = if gaps > 1 { format!(" and {}", counted(gaps - 1, "more gap")) } else { String::new() };
    let reason = format!(
        "{count} slice(s) missing between this file and {}, the first at {at}{more}; find the files, or have the gap \
         interpolated (`segspec convert --fill-gaps`; in a dataset file `dicom.fill-gaps = true`)",
        after.2.instance.path.display()
    );
    unsupported(&before.2.instance.path, reason)
}

fn irregular(before: &Placed, after: &Placed, distance: f64, typical: f64) -> ReadError {
    let reason = format!(
        "the next slice, {} at {}, is {distance:.3} mm away, other slices {typical:.3} mm: irregular spacing; resample the \
         series, or choose one stack",
        after.2.instance.path.display(),
        position(&after.1),
    );
    unsupported(&before.2.instance.path, reason)
}

/// A position formatted for people, in the file's coordinates.
pub(super) fn position(place: &Place) -> String {
    numbers(place.position)
}

fn numbers(values: [f64; 3]) -> String {
    let texts = values.map(|value| format!("{}", (value * 1e3).round() / 1e3));
    format!("[{}] mm (LPS)", texts.join(", "))
}
