//! One plane through a case, as displayed: slice, orientation and size.

use ndarray::{Array2, Axis};

use crate::dataset::Target;
use crate::volume::{LabelMap, Segmentation, Volume};

/// A plane of the canonical grid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Plane {
    Axial,
    Coronal,
    Sagittal,
}

impl Plane {
    /// The array axis perpendicular to the plane: z, y or x.
    pub(super) fn axis(self) -> usize {
        match self {
            Self::Axial => 0,
            Self::Coronal => 1,
            Self::Sagittal => 2,
        }
    }

    /// Letters at the left, right, upper and lower edge.
    fn marks(self) -> [&'static str; 4] {
        match self {
            Self::Axial => ["R", "L", "A", "P"],
            Self::Coronal => ["R", "L", "S", "I"],
            Self::Sagittal => ["A", "P", "S", "I"],
        }
    }
}

/// A slice ready to be shown. RAS axes point towards the left or upper edge of the picture, so rows and columns are reversed.
pub(super) struct View {
    pub(super) plane: Plane,
    /// Index of the slice along its axis.
    pub(super) index: usize,
    /// Size on the picture in pixels: width, height.
    pub(super) size: (u32, u32),
    /// Letters at the left, right, upper and lower edge; none for images without an orientation in the patient.
    pub(super) marks: Option<[&'static str; 4]>,
    /// Whether rows and columns are reversed; those of a photograph are not.
    reversed: bool,
    /// Brightness 0–255, `[row, column]` of the array.
    slice: Array2<f32>,
}

impl View {
    /// Row and column of the slice under a pixel.
    pub(super) fn source(&self, x: u32, y: u32) -> (usize, usize) {
        let (rows, columns) = self.slice.dim();
        let place = |pixel: u32, size: u32, count: usize| {
            let index = ((f64::from(pixel) + 0.5) / f64::from(size) * count as f64) as usize;
            let index = index.min(count - 1);
            if self.reversed { count - 1 - index } else { index }
        };
        (place(y, self.size.1, rows), place(x, self.size.0, columns))
    }

    /// Brightness under a pixel, linearly interpolated.
    pub(super) fn gray(&self, x: u32, y: u32) -> u8 {
        let (rows, columns) = self.slice.dim();
        let place = |pixel: u32, size: u32, count: usize| {
            let position = (f64::from(pixel) + 0.5) / f64::from(size) * count as f64 - 0.5;
            let position = if self.reversed { count as f64 - 1.0 - position } else { position };
            let position = position.clamp(0.0, count as f64 - 1.0);
            (position.floor() as usize, position.ceil() as usize, position.fract() as f32)
        };
        let (above, below, down) = place(y, self.size.1, rows);
        let (west, east, across) = place(x, self.size.0, columns);
        let row = |row: usize| self.slice[[row, west]] * (1.0 - across) + self.slice[[row, east]] * across;
        (row(above) * (1.0 - down) + row(below) * down).round() as u8
    }
}

/// The planes of a case: three, or one for a 2D image; at most `tile` pixels wide and high. The window goes from black to white.
pub(super) fn views(
    image: &Volume,
    reference: &LabelMap,
    prediction: &Segmentation,
    target: &Target,
    tile: u32,
    window: (f32, f32),
) -> Vec<View> {
    let flat = image.voxels.shape().get(1) == Some(&1);
    let planes = if flat { vec![Plane::Axial] } else { vec![Plane::Axial, Plane::Coronal, Plane::Sagittal] };
    planes
        .into_iter()
        .map(|plane| {
            let index = slice_with_most_labels(plane, reference, prediction, target);
            let slice = image.voxels.index_axis(Axis(0), 0).index_axis(Axis(plane.axis()), index).to_owned();
            let slice = slice.mapv(|value| brightness(value, window));
            let in_patient = image.geometry.has_spacing;
            let marks = in_patient.then(|| plane.marks());
            View { plane, index, size: size(&slice, image, plane, tile), marks, reversed: in_patient, slice }
        })
        .collect()
}

/// The largest size with the right aspect ratio that fits a tile.
fn size(slice: &Array2<f32>, image: &Volume, plane: Plane, tile: u32) -> (u32, u32) {
    let spacing = image.geometry.spacing_mm();
    let mut remaining = (0..3).filter(|axis| *axis != plane.axis()).map(|axis| spacing[axis]);
    let (rows, columns) = slice.dim();
    let height = rows as f64 * remaining.next().unwrap_or(1.0);
    let width = columns as f64 * remaining.next().unwrap_or(1.0);
    let scale = f64::from(tile) / width.max(height);
    let pixels = |extent: f64| ((extent * scale).round() as u32).clamp(1, tile);
    (pixels(width), pixels(height))
}

/// The slice with the most labelled voxels in the reference, else in the prediction, else the middle one.
fn slice_with_most_labels(plane: Plane, reference: &LabelMap, prediction: &Segmentation, target: &Target) -> usize {
    let axis = Axis(plane.axis());
    let known: Vec<u16> = target.structures.iter().flat_map(|s| s.values.iter().copied().chain([s.value])).collect();
    let labelled = |value: &&u16| **value != 0 && known.contains(*value);
    let map = |map: &LabelMap| -> Vec<usize> {
        map.voxels.axis_iter(axis).map(|slice| slice.iter().filter(labelled).count()).collect()
    };
    let areas = match (map(reference), prediction) {
        (areas, _) if areas.iter().any(|area| *area > 0) => areas,
        (_, Segmentation::Labels(prediction)) => map(prediction),
        (_, Segmentation::Masks { masks, .. }) => masks
            .axis_iter(Axis(plane.axis() + 1))
            .map(|slice| slice.iter().filter(|value| **value != 0).count())
            .collect(),
    };
    let slice_with_most_labels = areas.iter().enumerate().filter(|(_, area)| **area > 0).max_by_key(|(index, area)| {
        // The first if tied.
        (**area, usize::MAX - index)
    });
    slice_with_most_labels.map_or(areas.len() / 2, |(index, _)| index)
}

/// The 0.5 and 99.5 percentiles of the first channel, from at most about 100 000 evenly spaced voxels.
pub(super) fn window(image: &Volume) -> (f32, f32) {
    let channel = image.voxels.index_axis(Axis(0), 0);
    let step = (channel.len() / 100_000).max(1);
    let mut values: Vec<f32> = channel.iter().step_by(step).copied().filter(|value| value.is_finite()).collect();
    values.sort_by(f32::total_cmp);
    let at = |fraction: f64| values.get((values.len().saturating_sub(1) as f64 * fraction).round() as usize).copied();
    (at(0.005).unwrap_or(0.0), at(0.995).unwrap_or(1.0))
}

fn brightness(value: f32, (low, high): (f32, f32)) -> f32 {
    if !value.is_finite() || high <= low {
        return if value > low { 255.0 } else { 0.0 };
    }
    ((value - low) / (high - low)).clamp(0.0, 1.0) * 255.0
}
