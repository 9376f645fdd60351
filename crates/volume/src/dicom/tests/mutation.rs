//! Readers survive whatever bytes they get: flipped, cut, repeated and with other lengths.

use rand::Rng;
use rand_chacha::ChaCha8Rng;

use super::*;
use crate::dicom::{Choice, Gaps, Series, read_segments, read_series};

/// Mutations of each file.
const ROUNDS: usize = 150;

fn mutated(whole: &[u8], random: &mut ChaCha8Rng) -> Vec<u8> {
    let mut bytes = whole.to_vec();
    for _ in 0..random.random_range(1..4) {
        let at = random.random_range(0..bytes.len());
        match random.random_range(0..5) {
            0 => bytes.truncate(at.max(1)),
            1 => bytes[at] ^= 1 << random.random_range(0..8),
            2 => {
                let end = (at + random.random_range(1..200)).min(bytes.len());
                let piece = bytes[at..end].to_vec();
                bytes.splice(at..at, piece);
            }
            3 => {
                let end = (at + random.random_range(1..200)).min(bytes.len());
                bytes.drain(at..end);
            }
            // Lengths: the largest, undefined, and odd ones.
            _ => {
                let length = [0xffff_ffff_u32, 0xffff_fffe, 0x7fff_ffff, 3][random.random_range(0..4)];
                let end = (at + 4).min(bytes.len());
                bytes[at..end].copy_from_slice(&length.to_le_bytes()[..end - at]);
            }
        }
        if bytes.is_empty() {
            return bytes;
        }
    }
    bytes
}

#[test]
fn mutated_series_never_panic_and_never_grow() {
    for (number, made) in reference().series.into_iter().enumerate() {
        let mut random = segspec_base::random::stream(11, "mutated series", 0, number as u64);
        let (_folder, path) = folder_of(&made.files);
        let victim = path.join("IM0");
        let whole = std::fs::read(&victim).unwrap();
        for _ in 0..ROUNDS {
            std::fs::write(&victim, mutated(&whole, &mut random)).unwrap();
            let choice = Choice { gaps: Gaps::Interpolate, ..Choice::default() };
            if let Ok(volume) = read_series(&path, &choice) {
                assert!(volume.voxels.len() < 1 << 25, "{}: {:?}", made.name, volume.geometry.shape);
            }
            // One file alone is not refused for its neighbours' sake.
            let _ = read_series(&victim, &choice);
        }
    }
}

#[test]
fn mutated_segmentations_never_panic_and_never_grow() {
    for (number, made) in reference().segments.into_iter().enumerate() {
        let mut random = segspec_base::random::stream(12, "mutated segmentation", 0, number as u64);
        let (folder, path) = folder_of(&made.source);
        let object = folder.path().join("object.dcm");
        let source = (!made.source.is_empty()).then(|| Series::open(&path, &Choice::default()).unwrap());
        let whole = unpacked(&made.file);
        for _ in 0..ROUNDS {
            std::fs::write(&object, mutated(&whole, &mut random)).unwrap();
            let _ = read_segments(&object, source.as_ref());
            if let Ok(read) = read_segments(&object, None) {
                assert!(read.geometry().voxels() < 1 << 25, "{}", made.name);
            }
        }
    }
}

#[test]
fn mutated_files_from_the_wild_never_panic() {
    let Some(root) = segspec_testing::data() else { return };
    let names = [
        "dicomseg_dcmqi/23x38x3/multiframe/mf.dcm",
        "dicomseg_dcmqi/23x38x3/image/IMG0001.dcm",
        "dicom_quirks/mr_missing_slice/1-01.dcm",
        "totalsegmentator/example_ct_dicom/CT.1.3.12.2.1107.5.1.4.60064.30000022120808113428000016573",
        "dicomseg_dcmqi/23x38x3/seg/label.seg",
        "dicomseg_dcmqi/sparse-labelmap-ppv5.dcm",
    ];
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    for (number, name) in names.into_iter().enumerate() {
        let mut random = segspec_base::random::stream(13, "mutated file", 0, number as u64);
        let whole = std::fs::read(root.join(name)).unwrap();
        let rounds = if whole.len() > 100_000 { 30 } else { ROUNDS };
        for _ in 0..rounds {
            std::fs::write(&path, mutated(&whole, &mut random)).unwrap();
            let _ = read_series(&path, &Choice::default());
            let _ = read_segments(&path, None);
        }
    }
}

#[test]
fn headers_that_claim_more_than_the_file_holds_are_refused() {
    let mut found = 0;
    for made in reference().series.into_iter().filter(|made| made.expected.is_some()) {
        let (_folder, path) = folder_of(&made.files[..1]);
        let file = path.join("IM0");
        let whole = std::fs::read(&file).unwrap();
        // Rows and Columns with an explicit type: 65535 each.
        for tag in [[0x28, 0, 0x10, 0, b'U', b'S', 2, 0], [0x28, 0, 0x11, 0, b'U', b'S', 2, 0]] {
            let Some(at) = whole.windows(8).position(|bytes| bytes == tag) else { continue };
            let mut bytes = whole.clone();
            bytes[at + 8..at + 10].copy_from_slice(&[0xff, 0xff]);
            std::fs::write(&file, bytes).unwrap();
            let error = read_series(&file, &Choice::default()).map(|_| ()).expect_err(&made.name).to_string();
            assert!(error.contains("IM0"), "{error}");
            found += 1;
        }
    }
    assert!(found > 10);
}

#[test]
fn mutated_structure_sets_are_errors_or_voxels() {
    use crate::dicom::{On, contour_facts, read_contours};
    let mut random = segspec_base::random::stream(11, "mutated structure sets", 0, 0);
    let grid = Geometry::axis_aligned([6, 96, 96], [3.0, 0.8, 0.8]);
    let sets: serde_json::Value =
        serde_json::from_str(include_str!("../../../../../tests/reference/contours.json")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rs.dcm");
    for set in sets.as_array().unwrap() {
        let whole = unpacked(set["contours"].as_str().unwrap());
        for _ in 0..ROUNDS {
            std::fs::write(&path, mutated(&whole, &mut random)).unwrap();
            let _ = contour_facts(&path);
            let _ = read_contours(&path, On::Grid(&grid), &|_| true);
        }
    }
}
