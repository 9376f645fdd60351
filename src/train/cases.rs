//! The prepared training cases: in memory as far as they fit, read from the cache otherwise.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use ndarray::{Array3, Array4};

use crate::augment::patch::Source;
use crate::preprocess::{PrepareError, Prepared, PreparedCase};

/// Host memory for prepared cases, in bytes. Not part of the plan: it changes no result.
const HOST_BYTES: usize = 4 << 30;

/// A case in memory.
pub struct LoadedCase {
    image: Array4<f32>,
    labels: Array3<u16>,
    spacing_mm: [f64; 3],
    locations: BTreeMap<u16, Vec<u32>>,
}

impl LoadedCase {
    /// The case as the sampler sees it.
    pub fn source(&self) -> Source<'_> {
        let Self { image, labels, spacing_mm, locations } = self;
        Source { image: image.view(), labels: labels.view(), spacing_mm: *spacing_mm, locations }
    }
}

impl From<Prepared> for LoadedCase {
    fn from(prepared: Prepared) -> Self {
        let shape = prepared.image.dim();
        let labels = prepared.labels.unwrap_or_else(|| Array3::zeros((shape.1, shape.2, shape.3)));
        let locations = prepared.foreground.into_iter().map(|label| (label.value, label.voxels)).collect();
        let origin = prepared.origin;
        let spacing_mm = if origin.geometry.has_spacing { origin.prepared_spacing_mm } else { [1.0; 3] };
        Self { image: prepared.image, labels, spacing_mm, locations }
    }
}

/// All training cases of one trial.
pub struct Cases<'a> {
    prepared: Vec<&'a PreparedCase>,
    /// Filled on first use, for the first cases whose sizes together stay below [`HOST_BYTES`].
    kept: Vec<Option<OnceLock<Arc<LoadedCase>>>>,
}

impl<'a> Cases<'a> {
    /// Nothing is read yet.
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
