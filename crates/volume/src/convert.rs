//! From one format to another, with the grid and every voxel kept; what the target cannot hold is refused.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::dicom::{self, Choice, Modality, SegmentationHeader, Series, SeriesHeader};
use super::surface::{
    CoordinateSystem, Extraction, ReadOptions, Surface, extract_segments, read_surface, voxelise, write_glb, write_obj,
    write_ply, write_stl,
};
use super::{
    Format, LabelMap, ReadError, Segment, Segmentation, Segments, Volume, WriteError, format::says_labels, nifti, nrrd,
    read_geometry, read_header, read_segments, read_volume,
};

/// Types whose numbers a float of 32 bits may not hold.
const WIDE: [&str; 5] = ["int32", "uint32", "int64", "uint64", "float64"];

/// Whole numbers that a float of 32 bits holds exactly, up to here.
const EXACT: f32 = 16_777_216.0;

/// What to convert to, told by the name of the target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// `.nii`, `.nii.gz`
    Nifti,
    /// `.nrrd`
    Nrrd,
    /// `.seg.nrrd`
    NrrdSegments,
    /// `.dcm`: a DICOM segmentation object.
    DicomSegments,
    /// A folder: a DICOM series.
    DicomSeries,
    /// `.stl`, `.obj`, `.ply`: a surface per structure.
    Surface,
    /// `.glb`: all surfaces, with names and colours.
    Scene,
}

/// What the names of files do not say.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Which DICOM series is read.
    pub choice: Choice,
    /// The values are labels, also where the format does not say so.
    pub labels: bool,
    /// The image that surfaces are put on, or the DICOM series that segments belong to.
    pub on: Option<PathBuf>,
    /// Keep the steps of the voxels on surfaces.
    pub blocky: bool,
    /// Coordinate system of surfaces read, where the file does not say it; of surfaces written, LPS unless named.
    pub coordinates: Option<CoordinateSystem>,
    /// Modality of a written series.
    pub modality: Option<Modality>,
}

/// Why a conversion failed.
#[derive(Debug, thiserror::Error)]
pub enum ConvertError {
    /// The source.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The target.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// The two do not go together.
    #[error("{path}: {reason}")]
    Refused {
        /// The file in question.
        path: PathBuf,
        /// Why, and what to do.
        reason: String,
    },
}

impl Target {
    /// The format that a name asks for.
    pub fn of(path: &Path) -> Option<Self> {
        let name = path.file_name()?.to_string_lossy().to_ascii_lowercase();
        let ends = |endings: &[&str]| endings.iter().any(|ending| name.ends_with(ending));
        Some(match () {
            () if ends(&[".nii", ".nii.gz"]) => Self::Nifti,
            () if ends(&[".seg.nrrd"]) => Self::NrrdSegments,
            () if ends(&[".nrrd"]) => Self::Nrrd,
            () if ends(&[".dcm"]) => Self::DicomSegments,
            () if ends(&[".stl", ".obj", ".ply"]) => Self::Surface,
            () if ends(&[".glb"]) => Self::Scene,
            () if !name.contains('.') => Self::DicomSeries,
            () => return None,
        })
    }
}

/// Converts a file, or a folder of DICOM slices. Returns the files written.
///
/// # Errors
/// [`ConvertError`], naming the file and the remedy.
pub fn convert(source: &Path, target: &Path, options: &Options) -> Result<Vec<PathBuf>, ConvertError> {
    let refused = |path: &Path, reason: &str| ConvertError::Refused { path: path.into(), reason: reason.into() };
    let Some(kind) = Target::of(target) else {
        let known = "the name ends in no format that is written: .nii, .nii.gz, .nrrd, .seg.nrrd, .dcm, .stl, .obj, .ply, .glb, or a folder";
        return Err(refused(target, known));
    };
    let format = Format::of(source)?;
    let wants_labels = !matches!(kind, Target::Nifti | Target::Nrrd | Target::DicomSeries);
    let has_labels = options.labels || says_labels(source)?;
    match wants_labels || has_labels {
        true if kind == Target::DicomSeries => {
            Err(refused(target, "a DICOM series holds an image; name a .dcm file for labels"))
        }
        true => from_labels(&labels(source, format, options)?, target, kind, options),
        false => from_image(source, format, target, kind, options),
    }
}

fn from_image(
    source: &Path,
    format: Format,
    target: &Path,
    kind: Target,
    options: &Options,
) -> Result<Vec<PathBuf>, ConvertError> {
    let volume = match format {
        Format::DicomImage => dicom::read_series(source, &options.choice)?,
        _ => exact(source)?,
    };
    match kind {
        Target::Nifti => nifti::write_volume(target, &volume)?,
        Target::Nrrd => nrrd::write_volume(target, &volume)?,
        _ => {
            let name = source.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let header = SeriesHeader {
                modality: options.modality.unwrap_or(Modality::Other),
                description: name.clone(),
                patient: name,
                series_number: 1,
                created: SystemTime::now(),
            };
            return Ok(dicom::write_series(target, &volume, &header)?);
        }
    }
    Ok(vec![target.into()])
}

/// An image whose numbers all come through; memory holds 32-bit floats.
fn exact(source: &Path) -> Result<Volume, ConvertError> {
    let value_type = read_header(source)?.value_type;
    let volume = read_volume(source)?;
    let whole = value_type != "float64" && volume.voxels.iter().all(|value| value.abs() < EXACT);
    if WIDE.contains(&value_type) && !whole {
        let reason = format!("holds {value_type}, of which 32-bit floats keep seven digits: values would change");
        return Err(ConvertError::Refused { path: source.into(), reason });
    }
    Ok(volume)
}

/// Labels of any source, with names where it has them.
fn labels(source: &Path, format: Format, options: &Options) -> Result<Segments, ConvertError> {
    let refused = |reason: String| ConvertError::Refused { path: source.into(), reason };
    if format == Format::DicomImage {
        return Err(refused("is an image series, expected labels".into()));
    }
    if let (Format::DicomSegments, Some(series)) = (format, &options.on) {
        // With the frames that the object leaves out.
        let series = Series::open(series, &options.choice)?;
        return Ok(dicom::read_segments(&dicom::only_segments(source)?, Some(&series))?);
    }
    if format != Format::Surface {
        return Ok(read_segments(source)?);
    }
    let Some(image) = &options.on else {
        return Err(refused("is a surface: name the image whose grid it is put on (--on IMAGE)".into()));
    };
    let geometry = match Format::of(image)? {
        Format::DicomImage => Series::open(image, &options.choice)?.geometry().clone(),
        _ => read_geometry(image)?,
    };
    let file = read_surface(source, &ReadOptions { coordinates: options.coordinates, ..ReadOptions::default() })?;
    let mask = voxelise(&file.surface, &geometry).map_err(|error| refused(error.to_string()))?.mask;
    let name = source.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let content = Segmentation::Labels(LabelMap { voxels: mask.mapv(u16::from), geometry });
    Ok(Segments { segments: vec![Segment { name, value: 1, color: None }], content })
}

fn from_labels(
    segments: &Segments,
    target: &Path,
    kind: Target,
    options: &Options,
) -> Result<Vec<PathBuf>, ConvertError> {
    let refused = |reason: &str| ConvertError::Refused { path: target.into(), reason: reason.into() };
    match kind {
        Target::Nifti => nifti::write_segmentation(target, &segments.content)?,
        Target::Nrrd => match &segments.content {
            Segmentation::Labels(labels) => nrrd::write_label_map(target, labels)?,
            Segmentation::Masks { masks, geometry } => {
                nrrd::write_volume(target, &Volume { voxels: masks.mapv(f32::from), geometry: geometry.clone() })?;
            }
        },
        Target::NrrdSegments => nrrd::write_segments(target, segments)?,
        Target::DicomSegments => {
            let series = options
                .on
                .as_ref()
                .ok_or_else(|| refused("segments belong to a DICOM series: name it (--on FOLDER)"))?;
            let series = Series::open(series, &options.choice)?;
            dicom::write_segments(target, segments, &series, &SegmentationHeader::default())?;
        }
        _ => return surfaces(segments, target, kind, options),
    }
    Ok(vec![target.into()])
}

/// Surface files: `bones.stl` for one structure, `bones-femur.stl` and so on for several.
fn surfaces(segments: &Segments, target: &Path, kind: Target, options: &Options) -> Result<Vec<PathBuf>, ConvertError> {
    let mut extraction = Extraction::default();
    if options.blocky {
        extraction.smoothing = None;
    }
    let refused = |reason: String| ConvertError::Refused { path: target.into(), reason };
    let surfaces = extract_segments(segments, &extraction).map_err(|error| refused(error.to_string()))?;
    if surfaces.is_empty() {
        return Err(refused("there is no voxel to make a surface of".into()));
    }
    if kind == Target::Scene {
        write_glb(target, &surfaces)?;
        return Ok(vec![target.into()]);
    }
    let coordinates = options.coordinates.unwrap_or(CoordinateSystem::Lps);
    let ending = target.extension().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    let write = |path: &Path, surface: &Surface| match ending.as_str() {
        "obj" => write_obj(path, surface, coordinates),
        "ply" => write_ply(path, surface, coordinates),
        _ => write_stl(path, surface, coordinates),
    };
    let mut written = Vec::with_capacity(surfaces.len());
    for named in &surfaces {
        let stem = target.file_stem().unwrap_or_default().to_string_lossy();
        let name = format!("{stem}-{}", file_name(&named.name));
        let numbered = (2..).map(|number| format!("{name}-{number}"));
        let mut paths =
            std::iter::once(name.clone()).chain(numbered).map(|name| target.with_file_name(format!("{name}.{ending}")));
        let path = match surfaces.len() {
            1 => target.to_path_buf(),
            // Two names may differ in nothing that a file name can hold.
            _ => paths.find(|path| !written.contains(path)).unwrap_or_default(),
        };
        write(&path, &named.surface)?;
        written.push(path);
    }
    Ok(written)
}

/// A structure's name without what file names must not hold.
fn file_name(name: &str) -> String {
    name.chars().map(|letter| if letter.is_alphanumeric() || "-_. ".contains(letter) { letter } else { '_' }).collect()
}
