//! Headers that contradict themselves or their data, and files changed at random.

use std::path::PathBuf;

use super::super::*;
use crate::ReadError;
use segspec_testing::damage::survive;

const SOUND: &str = "NRRD0004\ntype: short\ndimension: 3\nspace: LPS\nsizes: 2 3 4\n\
    space directions: (1,0,0) (0,1,0) (0,0,2)\nkinds: domain domain domain\nendian: little\nencoding: raw\n\
    space origin: (0,0,0)\n\n";

/// A file with a header, and numbers behind it.
fn file(header: &str, data: &[u8]) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("case.nrrd");
    std::fs::write(&path, [header.as_bytes(), data].concat()).unwrap();
    (folder, path)
}

#[test]
fn contradictions_are_damage_and_named() {
    let cases = [
        ("type: short", "type: complex float", "unknown type"),
        ("type: short\n", "", "no field `type`"),
        ("dimension: 3", "dimension: 4", "does not fit"),
        ("sizes: 2 3 4", "sizes: 2 3 0", "cannot be read"),
        ("sizes: 2 3 4", "sizes: 2 3 -4", "cannot be read"),
        ("sizes: 2 3 4", "sizes: 2 3 5", "more than its data can hold"),
        ("sizes: 2 3 4", "sizes: 9999999999 9999999999 9999999999", "more than its data can hold"),
        ("sizes: 2 3 4", "sizes: 2 3 3", "holds more than the 36 bytes"),
        ("(0,0,2)", "(0,2)", "space directions"),
        ("(0,0,2)", "(0,0,x)", "space directions"),
        ("(0,0,2)", "(0,0,0)", "has no inverse"),
        ("(0,0,2)", "(1,1,0)", "has no inverse"),
        ("(0,0,2)", "(0,0,inf)", "space directions"),
        (" (0,0,2)", "", "space directions"),
        ("space origin: (0,0,0)", "space origin: none (0,0,0)", "space origin"),
        ("kinds: domain domain domain", "kinds: domain", "kinds"),
        ("endian: little\n", "", "no field `endian`"),
        ("endian: little", "endian: middle", "neither little nor big"),
        ("endian", "byte skip: -2\nendian", "byte skip"),
        ("endian", "line skip: -2\nendian", "line skip"),
        ("endian", "line skip: 99\nendian", "99 lines to skip"),
        ("encoding: raw", "encoding: gzip", "gzip header"),
        ("encoding: raw", "encoding: bzip2", "bz"),
        ("encoding: raw", "encoding: ascii", "no int16"),
        ("encoding: raw", "encoding: hex", "more than its data can hold"),
        ("encoding: raw", "encoding: ascii\nbyte skip: -1", "no meaning"),
        ("encoding: raw", "encoding: raw\ndata type: short", "unknown field `data type`"),
    ];
    for (from, to, reason) in cases {
        let header = SOUND.replacen(from, to, 1);
        assert_ne!(header, SOUND, "{from}");
        let (_folder, path) = file(&header, &[7; 48]);
        let error = read_volume(&path).expect_err(to);
        assert!(matches!(error, ReadError::Damaged { .. }), "{to}: {error}");
        let text = error.to_string();
        assert!(text.contains("case.nrrd: damaged file: ") && text.contains(reason), "{to}: {text}");
    }
}

#[test]
fn what_segspec_does_not_take_is_refused_with_the_remedy() {
    let cases = [
        ("NRRD0004", "NRRD0009", "versions up to NRRD0005"),
        ("NRRD0004", "P5", "not an NRRD file"),
        ("space: LPS", "space: LPI", "expected RAS, LAS or LPS"),
        ("type: short", "type: block", "save numbers"),
        ("encoding: raw", "encoding: zstd", "raw, gzip, bzip2"),
        ("endian", "space units: \"furlong\" \"mm\" \"mm\"\nendian", "expected \"mm\""),
        ("endian", "data file: /etc/hostname\nendian", "beside the header"),
        ("endian", "data file: -\nendian", "name a file"),
        ("dimension: 3\nspace: LPS\nsizes: 2 3 4", "dimension: 5\nspace: LPS\nsizes: 2 3 2 2 1", "spatial"),
    ];
    for (from, to, reason) in cases {
        let mut header = SOUND.replacen(from, to, 1);
        if to.starts_with("dimension") {
            header = header.replacen("(0,0,2)", "(0,0,2) none none", 1).replacen(
                "kinds: domain",
                "kinds: time list domain",
                1,
            );
            header = header.replacen("(1,0,0)", "none", 1).replacen("none none", "none (1,0,0)", 1);
        }
        let (_folder, path) = file(&header, &[7; 48]);
        let error = read_volume(&path).expect_err(to);
        assert!(matches!(error, ReadError::Unsupported { .. }), "{to}: {error}");
        assert!(error.to_string().contains(reason), "{to}: {error}");
    }
}

#[test]
fn voxels_that_are_none_are_named_with_their_place_and_channel() {
    let header = "NRRD0004\ntype: float\ndimension: 4\nsizes: 2 2 3 4\nkinds: list domain domain domain\nendian: little\nencoding: raw\n\n";
    let mut numbers = [1.0_f32; 48];
    // z 1, y 2, x 0, channel 1
    numbers[(6 + 2 * 2) * 2 + 1] = f32::NAN;
    let bytes: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
    let (_folder, path) = file(header, &bytes);
    let error = read_volume(&path).unwrap_err().to_string();
    assert!(error.contains("voxel [1, 2, 0] of channel 1 is NaN; replace it"), "{error}");
    let error = read_label_map(&path).unwrap_err().to_string();
    assert!(error.contains("2 channels"), "{error}");
    let (_folder, path) = file(SOUND, &[255; 48]);
    let error = read_label_map(&path).unwrap_err().to_string();
    assert!(error.contains("voxel [0, 0, 0] is -1; labels are whole numbers"), "{error}");
}

#[test]
fn missing_files_name_the_header_that_asks_for_them() {
    let (folder, path) = file(&SOUND.replacen("endian", "data file: none.raw\nendian", 1), &[]);
    let error = read_header(&path).unwrap_err().to_string();
    assert!(error.contains("none.raw: no such file") && error.contains("case.nrrd"), "{error}");
    assert!(matches!(read_volume(&folder.path().join("none")), Err(ReadError::Open { .. })));
    assert!(matches!(read_volume(folder.path()), Err(ReadError::Unsupported { .. })));
}

#[test]
fn a_header_without_end_or_data_file_is_damage() {
    let (_folder, path) = file(SOUND.trim_end(), &[]);
    let error = read_header(&path).unwrap_err().to_string();
    assert!(error.contains("damaged file: ends within its header"), "{error}");
}

#[test]
fn damaged_streams_are_damage() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("case.nrrd");
    let labels = crate::LabelMap {
        voxels: ndarray::Array3::from_shape_fn([8, 8, 8], |(z, y, x)| ((z * 37 + y * 11 + x * 5) % 101) as u16),
        geometry: crate::Geometry::axis_aligned([8, 8, 8], [1.0; 3]),
    };
    write_label_map(&path, &labels).unwrap();
    let whole = std::fs::read(&path).unwrap();
    let mut flipped = whole.clone();
    let checksum = whole.len() - 8;
    flipped[checksum] ^= 1;
    let start = whole.windows(2).position(|pair| pair == b"\n\n").unwrap() + 2;
    for bytes in [&whole[..start + 40], &whole[..whole.len() - 4], &whole[..start], &flipped] {
        std::fs::write(&path, bytes).unwrap();
        assert!(matches!(read_volume(&path), Err(ReadError::Damaged { .. })));
    }
}

/// Reads of a whole file are what a header's claims are measured by: none of these may be believed.
#[test]
fn no_header_is_believed_beyond_its_file() {
    for encoding in ["raw", "gzip", "bzip2", "ascii", "hex"] {
        let header = SOUND.replacen("sizes: 2 3 4", "sizes: 2000 2000 1250", 1).replacen(
            "encoding: raw",
            &format!("encoding: {encoding}"),
            1,
        );
        let (_folder, path) = file(&header, &[b'1'; 64]);
        let error = read_header(&path).unwrap_err().to_string();
        assert!(error.contains("more than its data can hold"), "{error}");
    }
}

#[test]
fn files_changed_at_random_are_read_or_refused() {
    let numbers: Vec<u8> = (0..24_i16).flat_map(i16::to_le_bytes).collect();
    let words: Vec<u8> = (0..24).flat_map(|number| format!("{number} ").into_bytes()).collect();
    let pairs = "Segment0_Name:=a\nSegment0_LabelValue:=1\nSegment0_Layer:=0\nSegment0_Color:=0 0.5 1\n\n";
    let files = [
        (SOUND.to_owned(), numbers.clone()),
        (SOUND.replacen("encoding: raw", "encoding: ascii", 1), words),
        (
            SOUND.replacen("encoding: raw", "encoding: hex", 1),
            numbers.iter().flat_map(|byte| format!("{byte:02x}").into_bytes()).collect(),
        ),
        (SOUND.replacen("endian", "data file: d%02d.raw 1 4 1\nendian", 1), Vec::new()),
        (SOUND.replacen("\n\n", "\ndata file: LIST\nd01.raw\nd02.raw\nd03.raw\nd04.raw\n", 1), Vec::new()),
        (SOUND.replacen("\n\n", &format!("\n{pairs}"), 1), [0, 0, 1, 0].repeat(12)),
    ];
    for (header, data) in files {
        let (folder, path) = file(&header, &data);
        for number in 1..5 {
            std::fs::write(folder.path().join(format!("d{number:02}.raw")), &numbers[..12]).unwrap();
        }
        read_volume(&path).unwrap();
        let read = survive(&path, 400, |path| {
            let _ = (read_label_map(path), read_segments(path));
            read_volume(path)
        });
        assert!((1..400).contains(&read), "{read} of 400 were read");
    }
}

#[test]
fn real_files_changed_at_random_are_read_or_refused() {
    let Some(root) = segspec_testing::data() else { return };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("case.nrrd");
    let pynrrd =
        ["BallBinary30x30x30_gz.nrrd", "BallBinary30x30x30_bz2.nrrd", "test2d_ascii.nrrd", "test_simple4d_raw.nrrd"];
    for name in pynrrd.map(|name| format!("formats/nrrd_pynrrd/{name}")) {
        std::fs::copy(root.join(name), &path).unwrap();
        survive(&path, 150, read_volume);
    }
    std::fs::copy(root.join("nrrd_slicerio/SegmentationOverlapping.seg.nrrd"), &path).unwrap();
    survive(&path, 30, read_segments);
}
