//! nnU-Net's dataset fingerprint, the input of the rules for `"auto"`.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use ndarray::{ArrayView4, Axis};
use rand::Rng;
use serde::{Deserialize, Serialize};

use super::cache::exclude;
use super::case::CaseError;
use super::crop::crop_box;
use super::entry::{self, Array};
use super::percentile::percentiles;
use super::progress::{Observer, Outcome, PrepareError, each_case};
use super::source::read_case;
use super::spec::{Crop, ForegroundStatistics};
use crate::Cancel;
use crate::counted;
use crate::dataset::{Access, Case, Content, Excluded};
use crate::random;
use crate::volume::{LabelMap, Volume};

/// Labelled voxels drawn per case with replacement, so that small and large cases have equal weight (nnU-Net).
const DRAWS_PER_CASE: usize = 100_000;

/// Maximum number of drawn voxels over all cases.
const DRAWS: usize = 10_000_000;

/// Statistics of the training cases of a dataset. Axes are canonical `[z, y, x]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Fingerprint {
    /// Usable cases, in input order.
    pub cases: Vec<CaseFingerprint>,
    /// Excluded cases, with the reasons.
    pub excluded: Vec<Excluded>,
    /// Statistics of labelled voxels, one entry per channel; empty if no case has any.
    pub channels: Vec<ChannelStatistics>,
    /// Median over cases of (voxels after the crop / voxels before).
    pub median_relative_size: f64,
    /// Voxels of every nonzero label value over all cases.
    pub label_voxels: BTreeMap<u16, u64>,
}

/// Statistics of one case.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct CaseFingerprint {
    /// Name of the case.
    pub name: String,
    /// Number of channels of the image.
    pub channels: usize,
    /// Spacing, mm (1 if the image has none).
    pub spacing_mm: [f64; 3],
    /// Shape as read.
    pub shape: [usize; 3],
    /// Shape after the crop.
    pub cropped_shape: [usize; 3],
    /// Voxels of every nonzero label value inside the crop.
    pub label_voxels: BTreeMap<u16, u64>,
}

/// Intensities of labelled voxels in one channel.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct ChannelStatistics {
    /// Mean.
    pub mean: f64,
    /// Median.
    pub median: f64,
    /// Population standard deviation.
    pub sd: f64,
    /// Smallest.
    pub min: f64,
    /// Largest.
    pub max: f64,
    /// Percentile 0.5.
    pub p00_5: f64,
    /// Percentile 99.5.
    pub p99_5: f64,
}

impl Fingerprint {
    /// Spacings of all cases.
    pub fn spacings_mm(&self) -> Vec<[f64; 3]> {
        self.cases.iter().map(|case| case.spacing_mm).collect()
    }

    /// Shapes of all cases after the crop.
    pub fn cropped_shapes(&self) -> Vec<[usize; 3]> {
        self.cases.iter().map(|case| case.cropped_shape).collect()
    }
}

impl From<ChannelStatistics> for ForegroundStatistics {
    fn from(channel: ChannelStatistics) -> Self {
        let ChannelStatistics { mean, sd, p00_5, p99_5, .. } = channel;
        Self { mean, sd, p00_5, p99_5 }
    }
}

/// Computes the fingerprint of cases. The result and each case's part are cached in the folder `cache` under their content hashes,
/// so that another fold or an additional case only reads new cases. `body_threshold` is as in
/// [`PreprocessPlan`](super::PreprocessPlan). With [`Access::Remembered`] no case is read.
///
/// Labelled voxels are drawn from a random stream keyed by the content hash, independent of the order of cases and threads.
///
/// # Errors
/// [`PrepareError::Cache`] if the cache cannot be written, [`PrepareError::NotRead`], [`PrepareError::Cancelled`].
pub fn fingerprint(
    crop: Crop,
    body_threshold: Option<f64>,
    cases: &[(Case, Content)],
    cache: &Path,
    access: Access,
    progress: Observer<'_>,
    cancelled: &Cancel,
) -> Result<Fingerprint, PrepareError> {
    let whole = cache.join(dataset_key(crop, body_threshold, cases));
    if let Ok((known, _)) = entry::read::<Fingerprint>(&whole) {
        return Ok(known);
    }
    let draws_per_case = (DRAWS / cases.len().max(1)).clamp(1000, DRAWS_PER_CASE);
    let each = |case: &Case, content: &Content| {
        let (path, seed) = key(crop, body_threshold, &content.name());
        let path = cache.join(path);
        if let Ok((part, draws)) = read_part(case, &path, draws_per_case) {
            return Ok((Ok((part, draws)), Outcome::Cached));
        }
        if access == Access::Remembered {
            return Err(PrepareError::NotRead { case: case.name.clone() });
        }
        let measured =
            read_case(case).and_then(|(image, label)| measure(case, crop, body_threshold, &image, label, seed));
        match measured {
            Ok((part, mut draws)) => {
                let arrays: Vec<_> = draws.iter().map(|channel| Array::F32(channel)).collect();
                entry::write(&path, &part, &arrays).map_err(PrepareError::cache(&path))?;
                draws.iter_mut().for_each(|channel| channel.truncate(draws_per_case));
                Ok((Ok((part, draws)), Outcome::Computed))
            }
            Err(error) if error.is_of_machine() => {
                Err(PrepareError::Memory { case: case.name.clone(), reason: error.to_string() })
            }
            Err(error) => Ok((Err(exclude(case, &error)), Outcome::Excluded)),
        }
    };
    let found = combine(each_case(cases, progress, cancelled, each)?);
    // Not cached otherwise: an unreadable case may become readable later.
    if found.excluded.is_empty() {
        entry::write(&whole, &found, &[]).map_err(PrepareError::cache(&whole))?;
    }
    Ok(found)
}

/// Cache key of the whole fingerprint: names, which the fingerprint contains, and content hashes of the cases, in order.
fn dataset_key(crop: Crop, body_threshold: Option<f64>, cases: &[(Case, Content)]) -> String {
    let mut hasher = blake3::Hasher::new_derive_key("segspec dataset fingerprint");
    hasher.update(format!("{} {crop:?} {body_threshold:?}", entry::FORMAT).as_bytes());
    for (case, content) in cases {
        hasher.update(format!("\n{} {}", case.name, content.name()).as_bytes());
    }
    format!("{}.fingerprint", &hasher.finalize().to_hex()[..32])
}

/// One case, and for each channel the intensities drawn from its labelled voxels (empty if it has none).
type Part = (CaseFingerprint, Vec<Vec<f32>>);

fn key(crop: Crop, body_threshold: Option<f64>, content: &str) -> (String, u64) {
    let mut hasher = blake3::Hasher::new_derive_key("segspec case fingerprint");
    hasher.update(format!("{} {crop:?} {body_threshold:?} {content}", entry::FORMAT).as_bytes());
    let hash = hasher.finalize();
    let seed = hash.as_bytes().first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes));
    (format!("{}.fingerprint", &hash.to_hex()[..32]), seed)
}

/// Reads a cached part, with the current name of the case.
fn read_part(case: &Case, path: &Path, draws_per_case: usize) -> io::Result<Part> {
    let (part, mut bytes) = entry::read::<CaseFingerprint>(path)?;
    let drawn = if part.label_voxels.is_empty() { 0 } else { DRAWS_PER_CASE };
    let mut draws = Vec::with_capacity(part.channels);
    for _ in 0..part.channels {
        let mut channel = bytes.f32(drawn)?;
        channel.truncate(draws_per_case);
        draws.push(channel);
    }
    Ok((CaseFingerprint { name: case.name.clone(), ..part }, draws))
}

fn measure(
    case: &Case,
    crop: Crop,
    body_threshold: Option<f64>,
    image: &Volume,
    label: Option<LabelMap>,
    seed: u64,
) -> Result<Part, CaseError> {
    let canonical = image.to_canonical();
    let shape = canonical.geometry.shape;
    let kept = crop_box(crop, body_threshold, canonical.voxels.view())
        .ok_or(CaseError::Empty("no voxel of the image is kept"))?;
    let (mut label_voxels, mut labelled) = (BTreeMap::new(), Vec::new());
    if let Some(label) = label {
        let labels = label.to_canonical().voxels;
        let cropped = labels.slice_each_axis(|axis| kept.slice(axis.axis.index()));
        for (position, &value) in cropped.indexed_iter().filter(|(_, value)| **value != 0) {
            *label_voxels.entry(value).or_insert(0) += 1;
            labelled.push([position.0, position.1, position.2].map(|index| index as u32));
        }
    }
    let part = CaseFingerprint {
        name: case.name.clone(),
        channels: canonical.voxels.len_of(Axis(0)),
        spacing_mm: canonical.geometry.spacing_mm(),
        shape,
        cropped_shape: kept.shape(),
        label_voxels,
    };
    let draws = draw(canonical.voxels.view(), kept.start, &labelled, seed);
    Ok((part, draws))
}

/// Intensities of voxels drawn with replacement, per channel.
fn draw(image: ArrayView4<'_, f32>, start: [usize; 3], labelled: &[[u32; 3]], seed: u64) -> Vec<Vec<f32>> {
    let mut generator = random::stream(seed, "fingerprint", 0, 0);
    let count = if labelled.is_empty() { 0 } else { DRAWS_PER_CASE };
    let chosen: Vec<[u32; 3]> = (0..count).map(|_| labelled[generator.random_range(0..labelled.len())]).collect();
    let intensity = |channel: usize, at: &[u32; 3]| {
        let [z, y, x] = [0, 1, 2].map(|axis| start[axis] + at[axis] as usize);
        image[[channel, z, y, x]]
    };
    (0..image.len_of(Axis(0))).map(|channel| chosen.iter().map(|at| intensity(channel, at)).collect()).collect()
}

fn combine(results: Vec<Result<Part, Excluded>>) -> Fingerprint {
    let (mut cases, mut excluded, mut intensities) =
        (Vec::<CaseFingerprint>::new(), Vec::new(), Vec::<Vec<f32>>::new());
    for result in results {
        match result {
            Ok((part, draws)) => {
                let expected = cases.first().map_or(part.channels, |first| first.channels);
                if part.channels != expected {
                    let reason =
                        format!("{}, but the cases before it have {expected}", counted(part.channels, "channel"));
                    excluded.push(Excluded { case: part.name, reason });
                    continue;
                }
                intensities.resize(expected, Vec::new());
                intensities.iter_mut().zip(&draws).for_each(|(all, drawn)| all.extend(drawn));
                cases.push(part);
            }
            Err(reason) => excluded.push(reason),
        }
    }
    intensities.retain(|channel| !channel.is_empty());
    let channels = intensities.into_iter().map(statistics).collect();
    let (median_relative_size, label_voxels) = (median_relative_size(&cases), label_voxels(&cases));
    Fingerprint { cases, excluded, channels, median_relative_size, label_voxels }
}

fn statistics(mut values: Vec<f32>) -> ChannelStatistics {
    let count = values.len() as f64;
    let mean = values.iter().map(|&value| f64::from(value)).sum::<f64>() / count;
    let variance = values.iter().map(|&value| (f64::from(value) - mean).powi(2)).sum::<f64>() / count;
    let [min, p00_5, median, p99_5, max] = percentiles(&mut values, [0.0, 0.5, 50.0, 99.5, 100.0]);
    ChannelStatistics { mean, median, sd: variance.sqrt(), min, max, p00_5, p99_5 }
}

fn median_relative_size(cases: &[CaseFingerprint]) -> f64 {
    let voxels = |shape: [usize; 3]| shape.iter().product::<usize>() as f64;
    let mut sizes: Vec<f32> =
        cases.iter().map(|case| (voxels(case.cropped_shape) / voxels(case.shape)) as f32).collect();
    let [median] = percentiles(&mut sizes, [50.0]);
    if median.is_nan() { 1.0 } else { median }
}

fn label_voxels(cases: &[CaseFingerprint]) -> BTreeMap<u16, u64> {
    let mut total = BTreeMap::new();
    for (&value, &voxels) in cases.iter().flat_map(|case| &case.label_voxels) {
        *total.entry(value).or_insert(0) += voxels;
    }
    total
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::volume::Geometry;
    use ndarray::{Array3, Array4, s};

    fn measured() -> Part {
        let mut voxels = Array4::zeros([1, 12, 20, 20]);
        voxels
            .slice_mut(s![0, 2..10, .., ..])
            .assign(&Array3::from_shape_fn([8, 20, 20], |(z, y, x)| 100.0 + (z * 400 + y * 20 + x) as f32));
        let geometry = Geometry::axis_aligned([12, 20, 20], [3.0, 1.0, 1.0]);
        let mut label = LabelMap { voxels: Array3::zeros([12, 20, 20]), geometry: geometry.clone() };
        label.voxels.slice_mut(s![2..7, .., ..]).fill(2);
        label.voxels.slice_mut(s![7..10, .., ..]).fill(1);
        let case = Case::new("a", vec![], None);
        measure(&case, Crop::Nonzero, None, &Volume { voxels, geometry }, Some(label), 5).unwrap()
    }

    #[test]
    fn statistics_of_the_draws_are_those_of_the_labelled_voxels() {
        let (part, draws) = measured();
        assert_eq!((part.shape, part.cropped_shape), ([12, 20, 20], [8, 20, 20]));
        assert_eq!(part.label_voxels, BTreeMap::from([(1, 1200), (2, 2000)]));
        let found = combine(vec![Ok((part, draws))]);
        assert!((found.median_relative_size - 8.0 / 12.0).abs() < 1e-6);
        // The labelled voxels hold 100, 101, …, 3299.
        let channel = found.channels[0];
        for (found, exact) in [
            (channel.mean, 1699.5),
            (channel.median, 1699.5),
            (channel.sd, 3200.0 / 12f64.sqrt()),
            (channel.p00_5, 116.0),
            (channel.p99_5, 3283.0),
            (channel.min, 100.0),
            (channel.max, 3299.0),
        ] {
            assert!((found - exact).abs() < 15.0, "{found} {exact}");
        }
    }

    #[test]
    fn draws_depend_on_the_content_alone() {
        assert_eq!(measured(), measured());
        let (_, draws) = measured();
        assert_eq!(draws[0].len(), DRAWS_PER_CASE);
    }

    #[test]
    fn cases_with_another_number_of_channels_are_excluded() {
        let (part, draws) = measured();
        let other = CaseFingerprint { name: "b".into(), channels: 2, ..part.clone() };
        let found = combine(vec![Ok((part, draws.clone())), Ok((other, [draws.clone(), draws].concat()))]);
        assert_eq!((found.cases.len(), found.excluded.len()), (1, 1));
        assert_eq!(found.excluded[0].case, "b");
        assert!(combine(vec![]).channels.is_empty());
    }
}
