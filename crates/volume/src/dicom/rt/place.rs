//! Contours → voxels of an image.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use ndarray::{Array3, Array4};
use rayon::prelude::*;

use super::polygon::{Corner, doubled_area, invert, snapped};
use super::read::{Contour, Roi, StructureSet, structure_set};
use crate::dicom::series::Series;
use crate::dicom::{damaged, unsupported};
use crate::{Geometry, LabelMap, ReadError, Segment, Segmentation, Segments};

/// Largest distance of a contour's points from one plane, as a fraction of the slice spacing and in millimetres; the larger one holds.
const FLAT: (f64, f64) = (0.1, 0.1);
/// Contours that lie closer to their slice than this, as a fraction of the slice spacing, are said to lie in it.
const IN_SLICE: f64 = 0.05;
/// Most contours of a slice that are compared with each other.
const COMPARED: usize = 64;

/// The image whose voxels contours are put on.
#[derive(Clone, Copy, Debug)]
pub enum On<'a> {
    /// A DICOM series: that the contours were drawn in its frame of reference is checked.
    Series(&'a Series),
    /// A grid of another format, which states no frame of reference.
    Grid(&'a Geometry),
}

impl On<'_> {
    fn geometry(&self) -> &Geometry {
        match self {
            Self::Series(series) => series.geometry(),
            Self::Grid(geometry) => geometry,
        }
    }
}

/// Structures as voxels, and what a person should know of them.
#[derive(Clone, Debug, PartialEq)]
pub struct Contoured {
    /// The structures in the order of the file. Their values are ROI numbers where those are label values (1 to 65535).
    pub segments: Segments,
    /// Contours that lie between slices, cross each other, or enclose nothing.
    pub notes: Vec<String>,
}

/// Reads a structure set on the grid of an image: a label map where no voxel lies in two structures, else one mask per structure. Slices
/// without a contour are background. `wanted` chooses structures by name; the others are left out.
///
/// # Errors
/// [`ReadError`] with the file's name and the structure's: contours in another frame of reference, not parallel to the slices, open, or
/// outside of the image.
pub fn read_contours(path: &Path, on: On, wanted: &dyn Fn(&str) -> bool) -> Result<Contoured, ReadError> {
    let set = structure_set(path)?;
    let mut notes = Vec::new();
    let refused = |reason: String| unsupported(path, reason);
    let values = values(&set, &mut notes);
    if let On::Series(series) = on {
        notes.extend(other_series(&set, series));
    }
    let (mut segments, mut shapes) = (Vec::new(), Vec::new());
    for (roi, value) in set.rois.iter().zip(values).filter(|(roi, _)| wanted(&roi.name)) {
        if let On::Series(series) = on {
            check_frame(roi, series).map_err(refused)?;
        }
        if let Some(shape) = shape(roi, on.geometry(), &mut notes).map_err(refused)? {
            segments.push(Segment { name: roi.name.clone(), value, color: roi.color });
            shapes.push(shape);
        }
    }
    let values: Vec<u16> = segments.iter().map(|segment| segment.value).collect();
    let content = content(&shapes, &values, on.geometry()).map_err(|reason| damaged(path, reason))?;
    Ok(Contoured { segments: Segments { segments, content }, notes })
}

/// Label values: ROI numbers, or places in the file where a number is no label value.
fn values(set: &StructureSet, notes: &mut Vec<String>) -> Vec<u16> {
    let value = |roi: &Roi| u16::try_from(roi.number).ok().filter(|&number| number > 0);
    set.rois.iter().map(value).collect::<Option<Vec<u16>>>().unwrap_or_else(|| {
        notes.push("its ROI numbers are no label values (1 to 65535): the structures are numbered from 1".into());
        (1..).take(set.rois.len()).collect()
    })
}

/// A note where the contours were drawn on another series than the one they are put on.
fn other_series(set: &StructureSet, series: &Series) -> Option<String> {
    let own = &series.summary().uid;
    let first = set.series.first().filter(|_| !own.is_empty() && !set.series.contains(own))?;
    Some(format!("its contours were drawn on the series {first}, not on this one ({own})"))
}

fn check_frame(roi: &Roi, series: &Series) -> Result<(), String> {
    let frame = &series.grid.planes[0].instance.frame_of_reference;
    if roi.frame_of_reference.is_empty() || frame.is_empty() || roi.frame_of_reference == *frame {
        return Ok(());
    }
    // Some programs write a frame of reference of their own, but name the images.
    let known = |uid: &String| series.grid.planes.iter().any(|plane| plane.instance.uid == *uid);
    if roi.contours.iter().any(|contour| contour.images.iter().any(known)) {
        return Ok(());
    }
    Err(format!(
        "the contours of `{}` belong to another frame of reference ({}) than the series ({frame}): name the series that they were \
         drawn on, or register the two",
        roi.name, roi.frame_of_reference
    ))
}

/// The closed polygons of a structure by slice.
type Shape = BTreeMap<usize, Vec<Vec<Corner>>>;

/// A contour in voxels.
struct Polygon {
    /// Distance from its slice, in slices.
    offset: f64,
    corners: Vec<Corner>,
}

/// Puts the contours of a structure on slices; `None` for points and lines without an area.
fn shape(roi: &Roi, grid: &Geometry, notes: &mut Vec<String>) -> Result<Option<Shape>, String> {
    let name = &roi.name;
    if let Some(open) = roi.contours.iter().find(|contour| !contour.is_closed()) {
        if roi.contours.iter().any(Contour::is_closed) {
            let kind = &open.kind;
            return Err(format!("`{name}` has {kind} contours beside closed ones; CLOSED_PLANAR contours are read"));
        }
        notes.push(format!("`{name}` is left out: its contours are {}, which enclose no voxels", open.kind));
        return Ok(None);
    }
    let Slices { mut slices, outside, flat } = slices(roi, grid)?;
    if slices.is_empty() && outside > 0 {
        return Err(outside_of(roi, grid));
    }
    let between = slices.values_mut().map(nearest).sum::<usize>();
    let off_plane = slices.values().map(|polygons| off_plane(polygons)).sum();
    let copies = slices.values_mut().map(unique).sum();
    let corners = |polygons: Vec<Polygon>| polygons.into_iter().map(|polygon| polygon.corners).collect();
    let shape: Shape = slices.into_iter().map(|(slice, polygons)| (slice, corners(polygons))).collect();
    let crossing = shape.values().map(|polygons| crossings(polygons, grid)).sum();
    for (count, text) in [
        (flat, "of fewer than three points enclose nothing"),
        (outside, "lie outside of the image"),
        (between, "are left out: others of their structure lie nearer to the slice"),
        (off_plane, "lie between slices and are put on the nearest one"),
        (copies, "are copies of another and count once"),
        (crossing, "cross another: what both enclose is outside (even-odd rule)"),
    ] {
        notes.extend((count > 0).then(|| format!("`{name}`: {count} contour(s) {text}")));
    }
    let span = shape.keys().last().zip(shape.keys().next()).map_or(0, |(last, first)| last - first + 1);
    let gaps = span - shape.len();
    let text = || format!("`{name}`: {gaps} slice(s) between its first and its last contour have none: background");
    notes.extend((gaps > 0).then(text));
    Ok(Some(shape))
}

/// The contours of a structure by slice.
struct Slices {
    slices: BTreeMap<usize, Vec<Polygon>>,
    /// Contours outside of the image.
    outside: usize,
    /// Contours of fewer than three points.
    flat: usize,
}

fn slices(roi: &Roi, grid: &Geometry) -> Result<Slices, String> {
    let mut sorted = Slices { slices: BTreeMap::new(), outside: 0, flat: 0 };
    for (index, contour) in roi.contours.iter().enumerate() {
        if contour.points.len() < 3 {
            sorted.flat += 1;
            continue;
        }
        let placed = polygon(contour, grid);
        match placed.map_err(|reason| format!("contour {} of `{}` {reason}", index + 1, roi.name))? {
            Some((slice, polygon)) => sorted.slices.entry(slice).or_default().push(polygon),
            None => sorted.outside += 1,
        }
    }
    Ok(sorted)
}

/// Slice and corners of a contour; `None` outside of the image.
fn polygon(contour: &Contour, grid: &Geometry) -> Result<Option<(usize, Polygon)>, String> {
    let (mut corners, mut heights) = (Vec::with_capacity(contour.points.len()), [f64::INFINITY, f64::NEG_INFINITY]);
    for [x, y, z] in &contour.points {
        let place = grid.to_voxel([-x, -y, *z]).ok_or("cannot be placed: the affine of the image has no inverse")?;
        let [z, y, x] = place.map(snapped);
        heights = [heights[0].min(z), heights[1].max(z)];
        corners.push([y, x]);
    }
    let spacing = grid.spacing_mm()[0];
    let spread = heights[1] - heights[0];
    if spread > FLAT.0.max(FLAT.1 / spacing) {
        let across = spread * spacing;
        return Err(format!(
            "is not parallel to the image's slices: it spans {across:.1} mm across them; name the series that it was drawn on"
        ));
    }
    let height = (heights[0] + heights[1]) / 2.0;
    let slice = height.round();
    let [depth, rows, columns] = grid.shape.map(|count| count as f64);
    let meets = |axis: usize, count: f64| {
        let values = || corners.iter().map(|corner| corner[axis]);
        values().any(|value| value > -0.5) && values().any(|value| value < count - 0.5)
    };
    if !(0.0..depth).contains(&slice) || !meets(0, rows) || !meets(1, columns) {
        return Ok(None);
    }
    Ok(Some((slice as usize, Polygon { offset: height - slice, corners })))
}

fn outside_of(roi: &Roi, grid: &Geometry) -> String {
    let last = grid.shape.map(|count| count.max(1) as f64 - 1.0);
    let corner = |number: usize| [0, 1, 2].map(|axis| last[axis] * (number >> axis & 1) as f64);
    let lps = |[x, y, z]: [f64; 3]| [0.0 - x, 0.0 - y, z];
    let image = bounds((0..8).map(|number| lps(grid.to_world(corner(number)))));
    let own = bounds(roi.contours.iter().flat_map(|contour| contour.points.iter().copied()));
    format!(
        "every contour of `{}` lies outside of the image: from {own}, the image from {image} mm (x, y, z; LPS)",
        roi.name
    )
}

fn bounds(points: impl Iterator<Item = [f64; 3]>) -> String {
    let start = [[f64::INFINITY; 3], [f64::NEG_INFINITY; 3]];
    let [low, high] = points.fold(start, |[low, high], point| {
        [[0, 1, 2].map(|axis| low[axis].min(point[axis])), [0, 1, 2].map(|axis| high[axis].max(point[axis]))]
    });
    let text = |corner: [f64; 3]| format!("[{:.1}, {:.1}, {:.1}]", corner[0], corner[1], corner[2]);
    format!("{} to {}", text(low), text(high))
}

fn off_plane(polygons: &[Polygon]) -> usize {
    polygons.iter().filter(|polygon| polygon.offset.abs() > IN_SLICE).count()
}

/// Keeps the contours of the plane nearest to the slice: those of two planes would cancel each other.
fn nearest(polygons: &mut Vec<Polygon>) -> usize {
    let before = polygons.len();
    let nearest = polygons.iter().map(|polygon| polygon.offset).min_by(|a, b| a.abs().total_cmp(&b.abs()));
    polygons.retain(|polygon| nearest.is_none_or(|nearest| (polygon.offset - nearest).abs() <= IN_SLICE));
    before - polygons.len()
}

/// Keeps one of several equal contours: two would cancel each other.
fn unique(polygons: &mut Vec<Polygon>) -> usize {
    let mut kept: Vec<Polygon> = Vec::with_capacity(polygons.len());
    let before = polygons.len();
    for polygon in polygons.drain(..) {
        if !kept.iter().any(|known| known.corners == polygon.corners) {
            kept.push(polygon);
        }
    }
    *polygons = kept;
    before - polygons.len()
}

/// Contours that lie neither inside nor outside of the larger ones of their slice.
fn crossings(polygons: &[Vec<Corner>], grid: &Geometry) -> usize {
    if polygons.len() < 2 || polygons.len() > COMPARED {
        return 0;
    }
    let [_, rows, columns] = grid.shape;
    let mut by_size: Vec<&Vec<Corner>> = polygons.iter().collect();
    by_size.sort_by(|a, b| doubled_area(b).abs().total_cmp(&doubled_area(a).abs()));
    let mut covered = vec![0_u8; rows * columns];
    let crosses = |polygon: &&&Vec<Corner>| {
        let mut mask = vec![0_u8; rows * columns];
        invert(polygon, [rows, columns], &mut mask);
        let (mut inside, mut outside) = (0_usize, 0_usize);
        for (own, covered) in mask.iter().zip(covered.iter_mut()).filter(|(own, _)| **own == 1) {
            inside += usize::from(*covered);
            outside += usize::from(1 - *covered);
            *covered |= own;
        }
        // Contours that touch share pixels of their border.
        inside.min(outside) > 3 && inside.min(outside) * 10 > inside + outside
    };
    let mut crosses = crosses;
    by_size.iter().filter(|polygon| crosses(polygon)).count()
}

fn content(shapes: &[Shape], values: &[u16], grid: &Geometry) -> Result<Segmentation, String> {
    let [depth, rows, columns] = grid.shape;
    let slice = rows * columns;
    let mut labels = vec![0_u16; depth * slice];
    let overlap = AtomicBool::new(false);
    labels.par_chunks_mut(slice.max(1)).enumerate().for_each(|(number, plane)| {
        for (shape, &value) in shapes.iter().zip(values) {
            let Some(mask) = mask(shape, number, [rows, columns]) else { continue };
            for (label, _) in plane.iter_mut().zip(mask).filter(|(_, inside)| *inside == 1) {
                if *label != 0 {
                    overlap.store(true, Ordering::Relaxed);
                }
                *label = value;
            }
        }
    });
    let geometry = grid.clone();
    if !overlap.into_inner() {
        let voxels = Array3::from_shape_vec(grid.shape, labels).map_err(|error| error.to_string())?;
        return Ok(Segmentation::Labels(LabelMap { voxels, geometry }));
    }
    drop(labels);
    let mut masks = vec![0_u8; shapes.len() * depth * slice];
    masks.par_chunks_mut(slice.max(1)).enumerate().for_each(|(plane, target)| {
        if let Some(mask) = mask(&shapes[plane / depth], plane % depth, [rows, columns]) {
            target.copy_from_slice(&mask);
        }
    });
    let masks = Array4::from_shape_vec([shapes.len(), depth, rows, columns], masks);
    Ok(Segmentation::Masks { masks: masks.map_err(|error| error.to_string())?, geometry })
}

/// The pixels of a structure in one slice.
fn mask(shape: &Shape, slice: usize, size: [usize; 2]) -> Option<Vec<u8>> {
    let polygons = shape.get(&slice)?;
    let mut mask = vec![0_u8; size[0] * size[1]];
    polygons.iter().for_each(|corners| invert(corners, size, &mut mask));
    Some(mask)
}
