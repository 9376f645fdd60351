//! Reads DICOM SEG: the segments, their frames, and the frames' positions.

use std::path::Path;
use std::sync::Arc;

use dicom_dictionary_std::{tags, uids};
use dicom_object::InMemDicomObject;

use super::{color, content, place, values};
use crate::dicom::file::DicomFile;
use crate::dicom::frames::Frames;
use crate::dicom::pixel::Format;
use crate::dicom::plane::{FrameView, Instance, Plane, planes};
use crate::dicom::series::Series;
use crate::dicom::value::Values;
use crate::dicom::{damaged, unsupported};
use crate::{ReadError, Segment, Segments};

/// Code of a label map's background.
const BACKGROUND: &str = "125040";

/// Meaning of the samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// One segment per frame: 1 inside, 0 outside.
    Binary,
    /// One segment per frame: at least half of this value is inside.
    Fractional(u32),
    /// Segment numbers.
    LabelMap,
}

/// One frame.
#[derive(Clone, Debug)]
pub(super) struct SegFrame {
    pub plane: Plane,
    /// Index of its segment; `None` in a label map.
    pub segment: Option<usize>,
    /// Instances and frames (from 0) that the frame was drawn on.
    pub references: Vec<(String, usize)>,
}

/// An opened object, without its samples.
pub(super) struct Object<'a> {
    pub path: &'a Path,
    pub format: Format,
    pub kind: Kind,
    pub segments: Vec<Segment>,
    pub frames: Vec<SegFrame>,
    pub samples: Frames<'a>,
    /// Bytes on disk.
    pub bytes: u64,
}

/// Whether a file is a segmentation object that [`read_segments`] reads.
///
/// # Errors
/// [`ReadError`] where the file cannot be read.
pub fn is_segments(path: &Path) -> Result<bool, ReadError> {
    Ok(DicomFile::open(path)?.is_some_and(|file| is_segmentation(&file)))
}

/// UIDs of the image series that a segmentation object was drawn on, as far as it states them.
///
/// # Errors
/// [`ReadError`] where the file is not a segmentation object.
pub fn referenced_series(path: &Path) -> Result<Vec<String>, ReadError> {
    let file = open(path)?;
    let items = file.header.items(tags::REFERENCED_SERIES_SEQUENCE);
    Ok(items.iter().filter_map(|item| item.text(tags::SERIES_INSTANCE_UID)).collect())
}

/// How many slices the series has that a segmentation object was drawn on, where it lists them.
///
/// # Errors
/// [`ReadError`] where the file is not a segmentation object.
pub fn source_slices(path: &Path) -> Result<Option<usize>, ReadError> {
    let file = open(path)?;
    let [series] = file.header.items(tags::REFERENCED_SERIES_SEQUENCE) else { return Ok(None) };
    // One instance may hold all slices.
    Ok(Some(series.items(tags::REFERENCED_INSTANCE_SEQUENCE).len()).filter(|count| *count > 1))
}

/// Reads a segmentation object: a label map where no voxel lies in two segments, else one mask per segment. Missing frames are
/// background; a voxel of at least half of the largest value is inside a fractional segment.
///
/// The grid is that of `source`, with frames matched by position or, without one, by reference; without `source` it is
/// the grid that the frames span. Segments have the values that [`super::write_segments`] states, else their numbers.
///
/// # Errors
/// [`ReadError`] with the file's name: frames that lie on another grid than `source`, two frames of a segment at one place,
/// values that no segment describes.
pub fn read_segments(path: &Path, source: Option<&Series>) -> Result<Segments, ReadError> {
    let file = open(path)?;
    let object = object(path, &file)?;
    let grid = match source {
        Some(series) => place::on_source(&object, &series.grid, &file),
        None => place::own_grid(&object, &file),
    };
    let grid = grid.map_err(|reason| unsupported(path, reason))?;
    let content = content::content(&object, grid)?;
    Ok(Segments { segments: object.segments, content })
}

fn is_segmentation(file: &DicomFile) -> bool {
    let class = file.header.text(tags::SOP_CLASS_UID).unwrap_or_default();
    [uids::SEGMENTATION_STORAGE, uids::LABEL_MAP_SEGMENTATION_STORAGE].contains(&class.as_str())
}

fn open(path: &Path) -> Result<DicomFile, ReadError> {
    let file = DicomFile::open(path)?.ok_or_else(|| unsupported(path, "is not a DICOM file"))?;
    if is_segmentation(&file) { Ok(file) } else { Err(unsupported(path, "is not a DICOM segmentation object (SEG)")) }
}

fn object<'a>(path: &'a Path, file: &'a DicomFile) -> Result<Object<'a>, ReadError> {
    let broken = |reason: String| damaged(path, reason);
    let format = Format::of(&file.header).map_err(broken)?;
    let kind = kind(&file.header).map_err(|reason| unsupported(path, reason))?;
    let segments = segments(&file.header, kind).map_err(broken)?;
    if let Some(what) = unread(&file.header) {
        return Err(unsupported(path, what));
    }
    let planes = planes(file, &Arc::new(Instance::of(file))).map_err(broken)?;
    let samples = Frames::new(file, format.layout, planes.len()).map_err(|reason| unsupported(path, reason))?;
    let frames = planes.into_iter().map(|plane| frame(&file.header, plane, kind, &segments));
    let frames = frames.collect::<Result<Vec<_>, _>>().map_err(broken)?;
    let mut segments = segments;
    // Frames name segments by number, and the samples of a label map are numbers.
    if kind != Kind::LabelMap {
        values::restore(&file.header, &mut segments);
    }
    Ok(Object { path, format, kind, segments, frames, samples, bytes: file.bytes })
}

/// What an object is whose frames are no slices of a patient.
fn unread(header: &InMemDicomObject) -> Option<&'static str> {
    let tiled = header.text(tags::DIMENSION_ORGANIZATION_TYPE).is_some_and(|kind| kind.starts_with("TILED"));
    if tiled || header.get(tags::TOTAL_PIXEL_MATRIX_COLUMNS).is_some() {
        return Some(
            "is a segmentation of a microscopy slide (tiles), which is not read; export it as a picture (PNG, TIFF)",
        );
    }
    let frames = header.count(tags::NUMBER_OF_FRAMES).ok().flatten().unwrap_or(1);
    let groups = header.items(tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE).is_empty();
    (groups && frames > 1)
        .then_some("is a segmentation that does not say what each of its frames shows (no functional groups)")
}

fn kind(header: &InMemDicomObject) -> Result<Kind, String> {
    let kind = header.text(tags::SEGMENTATION_TYPE).unwrap_or_default();
    match kind.as_str() {
        "BINARY" => Ok(Kind::Binary),
        "LABELMAP" => Ok(Kind::LabelMap),
        "FRACTIONAL" => {
            let largest = header.count(tags::MAXIMUM_FRACTIONAL_VALUE)?.unwrap_or(255);
            if largest == 0 { Err("MaximumFractionalValue is 0".into()) } else { Ok(Kind::Fractional(largest as u32)) }
        }
        other => Err(format!("SegmentationType is `{other}`; BINARY, FRACTIONAL and LABELMAP are read")),
    }
}

/// The described segments in the order of the file, without the background of a label map.
fn segments(header: &InMemDicomObject, kind: Kind) -> Result<Vec<Segment>, String> {
    let mut segments: Vec<Segment> = Vec::new();
    for item in header.items(tags::SEGMENT_SEQUENCE) {
        let number = item.required_count(tags::SEGMENT_NUMBER)?;
        let property = item.items(tags::SEGMENTED_PROPERTY_TYPE_CODE_SEQUENCE).first();
        let background = property.and_then(|code| code.text(tags::CODE_VALUE)).as_deref() == Some(BACKGROUND);
        if kind == Kind::LabelMap && (number == 0 || background) {
            continue;
        }
        let value = u16::try_from(number).ok().filter(|&value| value != 0);
        let value = value.ok_or_else(|| format!("a segment has the number {number}; 1 to 65535 are read"))?;
        if segments.iter().any(|segment| segment.value == value) {
            return Err(format!("two segments have the number {value}"));
        }
        let name = item.text(tags::SEGMENT_LABEL).unwrap_or_else(|| format!("Segment {value}"));
        let lab: Option<[f64; 3]> = item.vector(tags::RECOMMENDED_DISPLAY_CIE_LAB_VALUE).unwrap_or_default();
        let color = lab.map(|lab| color::rgb(lab.map(|part| part as u16)));
        segments.push(Segment { name, value, color });
    }
    if segments.is_empty() { Err("describes no segment".into()) } else { Ok(segments) }
}

fn frame(header: &InMemDicomObject, plane: Plane, kind: Kind, segments: &[Segment]) -> Result<SegFrame, String> {
    let view = FrameView::new(header, plane.frame);
    let segment = if kind == Kind::LabelMap {
        None
    } else {
        let number = view.number(tags::REFERENCED_SEGMENT_NUMBER)?;
        let index = segments.iter().position(|segment| Some(f64::from(segment.value)) == number);
        let missing = || match number {
            Some(number) => format!("frame {} shows the segment {number}, which is not described", plane.frame + 1),
            None => format!("frame {} names no segment", plane.frame + 1),
        };
        Some(index.ok_or_else(missing)?)
    };
    let sources = view.own().into_iter().flat_map(|own| own.items(tags::DERIVATION_IMAGE_SEQUENCE));
    let images = sources.flat_map(|derivation| derivation.items(tags::SOURCE_IMAGE_SEQUENCE));
    let reference = |image: &InMemDicomObject| {
        let frame = image.count(tags::REFERENCED_FRAME_NUMBER).ok().flatten().unwrap_or(1);
        Some((image.text(tags::REFERENCED_SOP_INSTANCE_UID)?, frame.saturating_sub(1)))
    };
    Ok(SegFrame { plane, segment, references: images.filter_map(reference).collect() })
}
