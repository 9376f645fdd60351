//! The labels of one case on one side: voxels, the names of their values, and how they come onto the grid of the other side.

use std::path::{Path, PathBuf};

use ndarray::{Array3, Array4, Axis};

use super::canvas::Canvas;
use crate::dataset::name::is_generic;
use crate::dataset::read::GRID_TOLERANCE;
use crate::volume::lattice::union_grid;
use crate::volume::{Geometry, LabelMap, Lattice, ReadError, Segment, Segmentation, Segments};

/// The labels of a case.
#[derive(Clone, Debug)]
pub struct Labelled {
    /// The file or folder.
    pub path: PathBuf,
    /// Its voxels. Where structures overlap, a value stands for a set of structures and has several names.
    pub map: LabelMap,
    /// Names of its values, as the files state them; empty if they state none.
    pub names: Vec<(String, u16)>,
    /// Whether the values are numbers that the file states, which mean something beside the names.
    pub numbered: bool,
    /// Whether its format leaves out what is empty: its grid may then be a part of the image's.
    pub cropped: bool,
    /// Whether its file states an orientation; without one, left and right are a guess.
    pub oriented: bool,
    /// What its file is called, if that may be the name of its only structure.
    pub called: Option<Called>,
    /// The names of its pictures, if it is made of one per slice.
    pub slices: Vec<String>,
}

/// What the file of a mask is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Called {
    /// The name, without that of the case.
    pub name: String,
    /// Whether the case has the same name.
    pub is_case: bool,
}

impl Labelled {
    /// A label map with the names of its values; names that programs give to what nobody named are none.
    pub fn new(path: &Path, map: LabelMap, mut names: Vec<(String, u16)>) -> Self {
        names.retain(|(name, _)| !is_generic(name));
        Self {
            path: path.into(),
            map,
            names,
            numbered: true,
            cropped: false,
            oriented: true,
            called: None,
            slices: Vec::new(),
        }
    }

    /// Nothing, on the grid of other labels.
    pub fn nothing(path: &Path, like: &Self) -> Self {
        let map = LabelMap { voxels: Array3::zeros(like.map.voxels.dim()), geometry: like.map.geometry.clone() };
        Self {
            path: path.into(),
            map,
            names: Vec::new(),
            numbered: false,
            cropped: false,
            oriented: true,
            called: None,
            slices: Vec::new(),
        }
    }

    /// The segments of a file, which may overlap.
    ///
    /// # Errors
    /// More sets of structures than values.
    pub fn of_segments(path: &Path, segments: Segments) -> Result<Self, ReadError> {
        let named = |segment: Segment| (segment.name, segment.value);
        let (masks, geometry) = match segments.content {
            Segmentation::Labels(map) => {
                return Ok(Self::new(path, map, segments.segments.into_iter().map(named).collect()));
            }
            Segmentation::Masks { masks, geometry } => (masks, geometry),
        };
        let names: Vec<String> = segments.segments.iter().map(name_of).collect();
        let wrong = |error: super::canvas::TooManySets| unsupported(path, error.to_string());
        let mut canvas = Canvas::new(&geometry, names.len()).map_err(wrong)?;
        for (structure, mask) in masks.axis_iter(Axis(0)).enumerate().take(names.len()) {
            canvas.paint(structure, mask).map_err(wrong)?;
        }
        Ok(Self::of_canvas(path, canvas, &names))
    }

    /// Painted structures with their names.
    pub fn of_canvas(path: &Path, canvas: Canvas, names: &[String]) -> Self {
        let (map, pairs) = canvas.into_parts();
        let name = |(structure, value): (usize, u16)| Some((names.get(structure)?.clone(), value));
        let names = pairs.into_iter().filter_map(name).collect();
        Self {
            path: path.into(),
            map,
            names,
            numbered: false,
            cropped: false,
            oriented: true,
            called: None,
            slices: Vec::new(),
        }
    }

    /// For tests.
    #[cfg(test)]
    pub(super) fn made(path: &str, map: LabelMap, names: Vec<(String, u16)>) -> Self {
        Self {
            path: path.into(),
            map,
            names,
            numbered: true,
            cropped: false,
            oriented: true,
            called: None,
            slices: Vec::new(),
        }
    }

    /// The names of a value.
    pub fn names_of(&self, value: u16) -> impl Iterator<Item = &str> {
        self.names.iter().filter(move |(_, named)| *named == value).map(|(name, _)| name.as_str())
    }

    /// Its names without repetition, in the order of the file.
    pub fn structures(&self) -> Vec<&str> {
        let mut names: Vec<&str> = Vec::new();
        for (name, _) in &self.names {
            if !names.contains(&name.as_str()) {
                names.push(name);
            }
        }
        names
    }

    /// Its structures as segments: a label map, or masks where they overlap. Values without a name are called `label N`.
    pub fn into_segments(self) -> Segments {
        let names: Vec<String> = self.structures().into_iter().map(str::to_owned).collect();
        let geometry = self.map.geometry.clone();
        let shared = |value: u16| self.names_of(value).count() > 1;
        if self.names.iter().any(|(_, value)| shared(*value)) || names.len() < self.names.len() {
            let mut masks = Array4::zeros([names.len(), geometry.shape[0], geometry.shape[1], geometry.shape[2]]);
            for (mut mask, name) in masks.axis_iter_mut(Axis(0)).zip(&names) {
                let own = |value: &u16| self.names.iter().any(|(known, of)| known == name && of == value);
                mask.assign(&self.map.voxels.mapv(|value| u8::from(value != 0 && own(&value))));
            }
            let segment = |(name, value): (String, u16)| Segment { name, value, color: None };
            let segments = names.into_iter().zip(1..).map(segment).collect();
            return Segments { segments, content: Segmentation::Masks { masks, geometry } };
        }
        let mut present = vec![false; usize::from(u16::MAX) + 1];
        self.map.voxels.iter().for_each(|&value| present[usize::from(value)] = true);
        self.names.iter().for_each(|(_, value)| present[usize::from(*value)] = true);
        let name = |value: u16| self.names_of(value).next().map_or_else(|| format!("label {value}"), str::to_owned);
        let values = (1..=u16::MAX).filter(|value| present[usize::from(*value)]);
        let segments = values.map(|value| Segment { name: name(value), value, color: None }).collect();
        Segments { segments, content: Segmentation::Labels(self.map) }
    }

    fn onto(self, grid: &Geometry, lattice: Lattice) -> Self {
        let voxels = lattice.put(self.map.voxels.view());
        Self { map: LabelMap { voxels, geometry: grid.clone() }, ..self }
    }

    /// On the grid of an image if that loses nothing; else as it is.
    #[must_use]
    pub fn in_image(self, grid: &Geometry) -> Self {
        let own = &self.map.geometry;
        if own == grid || own.same_grid(grid, GRID_TOLERANCE).is_ok() {
            return self;
        }
        match Lattice::of(own, grid, [GRID_TOLERANCE; 3]) {
            Some(lattice) if lattice.outside(self.map.voxels.view()) == 0 => self.onto(grid, lattice),
            _ => self,
        }
    }
}

/// A segment without a name of its own is called by its number, as values without names are.
pub(super) fn name_of(segment: &Segment) -> String {
    if is_generic(&segment.name) { segment.value.to_string() } else { segment.name.clone() }
}

pub(super) fn unsupported(path: &Path, reason: impl Into<String>) -> ReadError {
    ReadError::Unsupported { path: path.into(), reason: reason.into() }
}

/// Puts two label files on one grid if that loses nothing: voxels stored in another order, and files that leave out what is empty.
/// Others stay as they are, for the comparison to refuse.
pub fn on_one_grid(reference: Labelled, prediction: Labelled) -> (Labelled, Labelled) {
    let (whole, part) = (reference.map.geometry.clone(), prediction.map.geometry.clone());
    // Positions in segmentation objects are rounded more than those of images.
    let between = |whole: &Geometry| match reference.cropped || prediction.cropped {
        true => [GRID_TOLERANCE; 3],
        false => Lattice::tolerance(whole, GRID_TOLERANCE),
    };
    let (tolerance, own) = (between(&whole), between(&part));
    if whole.same_grid(&part, GRID_TOLERANCE).is_ok() {
        return (reference, prediction);
    }
    let Some(lattice) = Lattice::of(&part, &whole, tolerance) else { return (reference, prediction) };
    let fits = lattice.is_part() && prediction.cropped;
    let empty_around = lattice.contains() && lattice.outside(prediction.map.voxels.view()) == 0 && prediction.cropped;
    if lattice.is_same() || fits || empty_around {
        return (reference, prediction.onto(&whole, lattice));
    }
    if let Some(lattice) = Lattice::of(&whole, &part, own).filter(|found| found.is_part() && reference.cropped) {
        return (reference.onto(&part, lattice), prediction);
    }
    let union = union_grid(&whole, &part, tolerance).filter(|_| reference.cropped && prediction.cropped);
    let placed = union.and_then(|union| {
        Some((Lattice::of(&whole, &union, tolerance)?, Lattice::of(&part, &union, tolerance)?, union))
    });
    match placed {
        Some((first, second, union)) => (reference.onto(&union, first), prediction.onto(&union, second)),
        None => (reference, prediction),
    }
}
