//! `convert-dataset --to nnunet`: what is written is read back with the same structures, folds and voxels, and nnU-Net accepts it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use ndarray::{Array3, Array4};
use segspec::Cancel;
use segspec::dataset::spec::{Dataset, Split};
use segspec::dataset::{self, read_image, read_label};
use segspec::volume::{Geometry, LabelMap, Volume, write_label_map, write_volume};
use serde_json::{Value, json};

use crate::lab::{Lab, TINY, json as read_json};
use crate::python;

/// Where the tests write to: below the data root, so that `new` finds relative roots.
const RAW: &str = "data/nnUNet_raw";

/// Image, its grid, and the mask of each structure.
type Content = (Array4<f32>, Geometry, BTreeMap<String, Array3<bool>>);

fn spec(lab: &Lab, file: &str) -> Dataset {
    toml::from_str(&fs::read_to_string(lab.path(file)).unwrap()).unwrap()
}

/// What the cases of a dataset hold: the named structures, or all of them.
fn content(lab: &Lab, file: &str, structures: &[&str]) -> BTreeMap<String, Content> {
    let spec = spec(lab, file);
    let opened = dataset::open(&spec, "set", &lab.path("data"), &Cancel::new()).unwrap();
    let chosen: Vec<String> = structures.iter().map(|name| (*name).to_owned()).collect();
    let target = dataset::target(&spec, &chosen).unwrap();
    let read = |case: &dataset::Case| {
        let image = read_image(case).unwrap();
        let label = read_label(case, &image.geometry).unwrap();
        let masks = target.structures.iter().map(|it| {
            let mask = label.voxels.mapv(|value| it.values.contains(&value));
            (it.name.clone(), mask)
        });
        (case.name.clone(), (image.voxels, image.geometry, masks.collect()))
    };
    opened.cases.iter().map(read).collect()
}

/// The same cases with the same voxels on the same grids; positions as exact as NIfTI's single precision.
fn assert_same(one: &BTreeMap<String, Content>, other: &BTreeMap<String, Content>) {
    assert_eq!(one.keys().collect::<Vec<_>>(), other.keys().collect::<Vec<_>>());
    for (name, (image, geometry, masks)) in one {
        let (others_image, others_geometry, others_masks) = &other[name];
        assert!(image == others_image, "{name}: other intensities");
        geometry.same_grid(others_geometry, 1e-3).unwrap();
        assert_eq!(masks.keys().collect::<Vec<_>>(), others_masks.keys().collect::<Vec<_>>(), "{name}");
        for (structure, mask) in masks {
            assert!(*mask == others_masks[structure], "{name}: {structure} has other voxels");
        }
    }
}

/// Converts, and returns what is told as JSON.
fn convert(lab: &Lab, source: &str, further: &[&str]) -> Value {
    let arguments = [&["convert-dataset", source, "--to", "nnunet", "--output", RAW, "--json"], further].concat();
    let ended = lab.end(&arguments);
    assert_eq!(ended.code, 0, "{source}: {}{}", ended.out, ended.err);
    serde_json::from_str(&ended.out).unwrap()
}

/// Has a raw dataset recognised as `back`, which must pass every check.
fn read_back(lab: &Lab, folder: &str) -> Value {
    let ended = lab.end(&["new", "--from", &format!("{RAW}/{folder}"), "--name", "back", "--json"]);
    assert_eq!(ended.code, 0, "{}", ended.err);
    for file in ["experiments/back.toml", "datasets/back.toml"] {
        let checked = lab.end(&["check", file]);
        assert_eq!(checked.code, 0, "{file}: {}", checked.err);
    }
    let checked = lab.end(&["dataset", "check", "back"]);
    assert_eq!(checked.code, 0, "{}{}", checked.out, checked.err);
    serde_json::from_str(&ended.out).unwrap()
}

/// nnU-Net's own check of the written datasets, where it is installed.
fn accepted(lab: &Lab, folders: &[&str]) {
    let mut script = python::nnunet_script("nnunet_integrity.py");
    script.args(folders.iter().map(|folder| lab.path(RAW).join(folder)));
    if let Some(text) = python::output(&mut script) {
        assert_eq!(text.matches("accepted").count(), folders.len(), "{text}");
    }
}

fn names(value: &Value) -> BTreeSet<String> {
    value.as_array().unwrap().iter().map(|name| name.as_str().unwrap().to_owned()).collect()
}

#[test]
fn an_experiment_comes_back_with_structures_folds_and_voxels() {
    let lab = Lab::new();
    let experiment = format!("split = {{ k-fold = {{ folds = 3, seed = 5 }} }}\n{TINY}");
    lab.write("experiments/cv.toml", &experiment);
    let told = convert(&lab, "cv", &["--number", "123", "--name", "Phantom"]);
    let folder = lab.path(RAW).join("Dataset123_Phantom");
    assert_eq!(told["labels"], json!({ "liver": [1], "spleen": [2] }));
    let notes = told["notes"].to_string();
    assert!(notes.contains("spleen 4 → 2") && notes.contains("ribs"), "{notes}");
    let found = read_json(&folder.join("dataset.json"));
    assert_eq!(found["labels"], json!({ "background": 0, "liver": 1, "spleen": 2 }));
    assert_eq!((&found["channel_names"], &found["numTraining"]), (&json!({ "0": "CT" }), &json!(6)));
    read_back(&lab, "Dataset123_Phantom");
    let back = spec(&lab, "datasets/back.toml");
    let structures: Vec<(&str, u16)> = back.structures.iter().map(|it| (it.name.as_str(), it.value)).collect();
    assert_eq!(structures, [("liver", 1), ("spleen", 2)]);
    // The folds are those that `run` computes.
    let cases = content(&lab, "datasets/tiny.toml", &["liver", "spleen"]);
    let names: Vec<&str> = cases.keys().map(String::as_str).collect();
    let split = Split::KFold { folds: 3, held_out: 0.0, validation: 0.0, seed: 5, group_by: None };
    let own: Vec<Vec<String>> = dataset::split(&split, &names).unwrap().into_iter().map(|fold| fold.test).collect();
    assert!(matches!(&back.split, Split::FixedFolds { folds, .. } if *folds == own), "{:?} is not {own:?}", back.split);
    assert_same(&cases, &content(&lab, "datasets/back.toml", &[]));
    accepted(&lab, &["Dataset123_Phantom"]);
}

#[test]
fn held_out_cases_regions_and_ignored_voxels_are_in_their_places() {
    let lab = Lab::new();
    let text = fs::read_to_string(lab.path("datasets/tiny.toml")).unwrap();
    let ribs = "[[structure]]\nname = \"ribs\"\nvalue = 6\n";
    assert!(text.contains(ribs));
    let ignoring = text.replace(ribs, "").replace("[labels.merge]", "[labels]\nignore = 6\n\n[labels.merge]");
    lab.write("datasets/tiny.toml", &ignoring);
    let regions = "structures = [\"liver\", \"kidneys-and-liver\"]";
    lab.write("experiments/regions.toml", &TINY.replace("structures = [\"liver\", \"spleen\"]", regions));
    let told = convert(&lab, "regions", &[]);
    assert_eq!(told["folder"], format!("{RAW}/Dataset001_tiny"));
    let found = read_json(&lab.path(RAW).join("Dataset001_tiny/dataset.json"));
    let labels = json!({ "background": 0, "kidneys-and-liver": [1, 2], "liver": 2, "ignore": 3 });
    assert_eq!((&found["labels"], &found["regions_class_order"]), (&labels, &json!([1, 2])));
    // Every third case is held out; a part of the others validates.
    let files = |place: &str| {
        let entries = fs::read_dir(lab.path(RAW).join("Dataset001_tiny").join(place)).unwrap();
        entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect::<BTreeSet<_>>()
    };
    let held_out = names(&told["held-out"]);
    assert_eq!(held_out.len(), 2);
    assert_eq!(files("labelsTs"), held_out.iter().map(|name| format!("{name}.nii.gz")).collect());
    assert_eq!(files("imagesTs"), held_out.iter().map(|name| format!("{name}_0000.nii.gz")).collect());
    assert_eq!((files("imagesTr").len(), files("labelsTr").len()), (4, 4));
    let back = read_back(&lab, "Dataset001_tiny");
    assert_eq!(back["cases"], 4);
    let written = spec(&lab, "datasets/back.toml");
    assert_eq!(written.labels.ignore, Some(3));
    assert_eq!(written.labels.merge["kidneys-and-liver"], ["value-1", "liver"]);
    let Split::Fixed { train, test, .. } = &written.split else { panic!("{:?}", written.split) };
    assert_eq!((train.len() + test.len(), test.is_empty()), (4, false));
    let chosen = ["liver", "kidneys-and-liver"];
    let mut own = content(&lab, "datasets/tiny.toml", &chosen);
    own.retain(|name, _| !held_out.contains(name));
    assert_same(&own, &content(&lab, "datasets/back.toml", &chosen));
    accepted(&lab, &["Dataset001_tiny"]);
}

#[test]
fn every_layout_and_format_is_converted() {
    let lab = Lab::new();
    let layouts = ["dicom-seg", "dicom-stl", "uw-madison", "totalsegmentator", "flare"];
    let mut written = Vec::new();
    for layout in layouts {
        let folder = format!("data/{layout}");
        let made = lab.end(&["phantom", &folder, "--layout", layout, "--cases", "4", "--size", "tiny"]);
        assert_eq!(made.code, 0, "{layout}: {}", made.err);
        let new = lab.end(&["new", "--from", &folder, "--name", layout]);
        assert_eq!(new.code, 0, "{layout}: {}", new.err);
        // Two days of a patient stay together, and patients are few.
        let file = format!("datasets/{layout}.toml");
        let told = convert(&lab, &file, &[]);
        let name = Path::new(told["folder"].as_str().unwrap()).file_name().unwrap().to_string_lossy().into_owned();
        let ended = lab.end(&["new", "--from", &format!("{RAW}/{name}"), "--name", &format!("back-{layout}")]);
        assert_eq!(ended.code, 0, "{layout}: {}", ended.err);
        let (own, back) = (spec(&lab, &file), spec(&lab, &format!("datasets/back-{layout}.toml")));
        let structures: Vec<&str> = own.structures.iter().map(|it| it.name.as_str()).collect();
        let names: BTreeSet<&str> = back.structures.iter().map(|it| it.name.as_str()).collect();
        assert_eq!(names, structures.iter().copied().collect(), "{layout}");
        let identifiers = told["names"].as_object().unwrap();
        let source: BTreeMap<String, Content> = content(&lab, &file, &structures)
            .into_iter()
            .map(|(case, content)| (identifiers[&case].as_str().unwrap().to_owned(), content))
            .collect();
        assert_same(&source, &content(&lab, &format!("datasets/back-{layout}.toml"), &structures));
        written.push(name);
    }
    accepted(&lab, &written.iter().map(String::as_str).collect::<Vec<_>>());
    // From the folder above, one of them must be chosen.
    let above = lab.end(&["new", "--from", RAW, "--name", "above"]);
    assert_eq!(above.code, 4, "{}{}", above.out, above.err);
    assert!(
        above.err.contains("holds 5 datasets") && written.iter().all(|name| above.err.contains(name)),
        "{}",
        above.err
    );
    assert!(!lab.path("datasets/above.toml").exists());
}

/// Masks that may overlap: a lesion in an organ, and an edge that crosses the lesion.
fn write_masks(root: &Path) {
    let geometry = Geometry::axis_aligned([6, 8, 10], [3.0, 1.0, 1.0]);
    for case in 0..4 {
        let folder = root.join(format!("p{case}"));
        fs::create_dir_all(&folder).unwrap();
        let voxels = Array4::from_shape_fn((1, 6, 8, 10), |(_, z, y, x)| (z * 100 + y * 10 + x + case) as f32);
        let image = Volume { voxels, geometry: geometry.clone() };
        write_volume(&folder.join("image.nrrd"), &image).unwrap();
        let mask = |name: &str, columns: std::ops::Range<usize>| {
            let voxels = Array3::from_shape_fn((6, 8, 10), |(z, y, x)| {
                u16::from(columns.contains(&x) && (1..5).contains(&z) && y > case)
            });
            write_label_map(&folder.join(format!("{name}.nrrd")), &LabelMap { voxels, geometry: geometry.clone() })
                .unwrap();
        };
        mask("organ", 1..9);
        mask("lesion", 3..6);
        mask("edge", 5..8);
    }
}

#[test]
fn structures_within_each_other_become_regions_and_crossing_ones_are_refused() {
    let lab = Lab::new();
    write_masks(&lab.path("data/masks"));
    let layout = r#"{ masks = { image = "{case}/image.nrrd", mask = "{case}/{structure}.nrrd" } }"#;
    let structure = |(name, value): (&str, u16)| format!("[[structure]]\nname = \"{name}\"\nvalue = {value}\n");
    let structures = [("lesion", 1), ("organ", 2), ("edge", 3)].map(structure).concat();
    let head = format!("root = \"masks\"\nmodality = \"mr\"\nlayout = {layout}\n");
    lab.write(
        "datasets/masks.toml",
        &format!("{head}[labels]\noverlap = true\n\n[split.k-fold]\nfolds = 2\n\n{structures}"),
    );
    let nested = TINY.replace("\"tiny\"", "\"masks\"").replace("[\"liver\", \"spleen\"]", "[\"lesion\", \"organ\"]");
    lab.write("experiments/nested.toml", &nested.replace("window = { range-hu = [-160.0, 240.0] }", "z-score = {}"));
    let told = convert(&lab, "nested", &[]);
    // What lies inside is painted last.
    assert_eq!(told["labels"], json!({ "organ": [1, 2], "lesion": [2] }));
    assert!(told["notes"].to_string().contains("background, since the experiment does not choose them: edge"));
    assert_eq!(told["channels"], json!(["MRI"]));
    read_back(&lab, "Dataset001_masks");
    let chosen = ["lesion", "organ"];
    assert_same(&content(&lab, "datasets/masks.toml", &chosen), &content(&lab, "datasets/back.toml", &chosen));
    accepted(&lab, &["Dataset001_masks"]);
    let refused =
        lab.end(&["convert-dataset", "datasets/masks.toml", "--to", "nnunet", "--output", RAW, "--name", "all"]);
    assert_eq!(refused.code, 3, "{}{}", refused.out, refused.err);
    assert!(refused.err.contains("the structures lesion, edge share voxels in 3 combinations"), "{}", refused.err);
    assert!(!lab.path(RAW).join("Dataset002_all").exists());
}

#[test]
fn images_of_one_slice_are_trained_in_2d() {
    let lab = Lab::new();
    let geometry = Geometry::axis_aligned([1, 16, 16], [5.0, 1.0, 1.0]);
    for case in 0..4 {
        let voxels = Array4::from_shape_fn((1, 1, 16, 16), |(_, _, y, x)| (y * 16 + x + case) as f32);
        let label = Array3::from_shape_fn((1, 16, 16), |(_, y, x)| u16::from(y > 4 && x > case));
        for folder in ["images", "labels"] {
            fs::create_dir_all(lab.path("data/flat").join(folder)).unwrap();
        }
        let place = |folder: &str| lab.path("data/flat").join(format!("{folder}/p{case}.nii.gz"));
        write_volume(&place("images"), &Volume { voxels, geometry: geometry.clone() }).unwrap();
        write_label_map(&place("labels"), &LabelMap { voxels: label, geometry: geometry.clone() }).unwrap();
    }
    let layout = r#"{ pairs = { image = "images/{case}.nii.gz", label = "labels/{case}.nii.gz" } }"#;
    lab.write(
        "datasets/flat.toml",
        &format!(
            "root = \"flat\"\nmodality = \"mr\"\nlayout = {layout}\n[split.k-fold]\nfolds = 2\n\n[[structure]]\nname = \"organ\"\nvalue = 1\n"
        ),
    );
    let told = lab.end(&["convert-dataset", "datasets/flat.toml", "--to", "nnunet", "--output", RAW]);
    assert!(told.code == 0 && told.out.contains("nnUNetv2_train 1 2d 0"), "{}{}", told.out, told.err);
    assert_eq!(convert(&lab, "datasets/flat.toml", &["--overwrite"])["configuration"], "2d");
    assert_eq!(convert(&lab, "tiny", &[])["configuration"], "3d_fullres");
}

#[test]
fn nothing_is_replaced_unasked_and_nothing_half_written_is_left() {
    let lab = Lab::new();
    let refused = |further: &[&str], code: i32, part: &str| {
        let base = ["convert-dataset", "tiny", "--to", "nnunet", "--output", RAW];
        let ended = lab.end(&[&base[..], further].concat());
        assert_eq!(ended.code, code, "{further:?}: {}{}", ended.out, ended.err);
        assert!(ended.err.contains(part), "{further:?}: no `{part}` in {}", ended.err);
    };
    let lines = lab.end(&["convert-dataset", "tiny", "--to", "nnunet", "--output", RAW]);
    assert_eq!(lines.code, 0, "{}", lines.err);
    for line in ["written: 4 training cases, 2 held-out cases, 1 fold", "note: ", "nnUNetv2_plan_and_preprocess -d 1 "]
    {
        assert!(lines.out.contains(line), "no `{line}` in {}", lines.out);
    }
    let json = lab.path(RAW).join("Dataset001_tiny/dataset.json");
    refused(&[], 2, "is there already; choose another --name or --number, or replace it with --overwrite");
    refused(&["--number", "1", "--name", "other"], 2, "the number 1 belongs to Dataset001_tiny");
    refused(&["--name", "a b"], 2, "use only the letters");
    refused(&["--set", "structures=[\"heart\"]"], 3, "heart");
    fs::write(&json, "{}").unwrap();
    // A case that cannot be read is told, and the others replace what was there.
    let image = lab.path("data/set/imagesTr/phantom_004.nii.gz");
    fs::write(&image, b"no image").unwrap();
    let told = convert(&lab, "tiny", &["--overwrite"]);
    assert_eq!(told["excluded"][0]["case"], "phantom_004");
    assert_eq!(read_json(&json)["labels"]["liver"], 1);
    fs::write(json.with_file_name("notes.txt"), "mine").unwrap();
    refused(&["--overwrite"], 2, "notes.txt");
    let left: Vec<String> = fs::read_dir(lab.path(RAW))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    assert_eq!(left, ["Dataset001_tiny"]);
    let ended = lab.end(&[
        "convert-dataset",
        "datasets/tiny.toml",
        "--to",
        "nnunet",
        "--output",
        RAW,
        "--set",
        "train.epochs=1",
    ]);
    assert!(ended.code == 2 && ended.err.contains("is a dataset file"), "{}", ended.err);
}
