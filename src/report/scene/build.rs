//! Surfaces of a reference and a prediction, decimated to a budget, with their distances.

use rayon::prelude::*;

use super::distance::Measured;
use super::shells::{Boxes, Mask, boxes, grid, mask};
use super::{Body, Detail, Scene, SceneError, Shell, Structure, Voxels};
use crate::volume::Segmentation;
use crate::volume::surface::{Decimation, Extraction, Surface, decimate, extract};

/// Triangles that each surface may keep, however many there are.
const LEAST: usize = 48;

/// A surface at full detail, and its mask.
struct Full {
    surface: Surface,
    mask: Mask,
}

/// Both surfaces of a structure.
type Pair = [Option<Full>; 2];

/// The surfaces of the structures with voxels, simplified to about as many triangles in all as the detail says. Reference and prediction need not
/// have the same grid. Largest structures are sampled: see [`Scene::stride`].
///
/// # Errors
/// [`SceneError`]: no millimetres, one slice, or nothing to show.
pub fn build(
    structures: &[Structure],
    reference: Option<&Segmentation>,
    prediction: Option<&Segmentation>,
    detail: &Detail,
) -> Result<Scene, SceneError> {
    let sides = [reference, prediction].map(|side| side.map(|side| (side, boxes(side))));
    if sides.iter().flatten().any(|(side, _)| grid(side).shape.contains(&1)) {
        return Err(SceneError::Flat);
    }
    let count = structures.len() * sides.iter().flatten().count();
    let pair = |structure: &Structure| -> Result<Pair, SceneError> {
        let voxels = [&structure.reference, &structure.prediction];
        let [one, other] = [0, 1].map(|side| full(sides[side].as_ref(), voxels[side].as_ref(), (count, detail)));
        Ok([one?, other?])
    };
    let pairs: Vec<Pair> = structures.par_iter().map(pair).collect::<Result<_, _>>()?;
    let shares = shares(&pairs, detail.triangles);
    let made = structures.par_iter().zip(&pairs).zip(&shares);
    let bodies: Vec<Body> = made.map(|((structure, pair), shares)| body(structure, pair, *shares)).collect();
    let shown: Vec<Body> =
        bodies.into_iter().filter(|body| body.reference.is_some() || body.prediction.is_some()).collect();
    if shown.is_empty() {
        return Err(SceneError::Empty);
    }
    let strides = pairs.iter().flatten().flatten().flat_map(|full| full.mask.stride);
    Ok(Scene { bodies: shown, compared: sides.iter().all(Option::is_some), stride: strides.max().unwrap_or(1) })
}

fn full(
    side: Option<&(&Segmentation, Boxes)>,
    voxels: Option<&Voxels>,
    (count, detail): (usize, &Detail),
) -> Result<Option<Full>, SceneError> {
    let Some(((segmentation, boxes), voxels)) = side.zip(voxels) else { return Ok(None) };
    let Some(mask) = mask(segmentation, boxes, voxels, count) else { return Ok(None) };
    let mut extraction = Extraction::default();
    if detail.blocky {
        extraction.smoothing = None;
    }
    let surface = extract(mask.voxels.view(), &mask.geometry, &extraction)?;
    Ok((!surface.triangles().is_empty()).then_some(Full { surface, mask }))
}

/// Triangles of each surface: as the square root of its number, so that small structures keep their shape.
fn shares(pairs: &[Pair], triangles: usize) -> Vec<[usize; 2]> {
    let sizes: Vec<usize> =
        pairs.iter().flatten().map(|full| full.as_ref().map_or(0, |full| full.surface.triangles().len())).collect();
    let mut given = vec![0; sizes.len()];
    let mut left = triangles;
    // What a small surface does not need, the others get.
    for _ in 0..4 {
        let open = |index: &usize| given[*index] < sizes[*index];
        let weights: Vec<(usize, f64)> =
            (0..sizes.len()).filter(open).map(|index| (index, (sizes[index] as f64).sqrt())).collect();
        let sum: f64 = weights.iter().map(|(_, weight)| weight).sum();
        let room = left;
        for (index, weight) in weights {
            let more = ((room as f64 * weight / sum) as usize).min(sizes[index] - given[index]);
            given[index] += more;
            left -= more;
        }
    }
    given.chunks(2).map(|pair| [pair[0].max(LEAST), pair[1].max(LEAST)]).collect()
}

fn body(structure: &Structure, [reference, prediction]: &Pair, shares: [usize; 2]) -> Body {
    let shell = |own: &Option<Full>, other: &Option<Full>, triangles: usize, sign: f64| {
        let own = own.as_ref()?;
        let surface = decimate(&own.surface, &Decimation { triangles });
        let distances = other.as_ref().map(|other| {
            let measured = Measured::new(&other.surface, &other.mask);
            surface.points().iter().map(|point| sign * measured.signed(*point)).collect()
        });
        Some(Shell { surface, distances })
    };
    Body {
        name: structure.name.clone(),
        color: structure.color,
        // A point of the reference outside the prediction is where the prediction is too small.
        reference: shell(reference, prediction, shares[0], -1.0),
        prediction: shell(prediction, reference, shares[1], 1.0),
    }
}
