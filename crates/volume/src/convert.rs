//! Conversion between formats. Grid and voxels stay as they are; what the target cannot hold is refused.

mod grid;

use std::path::{Path, PathBuf};

use super::dicom::{self, CopyError, SegmentCoding};
pub use super::format::Options;
use super::format::{self, Format};
use super::label_names::{self, LabelName, LabelNames, own};
use super::segments::repeated;
use super::{LabelMap, ReadError, Segment, Segmentation, Segments, Volume, WriteError, colour_table, surface};
pub use grid::on_image;

/// Types with values that 32-bit floats may not hold.
const WIDE: [&str; 5] = ["int32", "uint32", "int64", "uint64", "float64"];

/// More values than this without names are taken for an image unless they are stated to be labels.
const MOST_UNNAMED: usize = 150;

/// Why a conversion failed.
#[derive(Debug, thiserror::Error)]
pub enum ConvertError {
    /// The source cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The target cannot be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// The target cannot hold the source.
    #[error("{path}: {reason}")]
    Refused {
        /// The file in question.
        path: PathBuf,
        /// Why, and what to do.
        reason: String,
    },
    /// A file that is not to be replaced.
    #[error("{}: is there already: choose another target, or replace it with --overwrite", .0.display())]
    Exists(PathBuf),
}

impl ConvertError {
    /// Whether the machine (disk full, permission, memory) is the reason, rather than the data.
    pub fn is_environment(&self) -> bool {
        match self {
            Self::Read(error) => error.is_environment(),
            Self::Write(error) => error.environment,
            Self::Refused { .. } | Self::Exists(_) => false,
        }
    }
}

impl From<CopyError> for ConvertError {
    fn from(error: CopyError) -> Self {
        match error {
            CopyError::Read(error) => Self::Read(error),
            CopyError::Write(error) => Self::Write(error),
        }
    }
}

/// Converts a file, or a folder of DICOM slices, to the format that the target's name asks for. Returns the files written.
///
/// # Errors
/// [`ConvertError`], naming the file and the remedy.
pub fn convert(source: &Path, target: &Path, options: &Options) -> Result<Vec<PathBuf>, ConvertError> {
    let writer = format::writer(target)?;
    let from = Format::of(source)?;
    // What a file beside names are labels; an image has no use for the grid of another one.
    let on_image = (options.on.is_some() || options.resample) && from != Format::DicomImage;
    let named = || on_image && label_names::beside(source).is_some();
    match writer.volume.filter(|_| !options.labels && !from.entry().holds_labels && !named()) {
        Some(write) => image(source, from, target, write, options),
        None => labels(source, from, target, options).map_err(|error| image_as_labels(error, source, target, options)),
    }
}

/// An image in a file that can hold labels only: what it can become instead.
fn image_as_labels(error: ConvertError, source: &Path, target: &Path, options: &Options) -> ConvertError {
    let is_image =
        matches!(&error, ConvertError::Read(error) if error.to_string().contains("labels are whole numbers"));
    let is_object = target.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("dcm"));
    if !is_image || !is_object || options.labels {
        return error;
    }
    let folder = target.with_extension("");
    let reason = format!(
        "a file of DICOM holds labels, and {} is an image: name a folder, such as {}, for a series ({error})",
        source.display(),
        folder.display()
    );
    ConvertError::Refused { path: target.into(), reason }
}

fn image(
    source: &Path,
    from: Format,
    target: &Path,
    write: format::Write<Volume>,
    options: &Options,
) -> Result<Vec<PathBuf>, ConvertError> {
    if let Some(path) = &options.colours {
        let reason = "a colour table names labels, and this is an image: add --labels if its values are labels";
        return Err(ConvertError::Refused { path: path.clone(), reason: reason.into() });
    }
    if options.on.is_some() || options.resample {
        let option = if options.resample { "--resample" } else { "--on" };
        let reason = format!(
            "is taken for an image, and {option} is for labels: add --labels if its values are labels, or --names FILE that names them"
        );
        return Err(ConvertError::Refused { path: source.into(), reason });
    }
    if let (Some(identity), Format::DicomImage, Some(Format::DicomImage)) =
        (&options.anonymous, from, Format::written_as(target))
    {
        return Ok(dicom::anonymise(source, &options.choice, target, identity)?);
    }
    let name = source.file_name().map(|name| name.to_string_lossy().into_owned());
    let volume = exact(source, from, options)?;
    let mut written = write(target, &volume, &Options { name, ..options.clone() })?;
    written.extend(names_of_image(source, target, &volume, options)?);
    Ok(written)
}

fn labels(source: &Path, from: Format, target: &Path, options: &Options) -> Result<Vec<PathBuf>, ConvertError> {
    let (segments, coding) = read(source, from, options)?;
    if from == Format::DicomSegments && options.on.is_none() {
        options.notes.extend(grid::part_of_series(source, &segments));
    }
    write_labels(source, segments, coding, target, options)
}

/// The labels of a file, on the grid of the image that is named, and their coded descriptions.
fn read(source: &Path, from: Format, options: &Options) -> Result<(Segments, Vec<SegmentCoding>), ConvertError> {
    grid::refuse_without_image(source, options)?;
    let how = grid::as_read(from, options);
    let (mut segments, coding) = named(source, from, &how)?;
    if from == Format::Surface && options.anonymous.is_some() {
        forget_file(source, &mut segments);
    }
    match from {
        // They take the grid of the image at once.
        Format::Surface | Format::DicomContours => Ok((segments, coding)),
        Format::DicomSegments if how.on.is_some() => Ok((segments, coding)),
        _ => Ok((on_image(source, segments, options)?, coding)),
    }
}

/// Writes the chosen segments, with coded descriptions in their order (empty: by their names).
///
/// # Errors
/// [`ConvertError`]: a structure that there is not, or a target that cannot hold them.
pub fn write_labels(
    source: &Path,
    segments: Segments,
    coding: Vec<SegmentCoding>,
    target: &Path,
    options: &Options,
) -> Result<Vec<PathBuf>, ConvertError> {
    let write_table = options.colours.as_deref().map(colour_table::writer).transpose()?;
    let described: Vec<(Segment, SegmentCoding)> = segments.segments.iter().cloned().zip(coding).collect();
    let segments = segments.only(&options.structures, source)?;
    let kept = described.into_iter().filter(|(segment, _)| segments.segments.contains(segment));
    let coding = kept.map(|(_, coding)| coding).collect();
    let needs_names = needs_names(target)?;
    if needs_names {
        own::refuse_shared(target, &segments)?;
    }
    options.notes.extend(repeated(source, &segments.segments, "each stays a segment of its own"));
    options.notes.extend(options.anonymous.as_ref().and_then(|_| kept_names(&segments.segments)));
    if options.keep && Format::written_as(target) == Some(Format::Surface) {
        let names: Vec<&str> = segments.segments.iter().map(|segment| segment.name.as_str()).collect();
        if let Some(there) = surface::files_of(target, &names).into_iter().find(|file| file.exists()) {
            return Err(ConvertError::Exists(there));
        }
    }
    let mut written = format::write_segments(target, &segments, &Options { coding, ..options.clone() })?;
    if needs_names {
        written.extend(own::write(target, &segments)?);
    }
    if let (Some(write), Some(path)) = (write_table, &options.colours) {
        write(path, &segments)?;
        written.push(path.clone());
    }
    Ok(written)
}

/// A remark on names of structures that may name a patient: those that are no terms of anatomy.
fn kept_names(segments: &[Segment]) -> Option<String> {
    let is_free = |name: &str| dicom::coding(name).is_none() && !own::says_nothing(name);
    let free: Vec<String> =
        segments.iter().filter(|it| is_free(&it.name)).map(|segment| format!("`{}`", segment.name)).collect();
    (!free.is_empty())
        .then(|| format!("names of structures are kept, make sure that they name no patient: {}", free.join(", ")))
}

/// The labels of a file as [`convert`] takes them: with the names that a file beside it gives, of the chosen structures, each with a colour.
///
/// # Errors
/// [`ConvertError`], naming the file and the remedy.
pub fn read_labels(source: &Path, options: &Options) -> Result<Segments, ConvertError> {
    let from = Format::of(source)?;
    let (segments, _) = read(source, from, options)?;
    Ok(colored(segments.only(&options.structures, source)?))
}

/// Segments without a colour get that of their value.
pub fn colored(mut segments: Segments) -> Segments {
    segments.segments.iter_mut().for_each(|segment| segment.color = Some(colour_table::color(segment)));
    segments
}

/// The segments of a file, with the names that another file gives them, and their coded descriptions (empty: by their names).
fn named(source: &Path, from: Format, options: &Options) -> Result<(Segments, Vec<SegmentCoding>), ConvertError> {
    let beside = || label_names::beside(source).filter(|_| !from.entry().holds_labels);
    let Some(path) = options.names.clone().or_else(beside) else {
        let mut segments = unnamed(source, from, options)?;
        let count = segments.segments.len();
        if count > MOST_UNNAMED && !options.labels {
            let reason = format!(
                "holds {count} different values without names, as an image does; add --labels if they are labels"
            );
            return Err(ConvertError::Refused { path: source.into(), reason });
        }
        if !from.entry().holds_labels {
            options.notes.extend(called_like_its_file(source, &mut segments));
        }
        return Ok((segments, Vec::new()));
    };
    let names = LabelNames::read(&path)?;
    let segments = names.segments(source, options)?;
    let coding = names.coding(&segments.segments);
    Ok((segments, coding))
}

/// Names the only segment after its file, if that is called like a structure: `liver.nii.gz`, `case-7_left_kidney.nii.gz`. Returns a note.
fn called_like_its_file(source: &Path, segments: &mut Segments) -> Option<String> {
    let [only] = segments.segments.as_mut_slice() else { return None };
    let file = source.file_name()?.to_string_lossy().into_owned();
    let name = structure_in(format::stem(&file)?)?;
    only.name = name.to_owned();
    Some(format!("{}: value {} is called `{name}`, like the file", source.display(), only.value))
}

/// The structure at the end of a file's name.
fn structure_in(stem: &str) -> Option<&str> {
    let starts = stem.char_indices().filter(|(_, letter)| "-_. ".contains(*letter)).map(|(at, _)| at + 1);
    std::iter::once(0).chain(starts).map(|at| &stem[at..]).find(|end| dicom::coding(end).is_some())
}

/// A surface is called like its file, whose name may be the patient's: only the structure in it is kept.
fn forget_file(source: &Path, segments: &mut Segments) {
    let stem = source.file_stem().unwrap_or_default().to_string_lossy();
    for segment in segments.segments.iter_mut().filter(|segment| segment.name == stem) {
        segment.name = structure_in(&stem).map_or_else(|| format!("label {}", segment.value), str::to_owned);
    }
}

/// Several channels of 0 and 1 are masks of segments that may overlap.
fn unnamed(source: &Path, from: Format, options: &Options) -> Result<Segments, ConvertError> {
    let read = &from.entry().read;
    if from.entry().holds_labels || (read.header)(source, options)?.channels == 1 {
        return Ok((read.segments)(source, options)?);
    }
    let volume = (read.volume)(source, options)?;
    let segment = |value: u16| Segment { name: format!("label {value}"), value, color: None };
    let segments = (1..=volume.voxels.dim().0 as u16).map(segment).collect();
    let masks = label_names::binary(source, volume.voxels)?;
    Ok(Segments { segments, content: Segmentation::Masks { masks, geometry: volume.geometry } })
}

/// Whether the names of the segments are written into a file beside the target, because its format holds none.
fn needs_names(target: &Path) -> Result<bool, WriteError> {
    Ok(format::writer(target)?.segments.is_none())
}

/// An image that takes the place of labels must not keep their names; a label map that is copied as an image keeps its own.
fn names_of_image(
    source: &Path,
    target: &Path,
    volume: &Volume,
    options: &Options,
) -> Result<Option<PathBuf>, ConvertError> {
    let beside = if volume.voxels.dim().0 == 1 { label_names::beside(source) } else { None };
    let is_label = |value: &f32| *value >= 0.0 && *value <= f32::from(u16::MAX) && value.fract() == 0.0;
    if beside.is_some() && needs_names(target)? && volume.voxels.iter().all(is_label) {
        let voxels = volume.voxels.index_axis(ndarray::Axis(0), 0).mapv(|value| value as u16);
        let map = LabelMap { voxels, geometry: volume.geometry.clone() };
        let known = own::found(source, &label_names::present(&map)).ok().flatten();
        if let Some((_, names, None)) = known.filter(|(_, names, _)| !names.overlapping && names.regions.is_empty()) {
            let segment = |label: LabelName| Segment { name: label.name, value: label.number, color: label.color };
            let segments = names.labels.into_iter().map(segment).collect();
            return Ok(own::write(target, &Segments { segments, content: Segmentation::Labels(map) })?);
        }
    }
    let gone = own::remove(target)
        .map(|path| format!("{}: removed, because it named the values that {} had", path.display(), target.display()));
    options.notes.extend(gone);
    Ok(None)
}

/// Reads an image and refuses it if 32-bit floats, which hold it in memory, would change its values.
fn exact(source: &Path, format: Format, options: &Options) -> Result<Volume, ConvertError> {
    let read = &format.entry().read;
    let volume = (read.volume)(source, options)?;
    if let Some(check) = read.exact {
        // Narrower types fit, whatever they hold; only the values of wide ones are worth a second look.
        if WIDE.contains(&(read.header)(source, options)?.value_type) {
            check(source, options)?;
        }
    }
    Ok(volume)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read_volume;

    #[test]
    fn a_mask_called_like_a_structure_has_its_name() {
        for (file, name) in [
            ("liver.nii.gz", Some("liver")),
            ("case-7_left_kidney.nii.gz", Some("left_kidney")),
            ("p1-spleen.nrrd", Some("spleen")),
            ("scan.nii.gz", None),
            ("label.nii.gz", None),
        ] {
            let segment = Segment { name: "label 1".into(), value: 1, color: None };
            let geometry = crate::Geometry::axis_aligned([1; 3], [1.0; 3]);
            let content = Segmentation::Labels(LabelMap { voxels: ndarray::Array3::ones([1; 3]), geometry });
            let mut segments = Segments { segments: vec![segment], content };
            let note = called_like_its_file(Path::new(file), &mut segments);
            assert_eq!(note.is_some(), name.is_some(), "{file}");
            assert_eq!(segments.segments[0].name, name.unwrap_or("label 1"), "{file}");
        }
    }

    /// Values in files of 64-bit floats and whole numbers, and whether 32-bit floats hold them.
    #[test]
    fn values_decide_what_is_converted_not_their_type() {
        let folder = tempfile::tempdir().unwrap();
        let (source, target) = (folder.path().join("a.nrrd"), folder.path().join("a.nii"));
        for (kind, values, fits) in [
            ("double", ["0", "0.5", "-1024.25"], true),
            ("double", ["1e30", "0", "0"], false),
            ("double", ["0.1", "0", "0"], false),
            ("int", ["16777216", "16777218", "-33554432"], true),
            ("int", ["0", "16777217", "0"], false),
            ("int64", ["4294967296", "1", "-7"], true),
            ("uint64", ["9007199254740993", "0", "0"], false),
        ] {
            let text = format!(
                "NRRD0004\ntype: {kind}\ndimension: 3\nsizes: 3 1 1\nencoding: ascii\n\n{}\n",
                values.join(" ")
            );
            std::fs::write(&source, text).unwrap();
            let result = convert(&source, &target, &Options::default());
            assert_eq!(result.is_ok(), fits, "{kind} {values:?}: {result:?}");
            match result {
                Ok(_) => {
                    let written: Vec<f32> = read_volume(&target).unwrap().voxels.into_iter().collect();
                    assert_eq!(written, values.map(|value| value.parse::<f32>().unwrap()), "{kind}");
                }
                Err(error) => assert!(error.to_string().contains("voxel [0, 0, "), "{error}"),
            }
        }
    }
}
