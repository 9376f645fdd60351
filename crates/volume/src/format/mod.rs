//! Every file format: one module with its [`Entry`], and one line in the table below.
//!
//! The content of a file decides which format it is in, never its name: files from hospitals have no ending, or a wrong one. What is
//! written is decided by the name alone.
//!
//! The table lists DICOM first, because its preamble may hold the magic bytes of another format.

mod entry;
mod options;
mod probe;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

pub use entry::{Entry, Read, Reader, Sniff, Write, Writer};
pub(crate) use entry::{never, single, unnamed};
pub use options::{Notes, Options, Person};
pub use probe::Probe;

use super::stored::unsupported;
use super::{Geometry, Header, LabelMap, ReadError, Segmentation, Segments, Volume, WriteError};
use super::{dicom, nifti, nrrd, raster, surface};

/// Makes the enum of formats and their table of the list.
macro_rules! formats {
    ($( $(#[$doc:meta])* $name:ident = $entry:expr; )+) => {
        /// A file format.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Format { $( $(#[$doc])* $name, )+ }

        /// All formats, in the order in which a file is offered to them.
        pub static FORMATS: &[Format] = &[$( Format::$name, )+];

        impl Format {
            /// How the format is recognised, read and written.
            pub fn entry(self) -> &'static Entry {
                match self { $( Self::$name => &$entry, )+ }
            }
        }
    };
}

formats! {
    /// A DICOM segmentation object.
    DicomSegments = dicom::SEGMENTS;
    /// Contours of structures (DICOM RTSTRUCT).
    DicomContours = dicom::CONTOURS;
    /// A DICOM image series: a folder of slices, or one file.
    DicomImage = dicom::IMAGES;
    /// NIfTI-1 and -2, compressed or not, and pairs of `.hdr` and `.img`.
    Nifti = nifti::FORMAT;
    /// NRRD that names segments (`.seg.nrrd` of 3D Slicer).
    NrrdSegments = nrrd::SEGMENTS;
    /// NRRD, with its data in the same file or in others.
    Nrrd = nrrd::FORMAT;
    /// PNG or TIFF.
    Picture = raster::FORMAT;
    /// A triangle surface: STL, OBJ, PLY.
    Surface = surface::FORMAT;
    /// All surfaces of a segmentation in one binary glTF file.
    Scene = surface::SCENE;
}

/// Endings of the names of image and label files, longer ones first.
pub static ENDINGS: LazyLock<Vec<&str>> = LazyLock::new(|| {
    let mut endings: Vec<&str> = FORMATS.iter().flat_map(|format| format.entry().endings).copied().collect();
    endings.sort_by_key(|ending| std::cmp::Reverse(ending.len()));
    endings
});

/// A file's name without the ending of an image or label file; `None` for another file.
pub fn stem(name: &str) -> Option<&str> {
    let ending = ENDINGS.iter().find(|ending| name.to_ascii_lowercase().ends_with(*ending))?;
    name.get(..name.len() - ending.len()).filter(|stem| !stem.is_empty())
}

/// All that [`stem`] may mean, the longest first: `a.seg.nrrd` is the file of a case `a.seg`, or of `a`.
pub fn stems(name: &str) -> Vec<&str> {
    let lower = name.to_ascii_lowercase();
    let fitting = ENDINGS.iter().rev().filter(|ending| lower.ends_with(*ending));
    let stems = fitting.filter_map(|ending| name.get(..name.len() - ending.len()).filter(|stem| !stem.is_empty()));
    stems.collect()
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.entry().name)
    }
}

impl Format {
    /// The format of a file, or of what a folder holds: by magic bytes, else by name, else by content that looks like it.
    ///
    /// # Errors
    /// [`ReadError`] where the path cannot be opened or is in no known format.
    pub fn of(path: &Path) -> Result<Self, ReadError> {
        let probe = Probe::open(path)?;
        let magic = |entry: &Entry| (entry.magic)(&probe);
        let named = |entry: &Entry| Ok(probe.is_named(entry.names));
        let likely = |entry: &Entry| (entry.likely)(&probe);
        for asked in [&magic as &dyn Fn(&Entry) -> Result<bool, ReadError>, &named, &likely] {
            for &format in FORMATS {
                if asked(format.entry())? {
                    return Ok(format);
                }
            }
        }
        Err(unsupported(path, "is in no known format: NIfTI, NRRD, DICOM, PNG, TIFF, STL, OBJ or PLY"))
    }

    /// The format that a name asks to be written; a name without a dot is a folder.
    pub fn written_as(path: &Path) -> Option<Self> {
        let name = path.file_name()?.to_string_lossy().to_ascii_lowercase();
        let longest = |format: &&Self| {
            let endings = format.entry().write.endings.iter();
            endings.filter(|ending| name.ends_with(**ending)).map(|ending| ending.len()).max()
        };
        let named = FORMATS.iter().filter(|format| longest(format).is_some()).max_by_key(longest);
        named.or_else(|| FORMATS.iter().find(|format| format.entry().write.folder && !name.contains('.'))).copied()
    }
}

/// Reads an image of any supported format.
///
/// # Errors
/// [`ReadError`] with the file's name.
pub fn read_volume(path: &Path) -> Result<Volume, ReadError> {
    (Format::of(path)?.entry().read.volume)(path, &Options::default())
}

/// Reads grid, channels and value type of an image of any supported format.
///
/// # Errors
/// [`ReadError`] with the file's name.
pub fn read_header(path: &Path) -> Result<Header, ReadError> {
    (Format::of(path)?.entry().read.header)(path, &Options::default())
}

/// Reads a label map of any supported format.
///
/// # Errors
/// [`ReadError`] with the file's name: values that are negative, fractional or above 65535, and segments that overlap.
pub fn read_label_map(path: &Path) -> Result<LabelMap, ReadError> {
    (Format::of(path)?.entry().read.label_map)(path, &Options::default())
}

/// Reads segments with their names. In formats without names, value N is called `label N`.
///
/// # Errors
/// As [`read_label_map`], but for overlaps.
pub fn read_segments(path: &Path) -> Result<Segments, ReadError> {
    (Format::of(path)?.entry().read.segments)(path, &Options::default())
}

/// The grid of an image of any supported format.
///
/// # Errors
/// [`ReadError`] with the file's name.
pub fn read_geometry(path: &Path) -> Result<Geometry, ReadError> {
    Ok(read_header(path)?.geometry)
}

/// Writes an image in the format of the path's ending, whole or not at all.
///
/// # Errors
/// [`WriteError`] with the file's name, also where the format holds no images.
pub fn write_volume(path: &Path, volume: &Volume) -> Result<(), WriteError> {
    let write = writer(path)?.volume.ok_or_else(|| WriteError::refused(path, "this format holds no images"))?;
    write(path, volume, &Options::default()).map(drop)
}

/// Writes a label map in the format of the path's ending, whole or not at all.
///
/// # Errors
/// [`WriteError`] with the file's name, also where the format holds no label maps without names.
pub fn write_label_map(path: &Path, labels: &LabelMap) -> Result<(), WriteError> {
    (writer(path)?.label_map.ok_or_else(|| without_names(path))?)(path, labels)
}

/// Writes a segmentation in the format of the path's ending, whole or not at all: a label map, or a mask (0 or 1) per structure
/// as channels.
///
/// # Errors
/// [`WriteError`] with the file's name, also where the format holds no segmentations without names.
pub fn write_segmentation(path: &Path, segmentation: &Segmentation) -> Result<(), WriteError> {
    (writer(path)?.segmentation.ok_or_else(|| without_names(path))?)(path, segmentation)
}

/// Writes a segmentation in the format of the path's ending, with the names of its structures where the format holds them. Returns
/// the files written: surfaces of several structures are several files.
///
/// # Errors
/// [`WriteError`] with the file's name, also where the format holds images only.
pub fn write_segments(path: &Path, segments: &Segments, options: &Options) -> Result<Vec<PathBuf>, WriteError> {
    let writer = writer(path)?;
    match (writer.segments, writer.segmentation) {
        (Some(write), _) => write(path, segments, options),
        (None, Some(write)) => write(path, &segments.content).map(|()| vec![path.into()]),
        (None, None) => Err(WriteError::refused(
            path,
            "this format holds an image, no labels: name a .dcm file for segments of a DICOM series",
        )),
    }
}

pub(crate) fn writer(path: &Path) -> Result<&'static Writer, WriteError> {
    let format = Format::written_as(path).ok_or_else(|| {
        let endings: Vec<&str> = FORMATS.iter().flat_map(|format| format.entry().write.endings).copied().collect();
        let reason = format!("its name ends in no format that is written: {}, or a folder", endings.join(", "));
        WriteError::refused(path, reason)
    })?;
    Ok(&format.entry().write)
}

fn without_names(path: &Path) -> WriteError {
    WriteError::refused(path, "this format holds no labels without names")
}

#[cfg(test)]
mod tests;
