//! What the table says of one format.

use std::path::{Path, PathBuf};

use super::{Options, Probe};
use crate::stored::unsupported;
use crate::{Facts, Header, LabelMap, ReadError, Segment, Segmentation, Segments, Volume, WriteError};

/// Whether a file is in a format.
pub type Sniff = fn(&Probe) -> Result<bool, ReadError>;

/// Reads one kind of content.
pub type Read<T> = fn(&Path, &Options) -> Result<T, ReadError>;

/// Writes one kind of content and returns the files written.
pub type Write<T> = fn(&Path, &T, &Options) -> Result<Vec<PathBuf>, WriteError>;

/// One format.
pub struct Entry {
    /// Name for people.
    pub name: &'static str,
    /// Endings of the names of its images and label files, lower case; folders of cases are searched for them.
    pub endings: &'static [&'static str],
    /// Whether bytes that no other format has are there.
    pub magic: Sniff,
    /// Endings of names that decide where no magic bytes do, lower case.
    pub names: &'static [&'static str],
    /// Whether the content looks like this format without magic bytes; asked last.
    pub likely: Sniff,
    /// Whether all its files hold labels.
    pub holds_labels: bool,
    /// How it is read.
    pub read: Reader,
    /// How it is written.
    pub write: Writer,
}

/// How a format is read. Each function refuses what the format cannot hold, and names the file.
pub struct Reader {
    /// Grid, channels and value type, without the voxels.
    pub header: Read<Header>,
    /// An image.
    pub volume: Read<Volume>,
    /// A label map.
    pub label_map: Read<LabelMap>,
    /// Segments with their names.
    pub segments: Read<Segments>,
    /// What `segspec inspect` shows, for formats that hold more than one image.
    pub facts: Option<Read<Facts>>,
    /// Refuses a file with values that 32-bit floats, which hold images in memory, would change; `None` if no file has such values.
    pub exact: Option<Read<()>>,
}

/// Writes content that needs no options.
pub type WriteVoxels<T> = fn(&Path, &T) -> Result<(), WriteError>;

/// How a format is written; `None` for content that it cannot hold.
pub struct Writer {
    /// Endings of the names that ask for this format, lower case.
    pub endings: &'static [&'static str],
    /// Whether it is written as a folder.
    pub folder: bool,
    /// An image.
    pub volume: Option<Write<Volume>>,
    /// A label map without names.
    pub label_map: Option<WriteVoxels<LabelMap>>,
    /// A label map, or a mask per structure, without names.
    pub segmentation: Option<WriteVoxels<Segmentation>>,
    /// Segments with their names.
    pub segments: Option<Write<Segments>>,
}

impl Writer {
    /// Of formats that are only read.
    pub const NONE: Self =
        Self { endings: &[], folder: false, volume: None, label_map: None, segmentation: None, segments: None };
}

/// [`Entry::likely`] of formats that nothing but magic bytes and names tells.
pub(crate) fn never(_: &Probe) -> Result<bool, ReadError> {
    Ok(false)
}

/// The segments of a label map without names: value N is called `label N`.
pub(crate) fn unnamed(labels: LabelMap) -> Segments {
    let mut present = vec![false; usize::from(u16::MAX) + 1];
    labels.voxels.iter().for_each(|&value| present[usize::from(value)] = true);
    let values = (1..=u16::MAX).filter(|&value| present[usize::from(value)]);
    let segment = |value| Segment { name: format!("label {value}"), value, color: None };
    Segments { segments: values.map(segment).collect(), content: Segmentation::Labels(labels) }
}

/// The label map of segments.
///
/// # Errors
/// [`ReadError::Unsupported`] where they overlap.
pub(crate) fn single(path: &Path, segments: Segments) -> Result<LabelMap, ReadError> {
    match segments.content {
        Segmentation::Labels(labels) => Ok(labels),
        Segmentation::Masks { .. } => Err(unsupported(path, "its segments overlap: one label map cannot hold them")),
    }
}
