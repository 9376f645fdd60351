//! What used to be wrong in silence: names that were lost, slices that were shifted, names of another file, two files of one structure.

use std::fs;
use std::path::Path;

use ndarray::{Array3, Array4};
use segspec::volume::format::Options;
use segspec::volume::{
    Geometry, LabelMap, Segment, Segmentation, Segments, Volume, write_label_map, write_segments, write_volume,
};

use crate::evaluate_forms::{evaluate, rows};
use crate::lab::{Ended, Lab};

fn map(voxels: &[u16]) -> LabelMap {
    let shape = [1, 1, voxels.len()];
    let voxels = Array3::from_shape_vec(shape, voxels.to_vec()).unwrap();
    LabelMap { voxels, geometry: Geometry::axis_aligned(shape, [1.0; 3]) }
}

fn label(root: &Path, path: &str, voxels: &[u16]) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    write_label_map(&path, &map(voxels)).unwrap();
}

fn text(root: &Path, path: &str, text: &str) {
    fs::create_dir_all(root.join(path).parent().unwrap()).unwrap();
    fs::write(root.join(path), text).unwrap();
}

const SIDES: [&str; 5] = ["--reference", "r", "--prediction", "p", "--json"];
const SPLEEN_FIRST: &str =
    r#"{"overlapping": false, "structures": [{"name": "spleen", "value": 1}, {"name": "liver", "value": 2}]}"#;

/// Structure and Dice of every row.
fn found(folder: &Path) -> Vec<(String, f64)> {
    rows(&evaluate(folder, &SIDES, 0)).into_iter().map(|row| (row.1, row.2.unwrap_or(-1.0))).collect()
}

/// A case folder with one mask: the name of the file is that of the structure, whatever the value in it.
#[test]
fn the_only_mask_of_a_case_keeps_its_name() {
    for file in ["a/liver.nii.gz", "a/a_liver.nii.gz", "a/x/Liver.nrrd", "a/liver-a.nii"] {
        let folder = tempfile::tempdir().unwrap();
        label(folder.path(), &format!("r/{file}"), &[1, 1, 0, 0]);
        label(folder.path(), "p/a.nii.gz", &[2, 2, 0, 1]);
        text(folder.path(), "p/label_map.json", SPLEEN_FIRST);
        let rows = found(folder.path());
        let liver = rows.iter().find(|row| row.0.eq_ignore_ascii_case("liver")).unwrap();
        assert_eq!(liver.1, 1.0, "{file}: {rows:?}");
        let asked = [&SIDES[..], &["--labels", "spleen=1,liver=2"]].concat();
        let rows: Vec<_> = self::rows(&evaluate(folder.path(), &asked, 0));
        assert_eq!(rows.iter().find(|row| row.1 == "liver").unwrap().2, Some(1.0), "{file}: {rows:?}");
    }
    // One mask on both sides.
    let folder = tempfile::tempdir().unwrap();
    label(folder.path(), "r/a/lump.nii.gz", &[1, 1, 0, 0]);
    label(folder.path(), "p/a/lump.nii.gz", &[7, 7, 0, 0]);
    assert_eq!(found(folder.path()), [("lump".to_owned(), 1.0)]);
    // Another structure than the other side has.
    let folder = tempfile::tempdir().unwrap();
    label(folder.path(), "r/a/pancreas.nii.gz", &[1, 1, 0, 0]);
    label(folder.path(), "p/a.nii.gz", &[2, 2, 0, 1]);
    text(folder.path(), "p/label_map.json", SPLEEN_FIRST);
    let ended = evaluate(folder.path(), &SIDES, 4);
    assert!(ended.err.contains("no name is in both files") && ended.err.contains("`pancreas`"), "{}", ended.err);
    // A file that says nothing has its value.
    let folder = tempfile::tempdir().unwrap();
    label(folder.path(), "r/a/segmentation.nii.gz", &[1, 1, 0, 0]);
    label(folder.path(), "p/a.nii.gz", &[2, 2, 0, 1]);
    text(folder.path(), "p/label_map.json", SPLEEN_FIRST);
    assert!(found(folder.path()).contains(&("spleen".to_owned(), 0.0)));
    // A file that was named, and called otherwise than what its value stands for.
    let folder = tempfile::tempdir().unwrap();
    label(folder.path(), "pancreas.nii.gz", &[1, 1, 0, 0]);
    label(folder.path(), "p/a.nii.gz", &[1, 1, 0, 2]);
    text(folder.path(), "p/label_map.json", SPLEEN_FIRST);
    let ended = evaluate(folder.path(), &["--reference", "pancreas.nii.gz", "--prediction", "p/a.nii.gz"], 0);
    assert!(ended.err.contains("is taken as `spleen`"), "{}", ended.err);
}

fn pictures(root: &Path, names: &[&str]) {
    fs::create_dir_all(root).unwrap();
    for (index, name) in names.iter().enumerate() {
        let picture = image::GrayImage::from_fn(4, 4, |x, _| image::Luma([u8::from(x as usize <= index)]));
        picture.save(root.join(name)).unwrap();
    }
}

/// Slices are the same where their numbers are; a slice without a partner is named.
#[test]
fn pictures_are_never_compared_with_those_of_other_slices() {
    type Row<'a> = (&'a [&'a str], &'a [&'a str], Option<&'a str>);
    let table: [Row; 6] = [
        (&["1.png", "2.png", "3.png"], &["1.png", "2.png", "3.png"], None),
        (&["s_08.png", "s_09.png", "s_10.png"], &["pred8.png", "pred9.png", "pred10.png"], None),
        (&["1.png", "2.png", "3.png"], &["2.png", "3.png", "4.png"], Some("only here `1`; only there `4`")),
        (&["1.png", "2.png", "3.png"], &["1.png", "3.png"], Some("only here `2`; only there none")),
        (&["1.png", "2.png", "4.png"], &["1.png", "2.png", "4.png"], None),
        (&["0.png", "1.png", "2.png"], &["1.png", "2.png", "3.png"], Some("only here `0`")),
    ];
    for (ours, theirs, refused) in table {
        let folder = tempfile::tempdir().unwrap();
        pictures(&folder.path().join("r/a"), ours);
        pictures(&folder.path().join("p/a"), theirs);
        let ended = evaluate(folder.path(), &SIDES, if refused.is_some() { 4 } else { 0 });
        assert!(ended.err.contains(refused.unwrap_or("")), "{ours:?} {theirs:?}: {}", ended.err);
    }
    // Against a volume, a number that is left out is a missing slice.
    let folder = tempfile::tempdir().unwrap();
    pictures(&folder.path().join("r/a"), &["1.png", "2.png", "4.png"]);
    let voxels = Array3::from_shape_fn([3, 4, 4], |(z, _, x)| u16::from(x <= z));
    let flat = Geometry { has_spacing: false, ..Geometry::axis_aligned([3, 4, 4], [1.0; 3]) };
    fs::create_dir_all(folder.path().join("p")).unwrap();
    write_label_map(&folder.path().join("p/a.nii.gz"), &LabelMap { voxels, geometry: flat }).unwrap();
    let ended = evaluate(folder.path(), &SIDES, 4);
    assert!(ended.err.contains("has no picture 3 after 2"), "{}", ended.err);
    let lab = Lab::new();
    pictures(&lab.path("stack"), &["1.png", "2.png", "4.png"]);
    let ended = lab.end(&["convert", "stack", "out.nii.gz", "--labels"]);
    assert!(ended.code == 4 && ended.err.contains("has no picture 3 after 2"), "{}", ended.err);
}

fn convert(lab: &Lab, arguments: &[&str]) -> Ended {
    let ended = lab.end(&[&["convert", "--overwrite"], arguments].concat());
    assert_eq!(ended.code, 0, "{arguments:?}: {}", ended.err);
    ended
}

fn named(lab: &Lab, name: &str, voxels: &[u16], names: &[(&str, u16)]) {
    let segment = |(name, value): &(&str, u16)| Segment { name: (*name).into(), value: *value, color: None };
    let content = Segmentation::Labels(map(voxels));
    let segments = Segments { segments: names.iter().map(segment).collect(), content };
    write_segments(&lab.path(name), &segments, &Options::default()).unwrap();
}

/// The structures that `inspect` shows, with a note if there is one.
fn inspected(lab: &Lab, name: &str) -> (Vec<String>, String) {
    let ended = lab.end(&["inspect", name, "--json"]);
    assert_eq!(ended.code, 0, "{}", ended.err);
    let json: serde_json::Value = serde_json::from_str(&ended.out).unwrap();
    let names = json[0]["segments"].as_array().unwrap().iter().map(|it| it["name"].as_str().unwrap().to_owned());
    (names.collect(), json[0]["warnings"].to_string())
}

/// Whatever takes the place of a label file, its names are its own.
#[test]
fn names_beside_a_file_are_never_those_of_an_earlier_one() {
    let lab = Lab::new();
    named(&lab, "organs.seg.nrrd", &[1, 2, 0], &[("liver", 1), ("spleen", 2)]);
    named(&lab, "bones.seg.nrrd", &[1, 3, 0], &[("femur", 1), ("tibia", 3)]);
    label(&lab.path(""), "plain.nii.gz", &[5, 6, 0]);
    let voxels = Array4::from_shape_vec([1, 1, 1, 3], vec![-3.5, 0.5, 7.0]).unwrap();
    let geometry = Geometry::axis_aligned([1, 1, 3], [1.0; 3]);
    write_volume(&lab.path("ct.nii.gz"), &Volume { voxels, geometry }).unwrap();
    convert(&lab, &["organs.seg.nrrd", "a.nii.gz"]);
    assert_eq!(inspected(&lab, "a.nii.gz").0, ["liver", "spleen"]);
    convert(&lab, &["bones.seg.nrrd", "a.nii.gz"]);
    assert_eq!(inspected(&lab, "a.nii.gz").0, ["femur", "tibia"]);
    convert(&lab, &["plain.nii.gz", "a.nii.gz", "--labels"]);
    assert_eq!(inspected(&lab, "a.nii.gz").0, ["label 5", "label 6"]);
    convert(&lab, &["organs.seg.nrrd", "a.nii.gz"]);
    let ended = convert(&lab, &["ct.nii.gz", "a.nii.gz"]);
    assert!(ended.err.contains("a.label_map.json: removed") && !lab.path("a.label_map.json").exists(), "{}", ended.err);
    // Names travel with a label map that is copied as an image.
    convert(&lab, &["organs.seg.nrrd", "b.nii.gz"]);
    convert(&lab, &["b.nii.gz", "c.nrrd"]);
    assert_eq!(inspected(&lab, "c.nrrd").0, ["liver", "spleen"]);
    // In the folder of a network's predictions, values without names are not its structures.
    text(&lab.path(""), "out/label_map.json", SPLEEN_FIRST);
    label(&lab.path(""), "other.nii.gz", &[1, 2, 0]);
    convert(&lab, &["other.nii.gz", "out/a.nii.gz", "--labels"]);
    assert_eq!(inspected(&lab, "out/a.nii.gz").0, ["label 1", "label 2"]);
    // Changed behind the back of its names.
    label(&lab.path(""), "b.nii.gz", &[1, 9, 0]);
    assert!(inspected(&lab, "b.nii.gz").1.contains("does not name the values 9"));
    for arguments in [
        &["convert", "b.nii.gz", "d.seg.nrrd"][..],
        &["evaluate", "--reference", "b.nii.gz", "--prediction", "organs.seg.nrrd"],
    ] {
        let ended = lab.end(arguments);
        assert!(ended.code == 4 && ended.err.contains("b.label_map.json"), "{arguments:?}: {}", ended.err);
    }
}

/// Several sources of one structure.
#[test]
fn two_sources_of_one_structure_are_refused_or_told() {
    let lab = Lab::new();
    let root = lab.path("");
    for file in [
        "r/a/liver.nii.gz",
        "r/a/Liver.nrrd",
        "r/b/liver.nii.gz",
        "r/b/spleen.nii.gz",
        "p/a/liver.nii.gz",
        "p/a/spleen.nii.gz",
        "p/b/liver.nii.gz",
    ] {
        label(&root, file, &[1, 1, 0]);
    }
    let ended = evaluate(&root, &[&SIDES[..], &["--layout", "masks"]].concat(), 4);
    assert!(ended.err.contains("a second mask of `") && ended.err.contains("Liver.nrrd"), "{}", ended.err);
    let ended = lab.end(&["convert", "r/a", "a.seg.nrrd"]);
    assert!(ended.code == 4 && ended.err.contains("a second mask of `"), "{}", ended.err);
    named(&lab, "twice.seg.nrrd", &[1, 2, 0], &[("lesion", 1), ("Lesion", 2)]);
    named(&lab, "once.seg.nrrd", &[1, 1, 0], &[("lesion", 1)]);
    let ended = lab.end(&["evaluate", "--reference", "once.seg.nrrd", "--prediction", "twice.seg.nrrd"]);
    assert!(
        ended.code == 0 && ended.err.contains("`lesion` (1) and `Lesion` (2); they are scored together"),
        "{}",
        ended.err
    );
    let ended = convert(&lab, &["twice.seg.nrrd", "twice.nii.gz"]);
    assert!(ended.err.contains("several segments have one name"), "{}", ended.err);
    // A dataset's pattern that two files match.
    for name in ["liver_1.nii.gz", "liver_2.nii.gz"] {
        label(&root, &format!("set/m/a/{name}"), &[1, 1, 0]);
    }
    label(&root, "set/i/a.nii.gz", &[1, 5, 9]);
    let dataset = "root = \"set\"\nmodality = \"ct\"\n[layout.masks]\nimages = [\"i/{case}.nii.gz\"]\nmask = \"m/{case}/{structure}_*.nii.gz\"\n\
                   [[structure]]\nname = \"liver\"\nvalue = 1\n[split.every-nth]\nn = 3\n";
    lab.write("datasets/set.toml", dataset);
    let ended = lab.command(&["dataset", "check", "set"]).env("SEGSPEC_DATA", &root).output().unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&ended.stdout), String::from_utf8_lossy(&ended.stderr));
    assert!(said.contains("liver_1.nii.gz and ") && said.contains("both match"), "{said}");
}

/// Surfaces as `convert` and `predict --format stl` write them: several per case in one folder.
#[test]
fn surfaces_called_by_case_and_structure_are_read_again() {
    let lab = Lab::new();
    let block = |from: usize, to: usize| {
        move |z: usize, y: usize, x: usize| (from..to).contains(&x) && (2..6).contains(&y) && (2..6).contains(&z)
    };
    for case in ["p-1", "p-2"] {
        let (liver, kidney) = (block(1, 5), block(6, 10));
        let voxels = Array3::from_shape_fn(
            [8, 8, 12],
            |(z, y, x)| if liver(z, y, x) { 1 } else { u16::from(kidney(z, y, x)) * 2 },
        );
        let content = Segmentation::Labels(LabelMap { voxels, geometry: Geometry::axis_aligned([8, 8, 12], [1.0; 3]) });
        let segments =
            [("liver", 1), ("left-kidney", 2)].map(|(name, value)| Segment { name: name.into(), value, color: None });
        let segments = Segments { segments: segments.to_vec(), content };
        fs::create_dir_all(lab.path("r")).unwrap();
        write_segments(&lab.path(&format!("r/{case}.seg.nrrd")), &segments, &Options::default()).unwrap();
        convert(&lab, &[&format!("r/{case}.seg.nrrd"), &format!("map/{case}.nii.gz")]);
        convert(&lab, &[&format!("r/{case}.seg.nrrd"), &format!("p/{case}.stl"), "--blocky"]);
        assert!(lab.path(&format!("p/{case}-left-kidney.stl")).exists());
    }
    let arguments = ["--reference", "map", "--prediction", "p", "--json", "--on", "map"];
    let mut rows: Vec<_> = rows(&evaluate(&lab.path(""), &arguments, 0));
    rows.sort_by(|one, other| (&one.0, &one.1).cmp(&(&other.0, &other.1)));
    let row = |case: &str, name: &str| (case.to_owned(), name.to_owned(), Some(1.0));
    let expected = ["p-1", "p-2"].map(|case| ["left-kidney", "liver"].map(|name| row(case, name)));
    assert_eq!(rows, expected.concat());
    let ended = lab.end(&["convert", "p", "all.seg.nrrd", "--on", "map/p-1.nii.gz"]);
    assert!(ended.code == 4 && ended.err.contains("several cases"), "{}", ended.err);
    fs::create_dir_all(lab.path("one")).unwrap();
    for name in ["p-1-liver.stl", "p-1-left-kidney.stl"] {
        fs::copy(lab.path("p").join(name), lab.path("one").join(name)).unwrap();
    }
    convert(&lab, &["one", "one.seg.nrrd", "--on", "map/p-1.nii.gz"]);
    let mut names = inspected(&lab, "one.seg.nrrd").0;
    names.sort();
    assert_eq!(names, ["left-kidney", "liver"]);
}

/// `predict` into a folder that holds results already.
#[test]
fn results_of_another_image_or_network_are_not_replaced() {
    let lab = Lab::new();
    lab.run("tiny", &[]);
    lab.write("experiments/other.toml", &crate::lab::TINY.replace("\"liver\", \"spleen\"", "\"spine\""));
    lab.run("other", &[]);
    let runs = ["tiny", "other"].map(|name| lab.run_folder(name).to_string_lossy().into_owned());
    for (folder, image) in [("one", "phantom_000"), ("two", "phantom_001")] {
        fs::create_dir_all(lab.path(folder)).unwrap();
        fs::copy(lab.path(&format!("data/set/imagesTr/{image}.nii.gz")), lab.path(folder).join("scan.nii.gz")).unwrap();
    }
    let predict = |run: usize, input: &str, more: &[&str]| {
        lab.end(&[&["predict", &runs[run], "--input", input, "--output", "out"], more].concat())
    };
    let result = || fs::read(lab.path("out/scan.nii.gz")).unwrap();
    assert_eq!(predict(0, "one", &[]).code, 0);
    let first = result();
    assert_eq!(predict(0, "one", &[]).code, 0);
    let named = fs::read(lab.path("out/label_map.json")).unwrap();
    for (run, input, reason) in
        [(0, "two", "the result of another image (one/scan.nii.gz)"), (1, "one", "the result of another network")]
    {
        let ended = predict(run, input, &[]);
        assert!(ended.code == 2 && ended.err.contains(reason) && ended.err.contains("--overwrite"), "{}", ended.err);
        assert!(result() == first && fs::read(lab.path("out/label_map.json")).unwrap() == named);
    }
    // Another case of another network: the names in the folder are not its own.
    fs::create_dir_all(lab.path("three")).unwrap();
    fs::copy(lab.path("one/scan.nii.gz"), lab.path("three/third.nii.gz")).unwrap();
    for more in [&[][..], &["--overwrite"]] {
        let ended = predict(1, "three", more);
        assert!(ended.code == 2 && ended.err.contains("structures of another network"), "{more:?}: {}", ended.err);
    }
    fs::remove_file(lab.path("out/predictions.json")).unwrap();
    let ended = predict(0, "two", &[]);
    assert!(ended.code == 2 && ended.err.contains("nothing says what it was made of"), "{}", ended.err);
    assert_eq!(predict(0, "two", &["--overwrite"]).code, 0);
    assert!(result() != first);
}
