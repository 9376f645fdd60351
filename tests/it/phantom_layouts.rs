//! Synthetic sets as other projects lay out theirs, read with the committed dataset files: the same bodies come out of all of them.

use std::fs;
use std::path::Path;

use ndarray::Zip;
use segspec::dataset::phantom::{self, PhantomLayout, PhantomRecipe, PhantomSize};
use segspec::dataset::spec::Dataset;
use segspec::dataset::{Opened, check, open, read_image, read_label, split};
use segspec::volume::{LabelMap, dicom};

/// A committed dataset with a smaller set of its own.
fn dataset(name: &str, cases: usize) -> Dataset {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("datasets/{name}.toml"));
    let mut dataset: Dataset = toml::from_str(&fs::read_to_string(file).unwrap()).unwrap();
    let recipe = dataset.generate.as_mut().unwrap();
    (recipe.cases, recipe.size) = (cases, PhantomSize::Tiny);
    dataset
}

/// Generated and opened; nothing is odd about any case.
fn opened(dataset: &Dataset, data: &Path) -> Opened {
    let opened = open(dataset, "set", data, &segspec::Cancel::new()).unwrap();
    let recipe = dataset.generate.unwrap();
    assert_eq!((opened.cases.len(), opened.excluded.len()), (recipe.cases, 0), "{:?}", opened.excluded);
    let rows = check(&opened, dataset, &|_, _| {}, &segspec::Cancel::new()).unwrap();
    assert!(rows.iter().all(|row| row.excluded.is_none() && row.warnings.is_empty()), "{rows:?}");
    opened
}

/// What the Decathlon's set calls a structure.
fn value_in_the_decathlon(name: &str) -> Option<u16> {
    let name = match name {
        "kidney_left" => "left-kidney",
        "kidney_right" => "right-kidney",
        other => other,
    };
    phantom::STRUCTURES.iter().find(|(known, _)| *known == name).map(|&(_, value)| value)
}

/// Voxels of both, of the first, of the second.
fn counts(a: &LabelMap, of_a: &[u16], b: &LabelMap, of_b: u16) -> [usize; 3] {
    let mut counts = [0; 3];
    Zip::from(&a.voxels).and(&b.voxels).for_each(|a, b| {
        let [a, b] = [of_a.contains(a), *b == of_b];
        [a && b, a, b].iter().zip(&mut counts).for_each(|(found, count)| *count += usize::from(*found));
    });
    counts
}

/// Reads a case back, and compares it with the one of the Decathlon's set that is made of the same body.
fn compare(dataset: &Dataset, opened: &Opened, number: usize, least_dice: f64) {
    let listed = &opened.cases[number];
    let image = read_image(listed).unwrap();
    let label = read_label(listed, &image.geometry).unwrap().to_canonical();
    let recipe = PhantomRecipe { layout: PhantomLayout::Decathlon, ..dataset.generate.unwrap() };
    let (expected, reference) = phantom::case(recipe, number);
    let (image, expected, reference) = (image.to_canonical(), expected.to_canonical(), reference.to_canonical());
    image.geometry.same_grid(&expected.geometry, 1e-3).unwrap();
    label.geometry.same_grid(&reference.geometry, 1e-3).unwrap();
    assert!(image.voxels == expected.voxels, "{}: other intensities", listed.name);
    let mut shared = 0;
    for structure in &dataset.structures {
        let values = dataset.label_values(structure);
        match value_in_the_decathlon(&structure.name) {
            Some(value) => {
                let [both, own, wanted] = counts(&label, &values, &reference, value);
                let dice = 2.0 * both as f64 / (own + wanted) as f64;
                assert!(wanted > 0 && dice >= least_dice, "{} of {}: Dice {dice}", structure.name, listed.name);
                shared += 1;
            }
            // What the other set does not label is background there.
            None => {
                let [both, own, _] = counts(&label, &values, &reference, 0);
                assert_eq!(both, own, "{} of {}", structure.name, listed.name);
            }
        }
    }
    assert!(shared >= 2, "{shared}");
}

#[test]
fn every_layout_of_cts_gives_back_the_decathlons_labels() {
    let sets = [
        ("phantom-digital-surgery", 0.97),
        ("phantom-pelvis", 1.0),
        ("phantom-totalsegmentator", 1.0),
        ("phantom-flare", 1.0),
    ];
    for (name, least_dice) in sets {
        let data = tempfile::tempdir().unwrap();
        let dataset = dataset(name, 6);
        let opened = opened(&dataset, data.path());
        (0..6).for_each(|number| compare(&dataset, &opened, number, least_dice));
    }
}

#[test]
fn the_trees_are_those_of_the_projects() {
    let trees: [(&str, &[&str]); 5] = [
        ("phantom-digital-surgery", &["patient01/dicom/0001.dcm", "patient01/spine.stl", "patient02/ribs.stl"]),
        ("phantom-pelvis", &["Patient_01/im_1/0001.dcm", "Patient_02/im_3/0001.dcm"]),
        ("phantom-totalsegmentator", &["s0000/ct.nii.gz", "s0001/segmentations/kidney_left.nii.gz", "meta.csv"]),
        ("phantom-flare", &["images/phantom_000_0000.nii.gz", "labels/phantom_001.nii.gz"]),
        ("phantom-uw-madison", &["train.csv", "train/case1/case1_day0/scans", "train/case1/case1_day21/scans"]),
    ];
    for (name, files) in trees {
        let data = tempfile::tempdir().unwrap();
        let dataset = dataset(name, 2);
        let opened = opened(&dataset, data.path());
        files.iter().for_each(|file| assert!(opened.root.join(file).exists(), "{name}: {file}"));
    }
}

#[test]
fn segments_are_named_and_coloured() {
    let data = tempfile::tempdir().unwrap();
    let opened = opened(&dataset("phantom-pelvis", 1), data.path());
    let segments = dicom::read_segments(&opened.root.join("Patient_01/im_3/0001.dcm"), None).unwrap().segments;
    let names: Vec<&str> = segments.iter().map(|segment| segment.name.as_str()).collect();
    assert_eq!(names, ["spine", "left-kidney", "right-kidney", "liver", "spleen"]);
    assert_eq!(segments[3].color, Some([0xb5, 0x53, 0x3c]));
}

#[test]
fn total_segmentators_table_splits_the_cases() {
    let data = tempfile::tempdir().unwrap();
    let opened = opened(&dataset("phantom-totalsegmentator", 5), data.path());
    let table = fs::read_to_string(opened.root.join("meta.csv")).unwrap();
    assert_eq!(table, "image_id;split\ns0000;test\ns0001;val\ns0002;train\ns0003;train\ns0004;test\n");
}

#[test]
fn slices_and_their_table_are_those_of_the_competition() {
    let data = tempfile::tempdir().unwrap();
    let dataset = dataset("phantom-uw-madison", 8);
    let opened = opened(&dataset, data.path());
    let names: Vec<&str> = opened.cases.iter().map(|case| case.name.as_str()).collect();
    assert_eq!(names[..3], ["case1_day0", "case1_day21", "case2_day0"]);
    let image = read_image(&opened.cases[0]).unwrap();
    let [depth, height, width] = image.geometry.shape;
    let [between_slices, between_rows, between_columns] = image.geometry.spacing_mm();
    assert_eq!((between_slices, height, width), (3.0, 24, 28));
    let file = format!("slice_0001_28_24_{between_columns:.2}_{between_rows:.2}.png");
    assert!(opened.root.join("train/case1/case1_day0/scans").join(file).is_file());
    let table = fs::read_to_string(opened.root.join("train.csv")).unwrap();
    let lines: Vec<&str> = table.lines().filter(|line| line.starts_with("case1_day0_")).collect();
    assert_eq!(lines.len(), 3 * depth, "a row per slice and class");
    assert!(table.starts_with(
        "id,class,segmentation\ncase1_day0_slice_0001,large_bowel,\ncase1_day0_slice_0001,small_bowel,\n"
    ));
    for fold in split(&dataset.split, &names).unwrap() {
        let patient = |name: &String| name.split('_').next().unwrap().to_owned();
        assert!(
            !fold.test.is_empty()
                && fold.test.iter().all(|case| !fold.train.iter().any(|other| patient(other) == patient(case)))
        );
    }
}
