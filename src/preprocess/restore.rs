//! The way back: from outputs on the prepared grid to a segmentation on the image's own grid.

use ndarray::{Array3, Array4, ArrayView3, ArrayView4, Axis, Zip};

use super::case::Origin;
use super::resample::{Order, resample};
use crate::dataset::Target;
use crate::volume::{LabelMap, Segmentation};

/// Outputs that do not belong to a case or a target.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("outputs of shape {found:?} [output, z, y, x], expected {expected:?}")]
pub struct ShapeError {
    /// The outputs' shape.
    pub found: [usize; 4],
    /// Outputs of the target and the prepared grid of the case.
    pub expected: [usize; 4],
}

/// Outputs `[output, z, y, x]` of the prepared grid on the cropped canonical grid: linear, nearest along the coarse axis.
pub fn restore_probabilities(outputs: ArrayView4<'_, f32>, origin: &Origin) -> Array4<f32> {
    let [depth, height, width] = origin.crop.shape();
    let mut restored = Array4::zeros([outputs.len_of(Axis(0)), depth, height, width]);
    for (output, mut out) in outputs.outer_iter().zip(restored.outer_iter_mut()) {
        out.assign(&restore_output(output, origin));
    }
    restored
}

/// The segmentation that outputs (probabilities or logits) of the prepared grid stand for, on the grid and in the
/// orientation of the image as it was read. Voxels outside the crop are background.
///
/// Without overlap output 0 is background, output `i` structure `i − 1`, and the largest wins, the first of equal ones;
/// with overlap output `i` is structure `i`, present above `threshold`. Outputs are restored one after the other, so that
/// memory does not grow with their number.
///
/// # Errors
/// [`ShapeError`] where outputs, target and origin do not belong together.
pub fn restore_segmentation(
    outputs: ArrayView4<'_, f32>,
    target: &Target,
    threshold: f64,
    origin: &Origin,
) -> Result<Segmentation, ShapeError> {
    let [depth, height, width] = origin.prepared_shape;
    let expected = [target.outputs(), depth, height, width];
    if *outputs.shape() != expected {
        let (channels, depth, height, width) = outputs.dim();
        return Err(ShapeError { found: [channels, depth, height, width], expected });
    }
    let canonical = match target.overlapping {
        true => {
            Segmentation::Masks { masks: masks(outputs, threshold, origin), geometry: origin.geometry.to_canonical() }
        }
        false => Segmentation::Labels(LabelMap {
            voxels: uncrop(winners(outputs, target, origin).view(), origin),
            geometry: origin.geometry.to_canonical(),
        }),
    };
    Ok(Segmentation::from_canonical(&canonical, &origin.geometry))
}

/// A label map of the crop put back into the whole canonical image.
fn uncrop(cropped: ArrayView3<'_, u16>, origin: &Origin) -> Array3<u16> {
    let mut whole = Array3::zeros(origin.geometry.to_canonical().shape);
    whole.slice_each_axis_mut(|axis| origin.crop.slice(axis.axis.index())).assign(&cropped);
    whole
}

fn restore_output(output: ArrayView3<'_, f32>, origin: &Origin) -> Array3<f32> {
    resample(output, origin.crop.shape(), Order::Linear, origin.coarse_axis)
}

/// The structure with the largest output at each voxel of the crop.
fn winners(outputs: ArrayView4<'_, f32>, target: &Target, origin: &Origin) -> Array3<u16> {
    let mut best = restore_output(outputs.index_axis(Axis(0), 0), origin);
    let mut labels = Array3::zeros(best.dim());
    for (output, structure) in outputs.outer_iter().skip(1).zip(&target.structures) {
        let restored = restore_output(output, origin);
        Zip::from(&mut labels).and(&mut best).and(&restored).par_for_each(|label, best, &value| {
            if value > *best {
                (*label, *best) = (structure.value, value);
            }
        });
    }
    labels
}

fn masks(outputs: ArrayView4<'_, f32>, threshold: f64, origin: &Origin) -> Array4<u8> {
    let [depth, height, width] = origin.geometry.to_canonical().shape;
    let mut masks = Array4::zeros([outputs.len_of(Axis(0)), depth, height, width]);
    for (output, mut mask) in outputs.outer_iter().zip(masks.outer_iter_mut()) {
        let present = restore_output(output, origin).mapv(|value| u8::from(f64::from(value) > threshold));
        mask.slice_each_axis_mut(|axis| origin.crop.slice(axis.axis.index())).assign(&present);
    }
    masks
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::TargetStructure;
    use crate::preprocess::case::prepare_case;
    use crate::preprocess::spec::{Crop, ImageInterpolation, LabelInterpolation, PreprocessPlan};
    use crate::volume::{Geometry, Volume};
    use proptest::prelude::*;

    fn target(overlapping: bool, values: &[u16]) -> Target {
        let structure = |&value: &u16| TargetStructure {
            name: format!("s{value}"),
            values: vec![value],
            value,
            members: vec![],
            color: [0; 3],
        };
        Target { overlapping, ignore: None, structures: values.iter().map(structure).collect() }
    }

    fn plan(spacing_mm: Option<[f64; 3]>) -> PreprocessPlan {
        PreprocessPlan {
            crop: Crop::Nonzero,
            body_threshold: None,
            spacing_mm,
            shape: None,
            image_interpolation: ImageInterpolation::Linear,
            label_interpolation: LabelInterpolation::OneHotLinear,
            anisotropy_threshold: 3.0,
            intensity: vec![],
        }
    }

    /// Every axis order and direction of a 4×5×6 grid.
    fn orientations() -> Vec<Geometry> {
        let columns = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];
        let oriented = |world: [usize; 3], signs: usize| {
            let mut affine = [[0.0; 4]; 3];
            for axis in 0..3 {
                affine[world[axis]][axis] = if signs >> axis & 1 == 1 { -1.5 } else { 2.0 + axis as f64 };
            }
            Geometry { shape: [4, 5, 6], affine, has_spacing: true }
        };
        columns.into_iter().flat_map(|world| (0..8).map(move |signs| oriented(world, signs))).collect()
    }

    fn one_hot(labels: &Array3<u16>, values: &[u16]) -> Array4<f32> {
        let (depth, height, width) = labels.dim();
        Array4::from_shape_fn([values.len(), depth, height, width], |(output, z, y, x)| {
            f32::from(u8::from(labels[[z, y, x]] == values[output]))
        })
    }

    /// A case whose image is nonzero wherever it is labelled, and in one corner more.
    fn case(labels: Vec<u16>, geometry: Geometry) -> (Volume, LabelMap) {
        let voxels = Array3::from_shape_vec(geometry.shape, labels).unwrap();
        let mut image = voxels.mapv(f32::from).insert_axis(Axis(0));
        image[[0, 1, 1, 1]] = 9.0;
        (Volume { voxels: image, geometry: geometry.clone() }, LabelMap { voxels, geometry })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]
        #[test]
        fn labels_come_back_from_every_orientation(labels in prop::collection::vec(prop_oneof![Just(0u16), Just(2), Just(7)], 120)) {
            for geometry in orientations() {
                let (image, label) = case(labels.clone(), geometry);
                let prepared = prepare_case(&plan(None), &image, Some(&label)).unwrap();
                let outputs = one_hot(&prepared.labels.unwrap(), &[0, 2, 7]);
                let back = restore_segmentation(outputs.view(), &target(false, &[2, 7]), 0.5, &prepared.origin).unwrap();
                prop_assert_eq!(back, Segmentation::Labels(label));
            }
        }
    }

    #[test]
    fn overlapping_masks_come_back_too() {
        for geometry in orientations() {
            let (image, label) = case((0..120).map(|index| index % 3).collect(), geometry.clone());
            let prepared = prepare_case(&plan(None), &image, Some(&label)).unwrap();
            let outputs = one_hot(&prepared.labels.unwrap(), &[1, 2]);
            let back = restore_segmentation(outputs.view(), &target(true, &[1, 2]), 0.5, &prepared.origin).unwrap();
            let Segmentation::Masks { masks, geometry: restored } = back else { panic!("masks expected") };
            assert_eq!(restored, geometry);
            for (mask, value) in masks.outer_iter().zip([1, 2]) {
                assert_eq!(mask, label.voxels.mapv(|label| u8::from(label == value)));
            }
        }
    }

    #[test]
    fn a_resampled_block_comes_back_where_it_was() {
        let geometry = Geometry::axis_aligned([24, 30, 28], [1.5, 1.0, 1.0]);
        let mut voxels = Array3::<u16>::zeros(geometry.shape);
        voxels.slice_mut(ndarray::s![6..18, 8..20, 6..18]).fill(1);
        let image = Volume { voxels: Array4::ones([1, 24, 30, 28]), geometry: geometry.clone() };
        let label = LabelMap { voxels, geometry };
        let prepared = prepare_case(&plan(Some([1.0, 2.0, 1.4])), &image, Some(&label)).unwrap();
        let outputs = one_hot(&prepared.labels.unwrap(), &[0, 1]);
        let back = restore_segmentation(outputs.view(), &target(false, &[1]), 0.5, &prepared.origin).unwrap();
        let Segmentation::Labels(back) = back else { panic!("labels expected") };
        let same = back.voxels.iter().zip(&label.voxels).filter(|(a, b)| **a == 1 && **b == 1).count();
        let dice = 2.0 * same as f64 / (back.voxels.iter().chain(&label.voxels).filter(|v| **v == 1).count()) as f64;
        assert!(dice > 0.97, "Dice {dice}");
    }

    #[test]
    fn outputs_of_another_case_are_refused() {
        let (image, label) = case(vec![1; 120], orientations().remove(0));
        let prepared = prepare_case(&plan(None), &image, Some(&label)).unwrap();
        let wrong = Array4::zeros([2, 1, 1, 1]);
        assert!(restore_segmentation(wrong.view(), &target(false, &[1]), 0.5, &prepared.origin).is_err());
        assert_eq!(restore_probabilities(Array4::zeros([2, 4, 5, 6]).view(), &prepared.origin).dim(), (2, 4, 5, 6));
    }
}
