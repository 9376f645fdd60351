use ndarray::{Array3, Array4};

use super::*;
use crate::report::tests::fixture::target;
use crate::volume::Geometry;

/// 4 slices of 8 × 10 voxels, 5 × 2 × 1 mm: a bright voxel and structure 1 at the right, anterior, superior corner.
fn example() -> (Volume, LabelMap, LabelMap) {
    let geometry = Geometry::axis_aligned([4, 8, 10], [5.0, 2.0, 1.0]);
    let corner = |z: usize, y: usize, x: usize| z == 3 && y >= 6 && x >= 8;
    let image = Array4::from_shape_fn([1, 4, 8, 10], |(_, z, y, x)| if corner(z, y, x) { 100.0 } else { 0.0 });
    let reference = Array3::from_shape_fn([4, 8, 10], |(z, y, x)| u16::from(corner(z, y, x)));
    let prediction = Array3::from_shape_fn([4, 8, 10], |(z, y, x)| u16::from(z == 3 && y >= 6 && x >= 9) * 2);
    let labels = |voxels| LabelMap { voxels, geometry: geometry.clone() };
    (Volume { voxels: image, geometry: geometry.clone() }, labels(reference), labels(prediction))
}

#[test]
fn planes_are_shown_in_radiological_convention_with_the_right_proportions() {
    let (image, reference, prediction) = example();
    let views = views(&image, &reference, &Segmentation::Labels(prediction), &target(2), TILE, window(&image));
    let sizes: Vec<_> = views.iter().map(|view| (view.index, view.size)).collect();
    // 10 × 16 mm, 10 × 20 mm, 16 × 20 mm
    assert_eq!(sizes, [(3, (263, 420)), (6, (210, 420)), (8, (336, 420))]);
    for view in &views {
        // right, anterior and superior are at the upper left of every plane that shows them
        let (width, height) = view.size;
        assert_eq!((view.gray(1, 1), view.gray(width - 2, height - 2)), (255, 0), "{:?}", view.plane);
    }
    let marks: Vec<_> = views.iter().map(|view| view.marks.unwrap().concat()).collect();
    assert_eq!(marks, ["RLAP", "RLSI", "APSI"]);
}

#[test]
fn errors_have_their_colours_and_the_image_column_none() {
    let (image, reference, prediction) = example();
    let picture =
        render("case_1", "Dice 0.5", &image, &reference, &Segmentation::Labels(prediction), &target(2)).unwrap();
    let colors = errors::ErrorColors::of(&target(2));
    let count = |color: Rgb<u8>, column: u32| {
        let left = MARGIN + (TILE + MARGIN) * column;
        let rows = TOP..TOP + 420;
        rows.flat_map(|y| (left..left + TILE).map(move |x| (x, y)))
            .filter(|(x, y)| *picture.get_pixel(*x, *y) == color)
            .count()
    };
    // the outer column of voxels was labelled 2 instead of 1, the inner one was missed: 26 × 105 pixels each
    assert!((2500..3000).contains(&count(colors.missed, 3)), "{}", count(colors.missed, 3));
    assert!((2500..3000).contains(&count(colors.wrong_structure, 3)), "{}", count(colors.wrong_structure, 3));
    // White, the third colour here, is also the brightest of the image itself.
    assert_eq!((count(colors.extra, 3), count(colors.missed, 0), count(colors.extra, 0)), (0, 0, 0));
}

#[test]
fn a_photograph_is_not_turned_and_has_no_marks() {
    let (mut image, _, _) = example();
    image.voxels = Array4::from_shape_fn([1, 1, 8, 10], |(_, _, y, x)| if y == 0 && x == 0 { 9.0 } else { 0.0 });
    image.geometry = Geometry { has_spacing: false, ..Geometry::axis_aligned([1, 8, 10], [1.0; 3]) };
    let labels = LabelMap { voxels: Array3::zeros([1, 8, 10]), geometry: image.geometry.clone() };
    let views = views(&image, &labels, &Segmentation::Labels(labels.clone()), &target(1), TILE, window(&image));
    assert_eq!((views.len(), views[0].marks, views[0].gray(1, 1), views[0].gray(400, 300)), (1, None, 255, 0));
}

#[test]
fn masks_that_overlap_and_other_grids() {
    let (image, reference, _) = example();
    let geometry = image.geometry.clone();
    let masks = Segmentation::Masks { masks: Array4::ones([2, 4, 8, 10]), geometry: geometry.clone() };
    assert!(render("a", "", &image, &reference, &masks, &target(2)).is_ok());
    let small = Segmentation::Masks { masks: Array4::ones([2, 4, 8, 9]), geometry };
    let message = render("a", "", &image, &reference, &small, &target(2)).unwrap_err().to_string();
    assert!(message.contains("the prediction [4, 8, 9]"), "{message}");
}
