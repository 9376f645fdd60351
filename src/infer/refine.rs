//! Refines a segmentation as a person clicks.
//!
//! A click is followed in one forward pass: the network segments the window around the newest click, knowing all clicks and the current
//! segmentation. Only what it sees well is replaced; the rest of the segmentation stays, and so do labels that it does not know.

use std::ops::Range;
use std::path::PathBuf;

use ndarray::{Array4, ArrayView4, s};

use super::member::Member;
use super::{ClickError, InferError, Prompt, Trained};
use crate::Cancel;
use crate::dataset::CaseError;
use crate::interact::{Classes, Click, Guidance, Interact};
use crate::plan::LookPlan;
use crate::predict::{PredictError, PredictPlan, Predictor};
use crate::preprocess::{Origin, Prepared, on_prepared_grid};
use crate::volume::{Geometry, LabelMap, Segmentation, Volume};

/// Part of the window along each axis, at either end, that is not taken over unless the image ends there: too little context.
const MARGIN: usize = 8;
/// Largest distance between corners of the grids of image and segmentation, as a fraction of a voxel; as for corrected labels.
const SAME_GRID: f64 = 0.01;

/// A network that takes clicks, on a prepared image. Cheap to make: it holds neither.
pub struct Refiner<'a> {
    trained: &'a Trained,
    member: &'a Member,
    interact: Interact,
    prepared: &'a Prepared,
    classes: Classes,
    /// One window, without mirroring: a click is followed while its author waits.
    plan: PredictPlan,
}

impl Trained {
    /// How its network takes clicks; none if it takes none, or there are several networks.
    pub fn interact(&self) -> Option<Interact> {
        match self.networks.as_slice() {
            [only] if only.plan.look == LookPlan::Everywhere => only.training.interact,
            _ => None,
        }
    }

    /// Segments an image, then follows clicks in their order; the result is on the image's own grid.
    ///
    /// # Errors
    /// [`ClickError`] for clicks that cannot be followed; else see [`InferError`].
    pub fn segment_with_clicks(
        &self,
        image: &Volume,
        clicks: &[Prompt],
        cancel: &Cancel,
    ) -> Result<Segmentation, InferError> {
        let prepared = self.prepare(image)?;
        let refiner = Refiner::new(self, &prepared)?;
        // Before the long part.
        refiner.placed(clicks)?;
        let found = self.find(&prepared, || Ok(image.clone()), &mut |_| (), cancel)?.segmentation;
        let Segmentation::Labels(mut labels) = found else { return Err(ClickError::NoClicks.into()) };
        for count in 1..=clicks.len() {
            labels = refiner.refine(&labels, &clicks[..count], cancel)?;
        }
        Ok(Segmentation::Labels(labels))
    }
}

impl<'a> Refiner<'a> {
    /// For an image that [`Trained::prepare`] prepared.
    ///
    /// # Errors
    /// [`ClickError::NoClicks`].
    pub fn new(trained: &'a Trained, prepared: &'a Prepared) -> Result<Self, ClickError> {
        let only = trained.networks.first().zip(trained.interact());
        let (member, interact) = only.ok_or(ClickError::NoClicks)?;
        let plan = PredictPlan { mirror_axes: Vec::new(), mirrored_outputs: Vec::new(), ..member.plan.predict.clone() };
        Ok(Self { trained, member, interact, prepared, classes: Classes::new(trained.target()), plan })
    }

    /// The segmentation after the last of the clicks; `current` is the one before it, on the grid of the image.
    ///
    /// # Errors
    /// `current` is not on the grid of the image, a click lies outside what the network sees, or prediction was stopped.
    pub fn refine(&self, current: &LabelMap, clicks: &[Prompt], cancel: &Cancel) -> Result<LabelMap, InferError> {
        let origin = &self.prepared.origin;
        check_grid(current, &origin.geometry)?;
        let clicks = self.placed(clicks)?;
        let Some(newest) = clicks.last() else { return Ok(current.clone()) };
        let window = window(newest.at, self.plan.patch_size, origin.prepared_shape);
        let probabilities = self.predict(current, &clicks, &window, cancel)?;
        Ok(self.replaced(current, &window, probabilities.view()))
    }

    /// Clicks on the prepared grid.
    fn placed(&self, clicks: &[Prompt]) -> Result<Vec<Click>, ClickError> {
        let origin = &self.prepared.origin;
        let place = |click: &Prompt| match origin.to_prepared(click.at_mm).filter(|at| origin.holds(*at)) {
            Some(at) => Ok(Click { at, class: click.class }),
            None => Err(ClickError::Outside { at_mm: click.at_mm, inside: bounds(origin) }),
        };
        clicks.iter().map(place).collect()
    }

    /// Probabilities `[output, z, y, x]` of a window of the prepared grid.
    fn predict(
        &self,
        current: &LabelMap,
        clicks: &[Click],
        window: &[Range<usize>; 3],
        cancel: &Cancel,
    ) -> Result<Array4<f32>, InferError> {
        let [z, y, x] = window.clone();
        let preprocess = &self.member.training.preprocess;
        let previous = on_prepared_grid(preprocess, &self.prepared.origin, current);
        let previous = previous.slice(s![z.clone(), y.clone(), x.clone()]).mapv(|label| self.classes.shown(label));
        let shifted = |click: &Click| {
            let at = [0, 1, 2].map(|axis| click.at[axis] - window[axis].start as f64);
            Click { at, ..*click }
        };
        let clicks: Vec<Click> = clicks.iter().map(shifted).collect();
        let origin = &self.prepared.origin;
        let guidance = Guidance {
            radius_mm: self.interact.radius_mm,
            // As in training: without spacing, lengths are in voxels.
            spacing_mm: if origin.geometry.has_spacing { origin.prepared_spacing_mm } else { [1.0; 3] },
            structures: self.trained.target().structures.len(),
            clicks: &clicks,
            previous: Some(previous.view()),
        };
        let predictor =
            Predictor { plan: &self.plan, guidance: Some(guidance), ..self.member.predictor(&self.trained.device) };
        let image = self.prepared.image.slice(s![.., z, y, x]);
        let outputs = predictor.outputs(image, None, cancel).ok_or(PredictError::Cancelled)?;
        Ok(outputs.into_probabilities(self.trained.target().sigmoid()))
    }

    /// The current segmentation with the part of a window that the network sees well in place of what was there.
    fn replaced(&self, current: &LabelMap, window: &[Range<usize>; 3], found: ArrayView4<f32>) -> LabelMap {
        let (origin, target) = (&self.prepared.origin, self.trained.target());
        let way = origin.orientation.way(&origin.geometry);
        let mut labels = current.arranged(way);
        let axes = [0, 1, 2].map(|axis| {
            let kept = kept(&window[axis], origin.prepared_shape[axis]);
            let voxels = origin.cropped_range(axis, &kept);
            let nearest = origin.coarse_axis == Some(axis);
            voxels.map(move |voxel| (voxel, Pair::of(origin.prepared_index(axis, voxel), &window[axis], nearest)))
        });
        let [depths, heights, widths] = axes.map(Iterator::collect::<Vec<_>>);
        for (z, pair_z) in &depths {
            for (y, pair_y) in &heights {
                for (x, pair_x) in &widths {
                    let [z, y, x] = [z + origin.crop.start[0], y + origin.crop.start[1], x + origin.crop.start[2]];
                    let voxel = &mut labels.voxels[[z, y, x]];
                    // A structure that a person added stays.
                    if *voxel == 0 || self.classes.of(*voxel) > 0 {
                        let class = winner(found, [*pair_z, *pair_y, *pair_x], target.sigmoid(), self.plan.threshold);
                        *voxel = class.map_or(0, |structure| target.structures[structure].value);
                    }
                }
            }
        }
        LabelMap { voxels: labels.arranged(way.inverse()).voxels, geometry: current.geometry.clone() }
    }
}

/// Refuses a segmentation of another image: clicks and labels would be put into different places.
fn check_grid(current: &LabelMap, image: &Geometry) -> Result<(), InferError> {
    let (found, expected) = (current.geometry.shape, image.shape);
    if found != expected {
        return Err(ClickError::Grid { found, expected }.into());
    }
    image.same_grid(&current.geometry, SAME_GRID).map_err(|difference| {
        let path = PathBuf::from("the segmentation to refine");
        let remedy = "refine one of the same image".into();
        InferError::Case(CaseError::LabelGrid { path, difference, remedy }.into())
    })
}

/// The window of a patch around a place, inside the grid as far as it fits.
fn window(at: [f64; 3], patch: [usize; 3], shape: [usize; 3]) -> [Range<usize>; 3] {
    [0, 1, 2].map(|axis| {
        let size = patch[axis].min(shape[axis]);
        let first = (at[axis].round().max(0.0) as usize).saturating_sub(size / 2).min(shape[axis] - size);
        first..first + size
    })
}

/// The part of a window, along one axis, that the network sees well.
fn kept(window: &Range<usize>, length: usize) -> Range<usize> {
    let margin = window.len() / MARGIN;
    let first = if window.start == 0 { 0 } else { window.start + margin };
    let end = if window.end == length { length } else { window.end - margin };
    first..end
}

/// Two neighbouring voxels of a window along an axis and the weight of the second.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Pair {
    low: usize,
    high: usize,
    weight: f32,
}

impl Pair {
    /// Around a fractional index of the prepared grid.
    fn of(index: f64, window: &Range<usize>, nearest: bool) -> Self {
        let last = window.len().saturating_sub(1);
        let at = (index - window.start as f64).clamp(0.0, last as f64);
        let at = if nearest { at.round() } else { at };
        let low = at.floor() as usize;
        Self { low, high: (low + 1).min(last), weight: (at - low as f64) as f32 }
    }

    fn each(self) -> [(usize, f32); 2] {
        [(self.low, 1.0 - self.weight), (self.high, self.weight)]
    }
}

/// The structure at a place between voxels; none for background. Probabilities are `[output, z, y, x]`.
fn winner(found: ArrayView4<f32>, [z, y, x]: [Pair; 3], sigmoid: bool, threshold: f64) -> Option<usize> {
    let at = |output: usize| {
        let mut sum = 0.0;
        for (z, by_depth) in z.each() {
            for (y, by_height) in y.each() {
                for (x, by_width) in x.each() {
                    let weight = by_depth * by_height * by_width;
                    sum += if weight > 0.0 { weight * found[[output, z, y, x]] } else { 0.0 };
                }
            }
        }
        sum
    };
    let background = usize::from(!sigmoid);
    let mut best = (if sigmoid { threshold as f32 } else { at(0) }, None);
    for output in background..found.dim().0 {
        let value = at(output);
        if value > best.0 {
            best = (value, Some(output - background));
        }
    }
    best.1
}

/// The part of the world that the network sees, for people.
fn bounds(origin: &Origin) -> String {
    let whole = origin.whole();
    let corner = |far: bool| {
        let voxel = [0, 1, 2].map(|axis| {
            let edge = if far { origin.crop.end[axis] } else { origin.crop.start[axis] };
            edge as f64 - 0.5
        });
        whole.to_world(voxel)
    };
    let (one, other) = (corner(false), corner(true));
    let range = |axis: usize| format!("{:.1} to {:.1}", one[axis].min(other[axis]), one[axis].max(other[axis]));
    format!("x {}, y {}, z {} mm", range(0), range(1), range(2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segmentation_lies_on_the_grid_of_its_image() {
        let image = Geometry::axis_aligned([4, 5, 6], [3.0, 1.0, 1.0]);
        type Change = fn(&mut Geometry);
        let why = |change: Change| {
            let mut geometry = image.clone();
            change(&mut geometry);
            let current = LabelMap { voxels: ndarray::Array3::zeros(geometry.shape), geometry };
            check_grid(&current, &image).map_err(|error| error.to_string())
        };
        // As far as numbers are rounded in files.
        assert_eq!(why(|geometry| geometry.affine[0][3] += 1e-4), Ok(()));
        let changes: [(Change, &str); 5] = [
            (|geometry| geometry.affine[0][3] += 5000.0, "different grids: origin"),
            (|geometry| geometry.affine[2][3] += 0.1, "different grids: origin"),
            (|geometry| geometry.affine[1][1] = 2.0, "different grids: spacing"),
            (|geometry| geometry.affine[0][0] = -1.0, "different grids: orientation"),
            (|geometry| geometry.shape = [4, 5, 7], "[4, 5, 7] voxels"),
        ];
        for (change, part) in changes {
            let error = why(change).unwrap_err();
            assert!(error.contains(part) && error.contains("of the same image"), "{error}");
        }
    }

    #[test]
    fn windows_stay_in_the_image_and_are_kept_where_they_see_enough() {
        let found = window([0.2, 40.6, 97.0], [16, 16, 16], [8, 60, 100]);
        assert_eq!(found, [0..8, 33..49, 84..100]);
        assert_eq!([kept(&found[0], 8), kept(&found[1], 60), kept(&found[2], 100)], [0..8, 35..47, 86..100]);
        assert_eq!(kept(&(3..4), 9), 3..4);
    }

    #[test]
    fn places_between_voxels_take_the_structure_with_the_larger_sum() {
        let found = Array4::from_shape_vec([2, 1, 1, 2], vec![0.9, 0.2, 0.1, 0.8]).unwrap();
        let at = |index: f64, nearest| {
            let flat = Pair::of(0.0, &(0..1), false);
            winner(found.view(), [flat, flat, Pair::of(index, &(10..12), nearest)], false, 0.5)
        };
        assert_eq!([at(9.6, false), at(10.5, false), at(10.6, false), at(99.0, false)], [None, None, Some(0), Some(0)]);
        assert_eq!([at(10.49, true), at(10.51, true)], [None, Some(0)]);
        let sigmoid = |threshold| {
            let flat = Pair::of(0.0, &(0..1), false);
            winner(found.view(), [flat, flat, Pair::of(1.0, &(0..2), false)], true, threshold)
        };
        assert_eq!([sigmoid(0.5), sigmoid(0.85)], [Some(1), None]);
    }
}
