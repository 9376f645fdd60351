//! Small series made by pydicom: encodings, sample formats, geometries, and what is refused.

use super::*;
use crate::dicom::{Choice, Content, Gaps, Series, read_series, scan};

fn choice(made: &MadeSeries) -> Choice {
    let gaps = if made.gaps { Gaps::Interpolate } else { Gaps::Refuse };
    Choice { series: made.series.clone(), stack: made.stack.clone(), gaps }
}

#[test]
fn every_made_series_reads_as_it_was_made_or_is_refused_by_name() {
    for made in reference().series {
        let (_folder, path) = folder_of(&made.files);
        let read = read_series(&path, &choice(&made));
        match (&made.expected, &made.error) {
            (Some(expected), _) => {
                let volume = read.unwrap_or_else(|error| panic!("{}: {error}", made.name));
                assert_image(&volume, expected, &made.name);
                assert_eq!(volume.geometry.is_sheared(), made.sheared, "{}", made.name);
                assert_eq!(volume.geometry.has_spacing, made.spacing, "{}", made.name);
            }
            (None, Some(parts)) => {
                let error = read.map(|_| ()).expect_err(&made.name).to_string();
                assert!(error.contains("series"), "{}: names no file: {error}", made.name);
                for part in parts {
                    assert!(error.contains(part), "{}: `{part}` not in: {error}", made.name);
                }
            }
            (None, None) => panic!("{} expects nothing", made.name),
        }
    }
}

fn made(name: &str) -> MadeSeries {
    reference().series.into_iter().find(|made| made.name == name).unwrap()
}

#[test]
fn scan_lists_series_and_their_stacks_and_what_is_no_image() {
    let (_folder, path) = folder_of(&made("two series").files);
    std::fs::write(path.join("notes.txt"), "no image").unwrap();
    std::fs::write(path.join("empty"), "").unwrap();
    std::fs::create_dir(path.join("deeper")).unwrap();
    std::fs::write(path.join("deeper/x.dcm"), unpacked(&made("enhanced MR").files[0])).unwrap();
    let found = scan(&path).unwrap();
    assert!(found.damaged.is_empty());
    let summary: Vec<_> = found
        .series
        .iter()
        .map(|series| {
            (series.description.as_str(), series.modality.as_str(), series.files, series.shape, series.content)
        })
        .collect();
    let expected = [
        ("first", "CT", 3, [3, 4, 5], Content::Image),
        ("second", "CT", 3, [3, 4, 5], Content::Image),
        ("enhanced", "MR", 1, [3, 4, 5], Content::Image),
    ];
    assert_eq!(summary.len(), 3);
    assert!(expected.iter().all(|series| summary.contains(series)), "{summary:?}");
    let (_folder, path) = folder_of(&made("two b-values").files);
    let stacks: Vec<_> = scan(&path).unwrap().series.into_iter().map(|series| (series.stack, series.files)).collect();
    assert_eq!(stacks, [(Some("b-value 50".into()), 3), (Some("b-value 800".into()), 3)]);
}

#[test]
fn damaged_files_are_listed_by_scan_and_refused_by_the_reader() {
    let (_folder, path) = folder_of(&made("explicit little endian").files);
    let whole = std::fs::read(path.join("IM1")).unwrap();
    // Cut inside the header: what the file belongs to is not known.
    std::fs::write(path.join("IM1"), &whole[..500]).unwrap();
    let found = scan(&path).unwrap();
    assert_eq!((found.series.len(), found.damaged.len()), (1, 1));
    let error = read_series(&path, &Choice::default()).unwrap_err().to_string();
    assert!(error.contains("IM1: damaged file"), "{error}");
    // Cut inside the pixels.
    std::fs::write(path.join("IM1"), &whole[..whole.len() - 7]).unwrap();
    let error = read_series(&path, &Choice::default()).unwrap_err().to_string();
    assert!(error.contains("IM1") && error.contains("pixel data"), "{error}");
}

#[test]
fn an_empty_file_with_a_dicom_name_is_damaged_and_hidden_files_are_not_looked_at() {
    let (_folder, path) = folder_of(&made("explicit little endian").files);
    std::fs::write(path.join("._IM0.dcm"), "resource fork").unwrap();
    std::fs::create_dir(path.join(".trash")).unwrap();
    std::fs::write(path.join(".trash/x.dcm"), "").unwrap();
    assert_eq!(read_series(&path, &Choice::default()).unwrap().geometry.shape, [3, 4, 5]);
    std::fs::write(path.join("IM3.DCM"), "").unwrap();
    let error = read_series(&path, &Choice::default()).unwrap_err().to_string();
    assert!(error.contains("IM3.DCM: damaged file: is not a DICOM file"), "{error}");
}

#[test]
fn a_folder_without_images_and_a_missing_one_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let error = read_series(folder.path(), &Choice::default()).unwrap_err().to_string();
    assert!(error.contains("holds no DICOM image series"), "{error}");
    assert!(read_series(&folder.path().join("none"), &Choice::default()).is_err());
}

#[test]
fn tags_show_the_true_spacing_beside_the_thickness_and_nothing_of_the_patient() {
    let (_folder, path) = folder_of(&made("slope and intercept per slice").files);
    let tags = Series::open(&path, &Choice::default()).unwrap().tags().unwrap();
    let value = |name: &str| tags.iter().find(|(tag, _)| tag == name).map(|(_, value)| value.as_str());
    assert_eq!(value("Modality"), Some("PT"));
    assert_eq!(value("SliceThickness"), Some("9.0"));
    assert_eq!(value("spacing of the slices' positions"), Some("2.5 mm"));
    assert!(tags.iter().all(|(tag, _)| !tag.starts_with("PatientN") && !tag.contains("Birth")));
}

#[test]
fn links_in_a_circle_are_followed_once() {
    let (_folder, path) = folder_of(&made("explicit little endian").files);
    #[cfg(unix)]
    std::os::unix::fs::symlink(&path, path.join("again")).unwrap();
    assert_eq!(scan(&path).unwrap().series[0].files, 3);
}
