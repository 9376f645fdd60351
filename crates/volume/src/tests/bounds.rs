//! Files that ask for more than they are worth: refused at once, in little memory.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::Geometry;
use crate::format::Format;
use crate::surface::{ReadOptions, Surface, SurfaceError, read_surface, voxelise};

const BLINK: Duration = Duration::from_secs(5);

fn grid() -> Geometry {
    Geometry::axis_aligned([64, 64, 64], [1.0; 3])
}

#[test]
fn the_same_triangle_many_times_is_refused_at_once() {
    let points = vec![[-60.0, -60.0, 0.0], [0.0, -60.0, 60.0], [-30.0, 0.0, 30.0]];
    let start = Instant::now();
    let surface = Surface::new(points, vec![[0, 1, 2]; 300_000]).unwrap();
    let refused = voxelise(&surface, &grid());
    assert!(matches!(refused, Err(SurfaceError::TooDense { .. })), "{refused:?}");
    assert!(start.elapsed() < BLINK, "{:?}", start.elapsed());
}

#[test]
fn closed_shells_one_inside_the_other_by_the_hundred_thousand_are_refused_at_once() {
    let corner =
        |index: usize, size: f64| [0, 1, 2].map(|axis| if index >> axis & 1 == 1 { 30.0 + size } else { 30.0 - size });
    let (mut points, mut triangles) = (Vec::new(), Vec::new());
    for shell in 0..200_000_u32 {
        points.extend([0, 1, 2, 4].map(|index| corner(index, 20.0 + f64::from(shell) / 1e4)));
        let first = 4 * shell;
        triangles
            .extend([[0, 2, 1], [0, 1, 3], [1, 2, 3], [0, 3, 2]].map(|corners: [u32; 3]| corners.map(|it| it + first)));
    }
    let surface = Surface::new(points, triangles).unwrap();
    let start = Instant::now();
    assert!(matches!(voxelise(&surface, &grid()), Err(SurfaceError::TooDense { .. })));
    assert!(start.elapsed() < BLINK, "{:?}", start.elapsed());
}

/// Found by fuzzing: some corners of a file of 8 kB lay 10³⁰ mm away, which took hours on the grid of a CT.
#[test]
fn open_triangles_that_reach_far_beyond_the_image_are_refused_at_once() {
    for far in [1e7, 1e30, 1e300] {
        let corners = |z: u32| [[far, -far], [-far, -far], [0.0, far]].map(|[x, y]| [x, y, f64::from(z) * 0.8]);
        let triangles = (0..150).map(|index| [3 * index, 3 * index + 1, 3 * index + 2]).collect();
        let surface = Surface::new((0..150).flat_map(corners).collect(), triangles).unwrap();
        let start = Instant::now();
        let refused = voxelise(&surface, &Geometry::axis_aligned([128; 3], [1.0; 3]));
        assert!(matches!(refused, Err(SurfaceError::FarHole { .. })), "{refused:?}");
        assert!(start.elapsed() < BLINK, "{:?}", start.elapsed());
    }
}

/// A tube as wide as a body, open at both ends: its lids were once left in pieces that were near to every voxel, which took minutes.
#[test]
fn a_wide_open_tube_is_closed_in_seconds() {
    let rim = |z: f64| (0..100).map(move |step| (f64::from(step) * std::f64::consts::TAU / 100.0, z));
    let place = |(angle, z): (f64, f64)| [150.0 + 140.0 * angle.cos(), 150.0 + 140.0 * angle.sin(), z];
    let points = rim(10.0).chain(rim(290.0)).map(place).collect();
    let triangles = (0..100_u32).flat_map(|step| {
        let next = (step + 1) % 100;
        [[step, next, next + 100], [step, next + 100, step + 100]]
    });
    let surface = Surface::new(points, triangles.collect()).unwrap();
    let start = Instant::now();
    let mask = voxelise(&surface, &Geometry::axis_aligned([100, 300, 300], [3.0, 1.0, 1.0])).unwrap().mask;
    assert!(start.elapsed() < 4 * BLINK, "{:?}", start.elapsed());
    let inside = |z: usize, y: usize, x: usize| mask[[z, y, x]] == 1;
    assert!(inside(50, 150, 150) && inside(50, 150, 285) && !inside(50, 150, 295) && !inside(0, 150, 150));
}

/// Half of a ball's triangles are missing: lids through all of it.
#[test]
fn a_surface_that_is_mostly_holes_is_refused_at_once() {
    let angle = |step: u32, of: u32, turn: f64| f64::from(step) * turn / f64::from(of);
    let place = |row: u32, column: u32| {
        let (down, round) = (angle(row, 40, std::f64::consts::PI), angle(column, 80, std::f64::consts::TAU));
        [150.0 + 140.0 * down.sin() * round.cos(), 150.0 + 140.0 * down.sin() * round.sin(), 150.0 + 140.0 * down.cos()]
    };
    let points = (0..=40).flat_map(|row| (0..80).map(move |column| place(row, column))).collect();
    let cells = (1..39).flat_map(|row: u32| (0..80).map(move |column: u32| (row, column)));
    let triangles = cells.filter(|(row, column)| (row * 7 + column * 3) % 5 < 3).map(|(row, column)| {
        let next = (column + 1) % 80;
        [row * 80 + column, (row + 1) * 80 + column, row * 80 + next]
    });
    let surface = Surface::new(points, triangles.collect()).unwrap();
    let start = Instant::now();
    let refused = voxelise(&surface, &Geometry::axis_aligned([300, 512, 512], [1.0, 0.6, 0.6]));
    assert!(matches!(refused, Err(SurfaceError::TooOpen { .. })), "{:?}", refused.err());
    assert!(start.elapsed() < BLINK, "{:?}", start.elapsed());
}

#[test]
fn a_dense_mesh_of_small_triangles_is_not() {
    // A wavy sheet of 500,000 triangles within 64 mm, closed by nothing.
    let count = 500_u32;
    let place = |row: u32, column: u32| {
        let [x, y] = [row, column].map(|index| f64::from(index) * 60.0 / f64::from(count));
        [x, y, 30.0 + 20.0 * (x / 9.0).sin() * (y / 7.0).cos()]
    };
    let points = (0..=count).flat_map(|row| (0..=count).map(move |column| place(row, column))).collect();
    let corner = |row: u32, column: u32| row * (count + 1) + column;
    let cells = (0..count).flat_map(|row| (0..count).map(move |column| (row, column)));
    let triangles = cells.flat_map(|(row, column)| {
        let [a, b] = [corner(row, column), corner(row, column + 1)];
        let [c, d] = [corner(row + 1, column), corner(row + 1, column + 1)];
        [[a, b, d], [a, d, c]]
    });
    let surface = Surface::new(points, triangles.collect()).unwrap();
    assert!(voxelise(&surface, &grid()).is_ok());
}

#[test]
fn polygons_with_millions_of_corners_are_refused_in_every_format() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("surface");
    let points = "0 0 0\n1 0 0\n0 1 0\n";
    let header = |format: &str, kind: &str| {
        format!(
            "ply\nformat {format} 1.0\nelement vertex 3\nproperty float x\nproperty float y\nproperty float z\n\
             element face 1\nproperty list {kind} uchar vertex_indices\nend_header\n"
        )
    };
    let corners = 6_000_000_u32;
    let ascii = format!("{}{points}{corners} {}\n", header("ascii", "uint"), "0 1 2 ".repeat(corners as usize / 3));
    let mut binary = header("binary_little_endian", "uint").into_bytes();
    binary.extend([0.0_f32, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0, 0.0].iter().flat_map(|part| part.to_le_bytes()));
    binary.extend(corners.to_le_bytes());
    binary.extend([0, 1, 2].repeat(corners as usize / 3));
    let obj = format!("v 0 0 0\nv 1 0 0\nv 0 1 0\nf {}\n", "1 2 3 ".repeat(corners as usize / 3));
    for (name, bytes) in [("ascii", ascii.into_bytes()), ("binary", binary), ("obj", obj.into_bytes())] {
        std::fs::write(&path, bytes).unwrap();
        let start = Instant::now();
        let error = read_surface(&path, &ReadOptions::default()).unwrap_err().to_string();
        assert!(error.contains("more than 10000 corners"), "{name}: {error}");
        assert!(start.elapsed() < BLINK, "{name}: {:?}", start.elapsed());
    }
}

#[test]
#[cfg(unix)]
fn devices_and_sockets_are_no_images() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("socket");
    let _bound = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    for path in [Path::new("/dev/zero"), Path::new("/dev/null"), &socket] {
        let error = Format::of(path).unwrap_err().to_string();
        assert!(error.contains("neither a file nor a folder"), "{error}");
    }
}
