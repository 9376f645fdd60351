//! Assigns the frames of a segmentation object to slices of a grid.

use dicom_dictionary_std::tags;

use super::read::{Object, SegFrame};
use crate::Geometry;
use crate::dicom::file::DicomFile;
use crate::dicom::grid::{Grid, affine, flat, position};
use crate::dicom::plane::{FrameView, Place};
use crate::geometry::{dot, norm};

/// Largest distance between a frame and its slice, in millimetres: in real files, positions differ by up to 0.05 mm.
const TOLERANCE_MM: f64 = 0.1;
/// The same as a fraction of the pixel spacing, for images with large pixels.
const TOLERANCE_PIXELS: f64 = 0.1;
/// Directions are the same when their cosine differs from 1 by less: 0.8°.
const SAME_DIRECTION: f64 = 1e-4;
/// Largest deviation of positions from whole steps, as a fraction of a step.
const WHOLE_STEP: f64 = 0.1;

/// Most slices of a grid of its own without a frame, and how many more for each frame: a header may state any position.
const EMPTY_SLICES: (usize, usize) = (1000, 10);

/// Longest volume of a patient, in millimetres.
const LONGEST_MM: f64 = 3000.0;

/// The grid of a segmentation, and the slice of each frame.
pub(super) struct Placed {
    pub geometry: Geometry,
    pub slices: Vec<usize>,
}

/// Assigns frames to the slices of the series that they were drawn on.
pub(super) fn on_source(object: &Object, source: &Grid, file: &DicomFile) -> Result<Placed, String> {
    let first = &source.planes[0];
    let [_, rows, columns] = source.geometry.shape;
    let own = file.header.get(tags::FRAME_OF_REFERENCE_UID).and_then(crate::dicom::value::text_of);
    let known = &first.instance.frame_of_reference;
    let same_frame = own.is_none_or(|own| known.is_empty() || own == *known);
    let mut slices = Vec::with_capacity(object.frames.len());
    for frame in &object.frames {
        let number = frame.plane.frame + 1;
        if frame.plane.size != [rows, columns] {
            let [height, width] = frame.plane.size;
            let remedy = "read the segmentation on its own grid and resample it";
            return Err(format!("its frames have {height} × {width} samples, the series {rows} × {columns}; {remedy}"));
        }
        let referenced = by_reference(frame, source);
        let slice = match (frame.plane.place, first.place) {
            (Some(place), Some(_)) if same_frame || referenced.is_some() => by_position(&place, source),
            (Some(_), Some(_)) => Err("belongs to another frame of reference than the series".into()),
            // A 2D image: there is one slice, and where the segmentation names no image, it can only be that.
            _ if referenced.is_none() && frame.references.is_empty() && source.geometry.shape[0] == 1 => Ok(0),
            _ => referenced.ok_or_else(|| "has no position and refers to no slice of the series".into()),
        };
        slices.push(slice.map_err(|reason: String| format!("frame {number} {reason}"))?);
    }
    Ok(Placed { geometry: source.geometry.clone(), slices })
}

fn by_reference(frame: &SegFrame, source: &Grid) -> Option<usize> {
    let is = |(uid, number): &(String, usize)| {
        let plane = source.planes.iter().position(|plane| plane.instance.uid == *uid && plane.frame == *number)?;
        source.slices.get(plane).copied()
    };
    frame.references.iter().filter(|(uid, _)| !uid.is_empty()).find_map(is)
}

fn by_position(place: &Place, source: &Grid) -> Result<usize, String> {
    let first = source.planes[0].place.ok_or("has no slice to compare with")?;
    if (0..2).any(|axis| 1.0 - dot(place.directions[axis], first.directions[axis]) > SAME_DIRECTION) {
        return Err("is rotated against the series; read the segmentation on its own grid and resample it".into());
    }
    let ras = [-place.position[0], -place.position[1], place.position[2]];
    let [z, ..] = source.geometry.to_voxel(ras).ok_or("cannot be placed: the affine of the series has no inverse")?;
    let slice = z.round().max(0.0) as usize;
    // Where positions were rounded, the slice's own position is more exact than the grid's.
    let known = source.slices.iter().position(|&known| known == slice).and_then(|index| source.planes[index].place);
    let nearest = known.map_or_else(
        || source.geometry.to_world([slice as f64, 0.0, 0.0]),
        |place| [-place.position[0], -place.position[1], place.position[2]],
    );
    let distance = norm([0, 1, 2].map(|axis| nearest[axis] - ras[axis]));
    let [_, y, x] = source.geometry.spacing_mm();
    if slice < source.geometry.shape[0] && distance <= TOLERANCE_MM.max(TOLERANCE_PIXELS * y.min(x)) {
        return Ok(slice);
    }
    let at = position(place);
    Err(format!(
        "lies at {at}, {distance:.2} mm from the nearest slice of the series; read it on its own grid and resample it"
    ))
}

/// The grid that the frames span: positions without a frame are background.
pub(super) fn own_grid(object: &Object, file: &DicomFile) -> Result<Placed, String> {
    let first = object.frames.first().ok_or("has no frame")?;
    let size = first.plane.size;
    if object.frames.iter().all(|frame| frame.plane.place.is_none()) {
        return flat_grid(object);
    }
    let origin = first.plane.place.ok_or("its frames have no position; read it on the series that it was drawn on")?;
    let pixel = first.plane.spacing.ok_or("has no PixelSpacing")?;
    let normal = origin.normal();
    let mut places = Vec::with_capacity(object.frames.len());
    for frame in &object.frames {
        let place = frame.plane.place.ok_or_else(|| format!("frame {} has no position", frame.plane.frame + 1))?;
        if (0..2).any(|axis| 1.0 - dot(place.directions[axis], origin.directions[axis]) > SAME_DIRECTION) {
            return Err(format!("frame {} is rotated against the others", frame.plane.frame + 1));
        }
        places.push((place.height(normal), place));
    }
    let lowest = places.iter().copied().min_by(|a, b| a.0.total_cmp(&b.0)).ok_or("has no frame")?;
    let highest = places.iter().copied().max_by(|a, b| a.0.total_cmp(&b.0)).ok_or("has no frame")?;
    let stated = FrameView::new(&file.header, 0).number(tags::SPACING_BETWEEN_SLICES)?.map(f64::abs);
    let heights: Vec<f64> = places.iter().map(|(height, _)| height - lowest.0).collect();
    let spacing = spacing(&heights, stated, TOLERANCE_PIXELS * pixel[0].min(pixel[1]))?;
    let thickness = spacing.or(stated.filter(|&spacing| spacing > 0.0)).or(first.plane.thickness).unwrap_or(1.0);
    let slices: Vec<usize> = heights.iter().map(|height| (height / thickness).round() as usize).collect();
    let depth = (heights.iter().fold(0.0_f64, |a, &b| a.max(b)) / thickness).round() + 1.0;
    let most = EMPTY_SLICES.0 + EMPTY_SLICES.1 * object.frames.len();
    if depth > most as f64 || highest.0 - lowest.0 > LONGEST_MM {
        let (low, high) = (position(&lowest.1), position(&highest.1));
        return Err(format!(
            "its frames lie from {low} to {high}, {depth} slices for {} frames: a wrong position; read it on the series that it was \
             drawn on",
            object.frames.len()
        ));
    }
    let step = if depth > 1.0 {
        [0, 1, 2].map(|axis| (highest.1.position[axis] - lowest.1.position[axis]) / (depth - 1.0))
    } else {
        normal.map(|part| part * thickness)
    };
    let shape = [depth as usize, size[0], size[1]];
    Ok(Placed { geometry: Geometry { shape, affine: affine(&lowest.1, pixel, step), has_spacing: true }, slices })
}

/// The grid of a segmentation of one 2D image (radiograph, photograph), whose frames have no position: one frame per segment.
fn flat_grid(object: &Object) -> Result<Placed, String> {
    let first = object.frames.first().ok_or("has no frame")?;
    let image = |frame: &SegFrame| frame.references.first().cloned();
    if object.frames.iter().any(|frame| image(frame) != image(first)) {
        return Err(
            "is a segmentation of several 2D images without positions; read it on the image that is wanted".into()
        );
    }
    let geometry = flat(first.plane.size, first.plane.spacing, first.plane.thickness);
    Ok(Placed { geometry, slices: vec![0; object.frames.len()] })
}

/// Distance between slices: the stated one if all positions are multiples of it, else the smallest distance between two positions;
/// `None` for a single position.
fn spacing(heights: &[f64], stated: Option<f64>, same: f64) -> Result<Option<f64>, String> {
    let mut sorted = heights.to_vec();
    sorted.sort_by(f64::total_cmp);
    let distances = sorted.windows(2).map(|pair| pair[1] - pair[0]).filter(|&distance| distance > same);
    let smallest = distances.fold(f64::INFINITY, f64::min);
    if smallest.is_infinite() {
        return Ok(None);
    }
    let fits = |step: f64| heights.iter().all(|height| (height / step - (height / step).round()).abs() <= WHOLE_STEP);
    let stated = stated.filter(|&step| step > same && fits(step));
    let refined = || {
        // Positions are rounded: the step is refined over the distance from the first to the last.
        let last = sorted.last().copied().unwrap_or(smallest);
        last / (last / smallest).round()
    };
    let step = stated.unwrap_or_else(refined);
    if fits(step) {
        Ok(Some(step))
    } else {
        Err("its frames are irregularly spaced; read it on the series that it was drawn on".into())
    }
}
