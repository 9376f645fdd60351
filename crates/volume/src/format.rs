//! Which format a file is in, and reading it whatever it is. Content decides, not the name: hospital files have none, or a wrong
//! one.

use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::dicom::{self, Choice, Content, Series};
use super::raster::{self, MaskForm};
use super::stored::unsupported;
use super::{Geometry, Header, LabelMap, ReadError, Segment, Segmentation, Segments, Volume, nifti, nrrd};

/// A format of image files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// NIfTI-1 and -2, compressed or not, and the pairs of `.hdr` and `.img`.
    Nifti,
    /// NRRD, with its data in the same file or others.
    Nrrd,
    /// A DICOM series: a folder of slices, or one file.
    DicomImage,
    /// A DICOM segmentation object.
    DicomSegments,
    /// PNG or TIFF.
    Picture,
    /// A triangle surface: STL, OBJ, PLY.
    Surface,
}

/// Beginnings of files, and what they are.
const MAGIC: [(&[u8], Format); 5] = [
    (b"NRRD000", Format::Nrrd),
    (b"\x89PNG\r\n\x1a\n", Format::Picture),
    (b"II*\0", Format::Picture),
    (b"MM\0*", Format::Picture),
    (b"ply", Format::Surface),
];

/// Sizes that a NIfTI header states about itself.
const NIFTI_SIZES: [u32; 2] = [348, 540];

/// Beginning of a gzip file: of those, only NIfTI is read.
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// Endings of the names of image and label files, longer ones first.
pub const ENDINGS: [&str; 10] =
    [".seg.nrrd", ".nii.gz", ".nii", ".nrrd", ".nhdr", ".hdr", ".png", ".tiff", ".tif", ".dcm"];

/// A file's name without the ending of an image or label file; `None` for another file.
pub fn stem(name: &str) -> Option<&str> {
    let ending = ENDINGS.iter().find(|ending| name.to_ascii_lowercase().ends_with(*ending))?;
    name.get(..name.len() - ending.len()).filter(|stem| !stem.is_empty())
}

/// Bytes that tell formats apart.
const BEGINNING: u64 = 16;

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Nifti => "NIfTI",
            Self::Nrrd => "NRRD",
            Self::DicomImage => "DICOM",
            Self::DicomSegments => "DICOM SEG",
            Self::Picture => "picture",
            Self::Surface => "surface",
        })
    }
}

impl Format {
    /// Finds out the format of a file, or of what a folder holds.
    ///
    /// # Errors
    /// [`ReadError`] where the path cannot be opened or is in no known format.
    pub fn of(path: &Path) -> Result<Self, ReadError> {
        let failed = |source| ReadError::Open { path: path.into(), source };
        if std::fs::metadata(path).map_err(failed)?.is_dir() {
            return of_folder(path);
        }
        let mut beginning = Vec::new();
        File::open(path).and_then(|file| file.take(BEGINNING).read_to_end(&mut beginning)).map_err(failed)?;
        let by_magic = MAGIC.iter().find(|(magic, _)| beginning.starts_with(magic)).map(|(_, format)| *format);
        if let Some(format) = by_magic {
            return Ok(format);
        }
        let size = beginning.first_chunk().map(|bytes| [u32::from_le_bytes(*bytes), u32::from_be_bytes(*bytes)]);
        let is_nifti = size.is_some_and(|sizes| sizes.iter().any(|size| NIFTI_SIZES.contains(size)));
        let name = path.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
        let named = |endings: &[&str]| endings.iter().any(|ending| name.ends_with(ending));
        if is_nifti || beginning.starts_with(&GZIP) || named(&[".nii", ".nii.gz", ".hdr", ".img", ".img.gz"]) {
            return Ok(Self::Nifti);
        }
        if named(&[".stl", ".obj"]) {
            return Ok(Self::Surface);
        }
        match dicom::content_of(path)? {
            Some(Content::Segmentation) => Ok(Self::DicomSegments),
            Some(_) => Ok(Self::DicomImage),
            None => Err(unsupported(path, "is in no known format: NIfTI, NRRD, DICOM, PNG, TIFF, STL, OBJ or PLY")),
        }
    }
}

fn of_folder(path: &Path) -> Result<Format, ReadError> {
    let found = dicom::scan(path)?;
    let holds = |content| found.series.iter().any(|series| series.content == content);
    match (holds(Content::Image), holds(Content::Segmentation)) {
        (false, true) => Ok(Format::DicomSegments),
        (false, false) if found.damaged.is_empty() => {
            Err(unsupported(path, "is a folder without a DICOM image; name a file in it"))
        }
        _ => Ok(Format::DicomImage),
    }
}

/// Reads an image of any supported format.
///
/// # Errors
/// [`ReadError`] with the file's name.
pub fn read_volume(path: &Path) -> Result<Volume, ReadError> {
    match Format::of(path)? {
        Format::Nifti => nifti::read_volume(path),
        Format::Nrrd => nrrd::read_volume(path),
        Format::Picture => raster::read_volume(path),
        Format::DicomImage => dicom::read_series(path, &Choice::default()),
        Format::DicomSegments => Err(unsupported(path, "holds segments (DICOM SEG), no image")),
        Format::Surface => Err(no_grid(path)),
    }
}

/// Reads grid, channels and type of values of an image of any supported format.
///
/// # Errors
/// [`ReadError`] with the file's name.
pub fn read_header(path: &Path) -> Result<Header, ReadError> {
    match Format::of(path)? {
        Format::Nifti => nifti::read_header(path),
        Format::Nrrd => nrrd::read_header(path),
        Format::Picture => raster::read_header(path),
        Format::DicomImage => Ok(Series::open(path, &Choice::default())?.header()),
        Format::DicomSegments => {
            let geometry = read_segments(path)?.geometry().clone();
            Ok(Header { geometry, channels: 1, value_type: "uint8", oriented: true, warnings: Vec::new() })
        }
        Format::Surface => Err(no_grid(path)),
    }
}

/// Reads a label image of any supported format.
///
/// # Errors
/// [`ReadError`] with the file's name; values that are negative, fractional or above 65535 are refused, and segments that
/// overlap.
pub fn read_label_map(path: &Path) -> Result<LabelMap, ReadError> {
    match Format::of(path)? {
        Format::Nifti => nifti::read_label_map(path),
        Format::Nrrd => nrrd::read_label_map(path),
        Format::Picture => raster::read_label_map(path, &MaskForm::Values),
        Format::DicomSegments => match read_segments(path)?.content {
            Segmentation::Labels(labels) => Ok(labels),
            Segmentation::Masks { .. } => {
                Err(unsupported(path, "holds segments that overlap: no single label map has them"))
            }
        },
        Format::DicomImage => Err(unsupported(path, "is an image series, expected labels (DICOM SEG)")),
        Format::Surface => Err(no_grid(path)),
    }
}

/// Reads segments with their names. Formats without names give every value that occurs the name `label N`.
///
/// # Errors
/// As [`read_label_map`], but for overlaps.
pub fn read_segments(path: &Path) -> Result<Segments, ReadError> {
    match Format::of(path)? {
        Format::Nrrd if nrrd::names_segments(path)? => nrrd::read_segments(path),
        Format::DicomSegments => dicom::read_segments(&dicom::only_segments(path)?, None),
        _ => Ok(unnamed(read_label_map(path)?)),
    }
}

fn unnamed(labels: LabelMap) -> Segments {
    let mut present = vec![false; usize::from(u16::MAX) + 1];
    labels.voxels.iter().for_each(|&value| present[usize::from(value)] = true);
    let values = (1..=u16::MAX).filter(|&value| present[usize::from(value)]);
    let segment = |value| Segment { name: format!("label {value}"), value, color: None };
    Segments { segments: values.map(segment).collect(), content: Segmentation::Labels(labels) }
}

fn no_grid(path: &Path) -> ReadError {
    unsupported(path, "is a surface: it has no voxels until it is put on the grid of an image")
}

/// Whether a file says by itself that it holds labels: it names them, or is a surface.
///
/// # Errors
/// [`ReadError`] with the file's name.
pub fn says_labels(path: &Path) -> Result<bool, ReadError> {
    Ok(match Format::of(path)? {
        Format::DicomSegments | Format::Surface => true,
        Format::Nrrd => {
            path.to_string_lossy().to_ascii_lowercase().ends_with(".seg.nrrd") || nrrd::names_segments(path)?
        }
        Format::Nifti | Format::DicomImage | Format::Picture => false,
    })
}

/// The grid of an image, of any supported format.
///
/// # Errors
/// [`ReadError`] with the file's name.
pub fn read_geometry(path: &Path) -> Result<Geometry, ReadError> {
    Ok(read_header(path)?.geometry)
}
