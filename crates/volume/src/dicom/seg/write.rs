//! Writes DICOM SEG: binary, one frame per segment and slice that is not empty, with references to the source images.

use std::collections::HashSet;
use std::path::Path;

use dicom_core::Tag;
use dicom_dictionary_std::{tags, uids};
use ndarray::{ArrayView2, Axis};

use super::coding::{Code, SegmentCoding, SegmentationHeader};
use super::source::Origin;
use super::{color, values};
use crate::dicom::anonymise::Anonymous;
use crate::dicom::series::Series;
use crate::dicom::write::Frame as Place;
use crate::dicom::write::build::{DataSet, NATIVE, date_and_time, uid};
use crate::{Segmentation, Segments, WriteError};

/// Largest distance between corresponding corners of segmentation and series, as a fraction of a voxel.
const SAME_GRID: f64 = 0.01;
/// Writes segments as a binary segmentation object of the series that they were drawn on.
///
/// The segments lie on the series' grid, or on that grid in canonical orientation. Segment numbers are 1, 2, … in the order of the
/// segments, as the standard requires; other label values are stated in the descriptions of the segments.
///
/// # Errors
/// [`WriteError`] with the file's name: another grid, labels that no segment names, no segment.
pub fn write_segments(
    path: &Path,
    segments: &Segments,
    source: &Series,
    header: &SegmentationHeader,
) -> Result<(), WriteError> {
    write(path, segments, source, header, None)
}

/// As [`write_segments`], without what identifies the patient: the object belongs to the copy of the series that
/// [`crate::dicom::anonymise`] makes with the same secret, or to the series if that is such a copy.
///
/// # Errors
/// As [`write_segments`].
pub fn write_anonymous_segments(
    path: &Path,
    segments: &Segments,
    source: &Series,
    header: &SegmentationHeader,
    identity: &Anonymous,
) -> Result<(), WriteError> {
    write(path, segments, source, header, Some(identity))
}

fn write(
    path: &Path,
    segments: &Segments,
    source: &Series,
    header: &SegmentationHeader,
    identity: Option<&Anonymous>,
) -> Result<(), WriteError> {
    let failed = |reason: String| WriteError { path: path.into(), reason, environment: false };
    let content = on_grid(segments, source).map_err(failed)?;
    check(segments, &content).map_err(failed)?;
    let origin = source.first().map_err(|error| failed(error.to_string()))?;
    let frames = frames(segments, &content);
    let origin = Origin::new(&origin.header, identity);
    let object = Object { segments, source, header, frames: &frames, origin };
    object.data_set(packed(segments, &content, &frames)).write(path, NATIVE)
}

/// The content in the order of the series' voxels: axes may be permuted and flipped, but nothing is resampled.
fn on_grid(segments: &Segments, source: &Series) -> Result<Segmentation, String> {
    let (own, wanted) = (segments.geometry(), source.geometry());
    let Err(difference) = own.same_grid(wanted, SAME_GRID) else { return Ok(segments.content.clone()) };
    if own.to_canonical().same_grid(&wanted.to_canonical(), SAME_GRID).is_ok() {
        return Ok(Segmentation::from_canonical(&segments.content.to_canonical(), wanted));
    }
    Err(format!("the segments lie on another grid than the series: {difference}; resample them"))
}

fn check(segments: &Segments, content: &Segmentation) -> Result<(), String> {
    let count = segments.segments.len();
    if count == 0 || count > usize::from(u16::MAX) {
        return Err(format!("a segmentation object has 1 to 65535 segments, not {count}"));
    }
    match content {
        Segmentation::Masks { masks, .. } if masks.dim().0 != count => {
            Err(format!("{count} segments are named and {} masks given", masks.dim().0))
        }
        Segmentation::Masks { .. } => Ok(()),
        Segmentation::Labels(labels) => {
            let named = |value: u16| value == 0 || segments.segments.iter().any(|segment| segment.value == value);
            // Neighbours mostly share their value: it is looked up only when it changes.
            let (mut last, mut voxels) = (0, labels.voxels.iter());
            match voxels.find(|&&value| value != std::mem::replace(&mut last, value) && !named(value)) {
                Some(value) => Err(format!("the label {value} has no name among the segments")),
                None => Ok(()),
            }
        }
    }
}

/// A frame: the index of its segment, and its slice.
type Frame = (usize, usize);

/// Segments and slices that are not empty; a single empty frame where all are, because an object needs at least one.
fn frames(segments: &Segments, content: &Segmentation) -> Vec<Frame> {
    let depth = content.geometry().shape[0];
    let count = segments.segments.len();
    let holds: Vec<Vec<bool>> = (0..depth).map(|slice| present(segments, content, slice)).collect();
    let all = (0..count).flat_map(|segment| (0..depth).map(move |slice| (segment, slice)));
    let frames: Vec<Frame> = all.filter(|&(segment, slice)| holds[slice][segment]).collect();
    if frames.is_empty() { vec![(0, 0)] } else { frames }
}

/// Which segments one slice holds.
fn present(segments: &Segments, content: &Segmentation, slice: usize) -> Vec<bool> {
    match content {
        Segmentation::Labels(labels) => {
            let values: HashSet<u16> = labels.voxels.index_axis(Axis(0), slice).iter().copied().collect();
            segments.segments.iter().map(|segment| values.contains(&segment.value)).collect()
        }
        Segmentation::Masks { masks, .. } => {
            masks.index_axis(Axis(1), slice).outer_iter().map(|plane| plane.iter().any(|&inside| inside != 0)).collect()
        }
    }
}

/// Passes on whether each voxel of a frame is inside, row by row.
fn with_plane(
    segments: &Segments,
    content: &Segmentation,
    (segment, slice): Frame,
    read: impl FnOnce(&mut dyn Iterator<Item = bool>),
) {
    match content {
        Segmentation::Labels(labels) => {
            let value = segments.segments[segment].value;
            let plane: ArrayView2<u16> = labels.voxels.index_axis(Axis(0), slice);
            read(&mut plane.iter().map(|&label| label == value))
        }
        Segmentation::Masks { masks, .. } => {
            let plane = masks.index_axis(Axis(0), segment);
            read(&mut plane.index_axis(Axis(0), slice).iter().map(|&inside| inside != 0))
        }
    }
}

/// The bits of all frames, one after the other, lowest first.
fn packed(segments: &Segments, content: &Segmentation, frames: &[Frame]) -> Vec<u8> {
    let [_, rows, columns] = content.geometry().shape;
    let bits = frames.len() * rows * columns;
    let mut bytes = vec![0_u8; bits.div_ceil(8).next_multiple_of(2)];
    for (index, &frame) in frames.iter().enumerate() {
        let start = index * rows * columns;
        with_plane(segments, content, frame, |plane| {
            for (bit, _) in plane.enumerate().filter(|&(_, inside)| inside) {
                bytes[(start + bit) / 8] |= 1 << ((start + bit) % 8);
            }
        });
    }
    bytes
}

struct Object<'a> {
    segments: &'a Segments,
    source: &'a Series,
    header: &'a SegmentationHeader,
    frames: &'a [Frame],
    origin: Origin<'a>,
}

impl Object<'_> {
    fn data_set(&self, pixels: Vec<u8>) -> DataSet {
        // Without the source's path: the same content has the same UID in every folder.
        let source = self.source.summary();
        let origin = (&source.uid, &source.description, &source.stack, source.shape);
        let state = format!("{:?} {:?} {origin:?}", self.header, self.segments.segments);
        let series = self.origin.stated(&uid(&[b"segmentation", &pixels, state.as_bytes()]));
        let [_, rows, columns] = self.source.geometry().shape;
        let set = self.general(&series);
        let set = self.dimensions(set, &uid(&[b"dimensions", series.as_bytes()]));
        set.words(tags::SAMPLES_PER_PIXEL, &[1])
            .text(tags::PHOTOMETRIC_INTERPRETATION, "MONOCHROME2")
            .integer(tags::NUMBER_OF_FRAMES, self.frames.len())
            .words(tags::ROWS, &[rows as u16])
            .words(tags::COLUMNS, &[columns as u16])
            .words(tags::BITS_ALLOCATED, &[1])
            .words(tags::BITS_STORED, &[1])
            .words(tags::HIGH_BIT, &[0])
            .words(tags::PIXEL_REPRESENTATION, &[0])
            .text(
                tags::LOSSY_IMAGE_COMPRESSION,
                self.origin.text(tags::LOSSY_IMAGE_COMPRESSION).as_deref().unwrap_or("00"),
            )
            .text(tags::SEGMENTATION_TYPE, "BINARY")
            .items(tags::SEGMENT_SEQUENCE, self.described())
            .text(tags::SEGMENTS_OVERLAP, self.overlap())
            .text(tags::CONTENT_LABEL, "SEGMENTATION")
            .text(tags::CONTENT_DESCRIPTION, &self.header.description)
            .text(tags::CONTENT_CREATOR_NAME, &self.header.creator)
            .item(tags::SHARED_FUNCTIONAL_GROUPS_SEQUENCE, self.shared_groups())
            .items(
                tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE,
                self.frames.iter().map(|&frame| self.groups(frame)).collect(),
            )
            .bytes(tags::PIXEL_DATA, pixels)
    }

    fn overlap(&self) -> &'static str {
        if matches!(self.segments.content, Segmentation::Labels(_)) { "NO" } else { "UNDEFINED" }
    }

    /// Patient, study, series, equipment and references.
    fn general(&self, series: &str) -> DataSet {
        let (date, time) = date_and_time(self.header.created);
        let shared = |tag, what: &str| self.origin.shared(tag, what, series);
        let set = self.origin.patient();
        let set = set
            .text(tags::SPECIFIC_CHARACTER_SET, "ISO_IR 192")
            .texts(tags::IMAGE_TYPE, &["DERIVED", "PRIMARY"])
            .text(tags::SOP_CLASS_UID, uids::SEGMENTATION_STORAGE)
            .text(tags::SOP_INSTANCE_UID, &uid(&[b"instance", series.as_bytes()]))
            .text(tags::SERIES_DATE, &date)
            .text(tags::CONTENT_DATE, &date)
            .text(tags::SERIES_TIME, &time)
            .text(tags::CONTENT_TIME, &time)
            .text(tags::MODALITY, "SEG")
            .text(tags::MANUFACTURER, values::MANUFACTURER)
            .text(tags::MANUFACTURER_MODEL_NAME, "segspec")
            .text(tags::DEVICE_SERIAL_NUMBER, "0")
            .text(tags::SOFTWARE_VERSIONS, env!("CARGO_PKG_VERSION"))
            .text(tags::SERIES_DESCRIPTION, &self.header.description)
            .text(tags::STUDY_INSTANCE_UID, &shared(tags::STUDY_INSTANCE_UID, "study"))
            .text(tags::SERIES_INSTANCE_UID, series)
            .text(tags::FRAME_OF_REFERENCE_UID, &shared(tags::FRAME_OF_REFERENCE_UID, "frame of reference"))
            .integer(tags::SERIES_NUMBER, self.header.series_number as usize)
            .integer(tags::INSTANCE_NUMBER, 1);
        self.references(set)
    }

    /// The instances of the source series, where they have UIDs.
    fn references(&self, set: DataSet) -> DataSet {
        let mut seen = Vec::new();
        for plane in &self.source.grid.planes {
            let instance = &plane.instance;
            if !instance.uid.is_empty()
                && !instance.series.is_empty()
                && !seen.contains(&(&instance.class, &instance.uid))
            {
                seen.push((&instance.class, &instance.uid));
            }
        }
        if seen.is_empty() {
            return set;
        }
        let instances = seen.into_iter().map(|(class, uid)| self.reference(class, uid)).collect();
        let series = DataSet::default()
            .text(tags::SERIES_INSTANCE_UID, &self.origin.stated(&self.source.summary().uid))
            .items(tags::REFERENCED_INSTANCE_SEQUENCE, instances);
        set.item(tags::REFERENCED_SERIES_SEQUENCE, series)
    }

    fn reference(&self, class: &str, uid: &str) -> DataSet {
        DataSet::default()
            .text(tags::REFERENCED_SOP_CLASS_UID, class)
            .text(tags::REFERENCED_SOP_INSTANCE_UID, &self.origin.stated(uid))
    }

    /// Frames are indexed by segment, then by position.
    fn dimensions(&self, set: DataSet, organization: &str) -> DataSet {
        let index = |pointer: Tag, group: Tag, label: &str| {
            DataSet::default()
                .text(tags::DIMENSION_ORGANIZATION_UID, organization)
                .tag(tags::DIMENSION_INDEX_POINTER, pointer)
                .tag(tags::FUNCTIONAL_GROUP_POINTER, group)
                .text(tags::DIMENSION_DESCRIPTION_LABEL, label)
        };
        let segment = tags::SEGMENT_IDENTIFICATION_SEQUENCE;
        let indices = vec![
            index(tags::REFERENCED_SEGMENT_NUMBER, segment, "ReferencedSegmentNumber"),
            index(tags::IMAGE_POSITION_PATIENT, tags::PLANE_POSITION_SEQUENCE, "ImagePositionPatient"),
        ];
        let organization = DataSet::default().text(tags::DIMENSION_ORGANIZATION_UID, organization);
        set.item(tags::DIMENSION_ORGANIZATION_SEQUENCE, organization).items(tags::DIMENSION_INDEX_SEQUENCE, indices)
    }

    /// The segment sequence.
    fn described(&self) -> Vec<DataSet> {
        let default = SegmentCoding::default();
        let stated = values::descriptions(&self.segments.segments);
        let describe = |(index, segment): (usize, &crate::Segment)| {
            let coding = self.header.coding.get(index).unwrap_or(&default);
            let (kind, program) = coding.algorithm.attributes();
            let set = DataSet::default()
                .item(tags::SEGMENTED_PROPERTY_CATEGORY_CODE_SEQUENCE, code(&coding.category))
                .words(tags::SEGMENT_NUMBER, &[index as u16 + 1])
                .text(tags::SEGMENT_LABEL, &segment.name)
                .text(tags::SEGMENT_ALGORITHM_TYPE, kind)
                .item(tags::SEGMENTED_PROPERTY_TYPE_CODE_SEQUENCE, property(coding));
            let set = match program {
                Some(name) => set.text(tags::SEGMENT_ALGORITHM_NAME, name),
                None => set,
            };
            let set = match stated.as_ref().and_then(|stated| stated.get(index)) {
                Some(text) => set.text(tags::SEGMENT_DESCRIPTION, text),
                None => set,
            };
            match segment.color {
                Some(rgb) => set.words(tags::RECOMMENDED_DISPLAY_CIE_LAB_VALUE, &color::lab(rgb)),
                None => set,
            }
        };
        self.segments.segments.iter().enumerate().map(describe).collect()
    }

    fn shared_groups(&self) -> DataSet {
        let place = Place(self.source.geometry());
        let thickness = self.source.geometry().spacing_mm()[0];
        let measures = DataSet::default()
            .decimals(tags::SLICE_THICKNESS, &[thickness])
            .decimals(tags::SPACING_BETWEEN_SLICES, &[thickness])
            .decimals(tags::PIXEL_SPACING, &place.spacing());
        let orientation = DataSet::default().decimals(tags::IMAGE_ORIENTATION_PATIENT, &place.orientation());
        DataSet::default()
            .item(tags::PLANE_ORIENTATION_SEQUENCE, orientation)
            .item(tags::PIXEL_MEASURES_SEQUENCE, measures)
    }

    /// The functional groups of one frame.
    fn groups(&self, (segment, slice): Frame) -> DataSet {
        let grid = &self.source.grid;
        let plane = grid.slices.iter().position(|&known| known == slice).map(|index| &grid.planes[index]);
        // The slice's own position, where it has one, has no rounding errors.
        let position = plane.and_then(|plane| plane.place).map(|place| place.position);
        let position = position.unwrap_or_else(|| Place(&grid.geometry).position(slice));
        let set = DataSet::default()
            .item(
                tags::FRAME_CONTENT_SEQUENCE,
                DataSet::default().longs(tags::DIMENSION_INDEX_VALUES, &[segment as u32 + 1, slice as u32 + 1]),
            )
            .item(tags::PLANE_POSITION_SEQUENCE, DataSet::default().decimals(tags::IMAGE_POSITION_PATIENT, &position))
            .item(
                tags::SEGMENT_IDENTIFICATION_SEQUENCE,
                DataSet::default().words(tags::REFERENCED_SEGMENT_NUMBER, &[segment as u16 + 1]),
            );
        let Some(plane) = plane.filter(|plane| !plane.instance.uid.is_empty()) else { return set };
        let image = self.reference(&plane.instance.class, &plane.instance.uid);
        let several = grid.planes.iter().any(|other| other.frame > 0);
        let image = if several { image.integer(tags::REFERENCED_FRAME_NUMBER, plane.frame + 1) } else { image };
        let purpose = Code::new("121322", "DCM", "Source image for image processing operation");
        let image = image
            .text(tags::SPATIAL_LOCATIONS_PRESERVED, "YES")
            .item(tags::PURPOSE_OF_REFERENCE_CODE_SEQUENCE, code(&purpose));
        let derivation = DataSet::default()
            .item(tags::SOURCE_IMAGE_SEQUENCE, image)
            .item(tags::DERIVATION_CODE_SEQUENCE, code(&Code::new("113076", "DCM", "Segmentation")));
        set.item(tags::DERIVATION_IMAGE_SEQUENCE, derivation)
    }
}

/// The property of a segment, with its modifier.
fn property(coding: &SegmentCoding) -> DataSet {
    let set = code(&coding.property);
    match &coding.modifier {
        Some(modifier) => set.item(tags::SEGMENTED_PROPERTY_TYPE_MODIFIER_CODE_SEQUENCE, code(modifier)),
        None => set,
    }
}

fn code(code: &Code) -> DataSet {
    DataSet::default()
        .text(tags::CODE_VALUE, &code.value)
        .text(tags::CODING_SCHEME_DESIGNATOR, &code.scheme)
        .text(tags::CODE_MEANING, &code.meaning)
}
