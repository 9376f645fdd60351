use ndarray::Array3;

use super::*;
use crate::volume::{Geometry, LabelMap};

fn file(path: &str, voxels: [u16; 4], names: &[(&str, u16)]) -> Labelled {
    let map = LabelMap {
        voxels: Array3::from_shape_vec([1, 2, 2], voxels.to_vec()).unwrap(),
        geometry: Geometry::axis_aligned([1, 2, 2], [1.0; 3]),
    };
    Labelled::made(path, map, names.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect())
}

fn compared(reference: &Labelled, prediction: &Labelled) -> (Vec<String>, [Vec<u16>; 2]) {
    let mut structures = Structures::default();
    structures.add(reference, prediction).unwrap();
    let (one, two) = (structures.meaning(reference, prediction), structures.meaning(prediction, reference));
    let files = [(reference.clone(), one), (prediction.clone(), two)];
    let (_, both) = in_common(&structures.target(), files).unwrap();
    let both = both.map(|file| file.map.voxels.into_iter().collect::<Vec<u16>>());
    (structures.target().structures.into_iter().map(|it| it.name).collect(), both)
}

#[test]
fn exchanged_numbers_are_the_same_structures() {
    let one = file("r", [1, 1, 2, 0], &[("liver", 1), ("spleen", 2)]);
    let two = file("p", [2, 2, 1, 0], &[("Spleen", 1), ("LIVER ", 2)]);
    let (names, [reference, prediction]) = compared(&one, &two);
    assert_eq!(names, ["liver", "spleen"]);
    assert_eq!(reference, prediction);
}

#[test]
fn a_file_without_names_is_called_as_its_partner_calls_it() {
    let (names, [reference, prediction]) =
        compared(&file("r", [7, 7, 3, 0], &[]), &file("p", [7, 7, 3, 0], &[("bone", 7), ("muscle", 3)]));
    assert_eq!((names, reference), (vec!["muscle".to_owned(), "bone".to_owned()], prediction));
    let (names, _) = compared(&file("r", [1, 2, 0, 0], &[]), &file("p", [2, 5, 0, 0], &[]));
    assert_eq!(names, ["1", "2", "5"]);
}

#[test]
fn names_of_three_files_in_a_row_share_no_value() {
    let mut structures = Structures::new(Some(3));
    let rows = [[("liver", 1), ("spleen", 2)], [("spleen", 1), ("lung", 2)], [("liver", 3), ("gut", 4)]];
    for names in rows {
        let value = |place: usize| names[place].1;
        let one = file("r", [value(0), value(1), 0, 0], &names);
        structures.add(&one, &one).unwrap();
    }
    let target = structures.target();
    let mut values: Vec<u16> = target.structures.iter().map(|it| it.value).collect();
    values.dedup();
    assert_eq!((values.len(), values.contains(&3)), (4, false));
}

#[test]
fn names_that_contradict_are_refused() {
    let reference = file("ref", [1, 2, 0, 0], &[("liver", 1), ("spleen", 2)]);
    for (names, part) in [
        (vec![("liver", 1), ("Milz", 2)], "ref calls value 2 `spleen`, pred `Milz`"),
        (vec![("lung", 5)], "no name is in both files"),
    ] {
        let error = Structures::default().add(&reference, &file("pred", [1, 2, 0, 0], &names)).unwrap_err();
        assert!(error.to_string().contains(part), "{error}");
    }
}

#[test]
fn what_was_asked_for_is_found_by_name_and_never_against_it() {
    let asked: Asked = vec![("liver".into(), 1), ("spleen".into(), 2)];
    let mut notes = Vec::new();
    let exchanged = file("p", [2, 2, 1, 9], &[("spleen", 1), ("Liver", 2), ("lung", 9)]);
    let voxels = |file: Labelled, notes: &mut Vec<String>| {
        let meaning = as_asked(&asked, &file, notes).unwrap();
        let nothing = Labelled::nothing("n".as_ref(), &file);
        let target = Target::of(Vec::new());
        let (_, [file, _]) = in_common(&target, [(file, meaning), (nothing, Meaning::new())]).unwrap();
        file.map.voxels.into_iter().collect::<Vec<u16>>()
    };
    assert_eq!(voxels(exchanged, &mut notes), [1, 1, 2, 9]);
    let numbered = |name: &str, found: u16, asked: u16| {
        format!("`{name}` is value {found} in the files, not {asked}: `{}` is taken by name", name.to_lowercase())
    };
    let expected = ["p: `Liver` is taken as `liver`".into(), numbered("spleen", 1, 2), numbered("Liver", 2, 1)];
    assert_eq!(notes, expected);
    // Values that are not asked for by name stay: they may be ignored, or make up a union.
    assert_eq!(voxels(file("p", [7, 9, 1, 0], &[("femur", 7), ("liver", 1)]), &mut notes), [7, 9, 1, 0]);
    let wrong = as_asked(&asked, &file("p", [1, 2, 0, 0], &[("spleen", 2), ("Leber", 1)]), &mut notes).unwrap_err();
    assert!(wrong.to_string().contains("calls value 1 `Leber`"), "{wrong}");
    assert_eq!(voxels(file("p", [1, 2, 0, 0], &[]), &mut notes), [1, 2, 0, 0]);
}

/// Masks of liver and tumour that share a voxel, against numbers.
#[test]
fn a_value_may_stand_for_several_structures() {
    let masks = |names: &[(&str, u16)]| Labelled { numbered: false, ..file("m", [1, 3, 2, 0], names) };
    let overlap = masks(&[("liver", 1), ("tumour", 2), ("liver", 3), ("tumour", 3)]);
    let plain = file("p", [5, 5, 7, 0], &[("liver", 5), ("tumour", 7)]);
    let mut structures = Structures::default();
    structures.add(&overlap, &plain).unwrap();
    let meanings = [structures.meaning(&overlap, &plain), structures.meaning(&plain, &overlap)];
    let [one, two] = meanings;
    let files = [(overlap.clone(), one), (plain, two)];
    let (target, [reference, prediction]) = in_common(&structures.target(), files).unwrap();
    let inside = |labels: &Labelled, structure: usize| -> Vec<bool> {
        labels.map.voxels.iter().map(|value| target.structures[structure].values.contains(value)).collect()
    };
    assert_eq!(inside(&reference, 0), [true, true, false, false]);
    assert_eq!(inside(&reference, 1), [false, true, true, false]);
    assert_eq!(
        [inside(&prediction, 0), inside(&prediction, 1)],
        [[true, true, false, false], [false, false, true, false]]
    );
    let unnamed = file("u", [1, 1, 2, 0], &[]);
    let error = Structures::default().add(&overlap, &unnamed).unwrap_err().to_string();
    assert!(error.contains("`liver`, `tumour`") && error.contains("--names"), "{error}");
    // One mask and one value are the same structure.
    let (names, _) = compared(&masks(&[("liver", 1), ("liver", 2), ("liver", 3)]), &file("u", [9, 9, 0, 0], &[]));
    assert_eq!(names, ["liver"]);
}
