//! Objects beside an image: named for what they are, and no candidates for the image that is read.

use std::path::Path;

use dicom_dictionary_std::{tags, uids};

use super::*;
use crate::Format;
use crate::dicom::write::build::{DataSet, NATIVE};
use crate::dicom::{Choice, Content, Modality, Series, SeriesHeader, name_of, scan, write_series};
use crate::format::Notes;

fn ct(folder: &Path, description: &str, number: u32, modality: Modality) {
    let geometry = Geometry::axis_aligned([3, 4, 5], [2.0, 1.0, 1.0]);
    let voxels = ndarray::Array4::from_shape_fn([1, 3, 4, 5], |(_, z, y, x)| (z + y + x) as f32);
    let header = SeriesHeader {
        modality,
        description: description.into(),
        patient: "p".into(),
        series_number: number,
        created: std::time::SystemTime::UNIX_EPOCH,
    };
    write_series(folder, &Volume { voxels, geometry }, &header).unwrap();
}

fn object(class: &str, modality: &str) -> DataSet {
    DataSet::default()
        .text(tags::SOP_CLASS_UID, class)
        .text(tags::SOP_INSTANCE_UID, "1.2.3.4")
        .text(tags::SERIES_INSTANCE_UID, &format!("1.2.{}", modality.len()))
        .text(tags::MODALITY, modality)
        .text(tags::SERIES_DESCRIPTION, "beside")
}

/// An image of one slice.
fn picture(set: DataSet, samples: u16, photometric: &str, kinds: &[&str]) -> DataSet {
    set.texts(tags::IMAGE_TYPE, kinds)
        .words(tags::SAMPLES_PER_PIXEL, &[samples])
        .text(tags::PHOTOMETRIC_INTERPRETATION, photometric)
        .words(tags::ROWS, &[2])
        .words(tags::COLUMNS, &[2])
        .words(tags::BITS_ALLOCATED, &[8])
        .words(tags::BITS_STORED, &[8])
        .words(tags::HIGH_BIT, &[7])
        .words(tags::PIXEL_REPRESENTATION, &[0])
        .bytes(tags::PIXEL_DATA, vec![0; 4 * usize::from(samples)])
}

fn placed(set: DataSet) -> DataSet {
    set.decimals(tags::IMAGE_POSITION_PATIENT, &[0.0, 0.0, 0.0])
        .decimals(tags::IMAGE_ORIENTATION_PATIENT, &[0.0, 1.0, 0.0, 0.0, 0.0, -1.0])
        .decimals(tags::PIXEL_SPACING, &[1.0, 1.0])
}

#[test]
fn what_lies_beside_an_image_is_named_and_the_image_is_read_without_a_choice() {
    let primary = ["ORIGINAL", "PRIMARY", "AXIAL"];
    let dose = placed(object(uids::RT_DOSE_STORAGE, "RTDOSE").decimals(tags::DOSE_GRID_SCALING, &[0.01]));
    let scout = placed(object(uids::CT_IMAGE_STORAGE, "CT"));
    let others = [
        (dose, Content::Derived, "dose distribution (RTDOSE)", 1, "MONOCHROME2", primary),
        (scout, Content::Localiser, "localiser", 1, "MONOCHROME2", ["ORIGINAL", "PRIMARY", "LOCALIZER"]),
        (
            object(uids::SECONDARY_CAPTURE_IMAGE_STORAGE, "OT"),
            Content::Page,
            "colour page (secondary capture)",
            3,
            "RGB",
            primary,
        ),
        (
            object(uids::SECONDARY_CAPTURE_IMAGE_STORAGE, "OT"),
            Content::Page,
            "page without a position",
            1,
            "MONOCHROME2",
            primary,
        ),
        (object(uids::ULTRASOUND_IMAGE_STORAGE, "US"), Content::Page, "colour picture", 3, "RGB", primary),
    ];
    let others = others.map(|(set, content, name, samples, photometric, kinds)| {
        (picture(set, samples, photometric, &kinds), content, name)
    });
    let without = [
        (uids::BASIC_TEXT_SR_STORAGE, "SR", Content::Other, "report (SR)"),
        (uids::COMPREHENSIVE3_DSR_STORAGE, "SR", Content::Other, "report (SR)"),
        (uids::KEY_OBJECT_SELECTION_DOCUMENT_STORAGE, "KO", Content::Other, "key object selection (KO)"),
        (uids::GRAYSCALE_SOFTCOPY_PRESENTATION_STATE_STORAGE, "PR", Content::Other, "presentation state"),
        (uids::ENCAPSULATED_PDF_STORAGE, "DOC", Content::Other, "document (encapsulated PDF)"),
        (uids::ENCAPSULATED_STL_STORAGE, "M3D", Content::Other, "encapsulated file"),
        (uids::RT_PLAN_STORAGE, "RTPLAN", Content::Other, "radiotherapy plan (RTPLAN)"),
        (uids::RT_ION_PLAN_STORAGE, "RTPLAN", Content::Other, "radiotherapy object"),
        (uids::RT_STRUCTURE_SET_STORAGE, "RTSTRUCT", Content::Contours, "contours (RTSTRUCT)"),
        (uids::SPATIAL_REGISTRATION_STORAGE, "REG", Content::Other, "registration (REG)"),
        (uids::RAW_DATA_STORAGE, "MR", Content::Other, "raw data"),
        ("1.2.840.10008.5.1.4.1.1.9.1.1", "ECG", Content::Other, "waveform"),
        ("1.2.3.4.5", "XX", Content::Other, "object without an image (XX)"),
    ];
    let without = without.map(|(class, modality, content, name)| (object(class, modality), content, name));
    for (set, content, name) in others.into_iter().chain(without) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        let beside = path.join("z.dcm");
        set.write(&beside, NATIVE).unwrap();
        assert!(name_of(&beside).unwrap().unwrap().contains(name), "{name}");
        // By itself it is named, whether it is read or not.
        let alone = Series::open(&beside, &Choice::default());
        if let Err(error) = &alone {
            let text = error.to_string();
            assert!(text.contains(name) || text.contains("colour image"), "{name}: {text}");
        } else {
            assert!(content == Content::Localiser || content == Content::Page, "{name}");
        }
        ct(&path.join("ct"), "abdomen", 4, Modality::Ct);
        let found = scan(path).unwrap();
        assert_eq!(found.series.len(), 2, "{name}");
        let other = found.series.iter().find(|series| series.content == content).expect(name);
        assert!(other.line().contains(name), "{}", other.line());
        assert_eq!(Format::of(path).unwrap(), Format::DicomImage);
        for choice in [None, Some("abdomen"), Some("4"), Some("CT")] {
            let choice = Choice { series: choice.map(String::from), ..Choice::default() };
            let series = Series::open(path, &choice).unwrap_or_else(|error| panic!("{name}: {error}"));
            assert_eq!(series.geometry().shape, [3, 4, 5], "{name}");
            let said = series.header().warnings.iter().any(|warning| warning.contains(name));
            assert_eq!(said, choice.series.is_none() && content.has_pixels(), "{name}");
        }
    }
}

#[test]
fn a_page_or_a_localiser_under_the_uid_of_an_image_series_is_a_series_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    ct(&path.join("ct"), "abdomen", 4, Modality::Ct);
    let uid = scan(path).unwrap().series[0].uid.clone();
    let own = |class, modality| {
        let set = DataSet::default().text(tags::SOP_CLASS_UID, class).text(tags::SOP_INSTANCE_UID, "1.2.3.9");
        set.text(tags::SERIES_INSTANCE_UID, &uid).text(tags::MODALITY, modality)
    };
    let page = picture(own(uids::SECONDARY_CAPTURE_IMAGE_STORAGE, "OT"), 3, "RGB", &["DERIVED", "SECONDARY"]);
    page.write(&path.join("page.dcm"), NATIVE).unwrap();
    let scout =
        picture(placed(own(uids::CT_IMAGE_STORAGE, "CT")), 1, "MONOCHROME2", &["ORIGINAL", "PRIMARY", "LOCALIZER"]);
    scout.write(&path.join("scout.dcm"), NATIVE).unwrap();
    assert_eq!(scan(path).unwrap().series.len(), 3);
    for choice in [Choice::default(), Choice::series(&uid), Choice { stack: Some("axial".into()), ..Choice::default() }]
    {
        assert_eq!(Series::open(path, &choice).unwrap().geometry().shape, [3, 4, 5], "{choice:?}");
    }
    let sagittal = Choice { stack: Some("sagittal".into()), ..Choice::default() };
    assert_eq!(Series::open(path, &sagittal).unwrap().geometry().shape, [1, 2, 2]);
}

#[test]
fn series_are_chosen_by_uid_description_number_and_modality_in_this_order() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    ct(&path.join("a"), "7", 4, Modality::Ct);
    ct(&path.join("b"), "late", 7, Modality::Ct);
    ct(&path.join("c"), "other", 9, Modality::Mr);
    let opened =
        |name: &str| Series::open(path, &Choice::series(name)).map(|series| series.summary().description.clone());
    for (name, description) in [("7", "7"), ("4", "7"), ("late", "late"), ("9", "other"), ("MR", "other")] {
        assert_eq!(opened(name).unwrap(), description, "{name}");
    }
    for (name, text) in [("CT", "holds 2 image series"), ("8", "holds no series that matches")] {
        let error = opened(name).unwrap_err().to_string();
        assert!(error.contains(text) && error.contains("number 7"), "{error}");
    }
    assert!(Series::open(path, &Choice::default()).unwrap_err().to_string().contains("holds 3 image series"));
}

#[test]
fn a_preamble_that_begins_another_format_is_a_preamble() {
    let folder = tempfile::tempdir().unwrap();
    ct(&folder.path().join("ct"), "abdomen", 4, Modality::Ct);
    let plain = std::fs::read(folder.path().join("ct/0001.dcm")).unwrap();
    let beginnings: [&[u8]; 8] = [
        b"II*\0\x08\0\0\0",
        b"MM\0*\0\0\0\x08",
        b"II+\0\x08\0\0\0",
        b"\x89PNG\r\n\x1a\n",
        b"ply\nformat ascii",
        b"NRRD0004",
        b"\x1f\x8b\x08",
        b"glTF",
    ];
    for (index, beginning) in beginnings.into_iter().enumerate() {
        let mut bytes = plain.clone();
        bytes[..beginning.len()].copy_from_slice(beginning);
        for name in ["dual.tif", "dual.png", "dual", "dual.nii.gz"] {
            let path = folder.path().join(format!("{index}{name}"));
            std::fs::write(&path, &bytes).unwrap();
            assert_eq!(Format::of(&path).unwrap(), Format::DicomImage, "{beginning:?} {name}");
            assert_eq!(crate::read_volume(&path).unwrap().geometry.shape, [1, 4, 5], "{beginning:?} {name}");
        }
    }
}

#[test]
fn notes_are_shared_by_copies_of_options_and_said_once() {
    let notes = Notes::default();
    notes.clone().extend(["a".to_string(), "b".to_string(), "a".to_string()]);
    assert_eq!(notes.all(), ["a", "b"]);
}
