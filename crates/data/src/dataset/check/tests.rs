//! Faulty cases generated here, and the odd files of a real set.

use std::fs;
use std::path::Path;

use ndarray::{Array3, Array4};

use super::*;
use crate::Cancel;
use crate::dataset::{Access, DataError, Inputs, open};
use crate::volume::{write_label_map, write_volume};

fn spec(extra: &str) -> Dataset {
    toml::from_str(&format!(
        "root = \"set\"\nmodality = \"ct\"\nlayout = {{ pairs = {{ image = \"i/{{case}}.nii.gz\", label = \"l/{{case}}.nii.gz\" }} }}\n\
         {extra}\n[[structure]]\nname = \"cyst\"\nvalue = 1\n[[structure]]\nname = \"liver\"\nvalue = 2\n"
    ))
    .unwrap()
}

fn write(root: &Path, case: &str, seed: usize, value: u16, label_grid: &Geometry) {
    let grid = grid();
    let voxels =
        Array4::from_shape_fn([1, 4, 5, 6], |(_, z, y, x)| ((z * 31 + y * 7 + x * 3) * (seed + 1) % 97) as f32);
    write_volume(&root.join(format!("set/i/{case}.nii.gz")), &Volume { voxels, geometry: grid }).unwrap();
    let voxels = Array3::from_shape_fn(label_grid.shape, |(z, _, _)| if z == 1 { value } else { 0 });
    let label = LabelMap { voxels, geometry: label_grid.clone() };
    write_label_map(&root.join(format!("set/l/{case}.nii.gz")), &label).unwrap();
}

fn grid() -> Geometry {
    Geometry::axis_aligned([4, 5, 6], [3.0, 2.0, 2.0])
}

fn checked(root: &Path, spec: &Dataset) -> Vec<CaseCheck> {
    check(&open(spec, "x", root, &Cancel::new()).unwrap(), spec, &|_, _| {}, &Cancel::new()).unwrap()
}

fn inputs(root: &Path, spec: &Dataset) -> Result<Inputs, DataError> {
    Inputs::open(spec, root, &root.join("cache"), Access::Read, &|_, _, _| {}, &Cancel::new())
}

fn names(inputs: &Inputs) -> Vec<&str> {
    inputs.cases.iter().map(|(case, _)| case.name.as_str()).collect()
}

fn one(value: u16, label_grid: &Geometry, extra: &str) -> CaseCheck {
    let root = tempfile::tempdir().unwrap();
    write(root.path(), "a", 0, value, label_grid);
    checked(root.path(), &spec(extra)).remove(0)
}

#[test]
fn a_sound_case_is_described() {
    let row = one(2, &grid(), "");
    assert_eq!((row.excluded, row.warnings), (None, vec![]));
    assert_eq!((row.structures, row.orientation.as_deref()), (vec!["liver".to_owned()], Some("RAS")));
    assert_eq!(row.label_voxels, BTreeMap::from([(0, 90), (2, 30)]));
    assert_eq!(row.spacing_mm, Some([3.0, 2.0, 2.0]));
}

#[test]
fn stray_values_exclude_unless_they_are_declared_background() {
    let reason = one(9, &grid(), "").excluded.unwrap();
    assert!(reason.contains("nii.gz: undeclared label values: 9 (30 voxels)"), "{reason}");
    let row = one(9, &grid(), "labels.background = [9]");
    assert_eq!((row.excluded, row.warnings), (None, vec!["the label contains only background".to_owned()]));
}

#[test]
fn different_grids_exclude_unless_labels_may_be_resampled() {
    let reason = one(2, &Geometry::axis_aligned([4, 5, 7], [3.0, 2.0, 2.0]), "").excluded.unwrap();
    assert!(reason.contains("shape [4, 5, 6] and [4, 5, 7]"), "{reason}");
    let moved = Geometry::axis_aligned([4, 5, 6], [3.0, 2.0, 2.5]);
    assert!(one(2, &moved, "").excluded.unwrap().contains("spacing [3, 2, 2] and [3, 2, 2.5] mm"));
    let row = one(2, &moved, "labels.resample-labels = true");
    assert!(row.excluded.is_none() && row.notes[0].contains("label is resampled"));
}

#[test]
fn undeclared_channels_exclude() {
    let row = one(2, &grid(), "channel = [{ name = \"T1\" }, { name = \"T2\" }]");
    assert!(row.excluded.unwrap().starts_with("image has 1 channel, but the dataset file declares 2"));
}

#[test]
fn bad_cases_are_left_out_and_only_a_set_without_cases_fails() {
    let root = tempfile::tempdir().unwrap();
    for (number, case) in ["a", "b", "c"].iter().enumerate() {
        write(root.path(), case, number, 1, &grid());
    }
    let broken = root.path().join("set/i/b.nii.gz");
    let bytes = fs::read(&broken).unwrap();
    fs::write(&broken, &bytes[..bytes.len() / 2]).unwrap();
    fs::copy(root.path().join("set/i/a.nii.gz"), root.path().join("set/i/c.nii.gz")).unwrap();
    let spec = spec("");
    let validated = inputs(root.path(), &spec).unwrap();
    assert_eq!(names(&validated), ["a", "c"]);
    assert_eq!(validated.excluded[0].case, "b");
    assert!(validated.excluded[0].reason.contains("damaged file"), "{:?}", validated.excluded);
    assert_eq!(validated.checks[2].warnings, ["same image as a"]);
    for case in ["a", "c"] {
        fs::write(root.path().join(format!("set/l/{case}.nii.gz")), b"nothing").unwrap();
    }
    let message = inputs(root.path(), &spec).unwrap_err().to_string();
    assert!(message.contains("none of its cases can be used (3 in all)"), "{message}");
}

/// The cache key of a check covers the content, how it is read, and the names of its values.
#[test]
fn a_check_is_remembered_until_something_that_it_depends_on_changes() {
    let root = tempfile::tempdir().unwrap();
    write(root.path(), "a", 0, 2, &grid());
    let spec = spec("");
    let remembered = |spec: &Dataset| {
        let cache = root.path().join("cache");
        Inputs::open(spec, root.path(), &cache, Access::Remembered, &|_, _, _| {}, &Cancel::new())
    };
    assert!(matches!(remembered(&spec), Err(DataError::NotRead { .. })));
    let first = inputs(root.path(), &spec).unwrap();
    assert_eq!(remembered(&spec).unwrap().checks, first.checks);
    let renamed = toml::from_str(&toml::to_string(&spec).unwrap().replace("\"liver\"", "\"hepar\"")).unwrap();
    assert!(matches!(remembered(&renamed), Err(DataError::NotRead { .. })));
    write(root.path(), "a", 1, 2, &grid());
    assert!(matches!(remembered(&spec), Err(DataError::NotRead { .. })));
}

#[cfg(unix)]
#[test]
fn odd_files_in_a_real_set_are_reported() {
    use std::os::unix::fs::symlink;
    let Some(data) = segspec_testing::data() else { return };
    let root = tempfile::tempdir().unwrap();
    for (folder, odd) in [("imagesTr", "images"), ("labelsTr", "labels")] {
        fs::create_dir(root.path().join(folder)).unwrap();
        for source in [data.join("hippocampus").join(folder), data.join("hippocampus/odd").join(odd)] {
            for entry in fs::read_dir(source).unwrap() {
                let path = entry.unwrap().path();
                symlink(&path, root.path().join(folder).join(path.file_name().unwrap())).unwrap();
            }
        }
    }
    symlink(data.join("hippocampus/dataset.json"), root.path().join("dataset.json")).unwrap();
    let text = "root = \".\"\nmodality = \"mr\"\nlayout = { msd = {} }\n\
                structure = [{ name = \"anterior\", value = 1 }, { name = \"posterior\", value = 2 }]";
    let spec: Dataset = toml::from_str(text).unwrap();
    let validated = inputs(root.path(), &spec).unwrap();
    assert_eq!(validated.cases.len(), 200);
    let rows: Vec<(&str, &str)> =
        validated.excluded.iter().map(|row| (row.case.as_str(), row.reason.as_str())).collect();
    assert_eq!(
        rows,
        [
            ("hippocampus_010", "label without image, not listed in dataset.json"),
            ("hippocampus_118", "image without label, not listed in dataset.json"),
            ("hippocampus_281", "label without image, not listed in dataset.json"),
        ]
    );
}
