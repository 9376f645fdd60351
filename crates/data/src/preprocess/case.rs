//! Preprocessing of one case, from the image as read to the network input.

use ndarray::{Array3, Array4, Axis};
use serde::{Deserialize, Serialize};

use super::Orientation;
use super::crop::{CropBox, crop_box};
use super::foreground::{ForegroundVoxels, sample_foreground};
use super::intensity::{self, IntensityError};
use super::resample::{Order, coarse_axis, resample, resample_labels, resampled_shape};
use super::spec::{Crop, PreprocessPlan};
use crate::volume::{Geometry, LabelMap, Volume};
use segspec_base::memory::{self, NoRoom};

/// Maximum number of voxels per channel; more indicate a wrong spacing.
const MAX_VOXELS: usize = 1 << 32;

/// A preprocessed case.
#[derive(Clone, Debug, PartialEq)]
pub struct Prepared {
    /// Network input `[channel, z, y, x]`.
    pub image: Array4<f32>,
    /// Label values on the same grid.
    pub labels: Option<Array3<u16>>,
    /// Mapping back to the image's original grid.
    pub origin: Origin,
    /// Voxels of each label present, for sampling patches centred on structures.
    pub foreground: Vec<ForegroundVoxels>,
}

/// Mapping from the prepared grid back to the grid of the image as read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Origin {
    /// Grid of the image as read.
    pub geometry: Geometry,
    /// Axes of the network's grid, which the fields below refer to.
    #[serde(default, skip_serializing_if = "Orientation::is_canonical")]
    pub orientation: Orientation,
    /// Crop box in the image with the network's axes.
    pub crop: CropBox,
    /// Spacing of the image `[z, y, x]`, mm.
    pub spacing_mm: [f64; 3],
    /// Shape of the prepared image.
    pub prepared_shape: [usize; 3],
    /// Spacing of the prepared image, mm.
    pub prepared_spacing_mm: [f64; 3],
    /// Axis with nearest-neighbour interpolation when resampling back.
    pub coarse_axis: Option<usize>,
}

impl Origin {
    /// The origin of an image in canonical orientation that was neither cropped nor resampled.
    pub fn identity(geometry: Geometry) -> Self {
        let (shape, spacing_mm) = (geometry.shape, geometry.spacing_mm());
        Self {
            orientation: Orientation::Canonical,
            crop: CropBox::whole(shape),
            spacing_mm,
            prepared_shape: shape,
            prepared_spacing_mm: spacing_mm,
            coarse_axis: None,
            geometry,
        }
    }

    /// The whole grid of the image, with the network's axes.
    pub fn whole(&self) -> Geometry {
        self.geometry.arranged(self.orientation.way(&self.geometry))
    }
}

/// Why a case cannot be used: the reason of its exclusion.
#[derive(Debug, thiserror::Error)]
pub enum CaseError {
    /// A file cannot be read or does not match the others.
    #[error(transparent)]
    Read(#[from] crate::dataset::CaseError),
    /// The crop box is empty.
    #[error("the crop is empty: {0}")]
    Empty(&'static str),
    /// The grid axes are not orthogonal.
    #[error(
        "sheared grid (gantry tilt): resample it to a rectangular grid first, or use preprocess.spacing-mm = \"keep\""
    )]
    Sheared,
    /// A target spacing is set, but the image has no physical size.
    #[error(
        "the image states no voxel spacing: state it in the dataset file (`spacing-mm = [slices, rows, columns]`), or use preprocess.spacing-mm = \"keep\" or preprocess.shape"
    )]
    NoSpacing,
    /// The target spacing is far too fine for the image.
    #[error("resampling from {from_mm:?} mm to {to_mm:?} mm gives {shape:?} voxels; check the spacings")]
    TooLarge {
        /// Spacing of the image.
        from_mm: [f64; 3],
        /// Target spacing.
        to_mm: [f64; 3],
        /// The resulting shape.
        shape: [usize; 3],
    },
    /// The prepared image does not fit in memory.
    #[error(
        "resampled to {shape:?} voxels, the case {refused}; use a coarser preprocess.spacing-mm, or a smaller preprocess.shape"
    )]
    Memory {
        /// Shape of the prepared image.
        shape: [usize; 3],
        /// Wanted and free memory.
        refused: NoRoom,
    },
    /// An intensity step does not fit the image.
    #[error(transparent)]
    Intensity(#[from] IntensityError),
    /// A file could not be read for hashing.
    #[error("cannot be read: {0}")]
    Hash(#[from] std::io::Error),
}

impl CaseError {
    /// Whether this machine lacks memory for the case. It is then not excluded: another machine would not exclude it.
    pub fn is_of_machine(&self) -> bool {
        match self {
            Self::Read(error) => error.is_of_machine(),
            other => matches!(other, Self::Memory { .. }),
        }
    }
}

/// Applies orientation, crop, intensity steps and resampling, in this order (as nnU-Net).
///
/// `image` and `label` are passed as read, on the same grid.
///
/// # Errors
/// [`CaseError`] if the plan cannot be applied to the image.
pub fn prepare_case(plan: &PreprocessPlan, image: &Volume, label: Option<&LabelMap>) -> Result<Prepared, CaseError> {
    let way = plan.orientation.way(&image.geometry);
    let arranged = image.arranged(way);
    let crop = crop_box(plan.crop, plan.body_threshold, arranged.voxels.view()).ok_or(nothing(plan.crop))?;
    let origin = origin(plan, image, &arranged.geometry, crop)?;
    let mut voxels = arranged.voxels.slice_each_axis(|axis| spatial(&crop, axis.axis.index())).to_owned();
    drop(arranged);
    intensity::apply(&plan.intensity, &mut voxels, origin.spacing_mm)?;
    let coarse = coarse_axis(origin.spacing_mm, origin.prepared_spacing_mm, plan.anisotropy_threshold);
    let labels = label.map(|label| {
        let arranged = label.arranged(way).voxels;
        let cropped = arranged.slice_each_axis(|axis| crop.slice(axis.axis.index()));
        resample_labels(cropped, origin.prepared_shape, plan.label_interpolation, coarse)
    });
    let image = resample_channels(voxels, origin.prepared_shape, plan.image_interpolation.into(), coarse);
    let foreground = labels.as_ref().map_or(Vec::new(), |labels| sample_foreground(labels.view()));
    Ok(Prepared { image, labels, origin, foreground })
}

/// The prepared image with one further channel per label value: 1 where a segmentation of the same image has the value, else 0. The
/// segmentation is on the grid of the image as read.
pub fn with_label_channels(
    plan: &PreprocessPlan,
    prepared: &Prepared,
    labels: &LabelMap,
    values: &[u16],
) -> Array4<f32> {
    let labels = on_prepared_grid(plan, &prepared.origin, labels);
    let (channels, depth, height, width) = prepared.image.dim();
    let mut all = Array4::zeros([channels + values.len(), depth, height, width]);
    all.slice_axis_mut(Axis(0), ndarray::Slice::from(..channels)).assign(&prepared.image);
    for (mut channel, value) in all.outer_iter_mut().skip(channels).zip(values) {
        channel.zip_mut_with(&labels, |voxel, label| *voxel = f32::from(u8::from(label == value)));
    }
    all
}

/// A segmentation on the grid of the image as read, brought to the prepared grid `[z, y, x]`.
pub fn on_prepared_grid(plan: &PreprocessPlan, origin: &Origin, labels: &LabelMap) -> Array3<u16> {
    let arranged = labels.arranged(origin.orientation.way(&origin.geometry)).voxels;
    let cropped = arranged.slice_each_axis(|axis| origin.crop.slice(axis.axis.index()));
    let coarse = coarse_axis(origin.spacing_mm, origin.prepared_spacing_mm, plan.anisotropy_threshold);
    resample_labels(cropped, origin.prepared_shape, plan.label_interpolation, coarse)
}

/// The range of an array axis `[channel, z, y, x]` inside the crop.
fn spatial(crop: &CropBox, axis: usize) -> ndarray::Slice {
    if axis == 0 { ndarray::Slice::from(..) } else { crop.slice(axis - 1) }
}

fn nothing(crop: Crop) -> CaseError {
    CaseError::Empty(match crop {
        Crop::Body => "no body brighter than its surroundings (preprocess.crop = \"body\")",
        _ => "every voxel is zero (preprocess.crop = \"nonzero\")",
    })
}

fn origin(plan: &PreprocessPlan, image: &Volume, arranged: &Geometry, crop: CropBox) -> Result<Origin, CaseError> {
    let (spacing_mm, shape) = (arranged.spacing_mm(), crop.shape());
    let own = |axis: usize, wanted: usize| if wanted == 0 { shape[axis] } else { wanted };
    let fixed = plan.shape.map(|fixed| [0, 1, 2].map(|axis| own(axis, fixed[axis])));
    let own = |axis: usize, wanted: f64| if wanted == 0.0 { spacing_mm[axis] } else { wanted };
    let target = plan.spacing_mm.map(|target| [0, 1, 2].map(|axis| own(axis, target[axis])));
    let (prepared_shape, prepared_spacing_mm) = match (fixed, target) {
        (Some(fixed), _) => (fixed, [0, 1, 2].map(|axis| spacing_mm[axis] * shape[axis] as f64 / fixed[axis] as f64)),
        (None, None) => (shape, spacing_mm),
        (None, Some(_)) if !arranged.has_spacing => return Err(CaseError::NoSpacing),
        (None, Some(_)) if arranged.is_sheared() => return Err(CaseError::Sheared),
        (None, Some(target)) => (resampled_shape(shape, spacing_mm, target), target),
    };
    if prepared_shape.iter().try_fold(1usize, |product, &n| product.checked_mul(n)).is_none_or(|n| n > MAX_VOXELS) {
        return Err(CaseError::TooLarge { from_mm: spacing_mm, to_mm: prepared_spacing_mm, shape: prepared_shape });
    }
    let values =
        prepared_shape.iter().chain(&[image.voxels.len_of(Axis(0))]).map(|&count| count as u64).product::<u64>();
    // The image and its labels, and the same between two axes.
    memory::ask(values.saturating_mul(12)).map_err(|refused| CaseError::Memory { shape: prepared_shape, refused })?;
    let coarse_axis = coarse_axis(prepared_spacing_mm, spacing_mm, plan.anisotropy_threshold);
    let geometry = image.geometry.clone();
    let orientation = plan.orientation;
    Ok(Origin { geometry, orientation, crop, spacing_mm, prepared_shape, prepared_spacing_mm, coarse_axis })
}

fn resample_channels(image: Array4<f32>, shape: [usize; 3], order: Order, coarse: Option<usize>) -> Array4<f32> {
    let [depth, height, width] = shape;
    if image.shape()[1..] == shape {
        return image;
    }
    let mut result = Array4::zeros([image.len_of(Axis(0)), depth, height, width]);
    for (channel, mut out) in image.outer_iter().zip(result.outer_iter_mut()) {
        out.assign(&resample(channel, shape, order, coarse));
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::preprocess::spec::{ImageInterpolation, LabelInterpolation};
    use ndarray::s;

    pub(crate) fn plan() -> PreprocessPlan {
        PreprocessPlan {
            orientation: Orientation::Canonical,
            crop: Crop::Nonzero,
            body_threshold: None,
            spacing_mm: None,
            shape: None,
            image_interpolation: ImageInterpolation::Cubic,
            label_interpolation: LabelInterpolation::OneHotLinear,
            anisotropy_threshold: 3.0,
            intensity: vec![],
        }
    }

    fn image() -> Volume {
        let mut voxels = Array4::zeros([2, 10, 12, 14]);
        voxels.slice_mut(s![0, 2..8, 3..11, 1..13]).fill(4.0);
        Volume { voxels, geometry: Geometry::axis_aligned([10, 12, 14], [2.0, 1.0, 1.0]) }
    }

    #[test]
    fn image_and_labels_come_to_the_target_spacing_together() {
        let mut labels = LabelMap { voxels: Array3::zeros([10, 12, 14]), geometry: image().geometry };
        labels.voxels.slice_mut(s![4..6, 4..8, 4..8]).fill(3);
        let plan = PreprocessPlan { spacing_mm: Some([1.0, 2.0, 2.0]), ..plan() };
        let prepared = prepare_case(&plan, &image(), Some(&labels)).unwrap();
        assert_eq!(prepared.image.dim(), (2, 12, 4, 6));
        assert_eq!(prepared.labels.unwrap().dim(), (12, 4, 6));
        assert_eq!(prepared.foreground.iter().map(|f| f.value).collect::<Vec<_>>(), [3]);
        assert_eq!(prepared.origin.crop, CropBox { start: [2, 3, 1], end: [8, 11, 13] });
    }

    #[test]
    fn a_fixed_shape_sets_the_spacing() {
        let plan = PreprocessPlan { shape: Some([3, 16, 6]), ..plan() };
        let prepared = prepare_case(&plan, &image(), None).unwrap();
        assert_eq!(prepared.image.dim(), (2, 3, 16, 6));
        assert_eq!(prepared.origin.prepared_spacing_mm, [4.0, 0.5, 2.0]);
    }

    #[test]
    fn zero_keeps_an_axis() {
        let plan = PreprocessPlan { shape: Some([0, 16, 6]), ..plan() };
        let prepared = prepare_case(&plan, &image(), None).unwrap();
        assert_eq!(prepared.image.dim(), (2, 6, 16, 6));
        assert_eq!(prepared.origin.prepared_spacing_mm, [2.0, 0.5, 2.0]);
        let plan = PreprocessPlan { shape: None, spacing_mm: Some([0.0, 2.0, 0.5]), ..plan };
        let prepared = prepare_case(&plan, &image(), None).unwrap();
        assert_eq!(prepared.image.dim(), (2, 6, 4, 24));
        assert_eq!(prepared.origin.prepared_spacing_mm, [2.0, 2.0, 0.5]);
    }

    #[test]
    fn images_that_cannot_be_prepared_say_why() {
        let mut flat = image();
        flat.geometry.has_spacing = false;
        let resampled = PreprocessPlan { spacing_mm: Some([1.0; 3]), ..plan() };
        assert!(matches!(prepare_case(&resampled, &flat, None), Err(CaseError::NoSpacing)));
        assert!(prepare_case(&plan(), &flat, None).is_ok());
        let tiny = PreprocessPlan { spacing_mm: Some([1e-6; 3]), ..plan() };
        assert!(matches!(prepare_case(&tiny, &image(), None), Err(CaseError::TooLarge { .. })));
        let mut zeros = image();
        zeros.voxels.fill(0.0);
        assert!(matches!(prepare_case(&plan(), &zeros, None), Err(CaseError::Empty(_))));
        let mut tilted = image();
        tilted.geometry.affine[1][2] = 0.8;
        assert!(matches!(prepare_case(&resampled, &tilted, None), Err(CaseError::Sheared)));
    }
}
