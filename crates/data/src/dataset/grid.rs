//! The grids of images and labels of a case: labels on the image's grid, channels on that of the first.

use std::collections::BTreeSet;
use std::path::Path;

use ndarray::{Array3, ArrayView3};

use super::Case;
use super::numbering::in_order_of;
use super::read::{CaseError, GRID_TOLERANCE, Notes};
use crate::volume::dicom::Series;
use crate::volume::{Format, Geometry, LabelMap, Lattice, Volume, nifti, resample};

/// Resamples a label map to another grid: each voxel takes the label nearest to its centre, or background outside the label map.
pub fn resample_labels_to(label: &LabelMap, grid: &Geometry) -> LabelMap {
    resample::nearest(label, grid)
}

/// Puts labels on the grid of a case's image, without loss where their voxels are voxels of the image. `notes` receives which reading was
/// taken if the file left a choice.
///
/// # Errors
/// [`CaseError::LabelGrid`] on another grid without `labels.resample-labels`, [`CaseError::Outside`] if nothing of the labels lies in the
/// image.
pub fn onto(
    case: &Case,
    labels: LabelMap,
    image: &Geometry,
    file: &Path,
    notes: &mut Notes,
) -> Result<LabelMap, CaseError> {
    let Err(difference) = image.same_grid(&labels.geometry, GRID_TOLERANCE) else { return Ok(labels) };
    let named = Format::of(file).is_ok_and(|format| format.entry().holds_labels);
    // Positions in segmentation objects are rounded more than those of images.
    let tolerance = match Format::of(file) {
        Ok(Format::DicomSegments) => [GRID_TOLERANCE; 3],
        _ => Lattice::tolerance(image, GRID_TOLERANCE),
    };
    let lattice = Lattice::of(&labels.geometry, image, tolerance);
    let without_loss =
        |lattice: &Lattice| (lattice.is_part() || lattice.contains()) && lattice.outside(labels.voxels.view()) == 0;
    if let Some(lattice) = lattice.filter(without_loss) {
        match (lattice.is_same(), lattice.is_part()) {
            (true, _) => notes.add(file, format!("its voxels are those of the image in another order: {difference}")),
            // Programs that write segments usually leave out what is empty.
            (_, true) if named => {}
            (_, true) => notes.add(file, format!("covers a part of the image, the rest is background: {difference}")),
            _ => notes.add(file, "reaches beyond the image; nothing is labelled there"),
        }
        return Ok(LabelMap { voxels: lattice.put(labels.voxels.view()), geometry: image.clone() });
    }
    if named && labels.geometry.shape == [1; 3] && labels.voxels.iter().all(|label| *label == 0) {
        notes.add(file, "is an empty segmentation of one voxel: nothing is labelled");
        return Ok(LabelMap { voxels: Array3::zeros(image.shape), geometry: image.clone() });
    }
    let hint = second_grid(case, &labels.geometry);
    if !case.reading.resample_labels {
        let remedy = hint.unwrap_or("set `labels.resample-labels = true` to resample labels to the image's grid");
        return Err(CaseError::LabelGrid { path: file.into(), difference, remedy: remedy.into() });
    }
    resampled(labels, image, file, [Some(difference.as_str()), hint], notes)
}

/// Resamples labels to the image's grid and says what is lost.
fn resampled(
    labels: LabelMap,
    image: &Geometry,
    file: &Path,
    [difference, hint]: [Option<&str>; 2],
    notes: &mut Notes,
) -> Result<LabelMap, CaseError> {
    let (labelled, outside) = resample::presence(labels.voxels.view(), &labels.geometry, image);
    if labelled > 0 && outside == labelled {
        let [labels, image] = [&labels.geometry, image].map(resample::bounds);
        return Err(CaseError::Outside { path: file.into(), labels, image });
    }
    let result = resample_labels_to(&labels, image);
    notes.add(file, format!("label is resampled to the image's grid: {}", difference.unwrap_or_default()));
    if let Some(hint) = hint {
        notes.add(file, hint);
    }
    if outside > 0 {
        notes.add(file, format!("{outside} of {labelled} labelled voxels lie outside the image and are lost"));
    }
    let gone: Vec<String> = values(&labels).difference(&values(&result)).map(ToString::to_string).collect();
    if !gone.is_empty() {
        notes.add(file, format!("no voxel of the values {} is left after resampling", gone.join(", ")));
    }
    Ok(result)
}

fn values(labels: &LabelMap) -> BTreeSet<u16> {
    let mut present = vec![false; usize::from(u16::MAX) + 1];
    labels.voxels.iter().for_each(|&value| present[usize::from(value)] = true);
    (1..=u16::MAX).filter(|&value| present[usize::from(value)]).collect()
}

/// A word if labels lie on the grid that the image's qform describes while its sform is used.
fn second_grid(case: &Case, labels: &Geometry) -> Option<&'static str> {
    let image = case.images.first().filter(|path| matches!(Format::of(path), Ok(Format::Nifti)))?;
    let second = nifti::second_grid(image).ok()??;
    second.same_grid(labels, GRID_TOLERANCE).ok()?;
    Some(
        "the label lies on the grid of the image's own qform, while the image's sform is used, which differs: find out which of the two \
         is right and write it into both files; resampling would move the label",
    )
}

/// Resamples an image linearly to another grid. Beyond its edge the nearest voxel is used, as in ITK's extrapolation.
pub fn resample_volume_to(volume: &Volume, grid: &Geometry) -> Volume {
    let mut voxels = ndarray::Array4::zeros((volume.voxels.dim().0, grid.shape[0], grid.shape[1], grid.shape[2]));
    for (channel, mut target) in volume.voxels.outer_iter().zip(voxels.outer_iter_mut()) {
        target.assign(&resample::sampled(&volume.geometry, grid, |place| linear(channel, place)));
    }
    Volume { voxels, geometry: grid.clone() }
}

fn linear(values: ArrayView3<f32>, place: [f64; 3]) -> f32 {
    let shape = [values.dim().0, values.dim().1, values.dim().2];
    let along = |axis: usize| {
        let at = place[axis].clamp(0.0, (shape[axis].max(1) - 1) as f64);
        let low = (at.floor() as usize).min(shape[axis].max(2) - 2);
        (low, (low + 1).min(shape[axis] - 1), (at - low as f64) as f32)
    };
    let ([z, y, x], mut sum) = ([along(0), along(1), along(2)], 0.0);
    for (z, of_z) in [(z.0, 1.0 - z.2), (z.1, z.2)] {
        for (y, of_y) in [(y.0, 1.0 - y.2), (y.1, y.2)] {
            for (x, of_x) in [(x.0, 1.0 - x.2), (x.1, x.2)] {
                sum += of_z * of_y * of_x * values[[z, y, x]];
            }
        }
    }
    sum
}

/// The slice index of each image file of a case, in the order of their names (numbers by their value), and these names, which a single
/// file does not have.
pub fn slices_by_name(case: &Case, image: &Geometry) -> Result<(Vec<usize>, Vec<String>), CaseError> {
    let Some(folder) = case.images.first().filter(|path| path.is_dir() && case.stack_spacing_mm.is_none()) else {
        return Ok(((0..image.shape[0]).collect(), Vec::new()));
    };
    let series = Series::open(folder, &case.choice(0))?;
    let mut slices: Vec<(&Path, usize)> = series.slices().collect();
    let stem = |(file, _): &(&Path, usize)| file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    in_order_of(&mut slices, stem);
    let names = slices.iter().map(stem).collect();
    Ok((slices.into_iter().map(|(_, slice)| slice).collect(), names))
}

#[cfg(test)]
mod tests {
    use ndarray::Axis;

    use super::*;

    #[test]
    fn a_label_on_a_coarser_shifted_grid_is_taken_from_the_nearest_voxel() {
        let mut label = LabelMap {
            voxels: Array3::from_shape_fn((2, 2, 2), |(z, y, x)| (1 + 4 * z + 2 * y + x) as u16),
            geometry: Geometry::axis_aligned([2, 2, 2], [2.0, 2.0, 2.0]),
        };
        label.geometry.affine[0][3] = 1.0;
        let grid = Geometry::axis_aligned([3, 1, 4], [1.0, 1.0, 1.0]);
        let put = resample_labels_to(&label, &grid);
        // Along x the label's voxels are at 1 and 3 mm and the grid's at 0, 1, 2, 3; along z at 0 and 2, and 0, 1, 2.
        assert_eq!(put.voxels.index_axis(Axis(0), 0).iter().copied().collect::<Vec<_>>()[1], 1);
        assert_eq!(put.voxels[[0, 0, 3]], 2);
        assert_eq!(put.voxels[[2, 0, 1]], 5);
        assert_eq!(put.geometry, grid);
    }

    #[test]
    fn a_linear_image_stays_linear_on_another_grid() {
        let place = |at: [f64; 3]| (at[0] * 2.0 - at[1] + at[2] * 0.5) as f32;
        let coarse = Geometry::axis_aligned([4, 5, 6], [3.0, 2.0, 2.5]);
        let voxels = Array3::from_shape_fn((4, 5, 6), |(z, y, x)| {
            let [x, y, z] = coarse.to_world([z as f64, y as f64, x as f64]);
            place([x, y, z])
        });
        let mut grid = Geometry::axis_aligned([8, 7, 9], [1.0, 1.0, 1.0]);
        for row in &mut grid.affine {
            row[3] = 0.6;
        }
        let put = resample_volume_to(&Volume { voxels: voxels.insert_axis(Axis(0)), geometry: coarse }, &grid);
        for ((_, z, y, x), value) in put.voxels.indexed_iter() {
            let expected = place(grid.to_world([z as f64, y as f64, x as f64]));
            assert!((value - expected).abs() < 1e-4, "{value} instead of {expected}");
        }
    }

    #[test]
    fn an_image_of_one_slice_is_sampled_in_its_plane() {
        let values = Array3::from_shape_fn((1, 2, 2), |(_, y, x)| (2 * y + x) as f32);
        assert_eq!(linear(values.view(), [0.0, 0.5, 0.5]), 1.5);
        assert_eq!(linear(values.view(), [3.0, -1.0, 9.0]), 1.0);
    }
}
