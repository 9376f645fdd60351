//! One image plane: its position, and what distinguishes it from others at the same position.

use std::path::PathBuf;
use std::sync::Arc;

use dicom_core::{DataElement, Tag};
use dicom_dictionary_std::tags;
use dicom_object::InMemDicomObject;

use super::file::DicomFile;
use super::frames::check_size;
use super::pixel::Format;
use super::value::{Values, name, numbers_of, text_of};
use crate::geometry::{cross, dot, norm};
use segspec_base::counted;

/// Largest accepted deviation of unit vectors, from rounding in headers.
const DIRECTION_ROUNDING: f64 = 1e-2;

/// ImageType of Siemens mosaics, which hold all slices side by side.
const MOSAIC: &str = "MOSAIC";

/// Elements that distinguish planes at one position, with their names; the first one that does is used.
pub(super) const KEYS: [(&str, &[Tag]); 15] = [
    ("b-value", &[tags::DIFFUSION_B_VALUE, Tag(0x0019, 0x100c), Tag(0x2001, 0x1003), Tag(0x0043, 0x1039)]),
    ("echo time", &[tags::EFFECTIVE_ECHO_TIME, tags::ECHO_TIME]),
    ("echo", &[tags::ECHO_NUMBERS]),
    ("image type", &[tags::FRAME_TYPE, tags::IMAGE_TYPE]),
    ("time point", &[tags::TEMPORAL_POSITION_INDEX, tags::TEMPORAL_POSITION_IDENTIFIER]),
    ("trigger time", &[tags::NOMINAL_CARDIAC_TRIGGER_DELAY_TIME, tags::TRIGGER_TIME]),
    ("inversion time", &[tags::INVERSION_TIMES, tags::INVERSION_TIME]),
    ("flip angle", &[tags::FLIP_ANGLE]),
    ("frame reference time", &[tags::FRAME_REFERENCE_TIME]),
    ("gradient", &[tags::DIFFUSION_GRADIENT_ORIENTATION, Tag(0x0019, 0x100e)]),
    ("stack", &[tags::STACK_ID]),
    ("acquisition", &[tags::FRAME_ACQUISITION_NUMBER, tags::ACQUISITION_NUMBER]),
    ("kernel", &[tags::CONVOLUTION_KERNEL]),
    ("acquisition time", &[tags::FRAME_ACQUISITION_DATE_TIME, tags::ACQUISITION_TIME]),
    ("content time", &[tags::CONTENT_TIME]),
];

/// What one file states about itself and its series.
#[derive(Debug)]
pub(super) struct Instance {
    pub path: PathBuf,
    /// Bytes on disk.
    pub bytes: u64,
    /// SOP class and instance.
    pub class: String,
    pub uid: String,
    pub study: String,
    pub series: String,
    pub frame_of_reference: String,
    pub modality: String,
    pub description: String,
    pub number: String,
}

impl Instance {
    pub fn of(file: &DicomFile) -> Self {
        let text = |tag| file.header.text(tag).unwrap_or_default();
        Self {
            path: file.path.clone(),
            bytes: file.bytes,
            class: text(tags::SOP_CLASS_UID),
            uid: text(tags::SOP_INSTANCE_UID),
            study: text(tags::STUDY_INSTANCE_UID),
            series: text(tags::SERIES_INSTANCE_UID),
            frame_of_reference: text(tags::FRAME_OF_REFERENCE_UID),
            modality: text(tags::MODALITY),
            description: text(tags::SERIES_DESCRIPTION),
            number: text(tags::SERIES_NUMBER),
        }
    }
}

/// One frame of a file.
#[derive(Clone, Debug)]
pub(super) struct Plane {
    pub instance: Arc<Instance>,
    /// Number within the file, from 0.
    pub frame: usize,
    /// Rows and columns.
    pub size: [usize; 2],
    pub place: Option<Place>,
    /// Distance between rows and between columns in millimetres, if the header states it.
    pub spacing: Option<[f64; 2]>,
    /// Slice thickness in millimetres, if the header states it; not a substitute for positions.
    pub thickness: Option<f64>,
    /// Values of [`KEYS`].
    pub keys: Vec<Option<String>>,
}

/// Position and orientation of a plane, in LPS millimetres.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Place {
    /// Centre of the first pixel.
    pub position: [f64; 3],
    /// Unit vectors along a row (column index grows) and along a column (row index grows).
    pub directions: [[f64; 3]; 2],
}

impl Place {
    /// Unit vector across the plane.
    pub fn normal(&self) -> [f64; 3] {
        cross(self.directions[0], self.directions[1])
    }

    /// Distance from the origin along the normal.
    pub fn height(&self, normal: [f64; 3]) -> f64 {
        dot(self.position, normal)
    }
}

/// The planes of a file, in the order of its frames; none for an object without an image.
///
/// # Errors
/// What is missing in the header, contradictory or not supported.
pub(super) fn planes(file: &DicomFile, instance: &Arc<Instance>) -> Result<Vec<Plane>, String> {
    if file.pixels.is_none() {
        return Ok(Vec::new());
    }
    if file.header.text(tags::IMAGE_TYPE).is_some_and(|kinds| kinds.split('\\').any(|kind| kind == MOSAIC)) {
        return Err("is a mosaic: all slices in one picture; convert it with dcm2niix".into());
    }
    let format = Format::of(&file.header)?;
    let count = file.header.count(tags::NUMBER_OF_FRAMES)?.unwrap_or(1).max(1);
    let groups = file.header.items(tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE);
    if groups.is_empty() && count > 1 {
        return Err(format!("has {count} frames without a position of each; save the series as single frames"));
    }
    if !groups.is_empty() && groups.len() != count {
        return Err(format!("describes {} and holds {count}", counted(groups.len(), "frame")));
    }
    check_size(file, &format.layout, count)?;
    (0..count).map(|frame| plane(FrameView::new(&file.header, frame), instance, frame, format.layout.size)).collect()
}

fn plane(view: FrameView, instance: &Arc<Instance>, frame: usize, size: [usize; 2]) -> Result<Plane, String> {
    let spacing = view.vector(tags::PIXEL_SPACING)?;
    if let Some(spacing) = spacing.filter(|spacing: &[f64; 2]| spacing.iter().any(|&size| size <= 0.0)) {
        return Err(format!("PixelSpacing is {spacing:?}"));
    }
    let thickness = match view.number(tags::SPACING_BETWEEN_SLICES)? {
        Some(spacing) if spacing != 0.0 => Some(spacing.abs()),
        _ => view.number(tags::SLICE_THICKNESS)?.filter(|&thickness| thickness > 0.0),
    };
    let key = |(_, tags): &(&str, &[Tag])| tags.iter().find_map(|&tag| view.find(tag).and_then(text_of));
    Ok(Plane {
        instance: Arc::clone(instance),
        frame,
        size,
        place: place(&view)?,
        spacing,
        thickness,
        keys: KEYS.iter().map(key).collect(),
    })
}

fn place(view: &FrameView) -> Result<Option<Place>, String> {
    let position = view.vector(tags::IMAGE_POSITION_PATIENT)?;
    let orientation: Option<[f64; 6]> = view.vector(tags::IMAGE_ORIENTATION_PATIENT)?;
    let (Some(position), Some([a, b, c, d, e, f])) = (position, orientation) else { return Ok(None) };
    let [row, column] = [[a, b, c], [d, e, f]];
    let skewed = [norm(row) - 1.0, norm(column) - 1.0, dot(row, column)];
    if skewed.iter().any(|error| error.abs() > DIRECTION_ROUNDING) {
        return Err(format!("ImageOrientationPatient {row:?}, {column:?} are not perpendicular unit vectors"));
    }
    let unit = |vector: [f64; 3]| vector.map(|part| part / norm(vector));
    Ok(Some(Place { position, directions: [unit(row), unit(column)] }))
}

/// The elements that describe one frame: its own functional groups, then the shared ones, then the data set's.
pub(super) struct FrameView<'a> {
    pub root: &'a InMemDicomObject,
    groups: [Option<&'a InMemDicomObject>; 2],
}

impl<'a> FrameView<'a> {
    pub fn new(root: &'a InMemDicomObject, frame: usize) -> Self {
        let own = root.items(tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE).get(frame);
        Self { root, groups: [own, root.items(tags::SHARED_FUNCTIONAL_GROUPS_SEQUENCE).first()] }
    }

    /// The frame's own functional groups.
    pub fn own(&self) -> Option<&'a InMemDicomObject> {
        self.groups[0]
    }

    pub fn find(&self, tag: Tag) -> Option<&'a DataElement<InMemDicomObject>> {
        self.groups.iter().flatten().find_map(|group| inside(group, tag, 2)).or_else(|| self.root.get(tag))
    }

    pub fn number(&self, tag: Tag) -> Result<Option<f64>, String> {
        let numbers = self.find(tag).map_or(Ok(None), numbers_of)?;
        Ok(numbers.and_then(|numbers| numbers.first().copied()))
    }

    pub fn vector<const N: usize>(&self, tag: Tag) -> Result<Option<[f64; N]>, String> {
        let Some(numbers) = self.find(tag).map_or(Ok(None), numbers_of)? else { return Ok(None) };
        let vector = <[f64; N]>::try_from(numbers.as_slice());
        vector.map(Some).map_err(|_| format!("{} has {}, expected {N}", name(tag), counted(numbers.len(), "value")))
    }
}

/// Looks for an element in the first items of a group's sequences, `depth` levels deep.
fn inside(group: &InMemDicomObject, tag: Tag, depth: usize) -> Option<&DataElement<InMemDicomObject>> {
    let firsts = || group.iter().filter_map(|element| element.items()?.first());
    firsts()
        .find_map(|item| item.get(tag))
        .or_else(|| if depth > 1 { firsts().find_map(|item| inside(item, tag, depth - 1)) } else { None })
}
