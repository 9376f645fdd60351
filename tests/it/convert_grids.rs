//! `segspec convert --on IMAGE`: labels on the grid of an image, or a refusal; no option is ignored.

use ndarray::{Array3, Array4};
use segspec::volume::{Geometry, LabelMap, Volume, read_label_map, write_label_map, write_volume};

use crate::lab::Lab;

/// Labels of value 3 wherever `inside` says, written to a file.
fn write(lab: &Lab, name: &str, geometry: &Geometry, inside: fn([usize; 3]) -> bool) {
    let voxels = Array3::from_shape_fn(geometry.shape, |(z, y, x)| if inside([z, y, x]) { 3 } else { 0 });
    write_label_map(&lab.path(name), &LabelMap { voxels, geometry: geometry.clone() }).unwrap();
}

fn moved(mut geometry: Geometry, by: [f64; 3]) -> Geometry {
    geometry.affine.iter_mut().zip(by).for_each(|(row, by)| row[3] += by);
    geometry
}

fn lab() -> Lab {
    let lab = Lab::new();
    let fine = Geometry::axis_aligned([4, 8, 8], [1.0; 3]);
    let coarse = moved(Geometry::axis_aligned([2, 4, 4], [2.0; 3]), [0.5; 3]);
    let voxels = Array4::from_shape_fn([1, 4, 8, 8], |(_, z, _, x)| (z + x) as f32);
    write_volume(&lab.path("fine.nii.gz"), &Volume { voxels, geometry: fine.clone() }).unwrap();
    let corner = |[_, y, x]: [usize; 3]| y < 2 && x < 2;
    for name in ["coarse.nii.gz", "plain.nii.gz", "masks/liver.nii.gz"] {
        write(&lab, name, &coarse, corner);
    }
    write(&lab, "masks/spleen.nii.gz", &coarse, |[_, y, _]| y == 3);
    lab.write("coarse.label_map.json", r#"{"labels": {"liver": 3}}"#);
    write(&lab, "part.nii.gz", &moved(Geometry::axis_aligned([2, 3, 3], [1.0; 3]), [1.0; 3]), |_| true);
    write(&lab, "beyond.nii.gz", &Geometry::axis_aligned([9, 9, 9], [1.0; 3]), |place| place == [0; 3]);
    write(&lab, "far.nii.gz", &moved(coarse.clone(), [500.0, 0.0, 0.0]), |_| true);
    write(&lab, "half.nii.gz", &moved(coarse, [4.0, 0.0, 0.0]), |_| true);
    lab
}

/// Source, further arguments, and the words of the refusal, or of the note and the number of labelled voxels.
type Row = (&'static str, &'static [&'static str], Result<(&'static str, usize), &'static str>);

const ROWS: [Row; 14] = [
    ("coarse.nii.gz", &["--resample"], Ok(("resampled to the grid of fine.nii.gz", 64))),
    ("coarse.nii.gz", &[], Err("lie on another grid than fine.nii.gz")),
    ("plain.nii.gz", &["--resample"], Err("--resample is for labels: add --labels")),
    ("plain.nii.gz", &[], Err("--on is for labels: add --labels")),
    ("plain.nii.gz", &["--labels"], Err("--resample puts them on it")),
    ("plain.nii.gz", &["--labels", "--resample"], Ok(("resampled", 64))),
    ("part.nii.gz", &["--labels"], Ok(("covers a part of fine.nii.gz; the rest is background", 18))),
    ("part.nii.gz", &["--labels", "--resample"], Ok(("covers a part of fine.nii.gz", 18))),
    ("beyond.nii.gz", &["--labels"], Ok(("reaches, without labels, beyond fine.nii.gz", 1))),
    (
        "far.nii.gz",
        &["--labels", "--resample"],
        Err("the labels cover x 499.5 to 507.5, y -0.5 to 7.5, z -0.5 to 3.5 mm"),
    ),
    ("far.nii.gz", &["--labels", "--resample"], Err("the image x -0.5 to 7.5, y -0.5 to 7.5, z -0.5 to 3.5 mm")),
    (
        "half.nii.gz",
        &["--labels", "--resample"],
        Ok(("16 of 32 labelled voxels lie outside fine.nii.gz and are lost", 128)),
    ),
    ("masks", &[], Err("lie on another grid than fine.nii.gz")),
    ("masks", &["--resample"], Ok(("resampled", 128))),
];

#[test]
fn labels_are_put_on_the_grid_of_the_image_or_refused() {
    let lab = lab();
    for (number, (source, more, expected)) in ROWS.iter().enumerate() {
        for ending in ["nii.gz", "nrrd"] {
            let target = format!("out{number}.{ending}");
            let ended = lab.end(&[&["convert", source, &target, "--on", "fine.nii.gz"], *more].concat());
            let row = format!("{source} {more:?} {ending}: {}", ended.err);
            match expected {
                Ok((words, count)) => {
                    assert!(ended.code == 0 && ended.err.contains(words), "{row}");
                    let labels = read_label_map(&lab.path(&target)).unwrap();
                    assert_eq!(labels.geometry.shape, [4, 8, 8], "{row}");
                    assert_eq!(labels.voxels.iter().filter(|label| **label > 0).count(), *count, "{row}");
                }
                Err(words) => {
                    assert!(ended.code == 4 && ended.err.contains(words), "{row}");
                    assert!(!lab.path(&target).exists(), "{row}");
                }
            }
        }
    }
    let ended = lab.end(&["convert", "masks", "x.nii.gz", "--resample"]);
    assert!(ended.code == 4 && ended.err.contains("name it with --on"), "{}", ended.err);
}

/// In a folder, the labels are put on the image, and the images stay as they are.
#[test]
fn images_of_a_folder_keep_their_grid() {
    let lab = lab();
    for name in ["fine.nii.gz", "coarse.nii.gz", "coarse.label_map.json"] {
        std::fs::create_dir_all(lab.path("in")).unwrap();
        std::fs::copy(lab.path(name), lab.path("in").join(name)).unwrap();
    }
    let ended = lab.end(&["convert", "in", "out", "--to", "nrrd", "--on", "fine.nii.gz", "--resample"]);
    assert_eq!(ended.code, 0, "{}", ended.err);
    assert_eq!(read_label_map(&lab.path("out/coarse.nrrd")).unwrap().geometry.shape, [4, 8, 8]);
    assert!(lab.path("out/fine.nrrd").exists());
    std::fs::remove_file(lab.path("in/coarse.label_map.json")).unwrap();
    let ended = lab.end(&["convert", "in", "none", "--to", "nrrd", "--on", "fine.nii.gz", "--resample"]);
    assert!(ended.code == 4 && ended.err.contains("add --labels"), "{}", ended.err);
}
