//! `segspec convert` of folders: cases, trees, DICOM series with the labels drawn on them; and labels in several files.

use std::fs;
use std::path::Path;

use ndarray::Array3;
use segspec::volume::{Geometry, LabelMap, read_label_map, read_segments, write_label_map, write_volume};

use crate::contours::{KIDNEY, LIVER, ct, structure_set};
use crate::evaluate_forms::{FORMS, image, series, truth};
use crate::lab::{Ended, Lab, sorted};

fn convert(lab: &Lab, arguments: &[&str], code: i32) -> Ended {
    let ended = lab.end(&[&["convert"], arguments].concat());
    assert_eq!(ended.code, code, "{arguments:?}: {}{}", ended.out, ended.err);
    ended
}

/// Files below a folder, with `/`.
fn below(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        let name = entry.file_name().unwrap().to_string_lossy().into_owned();
        match entry.is_dir() {
            true => found.extend(below(&entry).into_iter().map(|inner| format!("{name}/{inner}"))),
            false => found.push(name),
        }
    }
    found.sort();
    found
}

fn write(lab: &Lab, form: &str, root: &str, case: usize, images: &str) {
    let form = FORMS.iter().find(|known| known.name == form).unwrap();
    (form.write)(&lab.path(root), &format!("p{case}"), &truth(case, 0), &lab.path(images));
}

/// Files and folders, and what the results are called.
#[test]
fn results_are_called_by_case_and_keep_folders_where_names_would_meet() {
    let rows: [(&[&str], &[&str]); 5] = [
        (&["a.nii.gz", "deep/er/b.nii"], &["a.nrrd", "b.nrrd"]),
        (&["a/ct.nii.gz", "b/ct.nii.gz"], &["a.nrrd", "b.nrrd"]),
        (&["a_0000.nii.gz", "b_0000.nii.gz"], &["a.nrrd", "b.nrrd"]),
        (&["s1/a.nii.gz", "s1/b.nii.gz", "s2/a.nii.gz"], &["s1/a.nrrd", "s1/b.nrrd", "s2/a.nrrd"]),
        (&["a/ct.nii.gz", "a/pet.nii.gz", "b/ct.nii.gz"], &["a/ct.nrrd", "a/pet.nrrd", "b/ct.nrrd"]),
    ];
    for (sources, expected) in rows {
        let lab = Lab::new();
        for source in sources {
            let path = lab.path("in").join(source);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            write_volume(&path, &image(1)).unwrap();
        }
        convert(&lab, &["in", "out", "--to", "nrrd"], 0);
        assert_eq!(below(&lab.path("out")), expected, "{sources:?}");
    }
    let lab = Lab::new();
    fs::create_dir_all(lab.path("in")).unwrap();
    for name in ["in/a.nii", "in/a.nrrd"] {
        write_volume(&lab.path(name), &image(1)).unwrap();
    }
    let ended = convert(&lab, &["in", "out", "--to", "nii.gz"], 4);
    assert!(ended.err.contains("has the same name apart from the ending"), "{}", ended.err);
}

/// Two patients with a series, and a segmentation object of any name in another folder.
fn patients(lab: &Lab) {
    for case in [1, 2] {
        series(&lab.path(&format!("in/p{case}/CT")), &image(case), &format!("P{case}"));
        let (object, images) = (lab.path(&format!("in/p{case}/other")), lab.path(&format!("in/p{case}/CT")));
        object_of(&object, case, &images);
    }
}

fn object_of(folder: &Path, case: usize, images: &Path) {
    crate::evaluate_forms::object(folder, "1.2.840.77", &truth(case, 0), images);
}

#[test]
fn series_are_converted_with_the_labels_drawn_on_them() {
    let lab = Lab::new();
    patients(&lab);
    convert(&lab, &["in", "out", "--to", "nii.gz", "--map", "map.csv"], 0);
    let found = below(&lab.path("out"));
    let files = ["p1-labels.label_map.json", "p1-labels.nii.gz", "p1.nii.gz"];
    assert_eq!(found[..3], files, "{found:?}");
    for case in [1, 2] {
        let voxels = |map: &LabelMap, value| map.voxels.iter().filter(|label| **label == value).count();
        let labels = read_label_map(&lab.path(&format!("out/p{case}-labels.nii.gz"))).unwrap();
        for value in [1, 2] {
            assert_eq!(voxels(&labels, value), voxels(&truth(case, 0), value));
        }
    }
    // The names beside pair the structures, whatever their numbers.
    let names = fs::read_to_string(lab.path("out/p1-labels.label_map.json")).unwrap();
    assert!(names.contains("muscle"), "{names}");
    convert(&lab, &["in", "hidden", "--to", "nii.gz", "--anonymize"], 0);
    assert_eq!(below(&lab.path("hidden"))[..3], files.map(|name| name.replace("p1", "case-0001")));
    // Surfaces hold no images, a DICOM series no labels: the others are left out and that is said.
    for (ending, word, file) in
        [("seg.nrrd", "2 DICOM series", "p2-labels.seg.nrrd"), ("dicom", "2 label objects", "p1/")]
    {
        let ended = convert(&lab, &["in", ending, "--to", ending], 0);
        assert!(ended.err.contains(word), "{}", ended.err);
        assert!(below(&lab.path(ending)).iter().any(|name| name.starts_with(file)), "{ending}");
    }
}

#[test]
fn single_structures_are_chosen_by_name() {
    let lab = Lab::new();
    patients(&lab);
    ct(&lab.path("plan/ct"), 1);
    structure_set(&lab.path("plan/rs.dcm"), &[(7, "target", [255, 0, 0], LIVER), (9, "heart", [0, 255, 0], KIDNEY)]);
    let (object, images, contours, plan) = ("in/p1/other/1.2.840.77", "in/p1/CT", "plan/rs.dcm", "plan/ct");
    for (source, on, wanted, expected) in [
        (object, images, "Muscle", &["muscle"][..]),
        (object, images, "muscle,bone", &["bone", "muscle"]),
        (contours, plan, "target", &["target"]),
    ] {
        convert(&lab, &[source, "one.seg.nrrd", "--on", on, "--structures", wanted], 0);
        let names: Vec<String> =
            read_segments(&lab.path("one.seg.nrrd")).unwrap().segments.into_iter().map(|it| it.name).collect();
        assert_eq!(names, expected, "{source} {wanted}");
        fs::remove_file(lab.path("one.seg.nrrd")).unwrap();
    }
    for (source, on) in [(object, images), (contours, plan)] {
        let ended = convert(&lab, &[source, "one.nii", "--on", on, "--structures", "lung"], 4);
        assert!(ended.err.contains("has no structure `lung`; it has `"), "{}", ended.err);
    }
}

/// Labels on a grid of twice the spacing: refused, unless resampling is asked for.
#[test]
fn labels_on_a_coarser_grid_are_resampled_on_request() {
    let lab = Lab::new();
    let fine = Geometry::axis_aligned([4, 8, 8], [1.0; 3]);
    let mut coarse = Geometry::axis_aligned([2, 4, 4], [2.0; 3]);
    coarse.affine.iter_mut().for_each(|row| row[3] = 0.5);
    let voxels = Array3::from_shape_fn([2, 4, 4], |(z, y, x)| if z < 2 && y < 2 && x < 2 { 3 } else { 0 });
    write_label_map(&lab.path("coarse.nii.gz"), &LabelMap { voxels, geometry: coarse.clone() }).unwrap();
    let volume = |geometry: &Geometry| segspec::volume::Volume {
        voxels: ndarray::Array4::from_shape_fn(
            [1, geometry.shape[0], geometry.shape[1], geometry.shape[2]],
            |(_, z, _, x)| (z + x) as f32,
        ),
        geometry: geometry.clone(),
    };
    write_volume(&lab.path("fine.nii.gz"), &volume(&fine)).unwrap();
    series(&lab.path("fine"), &volume(&fine), "p");
    series(&lab.path("rough"), &volume(&coarse), "p");
    convert(&lab, &["coarse.nii.gz", "coarse.dcm", "--on", "rough", "--labels"], 0);
    for (source, on) in [("coarse.nii.gz", "fine.nii.gz"), ("coarse.dcm", "fine.nii.gz"), ("coarse.dcm", "fine")] {
        convert(&lab, &[source, "out.nii.gz", "--on", on, "--resample", "--labels", "--overwrite"], 0);
        let labels = read_label_map(&lab.path("out.nii.gz")).unwrap();
        assert_eq!(labels.voxels.iter().filter(|label| **label > 0).count(), 4 * 4 * 4, "{source} {on}");
        assert_eq!(labels.geometry.shape, [4, 8, 8]);
    }
    let ended = convert(&lab, &["coarse.dcm", "none.nii.gz", "--on", "fine"], 4);
    assert!(ended.err.contains("resample"), "{}", ended.err);
    let ended = convert(&lab, &["coarse.nii.gz", "none.nii.gz", "--resample", "--labels"], 4);
    assert!(ended.err.contains("--on"), "{}", ended.err);
}

/// Masks, surfaces and pictures of a case become one label map with names.
#[test]
fn labels_in_several_files_become_one() {
    let lab = Lab::new();
    series(&lab.path("images/p1"), &image(1), "P1");
    for form in ["masks", "surfaces", "pictures"] {
        write(&lab, form, form, 1, "images");
    }
    let count = |labels: &LabelMap, value: u16| labels.voxels.iter().filter(|label| **label == value).count();
    for (form, more) in
        [("masks", &[][..]), ("surfaces", &["--on", "images/p1"]), ("pictures", &["--labels", "--on", "images/p1"])]
    {
        let source = format!("{form}/p1");
        convert(&lab, &[&[source.as_str(), "out.nii.gz", "--overwrite"], more].concat(), 0);
        let labels = read_label_map(&lab.path("out.nii.gz")).unwrap();
        assert_eq!([1, 2].map(|value| count(&labels, value)), [1, 2].map(|value| count(&truth(1, 0), value)), "{form}");
        let names = fs::read_to_string(lab.path("out.label_map.json")).unwrap();
        assert!(names.contains("bone") && names.contains("muscle"), "{names}");
        convert(&lab, &[&[source.as_str(), "out.seg.nrrd", "--overwrite"], more].concat(), 0);
        assert_eq!(read_segments(&lab.path("out.seg.nrrd")).unwrap().segments[0].name, "bone", "{form}");
    }
    let ended = convert(&lab, &["pictures/p1", "none.nii.gz"], 4);
    assert!(ended.err.contains("--labels"), "{}", ended.err);
    let ended = convert(&lab, &["masks", "none.nii.gz"], 4);
    assert!(ended.err.contains("--to ENDING"), "{}", ended.err);
}

#[test]
fn a_source_is_never_overwritten_by_a_result() {
    let lab = Lab::new();
    lab.run("tiny", &["--dry-run"]);
    let images = sorted(&lab.path("data/set/imagesTr"));
    let folder = lab.path("mixed");
    fs::create_dir(&folder).unwrap();
    fs::copy(&images[0], folder.join("c.nii.gz")).unwrap();
    let done = lab.end(&["convert", images[1].to_str().unwrap(), "mixed/c.nrrd"]);
    assert_eq!(done.code, 0, "{}", done.err);
    let before = fs::read(folder.join("c.nrrd")).unwrap();
    let refused = lab.end(&["convert", "mixed", "mixed", "--to", "nrrd"]);
    assert!(refused.code == 4 && refused.err.contains("c.nrrd"), "{}", refused.err);
    assert!(fs::read(folder.join("c.nrrd")).unwrap() == before);
}

#[test]
fn names_and_structures_make_labels_of_values() {
    let lab = Lab::new();
    lab.run("tiny", &["--dry-run"]);
    let label = sorted(&lab.path("data/set/labelsTr"))[0].to_str().unwrap().to_owned();
    lab.write("names.json", "{\"labels\": {\"liver\": 1, \"spleen\": 4}}");
    let convert = |further: &[&str]| lab.end(&[&["convert", &label, "out.nii.gz", "--overwrite"], further].concat());
    let done = convert(&["--names", "names.json", "--structures", "spleen"]);
    assert_eq!(done.code, 0, "{}", done.err);
    let labels = segspec::volume::read_label_map(&lab.path("out.nii.gz")).unwrap();
    let mut values: Vec<u16> = labels.voxels.iter().copied().collect();
    values.sort_unstable();
    values.dedup();
    assert_eq!(values, [0, 4]);
    for wrong in [&["--names", "nowhere.json"][..], &["--names", "names.json", "--structures", "femur"]] {
        let refused = convert(wrong);
        assert!(refused.code != 0, "{wrong:?}: {}", refused.out);
    }
}
