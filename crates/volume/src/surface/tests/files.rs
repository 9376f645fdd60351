//! Surface files: those of trimesh, ours as trimesh reads them, and the structure of GLB.

use std::path::Path;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::Value;

use super::*;

const RAS: ReadOptions = ReadOptions { coordinates: Some(CoordinateSystem::Ras), unit_mm: 1.0 };

fn decoded(text: &str) -> Vec<u8> {
    BASE64_STANDARD.decode(text).unwrap()
}

#[test]
fn files_of_trimesh_read_as_it_made_them() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("surface");
    let read = reference().read;
    assert_eq!(read.files.len(), 5);
    for (name, file) in &read.files {
        std::fs::write(&path, decoded(file)).unwrap();
        let surface = read_surface(&path, &RAS).unwrap_or_else(|error| panic!("{name}: {error}")).surface;
        assert_facts(name, &surface, &read.facts);
        let turned = read_surface(&path, &ReadOptions::default()).unwrap();
        assert_eq!(turned.warnings, [Warning::AssumedLps], "{name}");
        let metres = read_surface(&path, &ReadOptions { unit_mm: 1000.0, ..RAS }).unwrap().surface;
        assert!((metres.volume_mm3() / read.facts.volume / 1e9 - 1.0).abs() < 1e-9, "{name}");
    }
}

/// Two voxels and a ball, small enough to be kept as text.
fn samples() -> [NamedSurface; 2] {
    let geometry = Geometry { shape: [7, 7, 7], ..oblique([7, 7, 7]) };
    let plain = Extraction { smoothing: None, decimation: None };
    let mut mask = Array3::zeros([7, 7, 7]);
    mask[[1, 2, 3]] = 1;
    mask[[2, 3, 3]] = 1;
    let two = extract(mask.view(), &geometry, &plain).unwrap();
    let ball = extract(ball(7, 2.2).view(), &geometry, &plain).unwrap();
    [
        NamedSurface { name: "two voxels".into(), color: Some([230, 25, 75]), surface: two },
        NamedSurface { name: "bälle \"rund\"".into(), color: None, surface: ball },
    ]
}

fn write_samples(folder: &Path) {
    let samples = samples();
    let [_, ball] = &samples;
    write_stl(&folder.join("sample.stl"), &ball.surface, CoordinateSystem::Lps).unwrap();
    write_ply(&folder.join("sample.ply"), &ball.surface, CoordinateSystem::Ras).unwrap();
    write_obj(&folder.join("sample.obj"), &ball.surface, CoordinateSystem::Lps).unwrap();
    write_glb(&folder.join("sample.glb"), &samples).unwrap();
}

/// The files are byte by byte those that `tests/reference/surface.py` has read, checked and described.
#[test]
fn files_are_those_that_trimesh_has_read() {
    if let Some(folder) = std::env::var_os("SEGSPEC_SAMPLES") {
        write_samples(Path::new(&folder));
    }
    let folder = tempfile::tempdir().unwrap();
    write_samples(folder.path());
    let bytes = |name: &str| std::fs::read(folder.path().join(name)).unwrap();
    let Written { stl, ply, obj, glb } = reference().written;
    for (name, file) in
        [("sample.stl", &stl.file), ("sample.ply", &ply.file), ("sample.obj", &obj.file), ("sample.glb", &glb.file)]
    {
        assert!(bytes(name) == decoded(file), "{name} has changed: run surface.py again, and look at what it says");
    }
    let [_, ball] = samples();
    for (name, facts) in [("sample.stl", &stl.facts), ("sample.ply", &ply.facts), ("sample.obj", &obj.facts)] {
        let count = (ball.surface.points().len(), ball.surface.triangles().len());
        assert_eq!(count, (facts.points, facts.triangles), "{name}");
        assert!((facts.volume / ball.surface.volume_mm3() - 1.0).abs() < 1e-5, "{name}");
        assert_facts(name, &read_surface(&folder.path().join(name), &RAS).unwrap().surface, facts);
    }
}

#[test]
fn glb_is_upright_in_metres_with_names_and_colours() {
    let scene = reference().written.glb.facts;
    let samples = samples();
    for (mesh, named) in scene.meshes.iter().zip(&samples) {
        assert_eq!(mesh.node, named.name);
        assert_eq!((mesh.points, mesh.triangles), (named.surface.points().len(), named.surface.triangles().len()));
    }
    // Linear light: 230 → 199 and 75 → 18 of 255.
    assert_eq!(scene.meshes[0].color, [202, 2, 18, 255]);
    let corners = samples.iter().flat_map(|named| named.surface.bounds_mm().unwrap());
    let bounds = corners.fold([[f64::INFINITY; 3], [f64::NEG_INFINITY; 3]], |[low, high], point| {
        [[0, 1, 2].map(|axis| low[axis].min(point[axis])), [0, 1, 2].map(|axis| high[axis].max(point[axis]))]
    });
    let [[right0, front0, up0], [right1, front1, up1]] = bounds.map(|point| point.map(|part| part / 1000.0));
    let expected = [[-right1, up0, front0], [-right0, up1, front1]];
    for (ours, theirs) in expected.as_flattened().iter().zip(scene.bounds_m.as_flattened()) {
        assert!((ours - theirs).abs() < 1e-8, "{expected:?} {:?}", scene.bounds_m);
    }
}

fn word(bytes: &[u8], at: usize) -> usize {
    u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()) as usize
}

#[test]
fn glb_has_the_structure_of_the_specification() {
    let folder = tempfile::tempdir().unwrap();
    write_samples(folder.path());
    let bytes = std::fs::read(folder.path().join("sample.glb")).unwrap();
    assert_eq!((&bytes[..4], word(&bytes, 4), word(&bytes, 8)), (b"glTF".as_slice(), 2, bytes.len()));
    let json_length = word(&bytes, 12);
    assert_eq!((&bytes[16..20], json_length % 4), (b"JSON".as_slice(), 0));
    let json: Value = serde_json::from_slice(&bytes[20..20 + json_length]).unwrap();
    let binary = 20 + json_length;
    assert_eq!((&bytes[binary + 4..binary + 8], word(&bytes, binary)), (b"BIN\0".as_slice(), bytes.len() - binary - 8));
    assert_eq!(json["buffers"][0]["byteLength"], bytes.len() - binary - 8);
    let mut end = 0;
    for view in json["bufferViews"].as_array().unwrap() {
        assert_eq!(view["byteOffset"].as_u64().unwrap(), end, "one after the other, from a multiple of four");
        end += view["byteLength"].as_u64().unwrap();
        assert_eq!(end % 4, 0);
    }
    assert_eq!(end as usize, bytes.len() - binary - 8);
    for (number, named) in samples().iter().enumerate() {
        let primitive = &json["meshes"][number]["primitives"][0];
        let accessor = |key: &Value| &json["accessors"][key.as_u64().unwrap() as usize];
        let offset = |accessor: &Value| {
            let view = &json["bufferViews"][accessor["bufferView"].as_u64().unwrap() as usize];
            binary + 8 + view["byteOffset"].as_u64().unwrap() as usize
        };
        let float = |at: usize| f32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
        let points = accessor(&primitive["attributes"]["POSITION"]);
        let normals = accessor(&primitive["attributes"]["NORMAL"]);
        let indices = accessor(&primitive["indices"]);
        for (point, place) in named.surface.points().iter().enumerate() {
            for axis in 0..3 {
                let stored = float(offset(points) + 12 * point + 4 * axis);
                assert_eq!(stored, place[axis] as f32);
                let bound = |key: &str| points[key][axis].as_f64().unwrap();
                assert!((bound("min")..=bound("max")).contains(&f64::from(stored)));
            }
            let normal = [0, 1, 2].map(|axis| f64::from(float(offset(normals) + 12 * point + 4 * axis)));
            assert!((crate::geometry::norm(normal) - 1.0).abs() < 1e-5);
        }
        for (index, &corner) in named.surface.triangles().as_flattened().iter().enumerate() {
            assert_eq!(word(&bytes, offset(indices) + 4 * index), corner as usize);
        }
        assert_eq!(json["nodes"][number + 1]["name"], named.name);
        assert_eq!(json["nodes"][0]["children"][number], number + 1);
    }
}

#[test]
fn what_no_reader_takes_is_not_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("none.stl");
    let none = NamedSurface { name: "none".into(), color: None, surface: Surface::default() };
    let errors = [
        write_stl(&path, &none.surface, CoordinateSystem::Lps),
        write_ply(&path, &none.surface, CoordinateSystem::Lps),
        write_obj(&path, &none.surface, CoordinateSystem::Lps),
        write_glb(&path, &[none]),
        write_glb(&path, &[]),
    ];
    for error in errors {
        let error = error.unwrap_err();
        assert!(!error.environment && error.to_string().contains("none.stl"), "{error}");
    }
    assert!(!path.exists());
}

#[test]
fn points_and_corners_that_make_no_surface_are_refused() {
    let points = vec![[0.0; 3], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]];
    assert!(matches!(Surface::new(points.clone(), vec![[0, 1, 3]]), Err(SurfaceError::Corner { corner: 3, .. })));
    let bad = vec![[0.0; 3], [1.0, f64::NAN, 0.0], [0.0, 1.0, 0.0]];
    assert!(matches!(Surface::new(bad, vec![[0, 1, 2]]), Err(SurfaceError::NotFinite { point: 1, .. })));
    let flat = Surface::new(points, vec![[0, 1, 1], [0, 1, 2]]).unwrap();
    assert_eq!((flat.welded().0.triangles(), flat.welded().1), ([[0, 1, 2]].as_slice(), 1));
}
