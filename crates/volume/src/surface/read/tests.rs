//! Files told apart by content, files with faults, and files with random faults.

use rand::Rng;

use super::*;
use crate::surface::SurfaceError;

/// A tetrahedron as binary STL with a header text.
fn binary(header: &str) -> Vec<u8> {
    let points = [[0.0_f32, 0.0, 0.0], [2.0, 0.0, 0.0], [0.0, 3.0, 0.0], [0.0, 0.0, 4.0]];
    let mut bytes = format!("{header:<80}").into_bytes();
    bytes.extend(4_u32.to_le_bytes());
    for triangle in [[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]] {
        bytes.extend([0; 12]);
        bytes.extend(triangle.iter().flat_map(|&corner: &usize| points[corner]).flat_map(f32::to_le_bytes));
        bytes.extend([0; 2]);
    }
    bytes
}

fn ascii() -> String {
    let corners = [
        ["0 0 0", "0 3 0", "2 0 0"],
        ["0 0 0", "2 0 0", "0 0 4"],
        ["0 0 0", "0 0 4", "0 3 0"],
        ["2 0 0", "0 3 0", "0 0 4"],
    ];
    let facet = |[a, b, c]: [&str; 3]| {
        format!(
            "  facet normal 0 0 0\n    outer loop\n      vertex {a}\n      vertex {b}\n      vertex {c}\n    endloop\n  endfacet\n"
        )
    };
    format!("solid vertex of SPACE=RAS\n{}endsolid vertex\n", corners.map(facet).concat())
}

const OBJ: &str = "# SPACE=RAS\nmtllib a.mtl\no part\nv 0 0 0\nv 2 0 0 0.5 0.5 0.5\nv 0 3 0\nv 0 0 4\nvn 0 0 1\nf 1 3 2\nf 1/1 2/1 4/1\ng x\nf 1//1 4//1 3//1\nf -3/1/1 -2/1/1 -1/1/1\n";

const PLY: &str = "ply\r\nformat ascii 1.0\r\ncomment SPACE=RAS\r\nelement vertex 4\r\nproperty double z\r\nproperty double x\r\nproperty uchar red\r\nproperty double y\r\nelement edge 1\r\nproperty list uchar int at\r\nelement face 4\r\nproperty float quality\r\nproperty list uchar int vertex_index\r\nend_header\r\n0 0 9 0\r\n0 2 9 0\r\n0 0 9 3\r\n4 0 9 0\r\n2 0 1\r\n.5 3 0 2 1\r\n.5 3 0 1 3\r\n.5 3 0 3 2\r\n.5 3 1 2 3\r\n";

/// The tetrahedron as PLY with numbers in big-endian order.
fn big_endian() -> Vec<u8> {
    let mut bytes = b"ply\nformat binary_big_endian 1.0\nelement vertex 4\nproperty short x\nproperty float y\nproperty double z\nproperty list ushort uchar t\nelement face 4\nproperty list uint short vertex_indices\nend_header\n".to_vec();
    for [x, y, z] in [[0_i16, 0, 0], [2, 0, 0], [0, 3, 0], [0, 0, 4]] {
        bytes.extend(x.to_be_bytes());
        bytes.extend(f32::from(y).to_be_bytes());
        bytes.extend(f64::from(z).to_be_bytes());
        bytes.extend([0, 2, 7, 7]);
    }
    for triangle in [[0_i16, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]] {
        bytes.extend(3_u32.to_be_bytes());
        bytes.extend(triangle.iter().flat_map(|corner| corner.to_be_bytes()));
    }
    bytes
}

const RAS: ReadOptions = ReadOptions { coordinates: Some(CoordinateSystem::Ras), unit_mm: 1.0 };

/// Every format, sound.
fn sound() -> Vec<Vec<u8>> {
    let windows = ascii().replace('\n', "\r\n").to_uppercase();
    let texts = [ascii(), windows, OBJ.into(), PLY.into()];
    let mut files = vec![binary("SPACE=RAS"), binary("solid of a binary file"), big_endian()];
    files.extend(texts.map(String::into_bytes));
    files
}

#[test]
fn formats_are_told_apart_by_content() {
    for bytes in sound() {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let file = parse(&bytes, &RAS).unwrap_or_else(|fault| panic!("{fault:?}: {text}"));
        assert_eq!((file.surface.points().len(), file.surface.triangles().len()), (4, 4), "{text}");
        assert!((file.surface.volume_mm3() - 4.0).abs() < 1e-12, "{text}");
        assert!(file.warnings.is_empty());
        assert_eq!(file.surface.bounds_mm(), Some([[0.0; 3], [2.0, 3.0, 4.0]]));
    }
}

#[test]
fn the_coordinate_system_is_the_one_asked_for_or_stated_or_lps() {
    let read = |header: &str, coordinates| {
        let file = parse(&binary(header), &ReadOptions { coordinates, unit_mm: 1.0 }).unwrap();
        (file.surface.bounds_mm().unwrap()[1][0], file.warnings)
    };
    let (ras, lps) = (Some(CoordinateSystem::Ras), Some(CoordinateSystem::Lps));
    assert_eq!(read("3D Slicer output. SPACE=LPS", None), (0.0, vec![]));
    assert_eq!(read("3D Slicer output. space=ras", None), (2.0, vec![]));
    assert_eq!(read("", None), (0.0, vec![Warning::AssumedLps]));
    assert_eq!(read("SPACE=LPS or SPACE=RAS", None), (0.0, vec![Warning::AssumedLps]));
    assert_eq!(read("", ras), (2.0, vec![]));
    assert_eq!(read("SPACE=LPS", ras), (2.0, vec![Warning::Overruled(CoordinateSystem::Lps)]));
    assert_eq!(read("SPACE=LPS", lps), (0.0, vec![]));
}

#[test]
fn trailing_bytes_and_triangles_without_area_are_warnings() {
    let mut bytes = binary("");
    bytes.extend([0, 0, 0]);
    assert_eq!(parse(&bytes, &RAS).unwrap().warnings, [Warning::TrailingBytes(3)]);
    bytes.truncate(bytes.len() - 3);
    let triangle = bytes[84..134].to_vec();
    bytes.extend(triangle);
    let last = bytes.len() - 50;
    bytes.copy_within(last + 12..last + 24, last + 24);
    bytes[80] = 5;
    assert_eq!(parse(&bytes, &RAS).unwrap().warnings, [Warning::Degenerate(1)]);
}

#[test]
fn faulty_files_are_refused_with_the_place() {
    let changed = |from: &str, to: &str| ascii().replacen(from, to, 1).into_bytes();
    let ply = |from: &str, to: &str| PLY.replacen(from, to, 1).into_bytes();
    let with_count = |count: u32| {
        let mut bytes = binary("");
        bytes[80..84].copy_from_slice(&count.to_le_bytes());
        bytes
    };
    let mut nan = binary("");
    nan[84 + 12..84 + 16].copy_from_slice(&f32::NAN.to_le_bytes());
    let cases: Vec<(Vec<u8>, &str)> = vec![
        (with_count(u32::MAX), "states 4294967295 triangles, which take 214748364834 bytes, but has 284"),
        (with_count(5), "states 5 triangles"),
        (binary("")[..200].to_vec(), "states 4 triangles"),
        (nan, "point 0 lies at [NaN"),
        (changed("2 0 0", "2,0 0 0"), "line 6: no three numbers"),
        (changed("2 0 0", "2 0"), "line 6: no three numbers"),
        (changed("      vertex 0 3 0\n", ""), "line 6: a triangle with 2 corners"),
        (changed("endsolid", "endfacet"), "ends before `endsolid`"),
        (changed("endloop", "endlop"), "line 7: `endlop` has no meaning"),
        (b"solid x\nendsolid x\n".to_vec(), "holds no triangles"),
        (OBJ.replacen("f 1 3 2", "f 1 3", 1).into(), "line 9: a polygon with 2 corners"),
        (OBJ.replacen("f 1 3 2", "f 1 3 5", 1).into(), "line 9: no such point"),
        (OBJ.replacen("f 1 3 2", "f 1 3 -5", 1).into(), "line 9: no such point"),
        (OBJ.replacen("f 1 3 2", "f 1 3 0", 1).into(), "line 9: no such point"),
        (ply("vertex 4", "vertex 4000000000"), "ends before its last element"),
        (ply("vertex 4", "vertex many"), "counts `many`"),
        (ply("double x", "double w"), "without x, y and z"),
        (ply("vertex_index", "corners"), "without a list `vertex_indices`"),
        (ply("3 0 2 1", "3 0 2 9"), "triangle 0 has the corner 9, but there are 4 points"),
        (ply("3 0 2 1", "3 0 2 -1"), "face 0 has the corners"),
        (ply("3 0 2 1", "2 0 2"), "face 0 has the corners"),
        (ply("double y", "quad y"), "PLY header line"),
        (ply("end_header", "the_end"), "PLY header line"),
        (ply("ascii", "gzip"), "unknown PLY format `gzip`"),
        (b"ply\nformat ascii 1.0\n".to_vec(), "ends within its PLY header"),
        (ply("element face", "element tristrips"), "triangle strips"),
        (b"hello".to_vec(), "STL, OBJ or PLY"),
        (vec![], "STL, OBJ or PLY"),
    ];
    for (bytes, text) in cases {
        let fault = parse(&bytes, &RAS).expect_err(text);
        let (Fault::Damaged(reason) | Fault::Unsupported(reason)) = fault;
        assert!(reason.contains(text), "{reason:?}, not {text:?}");
    }
}

#[test]
fn missing_files_and_folders_are_named() {
    let folder = tempfile::tempdir().unwrap();
    for path in [folder.path().join("none.stl"), folder.path().to_path_buf()] {
        assert!(matches!(read_surface(&path, &RAS), Err(ReadError::Open { .. })));
    }
    let path = folder.path().join("short.stl");
    std::fs::write(&path, &binary("")[..100]).unwrap();
    assert!(read_surface(&path, &RAS).unwrap_err().to_string().contains("short.stl: damaged file: states 4"));
}

/// Whatever bytes change, are lost or are doubled: a surface no larger than the file allows, or an error.
#[test]
fn mutated_files_neither_panic_nor_claim_memory() {
    for (number, sound) in sound().into_iter().enumerate() {
        for round in 0..300 {
            let mut random = segspec_base::random::stream(5, "mutate", number as u64, round);
            let mut bytes = sound.clone();
            for _ in 0..random.random_range(1..6) {
                let at = random.random_range(0..bytes.len().max(2) - 1).min(bytes.len().saturating_sub(1));
                match random.random_range(0..5) {
                    0 => bytes[at] = random.random(),
                    1 => bytes[at] ^= 1 << random.random_range(0..8),
                    2 => bytes.truncate(at + 1),
                    3 => bytes[at] = *b"09-. \nvf#/".get(random.random_range(0..10)).unwrap_or(&0),
                    _ => {
                        let end = (at + random.random_range(1..60)).min(bytes.len());
                        let part = bytes[at..end].to_vec();
                        bytes.splice(at..at, part);
                    }
                }
            }
            if let Ok(file) = parse(&bytes, &ReadOptions::default()) {
                assert!(file.surface.points().len() <= bytes.len() && file.surface.triangles().len() <= bytes.len());
                let geometry = crate::Geometry::axis_aligned([3, 4, 5], [1.0; 3]);
                let result = super::super::voxelise(&file.surface, &geometry);
                assert!(matches!(result, Ok(_) | Err(SurfaceError::FarHole { .. })), "{:?}", result.err());
            }
        }
    }
}
