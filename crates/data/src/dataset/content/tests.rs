//! The content hash of a case changes with every reading option and with nothing else.

use std::fs;
use std::path::Path;

use super::*;
use crate::dataset::Reading;
use crate::volume::dicom::{Choice, Gaps};
use crate::volume::surface::CoordinateSystem;

fn case(folder: &Path) -> Case {
    for (name, text) in [("image", "one"), ("second", "two"), ("label", "three"), ("liver", "four"), ("spleen", "five")]
    {
        fs::write(folder.join(name), text).unwrap();
    }
    Case::new("a", vec![folder.join("image")], Some(Label::Map(folder.join("label"))))
}

/// Whether a change to a case changes the hashes of its image and its labels.
#[test]
fn each_field_of_the_reading_changes_what_it_decides() {
    let folder = tempfile::tempdir().unwrap();
    let case = case(folder.path());
    let before = content_of(&case).unwrap();
    let masks = |values: [u16; 2]| {
        let files = ["liver", "spleen"].map(|name| folder.path().join(name));
        Some(Label::Masks(values.into_iter().zip(files).collect()))
    };
    let read = |change: fn(&mut Reading)| {
        let mut changed = case.clone();
        change(&mut changed.reading);
        changed
    };
    let choice = |choice: Choice| Case { reading: Reading { choice, ..Reading::default() }, ..case.clone() };
    let second = vec![folder.path().join("image"), folder.path().join("second")];
    let rows: Vec<(&str, Case, [bool; 2])> = vec![
        ("name", Case { name: "b".into(), ..case.clone() }, [false, false]),
        ("resample-labels", read(|reading| reading.resample_labels = true), [false, true]),
        ("overlap", read(|reading| reading.overlap = true), [false, true]),
        ("names", read(|reading| reading.names = vec![("liver".into(), 1)]), [false, true]),
        ("mask-values", read(|reading| reading.mask_values = Some(MaskValues::Nonzero)), [false, true]),
        ("coordinates", read(|reading| reading.coordinates = Some(CoordinateSystem::Lps)), [false, true]),
        ("resample-channels", read(|reading| reading.resample_channels = true), [true, true]),
        ("series", choice(Choice { series: Some("axial".into()), ..Choice::default() }), [true, true]),
        ("stack", choice(Choice { stack: Some("b 800".into()), ..Choice::default() }), [true, true]),
        ("gaps", choice(Choice { gaps: Gaps::Interpolate, ..Choice::default() }), [true, true]),
        ("spacing-mm", read(|reading| reading.spacing_mm = Some([4.0, 0.5, 0.5])), [true, true]),
        ("slice spacing", Case { stack_spacing_mm: Some([3.0, 1.0, 1.0]), ..case.clone() }, [true, true]),
        ("channels", Case { images: second.clone(), ..case.clone() }, [true, true]),
        ("order of channels", Case { images: second.into_iter().rev().collect(), ..case.clone() }, [true, true]),
        ("series of a channel", Case { series: vec!["1.2.3".into()], ..case.clone() }, [true, true]),
        ("ignored", Case { ignored: Some((9, folder.path().join("liver"))), ..case.clone() }, [false, true]),
        ("kind of label", Case { label: masks([1, 2]), ..case.clone() }, [false, true]),
    ];
    for (what, changed, expected) in rows {
        let after = content_of(&changed).unwrap();
        assert_eq!([after.image != before.image, after.label != before.label], expected, "{what}");
    }
    let named = |values| content_of(&Case { label: masks(values), ..case.clone() }).unwrap().label;
    assert_ne!(named([1, 2]), named([2, 1]), "two structures exchanged");
}

#[test]
fn files_count_by_content_not_by_place() {
    let [one, other] = [(); 2].map(|()| tempfile::tempdir().unwrap());
    let (a, b) = (case(one.path()), case(other.path()));
    assert_eq!(content_of(&a).unwrap(), content_of(&b).unwrap());
    fs::write(other.path().join("label"), "changed").unwrap();
    assert_ne!(content_of(&a).unwrap().label, content_of(&b).unwrap().label);
    assert_eq!(content_of(&a).unwrap().image, content_of(&b).unwrap().image);
    fs::remove_file(other.path().join("label")).unwrap();
    assert!(content_of(&b).unwrap_err().to_string().contains("label"));
}
