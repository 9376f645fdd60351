//! Prepared training cases: kept in memory as far as they fit, otherwise read from the cache.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use ndarray::{Array3, Array4};

use crate::augment::patch::Source;
use crate::preprocess::{PrepareError, Prepared, PreparedCase};

/// Host memory for prepared cases, in bytes. Not part of the plan, because it does not affect results.
const HOST_BYTES: usize = 4 << 30;

/// A case in memory.
pub struct LoadedCase {
    image: Array4<f32>,
    labels: Array3<u16>,
    spacing_mm: [f64; 3],
    locations: BTreeMap<u16, Vec<u32>>,
    /// Bounding box `[first, end)` of each label value, computed on first use.
    boxes: OnceLock<BTreeMap<u16, [[usize; 2]; 3]>>,
}

impl LoadedCase {
    /// The case as a source of patches.
    pub fn source(&self) -> Source<'_> {
        let Self { image, labels, spacing_mm, locations, .. } = self;
        Source { image: image.view(), labels: labels.view(), spacing_mm: *spacing_mm, locations, near: None }
    }

    /// Like [`source`](Self::source), for patches drawn within a distance of structures (label values); from the whole case if it has
    /// none of them.
    pub fn source_near(&self, near_mm: Option<f64>, structures: &[Vec<u16>]) -> Source<'_> {
        let near = near_mm.and_then(|margin_mm| self.box_around(structures, margin_mm));
        Source { near, ..self.source() }
    }

    fn box_around(&self, structures: &[Vec<u16>], margin_mm: f64) -> Option<[[usize; 2]; 3]> {
        let boxes = self.boxes.get_or_init(|| boxes(&self.labels));
        let present = structures.iter().flatten().filter_map(|value| boxes.get(value).copied());
        let union = |a: [[usize; 2]; 3], b: [[usize; 2]; 3]| {
            [0, 1, 2].map(|axis| [a[axis][0].min(b[axis][0]), a[axis][1].max(b[axis][1])])
        };
        let found = present.reduce(union)?;
        let shape = self.labels.shape();
        Some([0, 1, 2].map(|axis| {
            let margin = (margin_mm / self.spacing_mm[axis]).ceil() as usize;
            let [first, end] = found[axis];
            [first.saturating_sub(margin), (end + margin).min(shape[axis])]
        }))
    }
}

/// Bounding box of every label value except background.
fn boxes(labels: &Array3<u16>) -> BTreeMap<u16, [[usize; 2]; 3]> {
    let mut boxes = BTreeMap::new();
    for ((z, y, x), label) in labels.indexed_iter().filter(|(_, label)| **label != 0) {
        let found = boxes.entry(*label).or_insert([[z, z], [y, y], [x, x]].map(|[first, end]| [first, end + 1]));
        for (range, place) in found.iter_mut().zip([z, y, x]) {
            *range = [range[0].min(place), range[1].max(place + 1)];
        }
    }
    boxes
}

impl From<Prepared> for LoadedCase {
    fn from(prepared: Prepared) -> Self {
        let shape = prepared.image.dim();
        let labels = prepared.labels.unwrap_or_else(|| Array3::zeros((shape.1, shape.2, shape.3)));
        let locations = prepared.foreground.into_iter().map(|label| (label.value, label.voxels)).collect();
        let origin = prepared.origin;
        let spacing_mm = if origin.geometry.has_spacing { origin.prepared_spacing_mm } else { [1.0; 3] };
        Self { image: prepared.image, labels, spacing_mm, locations, boxes: OnceLock::new() }
    }
}

/// All training cases of one trial.
pub struct Cases<'a> {
    prepared: Vec<&'a PreparedCase>,
    /// Filled on first use, for the first cases whose sizes together stay below [`HOST_BYTES`].
    kept: Vec<Option<OnceLock<Arc<LoadedCase>>>>,
}

impl<'a> Cases<'a> {
    /// Reads nothing yet.
    pub fn new(prepared: Vec<&'a PreparedCase>) -> Self {
        let mut bytes = 0;
        let kept = prepared.iter().map(|case| {
            bytes += bytes_of(case);
            (bytes <= HOST_BYTES).then(OnceLock::new)
        });
        let kept = kept.collect();
        Self { prepared, kept }
    }

    /// Number of cases.
    pub fn count(&self) -> usize {
        self.prepared.len()
    }

    /// A case, from memory or from the cache.
    ///
    /// # Errors
    /// The cache file is gone or damaged.
    pub fn get(&self, index: usize) -> Result<Arc<LoadedCase>, PrepareError> {
        let Some(kept) = &self.kept[index] else { return self.read(index) };
        if let Some(case) = kept.get() {
            return Ok(case.clone());
        }
        let case = self.read(index)?;
        Ok(kept.get_or_init(|| case).clone())
    }

    fn read(&self, index: usize) -> Result<Arc<LoadedCase>, PrepareError> {
        Ok(Arc::new(self.prepared[index].load()?.into()))
    }
}

/// Image as f32, labels as u16.
fn bytes_of(case: &PreparedCase) -> usize {
    let [channels, depth, height, width] = case.shape;
    (4 * channels + 2) * depth * height * width
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boxes_around_structures_have_their_margin_and_end_at_the_border() {
        let mut labels = Array3::zeros((10, 20, 20));
        (labels[[4, 5, 6]], labels[[5, 9, 6]], labels[[0, 0, 0]]) = (1, 2, 3);
        let image = Array4::zeros((1, 10, 20, 20));
        let (locations, boxes) = (BTreeMap::new(), OnceLock::new());
        let case = LoadedCase { image, labels, spacing_mm: [5.0, 1.0, 1.0], locations, boxes };
        let near = |structures: &[Vec<u16>], margin_mm| case.source_near(Some(margin_mm), structures).near;
        assert_eq!(near(&[vec![1], vec![2]], 0.0), Some([[4, 6], [5, 10], [6, 7]]));
        assert_eq!(near(&[vec![1, 2]], 8.0), Some([[2, 8], [0, 18], [0, 15]]));
        assert_eq!(near(&[vec![7]], 8.0), None);
        assert_eq!(case.source_near(None, &[vec![1]]).near, None);
    }
}
