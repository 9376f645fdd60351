//! Reads every case once and describes its content: the table of `segspec dataset check`, and the rule by which a run excludes
//! cases. One bad case never stops a run; a dataset without a usable case does.

mod names;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde::{Deserialize, Serialize};

use super::label;
use super::parallel::{self, Ended};
use super::read::{CaseError, read_image};
use super::{Case, DataError, Dataset, Opened};
use crate::Cancel;
use crate::counted;
use crate::volume::{Geometry, LabelMap, Volume, image_warnings, read_header};
pub use names::absent;

/// Cases in memory at a time. Each is read and decompressed on several cores.
const MAX_IN_MEMORY: usize = 8;

/// Maximum number of unknown label values listed in a message.
const NAMED_VALUES: usize = 5;

/// Content of one case. Fields are empty if reading failed before they were known.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CaseCheck {
    /// Name of the case.
    pub case: String,
    /// Grid of the image as stored.
    pub geometry: Option<Geometry>,
    /// `"RAS"`, `"LPI"`, …
    pub orientation: Option<String>,
    /// Voxels along `[z, y, x]` in canonical orientation.
    pub shape: Option<[usize; 3]>,
    /// Spacing `[z, y, x]` in canonical orientation, mm; also `None` for an image without physical size.
    pub spacing_mm: Option<[f64; 3]>,
    /// Number of channels of the image.
    pub channels: usize,
    /// Smallest and largest intensity over all channels.
    pub range: Option<[f32; 2]>,
    /// Voxels per label value, 0 included.
    pub label_voxels: BTreeMap<u16, usize>,
    /// Names of the structures present, in the order of the dataset file.
    pub structures: Vec<String>,
    /// Problems worth checking; the case is used nevertheless.
    pub warnings: Vec<String>,
    /// Which reading of the label files was taken where they leave a choice.
    #[serde(default)]
    pub notes: Vec<String>,
    /// Why the case cannot be used.
    pub excluded: Option<String>,
    /// Hash of the image's voxels and shape, to find duplicates.
    pub image_hash: Option<String>,
}

/// Called after each case, from any thread, with the number of finished cases and the total.
pub type Progress<'a> = &'a (dyn Fn(usize, usize) + Sync);

/// Reads every case, several in parallel; the result does not depend on the number of threads.
///
/// # Errors
/// [`DataError::Cancelled`], or [`DataError::Memory`].
pub fn check(
    opened: &Opened,
    spec: &Dataset,
    progress: Progress,
    cancel: &Cancel,
) -> Result<Vec<CaseCheck>, DataError> {
    let done = AtomicUsize::new(0);
    let total = opened.cases.len();
    let each = |case: &Case| {
        let checked = check_case(case, spec);
        progress(done.fetch_add(1, Ordering::Relaxed) + 1, total);
        checked
    };
    let mut checks = each_case(&opened.cases, cancel, each)?;
    warn_of_duplicates(&mut checks);
    Ok(checks)
}

/// Processes cases in parallel, at most [`MAX_IN_MEMORY`] at a time.
pub(super) fn each_case<I: Sync, T: Send>(
    items: &[I],
    cancel: &Cancel,
    work: impl Fn(&I) -> Result<T, DataError> + Sync,
) -> Result<Vec<T>, DataError> {
    parallel::each(items, MAX_IN_MEMORY, cancel, work).map_err(|ended| match ended {
        Ended::Cancelled => DataError::Cancelled,
        Ended::Failed(error) => error,
    })
}

/// Reads one case.
///
/// # Errors
/// [`DataError::Memory`].
pub(super) fn check_case(case: &Case, spec: &Dataset) -> Result<CaseCheck, DataError> {
    let mut row = CaseCheck {
        case: case.name.clone(),
        geometry: None,
        orientation: None,
        shape: None,
        spacing_mm: None,
        channels: 0,
        range: None,
        label_voxels: BTreeMap::new(),
        structures: Vec::new(),
        warnings: Vec::new(),
        notes: Vec::new(),
        excluded: None,
        image_hash: None,
    };
    let checked = check_image(case, spec, &mut row).and_then(|image| check_label(case, spec, &image, &mut row));
    match checked {
        Err(Unusable::Read(error)) if error.is_of_machine() => {
            Err(DataError::Memory { case: case.name.clone(), reason: error.to_string() })
        }
        checked => Ok(CaseCheck { excluded: checked.err().map(|reason| reason.to_string()), ..row }),
    }
}

/// Why a case cannot be used.
#[derive(Debug, thiserror::Error)]
enum Unusable {
    #[error(transparent)]
    Read(#[from] CaseError),
    #[error("{0}")]
    Content(String),
}

impl From<String> for Unusable {
    fn from(reason: String) -> Self {
        Self::Content(reason)
    }
}

fn check_image(case: &Case, spec: &Dataset, row: &mut CaseCheck) -> Result<Geometry, Unusable> {
    let image = read_image(case)?;
    let geometry = image.geometry.clone();
    row.channels = image.voxels.dim().0;
    row.orientation = Some(geometry.orientation());
    let canonical = geometry.to_canonical();
    row.shape = Some(canonical.shape);
    row.spacing_mm = canonical.has_spacing.then(|| canonical.spacing_mm());
    row.geometry = Some(geometry.clone());
    row.range = Some(range(&image));
    row.image_hash = Some(hash(&image));
    warn_of_image(case, &geometry, row);
    if let Some([low, high]) = row.range
        && low == high
    {
        return Err(format!("every voxel of the image has the same value, {low}").into());
    }
    let declared = spec.channels.len().max(1);
    if row.channels != declared {
        let found = counted(row.channels, "channel");
        let text = format!("image has {found}, but the dataset file declares {declared}; list them as `[[channel]]`");
        return Err(text.into());
    }
    Ok(geometry)
}

fn range(image: &Volume) -> [f32; 2] {
    image
        .voxels
        .iter()
        .fold([f32::INFINITY, f32::NEG_INFINITY], |[low, high], &value| [low.min(value), high.max(value)])
}

fn hash(image: &Volume) -> String {
    let mut hasher = blake3::Hasher::new();
    for &length in image.voxels.shape() {
        hasher.update(&(length as u64).to_le_bytes());
    }
    let mut bytes = Vec::with_capacity(1 << 16);
    for values in image.voxels.as_slice().unwrap_or_default().chunks(1 << 14) {
        bytes.clear();
        values.iter().for_each(|value| bytes.extend_from_slice(&value.to_le_bytes()));
        hasher.update(&bytes);
    }
    hasher.finalize().to_hex().to_string()
}

fn warn_of_image(case: &Case, geometry: &Geometry, row: &mut CaseCheck) {
    let header = case.images.first().filter(|path| path.is_file()).and_then(|path| read_header(path).ok());
    // A picture has no orientation, whatever spacing the dataset states.
    let oriented = header.as_ref().is_none_or(|header| header.oriented || !header.geometry.has_spacing);
    row.warnings.extend(image_warnings(geometry, oriented, row.range.unwrap_or([0.0, 1.0])));
    row.warnings.extend(header.into_iter().flat_map(|header| header.warnings));
}

fn check_label(case: &Case, spec: &Dataset, image: &Geometry, row: &mut CaseCheck) -> Result<(), Unusable> {
    let Some(source) = &case.label else {
        return Err("no label".to_owned().into());
    };
    let path = source.path();
    let found = label::read(case, image)?;
    row.notes = found.notes;
    row.label_voxels = count(&found.labels);
    let is_present = |value: &u16| row.label_voxels.contains_key(value);
    let present = spec.structures.iter().filter(|structure| spec.label_values(structure).iter().any(is_present));
    row.structures = present.map(|structure| structure.name.clone()).collect();
    let at_file = |reason: String| format!("{}: {reason}", path.display());
    row.notes.extend(names::compare(spec, &found.named).map_err(at_file)?.into_iter().map(at_file));
    refuse_stray_values(spec, &row.label_voxels).map_err(at_file)?;
    if row.structures.is_empty() {
        row.warnings.push("the label contains only background".into());
    }
    Ok(())
}

fn count(label: &LabelMap) -> BTreeMap<u16, usize> {
    let mut counts = vec![0_usize; usize::from(u16::MAX) + 1];
    label.voxels.iter().for_each(|&value| counts[usize::from(value)] += 1);
    (0..=u16::MAX).zip(counts).filter(|(_, count)| *count > 0).collect()
}

fn refuse_stray_values(spec: &Dataset, found: &BTreeMap<u16, usize>) -> Result<(), String> {
    let is_known = |value: u16| {
        value == 0
            || spec.structures.iter().any(|structure| spec.label_values(structure).contains(&value))
            || spec.labels.background.contains(&value)
            || spec.labels.ignore == Some(value)
    };
    let stray: Vec<(u16, usize)> =
        found.iter().map(|(value, count)| (*value, *count)).filter(|(value, _)| !is_known(*value)).collect();
    if stray.is_empty() {
        return Ok(());
    }
    let named: Vec<String> = stray
        .iter()
        .take(NAMED_VALUES)
        .map(|(value, count)| format!("{value} ({})", counted(*count, "voxel")))
        .collect();
    let more = stray.len().checked_sub(NAMED_VALUES).filter(|more| *more > 0);
    let more = more.map_or_else(String::new, |more| format!(" and {more} more"));
    let remedy = match (spec.structures.as_slice(), stray.as_slice()) {
        ([only], [(value, _)]) if !found.contains_key(&only.value) => format!(
            "if it is `{}`, set its `value = {value}`, or `labels.mask-values = \"nonzero\"` for masks of any value; else list it in \
             `labels.background`, or set it as `labels.ignore`",
            only.name
        ),
        _ => "add a `[[structure]]` for each, list them in `labels.background`, or set one as `labels.ignore`".into(),
    };
    Err(format!("undeclared label values: {}{more}; {remedy}", named.join(", ")))
}

/// Warns of each case whose image duplicates that of an earlier case.
pub(super) fn warn_of_duplicates(checks: &mut [CaseCheck]) {
    let mut first: BTreeMap<String, String> = BTreeMap::new();
    for row in checks {
        let Some(hash) = row.image_hash.clone() else { continue };
        match first.get(&hash) {
            Some(original) => row.warnings.push(format!("same image as {original}")),
            None => {
                first.insert(hash, row.case.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod label_tests;
