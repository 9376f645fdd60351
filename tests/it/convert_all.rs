//! Every volume of the shared data, NIfTI → NRRD → NIfTI → DICOM → NIfTI: identical, or refused by name.

use std::collections::BTreeMap;
use std::path::Path;

use rayon::prelude::*;
use segspec::volume::convert::{ConvertError, Options, convert};
use segspec::volume::dicom::Modality;
use segspec::volume::{Volume, read_header, read_label_map, read_volume};
use serde_json::Value;

use crate::convert::{same_image, same_labels};
use crate::lab::shared;

/// How far a volume came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Came {
    Through,
    ButNotDicom,
    Nowhere,
}

fn is_volume(path: &str) -> bool {
    // Named segments are no image; those of the set overlap.
    [".nii", ".nii.gz", ".nrrd", ".nhdr"].iter().any(|ending| path.ends_with(ending)) && !path.ends_with(".seg.nrrd")
}

fn is_label(path: &str) -> bool {
    let path = path.to_ascii_lowercase();
    let set = path.split_once('/').map_or("", |(_, below)| below);
    ["label", "seg", "mask"].iter().any(|word| set.contains(word))
}

fn to(source: &Path, target: &Path) -> Result<(), ConvertError> {
    let options = Options { modality: Some(Modality::Ct), ..Options::default() };
    convert(source, target, &options).map(|_| ())
}

/// Whole numbers within the range of 16 bits on a grid in millimetres: what every DICOM series can hold.
fn fits_dicom(volume: &Volume) -> bool {
    let range = |f: fn(f32, f32) -> f32, first: f32| volume.voxels.iter().copied().fold(first, f);
    let whole = volume.voxels.iter().all(|value| value.fract() == 0.0);
    let width = f64::from(range(f32::max, f32::NEG_INFINITY)) - f64::from(range(f32::min, f32::INFINITY));
    let shape = volume.geometry.shape;
    volume.voxels.dim().0 == 1 && whole && width <= 65535.0 && (volume.geometry.has_spacing || shape[0] == 1)
}

fn image(source: &Path, folder: &Path) -> Came {
    let (name, header) = (source.display().to_string(), read_header(source).unwrap());
    let expected = read_volume(source).unwrap();
    let [nrrd, nifti, series, back] = ["a.nrrd", "a.nii.gz", "series", "b.nii.gz"].map(|file| folder.join(file));
    if let Err(error) = to(source, &nrrd) {
        // Values that a 32-bit float does not hold.
        assert!(error.to_string().contains("32-bit floats") && error.to_string().contains(&name), "{error}");
        let wide = ["float64", "int32", "uint32", "int64", "uint64"].contains(&header.value_type);
        assert!(wide && (header.value_type == "float64" || !fits_dicom(&expected)), "{error}");
        return Came::Nowhere;
    }
    to(&nrrd, &nifti).unwrap();
    same_image(&read_volume(&nrrd).unwrap(), &expected, &name);
    same_image(&read_volume(&nifti).unwrap(), &expected, &name);
    if let Err(error) = to(&nifti, &series) {
        let text = error.to_string();
        assert!(!fits_dicom(&expected), "{text}");
        let reasons = ["one channel", "different values", "no spacing"];
        assert!(text.contains("series") && reasons.iter().any(|reason| text.contains(reason)), "{text}");
        return Came::ButNotDicom;
    }
    to(&series, &back).unwrap();
    same_image(&read_volume(&back).unwrap(), &expected, &name);
    Came::Through
}

/// Labels → .seg.nrrd → DICOM SEG → NIfTI, on a series of the same grid.
fn labels(source: &Path, folder: &Path) {
    let (name, expected) = (source.display().to_string(), read_label_map(source).unwrap());
    let [segments, object, back] = ["a.seg.nrrd", "a.dcm", "label.nii.gz"].map(|file| folder.join(file));
    let on = Options { labels: true, on: Some(folder.join("series")), ..Options::default() };
    if expected.voxels.iter().all(|value| *value == 0) {
        // Formats of named segments have nothing to hold.
        for target in [&segments, &object] {
            let text = convert(source, target, &on).unwrap_err().to_string();
            assert!(text.contains("segments") && text.contains(&target.display().to_string()), "{text}");
        }
        return;
    }
    convert(source, &segments, &on).unwrap();
    convert(&segments, &object, &on).unwrap();
    convert(&object, &back, &on).unwrap();
    same_labels(&read_label_map(&back).unwrap(), &expected, &name);
}

#[test]
fn every_shared_volume_comes_back_as_it_was_or_is_refused_by_name() {
    let Some(data) = shared() else { return };
    let rows: Vec<Value> = serde_json::from_str(include_str!("../reference/files.json")).unwrap();
    let paths = rows.iter().filter(|row| row[1] != "invalid").filter_map(|row| row[0].as_str());
    let paths: Vec<&str> = paths.filter(|path| is_volume(path)).collect();
    assert!(paths.len() > 600, "{}", paths.len());
    let came = paths.par_iter().map(|path| {
        let (source, folder) = (data.join(path), tempfile::tempdir().unwrap());
        let came = image(&source, folder.path());
        if is_label(path) && came == Came::Through {
            labels(&source, folder.path());
        }
        (came, path)
    });
    let mut ways = BTreeMap::<Came, Vec<&str>>::new();
    for (came, path) in came.collect::<Vec<_>>() {
        ways.entry(came).or_default().push(path);
    }
    let count = |came: Came| ways.get(&came).map_or(0, Vec::len);
    println!(
        "{} came through, {} but not to DICOM, {:?} not at all",
        count(Came::Through),
        count(Came::ButNotDicom),
        ways.get(&Came::Nowhere)
    );
    assert!(count(Came::Through) > 440 && count(Came::ButNotDicom) > 10);
    assert!(ways.get(&Came::Nowhere).is_none_or(|paths| paths.iter().all(|path| path.starts_with("formats/"))));
}
